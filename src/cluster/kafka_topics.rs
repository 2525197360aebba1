//! Topics: what the cluster knows of them, making one, describing it, removing it. What a number means stands beside it.
//!
//! Versions are those that Kafka 2.6 to 3.9 all have, below the flexible encodings. Absent on purpose: retries, which depend on what the
//! caller waits for.
//!
//! Effects: calls over that connection; they make and remove topics.

use std::collections::BTreeMap;
use std::time::Duration;

pub use kafka_protocol::ResponseError as Reason;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponsePartition;
use kafka_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest, MetadataRequest};
use kafka_protocol::protocol::StrBytes;

use crate::model::BrokerId;

use super::kafka::{Api, BrokerClient, KafkaError, millis, named};

/// From v4 on Metadata can be told not to create the topic it asks about.
pub(super) const METADATA: Api = Api { name: "Metadata", low: 4, high: 8 };
const CREATE_TOPICS: Api = Api { name: "CreateTopics", low: 2, high: 4 };
const DELETE_TOPICS: Api = Api { name: "DeleteTopics", low: 1, high: 3 };
pub(super) const DESCRIBE_CONFIGS: Api = Api { name: "DescribeConfigs", low: 1, high: 2 };
/// DescribeConfigs: the resource is a topic.
pub(super) const TOPIC: i8 = 2;

/// The cluster as one broker sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterMetadata {
    /// Living brokers and where they listen (`host:port`).
    pub brokers: BTreeMap<BrokerId, String>,
    /// The active controller.
    pub controller: Option<BrokerId>,
    /// Partitions of the topic asked about, by their number; `None` where the topic does not exist.
    pub partitions: Option<BTreeMap<i32, Partition>>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its leader; `None` while there is none.
    pub leader: Option<BrokerId>,
    /// Brokers that hold a replica, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Those of them that are in sync.
    pub in_sync: Vec<BrokerId>,
}

/// What the cluster says of a topic without being asked for it by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTopic {
    /// Its name.
    pub name: String,
    /// It is Kafka's own.
    pub internal: bool,
    /// Replicas of the partition that has the fewest.
    pub replicas: usize,
}

/// A topic to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// Number of partitions.
    pub partitions: i32,
    /// Replicas of each.
    pub replicas: i16,
    /// Its own configuration.
    pub configs: &'a [(&'static str, &'static str)],
}

impl BrokerClient {
    /// The cluster, and one topic where `topic` names it. Never creates that topic.
    pub async fn metadata(&mut self, topic: Option<&str>, limit: Duration) -> Result<ClusterMetadata, KafkaError> {
        let request = MetadataRequest::default()
            .with_topics(Some(
                topic.iter().map(|name| MetadataRequestTopic::default().with_name(Some(named(name)))).collect(),
            ))
            .with_allow_auto_topic_creation(false);
        let answer = self.call(METADATA, limit, &request).await?;
        let mut seen = ClusterMetadata {
            brokers: answer
                .brokers
                .iter()
                .map(|b| (BrokerId(b.node_id.0), format!("{}:{}", b.host.as_str(), b.port)))
                .collect(),
            controller: some_broker(answer.controller_id.0),
            partitions: None,
        };
        let Some(name) = topic else { return Ok(seen) };
        let topic = answer.topics.iter().find(|topic| topic.name.as_ref().is_some_and(|n| n.as_str() == name));
        let topic = topic.ok_or_else(|| self.lacks(METADATA, name))?;
        match self.refusal(METADATA, topic.error_code, None) {
            Some(error) if error.is(Reason::UnknownTopicOrPartition) => return Ok(seen),
            Some(error) => return Err(error),
            None => {}
        }
        let partition = |p: &MetadataResponsePartition| Partition {
            leader: some_broker(p.leader_id.0),
            replicas: ids(&p.replica_nodes),
            in_sync: ids(&p.isr_nodes),
        };
        seen.partitions = Some(topic.partitions.iter().map(|p| (p.partition_index, partition(p))).collect());
        Ok(seen)
    }

    /// Every topic that has partitions, and how many brokers live.
    pub async fn topics(&mut self, limit: Duration) -> Result<(Vec<ListedTopic>, usize), KafkaError> {
        // No list asks for all of them.
        let request = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
        let answer = self.call(METADATA, limit, &request).await?;
        let listed = answer.topics.iter().filter_map(|topic| {
            Some(ListedTopic {
                name: topic.name.as_ref()?.as_str().to_owned(),
                internal: topic.is_internal,
                replicas: topic.partitions.iter().map(|partition| partition.replica_nodes.len()).min()?,
            })
        });
        Ok((listed.collect(), answer.brokers.len()))
    }

    /// Makes a topic. Only the controller can.
    pub async fn create_topic(&mut self, topic: &NewTopic<'_>, limit: Duration) -> Result<(), KafkaError> {
        let configs = topic.configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_static_str(name))
                .with_value(Some(StrBytes::from_static_str(value)))
        });
        let creatable = CreatableTopic::default()
            .with_name(named(topic.name))
            .with_num_partitions(topic.partitions)
            .with_replication_factor(topic.replicas)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default().with_topics(vec![creatable]).with_timeout_ms(millis(limit));
        let answer = self.call(CREATE_TOPICS, limit, &request).await?;
        let result = answer.topics.first().ok_or_else(|| self.lacks(CREATE_TOPICS, topic.name))?;
        self.refusal(CREATE_TOPICS, result.error_code, result.error_message.as_ref()).map_or(Ok(()), Err)
    }

    /// Removes a topic. Only the controller can.
    pub async fn delete_topic(&mut self, name: &str, limit: Duration) -> Result<(), KafkaError> {
        let request = DeleteTopicsRequest::default().with_topic_names(vec![named(name)]).with_timeout_ms(millis(limit));
        let answer = self.call(DELETE_TOPICS, limit, &request).await?;
        let result = answer.responses.first().ok_or_else(|| self.lacks(DELETE_TOPICS, name))?;
        self.refusal(DELETE_TOPICS, result.error_code, None).map_or(Ok(()), Err)
    }

    /// The values of some configuration keys of a topic, where they have one.
    pub async fn topic_configs(
        &mut self,
        name: &str,
        keys: &[&'static str],
        limit: Duration,
    ) -> Result<BTreeMap<String, String>, KafkaError> {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(StrBytes::from_string(name.to_owned()))
            .with_configuration_keys(Some(keys.iter().map(|key| StrBytes::from_static_str(key)).collect()));
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        let answer = self.call(DESCRIBE_CONFIGS, limit, &request).await?;
        let result = answer.results.first().ok_or_else(|| self.lacks(DESCRIBE_CONFIGS, name))?;
        if let Some(error) = self.refusal(DESCRIBE_CONFIGS, result.error_code, result.error_message.as_ref()) {
            return Err(error);
        }
        let value = |value: Option<&StrBytes>| value.map(|value| value.as_str().to_owned());
        Ok(result
            .configs
            .iter()
            .filter_map(|config| Some((config.name.as_str().to_owned(), value(config.value.as_ref())?)))
            .collect())
    }
}

pub(super) fn ids(ids: &[kafka_protocol::messages::BrokerId]) -> Vec<BrokerId> {
    ids.iter().map(|id| BrokerId(id.0)).collect()
}

/// Kafka writes -1 for "none".
pub(super) fn some_broker(id: i32) -> Option<BrokerId> {
    (id >= 0).then_some(BrokerId(id))
}
