//! What a supervisor takes before anything else: its directories and the node's lock; and the mark of an intended stop.
//!
//! The mark tells `kafka-node sweep` after the supervisor's end whether what it left was meant to end too: systemd 219 runs
//! ExecStopPost= after a crash and after a stop alike, and does not say which it was. Absent on purpose: data directories,
//! which are never made here.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Config;

use super::control::ControlRefusal;
use super::lock::{LockRefusal, NodeLock};

/// The name of the mark in `state_dir`.
const STOP_MARK: &str = "stop-intended";

/// The node is ours while this value lives.
#[derive(Debug)]
pub struct Claim {
    _lock: NodeLock,
}

/// Why this process cannot run the node.
#[derive(Debug)]
pub enum Refusal {
    /// A directory of `[paths]` is not there and cannot be made.
    Directory {
        /// The key in `[paths]`.
        key: &'static str,
        /// Its value.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// The node is locked, or cannot be.
    Lock(LockRefusal),
    /// The control socket is taken, or cannot be made.
    Control(ControlRefusal),
    /// Another supervisor's JVMs are recorded as its own, and it lives.
    Supervised {
        /// Its pid.
        pid: i32,
    },
    /// The system refused something the loop needs.
    System {
        /// What.
        what: &'static str,
        /// Its word.
        error: io::Error,
    },
}

impl Claim {
    /// Makes the directories of `[paths]` where they are missing, and locks the node.
    pub fn take(config: &Config) -> Result<Claim, Refusal> {
        let paths = &config.paths;
        let directories =
            [("runtime_dir", &paths.runtime_dir), ("state_dir", &paths.state_dir), ("cache_dir", &paths.cache_dir)];
        for (key, path) in directories {
            fs::create_dir_all(path).map_err(|error| Refusal::Directory { key, path: path.clone(), error })?;
        }
        NodeLock::take(&paths.state_dir).map(|lock| Claim { _lock: lock }).map_err(Refusal::Lock)
    }
}

impl Refusal {
    /// Another supervisor has the node: trying later may help, and nothing is wrong with the configuration.
    pub fn is_taken(&self) -> bool {
        match self {
            Refusal::Lock(LockRefusal::Taken { .. })
            | Refusal::Control(ControlRefusal::Taken { .. })
            | Refusal::Supervised { .. } => true,
            Refusal::Directory { .. } | Refusal::Lock(_) | Refusal::Control(_) | Refusal::System { .. } => false,
        }
    }
}

/// Notes that the node is stopping because somebody asked for it.
pub(super) fn mark_stop(state_dir: &Path) -> io::Result<()> {
    fs::write(state_dir.join(STOP_MARK), "")
}

/// Forgets the stop of an earlier supervisor: this one starts.
pub(super) fn unmark_stop(state_dir: &Path) -> io::Result<()> {
    match fs::remove_file(state_dir.join(STOP_MARK)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether the last supervisor was asked to stop.
pub fn stop_was_intended(state_dir: &Path) -> bool {
    state_dir.join(STOP_MARK).exists()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Directory { key, path, error } => write!(
                f,
                "cannot make [paths] {key} {}: {error}\n  help: make it and give it to the user that runs kafka-node (systemd-tmpfiles, or install -d)",
                path.display()
            ),
            Refusal::Lock(refusal) => write!(f, "{refusal}{}", help(self)),
            Refusal::Control(refusal) => write!(f, "{refusal}{}", help(self)),
            Refusal::Supervised { pid } => {
                write!(f, "another kafka-node (pid {pid}) already runs this node{}", help(self))
            }
            Refusal::System { what, error } => write!(f, "cannot {what}: {error}"),
        }
    }
}

fn help(refusal: &Refusal) -> &'static str {
    if refusal.is_taken() {
        "\n  help: look with kafka-node status; stop it with systemctl stop kafka-node"
    } else {
        ""
    }
}
