//! Model JVMs: where a process stands in its life and how its counters grow. How one phase leads to the next is in `world.rs`.

use kafka_node::model::{ExitStatus, JvmCounters, ProcessState, Progress, RunId};

use crate::clock::{MS, SEC, Time, long};

/// Where a ZooKeeper server or a broker stands. The words of the two are apart on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Either: the JVM loads; nothing listens and there is no shutdown hook yet.
    Loads,
    /// ZooKeeper: it listens and has not joined the ensemble.
    Listens,
    /// ZooKeeper: it takes part in elections.
    Joined,
    /// Broker: it looks for a quorum, and gives up after 18 s.
    Connects,
    /// Broker: it recovers its logs after an unclean end.
    Recovers,
    /// Broker: it loads its logs.
    LoadsLogs,
    /// Broker: it wants to register, and waits for a quorum.
    Registers,
    /// Broker: it has been registered and answers.
    Serves,
    /// Either: SIGTERM was taken by a serving process; it ends when its work is done.
    Stops,
    /// Either: its end is decided, with this status.
    Doomed(ExitStatus),
}

/// A stop that never ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Without any progress.
    Idle,
    /// With progress for ever.
    Busy,
}

/// A way to be of no use while the process lives, or to look like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hang {
    /// Stopped by a signal: it does nothing, and no signal but SIGKILL reaches it.
    Frozen,
    /// Held by a debugger.
    Traced,
    /// It answers nobody, uses no CPU, and keeps its session.
    Deadlocked,
    /// It answers nobody and works.
    Busy,
    /// Nine tenths of its time are garbage collections that free nothing; it answers nobody.
    Spiral,
    /// The same, and it answers all the same.
    SlowSpiral,
    /// Somebody forces full collections, and the heap empties: it answers.
    ForcedGc,
    /// The machine as a whole stands still.
    Starved,
}

impl Hang {
    /// Those that come upon one JVM.
    pub const ALL: [Hang; 7] =
        [Hang::Frozen, Hang::Traced, Hang::Deadlocked, Hang::Busy, Hang::Spiral, Hang::SlowSpiral, Hang::ForcedGc];

    /// It answers nobody.
    pub fn is_silent(self) -> bool {
        !matches!(self, Hang::SlowSpiral | Hang::ForcedGc)
    }

    /// It does nothing at all: no heartbeats, no shutdown hook.
    pub fn is_still(self) -> bool {
        matches!(self, Hang::Frozen | Hang::Traced | Hang::Starved)
    }

    /// A restart is the right answer once it lasts.
    pub fn deserves_an_end(self) -> bool {
        match self {
            Hang::Frozen | Hang::Deadlocked | Hang::Busy | Hang::Spiral | Hang::SlowSpiral => true,
            Hang::Traced | Hang::ForcedGc | Hang::Starved => false,
        }
    }
}

/// A hang under way, or the last one.
#[derive(Clone, Copy, Debug)]
pub struct Hanging {
    pub hang: Hang,
    pub since: Time,
    pub until: Time,
}

/// Whether the run's output names its ZooKeeper sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// As soon as it has one.
    Prompt,
    /// Seconds later.
    Late,
    /// Its logging was turned down.
    Never,
}

/// One process.
#[derive(Clone, Debug)]
pub struct Jvm {
    pub run: RunId,
    pub pid: i32,
    /// When the supervisor hears of the spawn: it never hears of the end before that.
    pub told: Time,
    pub phase: Phase,
    /// Steps queued for another token are out of date.
    pub token: u32,
    /// When the present phase ends by itself, where it does.
    pub due: Time,
    /// Broker: work left of a controlled shutdown that waits for a quorum.
    pub left: Time,
    /// Broker: its ZooKeeper session.
    pub session: i64,
    /// Broker: in the ISR of everything from here on.
    pub in_sync: Time,
    /// The life of the supervisor whose child it is.
    pub parent: u32,
    /// When it was made: with the pid, its identity.
    pub born: Time,
    /// The hang under way, or the last one.
    pub hanging: Option<Hanging>,
    /// A question that it has not answered yet: of which life of the supervisor, and when.
    pub asked: Option<(u32, Time)>,
    /// A SIGTERM waits for it to go on.
    pub termed: bool,
    /// Broker: it has been registered.
    pub served: bool,
    /// Broker: it will not register again.
    pub gives_up: bool,
    /// Broker: it answers, and its registration is not its own since then.
    pub unregistered: Option<Time>,
    /// Broker: it was started although its registration could not be read.
    pub unread: bool,
    pub speech: Speech,
    /// Its own counters can be read.
    pub counted: bool,
    /// How full its heap is after a collection, in percent, while all is well.
    pub heap: u64,
    pub stuck: Option<Stuck>,
    counters: Counters,
}

impl Jvm {
    pub fn new(run: RunId, pid: i32, now: Time) -> Jvm {
        Jvm {
            run,
            pid,
            told: now,
            phase: Phase::Loads,
            token: 0,
            due: 0,
            left: 0,
            session: 0,
            in_sync: 0,
            parent: 0,
            born: now,
            hanging: None,
            asked: None,
            termed: false,
            served: false,
            gives_up: false,
            unregistered: None,
            unread: false,
            speech: Speech::Prompt,
            counted: true,
            heap: 40,
            stuck: None,
            counters: Counters { at: now, rate: Rate::Busy, pauses: 1, cpu: 0, bytes: 0, steps: 0, stopped: 0 },
        }
    }

    pub fn enter(&mut self, phase: Phase, now: Time) {
        self.counters.bring_up_to(now);
        self.phase = phase;
        self.pace(now);
        self.token = self.token.wrapping_add(1);
    }

    /// Sets the rates of the counters by its phase and its hang.
    fn pace(&mut self, now: Time) {
        self.counters.rate = match (self.hang(now), self.phase) {
            (Some(Hang::Frozen | Hang::Traced | Hang::Deadlocked | Hang::Starved), _) => Rate::None,
            (Some(Hang::Busy | Hang::Spiral | Hang::SlowSpiral | Hang::ForcedGc), _) => Rate::Busy,
            (None, Phase::Recovers) => Rate::Recovering,
            (None, Phase::Loads | Phase::LoadsLogs) => Rate::Busy,
            (None, Phase::Stops) if self.stuck != Some(Stuck::Idle) => Rate::Busy,
            (None, _) => Rate::Idle,
        };
        self.counters.pauses = match self.hang(now) {
            Some(Hang::Spiral | Hang::SlowSpiral | Hang::ForcedGc) => 90,
            Some(Hang::Frozen | Hang::Traced | Hang::Deadlocked | Hang::Starved) => 0,
            Some(Hang::Busy) | None => 1,
        };
    }

    /// It hangs from now on.
    pub fn hang_from(&mut self, hang: Hang, now: Time, until: Time) {
        self.counters.bring_up_to(now);
        self.hanging = Some(Hanging { hang, since: now, until });
        self.pace(now);
    }

    /// Its hang ends now.
    pub fn hang_ends(&mut self, now: Time) {
        self.counters.bring_up_to(now);
        if let Some(hanging) = &mut self.hanging {
            hanging.until = hanging.until.min(now);
        }
        self.pace(now);
    }

    /// How it hangs at present.
    pub fn hang(&self, now: Time) -> Option<Hang> {
        self.hanging.filter(|hanging| now < hanging.until).map(|hanging| hanging.hang)
    }

    /// The stop waits for a quorum and does nothing, or goes on.
    pub fn pause(&mut self, paused: bool, now: Time) {
        self.counters.bring_up_to(now);
        self.counters.rate = if paused { Rate::Idle } else { Rate::Busy };
        self.token = self.token.wrapping_add(1);
    }

    /// It answers nobody.
    pub fn is_silent(&self, now: Time) -> bool {
        self.hang(now).is_some_and(Hang::is_silent)
    }

    /// It does nothing at all.
    pub fn is_still(&self, now: Time) -> bool {
        self.hang(now).is_some_and(Hang::is_still)
    }

    pub fn progress(&mut self, now: Time) -> Progress {
        self.counters.bring_up_to(now);
        let state = match self.hang(now) {
            Some(Hang::Frozen) => ProcessState::Stopped,
            Some(Hang::Traced) => ProcessState::Traced,
            _ => ProcessState::Able,
        };
        let heap = match self.hang(now) {
            Some(Hang::Spiral | Hang::SlowSpiral) => 97,
            Some(Hang::ForcedGc) => 30,
            _ => self.heap,
        };
        let counters = JvmCounters {
            stopped: long(self.counters.stopped),
            heap_used: heap,
            heap_max: 100,
            ..JvmCounters::default()
        };
        Progress {
            state,
            jvm: self.counted.then_some(counters),
            cpu: long(self.counters.cpu),
            storage_bytes: self.counters.bytes,
            recovery_steps: self.counters.steps / SEC,
            recovering: self.phase == Phase::Recovers,
        }
    }
}

#[derive(Clone, Debug)]
struct Counters {
    at: Time,
    rate: Rate,
    /// Percent of its time in which all its threads stand still.
    pauses: u64,
    stopped: Time,
    cpu: Time,
    bytes: u64,
    /// In billionths of a step.
    steps: u64,
}

#[derive(Clone, Copy, Debug)]
enum Rate {
    /// Nothing at all.
    None,
    /// About 1 % of a core, as when reconnecting.
    Idle,
    /// Half a core and 10 MB/s.
    Busy,
    /// Busy, with two log lines a second.
    Recovering,
}

impl Counters {
    fn bring_up_to(&mut self, now: Time) {
        let passed = now - self.at;
        self.at = now;
        self.stopped += passed / 100 * self.pauses;
        match self.rate {
            Rate::None => {}
            Rate::Idle => self.cpu += passed / 100,
            Rate::Busy => self.work(passed),
            Rate::Recovering => {
                self.work(passed);
                self.steps += 2 * passed;
            }
        }
    }

    fn work(&mut self, passed: Time) {
        self.cpu += passed / 2;
        self.bytes += passed / MS * 10_000;
    }
}
