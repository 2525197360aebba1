//! ZooKeeper's lane: what holds its start back, and what `srvr` says of a living server.
//!
//! There is no deadline for a quorum, and losing it changes a word and nothing else: the cause is elsewhere. A server that says
//! that it does not serve answers; only one that says nothing at all can be hung.

use std::time::Duration;

use crate::model::{
    Moment, Notice, PreflightOutcome, Progress, QuorumRole, Role, RunId, SignalReason, WaitReason, ZooKeeperOutcome,
};

use super::ending::Grace;
use super::event::{Action, Mark, Probe};
use super::health::{Health, Verdict};
use super::lane::{Kind, Lane, Level, Out, State};
use super::past::PastRun;
use super::policy::{
    EAGER_FOR, EAGER_INTERVAL, HEALTH_INTERVAL, PATIENT_INTERVAL, PROGRESS_INTERVAL, Policy, WAIT_INTERVAL,
};
use super::slot::{Slot, Turn, earlier, round};

/// The kind of lane that ZooKeeper's is.
#[derive(Debug)]
pub(super) struct ZooKeeper;

/// What ZooKeeper waits for before its start.
#[derive(Debug)]
pub(super) struct Wait {
    preflight: Slot,
    /// What the last look found against a start; empty before the first look.
    held: Vec<WaitReason>,
}

/// What is known of a living server.
#[derive(Debug)]
pub(super) struct Facts {
    /// Idle until the process exists.
    probe: Slot,
    /// Its part in the quorum; `None` while it does not serve.
    pub(super) role: Option<QuorumRole>,
    /// It answers, and says that it does not serve.
    pub(super) answers: bool,
    /// When it last answered anything; its start counts.
    last_answer: Moment,
    /// Since when it does not serve: probing is eager for a while after it.
    unready_since: Moment,
    /// It answered at some time: one that still loads its data is not judged.
    ever_answered: bool,
    /// The last probe went unanswered.
    silent: bool,
    /// Each second while it is silent, else seldom; idle until it answered.
    progress: Slot,
    health: Health,
}

impl Kind for ZooKeeper {
    const ROLE: Role = Role::ZooKeeper;
    type Wait = Wait;
    type Facts = Facts;

    fn facts(now: Moment, late: Duration) -> Facts {
        Facts {
            probe: Slot::Idle,
            role: None,
            answers: false,
            last_answer: now,
            unready_since: now,
            ever_answered: false,
            silent: false,
            progress: Slot::Idle,
            health: Health::begin(now, late),
        }
    }

    fn spawned(facts: &mut Facts, now: Moment) {
        facts.probe = Slot::Due(now + EAGER_INTERVAL);
    }

    fn adopted(facts: &mut Facts, past: &PastRun, now: Moment) {
        facts.probe = Slot::Due(now);
        facts.ever_answered = past.served;
        if past.served {
            facts.progress = Slot::Due(now + PROGRESS_INTERVAL);
        }
    }

    fn health(facts: &Facts) -> &Health {
        &facts.health
    }

    fn health_mut(facts: &mut Facts) -> &mut Health {
        &mut facts.health
    }

    fn leaders(_facts: &Facts, _now: Moment) -> Slot {
        Slot::Idle // it has none
    }

    fn wait(now: Moment) -> Wait {
        Wait { preflight: Slot::Due(now), held: Vec::new() }
    }
}

impl Facts {
    /// What an answer, or silence, says of the server's health.
    fn note(&mut self, now: Moment, outcome: &ZooKeeperOutcome, late: Duration) {
        match outcome {
            ZooKeeperOutcome::Serving(_) | ZooKeeperOutcome::NotServing => {
                self.silent = false;
                self.health.answer(now, late);
                self.progress.begin(round(now, HEALTH_INTERVAL));
            }
            ZooKeeperOutcome::Refused | ZooKeeperOutcome::TimedOut | ZooKeeperOutcome::Garbled(_) => {
                self.silent = true;
                self.progress.sooner(now);
            }
        }
    }

    /// Notes the first answer of the run.
    fn served_first(&mut self, outcome: &ZooKeeperOutcome) -> bool {
        let answers = matches!(outcome, ZooKeeperOutcome::Serving(_) | ZooKeeperOutcome::NotServing);
        answers && !std::mem::replace(&mut self.ever_answered, true)
    }
}

impl Lane<ZooKeeper> {
    /// The look before the start has answered.
    pub(super) fn handle_preflight(&mut self, now: Moment, outcome: PreflightOutcome, out: &mut Out) {
        match &mut self.state {
            State::Waiting(wait) => match outcome {
                PreflightOutcome::Clear => self.spawn(now, out),
                PreflightOutcome::Held(reasons) => {
                    announce_change(Role::ZooKeeper, &wait.held, &reasons, out);
                    wait.held = reasons;
                    wait.preflight = Slot::Due(now + WAIT_INTERVAL);
                }
            },
            // A late answer: what it looked before is past.
            State::Down | State::Starting(_) | State::Up(_) | State::Ready(_) => {}
            State::Terminating(_) | State::Killing(_) | State::Backoff(_) | State::Failed(_) => {}
        }
    }

    /// `srvr` has answered, or has not.
    pub(super) fn handle_srvr(
        &mut self,
        now: Moment,
        run: RunId,
        outcome: ZooKeeperOutcome,
        policy: &Policy,
        out: &mut Out,
    ) {
        if let Some(live) = self.live_run(run) {
            live.facts.health.no_answer(); // unless it is one
        }
        self.note_srvr(now, run, outcome, policy, out);
    }

    /// The same of an answer that was lost, which says less.
    fn note_srvr(&mut self, now: Moment, run: RunId, outcome: ZooKeeperOutcome, policy: &Policy, out: &mut Out) {
        let was_ready = matches!(self.state, State::Ready(_));
        let Some(live) = self.live_run(run) else { return };
        let (facts, born) = (&mut live.facts, live.since);
        facts.note(now, &outcome, out.late);
        if facts.served_first(&outcome) {
            out.act(Action::Mark { role: Role::ZooKeeper, run, mark: Mark::Served });
        }
        let level = match outcome {
            ZooKeeperOutcome::Serving(role) => {
                facts.role = Some(role);
                facts.answers = true;
                facts.last_answer = now;
                if !was_ready {
                    out.say(Notice::ZooKeeperServes { role, after: now.since(born) });
                }
                Some(Level::Ready)
            }
            ZooKeeperOutcome::NotServing => {
                facts.answers = true;
                facts.last_answer = now;
                if was_ready {
                    out.say(Notice::QuorumLost);
                }
                Some(Level::Up)
            }
            ZooKeeperOutcome::Refused | ZooKeeperOutcome::TimedOut | ZooKeeperOutcome::Garbled(_) => {
                let silent = facts.health.silent(now, out.late);
                if was_ready && silent >= policy.hang_after {
                    let reason = WaitReason::ZooKeeperSilent { since: silent };
                    out.say(Notice::NotReady { role: Role::ZooKeeper, reason });
                    Some(Level::Up)
                } else {
                    None
                }
            }
        };
        if was_ready && level == Some(Level::Up) {
            facts.role = None;
            facts.unready_since = now;
        }
        let ready = if let Some(level) = level { level == Level::Ready } else { was_ready };
        facts.probe = Slot::Due(next_look(now, ready, facts.unready_since, policy));
        if facts.silent {
            facts.probe.sooner(now + PATIENT_INTERVAL); // one that is hung only for a while must get to say so
        }
        if let Some(level) = level {
            self.level(now, level);
        }
    }

    /// A look at the process of a living server, or of one that is being ended.
    pub(super) fn handle_progress(&mut self, now: Moment, run: RunId, seen: Progress) {
        let Some(live) = self.live_run(run) else { return self.handle_end_progress(now, run, seen) };
        let facts = &mut live.facts;
        facts.health.look(now, seen);
        facts.progress = Slot::Due(if facts.silent { now + PROGRESS_INTERVAL } else { round(now, HEALTH_INTERVAL) });
    }

    /// Whether the server is of any use, by its own rules: a missing quorum says nothing against it.
    pub(super) fn verdict(&self, now: Moment, late: Duration, policy: &Policy) -> Verdict {
        match self.live().map(|live| &live.facts) {
            Some(facts) if facts.ever_answered => facts.health.judge(now, late, policy),
            Some(_) | None => Verdict::Well,
        }
    }

    /// The SIGTERM of a stop. ZooKeeper can take one at any time.
    pub(super) fn stop(&mut self, now: Moment, policy: &Policy, out: &mut Out) {
        self.give_up_start(now);
        let grace = Grace { at_least: policy.zookeeper_grace(), prolonged_to: None };
        self.terminate(now, SignalReason::Stop, grace, out);
    }

    /// What time alone changes.
    pub(super) fn tick_zookeeper(&mut self, now: Moment, policy: &Policy, out: &mut Out) {
        self.tick(now, true, out);
        if let State::Waiting(wait) = &mut self.state {
            match wait.preflight.turn(now) {
                Turn::Ask | Turn::Lost => out.probe(Probe::Preflight { role: Role::ZooKeeper }),
                Turn::Rest => {}
            }
        }
        let Some(live) = self.live_mut() else { return };
        let run = live.run;
        match live.facts.probe.turn(now) {
            Turn::Ask => out.probe(Probe::ZooKeeper { run }),
            Turn::Lost => self.note_srvr(now, run, ZooKeeperOutcome::TimedOut, policy, out),
            Turn::Rest => {}
        }
        // Last: an answer that is lost makes a look due.
        let Some(live) = self.live_mut() else { return };
        match live.facts.progress.turn(now) {
            Turn::Ask | Turn::Lost => out.probe(Probe::Progress { role: Role::ZooKeeper, run }),
            Turn::Rest => {}
        }
    }

    /// When [`Lane::tick_zookeeper`] next has something to do.
    pub(super) fn wakeup_zookeeper(&self) -> Option<Moment> {
        let own = match &self.state {
            State::Waiting(wait) => wait.preflight.wakeup(),
            State::Starting(live) | State::Up(live) | State::Ready(live) => {
                earlier(live.facts.probe.wakeup(), live.facts.progress.wakeup())
            }
            State::Down | State::Terminating(_) | State::Killing(_) | State::Backoff(_) | State::Failed(_) => None,
        };
        earlier(own, self.wakeup())
    }

    /// What the lane itself waits for; the missing quorum is the supervisor's to name.
    pub(super) fn held_by(&self) -> &[WaitReason] {
        match &self.state {
            State::Waiting(wait) => &wait.held,
            State::Down | State::Starting(_) | State::Up(_) | State::Ready(_) => &[],
            State::Terminating(_) | State::Killing(_) | State::Backoff(_) | State::Failed(_) => &[],
        }
    }

    /// How long a server that ran has not answered; `None` while it does.
    pub(super) fn silent_for(&self, now: Moment, policy: &Policy) -> Option<Duration> {
        let silent = now.since(self.live()?.facts.last_answer);
        (silent >= policy.hang_after).then_some(silent)
    }
}

/// When to probe next: eager at first, since a start's time is made of it; patient later; in rounds once ready.
pub(super) fn next_look(now: Moment, ready: bool, unready_since: Moment, policy: &Policy) -> Moment {
    if ready {
        round(now, policy.probe_interval)
    } else if now.since(unready_since) < EAGER_FOR {
        now + EAGER_INTERVAL.min(policy.probe_interval)
    } else {
        now + PATIENT_INTERVAL.min(policy.probe_interval)
    }
}

/// Says each reason that was not there at the last look.
pub(super) fn announce_change(role: Role, before: &[WaitReason], now: &[WaitReason], out: &mut Out) {
    for reason in now {
        if !before.iter().any(|old| old == reason) {
            out.say(Notice::Waits { role, reason: reason.clone() });
        }
    }
}
