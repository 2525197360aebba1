//! Real processes: made directly (no shell), signalled, drained, reaped, recorded; adopted, or swept, when a supervisor left
//! them.
//!
//! Effects live here: files, pipes, signals, `/proc`. Absent on purpose: when to do any of it (`supervise`), and what a line
//! of output means (`logs`).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

mod adopt;
mod book;
mod drain;
mod files;
mod mark;
mod pipes;
mod record;
mod running;
mod spawn;
mod stat;
mod sweep;

pub use adopt::{Fate, adopt, fate, keep_over_exec};
pub use book::{Mark, RunBook};
pub use drain::{DRAIN_LIMIT, Drained, Taker, drain};
pub use mark::{PLACE, RunMark, marked_state_dirs};
pub use pipes::{REST_CAP, Stream, remove_pipes, remove_stale_pipes, save_rest, take_rest};
pub use record::{Record, RecordError, Records, alive};
pub use running::{Look, Origin, Running};
pub use spawn::spawn;
pub use stat::{boot_id, start_time};
pub use sweep::{Report, Swept, SweptHow, sweep};
