//! What travels from the world to a supervisor, small enough to be queued by the million; it becomes an `Event` on delivery.

use kafka_node::model::{
    BrokerId, BrokerOutcome, BrokersOutcome, Council, CouncilOutcome, EnsembleView, Evidence, ExitStatus, FenceOutcome,
    InSyncOutcome, LockSeen, NodeName, PeerView, PreflightOutcome, Progress, QuorumRole, RegistrationOutcome, Role,
    RollTurn, RunId, SessionId, SpawnFailure, StopCause, TokenOutcome, WaitReason, ZooKeeperOutcome,
};
use kafka_node::supervise::Event;

use crate::ensemble::{MOST, Mask, bit};

/// An answer to `srvr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Srvr {
    Serving(QuorumRole),
    NotServing,
    Refused,
    TimedOut,
}

/// What stands at `/brokers/ids/N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Absent,
    Held(i64),
    Unreadable,
}

/// What became of a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fenced {
    Removed { controller: bool },
    Gone,
    Foreign(i64),
    Refused,
    Failed,
}

/// What became of an attempt to take the restart token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    Held,
    Taken(usize),
    Unreadable,
}

impl Taking {
    fn outcome(self) -> TokenOutcome {
        match self {
            Taking::Held => TokenOutcome::Held,
            Taking::Taken(node) => TokenOutcome::Taken(format!("node{}", node + 1)),
            Taking::Unreadable => TokenOutcome::Unreadable(String::from("no session")),
        }
    }
}

impl Fenced {
    fn outcome(self) -> FenceOutcome {
        match self {
            Fenced::Removed { controller } => FenceOutcome::Removed { controller },
            Fenced::Gone => FenceOutcome::Gone,
            Fenced::Foreign(session) => FenceOutcome::Foreign(SessionId(session)),
            Fenced::Refused => FenceOutcome::Refused(String::from("no permission")),
            Fenced::Failed => FenceOutcome::Failed(String::from("no session")),
        }
    }
}

/// What the broker's listener answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    Answers { lists_itself: bool },
    Refused,
    TimedOut,
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    Spawned {
        role: Role,
        run: RunId,
        pid: i32,
    },
    SpawnFailed {
        role: Role,
        run: RunId,
        curable: bool,
    },
    Exited {
        role: Role,
        run: RunId,
        status: ExitStatus,
        /// It said that its stop was complete.
        said: bool,
    },
    Session {
        run: RunId,
        session: i64,
    },
    Preflight {
        role: Role,
        held: bool,
    },
    ZooKeeper {
        run: RunId,
        answer: Srvr,
    },
    /// By the peer's place in the policy's list.
    Ensemble {
        answers: [Srvr; MOST],
    },
    Registration {
        ask: u64,
        seen: Seen,
    },
    Fence {
        ask: u64,
        fenced: Fenced,
    },
    Token {
        ask: u64,
        taking: Taking,
    },
    /// One bit a node whose broker is registered; `None` where unreadable.
    Brokers {
        registered: Option<Mask>,
    },
    Broker {
        run: RunId,
        answer: Listener,
    },
    /// Partitions behind of ten; `None` where unreadable.
    InSync {
        run: RunId,
        behind: Option<u32>,
    },
    Progress {
        role: Role,
        run: RunId,
        progress: Progress,
    },
    /// Nobody holds the cluster's lock, and nothing is rolled (the cluster's own simulation has those); or it cannot be read.
    Council {
        ask: u64,
        readable: bool,
    },
    Stop,
}

impl Message {
    /// The run it is news of.
    pub fn run(&self) -> Option<(Role, RunId)> {
        match *self {
            Message::Spawned { role, run, .. }
            | Message::SpawnFailed { role, run, .. }
            | Message::Exited { role, run, .. }
            | Message::Progress { role, run, .. } => Some((role, run)),
            Message::ZooKeeper { run, .. } => Some((Role::ZooKeeper, run)),
            Message::Broker { run, .. } | Message::InSync { run, .. } => Some((Role::Kafka, run)),
            Message::Session { run, .. } => Some((Role::Kafka, run)),
            Message::Preflight { .. } | Message::Ensemble { .. } | Message::Registration { .. } => None,
            Message::Fence { .. } | Message::Token { .. } | Message::Brokers { .. } | Message::Stop => None,
            Message::Council { .. } => None,
        }
    }

    /// The event it is for a node whose policy names `peers`.
    pub fn event(self, peers: &[NodeName]) -> Event {
        match self {
            Message::Spawned { role, run, pid } => Event::Spawned { role, run, pid },
            Message::SpawnFailed { role, run, curable: true } => {
                Event::SpawnFailed { role, run, failure: SpawnFailure::Resources(String::new()) }
            }
            Message::SpawnFailed { role, run, curable: false } => {
                Event::SpawnFailed { role, run, failure: SpawnFailure::Missing(String::new()) }
            }
            Message::Exited { role, run, status, said } => {
                let evidence = Evidence { said_stopped: said, ..Evidence::default() };
                Event::Exited { role, run, status, evidence }
            }
            Message::Session { run, session } => Event::Session { run, session: SessionId(session) },
            Message::Fence { ask, fenced } => Event::Fence { ask, outcome: fenced.outcome() },
            Message::Token { ask, taking } => Event::Token { ask, outcome: taking.outcome() },
            Message::Preflight { role, held: false } => Event::Preflight { role, outcome: PreflightOutcome::Clear },
            Message::Preflight { role, held: true } => Event::Preflight {
                role,
                outcome: PreflightOutcome::Held(vec![WaitReason::PortHeld { port: 2181, holder: String::from("nc") }]),
            },
            Message::ZooKeeper { run, answer } => Event::ZooKeeper { run, outcome: answer.outcome() },
            Message::Ensemble { answers } => Event::Ensemble {
                view: EnsembleView {
                    peers: peers
                        .iter()
                        .zip(answers)
                        .map(|(name, answer)| PeerView { name: name.clone(), zookeeper: answer.outcome() })
                        .collect(),
                },
            },
            Message::Registration { ask, seen } => Event::Registration { ask, outcome: seen.outcome() },
            Message::Brokers { registered } => Event::Brokers {
                outcome: match registered {
                    Some(mask) => BrokersOutcome::Registered(
                        (0..MOST as i32).filter(|n| mask & bit(*n as usize) != 0).map(|n| BrokerId(n + 1)).collect(),
                    ),
                    None => BrokersOutcome::Unreadable(String::new()),
                },
            },
            Message::Broker { run, answer } => Event::Broker { run, outcome: answer.outcome() },
            Message::InSync { run, behind: Some(behind) } => {
                Event::InSync { run, outcome: InSyncOutcome::Seen { replicas: 10, behind, leads: 4 } }
            }
            Message::InSync { run, behind: None } => {
                Event::InSync { run, outcome: InSyncOutcome::Unreadable(String::from("no leader")) }
            }
            Message::Progress { role, run, progress } => Event::Progress { role, run, progress },
            Message::Council { ask, readable } => Event::Council {
                ask,
                outcome: if readable {
                    CouncilOutcome::Seen(Council { lock: LockSeen::Free, roll: RollTurn::Rest, power_down: None })
                } else {
                    CouncilOutcome::Unread(String::from("no session"))
                },
            },
            Message::Stop => Event::Stop { cause: StopCause::Command { uid: 0 } },
        }
    }
}

impl Srvr {
    fn outcome(self) -> ZooKeeperOutcome {
        match self {
            Srvr::Serving(role) => ZooKeeperOutcome::Serving(role),
            Srvr::NotServing => ZooKeeperOutcome::NotServing,
            Srvr::Refused => ZooKeeperOutcome::Refused,
            Srvr::TimedOut => ZooKeeperOutcome::TimedOut,
        }
    }
}

impl Seen {
    fn outcome(self) -> RegistrationOutcome {
        match self {
            Seen::Absent => RegistrationOutcome::Absent,
            Seen::Held(session) => RegistrationOutcome::Held { session: SessionId(session), endpoint: String::new() },
            Seen::Unreadable => RegistrationOutcome::Unreadable(String::from("no session")),
        }
    }
}

impl Listener {
    fn outcome(self) -> BrokerOutcome {
        match self {
            Listener::Answers { lists_itself } => BrokerOutcome::Answers { lists_itself, controller: None },
            Listener::Refused => BrokerOutcome::Refused,
            Listener::TimedOut => BrokerOutcome::Silent { accepts: true },
        }
    }
}
