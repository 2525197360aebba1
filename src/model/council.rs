//! What the supervisors of a cluster tell each other through ZooKeeper, as one of them sees it: who is present, who may be
//! down, what is being rolled, and whether all are to stop.
//!
//! Absent on purpose: how it is written there (`gate`'s documents and `cluster`), and deciding on it (`supervise`).

use std::fmt;
use std::time::Duration;

use super::Said;

/// What a roll does to each node in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RollVerb {
    /// Both JVMs are stopped in order and started anew, with the configuration and the program as they are then.
    Restart,
    /// The machine reboots.
    Reboot,
    /// The supervisor reads configuration and program anew; both JVMs run on.
    Reload,
}

/// Why a node is on its way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departing {
    /// It was asked to stop.
    Stop,
    /// Its turn in a roll has come.
    Roll(RollVerb),
}

/// What this node's supervisor makes known of it. Written when it changes, never more often: the age of what stands there is
/// how long it has been true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// It serves in a quorum, is in sync, and is not about to stop.
    pub well: bool,
    /// The status line's short form: what it waits for where it is not well.
    pub words: String,
    /// Its machine is about to power off, and not to reboot.
    pub powers_off: bool,
}

/// What was read in one look at what the supervisors share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CouncilOutcome {
    /// All of it was read, and this node's presence stands as given.
    Seen(Council),
    /// Not everything could be read, in words.
    Unread(String),
}

/// See [`CouncilOutcome::Seen`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Council {
    /// The lock that a node holds while it may be down.
    pub lock: LockSeen,
    /// What the roll wants of this node at present.
    pub roll: RollTurn,
    /// The order to power the cluster down that stands, if any.
    pub power_down: Option<PowerDown>,
}

/// The reason in a lock that `kafka-node reboot` took.
pub const LOCK_FOR_REBOOT: &str = "reboot";

/// The reason in a lock that was taken by a node whose machine powers off.
pub const LOCK_FOR_POWER_OFF: &str = "power-off";

/// The lock, as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockSeen {
    /// Nobody holds it.
    Free,
    /// This machine holds it.
    Ours {
        /// It was taken in the boot that still lasts.
        this_boot: bool,
        /// Why it was taken: [`LOCK_FOR_REBOOT`] by a command that is about to reboot the machine.
        reason: String,
        /// It was taken for the step of this roll; empty for none.
        roll: String,
        /// How long it has been held, by ZooKeeper's clock.
        age: Duration,
    },
    /// Another machine holds it: who, why and since when, in words.
    Theirs(String),
}

/// What a roll wants of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RollTurn {
    /// Nothing: there is none, it is others' turn, it is paused, or this node is done.
    Rest,
    /// It is this node's turn.
    Begin {
        /// The roll's id.
        id: String,
        /// What is to be done.
        verb: RollVerb,
    },
    /// This node has begun, and is to say when it is well again.
    Finish {
        /// The roll's id.
        id: String,
        /// What was to be done.
        verb: RollVerb,
        /// The boot in which it was begun still lasts.
        this_boot: bool,
        /// It was begun by this very supervisor's process and program start, which still lasts.
        this_life: bool,
        /// How often it was begun, which is more than once where a life that began did not come to do it.
        tries: u32,
    },
}

/// What a node writes about its step of a roll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RollMark {
    /// It goes down now.
    Began,
    /// It is well again.
    Done,
    /// It could not be done, or the node does not come back; in words. The roll stops.
    Failed(String),
}

/// What became of a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkOutcome {
    /// It stands there.
    Marked,
    /// The roll is another by now, or is paused or ended: nothing was written; in words.
    Refused(String),
    /// Whether it stands there is not known, in words.
    Unread(String),
}

/// An order that every node stop, and that nobody wait for the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerDown {
    /// Another order has another number (the znode's creation).
    pub number: i64,
    /// Who ordered it, why and when, in words.
    pub words: String,
}

/// What the gate said, as the supervisor hears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateOutcome {
    /// The cluster can spare the node; with what is to be said all the same.
    Allowed(Vec<Said>),
    /// It cannot, or that could not be found out; never empty.
    Denied(Vec<Said>),
}

/// Whether the whole machine is about to go down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemOutcome {
    /// It reboots or powers off.
    GoingDown {
        /// It powers off: it will not come back by itself.
        for_good: bool,
    },
    /// It does not.
    Staying,
    /// It could not be found out, in words.
    Unknown(String),
}

impl RollVerb {
    /// The word for it, on the command line and in the plan.
    pub fn as_str(self) -> &'static str {
        match self {
            RollVerb::Restart => "restart",
            RollVerb::Reboot => "reboot",
            RollVerb::Reload => "reload",
        }
    }
}

impl fmt::Display for Departing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Departing::Stop => f.write_str("to stop"),
            Departing::Roll(verb) => write!(f, "to {verb}, as the roll wants it"),
        }
    }
}

impl fmt::Display for RollVerb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
