//! Supervisors that break one promise each, to show that the invariants can fail.

use std::time::Duration;

use kafka_node::model::{CouncilOutcome, GateOutcome, MarkOutcome, Moment, Rng, RollMark, TokenOutcome};
use kafka_node::supervise::{Action, Event, NodeView, Past, Policy, Probe, Supervisor};

use crate::driver::Driver;

/// What is wrong with a supervisor.
pub trait Flaw: Default {
    fn policy(policy: Policy) -> Policy {
        policy
    }

    /// What it hears in place of what it is told.
    fn hears(&mut self, event: Event) -> Event {
        event
    }

    /// What it tells itself in place of an action.
    fn does(&mut self, action: Action) -> Result<Action, Box<Event>> {
        Ok(action)
    }
}

pub struct Mutant<F> {
    inner: Supervisor,
    flaw: F,
    now: Moment,
}

impl<F: Flaw> Driver for Mutant<F> {
    fn new(policy: Policy, past: &Past, now: Moment, rng: Rng) -> Self {
        Mutant { inner: Supervisor::new(F::policy(policy), past, now, rng), flaw: F::default(), now }
    }

    fn handle_event(&mut self, now: Moment, event: Event) {
        self.now = now;
        let event = self.flaw.hears(event);
        self.inner.handle_event(now, event);
    }

    fn handle_timeout(&mut self, now: Moment) {
        self.now = now;
        self.inner.handle_timeout(now);
    }

    fn poll_action(&mut self) -> Option<Action> {
        loop {
            match self.flaw.does(self.inner.poll_action()?) {
                Ok(action) => return Some(action),
                Err(event) => self.inner.handle_event(self.now, *event),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Moment> {
        self.inner.poll_timeout()
    }

    fn is_stopping(&self) -> bool {
        self.inner.is_stopping()
    }

    fn has_stopped(&self) -> bool {
        self.inner.has_stopped()
    }

    fn view(&self, now: Moment) -> NodeView {
        self.inner.view(now)
    }
}

/// It says that it has the lock, and never asks for it.
#[derive(Default)]
pub struct TakesNoLock;

impl Flaw for TakesNoLock {
    fn does(&mut self, action: Action) -> Result<Action, Box<Event>> {
        match action {
            Action::Probe(Probe::Lock { ask, .. }) => Err(Box::new(Event::Lock { ask, outcome: TokenOutcome::Held })),
            action => Ok(action),
        }
    }
}

/// It goes on what the gate said before it had the lock.
#[derive(Default)]
pub struct AsksOnce {
    held: bool,
}

impl Flaw for AsksOnce {
    fn hears(&mut self, event: Event) -> Event {
        self.held |= matches!(event, Event::Lock { outcome: TokenOutcome::Held, .. });
        event
    }

    fn does(&mut self, action: Action) -> Result<Action, Box<Event>> {
        match action {
            Action::Probe(Probe::Gate { ask, .. }) if std::mem::take(&mut self.held) => {
                Err(Box::new(Event::Gate { ask, outcome: GateOutcome::Allowed(Vec::new()) }))
            }
            action => Ok(action),
        }
    }
}

/// It gives the lock back as soon as it is well.
#[derive(Default)]
pub struct NeverSettles;

impl Flaw for NeverSettles {
    fn policy(policy: Policy) -> Policy {
        Policy { settle: Duration::ZERO, ..policy }
    }
}

/// It goes for a roll, and nobody is told.
#[derive(Default)]
pub struct MarksNothing;

impl Flaw for MarksNothing {
    fn does(&mut self, action: Action) -> Result<Action, Box<Event>> {
        match action {
            Action::Probe(Probe::Mark { ask, mark: RollMark::Began, .. }) => {
                Err(Box::new(Event::Mark { ask, outcome: MarkOutcome::Marked }))
            }
            action => Ok(action),
        }
    }
}

/// It takes an order that stood when it began for a new one.
#[derive(Default)]
pub struct ObeysForEver {
    sat: bool,
}

impl Flaw for ObeysForEver {
    fn hears(&mut self, event: Event) -> Event {
        match event {
            Event::Council { ask, outcome: CouncilOutcome::Seen(mut council) } => {
                if !std::mem::replace(&mut self.sat, true) {
                    council.power_down = None;
                }
                Event::Council { ask, outcome: CouncilOutcome::Seen(council) }
            }
            event => event,
        }
    }
}

/// It takes every denial for an allowance.
#[derive(Default)]
pub struct HeedsNoGate;

impl Flaw for HeedsNoGate {
    fn hears(&mut self, event: Event) -> Event {
        match event {
            Event::Gate { ask, .. } => Event::Gate { ask, outcome: GateOutcome::Allowed(Vec::new()) },
            event => event,
        }
    }
}
