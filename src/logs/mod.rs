//! Bytes of a JVM's stdout and stderr -> lines -> records with priority, logger, thread and stack trace, and what they tell of the
//! run; records -> entries of the journal, as many as it takes. Pure.
//!
//! Absent on purpose: where entries go (`notify`), and the layout that the JVMs print (`plan::layout`).

mod backlog;
mod bucket;
mod evidence;
mod find;
mod flow;
mod fold;
mod framing;
mod head;
mod level;
mod limits;
mod lines;
mod mask;
mod missing;
mod open;
mod record;
mod repeats;
mod session;
mod signatures;
mod signatures_host;
mod signatures_jvm;
mod signatures_kafka;
mod signatures_kafka_config;
mod signatures_zookeeper;
mod trace;
mod voice;

pub use backlog::ENTRIES;
pub use bucket::Limit;
pub use evidence::{EvidenceWatch, LAST_LINE_CAP, LAST_LINES, NEAR};
pub use find::Words;
pub use flow::{Counts, Flow, FlowConfig, TEXT_BYTES};
pub use fold::{FOLD_PAUSE, FOLD_WINDOW, FOLDS};
pub use framing::{Framer, Heard, QUIET, RECORD_CAP};
pub use level::{Levels, Priority, level_of};
pub use limits::{Configured, LOWEST, limit};
pub use lines::{LINE_CAP, Line, Lines};
pub use missing::DROP_WAIT;
pub use record::{Entry, Folded, Origin, Said, readable};
pub use session::SessionWatch;
pub use signatures::signatures;
