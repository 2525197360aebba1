//! One supervisor a node: a locked file in `state_dir`. The kernel gives the lock back when its holder dies, however it dies.
//!
//! Absent on purpose: the lock of the whole cluster for reboots, which stands in ZooKeeper.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// The name of the file in `state_dir`.
pub const LOCK_NAME: &str = "supervisor.lock";

/// The lock, held while this value lives. Not inherited by the JVMs: Rust opens every file close-on-exec.
#[derive(Debug)]
pub struct NodeLock {
    _file: Flock<File>,
}

/// Why the node cannot be locked.
#[derive(Debug)]
pub enum LockRefusal {
    /// Another supervisor runs this node; its pid where it could be read.
    Taken {
        /// The pid that the holder wrote into the file.
        pid: Option<i32>,
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened, locked or written.
    Failed {
        /// The file.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
}

impl NodeLock {
    /// Locks the node whose `state_dir` this is, and writes our pid into the file for the one who comes second.
    pub fn take(state_dir: &Path) -> Result<NodeLock, LockRefusal> {
        let path = state_dir.join(LOCK_NAME);
        let failed = |error| LockRefusal::Failed { path: path.clone(), error };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .open(&path)
            .map_err(failed)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                write_pid(&mut file).map_err(failed)?;
                Ok(NodeLock { _file: file })
            }
            Err((_, Errno::EWOULDBLOCK)) => Err(LockRefusal::Taken { pid: read_pid(&path), path }),
            Err((_, errno)) => Err(LockRefusal::Failed { path, error: errno.into() }),
        }
    }
}

impl LockRefusal {
    /// Another supervisor holds it.
    pub fn is_taken(&self) -> bool {
        matches!(self, LockRefusal::Taken { .. })
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(path: &Path) -> Option<i32> {
    let mut text = String::new();
    fs::File::open(path).ok()?.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

impl fmt::Display for LockRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockRefusal::Taken { pid: Some(pid), path } => {
                write!(f, "another kafka-node (pid {pid}) already runs this node: it holds {}", path.display())
            }
            LockRefusal::Taken { pid: None, path } => {
                write!(f, "another kafka-node already runs this node: it holds {}", path.display())
            }
            LockRefusal::Failed { path, error } => write!(f, "cannot lock {}: {error}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_supervisor_is_refused_by_the_pid_of_the_first_until_the_first_is_gone() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = NodeLock::take(dir.path()).expect("free");
        let refusal = NodeLock::take(dir.path()).expect_err("taken").to_string();
        assert!(refusal.contains(&format!("(pid {}) already runs this node", std::process::id())), "{refusal}");
        drop(first);
        NodeLock::take(dir.path()).expect("free again");
    }

    #[test]
    fn a_state_dir_that_is_not_there_is_named() {
        let refusal = NodeLock::take(Path::new("/nowhere/at/all")).expect_err("missing").to_string();
        assert_eq!(refusal, "cannot lock /nowhere/at/all/supervisor.lock: No such file or directory (os error 2)");
    }
}
