//! What a look at the machine can see. Plain data: `observe/preflight` fills it, tests write it by hand.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::model::NodeName;

/// One look at the machine, for one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    /// The service's data directories, in the configuration's order.
    pub directories: Vec<DirectorySighting>,
    /// The addresses and ports that the service binds.
    pub binds: Vec<BindSighting>,
    /// Listening sockets on those ports, anybody's.
    pub listeners: Vec<Listener>,
    /// Other members of the ensemble whose address does not resolve.
    pub unresolved: Vec<NodeName>,
    /// Open files that our children may have (soft limit); `None` where it could not be read.
    pub open_files: Option<u64>,
    /// `vm.swappiness`; `None` where it could not be read, or without swap.
    pub swappiness: Option<u64>,
    /// Bytes free to us where `state_dir` is.
    pub state_space: Option<u64>,
    /// What logging needs and cannot use.
    pub logging: Vec<LoggingSighting>,
    /// What did not answer within the bound of the look, in words.
    pub unanswered: Option<String>,
}

/// A path that logging needs and cannot use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingSighting {
    /// What it is.
    pub what: LoggingPath,
    /// Where it is.
    pub path: PathBuf,
    /// The system's words.
    pub words: String,
}

/// What logging needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggingPath {
    /// The operator's own log4j file, to be read.
    Log4j,
    /// The directory of the stock log files, to be written or made.
    LogDir,
}

/// A data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectorySighting {
    /// As configured.
    pub path: PathBuf,
    /// The key that names it, e.g. `[kafka] log_dirs`.
    pub key: &'static str,
    /// Where it really is, links resolved; `None` where that cannot be said.
    pub real: Option<PathBuf>,
    /// A mount point at or above it that `/etc/fstab` has and that is not mounted.
    pub unmounted: Option<String>,
    /// What is there.
    pub state: DirectoryState,
    /// Room on its file system.
    pub space: Option<Space>,
    /// `myid` or `meta.properties` in it.
    pub identity: Content,
    /// Entries of the service in it that we may not write.
    pub foreign: Vec<PathBuf>,
}

/// What stands at a directory's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryState {
    /// A directory that we may read and write.
    Usable,
    /// Nothing.
    Missing,
    /// Something else.
    NotADirectory,
    /// A directory that we may not read and write; the system's words.
    Denied(String),
}

/// The content of a small file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// It is not there.
    #[default]
    Absent,
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It is there and cannot be read; the system's words.
    Unreadable(String),
}

/// Room on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes free to us.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
    /// Files that can still be made; `None` where the file system does not count them.
    pub free_files: Option<u64>,
}

/// An address and port that the service binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindSighting {
    /// The key of the port, e.g. `[kafka] port`.
    pub key: &'static str,
    /// The host as configured.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What the host is.
    pub state: BindState,
}

/// What a host that we bind is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindState {
    /// This address of this machine, or a wildcard.
    Up(IpAddr),
    /// It resolves to this, which is not an address of this machine.
    NotUp(IpAddr),
    /// It does not resolve; the system's words.
    Unresolved(String),
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its address; unspecified for a wildcard.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Whose it is, where visible to us.
    pub holder: Option<Holder>,
}

/// A process that holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its pid.
    pub pid: i32,
    /// Its command line.
    pub command: Vec<String>,
}
