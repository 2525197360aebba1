//! What this node tells the others and hears of them through ZooKeeper: its presence, the lock, and an order to power the whole
//! cluster down. Its turn in a roll is in `turn`.
//!
//! # Invariants
//! - The lock is given back by health alone: this node has been well for `settle`, and owes no roll its step.
//! - Leaders are called back before the lock is given back, never after.
//! - A lock that a command took to reboot this machine is left alone in the same boot until [`LOCK_ABANDONED`].
//! - An order to power down that stood when this supervisor began is nobody's to obey: the cluster was down since.

use std::time::Duration;

use crate::model::{Council, CouncilOutcome, LOCK_FOR_REBOOT, LockSeen, Moment, Notice, Presence, RollTurn, StopCause};

use super::departure::{Departure, Purpose, Step};
use super::event::{Action, Probe};
use super::lane::{Lane, State};
use super::policy::{COUNCIL_INTERVAL, ELECT_REST, LOCK_ABANDONED, LOCK_AGAIN};
use super::slot::{Slot, Turn, earlier};
use super::stop::After;
use super::supervisor::Supervisor;
use super::turn::OwnTurn;

/// What is known of the others, and what is under way with them.
#[derive(Debug, Default)]
pub(super) struct Seat {
    pub(super) slot: Slot,
    ask: u64,
    /// What this node said of itself with the last question.
    told: Option<Presence>,
    /// The last answer that could be had.
    pub(super) seen: Option<Council>,
    /// The order to power down that stood at the first answer; `None` before there was one.
    first_order: Option<Option<i64>>,
    /// Since when this node has been well.
    well_since: Option<Moment>,
    /// The lock is being given back.
    pub(super) unlock: Slot,
    unlock_ask: u64,
    /// The machine powers off: so it was found for the departure.
    pub(super) powers_off: bool,
    /// The leaders that this node's going moved away are being called back: before the lock is given back, since the next
    /// node's stop would meet the election.
    elect: Slot,
    elect_ask: u64,
    /// When that was answered, and whether leaders moved.
    elected: Option<(Moment, bool)>,
    /// It was said that the lock is ours.
    pub(super) lock_said: bool,
    pub(super) turn: OwnTurn,
    /// Services of an earlier life were adopted: a restart that was begun before this one has not been done.
    pub(super) adopted: bool,
}

impl Seat {
    /// A seat of a supervisor that `adopted` services, or not.
    pub(super) fn new(now: Moment, adopted: bool) -> Seat {
        Seat { slot: Slot::Due(now), adopted, ..Seat::default() }
    }

    /// For how long this node has been well.
    pub(super) fn well_for(&self, now: Moment) -> Duration {
        self.well_since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// The lock is this node's by the last answer.
    fn holds_lock(&self) -> bool {
        matches!(self.seen, Some(Council { lock: LockSeen::Ours { .. }, .. }))
    }
}

impl Supervisor {
    /// What this node says of itself to the others.
    pub(super) fn presence(&self) -> Presence {
        let well = self.stop.is_none() && self.is_well();
        let words = if well {
            String::new()
        } else if self.stop.is_some() {
            "stopping".to_owned()
        } else {
            // Codes, not sentences: those have numbers in them, and each change is written.
            let zookeeper = self.zookeeper.as_ref().map(|lane| lane.word()).map(|word| format!("zookeeper {word}"));
            let kafka = self.kafka.as_ref().map(|lane| format!("kafka {}", lane.readiness()));
            [zookeeper, kafka].into_iter().flatten().collect::<Vec<_>>().join(", ")
        };
        Presence { well, words, powers_off: self.seat.powers_off }
    }

    /// Both services are where another node may count on them.
    pub(super) fn is_well(&self) -> bool {
        let zookeeper = self.zookeeper.as_ref().is_none_or(|lane| matches!(lane.state, State::Ready(_)));
        let kafka = self.kafka.as_ref().is_none_or(|lane| match &lane.state {
            State::Ready(live) => live.facts.in_sync(),
            State::Down | State::Waiting(_) | State::Starting(_) | State::Up(_) => false,
            State::Terminating(_) | State::Killing(_) | State::Backoff(_) | State::Failed(_) => false,
        });
        zookeeper && kafka
    }

    /// Asks and does what is due between this node and the others.
    pub(super) fn sit(&mut self, now: Moment) {
        self.seat.powers_off |= self.departure.as_ref().is_some_and(Departure::is_for_good);
        let presence = self.presence();
        self.seat.well_since = presence.well.then(|| self.seat.well_since.unwrap_or(now));
        if self.seat.told.as_ref().is_some_and(|told| *told != presence) {
            self.seat.slot.sooner(now);
        }
        if !self.quorum(now) {
            // Whoever was asked has no quorum either, and an answer says nothing any more.
            self.seat.slot = Slot::Due(now + COUNCIL_INTERVAL);
        } else if let Turn::Ask | Turn::Lost = self.seat.slot.turn(now) {
            self.out.asks += 1;
            self.seat.ask = self.out.asks;
            self.seat.told = Some(presence.clone());
            self.out.probe(Probe::Council { ask: self.out.asks, presence });
        }
        self.give_lock_back(now);
        if self.stop.is_none() {
            self.take_turn(now);
            self.depart(now, Step::Wait);
        }
    }

    /// What the others said.
    pub(super) fn handle_council(&mut self, now: Moment, ask: u64, outcome: CouncilOutcome) {
        if ask != self.seat.ask || self.seat.slot.asked().is_none() {
            return;
        }
        self.seat.slot = Slot::Due(now + COUNCIL_INTERVAL);
        let CouncilOutcome::Seen(council) = outcome else {
            self.seat.told = None;
            return;
        };
        let order = council.power_down.as_ref().map(|order| order.number);
        let first = *self.seat.first_order.get_or_insert(order);
        match &council.power_down {
            Some(order)
                if first != Some(order.number) && self.stop.as_ref().is_none_or(|stop| stop.after == After::Anew) =>
            {
                self.out.say(Notice::PowerDown { words: order.words.clone() });
                self.handle_stop(now, StopCause::PowerDown);
            }
            Some(_) if first == order && self.seat.well_for(now) >= self.policy.settle => {
                self.out.act(Action::WithdrawPowerDown);
            }
            Some(_) | None => {}
        }
        let goes_on = |id: &str| match &council.roll {
            RollTurn::Rest => false,
            RollTurn::Begin { id: other, .. } | RollTurn::Finish { id: other, .. } => other == id,
        };
        let called_off = match self.departure.as_ref().map(|departure| &departure.purpose) {
            Some(Purpose::Roll { id, .. }) => !goes_on(id),
            Some(Purpose::Stop) | None => false,
        };
        if called_off {
            self.leave_roll();
        }
        self.seat.seen = Some(council);
    }

    /// The lock was given back, or could not be.
    pub(super) fn handle_unlock(&mut self, now: Moment, ask: u64, outcome: Result<(), String>) {
        if ask != self.seat.unlock_ask || self.seat.unlock.asked().is_none() {
            return;
        }
        if outcome.is_err() {
            self.seat.unlock = Slot::Due(now + LOCK_AGAIN);
            return;
        }
        (self.seat.unlock, self.seat.elected) = (Slot::Idle, None);
        self.note_unlocked(now);
    }

    fn note_unlocked(&mut self, now: Moment) {
        let well = self.seat.well_since.is_some();
        if let Some(seen) = &mut self.seat.seen {
            seen.lock = LockSeen::Free;
        }
        self.seat.slot.sooner(now);
        if std::mem::take(&mut self.seat.lock_said) || well {
            self.out.say(Notice::LockReturned);
        }
    }

    /// Leaders were elected anew, or could not be: Kafka's own balance sees to it later.
    pub(super) fn handle_elect(&mut self, now: Moment, ask: u64, moved: bool) {
        if ask == self.seat.elect_ask && self.seat.elect.asked().is_some() {
            self.seat.elect = Slot::Idle;
            self.seat.elected = Some((now, moved));
        }
    }

    /// Whether this node has been well for `settle`, and leads again what it led before; sees to the latter.
    pub(super) fn is_back(&mut self, now: Moment) -> bool {
        if self.seat.well_for(now) < self.policy.settle {
            (self.seat.elect, self.seat.elected) = (Slot::Idle, None);
            return false;
        }
        match self.seat.elected {
            // any: a node without a broker leads nothing
            _ if self.kafka.is_none() => true,
            Some((at, moved)) => !moved || now.since(at) >= ELECT_REST,
            None => {
                self.seat.elect.begin(now);
                if let Turn::Ask | Turn::Lost = self.seat.elect.turn(now) {
                    self.out.asks += 1;
                    self.seat.elect_ask = self.out.asks;
                    self.out.probe(Probe::Elect { ask: self.out.asks });
                }
                false
            }
        }
    }

    /// Begins to give the lock back once nothing speaks against it, and goes on with it.
    pub(super) fn give_lock_back(&mut self, now: Moment) {
        if self.lock_is_owed() && self.is_back(now) {
            self.seat.unlock.begin(now);
        }
        if let Turn::Ask | Turn::Lost = self.seat.unlock.turn(now) {
            self.out.asks += 1;
            self.seat.unlock_ask = self.out.asks;
            self.out.probe(Probe::Unlock { ask: self.out.asks });
        }
    }

    /// Whether nothing but this node's health stands before the lock's return.
    fn lock_is_owed(&self) -> bool {
        let Some(Council { lock: LockSeen::Ours { this_boot, reason, roll: _, age }, roll, .. }) = &self.seat.seen
        else {
            return false;
        };
        let leaving = self.stop.is_some() || self.departure.is_some() || !self.seat.turn.is_rest();
        let owes_a_step = matches!(roll, RollTurn::Finish { .. });
        let command_at_work = *this_boot && reason == LOCK_FOR_REBOOT && *age < LOCK_ABANDONED;
        !leaving && !owes_a_step && !command_at_work
    }

    /// The lock that this node holds, for how long it has been well, where that is all it waits for.
    pub(super) fn lock_held(&self, now: Moment) -> Option<Duration> {
        let leaving = self.stop.is_some() || self.departure.is_some();
        (self.seat.holds_lock() && !leaving).then(|| self.seat.well_for(now))
    }

    /// When [`Supervisor::sit`] next has something to do by time alone.
    pub(super) fn wakeup_seat(&self) -> Option<Moment> {
        let settled = self.seat.well_since.map(|since| since + self.policy.settle).filter(|at| *at > self.attended);
        let council = self.seat.slot.wakeup();
        // A stop that a turn ordered goes on by itself, however long it takes.
        let turn = self.seat.turn.wakeup().filter(|_| self.stop.is_none());
        let unlocking = !matches!(self.seat.unlock, Slot::Idle);
        let departure = self.departure.as_ref().and_then(|departure| departure.wakeup(unlocking));
        let rested = self.seat.elected.map(|(at, _)| at + ELECT_REST).filter(|at| *at > self.attended);
        // It is asked again only where the lock is still to be given back.
        let elect = self.seat.elect.wakeup().filter(|at| *at > self.attended);
        let giving = earlier(earlier(self.seat.unlock.wakeup(), elect), rested);
        earlier(earlier(settled, council), earlier(earlier(giving, turn), departure))
    }
}

/// Whether a service of this kind lives: only then is there anything that the cluster could miss.
pub(super) fn lives<K: super::lane::Kind>(lane: Option<&Lane<K>>) -> bool {
    lane.is_some_and(|lane| lane.live().is_some())
}
