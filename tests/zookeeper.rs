//! The ZooKeeper session against one real ZooKeeper 3.5.8: fencing, the restart token, and what supervisors share.
//!
//! Sessions of the test's own play the brokers and the other nodes; a proxy that can hold a request back puts what may
//! happen between two steps exactly there. Each test has a chroot of its own, and all share the server. Absent on purpose:
//! Kafka (`tests/cluster` and the bench have real brokers).

#[path = "zookeeper/council.rs"]
mod council;
#[path = "zookeeper/ensemble.rs"]
mod ensemble;
#[path = "zookeeper/fencing.rs"]
mod fencing;
#[path = "zookeeper/lock.rs"]
mod lock;
#[path = "zookeeper/proxy.rs"]
mod proxy;
#[path = "zookeeper/roll.rs"]
mod roll;
#[path = "zookeeper/token.rs"]
mod token;
