//! The lock around the flow: whoever says something never waits for the thread that writes, and that thread sleeps until there
//! is something to write.
//!
//! A lock and a condition instead of a channel, since folding, bounds and the exact place of what is missing need both ends at
//! once. The lock is held for as long as it takes to fold or keep a record, or to take out a batch: never during I/O. Absent
//! on purpose: every decision about a record (`logs::Flow`), and where entries go.
//!
//! Effects: reads the monotonic clock; waits on a condition, with a limit where a stop must go on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::logs::{Counts, Entry, Flow, FlowConfig, Origin, Said};
use crate::model::{Moment, RunId};

/// Entries taken out at a time: bounds what is in neither the queue nor the journal.
const BATCH: usize = 256;
/// Woken, the writer lets this much time pass before it takes anything: what comes meanwhile goes out with it, and costs nobody a
/// wake-up. A record a JVM prints is in the journal this much later.
const GATHER: Duration = Duration::from_millis(2);
/// The writer sleeps at least this long, lest rounding keep it awake.
const SHORTEST: Duration = Duration::from_millis(1);

/// What [`Queue::pop`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Popped {
    /// At least one entry.
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
    /// The origin of the flow's moments.
    made: Instant,
}

#[derive(Debug)]
struct State {
    flow: Flow,
    sleep: Sleep,
    closed: bool,
    /// The writer was told that nothing more comes.
    ended: bool,
}

/// Whether the writer has to be woken: a wake-up is a system call, and a flood would make a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sleep {
    Awake,
    Until(Option<Moment>),
}

impl Queue {
    pub fn new(config: FlowConfig) -> Queue {
        let state = State { flow: Flow::new(config), sleep: Sleep::Awake, closed: false, ended: false };
        Queue { state: Mutex::new(state), filled: Condvar::new(), emptied: Condvar::new(), made: Instant::now() }
    }

    /// Puts in something of kafka-node's own.
    pub fn push(&self, entry: Entry) {
        let now = self.now();
        let mut state = self.lock();
        state.flow.entry(now, entry);
        self.wake(state);
    }

    /// Puts in a record of a run.
    pub fn said(&self, origin: Origin, run: RunId, said: &Said<'_>) {
        let now = self.now();
        let mut state = self.lock();
        state.flow.said(now, origin, run, said);
        self.wake(state);
    }

    /// Waits for entries and moves some into `batch`, oldest first.
    pub fn pop(&self, batch: &mut Vec<Entry>) -> Popped {
        let mut state = self.lock();
        loop {
            let now = self.now();
            state.flow.take(now, batch, BATCH);
            if !batch.is_empty() {
                return Popped::Some;
            }
            if state.closed {
                state.ended = true;
                self.emptied.notify_all();
                return Popped::Closed;
            }
            let due = state.flow.due();
            state.sleep = Sleep::Until(due);
            state = match due {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let time = due.since(now).max(SHORTEST);
                    self.filled.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.sleep = Sleep::Awake;
            if !state.closed {
                drop(state);
                std::thread::sleep(GATHER);
                state = self.lock();
            }
        }
    }

    /// `count` entries of the last batch are out.
    pub fn written(&self, count: usize) {
        let now = self.now();
        self.lock().flow.written(now, count);
    }

    /// Takes no more records and waits until those in the queue are written. The answer is how many entries are not.
    pub fn close(&self, limit: Duration) -> usize {
        let begun = Instant::now();
        let now = self.now();
        let mut state = self.lock();
        if !state.closed {
            state.closed = true;
            state.flow.close(now);
        }
        self.filled.notify_all();
        loop {
            let time = limit.saturating_sub(begun.elapsed());
            if state.ended || time.is_zero() {
                return state.flow.left();
            }
            (state, _) = self.emptied.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What became of everything so far.
    pub fn counts(&self) -> Counts {
        self.lock().flow.counts()
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let earlier = |due: Option<Moment>, until: Option<Moment>| match (due, until) {
            (Some(due), Some(until)) => due < until,
            (due, None) => due.is_some(),
            (None, Some(_)) => false,
        };
        let Sleep::Until(until) = state.sleep else { return };
        if state.flow.waiting() > 0 || earlier(state.flow.due(), until) {
            state.sleep = Sleep::Awake;
            drop(state);
            self.filled.notify_one();
        }
    }

    fn now(&self) -> Moment {
        Moment::from_origin(self.made.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while holding it left a whole state: nothing in here can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::logs::{ENTRIES, FOLDS, Limit, Priority};

    const RUN: RunId = RunId(7);

    fn queue(fold_after: u32, limit: Option<Limit>) -> Queue {
        Queue::new(FlowConfig { fold_after, limit })
    }

    fn say(queue: &Queue, origin: Origin, priority: Priority, text: &str) {
        say_as(queue, origin, priority, "", text);
    }

    fn say_as(queue: &Queue, origin: Origin, priority: Priority, logger: &str, text: &str) {
        let said = Said {
            priority,
            time: b"",
            logger: logger.as_bytes(),
            thread: b"",
            message: text.as_bytes(),
            exception: b"",
            continued: false,
        };
        queue.said(origin, RUN, &said);
    }

    fn drained(queue: &Queue) -> Vec<Entry> {
        let mut all = Vec::new();
        queue.close(Duration::ZERO);
        let mut batch = Vec::new();
        while queue.pop(&mut batch) == Popped::Some {
            queue.written(batch.len());
            all.append(&mut batch);
        }
        all
    }

    fn texts(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.text.as_str()).collect()
    }

    #[test]
    fn a_flood_that_nobody_reads_leaves_room_for_errors_and_for_the_supervisor_and_every_record_is_accounted_for() {
        let queue = queue(200, None);
        for n in 0..2 * ENTRIES {
            say(&queue, Origin::Kafka, Priority::Info, &n.to_string());
        }
        say(&queue, Origin::Kafka, Priority::Error, "disk error");
        queue.push(Entry::own(Priority::Info, "the node is degraded"));
        let all = drained(&queue);
        assert!(texts(&all).contains(&"disk error"));
        assert!(texts(&all).iter().take(BATCH + 1).any(|text| *text == "the node is degraded"));
        assert!(all.len() < ENTRIES);
        let counts = queue.counts();
        assert_eq!((counts.said, counts.lost()), (2 * ENTRIES as u64 + 1, 0));
        assert_eq!(counts.said, counts.entries + counts.folded, "{counts:?}");
    }

    #[test]
    fn what_is_dropped_is_said_where_it_is_missing() {
        let queue = queue(200, None);
        // So long that nothing fits beside them, folded or not.
        let long = "x".repeat(200_000);
        for n in 0..100 {
            say_as(&queue, Origin::Kafka, Priority::Info, &n.to_string(), &long);
            say_as(&queue, Origin::ZooKeeper, Priority::Error, &n.to_string(), &long);
        }
        let lost = queue.counts().lost();
        assert!(lost > 0);
        queue.push(Entry::own(Priority::Info, "after"));
        let all = drained(&queue);
        let dropped: Vec<&str> = texts(&all).into_iter().filter(|text| text.starts_with("records dropped")).collect();
        let [.., kafka, zookeeper] = dropped.as_slice() else { panic!("{dropped:?}") };
        assert!(kafka.contains(" of kafka (") && zookeeper.contains(" of zookeeper ("), "{dropped:?}");
        assert!(all.len() < 2 * FOLDS);
        let counts = queue.counts();
        assert_eq!((counts.dropped, counts.unreported), (lost, 0));
        assert_eq!(counts.said, counts.entries + counts.folded + counts.dropped, "{counts:?}");
    }

    #[test]
    fn losses_at_the_very_end_are_said_too() {
        let queue = queue(200, None);
        say(&queue, Origin::Kafka, Priority::Info, "first");
        queue.close(Duration::ZERO);
        say(&queue, Origin::Kafka, Priority::Error, "too late");
        let all = drained(&queue);
        let words = "records dropped here: 1 of kafka (1 ERROR), since more was said than the log takes";
        assert_eq!(texts(&all), ["first", words]);
    }

    #[test]
    fn a_fold_wakes_the_sleeping_writer_when_it_is_due() {
        let queue = Arc::new(queue(1, None));
        let popped = Arc::clone(&queue);
        let (sender, receiver) = std::sync::mpsc::channel();
        let writer = std::thread::spawn(move || {
            let mut batch = Vec::new();
            while popped.pop(&mut batch) == Popped::Some {
                popped.written(batch.len());
                batch.drain(..).for_each(|entry| sender.send(entry).expect("a receiver"));
            }
        });
        let next = || receiver.recv_timeout(Duration::from_secs(60)).expect("an entry");
        say(&queue, Origin::Kafka, Priority::Info, "again");
        // The writer sleeps for ever now, as far as it knows, or is about to.
        assert_eq!(next().text, "again");
        say(&queue, Origin::Kafka, Priority::Info, "again");
        say(&queue, Origin::Kafka, Priority::Info, "again");
        let fold = next();
        assert_eq!(fold.folded.map(|folded| folded.count), Some(2), "{}", fold.text);
        assert_eq!(queue.close(Duration::from_secs(60)), 0);
        writer.join().expect("the writer");
    }
}
