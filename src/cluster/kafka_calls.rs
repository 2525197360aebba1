//! The calls that `verify` makes, in our own nouns: topics, configs, records. What a number means stands beside it.
//!
//! Versions are those that Kafka 2.6 to 3.9 all have, below the flexible encodings where possible. Absent on purpose: retries, which
//! depend on what the caller waits for.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
pub use kafka_protocol::ResponseError as Reason;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeConfigsRequest, DescribeConfigsResponse, FetchRequest, FetchResponse, ListOffsetsRequest,
    ListOffsetsResponse, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record, RecordBatchDecoder,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use crate::model::BrokerId;

use super::kafka::{Api, BrokerClient, KafkaError, KafkaErrorKind, Request};

/// From v4 on Metadata can be told not to create the topic it asks about.
const METADATA: Api = Api { name: "Metadata", low: 4, high: 8 };
const CREATE_TOPICS: Api = Api { name: "CreateTopics", low: 2, high: 4 };
const DELETE_TOPICS: Api = Api { name: "DeleteTopics", low: 1, high: 3 };
const DESCRIBE_CONFIGS: Api = Api { name: "DescribeConfigs", low: 1, high: 2 };
const PRODUCE: Api = Api { name: "Produce", low: 3, high: 7 };
/// v11 alone: it carries the rack and so makes us a client whom a follower may serve (KIP-392; `fetchOnlyFromLeader` in ReplicaManager
/// of 2.6 is false for a consumer with client metadata, which KafkaApis makes from v11 on).
const FETCH: Api = Api { name: "Fetch", low: 11, high: 11 };
const LIST_OFFSETS: Api = Api { name: "ListOffsets", low: 1, high: 5 };

macro_rules! requests {
    ($($request:ident $key:ident $response:ident;)*) => {$(
        impl Request for $request {
            const KEY: ApiKey = ApiKey::$key;
            type Response = $response;
        }
    )*};
}

requests! {
    MetadataRequest Metadata MetadataResponse;
    CreateTopicsRequest CreateTopics CreateTopicsResponse;
    DeleteTopicsRequest DeleteTopics DeleteTopicsResponse;
    DescribeConfigsRequest DescribeConfigs DescribeConfigsResponse;
    ProduceRequest Produce ProduceResponse;
    FetchRequest Fetch FetchResponse;
    ListOffsetsRequest ListOffsets ListOffsetsResponse;
}

/// `acks=all`.
const ALL_REPLICAS: i16 = -1;
/// A fetch by a consumer and not by a replica.
const CONSUMER: i32 = -1;
/// ListOffsets: the offset after the last record that consumers may see.
const LATEST: i64 = -1;
/// DescribeConfigs: the resource is a topic.
const TOPIC: i8 = 2;
/// A fetch that belongs to no fetch session.
const NO_SESSION: (i32, i32) = (0, -1);
/// Bytes that a fetch may bring at most.
const FETCH_BYTES: i32 = 1024 * 1024;

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

/// A record's key and value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// What a fetch brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The high watermark as the broker asked knows it.
    pub high_watermark: i64,
    /// Offsets and contents, in the partition's order.
    pub records: Vec<(i64, KeyValue)>,
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
        let ids = |ids: &[kafka_protocol::messages::BrokerId]| ids.iter().map(|id| BrokerId(id.0)).collect();
        let partition = |p: &kafka_protocol::messages::metadata_response::MetadataResponsePartition| Partition {
            leader: some_broker(p.leader_id.0),
            replicas: ids(&p.replica_nodes),
            in_sync: ids(&p.isr_nodes),
        };
        seen.partitions = Some(topic.partitions.iter().map(|p| (p.partition_index, partition(p))).collect());
        Ok(seen)
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

    /// Writes records to a partition that this broker leads, acknowledged by all replicas in sync. Returns the first one's offset.
    pub async fn produce(
        &mut self,
        topic: &str,
        partition: i32,
        records: &[KeyValue],
        limit: Duration,
    ) -> Result<i64, KafkaError> {
        let batch = batch(records).map_err(|words| self.error(PRODUCE, KafkaErrorKind::Garbled(words)))?;
        let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch));
        let data = TopicProduceData::default().with_name(named(topic)).with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(ALL_REPLICAS)
            .with_timeout_ms(millis(limit))
            .with_topic_data(vec![data]);
        let answer = self.call(PRODUCE, limit, &request).await?;
        let result = answer.responses.first().and_then(|topic| topic.partition_responses.first());
        let result = result.ok_or_else(|| self.lacks(PRODUCE, topic))?;
        match self.refusal(PRODUCE, result.error_code, result.error_message.as_ref()) {
            Some(error) => Err(error),
            None => Ok(result.base_offset),
        }
    }

    /// Reads a partition of which this broker holds a replica, as leader or as follower, from `offset` on. Waits up to `wait` for
    /// a first byte.
    pub async fn fetch(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        wait: Duration,
        limit: Duration,
    ) -> Result<Fetched, KafkaError> {
        let wanted = FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(FETCH_BYTES);
        let request = FetchRequest::default()
            .with_replica_id(CONSUMER.into())
            .with_max_wait_ms(millis(wait))
            .with_min_bytes(1)
            .with_max_bytes(FETCH_BYTES)
            .with_session_id(NO_SESSION.0)
            .with_session_epoch(NO_SESSION.1)
            .with_topics(vec![FetchTopic::default().with_topic(named(topic)).with_partitions(vec![wanted])]);
        let answer = self.call(FETCH, limit, &request).await?;
        if let Some(error) = self.refusal(FETCH, answer.error_code, None) {
            return Err(error);
        }
        let result = answer.responses.first().and_then(|topic| topic.partitions.first());
        let result = result.ok_or_else(|| self.lacks(FETCH, topic))?;
        if let Some(error) = self.refusal(FETCH, result.error_code, None) {
            return Err(error);
        }
        let mut bytes = result.records.clone().unwrap_or_default();
        let sets = RecordBatchDecoder::decode_all(&mut bytes)
            .map_err(|error| self.error(FETCH, KafkaErrorKind::Garbled(error.to_string())))?;
        let content = |bytes: Option<Bytes>| bytes.map(|bytes| bytes.to_vec()).unwrap_or_default();
        let records = sets.into_iter().flat_map(|set| set.records);
        let records = records.map(|record| (record.offset, (content(record.key), content(record.value))));
        Ok(Fetched { high_watermark: result.high_watermark, records: records.collect() })
    }

    /// The offset after the last record of a partition that this broker leads.
    pub async fn end_offset(&mut self, topic: &str, partition: i32, limit: Duration) -> Result<i64, KafkaError> {
        let wanted = ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(LATEST);
        let request = ListOffsetsRequest::default()
            .with_replica_id(CONSUMER.into())
            .with_topics(vec![ListOffsetsTopic::default().with_name(named(topic)).with_partitions(vec![wanted])]);
        let answer = self.call(LIST_OFFSETS, limit, &request).await?;
        let result = answer.topics.first().and_then(|topic| topic.partitions.first());
        let result = result.ok_or_else(|| self.lacks(LIST_OFFSETS, topic))?;
        match self.refusal(LIST_OFFSETS, result.error_code, None) {
            Some(error) => Err(error),
            None => Ok(result.offset),
        }
    }
}

fn batch(records: &[KeyValue]) -> Result<Bytes, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis_i64);
    let records: Vec<_> = records
        .iter()
        .zip(0..)
        .map(|((key, value), offset)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            timestamp_type: TimestampType::Creation,
            offset,
            // The encoder makes one batch of records whose sequences run with their offsets, and the first one's is the batch's.
            // Several batches in one request are refused (InvalidRecord).
            sequence: NO_SEQUENCE.wrapping_add(offset as i32),
            timestamp: now,
            key: Some(Bytes::copy_from_slice(key)),
            value: Some(Bytes::copy_from_slice(value)),
            headers: Default::default(),
        })
        .collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).map_err(|error| error.to_string())?;
    Ok(bytes.freeze())
}

fn named(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// Kafka writes -1 for "none".
fn some_broker(id: i32) -> Option<BrokerId> {
    (id >= 0).then_some(BrokerId(id))
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn millis_i64(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
