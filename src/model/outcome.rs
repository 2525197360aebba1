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
    Silent {
        /// A new connection was accepted. The kernel does that for a frozen process too, while its backlog has room.
        accepts: bool,
    },
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
        /// Partitions that it leads.
        leads: u32,
    },
    /// The metadata could not be read, in words.
    Unreadable(String),
}

/// What became of an attempt to remove the registration of a run that is proven dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FenceOutcome {
    /// `/brokers/ids/N` of that session is removed, and `/controller` with it where the same session held it.
    Removed {
        /// The session held `/controller` too.
        controller: bool,
    },
    /// Nothing stands there any more.
    Gone,
    /// Another session stands there: it is left alone.
    Foreign(SessionId),
    /// ZooKeeper refuses the removal (an ACL), in words: trying again is no use.
    Refused(String),
    /// It could not be done now (no session, no quorum, no answer in time), in words. It may or may not have happened.
    Failed(String),
}

/// What became of an attempt to take the cluster's restart token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenOutcome {
    /// It is this node's: an ephemeral of our own session.
    Held,
    /// Another node has it; its name, as the token says.
    Taken(String),
    /// It could not be asked for, in words.
    Unreadable(String),
}

/// Field 3 of `/proc/PID/stat`, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProcessState {
    /// It runs, sleeps, or waits for work; or its state could not be read.
    #[default]
    Able,
    /// `T`: stopped by a signal (SIGSTOP). It does nothing until it is continued.
    Stopped,
    /// `t`: a debugger holds it. Whoever traces it knows why.
    Traced,
    /// `D`: its main thread waits in the kernel, for a disk as a rule.
    Uninterruptible,
    /// `Z`, `X`: it has ended.
    Ended,
}

/// What the JVM's own performance counters say (`/tmp/hsperfdata_USER/PID`). They only grow, but for the heap's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JvmCounters {
    /// Time in which all its threads stood still, in garbage collections or otherwise (`sun.rt.safepointTime`), the age of a
    /// collection that is under way included.
    pub stopped: Duration,
    /// Time in garbage collections that stop the world (the sum of `sun.gc.collector.*.time`), the age of one that is under way included.
    pub collecting: Duration,
    /// Collections (the sum of `sun.gc.collector.*.invocations`).
    pub collections: u64,
    /// Bytes used in all spaces of the heap, after the last collection as a rule.
    pub heap_used: u64,
    /// Bytes the heap may grow to.
    pub heap_max: u64,
}

/// Counters of a run that only ever grow while it works, and its state.
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
    /// Whether it can work at all.
    pub state: ProcessState,
    /// The JVM's own counters; `None` where they cannot be read.
    pub jvm: Option<JvmCounters>,
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
