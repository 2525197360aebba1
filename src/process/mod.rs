//! Real processes: made directly (no shell), signalled, drained, reaped, recorded, and swept when a supervisor left them.
//!
//! Effects live here: files, pipes, signals, `/proc`. Absent on purpose: when to do any of it (`supervise`), what a line of
//! output means (`logs`), and adopting the JVMs of an earlier supervisor: until that exists they are swept.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

mod drain;
mod files;
mod record;
mod spawn;
mod stat;
mod sweep;

pub use drain::{DRAIN_LIMIT, Drained, drain};
pub use record::{Record, RecordError, Records, RunBook, alive};
pub use spawn::{Running, spawn};
pub use stat::{boot_id, start_time};
pub use sweep::{Report, Swept, SweptHow, sweep};
