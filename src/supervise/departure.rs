//! On the way down: a node that is to stop, or whose turn in a roll has come, asks the gate, takes the cluster's lock, and asks
//! the gate again, before it goes. Both services go on serving meanwhile.
//!
//! # States and events
//! ```text
//! System --GoingDown, Unknown--> First --Allowed--> Lock --Held--> Second --Allowed--> gone
//!   |                             ^ ^                |               |
//!   '--Staying--> goes ungated    | '--Taken, Unread-'               |
//!                                 '---- Denied: the lock is given back
//! ```
//! `System` is asked only where the gate stands before a shutdown of the system alone.
//! # Invariants
//! - Nobody goes on an answer of the gate that was asked for before the lock was held, unless the whole cluster powers down.
//! - The lock is never asked for while the last answer of the gate was a denial.
//! - A stop waits until its limit at most; a turn in a roll has none, since nothing forces it.
//! - An answer that could not be had is a denial.

use std::time::Duration;

use crate::model::{
    Denial, Departing, GateOutcome, Moment, Notice, RollVerb, Said, SystemOutcome, TokenOutcome, WaitReason,
};

use super::event::Probe;
use super::lane::Out;
use super::policy::{GATE_INTERVAL, LOCK_AGAIN};
use super::slot::{Slot, Turn, earlier};

/// The code of the gate's remark that the whole cluster is being powered down.
pub(super) const POWER_DOWN: &str = "power-down";

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Departure {
    pub(super) purpose: Purpose,
    pub(super) since: Moment,
    /// It goes then whatever the gate says; `None` for a turn in a roll.
    until: Option<Moment>,
    way: Way,
    slot: Slot,
    ask: u64,
    /// The machine powers off, and will not come back by itself.
    for_good: bool,
    /// Why it waits, by the last answer; empty before there was one.
    denials: Vec<Said>,
    /// The codes of the denials that were said last: numbers in them change at every look.
    said: Vec<String>,
}

/// What it goes down for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Somebody asked the node to stop.
    Stop,
    /// Its turn in this roll.
    Roll {
        /// The roll's id.
        id: String,
        /// What is to be done.
        verb: RollVerb,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    System,
    First,
    Lock,
    Second,
}

/// What a departure comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It waits on.
    Wait,
    /// The gate was asked in vain for: the lock is to be given back.
    GiveBack,
    /// The lock is this node's.
    Locked,
    /// It goes: the gate allowed it, with these remarks.
    Allowed(Vec<Said>),
    /// It goes: no gate stands before this stop.
    Ungated,
}

impl Departure {
    /// A stop that asks whether the system goes down where `system`, and goes by itself after `limit`.
    pub(super) fn stop(now: Moment, system: bool, limit: Duration) -> Departure {
        let way = if system { Way::System } else { Way::First };
        Departure::begin(now, Purpose::Stop, way, Some(now + limit))
    }

    /// A turn in a roll.
    pub(super) fn roll(now: Moment, id: String, verb: RollVerb) -> Departure {
        Departure::begin(now, Purpose::Roll { id, verb }, Way::First, None)
    }

    fn begin(now: Moment, purpose: Purpose, way: Way, until: Option<Moment>) -> Departure {
        Departure {
            purpose,
            since: now,
            until,
            way,
            slot: Slot::Due(now),
            ask: 0,
            for_good: false,
            denials: Vec::new(),
            said: Vec::new(),
        }
    }

    /// What it goes down for, in one word.
    pub(super) fn departing(&self) -> Departing {
        match &self.purpose {
            Purpose::Stop => Departing::Stop,
            Purpose::Roll { verb, .. } => Departing::Roll(*verb),
        }
    }

    /// The roll it is for; empty for none.
    fn roll_id(&self) -> &str {
        match &self.purpose {
            Purpose::Stop => "",
            Purpose::Roll { id, .. } => id,
        }
    }

    /// It has waited for as long as it may.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Whether the system goes down was asked for and answered.
    pub(super) fn handle_system(&mut self, now: Moment, ask: u64, outcome: &SystemOutcome) -> Step {
        if !self.is_answer(Way::System, ask) {
            return Step::Wait;
        }
        match outcome {
            SystemOutcome::Staying => Step::Ungated,
            // A node that cannot tell asks: it waits in vain at worst, and does no harm.
            SystemOutcome::GoingDown { .. } | SystemOutcome::Unknown(_) => {
                self.for_good = matches!(outcome, SystemOutcome::GoingDown { for_good: true });
                self.go(now, Way::First);
                Step::Wait
            }
        }
    }

    /// The gate was asked and answered.
    pub(super) fn handle_gate(&mut self, now: Moment, ask: u64, outcome: GateOutcome, out: &mut Out) -> Step {
        let second = self.is_answer(Way::Second, ask);
        if !second && !self.is_answer(Way::First, ask) {
            return Step::Wait;
        }
        match outcome {
            // Whoever powers the cluster down waits for nobody, and needs no lock.
            GateOutcome::Allowed(remarks) if second || remarks.iter().any(|said| said.code == POWER_DOWN) => {
                Step::Allowed(remarks)
            }
            GateOutcome::Allowed(_) => {
                self.go(now, Way::Lock);
                Step::Wait
            }
            GateOutcome::Denied(denials) => {
                self.wait_for(now, denials, GATE_INTERVAL, out);
                if second { Step::GiveBack } else { Step::Wait }
            }
        }
    }

    /// The lock was asked for and answered.
    pub(super) fn handle_lock(&mut self, now: Moment, ask: u64, outcome: TokenOutcome, out: &mut Out) -> Step {
        if !self.is_answer(Way::Lock, ask) {
            return Step::Wait;
        }
        match outcome {
            TokenOutcome::Held => {
                self.go(now, Way::Second);
                Step::Locked
            }
            TokenOutcome::Taken(holder) => {
                self.wait_for(now, vec![Denial::LockTaken { holder }.said()], LOCK_AGAIN, out);
                Step::Wait
            }
            TokenOutcome::Unreadable(what) => {
                let what = format!("the cluster's lock: {what}");
                self.wait_for(now, vec![Denial::ViewUnread { what }.said()], LOCK_AGAIN, out);
                Step::Wait
            }
        }
    }

    /// Asks what is due. `unlocking` says that the lock is being given back: it is not asked for meanwhile.
    pub(super) fn tick(&mut self, now: Moment, unlocking: bool, out: &mut Out) {
        if self.way == Way::Lock && unlocking {
            return;
        }
        match self.slot.turn(now) {
            Turn::Ask | Turn::Lost => {
                out.asks += 1;
                self.ask = out.asks;
                let ask = self.ask;
                out.probe(match self.way {
                    Way::System => Probe::System { ask },
                    Way::First | Way::Second => Probe::Gate { ask, for_good: self.for_good },
                    Way::Lock => Probe::Lock { ask, roll: self.roll_id().to_owned(), for_good: self.for_good },
                });
            }
            Turn::Rest => {}
        }
    }

    /// When there is next something to do by time alone; `unlocking` as for [`Departure::tick`].
    pub(super) fn wakeup(&self, unlocking: bool) -> Option<Moment> {
        let held_back = self.way == Way::Lock && unlocking;
        earlier(self.slot.wakeup().filter(|_| !held_back), self.until)
    }

    /// What is waited for.
    pub(super) fn reason(&self, now: Moment) -> WaitReason {
        WaitReason::Gate {
            departing: self.departing(),
            denials: self.denials.clone(),
            left: self.until.map(|until| until.since(now)),
        }
    }

    /// The machine powers off.
    pub(super) fn is_for_good(&self) -> bool {
        self.for_good
    }

    /// Why it waits.
    pub(super) fn denials(&self) -> &[Said] {
        &self.denials
    }

    fn is_answer(&self, way: Way, ask: u64) -> bool {
        self.way == way && self.ask == ask && self.slot.asked().is_some()
    }

    fn go(&mut self, now: Moment, way: Way) {
        self.way = way;
        self.slot = Slot::Due(now);
    }

    fn wait_for(&mut self, now: Moment, denials: Vec<Said>, pause: Duration, out: &mut Out) {
        let codes: Vec<String> = denials.iter().map(|said| said.code.clone()).collect();
        if codes != self.said {
            self.said = codes;
            out.say(Notice::GateWaits { departing: self.departing(), denials: denials.clone() });
        }
        self.denials = denials;
        self.way = Way::First;
        self.slot = Slot::Due(now + pause);
    }
}
