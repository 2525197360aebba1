//! What leaves the node for people and for systemd: log records, notifications and the history, each by a thread of its own.
//!
//! Every send to the journal, to stderr and to systemd can block for as long as the reader pleases, and every write for as
//! long as the disk does, so the loop only ever puts something into a bounded queue. Absent on purpose: what is said (`supervise`, `logs`), and the status file.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

pub mod events;
pub mod history;
pub mod history_entry;
pub mod history_file;
mod journal;
mod limits;
pub mod log;
pub mod oneshot;
mod oversized;
mod queue;
mod stderr;
pub mod systemd;
