//! `verify`'s own topic: made through one node, described through another, and removed.
//!
//! Its name holds 64 random bits, and creating it is the proof that it is ours: a name that exists is left alone and
//! another one is taken.
//!
//! Effects: makes and removes that topic; reads `/dev/urandom` for its name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use tokio::time::Instant;

use crate::cluster::kafka::{KafkaError, KafkaErrorKind};
use crate::cluster::kafka_topics::{ClusterMetadata, NewTopic, Partition, Reason};
use crate::model::BrokerId;

use super::{IN_SYNC, PATIENCE, PAUSE, Verifier, ids};

/// The founding document's topic.
const PARTITIONS: i32 = 3;
/// Replicas of each partition, where there are as many brokers.
const REPLICAS: usize = 3;
/// The founding document's configuration of it.
const CONFIGS: [(&str, &str); 2] = [("cleanup.policy", "delete"), ("delete.retention.ms", "60000")];
/// How many names are tried. A clash is a wonder; a second one means that something else is wrong.
const NAMES: usize = 3;

impl Verifier<'_> {
    /// Makes the topic through this node, or through the first that answers. Returns its name.
    pub(super) async fn create_topic(&mut self) -> Option<String> {
        self.stage = "creating a topic";
        let via = self.local_broker()?;
        let replicas = self.brokers.len().min(REPLICAS);
        if replicas < REPLICAS {
            self.note(
                "adapted",
                &format!(
                    "{replicas} broker(s) in the configuration: the topic gets RF {replicas} instead of {REPLICAS}"
                ),
            );
        }
        for _ in 0..NAMES {
            let name = match random_name() {
                Ok(name) => name,
                Err(error) => {
                    self.fail("created", "a topic created", &format!("reading /dev/urandom: {error}"));
                    return None;
                }
            };
            let text =
                format!("topic {name} created through {} ({PARTITIONS} partitions, RF {replicas})", self.name(via));
            let topic = NewTopic { name: &name, partitions: PARTITIONS, replicas: replicas as i16, configs: &CONFIGS };
            match self.create_once(via, &topic).await {
                Ok(controller) => {
                    self.ok("created", &format!("{text}, controller {controller}"));
                    return Some(name);
                }
                Err(words) if self.topic.is_none() && words.is_clash => {}
                Err(words) => {
                    self.fail("created", &text, &words.text);
                    return None;
                }
            }
        }
        self.fail("created", "a topic created", &format!("{NAMES} random names were all taken"));
        None
    }

    /// Asks the controller that `via` names; asks again while the controller moves.
    async fn create_once(&mut self, via: usize, topic: &NewTopic<'_>) -> Result<String, Words> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let (controller, at) = self.controller(via).await?;
            let limit = self.call_limit();
            let Some(broker) = self.brokers.get_mut(at) else { return Err("no controller".to_owned().into()) };
            // From here on it may exist, whatever becomes of the answer.
            self.topic = Some(topic.name.to_owned());
            let Err(error) = broker.client.create_topic(topic, limit).await else { return Ok(controller) };
            match &error.kind {
                // Made, or being made: describing it waits for it.
                KafkaErrorKind::Refused { code: Reason::RequestTimedOut, .. } => return Ok(controller),
                KafkaErrorKind::Refused { .. } | KafkaErrorKind::NoConnection(_) => self.topic = None,
                _ => {}
            }
            // The controller moves, or its machine is gone and nobody has noticed yet.
            let moves = error.is(Reason::NotController) || matches!(error.kind, KafkaErrorKind::NoConnection(_));
            if !moves || self.over(patience) {
                return Err(error.into());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Describes the topic through another node than the one it was made through, once all its replicas are in sync.
    /// Returns its partitions.
    pub(super) async fn describe_topic(&mut self, topic: &str) -> Option<BTreeMap<i32, Partition>> {
        self.stage = "describing the topic";
        let via = self.other_broker()?;
        let replicas = self.brokers.len().min(REPLICAS);
        let text = format!("described through {}: all replicas in sync", self.name(via));
        let patience = Instant::now() + IN_SYNC;
        let mut last = "the topic is not there yet".to_owned();
        let mut partitions = BTreeMap::new();
        while !self.over(patience) {
            match self.metadata(via, Some(topic)).await {
                Ok(seen) => {
                    partitions = seen.partitions.unwrap_or_default();
                    match incomplete(&partitions, replicas) {
                        None => break,
                        Some(words) => last = words,
                    }
                }
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(PAUSE).await;
        }
        if incomplete(&partitions, replicas).is_some() {
            self.fail("described", &text, &last);
            // What has a leader can still be produced to: the records show how far the damage goes.
            return (!partitions.is_empty()).then_some(partitions);
        }
        let leaders: Vec<_> = partitions.values().filter_map(|partition| partition.leader).collect();
        self.ok("described", &format!("{text}, leaders {}", ids(&leaders)));
        self.describe_configs(via, topic).await;
        Some(partitions)
    }

    async fn describe_configs(&mut self, via: usize, topic: &str) {
        let keys = CONFIGS.map(|(key, _)| key);
        let wanted = CONFIGS.map(|(key, value)| format!("{key}={value}")).join(", ");
        let text = format!("its configuration through {} is {wanted}", self.name(via));
        let limit = self.call_limit();
        let Some(broker) = self.brokers.get_mut(via) else { return };
        match broker.client.topic_configs(topic, &keys, limit).await {
            Ok(seen) if CONFIGS.iter().all(|(key, value)| seen.get(*key).is_some_and(|seen| seen == value)) => {
                self.ok("configured", &text);
            }
            Ok(seen) => self.fail("configured", &text, &format!("it is {seen:?}")),
            Err(error) => self.fail("configured", &text, &error.to_string()),
        }
    }

    /// Removes the topic, where there is or may be one, and waits until it is gone.
    pub(super) async fn remove_topic(&mut self) {
        let Some(name) = self.topic.clone() else { return };
        let text = format!("topic {name} removed");
        let patience = self.deadline.min(Instant::now() + PATIENCE);
        match self.remove_once(&name, patience).await {
            Ok(()) => self.ok("removed", &text),
            Err(words) => self.fail("removed", &text, &format!("{words}; remove it by hand")),
        }
        self.topic = None;
    }

    async fn remove_once(&mut self, name: &str, patience: Instant) -> Result<(), String> {
        let mut asked = false;
        loop {
            let step = self.removal_step(name, &mut asked).await;
            match step {
                Ok(true) => return Ok(()),
                Ok(false) if Instant::now() >= patience => {
                    return Err("it is marked for deletion and not gone yet".into());
                }
                Err(words) if Instant::now() >= patience => return Err(words),
                Ok(false) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Asks the controller to remove the topic until it agrees, then looks whether it is gone.
    async fn removal_step(&mut self, name: &str, asked: &mut bool) -> Result<bool, String> {
        let via = self.other_broker().ok_or("no broker answers")?;
        if !*asked {
            let (_, at) = self.controller(via).await.map_err(|words| words.text)?;
            let limit = self.call_limit();
            let broker = self.brokers.get_mut(at).ok_or("no controller")?;
            match broker.client.delete_topic(name, limit).await {
                Ok(()) => *asked = true,
                // Gone already, or it never came to be.
                Err(error) if error.is(Reason::UnknownTopicOrPartition) => *asked = true,
                Err(error) => return Err(error.to_string()),
            }
        }
        let seen = self.metadata(via, Some(name)).await.map_err(|error| error.to_string())?;
        Ok(seen.partitions.is_none())
    }

    /// The controller by name, and where it stands among the brokers, as broker `via` knows it.
    async fn controller(&mut self, via: usize) -> Result<(String, usize), Words> {
        let seen = self.metadata(via, None).await?;
        let id = seen.controller.ok_or_else(|| Words::from(format!("{} knows no controller", self.name(via))))?;
        let at = self
            .index(id)
            .ok_or_else(|| Words::from(format!("the controller, broker {id}, is not in the configuration")))?;
        Ok((self.name(at), at))
    }

    async fn metadata(&mut self, via: usize, topic: Option<&str>) -> Result<ClusterMetadata, KafkaError> {
        let limit = self.call_limit();
        match self.brokers.get_mut(via) {
            Some(broker) => broker.client.metadata(topic, limit).await,
            None => Ok(ClusterMetadata::default()),
        }
    }

    /// This node's broker, where it has one that answers, or else the first that answers.
    fn local_broker(&self) -> Option<usize> {
        let here: BrokerId = self.config.this_node().number.broker_id();
        let answers = |at: &usize| self.brokers.get(*at).is_some_and(|broker| broker.answers);
        self.index(here).filter(answers).or_else(|| (0..self.brokers.len()).find(answers))
    }

    /// A broker that answers and is not [`Verifier::local_broker`], or else that one.
    fn other_broker(&self) -> Option<usize> {
        let local = self.local_broker()?;
        let other =
            self.brokers.iter().enumerate().filter(|(at, broker)| *at != local && broker.answers).map(|(at, _)| at);
        other.last().or(Some(local))
    }

    /// The name of the broker at `at`.
    pub(super) fn name(&self, at: usize) -> String {
        self.brokers.get(at).map(|broker| broker.name.clone()).unwrap_or_default()
    }
}

/// A failure in words, and whether it is only that the name is taken.
struct Words {
    text: String,
    is_clash: bool,
}

impl From<KafkaError> for Words {
    fn from(error: KafkaError) -> Words {
        Words { text: error.to_string(), is_clash: error.is(Reason::TopicAlreadyExists) }
    }
}

impl From<String> for Words {
    fn from(text: String) -> Words {
        Words { text, is_clash: false }
    }
}

/// What is still missing from a topic whose partitions should each have a leader and `replicas` replicas in sync.
fn incomplete(partitions: &BTreeMap<i32, Partition>, replicas: usize) -> Option<String> {
    if partitions.len() != PARTITIONS as usize {
        return Some(format!("{} of {PARTITIONS} partitions are there", partitions.len()));
    }
    partitions.iter().find_map(|(number, partition)| {
        if partition.leader.is_none() {
            return Some(format!("partition {number} has no leader"));
        }
        if partition.replicas.len() != replicas {
            return Some(format!("partition {number} has {} replicas, not {replicas}", partition.replicas.len()));
        }
        (partition.in_sync.len() != replicas)
            .then(|| format!("partition {number} has only {} in sync", ids(&partition.in_sync)))
    })
}

fn random_name() -> std::io::Result<String> {
    let mut bits = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bits)?;
    Ok(format!("kafka-node-verify-{:016x}", u64::from_be_bytes(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let of = |leader: Option<i32>, in_sync: &[i32]| Partition {
            leader: leader.map(BrokerId),
            replicas: [1, 2, 3].map(BrokerId).to_vec(),
            in_sync: in_sync.iter().copied().map(BrokerId).collect(),
        };
        let whole = of(Some(1), &[1, 2, 3]);
        let with = |last: Partition| BTreeMap::from([(0, whole.clone()), (1, whole.clone()), (2, last)]);
        assert_eq!(incomplete(&with(whole.clone()), 3), None);
        assert_eq!(incomplete(&with(of(None, &[1])), 3).as_deref(), Some("partition 2 has no leader"));
        assert_eq!(incomplete(&with(of(Some(1), &[1, 3])), 3).as_deref(), Some("partition 2 has only 1, 3 in sync"));
        assert_eq!(incomplete(&with(whole.clone()), 2).as_deref(), Some("partition 0 has 3 replicas, not 2"));
        assert_eq!(incomplete(&BTreeMap::new(), 3).as_deref(), Some("0 of 3 partitions are there"));
    }

    #[test]
    fn names_are_not_repeated() {
        let name = random_name().unwrap();
        assert_eq!(name.len(), "kafka-node-verify-".len() + 16);
        assert_ne!(name, random_name().unwrap());
    }
}
