//! What the world drives: the real supervisor, or one that was broken on purpose (`mutants.rs`).

use kafka_node::model::{Moment, Rng};
use kafka_node::supervise::{Action, Event, NodeView, Past, Policy, Supervisor};

/// The face of `Supervisor` that the runtime uses, so that a test can stand between it and the world.
pub trait Driver {
    fn new(policy: Policy, past: &Past, now: Moment, rng: Rng) -> Self;
    fn handle_event(&mut self, now: Moment, event: Event);
    fn handle_timeout(&mut self, now: Moment);
    fn poll_action(&mut self) -> Option<Action>;
    fn poll_timeout(&self) -> Option<Moment>;
    fn is_stopping(&self) -> bool;
    fn has_stopped(&self) -> bool;
    fn view(&self, now: Moment) -> NodeView;
}

impl Driver for Supervisor {
    fn new(policy: Policy, past: &Past, now: Moment, rng: Rng) -> Self {
        Supervisor::new(policy, past, now, rng)
    }

    fn handle_event(&mut self, now: Moment, event: Event) {
        Supervisor::handle_event(self, now, event);
    }

    fn handle_timeout(&mut self, now: Moment) {
        Supervisor::handle_timeout(self, now);
    }

    fn poll_action(&mut self) -> Option<Action> {
        Supervisor::poll_action(self)
    }

    fn poll_timeout(&self) -> Option<Moment> {
        Supervisor::poll_timeout(self)
    }

    fn is_stopping(&self) -> bool {
        Supervisor::is_stopping(self)
    }

    fn has_stopped(&self) -> bool {
        Supervisor::has_stopped(self)
    }

    fn view(&self, now: Moment) -> NodeView {
        Supervisor::view(self, now)
    }
}
