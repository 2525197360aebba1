//! What the books learn from what a supervisor is told, and from what it does and says.

use kafka_node::config::Gate;
use kafka_node::model::{
    CouncilOutcome, Departing, GateOutcome, LockSeen, MarkOutcome, Notice, RollMark, RollVerb, StopCause,
    SystemOutcome, TokenOutcome, WaitReason,
};
use kafka_node::supervise::{Event, Probe};

use crate::book::Fact;
use crate::driver::Driver;
use crate::world::World;

impl<D: Driver> World<D> {
    /// Before the supervisor is told.
    pub fn note_told(&mut self, node: usize, event: &Event) {
        let now = self.now;
        let life = &mut self.book.nodes[node].life;
        match event {
            Event::Stop { cause } => match life.stop {
                None => {
                    let gate = self.schedule.gate;
                    let asks = match cause {
                        StopCause::Signal { .. } => true,
                        StopCause::Command { .. } => gate == Gate::Always,
                        StopCause::PowerDown | StopCause::Roll => false,
                    };
                    // Where nothing lives here nothing can be missed.
                    let lives = self.nodes[node].jvms.iter().any(Option::is_some);
                    life.stop = Some((now, asks && lives));
                    (life.may_lock, life.verdict) = (false, None);
                    // It waits anew, whatever it was about to do and had asked.
                    (life.gate_ask, life.lock_ask, life.mark_ask) = (0, 0, None);
                    self.book.nodes[node].leaving = None;
                }
                Some(_) => life.excused = true,
            },
            Event::System { outcome: SystemOutcome::Staying, .. } => life.stays = true,
            Event::Mark { ask, outcome } => {
                if let Some((_, id, mark)) = life.mark_ask.take_if(|(asked, _, _)| asked == ask) {
                    self.note_marked(node, &id, &mark, outcome);
                }
            }
            Event::Gate { ask, outcome } => {
                if let Some(verdict) = life.looks.remove(ask).filter(|_| life.gate_ask == *ask) {
                    life.may_lock = matches!(outcome, GateOutcome::Allowed(_));
                    life.verdict = Some(verdict);
                }
            }
            Event::Lock { ask, outcome } if *ask == life.lock_ask => match outcome {
                TokenOutcome::Held => {
                    life.held = Some(now);
                    self.book.nodes[node].taken = Some(now);
                    self.book.nodes[node].down_since_taken = false;
                }
                TokenOutcome::Taken(_) | TokenOutcome::Unreadable(_) => life.may_lock = false,
            },
            Event::Unlock { outcome: Ok(()), .. } => (life.unlocking, life.held) = (false, None),
            Event::Council { ask, outcome: CouncilOutcome::Seen(council) } if *ask == life.council_ask => {
                life.sits.get_or_insert(now);
                let order = council.power_down.as_ref().map(|order| order.number);
                let first = *life.first_order.get_or_insert(order);
                life.ordered |= order.is_some() && order != first;
                let ours = matches!(council.lock, LockSeen::Ours { .. });
                if let Some(since) = self.book.nodes[node].kept.take().filter(|_| !ours) {
                    self.book.facts.push(Fact::Forgets { node, since });
                }
            }
            _ => {}
        }
    }

    /// What it asks.
    pub fn note_asked(&mut self, node: usize, probe: &Probe) {
        let life = &mut self.book.nodes[node].life;
        match probe {
            Probe::Lock { ask, .. } => {
                life.lock_ask = *ask;
                self.book.facts.push(Fact::AsksForLock { node });
            }
            Probe::Council { ask, .. } => life.council_ask = *ask,
            Probe::Mark { ask, id, mark } => life.mark_ask = Some((*ask, id.clone(), mark.clone())),
            Probe::Unlock { .. } => (life.unlocking, life.held) = (true, None),
            Probe::Gate { ask, .. } => {
                life.gate_ask = *ask;
                life.dumb = life.dumb.or(Some(self.now));
            }
            _ => {}
        }
    }

    /// A mark of this node's was made, and it is told so.
    fn note_marked(&mut self, node: usize, id: &str, mark: &RollMark, outcome: &MarkOutcome) {
        if *mark != RollMark::Began || *outcome != MarkOutcome::Marked {
            return;
        }
        let reload = self.verbs.get(id) == Some(&RollVerb::Reload);
        if let Some(roll) = self.book.rolls.get_mut(id) {
            roll.goes[node] += 1;
        }
        self.book.facts.push(Fact::Touches { node, id: id.to_owned() });
        self.book.facts.push(Fact::Begins { node, gated: true });
        self.book.nodes[node].leaving = Some(!reload);
        self.counts.steps += 1;
    }

    /// What it says.
    pub fn note_said(&mut self, node: usize, notice: &Notice) {
        let now = self.now;
        match notice {
            Notice::GateOpens { departing, .. } => {
                self.counts.opened += 1;
                let book = &mut self.book.nodes[node];
                book.life.opened = Some(now);
                book.life.dumb = None;
                self.book.facts.push(Fact::Opens { node, roll: *departing != Departing::Stop });
                if *departing == Departing::Stop {
                    book.life.begun = true;
                    let order = book.life.verdict.as_ref().is_some_and(|verdict| verdict.power_down);
                    book.leaving = Some(!order);
                    self.book.facts.push(Fact::Begins { node, gated: true });
                }
            }
            Notice::GateExpired { .. } => {
                self.counts.expired += 1;
                let book = &mut self.book.nodes[node];
                book.life.excused = true;
                self.book.facts.push(Fact::Expires { node });
            }
            Notice::PowerDown { words } => {
                let number = words.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
                *self.book.nodes[node].obeyed.entry(number).or_default() += 1;
                self.book.nodes[node].life.excused = true;
                self.book.facts.push(Fact::Obeys { node, number });
                self.book.excuse(node);
                self.counts.orders += 1;
            }
            // It stays after all.
            Notice::RollFails { .. } => self.book.nodes[node].leaving = None,
            Notice::StopAgain { .. } => self.book.nodes[node].life.excused = true,
            Notice::Terminates { reason, .. } if !matches!(reason, kafka_node::model::SignalReason::Health(_)) => {
                let book = &mut self.book.nodes[node];
                if !std::mem::replace(&mut book.life.begun, true) && book.leaving != Some(true) {
                    book.leaving = Some(false);
                    self.book.facts.push(Fact::Begins { node, gated: false });
                }
            }
            _ => {}
        }
    }

    /// What it shows while somebody waits for its end.
    pub fn listen(&mut self, node: usize, denied: bool) {
        let (local, now) = (self.local(node), self.now);
        let life = &mut self.book.nodes[node].life;
        let stops = life.stop.is_some() && !life.begun;
        let Some(supervisor) = &self.nodes[node].supervisor else { return };
        if !(stops || denied || life.dumb.is_some()) || supervisor.has_stopped() {
            return;
        }
        let view = supervisor.view(local);
        let gate = view.waiting_for.iter().find_map(|waiting| match &waiting.reason {
            WaitReason::Gate { denials, .. } => Some(denials.is_empty()),
            _ => None,
        });
        life.dumb = match gate {
            Some(true) => life.dumb.or(Some(now)),
            Some(false) | None => None,
        };
        let asks = self.book.facts.contains(&Fact::AsksForLock { node });
        if denied && gate == Some(true) && !asks {
            self.book.facts.push(Fact::DeniedWithoutWords { node });
        }
        let lives = self.nodes[node].jvms.iter().any(Option::is_some);
        if stops && lives && view.waiting_for.is_empty() && !view.status.contains("stop") {
            self.book.facts.push(Fact::Mute { node });
        }
    }
}
