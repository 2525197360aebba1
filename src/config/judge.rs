//! The merged files -> [`Config`]: rules between keys, and what is unwise and still works.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::model::{ReadinessLevel, Role};

use super::complaint::Complaint;
use super::jvm;
use super::keys::{self, KEYS, spoken};
use super::merged::Merged;
use super::nodes::{self, Asked, Nodes};
use super::notation::{listen, write_duration};
use super::owned::{self, plaintext_host};
use super::source::{Place, SourceFile};
use super::valid::{
    Config, ConfigWarning, Gate, Heap, HttpConfig, JavaHome, JournalChoice, KafkaConfig, LogConfig, Paths,
    RebootConfig, StopConfig, WatchdogConfig, ZooKeeperConfig,
};
use super::value::{Value, quoted};

/// `TimeoutStopSec=` of `kafka-node.service`: under the 30 minutes after which systemd forces a reboot.
pub const UNIT_STOP_TIMEOUT: Duration = Duration::from_secs(28 * 60);
/// What a stop takes beyond Kafka's grace and the gate: ZooKeeper's own end, and SIGKILL awaited.
const STOP_SLACK: Duration = Duration::from_secs(2 * 60);
/// The longest `runtime_dir` in bytes: the path of the control socket in it must fit into the 107 of a Unix socket.
const LONGEST_RUNTIME_DIR: usize = 90;

/// Judges the whole.
pub(super) fn judge(
    files: &[SourceFile],
    merged: &Merged,
    asked: &Asked<'_>,
    complaints: &mut Vec<Complaint>,
) -> Option<Config> {
    let mut judge = Judge { files, merged, complaints, warnings: Vec::new() };
    let nodes = nodes::judge(files, merged, asked, judge.complaints);
    judge.ports();
    judge.watchdog();
    judge.stop();
    let name = nodes.this_node().map(|node| node.name.to_string());
    let directories = judge.directories(name.as_deref());
    let config = judge.config(nodes, directories)?;
    judge.complaints.is_empty().then_some(config)
}

struct Judge<'a> {
    files: &'a [SourceFile],
    merged: &'a Merged,
    complaints: &'a mut Vec<Complaint>,
    warnings: Vec<ConfigWarning>,
}

/// The directories of this node, with `{node}` replaced.
struct Directories {
    data_dir: PathBuf,
    log_dirs: Vec<PathBuf>,
    paths: Paths,
}

impl Judge<'_> {
    fn config(&mut self, nodes: Nodes, directories: Directories) -> Option<Config> {
        let merged = self.merged;
        let mut owned = owned::Judge {
            files: self.files,
            merged,
            nodes: &nodes,
            complaints: self.complaints,
            warnings: &mut self.warnings,
        };
        let zookeeper_properties = owned.properties(Role::ZooKeeper);
        let kafka_properties = owned.properties(Role::Kafka);
        self.listeners();
        let zookeeper_options = jvm::judge(self.files, merged, "zookeeper", self.complaints);
        let kafka_options = jvm::judge(self.files, merged, "kafka", self.complaints);
        self.unwise(&nodes);

        let this = nodes.this?;
        let mut list = nodes.list;
        let port = merged.port("kafka.port");
        if let Some(node) = list.get_mut(this) {
            // Listeners passed through say where the broker is: the probe follows them.
            let host = |key| merged.property("kafka", key).and_then(|(text, _)| plaintext_host(text, port));
            match host("listeners") {
                Some("") => node.bind = "0.0.0.0".to_owned(),
                Some(host) => node.bind = host.to_owned(),
                None => {}
            }
            if let Some(host) = host("advertised.listeners").filter(|host| !host.is_empty()) {
                node.advertised = host.to_owned();
            }
        }
        let heap = |path| merged.bytes(path).map_or(Heap::Auto, Heap::Bytes);
        let warnings = std::mem::take(&mut self.warnings);
        Some(Config {
            cluster: merged.text("cluster.name"),
            java: match merged.text("java.home").as_str() {
                "auto" => JavaHome::Auto,
                path => JavaHome::Path(self.path(path, list.get(this).map(|node| node.name.as_str()))),
            },
            zookeeper: ZooKeeperConfig {
                data_dir: directories.data_dir,
                client_port: merged.port("zookeeper.client_port"),
                peer_port: merged.port("zookeeper.peer_port"),
                election_port: merged.port("zookeeper.election_port"),
                heap: heap("zookeeper.heap"),
                jvm_options: zookeeper_options,
                properties: zookeeper_properties,
            },
            kafka: KafkaConfig {
                home: self.path(&merged.text("kafka.home"), list.get(this).map(|node| node.name.as_str())),
                log_dirs: directories.log_dirs,
                port,
                heap: heap("kafka.heap"),
                jvm_options: kafka_options,
                properties: kafka_properties,
            },
            readiness: match merged.text("readiness.level").as_str() {
                "started" => ReadinessLevel::Started,
                "in-sync" => ReadinessLevel::InSync,
                _ => ReadinessLevel::Serving,
            },
            watchdog: WatchdogConfig {
                probe_interval: merged.duration("watchdog.probe_interval"),
                hang_after: merged.duration("watchdog.hang_after"),
                slow_after: merged.duration("watchdog.slow_after"),
            },
            stop: StopConfig {
                grace: merged.duration("stop.grace"),
                gate: match merged.text("stop.gate").as_str() {
                    "always" => Gate::Always,
                    "never" => Gate::Never,
                    _ => Gate::Shutdown,
                },
                gate_limit: merged.duration("stop.gate_limit"),
            },
            reboot: RebootConfig {
                window: merged.text("reboot.window"),
                headroom: u32::try_from(merged.number("reboot.headroom")).unwrap_or(0),
                settle: merged.duration("reboot.settle"),
            },
            log: LogConfig {
                journal: match merged.text("log.journal").as_str() {
                    "journal" => JournalChoice::Journal,
                    "stderr" => JournalChoice::Stderr,
                    _ => JournalChoice::Auto,
                },
                fold_after: u32::try_from(merged.number("log.fold_after")).unwrap_or(0),
            },
            http: HttpConfig {
                listen: match list.get(this) {
                    Some(node) => merged.text("http.listen").replace("{node}", node.name.as_str()),
                    None => merged.text("http.listen"),
                },
            },
            paths: directories.paths,
            nodes: list,
            this,
            warnings,
        })
    }

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

    fn ports(&mut self) {
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

    fn watchdog(&mut self) {
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
    fn stop(&mut self) {
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

    fn path(&self, text: &str, node: Option<&str>) -> PathBuf {
        let text = match node {
            Some(node) => text.replace("{node}", node),
            None => text.to_owned(),
        };
        // Components drop what does not count: doubled and trailing slashes.
        Path::new(&text).components().collect()
    }

    fn directories(&mut self, node: Option<&str>) -> Directories {
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
    fn listeners(&mut self) {
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
    fn unwise(&mut self, nodes: &Nodes) {
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
