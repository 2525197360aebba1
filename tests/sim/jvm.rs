//! Model JVMs: where a process stands in its life and how its counters grow. How one phase leads to the next is in `world.rs`.

use kafka_node::model::{ExitStatus, ProcessState, Progress, RunId};

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
    /// It answers nobody until then.
    pub hangs_until: Time,
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
            hangs_until: 0,
            stuck: None,
            counters: Counters { at: now, rate: Rate::Busy, cpu: 0, bytes: 0, steps: 0 },
        }
    }

    pub fn enter(&mut self, phase: Phase, now: Time) {
        let waits_for_quorum = matches!(phase, Phase::Connects | Phase::Registers);
        self.counters.bring_up_to(now);
        self.counters.rate = match phase {
            Phase::Recovers => Rate::Recovering,
            Phase::Loads | Phase::LoadsLogs => Rate::Busy,
            Phase::Stops if self.stuck != Some(Stuck::Idle) => Rate::Busy,
            _ if waits_for_quorum => Rate::Idle,
            _ => Rate::Idle,
        };
        self.phase = phase;
        self.token = self.token.wrapping_add(1);
    }

    /// The stop waits for a quorum and does nothing, or goes on.
    pub fn pause(&mut self, paused: bool, now: Time) {
        self.counters.bring_up_to(now);
        self.counters.rate = if paused { Rate::Idle } else { Rate::Busy };
        self.token = self.token.wrapping_add(1);
    }

    pub fn hangs(&self, now: Time) -> bool {
        now < self.hangs_until
    }

    pub fn progress(&mut self, now: Time) -> Progress {
        self.counters.bring_up_to(now);
        Progress {
            state: ProcessState::Able,
            jvm: None,
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
    cpu: Time,
    bytes: u64,
    /// In billionths of a step.
    steps: u64,
}

#[derive(Clone, Copy, Debug)]
enum Rate {
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
        match self.rate {
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
