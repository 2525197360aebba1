//! The room `cluster`: the ZooKeeper session and what nodes tell each other through it, and the Kafka client for what is asked rarely and in full.
//!
//! Absent on purpose: liveness probes (`observe`), and every decision.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

mod council;
mod document;
pub mod elect;
pub mod fence;
pub mod kafka;
pub mod kafka_cluster;
pub mod kafka_records;
pub mod kafka_topics;
mod lock;
mod power_down;
mod presence;
mod registration;
mod roll;
pub mod seat;
pub mod token;
pub mod view;
mod view_kafka;
pub mod zookeeper;

pub use presence::Present;
