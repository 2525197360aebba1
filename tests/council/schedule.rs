//! What a seed decides before anything happens: the cluster, the weather, and what operators and fate do to it and when.

use kafka_node::config::Gate;
use kafka_node::model::{Rng, RollVerb};

use crate::clock::{MIN, MS, SEC, Time};

/// A number between two, both included.
pub fn between(rng: &mut Rng, least: Time, most: Time) -> Time {
    least + rng.below(most - least + 1)
}

/// One schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub nodes: usize,
    pub gate: Gate,
    pub gate_limit: Time,
    pub settle: Time,
    pub grace: Time,
    pub topics: Vec<Topic>,
    pub weather: Weather,
    /// Percent of the steps of a departure or a turn at which somebody is struck.
    pub ambush: u64,
    pub ops: Vec<(Time, Op)>,
}

/// A topic of one partition.
#[derive(Clone, Debug)]
pub struct Topic {
    pub replicas: Vec<usize>,
    pub min_insync: u32,
}

/// Percent of the questions between nodes that fare ill.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Done, and the answer is lost.
    pub lost: u64,
    /// Done, and answered seconds later, or as a failure.
    pub late: u64,
    /// Not done, and answered as a failure.
    pub failed: u64,
}

/// Something that an operator or fate does.
#[derive(Clone, Debug)]
pub enum Op {
    Reboot(usize),
    /// `systemctl stop`, and a start later.
    Stop(usize),
    /// `kafka-node stop`, with `--now` or without, and a start later.
    Command(usize, bool),
    /// A second SIGTERM, where the first one is waited for.
    Again(usize),
    Reload(usize),
    Roll(RollVerb),
    Pause,
    Resume,
    Abort,
    PowerDown,
    Strike(usize, Blow),
    Wipe,
    Unclear(Time),
    Reassign(usize, Time),
}

/// What fate does to a node.
#[derive(Clone, Copy, Debug)]
pub enum Blow {
    KillKafka,
    KillZooKeeper,
    KillSupervisor,
    PowerCut,
    /// It is off until somebody replaces it.
    Gone,
    /// No session for this long.
    Cut(Time),
    /// The session is lost, and a new one can be had.
    Expire,
}

impl Schedule {
    pub fn new(rng: &mut Rng) -> Schedule {
        let nodes = if rng.chance(60) { 3 } else { 5 };
        let topics = (0..between(rng, 1, 6)).map(|_| topic(rng, nodes)).collect();
        let rough = rng.chance(50);
        let weather = match rng.below(4) {
            0 => Weather { lost: 4, late: 8, failed: 6 },
            1 => Weather { lost: 15, late: 15, failed: 15 },
            _ => Weather::default(),
        };
        let mut ops = Vec::new();
        let mut at = between(rng, 90 * SEC, 200 * SEC);
        for _ in 0..between(rng, 1, 6) {
            push(rng, nodes, rough, at, &mut ops);
            at += if rng.chance(40) { between(rng, 0, 8 * SEC) } else { between(rng, SEC, 4 * MIN) };
        }
        ops.sort_by_key(|(at, _)| *at);
        Schedule {
            nodes,
            gate: if rng.chance(50) { Gate::Shutdown } else { Gate::Always },
            gate_limit: between(rng, 3, 20) * MIN,
            settle: [20, 30, 60][rng.below(3) as usize] * SEC,
            grace: [60, 300][rng.below(2) as usize] * SEC,
            topics,
            weather,
            ambush: if rough { [0, 3, 10][rng.below(3) as usize] } else { 0 },
            ops,
        }
    }
}

fn topic(rng: &mut Rng, nodes: usize) -> Topic {
    let factor = [1, 2, 3, 3, 3, 3][rng.below(6) as usize];
    let first = rng.below(nodes as u64) as usize;
    let replicas: Vec<usize> = (0..factor).map(|n| (first + n) % nodes).collect();
    let min_insync = 1 + rng.below(factor.min(3) as u64) as u32;
    Topic { replicas, min_insync }
}

fn push(rng: &mut Rng, nodes: usize, rough: bool, at: Time, ops: &mut Vec<(Time, Op)>) {
    let node = rng.below(nodes as u64) as usize;
    let verb = [RollVerb::Restart, RollVerb::Reboot, RollVerb::Reload][rng.below(3) as usize];
    match rng.below(if rough { 20 } else { 10 }) {
        0 | 1 => {
            for n in 0..nodes {
                if n == node || rng.chance(50) {
                    ops.push((at + rng.below(3 * SEC), Op::Reboot(n)));
                }
            }
        }
        2 => ops.push((at, Op::Stop(node))),
        3 => ops.push((at, Op::Command(node, rng.chance(30)))),
        4..=6 => {
            ops.push((at, Op::Roll(verb)));
            if rng.chance(35) {
                let pause = at + rng.below(3 * MIN);
                ops.push((pause, Op::Pause));
                ops.push((pause + rng.below(2 * MIN), if rng.chance(70) { Op::Resume } else { Op::Abort }));
            }
        }
        7 => {
            ops.push((at, Op::PowerDown));
        }
        8 => {
            for n in 0..nodes {
                ops.push((
                    at + n as u64 * rng.below(7 * SEC),
                    if rng.chance(80) { Op::Stop(n) } else { Op::Reboot(n) },
                ));
            }
        }
        9 => ops.push((at, Op::Reload(node))),
        10..=16 => ops.push((at, Op::Strike(node, blow(rng)))),
        17 => ops.push((at, if rng.chance(50) { Op::Wipe } else { Op::Again(node) })),
        18 => ops.push((at, Op::Unclear(between(rng, SEC, MIN)))),
        _ => ops.push((at, Op::Reassign(node, between(rng, 5 * SEC, 2 * MIN)))),
    }
}

/// A blow of any kind.
pub fn blow(rng: &mut Rng) -> Blow {
    match rng.below(16) {
        0..=2 => Blow::KillKafka,
        3 | 4 => Blow::KillZooKeeper,
        5..=8 => Blow::KillSupervisor,
        9..=11 => Blow::PowerCut,
        12 => Blow::Gone,
        13 => Blow::Cut(between(rng, 100 * MS, 90 * SEC)),
        _ => Blow::Expire,
    }
}
