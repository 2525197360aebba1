//! `Config` + `HostFacts` -> `Plan`: argv of each JVM, heap budget, rendered files as text, order. Pure, and printable.
//!
//! [`make`] makes it, [`print()`] shows it, [`preflight::judge`] holds it against what was seen on the machine.

mod address;
pub mod diff;
pub mod dynamic;
mod facts;
pub mod import;
mod java_flags;
pub mod java_support;
mod kafka;
pub mod layout;
mod log4j;
mod make;
mod memory;
pub mod preflight;
mod print;
pub mod properties;
pub mod setup;
mod spec;
mod zookeeper;

pub use facts::{HostFacts, Java, KafkaInstall};
pub use make::{ARGV_LIMIT, make};
pub use print::print;
pub use spec::{MemoryBudget, Plan, Reasoned, RenderedFile, ServiceSpec};
