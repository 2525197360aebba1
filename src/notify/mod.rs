//! What leaves the node for people and for systemd: log records and notifications, each sent by a thread of its own.
//!
//! Every send to the journal, to stderr and to systemd can block for as long as the reader pleases, so the loop only ever
//! puts something into a bounded queue. Absent on purpose: what is said (`supervise`, `logs`), and the status file.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

mod journal;
pub mod log;
mod queue;
mod stderr;
pub mod systemd;
