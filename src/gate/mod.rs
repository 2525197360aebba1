//! The room `gate`: may this node go down now, who may be down, and in which order nodes take their turns.
//!
//! Pure: views and documents in, verdicts and documents out. Absent on purpose: reading a cluster and writing to it (`cluster`),
//! and what a supervisor does with a verdict (`supervise`).

mod age;
mod document;
mod fingerprint;
mod judge;
pub mod lock;
mod order;
pub mod roll;
mod roll_json;
mod roll_words;
pub mod verdict;
pub mod view;
pub mod window;

pub use fingerprint::fingerprint;
pub use judge::judge;
pub use lock::{Holder, LockDoc, Take};
pub use order::order;
pub use roll::{RollDoc, RollState, Step, StepState};
pub use verdict::{Verdict, outcome_from_json};
pub use view::{
    BrokerSeen, ClusterView, GatePolicy, MemberSeen, MemberState, NodeSeen, PartitionSeen, PresenceSeen, TopicSeen,
};
pub use window::Window;
