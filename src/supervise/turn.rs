//! This node's turn in a roll, and its departure: what is asked and written before it goes, and after it has come back.
//!
//! # States and events of a turn in a roll
//! ```text
//! Rest --Begin--> Check --usable--> the departure --gone through--> Mark(Began) --Marked--> Go --> the next life, or the next boot
//!   ^               |                                                  |                    |
//!   |               '--unusable--> Mark(Failed) <----------------------+--- still here ------'
//!   '--- Mark(Done) <--- well for `settle` --- Finish, read in the next life or boot
//! ```
//! # Invariants
//! - A mark that could not be made for going asks the gate again: nobody goes on what it said a while ago.
//! - A step is marked as begun before the node goes, and as done only when it has been well for `settle` after it.
//! - A step that was begun and not done, by whatever crash in between, is begun once more by the node whose turn it is, and no more.

use crate::model::{MarkOutcome, Moment, Notice, RollMark, RollTurn, RollVerb};

use super::departure::{Departure, POWER_DOWN, Purpose, Step};
use super::event::{Action, Probe};
use super::policy::{LOCK_AGAIN, REBOOT_PATIENCE, RETURN_LIMIT};
use super::slot::{Slot, Turn};
use super::stop::After;
use super::supervisor::Supervisor;

/// This node's turn in a roll, as far as it is under way in this life.
#[derive(Debug, Default)]
pub(super) enum OwnTurn {
    #[default]
    Rest,
    /// Whether the next program and configuration can be used is being found out.
    Check { id: String, verb: RollVerb, slot: Slot, ask: u64 },
    /// The supervisor's departure has it.
    Leave,
    /// A mark is being written.
    Mark { id: String, verb: RollVerb, mark: RollMark, slot: Slot, ask: u64 },
    /// What was ordered will end this life.
    Go { id: String, verb: RollVerb, since: Moment },
}

impl OwnTurn {
    pub(super) fn is_rest(&self) -> bool {
        matches!(self, OwnTurn::Rest)
    }

    /// When there is next something to do by time alone.
    pub(super) fn wakeup(&self) -> Option<Moment> {
        match self {
            OwnTurn::Rest | OwnTurn::Leave => None,
            OwnTurn::Check { slot, .. } | OwnTurn::Mark { slot, .. } => slot.wakeup(),
            OwnTurn::Go { since, .. } => Some(*since + REBOOT_PATIENCE),
        }
    }
}

impl Supervisor {
    /// What a roll wants of this node.
    pub(super) fn take_turn(&mut self, now: Moment) {
        self.tick_turn(now);
        if !self.seat.turn.is_rest() || self.departure.is_some() {
            return;
        }
        let Some(council) = &self.seat.seen else { return };
        if council.power_down.is_some() {
            return; // the gate stands open for the order's sake: one of an earlier day would let every node through at once
        }
        match council.roll.clone() {
            RollTurn::Rest => {}
            RollTurn::Begin { id, verb } => self.begin_turn(now, id, verb),
            RollTurn::Finish { id, verb, this_boot, this_life, tries } => {
                let to_be_done = match verb {
                    RollVerb::Restart => self.seat.adopted,
                    RollVerb::Reboot => this_boot,
                    RollVerb::Reload => false,
                };
                if this_life {
                    // Begun by this life, which is nowhere near its end: a stop that was called off, or a mark of old.
                    self.mark_turn(now, id, verb, RollMark::Failed("the node did not go down".to_owned()));
                } else if to_be_done && tries > 1 {
                    // Once more may be the crash of a supervisor; a node that goes down again and again is worse than a roll
                    // that stops.
                    let words = format!("begun {tries} times, and the node came back each time as it was");
                    self.mark_turn(now, id, verb, RollMark::Failed(words));
                } else if to_be_done {
                    self.begin_turn(now, id, verb);
                } else if self.is_back(now) {
                    self.mark_turn(now, id, verb, RollMark::Done);
                } else if now.since(self.began) >= RETURN_LIMIT && !self.is_well() {
                    let words = format!("not well again within {} min", RETURN_LIMIT.as_secs() / 60);
                    self.mark_turn(now, id, verb, RollMark::Failed(words));
                }
            }
        }
    }

    fn begin_turn(&mut self, now: Moment, id: String, verb: RollVerb) {
        self.out.say(Notice::RollTurn { id: id.clone(), verb });
        self.seat.turn = OwnTurn::Check { id, verb, slot: Slot::Due(now), ask: 0 };
    }

    fn tick_turn(&mut self, now: Moment) {
        match &mut self.seat.turn {
            OwnTurn::Rest | OwnTurn::Leave => {}
            OwnTurn::Check { slot, ask, .. } => {
                if let Turn::Ask | Turn::Lost = slot.turn(now) {
                    self.out.asks += 1;
                    *ask = self.out.asks;
                    self.out.probe(Probe::Successor { ask: self.out.asks });
                }
            }
            OwnTurn::Mark { id, verb, mark, slot, ask } => match slot.turn(now) {
                Turn::Rest => {}
                Turn::Lost if *mark == RollMark::Began => {
                    let (id, verb) = (id.clone(), *verb);
                    self.ask_anew(now, id, verb);
                }
                Turn::Ask | Turn::Lost => {
                    self.out.asks += 1;
                    *ask = self.out.asks;
                    self.out.probe(Probe::Mark { ask: self.out.asks, id: id.clone(), mark: mark.clone() });
                }
            },
            OwnTurn::Go { id, verb, since } => {
                if now.since(*since) >= REBOOT_PATIENCE {
                    let words = match verb {
                        RollVerb::Reboot => {
                            "the reboot was ordered and did not come: is kafka-node-reboot.path active?"
                        }
                        RollVerb::Restart | RollVerb::Reload => "kafka-node was to start anew and did not",
                    };
                    let (id, verb) = (id.clone(), *verb);
                    self.mark_turn(now, id, verb, RollMark::Failed(words.to_owned()));
                }
            }
        }
    }

    /// Whether the next program and configuration can be used was found out.
    pub(super) fn handle_successor(&mut self, now: Moment, ask: u64, outcome: Result<(), String>) {
        let OwnTurn::Check { id, verb, slot, ask: asked } = &self.seat.turn else { return };
        if ask != *asked || slot.asked().is_none() {
            return;
        }
        let (id, verb) = (id.clone(), *verb);
        match outcome {
            Err(words) => self.mark_turn(now, id, verb, RollMark::Failed(words)),
            Ok(()) => {
                self.seat.turn = OwnTurn::Leave;
                self.departure = Some(Departure::roll(now, id, verb));
            }
        }
    }

    /// What became of a mark.
    pub(super) fn handle_mark(&mut self, now: Moment, ask: u64, outcome: MarkOutcome) {
        let OwnTurn::Mark { id, verb, mark, slot, ask: asked } = &mut self.seat.turn else { return };
        if ask != *asked || slot.asked().is_none() {
            return;
        }
        let (id, verb, mark) = (id.clone(), *verb, mark.clone());
        match (outcome, mark) {
            (MarkOutcome::Unread(_), RollMark::Began) => self.ask_anew(now, id, verb),
            (MarkOutcome::Unread(_), RollMark::Done | RollMark::Failed(_)) => *slot = Slot::Due(now + LOCK_AGAIN),
            (MarkOutcome::Marked, RollMark::Began) => self.go(now, id, verb),
            (MarkOutcome::Marked, RollMark::Done) => {
                self.out.say(Notice::RollDone { id });
                self.rest(now);
            }
            (MarkOutcome::Marked, RollMark::Failed(words)) => {
                self.out.say(Notice::RollFails { id, words });
                self.rest(now);
            }
            // The roll was paused, ended or replaced meanwhile, and the lock goes back with health. A step that an earlier life
            // began would be begun again for ever: it has failed.
            (MarkOutcome::Refused(words), RollMark::Began) => self.mark_turn(now, id, verb, RollMark::Failed(words)),
            (MarkOutcome::Refused(_), RollMark::Done | RollMark::Failed(_)) => self.rest(now),
        }
    }

    /// Nothing is under way any more, and what was read before says nothing.
    fn rest(&mut self, now: Moment) {
        self.seat.turn = OwnTurn::Rest;
        if let Some(seen) = &mut self.seat.seen {
            seen.roll = RollTurn::Rest;
        }
        self.seat.slot.sooner(now);
    }

    fn go(&mut self, now: Moment, id: String, verb: RollVerb) {
        self.seat.turn = OwnTurn::Go { id, verb, since: now };
        match verb {
            RollVerb::Restart => self.begin_stop(now, After::Anew),
            RollVerb::Reload => self.out.act(Action::Anew),
            RollVerb::Reboot => self.out.act(Action::Reboot),
        }
    }

    /// Takes the departure as far as it goes now, with what its last answer came to.
    pub(super) fn depart(&mut self, now: Moment, step: Step) {
        let Some(departure) = &mut self.departure else { return };
        match step {
            Step::Wait if departure.is_over(now) => {
                let (waited, denials) = (now.since(departure.since), departure.denials().to_vec());
                self.out.say(Notice::GateExpired { waited, denials });
                self.gone(now);
            }
            // What is being given back would be gone again a moment after it was taken.
            Step::Wait => departure.tick(now, !matches!(self.seat.unlock, Slot::Idle), &mut self.out),
            Step::Locked => {
                if !self.seat.lock_said {
                    self.seat.lock_said = true;
                    self.out.say(Notice::LockTaken);
                }
                departure.tick(now, false, &mut self.out);
            }
            Step::GiveBack => {
                self.seat.unlock = Slot::Due(now);
                self.give_lock_back(now);
            }
            Step::Allowed(remarks) => {
                let (departing, waited) = (departure.departing(), now.since(departure.since));
                // Those that come to the gate after this node has gone could not see any more that all go.
                if departure.is_for_good() && remarks.iter().any(|said| said.code == POWER_DOWN) {
                    self.out.act(Action::OrderPowerDown);
                }
                self.out.say(Notice::GateOpens { departing, waited, remarks });
                self.gone(now);
            }
            Step::Ungated => self.gone(now),
        }
    }

    /// The way is free.
    fn gone(&mut self, now: Moment) {
        let Some(departure) = self.departure.take() else { return };
        match departure.purpose {
            Purpose::Stop => {
                self.begin_stop(now, After::End);
                self.advance_stop(now); // where time alone opened the way, nothing else does before the next look
            }
            Purpose::Roll { id, verb } => self.mark_turn(now, id, verb, RollMark::Began),
        }
    }

    /// That the node goes could not be written, or is not known to be: what the gate said ages meanwhile, so it is asked again.
    fn ask_anew(&mut self, now: Moment, id: String, verb: RollVerb) {
        self.seat.turn = OwnTurn::Leave;
        self.departure = Some(Departure::roll(now + LOCK_AGAIN, id, verb));
    }

    /// A stop was asked for: what a roll wants of this node can wait.
    pub(super) fn leave_roll(&mut self) {
        self.seat.turn = OwnTurn::Rest;
        self.departure = None;
    }

    fn mark_turn(&mut self, now: Moment, id: String, verb: RollVerb, mark: RollMark) {
        self.seat.turn = OwnTurn::Mark { id, verb, mark, slot: Slot::Due(now), ask: 0 };
    }
}
