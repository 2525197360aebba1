//! The words for how far along a node and its services are. They are part of `status --json`: added to, never renamed.

use std::fmt;

/// How far a broker is. Ordered: a later one includes the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BrokerReadiness {
    /// No broker process.
    Down,
    /// The process runs; it loads its logs or has not registered yet.
    Started,
    /// It recovers its logs after an unclean shutdown.
    Recovering,
    /// Registered under its own session, and answers ApiVersions and Metadata with itself among the brokers.
    Serving,
    /// Serving, and in the ISR of every partition it has a replica of.
    InSync,
}

/// `[readiness] level`: when READY=1 is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadinessLevel {
    /// ZooKeeper is in a quorum and the broker's process runs.
    Started,
    /// The broker serves.
    #[default]
    Serving,
    /// The broker is in sync.
    InSync,
}

/// The state of one service, one word each (`design.md`, "status --json").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceState {
    /// Nothing runs and nothing is wanted.
    Down,
    /// Wanted, and held back by something named.
    Waiting,
    /// The process was ordered or runs, and has not answered yet.
    Starting,
    /// The process answers, but does not serve.
    Up,
    /// It serves: ZooKeeper in a quorum, Kafka at `serving` or better.
    Ready,
    /// SIGTERM was sent; the end is awaited.
    Terminating,
    /// SIGKILL was sent; the end is awaited.
    Killing,
    /// It ended, and is started again after a pause.
    Backoff,
    /// It ended of a cause that a restart cannot cure; tried again slowly.
    Failed,
}

/// The state of the node as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeState {
    /// Held back by something named; nothing is under way.
    Waiting,
    /// On its way to `ready` for the first time.
    Starting,
    /// At the configured readiness level.
    Ready,
    /// Was ready, and is not any more.
    Degraded,
    /// Stopping, or stopped.
    Stopping,
}

macro_rules! words {
    ($($type:ident { $($variant:ident => $word:literal,)* })*) => {$(
        impl $type {
            /// The stable word of `status --json`.
            pub fn as_str(self) -> &'static str {
                match self { $($type::$variant => $word,)* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

words! {
    BrokerReadiness { Down => "down", Started => "started", Recovering => "recovering", Serving => "serving", InSync => "in-sync", }
    ReadinessLevel { Started => "started", Serving => "serving", InSync => "in-sync", }
    ServiceState {
        Down => "down", Waiting => "waiting", Starting => "starting", Up => "up", Ready => "ready",
        Terminating => "terminating", Killing => "killing", Backoff => "backoff", Failed => "failed",
    }
    NodeState { Waiting => "waiting", Starting => "starting", Ready => "ready", Degraded => "degraded", Stopping => "stopping", }
}
