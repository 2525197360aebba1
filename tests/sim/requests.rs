//! What a supervisor asks of ZooKeeper besides reading: to remove a dead run's registration, and for the restart token.
//!
//! A removal has two steps with time between them, in which the session may lapse and another may register: a look (does this
//! session hold it, and which znode is it), then a removal of that znode alone. A request that is under way when its
//! supervisor dies may still be done.

use kafka_node::model::{Role, ServiceState};
use kafka_node::supervise::NodeView;

use crate::clock::{MS, SEC, Time};
use crate::driver::Driver;
use crate::ensemble::Owner;
use crate::invariants::{Broken, hold};
use crate::message::{Fenced, Message, Taking};
use crate::schedule::between;
use crate::stages::Stage;
use crate::world::{What, World};

/// After this the asking side has given up and says that it failed.
const PATIENCE: Time = 4900 * MS;
/// The session of a kafka-node lapses after this long without heartbeats.
const OWN_SESSION: Time = 10 * SEC;

/// The restart token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenZnode {
    pub node: usize,
    /// The life of the supervisor whose session holds it.
    pub life: u32,
    /// When that session lapses; unset while it is heard of or nobody leads.
    pub lapses: Option<Time>,
}

/// A removal under way.
#[derive(Clone, Copy, Debug)]
pub struct Removal {
    pub node: usize,
    pub life: u32,
    pub ask: u64,
    pub session: i64,
    /// When it was asked for.
    asked: Time,
    /// Time between the look and the removal.
    between: Time,
}

/// A health restart under way: from the signal until the service serves again.
#[derive(Clone, Copy, Debug)]
pub struct Restarting {
    pub node: usize,
    pub role: Role,
    pub life: u32,
    pub since: Time,
}

impl<D: Driver> World<D> {
    /// kafka-node's own session can be used.
    pub fn session_is_up(&self, node: usize) -> bool {
        self.ensemble.connected(node) && self.now >= self.nodes[node].no_session
    }

    /// How long a step takes: milliseconds, or seconds in bad weather.
    fn step_takes(&mut self) -> Time {
        if self.weather.slow > 0 && self.rng.chance(self.weather.slow) {
            between(&mut self.rng, 100 * MS, 5 * SEC)
        } else if self.stage == Stage::Weather {
            between(&mut self.rng, MS, 60 * MS)
        } else {
            between(&mut self.rng, MS, 5 * MS)
        }
    }

    pub fn ask_fence(&mut self, node: usize, ask: u64, session: i64) {
        let (first, then) = (self.step_takes(), self.step_takes());
        let removal = Removal { node, life: self.nodes[node].boot, ask, session, asked: self.now, between: then };
        self.after(first, What::FenceLook(removal));
        if first + then > PATIENCE {
            self.answer(node, PATIENCE, Message::Fence { ask, fenced: Fenced::Failed });
        }
    }

    fn fence_answers(&mut self, removal: Removal, fenced: Fenced) {
        let current = self.nodes[removal.node].boot == removal.life && self.nodes[removal.node].alive.is_some();
        if current && self.now - removal.asked <= PATIENCE {
            let back = between(&mut self.rng, MS, 4 * MS);
            let unsure = self.weather.unsure > 0 && self.rng.chance(self.weather.unsure);
            let fenced = if unsure { Fenced::Failed } else { fenced };
            self.answer(removal.node, back, Message::Fence { ask: removal.ask, fenced });
        }
    }

    /// The first step: who holds it, and which znode is it?
    pub fn fence_look(&mut self, removal: Removal) {
        let node = removal.node;
        if self.nodes[node].boot != removal.life && self.rng.chance(50) {
            return; // its supervisor died before it was sent
        }
        if !self.session_is_up(node) {
            return self.fence_answers(removal, Fenced::Failed);
        }
        match self.ensemble.registrations[node] {
            Some(there) if there.session == removal.session => {
                self.after(removal.between, What::FenceRemove(removal, there.stamp));
            }
            Some(there) => self.fence_answers(removal, Fenced::Foreign(there.session)),
            None => self.fence_answers(removal, Fenced::Gone),
        }
    }

    /// The second step: that znode, and no other, is removed.
    pub fn fence_remove(&mut self, removal: Removal, stamp: u64) -> Result<(), Broken> {
        let node = removal.node;
        if self.nodes[node].boot != removal.life && self.rng.chance(50) {
            return Ok(());
        }
        if !self.session_is_up(node) {
            self.fence_answers(removal, Fenced::Failed);
            return Ok(());
        }
        if self.now < self.acl {
            self.fence_answers(removal, Fenced::Refused);
            return Ok(());
        }
        let fenced = match self.ensemble.registrations[node] {
            Some(there) if there.stamp == stamp => {
                let controller = self.ensemble.controller == Some(removal.session);
                hold!(fence_only_on_proof(removal.session, self.session_lives(removal.session)));
                self.say(node, || format!("   session {} is fenced", removal.session));
                self.unregister(node);
                Fenced::Removed { controller }
            }
            Some(there) => Fenced::Foreign(there.session),
            None => Fenced::Gone,
        };
        self.fence_answers(removal, fenced);
        Ok(())
    }

    /// Whether the run that had this session lives, in truth.
    pub fn session_lives(&self, session: i64) -> bool {
        match self.ensemble.owner(session) {
            Some(Owner::Run { node, run }) => {
                self.nodes[node].jvms[Role::Kafka as usize].as_ref().is_some_and(|jvm| jvm.run == run)
            }
            Some(Owner::Stranger { .. }) => true,
            None => false,
        }
    }

    /// What one session asks is done in the order it was asked.
    fn in_turn(&mut self, node: usize) -> Time {
        let at = (self.now + self.step_takes()).max(self.nodes[node].turn + 1);
        self.nodes[node].turn = at;
        at
    }

    pub fn ask_token(&mut self, node: usize, ask: u64) {
        let (life, asked, at) = (self.nodes[node].boot, self.now, self.in_turn(node));
        self.at(at, What::TokenTake { node, life, ask, asked });
        if at - asked > PATIENCE {
            self.answer(node, PATIENCE, Message::Token { ask, taking: Taking::Unreadable });
        }
    }

    pub fn take_token(&mut self, node: usize, life: u32, ask: u64, asked: Time) {
        self.note_token();
        if self.nodes[node].boot != life || self.nodes[node].alive.is_none() {
            return;
        }
        let taking = match self.token {
            _ if !self.session_is_up(node) => Taking::Unreadable,
            Some(token) if token.node != node => Taking::Taken(token.node),
            // Ours, or an older life's of ours that is replaced.
            Some(_) | None => {
                self.token = Some(TokenZnode { node, life, lapses: None });
                self.say(node, || String::from("   has the restart token"));
                Taking::Held
            }
        };
        if self.now - asked <= PATIENCE {
            let back = between(&mut self.rng, MS, 4 * MS);
            let unsure = self.weather.unsure > 0 && self.rng.chance(self.weather.unsure);
            let taking = if unsure { Taking::Unreadable } else { taking };
            self.answer(node, back, Message::Token { ask, taking });
        }
    }

    pub fn ask_release(&mut self, node: usize) {
        let (life, at) = (self.nodes[node].boot, self.in_turn(node));
        self.at(at, What::TokenRelease { node, life });
    }

    /// Given back as soon as the session can be used, for as long as the supervisor lives.
    pub fn release_token(&mut self, node: usize, life: u32) {
        self.note_token();
        if self.nodes[node].boot != life || self.nodes[node].alive.is_none() {
            return;
        }
        if !self.session_is_up(node) {
            let at = self.now + 500 * MS;
            self.nodes[node].turn = self.nodes[node].turn.max(at);
            return self.at(at, What::TokenRelease { node, life });
        }
        if self.token.is_some_and(|token| token.node == node && token.life == life) {
            self.token = None;
            self.say(node, || String::from("   gave the restart token back"));
        }
    }

    /// Whether the session of this life of the node's supervisor is heard of.
    fn is_heard(&self, node: usize, life: u32) -> bool {
        let this = &self.nodes[node];
        this.alive.is_some() && this.boot == life && self.now >= this.asleep && self.session_is_up(node)
    }

    /// Brings the token up to date: the session that holds it may have lapsed, and the restart it was for may be over.
    pub fn note_token(&mut self) {
        let now = self.now;
        if let Some(mut token) = self.token {
            if !self.ensemble.is_led() || self.is_heard(token.node, token.life) {
                token.lapses = None;
            } else {
                token.lapses = Some(token.lapses.unwrap_or(now + OWN_SESSION));
            }
            self.token = Some(token).filter(|token| token.lapses.is_none_or(|at| at > now));
        }
        if let Some(restarting) = self.restarting {
            // Whoever was cut off, died or has taken too long does not hold the others up.
            let excused = !self.is_heard(restarting.node, restarting.life)
                || now - restarting.since >= crate::clock::short(kafka_node::supervise::policy::TOKEN_LIMIT)
                || self.nodes[restarting.node].alive.as_ref().is_none_or(|alive| alive.book.stops > 0);
            let serves = self.serves_in_truth(restarting.node, restarting.role);
            if excused || (serves && now - restarting.since > SEC) {
                self.restarting = None;
            }
        }
    }

    /// Whether the node's supervisor knows that nothing of its own wants a restart.
    pub fn knows_that_all_serve(&self, node: usize) -> bool {
        let ready = |view: &NodeView| view.services.iter().all(|service| service.state == ServiceState::Ready);
        self.view(node).is_some_and(|(view, _)| ready(&view))
    }

    fn serves_in_truth(&self, node: usize, role: Role) -> bool {
        let serving = match role {
            Role::ZooKeeper => self.ensemble.serving(),
            Role::Kafka => self.brokers,
        };
        serving & crate::ensemble::bit(node) != 0
    }
}
