//! What an operator's look at the machine sees beside what a start looks at. Plain data: `observe/survey` fills it, tests write it by hand.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::plan::setup::Firewall;

use super::UnitFile;

/// A fact, or in words why it is not known.
pub type Told<T> = Result<T, String>;

/// One look at the machine, for the node as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Memory at this moment.
    pub memory: Memory,
    /// Settings of the kernel.
    pub kernel: Kernel,
    /// Open files and processes that this process may have (hard limits).
    pub own_limits: (Option<u64>, Option<u64>),
    /// One for each data directory.
    pub disks: Vec<DiskSighting>,
    /// Log segments in all log directories.
    pub segments: Told<u64>,
    /// Whether the clock is kept by a time service.
    pub clock: Told<Clock>,
    /// Names of this node and what they resolve to.
    pub names: Vec<NameSighting>,
    /// Ports of the other nodes, in the configuration's order.
    pub peers: Vec<PeerSighting>,
    /// firewalld.
    pub firewall: FirewallSighting,
    /// The unit and its drop-ins.
    pub unit: UnitSighting,
    /// Topics, and how many brokers live; `None` where no broker answers.
    pub topics: Option<(Vec<TopicSighting>, usize)>,
    /// Root looks: it may read and write everything, whatever the service may.
    pub as_root: bool,
    /// A supervisor runs this node.
    pub running: bool,
}

/// Memory in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What could be had without swapping.
    pub available: Told<u64>,
    /// Swap that is in use.
    pub swap_used: Told<u64>,
}

/// Settings of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// `kernel.pid_max`.
    pub pid_max: Told<u64>,
    /// `kernel.threads-max`.
    pub threads_max: Told<u64>,
    /// `vm.max_map_count`.
    pub max_map_count: Told<u64>,
    /// `/sys/kernel/mm/transparent_hugepage/enabled`; empty where the kernel has none.
    pub huge_pages: Told<String>,
}

/// Whether the clock is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// A time service keeps it.
    Kept,
    /// Nobody does.
    Adrift,
}

/// The disk of a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskSighting {
    /// The key that names the directory.
    pub key: &'static str,
    /// The directory, as configured.
    pub path: PathBuf,
    /// What is mounted there.
    pub mount: Told<Mount>,
    /// The owner of the directory; `None` where it is not there or cannot be looked at.
    pub owner: Option<String>,
}

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub point: String,
    /// Its type, e.g. `xfs`.
    pub kind: String,
    /// Options of the mount and of the file system.
    pub options: Vec<String>,
    /// Number of the device, e.g. `8:17`.
    pub device: String,
}

/// A name of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameSighting {
    /// Which one, e.g. `advertised`.
    pub key: &'static str,
    /// The name or address as configured.
    pub host: String,
    /// What it resolves to, or the resolver's words.
    pub addresses: Told<Vec<IpAddr>>,
}

/// A port of another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerSighting {
    /// The node's name.
    pub node: String,
    /// The host that was dialled.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Followers do not listen on it: only the leader of the ensemble does.
    pub leader_only: bool,
    /// What came of it.
    pub state: PortState,
}

/// What came of dialling a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortState {
    /// Somebody listens.
    Open,
    /// The machine answers that nobody does.
    Refused,
    /// No answer, or no way to it; in words.
    Silent(String),
    /// The name does not resolve; the resolver's words.
    Unresolved(String),
}

/// firewalld, as far as it could be asked.
#[derive(Clone, Debug, PartialEq)]
pub enum FirewallSighting {
    /// It was asked.
    Asked(Firewall),
    /// It is installed, and only root may ask.
    NotRoot,
    /// It did not answer in time.
    Silent,
}

/// The unit of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitSighting {
    /// The unit, then its drop-ins in systemd's order; empty where there is no unit.
    pub files: Vec<UnitFile>,
    /// Drop-ins that could not be read, in words.
    pub unreadable: Vec<String>,
}

/// A topic of the running cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSighting {
    /// Its name.
    pub name: String,
    /// It is Kafka's own (`__consumer_offsets`).
    pub internal: bool,
    /// Replicas of the partition that has the fewest.
    pub replicas: usize,
}
