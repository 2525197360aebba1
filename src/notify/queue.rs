//! The queue before the log thread: bounded in records and in bytes, never waited for by those who put something in.
//!
//! A lock and a condition instead of a channel, for three reasons: it grows only when used, it is bounded in bytes too, and
//! the record that says how many are missing can stand exactly where they are missing. The lock is never held during I/O.
//! Absent on purpose: where records go.
//!
//! Effects: waits on a condition, with a limit where a stop must go on.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::logs::Priority;

use super::log::{Origin, Record};

/// Records that may wait. A broker's recovery prints 14,000 in 30 s (`facts.md`); this is half a second of the fastest flood.
const RECORDS: usize = 8192;
/// Bytes of text that may wait, beside the records' own size: the node's memory belongs to the JVMs.
const BYTES: usize = 4 * 1024 * 1024;
/// Of both, the eighth that only warnings, errors and kafka-node itself may use, so that a flood of INFO cannot drop them.
const RESERVE: usize = 8;
/// Records taken out at a time: bounds what is in neither the queue nor the journal.
const BATCH: usize = 256;

/// How many records are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    /// All of them.
    pub lines: u64,
    /// Those that were warnings or worse.
    pub severe: u64,
}

/// What [`Queue::pop`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Popped {
    /// At least one record.
    Some,
    /// The queue is closed and empty.
    Closed,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is something to write, or the queue was closed.
    filled: Condvar,
    /// Everything was written.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    records: VecDeque<Record>,
    bytes: usize,
    /// Taken out, and not yet written.
    in_hand: usize,
    /// Missing since the last record that said so, in the order of [`Origin::ALL`].
    missing: [Dropped; 3],
    dropped: u64,
    closed: bool,
}

impl Queue {
    pub fn new() -> Queue {
        Queue { state: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new() }
    }

    pub fn push(&self, record: Record) {
        let mut state = self.lock();
        if state.closed || !state.has_room_for(&record) {
            state.count_out(&record);
            return;
        }
        state.say_what_is_missing();
        state.push(record);
        drop(state);
        self.filled.notify_one();
    }

    /// Waits for records and moves some into `batch`, oldest first.
    pub fn pop(&self, batch: &mut Vec<Record>) -> Popped {
        let mut state = self.lock();
        loop {
            if state.records.is_empty() {
                state.say_what_is_missing();
            }
            if !state.records.is_empty() {
                let count = state.records.len().min(BATCH);
                batch.extend(state.records.drain(..count));
                state.bytes -= batch.iter().map(|record| record.text.len()).sum::<usize>().min(state.bytes);
                state.in_hand = count;
                return Popped::Some;
            }
            // After a flood the memory goes back.
            state.records.shrink_to(BATCH);
            if state.closed {
                self.emptied.notify_all();
                return Popped::Closed;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// `count` records of the last batch are out.
    pub fn written(&self, count: usize) {
        let mut state = self.lock();
        state.in_hand = state.in_hand.saturating_sub(count);
    }

    /// Takes no more records and waits until those in the queue are written. The answer is how many are not.
    pub fn close(&self, limit: Duration) -> usize {
        let begun = Instant::now();
        let mut state = self.lock();
        state.closed = true;
        self.filled.notify_all();
        loop {
            let left = state.records.len() + state.in_hand;
            let time = limit.saturating_sub(begun.elapsed());
            if left == 0 && state.nothing_is_missing() || time.is_zero() {
                return left;
            }
            (state, _) = self.emptied.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while holding it left a whole state: nothing in here can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room_for(&self, record: &Record) -> bool {
        let share = |whole: usize| match (record.priority, record.origin) {
            (Priority::Critical | Priority::Error | Priority::Warning, _) | (_, Origin::KafkaNode) => whole,
            (Priority::Info | Priority::Debug, Origin::Kafka | Origin::ZooKeeper) => whole - whole / RESERVE,
        };
        // Room for what says that records are missing is part of the price.
        self.records.len() + self.in_hand + Origin::ALL.len() < share(RECORDS)
            && self.bytes + record.text.len() <= share(BYTES)
    }

    fn push(&mut self, record: Record) {
        self.bytes += record.text.len();
        self.records.push_back(record);
    }

    fn count_out(&mut self, record: &Record) {
        self.dropped += 1;
        let missing = match (&mut self.missing, record.origin) {
            ([kafka, _, _], Origin::Kafka) => kafka,
            ([_, zookeeper, _], Origin::ZooKeeper) => zookeeper,
            ([_, _, own], Origin::KafkaNode) => own,
        };
        missing.lines += 1;
        missing.severe += u64::from(record.priority <= Priority::Warning);
    }

    fn nothing_is_missing(&self) -> bool {
        self.missing.iter().all(|missing| missing.lines == 0)
    }

    fn say_what_is_missing(&mut self) {
        let missing = std::mem::take(&mut self.missing);
        for (origin, dropped) in Origin::ALL.into_iter().zip(missing) {
            if dropped.lines > 0 {
                self.push(dropped.record(origin));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(origin: Origin, priority: Priority, text: &str) -> Record {
        Record { origin, ..Record::own(priority, text) }
    }

    fn drained(queue: &Queue) -> Vec<Record> {
        let mut all = Vec::new();
        queue.close(Duration::ZERO);
        let mut batch = Vec::new();
        while queue.pop(&mut batch) == Popped::Some {
            queue.written(batch.len());
            all.append(&mut batch);
        }
        all
    }

    #[test]
    fn what_is_dropped_is_counted_by_origin_and_said_where_it_is_missing() {
        let queue = Queue::new();
        for n in 0..RECORDS + 100 {
            queue.push(record(Origin::Kafka, Priority::Info, &n.to_string()));
        }
        queue.push(record(Origin::ZooKeeper, Priority::Info, "lost"));
        let lost = queue.dropped();
        let mut batch = Vec::new();
        queue.pop(&mut batch);
        queue.written(batch.len());
        queue.push(record(Origin::ZooKeeper, Priority::Info, "kept"));
        let all = drained(&queue);
        let texts: Vec<&str> = all.iter().rev().take(3).map(|record| record.text.as_str()).collect();
        let kafka = format!("{} lines of kafka were dropped here: the log was not read fast enough", lost - 1);
        assert_eq!(texts, ["kept", "1 lines of zookeeper were dropped here: the log was not read fast enough", &kafka]);
        let kafka_lines = (batch.iter().chain(&all)).filter(|record| record.origin == Origin::Kafka).count();
        assert_eq!(kafka_lines as u64 + lost - 1, (RECORDS + 100) as u64, "kept and dropped are all there were");
    }

    #[test]
    fn a_flood_of_info_leaves_room_for_errors_and_for_the_supervisor() {
        let queue = Queue::new();
        for _ in 0..2 * RECORDS {
            queue.push(record(Origin::Kafka, Priority::Info, "flood"));
        }
        queue.push(record(Origin::Kafka, Priority::Error, "disk error"));
        queue.push(Record::own(Priority::Info, "the node is degraded"));
        let all = drained(&queue);
        assert!(all.iter().any(|record| record.text == "disk error"));
        assert!(all.iter().any(|record| record.text == "the node is degraded"));
    }

    #[test]
    fn long_records_are_bounded_in_bytes() {
        let queue = Queue::new();
        let long = "x".repeat(16 * 1024);
        for _ in 0..RECORDS {
            queue.push(record(Origin::Kafka, Priority::Error, &long));
        }
        assert!(queue.lock().bytes <= BYTES);
        assert_eq!(queue.dropped(), (RECORDS - BYTES / long.len()) as u64);
    }

    #[test]
    fn losses_at_the_very_end_are_said_too() {
        let queue = Queue::new();
        queue.push(record(Origin::Kafka, Priority::Info, "first"));
        queue.close(Duration::ZERO);
        queue.push(record(Origin::Kafka, Priority::Error, "too late"));
        let all = drained(&queue);
        let texts: Vec<&str> = all.iter().map(|record| record.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "first",
                "1 lines of kafka were dropped here, 1 of them warnings or worse: the log was not read fast enough"
            ]
        );
    }
}
