//! The room `cluster`: the ZooKeeper session, and the Kafka client for what is asked rarely and in full.
//!
//! Absent on purpose: liveness probes (`observe`), and every decision.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

pub mod elect;
pub mod fence;
pub mod kafka;
pub mod kafka_cluster;
pub mod kafka_records;
pub mod kafka_topics;
mod registration;
pub mod token;
mod view_kafka;
pub mod zookeeper;
