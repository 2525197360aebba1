//! Every wait, refusal, signal and change of state, as a variant with one sentence.
//!
//! The same sentence reaches `systemctl status`, `kafka-node status` and the journal, because all of them print these types.

#![allow(missing_docs)] // fields are explained by the sentence of their variant

use std::fmt;
use std::time::Duration;

use super::{BrokerId, ExitCause, NodeName, NodeState, QuorumRole, Role, RunId, SessionId};

/// What a service waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// The look before the start has not answered yet.
    Preflight,
    /// The node's own address is not up yet.
    OwnAddress { address: String },
    /// Names of other nodes do not resolve yet. ZooKeeper resolves them once, at its start.
    PeerNames { names: Vec<NodeName> },
    /// A mount that holds a directory of ours is configured and not mounted yet.
    Mount { path: String },
    /// A directory that must be there is not usable; `what` says how.
    Directory { path: String, what: String },
    /// Somebody else listens on a port of ours; `holder` is pid and command where visible.
    PortHeld { port: u16, holder: String },
    /// A process of an earlier supervisor of this node still runs.
    EarlierRun { pid: i32 },
    /// Anything else that the look before the start found, in its own words.
    Finding { text: String },
    /// ZooKeeper on this node has not answered yet.
    ZooKeeperStarting,
    /// ZooKeeper on this node runs and has stopped answering.
    ZooKeeperSilent { since: Duration },
    /// No quorum: these members of the ensemble do not answer, these answer without serving.
    Quorum { silent: Vec<NodeName>, not_serving: Vec<NodeName> },
    /// Whether the broker is still registered has not been read yet.
    RegistrationUnread { words: String },
    /// A session of an earlier run still holds the broker's registration; it expires by itself.
    StaleRegistration { broker: BrokerId, session: SessionId, seen_for: Duration },
    /// The registration outlives any session of ours: another living broker has this id.
    RegistrationTaken { broker: BrokerId, session: SessionId, endpoint: String },
    /// The broker loads its logs, or has not registered yet.
    BrokerStarting,
    /// The broker recovers its logs after an unclean shutdown.
    BrokerRecovering { steps: u64 },
    /// The broker runs and does not answer on its listener.
    BrokerSilent { since: Duration },
    /// The broker served, and its listener refuses connections.
    BrokerRefuses,
    /// The broker answers and is not registered in ZooKeeper.
    BrokerUnregistered,
    /// The broker is out of the ISR of partitions it has a replica of.
    BehindInSync { behind: u32, replicas: u32 },
    /// Whether the broker is in sync has not been read yet.
    InSyncUnread { words: String },
    /// The pause before the next start.
    Backoff { left: Duration, cause: ExitCause },
    /// A stop was asked for while the broker starts or recovers: a SIGTERM now would lose the recovery done.
    StopDeferred { recovering: bool },
    /// SIGTERM was sent; the broker hands its leaderships over and closes its logs.
    ControlledShutdown { since: Duration },
    /// SIGTERM was sent to ZooKeeper.
    ZooKeeperStopping { since: Duration },
    /// SIGKILL was sent and the kernel has not ended the process yet.
    KernelToEnd { since: Duration },
    /// ZooKeeper's going would cost the quorum while these brokers of other nodes are still registered: without it they
    /// could not finish a stop of their own.
    OtherBrokers { brokers: Vec<BrokerId> },
    /// Whether ZooKeeper may leave is being found out.
    Leaving,
    /// ZooKeeper stops only after Kafka has.
    KafkaFirst,
    /// Kafka starts only once ZooKeeper on this node serves, or the others have for long.
    ZooKeeperFirst,
}

impl WaitReason {
    /// The stable word of `waiting_for[].code` in `status --json`.
    pub fn code(&self) -> &'static str {
        match self {
            WaitReason::Preflight => "preflight",
            WaitReason::OwnAddress { .. } => "own-address",
            WaitReason::PeerNames { .. } => "peer-names",
            WaitReason::Mount { .. } => "mount",
            WaitReason::Directory { .. } => "directory",
            WaitReason::PortHeld { .. } => "port-held",
            WaitReason::EarlierRun { .. } => "earlier-run",
            WaitReason::Finding { .. } => "finding",
            WaitReason::ZooKeeperStarting => "zookeeper-starting",
            WaitReason::ZooKeeperSilent { .. } => "zookeeper-silent",
            WaitReason::Quorum { .. } => "quorum",
            WaitReason::RegistrationUnread { .. } => "registration-unread",
            WaitReason::StaleRegistration { .. } => "stale-registration",
            WaitReason::RegistrationTaken { .. } => "registration-taken",
            WaitReason::BrokerStarting => "broker-starting",
            WaitReason::BrokerRecovering { .. } => "broker-recovering",
            WaitReason::BrokerSilent { .. } => "broker-silent",
            WaitReason::BrokerRefuses => "broker-refuses",
            WaitReason::BrokerUnregistered => "broker-unregistered",
            WaitReason::BehindInSync { .. } => "behind-in-sync",
            WaitReason::InSyncUnread { .. } => "in-sync-unread",
            WaitReason::Backoff { .. } => "backoff",
            WaitReason::StopDeferred { .. } => "stop-deferred",
            WaitReason::ControlledShutdown { .. } => "controlled-shutdown",
            WaitReason::ZooKeeperStopping { .. } => "zookeeper-stopping",
            WaitReason::KernelToEnd { .. } => "kernel-to-end",
            WaitReason::OtherBrokers { .. } => "other-brokers",
            WaitReason::Leaving => "leaving",
            WaitReason::KafkaFirst => "kafka-first",
            WaitReason::ZooKeeperFirst => "zookeeper-first",
        }
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitReason::Preflight => f.write_str("looking at the machine before the start"),
            WaitReason::OwnAddress { address } => write!(f, "the node's own address {address} is not up yet"),
            WaitReason::PeerNames { names } => write!(f, "names that do not resolve yet: {}", List(names)),
            WaitReason::Mount { path } => write!(f, "{path} is to be mounted and is not yet"),
            WaitReason::Directory { path, what } => write!(f, "{path} {what}"),
            WaitReason::PortHeld { port, holder } => write!(f, "port {port} is held by {holder}"),
            WaitReason::EarlierRun { pid } => write!(f, "a process of an earlier kafka-node still runs (pid {pid})"),
            WaitReason::Finding { text } => f.write_str(text),
            WaitReason::ZooKeeperStarting => f.write_str("ZooKeeper starts"),
            WaitReason::ZooKeeperSilent { since } => {
                write!(f, "ZooKeeper has not answered on its client port for {} s", since.as_secs())
            }
            WaitReason::Quorum { silent, not_serving } => match (silent.is_empty(), not_serving.is_empty()) {
                (true, true) => f.write_str("no ZooKeeper quorum yet"),
                (false, true) => write!(f, "no ZooKeeper quorum: no answer from {}", List(silent)),
                (true, false) => write!(f, "no ZooKeeper quorum: {} up, not serving yet", List(not_serving)),
                (false, false) => {
                    write!(
                        f,
                        "no ZooKeeper quorum: no answer from {}; {} up, not serving yet",
                        List(silent),
                        List(not_serving)
                    )
                }
            },
            WaitReason::RegistrationUnread { words } if words.is_empty() => {
                f.write_str("reading the broker's registration in ZooKeeper")
            }
            WaitReason::RegistrationUnread { words } => {
                write!(f, "the broker's registration could not be read: {words}")
            }
            WaitReason::StaleRegistration { broker, session, seen_for } => write!(
                f,
                "broker {broker} is still registered by session {session} of an earlier run; it expires by itself (waited {} s)",
                seen_for.as_secs()
            ),
            WaitReason::RegistrationTaken { broker, session, endpoint } => write!(
                f,
                "broker id {broker} is registered by a living session {session} ({endpoint}): is the id used twice?"
            ),
            WaitReason::BrokerStarting => f.write_str("the broker starts"),
            WaitReason::BrokerRecovering { steps } => {
                write!(f, "the broker recovers its logs after an unclean shutdown ({steps} steps done)")
            }
            WaitReason::BrokerSilent { since } => {
                write!(f, "the broker has not answered on its listener for {} s", since.as_secs())
            }
            WaitReason::BrokerRefuses => f.write_str("the broker's listener refuses connections"),
            WaitReason::BrokerUnregistered => f.write_str("the broker answers and is not registered in ZooKeeper"),
            WaitReason::BehindInSync { behind, replicas } => {
                write!(f, "not in sync: behind in {behind} of {replicas} partitions")
            }
            WaitReason::InSyncUnread { words } if words.is_empty() => {
                f.write_str("asking whether the broker is in sync")
            }
            WaitReason::InSyncUnread { words } => write!(f, "could not ask whether the broker is in sync: {words}"),
            WaitReason::Backoff { left, cause } => {
                write!(f, "starts again in {} s after {cause}", left.as_secs_f64().ceil())
            }
            WaitReason::StopDeferred { recovering: true } => f.write_str(
                "stop deferred: the broker recovers its logs, and a SIGTERM now would lose the recovery done",
            ),
            WaitReason::StopDeferred { recovering: false } => {
                f.write_str("stop deferred: the broker is starting, and a SIGTERM now would make it halt uncleanly")
            }
            WaitReason::ControlledShutdown { since } => {
                write!(f, "controlled shutdown of the broker ({} s so far)", since.as_secs())
            }
            WaitReason::ZooKeeperStopping { since } => write!(f, "ZooKeeper stops ({} s so far)", since.as_secs()),
            WaitReason::KernelToEnd { since } => {
                write!(f, "SIGKILL was sent {} s ago and the kernel has not ended the process yet", since.as_secs())
            }
            WaitReason::ZooKeeperFirst => f.write_str("Kafka starts when ZooKeeper serves"),
            WaitReason::OtherBrokers { brokers } => {
                write!(f, "ZooKeeper stays for the quorum while other brokers are registered: {}", List(brokers))
            }
            WaitReason::Leaving => f.write_str("asking whether ZooKeeper may leave the quorum"),
            WaitReason::KafkaFirst => f.write_str("ZooKeeper stops when Kafka has"),
        }
    }
}

/// Why a signal was sent to a JVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalReason {
    /// SIGTERM: the node stops.
    Stop,
    /// SIGTERM: the node stops, and the start that deferred it makes no progress.
    StartMadeNoProgress,
    /// SIGTERM: the node stops, and the start that deferred it has had all the time there is.
    StartTookTooLong,
    /// SIGTERM: a second SIGTERM to kafka-node ended the deferral.
    SecondRequest,
    /// SIGKILL: the grace is over and the stop makes no progress.
    GraceOver,
    /// SIGKILL: the stop progressed beyond its grace, and has had all the time there is.
    StopTookTooLong,
    /// SIGKILL again: the process outlived one.
    StillThere,
}

impl fmt::Display for SignalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SignalReason::Stop => "the node stops",
            SignalReason::StartMadeNoProgress => "the node stops, and the start that deferred it makes no progress",
            SignalReason::StartTookTooLong => {
                "the node stops, and the start that deferred it has had all the time there is"
            }
            SignalReason::SecondRequest => "a second request to stop ended the wait for the start",
            SignalReason::GraceOver => "the grace of the stop is over and it makes no progress",
            SignalReason::StopTookTooLong => {
                "the stop made progress beyond its grace, and has had all the time there is"
            }
            SignalReason::StillThere => "it is still there after SIGKILL",
        })
    }
}

/// Who asked the node to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// A signal, from this pid and user where the kernel told.
    Signal { signal: i32, pid: Option<i32>, uid: Option<u32> },
    /// The control socket.
    Command { uid: u32 },
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopCause::Signal { signal, pid: Some(pid), uid: Some(uid) } => {
                write!(f, "{} from pid {pid} (uid {uid})", super::ExitStatus::Signal(*signal))
            }
            StopCause::Signal { signal, .. } => write!(f, "{}", super::ExitStatus::Signal(*signal)),
            StopCause::Command { uid } => write!(f, "kafka-node stop (uid {uid})"),
        }
    }
}

/// How loudly a notice is said (`style.md`, rule 15). Ordered from quiet to loud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A decision.
    Debug,
    /// The node's state changed.
    Info,
    /// Odd, and still working.
    Warning,
    /// A human must act.
    Error,
}

/// What the supervisor has to say: one entry in the journal and in `events` each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A service began to wait, or waits for something else.
    Waits { role: Role, reason: WaitReason },
    /// A process was ordered.
    Starts { role: Role, run: RunId },
    /// The process runs.
    Spawned { role: Role, run: RunId, pid: i32 },
    /// The start goes ahead although the registration could not be read for so long.
    StartsUnread { waited: Duration },
    /// The start goes ahead on another member's quorum, since this node's ZooKeeper does not come up.
    StartsOnPeers,
    /// ZooKeeper serves.
    ZooKeeperServes { role: QuorumRole, after: Duration },
    /// ZooKeeper lost its quorum. It is left alone: a restart would not help.
    QuorumLost,
    /// The broker serves.
    BrokerServes { after: Duration },
    /// The broker is in sync.
    BrokerInSync,
    /// The broker fell out of an ISR.
    BrokerBehind { behind: u32 },
    /// A service that was ready is not any more; `reason` says what is missing.
    NotReady { role: Role, reason: WaitReason },
    /// The node's state changed.
    Node { state: NodeState },
    /// A stop was asked for.
    StopBegins { cause: StopCause },
    /// A stop was asked for again.
    StopAgain { cause: StopCause },
    /// A stop was asked for and waits for the broker's start to end.
    StopDeferred { recovering: bool },
    /// SIGTERM was sent.
    Terminates { role: Role, run: RunId, reason: SignalReason },
    /// The grace is over; the stop goes on because it progresses.
    GraceProlonged { role: Role, by: Duration },
    /// SIGKILL was sent.
    Kills { role: Role, run: RunId, reason: SignalReason },
    /// A run is over.
    Ended { role: Role, run: RunId, cause: ExitCause, lived: Duration, again_in: Option<Duration> },
    /// ZooKeeper is stopped although its going costs the quorum and these brokers of other nodes are registered.
    LeavesQuorum { brokers: Vec<BrokerId>, waited: Duration },
    /// Everything has stopped.
    Stopped { clean: bool },
}

impl Notice {
    /// How loudly to say it.
    pub fn severity(&self) -> Severity {
        match self {
            Notice::Waits { .. } | Notice::Starts { .. } | Notice::Spawned { .. } => Severity::Info,
            Notice::ZooKeeperServes { .. } | Notice::BrokerServes { .. } | Notice::BrokerInSync => Severity::Info,
            Notice::StopBegins { .. } | Notice::StopAgain { .. } | Notice::StopDeferred { .. } => Severity::Info,
            Notice::Node { state: NodeState::Degraded } => Severity::Warning,
            Notice::Node { .. } | Notice::Terminates { .. } => Severity::Info,
            Notice::StartsUnread { .. } | Notice::StartsOnPeers | Notice::QuorumLost => Severity::Warning,
            Notice::BrokerBehind { .. } | Notice::NotReady { .. } | Notice::GraceProlonged { .. } => Severity::Warning,
            Notice::LeavesQuorum { .. } => Severity::Warning,
            Notice::Kills { .. } => Severity::Error,
            Notice::Ended { cause: ExitCause::Stopped, .. } => Severity::Info,
            Notice::Ended { cause, .. } if cause.restart_may_help() => Severity::Warning,
            Notice::Ended { .. } => Severity::Error,
            Notice::Stopped { clean: true } => Severity::Info,
            Notice::Stopped { clean: false } => Severity::Warning,
        }
    }

    /// The service it is about, where it is about one.
    pub fn role(&self) -> Option<Role> {
        match self {
            Notice::Waits { role, .. }
            | Notice::Starts { role, .. }
            | Notice::Spawned { role, .. }
            | Notice::NotReady { role, .. }
            | Notice::Terminates { role, .. }
            | Notice::GraceProlonged { role, .. }
            | Notice::Kills { role, .. }
            | Notice::Ended { role, .. } => Some(*role),
            Notice::ZooKeeperServes { .. } | Notice::QuorumLost | Notice::LeavesQuorum { .. } => Some(Role::ZooKeeper),
            Notice::StartsUnread { .. }
            | Notice::StartsOnPeers
            | Notice::BrokerServes { .. }
            | Notice::BrokerInSync
            | Notice::BrokerBehind { .. }
            | Notice::StopDeferred { .. } => Some(Role::Kafka),
            Notice::Node { .. } | Notice::StopBegins { .. } | Notice::StopAgain { .. } | Notice::Stopped { .. } => None,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Waits { role, reason } => write!(f, "{role} waits: {reason}"),
            Notice::Starts { role, run } => write!(f, "{role} starts (run {run})"),
            Notice::Spawned { role, run, pid } => write!(f, "{role} runs as pid {pid} (run {run})"),
            Notice::StartsUnread { waited } => write!(
                f,
                "kafka starts although its registration could not be read for {} s: the broker itself refuses a second one",
                waited.as_secs()
            ),
            Notice::StartsOnPeers => {
                f.write_str("kafka starts on the quorum of the other members: ZooKeeper on this node does not come up")
            }
            Notice::ZooKeeperServes { role, after } => {
                write!(f, "zookeeper serves as {role} ({:.1} s after its start)", after.as_secs_f64())
            }
            Notice::QuorumLost => {
                f.write_str("zookeeper lost its quorum; it is left running, since the cause is elsewhere")
            }
            Notice::BrokerServes { after } => write!(f, "kafka serves ({:.1} s after its start)", after.as_secs_f64()),
            Notice::BrokerInSync => f.write_str("kafka is in sync"),
            Notice::BrokerBehind { behind } => write!(f, "kafka fell out of the ISR of {behind} partitions"),
            Notice::NotReady { role, reason } => write!(f, "{role} is not ready any more: {reason}"),
            Notice::Node { state } => write!(f, "the node is {state}"),
            Notice::StopBegins { cause } => write!(f, "stop asked for by {cause}"),
            Notice::StopAgain { cause } => write!(f, "stop asked for again by {cause}: waits are skipped"),
            Notice::StopDeferred { recovering } => {
                write!(f, "kafka: {}", WaitReason::StopDeferred { recovering: *recovering })
            }
            Notice::Terminates { role, run, reason } => write!(f, "SIGTERM to {role} (run {run}): {reason}"),
            Notice::GraceProlonged { role, by } => {
                write!(f, "the grace of {role}'s stop is over; it makes progress and gets {} s more", by.as_secs())
            }
            Notice::Kills { role, run, reason } => write!(f, "SIGKILL to {role} (run {run}): {reason}"),
            Notice::Ended { role, run, cause, lived, again_in } => {
                write!(f, "{role} ended after {:.1} s (run {run}): {cause}", lived.as_secs_f64())?;
                match again_in {
                    Some(pause) => write!(f, "; starts again in {:.1} s", pause.as_secs_f64()),
                    None => Ok(()),
                }
            }
            Notice::LeavesQuorum { brokers, waited } => write!(
                f,
                "zookeeper leaves after {} s although that costs the quorum: still registered are brokers {}",
                waited.as_secs(),
                List(brokers)
            ),
            Notice::Stopped { clean: true } => f.write_str("everything stopped cleanly"),
            Notice::Stopped { clean: false } => f.write_str("everything stopped, and not all of it cleanly"),
        }
    }
}

/// Names or numbers joined by commas.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}")?;
        }
        Ok(())
    }
}
