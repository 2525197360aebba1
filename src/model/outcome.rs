//! What probes saw, as facts. Deciding what they mean is `supervise`'s work; making them is `observe`'s and `cluster`'s.

use std::fmt;
use std::time::Duration;

use super::{BrokerId, NodeName, QuorumRole, SessionId, WaitReason};

/// What a ZooKeeper server answered to `srvr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZooKeeperOutcome {
    /// It serves, in this role.
    Serving(QuorumRole),
    /// It answers, and says that it is not serving requests: no quorum yet, or none any more.
    NotServing,
    /// The port is closed: nothing listens.
    Refused,
    /// No whole answer in time.
    TimedOut,
    /// An answer that is not ZooKeeper's, in words.
    Garbled(String),
}

/// What the broker's own listener answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokerOutcome {
    /// ApiVersions and Metadata were answered.
    Answers {
        /// Metadata names this broker among the living ones.
        lists_itself: bool,
        /// The active controller, where Metadata knows one.
        controller: Option<BrokerId>,
    },
    /// The port is closed: nothing listens.
    Refused,
    /// No whole answer in time.
    TimedOut,
    /// An answer that breaks the protocol, in words.
    Garbled(String),
}

/// What stands at `/brokers/ids/N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationOutcome {
    /// No such znode.
    Absent,
    /// An ephemeral of this session.
    Held {
        /// The owner of the ephemeral.
        session: SessionId,
        /// `host:port` of the broker as the znode's JSON names it; empty where it could not be read.
        endpoint: String,
    },
    /// It could not be read (no session, no quorum, not allowed), in words.
    Unreadable(String),
}

/// Which brokers are registered in ZooKeeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrokersOutcome {
    /// The children of `/brokers/ids`, in order.
    Registered(Vec<BrokerId>),
    /// They could not be read, in words.
    Unreadable(String),
}

/// Whether the broker is in the ISR of every partition it has a replica of, by its own metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InSyncOutcome {
    /// It has `replicas` replicas and is out of the ISR of `behind` of them.
    Seen {
        /// Partitions with a replica on this broker.
        replicas: u32,
        /// Those of them whose ISR lacks this broker.
        behind: u32,
    },
    /// The metadata could not be read, in words.
    Unreadable(String),
}

/// Counters of a run that only ever grow while it works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// CPU time of the process, user and system.
    pub cpu: Duration,
    /// Bytes it read from and wrote to storage (`/proc/PID/io`: read_bytes + write_bytes; zero where unreadable).
    pub storage_bytes: u64,
    /// Log lines of this run that tell of a step of log loading or recovery.
    pub recovery_steps: u64,
    /// Its log says that it recovers after an unclean shutdown, and has not said that it is done.
    pub recovering: bool,
}

/// What was seen of one other member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Its name in the configuration.
    pub name: NodeName,
    /// What its ZooKeeper answered.
    pub zookeeper: ZooKeeperOutcome,
}

/// What was seen of the ensemble's other members, in the configuration's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnsembleView {
    /// Every other node that has the role `zookeeper`.
    pub peers: Vec<PeerView>,
}

/// What the look before a start found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreflightOutcome {
    /// Nothing stands against starting.
    Clear,
    /// These hold the start back; they may pass by themselves or by an operator's hand, so it is looked at again.
    Held(Vec<WaitReason>),
}

/// Why a process could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpawnFailure {
    /// The program is not there (any more), by path.
    Missing(String),
    /// The program may not be executed, by path.
    NotAllowed(String),
    /// A file that the run needs could not be written: path and the system's words.
    Files(String),
    /// The system is short of processes or memory; its words.
    Resources(String),
    /// Anything else; the system's words.
    Other(String),
}

impl SpawnFailure {
    /// Whether waiting alone may cure it.
    pub fn may_pass(&self) -> bool {
        match self {
            SpawnFailure::Missing(_) | SpawnFailure::NotAllowed(_) => false,
            SpawnFailure::Files(_) | SpawnFailure::Resources(_) | SpawnFailure::Other(_) => true,
        }
    }

    /// What an operator can do.
    pub fn remedy(&self) -> &'static str {
        match self {
            SpawnFailure::Missing(_) => "install Java again, or set [java] home",
            SpawnFailure::NotAllowed(_) => "make the program executable for the user that runs kafka-node",
            SpawnFailure::Files(_) => "free space in [paths] runtime_dir, or mend its owner",
            SpawnFailure::Resources(_) => "raise LimitNPROC and TasksMax, or free memory",
            SpawnFailure::Other(_) => "read the system's words",
        }
    }
}

impl fmt::Display for SpawnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnFailure::Missing(path) => write!(f, "{path} is not there"),
            SpawnFailure::NotAllowed(path) => write!(f, "{path} may not be executed"),
            SpawnFailure::Files(words) => write!(f, "cannot write what the run needs: {words}"),
            SpawnFailure::Resources(words) => write!(f, "the system is short of processes or memory: {words}"),
            SpawnFailure::Other(words) => write!(f, "cannot start the process: {words}"),
        }
    }
}
