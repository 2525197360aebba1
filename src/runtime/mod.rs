//! The one loop that ties the rooms together: actions of the supervisor become effects, effects become events.
//!
//! Entry point: [`run`]. Nothing is decided here. Absent on purpose: policy of any kind (`supervise`), how a process is made
//! (`process`), how a service is asked (`observe`, `cluster`), how systemd is told (`notify`).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

pub mod ask;
mod begin;
mod caretaker;
mod children;
mod claim;
mod clock;
mod control;
mod council;
mod front;
mod journal;
mod life;
mod lock;
mod node;
mod past;
mod pen;
mod probes;
mod reader;
mod self_child;
mod signal;
pub mod status;

pub use begin::{run, successor_runs, take_over};
pub use caretaker::{Cared, take_care};
pub use claim::{Claim, Refusal, stop_was_intended};
pub use clock::from_rfc3339;
pub use lock::{LockRefusal, NodeLock};
pub use node::{Check, NodeEnd};
pub use signal::hold as hold_signals;
