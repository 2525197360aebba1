//! What the model JVMs do: how a phase follows another, what signals do to them, and what their ends leave behind.

use kafka_node::model::{ExitStatus, Role, RunId};

use crate::clock::{MIN, MS, SEC, Time};
use crate::driver::Driver;
use crate::ensemble::{Consequences, Registration, bit};
use crate::invariants::{Broken, hold};
use crate::jvm::{Jvm, Phase, Stuck};
use crate::message::Message;
use crate::schedule::{between, skewed};
use crate::stages::Stage;
use crate::world::{What, World};

/// Kafka 2.6's `zookeeper.connection.timeout.ms`.
const CONNECTION_TIMEOUT: Time = 18 * SEC;
const JVM_TERMINATED: ExitStatus = ExitStatus::Code(143);
const SIGKILL: i32 = 9;

impl<D: Driver> World<D> {
    /// Makes a process, unless processes cannot be made.
    pub fn spawn(&mut self, node: usize, role: Role, run: RunId) {
        let (until, curable) = self.nodes[node].no_spawn;
        if self.now < until {
            let delay = between(&mut self.rng, MS, 50 * MS);
            return self.send(node, delay, Message::SpawnFailed { role, run, curable });
        }
        let pid = self.next_pid();
        let told = self.now + between(&mut self.rng, MS, 20 * MS);
        let mut jvm = Jvm::new(run, pid, self.now);
        jvm.told = told;
        jvm.stuck = self.nodes[node].stuck[role as usize];
        self.nodes[node].jvms[role as usize] = Some(jvm);
        self.send(node, told - self.now, Message::Spawned { role, run, pid });
        let loads = match role {
            Role::ZooKeeper => between(&mut self.rng, 200 * MS, 1500 * MS),
            Role::Kafka => between(&mut self.rng, 400 * MS, 2 * SEC),
        };
        self.enter(node, role, Phase::Loads, Some(loads));
    }

    /// Puts the process into a phase that ends by itself after `lasts`, or never.
    fn enter(&mut self, node: usize, role: Role, phase: Phase, lasts: Option<Time>) {
        let now = self.now;
        let Some(jvm) = &mut self.nodes[node].jvms[role as usize] else { return };
        jvm.enter(phase, now);
        let (run, token, pid) = (jvm.run, jvm.token, jvm.pid);
        if let Some(lasts) = lasts {
            jvm.due = now + lasts;
            self.after(lasts, What::Step { node, role, run, token });
        }
        self.say(node, || format!("   {role} {pid} {phase:?} for {lasts:?}"));
    }

    /// The process comes to the end of its phase.
    pub fn step(&mut self, node: usize, role: Role, run: RunId, token: u32) -> Result<(), Broken> {
        let Some(jvm) = &self.nodes[node].jvms[role as usize] else { return Ok(()) };
        if jvm.run != run || jvm.token != token {
            return Ok(());
        }
        match (role, jvm.phase) {
            (_, Phase::Doomed(status)) => self.die(node, role, status),
            (_, Phase::Stops) => self.stopped(node, role),
            (Role::ZooKeeper, Phase::Loads) => {
                let joins = skewed(&mut self.rng, 10 * MS, 5 * SEC);
                self.enter(node, role, Phase::Listens, Some(joins));
            }
            (Role::ZooKeeper, _) => {
                self.enter(node, role, Phase::Joined, None);
                self.ensemble.join(node);
                self.settle();
            }
            (Role::Kafka, Phase::Loads) => {
                self.enter(node, role, Phase::Connects, Some(CONNECTION_TIMEOUT));
                self.connect(node);
            }
            (Role::Kafka, Phase::Connects) => self.doom(node, role, ExitStatus::Code(1), 3 * SEC),
            (Role::Kafka, Phase::Recovers) => self.load_logs(node),
            (Role::Kafka, Phase::LoadsLogs) => {
                self.enter(node, role, Phase::Registers, None);
                self.register(node)?;
            }
            // Joined, Registers and Serves end by something else; Listens is ZooKeeper's.
            (Role::Kafka, Phase::Registers) => self.register(node)?,
            (Role::Kafka, Phase::Serves | Phase::Listens | Phase::Joined) => {}
        }
        Ok(())
    }

    /// A broker that looks for a quorum goes on if there is one.
    fn connect(&mut self, node: usize) {
        if !self.ensemble.connected(node) {
            return;
        }
        let session = self.ensemble.new_session();
        if let Some(jvm) = &mut self.nodes[node].jvms[Role::Kafka as usize] {
            jvm.session = session;
        }
        if self.nodes[node].dirty {
            let most = match self.rng.below(100) {
                0..75 => 15 * SEC,
                75..97 => 90 * SEC,
                _ => 10 * MIN,
            };
            let lasts = skewed(&mut self.rng, 500 * MS, most);
            self.enter(node, Role::Kafka, Phase::Recovers, Some(lasts));
        } else {
            self.load_logs(node);
        }
    }

    fn load_logs(&mut self, node: usize) {
        // From here on the mark of a clean shutdown is gone from the log directories.
        self.nodes[node].dirty = true;
        let lasts = skewed(&mut self.rng, 100 * MS, 5 * SEC);
        self.enter(node, Role::Kafka, Phase::LoadsLogs, Some(lasts));
    }

    /// A broker registers, if there is a quorum, or meets a registration that is another session's.
    fn register(&mut self, node: usize) -> Result<(), Broken> {
        if !self.ensemble.connected(node) {
            return Ok(());
        }
        let session = self.nodes[node].jvms[Role::Kafka as usize].as_ref().map_or(0, |jvm| jvm.session);
        match self.ensemble.registrations[node] {
            Some(other) if other.session != session => {
                let excused = self.nodes[node].alive.as_ref().is_none_or(|alive| alive.book.started_unread);
                hold!(a_broker_never_meets_its_own_stale_registration(excused, other.session));
                self.doom(node, Role::Kafka, ExitStatus::Code(1), 6 * SEC);
            }
            Some(_) | None => {
                let registration = Registration { session, owner_lives: true, lapses: None };
                self.ensemble.registrations[node] = Some(registration);
                self.enter(node, Role::Kafka, Phase::Serves, None);
                let in_sync = self.now + skewed(&mut self.rng, 100 * MS, 30 * SEC);
                if let Some(jvm) = &mut self.nodes[node].jvms[Role::Kafka as usize] {
                    jvm.in_sync = in_sync;
                }
                self.note_broker(node);
            }
        }
        Ok(())
    }

    /// A living broker whose session lapsed comes back with another, and one that hung answers again.
    pub fn reregister(&mut self, node: usize, run: RunId) {
        let Some(jvm) = &self.nodes[node].jvms[Role::Kafka as usize] else { return };
        let wants = jvm.run == run && matches!(jvm.phase, Phase::Serves | Phase::Stops);
        if wants && self.ensemble.connected(node) && self.ensemble.registrations[node].is_none() {
            let session = self.ensemble.new_session();
            self.ensemble.registrations[node] = Some(Registration { session, owner_lives: true, lapses: None });
            if let Some(jvm) = &mut self.nodes[node].jvms[Role::Kafka as usize] {
                jvm.session = session;
            }
        }
        self.note_broker(node);
    }

    /// The session that holds the registration lapses, if its owner is still gone.
    pub fn lapse(&mut self, node: usize, session: i64) {
        let now = self.now;
        let lapsed = self.ensemble.registrations[node]
            .is_some_and(|r| r.session == session && r.lapses.is_some_and(|at| at <= now));
        if lapsed {
            self.ensemble.registrations[node] = None;
            self.say(node, || format!("   session {session} lapsed"));
            self.note_broker(node);
        }
    }

    /// Brings the mask of serving brokers up to date.
    pub fn note_broker(&mut self, node: usize) {
        let now = self.now;
        let serves = self.nodes[node].jvms[Role::Kafka as usize].as_ref().is_some_and(|jvm| {
            let holds = self.ensemble.registrations[node].is_some_and(|r| r.session == jvm.session && r.owner_lives);
            jvm.phase == Phase::Serves && holds && !jvm.hangs(now)
        });
        if serves {
            self.brokers |= bit(node);
        } else {
            self.brokers &= !bit(node);
        }
    }

    /// SIGTERM reaches the process.
    pub fn sigterm(&mut self, node: usize, role: Role, run: RunId) {
        let Some(jvm) = &self.nodes[node].jvms[role as usize] else { return };
        if jvm.run != run {
            return;
        }
        let stuck = jvm.stuck;
        match (role, jvm.phase) {
            // No shutdown hook yet: the signal's own end.
            (_, Phase::Loads) => self.doom(node, role, JVM_TERMINATED, 5 * MS),
            (Role::ZooKeeper, _) => {
                let lasts = between(&mut self.rng, 10 * MS, 500 * MS);
                self.enter(node, role, Phase::Stops, stuck.is_none().then_some(lasts));
            }
            // Kafka halts; what it recovered is lost.
            (Role::Kafka, Phase::Connects | Phase::Recovers | Phase::LoadsLogs | Phase::Registers) => {
                self.doom(node, role, ExitStatus::Code(1), 2 * SEC);
            }
            (Role::Kafka, Phase::Serves) => {
                let most = if self.rng.chance(85) { 5 * SEC } else { 6 * MIN };
                let left = skewed(&mut self.rng, 500 * MS, most);
                if let Some(jvm) = &mut self.nodes[node].jvms[Role::Kafka as usize] {
                    jvm.left = left;
                }
                self.enter(node, role, Phase::Stops, None);
                self.note_broker(node);
                self.go_on_stopping(node);
            }
            (Role::Kafka, Phase::Listens | Phase::Joined | Phase::Stops | Phase::Doomed(_)) => {}
        }
    }

    /// A controlled shutdown works while there is a quorum, and hangs while there is none.
    fn go_on_stopping(&mut self, node: usize) {
        let connected = self.ensemble.connected(node);
        let now = self.now;
        let Some(jvm) = &mut self.nodes[node].jvms[Role::Kafka as usize] else { return };
        if jvm.phase != Phase::Stops || jvm.stuck.is_some() {
            return;
        }
        let works = jvm.due > now;
        if connected && !works {
            jvm.pause(false, now);
            jvm.due = now + jvm.left;
            let (run, token, left) = (jvm.run, jvm.token, jvm.left);
            self.after(left, What::Step { node, role: Role::Kafka, run, token });
        } else if !connected && works {
            jvm.left = jvm.due - now;
            jvm.due = 0;
            jvm.pause(true, now);
        } else if !connected {
            jvm.pause(true, now);
        }
    }

    fn stopped(&mut self, node: usize, role: Role) {
        if role == Role::Kafka {
            self.nodes[node].dirty = false;
            let session = self.nodes[node].jvms[Role::Kafka as usize].as_ref().map_or(0, |jvm| jvm.session);
            if self.ensemble.connected(node) && self.ensemble.registrations[node].is_some_and(|r| r.session == session)
            {
                self.ensemble.registrations[node] = None;
            }
        }
        self.die(node, role, JVM_TERMINATED);
    }

    /// SIGKILL reaches the process; in bad weather the kernel sometimes takes its time.
    pub fn sigkill(&mut self, node: usize, role: Role, run: RunId) {
        let Some(jvm) = &self.nodes[node].jvms[role as usize] else { return };
        if jvm.run != run || matches!(jvm.phase, Phase::Doomed(ExitStatus::Signal(SIGKILL))) {
            return;
        }
        let slow = self.stage == Stage::Weather && self.rng.chance(10);
        let most = if slow { 50 * SEC } else { 20 * MS };
        self.doom(node, role, ExitStatus::Signal(SIGKILL), most);
    }

    /// Decides the process's end.
    pub fn doom(&mut self, node: usize, role: Role, status: ExitStatus, most: Time) {
        let lasts = between(&mut self.rng, MS, most);
        self.enter(node, role, Phase::Doomed(status), Some(lasts));
        self.note_broker(node);
    }

    /// The process is gone.
    pub fn die(&mut self, node: usize, role: Role, status: ExitStatus) {
        let Some(jvm) = self.nodes[node].jvms[role as usize].take() else { return };
        self.say(node, || format!("   {role} {} ended: {status}", jvm.pid));
        let reaped = jvm.told.max(self.now) - self.now + between(&mut self.rng, MS, 5 * MS);
        self.send(node, reaped, Message::Exited { role, run: jvm.run, status });
        self.vanish(node, role, &jvm);
    }

    /// What the end of a process leaves behind, told to nobody.
    pub fn vanish(&mut self, node: usize, role: Role, jvm: &Jvm) {
        match role {
            Role::ZooKeeper => self.ensemble.leave(node),
            Role::Kafka => {
                if let Some(registration) = &mut self.ensemble.registrations[node]
                    && registration.session == jvm.session
                {
                    registration.owner_lives = false;
                }
                self.note_broker(node);
            }
        }
        self.settle();
    }

    /// Lets the ensemble follow from what changed, and the brokers from the ensemble.
    pub fn settle(&mut self) {
        let follows = self.ensemble.settle(self.now);
        self.follow(follows);
    }

    pub fn follow(&mut self, follows: Consequences) {
        if let Some(epoch) = follows.election {
            let lasts = if self.ensemble.standalone() { MS } else { skewed(&mut self.rng, 200 * MS, 8 * SEC) };
            self.after(lasts, What::Elected { epoch });
        }
        for node in (0..self.nodes.len()).filter(|n| follows.sync & bit(*n) != 0) {
            let lasts = skewed(&mut self.rng, 20 * MS, 2 * SEC);
            self.after(lasts, What::Synced { node });
        }
        for node in 0..self.nodes.len() {
            if follows.lapses & bit(node) != 0
                && let Some(Registration { session, lapses: Some(at), .. }) = self.ensemble.registrations[node]
            {
                self.at(at, What::Lapse { node, session });
            }
            self.broker_follows(node);
        }
    }

    /// A broker takes notice of a quorum that came or went.
    fn broker_follows(&mut self, node: usize) {
        let Some(jvm) = &self.nodes[node].jvms[Role::Kafka as usize] else { return };
        let (run, token, connected) = (jvm.run, jvm.token, self.ensemble.connected(node));
        match jvm.phase {
            Phase::Connects => self.connect(node),
            Phase::Registers if connected => self.after(MS, What::Step { node, role: Role::Kafka, run, token }),
            Phase::Serves if connected && self.ensemble.registrations[node].is_none() => {
                let soon = between(&mut self.rng, 100 * MS, 2 * SEC);
                self.after(soon, What::Reregister { node, run });
            }
            Phase::Stops => self.go_on_stopping(node),
            _ => {}
        }
    }

    /// A stop of this process never ends by itself from here on.
    pub fn stick(&mut self, node: usize, role: Role, stuck: Stuck) {
        self.nodes[node].stuck[role as usize] = Some(stuck);
        if let Some(jvm) = &mut self.nodes[node].jvms[role as usize]
            && !matches!(jvm.phase, Phase::Stops | Phase::Doomed(_))
        {
            jvm.stuck = Some(stuck);
        }
    }
}
