//! Bytes of a JVM's stdout and stderr -> lines -> how loudly each is said. Pure.
//!
//! Absent on purpose: where lines go (`notify`), and the making of whole records (logger, thread, stack trace, folding).

mod level;
mod lines;

pub use level::{Levels, Priority, level_of};
pub use lines::{LINE_CAP, Line, Lines};
