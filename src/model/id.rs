//! Names and numbers of nodes, roles, runs and sessions. Different numbers are different types: a swapped id formats as a healthy cluster that is not.

use std::fmt;

/// The name of a node as the configuration spells it, e.g. `kafkanode1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

impl NodeName {
    /// Takes any text: the configuration has checked it.
    pub fn new(name: impl Into<String>) -> NodeName {
        NodeName(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The `id` of a `[[node]]`, 1 to 255: what both [`MyId`] and [`BrokerId`] are made from.
///
/// 255 is ZooKeeper's highest `myid` (QuorumPeerConfig of 3.5 refuses more only in some paths; its guide says 1 to 255).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeNumber(u8);

impl NodeNumber {
    /// `None` unless `number` is between 1 and 255.
    pub fn new(number: i64) -> Option<NodeNumber> {
        u8::try_from(number).ok().filter(|n| *n > 0).map(NodeNumber)
    }

    /// The number itself.
    pub fn get(self) -> u8 {
        self.0
    }

    /// This node's id in the ensemble.
    pub fn my_id(self) -> MyId {
        MyId(self.0)
    }

    /// This node's id among the brokers.
    pub fn broker_id(self) -> BrokerId {
        BrokerId(i32::from(self.0))
    }
}

/// ZooKeeper's `myid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MyId(pub u8);

/// Kafka's `broker.id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub i32);

/// A ZooKeeper session, as `ephemeralOwner` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub i64);

/// One life of one JVM. Every event about a child carries it, so that news of an old run is never taken for news of the present one.
///
/// The runtime seeds the first one from the wall clock, so it is unique on a node across restarts of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

impl RunId {
    /// The run after this one.
    pub fn next(self) -> RunId {
        RunId(self.0.wrapping_add(1))
    }
}

/// What a service is: the two JVMs of a node. Lanes start in this order and stop in the reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A member of the ZooKeeper ensemble.
    ZooKeeper,
    /// A Kafka broker.
    Kafka,
}

impl Role {
    /// Both, in start order.
    pub const ALL: [Role; 2] = [Role::ZooKeeper, Role::Kafka];

    /// The word used in configuration, status and journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::ZooKeeper => "zookeeper",
            Role::Kafka => "kafka",
        }
    }
}

/// Which services a node runs: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// The node is a member of the ensemble.
    pub zookeeper: bool,
    /// The node is a broker.
    pub kafka: bool,
}

impl Roles {
    /// The default of `[[node]] roles`.
    pub const BOTH: Roles = Roles { zookeeper: true, kafka: true };

    /// Whether the node has `role`.
    pub fn has(self, role: Role) -> bool {
        match role {
            Role::ZooKeeper => self.zookeeper,
            Role::Kafka => self.kafka,
        }
    }
}

macro_rules! display {
    ($($type:ty, $format:literal, $field:tt;)*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.$field)
            }
        }
    )*};
}

display! {
    NodeNumber, "{}", 0;
    MyId, "{}", 0;
    BrokerId, "{}", 0;
    SessionId, "0x{:x}", 0;
    RunId, "{:x}", 0;
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
