//! The world: nodes with real supervisors, what is true, and a queue of what happens next, in virtual time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use kafka_node::model::{GateOutcome, Moment, Rng, RollVerb, RunId};
use kafka_node::supervise::{Event, Probe};

use crate::book::{Book, Fact, Mark};
use crate::clock::{MIN, MS, SEC, Time, long, short};
use crate::cluster::Cluster;
use crate::driver::Driver;
use crate::invariants::{self, Broken};
use crate::schedule::{Blow, Op, Schedule, Weather, between};
use crate::znodes::{Place, Znodes};

/// Everything is well again this long after the last fault, or something is wrong.
const HEALED_WITHIN: Time = 120 * MIN;
const KEPT: usize = 300;
/// So many times in a row a supervisor may want to be woken at once.
const SPINS: u32 = 4;

/// A process.
#[derive(Clone, Debug)]
pub struct Jvm {
    pub run: RunId,
    pub pid: i32,
    pub phase: Phase,
    pub born: Time,
    /// The life of the supervisor whose child it is.
    pub parent: u32,
    /// Broker: its session.
    pub session: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Loads,
    Serves,
    Stops,
}

/// What stands in the record on disk.
#[derive(Clone, Debug)]
pub struct Record {
    pub role: usize,
    pub run: RunId,
    pub sessions: Vec<i64>,
    pub served: bool,
}

pub struct Node<D> {
    pub supervisor: Option<D>,
    pub life: u32,
    pub born: Time,
    pub machine: u32,
    pub boot: u32,
    pub powered: bool,
    /// The machine goes down, and comes back after it or not.
    pub going_down: bool,
    /// It is off until somebody replaces it.
    pub gone: bool,
    /// A start is on its way.
    pub starts: bool,
    pub jvms: [Option<Jvm>; 2],
    pub record: Vec<Record>,
    pub pids: i32,
    /// No session before this.
    pub cut: Time,
    /// Where its own clock stands at the beginning.
    pub offset: Time,
    /// What its ZooKeeper's clock is off by, in milliseconds.
    pub skew: i64,
    pub token: u32,
    pub due: Option<Time>,
    /// How many times in a row it wanted to be woken at once.
    pub spins: u32,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum What {
    Tell { node: usize, life: u32, event: Event },
    Wake { node: usize, token: u32 },
    Jvm { node: usize, role: usize, run: RunId, to: Next },
    Elect { election: u32 },
    Lapse { node: usize, session: i64 },
    Leaves { node: usize, life: u32 },
    Ask { node: usize, life: u32, probe: Probe },
    Write { node: usize, life: u32, place: Place, version: u64, text: String, probe: Probe, answer: Event },
    Start { node: usize, boot: u32 },
    PowerOff { node: usize, boot: u32 },
    PowerOn { node: usize, boot: u32 },
    Reboot { node: usize, boot: u32 },
    Op(Op),
    Struck { node: usize, life: u32, blow: Blow },
    Heal,
    Tend,
}

/// What becomes of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Made,
    Joins,
    Registers,
    CatchesUp,
    Ends,
    Aborts,
}

struct Entry(Time, u64, What);

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    Off,
    Kept,
    Printed,
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub events: u64,
    pub opened: u64,
    pub expired: u64,
    pub rolls: u64,
    pub steps: u64,
    pub orders: u64,
    pub lasted: Time,
}

pub struct World<D> {
    pub now: Time,
    queue: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    pub rng: Rng,
    pub schedule: Schedule,
    pub weather: Weather,
    pub ambushes: u32,
    pub nodes: Vec<Node<D>>,
    pub cluster: Cluster,
    pub znodes: Znodes,
    pub holders: Vec<usize>,
    pub verbs: BTreeMap<String, RollVerb>,
    pub book: Book,
    pub healed: bool,
    pub sessions: i64,
    pub counts: Counts,
    pub mode: Trace,
    pub trace: VecDeque<String>,
}

impl<D: Driver> World<D> {
    pub fn new(seed: u64, mode: Trace) -> World<D> {
        let mut rng = Rng::new(seed);
        let schedule = Schedule::new(&mut rng);
        let nodes = (0..schedule.nodes).map(|n| Node {
            supervisor: None,
            life: 0,
            born: 0,
            machine: n as u32 + 1,
            boot: 0,
            powered: false,
            going_down: false,
            gone: false,
            starts: false,
            jvms: [None, None],
            record: Vec::new(),
            pids: 100,
            cut: 0,
            offset: between(&mut rng, 0, 1000 * SEC),
            skew: rng.below(3000) as i64 - 1500,
            token: 0,
            due: None,
            spins: 0,
        });
        let nodes: Vec<Node<D>> = nodes.collect();
        let mut world = World {
            now: 0,
            queue: BinaryHeap::new(),
            sequence: 0,
            weather: Weather::default(),
            ambushes: 0,
            cluster: Cluster::new(schedule.nodes, &schedule.topics),
            znodes: Znodes::new(schedule.nodes),
            holders: Vec::new(),
            verbs: BTreeMap::new(),
            book: Book::new(schedule.nodes),
            healed: false,
            sessions: 0,
            counts: Counts::default(),
            mode,
            trace: VecDeque::new(),
            nodes,
            rng,
            schedule,
        };
        for node in 0..world.nodes.len() {
            let at = between(&mut world.rng, 0, 20 * SEC);
            world.after(at, What::PowerOn { node, boot: 0 });
        }
        let ops = world.schedule.ops.clone();
        let last = ops.last().map_or(0, |(at, _)| *at);
        for (at, op) in ops {
            world.after(at, What::Op(op));
        }
        let heal = last + between(&mut world.rng, SEC, 6 * MIN);
        world.after(heal, What::Heal);
        world
    }

    /// Until all is well after the last fault.
    pub fn run(&mut self) -> Result<Counts, Broken> {
        let mut heal_by = Time::MAX;
        while let Some(Reverse(Entry(at, _, what))) = self.queue.pop() {
            self.now = at;
            self.counts.events += 1;
            self.book.facts.clear();
            let tends = matches!(what, What::Tend);
            if matches!(what, What::Heal) {
                heal_by = at + HEALED_WITHIN;
            }
            self.happen(what);
            invariants::check(self)?;
            if self.healed && tends {
                match invariants::everything_ends_well(self) {
                    Ok(()) => break,
                    Err(seen) if at > heal_by => return Err(Broken { invariant: "everything_ends_well", seen }),
                    Err(_) => {}
                }
            }
        }
        self.counts.lasted = self.now;
        Ok(self.counts)
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Wake { node, token } => self.wake(node, token),
            What::Tell { node, life, event } => self.tell(node, life, event),
            What::Jvm { node, role, run, to } => self.jvm_goes_on(node, role, run, to),
            What::Elect { election } => {
                let favourite = self.rng.below(self.nodes.len() as u64) as usize;
                self.cluster.elect(election, favourite);
                self.truth_changed();
            }
            What::Lapse { node, session } => self.lapse(node, session),
            What::Leaves { node, life } => {
                let stands = self.znodes.presences[node].as_ref().is_some_and(|standing| standing.life == life);
                if stands && self.cluster.quorum() {
                    self.znodes.presences[node] = None;
                } else if stands {
                    self.after(SEC, What::Leaves { node, life });
                }
            }
            What::Ask { node, life, probe } => self.reach(node, life, probe),
            What::Write { node, life, place, version, text, probe, answer } => {
                self.written(node, life, place, version, text, probe, answer);
            }
            What::Start { node, boot } => self.begin_life(node, boot),
            What::PowerOff { node, boot } => self.power_off(node, boot),
            What::PowerOn { node, boot } => self.power_on(node, boot),
            What::Reboot { node, boot } => self.ordered_reboot(node, boot),
            What::Op(op) => self.operate(op),
            What::Struck { node, life, blow } => {
                if self.nodes[node].life == life {
                    self.strike(node, blow);
                }
            }
            What::Heal => self.heal(),
            What::Tend => self.tend(),
        }
    }

    /// Something happens after `delay`.
    pub fn after(&mut self, delay: Time, what: What) {
        self.sequence += 1;
        self.queue.push(Reverse(Entry(self.now + delay, self.sequence, what)));
    }

    /// An answer or news for the supervisor that lives.
    pub fn send(&mut self, node: usize, delay: Time, event: Event) {
        let life = self.nodes[node].life;
        self.after(delay, What::Tell { node, life, event });
    }

    /// The node's own clock.
    pub fn local(&self, node: usize) -> Moment {
        Moment::from_origin(long(self.now + self.nodes[node].offset))
    }

    /// What ZooKeeper's clock says, in milliseconds: its leader's.
    pub fn zookeepers_clock(&self) -> i64 {
        (self.now / MS) as i64 + self.cluster.leader.map_or(0, |leader| self.nodes[leader].skew)
    }

    pub fn mark_of(&self, node: usize) -> Mark {
        let state = &self.nodes[node];
        Mark { boot: state.boot, life: state.life, run: state.jvms[1].as_ref().map_or(0, |jvm| jvm.run.0) }
    }

    /// To be called whenever a process, a quorum or an in-sync set has changed.
    pub fn truth_changed(&mut self) {
        self.book.note_truth(self.now, &self.cluster);
    }

    fn tell(&mut self, node: usize, life: u32, event: Event) {
        let lives = self.nodes[node].supervisor.is_some() && self.nodes[node].life == life;
        if !lives {
            return;
        }
        let denied = match &event {
            Event::Gate { ask, outcome: GateOutcome::Denied(_) } => *ask == self.book.nodes[node].life.gate_ask,
            _ => false,
        };
        self.note_told(node, &event);
        if self.mode != Trace::Off && !is_rhythm(&event) {
            self.say(format!("node{} hears {event:?}", node + 1));
        }
        let now = self.local(node);
        if let Some(supervisor) = &mut self.nodes[node].supervisor {
            supervisor.handle_event(now, event);
        }
        self.settle(node, denied);
    }

    fn wake(&mut self, node: usize, token: u32) {
        if self.nodes[node].token != token {
            return;
        }
        self.nodes[node].due = None;
        let now = self.local(node);
        if let Some(supervisor) = &mut self.nodes[node].supervisor {
            supervisor.handle_timeout(now);
            // To be woken at once again is one more step; to be woken again and again is none.
            let due = supervisor.poll_timeout().filter(|due| *due <= now);
            self.nodes[node].spins = if due.is_some() { self.nodes[node].spins + 1 } else { 0 };
            if let Some(due) = due.filter(|_| self.nodes[node].spins > SPINS) {
                self.book.facts.push(Fact::Busy { node, by: short(now.since(due)) });
            }
        }
        self.settle(node, false);
    }

    /// Does what the supervisor wants done, and sees to its next wake-up.
    pub fn settle(&mut self, node: usize, denied: bool) {
        while let Some(action) = self.nodes[node].supervisor.as_mut().and_then(D::poll_action) {
            self.perform(node, action);
        }
        self.listen(node, denied);
        let (now, offset) = (self.now, self.nodes[node].offset);
        let due = self.nodes[node].supervisor.as_ref().and_then(D::poll_timeout);
        let due = due.map(|due| short(due.since_origin()).saturating_sub(offset).max(now));
        if due != self.nodes[node].due {
            let state = &mut self.nodes[node];
            state.due = due;
            state.token += 1;
            let token = state.token;
            if let Some(due) = due {
                let late = self.rng.below(3 * MS);
                self.after(due - now + late, What::Wake { node, token });
            }
        }
    }

    pub fn say(&mut self, words: String) {
        if self.mode == Trace::Off {
            return;
        }
        let line = format!("{:>9.3} {words}", self.now as f64 / SEC as f64);
        if self.mode == Trace::Printed {
            println!("{line}");
        }
        if self.trace.len() == KEPT {
            self.trace.pop_front();
        }
        self.trace.push_back(line);
    }

    /// What each node says of itself, and what stands in ZooKeeper.
    pub fn views(&self) -> String {
        let mut lines = Vec::new();
        for (node, state) in self.nodes.iter().enumerate() {
            let status = match &state.supervisor {
                Some(supervisor) => supervisor.view(self.local(node)).status,
                None => format!("no supervisor (powered: {})", state.powered),
            };
            lines.push(format!("node{}: {status}", node + 1));
        }
        lines.push(format!("lock: {}", self.znodes.lock.text));
        lines.push(format!("roll: {}", self.znodes.roll.text));
        lines.push(format!("{:?}", self.cluster));
        lines.join("\n")
    }
}

/// Answers that come all the time.
fn is_rhythm(event: &Event) -> bool {
    matches!(
        event,
        Event::ZooKeeper { .. }
            | Event::Broker { .. }
            | Event::InSync { .. }
            | Event::Progress { .. }
            | Event::Registration { .. }
            | Event::Council { .. }
            | Event::Ensemble { .. }
            | Event::Brokers { .. }
    )
}
