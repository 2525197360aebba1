//! Why a JVM that runs counts as hung, and what is only slow: each verdict as a variant with one sentence.
//!
//! Absent on purpose: the witnesses (`outcome`) and the judgement (`supervise`).

#![allow(missing_docs)] // fields are explained by the sentence of their variant

use std::fmt;
use std::time::Duration;

use super::Span;

/// Why a living JVM is ended for health: it is of no use any more, and nothing but a restart makes it so again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// It is stopped by a signal, and has not answered for so long.
    Frozen { silent: Duration },
    /// It neither answers nor works: no CPU time, no storage traffic.
    Deadlocked { silent: Duration },
    /// It works, and has not answered for so long that nobody waits for it any more.
    Unresponsive { silent: Duration },
    /// It stands still for garbage collection most of the time (jvmquake's measure: pauses fill a bucket, five times as much
    /// running empties it).
    Collecting { deficit: Duration },
    /// The broker answers, there is a quorum, and it has not been registered for so long: nobody sends it anything.
    Unregistered { since: Duration },
}

impl Blame {
    /// The stable word in status and history.
    pub fn word(&self) -> &'static str {
        match self {
            Blame::Frozen { .. } => "frozen",
            Blame::Deadlocked { .. } => "deadlocked",
            Blame::Unresponsive { .. } => "unresponsive",
            Blame::Collecting { .. } => "collecting",
            Blame::Unregistered { .. } => "unregistered",
        }
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blame::Frozen { silent } => write!(f, "frozen: stopped by a signal and silent for {}", Span(*silent)),
            Blame::Deadlocked { silent } => {
                write!(f, "deadlocked: no answer, no CPU time and no storage traffic for {}", Span(*silent))
            }
            Blame::Unresponsive { silent } => {
                write!(f, "unresponsive: it works and has not answered for {}", Span(*silent))
            }
            Blame::Collecting { deficit } => {
                write!(f, "it does little but collect garbage ({} of pauses not made good by work)", Span(*deficit))
            }
            Blame::Unregistered { since } => {
                write!(f, "it answers and has not been registered for {} although there is a quorum", Span(*since))
            }
        }
    }
}
