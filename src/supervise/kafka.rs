//! Kafka's lane: what must be seen before a start, and what is known of a living broker.
//!
//! A start needs, in this order and fresh: a clear look at the machine, a quorum, and no registration under `/brokers/ids/N`.
//! A stop is deferred while the broker starts or recovers: `stop.rs`. Absent on purpose: killing a broker that hangs.

use crate::model::{
    BrokerOutcome, BrokerReadiness, InSyncOutcome, Moment, Notice, PreflightOutcome, Progress, RegistrationOutcome,
    Role, RunId, SessionId, WaitReason,
};

use super::event::Probe;
use super::lane::{Kind, Lane, Level, Out, State};
use super::policy::{
    EAGER_INTERVAL, IN_SYNC_INTERVAL, PREFLIGHT_VALID, PROGRESS_INTERVAL, Policy, REGISTRATION_PATIENCE,
    REGISTRATION_TAKEN_AFTER, WAIT_INTERVAL,
};
use super::slot::{Slot, Turn, earlier};
use super::watch::ProgressWatch;
use super::zookeeper::{announce_change, interval};

/// The kind of lane that Kafka's is.
#[derive(Debug)]
pub(super) struct Kafka;

/// What Kafka waits for before its start.
#[derive(Debug)]
pub(super) struct Wait {
    preflight: Slot,
    /// When the last look at the machine was clear; `None` before, and when it was not.
    clear: Option<Moment>,
    /// What the last look found against a start.
    held: Vec<WaitReason>,
    /// Idle while there is no quorum to ask, or no clear look.
    registration: Slot,
    /// The number of the question whose answer counts.
    ask: u64,
    /// What is known of the registration.
    seen: Seen,
    /// The last session seen to hold the registration: not the next run's.
    foreign: Option<SessionId>,
    /// The code of the reason last announced: the same wait is announced once.
    announced: Option<&'static str>,
}

/// What is known of `/brokers/ids/N` before a start.
#[derive(Clone, Debug)]
enum Seen {
    /// Not asked since there is a quorum.
    Nothing,
    /// It could not be read since this moment.
    Unread { since: Moment, words: String },
    /// A session holds it, first seen then.
    Held { since: Moment, session: SessionId, endpoint: String },
}

/// What is known of a living broker.
#[derive(Debug)]
pub(super) struct Facts {
    /// Idle until the process exists.
    broker: Slot,
    /// Idle until the broker answers.
    registration: Slot,
    ask: u64,
    /// Idle until it serves.
    in_sync: Slot,
    /// Idle once it serves.
    progress: Slot,
    pub(super) watch: ProgressWatch,
    /// A session that held the registration before this run began, and so is not this run's.
    foreign: Option<SessionId>,
    /// The session that this run registered with.
    registered: Option<SessionId>,
    /// Metadata lists this broker.
    listed: bool,
    /// The last probe was answered, or its silence is too short to count.
    answers: bool,
    /// The last probe was refused.
    refuses: bool,
    /// When it last answered; its start counts.
    last_answer: Moment,
    /// It served at some time: a SIGTERM is then answered by a controlled shutdown.
    pub(super) ever_served: bool,
    /// Since when it does not serve: probing is eager for a while after it.
    unready_since: Moment,
    /// The last answer to the in-sync question; `None` before, and after readiness was lost.
    pub(super) sync: Option<InSyncOutcome>,
}

impl Kind for Kafka {
    const ROLE: Role = Role::Kafka;
    type Wait = Wait;
    type Facts = Facts;

    fn facts(now: Moment) -> Facts {
        Facts {
            broker: Slot::Idle,
            registration: Slot::Idle,
            ask: 0,
            in_sync: Slot::Idle,
            progress: Slot::Idle,
            watch: ProgressWatch::begin(now),
            foreign: None,
            registered: None,
            listed: false,
            answers: false,
            refuses: false,
            last_answer: now,
            ever_served: false,
            unready_since: now,
            sync: None,
        }
    }

    fn spawned(facts: &mut Facts, now: Moment) {
        facts.broker = Slot::Due(now + EAGER_INTERVAL);
        facts.progress = Slot::Due(now + PROGRESS_INTERVAL);
    }

    fn wait(now: Moment) -> Wait {
        Wait {
            preflight: Slot::Due(now),
            clear: None,
            held: Vec::new(),
            registration: Slot::Idle,
            ask: 0,
            seen: Seen::Nothing,
            foreign: None,
            announced: None,
        }
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
                    RegistrationOutcome::Absent => facts.registered = None,
                    RegistrationOutcome::Held { session, .. } => {
                        facts.registered = (facts.foreign != Some(session)).then_some(session);
                    }
                    RegistrationOutcome::Unreadable(_) => {}
                }
                let pause = if facts.registered.is_some() { policy.probe_interval } else { EAGER_INTERVAL };
                facts.registration = Slot::Due(now + pause);
                self.judge(now, policy, out);
            }
            // An answer to an older question: it may have been read before the last life ended.
            State::Waiting(_) | State::Starting(_) | State::Up(_) | State::Ready(_) => {}
            State::Down | State::Terminating(_) | State::Killing(_) | State::Backoff(_) | State::Failed(_) => {}
        }
    }

    fn registration_before_start(&mut self, now: Moment, outcome: RegistrationOutcome, policy: &Policy, out: &mut Out) {
        let State::Waiting(wait) = &mut self.state else { return };
        wait.registration = Slot::Due(now + EAGER_INTERVAL.max(policy.probe_interval / 4));
        match outcome {
            RegistrationOutcome::Absent => {
                if wait.may_start(now) {
                    self.spawn(now, out);
                }
            }
            RegistrationOutcome::Held { session, endpoint } => {
                let since = match &wait.seen {
                    Seen::Held { since, session: before, .. } if *before == session => *since,
                    Seen::Held { .. } | Seen::Nothing | Seen::Unread { .. } => now,
                };
                wait.foreign = Some(session);
                wait.seen = Seen::Held { since, session, endpoint };
            }
            RegistrationOutcome::Unreadable(words) => {
                let since = match &wait.seen {
                    Seen::Unread { since, .. } => *since,
                    // A registration that was seen and cannot be read any more has its own patience from now on.
                    Seen::Held { .. } | Seen::Nothing => now,
                };
                wait.seen = Seen::Unread { since, words };
                let waited = now.since(since);
                if waited >= REGISTRATION_PATIENCE && wait.may_start(now) {
                    let foreign = wait.foreign;
                    out.say(Notice::StartsUnread { waited });
                    self.spawn(now, out);
                    if let Some(live) = self.live_mut() {
                        live.facts.foreign = foreign;
                    }
                }
            }
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
        let was_ready = matches!(self.state, State::Ready(_));
        let Some(live) = self.live_run(run) else { return };
        let facts = &mut live.facts;
        facts.refuses = outcome == BrokerOutcome::Refused;
        match outcome {
            BrokerOutcome::Answers { lists_itself, controller: _ } => {
                facts.answers = true;
                facts.listed = lists_itself;
                facts.last_answer = now;
                facts.registration.want(now);
            }
            BrokerOutcome::Refused => facts.answers = false,
            // A slow answer alone says little: it counts once it lasts.
            BrokerOutcome::TimedOut | BrokerOutcome::Garbled(_) => {
                facts.answers &= now.since(facts.last_answer) < policy.hang_after;
            }
        }
        facts.broker = Slot::Due(now + interval(was_ready, now.since(facts.unready_since), policy));
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
        let State::Ready(live) = &mut self.state else { return };
        if live.run != run {
            return;
        }
        let facts = &mut live.facts;
        let behind_before = facts.sync.as_ref().map(behind);
        match behind(&outcome) {
            Some(0) => {
                facts.in_sync = Slot::Due(now + IN_SYNC_INTERVAL.max(policy.probe_interval));
                if behind_before != Some(Some(0)) {
                    out.say(Notice::BrokerInSync);
                }
            }
            Some(behind) => {
                facts.in_sync = Slot::Due(now + policy.probe_interval);
                if behind_before == Some(Some(0)) {
                    out.say(Notice::BrokerBehind { behind });
                }
            }
            None => facts.in_sync = Slot::Due(now + policy.probe_interval),
        }
        facts.sync = Some(outcome);
    }

    /// A look at the progress of a start.
    pub(super) fn handle_progress(&mut self, now: Moment, run: RunId, seen: Progress) {
        let Some(live) = self.live_run(run) else { return self.handle_end_progress(now, run, seen) };
        live.facts.watch.look(now, seen);
        live.facts.progress = if live.facts.ever_served { Slot::Idle } else { Slot::Due(now + PROGRESS_INTERVAL) };
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
        let (born, facts) = (live.since, &mut live.facts);
        let serves = facts.answers && facts.listed && facts.registered.is_some();
        let is = match (serves, was) {
            (true, _) => Level::Ready,
            (false, Level::Starting) if !facts.answers => Level::Starting,
            (false, Level::Starting | Level::Up | Level::Ready) => Level::Up,
        };
        if is == Level::Ready && was != Level::Ready {
            facts.ever_served = true;
            facts.in_sync.want(now);
            facts.progress = Slot::Idle;
            facts.broker.put_off(now + policy.probe_interval);
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
        self.tick(now, out);
        if let State::Waiting(wait) = &mut self.state {
            wait.tick(now, quorum, policy, out);
            return;
        }
        let serving = matches!(self.state, State::Ready(_));
        let Some(live) = self.live_mut() else { return };
        let run = live.run;
        let facts = &mut live.facts;
        match facts.progress.turn(now) {
            Turn::Ask | Turn::Lost => out.probe(Probe::Progress { role: Role::Kafka, run }),
            Turn::Rest => {}
        }
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
            Turn::Lost => self.handle_broker(now, run, BrokerOutcome::TimedOut, policy, out),
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

impl Wait {
    fn tick(&mut self, now: Moment, quorum: bool, policy: &Policy, out: &mut Out) {
        if quorum {
            if self.may_start(now) {
                self.registration.begin(now); // and no sooner again than its answer said
            } else if self.held.is_empty() {
                self.preflight.want(now); // the last look is too old to start on
            }
        } else {
            // What was read of the registration is worthless once the quorum is gone.
            self.registration = Slot::Idle;
            self.ask = 0;
            self.seen = Seen::Nothing;
        }
        match self.preflight.turn(now) {
            Turn::Ask | Turn::Lost => out.probe(Probe::Preflight { role: Role::Kafka }),
            Turn::Rest => {}
        }
        match self.registration.turn(now) {
            Turn::Ask | Turn::Lost => {
                out.asks += 1;
                self.ask = out.asks;
                out.probe(Probe::Registration { ask: out.asks });
            }
            Turn::Rest => {}
        }
        self.announce(now, quorum, policy, out);
    }

    /// Announces what is waited for when it becomes another thing.
    fn announce(&mut self, now: Moment, quorum: bool, policy: &Policy, out: &mut Out) {
        if !quorum || !self.held.is_empty() {
            self.announced = None; // said by the ZooKeeper lane, and by the look at the machine
            return;
        }
        let code = match &self.seen {
            Seen::Nothing => None,
            Seen::Unread { .. } => Some("registration-unread"),
            Seen::Held { since, .. } if now.since(*since) < REGISTRATION_TAKEN_AFTER => Some("stale-registration"),
            Seen::Held { .. } => Some("registration-taken"),
        };
        if code.is_some() && code != self.announced {
            self.announced = code;
            if let Some(reason) = self.registration_reason(now, policy) {
                out.say(Notice::Waits { role: Role::Kafka, reason });
            }
        }
    }

    fn reasons(&self, now: Moment, policy: &Policy) -> Vec<WaitReason> {
        if !self.held.is_empty() {
            return self.held.clone();
        }
        if self.clear.is_none() {
            return vec![WaitReason::Preflight];
        }
        self.registration_reason(now, policy).into_iter().collect()
    }

    fn registration_reason(&self, now: Moment, policy: &Policy) -> Option<WaitReason> {
        let broker = policy.broker;
        match &self.seen {
            Seen::Nothing if matches!(self.registration, Slot::Idle) => None,
            Seen::Nothing => Some(WaitReason::RegistrationUnread { words: String::new() }),
            Seen::Unread { words, .. } => Some(WaitReason::RegistrationUnread { words: words.clone() }),
            Seen::Held { since, session, endpoint } if now.since(*since) >= REGISTRATION_TAKEN_AFTER => {
                let endpoint = endpoint.clone();
                Some(WaitReason::RegistrationTaken { broker, session: *session, endpoint })
            }
            Seen::Held { since, session, .. } => {
                Some(WaitReason::StaleRegistration { broker, session: *session, seen_for: now.since(*since) })
            }
        }
    }

    /// The last look at the machine was clear, and is fresh.
    fn may_start(&self, now: Moment) -> bool {
        self.clear.is_some_and(|at| now.since(at) <= PREFLIGHT_VALID)
    }

    /// The last look found something that a start would break on.
    pub(super) fn is_held(&self) -> bool {
        !self.held.is_empty() || !matches!(self.seen, Seen::Nothing)
    }
}

impl Facts {
    /// What is missing to serving.
    pub(super) fn missing(&self, now: Moment) -> WaitReason {
        let silent = now.since(self.last_answer);
        match (self.answers, self.ever_served) {
            (true, _) => WaitReason::BrokerUnregistered,
            (false, true) if self.refuses => WaitReason::BrokerRefuses,
            (false, true) => WaitReason::BrokerSilent { since: silent },
            (false, false) if self.watch.recovering() => WaitReason::BrokerRecovering { steps: self.watch.steps() },
            (false, false) => WaitReason::BrokerStarting,
        }
    }

    /// Known to be in sync.
    pub(super) fn in_sync(&self) -> bool {
        matches!(self.sync, Some(InSyncOutcome::Seen { behind: 0, .. }))
    }

    /// Out of sync, where that is known: partitions behind, and all.
    pub(super) fn lag(&self) -> Option<(u32, u32)> {
        match &self.sync {
            Some(InSyncOutcome::Seen { replicas, behind }) if *behind > 0 => Some((*behind, *replicas)),
            Some(InSyncOutcome::Seen { .. } | InSyncOutcome::Unreadable(_)) | None => None,
        }
    }
}

fn behind(outcome: &InSyncOutcome) -> Option<u32> {
    match outcome {
        InSyncOutcome::Seen { behind, .. } => Some(*behind),
        InSyncOutcome::Unreadable(_) => None,
    }
}
