//! A node as `kafka-node status --json` shows it, in what a fault is judged by. Fields that are missing read as nothing.
//! Absent on purpose: words for people; `demo::status` has those.

use serde_json::Value;

/// A JVM of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Its process, where there is one.
    pub pid: Option<u32>,
    /// Its state.
    pub state: String,
    /// Starts after the first.
    pub restarts: u64,
    /// The broker's readiness; ZooKeeper's role.
    pub more: String,
    /// How its last run ended, in words.
    pub last_exit: String,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// The supervisor's own pid.
    pub supervisor: Option<u32>,
    /// Has it reached its readiness level?
    pub ready: bool,
    /// What it says of itself.
    pub status: String,
    /// ZooKeeper.
    pub zookeeper: Service,
    /// Kafka.
    pub kafka: Service,
}

impl Look {
    /// Reads the JSON; `None` for what is no status.
    pub fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let node = value.get("node")?;
        Some(Self {
            supervisor: pid(node.get("supervisor_pid")),
            ready: node.get("ready").and_then(Value::as_bool).unwrap_or(false),
            status: words(node.get("status")),
            zookeeper: service(&value, "zookeeper", "role"),
            kafka: service(&value, "kafka", "readiness"),
        })
    }

    /// Serves and is in sync, by its own account.
    pub fn in_sync(&self) -> bool {
        self.ready && self.kafka.more == "in-sync" && self.zookeeper.state == "ready"
    }

    /// The pids of its JVMs.
    pub fn pids(&self) -> impl Iterator<Item = u32> {
        self.zookeeper.pid.into_iter().chain(self.kafka.pid)
    }
}

fn service(status: &Value, name: &str, more: &str) -> Service {
    let Some(service) = status.get("services").and_then(|services| services.get(name)) else {
        return Service::default();
    };
    Service {
        pid: pid(service.get("pid")),
        state: words(service.get("state")),
        restarts: service.get("restarts").and_then(Value::as_u64).unwrap_or(0),
        more: words(service.get(more)),
        last_exit: words(service.get("last_exit").and_then(|exit| exit.get("detail"))),
    }
}

fn pid(value: Option<&Value>) -> Option<u32> {
    value.and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok())
}

fn words(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read() {
        let text = r#"{"node": {"name": "n", "ready": true, "status": "serving", "supervisor_pid": 7},
            "services": {"zookeeper": {"state": "ready", "pid": 8, "restarts": 0, "role": "leader", "last_exit": null},
              "kafka": {"state": "ready", "pid": 9, "restarts": 2, "readiness": "in-sync", "last_exit": {"detail": "killed"}}}}"#;
        let look = Look::read(text).unwrap_or_default();
        assert!(look.in_sync());
        assert_eq!(look.pids().collect::<Vec<_>>(), [8, 9]);
        assert_eq!((look.supervisor, look.kafka.restarts, &*look.kafka.last_exit), (Some(7), 2, "killed"));
        assert!(Look::read(r#"{"node": {}}"#).is_some_and(|look| !look.in_sync()));
        assert_eq!(Look::read("no supervisor"), None);
    }
}
