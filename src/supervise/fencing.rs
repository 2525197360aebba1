//! Fencing: the registration that a dead broker run left in ZooKeeper is removed, so that leaders move at once and the next
//! start meets no NodeExists. Without it both wait for the session to expire (18 s by default).
//!
//! # States and events
//! ```text
//! None --(a run with known sessions is proven dead)--> Owed --ask--> Asked --Removed, Gone, Foreign, Refused--> None
//!                                                        ^-------------'  Failed, or no answer
//! Owed --(a new run is ordered)--> None
//! ```
//! # Invariants
//! - Only on proof: a debt is made from `Exited` (reaped, or gone from /proc) or from a past run that is dead, never else.
//! - Only the dead run's own sessions are named, so nobody else's registration can be meant.
//! - Never while a run of ours lives: a new run forgets the debt, and is not ordered while an answer is awaited.
//!
//! Absent on purpose: how the removal is guarded (`cluster`, ADR 12).

use crate::model::{FenceOutcome, Moment, Notice, Role, RunId, SessionId, WaitReason};

use super::event::{Action, Probe};
use super::lane::Out;
use super::past::Past;
use super::policy::{FENCE_AGAIN, FENCE_EAGER};
use super::slot::{Slot, Turn};

/// What is owed to a dead run; `debt` is `None` at rest.
#[derive(Debug, Default)]
pub(super) struct Fencing {
    present: Option<Present>,
    debt: Option<Debt>,
}

/// The broker run that is ordered or lives.
#[derive(Debug)]
struct Present {
    run: RunId,
    /// Those that are surely its own, oldest first.
    sessions: Vec<SessionId>,
    /// It names its sessions itself. Then no other evidence counts: a stranger's broker with our id could take our place.
    speaks: bool,
}

#[derive(Debug)]
struct Debt {
    run: RunId,
    /// The dead run's sessions that may still hold something, newest first.
    sessions: Vec<SessionId>,
    since: Moment,
    slot: Slot,
    /// The number of the attempt whose answer counts.
    ask: u64,
    /// Why the last attempt failed; empty before one has.
    words: String,
    /// That attempts fail was said.
    said: bool,
}

/// A run that lost its session time and again is known by its last ones.
const MOST_SESSIONS: usize = 4;

impl Fencing {
    /// What is owed to the dead runs of an earlier supervisor; `lives` is the one that is adopted.
    pub(super) fn inherit(&mut self, now: Moment, past: &Past, out: &mut Out) {
        if let Some((run, _, _)) = past.living(Role::Kafka) {
            let speaks = !run.sessions.is_empty();
            self.present = Some(Present { run: run.run, sessions: run.sessions.clone(), speaks });
        }
        let mut sessions = Vec::new();
        let mut newest = None;
        for dead in past.dead(Role::Kafka) {
            if let Some(older) = newest.replace(dead.run) {
                out.act(Action::Settle { role: Role::Kafka, run: older });
            }
            sessions.extend(dead.sessions.iter().copied());
        }
        let Some(run) = newest else { return };
        if self.present.is_some() {
            // A later run lives: nothing of the dead one stood in its way.
            out.act(Action::Settle { role: Role::Kafka, run });
        } else {
            self.owe(now, run, &sessions, out);
        }
    }

    /// The run that is ordered or lives at present; whatever a dead one left stands no more, or may not be touched any more.
    pub(super) fn note_run(&mut self, run: Option<RunId>, out: &mut Out) {
        let Some(run) = run else { return };
        if self.present.as_ref().is_none_or(|present| present.run != run) {
            self.present = Some(Present { run, sessions: Vec::new(), speaks: false });
            self.forget(out);
        }
    }

    /// The present run has this session, by its own `words` or because it serves with it. `true` where that is news.
    pub(super) fn note_session(&mut self, run: RunId, session: SessionId, words: bool) -> bool {
        let Some(Present { sessions, speaks, .. }) = self.present.as_mut().filter(|present| present.run == run) else {
            return false;
        };
        if *speaks && !words {
            return false;
        }
        *speaks |= words;
        if sessions.last() == Some(&session) {
            return false;
        }
        sessions.retain(|known| *known != session);
        sessions.push(session);
        if sessions.len() > MOST_SESSIONS {
            sessions.remove(0);
        }
        true
    }

    /// The present run is proven dead. One that stopped cleanly closed its session itself.
    pub(super) fn note_end(&mut self, now: Moment, run: RunId, clean: bool, out: &mut Out) {
        let Some(Present { sessions, .. }) = self.present.take_if(|present| present.run == run) else { return };
        if clean {
            out.act(Action::Settle { role: Role::Kafka, run });
        } else {
            self.owe(now, run, &sessions, out);
        }
    }

    /// A run is proven dead. `sessions` are those that it is known to have had, oldest first.
    fn owe(&mut self, now: Moment, run: RunId, sessions: &[SessionId], out: &mut Out) {
        if sessions.is_empty() {
            // Nothing is known that could be removed: what stands there is waited for.
            out.act(Action::Settle { role: Role::Kafka, run });
            return;
        }
        let sessions: Vec<SessionId> = sessions.iter().rev().copied().collect();
        if let Some(older) = self.debt.take() {
            // The newer run began because nothing stood in its way.
            out.act(Action::Settle { role: Role::Kafka, run: older.run });
        }
        self.debt =
            Some(Debt { run, sessions, since: now, slot: Slot::Due(now), ask: 0, words: String::new(), said: false });
    }

    fn forget(&mut self, out: &mut Out) {
        if let Some(debt) = self.debt.take() {
            out.act(Action::Settle { role: Role::Kafka, run: debt.run });
        }
    }

    /// Something is owed.
    pub(super) fn owes(&self) -> bool {
        self.debt.is_some()
    }

    /// An answer is awaited, and a start before it could be hit by a late removal.
    pub(super) fn is_asking(&self) -> bool {
        self.debt.as_ref().is_some_and(|debt| debt.slot.asked().is_some())
    }

    /// Since when something is owed.
    pub(super) fn owes_since(&self) -> Option<Moment> {
        self.debt.as_ref().map(|debt| debt.since)
    }

    /// What is waited for, where something is owed.
    pub(super) fn reason(&self) -> Option<WaitReason> {
        let debt = self.debt.as_ref()?;
        let session = debt.sessions.first().copied()?;
        Some(WaitReason::Fencing { session, words: debt.words.clone() })
    }

    /// Asks what is due.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Out) {
        let Some(debt) = &mut self.debt else { return };
        let Some(session) = debt.sessions.first().copied() else { return };
        match debt.slot.turn(now) {
            Turn::Ask | Turn::Lost => {
                out.asks += 1;
                debt.ask = out.asks;
                out.probe(Probe::Fence { ask: out.asks, session });
            }
            Turn::Rest => {}
        }
    }

    /// An attempt was answered. One that failed is said where there is a `quorum` that should have let it through.
    pub(super) fn handle(&mut self, now: Moment, ask: u64, outcome: FenceOutcome, quorum: bool, out: &mut Out) {
        let Some(debt) = &mut self.debt else { return };
        let (run, Some(session)) = (debt.run, debt.sessions.first().copied()) else { return };
        if debt.ask != ask {
            return; // of an attempt that was given up
        }
        match outcome {
            FenceOutcome::Removed { controller } => {
                out.say(Notice::Fenced { run, session, controller, after: now.since(debt.since) });
            }
            FenceOutcome::Gone => {}
            FenceOutcome::Foreign(owner) => {
                // An earlier session of the very same run, which lost it and had no time to register anew.
                debt.sessions.remove(0);
                if debt.sessions.contains(&owner) {
                    debt.sessions.retain(|session| *session == owner);
                    debt.slot = Slot::Due(now);
                    return;
                }
                out.say(Notice::FenceForeign { run, owner });
            }
            FenceOutcome::Refused(words) => out.say(Notice::FenceDenied { run, session, words }),
            FenceOutcome::Failed(words) => {
                if quorum && !std::mem::replace(&mut debt.said, true) {
                    out.say(Notice::FenceFailed { run, session, words: words.clone() });
                }
                debt.words = words;
                let eager = now.since(debt.since) < FENCE_EAGER;
                debt.slot = Slot::Due(now + if eager { FENCE_AGAIN / 5 } else { FENCE_AGAIN });
                return;
            }
        }
        self.forget(out);
    }

    /// When [`Fencing::tick`] next has something to do.
    pub(super) fn wakeup(&self) -> Option<Moment> {
        self.debt.as_ref()?.slot.wakeup()
    }
}
