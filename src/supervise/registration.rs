//! What Kafka's start waits for: a clear look at the machine and, once there is a quorum, no registration under
//! `/brokers/ids/N`. A start against a held one would end in NodeExists.

use crate::model::{Moment, Notice, RegistrationOutcome, Role, SessionId, WaitReason};

use super::event::Probe;
use super::kafka::Kafka;
use super::lane::{Lane, Out, State};
use super::policy::{EAGER_INTERVAL, PREFLIGHT_VALID, Policy, REGISTRATION_PATIENCE, REGISTRATION_TAKEN_AFTER};
use super::slot::{Slot, Turn};

/// What Kafka waits for before its start.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) preflight: Slot,
    /// When the last look at the machine was clear; `None` before, and when it was not.
    pub(super) clear: Option<Moment>,
    /// What the last look found against a start.
    pub(super) held: Vec<WaitReason>,
    /// Idle while there is no quorum to ask, or no clear look.
    pub(super) registration: Slot,
    /// The number of the question whose answer counts.
    pub(super) ask: u64,
    /// What is known of the registration.
    pub(super) seen: Seen,
    /// The last session seen to hold the registration: not the next run's.
    pub(super) foreign: Option<SessionId>,
    /// What stands there is about to be removed: it is no wait to be announced.
    pub(super) owed: bool,
    /// The code of the reason last announced: the same wait is announced once.
    pub(super) announced: Option<&'static str>,
}

/// What is known of `/brokers/ids/N` before a start.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// Not asked since there is a quorum.
    Nothing,
    /// It could not be read since this moment.
    Unread { since: Moment, words: String },
    /// A session holds it, first seen then.
    Held { since: Moment, session: SessionId, endpoint: String },
}

impl Lane<Kafka> {
    /// The registration was read, or could not be, while the start waits.
    pub(super) fn registration_before_start(
        &mut self,
        now: Moment,
        outcome: RegistrationOutcome,
        policy: &Policy,
        out: &mut Out,
    ) {
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
}

impl Lane<Kafka> {
    /// Whether the registration of a dead run is about to be removed.
    pub(super) fn note_owed(&mut self, owed: bool) {
        if let State::Waiting(wait) = &mut self.state {
            wait.owed = owed;
        }
    }

    /// An answer that came while a removal was under way: it may have been read before it, or be overtaken by it.
    pub(super) fn ask_again_after_fence(&mut self, now: Moment, ask: u64) {
        if let State::Waiting(wait) = &mut self.state
            && wait.ask == ask
        {
            wait.registration = Slot::Due(now + EAGER_INTERVAL);
        }
    }
}

impl Wait {
    /// Nothing seen yet; the look at the machine is due at once.
    pub(super) fn new(now: Moment) -> Wait {
        Wait {
            preflight: Slot::Due(now),
            clear: None,
            held: Vec::new(),
            registration: Slot::Idle,
            ask: 0,
            seen: Seen::Nothing,
            foreign: None,
            owed: false,
            announced: None,
        }
    }

    pub(super) fn tick(&mut self, now: Moment, quorum: bool, policy: &Policy, out: &mut Out) {
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
    pub(super) fn announce(&mut self, now: Moment, quorum: bool, policy: &Policy, out: &mut Out) {
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
        if code.is_some() && code != self.announced && !self.owed {
            self.announced = code;
            if let Some(reason) = self.registration_reason(now, policy) {
                out.say(Notice::Waits { role: Role::Kafka, reason });
            }
        }
    }

    pub(super) fn reasons(&self, now: Moment, policy: &Policy) -> Vec<WaitReason> {
        if !self.held.is_empty() {
            return self.held.clone();
        }
        if self.clear.is_none() {
            return vec![WaitReason::Preflight];
        }
        self.registration_reason(now, policy).into_iter().collect()
    }

    pub(super) fn registration_reason(&self, now: Moment, policy: &Policy) -> Option<WaitReason> {
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
    pub(super) fn may_start(&self, now: Moment) -> bool {
        self.clear.is_some_and(|at| now.since(at) <= PREFLIGHT_VALID)
    }

    /// The last look found something that a start would break on.
    pub(super) fn is_held(&self) -> bool {
        !self.held.is_empty() || !matches!(self.seen, Seen::Nothing)
    }
}
