//! Why the cluster cannot spare a node: every denial of the gate as a variant with one sentence, and every remark it makes
//! while it allows.
//!
//! The same sentence reaches `can-reboot`, `reboot`, `roll`, the status line, the wall and the journal. What an operator does about
//! each stands in `docs/runbook.md`, by its code. Absent on purpose: the judgement itself (`gate`).

#![allow(missing_docs)] // fields are explained by the sentence of their variant

use std::fmt;
use std::time::Duration;

use super::list::List;
use super::{NodeName, Span};

/// How many members of a [`Counted`] are named.
pub const NAMED: usize = 10;

/// One partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
}

/// Things of which the first few are named, and all are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted<T> {
    /// The first [`NAMED`] that were added.
    pub named: Vec<T>,
    /// How many there are in all.
    pub count: usize,
}

/// A partition that taking the node down would leave with too few in-sync replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thin {
    pub partition: TopicPartition,
    /// In-sync replicas that would be left.
    pub left: u32,
    /// How many it has to keep.
    pub needed: u32,
}

/// Why a node may not go down now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Something that has to be known could not be read; nothing is allowed on a guess.
    ViewUnread { what: String },
    /// These brokers of the configuration, other than this node's, are not registered.
    BrokersMissing { nodes: Vec<NodeName> },
    /// Without this node the ensemble has no majority of serving members.
    NoMajority { serving: usize, needed: usize, silent: Vec<NodeName> },
    /// These other members answer and do not serve: they are starting, or have lost the quorum.
    MembersNotServing { nodes: Vec<NodeName> },
    /// These other members follow another epoch than the leader's, or are far behind it.
    MembersLagging { nodes: Vec<NodeName> },
    /// Partitions without a leader.
    Offline { partitions: Counted<TopicPartition> },
    /// Replicas on other brokers are not in sync.
    UnderReplicated { partitions: Counted<TopicPartition> },
    /// Without this node's replica too few in-sync ones would be left.
    UnderMinIsr { partitions: Counted<Thin> },
    /// Replicas are being moved.
    Reassigning { partitions: Counted<TopicPartition> },
    /// `strict`: these have no replica to spare by their very number of replicas.
    NoSpareReplica { partitions: Counted<TopicPartition> },
    /// `strict`: the ensemble has no member to spare by its very size.
    NoSpareMember { members: usize },
    /// The supervisors of these nodes are not heard: nobody there waits for the lock, or says how the node is.
    NodesAbsent { nodes: Vec<NodeName> },
    /// This other node says that it is not well, in its own words.
    NodeUnwell { node: NodeName, words: String },
    /// Everything is well, and not for long enough.
    Settling { well_for: Duration, settle: Duration },
    /// Another machine is down, or on its way down: one at a time.
    LockTaken { holder: String },
}

/// What is said although the node may go down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateRemark {
    /// These cannot be written, or not be reached at all, while the node is down: they have no replica to spare.
    NoSpareReplica { partitions: Counted<TopicPartition> },
    /// The quorum is lost while the node is down: the ensemble has no member to spare.
    NoSpareMember { members: usize },
    /// The configurations of these nodes render to something else than this node's.
    ConfigurationsDiffer { nodes: Vec<NodeName> },
    /// The cluster is being powered down, by this order: nobody is waited for.
    PowerDown { words: String },
}

/// A denial or remark as it crosses a process or a wire: its stable word and its sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub code: String,
    pub text: String,
}

impl<T> Counted<T> {
    /// Nothing yet.
    pub fn new() -> Counted<T> {
        Counted { named: Vec::new(), count: 0 }
    }

    /// One more; named where there is room.
    pub fn add(&mut self, thing: T) {
        if self.named.len() < NAMED {
            self.named.push(thing);
        }
        self.count += 1;
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<T> FromIterator<T> for Counted<T> {
    fn from_iter<I: IntoIterator<Item = T>>(things: I) -> Counted<T> {
        let mut counted = Counted::new();
        things.into_iter().for_each(|thing| counted.add(thing));
        counted
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl fmt::Display for Thin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} left, {} needed)", self.partition, self.left, self.needed)
    }
}

impl<T: fmt::Display> fmt::Display for Counted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", List(&self.named))?;
        match self.count.saturating_sub(self.named.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl Denial {
    /// Every word that [`Denial::code`] has, in its order. `docs/runbook.md` has a line for each.
    pub const CODES: &[&str] = &[
        "view-unread",
        "brokers-missing",
        "no-majority",
        "members-not-serving",
        "members-lagging",
        "offline",
        "under-replicated",
        "under-min-isr",
        "reassigning",
        "no-spare-replica",
        "no-spare-member",
        "nodes-absent",
        "node-unwell",
        "settling",
        "lock-taken",
    ];

    /// The stable word of it in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Denial::ViewUnread { .. } => "view-unread",
            Denial::BrokersMissing { .. } => "brokers-missing",
            Denial::NoMajority { .. } => "no-majority",
            Denial::MembersNotServing { .. } => "members-not-serving",
            Denial::MembersLagging { .. } => "members-lagging",
            Denial::Offline { .. } => "offline",
            Denial::UnderReplicated { .. } => "under-replicated",
            Denial::UnderMinIsr { .. } => "under-min-isr",
            Denial::Reassigning { .. } => "reassigning",
            Denial::NoSpareReplica { .. } => "no-spare-replica",
            Denial::NoSpareMember { .. } => "no-spare-member",
            Denial::NodesAbsent { .. } => "nodes-absent",
            Denial::NodeUnwell { .. } => "node-unwell",
            Denial::Settling { .. } => "settling",
            Denial::LockTaken { .. } => "lock-taken",
        }
    }

    /// The two as they cross a process or a wire.
    pub fn said(&self) -> Said {
        Said { code: self.code().to_owned(), text: self.to_string() }
    }
}

impl GateRemark {
    /// The stable word of it in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            GateRemark::NoSpareReplica { .. } => "no-spare-replica",
            GateRemark::NoSpareMember { .. } => "no-spare-member",
            GateRemark::ConfigurationsDiffer { .. } => "configurations-differ",
            GateRemark::PowerDown { .. } => "power-down",
        }
    }

    /// The two as they cross a process or a wire.
    pub fn said(&self) -> Said {
        Said { code: self.code().to_owned(), text: self.to_string() }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denial::ViewUnread { what } => {
                write!(f, "the cluster could not be read, and nothing is allowed unread: {what}")
            }
            Denial::BrokersMissing { nodes } => write!(f, "no broker is registered from {}", List(nodes)),
            Denial::NoMajority { serving, needed, silent } if silent.is_empty() => {
                write!(f, "ZooKeeper would lose its quorum: {serving} of the other members serve, {needed} have to")
            }
            Denial::NoMajority { serving, needed, silent } => write!(
                f,
                "ZooKeeper would lose its quorum: {serving} of the other members serve, {needed} have to; no answer from {}",
                List(silent)
            ),
            Denial::MembersNotServing { nodes } => {
                write!(f, "ZooKeeper members that are up and do not serve: {}", List(nodes))
            }
            Denial::MembersLagging { nodes } => {
                write!(f, "ZooKeeper members that lag behind the leader: {}", List(nodes))
            }
            Denial::Offline { partitions } => {
                write!(f, "{} without a leader: {partitions}", count(partitions.count))
            }
            Denial::UnderReplicated { partitions } => {
                write!(f, "{} with replicas out of sync elsewhere: {partitions}", count(partitions.count))
            }
            Denial::UnderMinIsr { partitions } => {
                write!(f, "{} would keep too few in-sync replicas: {partitions}", count(partitions.count))
            }
            Denial::Reassigning { partitions } => {
                write!(f, "{} being reassigned: {partitions}", count(partitions.count))
            }
            Denial::NoSpareReplica { partitions } => write!(
                f,
                "{} with no replica to spare, and [reboot] strict is set: {partitions}",
                count(partitions.count)
            ),
            Denial::NoSpareMember { members } => {
                write!(f, "an ensemble of {members} has no member to spare, and [reboot] strict is set")
            }
            Denial::NodesAbsent { nodes } => write!(f, "kafka-node is not heard from {}", List(nodes)),
            Denial::NodeUnwell { node, words } => write!(f, "{node} is not well: {words}"),
            Denial::Settling { well_for, settle } => {
                write!(f, "the cluster has been well for {} of {}", Span(*well_for), Span(*settle))
            }
            Denial::LockTaken { holder } => write!(f, "one node at a time: the lock is held by {holder}"),
        }
    }
}

impl fmt::Display for GateRemark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GateRemark::NoSpareReplica { partitions } => write!(
                f,
                "{} not be written, or not be reached, while the node is down, having no replica to spare: {partitions}",
                if partitions.count == 1 {
                    "1 partition can".to_owned()
                } else {
                    format!("{} partitions can", partitions.count)
                }
            ),
            GateRemark::NoSpareMember { members } => {
                write!(f, "the quorum is lost while the node is down: an ensemble of {members} has no member to spare")
            }
            GateRemark::ConfigurationsDiffer { nodes } => {
                write!(f, "the configuration here differs from that of {}", List(nodes))
            }
            GateRemark::PowerDown { words } => write!(f, "the cluster is being powered down: {words}"),
        }
    }
}

fn count(partitions: usize) -> String {
    if partitions == 1 { "1 partition".to_owned() } else { format!("{partitions} partitions") }
}
