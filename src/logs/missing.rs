//! Records that nothing has a place for: counted, and said by an entry where they are missing. Pure.
//!
//! Absent on purpose: when that entry is made (`flow`).

use std::time::Duration;

use crate::model::{EventId, Moment};

use super::backlog::Stands;
use super::level::Priority;
use super::record::{Entry, Origin};

/// Where tokens are few, what is missing is said this long after the first of it.
pub const DROP_WAIT: Duration = Duration::from_secs(10);

/// What is missing and not yet said, by who would have said it.
#[derive(Clone, Debug, Default)]
pub(super) struct Missing {
    /// In the order of [`Origin::ALL`].
    tallies: [Tally; 3],
    since: Option<Moment>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    own: u64,
    /// FATAL, ERROR, WARN, INFO, DEBUG.
    records: [u64; 5],
}

impl Missing {
    /// One more is missing: a record, or an entry of kafka-node's own.
    pub fn add(&mut self, now: Moment, origin: Origin, priority: Priority, own: bool) {
        self.since.get_or_insert(now);
        let [kafka, zookeeper, node] = &mut self.tallies;
        let tally = match origin {
            Origin::Kafka => kafka,
            Origin::ZooKeeper => zookeeper,
            Origin::KafkaNode => node,
        };
        tally.own += u64::from(own);
        let [fatal, error, warning, info, debug] = &mut tally.records;
        let count = match priority {
            Priority::Critical => fatal,
            Priority::Error => error,
            Priority::Warning => warning,
            Priority::Info => info,
            Priority::Debug => debug,
        };
        *count += 1;
    }

    /// Since when something is missing; `None` while nothing is.
    pub fn since(&self) -> Option<Moment> {
        self.since
    }

    fn count(&self) -> u64 {
        self.tallies.iter().map(Tally::count).sum()
    }

    /// The next entry that says what is missing; `None` when all is said.
    pub fn say(&mut self) -> Option<(Entry, Stands)> {
        let (tally, origin) = self.tallies.iter_mut().zip(Origin::ALL).find(|(tally, _)| tally.count() > 0)?;
        let tally = std::mem::take(tally);
        if self.count() == 0 {
            self.since = None;
        }
        Some((
            Entry { event: Some(EventId::RECORDS_DROPPED), ..Entry::own(Priority::Warning, tally.words(origin)) },
            Stands::Dropped(tally.count() - tally.own, tally.own),
        ))
    }
}

impl Tally {
    fn count(&self) -> u64 {
        self.records.iter().sum()
    }

    fn words(&self, origin: Origin) -> String {
        const LEVELS: [Priority; 5] =
            [Priority::Critical, Priority::Error, Priority::Warning, Priority::Info, Priority::Debug];
        let each: Vec<String> = (self.records.iter().zip(LEVELS))
            .filter(|(count, _)| **count > 0)
            .map(|(count, level)| format!("{count} {}", level.word()))
            .collect();
        let (count, name, each) = (self.count(), origin.as_str(), each.join(", "));
        format!("records dropped here: {count} of {name} ({each}), since more was said than the log takes")
    }
}
