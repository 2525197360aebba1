//! Bytes of a JVM's stdout and stderr -> lines -> how loudly each is said, and what it tells of the run; records -> entries
//! of the journal, as many as it takes. Pure.
//!
//! Absent on purpose: where entries go (`notify`), and the making of whole records (logger, thread, stack trace).

mod backlog;
mod bucket;
mod evidence;
mod find;
mod flow;
mod fold;
mod level;
mod limits;
mod lines;
mod missing;
mod record;
mod repeats;
mod session;
mod signatures;
mod signatures_host;
mod signatures_jvm;
mod signatures_kafka;
mod signatures_kafka_config;
mod signatures_zookeeper;

pub use backlog::ENTRIES;
pub use bucket::Limit;
pub use evidence::{EvidenceWatch, LAST_LINE_CAP, LAST_LINES, NEAR};
pub use flow::{Counts, Flow, FlowConfig, TEXT_BYTES};
pub use fold::{FOLD_PAUSE, FOLD_WINDOW, FOLDS};
pub use level::{Levels, Priority, level_of};
pub use limits::{Configured, LOWEST, limit};
pub use lines::{LINE_CAP, Line, Lines};
pub use missing::DROP_WAIT;
pub use record::{Entry, Folded, Origin, Said, readable};
pub use session::SessionWatch;
pub use signatures::signatures;
