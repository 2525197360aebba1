//! Bytes of a JVM's stdout and stderr -> lines -> records with priority, logger, thread and stack trace, and what they tell of the
//! run. Pure.
//!
//! Absent on purpose: where records go (`notify`), and the layout that the JVMs print (`plan::layout`).

mod evidence;
mod find;
mod framing;
mod head;
mod level;
mod lines;
mod mask;
mod open;
mod record;
mod session;
mod signatures;
mod signatures_host;
mod signatures_jvm;
mod signatures_kafka;
mod signatures_kafka_config;
mod signatures_zookeeper;
mod trace;
mod voice;

pub use evidence::{EvidenceWatch, LAST_LINE_CAP, LAST_LINES, NEAR};
pub use framing::{Framer, Heard, RECORD_CAP};
pub use level::{Levels, Priority, level_of};
pub use lines::{LINE_CAP, Line, Lines};
pub use record::{Entry, Folded, Origin, Said, readable};
pub use session::SessionWatch;
pub use signatures::signatures;
