//! The ZooKeeper session against one real ZooKeeper 3.5.8: fencing and the restart token.
//!
//! Sessions of the test's own play the brokers and the other nodes; a proxy that can hold a request back puts what may
//! happen between two steps exactly there. Each test has a chroot of its own, and all share the server. Absent on purpose:
//! Kafka (`tests/cluster` and the bench have real brokers).

#[path = "zookeeper/ensemble.rs"]
mod ensemble;
#[path = "zookeeper/fencing.rs"]
mod fencing;
#[path = "zookeeper/proxy.rs"]
mod proxy;
#[path = "zookeeper/token.rs"]
mod token;
