//! The pure core: `Event`s in, `Action`s out; states, timers, backoff, readiness, start and stop order.
//!
//! Entry point: [`Supervisor`]. Absent on purpose: doing anything (`runtime`), judging the machine (`plan::preflight`),
//! and judging whether the cluster can spare the node (`gate`).

mod attend;
mod broker;
mod council;
mod departure;
mod ending;
mod event;
mod fencing;
mod health;
mod kafka;
mod lane;
mod linger;
mod node_state;
mod past;
mod pause;
pub mod policy;
mod quorum;
mod registration;
mod slot;
mod stop;
mod supervisor;
mod token;
mod turn;
mod view;
mod viewing;
mod watch;
mod zookeeper;

pub use event::{Action, Event, Mark, PROBE_LIMIT, Probe};
pub use past::{Fate, Past, PastRun};
pub use policy::Policy;
pub use supervisor::Supervisor;
pub use view::{NodeView, ServiceView, Waiting};
