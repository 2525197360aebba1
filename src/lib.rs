//! kafka-node: one binary per node that runs ZooKeeper and Kafka under systemd.
//!
//! The folders of `src/` are rooms and imports go one way, left to right:
//! `model <- config <- plan <- {supervise, gate, logs} <- observe <- {process, notify, cluster, host} <- runtime <- cli`.
//! `tests/tidy.rs` holds that order and keeps the pure rooms pure; `docs/ARCHITECTURE.md` is the map.

// Effects are refused in every room; one that is an effect opts out in its first lines.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod cli;
pub mod cluster;
pub mod config;
pub mod gate;
pub mod host;
pub mod logs;
pub mod model;
pub mod notify;
pub mod observe;
pub mod plan;
pub mod process;
pub mod runtime;
pub mod supervise;
