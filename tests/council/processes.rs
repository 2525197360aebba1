//! Machines, supervisors and JVMs: how they begin, go on and end.

use std::time::Duration;

use kafka_node::model::{
    BrokerId, Evidence, ExitStatus, NodeName, ReadinessLevel, Rng, Role, Roles, RunId, SessionId, StopCause,
};
use kafka_node::supervise::{Action, Event, Fate, Mark, Past, PastRun, Policy};

use crate::book::{Fact, LifeBook};
use crate::clock::{MS, SEC, long};
use crate::driver::Driver;
use crate::schedule::between;
use crate::world::{Jvm, Next, Phase, Record, What, World};

const ROLES: [Role; 2] = [Role::ZooKeeper, Role::Kafka];

pub fn name(node: usize) -> NodeName {
    NodeName::new(format!("node{}", node + 1))
}

pub fn broker(node: usize) -> BrokerId {
    BrokerId(node as i32 + 1)
}

pub fn sigterm() -> Event {
    Event::Stop { cause: StopCause::Signal { signal: 15, pid: Some(1), uid: Some(0) } }
}

impl<D: Driver> World<D> {
    fn policy(&self, node: usize) -> Policy {
        let peers = || (0..self.nodes.len()).filter(|n| *n != node);
        let schedule = &self.schedule;
        Policy {
            roles: Roles::BOTH,
            broker: broker(node),
            peers: peers().map(name).collect(),
            peer_brokers: peers().map(|n| Some(broker(n))).collect(),
            rank: node,
            level: ReadinessLevel::InSync,
            probe_interval: Duration::from_secs(5),
            hang_after: Duration::from_secs(10),
            slow_after: Duration::from_secs(60),
            grace: long(schedule.grace),
            gate: schedule.gate,
            gate_limit: long(schedule.gate_limit),
            settle: long(schedule.settle),
            first_run: RunId(u64::from(self.nodes[node].life) << 16),
        }
    }

    /// systemd starts the program, or it starts itself anew.
    pub fn begin_life(&mut self, node: usize, boot: u32) {
        let state = &mut self.nodes[node];
        state.starts = false;
        if !state.powered || state.boot != boot || state.supervisor.is_some() {
            return;
        }
        state.life += 1;
        state.born = self.now;
        let mut runs = Vec::new();
        for record in &state.record {
            let jvm = state.jvms[record.role].as_ref().filter(|jvm| jvm.run == record.run);
            let fate = match jvm {
                Some(jvm) => Fate::Lives { pid: jvm.pid, age: long(self.now - jvm.born) },
                None => Fate::Dead,
            };
            let sessions = record.sessions.iter().map(|session| SessionId(*session)).collect();
            runs.push(PastRun { role: ROLES[record.role], run: record.run, fate, sessions, served: record.served });
        }
        let (policy, now) = (self.policy(node), self.local(node));
        let rng = Rng::new(self.rng.next_u64());
        self.book.nodes[node].life = LifeBook::default();
        self.nodes[node].supervisor = Some(D::new(policy, &Past { runs }, now, rng));
        let life = self.nodes[node].life;
        self.say(format!("node{} begins its life {life} in boot {boot}", node + 1));
        if self.cluster.whole(node) {
            self.book.nodes[node].leaving = None;
        }
        if self.nodes[node].going_down {
            self.send(node, 10 * MS, sigterm());
        }
        self.settle(node, false);
    }

    /// The supervisor is no more; its presence goes at once where it said goodbye.
    pub fn end_life(&mut self, node: usize, goodbye: bool) {
        let state = &mut self.nodes[node];
        state.supervisor = None;
        state.token += 1;
        state.due = None;
        let life = state.life;
        let delay = if goodbye { MS } else { between(&mut self.rng, 4 * SEC, 10 * SEC) };
        self.after(delay, What::Leaves { node, life });
    }

    pub fn perform(&mut self, node: usize, action: Action) {
        match action {
            Action::Probe(probe) => self.ask(node, probe),
            Action::Announce(notice) => {
                self.say(format!("node{} says {notice}", node + 1));
                self.note_said(node, &notice);
                self.ambush(node);
            }
            Action::Spawn { role, run } => self.spawn(node, role as usize, run),
            Action::Terminate { role, run } => self.terminate(node, role as usize, run),
            Action::Kill { role, run } => {
                if self.nodes[node].jvms[role as usize].as_ref().is_some_and(|jvm| jvm.run == run) {
                    self.jvm_ends(node, role as usize, ExitStatus::Signal(9), false);
                }
            }
            Action::Mark { role, run, mark } => {
                let records = &mut self.nodes[node].record;
                let record = records.iter_mut().find(|record| record.role == role as usize && record.run == run);
                match (record, mark) {
                    (Some(record), Mark::Session(session)) => record.sessions.push(session.0),
                    (Some(record), Mark::Served) => record.served = true,
                    (None, _) => {}
                }
            }
            Action::Settle { role, run } => {
                let lives = self.nodes[node].jvms[role as usize].as_ref().map(|jvm| jvm.run);
                self.nodes[node].record.retain(|r| r.role != role as usize || r.run != run || lives == Some(run));
            }
            Action::Anew => {
                let Some(supervisor) = &self.nodes[node].supervisor else { return };
                let supervisor_was_ordered = self.book.nodes[node].life.ordered && supervisor.has_stopped();
                if supervisor.has_stopped() || !supervisor.is_stopping() {
                    self.say(format!("node{} starts anew", node + 1));
                    if supervisor_was_ordered {
                        self.book.facts.push(Fact::Heedless { node });
                    }
                    self.end_life(node, true);
                    self.start_soon(node, 200 * MS, 2 * SEC);
                }
            }
            Action::Reboot => {
                let boot = self.nodes[node].boot;
                if !self.rng.chance(3) {
                    let delay = between(&mut self.rng, 300 * MS, 5 * SEC);
                    self.after(delay, What::Reboot { node, boot });
                }
            }
            Action::WithdrawPowerDown => {
                if self.cluster.quorum() && self.nodes[node].cut <= self.now {
                    self.say(format!("node{} withdraws the order", node + 1));
                    (self.znodes.order, self.book.order) = (None, None);
                }
            }
            Action::Finish { clean } => {
                self.say(format!("node{} has stopped, clean: {clean}", node + 1));
                self.end_life(node, true);
                let boot = self.nodes[node].boot;
                if self.nodes[node].going_down {
                    let delay = between(&mut self.rng, SEC, 4 * SEC);
                    self.after(delay, What::PowerOff { node, boot });
                } else if self.znodes.order.is_none() {
                    self.start_soon(node, 10 * SEC, 120 * SEC);
                }
            }
            Action::OrderPowerDown => unreachable!("every machine here reboots, and none powers off"),
            Action::Dump { .. } | Action::ReleaseToken | Action::Ready | Action::Stopping => {}
        }
    }

    pub fn start_soon(&mut self, node: usize, least: u64, most: u64) {
        let boot = self.nodes[node].boot;
        self.nodes[node].starts = true;
        let delay = between(&mut self.rng, least, most);
        self.after(delay, What::Start { node, boot });
    }

    fn spawn(&mut self, node: usize, role: usize, run: RunId) {
        let state = &mut self.nodes[node];
        state.pids += 1;
        let jvm = Jvm { run, pid: state.pids, phase: Phase::Loads, born: self.now, parent: state.life, session: 0 };
        state.record.push(Record { role, run, sessions: Vec::new(), served: false });
        state.jvms[role] = Some(jvm);
        self.after(20 * MS, What::Jvm { node, role, run, to: Next::Made });
        let (delay, to) = match role {
            0 => (between(&mut self.rng, 2 * SEC, 5 * SEC), Next::Joins),
            _ => (between(&mut self.rng, 3 * SEC, 10 * SEC), Next::Registers),
        };
        self.after(delay, What::Jvm { node, role, run, to });
    }

    fn terminate(&mut self, node: usize, role: usize, run: RunId) {
        let Some(jvm) = self.nodes[node].jvms[role].as_mut().filter(|jvm| jvm.run == run) else { return };
        let served = jvm.phase == Phase::Serves;
        jvm.phase = Phase::Stops;
        let (least, most) = match (role, served) {
            (0, _) => (50 * MS, SEC),
            (_, false) => (100 * MS, SEC),
            (_, true) if self.rng.chance(4) => (190 * SEC, 250 * SEC),
            (_, true) => (500 * MS, 8 * SEC),
        };
        if role == 1 && served {
            self.cluster.serves[node] = false;
            self.cluster.broker_goes(node);
            self.truth_changed();
        }
        let (delay, to) =
            (between(&mut self.rng, least, most), if served || role == 0 { Next::Ends } else { Next::Aborts });
        self.after(delay, What::Jvm { node, role, run, to });
    }

    pub fn jvm_goes_on(&mut self, node: usize, role: usize, run: RunId, to: Next) {
        let quorum = self.cluster.quorum();
        let Some(jvm) = self.nodes[node].jvms[role].as_mut().filter(|jvm| jvm.run == run) else { return };
        match (to, jvm.phase) {
            (Next::Made, _) => {
                let (pid, life) = (jvm.pid, jvm.parent);
                let event = Event::Spawned { role: ROLES[role], run, pid };
                self.after(0, What::Tell { node, life, event });
            }
            (Next::Joins, Phase::Loads) => {
                jvm.phase = Phase::Serves;
                self.cluster.joined[node] = true;
                self.members_change();
            }
            (Next::Registers, Phase::Loads) if !quorum => self.after(SEC, What::Jvm { node, role, run, to }),
            (Next::Registers, Phase::Loads) if self.cluster.registered[node].is_some() => {
                self.jvm_ends(node, role, ExitStatus::Code(1), false);
            }
            (Next::Registers, Phase::Loads) => {
                self.sessions += 1;
                (jvm.phase, jvm.session) = (Phase::Serves, self.sessions);
                self.cluster.registered[node] = Some(self.sessions);
                self.cluster.broker_comes(node);
                let delay = between(&mut self.rng, 200 * MS, 20 * SEC);
                self.after(delay, What::Jvm { node, role, run, to: Next::CatchesUp });
                self.truth_changed();
            }
            (Next::CatchesUp, Phase::Serves) => {
                if !(quorum && self.cluster.catch_up(node)) {
                    self.after(2 * SEC, What::Jvm { node, role, run, to });
                }
                self.truth_changed();
            }
            (Next::Ends, Phase::Stops) if role == 1 && !quorum => self.after(SEC, What::Jvm { node, role, run, to }),
            (Next::Ends, Phase::Stops) => self.jvm_ends(node, role, ExitStatus::Code(143), true),
            (Next::Aborts, Phase::Stops) => self.jvm_ends(node, role, ExitStatus::Code(1), false),
            // Its life took another way meanwhile.
            (Next::Joins | Next::Registers | Next::CatchesUp | Next::Ends | Next::Aborts, _) => {}
        }
    }

    fn members_change(&mut self) {
        if self.cluster.member_changes() {
            let (election, delay) = (self.cluster.election, between(&mut self.rng, 100 * MS, 1500 * MS));
            self.after(delay, What::Elect { election });
        }
        self.truth_changed();
    }

    /// A process is no more.
    pub fn jvm_ends(&mut self, node: usize, role: usize, status: ExitStatus, clean: bool) {
        let Some(jvm) = self.nodes[node].jvms[role].take() else { return };
        if role == 0 {
            self.cluster.joined[node] = false;
            self.members_change();
        } else {
            self.cluster.serves[node] = false;
            if clean {
                self.cluster.registered[node] = None;
            } else if jvm.session != 0 {
                let delay = between(&mut self.rng, 6 * SEC, 18 * SEC);
                self.after(delay, What::Lapse { node, session: jvm.session });
            }
            self.truth_changed();
        }
        self.say(format!("node{}: {} ends, {status:?}", node + 1, ROLES[role]));
        let life = self.nodes[node].life;
        let status = if jvm.parent == life { status } else { ExitStatus::Unseen };
        let evidence = Evidence { said_stopped: clean && role == 1, ..Evidence::default() };
        let delay = between(&mut self.rng, MS, 100 * MS);
        self.send(node, delay, Event::Exited { role: ROLES[role], run: jvm.run, status, evidence });
    }

    /// A broker's session lapses, where somebody leads.
    pub fn lapse(&mut self, node: usize, session: i64) {
        if self.cluster.registered[node] != Some(session) {
            return;
        }
        if !self.cluster.quorum() {
            return self.after(3 * SEC, What::Lapse { node, session });
        }
        self.cluster.registered[node] = None;
        self.cluster.broker_goes(node);
        self.truth_changed();
    }

    /// The machine is told to go down, and to come back.
    pub fn machine_goes_down(&mut self, node: usize) {
        let boot = self.nodes[node].boot;
        if !self.nodes[node].powered || self.nodes[node].going_down {
            return;
        }
        self.say(format!("node{}'s machine goes down", node + 1));
        self.nodes[node].going_down = true;
        if self.nodes[node].supervisor.is_some() {
            self.send(node, 50 * MS, sigterm());
        } else if !self.nodes[node].starts {
            self.after(5 * SEC, What::PowerOff { node, boot });
        }
    }

    pub fn power_off(&mut self, node: usize, boot: u32) {
        if !self.nodes[node].powered || self.nodes[node].boot != boot {
            return;
        }
        self.say(format!("node{} is off", node + 1));
        if self.nodes[node].supervisor.is_some() {
            self.end_life(node, false);
        }
        self.jvm_ends(node, 1, ExitStatus::Signal(9), false);
        self.jvm_ends(node, 0, ExitStatus::Signal(9), false);
        self.book.nodes[node].down_since_taken = true;
        self.book.nodes[node].kept = self.holders.contains(&node).then_some(self.now);
        let state = &mut self.nodes[node];
        (state.powered, state.going_down, state.starts) = (false, false, false);
        if !state.gone {
            let delay = between(&mut self.rng, 20 * SEC, 60 * SEC);
            self.after(delay, What::PowerOn { node, boot });
        }
    }

    pub fn power_on(&mut self, node: usize, boot: u32) {
        let state = &mut self.nodes[node];
        if state.powered || state.boot != boot || state.gone {
            return;
        }
        state.boot += 1;
        state.powered = true;
        state.offset = self.rng.below(1000) * SEC;
        self.say(format!("node{} boots", node + 1));
        self.start_soon(node, 100 * MS, 3 * SEC);
    }
}
