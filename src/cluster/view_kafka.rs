//! Kafka's part of the view: every topic, its `min.insync.replicas`, and what is being reassigned, as one broker and the
//! controller tell it.
//!
//! The broker asked is another than this node's where one answers: this node's own may be the one that is cut off, and is the one that
//! is to go. What cannot be read becomes a sentence, and the rest is still read. Absent on purpose: which brokers are registered (`view`,
//! from ZooKeeper), and what any of it means (`gate`).
//!
//! Effects: connections to brokers, every call under what is left of one deadline.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::{Config, Node};
use crate::gate::TopicSeen;
use crate::model::{BrokerId, Counted, Role};

use super::kafka::{BrokerClient, KafkaError};
use super::kafka_cluster::{Reassigning, WholeCluster};
use super::kafka_topics::Reason;

/// How much of all the time the brokers get to answer the first question, the other nodes' and then this node's.
const FIRST_WORD: u32 = 4;
/// Topics asked about in one DescribeConfigs: the broker reads each from ZooKeeper, one after the other.
const BATCH: usize = 50;
/// Connections over which batches go side by side.
const LINES: usize = 4;

/// What Kafka says of itself.
#[derive(Debug, Default)]
pub(super) struct KafkaPart {
    pub controller: Option<BrokerId>,
    pub topics: Vec<TopicSeen>,
    pub unread: Vec<String>,
}

/// `min.insync.replicas` by topic.
#[derive(Debug, Default)]
struct MinInsync {
    known: BTreeMap<String, u32>,
    /// The broker that was asked does not know these: removed meanwhile, once that is made sure of.
    unknown: Vec<String>,
    failed: Failed,
}

impl MinInsync {
    fn join(&mut self, mut other: MinInsync) {
        self.known.append(&mut other.known);
        self.unknown.append(&mut other.unknown);
        self.failed.join(other.failed);
    }
}

/// Topics for which something failed, and the words for the first of them.
#[derive(Debug, Default)]
struct Failed {
    topics: Counted<String>,
    words: String,
}

impl Failed {
    fn add(&mut self, topic: String, error: &KafkaError) {
        if self.topics.is_empty() {
            self.words = error.to_string();
        }
        self.topics.add(topic);
    }

    fn join(&mut self, other: Failed) {
        if self.topics.is_empty() {
            self.words = other.words;
        }
        let unnamed = other.topics.count - other.topics.named.len();
        other.topics.named.into_iter().for_each(|topic| self.topics.add(topic));
        self.topics.count += unnamed;
    }
}

/// Time that is left; a call with none fails at once and says so.
pub(super) fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// A connection to the first of the other nodes' brokers that answers, or else to this node's; the error names all of them.
pub(super) async fn a_broker(config: &Config, deadline: Instant) -> Result<BrokerClient, String> {
    let patience = left(deadline) / FIRST_WORD;
    let mut refused = Vec::new();
    let own = config.this_node();
    for own_turn in [false, true] {
        let mut asked = JoinSet::new();
        for node in config.nodes_with(Role::Kafka).filter(|node| (node.name == own.name) == own_turn) {
            let mut client = BrokerClient::new(address(config, node));
            asked.spawn(async move { client.connect(patience).await.map(|()| client) });
        }
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(error)) => refused.push(error.to_string()),
                Err(error) => refused.push(error.to_string()),
            }
        }
    }
    match refused.is_empty() {
        true => Err("no node of the configuration has a broker".to_owned()),
        false => Err(format!("no broker answers: {}", refused.join("; "))),
    }
}

fn address(config: &Config, node: &Node) -> String {
    format!("{}:{}", node.advertised, config.kafka.port)
}

pub(super) async fn read(config: &Config, deadline: Instant) -> KafkaPart {
    let mut part = KafkaPart::default();
    let mut client = match a_broker(config, deadline).await {
        Ok(client) => client,
        Err(words) => {
            part.unread.push(words);
            return part;
        }
    };
    let whole = match client.whole_cluster(left(deadline)).await {
        Ok(whole) => whole,
        Err(error) => {
            part.unread.push(error.to_string());
            return part;
        }
    };
    part.controller = whole.controller;
    let names: Vec<String> = whole.topics.keys().cloned().collect();
    let (min_insync, reassigning) =
        tokio::join!(min_insync(&mut client, names, deadline), reassigning(&whole, deadline));
    let reassigning = reassigning.unwrap_or_else(|words| {
        part.unread.push(format!("whether partitions are being reassigned: {words}"));
        Reassigning::new()
    });
    put_together(part, whole, min_insync, &reassigning)
}

fn put_together(
    mut part: KafkaPart,
    whole: WholeCluster,
    min_insync: MinInsync,
    reassigning: &Reassigning,
) -> KafkaPart {
    let mut silent = Failed::default();
    whole.refused.into_iter().for_each(|(topic, error)| silent.add(topic, &error));
    for (what, failed) in [("metadata", &silent), ("min.insync.replicas", &min_insync.failed)] {
        if !failed.topics.is_empty() {
            part.unread.push(format!("{what} of {}: {}", failed.topics, failed.words));
        }
    }
    for (name, mut partitions) in whole.topics {
        if let Some(moving) = reassigning.get(&name) {
            partitions.iter_mut().for_each(|partition| partition.reassigning = moving.contains(&partition.index));
        }
        if min_insync.unknown.contains(&name) {
            continue; // removed meanwhile
        }
        // Where it could not be read, which is told of above, the topic is still judged by the rest of it.
        let min_insync = min_insync.known.get(&name).copied().unwrap_or(1);
        part.topics.push(TopicSeen { name, min_insync, partitions });
    }
    part
}

/// Asks about all topics, some at a time over some connections; and once more after those that the broker does not know.
async fn min_insync(client: &mut BrokerClient, topics: Vec<String>, deadline: Instant) -> MinInsync {
    let mut lines = JoinSet::new();
    for line in 0..LINES {
        let batches: Vec<Vec<String>> = topics.chunks(BATCH).skip(line).step_by(LINES).map(<[_]>::to_vec).collect();
        if !batches.is_empty() {
            lines.spawn(one_line(BrokerClient::new(client.address().to_owned()), batches, deadline));
        }
    }
    let mut all = MinInsync::default();
    while let Some(line) = lines.join_next().await {
        match line {
            Ok(line) => all.join(line),
            // A panic, or the end of the runtime: which topics it was is not known.
            Err(error) => {
                let mut topics = Counted::new();
                topics.add("some topics".to_owned());
                all.failed.join(Failed { topics, words: error.to_string() });
            }
        }
    }
    removed_or_not(client, &mut all, deadline).await;
    all
}

/// A topic that was there and is unknown a moment later was removed, unless the metadata still has it.
async fn removed_or_not(client: &mut BrokerClient, all: &mut MinInsync, deadline: Instant) {
    for topic in std::mem::take(&mut all.unknown) {
        match client.metadata(Some(&topic), left(deadline)).await {
            Ok(seen) if seen.partitions.is_none() => all.unknown.push(topic),
            Ok(_) => {
                let error = client.lacks(super::kafka_topics::DESCRIBE_CONFIGS, "a topic that its metadata has");
                all.failed.add(topic, &error);
            }
            Err(error) => all.failed.add(topic, &error),
        }
    }
}

async fn one_line(mut client: BrokerClient, batches: Vec<Vec<String>>, deadline: Instant) -> MinInsync {
    let mut seen = MinInsync::default();
    for batch in batches {
        match client.min_insync(&batch, left(deadline)).await {
            Ok(answers) => {
                let mut missing: std::collections::BTreeSet<String> = batch.into_iter().collect();
                for (topic, answer) in answers {
                    missing.remove(&topic);
                    match answer {
                        Ok(number) => drop(seen.known.insert(topic, number)),
                        Err(error) if error.is(Reason::UnknownTopicOrPartition) => seen.unknown.push(topic),
                        Err(error) => seen.failed.add(topic, &error),
                    }
                }
                seen.unknown.extend(missing);
            }
            Err(error) => batch.into_iter().for_each(|topic| seen.failed.add(topic, &error)),
        }
    }
    seen
}

/// Asks the controller; and the one that a controller of yesterday names, once.
async fn reassigning(whole: &WholeCluster, deadline: Instant) -> Result<Reassigning, String> {
    let mut controller = whole.controller_address();
    for last in [false, true] {
        let mut client = BrokerClient::new(controller.ok_or("no controller is known")?);
        match client.reassigning(left(deadline)).await {
            Ok(partitions) => return Ok(partitions),
            // Before Kafka 2.4 there are no reassignments that a broker could be asked for.
            Err(error) if error.is_unknown_api() => return Ok(Reassigning::new()),
            Err(error) if error.is(Reason::NotController) && !last => {
                controller = its_controller(&mut client, deadline).await?;
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("the controller moves".to_owned())
}

/// Where the controller listens, as this broker knows it.
pub(super) async fn its_controller(client: &mut BrokerClient, deadline: Instant) -> Result<Option<String>, String> {
    let seen = client.metadata(None, left(deadline)).await.map_err(|error| error.to_string())?;
    Ok(seen.controller.and_then(|controller| seen.brokers.get(&controller).cloned()))
}
