//! The room `gate`: may this node go down now, who may be down, and in which order nodes take their turns.
//!
//! Pure: views and documents in, verdicts and documents out. Absent on purpose: reading a cluster and writing to it (`cluster`),
//! and what a supervisor does with a verdict (`supervise`).

pub mod view;

pub use view::{
    BrokerSeen, ClusterView, GatePolicy, MemberSeen, MemberState, NodeSeen, PartitionSeen, PresenceSeen, TopicSeen,
};
