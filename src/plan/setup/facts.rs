//! What was seen of the machine before a step: numbers, names and words, without judgement.
//!
//! Absent on purpose: looking (`host::setup`), and what any of it means (the files beside this one).

use std::path::PathBuf;

use super::Contents;

/// Everything the steps are judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct SetupFacts {
    /// User and group.
    pub account: Account,
    /// One for each of [`super::wanted`], in its order.
    pub directories: Vec<Directory>,
    /// The release.
    pub kafka: KafkaFacts,
    /// firewalld.
    pub firewall: Firewall,
    /// Kernel settings.
    pub sysctl: SysctlFacts,
    /// The text of the unit, where it is installed.
    pub unit: Option<String>,
}

/// User and group of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user, where there is one.
    pub user: Option<User>,
    /// The number of its group, where there is one.
    pub group: Option<u32>,
    /// A shell that lets nobody in.
    pub nologin: PathBuf,
    /// `getent` could not be asked.
    pub trouble: Option<String>,
}

/// A user as `getent` and `id` tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// The number of its first group.
    pub gid: u32,
    /// Its shell; empty for the default one.
    pub shell: String,
    /// The names of all its groups.
    pub groups: Vec<String>,
}

/// One directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// What stands there.
    pub state: DirectoryState,
    /// A mount point of `/etc/fstab` at or above it that is not mounted.
    pub unmounted: Option<String>,
}

/// What stands at the path of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryState {
    /// Nothing.
    Missing,
    /// A directory, or a link to one.
    Present {
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its permission bits.
        mode: u32,
        /// What in it belongs to others.
        foreign: Foreign,
    },
    /// Something else, or it cannot be looked at; the words say which.
    Other(String),
}

/// Entries in a directory, at any depth, that do not belong to the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreign {
    /// How many.
    pub count: u64,
    /// There are more: counting ended.
    pub more: bool,
    /// One of them.
    pub example: Option<PathBuf>,
    /// One that has another name elsewhere, which a change of owner would reach too.
    pub linked: Option<PathBuf>,
}

/// The release, installed and offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaFacts {
    /// What stands at `[kafka] home`.
    pub home: Place,
    /// The version of `libs/kafka_*.jar` in it.
    pub version: Option<String>,
    /// `--kafka`; an error in words where it cannot be read.
    pub archive: Option<Result<Archive, String>>,
    /// The archive's files in the versioned directory.
    pub versioned: Versioned,
    /// The archive's files in `[kafka] home`, where that is a directory of its own.
    pub in_home: Versioned,
    /// Bytes free where the versioned directory would be.
    pub free: Option<u64>,
}

/// What stands at a path, links not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing.
    Missing,
    /// A symbolic link, and where it points.
    Link(PathBuf),
    /// A directory.
    Directory,
    /// Something else.
    Other,
}

/// An archive that was read through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Of the whole file, in lower case.
    pub sha512: String,
    /// What is in it, or why it is refused.
    pub contents: Result<Contents, String>,
}

/// Whether the programs of the archive ([`Contents::programs`]) are in a directory, with their sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versioned {
    /// There is no such directory.
    Missing,
    /// All of them.
    Complete,
    /// Not all: how many are missing or have another size, and one of them.
    Lacks(usize, String),
    /// Something else stands there.
    Other,
}

/// firewalld on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Firewall {
    /// Not installed.
    Absent,
    /// Installed, not running, and no `firewall-offline-cmd`.
    Off,
    /// It can be asked: running, or by `firewall-offline-cmd`.
    Zone(Zone),
    /// It could not be asked.
    Trouble(String),
}

/// A zone of firewalld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// firewalld runs.
    pub running: bool,
    /// Services that firewalld knows.
    pub known: Vec<String>,
    /// Port numbers (TCP) of the service files `kafka` and `zookeeper`, where there are such files.
    pub files: Vec<(String, Vec<u16>)>,
    /// What is open after a reload.
    pub permanent: Rules,
    /// What is open at present; the same as `permanent` where firewalld does not run.
    pub present: Rules,
}

/// What a zone lets through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Names of services.
    pub services: Vec<String>,
    /// Ports, e.g. "9092/tcp" or "9000-9100/tcp".
    pub ports: Vec<String>,
}

/// Kernel settings: what is wanted, and what is so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SysctlFacts {
    /// Every `sysctl.d` file and its settings, in the order in which systemd reads them: the last one wins.
    pub files: Vec<(String, Vec<(String, String)>)>,
    /// Present value of each key of our file, and whether it can be written. `None` where there is no such key.
    pub present: Vec<(String, Option<String>, bool)>,
}
