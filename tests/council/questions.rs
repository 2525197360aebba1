//! What supervisors ask, how what they want done is done, and how answers travel: late, lost, or as a failure although it was done.

use kafka_node::gate::{self, ClusterView, GatePolicy, Holder, LockDoc, RollDoc, Take};
use kafka_node::gate::{BrokerSeen, MemberSeen, MemberState, NodeSeen, PartitionSeen, PresenceSeen, TopicSeen};
use kafka_node::model::{
    BrokerOutcome, BrokersOutcome, Council, CouncilOutcome, Denial, EnsembleView, FenceOutcome, GateOutcome,
    InSyncOutcome, MarkOutcome, PeerView, PowerDown, PreflightOutcome, Progress, QuorumRole, RegistrationOutcome,
    RollTurn, SessionId, SystemOutcome, TokenOutcome, ZooKeeperOutcome,
};
use kafka_node::supervise::{Event, Probe};

use crate::book::{Fact, Verdict};
use crate::clock::{MS, SEC, long};
use crate::driver::Driver;
use crate::processes::{broker, name};
use crate::schedule::between;
use crate::world::{Phase, What, World};
use crate::znodes::{Place, Standing};

const CONFIG: &str = "c";
const LATE: &str = "no answer in time";

/// Who a supervisor is to the others.
struct Seat {
    machine: String,
    boot: String,
    life: String,
}

impl<D: Driver> World<D> {
    fn seat(&self, node: usize, life: u32) -> Seat {
        let state = &self.nodes[node];
        let (machine, boot) = (format!("machine{}", state.machine), format!("boot{}", state.boot));
        Seat { machine, boot, life: format!("life{life}") }
    }

    pub fn ask(&mut self, node: usize, probe: Probe) {
        let now = self.now;
        let jvm = |world: &World<D>, role: usize| world.nodes[node].jvms[role].clone();
        let answer = match probe {
            Probe::Council { .. }
            | Probe::Gate { .. }
            | Probe::Lock { .. }
            | Probe::Unlock { .. }
            | Probe::Mark { .. }
            | Probe::System { .. }
            | Probe::Elect { .. }
            | Probe::Successor { .. } => {
                self.note_asked(node, &probe);
                if let Probe::Gate { ask, .. } = probe {
                    let verdict = self.verdict_now(node, now);
                    self.book.nodes[node].life.looks.insert(ask, verdict);
                }
                let late = self.rng.chance(self.weather.late);
                let delay = between(&mut self.rng, MS, if late { 3 * SEC } else { 200 * MS });
                let life = self.nodes[node].life;
                if !matches!(probe, Probe::Council { .. }) {
                    self.say(format!("node{} asks {probe:?}", node + 1));
                    self.ambush(node);
                }
                return self.after(delay, What::Ask { node, life, probe });
            }
            Probe::Preflight { role } => Event::Preflight { role, outcome: PreflightOutcome::Clear },
            Probe::ZooKeeper { run } => Event::ZooKeeper { run, outcome: self.srvr(node) },
            Probe::Ensemble { .. } => {
                let peers = (0..self.nodes.len()).filter(|n| *n != node);
                let peers = peers.map(|n| PeerView { name: name(n), zookeeper: self.srvr(n) }).collect();
                Event::Ensemble { view: EnsembleView { peers } }
            }
            Probe::Registration { ask } => {
                let outcome = match (self.cluster.quorum(), self.cluster.registered[node]) {
                    (false, _) => RegistrationOutcome::Unreadable(LATE.to_owned()),
                    (true, None) => RegistrationOutcome::Absent,
                    (true, Some(session)) => {
                        RegistrationOutcome::Held { session: SessionId(session), endpoint: String::new() }
                    }
                };
                Event::Registration { ask, outcome }
            }
            Probe::Fence { ask, session } => {
                let outcome = match (self.cluster.quorum(), self.cluster.registered[node]) {
                    (false, _) => FenceOutcome::Failed(LATE.to_owned()),
                    (true, None) => FenceOutcome::Gone,
                    (true, Some(other)) if other != session.0 => FenceOutcome::Foreign(SessionId(other)),
                    (true, Some(_)) => {
                        self.lapse(node, session.0);
                        FenceOutcome::Removed { controller: false }
                    }
                };
                Event::Fence { ask, outcome }
            }
            Probe::Token { ask, .. } => Event::Token { ask, outcome: TokenOutcome::Held },
            Probe::Brokers => {
                let registered = (0..self.nodes.len()).filter(|n| self.cluster.registered[*n].is_some());
                let outcome = match self.cluster.quorum() {
                    true => BrokersOutcome::Registered(registered.map(broker).collect()),
                    false => BrokersOutcome::Unreadable(LATE.to_owned()),
                };
                Event::Brokers { outcome }
            }
            Probe::Broker { run } => {
                let serves = jvm(self, 1).is_some_and(|jvm| jvm.run == run && jvm.session != 0);
                let lists_itself = self.cluster.registered[node].is_some();
                let outcome = match serves {
                    true => BrokerOutcome::Answers { lists_itself, controller: None },
                    false => BrokerOutcome::Refused,
                };
                Event::Broker { run, outcome }
            }
            Probe::InSync { run } => {
                let serves = jvm(self, 1).is_some_and(|jvm| jvm.run == run && jvm.session != 0);
                let ours = self.cluster.partitions.iter().filter(|p| p.replicas.contains(&node));
                let leads = self.cluster.partitions.iter().filter(|p| p.leader == Some(node)).count();
                let behind = self.cluster.behind(node);
                let outcome = match serves {
                    true => InSyncOutcome::Seen {
                        replicas: ours.count() as u32,
                        behind: behind as u32,
                        leads: leads as u32,
                    },
                    false => InSyncOutcome::Unreadable(LATE.to_owned()),
                };
                Event::InSync { run, outcome }
            }
            Probe::Progress { role, run } => {
                let age = jvm(self, role as usize).filter(|jvm| jvm.run == run).map_or(0, |jvm| now - jvm.born);
                let progress = Progress { cpu: long(age / 2), storage_bytes: age / 1000, ..Progress::default() };
                Event::Progress { role, run, progress }
            }
        };
        let delay = between(&mut self.rng, MS, 8 * MS);
        self.send(node, delay, answer);
    }

    /// `srvr` of a member.
    fn srvr(&self, node: usize) -> ZooKeeperOutcome {
        match (&self.nodes[node].jvms[0], self.cluster.leader) {
            (None, _) if !self.nodes[node].powered => ZooKeeperOutcome::TimedOut,
            (None, _) => ZooKeeperOutcome::Refused,
            (Some(jvm), _) if jvm.phase != Phase::Serves => ZooKeeperOutcome::Refused,
            (Some(_), None) => ZooKeeperOutcome::NotServing,
            (Some(_), Some(leader)) if leader == node => ZooKeeperOutcome::Serving(QuorumRole::Leader),
            (Some(_), Some(_)) => ZooKeeperOutcome::Serving(QuorumRole::Follower),
        }
    }

    /// Why a question of this node's cannot be put to ZooKeeper now.
    fn unreadable(&mut self, node: usize) -> bool {
        !self.cluster.quorum() || self.nodes[node].cut > self.now || self.rng.chance(self.weather.failed)
    }

    /// A question arrives where it is answered.
    pub fn reach(&mut self, node: usize, life: u32, probe: Probe) {
        let state = &self.nodes[node];
        if state.life != life || state.supervisor.is_none() {
            return;
        }
        let seat = self.seat(node, life);
        let unread = LATE.to_owned();
        let answer = match probe.clone() {
            Probe::System { ask } => {
                let outcome = match (self.rng.chance(self.weather.failed), self.nodes[node].going_down) {
                    (true, _) => SystemOutcome::Unknown(unread),
                    (false, true) => SystemOutcome::GoingDown { for_good: false },
                    (false, false) => SystemOutcome::Staying,
                };
                Event::System { ask, outcome }
            }
            Probe::Successor { ask } => {
                let broken = self.rng.chance(3);
                let outcome = if broken { Err("the configuration is not valid".to_owned()) } else { Ok(()) };
                Event::Successor { ask, outcome }
            }
            Probe::Elect { ask } => Event::Elect { ask, moved: self.rng.chance(50) },
            Probe::Gate { ask, .. } => Event::Gate { ask, outcome: self.gate(node, ask) },
            Probe::Council { ask, .. } if self.unreadable(node) => {
                Event::Council { ask, outcome: CouncilOutcome::Unread(unread) }
            }
            Probe::Lock { ask, .. } if self.unreadable(node) => {
                Event::Lock { ask, outcome: TokenOutcome::Unreadable(unread) }
            }
            Probe::Unlock { ask } if self.unreadable(node) => Event::Unlock { ask, outcome: Err(unread) },
            Probe::Mark { ask, .. } if self.unreadable(node) => {
                Event::Mark { ask, outcome: MarkOutcome::Unread(unread) }
            }
            Probe::Council { ask, presence } => {
                let clock = self.zookeepers_clock();
                let standing = self.znodes.presences[node].take();
                let changed = match &standing {
                    Some(before) if before.life == life && before.said == presence => before.changed,
                    Some(_) | None => clock,
                };
                self.znodes.presences[node] = Some(Standing { life, said: presence, changed });
                let age = long((clock - self.znodes.lock.changed).max(0) as u64 * MS);
                let lock = self.znodes.lock_doc().seen(&seat.machine, &name(node), &seat.boot, age);
                let roll = self.znodes.roll_doc();
                let roll = roll.map_or(RollTurn::Rest, |roll| roll.turn(&name(node), &seat.boot, &seat.life));
                let power_down = self.znodes.order.map(|number| PowerDown { number, words: order_words(number) });
                Event::Council { ask, outcome: CouncilOutcome::Seen(Council { lock, roll, power_down }) }
            }
            Probe::Lock { ask, roll, .. } => {
                let holder = Holder {
                    machine: seat.machine,
                    node: name(node).as_str().to_owned(),
                    boot: seat.boot,
                    reason: if roll.is_empty() { "stop" } else { "roll" }.to_owned(),
                    roll,
                    since: format!("{} s", self.now / SEC),
                    by: "kafka-node".to_owned(),
                };
                let held = Event::Lock { ask, outcome: TokenOutcome::Held };
                match self.znodes.lock_doc().take(&holder) {
                    Take::Already => held,
                    Take::Taken(words) => Event::Lock { ask, outcome: TokenOutcome::Taken(words) },
                    Take::Write(doc) => return self.write(node, life, Place::Lock, doc.render(), probe, held),
                }
            }
            Probe::Unlock { ask } => {
                let done = Event::Unlock { ask, outcome: Ok(()) };
                match self.znodes.lock_doc().release(&seat.machine, &name(node)) {
                    None => done,
                    Some(doc) => return self.write(node, life, Place::Lock, doc.render(), probe, done),
                }
            }
            Probe::Mark { ask, id, mark } => {
                let (boot, at) = (&seat.boot, format!("{} s", self.now / SEC));
                let marked = match self.znodes.roll_doc() {
                    None => Err("there is no roll any more".to_owned()),
                    Some(doc) => doc.mark(&name(node), &id, &mark, boot, &seat.life, &at),
                };
                match marked {
                    Err(words) => Event::Mark { ask, outcome: MarkOutcome::Refused(words) },
                    Ok(doc) => {
                        let done = Event::Mark { ask, outcome: MarkOutcome::Marked };
                        return self.write(node, life, Place::Roll, doc.render(), probe, done);
                    }
                }
            }
            // Answered where they are asked.
            other => unreachable!("{other:?}"),
        };
        self.answer(node, life, &probe, answer);
    }

    fn write(&mut self, node: usize, life: u32, place: Place, text: String, probe: Probe, answer: Event) {
        let version = self.znodes.at(place).version;
        let late = self.rng.chance(self.weather.late);
        let delay = between(&mut self.rng, MS, if late { SEC } else { 20 * MS });
        self.after(delay, What::Write { node, life, place, version, text, probe, answer });
    }

    /// A write arrives, of whatever became of its sender.
    #[allow(clippy::too_many_arguments)]
    pub fn written(
        &mut self,
        node: usize,
        life: u32,
        place: Place,
        version: u64,
        text: String,
        probe: Probe,
        answer: Event,
    ) {
        let clock = self.zookeepers_clock();
        if !self.cluster.quorum() {
            return self.answer(node, life, &probe, failed(&probe));
        }
        if !self.znodes.write(place, version, text, clock) {
            return self.reach(node, life, probe);
        }
        let stands = format!("{place:?} = {}", self.znodes.at(place).text);
        self.say(stands);
        match &probe {
            Probe::Unlock { .. } => {
                self.book.nodes[node].kept = None;
                self.book.facts.push(Fact::Releases { node });
            }
            Probe::Mark { id, mark: kafka_node::model::RollMark::Done, .. } => {
                self.book.facts.push(Fact::Done { node, id: id.clone() });
            }
            _ => {}
        }
        self.lock_changed();
        self.answer(node, life, &probe, answer);
    }

    /// An answer goes on its way back.
    fn answer(&mut self, node: usize, life: u32, probe: &Probe, answer: Event) {
        let weather = self.weather;
        if self.rng.chance(weather.lost) {
            return;
        }
        let late = self.rng.chance(weather.late);
        // The runtime gives up after its limit, whatever was done by then.
        let answer = if late && self.rng.chance(50) { failed(probe) } else { answer };
        let delay = between(&mut self.rng, MS, if late { 2 * SEC } else { 50 * MS });
        self.after(delay, What::Tell { node, life, event: answer });
    }

    pub fn lock_changed(&mut self) {
        let holders = self.znodes.holders();
        self.holders = (0..self.nodes.len()).filter(|n| holders.iter().any(|h| h.node == name(*n).as_str())).collect();
    }

    /// The gate looks at what is true, and judges.
    fn gate(&mut self, node: usize, ask: u64) -> GateOutcome {
        let asked = self.book.nodes[node].life.looks.get(&ask).map_or(self.now, |look| look.asked);
        let mut view = self.view_from(node);
        if self.rng.chance(self.weather.failed) {
            view.unread.push("the topics could not be read".to_owned());
        }
        let policy = GatePolicy {
            node: name(node),
            broker: Some(broker(node)),
            headroom: 0,
            settle: long(self.schedule.settle),
            strict: false,
            config: CONFIG.to_owned(),
            powers_off: false,
        };
        let outcome = gate::judge(&view, &policy).outcome();
        let mut verdict = self.verdict_now(node, asked);
        verdict.allowed = matches!(outcome, GateOutcome::Allowed(_));
        self.book.nodes[node].life.looks.insert(ask, verdict);
        outcome
    }

    fn verdict_now(&self, node: usize, asked: u64) -> Verdict {
        let ailing = (0..self.nodes.len()).filter(|n| *n != node && !self.cluster.whole(*n)).collect();
        let thin = self.cluster.thin_without(node);
        let power_down = self.view_from(node).power_down.is_some();
        Verdict { asked, made: self.now, allowed: false, power_down, ailing, thin }
    }

    pub fn view_from(&self, node: usize) -> ClusterView {
        let all = 0..self.nodes.len();
        let clock = self.zookeepers_clock();
        let mut unread = Vec::new();
        let readable = self.cluster.quorum() && self.nodes[node].cut <= self.now;
        if !readable {
            unread.push("ZooKeeper could not be read".to_owned());
        }
        if !self.cluster.serves.contains(&true) {
            unread.push("no broker answers".to_owned());
        }
        let brokers = all.clone().map(|n| BrokerSeen {
            node: name(n),
            broker: broker(n),
            registered: self.cluster.registered[n].is_some(),
        });
        let topics = self.cluster.partitions.iter().enumerate().map(|(index, partition)| TopicSeen {
            name: format!("topic{index}"),
            min_insync: partition.min_insync,
            partitions: vec![PartitionSeen {
                index: 0,
                leader: partition.leader.map(broker),
                replicas: partition.replicas.iter().map(|n| broker(*n)).collect(),
                in_sync: partition.in_sync.iter().map(|n| broker(*n)).collect(),
                reassigning: partition.reassigned_until > self.now,
            }],
        });
        let zxid = Some((self.cluster.epoch << 32) | (self.znodes.zxid & 0xffff));
        let members = all.clone().map(|n| MemberSeen {
            node: name(n),
            state: match self.srvr(n) {
                ZooKeeperOutcome::Serving(role) => MemberState::Serving { role, zxid },
                ZooKeeperOutcome::NotServing => MemberState::NotServing,
                _ => MemberState::Silent,
            },
        });
        let nodes = all.clone().filter(|n| *n != node).map(|n| NodeSeen {
            node: name(n),
            presence: self.znodes.presences[n].as_ref().map(|standing| PresenceSeen {
                well: standing.said.well,
                words: standing.said.words.clone(),
                lasting: long((clock - standing.changed).max(0) as u64 * MS),
                powers_off: standing.said.powers_off,
                version: String::new(),
                config: CONFIG.to_owned(),
            }),
            gone: false,
        });
        ClusterView {
            brokers: brokers.collect(),
            controller: all.clone().find(|n| self.cluster.serves[*n]).map(broker),
            topics: topics.collect(),
            members: members.collect(),
            nodes: nodes.collect(),
            power_down: self.znodes.order.filter(|_| readable).map(order_words),
            unread,
        }
    }

    /// `kafka-node reboot`, run by the unit that waits for the supervisor's order: the lock is refreshed, and the machine goes down.
    pub fn ordered_reboot(&mut self, node: usize, boot: u32) {
        if self.nodes[node].boot != boot || !self.nodes[node].powered {
            return;
        }
        let seat = self.seat(node, 0);
        let holder = Holder {
            machine: seat.machine,
            node: name(node).as_str().to_owned(),
            boot: seat.boot,
            reason: kafka_node::model::LOCK_FOR_REBOOT.to_owned(),
            roll: String::new(),
            since: format!("{} s", self.now / SEC),
            by: "root".to_owned(),
        };
        let taken = match self.cluster.quorum() {
            true => self.znodes.lock_doc().take(&holder),
            false => Take::Taken(LATE.to_owned()),
        };
        match taken {
            Take::Write(doc) => self.overwrite(doc),
            Take::Already => {}
            Take::Taken(words) => return self.say(format!("node{} is not rebooted: {words}", node + 1)),
        }
        self.machine_goes_down(node);
    }

    /// The lock is written by a command.
    pub fn overwrite(&mut self, doc: LockDoc) {
        let (version, clock) = (self.znodes.lock.version, self.zookeepers_clock());
        self.znodes.write(Place::Lock, version, doc.render(), clock);
        self.lock_changed();
    }

    /// The roll is written by a command.
    pub fn overwrite_roll(&mut self, doc: &RollDoc) {
        let (version, clock) = (self.znodes.roll.version, self.zookeepers_clock());
        self.znodes.write(Place::Roll, version, doc.render(), clock);
    }
}

fn order_words(number: i64) -> String {
    format!("order {number}")
}

/// What the runtime answers where it had no answer in time.
fn failed(probe: &Probe) -> Event {
    let words = LATE.to_owned();
    match probe {
        Probe::Council { ask, .. } => Event::Council { ask: *ask, outcome: CouncilOutcome::Unread(words) },
        Probe::Lock { ask, .. } => Event::Lock { ask: *ask, outcome: TokenOutcome::Unreadable(words) },
        Probe::Unlock { ask } => Event::Unlock { ask: *ask, outcome: Err(words) },
        Probe::Mark { ask, .. } => Event::Mark { ask: *ask, outcome: MarkOutcome::Unread(words) },
        Probe::System { ask } => Event::System { ask: *ask, outcome: SystemOutcome::Unknown(words) },
        Probe::Successor { ask } => Event::Successor { ask: *ask, outcome: Err(words) },
        Probe::Elect { ask } => Event::Elect { ask: *ask, moved: true },
        Probe::Gate { ask, .. } => {
            Event::Gate { ask: *ask, outcome: GateOutcome::Denied(vec![Denial::ViewUnread { what: words }.said()]) }
        }
        other => unreachable!("{other:?}"),
    }
}
