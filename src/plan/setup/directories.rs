//! The service's directories: made and given to the user; what is in them changes its owner only where `--chown` asks for it.
//!
//! Absent on purpose: making a directory where a disk is still to be mounted. A start there would begin an empty twin of this node.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::model::Role;

use super::{Deed, Directory, DirectoryState, Foreign, Request, SetupFacts, State, Step, Subject, USER};

/// Records, logs, partitions: the service's, and its group may look.
const CLOSED: u32 = 0o750;
/// Any user's `kafka-node status` finds the control socket, which has its own mode. As `tmpfiles.d` makes it.
const OPEN: u32 = 0o755;
/// Never given away, whatever a configuration says.
const SYSTEM: &[&str] = &[
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/run",
    "/var/spool",
    "/var/tmp",
];

/// A directory that the service needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The key that names it.
    pub key: &'static str,
    /// Where.
    pub path: PathBuf,
    /// The most permission bits it may have.
    pub mode: u32,
    /// What it is for.
    why: &'static str,
}

/// Every directory of this node, in order; each path once.
pub fn wanted(config: &Config) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    let mut want = |key, path: &Path, mode, why| {
        if !all.iter().any(|known| known.path == path) {
            all.push(Wanted { key, path: path.to_path_buf(), mode, why });
        }
    };
    let roles = config.this_node().roles;
    if roles.has(Role::ZooKeeper) {
        want("[zookeeper] data_dir", &config.zookeeper.data_dir, CLOSED, "ZooKeeper's transactions and snapshots");
    }
    if roles.has(Role::Kafka) {
        for path in &config.kafka.log_dirs {
            want("[kafka] log_dirs", path, CLOSED, "the broker's partitions");
        }
    }
    let paths = &config.paths;
    want("[paths] state_dir", &paths.state_dir, CLOSED, "what must outlive the supervisor");
    want("[paths] cache_dir", &paths.cache_dir, CLOSED, "what can be made again");
    want("[paths] runtime_dir", &paths.runtime_dir, OPEN, "rendered files and the control socket");
    if config.log.files {
        want("[paths] log_dir", &paths.log_dir, CLOSED, "the stock log files that [log] files asks for");
    }
    all
}

/// One step a directory, and one more for what in it belongs to others.
pub(super) fn steps(config: &Config, facts: &SetupFacts, request: &Request) -> Vec<Step> {
    let seen = wanted(config).into_iter().zip(&facts.directories);
    let mut steps = Vec::new();
    for (wanted, directory) in seen {
        steps.push(step(&wanted, directory, facts));
        if let DirectoryState::Present { foreign, .. } = &directory.state
            && foreign.count > 0
        {
            steps.push(content(&wanted, foreign, request));
        }
    }
    steps
}

fn step(wanted: &Wanted, directory: &Directory, facts: &SetupFacts) -> Step {
    let Wanted { path, mode, .. } = wanted;
    let shown = path.display();
    let why = format!("{}: {}", wanted.key, wanted.why);
    let step = |state| Step::new(Subject::Directories, format!("directory {shown}"), why.clone(), state);
    if SYSTEM.iter().any(|system| Path::new(system) == path) {
        return step(State::Cannot(format!("{shown} is a directory of the system: name one below it")));
    }
    if let Some(point) = &directory.unmounted {
        return step(State::Cannot(format!("{point} is in /etc/fstab and not mounted: mount {point} first")));
    }
    let (uid, gid) = (facts.account.user.as_ref().map(|user| user.uid), facts.account.group);
    match &directory.state {
        DirectoryState::Missing => step(State::Change("it does not exist".to_owned()))
            .deeds(vec![Deed::MakeDirectory { path: path.clone(), mode: *mode }]),
        DirectoryState::Other(words) => step(State::Cannot(format!("{shown} {words}"))),
        DirectoryState::Present { uid: owner, gid: group, mode: present, .. } => {
            let ours = uid == Some(*owner) && gid == Some(*group);
            let fits = present & !mode == 0 && present & 0o700 == 0o700;
            if ours && fits {
                return step(State::Already(format!("{USER}:{USER}, {present:04o}")));
            }
            // Nobody's tighter mode is opened: only what is missing to the owner is added, and what is too much taken away.
            let mode = (present & mode) | 0o700;
            let words = match ours {
                true => format!("its mode is {present:04o}"),
                false => format!("it belongs to uid {owner}, gid {group}, {present:04o}"),
            };
            step(State::Change(words)).deeds(vec![Deed::Own { path: path.clone(), mode }])
        }
    }
}

fn content(wanted: &Wanted, foreign: &Foreign, request: &Request) -> Step {
    let shown = wanted.path.display();
    let step = |state| {
        let why = "the service cannot write what belongs to others, and would end on it";
        Step::new(Subject::Directories, format!("content of {shown}"), why, state)
    };
    let least = if foreign.more { "at least " } else { "" };
    let noun = if foreign.count == 1 { "entry belongs" } else { "entries belong" };
    let example = foreign.example.as_ref().map(|path| format!(", e.g. {}", path.display())).unwrap_or_default();
    let words = format!("{least}{} {noun} to others{example}", foreign.count);
    if !request.chown {
        let ask = "setup --chown gives all of it to kafka (stop what uses it first)";
        return step(State::Left(format!("{words}; {ask}")));
    }
    match &foreign.linked {
        Some(path) => step(State::Cannot(format!(
            "{} has a second name elsewhere (a hard link), whose owner would change too: see to it by hand",
            path.display()
        ))),
        None => step(State::Change(words)).deeds(vec![Deed::OwnContent { path: wanted.path.clone() }]),
    }
}
