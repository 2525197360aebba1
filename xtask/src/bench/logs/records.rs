//! What a busy broker says: records of 100 to 250 bytes by 20 loggers, now and then one with a stack trace, each with a
//! number of its own, so that what arrives can be counted one by one.
//! Absent on purpose: randomness. Every run writes the same bytes.

use std::ops::Range;

/// One record in this many has a stack trace, where traces are asked for.
const TRACE_EVERY: usize = 200;
/// Lines of that trace.
const TRACE_LINES: usize = 14;
/// Digits of a record's number.
const DIGITS: usize = 9;
/// What stands before it.
const BEFORE: &str = "seq=";

/// In what form a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the log4j file of kafka-node makes it: control characters between the fields, a mark at its end.
    Framed,
    /// As Kafka's stock log4j file does: `[date] LEVEL message (logger)`.
    Stock,
    /// `MESSAGE=` and the message, one datagram of journald's native protocol.
    Native,
    /// The same with the nine fields that kafka-node sends.
    Fields,
}

/// A block of records whose numbers are written anew each time: making text costs more than taking it.
#[derive(Debug)]
pub struct Block {
    bytes: Vec<u8>,
    records: Vec<Range<usize>>,
    numbers: Vec<usize>,
    lines: Vec<u64>,
}

/// Logger, level, thread, and the message around its numbers.
const KINDS: [(&str, &str, &str, &str); 20] = [
    (
        "kafka.log.Log",
        "INFO",
        "data-plane-kafka-request-handler-3",
        "[Log partition=orders-#, dir=/data/kafka] Rolled new log segment at offset # in # ms.",
    ),
    (
        "kafka.log.ProducerStateManager",
        "INFO",
        "data-plane-kafka-request-handler-1",
        "[ProducerStateManager partition=orders-#] Writing producer snapshot at offset #",
    ),
    (
        "kafka.server.ReplicaFetcherManager",
        "INFO",
        "data-plane-kafka-request-handler-0",
        "[ReplicaFetcherManager on broker 1] Removed fetcher for partitions Set(orders-#, payments-#)",
    ),
    (
        "kafka.coordinator.group.GroupCoordinator",
        "INFO",
        "data-plane-kafka-request-handler-5",
        "[GroupCoordinator 1]: Preparing to rebalance group billing-# in state PreparingRebalance with old generation # (__consumer_offsets-#)",
    ),
    (
        "kafka.coordinator.group.GroupMetadataManager",
        "INFO",
        "group-metadata-manager-0",
        "[GroupMetadataManager brokerId=1] Finished loading offsets and group metadata from __consumer_offsets-# in # milliseconds.",
    ),
    (
        "kafka.cluster.Partition",
        "INFO",
        "data-plane-kafka-request-handler-7",
        "[Partition orders-# broker=1] ISR updated to [1,2] and zkVersion updated to [#]",
    ),
    (
        "kafka.server.ReplicaFetcherThread",
        "WARN",
        "ReplicaFetcherThread-0-2",
        "[ReplicaFetcher replicaId=1, leaderId=2, fetcherId=0] Error in response for fetch request (type=FetchRequest, replicaId=1, maxWait=500, minBytes=1) # #",
    ),
    (
        "org.apache.kafka.clients.NetworkClient",
        "WARN",
        "Controller-1-to-broker-3-send-thread",
        "[Controller id=1, targetBrokerId=3] Connection to node 3 (node3/10.0.2.6:9092) could not be established. Broker may not be available. #",
    ),
    (
        "kafka.log.LogLoader",
        "INFO",
        "main",
        "[LogLoader partition=payments-#, dir=/data/kafka] Loading producer state till offset # with message format version 2",
    ),
    (
        "state.change.logger",
        "INFO",
        "data-plane-kafka-request-handler-2",
        "[Broker id=1] Follower orders-# starts at leader epoch # from offset # with high watermark #. Previous leader epoch was #",
    ),
    (
        "kafka.controller.KafkaController",
        "INFO",
        "controller-event-thread",
        "[Controller id=1] Partition orders-# completed preferred replica leader election. New leader is # (epoch #)",
    ),
    (
        "kafka.server.epoch.LeaderEpochFileCache",
        "INFO",
        "data-plane-kafka-request-handler-4",
        "Updated PartitionLeaderEpoch. New: {epoch:#, offset:#}, Current: {epoch:#, offset:#} for Partition: orders-#.",
    ),
    (
        "kafka.log.LogCleaner",
        "INFO",
        "kafka-log-cleaner-thread-0",
        "Cleaner 0: Cleaning log __consumer_offsets-# (cleaning prior to Fri Nov 20 11:52:04 UTC 2026, discarding tombstones prior to #)...",
    ),
    (
        "kafka.server.KafkaApis",
        "ERROR",
        "data-plane-kafka-request-handler-6",
        "[KafkaApi-1] Error while processing fetch with correlation id # from client consumer-billing-#: offset # is out of range",
    ),
    (
        "org.apache.zookeeper.ClientCnxn",
        "INFO",
        "main-SendThread(node2:2181)",
        "Session establishment complete on server node2/10.0.2.5:2181, sessionid = 0x200004d2e5#, negotiated timeout = 18000",
    ),
    (
        "kafka.network.Processor",
        "WARN",
        "data-plane-kafka-network-thread-1-ListenerName(PLAINTEXT)-PLAINTEXT-2",
        "Attempting to send response via channel for which there is no open connection, connection id 10.0.2.4:9092-10.0.2.9:#-#",
    ),
    (
        "kafka.server.ReplicaManager",
        "INFO",
        "data-plane-kafka-request-handler-3",
        "[ReplicaManager broker=1] Partition payments-# with topic id none has a log end offset of # ahead of its leader's #",
    ),
    (
        "kafka.server.DynamicConfigManager",
        "INFO",
        "/config/changes-event-process-thread",
        "Processing override for entityPath: topics/orders-# with config: Map(cleanup.policy -> delete, retention.ms -> #)",
    ),
    (
        "kafka.log.OffsetIndex",
        "DEBUG",
        "data-plane-kafka-request-handler-1",
        "Loaded index file /data/kafka/orders-#/#.index with maxEntries = 1310720, maxIndexSize = 10485760, entries = #",
    ),
    (
        "kafka.log.TimeIndex",
        "DEBUG",
        "data-plane-kafka-request-handler-0",
        "Loaded index file /data/kafka/orders-#/#.timeindex with maxEntries = 873813, maxIndexSize = 10485760, lastOffset = #",
    ),
];

const FRAMES: [&str; 4] = [
    "org.apache.kafka.common.network.Selector.pollSelectionKeys(Selector.java:561)",
    "kafka.server.ReplicaFetcherBlockingSend.sendRequest(ReplicaFetcherBlockingSend.scala:110)",
    "kafka.server.AbstractFetcherThread.$anonfun$maybeFetch$2(AbstractFetcherThread.scala:110)",
    "java.base/sun.nio.ch.SocketChannelImpl.finishConnect(SocketChannelImpl.java:779)",
];

const DATE: &str = "2026-11-22 10:11:12,345";

impl Block {
    /// So many records in this form, all of one line but for stack traces, where these are asked for.
    pub fn new(form: Form, count: usize, traces: bool) -> Self {
        let mut block = Self { bytes: Vec::new(), records: Vec::new(), numbers: Vec::new(), lines: Vec::new() };
        for (index, (logger, level, thread, shape)) in (0..count).zip(KINDS.iter().cycle()) {
            let begin = block.bytes.len();
            let trace = if traces && index % TRACE_EVERY == TRACE_EVERY / 2 { trace(index) } else { String::new() };
            let lines = 1 + trace.lines().count();
            let message = format!("{} {BEFORE}{}", numbered(shape, index), "0".repeat(DIGITS));
            let text = match form {
                Form::Framed => {
                    format!("\u{1e}{level}\u{1f}{DATE}\u{1f}{logger}\u{1f}{thread}\u{1f}{message}\u{1f}{trace}\u{1e}\n")
                }
                Form::Stock => format!("[{DATE}] {level} {message} ({logger})\n{trace}"),
                Form::Native => format!("MESSAGE={message}\n"),
                Form::Fields => format!(
                    "PRIORITY={}\nMESSAGE={message}\nSYSLOG_IDENTIFIER=kafka\nLOGGER={logger}\nTHREAD={thread}\n\
                     KAFKA_BROKER_ID=1\nKAFKA_NODE_RUN=1a2c\nSYSLOG_TIMESTAMP={DATE}\nCODE_FUNC=x\n",
                    priority(level)
                ),
            };
            let number = text.find(BEFORE).map_or(0, |at| at + BEFORE.len());
            block.bytes.extend_from_slice(text.as_bytes());
            block.numbers.push(begin + number);
            block.records.push(begin..block.bytes.len());
            block.lines.push(lines as u64);
        }
        block
    }

    /// Records in it.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Numbers the records from here on.
    pub fn number(&mut self, first: u64) {
        for (at, number) in self.numbers.iter().zip(first..) {
            let digits = format!("{number:0DIGITS$}");
            if let Some(place) = self.bytes.get_mut(*at..*at + DIGITS) {
                place.copy_from_slice(digits.as_bytes());
            }
        }
    }

    /// The first so many records.
    pub fn head(&self, count: usize) -> &[u8] {
        let end = count.checked_sub(1).and_then(|last| self.records.get(last)).map_or(0, |range| range.end);
        self.bytes.get(..end).unwrap_or(&self.bytes)
    }

    /// One record.
    pub fn record(&self, index: usize) -> &[u8] {
        self.records.get(index).and_then(|range| self.bytes.get(range.clone())).unwrap_or_default()
    }

    /// Lines of the first `count` records, the block repeated as often as that takes.
    pub fn lines(&self, count: u64) -> u64 {
        let whole: u64 = self.lines.iter().sum();
        let len = (self.lines.len() as u64).max(1);
        let rest = usize::try_from(count % len).unwrap_or(0);
        count / len * whole + self.lines.iter().take(rest).sum::<u64>()
    }
}

/// The number of the record that this line shows.
pub fn number_in(line: &[u8]) -> Option<usize> {
    let at = line.windows(BEFORE.len()).position(|window| window == BEFORE.as_bytes())? + BEFORE.len();
    std::str::from_utf8(line.get(at..at + DIGITS)?).ok()?.parse().ok()
}

/// The message with numbers of various lengths, always the same ones.
fn numbered(shape: &str, index: usize) -> String {
    let mut text = String::with_capacity(shape.len() + 32);
    let mut number = index.wrapping_mul(2_654_435_761) % 1_000_003;
    for part in shape.chars() {
        match part {
            '#' => {
                text.push_str(&number.to_string());
                number = number.wrapping_mul(48_271) % 99_991;
            }
            other => text.push(other),
        }
    }
    text
}

/// As log4j writes one: every line with its end.
fn trace(index: usize) -> String {
    let mut text = format!("java.io.IOException: Connection to node {index} failed\n");
    for frame in FRAMES.iter().cycle().take(TRACE_LINES - 1) {
        text.push_str("\tat ");
        text.push_str(frame);
        text.push('\n');
    }
    text
}

fn priority(level: &str) -> u8 {
    match level {
        "ERROR" => 3,
        "WARN" => 4,
        "INFO" => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_as_long_as_kafkas_and_each_shows_its_number() {
        let mut block = Block::new(Form::Stock, 400, true);
        block.number(7_000);
        let text = String::from_utf8_lossy(block.head(400)).into_owned();
        let heads: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
        assert_eq!(heads.len(), 400);
        assert_eq!(
            heads.iter().filter_map(|line| number_in(line.as_bytes())).collect::<Vec<_>>(),
            (7_000..7_400).collect::<Vec<_>>()
        );
        for line in heads {
            assert!((100..=250).contains(&line.len()), "{} bytes: {line}", line.len());
        }
        assert_eq!(block.lines(400), text.lines().count() as u64);
        assert_eq!(block.lines(900), 2 * block.lines(400) + block.lines(100));
    }

    #[test]
    fn a_framed_record_has_six_fields_between_its_marks() {
        let block = Block::new(Form::Framed, 200, true);
        for index in 0..block.len() {
            let record = block.record(index);
            assert!(record.starts_with(b"\x1e") && record.ends_with(b"\x1e\n"), "{record:?}");
            assert_eq!(record.iter().filter(|byte| **byte == 0x1f).count(), 5);
        }
        assert!(block.record(100).windows(4).any(|window| window == b"\tat "), "one has a trace");
    }
}
