//! What has to be known of a cluster to say whether it can spare one node. Made by `cluster::view`, judged by `judge`.
//!
//! Absent on purpose: how it is read, and what it means.

use std::time::Duration;

use crate::model::{BrokerId, NodeName, QuorumRole};

/// The cluster as it was seen from one node, at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterView {
    /// Every node of the configuration with a broker, in its order.
    pub brokers: Vec<BrokerSeen>,
    /// The active controller, where somebody said who it is.
    pub controller: Option<BrokerId>,
    /// Every topic.
    pub topics: Vec<TopicSeen>,
    /// Every node of the configuration with a ZooKeeper server, in its order, this one included.
    pub members: Vec<MemberSeen>,
    /// Every other node of the configuration, in its order: what its supervisor says of it.
    pub nodes: Vec<NodeSeen>,
    /// The order to power the cluster down that stands, in words.
    pub power_down: Option<String>,
    /// What could not be read, a sentence each. Whatever else stands here, a view with such a gap allows nothing.
    pub unread: Vec<String>,
}

/// A broker of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerSeen {
    /// Its node.
    pub node: NodeName,
    /// Its id.
    pub broker: BrokerId,
    /// It is registered in ZooKeeper.
    pub registered: bool,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSeen {
    /// Its name.
    pub name: String,
    /// `min.insync.replicas`, its own or the broker's default.
    pub min_insync: u32,
    /// Its partitions.
    pub partitions: Vec<PartitionSeen>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSeen {
    /// Its index.
    pub index: i32,
    /// Its leader; `None` where it has none.
    pub leader: Option<BrokerId>,
    /// Where its replicas are to be.
    pub replicas: Vec<BrokerId>,
    /// Which of them are in sync.
    pub in_sync: Vec<BrokerId>,
    /// It is being reassigned.
    pub reassigning: bool,
}

/// A member of the ensemble, as it answered itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSeen {
    /// Its node.
    pub node: NodeName,
    /// What it said.
    pub state: MemberState,
}

/// What a member said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// It serves.
    Serving {
        /// In which role.
        role: QuorumRole,
        /// The last transaction it knows: 32 bits of epoch, 32 of counter. `None` where the answer has none.
        zxid: Option<u64>,
    },
    /// It answers, and does not serve.
    NotServing,
    /// It does not answer, or not in ZooKeeper's words.
    Silent,
}

/// Another node, as its supervisor last said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSeen {
    /// Its name.
    pub node: NodeName,
    /// What its supervisor says; `None` where none is there.
    pub presence: Option<PresenceSeen>,
    /// It went down for good: it holds the lock, and took it when its machine powered off.
    pub gone: bool,
}

/// What a supervisor says of its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceSeen {
    /// It serves in a quorum, is in sync, and is not about to stop.
    pub well: bool,
    /// What it waits for where it is not.
    pub words: String,
    /// For how long that has been so, by ZooKeeper's clock.
    pub lasting: Duration,
    /// Its machine is about to power off.
    pub powers_off: bool,
    /// The version of its kafka-node.
    pub version: String,
    /// The hash of what its configuration renders to for the whole cluster's part.
    pub config: String,
}

/// What the judge goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatePolicy {
    /// The node that is to go down.
    pub node: NodeName,
    /// Its broker, where it has one.
    pub broker: Option<BrokerId>,
    /// `[reboot] headroom`.
    pub headroom: u32,
    /// `[reboot] settle`.
    pub settle: Duration,
    /// `[reboot] strict`: what has no replica to spare by its very making is a denial.
    pub strict: bool,
    /// The hash of this node's own configuration.
    pub config: String,
    /// The machine of this node is powering off, and not rebooting.
    pub powers_off: bool,
}
