//! The validated configuration: what every later room works from. Nothing in it is checked again.
//!
//! Absent on purpose: how a file is read and judged (the files beside this one), and anything measured on the machine (`plan`).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{NodeName, NodeNumber, ReadinessLevel, Role, Roles};

use super::secret::{HIDDEN, gives_away, is_secret, masked};

/// The whole configuration of a cluster, seen from one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[cluster] name`: a label for people; it reaches no wire.
    pub cluster: String,
    /// Every `[[node]]`, in the file's order; never empty.
    pub nodes: Vec<Node>,
    /// Which of `nodes` this machine is.
    pub this: usize,
    /// `[java]`.
    pub java: JavaHome,
    /// `[zookeeper]`.
    pub zookeeper: ZooKeeperConfig,
    /// `[kafka]`.
    pub kafka: KafkaConfig,
    /// `[readiness] level`.
    pub readiness: ReadinessLevel,
    /// `[watchdog]`.
    pub watchdog: WatchdogConfig,
    /// `[stop]`.
    pub stop: StopConfig,
    /// `[reboot]`.
    pub reboot: RebootConfig,
    /// `[log]`.
    pub log: LogConfig,
    /// `[http]`.
    pub http: HttpConfig,
    /// `[paths]`, with `{node}` replaced.
    pub paths: Paths,
    /// What is unwise and still works; shown by `check` and once at start.
    pub warnings: Vec<ConfigWarning>,
}

/// One `[[node]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// `name`.
    pub name: NodeName,
    /// `address`: what the others dial; the name itself by default. An IPv6 address stands in brackets, here and in the two below.
    pub address: String,
    /// `id`.
    pub number: NodeNumber,
    /// `roles`.
    pub roles: Roles,
    /// Where the broker listens: `[[node]] bind`, else `[kafka] bind`, with "address" replaced; `0.0.0.0` by default. On this node, the
    /// host of the PLAINTEXT listener where `listeners` is passed through; the same goes for `advertised`.
    pub bind: String,
    /// What the broker advertises (host, without a port): `[[node]] advertised`, else `[kafka] advertised`; the name by default.
    pub advertised: String,
}

/// `[java] home`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JavaHome {
    /// `"auto"`: JAVA_HOME, then /usr/lib/jvm, then PATH; the newest supported one.
    Auto,
    /// This directory and no other.
    Path(PathBuf),
}

/// A heap: measured by kafka-node, or said by the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heap {
    /// `"auto"`.
    Auto,
    /// Said, in bytes.
    Bytes(u64),
}

/// A property passed through, with the place it was written at. Its `Debug` does not show a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Property {
    /// The key as the service knows it.
    pub key: String,
    /// The value as it will be written; numbers and booleans of TOML as their text.
    pub value: String,
    /// `file:line`, for the reason column of `plan`.
    pub place: String,
}

/// An extra JVM option, with the place it was written at. Its `Debug` does not show a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct JvmOption {
    /// One argument of the JVM, e.g. `-XX:+AlwaysPreTouch`.
    pub text: String,
    /// `file:line`.
    pub place: String,
}

/// `[zookeeper]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ZooKeeperConfig {
    /// `data_dir`.
    pub data_dir: PathBuf,
    /// `client_port`.
    pub client_port: u16,
    /// `peer_port`.
    pub peer_port: u16,
    /// `election_port`.
    pub election_port: u16,
    /// `heap`.
    pub heap: Heap,
    /// `jvm_options`, in the file's order; appended last.
    pub jvm_options: Vec<JvmOption>,
    /// `log4j`: the operator's own file; `None` for "auto".
    pub log4j: Option<PathBuf>,
    /// `[zookeeper.properties]`, in key order.
    pub properties: Vec<Property>,
}

/// `[kafka]`.
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaConfig {
    /// `home`: holds `libs/`, from which both JVMs run.
    pub home: PathBuf,
    /// `log_dirs`; never empty.
    pub log_dirs: Vec<PathBuf>,
    /// `port`.
    pub port: u16,
    /// `heap`.
    pub heap: Heap,
    /// `jvm_options`, in the file's order; appended last.
    pub jvm_options: Vec<JvmOption>,
    /// `log4j`: the operator's own file; `None` for "auto".
    pub log4j: Option<PathBuf>,
    /// `[kafka.properties]`, in key order.
    pub properties: Vec<Property>,
}

/// `[watchdog]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchdogConfig {
    /// `probe_interval`.
    pub probe_interval: Duration,
    /// `hang_after`.
    pub hang_after: Duration,
    /// `slow_after`.
    pub slow_after: Duration,
}

/// When a stop waits until the cluster can spare the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// When the system reboots or powers off.
    Shutdown,
    /// At every stop.
    Always,
    /// Never.
    Never,
}

/// `[stop]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopConfig {
    /// `grace`.
    pub grace: Duration,
    /// `gate`: when a stop waits until the cluster can spare the node.
    pub gate: Gate,
    /// `gate_limit`: for how long at most.
    pub gate_limit: Duration,
}

/// `[reboot]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebootConfig {
    /// `window`: "any" or e.g. "Sat 02:00-05:00".
    pub window: String,
    /// `headroom`: in-sync replicas to keep above what a partition needs.
    pub headroom: u32,
    /// `settle`: the cluster has to be well for this long before and after.
    pub settle: Duration,
    /// `strict`: what has no replica or member to spare by its making is denied.
    pub strict: bool,
}

/// `[log] journal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalChoice {
    /// The journal under systemd, else plain text on stderr.
    Auto,
    /// Always the journal.
    Journal,
    /// Always plain text on stderr.
    Stderr,
}

/// `[log]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `journal`: "auto", "journal" or "stderr".
    pub journal: JournalChoice,
    /// `fold_after`: identical messages a second before they are folded into one entry with their count.
    pub fold_after: u32,
    /// `files`: the stock log files are written too, below `log_dir`.
    pub files: bool,
}

/// `[http]`; read and checked, and not yet acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// `listen`; empty for none.
    pub listen: String,
}

/// `[paths]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Rendered files and the control socket; lost at reboot.
    pub runtime_dir: PathBuf,
    /// What must outlive the supervisor.
    pub state_dir: PathBuf,
    /// What can be made again.
    pub cache_dir: PathBuf,
    /// Where the stock log files go, if they are asked for.
    pub log_dir: PathBuf,
    /// `allow_temporary`: data directories below /tmp are accepted.
    pub allow_temporary: bool,
}

/// Something unwise in the configuration, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigWarning {
    /// `file:line:column`; empty when it is about the whole.
    pub place: String,
    /// One sentence: what, and why it matters.
    pub text: String,
}

impl Property {
    /// The value as it may be printed.
    pub fn shown(&self) -> &str {
        if is_secret(&self.key) || gives_away(&self.value) { HIDDEN } else { &self.value }
    }
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={} ({})", self.key, self.shown(), self.place)
    }
}

impl JvmOption {
    /// The option as it may be printed.
    pub fn shown(&self) -> String {
        masked(&self.text)
    }
}

impl fmt::Debug for JvmOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.shown(), self.place)
    }
}

impl Config {
    /// The `[[node]]` that this machine is.
    pub fn this_node(&self) -> &Node {
        &self.nodes[self.this]
    }

    /// Nodes that have `role`, in the file's order.
    pub fn nodes_with(&self, role: Role) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |node| node.roles.has(role))
    }

    /// How many brokers the cluster has.
    pub fn broker_count(&self) -> usize {
        self.nodes_with(Role::Kafka).count()
    }
}
