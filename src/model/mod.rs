//! The nouns that every room shares: who (nodes, roles, runs), when (moments), what was seen (outcomes) and why (reasons).
//!
//! Pure: no clock, no randomness of its own, no I/O. Absent on purpose: decisions. A noun that only one room uses stays in that room.

mod blame;
mod calendar;
mod cause;
mod council;
mod denial;
mod event;
mod event_table;
mod event_table_cluster;
mod evidence;
mod exit;
mod exit_code;
mod id;
mod list;
mod notice;
mod outcome;
mod quorum;
mod readiness;
mod reason;
mod request;
mod rng;
mod time;

pub use blame::Blame;
pub use calendar::date_and_time;
pub use cause::ExitCause;
pub use council::{
    Council, CouncilOutcome, Departing, GateOutcome, LOCK_FOR_POWER_OFF, LOCK_FOR_REBOOT, LockSeen, MarkOutcome,
    PowerDown, Presence, RollMark, RollTurn, RollVerb, SystemOutcome,
};
pub use denial::{Counted, Denial, GateRemark, NAMED, Said, Thin, TopicPartition};
pub use event::EventId;
pub use event_table::{Explained, explained};
pub use evidence::{Cure, Evidence, Signature};
pub use exit::ExitStatus;
pub use id::{BrokerId, MyId, NodeName, NodeNumber, Role, Roles, RunId, SessionId};
pub use notice::{Notice, Severity};
pub use outcome::{
    BrokerOutcome, BrokersOutcome, EnsembleView, FenceOutcome, InSyncOutcome, JvmCounters, PeerView, PreflightOutcome,
    ProcessState, Progress, RegistrationOutcome, SpawnFailure, TokenOutcome, ZooKeeperOutcome,
};
pub use quorum::QuorumRole;
pub use readiness::{BrokerReadiness, NodeState, ReadinessLevel, ServiceState};
pub use reason::{Drain, WaitReason};
pub use request::{SignalReason, StopCause};
pub use rng::Rng;
pub use time::{Moment, Span};
