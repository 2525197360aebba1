//! What operators do and what fate does, and how operators see to it in the end that all is well again.

use kafka_node::gate::{self, RollDoc, RollState, StepState};
use kafka_node::model::{ExitStatus, RollVerb, StopCause};
use kafka_node::supervise::Event;

use crate::book::RollBook;
use crate::clock::{MS, SEC};
use crate::driver::Driver;
use crate::processes::{name, sigterm};
use crate::schedule::{Blow, Op, Weather, between, blow};
use crate::world::{What, World};
use crate::znodes::Place;

/// At most so many blows of chance in one schedule.
const AMBUSHES: u32 = 4;
/// Operators look again after this.
const TEND: u64 = 10 * SEC;

impl<D: Driver> World<D> {
    /// Perhaps fate strikes just now: at a step of a departure or a turn.
    pub fn ambush(&mut self, node: usize) {
        if self.healed || self.ambushes >= AMBUSHES || !self.rng.chance(self.schedule.ambush) {
            return;
        }
        self.ambushes += 1;
        let (blow, delay) = (blow(&mut self.rng), between(&mut self.rng, 0, 300 * MS));
        let node = if self.rng.chance(80) { node } else { self.rng.below(self.nodes.len() as u64) as usize };
        let life = self.nodes[node].life;
        self.after(delay, What::Struck { node, life, blow });
    }

    pub fn operate(&mut self, op: Op) {
        self.say(format!("-- {op:?}"));
        if self.weather.lost == 0 {
            self.weather = self.schedule.weather;
        }
        match op {
            Op::Reboot(node) => self.machine_goes_down(node),
            Op::Stop(node) => self.stop(node, sigterm()),
            Op::Command(node, now) => {
                let cause = StopCause::Command { uid: 0 };
                self.stop(node, Event::Stop { cause });
                if now {
                    self.stop(node, Event::Stop { cause });
                }
            }
            Op::Again(node) => {
                if self.nodes[node].supervisor.as_ref().is_some_and(D::is_stopping) {
                    self.stop(node, sigterm());
                }
            }
            Op::Reload(node) => {
                if self.nodes[node].supervisor.as_ref().is_some_and(|s| !s.is_stopping() && !s.has_stopped()) {
                    self.book.excuse(node);
                    self.end_life(node, true);
                    self.start_soon(node, 200 * MS, 2 * SEC);
                }
            }
            Op::Roll(verb) => self.roll(verb),
            Op::Pause => self.change_roll(|roll| roll.pause("somebody")),
            Op::Resume => self.change_roll(RollDoc::resume),
            Op::Abort => self.change_roll(|roll| roll.abort("somebody")),
            Op::PowerDown => {
                if self.cluster.quorum() {
                    self.znodes.zxid += 1;
                    let number = self.znodes.zxid as i64;
                    self.znodes.order = Some(number);
                    self.book.order = Some((number, self.now));
                }
            }
            Op::Strike(node, blow) => self.strike(node, blow),
            Op::Wipe => {
                let place = if self.rng.chance(70) { Place::Lock } else { Place::Roll };
                self.wipe(place);
            }
            Op::Unclear(long) => {
                self.weather = self.schedule.weather;
                // Nobody reads of an order meanwhile.
                self.book.order = self.book.order.map(|(number, _)| (number, self.now));
                if long > 0 {
                    self.weather = Weather { lost: 30, late: 30, failed: 50 };
                    self.after(long, What::Op(Op::Unclear(0)));
                }
            }
            Op::Reassign(topic, long) => {
                let topics = self.cluster.partitions.len();
                self.cluster.partitions[topic % topics].reassigned_until = self.now + long;
            }
        }
    }

    fn stop(&mut self, node: usize, event: Event) {
        if self.nodes[node].supervisor.is_some() && self.nodes[node].powered {
            self.send(node, MS, event);
        }
    }

    fn wipe(&mut self, place: Place) {
        self.say(format!("-- {place:?} is wiped"));
        let (version, clock) = (self.znodes.at(place).version, self.zookeepers_clock());
        self.znodes.write(place, version, String::new(), clock);
        if place == Place::Lock {
            self.znodes.wiped = Some(self.now);
        }
        self.lock_changed();
    }

    fn roll(&mut self, verb: RollVerb) {
        let under_way = self.znodes.roll_doc().is_some_and(|roll| !roll.is_over());
        if !self.cluster.quorum() || under_way {
            return;
        }
        self.znodes.zxid += 1;
        let id = format!("roll{}", self.znodes.zxid);
        let nodes: Vec<_> = (0..self.nodes.len()).map(name).collect();
        let order = gate::order(&self.view_from(0), &nodes);
        let doc = RollDoc::plan(&id, verb, "somebody", "", "", order);
        self.overwrite_roll(&doc);
        let begun = (0..self.nodes.len()).map(|n| self.mark_of(n)).collect();
        let (goes, may) = (vec![0; self.nodes.len()], vec![1; self.nodes.len()]);
        self.book.rolls.insert(id.clone(), RollBook { begun, goes, may });
        self.verbs.insert(id, verb);
        self.counts.rolls += 1;
    }

    fn change_roll(&mut self, change: impl Fn(&RollDoc) -> Result<RollDoc, String>) {
        let Some(doc) = self.znodes.roll_doc().filter(|_| self.cluster.quorum()) else { return };
        let Ok(changed) = change(&doc) else { return };
        for (node, may) in self.book.rolls.get_mut(&doc.id).map(|roll| &mut roll.may).into_iter().flatten().enumerate()
        {
            let failed =
                doc.steps.iter().any(|s| s.node == name(node).as_str() && matches!(s.state, StepState::Failed { .. }));
            *may += u32::from(failed && changed.state == RollState::Running);
        }
        self.overwrite_roll(&changed);
        self.say(format!("Roll = {}", self.znodes.roll.text));
    }

    pub fn strike(&mut self, node: usize, blow: Blow) {
        let boot = self.nodes[node].boot;
        if !self.nodes[node].powered {
            return;
        }
        self.say(format!("-- node{}: {blow:?}", node + 1));
        self.book.excuse(node);
        match blow {
            Blow::KillKafka => self.jvm_ends(node, 1, ExitStatus::Signal(9), false),
            Blow::KillZooKeeper => self.jvm_ends(node, 0, ExitStatus::Signal(9), false),
            Blow::KillSupervisor => {
                if self.nodes[node].supervisor.is_none() {
                    return;
                }
                self.end_life(node, false);
                if self.nodes[node].going_down {
                    self.after(3 * SEC, What::PowerOff { node, boot });
                } else {
                    self.start_soon(node, 100 * MS, 2 * SEC);
                }
            }
            Blow::PowerCut => self.power_off(node, boot),
            Blow::Gone => {
                // A person replaces one machine at a time.
                let other = self.nodes.iter().any(|other| other.gone);
                self.nodes[node].gone = !other;
                self.power_off(node, boot);
            }
            Blow::Cut(long) => self.nodes[node].cut = self.now + long,
            Blow::Expire => {
                let life = self.nodes[node].life;
                self.after(0, What::Leaves { node, life });
            }
        }
    }

    /// The last fault is over: the weather clears, and operators begin to tend the cluster.
    pub fn heal(&mut self) {
        self.say("-- all is to be well".to_owned());
        self.healed = true;
        self.weather = Weather::default();
        self.schedule.weather = Weather::default();
        for node in 0..self.nodes.len() {
            self.nodes[node].cut = self.now;
            if self.nodes[node].gone {
                self.replace(node);
            }
        }
        self.after(TEND, What::Tend);
    }

    /// A machine that will not come back: its lock is released by hand, and another machine takes its place.
    fn replace(&mut self, node: usize) {
        if let Some((doc, _)) = self.znodes.lock_doc().release_of(&name(node)) {
            self.znodes.wiped = Some(self.now);
            self.overwrite(doc);
        }
        self.book.excuse(node);
        let state = &mut self.nodes[node];
        state.machine += 100;
        state.gone = false;
        let boot = state.boot;
        state.record.clear();
        self.after(10 * SEC, What::PowerOn { node, boot });
    }

    /// What an operator does who looks every now and then.
    pub fn tend(&mut self) {
        self.after(TEND, What::Tend);
        let stopping = self.nodes.iter().any(|node| node.supervisor.as_ref().is_some_and(D::is_stopping));
        for node in 0..self.nodes.len() {
            let state = &self.nodes[node];
            let idle = state.powered && state.supervisor.is_none() && !state.starts && !state.going_down;
            if idle && !(self.znodes.order.is_some() && stopping) {
                self.start_soon(node, 0, 10 * SEC);
            }
        }
        let Some(roll) = self.znodes.roll_doc() else { return };
        match roll.state {
            RollState::Paused(_) => self.change_roll(RollDoc::resume),
            RollState::Stopped { .. } if self.rng.chance(30) => self.change_roll(RollDoc::resume),
            // A node that is down for good, or an order that stands: nobody waits for it for ever.
            RollState::Running | RollState::Stopped { .. } | RollState::Aborted(_) | RollState::Done => {}
        }
    }
}
