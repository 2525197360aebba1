//! The report behind `kafka-node status`: the JSON of `design.md`, field by field, made from the supervisor's view.
//!
//! Fields are added, never renamed or reordered. Absent on purpose: how it is shown to people (`cli/status.rs`).

use serde::{Deserialize, Serialize};

use crate::model::{Notice, Role, Severity, WaitReason};
use crate::notify::history_entry::Entry;
use crate::supervise::{NodeView, ServiceView};

use super::clock::Present;

/// The whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The node as a whole.
    pub node: NodeReport,
    /// Its services.
    pub services: ServicesReport,
    /// Everything that is waited for; empty when nothing is.
    pub waiting_for: Vec<WaitingReport>,
    /// The last notices, oldest first.
    pub events: Vec<EventReport>,
    /// The last entries of the history, oldest first; those of earlier supervisors too.
    #[serde(default)]
    pub history: Vec<Entry>,
}

/// The node as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Its name in the configuration.
    pub name: String,
    /// Its `id`.
    pub id: u8,
    /// `waiting`, `starting`, `ready`, `degraded` or `stopping`.
    pub state: String,
    /// At the configured readiness level.
    pub ready: bool,
    /// One line for people.
    pub status: String,
    /// Since when the state holds.
    pub since: String,
    /// The supervisor's process.
    pub supervisor_pid: u32,
}

/// The services that this node has; one that it has not is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicesReport {
    /// ZooKeeper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zookeeper: Option<ZooKeeperReport>,
    /// Kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaReport>,
}

/// ZooKeeper on this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZooKeeperReport {
    /// One of the words of `ServiceState`.
    pub state: String,
    /// The process, where there is one.
    pub pid: Option<i32>,
    /// The present run, where there is one.
    pub run: Option<String>,
    /// Since when the state holds.
    pub since: String,
    /// Starts after the first.
    pub restarts: u32,
    /// `leader`, `follower`, `observer`, `standalone`; null while it does not serve.
    pub role: Option<String>,
    /// How the last run ended; null before the first end.
    pub last_exit: Option<ExitReport>,
}

/// Kafka on this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KafkaReport {
    /// One of the words of `ServiceState`.
    pub state: String,
    /// The process, where there is one.
    pub pid: Option<i32>,
    /// The present run, where there is one.
    pub run: Option<String>,
    /// Since when the state holds.
    pub since: String,
    /// Starts after the first.
    pub restarts: u32,
    /// One of the words of `BrokerReadiness`.
    pub readiness: String,
    /// How the last run ended; null before the first end.
    pub last_exit: Option<ExitReport>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitReport {
    /// When.
    pub at: String,
    /// One word.
    pub cause: String,
    /// The same in words.
    pub detail: String,
    /// What to do about it; empty when nothing needs doing.
    pub remedy: String,
}

/// Something that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingReport {
    /// Who waits.
    pub service: String,
    /// A stable word.
    pub code: String,
    /// One sentence.
    pub text: String,
}

/// A notice of the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventReport {
    /// When, to the millisecond.
    pub at: String,
    /// `debug`, `info`, `warning` or `error`.
    pub severity: String,
    /// The service it is about; null when it is about the node.
    pub service: Option<String>,
    /// One sentence.
    pub text: String,
}

/// Who the report is about.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The node's name.
    pub name: String,
    /// The node's `id`.
    pub id: u8,
    /// The supervisor's process.
    pub pid: u32,
}

impl StatusReport {
    /// The report on `view`, whose moments are told by `present`.
    pub fn new(
        who: &Identity,
        view: &NodeView,
        present: &Present,
        events: Vec<EventReport>,
        history: Vec<Entry>,
    ) -> StatusReport {
        StatusReport {
            node: NodeReport {
                name: who.name.clone(),
                id: who.id,
                state: view.state.to_string(),
                ready: view.ready,
                status: view.status.clone(),
                since: present.time_of(view.since),
                supervisor_pid: who.pid,
            },
            services: services(view, present),
            waiting_for: view.waiting_for.iter().map(|w| waiting(w.role, &w.reason)).collect(),
            events,
            history,
        }
    }
}

/// One thing that `role` waits for.
fn waiting(role: Role, reason: &WaitReason) -> WaitingReport {
    WaitingReport { service: role.to_string(), code: reason.code().to_owned(), text: reason.to_string() }
}

/// A notice as an event that happened at `at`.
pub fn event(at: String, notice: &Notice) -> EventReport {
    event_in_words(at, notice.severity(), notice.role(), &notice.to_string())
}

/// Something else as an event that happened at `at`.
pub fn event_in_words(at: String, severity: Severity, role: Option<Role>, text: &str) -> EventReport {
    EventReport {
        at,
        severity: word(severity).to_owned(),
        service: role.map(|role| role.to_string()),
        text: text.to_owned(),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Debug => "debug",
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn services(view: &NodeView, present: &Present) -> ServicesReport {
    let find = |role| view.services.iter().find(|service| service.role == role);
    ServicesReport {
        zookeeper: find(Role::ZooKeeper).map(|service| ZooKeeperReport {
            state: service.state.to_string(),
            pid: service.pid,
            run: service.run.map(|run| run.to_string()),
            since: present.time_of(service.since),
            restarts: service.restarts,
            role: service.quorum_role.map(|role| role.to_string()),
            last_exit: last_exit(service, present),
        }),
        kafka: find(Role::Kafka).map(|service| KafkaReport {
            state: service.state.to_string(),
            pid: service.pid,
            run: service.run.map(|run| run.to_string()),
            since: present.time_of(service.since),
            restarts: service.restarts,
            readiness: service.readiness.map_or("down", |readiness| readiness.as_str()).to_owned(),
            last_exit: last_exit(service, present),
        }),
    }
}

fn last_exit(service: &ServiceView, present: &Present) -> Option<ExitReport> {
    service.last_exit.as_ref().map(|(at, cause)| ExitReport {
        at: present.time_of(*at),
        cause: cause.word().to_owned(),
        detail: cause.to_string(),
        remedy: cause.remedy().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::model::{BrokerReadiness, ExitCause, Moment, NodeState, QuorumRole, RunId, ServiceState};
    use crate::notify::history_entry::Kind;
    use crate::supervise::Waiting;

    #[test]
    fn the_report_is_the_json_of_the_design_with_its_fields_in_order() {
        let second = |s| Moment::from_origin(Duration::from_secs(s));
        let service = ServiceView {
            role: Role::ZooKeeper,
            state: ServiceState::Ready,
            since: second(10),
            pid: Some(2),
            run: Some(RunId(0xa1)),
            restarts: 0,
            quorum_role: Some(QuorumRole::Follower),
            readiness: None,
            last_exit: None,
        };
        let view = NodeView {
            state: NodeState::Starting,
            ready: false,
            status: "zookeeper follower; the broker starts".into(),
            since: second(5),
            services: vec![
                service.clone(),
                ServiceView {
                    role: Role::Kafka,
                    state: ServiceState::Starting,
                    quorum_role: None,
                    readiness: Some(BrokerReadiness::Started),
                    restarts: 1,
                    pid: Some(3),
                    last_exit: Some((second(8), ExitCause::Signal(9))),
                    ..service
                },
            ],
            waiting_for: vec![Waiting { role: Role::Kafka, reason: WaitReason::BrokerStarting }],
        };
        let events = vec![event("2026-01-01T00:00:10.500Z".into(), &Notice::QuorumLost)];
        let history = vec![Entry::new("2026-01-01T00:00:08.000Z", Kind::Kill, "SIGKILL")];
        let present = Present::at(second(20), UNIX_EPOCH + Duration::from_secs(1_767_225_620));
        let who = Identity { name: "kafkanode1".into(), id: 1, pid: 1 };
        let report = StatusReport::new(&who, &view, &present, events, history);
        let expected = concat!(
            r#"{"node":{"name":"kafkanode1","id":1,"state":"starting","ready":false,"#,
            r#""status":"zookeeper follower; the broker starts","since":"2026-01-01T00:00:05Z","supervisor_pid":1},"#,
            r#""services":{"zookeeper":{"state":"ready","pid":2,"run":"a1","since":"2026-01-01T00:00:10Z","restarts":0,"#,
            r#""role":"follower","last_exit":null},"#,
            r#""kafka":{"state":"starting","pid":3,"run":"a1","since":"2026-01-01T00:00:10Z","restarts":1,"#,
            r#""readiness":"started","last_exit":{"at":"2026-01-01T00:00:08Z","cause":"signal","#,
            r#""detail":"SIGKILL from outside","remedy":"look for the kernel's OOM killer (journalctl -k), or for a person; it is started again by itself"}}},"#,
            r#""waiting_for":[{"service":"kafka","code":"broker-starting","text":"the broker starts"}],"#,
            r#""events":[{"at":"2026-01-01T00:00:10.500Z","severity":"warning","service":"zookeeper","#,
            r#""text":"zookeeper lost its quorum; it is left running, since the cause is elsewhere"}],"#,
            r#""history":[{"at":"2026-01-01T00:00:08.000Z","kind":"kill","text":"SIGKILL"}]}"#,
        );
        assert_eq!(serde_json::to_string(&report).expect("json"), expected);
        assert_eq!(serde_json::from_str::<StatusReport>(expected).expect("read back"), report);
    }
}
