//! The supervisor itself (being written).

use std::collections::VecDeque;

use crate::model::{Moment, NodeState, Rng};

use super::{Action, Event, NodeView, Policy};

/// Decides everything about the JVMs of one node. It performs nothing: it is told events and the time, and asked for actions.
#[derive(Debug)]
pub struct Supervisor {
    policy: Policy,
    rng: Rng,
    actions: VecDeque<Action>,
}

impl Supervisor {
    /// A supervisor that begins to start its services at once.
    pub fn new(policy: Policy, _now: Moment, rng: Rng) -> Supervisor {
        Supervisor { policy, rng, actions: VecDeque::new() }
    }

    /// Takes in something that happened.
    pub fn handle_event(&mut self, _now: Moment, _event: Event) {
        let _ = (&self.policy, &self.rng);
    }

    /// To be called at [`Supervisor::poll_timeout`] or later; harmless earlier.
    pub fn handle_timeout(&mut self, _now: Moment) {}

    /// The next thing to do, until there is none.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Supervisor::handle_timeout`]; `None` when only an event can change anything.
    pub fn poll_timeout(&self) -> Option<Moment> {
        None
    }

    /// The node as it is now, for people and for status.
    pub fn view(&self, now: Moment) -> NodeView {
        NodeView {
            state: NodeState::Waiting,
            ready: false,
            status: String::new(),
            since: now,
            services: Vec::new(),
            waiting_for: Vec::new(),
        }
    }
}
