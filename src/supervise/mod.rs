//! The pure core: `Event`s in, `Action`s out; states, timers, backoff, readiness, start and stop order.
//!
//! Entry point: [`Supervisor`]. Absent on purpose: doing anything (`runtime`), judging the machine (`plan::preflight`),
//! whether the cluster can spare the node (a gate that comes later), fencing, hang kills and adoption.

mod broker;
mod ending;
mod event;
mod kafka;
mod lane;
mod linger;
mod pause;
pub mod policy;
mod registration;
mod slot;
mod stop;
mod supervisor;
mod view;
mod viewing;
mod watch;
mod zookeeper;

pub use event::{Action, Event, PROBE_LIMIT, Probe};
pub use policy::Policy;
pub use supervisor::Supervisor;
pub use view::{NodeView, ServiceView, Waiting};
