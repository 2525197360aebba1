//! `Config` + `HostFacts` -> `Plan`: argv of each JVM, heap budget, rendered files as text, order. Pure, and printable.

mod facts;
mod spec;

pub use facts::{HostFacts, Java, KafkaInstall};
pub use spec::{MemoryBudget, Plan, Reasoned, RenderedFile, ServiceSpec};
