//! The room `host`: the machine around the service: its set-up when an operator asks for it, its reboot, and who is told of it.
//!
//! Absent on purpose: what shall be so and in which order (`plan::setup` judges), and whether the cluster can spare the node (`gate`).
//!
//! Effects: programs of the system, directories, links, kernel settings.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

pub mod going_down;
pub mod import;
pub mod inspect;
pub mod programs;
pub mod reboot;
pub mod reboot_needed;
pub mod setup;
pub mod wall;
