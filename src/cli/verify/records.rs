//! Records through every broker: produced where it leads a partition, consumed through every other one, compared byte by byte.
//!
//! A broker can be produced through only where it leads one of the topic's three partitions, and consumed through only where it
//! holds a replica. In a cluster of up to three brokers that is everywhere; in a larger one the rest is said.
//!
//! Effects: writes to the topic of `verify` and reads it back, by the clock.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::kafka_records::KeyValue;
use crate::cluster::kafka_topics::{Partition, Reason};

use super::{PATIENCE, PAUSE, Verifier};

/// Records through each broker.
const RECORDS: usize = 5;
/// Bytes of each value.
const VALUE: usize = 512;
/// How long a broker may wait for the first byte of a fetch.
const FETCH_WAIT: Duration = Duration::from_millis(500);

impl Verifier<'_> {
    /// Produces through each broker that answers, and consumes through each other one.
    pub(super) async fn records(&mut self, topic: &str, partitions: &BTreeMap<i32, Partition>) {
        self.stage = "producing and consuming";
        for at in 0..self.brokers.len() {
            let Some(broker) = self.brokers.get(at).filter(|broker| broker.answers) else { continue };
            let led = partitions.iter().find(|(_, partition)| partition.leader == Some(broker.id));
            let Some((number, partition)) = led else {
                let name = self.name(at);
                self.note(
                    "records",
                    &format!("nothing produced through {name}: it leads none of the topic's partitions"),
                );
                continue;
            };
            let records = contents(topic, *number);
            let Some(first) = self.produce(at, topic, *number, &records).await else { continue };
            self.consume(at, topic, *number, partition, first, &records).await;
        }
    }

    /// Returns the offset of the first record.
    async fn produce(&mut self, at: usize, topic: &str, number: i32, records: &[KeyValue]) -> Option<i64> {
        let text = format!("{RECORDS} records produced through {} (partition {number}, acks=all)", self.name(at));
        let patience = Instant::now() + PATIENCE;
        loop {
            let limit = self.call_limit();
            let broker = self.brokers.get_mut(at)?;
            let first = match broker.client.produce(topic, number, records, limit).await {
                Ok(first) => first,
                // A leader that has just been elected may not know it yet.
                Err(error) if error.is_retriable() && !self.over(patience) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(error) => {
                    self.fail("produced", &text, &error.to_string());
                    return None;
                }
            };
            let limit = self.call_limit();
            let broker = self.brokers.get_mut(at)?;
            match broker.client.end_offset(topic, number, limit).await {
                Ok(end) if end == first + RECORDS as i64 => {
                    self.ok("produced", &text);
                    return Some(first);
                }
                Ok(end) => self.fail("produced", &text, &format!("from offset {first} on, and the log ends at {end}")),
                Err(error) => self.fail("produced", &text, &error.to_string()),
            }
            return None;
        }
    }

    async fn consume(
        &mut self,
        producer: usize,
        topic: &str,
        number: i32,
        partition: &Partition,
        first: i64,
        records: &[KeyValue],
    ) {
        let alone = self.brokers.len() == 1;
        for at in 0..self.brokers.len() {
            let Some(broker) = self.brokers.get(at) else { continue };
            if !broker.answers || (at == producer && !alone) {
                continue;
            }
            let name = broker.name.clone();
            if !partition.replicas.contains(&broker.id) {
                self.note(
                    "records",
                    &format!("partition {number} not consumed through {name}: it holds no replica of it"),
                );
                continue;
            }
            let itself = if alone { ", the only broker there is" } else { "" };
            let text = format!("consumed through {name}{itself} (partition {number}), the same byte by byte");
            match self.read_back(at, topic, number, first, records.len()).await {
                Ok(read) => match difference(&read, first, records) {
                    None => self.ok("consumed", &text),
                    Some(words) => self.fail("consumed", &text, &words),
                },
                Err(words) => self.fail("consumed", &text, &words),
            }
        }
    }

    /// Fetches until `count` records are there. A follower serves up to the high watermark that its leader last told it, so
    /// nothing there, and an offset out of its range, are reasons to ask again.
    async fn read_back(
        &mut self,
        at: usize,
        topic: &str,
        number: i32,
        first: i64,
        count: usize,
    ) -> Result<Vec<(i64, KeyValue)>, String> {
        let patience = Instant::now() + PATIENCE;
        let mut read: Vec<(i64, KeyValue)> = Vec::new();
        loop {
            let next = read.last().map_or(first, |(offset, _)| offset + 1);
            let limit = self.call_limit();
            let broker = self.brokers.get_mut(at).ok_or("no such broker")?;
            let last = match broker.client.fetch(topic, number, next, FETCH_WAIT, limit).await {
                Ok(fetched) => {
                    read.extend(fetched.records.into_iter().filter(|(offset, _)| *offset >= next));
                    if read.len() >= count {
                        return Ok(read);
                    }
                    format!("{} of {count} records came, high watermark {}", read.len(), fetched.high_watermark)
                }
                Err(error) if error.is_retriable() || error.is(Reason::OffsetOutOfRange) => error.to_string(),
                Err(error) => return Err(error.to_string()),
            };
            if self.over(patience) {
                return Err(last);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Keys that say where a record belongs, and values of every byte there is.
fn contents(topic: &str, number: i32) -> Vec<KeyValue> {
    let record = |at: usize| {
        let key = format!("{topic}/{number}/{at}").into_bytes();
        let value = (0..VALUE).map(|byte| (byte.wrapping_mul(7) ^ at ^ number as usize) as u8).collect();
        (key, value)
    };
    (0..RECORDS).map(record).collect()
}

/// The first difference between what was written at `first` and what was read, in words.
fn difference(read: &[(i64, KeyValue)], first: i64, written: &[KeyValue]) -> Option<String> {
    if read.len() != written.len() {
        return Some(format!("{} records came back instead of {}", read.len(), written.len()));
    }
    read.iter().zip(written).zip(first..).find_map(|(((offset, (key, value)), written), expected)| {
        if *offset != expected {
            Some(format!("the record at offset {expected} came back at {offset}"))
        } else if *key != written.0 {
            Some(format!("the key at offset {offset} came back changed"))
        } else if *value != written.1 {
            Some(format!("the value at offset {offset} came back changed"))
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_changed_byte_is_a_difference() {
        let written = contents("t", 2);
        let read: Vec<_> = written.iter().cloned().zip(7..).map(|(record, offset)| (offset, record)).collect();
        assert_eq!(difference(&read, 7, &written), None);
        for at in 0..RECORDS {
            let mut changed = read.clone();
            changed[at].1.1[VALUE - 1] ^= 1;
            assert_eq!(
                difference(&changed, 7, &written),
                Some(format!("the value at offset {} came back changed", 7 + at))
            );
            let mut changed = read.clone();
            changed[at].1.0[0] ^= 1;
            assert_eq!(
                difference(&changed, 7, &written),
                Some(format!("the key at offset {} came back changed", 7 + at))
            );
        }
        assert_eq!(difference(&read[1..], 7, &written), Some("4 records came back instead of 5".into()));
        assert_eq!(difference(&read, 6, &written), Some("the record at offset 6 came back at 7".into()));
    }

    #[test]
    fn values_hold_every_byte() {
        let (_, value) = contents("t", 0).remove(0);
        assert!((0..=255_u8).all(|byte| value.contains(&byte)));
    }
}
