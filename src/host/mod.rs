//! The room `host`: what changes the machine for the service, when an operator asks for it.
//!
//! Absent on purpose: what shall be so and in which order (`plan::setup` judges), and anything that a running node does.
//!
//! Effects: programs of the system, directories, links, kernel settings.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

pub mod import;
pub mod inspect;
pub mod programs;
pub mod setup;
