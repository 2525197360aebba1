//! What the model JVMs do: how a phase follows another, what signals do to them, and what their ends leave behind.

use kafka_node::model::{ExitStatus, Role, RunId};
use kafka_node::supervise::Probe;

use crate::clock::{MIN, MS, SEC, Time};
use crate::driver::Driver;
use crate::ensemble::{Consequences, Owner, Registration, bit};
use crate::invariants::{Broken, hold};
use crate::jvm::{Hang, Jvm, Phase, Speech, Stuck};
use crate::message::Message;
use crate::schedule::{between, pick, skewed};
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
        let pid = self.next_pid(node);
        let told = self.now + between(&mut self.rng, MS, 20 * MS);
        let mut jvm = Jvm::new(run, pid, self.now);
        jvm.told = told;
        jvm.stuck = self.nodes[node].stuck[role as usize];
        jvm.parent = self.nodes[node].boot;
        jvm.unread = self.nodes[node].alive.as_ref().is_some_and(|alive| alive.book.started_unread);
        jvm.speech = pick(&mut self.rng, &[Speech::Prompt, Speech::Prompt, Speech::Late, Speech::Never]);
        jvm.counted = self.rng.chance(85);
        jvm.heap = between(&mut self.rng, 20, 95);
        self.nodes[node].record.spawned(run, pid, self.now);
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
        if jvm.is_still(self.now) && !matches!(jvm.phase, Phase::Doomed(_)) {
            self.after(SEC, What::Step { node, role, run, token });
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
                self.note_member(node);
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
        self.give_session(node);
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

    /// The broker has a new session, and says so in its output if it speaks.
    fn give_session(&mut self, node: usize) -> i64 {
        let run = self.nodes[node].jvms[Role::Kafka as usize].as_ref().map_or(RunId(0), |jvm| jvm.run);
        let session = self.ensemble.new_session(Owner::Run { node, run });
        let delay = between(&mut self.rng, MS, 20 * MS);
        let late = between(&mut self.rng, 500 * MS, 8 * SEC);
        let Some(jvm) = &mut self.nodes[node].jvms[Role::Kafka as usize] else { return session };
        jvm.session = session;
        match jvm.speech {
            Speech::Prompt => self.after(delay, What::Prints { node, run, session }),
            Speech::Late => self.after(late, What::Prints { node, run, session }),
            Speech::Never => {}
        }
        session
    }

    /// A line of the broker's output names its session. Where no supervisor reads it waits in the pipe.
    pub fn prints(&mut self, node: usize, run: RunId, session: i64) {
        if self.nodes[node].jvms[Role::Kafka as usize].as_ref().is_none_or(|jvm| jvm.run != run) {
            return;
        }
        let told = self.nodes[node].jvms[Role::Kafka as usize].as_ref().map_or(0, |jvm| jvm.told);
        if self.nodes[node].alive.is_some() {
            self.send(node, told.saturating_sub(self.now) + MS, Message::Session { run, session });
        } else {
            self.nodes[node].unread.push((run, session));
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
                let strange = matches!(self.ensemble.owner(other.session), Some(Owner::Stranger { .. }));
                let unread = self.nodes[node].jvms[Role::Kafka as usize].as_ref().is_none_or(|jvm| jvm.unread);
                let excused = strange || unread;
                hold!(a_broker_never_meets_its_own_stale_registration(excused, other.session));
                self.doom(node, Role::Kafka, ExitStatus::Code(1), 6 * SEC);
            }
            Some(_) | None => {
                self.ensemble.register(node, session);
                self.enter(node, Role::Kafka, Phase::Serves, None);
                let in_sync = self.now + skewed(&mut self.rng, 100 * MS, 30 * SEC);
                if let Some(jvm) = &mut self.nodes[node].jvms[Role::Kafka as usize] {
                    jvm.in_sync = in_sync;
                    jvm.served = true;
                }
                self.note_broker(node);
            }
        }
        Ok(())
    }

    /// A living broker whose session lapsed comes back with another. One that finds a stranger in its place gives up for good.
    pub fn reregister(&mut self, node: usize, run: RunId) {
        let now = self.now;
        let Some(jvm) = &self.nodes[node].jvms[Role::Kafka as usize] else { return };
        let wants = jvm.run == run && matches!(jvm.phase, Phase::Serves | Phase::Stops) && !jvm.gives_up;
        if wants && !jvm.is_still(now) && self.ensemble.connected(node) {
            match self.ensemble.registrations[node] {
                None => {
                    let session = self.give_session(node);
                    self.ensemble.register(node, session);
                }
                Some(other) if other.session != jvm.session => {
                    if let Some(jvm) = &mut self.nodes[node].jvms[Role::Kafka as usize] {
                        jvm.gives_up = true;
                    }
                }
                Some(_) => {}
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
            self.say(node, || format!("   session {session} lapsed"));
            self.unregister(node);
        }
    }

    /// The registration is gone; whoever wants its place comes for it.
    pub fn unregister(&mut self, node: usize) {
        self.ensemble.unregister(node);
        self.note_broker(node);
        self.settle();
        if self.now < self.nodes[node].stranger {
            let soon = between(&mut self.rng, MS, 500 * MS);
            self.after(soon, What::Stranger { node });
        }
    }

    /// A broker of another machine with this node's id comes for a free place, or leaves it once its time is over.
    pub fn stranger(&mut self, node: usize) {
        let wants = self.now < self.nodes[node].stranger;
        let holds = self.ensemble.registrations[node].is_some_and(|r| r.elsewhere);
        if wants && self.ensemble.is_led() && self.ensemble.registrations[node].is_none() {
            let session = self.ensemble.new_session(Owner::Stranger { node });
            self.say(node, || format!("   a stranger registers with session {session}"));
            self.ensemble.register(node, session);
            self.note_broker(node);
        } else if wants && !holds {
            self.after(SEC, What::Stranger { node });
        } else if !wants && holds {
            self.unregister(node);
        }
    }

    /// A hang comes upon the process.
    pub fn hang(&mut self, node: usize, role: Role, hang: Hang, lasts: Time) {
        let now = self.now;
        let Some(jvm) = &mut self.nodes[node].jvms[role as usize] else { return };
        if matches!(jvm.phase, Phase::Doomed(_)) || jvm.hang(now).is_some() {
            return; // one at a time
        }
        jvm.hang_from(hang, now, now.saturating_add(lasts));
        let run = jvm.run;
        if lasts != Time::MAX {
            self.after(lasts, What::HangOver { node, role, run });
        }
        self.note_heard(node, role);
    }

    /// The hang of a process is over, if it is: it takes up what waited for it.
    pub fn hang_over(&mut self, node: usize, role: Role, run: RunId) {
        let now = self.now;
        let Some(jvm) = self.nodes[node].jvms[role as usize].as_mut().filter(|jvm| jvm.run == run) else { return };
        if jvm.hang(now).is_some() {
            return; // another one came meanwhile
        }
        jvm.hang_ends(now);
        if let Some((boot, _)) = jvm.asked.take()
            && boot == self.nodes[node].boot
        {
            let probe = match role {
                Role::ZooKeeper => Probe::ZooKeeper { run },
                Role::Kafka => Probe::Broker { run },
            };
            self.probe(node, probe);
        }
        let Some(jvm) = &mut self.nodes[node].jvms[role as usize] else { return };
        if std::mem::take(&mut jvm.termed) {
            self.sigterm(node, role, run);
        }
        self.note_heard(node, role);
        if role == Role::Kafka {
            self.reregister(node, run);
        }
    }

    /// Whether a process is heard of by others follows from its hang.
    fn note_heard(&mut self, node: usize, role: Role) {
        let now = self.now;
        match role {
            Role::ZooKeeper => self.note_member(node),
            Role::Kafka => {
                let heard = self.nodes[node].jvms[Role::Kafka as usize].as_ref().filter(|jvm| !jvm.is_still(now));
                let session = heard.map(|jvm| jvm.session);
                if let Some(registration) = &mut self.ensemble.registrations[node]
                    && !registration.elsewhere
                {
                    registration.owner_lives = session == Some(registration.session);
                }
                self.note_broker(node);
                self.settle();
            }
        }
    }

    /// A server takes part in the ensemble while it has joined and says anything.
    fn note_member(&mut self, node: usize) {
        let now = self.now;
        let takes_part = self.nodes[node].jvms[Role::ZooKeeper as usize]
            .as_ref()
            .is_some_and(|jvm| jvm.phase == Phase::Joined && !jvm.is_silent(now));
        if takes_part {
            self.ensemble.join(node);
        } else {
            self.ensemble.leave(node);
        }
        self.settle();
    }

    /// Brings the mask of serving brokers up to date.
    pub fn note_broker(&mut self, node: usize) {
        let now = self.now;
        let registration = self.ensemble.registrations[node];
        let serves = self.nodes[node].jvms[Role::Kafka as usize].as_mut().is_some_and(|jvm| {
            let holds = registration.is_some_and(|r| r.session == jvm.session);
            let lost = jvm.phase == Phase::Serves && !holds;
            jvm.unregistered = lost.then(|| jvm.unregistered.unwrap_or(now));
            jvm.phase == Phase::Serves && holds && !jvm.is_silent(now)
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
        let (still, silent) = (jvm.is_still(self.now), jvm.is_silent(self.now));
        if still && !matches!(jvm.phase, Phase::Doomed(_)) {
            if let Some(jvm) = &mut self.nodes[node].jvms[role as usize] {
                jvm.termed = true;
            }
            return;
        }
        match (role, jvm.phase) {
            // Its shutdown hook comes through or does not.
            (_, Phase::Serves | Phase::Joined) if silent => {
                if self.rng.chance(50) {
                    self.doom(node, role, JVM_TERMINATED, 8 * SEC);
                }
            }
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
                self.unregister(node);
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
        let said = jvm.phase == Phase::Stops && status == JVM_TERMINATED;
        if self.nodes[node].alive.is_some() {
            // An adopted one is nobody's child: its end is seen by its pipe, and its status by nobody.
            let ours = jvm.parent == self.nodes[node].boot;
            let status = if ours { status } else { ExitStatus::Unseen };
            let most = if ours { 5 * MS } else { 200 * MS };
            let told = jvm.told.max(self.now) - self.now + between(&mut self.rng, MS, most);
            self.send(node, told, Message::Exited { role, run: jvm.run, status, said });
        }
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
            Phase::Serves if connected && jvm.unregistered.is_some() && !jvm.gives_up => {
                let soon = between(&mut self.rng, 100 * MS, 5 * SEC);
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
