//! Why a JVM is signalled, and who asked for the stop: each cause as a variant with one sentence.
//!
//! Absent on purpose: how a run ended after it (`exit`).

#![allow(missing_docs)] // fields are explained by the sentence of their variant

use std::fmt;

use super::{Blame, ExitStatus};

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
    /// SIGTERM or SIGKILL: it is hung, and restarted for health.
    Health(Blame),
    /// SIGKILL: the grace is over and the stop makes no progress.
    GraceOver,
    /// SIGKILL: the stop progressed beyond its grace, and has had all the time there is.
    StopTookTooLong,
    /// SIGKILL: the grace is over, and ZooKeeper has no quorum, which the broker waits for in vain.
    QuorumGone,
    /// SIGKILL again: the process outlived one.
    StillThere,
}

impl fmt::Display for SignalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SignalReason::Health(blame) => return blame.fmt(f),
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
            SignalReason::QuorumGone => {
                "the grace of the stop is over, and ZooKeeper has no quorum: the broker waits for it in vain"
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
    /// An order in ZooKeeper that the whole cluster power down; a notice of its own says whose.
    PowerDown,
    /// This node's turn in a roll: it starts anew at once.
    Roll,
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopCause::Signal { signal, pid: Some(pid), uid: Some(uid) } => {
                write!(f, "{} from pid {pid} (uid {uid})", ExitStatus::Signal(*signal))
            }
            StopCause::Signal { signal, .. } => write!(f, "{}", ExitStatus::Signal(*signal)),
            StopCause::PowerDown => f.write_str("the order to power the cluster down"),
            StopCause::Roll => f.write_str("its turn in the roll"),
            StopCause::Command { uid } => write!(f, "kafka-node stop (uid {uid})"),
        }
    }
}
