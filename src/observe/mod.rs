//! The room `observe`: what the world says, asked and read. Parsers are pure; probers and looks are effects.
//!
//! Absent on purpose: what any of it means (`plan::preflight` judges the machine, `supervise` the services).

pub mod broker;
pub mod dial;
pub mod host;
mod host_cgroup;
mod hs_err;
pub mod hsperf;
pub mod hsperf_file;
pub mod java;
mod java_version;
mod kernel_log;
pub mod last_end;
mod memory_kills;
pub mod preflight;
mod preflight_directories;
mod preflight_sockets;
pub mod progress;
pub mod proof;
pub mod question;
pub mod recovery;
pub mod srvr;
mod srvr_prober;
pub mod survey;
mod survey_disks;
mod survey_machine;
mod survey_peers;
pub mod wire;
pub mod wire_metadata;
pub mod wire_versions;
