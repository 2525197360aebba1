//! The supervisor seen from outside: what `status`, the status line and the notify thread are made from.

use crate::model::{BrokerReadiness, ExitCause, Moment, NodeState, QuorumRole, Role, RunId, ServiceState, WaitReason};

/// The node at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// State of the node as a whole.
    pub state: NodeState,
    /// At the configured readiness level.
    pub ready: bool,
    /// One line for people: the STATUS= of systemd and the `status` of JSON.
    pub status: String,
    /// Since when the state holds.
    pub since: Moment,
    /// The node's services, in start order.
    pub services: Vec<ServiceView>,
    /// Everything that is waited for, in start order of the services.
    pub waiting_for: Vec<Waiting>,
}

/// One service at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    /// Which service.
    pub role: Role,
    /// Its state.
    pub state: ServiceState,
    /// Since when the state holds.
    pub since: Moment,
    /// The process, where there is one.
    pub pid: Option<i32>,
    /// The present run, where there is one.
    pub run: Option<RunId>,
    /// Starts after the first since the supervisor started.
    pub restarts: u32,
    /// ZooKeeper's part in the quorum, where it serves.
    pub quorum_role: Option<QuorumRole>,
    /// How far the broker is; `None` for ZooKeeper.
    pub readiness: Option<BrokerReadiness>,
    /// How the last run ended, and when.
    pub last_exit: Option<(Moment, ExitCause)>,
}

/// Something that a service waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Who waits.
    pub role: Role,
    /// What for.
    pub reason: WaitReason,
}
