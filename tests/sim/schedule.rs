//! A schedule: everything that a seed decides before the world begins. What is random during a run comes from the same seed.

use kafka_node::model::{ReadinessLevel, Rng, Role, Roles};

use crate::clock::{MIN, MS, SEC, Time};
use crate::ensemble::{MOST, Mask, bit};
use crate::jvm::{Hang, Stuck};

/// What kind of story it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nodes come up at random times and nothing goes wrong.
    Calm,
    /// One node is up alone for long, then the others come.
    Alone,
    /// Stops are asked for while brokers start and recover.
    Stops,
    /// A cluster that serves, and then JVMs that are of no use any more, in good weather as a rule.
    Hangs,
    /// A cluster that serves, and then supervisors that die again and again, besides JVMs that do.
    Successions,
    /// Everything that can go wrong does.
    Faults,
}

/// How a supervisor ends while its JVMs live on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGKILL, now.
    Kill,
    /// SIGKILL in the middle of doing what it decided next: some of it has happened, the rest has not.
    HalfWay,
    /// SIGSTOP: it hears nothing for so long, and is killed then by systemd's watchdog, or goes on.
    Stop { lasts: Time, killed: bool },
    /// It becomes another program in place: its children stay its own.
    Reload,
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process ends: by SIGKILL, an abort, or an exit code.
    Death { node: usize, role: Role, how: u8 },
    /// Its next stops never end by themselves.
    StuckStop { node: usize, role: Role, stuck: Stuck },
    /// The process is of no use, in this way, for so long; `Time::MAX` is for ever.
    Hang { node: usize, role: Role, hang: Hang, lasts: Time },
    /// The same of all brokers at once: a common cause.
    HangAll { hang: Hang, lasts: Time },
    /// The broker loses its registration and never registers again.
    Unregistered { node: usize },
    /// The machine as a whole stands still for so long.
    Starved { node: usize, lasts: Time },
    /// The supervisor ends.
    SupervisorDies { node: usize, end: End },
    /// A broker with the same id on another machine registers whenever the place is free, for so long.
    Stranger { node: usize, lasts: Time },
    /// ZooKeeper refuses removals for so long.
    Acl { lasts: Time },
    /// Processes cannot be made for so long.
    NoSpawn { node: usize, lasts: Time, curable: bool },
    /// The look before a start finds something for so long.
    Preflight { node: usize, lasts: Time },
    /// kafka-node's own ZooKeeper session does not come up for so long, though there is a quorum.
    NoSession { node: usize, lasts: Time },
    /// The network falls into sides.
    Partition { sides: [u8; MOST] },
    /// The network is whole again.
    Whole,
    /// The node loses power.
    PowerOff { node: usize },
    /// The node boots.
    PowerOn { node: usize },
    /// Somebody stops the node.
    Stop { node: usize },
    /// The supervisor's loop oversleeps its next timeout.
    Oversleep { node: usize, by: Time },
}

/// How badly answers travel, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Never arrive.
    pub lost: u64,
    /// Arrive after the limit of a probe, up to 40 s late.
    pub late: u64,
    /// Take up to the limit.
    pub slow: u64,
    /// Arrive twice.
    pub twice: u64,
    /// What was asked of ZooKeeper is done, and the answer says that it failed.
    pub unsure: u64,
}

impl Weather {
    /// Nothing is lost, late, slow or doubled.
    pub fn is_clear(self) -> bool {
        self == Weather::default()
    }
}

/// One node.
#[derive(Clone, Copy, Debug)]
pub struct NodePlan {
    pub roles: Roles,
    /// Power comes first then.
    pub first_on: Time,
    /// What its clock shows at the world's beginning.
    pub offset: Time,
    /// The last life of its broker ended uncleanly.
    pub dirty: bool,
}

/// Everything decided beforehand.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub kind: Kind,
    pub nodes: Vec<NodePlan>,
    pub level: ReadinessLevel,
    pub grace: Time,
    pub probe_interval: Time,
    pub weather: Weather,
    pub faults: Vec<(Time, Fault)>,
    /// All faults end here.
    pub heal_at: Time,
    /// Once all are ready, all are stopped.
    pub stops_at_the_end: bool,
}

impl Schedule {
    /// What the seed of `rng` decides.
    pub fn new(rng: &mut Rng) -> Schedule {
        let kind = match rng.below(100) {
            0..6 => Kind::Alone,
            6..14 => Kind::Calm,
            14..25 => Kind::Stops,
            25..42 => Kind::Hangs,
            42..60 => Kind::Successions,
            _ => Kind::Faults,
        };
        let mut nodes = cluster(kind, rng);
        let spread = pick(rng, &[0, 2 * SEC, 20 * SEC, 90 * SEC]);
        for node in &mut nodes {
            node.first_on = rng.below(spread + 1);
        }
        if kind == Kind::Alone {
            let late = pick(rng, &[40 * SEC, 40 * SEC, 3 * MIN, 20 * MIN]);
            nodes[0].first_on = 0;
            for node in &mut nodes[1..] {
                node.first_on = late + rng.below(20 * SEC);
            }
        }
        let last_on = nodes.iter().map(|n| n.first_on).max().unwrap_or(0);
        let mut schedule = Schedule {
            kind,
            nodes,
            level: pick(
                rng,
                &[ReadinessLevel::Serving, ReadinessLevel::Serving, ReadinessLevel::InSync, ReadinessLevel::Started],
            ),
            grace: pick(rng, &[10 * SEC, 30 * SEC, 5 * MIN]),
            probe_interval: pick(rng, &[SEC, 2 * SEC, 2 * SEC, 5 * SEC]),
            weather: Weather::default(),
            faults: Vec::new(),
            heal_at: last_on,
            stops_at_the_end: rng.chance(if kind == Kind::Calm { 90 } else { 40 }),
        };
        if kind == Kind::Calm && schedule.nodes.len() == 3 {
            // The founding cluster, powered down as a whole: every stop is to be clean.
            (schedule.grace, schedule.level, schedule.stops_at_the_end) = (5 * MIN, ReadinessLevel::Serving, true);
        }
        match kind {
            Kind::Calm | Kind::Alone => {}
            Kind::Stops => schedule.add_stops(last_on, rng),
            Kind::Hangs => schedule.add_hangs(last_on, rng),
            Kind::Successions => schedule.add_successions(last_on, rng),
            Kind::Faults => schedule.add_faults(rng),
        }
        schedule
    }

    pub fn members(&self) -> Mask {
        (0..self.nodes.len()).filter(|n| self.nodes[*n].roles.zookeeper).fold(0, |mask, n| mask | bit(n))
    }

    fn add_stops(&mut self, last_on: Time, rng: &mut Rng) {
        for node in 0..self.nodes.len() {
            if rng.chance(70) {
                let at = self.nodes[node].first_on + rng.below(40 * SEC);
                self.faults.push((at, Fault::Stop { node }));
                if rng.chance(25) {
                    self.faults.push((at + rng.below(60 * SEC), Fault::Stop { node }));
                }
                if rng.chance(15) {
                    let stuck = if rng.chance(50) { Stuck::Idle } else { Stuck::Busy };
                    let role = if rng.chance(70) { Role::Kafka } else { Role::ZooKeeper };
                    self.faults.push((0, Fault::StuckStop { node, role, stuck }));
                }
            }
        }
        self.heal_at = last_on + 30 * SEC + rng.below(2 * self.grace.min(MIN));
    }

    fn add_weather(&mut self, percent: u64, rng: &mut Rng) {
        if rng.chance(percent) {
            self.weather = Weather {
                lost: pick(rng, &[0, 1, 5, 20]),
                late: pick(rng, &[0, 1, 5, 10]),
                slow: pick(rng, &[0, 5, 30]),
                twice: pick(rng, &[0, 1, 10]),
                unsure: pick(rng, &[0, 5, 30]),
            };
        }
    }

    /// A cluster that has come up meets hangs and little else.
    fn add_hangs(&mut self, last_on: Time, rng: &mut Rng) {
        self.add_weather(25, rng);
        let ready = last_on + between(rng, 20 * SEC, 100 * SEC);
        let mut last = ready;
        for _ in 0..=rng.below(3) {
            let at = ready + rng.below(60 * SEC);
            last = last.max(at);
            let fault = match rng.below(10) {
                0..7 => self.a_hang(rng),
                7 => Fault::Acl { lasts: 30 * SEC },
                8 => self.a_death(rng),
                _ => self.an_end(rng),
            };
            self.faults.push((at, fault));
        }
        self.heal_at = last + pick(rng, &[20 * SEC, 90 * SEC, 150 * SEC]);
    }

    /// A cluster that has come up meets dying supervisors, and JVMs that die about then.
    fn add_successions(&mut self, last_on: Time, rng: &mut Rng) {
        self.add_weather(30, rng);
        let ready = last_on + pick(rng, &[SEC, 10 * SEC, 40 * SEC, 90 * SEC]);
        let mut at = ready;
        for _ in 0..=rng.below(6) {
            at += rng.below(30 * SEC);
            let close = at + pick(rng, &[20 * MS, 500 * MS, 2 * SEC, 20 * SEC]);
            let (first, second) = if rng.chance(50) { (at, close) } else { (close, at) };
            let end = self.an_end(rng);
            self.faults.push((first, end));
            let other = match rng.below(12) {
                0..7 => self.a_death(rng),
                7 => self.a_hang(rng),
                8 => self.an_end(rng),
                9 => Fault::Stranger { node: self.a_node(rng), lasts: pick(rng, &[5 * SEC, 40 * SEC]) },
                10 => Fault::NoSession { node: self.a_node(rng), lasts: pick(rng, &[SEC, 15 * SEC]) },
                _ => {
                    let node = self.a_node(rng);
                    self.faults.push((second + rng.below(10 * SEC), Fault::PowerOn { node }));
                    Fault::PowerOff { node }
                }
            };
            self.faults.push((second, other));
        }
        self.heal_at = at + pick(rng, &[5 * SEC, 30 * SEC, 60 * SEC]);
    }

    fn a_node(&self, rng: &mut Rng) -> usize {
        rng.below(self.nodes.len() as u64) as usize
    }

    fn a_role(&self, node: usize, rng: &mut Rng) -> Role {
        match self.nodes[node].roles {
            Roles { zookeeper: true, kafka: true } if rng.chance(35) => Role::ZooKeeper,
            Roles { kafka: true, .. } => Role::Kafka,
            Roles { .. } => Role::ZooKeeper,
        }
    }

    fn a_death(&self, rng: &mut Rng) -> Fault {
        let node = self.a_node(rng);
        Fault::Death { node, role: self.a_role(node, rng), how: rng.below(5) as u8 }
    }

    fn a_hang(&self, rng: &mut Rng) -> Fault {
        let node = self.a_node(rng);
        let role = self.a_role(node, rng);
        let lasts = pick(rng, &[3 * SEC, 8 * SEC, 30 * SEC, 90 * SEC, Time::MAX, Time::MAX]);
        let hang = pick(rng, &Hang::ALL);
        match rng.below(12) {
            0..8 => Fault::Hang { node, role, hang, lasts },
            8 => Fault::HangAll { hang, lasts },
            9 => Fault::Unregistered { node },
            _ => Fault::Starved { node, lasts: pick(rng, &[3 * SEC, 12 * SEC, 40 * SEC, 90 * SEC]) },
        }
    }

    fn an_end(&self, rng: &mut Rng) -> Fault {
        let stop = End::Stop { lasts: pick(rng, &[SEC, 10 * SEC, 30 * SEC]), killed: rng.chance(70) };
        let end = pick(rng, &[End::Kill, End::HalfWay, End::HalfWay, stop, End::Reload]);
        Fault::SupervisorDies { node: self.a_node(rng), end }
    }

    fn add_faults(&mut self, rng: &mut Rng) {
        self.add_weather(50, rng);
        let horizon = match rng.below(100) {
            0..85 => between(rng, 20 * SEC, 100 * SEC),
            85..98 => between(rng, 100 * SEC, 5 * MIN),
            _ => between(rng, 5 * MIN, 16 * MIN),
        };
        self.heal_at = horizon;
        for _ in 0..=rng.below(9) {
            let at = rng.below(horizon);
            self.add_fault(at, rng);
        }
    }

    fn add_fault(&mut self, at: Time, rng: &mut Rng) {
        let node = self.a_node(rng);
        let role = self.a_role(node, rng);
        let lasts = pick(rng, &[SEC, 8 * SEC, 30 * SEC, 90 * SEC]);
        let later = at + lasts / 2 + rng.below(lasts);
        let fault = match rng.below(130) {
            100..110 => self.an_end(rng),
            110..122 => self.a_hang(rng),
            122..126 => Fault::Stranger { node, lasts },
            126..130 => Fault::Acl { lasts },
            0..30 => Fault::Death { node, role, how: rng.below(5) as u8 },
            30..36 => {
                let stuck = if rng.chance(50) { Stuck::Idle } else { Stuck::Busy };
                self.faults.push((later, Fault::Stop { node }));
                Fault::StuckStop { node, role, stuck }
            }
            36..43 => Fault::Hang { node, role, hang: pick(rng, &Hang::ALL), lasts },
            43..50 => Fault::NoSpawn { node, lasts, curable: rng.chance(70) },
            50..56 => Fault::Preflight { node, lasts },
            56..61 => Fault::NoSession { node, lasts },
            61..73 => {
                self.faults.push((later, Fault::Whole));
                Fault::Partition { sides: sides(rng) }
            }
            73..83 => {
                self.faults.push((later, Fault::PowerOn { node }));
                Fault::PowerOff { node }
            }
            83..96 => {
                if rng.chance(30) {
                    self.faults.push((later, Fault::Stop { node }));
                }
                self.faults.push((at + 2 * lasts, Fault::PowerOn { node }));
                Fault::Stop { node }
            }
            _ => Fault::Oversleep { node, by: rng.below(4 * SEC) },
        };
        self.faults.push((at, fault));
    }
}

/// A number in `low..high`.
pub fn between(rng: &mut Rng, low: Time, high: Time) -> Time {
    low + rng.below(high - low)
}

/// One of `choices`.
pub fn pick<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.below(choices.len() as u64) as usize]
}

/// A few milliseconds more often than many seconds: `most` is reached seldom.
pub fn skewed(rng: &mut Rng, least: Time, most: Time) -> Time {
    let most = (most - least) >> rng.below(4);
    least + rng.below(most.max(MS))
}

fn sides(rng: &mut Rng) -> [u8; MOST] {
    let mut sides = [0; MOST];
    if rng.chance(70) {
        sides[rng.below(3) as usize] = 1;
    } else {
        for (node, side) in sides.iter_mut().enumerate() {
            *side = if rng.chance(50) { node as u8 } else { 0 };
        }
    }
    sides
}

fn cluster(kind: Kind, rng: &mut Rng) -> Vec<NodePlan> {
    const KAFKA: Roles = Roles { zookeeper: false, kafka: true };
    const ZOOKEEPER: Roles = Roles { zookeeper: true, kafka: false };
    let both = Roles::BOTH;
    let roles: &[Roles] = match (kind, rng.below(100)) {
        (Kind::Alone, _) => &[both, both, both],
        (_, 0..45) => &[both],
        (_, 45..85) => &[both, both, both],
        (_, 85..91) => &[ZOOKEEPER, ZOOKEEPER, ZOOKEEPER, KAFKA, KAFKA],
        (_, 91..96) => &[both, ZOOKEEPER, both, KAFKA],
        _ => &[both, both, both, ZOOKEEPER, ZOOKEEPER],
    };
    let dirt = pick(rng, &[0, 30, 100]);
    roles
        .iter()
        .map(|roles| NodePlan { roles: *roles, first_on: 0, offset: rng.below(100 * MIN), dirty: rng.chance(dirt) })
        .collect()
}
