//! Rules between keys, and what is unwise and still works.
//!
//! Absent on purpose: properties that are passed through (`owned`), nodes (`nodes`).

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::claim::plaintext_host;
use super::complaint::Complaint;
use super::keys::{self, KEYS, spoken};
use super::merged::Merged;
use super::nodes::Nodes;
use super::notation::{listen, write_duration};
use super::phrase::quoted;
use super::source::{Place, SourceFile};
use super::valid::{ConfigWarning, Paths};
use super::value::Value;

/// `TimeoutStopSec=` of `kafka-node.service`: under the 30 minutes after which systemd forces a reboot.
pub const UNIT_STOP_TIMEOUT: Duration = Duration::from_secs(28 * 60);
/// What a stop takes beyond Kafka's grace and the gate: ZooKeeper's own end, and SIGKILL awaited.
const STOP_SLACK: Duration = Duration::from_secs(2 * 60);
/// The longest `runtime_dir` in bytes: the path of the control socket in it must fit into the 107 of a Unix socket.
const LONGEST_RUNTIME_DIR: usize = 90;

/// What is judged, and what is found.
pub(super) struct Rules<'a> {
    pub files: &'a [SourceFile],
    pub merged: &'a Merged,
    pub complaints: &'a mut Vec<Complaint>,
    pub warnings: Vec<ConfigWarning>,
}

/// The directories of this node, with `{node}` replaced.
pub(super) struct Directories {
    pub data_dir: PathBuf,
    pub log_dirs: Vec<PathBuf>,
    pub paths: Paths,
}

impl Rules<'_> {
    /// Two keys that cannot both hold. Points at the one that was written, and at the other or its default.
    fn between(&mut self, one: &str, other: &str, what: String, expected: &str) {
        let (first, second) = match (self.merged.written(one), self.merged.written(other)) {
            (Some(at), other) => (Some(at), other.map(|other| other.at)),
            (None, Some(at)) => (Some(at), None),
            (None, None) => (None, None),
        };
        let by_default = if self.merged.written(one).is_some() { other } else { one };
        let complaint = Complaint { at: first.map(|written| written.at), ..Complaint::without_place(what) };
        let complaint = match second {
            Some(at) => complaint.other(at, format!("{} stands here", spoken(other))),
            None => {
                let default = keys::find(by_default).map_or("", |key| key.default);
                complaint.note(format!("default of {}: {default}", spoken(by_default)))
            }
        };
        self.complaints.push(complaint.expected(expected));
    }

    fn all_sound(&self, paths: &[&str]) -> bool {
        paths.iter().all(|path| self.merged.is_sound(path))
    }

    pub fn ports(&mut self) {
        const PORTS: [&str; 4] =
            ["zookeeper.client_port", "zookeeper.peer_port", "zookeeper.election_port", "kafka.port"];
        let mut ports: Vec<(&str, u16)> = Vec::new();
        for path in PORTS.into_iter().filter(|path| self.merged.is_sound(path)) {
            ports.push((path, self.merged.port(path)));
        }
        if let Ok(Some(port)) = listen(&self.merged.text("http.listen")) {
            ports.push(("http.listen", port));
        }
        for (index, (path, port)) in ports.iter().enumerate() {
            if let Some((first, _)) = ports.iter().take(index).find(|(_, other)| other == port) {
                let what = format!("{} and {} are both {port}", spoken(first), spoken(path));
                self.between(path, first, what, "a port of its own for each: one node has them all");
            }
            // The ports of the registered range and above need no privilege, and the unit has none.
            if *port < 1024 {
                let text = format!("{} {port} is below 1024, and only root may listen there", spoken(path));
                self.warn_at(self.merged.written(path).map(|written| written.at), text);
            }
        }
    }

    pub fn watchdog(&mut self) {
        let span = |path| self.merged.duration(path);
        let (probe, hang, slow) =
            (span("watchdog.probe_interval"), span("watchdog.hang_after"), span("watchdog.slow_after"));
        if hang < probe && self.all_sound(&["watchdog.probe_interval", "watchdog.hang_after"]) {
            let what = format!(
                "hang_after ({}) is shorter than probe_interval ({})",
                write_duration(hang),
                write_duration(probe)
            );
            self.between(
                "watchdog.hang_after",
                "watchdog.probe_interval",
                what,
                "hang_after of several probe_intervals",
            );
        }
        if slow < hang && self.all_sound(&["watchdog.slow_after", "watchdog.hang_after"]) {
            let what =
                format!("slow_after ({}) is shorter than hang_after ({})", write_duration(slow), write_duration(hang));
            self.between("watchdog.slow_after", "watchdog.hang_after", what, "slow_after longer than hang_after");
        }
    }

    /// A stop must end by itself before systemd ends it with SIGKILL.
    pub fn stop(&mut self) {
        if !self.all_sound(&["stop.grace", "stop.gate", "stop.gate_limit"]) {
            return;
        }
        let grace = self.merged.duration("stop.grace");
        let gate = match self.merged.text("stop.gate").as_str() {
            "never" => Duration::ZERO,
            _ => self.merged.duration("stop.gate_limit"),
        };
        let sum = grace * 2 + gate + STOP_SLACK;
        if sum < UNIT_STOP_TIMEOUT {
            return;
        }
        let what = format!(
            "a stop could take {}: twice grace ({}), gate_limit ({}) and {} for the rest",
            write_duration(sum),
            write_duration(grace),
            write_duration(gate),
            write_duration(STOP_SLACK)
        );
        let expected = format!(
            "less than {} in all: systemd ends the service then (TimeoutStopSec)",
            write_duration(UNIT_STOP_TIMEOUT)
        );
        self.between("stop.grace", "stop.gate_limit", what, &expected);
    }

    pub fn path(&self, text: &str, node: Option<&str>) -> PathBuf {
        let text = match node {
            Some(node) => text.replace("{node}", node),
            None => text.to_owned(),
        };
        // Components drop what does not count: doubled and trailing slashes.
        Path::new(&text).components().collect()
    }

    pub fn directories(&mut self, node: Option<&str>) -> Directories {
        let merged = self.merged;
        let mut data: Vec<(&str, PathBuf, Option<Place>)> = Vec::new();
        let data_dir = self.path(&merged.text("zookeeper.data_dir"), node);
        data.push((
            "zookeeper.data_dir",
            data_dir.clone(),
            merged.written("zookeeper.data_dir").map(|written| written.at),
        ));
        let mut log_dirs = Vec::new();
        let log_dirs_written = merged.written("kafka.log_dirs").is_some_and(|written| written.value != Value::Broken);
        for (text, at) in merged.list("kafka.log_dirs") {
            let path = self.path(&text, node);
            data.push(("kafka.log_dirs", path.clone(), log_dirs_written.then_some(at)));
            log_dirs.push(path);
        }
        for (index, (key, path, at)) in data.iter().enumerate() {
            for (first_key, first, first_at) in data.iter().take(index) {
                self.apart((key, path, *at), (first_key, first, *first_at));
            }
        }
        let named = |path: &str| self.path(&merged.text(path), node);
        let paths = Paths {
            runtime_dir: named("paths.runtime_dir"),
            state_dir: named("paths.state_dir"),
            cache_dir: named("paths.cache_dir"),
            log_dir: named("paths.log_dir"),
            allow_temporary: merged.flag("paths.allow_temporary"),
        };
        for (key, holder) in [("paths.runtime_dir", &paths.runtime_dir), ("paths.cache_dir", &paths.cache_dir)] {
            for (data_key, path, at) in data.iter().filter(|(_, path, _)| path.starts_with(holder)) {
                let text = format!(
                    "{} {} lies in {}, which may be emptied at any time",
                    spoken(data_key),
                    path.display(),
                    spoken(key)
                );
                self.warn_at(at.or(merged.written(key).map(|written| written.at)), text);
            }
        }
        let length = paths.runtime_dir.as_os_str().len();
        if length > LONGEST_RUNTIME_DIR {
            let what = format!("[paths] runtime_dir is {length} bytes long, too long for the socket in it");
            let at = merged.written("paths.runtime_dir").map(|written| written.at);
            let complaint = Complaint { at, ..Complaint::without_place(what) };
            self.complaints.push(complaint.expected(format!("a path of at most {LONGEST_RUNTIME_DIR} bytes")));
        }
        Directories { data_dir, log_dirs, paths }
    }

    /// Two data directories: neither is the other, nor in it.
    fn apart(
        &mut self,
        (key, path, at): (&str, &Path, Option<Place>),
        (first_key, first, first_at): (&str, &Path, Option<Place>),
    ) {
        let nested = path.starts_with(first) || first.starts_with(path);
        let root = |path: &Path| path.components().all(|part| part == Component::RootDir);
        if !nested || root(path) || root(first) {
            return;
        }
        let shown = |path: &Path| quoted(&path.to_string_lossy());
        let what = if path == first && key == first_key {
            format!("{} has {} twice", spoken(key), shown(path))
        } else if path == first {
            format!("{} and {} are the same directory, {}", spoken(first_key), spoken(key), shown(path))
        } else {
            let (inner, outer) = if path.starts_with(first) { (path, first) } else { (first, path) };
            format!("the data directory {} lies inside another, {}", shown(inner), shown(outer))
        };
        let complaint = Complaint { at: at.or(first_at), ..Complaint::without_place(what) };
        let complaint = match (at, first_at) {
            (Some(_), Some(first_at)) => complaint.other(first_at, "the other"),
            (Some(_), None) => complaint.note(format!("default of {}: {}", spoken(first_key), first.display())),
            _ => complaint.note(format!("default of {}: {}", spoken(key), path.display())),
        };
        self.complaints
            .push(complaint.expected("directories beside each other, such as \"/data/zookeeper\" and \"/data/kafka\""));
    }

    /// An explicit `bind` and listeners that are passed through must name one host.
    pub fn listeners(&mut self) {
        let port = self.merged.port("kafka.port");
        for (property, path) in [("listeners", "kafka.bind"), ("advertised.listeners", "kafka.advertised")] {
            let Some((text, written)) = self.merged.property("kafka", property) else { continue };
            let (Some(host), Some(owner)) = (plaintext_host(text, port), self.merged.written(path)) else { continue };
            let Value::Text(said) = &owner.value else { continue };
            let is_word = said == "address" || said == "name";
            if is_word || (host != said && !(host.is_empty() && said == "0.0.0.0")) {
                let what = format!("[kafka.properties] \"{property}\" contradicts {}", spoken(path));
                let complaint =
                    Complaint::new(written.key_at, what).other(owner.at, format!("{} stands here", spoken(path)));
                let expected = format!("one of the two: \"{property}\" says the host of the PLAINTEXT listener too");
                self.complaints.push(complaint.expected(expected).help(format!("remove {}", spoken(path))));
            }
        }
    }

    fn warn_at(&mut self, at: Option<Place>, text: String) {
        let place = at.and_then(|at| Some(self.files.get(at.file)?.place(at.start))).unwrap_or_default();
        self.warnings.push(ConfigWarning { place, text });
    }

    /// What works and is unwise.
    pub fn unwise(&mut self, nodes: &Nodes) {
        let members = nodes.list.iter().filter(|node| node.roles.zookeeper).count();
        let brokers = nodes.list.iter().filter(|node| node.roles.kafka).count();
        let about_the_whole = match members {
            1 => Some(
                "the ensemble has one member: while its node is down nothing works; three members bear the loss of one"
                    .to_owned(),
            ),
            n if n > 0 && n.is_multiple_of(2) => Some(format!(
                "the ensemble has {n} members, an even number: it bears the loss of no more of them than {} would, and has one more to lose",
                n - 1
            )),
            _ => None,
        };
        if let Some(text) = about_the_whole {
            self.warn_at(None, text);
        }
        match brokers {
            0 => {
                self.warn_at(None, "no node has the role \"kafka\": this is an ensemble of ZooKeeper alone".to_owned())
            }
            1 => self.warn_at(None, "the cluster has one broker: every partition has one copy".to_owned()),
            _ => {}
        }
        for key in KEYS.iter().filter(|key| key.later) {
            let Some(written) = self.merged.written(key.path) else { continue };
            if written.value != Merged::default().value(key.path) {
                let text = format!("{} is checked, and not acted on by this version", key.spoken());
                self.warn_at(Some(written.at), text);
            }
        }
        self.warnings.sort_by(|a, b| (&a.place, &a.text).cmp(&(&b.place, &b.text)));
    }
}
