//! Kafka's lane: what must be seen before a start, and what is known of a living broker.
//!
//! A start needs, in this order and fresh: a clear look at the machine, a quorum, and no registration under `/brokers/ids/N`.
//! A stop is deferred while the broker starts or recovers: `stop.rs`. Absent on purpose: ending a broker that hangs
//! (`attend.rs`), and removing what a dead one left (`fencing.rs`).

use std::time::Duration;

use crate::model::{
    Blame, BrokerOutcome, BrokerReadiness, InSyncOutcome, Moment, Notice, PreflightOutcome, Progress,
    RegistrationOutcome, Role, RunId, WaitReason,
};

use super::broker::{Facts, behind};
use super::event::{Action, Mark, Probe};
use super::health::{Health, Verdict};
use super::lane::{Kind, Lane, Level, Out, State};
use super::past::PastRun;
use super::policy::{
    EAGER_INTERVAL, HEALTH_INTERVAL, IN_SYNC_INTERVAL, PATIENT_INTERVAL, PROGRESS_INTERVAL, Policy, WAIT_INTERVAL,
};
use super::registration::Wait;
use super::slot::{Slot, Turn, earlier, round};
use super::zookeeper::{announce_change, next_look};

/// The kind of lane that Kafka's is.
#[derive(Debug)]
pub(super) struct Kafka;

impl Kind for Kafka {
    const ROLE: Role = Role::Kafka;
    type Wait = Wait;
    type Facts = Facts;

    fn facts(now: Moment, late: Duration) -> Facts {
        Facts::new(now, late)
    }

    fn spawned(facts: &mut Facts, now: Moment) {
        facts.broker = Slot::Due(now + EAGER_INTERVAL);
        facts.progress = Slot::Due(now + PROGRESS_INTERVAL);
    }

    fn adopted(facts: &mut Facts, past: &PastRun, now: Moment) {
        facts.broker = Slot::Due(now);
        facts.registration = Slot::Due(now);
        facts.ever_served = past.served;
        facts.adopted = true;
    }

    fn health(facts: &Facts) -> &Health {
        &facts.health
    }

    fn health_mut(facts: &mut Facts) -> &mut Health {
        &mut facts.health
    }

    fn leaders(facts: &Facts, now: Moment) -> Slot {
        // The look at the ISRs shows them too: one that is under way is not asked again.
        if facts.in_sync.asked().is_some() { facts.in_sync } else { Slot::Due(now) }
    }

    fn wait(now: Moment) -> Wait {
        Wait::new(now)
    }
}

impl Lane<Kafka> {
    /// The look before the start has answered.
    pub(super) fn handle_preflight(&mut self, now: Moment, outcome: PreflightOutcome, out: &mut Out) {
        match &mut self.state {
            State::Waiting(wait) => match outcome {
                PreflightOutcome::Clear => {
                    wait.clear = Some(now);
                    wait.held.clear();
                    wait.preflight = Slot::Idle;
                }
                PreflightOutcome::Held(reasons) => {
                    announce_change(Role::Kafka, &wait.held, &reasons, out);
                    wait.clear = None;
                    wait.held = reasons;
                    wait.preflight = Slot::Due(now + WAIT_INTERVAL);
                }
            },
            // A late answer: what it looked before is past.
            State::Down | State::Starting(_) | State::Up(_) | State::Ready(_) => {}
            State::Terminating(_) | State::Killing(_) | State::Backoff(_) | State::Failed(_) => {}
        }
    }

    /// `/brokers/ids/N` was read, or could not be.
    pub(super) fn handle_registration(
        &mut self,
        now: Moment,
        ask: u64,
        outcome: RegistrationOutcome,
        policy: &Policy,
        out: &mut Out,
    ) {
        match &mut self.state {
            State::Waiting(wait) if wait.ask == ask => self.registration_before_start(now, outcome, policy, out),
            State::Starting(live) | State::Up(live) | State::Ready(live) if live.facts.ask == ask => {
                let facts = &mut live.facts;
                match outcome {
                    RegistrationOutcome::Absent => {
                        facts.registered = None;
                        facts.unregistered = facts.unregistered.or(Some(now));
                    }
                    RegistrationOutcome::Held { session, .. } => {
                        facts.unregistered = None;
                        facts.registered = (facts.foreign != Some(session)).then_some(session);
                    }
                    // Perhaps there is no quorum, and then it cannot register either.
                    RegistrationOutcome::Unreadable(_) => facts.unregistered = None,
                }
                let registered = facts.registered.is_some();
                let next = if registered { round(now, policy.probe_interval) } else { now + EAGER_INTERVAL };
                facts.registration = Slot::Due(next);
                self.judge(now, policy, out);
            }
            // An answer to an older question: it may have been read before the last life ended.
            State::Waiting(_) | State::Starting(_) | State::Up(_) | State::Ready(_) => {}
            State::Down | State::Terminating(_) | State::Killing(_) | State::Backoff(_) | State::Failed(_) => {}
        }
    }

    /// The broker's listener has answered, or has not.
    pub(super) fn handle_broker(
        &mut self,
        now: Moment,
        run: RunId,
        outcome: BrokerOutcome,
        policy: &Policy,
        out: &mut Out,
    ) {
        if let Some(live) = self.live_run(run) {
            live.facts.health.no_answer(); // unless it is one
            if !matches!(outcome, BrokerOutcome::Answers { .. }) {
                live.facts.unregistered = None; // it could not register while it was hung
            }
        }
        self.note_broker(now, run, outcome, policy, out);
    }

    /// The same of an answer that was lost, which says less.
    fn note_broker(&mut self, now: Moment, run: RunId, outcome: BrokerOutcome, policy: &Policy, out: &mut Out) {
        let was_ready = matches!(self.state, State::Ready(_));
        let Some(live) = self.live_run(run) else { return };
        let facts = &mut live.facts;
        facts.refuses = outcome == BrokerOutcome::Refused;
        let silent = !matches!(outcome, BrokerOutcome::Answers { .. });
        match outcome {
            BrokerOutcome::Answers { lists_itself, controller: _ } => {
                facts.answers = true;
                facts.silent = false;
                facts.listed = lists_itself;
                facts.last_answer = now;
                if !facts.adopted {
                    facts.first_answer.get_or_insert(now);
                }
                facts.health.answer(now, out.late);
                facts.registration.want(now);
            }
            BrokerOutcome::Refused => {
                facts.answers = false;
                facts.silent = true;
                facts.progress.sooner(now);
            }
            // A slow answer alone says little: it counts once it lasts.
            BrokerOutcome::Silent { .. } | BrokerOutcome::Garbled(_) => {
                facts.answers &= facts.health.silent(now, out.late) < policy.hang_after;
                facts.silent = true;
                facts.progress.sooner(now);
            }
        }
        facts.broker = Slot::Due(next_look(now, was_ready, facts.unready_since, policy));
        if silent {
            facts.broker.sooner(now + PATIENT_INTERVAL); // one that is hung only for a while must get to say so
        }
        self.judge(now, policy, out);
    }

    /// The ISRs were read, or could not be.
    pub(super) fn handle_in_sync(
        &mut self,
        now: Moment,
        run: RunId,
        outcome: InSyncOutcome,
        policy: &Policy,
        out: &mut Out,
    ) {
        let State::Ready(live) = &mut self.state else { return self.handle_drain(now, run, &outcome) };
        if live.run != run {
            return;
        }
        let facts = &mut live.facts;
        let behind_before = facts.sync.as_ref().map(behind);
        match behind(&outcome) {
            Some(0) => {
                facts.in_sync = Slot::Due(round(now, IN_SYNC_INTERVAL.max(policy.probe_interval)));
                if behind_before != Some(Some(0)) {
                    out.say(Notice::BrokerInSync);
                }
            }
            Some(behind) => {
                facts.in_sync = Slot::Due(round(now, policy.probe_interval));
                if behind_before == Some(Some(0)) {
                    out.say(Notice::BrokerBehind { behind });
                }
            }
            None => facts.in_sync = Slot::Due(round(now, policy.probe_interval)),
        }
        facts.sync = Some(outcome);
    }

    /// A look at the progress of a start.
    pub(super) fn handle_progress(&mut self, now: Moment, run: RunId, seen: Progress) {
        let Some(live) = self.live_run(run) else { return self.handle_end_progress(now, run, seen) };
        let facts = &mut live.facts;
        facts.watch.look(now, seen);
        facts.health.look(now, seen);
        let restful = facts.ever_served && facts.answers && !facts.silent;
        facts.progress = Slot::Due(if restful { round(now, HEALTH_INTERVAL) } else { now + PROGRESS_INTERVAL });
    }

    /// Starting, Up or Ready, by what is known.
    fn judge(&mut self, now: Moment, policy: &Policy, out: &mut Out) {
        let was = match &self.state {
            State::Starting(_) => Level::Starting,
            State::Up(_) => Level::Up,
            State::Ready(_) => Level::Ready,
            State::Down | State::Waiting(_) | State::Backoff(_) | State::Failed(_) => return,
            State::Terminating(_) | State::Killing(_) => return,
        };
        let Some(live) = self.live_mut() else { return };
        let (run, born, facts) = (live.run, live.since, &mut live.facts);
        let serves = facts.answers && facts.listed && facts.registered.is_some();
        let is = match (serves, was) {
            (true, _) => Level::Ready,
            (false, Level::Starting) if !facts.answers => Level::Starting,
            (false, Level::Starting | Level::Up | Level::Ready) => Level::Up,
        };
        if is == Level::Ready && was != Level::Ready {
            if !facts.ever_served {
                out.act(Action::Mark { role: Role::Kafka, run, mark: Mark::Served });
            }
            facts.ever_served = true;
            facts.in_sync.want(now);
            facts.progress.put_off(round(now, HEALTH_INTERVAL));
            if !facts.health.is_unanswered() {
                facts.broker.put_off(round(now, policy.probe_interval));
            }
            out.say(Notice::BrokerServes { after: now.since(born) });
        }
        if was == Level::Ready && is != Level::Ready {
            facts.sync = None;
            facts.in_sync = Slot::Idle;
            facts.unready_since = now;
            let reason = facts.missing(now);
            out.say(Notice::NotReady { role: Role::Kafka, reason });
        }
        self.level(now, is);
    }

    /// What time alone changes. `quorum` says whether there is one that a broker could start on.
    pub(super) fn tick_kafka(&mut self, now: Moment, quorum: bool, policy: &Policy, out: &mut Out) {
        self.tick(now, quorum, out);
        if let State::Waiting(wait) = &mut self.state {
            wait.tick(now, quorum, policy, out);
            return;
        }
        let serving = matches!(self.state, State::Ready(_));
        let Some(live) = self.live_mut() else { return };
        let run = live.run;
        let facts = &mut live.facts;
        match facts.registration.turn(now) {
            Turn::Ask | Turn::Lost => {
                out.asks += 1;
                facts.ask = out.asks;
                out.probe(Probe::Registration { ask: out.asks });
            }
            Turn::Rest => {}
        }
        if serving {
            match facts.in_sync.turn(now) {
                Turn::Ask | Turn::Lost => out.probe(Probe::InSync { run }),
                Turn::Rest => {}
            }
        }
        match facts.broker.turn(now) {
            Turn::Ask => out.probe(Probe::Broker { run }),
            Turn::Lost => self.note_broker(now, run, BrokerOutcome::Silent { accepts: false }, policy, out),
            Turn::Rest => {}
        }
        // Last: an answer that is lost makes a look due.
        let Some(live) = self.live_mut() else { return };
        match live.facts.progress.turn(now) {
            Turn::Ask | Turn::Lost => out.probe(Probe::Progress { role: Role::Kafka, run }),
            Turn::Rest => {}
        }
    }

    /// When [`Lane::tick_kafka`] next has something to do.
    pub(super) fn wakeup_kafka(&self) -> Option<Moment> {
        let own = match &self.state {
            State::Waiting(wait) => earlier(wait.preflight.wakeup(), wait.registration.wakeup()),
            State::Starting(live) | State::Up(live) | State::Ready(live) => {
                let facts = &live.facts;
                let asking = earlier(facts.broker.wakeup(), facts.registration.wakeup());
                earlier(asking, earlier(facts.in_sync.wakeup(), facts.progress.wakeup()))
            }
            State::Down | State::Terminating(_) | State::Killing(_) | State::Backoff(_) | State::Failed(_) => None,
        };
        earlier(own, self.wakeup())
    }

    /// What the start waits for besides a quorum; empty when the quorum alone is missing.
    pub(super) fn held_by(&self, now: Moment, policy: &Policy) -> Vec<WaitReason> {
        match &self.state {
            State::Waiting(wait) => wait.reasons(now, policy),
            State::Down | State::Starting(_) | State::Up(_) | State::Ready(_) => Vec::new(),
            State::Terminating(_) | State::Killing(_) | State::Backoff(_) | State::Failed(_) => Vec::new(),
        }
    }

    /// Whether the broker is of any use. One that has never served is left alone: it starts or recovers. One that answers is
    /// past that, since Kafka opens its listener once it has registered.
    pub(super) fn verdict(&self, now: Moment, late: Duration, policy: &Policy) -> Verdict {
        let Some(facts) = self.live().map(|live| &live.facts) else { return Verdict::Well };
        let verdict = if facts.ever_served { facts.health.judge(now, late, policy) } else { Verdict::Well };
        let lost = facts.unregistered.map_or(Duration::ZERO, |since| now.since(since));
        if verdict == Verdict::Well && facts.answers && lost >= policy.slow_after {
            return Verdict::Hung(Blame::Unregistered { since: lost });
        }
        verdict
    }

    /// How far the broker is.
    pub(super) fn readiness(&self) -> BrokerReadiness {
        match &self.state {
            State::Starting(live) | State::Up(live) if live.facts.watch.recovering() && !live.facts.ever_served => {
                BrokerReadiness::Recovering
            }
            State::Starting(_) | State::Up(_) => BrokerReadiness::Started,
            State::Ready(live) => match live.facts.sync.as_ref().map(behind) {
                Some(Some(0)) => BrokerReadiness::InSync,
                Some(Some(_) | None) | None => BrokerReadiness::Serving,
            },
            State::Terminating(_) | State::Killing(_) => BrokerReadiness::Down,
            State::Down | State::Waiting(_) | State::Backoff(_) | State::Failed(_) => BrokerReadiness::Down,
        }
    }
}
