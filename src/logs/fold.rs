//! Many records in one entry: the first of them as it was said, how many there are, and when they began and ended. Pure.
//!
//! A fold is of records that say the same, or of records of one logger at one level that are merely alike; and always of one
//! run. Absent on purpose: when a record is folded (`flow`).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Moment, RunId, Span};

use super::record::{Entry, Folded, Origin, Said, readable};

/// An open fold becomes an entry this long after its first record, though more come.
pub const FOLD_WINDOW: Duration = Duration::from_secs(10);
/// An open fold becomes an entry when nothing came to it for this long.
pub const FOLD_PAUSE: Duration = Duration::from_secs(1);
/// Folds that may be open.
pub const FOLDS: usize = 256;
/// What a fold costs in bytes beside its sample: two times, and the words behind its text.
pub(super) const OVERHEAD: usize = 512;
/// The longest own time of a record that is kept, in bytes; log4j's has 23.
const TIME_CAP: usize = 32;

/// What the records of a fold have in common, beside their run and level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Logger and message.
    Same,
    /// The logger.
    Alike,
}

/// An open fold.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    kind: Kind,
    /// The first record. It is in no other entry.
    sample: Entry,
    /// With its own, except after [`Fold::restart`].
    count: u64,
    first: Moment,
    last: Moment,
    /// Raw, as they were printed; reused for every record.
    first_time: Vec<u8>,
    last_time: Vec<u8>,
}

impl Fold {
    /// A fold of one record.
    pub fn new(kind: Kind, now: Moment, sample: Entry, said: &Said<'_>) -> Fold {
        let time = stamp(said.time).to_vec();
        Fold { kind, sample, count: 1, first: now, last: now, first_time: time.clone(), last_time: time }
    }

    /// One more record.
    pub fn add(&mut self, now: Moment, said: &Said<'_>) {
        let time = stamp(said.time);
        if self.count == 0 {
            self.first = now;
            self.first_time.clear();
            self.first_time.extend_from_slice(time);
        }
        self.count = self.count.saturating_add(1);
        self.last = self.last.max(now);
        self.last_time.clear();
        self.last_time.extend_from_slice(time);
    }

    /// How many records it stands for.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What it says, and how loudly.
    pub fn sample(&self) -> &Entry {
        &self.sample
    }

    /// When it is to become an entry, if nothing more comes.
    pub fn due(&self) -> Moment {
        let pause = self.last + FOLD_PAUSE;
        if self.count == 0 { pause } else { pause.min(self.first + FOLD_WINDOW) }
    }

    /// Whether its message has not paused, and was said more than `often` times a second since the fold began.
    pub fn goes_on(&self, now: Moment, often: u32) -> bool {
        let millis = u64::try_from(now.since(self.first).as_millis()).unwrap_or(u64::MAX);
        self.kind == Kind::Same
            && now < self.last + FOLD_PAUSE
            && self.count.saturating_mul(1_000) > millis.saturating_mul(u64::from(often))
    }

    /// Begins again, with no record yet, and gives what it held until now.
    pub fn restart(&mut self) -> Fold {
        let held = self.clone();
        self.count = 0;
        held
    }

    /// The entry that stands for all its records. One of a single record is that record.
    pub fn entry(self) -> Entry {
        let Fold { kind, sample: mut entry, count, first, last, first_time, last_time } = self;
        let (first_time, last_time) = (readable(&first_time), readable(&last_time));
        if count > 1 {
            let over = last.since(first);
            let many = match (kind, entry.logger.is_empty()) {
                (Kind::Same, _) => format!("said {count} times"),
                (Kind::Alike, false) => {
                    let (level, logger) = (entry.priority.word(), cut(&entry.logger));
                    format!("and {} other {level} records of {logger}", count - 1)
                }
                (Kind::Alike, true) => format!("and {} other {} records", count - 1, entry.priority.word()),
            };
            // Below a stack trace it has a line of its own.
            let mut behind = String::from(if entry.text.contains('\n') { "\n" } else { " " });
            behind.push_str(&format!("[{many} in {:.1}", Span(over)));
            if !first_time.is_empty() && !last_time.is_empty() {
                behind.push_str(&format!(", from {first_time} to {last_time}"));
            }
            behind.push(']');
            entry.text.reserve_exact(behind.len());
            entry.text.push_str(&behind);
            entry.folded = Some(Folded { count, over, first: first_time.clone(), last: last_time });
        }
        if !first_time.is_empty() {
            entry.time = first_time;
        }
        entry
    }

    fn holds(&self, kind: Kind, origin: Origin, run: RunId, said: &Said<'_>) -> bool {
        let sample = &self.sample;
        self.kind == kind
            && sample.origin == origin
            && sample.run == Some(run)
            && sample.priority == said.priority
            && equal(&sample.logger, said.logger)
            && (kind == Kind::Alike || equal(&sample.text, said.message))
    }
}

/// Whether `text` was made of `bytes`. Only bytes that are no text cost an allocation.
fn equal(text: &str, bytes: &[u8]) -> bool {
    text.as_bytes() == bytes || (text.len() > bytes.len() && readable(bytes) == text)
}

fn stamp(time: &[u8]) -> &[u8] {
    // A longer one is none that anybody could use.
    if time.len() <= TIME_CAP { time } else { b"" }
}

/// A logger's name, not longer than the overhead of a fold allows.
fn cut(logger: &str) -> &str {
    const CAP: usize = 64;
    let at = (0..=CAP).rev().find(|at| logger.is_char_boundary(*at)).unwrap_or(0);
    logger.split_at_checked(at).map_or(logger, |(head, _)| head)
}

/// The open folds by the fingerprint of what their records have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Folds {
    open: BTreeMap<u64, Fold>,
    bytes: usize,
    /// No fold is due before that.
    due: Option<Moment>,
}

impl Folds {
    /// The open fold that a record belongs to.
    pub fn find(&mut self, print: u64, kind: Kind, origin: Origin, run: RunId, said: &Said<'_>) -> Option<&mut Fold> {
        self.open.get_mut(&print).filter(|fold| fold.holds(kind, origin, run, said))
    }

    /// Opens one. Where something else has its fingerprint, there is no place for it and the answer is no.
    pub fn open(&mut self, print: u64, fold: Fold) -> bool {
        if self.open.contains_key(&print) {
            return false;
        }
        self.bytes += fold.sample.size() + OVERHEAD;
        self.wake_at(fold.due());
        self.open.insert(print, fold);
        true
    }

    /// The fold with this fingerprint.
    pub fn get_mut(&mut self, print: u64) -> Option<&mut Fold> {
        self.open.get_mut(&print)
    }

    /// Closes one.
    pub fn close(&mut self, print: u64) -> Option<Fold> {
        let fold = self.open.remove(&print)?;
        self.bytes = self.bytes.saturating_sub(fold.sample.size() + OVERHEAD);
        if self.open.is_empty() {
            // Not even an empty node of the map is kept.
            *self = Folds::default();
        }
        Some(fold)
    }

    /// The fingerprints of those that are due, the one that began first before the others. Whatever stays open has to be
    /// announced again by [`Folds::wake_at`]: only those that are not due are announced here.
    pub fn due_at(&mut self, now: Moment) -> Vec<u64> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.due = None;
        let mut due: Vec<(Moment, u64)> = Vec::new();
        let mut next: Option<Moment> = None;
        for (print, fold) in &self.open {
            if fold.due() <= now {
                due.push((fold.first, *print));
            } else {
                next = Some(next.map_or(fold.due(), |next| next.min(fold.due())));
            }
        }
        self.due = next;
        due.sort_unstable();
        due.into_iter().map(|(_, print)| print).collect()
    }

    /// All fingerprints, the one that began first before the others.
    pub fn all(&self) -> Vec<u64> {
        let mut all: Vec<(Moment, u64)> = self.open.iter().map(|(print, fold)| (fold.first, *print)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, print)| print).collect()
    }

    /// One is due at that moment, or later.
    pub fn wake_at(&mut self, moment: Moment) {
        self.due = Some(self.due.map_or(moment, |due| due.min(moment)));
    }

    /// Before this moment none is due.
    pub fn due(&self) -> Option<Moment> {
        self.due
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// What their samples and their own entries cost.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
