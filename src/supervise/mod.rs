//! The pure core: `Event`s in, `Action`s out; states, timers, backoff, readiness, start and stop order.

mod event;
pub mod policy;
mod supervisor;
mod view;

pub use event::{Action, Event, PROBE_LIMIT, Probe};
pub use policy::Policy;
pub use supervisor::Supervisor;
pub use view::{NodeView, ServiceView, Waiting};
