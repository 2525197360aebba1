//! What a supervisor was told and what it did, kept apart from it: the invariants judge by these books alone.
//!
//! One book a life of a supervisor. Everything in it is a number or a flag, so that keeping it costs next to nothing.

use std::time::Duration;

use kafka_node::model::{
    Blame, ExitCause, ExitStatus, Moment, Notice, Progress, ReadinessLevel, Role, Roles, RunId, SignalReason,
};
use kafka_node::supervise::{Fate, Past, Policy, Probe, policy};

use crate::clock::{MS, SEC, Time, short};
use crate::message::{Listener, Message, Seen, Srvr};

/// One life of one service's process, from the order to the end.
#[derive(Clone, Debug)]
pub struct Life {
    pub run: RunId,
    pub ordered: Time,
    pub spawned: Option<Time>,
    pub terminated: Option<Time>,
    pub killed: Option<Time>,
    /// It is ended because it was of no use, by this blame.
    pub health: Option<Blame>,
    /// An earlier supervisor started it.
    pub adopted: bool,
    /// When it was known to have served.
    pub served_at: Option<Time>,
    /// The broker's listener answered.
    pub answered: bool,
    /// It was told to have been asked and not to have answered, since it last did.
    pub unanswered: bool,
    /// When a look showed progress beyond doubt, since the order or since SIGTERM.
    pub progressed: Option<Time>,
    looked: Option<(Time, Progress)>,
}

/// One service.
#[derive(Clone, Debug, Default)]
pub struct LaneBook {
    pub life: Option<Life>,
    pub last_run: Option<RunId>,
    /// When the last run ended, how long it lived by our own clock, and the pause that was announced.
    pub ended: Option<(Time, Time)>,
    pub not_before: Time,
    pub short_lives: usize,
    /// When the look before the start last said that nothing stands against it; taken back by a finding.
    pub clear: Option<Time>,
}

/// The last answer about the registration that was not old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistrationBook {
    pub ask: u64,
    /// The last thing that was read; `None` where nothing was since the last life of the broker ended.
    pub read: Option<Seen>,
    /// When something was last read; the end of the broker's last life and the beginning count.
    pub read_at: Time,
    /// A read said Held and none has said Absent since.
    pub held: bool,
}

/// One life of one supervisor.
#[derive(Clone, Debug)]
pub struct Book {
    pub roles: Roles,
    pub level: ReadinessLevel,
    pub grace: Time,
    pub zookeeper_grace: Time,
    pub stop_limit: Time,
    lanes: [LaneBook; 2],
    /// Requests to stop, and when the first came.
    pub stops: u32,
    pub stop_at: Time,
    /// A SIGKILL of ours ended a run; one that came too late for that does not count.
    pub killed_any: bool,
    pub unclean_end: bool,
    pub finished: Option<bool>,
    pub ready_said: u32,
    pub stopping_said: u32,
    /// The last answer of the present ZooKeeper run that says whether it serves; silence says nothing until it lasts.
    pub zookeeper: Option<Srvr>,
    /// When it last said that it serves.
    pub zookeeper_served: Time,
    /// Another member said that it serves, at the last look.
    pub peers_serve: bool,
    /// When another member first said so since this node's ZooKeeper last served.
    pub peers_serve_since: Option<Time>,
    pub registration: RegistrationBook,
    /// The broker was started without a reading, and that was said.
    pub started_unread: bool,
    awaited: [Option<(u64, Time)>; KINDS],
    /// Questions of each kind since its window began, and the most there were in a second.
    asked: [(Time, u32); KINDS],
    pub most_asked: u32,
    /// A probe that was ordered too early, in words.
    pub overlapped: Option<String>,
    /// Timeouts since the window began.
    pub timeouts: u32,
    pub window: Time,
}

const KINDS: usize = 13;

fn kind(probe: &Probe) -> (usize, u64) {
    match *probe {
        Probe::Preflight { role: Role::ZooKeeper } => (0, 0),
        Probe::Preflight { role: Role::Kafka } => (1, 0),
        Probe::ZooKeeper { run } => (2, run.0),
        Probe::Ensemble { .. } => (3, 0),
        // A question with a new number is asked when the old one's answer no longer counts.
        Probe::Registration { ask } => (4, ask),
        Probe::Broker { run } => (5, run.0),
        Probe::InSync { run } => (6, run.0),
        Probe::Progress { role: Role::ZooKeeper, run } => (7, run.0),
        Probe::Progress { role: Role::Kafka, run } => (8, run.0),
        Probe::Brokers => (9, 0),
        Probe::Fence { ask, .. } => (10, ask),
        Probe::Token { ask, .. } => (11, ask),
        Probe::Council { ask, .. } => (12, ask),
        Probe::Gate { .. } | Probe::Lock { .. } | Probe::Unlock { .. } | Probe::Mark { .. } => unasked(),
        Probe::System { .. } | Probe::Successor { .. } | Probe::Elect { .. } => unasked(),
    }
}

/// No gate stands before a stop here, and nothing is rolled: `tests/council` has those.
fn unasked() -> ! {
    unreachable!("a question about the cluster that nobody here asks")
}

fn answered_kind(message: &Message) -> Option<(usize, u64)> {
    Some(match *message {
        Message::Preflight { role: Role::ZooKeeper, .. } => (0, 0),
        Message::Preflight { role: Role::Kafka, .. } => (1, 0),
        Message::ZooKeeper { run, .. } => (2, run.0),
        Message::Ensemble { .. } => (3, 0),
        Message::Registration { ask, .. } => (4, ask),
        Message::Broker { run, .. } => (5, run.0),
        Message::InSync { run, .. } => (6, run.0),
        Message::Progress { role: Role::ZooKeeper, run, .. } => (7, run.0),
        Message::Progress { role: Role::Kafka, run, .. } => (8, run.0),
        Message::Brokers { .. } => (9, 0),
        Message::Fence { ask, .. } => (10, ask),
        Message::Token { ask, .. } => (11, ask),
        Message::Council { ask, .. } => (12, ask),
        Message::Session { .. } => return None,
        Message::Spawned { .. } | Message::SpawnFailed { .. } | Message::Exited { .. } | Message::Stop => return None,
    })
}

impl Book {
    pub fn new(policy: &Policy, past: &Past, now: Time) -> Book {
        let mut book = Book::empty(policy, now);
        for run in &past.runs {
            if let Fate::Lives { age, .. } = run.fate {
                book.orders(now - short(age), run.role, run.run);
                if let Some(life) = &mut book.lane_mut(run.role).life {
                    life.spawned = Some(now);
                    life.adopted = true;
                    life.answered = run.served;
                    life.served_at = run.served.then_some(now);
                    life.progressed = Some(now); // its beginning is this supervisor's
                }
                book.lane_mut(run.role).last_run = None;
            }
        }
        book
    }

    fn empty(policy: &Policy, now: Time) -> Book {
        Book {
            roles: policy.roles,
            level: policy.level,
            grace: short(policy.grace),
            zookeeper_grace: short(policy.zookeeper_grace()),
            stop_limit: short(policy.stop_limit()),
            lanes: [LaneBook::default(), LaneBook::default()],
            stops: 0,
            stop_at: 0,
            killed_any: false,
            unclean_end: false,
            finished: None,
            ready_said: 0,
            stopping_said: 0,
            zookeeper: None,
            zookeeper_served: 0,
            peers_serve: false,
            peers_serve_since: None,
            registration: RegistrationBook { ask: 0, read: None, read_at: now, held: false },
            started_unread: false,
            awaited: [None; KINDS],
            asked: [(now, 0); KINDS],
            most_asked: 0,
            overlapped: None,
            timeouts: 0,
            window: now,
        }
    }

    pub fn lane(&self, role: Role) -> &LaneBook {
        &self.lanes[role as usize]
    }

    pub fn lane_mut(&mut self, role: Role) -> &mut LaneBook {
        &mut self.lanes[role as usize]
    }

    pub fn life(&self, role: Role) -> Option<&Life> {
        self.lane(role).life.as_ref()
    }

    /// The life of `role` if it is `run`'s.
    pub fn life_of(&self, role: Role, run: RunId) -> Option<&Life> {
        self.life(role).filter(|life| life.run == run)
    }

    /// News that must change nothing: of a run that is over, or an answer to an earlier question.
    pub fn is_old(&self, message: &Message) -> bool {
        if let Message::Registration { ask, .. } = message {
            return *ask != self.registration.ask;
        }
        message.run().is_some_and(|(role, run)| self.life_of(role, run).is_none())
    }

    /// Something is about to be told to the supervisor.
    pub fn hears(&mut self, now: Time, message: &Message) {
        if let Some((kind, key)) = answered_kind(message)
            && self.awaited[kind].is_some_and(|(awaited, _)| awaited == key)
        {
            self.awaited[kind] = None;
        }
        if matches!(message, Message::Stop) {
            self.stops += 1;
            if self.stops == 1 {
                self.stop_at = now;
            }
            return;
        }
        if self.is_old(message) {
            return;
        }
        match *message {
            Message::Spawned { role, .. } => {
                if let Some(life) = &mut self.lane_mut(role).life {
                    life.spawned = Some(now);
                }
            }
            Message::SpawnFailed { role, .. } => {
                self.unclean_end |= self.stops > 0 && !self.kafka_needs(role);
                self.ends(now, role);
            }
            Message::Exited { role, status, said, .. } => {
                let asked = self.life(role).is_some_and(|life| life.terminated.is_some() && life.health.is_none());
                // Nobody is told how an adopted run ends: a server cannot stop uncleanly, and a broker says when it is done.
                let clean = match status {
                    ExitStatus::Code(0 | 143) | ExitStatus::Signal(15) => true,
                    ExitStatus::Code(_) | ExitStatus::Signal(_) => false,
                    ExitStatus::Unseen if self.life(role).is_some_and(|life| life.killed.is_some()) => said,
                    ExitStatus::Unseen => role == Role::ZooKeeper || said,
                };
                let counts = self.stops > 0 && !self.kafka_needs(role);
                self.killed_any |= counts && self.life(role).is_some_and(|life| life.killed.is_some()) && !clean;
                self.unclean_end |= self.stops > 0 && !self.kafka_needs(role) && !(asked && clean);
                self.ends(now, role);
            }
            Message::Preflight { role, held } => self.lane_mut(role).clear = (!held).then_some(now),
            Message::ZooKeeper { answer, .. } => {
                let answered = matches!(answer, Srvr::Serving(_) | Srvr::NotServing);
                if answered {
                    self.zookeeper = Some(answer);
                }
                if let Some(life) = &mut self.lane_mut(Role::ZooKeeper).life {
                    life.unanswered = !answered;
                }
                if matches!(answer, Srvr::Serving(_)) {
                    self.zookeeper_served = now;
                    self.peers_serve_since = None;
                }
            }
            Message::Ensemble { answers } => {
                self.peers_serve = answers.iter().any(|answer| matches!(answer, Srvr::Serving(_)));
                if self.peers_serve {
                    self.peers_serve_since.get_or_insert(now);
                }
            }
            Message::Fence { .. } | Message::Token { .. } | Message::Session { .. } | Message::Council { .. } => {}
            Message::Registration { seen, .. } => match seen {
                Seen::Absent | Seen::Held(_) => {
                    self.registration.read = Some(seen);
                    self.registration.read_at = now;
                    self.registration.held = seen != Seen::Absent;
                }
                Seen::Unreadable => {}
            },
            Message::Broker { answer, .. } => {
                if let Some(life) = &mut self.lane_mut(Role::Kafka).life {
                    life.unanswered = !matches!(answer, Listener::Answers { .. });
                    life.answered |= !life.unanswered;
                }
            }
            Message::Progress { role, progress, .. } => {
                if let Some(life) = &mut self.lane_mut(role).life {
                    life.look(now, progress);
                }
            }
            Message::InSync { .. } | Message::Brokers { .. } | Message::Stop => {}
        }
    }

    /// In a stop, a ZooKeeper that ends while Kafka still runs is started again, and its end does not count.
    pub fn kafka_needs(&self, role: Role) -> bool {
        role == Role::ZooKeeper && self.life(Role::Kafka).is_some()
    }

    fn ends(&mut self, now: Time, role: Role) {
        let lane = self.lane_mut(role);
        if let Some(life) = lane.life.take() {
            lane.ended = Some((now, now - life.ordered));
        }
        match role {
            Role::ZooKeeper => self.zookeeper = None,
            Role::Kafka => {
                self.registration.read = None;
                self.registration.read_at = now;
            }
        }
    }

    /// A probe was ordered; says since when an answer to the same one was awaited.
    pub fn asks(&mut self, now: Time, probe: &Probe) -> Option<Time> {
        let (kind, key) = kind(probe);
        if let Probe::Registration { ask } = *probe {
            self.registration.ask = ask;
        }
        let before = self.awaited[kind].replace((key, now));
        let (window, asked) = &mut self.asked[kind];
        if now - *window >= SEC {
            (*window, *asked) = (now, 0);
        }
        *asked += 1;
        self.most_asked = self.most_asked.max(*asked);
        before.filter(|(awaited, _)| *awaited == key).map(|(_, at)| at)
    }

    pub fn orders(&mut self, now: Time, role: Role, run: RunId) {
        let lane = self.lane_mut(role);
        lane.last_run = Some(run);
        lane.life = Some(Life {
            run,
            ordered: now,
            spawned: None,
            terminated: None,
            killed: None,
            health: None,
            adopted: false,
            served_at: None,
            answered: false,
            unanswered: false,
            progressed: None,
            looked: None,
        });
        if role == Role::ZooKeeper {
            self.zookeeper = None;
        }
    }

    /// SIGTERM is sent; says whether this ends a run for health.
    pub fn terminates(&mut self, now: Time, role: Role) -> bool {
        // A question belongs to the state that asked it: an ending run's progress is asked for anew.
        self.awaited[7 + role as usize] = None;
        let Some(life) = &mut self.lane_mut(role).life else { return false };
        life.terminated = Some(now);
        life.looked = None;
        life.progressed = None;
        life.health.is_some()
    }

    /// SIGKILL is sent; says whether this ends a run for health, as the first signal.
    pub fn kills(&mut self, now: Time, role: Role) -> bool {
        let Some(life) = &mut self.lane_mut(role).life else { return false };
        life.killed.get_or_insert(now);
        life.health.is_some() && life.terminated.is_none()
    }

    /// The present run is known to have served.
    pub fn serves(&mut self, now: Time, run: RunId) {
        for life in self.lanes.iter_mut().filter_map(|lane| lane.life.as_mut()).filter(|life| life.run == run) {
            life.served_at.get_or_insert(now);
        }
    }

    /// A notice that the books need; says what the backoff's table allows where it announces a pause.
    pub fn reads(&mut self, now: Time, notice: &Notice) -> Option<Pause> {
        match notice {
            Notice::StartsUnread { .. } => self.started_unread = true,
            Notice::Terminates { role, run, reason: SignalReason::Health(blame) }
            | Notice::Kills { role, run, reason: SignalReason::Health(blame) } => {
                if let Some(life) = self.lane_mut(*role).life.as_mut().filter(|life| life.run == *run) {
                    life.health.get_or_insert(*blame);
                }
            }
            Notice::Ended { role, cause, lived, again_in: Some(announced), .. } => {
                return Some(self.pauses(now, *role, cause, *lived, *announced));
            }
            _ => {}
        }
        None
    }

    /// A notice takes its place among the actions: it may end a state, and with it what that state asked.
    pub fn passes(&mut self, notice: &Notice) {
        match notice {
            // A question belongs to the state that asked it: when that ends, the next such state asks anew.
            Notice::NotReady { role: Role::Kafka, .. } => self.awaited[6] = None,
            Notice::ZooKeeperServes { .. } | Notice::Starts { role: Role::Kafka, .. } => self.awaited[3] = None,
            Notice::Terminates { .. } | Notice::Kills { .. } | Notice::HangPassed { .. } => self.awaited[3] = None,
            _ => {}
        }
    }

    fn pauses(&mut self, now: Time, role: Role, cause: &ExitCause, lived: Duration, announced: Duration) -> Pause {
        let lane = self.lane_mut(role);
        if lived >= policy::BACKOFF_RESET {
            lane.short_lives = 0;
        }
        let step = policy::BACKOFF.get(lane.short_lives).copied().unwrap_or(policy::BACKOFF_CAP);
        lane.short_lives += 1;
        let middle = short(if cause.restart_may_help() { step } else { policy::BACKOFF_CAP });
        lane.not_before = now + short(announced);
        let spread = middle / 100 * policy::JITTER_PERCENT;
        Pause {
            announced: short(announced),
            least: middle - spread,
            most: middle + spread,
            said: short(lived),
            lived: lane.ended.map_or(0, |(_, lived)| lived),
        }
    }

    /// Whether every process that was ordered has ended.
    pub fn all_down(&self) -> bool {
        self.lanes.iter().all(|lane| lane.life.is_none())
    }
}

/// A pause as it was announced, and as the table has it.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    pub announced: Time,
    pub least: Time,
    pub most: Time,
    /// How long the run lived: as said, and by our clock.
    pub said: Time,
    pub lived: Time,
}

impl Life {
    /// Takes a look in. Only what is progress beyond doubt counts: four times what the policy asks for.
    fn look(&mut self, now: Time, seen: Progress) {
        // Counters never fall: an answer that shows less is an older one that came late.
        if self.looked.is_some_and(|(_, before)| seen.cpu < before.cpu) {
            return;
        }
        let Some((at, before)) = self.looked.replace((now, seen)) else { return };
        let moved = seen.storage_bytes.saturating_sub(before.storage_bytes) >= 4 * policy::PROGRESS_BYTES;
        let stepped = seen.recovery_steps > before.recovery_steps;
        if now - at >= 200 * MS && (moved || stepped) {
            self.progressed = Some(now);
        }
    }
}

/// A moment of `node_clock` as world time.
pub fn world_time(moment: Moment, offset: Time) -> Time {
    short(moment.since_origin()).saturating_sub(offset)
}
