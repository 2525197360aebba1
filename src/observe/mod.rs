//! The room `observe`.

pub mod broker;
pub mod dial;
pub mod progress;
pub mod recovery;
pub mod srvr;
mod srvr_prober;
pub mod wire;
pub mod wire_layouts;
