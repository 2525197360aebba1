//! One supervisor after another: how they end while their JVMs live on, and what the next one is told.
//!
//! What a dead supervisor had been told is lost, and so is what it had decided and not yet done. The record on disk and
//! the lines in the pipes remain. Ends of JVMs in between are seen by nobody.

use kafka_node::model::{ExitStatus, Rng, Role, RunId};
use kafka_node::supervise::{Action, Fate, Past, Probe};

use crate::book::Book;
use crate::clock::{MS, SEC, Time};
use crate::driver::Driver;
use crate::invariants::Broken;
use crate::message::Message;
use crate::schedule::{End, between};
use crate::stages::Stage;
use crate::world::{Alive, What, World};

/// From an unclean end of a broker of which all is known to the removal of what it left.
const FENCED_WITHIN: Time = SEC;

impl<D: Driver> World<D> {
    /// Begins a life of the node's supervisor.
    pub fn begin(&mut self, node: usize) -> Result<(), Broken> {
        if self.nodes[node].alive.is_some() || self.stage == Stage::Stopping {
            return Ok(());
        }
        self.nodes[node].powered = true;
        let policy = self.policy(node);
        let past = self.nodes[node].record.past(&self.nodes[node].jvms, self.now);
        let rng = Rng::new(self.rng.next_u64());
        let supervisor = D::new(policy.clone(), &past, self.local(node), rng);
        let book = Book::new(&policy, &past, self.now);
        self.nodes[node].alive = Some(Alive { supervisor, policy, book, wake: None, handled: 0, since: self.now });
        self.say(node, || format!("a supervisor begins; it is told of {:?}", past.runs));
        self.expect_fence_of_past(node, &past);
        for (run, session) in std::mem::take(&mut self.nodes[node].unread) {
            let soon = between(&mut self.rng, MS, 100 * MS);
            self.send(node, soon, Message::Session { run, session });
        }
        self.drain(node, false)
    }

    /// The supervisor ends in this way, now or soon.
    pub fn end_supervisor(&mut self, node: usize, end: End) {
        if self.nodes[node].alive.is_none() {
            return;
        }
        let boot = self.nodes[node].boot;
        match end {
            End::Kill => self.supervisor_is_gone(node),
            End::HalfWay => self.nodes[node].half_way = true,
            End::Stop { lasts, killed } => {
                self.nodes[node].asleep = self.nodes[node].asleep.max(self.now + lasts);
                if killed {
                    self.after(lasts, What::WatchdogKills { node, boot });
                }
            }
            End::Reload => {
                self.supervisor_is_gone(node);
                let life = self.nodes[node].boot;
                for jvm in self.nodes[node].jvms.iter_mut().flatten() {
                    if jvm.parent == boot {
                        jvm.parent = life;
                    }
                }
                let soon = between(&mut self.rng, MS, 50 * MS);
                self.after(soon, What::Begin { node, boot: life });
            }
        }
    }

    /// The supervisor is dead; another comes soon.
    pub fn supervisor_is_gone(&mut self, node: usize) {
        self.say(node, || String::from("the supervisor is dead"));
        let stopping = self.nodes[node].alive.as_ref().is_some_and(|alive| alive.book.stops > 0);
        let this = &mut self.nodes[node];
        this.alive = None;
        this.half_way = false;
        this.asleep = 0;
        this.boot += 1;
        let boot = this.boot;
        let soon = between(&mut self.rng, 100 * MS, 3 * SEC);
        if stopping {
            // A stop was intended: the unit's sweep ends what is left, and somebody starts it again later.
            for role in Role::ALL {
                self.doom(node, role, ExitStatus::Signal(9), 2 * SEC);
            }
            return self.after(3 * SEC + soon, What::Begin { node, boot });
        }
        self.after(soon, What::Begin { node, boot });
    }

    /// How much of a batch a supervisor that dies half way still does; all of it for any other.
    pub fn cut(&mut self, node: usize, batch: &[Action]) -> Option<usize> {
        let matters = |action: &Action| match action {
            Action::Probe(Probe::Fence { .. } | Probe::Token { .. }) => true,
            Action::Probe(_) | Action::Announce(_) => false,
            _ => true,
        };
        if !self.nodes[node].half_way || !batch.iter().any(matters) {
            return None;
        }
        Some(self.rng.below(batch.len() as u64 + 1) as usize)
    }

    /// A dead broker's registration is to go soon, where all is known and all is well.
    pub fn expect_fence(&mut self, node: usize, run: RunId) {
        let Some(entry) = self.nodes[node].record.entry(run) else { return };
        let Some(session) = entry.sessions.last().copied() else { return };
        if self.ensemble.registrations[node].is_some_and(|there| there.session == session) {
            let (life, since) = (self.nodes[node].boot, self.now);
            self.after(FENCED_WITHIN, What::FenceDue { node, life, session, since });
        }
    }

    fn expect_fence_of_past(&mut self, node: usize, past: &Past) {
        let lives = past.runs.iter().any(|run| run.role == Role::Kafka && run.fate != Fate::Dead);
        let newest = past.runs.iter().rfind(|run| run.role == Role::Kafka).map(|run| run.run);
        if let (Some(run), false) = (newest, lives) {
            self.expect_fence(node, run);
        }
    }
}
