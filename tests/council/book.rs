//! The books that the invariants judge by, kept apart from the supervisors: what is true of each node, what it was told, what it
//! said, and what it is just doing.

use std::collections::BTreeMap;

use kafka_node::model::RollMark;

use crate::clock::Time;
use crate::cluster::Cluster;

/// What the gate was asked, when it was looked, and what was true then.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub asked: Time,
    pub made: Time,
    pub allowed: bool,
    pub power_down: bool,
    /// Other nodes that did not serve in every respect.
    pub ailing: Vec<usize>,
    /// Partitions that this node's going leaves with too few in-sync replicas.
    pub thin: Vec<usize>,
}

/// Of one life of a supervisor.
#[derive(Clone, Debug, Default)]
pub struct LifeBook {
    /// The first request to stop, and whether a gate stands before it.
    pub stop: Option<(Time, bool)>,
    /// It need not ask any more: a second request, an order, a system that stays up.
    pub excused: bool,
    /// The machine was found to stay up.
    pub stays: bool,
    /// Questions to the gate that are not answered.
    pub looks: BTreeMap<u64, Verdict>,
    /// The last question of each kind: answers to earlier ones say nothing.
    pub council_ask: u64,
    pub gate_ask: u64,
    pub lock_ask: u64,
    pub mark_ask: Option<(u64, String, RollMark)>,
    /// The last answer of the gate.
    pub verdict: Option<Verdict>,
    /// The last answer was an allowance, and nothing came between.
    pub may_lock: bool,
    /// The lock is being given back.
    pub unlocking: bool,
    /// It was told that it holds the lock, then.
    pub held: Option<Time>,
    pub opened: Option<Time>,
    /// It waits at the gate without a reason since then.
    pub dumb: Option<Time>,
    /// It has stopped waiting.
    pub begun: bool,
    /// The order that stood when it first read what the others share, and whether it has read of another since.
    pub first_order: Option<Option<i64>>,
    pub ordered: bool,
    /// It has read what the others share since then.
    pub sits: Option<Time>,
}

/// Of one node.
#[derive(Clone, Debug, Default)]
pub struct NodeBook {
    pub life: LifeBook,
    /// It serves in every respect since then.
    pub whole: Option<Time>,
    /// The last spell of it before this one, or before now.
    pub spell: Option<(Time, Time)>,
    /// It left by an open gate, is leaving so, or leaves without one; until it is whole again.
    pub leaving: Option<bool>,
    /// When it ceased to be whole last.
    pub fell: Option<Time>,
    /// When it took the lock, and whether it went down since.
    pub taken: Option<Time>,
    pub down_since_taken: bool,
    /// It held the lock when its machine went off, then; until it has looked again.
    pub kept: Option<Time>,
    /// How often it obeyed each order.
    pub obeyed: BTreeMap<i64, u32>,
}

/// What of a node a roll is to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub boot: u32,
    pub life: u32,
    pub run: u64,
}

/// Of one roll.
#[derive(Clone, Debug)]
pub struct RollBook {
    pub begun: Vec<Mark>,
    /// How often each node went for it, and how often it may.
    pub goes: Vec<u32>,
    pub may: Vec<u32>,
}

/// Something that just happened, to be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A node says that the gate is open.
    Opens {
        node: usize,
        roll: bool,
    },
    /// A node begins a step of a roll, or a stop of its own.
    Begins {
        node: usize,
        gated: bool,
    },
    /// A node gave up waiting at the gate.
    Expires {
        node: usize,
    },
    AsksForLock {
        node: usize,
    },
    /// The lock was given back by its holder.
    Releases {
        node: usize,
    },
    /// A step was marked as done.
    Done {
        node: usize,
        id: String,
    },
    /// A node goes for a roll.
    Touches {
        node: usize,
        id: String,
    },
    Obeys {
        node: usize,
        number: i64,
    },
    /// It held the lock when its machine went off, and another look finds it without; it held it since then.
    Forgets {
        node: usize,
        since: Time,
    },
    /// It read an order that did not stand when it began, and starts anew all the same.
    Heedless {
        node: usize,
    },
    /// It wants to be woken at a moment that is past.
    Busy {
        node: usize,
        by: Time,
    },
    /// It waits to stop, and gives no reason at all.
    Mute {
        node: usize,
    },
    /// It was denied, and waits for what it does not say.
    DeniedWithoutWords {
        node: usize,
    },
}

#[derive(Clone, Debug, Default)]
pub struct Book {
    pub nodes: Vec<NodeBook>,
    pub rolls: BTreeMap<String, RollBook>,
    /// Orders to power down: since when each stands with a quorum that was never lost.
    pub order: Option<(i64, Time)>,
    pub facts: Vec<Fact>,
}

impl Book {
    pub fn new(nodes: usize) -> Book {
        Book { nodes: vec![NodeBook::default(); nodes], ..Book::default() }
    }

    /// The truth has changed.
    pub fn note_truth(&mut self, now: Time, cluster: &Cluster) {
        for (node, book) in self.nodes.iter_mut().enumerate() {
            match (cluster.whole(node), book.whole) {
                (true, None) => {
                    book.whole = Some(now);
                    if !book.life.begun {
                        book.leaving = None;
                    }
                }
                (false, Some(since)) => {
                    book.whole = None;
                    book.spell = Some((since, now));
                    book.fell = Some(now);
                    book.down_since_taken = true;
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
        if !cluster.quorum() {
            self.order = None;
        }
    }

    /// Whatever happens to a node is no fault of its roll.
    pub fn excuse(&mut self, node: usize) {
        for roll in self.rolls.values_mut() {
            roll.may[node] += 1;
        }
    }
}
