//! Finds and reads the files of a hand-made node: units with their drop-ins, the properties they name, `myid`, `meta.properties`.
//!
//! Absent on purpose: what they mean (`plan::import`). Paths that a person gives are taken as given, paths that a file names lie below
//! the root. Links are followed as the system does.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::model::Role;
use crate::plan::import::unit::{Start, Unit};
use crate::plan::import::{Inputs, Text};
use crate::plan::properties::parse;

/// The most that is read of a file, in bytes.
const LARGEST: u64 = 1 << 20;
/// Where units lie; the first of a name counts.
const UNIT_DIRS: [&str; 4] =
    ["etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];

/// Where to look.
#[derive(Clone, Debug)]
pub struct Sources {
    /// `/`, or the root of another tree.
    pub root: PathBuf,
    /// `server.properties`, where it is said.
    pub server: Option<PathBuf>,
    /// `zookeeper.properties`, where it is said.
    pub zookeeper: Option<PathBuf>,
    /// Unit files, where they are said.
    pub units: Vec<PathBuf>,
}

/// Reads everything there is; the error has a line for each file that should be there and cannot be read.
pub fn gather(sources: &Sources) -> Result<Inputs, Vec<String>> {
    let mut look = Look { root: &sources.root, refused: Vec::new() };
    let mut inputs = Inputs::default();
    let mut starts: Vec<Start> = Vec::new();
    let found = match sources.units.is_empty() {
        true => ["zookeeper.service", "kafka.service"].iter().filter_map(|name| look.installed(name)).collect(),
        false => sources.units.clone(),
    };
    for path in &found {
        let Some(mut unit) = look.unit(path) else { continue };
        match unit.start() {
            Some(start) if starts.iter().any(|known| known.role == start.role) => {
                look.refused.push(format!("{}: another unit that starts {}", path.display(), start.role));
            }
            Some(start) => {
                inputs.units.push((start.role, unit));
                starts.push(start);
            }
            // A unit of the name may be of another making; one that was asked for must be understood.
            None if !sources.units.is_empty() => {
                let words = "starts neither zookeeper-server-start.sh nor kafka-server-start.sh";
                look.refused.push(format!("{} {words}", path.display()));
            }
            None => inputs.strange_units.push(path.display().to_string()),
        }
    }
    let of_kafka = starts.iter().find(|start| start.role == Role::Kafka);
    let home = of_kafka.or(starts.first()).map_or("/opt/kafka".to_owned(), |start| start.home.clone());
    inputs.home = Some(home.clone());
    for (role, asked, name, slot) in [
        (Role::Kafka, &sources.server, "server.properties", &mut inputs.server),
        (Role::ZooKeeper, &sources.zookeeper, "zookeeper.properties", &mut inputs.zookeeper),
    ] {
        let named = starts.iter().find(|start| start.role == role).and_then(|start| start.properties.clone());
        *slot = match (asked, named) {
            (Some(path), _) => look.must(path),
            (None, Some(path)) => look.must(&look.below(&path)),
            (None, None) => look.may(&look.below(&format!("{home}/config/{name}"))),
        };
    }
    let value = |text: &Option<Text>, key: &str| -> Option<String> {
        let pairs = parse(&text.as_ref()?.bytes);
        pairs.iter().rev().find(|(its, _)| its == key).map(|(_, value)| value.trim().to_owned())
    };
    if let Some(dir) = value(&inputs.zookeeper, "dataDir") {
        inputs.my_id = look.may(&look.below(&format!("{dir}/myid")));
    }
    let dirs = value(&inputs.server, "log.dirs").or_else(|| value(&inputs.server, "log.dir"));
    for dir in dirs.iter().flat_map(|dirs| dirs.split(',')).map(str::trim).filter(|dir| !dir.is_empty()) {
        inputs.meta.extend(look.may(&look.below(&format!("{dir}/meta.properties"))));
    }
    if inputs.server.is_none() && inputs.zookeeper.is_none() && look.refused.is_empty() {
        let units = if found.is_empty() { "no zookeeper.service or kafka.service, and " } else { "" };
        look.refused.push(format!(
            "there is nothing to import: {units}neither server.properties nor zookeeper.properties in {}; \
             say where they are with --server FILE and --zookeeper FILE",
            look.below(&format!("{home}/config")).display()
        ));
    }
    inputs.host_names = look.host_names();
    inputs.hosts = look.hosts();
    inputs.memory = look.memory();
    if look.refused.is_empty() { Ok(inputs) } else { Err(look.refused) }
}

struct Look<'a> {
    root: &'a Path,
    refused: Vec<String>,
}

impl Look<'_> {
    fn below(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// A file that may not be there; any other trouble with it is one.
    fn may(&mut self, path: &Path) -> Option<Text> {
        match bytes(path) {
            Ok(bytes) => Some(Text { path: path.display().to_string(), bytes }),
            Err((ErrorKind::NotFound, _)) => None,
            Err((kind, words)) => {
                let help = if kind == ErrorKind::PermissionDenied { "; run import as root" } else { "" };
                self.refused.push(format!("{} {words}{help}", path.display()));
                None
            }
        }
    }

    fn must(&mut self, path: &Path) -> Option<Text> {
        let before = self.refused.len();
        let text = self.may(path);
        if text.is_none() && self.refused.len() == before {
            self.refused.push(format!("{} cannot be read: there is no such file", path.display()));
        }
        text
    }

    fn installed(&self, name: &str) -> Option<PathBuf> {
        UNIT_DIRS.iter().map(|dir| self.root.join(dir).join(name)).find(|path| path.is_file())
    }

    /// A unit, its drop-ins and the files of its variables.
    fn unit(&mut self, path: &Path) -> Option<Unit> {
        let mut unit = Unit::default();
        let text = self.must(path)?;
        unit.lay(&text.path, &String::from_utf8_lossy(&text.bytes));
        for drop_in in self.drop_ins(path) {
            if let Some(text) = self.may(&drop_in) {
                unit.lay(&text.path, &String::from_utf8_lossy(&text.bytes));
            }
        }
        for (file, may_miss) in unit.environment_files.clone() {
            let path = self.below(&file);
            let text = if may_miss { self.may(&path) } else { self.must(&path) };
            if let Some(text) = text {
                unit.lay_environment(&String::from_utf8_lossy(&text.bytes));
            }
        }
        Some(unit)
    }

    /// `NAME.d/*.conf` beside the unit and in every directory of units, in the order of their names; the first of a name counts.
    fn drop_ins(&self, unit: &Path) -> Vec<PathBuf> {
        let name = unit.file_name().map(|name| format!("{}.d", name.to_string_lossy())).unwrap_or_default();
        let beside = unit.parent().map(|dir| dir.join(&name));
        let mut found: Vec<(std::ffi::OsString, PathBuf)> = Vec::new();
        for dir in UNIT_DIRS.iter().map(|dir| self.root.join(dir).join(&name)).chain(beside) {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                let file = entry.file_name();
                if file.to_string_lossy().ends_with(".conf") && !found.iter().any(|(known, _)| *known == file) {
                    found.push((file, entry.path()));
                }
            }
        }
        found.sort();
        found.into_iter().map(|(_, path)| path).collect()
    }

    fn host_names(&self) -> Vec<String> {
        let running = self.root.join("proc/sys/kernel/hostname");
        let name = [running, self.root.join("etc/hostname")].iter().find_map(|path| fs::read_to_string(path).ok());
        let full = name.unwrap_or_default().trim().to_owned();
        let short = full.split('.').next().unwrap_or_default().to_owned();
        let mut names = vec![full, short];
        names.retain(|name| !name.is_empty());
        names.dedup();
        names
    }

    fn hosts(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.root.join("etc/hosts")).unwrap_or_default();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
        lines
            .flat_map(|mut words| {
                let address = words.next().unwrap_or_default().to_owned();
                words.map(move |name| (address.clone(), name.to_owned()))
            })
            .collect()
    }

    fn memory(&self) -> Option<u64> {
        let text = fs::read_to_string(self.root.join("proc/meminfo")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
    }
}

/// All of a file, or why not.
fn bytes(path: &Path) -> Result<Vec<u8>, (ErrorKind, String)> {
    let cannot = |error: std::io::Error| {
        let words = match error.kind() {
            ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string().to_lowercase(),
        };
        (error.kind(), format!("cannot be read: {words}"))
    };
    // Looked at before it is opened: opening a named pipe would wait for a writer.
    let kind = fs::metadata(path).map_err(cannot)?;
    if !kind.is_file() {
        return Err((ErrorKind::Other, "is no file".to_owned()));
    }
    if kind.len() > LARGEST {
        return Err((ErrorKind::Other, "is larger than 1 MiB, and no such file is".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)).map_err(cannot)?;
    Ok(bytes)
}
