//! The one loop that ties the rooms together: actions of the supervisor become effects, effects become events.
//!
//! Nothing is decided here. Absent on purpose: policy of any kind (`supervise`), how a process is made (`process`), how a
//! service is asked (`observe`, `cluster`), how systemd is told (`notify`).

pub mod ask;
mod clock;
mod control;
mod lock;
mod signal;
pub mod status;
