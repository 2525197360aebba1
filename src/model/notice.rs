//! What the supervisor has to say: every change as a variant with one sentence and how loudly to say it.
//!
//! Absent on purpose: where it is said. The journal, `status` and stderr all print these types.

#![allow(missing_docs)] // fields are explained by the sentence of their variant

use std::fmt;
use std::time::Duration;

use super::list::List;
use super::{
    Blame, BrokerId, Departing, ExitCause, NodeState, QuorumRole, Role, RollVerb, RunId, Said, SessionId, SignalReason,
    Span, StopCause, WaitReason,
};

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
    Ended {
        role: Role,
        run: RunId,
        cause: ExitCause,
        lived: Duration,
        again_in: Option<Duration>,
        last_lines: Vec<String>,
    },
    /// ZooKeeper is stopped although its going costs the quorum and these brokers of other nodes are registered.
    LeavesQuorum { brokers: Vec<BrokerId>, waited: Duration },
    /// A JVM of an earlier supervisor lives: it is taken over as it is.
    Adopted { role: Role, run: RunId, pid: i32, lived: Duration },
    /// The registration of a dead run was removed.
    Fenced { run: RunId, session: SessionId, controller: bool, after: Duration },
    /// Another session holds the registration: it is left alone.
    FenceForeign { run: RunId, owner: SessionId },
    /// The registration of a dead run may not be removed: it expires by itself.
    FenceDenied { run: RunId, session: SessionId, words: String },
    /// The registration of a dead run could not be removed yet.
    FenceFailed { run: RunId, session: SessionId, words: String },
    /// A JVM counts as hung.
    Hangs { role: Role, run: RunId, blame: Blame },
    /// A JVM that counted as hung works again, and is left alone.
    HangPassed { role: Role, run: RunId },
    /// A thread dump was asked for: it is among the JVM's lines.
    Dumps { role: Role, run: RunId },
    /// The cluster's restart token is this node's.
    TokenTaken,
    /// The cluster's restart token was given back.
    TokenReturned,
    /// It is on its way down, and the cluster cannot spare it yet, for these reasons.
    GateWaits { departing: Departing, denials: Vec<Said> },
    /// The cluster can spare it.
    GateOpens { departing: Departing, waited: Duration, remarks: Vec<Said> },
    /// It stops although the cluster cannot spare it: it has waited for as long as it may.
    GateExpired { waited: Duration, denials: Vec<Said> },
    /// The lock that a node holds while it may be down is this node's.
    LockTaken,
    /// The lock was given back: the node is well.
    LockReturned,
    /// This node's turn in a roll has come.
    RollTurn { id: String, verb: RollVerb },
    /// This node is done with its turn in a roll.
    RollDone { id: String },
    /// This node could not do what a roll wants of it; the roll stops.
    RollFails { id: String, words: String },
    /// The whole cluster is to power down, by this order.
    PowerDown { words: String },
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
            Notice::Adopted { .. } => Severity::Info,
            Notice::Fenced { .. } => Severity::Info,
            Notice::FenceForeign { .. } => Severity::Warning,
            Notice::FenceDenied { .. } => Severity::Warning,
            Notice::FenceFailed { .. } => Severity::Warning,
            Notice::Hangs { .. } => Severity::Error,
            Notice::HangPassed { .. } => Severity::Warning,
            Notice::Dumps { .. } => Severity::Warning,
            Notice::TokenTaken => Severity::Info,
            Notice::TokenReturned => Severity::Info,
            Notice::GateWaits { .. } | Notice::GateExpired { .. } | Notice::PowerDown { .. } => Severity::Warning,
            Notice::GateOpens { remarks, .. } if !remarks.is_empty() => Severity::Warning,
            Notice::GateOpens { .. } | Notice::LockTaken | Notice::LockReturned => Severity::Info,
            Notice::RollTurn { .. } | Notice::RollDone { .. } => Severity::Info,
            Notice::RollFails { .. } => Severity::Error,
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
            | Notice::Adopted { role, .. }
            | Notice::Hangs { role, .. }
            | Notice::HangPassed { role, .. }
            | Notice::Dumps { role, .. }
            | Notice::Ended { role, .. } => Some(*role),
            Notice::ZooKeeperServes { .. } | Notice::QuorumLost | Notice::LeavesQuorum { .. } => Some(Role::ZooKeeper),
            Notice::StartsUnread { .. }
            | Notice::StartsOnPeers
            | Notice::BrokerServes { .. }
            | Notice::BrokerInSync
            | Notice::BrokerBehind { .. }
            | Notice::Fenced { .. }
            | Notice::FenceForeign { .. }
            | Notice::FenceDenied { .. }
            | Notice::FenceFailed { .. }
            | Notice::StopDeferred { .. } => Some(Role::Kafka),
            Notice::TokenTaken
            | Notice::TokenReturned
            | Notice::GateWaits { .. }
            | Notice::GateOpens { .. }
            | Notice::GateExpired { .. }
            | Notice::LockTaken
            | Notice::LockReturned
            | Notice::RollTurn { .. }
            | Notice::RollDone { .. }
            | Notice::RollFails { .. }
            | Notice::PowerDown { .. }
            | Notice::Node { .. }
            | Notice::StopBegins { .. }
            | Notice::StopAgain { .. }
            | Notice::Stopped { .. } => None,
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
                "kafka starts although its registration could not be read for {}: the broker itself refuses a second one",
                Span(*waited)
            ),
            Notice::StartsOnPeers => {
                f.write_str("kafka starts on the quorum of the other members: ZooKeeper on this node does not come up")
            }
            Notice::ZooKeeperServes { role, after } => {
                write!(f, "zookeeper serves as {role} ({:.1} after its start)", Span(*after))
            }
            Notice::QuorumLost => {
                f.write_str("zookeeper lost its quorum; it is left running, since the cause is elsewhere")
            }
            Notice::BrokerServes { after } => write!(f, "kafka serves ({:.1} after its start)", Span(*after)),
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
                write!(f, "the grace of {role}'s stop is over; it makes progress and gets {} more", Span(*by))
            }
            Notice::Kills { role, run, reason } => write!(f, "SIGKILL to {role} (run {run}): {reason}"),
            Notice::Ended { role, run, cause, lived, again_in, last_lines: _ } => {
                write!(f, "{role} ended after {:.1} (run {run}): {cause}", Span(*lived))?;
                match again_in {
                    Some(pause) => write!(f, "; starts again in {:.1}", Span(*pause)),
                    None => Ok(()),
                }
            }
            Notice::LeavesQuorum { brokers, waited } if brokers.is_empty() => write!(
                f,
                "zookeeper leaves after {} although that may cost the quorum: which brokers are registered could not be read",
                Span(*waited)
            ),
            Notice::LeavesQuorum { brokers, waited } => write!(
                f,
                "zookeeper leaves after {} although that costs the quorum: still registered are brokers {}",
                Span(*waited),
                List(brokers)
            ),
            Notice::Adopted { role, run, pid, lived } => {
                write!(f, "{role} of an earlier kafka-node adopted (pid {pid}, run {run}, up {})", Span(*lived))
            }
            Notice::Fenced { run, session, controller, after } => write!(
                f,
                "registration of the dead broker (run {run}, session {session}) removed{} after {:.2}: leaders move now",
                if *controller { ", and its controllership," } else { "" },
                Span(*after)
            ),
            Notice::FenceForeign { run, owner } => write!(
                f,
                "the broker is registered by session {owner}, which is not that of the dead run {run}: it is left alone"
            ),
            Notice::FenceDenied { run, session, words } => write!(
                f,
                "registration of the dead broker (run {run}, session {session}) may not be removed ({words}): it expires by itself"
            ),
            Notice::FenceFailed { run, session, words } => write!(
                f,
                "registration of the dead broker (run {run}, session {session}) could not be removed yet: {words}; tried again"
            ),
            Notice::Hangs { role, run, blame } => write!(f, "{role} (run {run}) is hung: {blame}"),
            Notice::HangPassed { role, run } => write!(f, "{role} (run {run}) works again by itself: it is left alone"),
            Notice::Dumps { role, run } => {
                write!(f, "thread dump of {role} (run {run}) asked for (SIGQUIT): see its next lines")
            }
            Notice::TokenTaken => {
                f.write_str("the cluster's restart token is ours: no other node restarts for health now")
            }
            Notice::TokenReturned => f.write_str("the cluster's restart token is given back"),
            Notice::GateWaits { departing, denials } => {
                let reason = WaitReason::Gate { departing: *departing, denials: denials.clone(), left: None };
                reason.fmt(f)
            }
            Notice::GateOpens { departing, waited, remarks } => {
                write!(f, "{departing}: the cluster can spare this node (asked for {:.1})", Span(*waited))?;
                remarks.iter().try_for_each(|remark| write!(f, "; {remark}"))
            }
            Notice::GateExpired { waited, denials } => {
                write!(f, "stops after waiting for {} although the cluster cannot spare this node", Span(*waited))?;
                denials.iter().try_for_each(|denial| write!(f, "; {denial}"))
            }
            Notice::LockTaken => f.write_str("the cluster's lock is ours: no other node goes down meanwhile"),
            Notice::LockReturned => f.write_str("the cluster's lock is given back: this node is well"),
            Notice::RollTurn { id, verb } => write!(f, "roll {id}: this node's turn to {verb}"),
            Notice::RollDone { id } => write!(f, "roll {id}: this node is well again, and done"),
            Notice::RollFails { id, words } => write!(f, "roll {id} stops at this node: {words}"),
            Notice::PowerDown { words } => write!(f, "the whole cluster powers down: {words}"),
            Notice::Stopped { clean: true } => f.write_str("everything stopped cleanly"),
            Notice::Stopped { clean: false } => f.write_str("everything stopped, and not all of it cleanly"),
        }
    }
}
