//! Records: writing a batch through a partition's leader, reading it through any replica. What a number means stands beside it.
//!
//! Absent on purpose: producers' and consumers' state (ids, sequences, groups, sessions), compression, and retries.
//!
//! Effects: calls over that connection; a batch carries the time of its making.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{FetchRequest, ListOffsetsRequest, ProduceRequest};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record, RecordBatchDecoder,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use super::kafka::{Api, BrokerClient, KafkaError, KafkaErrorKind, millis, named};

const PRODUCE: Api = Api { name: "Produce", low: 3, high: 7 };
/// v11 alone: it carries the rack and so makes us a client whom a follower may serve (KIP-392; `fetchOnlyFromLeader` in ReplicaManager
/// of 2.6 is false for a consumer with client metadata, which KafkaApis makes from v11 on).
const FETCH: Api = Api { name: "Fetch", low: 11, high: 11 };
const LIST_OFFSETS: Api = Api { name: "ListOffsets", low: 1, high: 5 };

/// `acks=all`.
const ALL_REPLICAS: i16 = -1;
/// A fetch by a consumer and not by a replica.
const CONSUMER: i32 = -1;
/// ListOffsets: the offset after the last record that consumers may see.
const LATEST: i64 = -1;
/// A fetch that belongs to no fetch session.
const NO_SESSION: (i32, i32) = (0, -1);
/// Bytes that a fetch may bring at most.
const FETCH_BYTES: i32 = 1024 * 1024;

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

fn millis_i64(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
