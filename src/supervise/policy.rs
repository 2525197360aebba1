//! What the supervisor is told once, and the numbers it goes by, each with its source.

use std::time::Duration;

use crate::config::{Config, Gate};
use crate::model::{BrokerId, NodeName, ReadinessLevel, Role, Roles, RunId};

/// What a supervisor is told when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The services of this node.
    pub roles: Roles,
    /// This node's broker id.
    pub broker: BrokerId,
    /// Every other node with the role `zookeeper`, in the configuration's order.
    pub peers: Vec<NodeName>,
    /// The broker of each of `peers`, in the same order; `None` for a node without one.
    pub peer_brokers: Vec<Option<BrokerId>>,
    /// How many of `peers` stand before this node in the configuration: where two servers wait to leave, they go first.
    pub rank: usize,
    /// When the node counts as ready.
    pub level: ReadinessLevel,
    /// Time between probes of a service that is ready.
    pub probe_interval: Duration,
    /// No answer for this long takes a ready service's readiness; with no progress besides, it is hung.
    pub hang_after: Duration,
    /// No answer for this long is a hang although it makes progress.
    pub slow_after: Duration,
    /// Kafka's time from SIGTERM to SIGKILL, prolonged while its stop progresses.
    pub grace: Duration,
    /// Before which stops the node waits until the cluster can spare it.
    pub gate: Gate,
    /// For how long at most.
    pub gate_limit: Duration,
    /// The node must have been well for this long before it gives the cluster's lock back.
    pub settle: Duration,
    /// The id of the first run; later ones count up from it.
    pub first_run: RunId,
}

/// Pauses before a restart, by how many short lives there were in a row (fdbmonitor's habit; `design.md`: 0, 1, 2, 4 .. 60 s).
pub const BACKOFF: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(32),
    BACKOFF_CAP,
];
/// The longest pause, and the pause after a cause that a restart cannot cure.
pub const BACKOFF_CAP: Duration = Duration::from_secs(60);
/// A life this long makes the next pause the first again.
pub const BACKOFF_RESET: Duration = Duration::from_secs(300);
/// Pauses are spread by up to this many percent either way, so that nodes do not restart in step.
pub const JITTER_PERCENT: u64 = 10;

/// Time between probes of a service that has not served yet: short, since a start's time is made of it.
pub const EAGER_INTERVAL: Duration = Duration::from_millis(100);
/// After this long without serving, probing slows down to [`PATIENT_INTERVAL`].
pub const EAGER_FOR: Duration = Duration::from_secs(15);
/// Time between probes of a service that takes long to serve.
pub const PATIENT_INTERVAL: Duration = Duration::from_millis(500);
/// Time between looks at what holds a start back.
pub const WAIT_INTERVAL: Duration = Duration::from_secs(1);
/// Time between looks at the other members while this node has no quorum.
pub const ENSEMBLE_INTERVAL: Duration = Duration::from_secs(2);
/// A look at the machine is good for this long; a start later than that looks again.
pub const PREFLIGHT_VALID: Duration = Duration::from_secs(30);
/// Time between looks at the ISR once in sync. Until then it is looked at at the probe interval.
pub const IN_SYNC_INTERVAL: Duration = Duration::from_secs(10);
/// Time between looks at the progress of a start or a stop.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// A registration that could not be read for this long (while there is a quorum) no longer holds the start back: the
/// broker itself refuses a second registration, so the worst is one exit with code 1.
pub const REGISTRATION_PATIENCE: Duration = Duration::from_secs(60);
/// A registration seen for this long is nobody's leftover: Kafka 2.6's session timeout is 18 s, the largest that a
/// ZooKeeper with tickTime 2000 grants is 40 s.
pub const REGISTRATION_TAKEN_AFTER: Duration = Duration::from_secs(60);
/// How long Kafka waits for this node's own ZooKeeper while other members already serve.
pub const LOCAL_QUORUM_PATIENCE: Duration = Duration::from_secs(60);

/// A start that defers a stop and has not progressed for this long gets its SIGTERM.
pub const DEFER_PATIENCE: Duration = Duration::from_secs(30);
/// A stop that progressed within this long when its grace ends gets [`PROLONG_BY`] more.
pub const PROLONG_IF_WITHIN: Duration = Duration::from_secs(15);
/// By how much a progressing stop is prolonged at a time.
pub const PROLONG_BY: Duration = Duration::from_secs(30);
/// ZooKeeper's time from SIGTERM to SIGKILL, or `[stop] grace` where that is shorter: it has no shutdown hook and ends at
/// once; flushing a slow disk may take this long.
pub const ZOOKEEPER_GRACE: Duration = Duration::from_secs(30);
/// How long a server that waits to leave lets the others see that its broker is gone before it goes: longer than what they
/// know can be old, twice over, plus the end of a process.
pub const LINGER_DWELL: Duration = Duration::from_secs(3);
/// A server that serves without a broker for this long is not about to leave: its broker is down for another reason. Ten times
/// the dwell, since a loaded node looks seldom in time.
pub const LINGER_CANDIDATE: Duration = Duration::from_secs(30);
/// What a server leaves on is at most this old.
pub const LINGER_FRESH: Duration = Duration::from_secs(1);
/// Time between looks at the others while ZooKeeper waits to leave.
pub const LINGER_INTERVAL: Duration = Duration::from_millis(500);
/// A look at the others while ZooKeeper waits to leave takes at most this long: two members that look at once could both
/// leave on what was true before the other one left. A member that answers takes a few milliseconds.
pub const LINGER_LOOK: Duration = Duration::from_millis(400);
/// SIGKILL is repeated after this long: a process in an uninterruptible wait ends when the wait does.
pub const KILL_AGAIN: Duration = Duration::from_secs(30);

/// The registration that is read this soon after a broker first answered is its own, whatever its output says: it registered
/// before it answered, and ZooKeeper lets no session lapse sooner (two ticks). One read later may be a stranger's.
pub const SESSION_PROOF: Duration = Duration::from_secs(4);
/// Time between attempts to remove the registration of a dead run, and for how long they come five times as often.
pub const FENCE_AGAIN: Duration = Duration::from_secs(1);
/// See [`FENCE_AGAIN`].
pub const FENCE_EAGER: Duration = Duration::from_secs(3);
/// A stop waits at most this long for the registration of a broker that ended uncleanly to be removed: the quorum may be gone.
pub const FENCE_AT_STOP: Duration = Duration::from_secs(5);

/// Time between looks at a JVM that answers: garbage collection may be eating it up.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
/// A silent JVM counts as idle when no look showed progress for this long.
pub const IDLE_PROOF: Duration = Duration::from_secs(3);
/// A look older than this says nothing about now: three looks of a silent JVM.
pub const LOOK_FRESH: Duration = Duration::from_secs(3);
/// The supervisor's own loop was late where it was this late: less is the noise of a busy machine.
pub const LATE_TOLERANCE: Duration = Duration::from_millis(500);
/// Pauses for garbage collection not made good by work, above which a JVM is gone (jvmquake's default).
pub const COLLECTING_LIMIT: Duration = Duration::from_secs(30);
/// Running time makes good a fifth of itself in pauses (jvmquake's default).
pub const COLLECTING_WEIGHT: u32 = 5;
/// A heap this full after a collection, in percent, is too small for what it holds. Pauses with a heap that empties are
/// somebody's forced collections, and no reason to end anything.
pub const HEAP_FULL_PERCENT: u64 = 85;
/// Time that a thread dump gets before the signal that ends the JVM.
pub const DUMP_TIME: Duration = Duration::from_secs(2);
/// From SIGTERM to SIGKILL of a JVM that does not answer: its shutdown hook rarely comes through.
pub const HEALTH_GRACE: Duration = Duration::from_secs(5);
/// The same for one that answers, and can close its logs.
pub const HEALTH_GRACE_ANSWERING: Duration = Duration::from_secs(60);
/// An answer about the restart token to a question older than this is not acted on. Under the 10 s that the session which
/// holds it lives on without being heard.
pub const TOKEN_FRESH: Duration = Duration::from_secs(2);
/// Time between attempts to take the restart token.
pub const TOKEN_AGAIN: Duration = Duration::from_secs(2);
/// The restart token is given back after this long whatever became of the restart.
pub const TOKEN_LIMIT: Duration = Duration::from_secs(600);

/// Time between looks at what the supervisors of the cluster share.
pub const COUNCIL_INTERVAL: Duration = Duration::from_secs(5);
/// Time between questions to a gate that denied: each is a process of its own and a view of the whole cluster.
pub const GATE_INTERVAL: Duration = Duration::from_secs(5);
/// Time between attempts to take the cluster's lock, to give it back, or to write into a roll.
pub const LOCK_AGAIN: Duration = Duration::from_secs(3);
/// From the answer that leaders were elected anew to the next node's turn. Becoming the leader of a partition takes a broker 10 to
/// 130 ms, one after the other (measured on two cores), and a controlled shutdown that meets an election under way makes
/// writers wait for both: 3.2 s for the slowest partition, in place of 1.3 s.
pub const ELECT_REST: Duration = Duration::from_secs(5);
/// A lock that a command took to reboot the machine is nobody's any more after this long in the same boot: the command asks the
/// gate a second time and then orders the reboot, which is a matter of seconds.
pub const LOCK_ABANDONED: Duration = Duration::from_secs(300);
/// From the order of a reboot, or of a new start, to the end of this life.
pub const REBOOT_PATIENCE: Duration = Duration::from_secs(180);
/// A node that is not well this long after it started again has failed its turn in a roll: recovering logs takes minutes, and
/// hours only where something is wrong.
pub const RETURN_LIMIT: Duration = Duration::from_secs(1800);

/// Storage traffic that counts as progress of a start or stop, in bytes since the last look that counted.
pub const PROGRESS_BYTES: u64 = 64 * 1024;
/// CPU use that counts as progress, in percent of one core since the last look: reconnecting to a lost quorum takes about 1 %.
pub const PROGRESS_CPU_PERCENT: u32 = 5;

impl Policy {
    /// What the configuration says to the supervisor of its own node.
    pub fn from_config(config: &Config, first_run: RunId) -> Policy {
        let this = config.this_node();
        Policy {
            roles: this.roles,
            broker: this.number.broker_id(),
            peers: config
                .nodes_with(Role::ZooKeeper)
                .filter(|node| node.name != this.name)
                .map(|n| n.name.clone())
                .collect(),
            peer_brokers: config
                .nodes_with(Role::ZooKeeper)
                .filter(|node| node.name != this.name)
                .map(|node| node.roles.kafka.then(|| node.number.broker_id()))
                .collect(),
            rank: config.nodes_with(Role::ZooKeeper).take_while(|node| node.name != this.name).count(),
            level: config.readiness,
            probe_interval: config.watchdog.probe_interval,
            hang_after: config.watchdog.hang_after,
            slow_after: config.watchdog.slow_after,
            grace: config.stop.grace,
            gate: config.stop.gate,
            gate_limit: config.stop.gate_limit,
            settle: config.reboot.settle,
            first_run,
        }
    }

    /// The most time from the request to stop to Kafka's SIGKILL: up to one grace to let a start or recovery end, and one
    /// from SIGTERM on; a stop that needs less of the first may have more of the second. TimeoutStopSec stands above it.
    pub fn stop_limit(&self) -> Duration {
        self.grace * 2
    }

    /// ZooKeeper's own grace.
    pub fn zookeeper_grace(&self) -> Duration {
        self.grace.min(ZOOKEEPER_GRACE)
    }
}
