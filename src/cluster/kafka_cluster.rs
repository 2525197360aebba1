//! The whole cluster in a few calls: every topic with its partitions, `min.insync.replicas`, reassignments, and the election of
//! preferred leaders.
//!
//! Versions as in `kafka_topics`, but for ListPartitionReassignments, which has one alone. Absent on purpose: who is asked (`view_kafka`,
//! `elect`), and what an answer means.
//!
//! Effects: calls over that connection; an election moves leaders.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_response::MetadataResponsePartition;
use kafka_protocol::messages::{
    DescribeConfigsRequest, ElectLeadersRequest, ListPartitionReassignmentsRequest, MetadataRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::gate::PartitionSeen;
use crate::model::BrokerId;

use super::kafka::{Api, BrokerClient, KafkaError, KafkaErrorKind, millis};
use super::kafka_topics::{DESCRIBE_CONFIGS, METADATA, Reason, TOPIC, ids, some_broker};

/// From Kafka 2.4 on.
const REASSIGNMENTS: Api = Api { name: "ListPartitionReassignments", low: 0, high: 0 };
/// From v1 on (Kafka 2.4) it can be asked for all partitions at once.
const ELECT_LEADERS: Api = Api { name: "ElectLeaders", low: 1, high: 1 };
/// ElectLeaders: the first replica of each partition's list, where it is in sync.
const PREFERRED: i8 = 0;
const MIN_INSYNC: &str = "min.insync.replicas";

/// Partitions that are being reassigned, by topic.
pub type Reassigning = BTreeMap<String, BTreeSet<i32>>;

/// Everything that one broker's metadata says.
#[derive(Clone, Debug, Default)]
pub struct WholeCluster {
    /// Living brokers and where they listen (`host:port`).
    pub brokers: BTreeMap<BrokerId, String>,
    /// The active controller.
    pub controller: Option<BrokerId>,
    /// Every topic, by name.
    pub topics: BTreeMap<String, Vec<PartitionSeen>>,
    /// Topics of which nothing was said but this error.
    pub refused: Vec<(String, KafkaError)>,
}

/// What an election came to.
#[derive(Clone, Debug, Default)]
pub struct Elected {
    /// Partitions that have another leader for it.
    pub moved: usize,
    /// Partitions whose preferred leader could not be elected, and why for the first of them.
    pub refused: Option<(usize, KafkaError)>,
}

impl WholeCluster {
    /// Where the controller listens.
    pub fn controller_address(&self) -> Option<String> {
        self.brokers.get(&self.controller?).cloned()
    }
}

impl BrokerClient {
    /// The cluster as this broker knows it, with every topic; none is marked as reassigning yet.
    pub async fn whole_cluster(&mut self, limit: Duration) -> Result<WholeCluster, KafkaError> {
        // No list asks for all of them.
        let request = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
        let answer = self.call(METADATA, limit, &request).await?;
        let address = |host: &StrBytes, port: i32| match host.contains(':') {
            true => format!("[{}]:{port}", host.as_str()),
            false => format!("{}:{port}", host.as_str()),
        };
        let brokers = answer.brokers.iter().map(|b| (BrokerId(b.node_id.0), address(&b.host, b.port))).collect();
        let controller = some_broker(answer.controller_id.0);
        let mut seen = WholeCluster { brokers, controller, ..WholeCluster::default() };
        for topic in answer.topics {
            let name = topic.name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default();
            match self.refusal(METADATA, topic.error_code, None) {
                // Removed while the answer was made.
                Some(error) if error.is(Reason::UnknownTopicOrPartition) => {}
                Some(error) => seen.refused.push((name, error)),
                None => drop(seen.topics.insert(name, topic.partitions.iter().map(partition).collect())),
            }
        }
        Ok(seen)
    }

    /// `min.insync.replicas` of some topics, their own or the broker's default: in the order of `topics`, as far as the broker has
    /// answered for them.
    pub async fn min_insync(
        &mut self,
        topics: &[String],
        limit: Duration,
    ) -> Result<Vec<(String, Result<u32, KafkaError>)>, KafkaError> {
        let resource = |topic: &String| {
            DescribeConfigsResource::default()
                .with_resource_type(TOPIC)
                .with_resource_name(StrBytes::from_string(topic.clone()))
                .with_configuration_keys(Some(vec![StrBytes::from_static_str(MIN_INSYNC)]))
        };
        let request = DescribeConfigsRequest::default().with_resources(topics.iter().map(resource).collect());
        let answer = self.call(DESCRIBE_CONFIGS, limit, &request).await?;
        let value = |result: &kafka_protocol::messages::describe_configs_response::DescribeConfigsResult| {
            if let Some(error) = self.refusal(DESCRIBE_CONFIGS, result.error_code, result.error_message.as_ref()) {
                return Err(error);
            }
            let config = result.configs.iter().find(|config| config.name.as_str() == MIN_INSYNC);
            let number = config.and_then(|config| config.value.as_ref()?.parse().ok());
            number.ok_or_else(|| self.lacks(DESCRIBE_CONFIGS, MIN_INSYNC))
        };
        Ok(answer.results.iter().map(|result| (result.resource_name.as_str().to_owned(), value(result))).collect())
    }

    /// Partitions that are being reassigned. Only the controller knows.
    pub async fn reassigning(&mut self, limit: Duration) -> Result<Reassigning, KafkaError> {
        let request = ListPartitionReassignmentsRequest::default().with_timeout_ms(millis(limit)).with_topics(None);
        let answer = self.call(REASSIGNMENTS, limit, &request).await?;
        if let Some(error) = self.refusal(REASSIGNMENTS, answer.error_code, answer.error_message.as_ref()) {
            return Err(error);
        }
        let partitions = |partitions: &[kafka_protocol::messages::list_partition_reassignments_response::OngoingPartitionReassignment]| {
            partitions.iter().map(|partition| partition.partition_index).collect()
        };
        let topics = answer.topics.iter();
        Ok(topics.map(|topic| (topic.name.as_str().to_owned(), partitions(&topic.partitions))).collect())
    }

    /// Makes the preferred replica of every partition its leader, where it is in sync and is not. Only the controller can.
    pub async fn elect_preferred(&mut self, limit: Duration) -> Result<Elected, KafkaError> {
        // What the broker is given is less than what is waited here, so that its own words arrive where it is late.
        let request = ElectLeadersRequest::default()
            .with_election_type(PREFERRED)
            .with_topic_partitions(None)
            .with_timeout_ms(millis(limit.mul_f64(0.8)));
        let answer = self.call(ELECT_LEADERS, limit, &request).await?;
        if let Some(error) = self.refusal(ELECT_LEADERS, answer.error_code, None) {
            return Err(error);
        }
        let mut elected = Elected::default();
        for partition in answer.replica_election_results.iter().flat_map(|topic| &topic.partition_result) {
            match self.refusal(ELECT_LEADERS, partition.error_code, partition.error_message.as_ref()) {
                None => elected.moved += 1,
                // The right one leads already. Brokers leave these out where all were asked for.
                Some(error) if error.is(Reason::ElectionNotNeeded) => {}
                Some(error) => match &mut elected.refused {
                    Some((count, _)) => *count += 1,
                    none => *none = Some((1, error)),
                },
            }
        }
        Ok(elected)
    }
}

impl KafkaError {
    /// Whether the broker is too old to have the API.
    pub fn is_unknown_api(&self) -> bool {
        self.kind == KafkaErrorKind::Version(None)
    }
}

fn partition(partition: &MetadataResponsePartition) -> PartitionSeen {
    PartitionSeen {
        index: partition.partition_index,
        leader: some_broker(partition.leader_id.0),
        replicas: ids(&partition.replica_nodes),
        in_sync: ids(&partition.isr_nodes),
        reassigning: false,
    }
}
