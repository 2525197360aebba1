//! `kafka-node status --cluster`: every node of the configuration, as this one sees it: its supervisor, its ZooKeeper server, its broker;
//! who holds the lock, and what is rolled.
//!
//! Absent on purpose: whether a node may go down (`can-reboot`).
//!
//! Effects: asks ZooKeeper, its servers and a broker.

use serde_json::{Value, json};

use crate::cluster::Present;
use crate::cluster::view::gather;
use crate::config::{Config, Node};
use crate::gate::{ClusterView, LockDoc, MemberState, RollDoc, fingerprint};
use crate::model::{Role, Span};

use super::council::{ASK, LOOK, converse, now, session};
use super::picture::{Row, table};
use super::{Exit, complain, say};

/// Everything that was seen.
struct Seen<'a> {
    config: &'a Config,
    view: ClusterView,
    present: Result<Vec<Result<Present, String>>, String>,
    lock: Result<LockDoc, String>,
    roll: Result<Option<RollDoc>, String>,
    /// Partitions with a replica out of sync, and without a leader.
    under_replicated: usize,
    offline: usize,
}

/// Runs the verb.
pub(super) fn show(config: &Config, json: bool) -> Exit {
    converse(async {
        let session = session(config);
        let (view, present, lock, roll) =
            tokio::join!(gather(config, LOOK), session.presences(ASK), session.read_lock(ASK), session.read_roll(ASK));
        session.close().await;
        let partitions = || view.topics.iter().flat_map(|topic| &topic.partitions);
        let under_replicated =
            partitions().filter(|it| it.replicas.iter().any(|broker| !it.in_sync.contains(broker))).count();
        let offline = partitions().filter(|it| it.leader.is_none()).count();
        let seen = Seen { config, present, lock, roll, under_replicated, offline, view };
        say(&if json { seen.json() } else { seen.text() });
        for words in &seen.view.unread {
            complain(&format!("not read: {words}"));
        }
        seen.exit()
    })
}

impl Seen<'_> {
    /// Nobody answers, or somebody is not well, or all are.
    fn exit(&self) -> Exit {
        let silent = self.view.members.iter().all(|member| member.state == MemberState::Silent);
        if silent && self.present.is_err() {
            return Exit::Unavailable;
        }
        let well = |node: &Node| {
            self.presence(node).is_some_and(|present| present.seen.well)
                && (!node.roles.has(Role::Kafka) || self.registered(node) == Some(true))
                && (!node.roles.has(Role::ZooKeeper) || matches!(self.member(node), Some(MemberState::Serving { .. })))
        };
        let all = self.config.nodes.iter().all(well);
        if all && self.view.unread.is_empty() && self.under_replicated + self.offline == 0 {
            Exit::Yes
        } else {
            Exit::No
        }
    }

    fn presence(&self, node: &Node) -> Option<&Present> {
        self.present.iter().flatten().flatten().find(|present| present.node == node.name)
    }

    fn member(&self, node: &Node) -> Option<MemberState> {
        self.view.members.iter().find(|member| member.node == node.name).map(|member| member.state)
    }

    fn registered(&self, node: &Node) -> Option<bool> {
        // Where it could not be read, all count as registered in the view.
        let seen = self.view.brokers.iter().find(|broker| broker.node == node.name)?;
        self.present.is_ok().then_some(seen.registered)
    }

    fn controls(&self, node: &Node) -> bool {
        node.roles.has(Role::Kafka) && self.view.controller == Some(node.number.broker_id())
    }

    fn text(&self) -> String {
        let mut rows: Vec<Row> =
            vec![["NODE", "ZOOKEEPER", "BROKER", "VERSION", "CONFIG", "FOR", "SAYS"].map(str::to_owned).to_vec()];
        rows.extend(self.config.nodes.iter().map(|node| self.row(node)));
        let mut text = table(&rows, "");
        let partitions: usize = self.view.topics.iter().map(|topic| topic.partitions.len()).sum();
        text.push_str(&format!(
            "\npartitions: {partitions}, {} with replicas out of sync, {} without a leader\n",
            self.under_replicated, self.offline
        ));
        text.push_str(&match &self.lock {
            Ok(lock) if lock.holders.is_empty() => "lock: free\n".to_owned(),
            Ok(lock) => lock.holders.iter().map(|holder| format!("lock: held by {holder}\n")).collect(),
            Err(words) => format!("lock: not read: {words}\n"),
        });
        match &self.roll {
            Ok(Some(roll)) if !roll.is_over() => {
                text.push_str(&format!("roll: {}\n", roll.words(&now()).join("\n  ")));
            }
            Ok(_) => text.push_str("roll: none under way\n"),
            Err(words) => text.push_str(&format!("roll: not read: {words}\n")),
        }
        if let Some(words) = &self.view.power_down {
            text.push_str(&format!("the cluster is being powered down: {words}\n"));
        }
        text
    }

    fn row(&self, node: &Node) -> Row {
        let member = match self.member(node) {
            None => "-".to_owned(),
            Some(MemberState::Serving { role, .. }) => role.to_string(),
            Some(MemberState::NotServing) => "not serving".to_owned(),
            Some(MemberState::Silent) => "silent".to_owned(),
        };
        let broker = match (node.roles.has(Role::Kafka), self.registered(node)) {
            (false, _) => "-".to_owned(),
            (true, None) => "?".to_owned(),
            (true, Some(false)) => "not registered".to_owned(),
            (true, Some(true)) if self.controls(node) => "controller".to_owned(),
            (true, Some(true)) => "registered".to_owned(),
        };
        let mut row = vec![node.name.to_string(), member, broker];
        row.extend(match (self.presence(node), &self.present) {
            (Some(present), _) => {
                let same = if present.seen.config == fingerprint(self.config) { "same" } else { "differs" };
                let well = if present.seen.well { "well" } else { "not well" };
                let words = &present.seen.words;
                let says = if words.is_empty() { well.to_owned() } else { format!("{well}: {words}") };
                vec![present.seen.version.clone(), same.to_owned(), Span(present.seen.lasting).to_string(), says]
            }
            (None, Ok(_)) => {
                ["-", "-", "-", "not heard: no supervisor, or one without ZooKeeper"].map(str::to_owned).to_vec()
            }
            (None, Err(_)) => ["?", "?", "?", "not read"].map(str::to_owned).to_vec(),
        });
        row
    }

    fn json(&self) -> String {
        let own = fingerprint(self.config);
        let nodes: Vec<Value> = self.config.nodes.iter().map(|node| self.node_json(node, &own)).collect();
        let parsed = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_default();
        let value = json!({
            "nodes": nodes,
            "partitions": {
                "all": self.view.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>(),
                "under_replicated": self.under_replicated,
                "offline": self.offline,
            },
            "lock": self.lock.as_ref().ok().map(|lock| parsed(lock.render())),
            "roll": self.roll.as_ref().ok().and_then(|roll| roll.as_ref().map(|roll| parsed(roll.render()))),
            "power_down": self.view.power_down,
            "unread": self.view.unread,
        });
        serde_json::to_string_pretty(&value).unwrap_or_default()
    }

    fn node_json(&self, node: &Node, own: &str) -> Value {
        let member = match self.member(node) {
            None => Value::Null,
            Some(MemberState::Serving { role, .. }) => json!(role.to_string()),
            Some(MemberState::NotServing) => json!("not-serving"),
            Some(MemberState::Silent) => json!("silent"),
        };
        let kafka = node.roles.has(Role::Kafka);
        json!({
            "name": node.name.as_str(),
            "id": node.number.get(),
            "zookeeper": member,
            "registered": if kafka { json!(self.registered(node)) } else { Value::Null },
            "controller": if kafka { json!(self.controls(node)) } else { Value::Null },
            "presence": self.presence(node).map(|present| json!({
                "well": present.seen.well,
                "words": present.seen.words,
                "for_seconds": present.seen.lasting.as_secs(),
                "version": present.seen.version,
                "same_configuration": present.seen.config == own,
                "machine": present.machine,
                "boot": present.boot,
            })),
        })
    }
}
