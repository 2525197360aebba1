//! Bytes of a JVM's stdout and stderr -> lines -> how loudly each is said, and what it tells of the run. Pure.
//!
//! Absent on purpose: where lines go (`notify`), and the making of whole records (logger, thread, stack trace, folding).

mod evidence;
mod find;
mod level;
mod lines;
mod record;
mod session;
mod signatures;
mod signatures_host;
mod signatures_jvm;
mod signatures_kafka;
mod signatures_kafka_config;
mod signatures_zookeeper;

pub use evidence::{EvidenceWatch, LAST_LINE_CAP, LAST_LINES, NEAR};
pub use level::{Levels, Priority, level_of};
pub use lines::{LINE_CAP, Line, Lines};
pub use record::{Entry, Folded, Origin, Said, readable};
pub use session::SessionWatch;
pub use signatures::signatures;
