//! The room `observe`.

pub mod host;
mod host_cgroup;
pub mod java;
mod java_version;
pub mod preflight;
mod preflight_directories;
mod preflight_sockets;
pub mod proof;
