//! The flow from what is said to what is written: as it was said where there is room for it, else folded, else counted. Pure.
//!
//! A record goes the first of these ways that is open to it:
//! 1. into the open fold of records that say the same; one is opened when a message was said more than `fold_after` times
//!    within a second;
//! 2. INFO and below: into the open fold of its logger, so that a flood of one logger leaves the tokens to the others;
//! 3. as it is, into the backlog: there must be a token of its class (`bucket`) and room;
//! 4. into the fold of its logger, which is opened where there is a place for it;
//! 5. nowhere: it is counted, and the count is an entry at that place (`missing`).
//!
//! Shares of the bounds decide who gives way first: INFO as it is, INFO folded, warnings and errors as they are, folded, and
//! last what kafka-node itself says. What stands for many waits for its token, and meanwhile goes on standing for more.
//!
//! Exactly, after [`Flow::close`] and when nothing is left to take: said = entries + folded + dropped. Absent on purpose:
//! the lock and the thread around it, the clock, and where entries go (`notify`).

use crate::model::{Moment, RunId};

use super::backlog::{Backlog, ENTRIES, Stands};
use super::bucket::{Buckets, Depth, Limit};
use super::fold::{FOLDS, Fold, Folds, Kind, OVERHEAD};
use super::level::Priority;
use super::missing::{DROP_WAIT, Missing};
use super::record::{Entry, Origin, Said};
use super::repeats::{Repeats, fingerprint};

/// Bytes of text that may wait, be in hand, or stand in folds: the node's memory belongs to the JVMs.
pub const TEXT_BYTES: usize = 4 * 1024 * 1024;

/// What a [`Flow`] is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowConfig {
    /// Identical messages a second before they are folded.
    pub fold_after: u32,
    /// What the receiver takes; `None` for all it is given.
    pub limit: Option<Limit>,
}

/// What became of everything so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that were said.
    pub said: u64,
    /// Of those, the ones taken as an entry each.
    pub entries: u64,
    /// The ones that entries taken stand for, which stand for several.
    pub folded: u64,
    /// The ones that entries taken report as dropped.
    pub dropped: u64,
    /// The ones dropped that no entry taken reports yet, and those of kafka-node's own.
    pub unreported: u64,
    /// Entries of kafka-node's own that were said.
    pub own_said: u64,
    /// Of those, the ones taken.
    pub own_entries: u64,
    /// The ones that entries taken report as dropped.
    pub own_dropped: u64,
}

impl Counts {
    /// Everything dropped so far, reported or not.
    pub fn lost(&self) -> u64 {
        self.dropped + self.own_dropped + self.unreported
    }
}

/// The flow of one node: both JVMs' records and kafka-node's own.
#[derive(Clone, Debug)]
pub struct Flow {
    fold_after: u32,
    buckets: Buckets,
    repeats: Repeats,
    folds: Folds,
    backlog: Backlog,
    missing: Missing,
    /// Everything that was ever missing.
    lost: u64,
    counts: Counts,
    closed: bool,
}

/// A share of the bounds, in sixteenths.
type Share = usize;
const INFO_WHOLE: Share = 8;
const INFO_FOLDED: Share = 12;
const SEVERE_WHOLE: Share = 14;
const SEVERE_FOLDED: Share = 15;

impl Flow {
    /// A flow that nothing was said to.
    pub fn new(config: FlowConfig) -> Flow {
        Flow {
            fold_after: config.fold_after,
            buckets: Buckets::new(config.limit),
            repeats: Repeats::default(),
            folds: Folds::default(),
            backlog: Backlog::default(),
            missing: Missing::default(),
            lost: 0,
            counts: Counts::default(),
            closed: false,
        }
    }

    /// Takes in one record of a run. Allocates only for what it keeps.
    pub fn said(&mut self, now: Moment, origin: Origin, run: RunId, said: &Said<'_>) {
        self.counts.said += 1;
        if self.closed {
            return self.miss(now, origin, said.priority, false);
        }
        let alike = fingerprint(run.0 ^ ((origin as u64) << 8) ^ u64::from(said.priority.number()), said.logger);
        let same = fingerprint(alike, said.message);
        if let Some(fold) = self.folds.find(same, Kind::Same, origin, run, said) {
            return fold.add(now, said);
        }
        let severe = said.priority <= Priority::Warning;
        let (whole, folded) = if severe { (SEVERE_WHOLE, SEVERE_FOLDED) } else { (INFO_WHOLE, INFO_FOLDED) };
        let often = self.repeats.another(now, same) > self.fold_after;
        if often && self.open(now, (same, Kind::Same), folded, origin, run, said) {
            return;
        }
        if !severe && let Some(fold) = self.folds.find(alike, Kind::Alike, origin, run, said) {
            return fold.add(now, said);
        }
        if self.keep(now, whole, origin, run, said) {
            return;
        }
        if let Some(fold) = self.folds.find(alike, Kind::Alike, origin, run, said) {
            return fold.add(now, said);
        }
        if !self.open(now, (alike, Kind::Alike), folded, origin, run, said) {
            self.miss(now, origin, said.priority, false);
        }
    }

    /// Takes in something of kafka-node's own. It asks for no token and stands behind a batch of others at most.
    pub fn entry(&mut self, now: Moment, entry: Entry) {
        self.counts.own_said += 1;
        // What says that records are missing has to have a place too.
        let full = self.backlog.len() + Origin::ALL.len() >= ENTRIES
            || self.bytes() + entry.size() + Origin::ALL.len() * OVERHEAD > TEXT_BYTES;
        if self.closed || full {
            return self.miss(now, entry.origin, entry.priority, true);
        }
        self.say_missing(now);
        self.buckets.of(entry.priority).reserve_anyway();
        self.backlog.push_own(entry);
    }

    /// Moves at most `most` entries into `batch`, oldest first. What is due is made before.
    pub fn take(&mut self, now: Moment, batch: &mut Vec<Entry>, most: usize) {
        // What is missing has waited for longer than any fold.
        self.say_missing(now);
        self.settle(now);
        for _ in 0..most {
            let Some((entry, stands)) = self.backlog.take() else { break };
            match stands {
                Stands::One => self.counts.entries += 1,
                Stands::Folded(count) => self.counts.folded += count,
                Stands::Dropped(records, own) => {
                    self.counts.dropped += records;
                    self.counts.own_dropped += own;
                }
                Stands::Own => self.counts.own_entries += 1,
            }
            batch.push(entry);
        }
        self.backlog.shrink();
    }

    /// The first `count` of those in hand are written.
    pub fn written(&mut self, now: Moment, count: usize) {
        for _ in 0..count {
            let Some(priority) = self.backlog.written() else { break };
            self.buckets.of(priority).pay(now);
        }
    }

    /// When there is something to take although nobody says anything. `None` while everything said was taken.
    pub fn due(&self) -> Option<Moment> {
        let missing = self.missing.since().map(|since| {
            let bucket = self.buckets.warning();
            bucket.when(Depth::Upper).min(bucket.when(Depth::Last).max(since + DROP_WAIT))
        });
        missing.into_iter().chain(self.folds.due()).min()
    }

    /// Entries that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.backlog.waiting()
    }

    /// Entries that wait or are in hand.
    pub fn left(&self) -> usize {
        self.backlog.len()
    }

    /// Nothing is let in any more, and every open fold and what is missing becomes an entry, tokens or not.
    pub fn close(&mut self, now: Moment) {
        self.closed = true;
        for print in self.folds.all() {
            if let Some(fold) = self.folds.close(print) {
                self.put(fold);
            }
        }
        self.say_missing(now);
    }

    /// What became of everything so far.
    pub fn counts(&self) -> Counts {
        Counts { unreported: self.lost - self.counts.dropped - self.counts.own_dropped, ..self.counts }
    }

    /// Bytes of text that are kept.
    pub fn bytes(&self) -> usize {
        self.backlog.bytes() + self.folds.bytes()
    }

    fn miss(&mut self, now: Moment, origin: Origin, priority: Priority, own: bool) {
        self.lost += 1;
        self.missing.add(now, origin, priority, own);
    }

    fn has_room(&self, share: Share, bytes: usize) -> bool {
        self.backlog.len() < ENTRIES / 16 * share && self.bytes() + bytes <= TEXT_BYTES / 16 * share
    }

    /// Lets a record in as it is.
    fn keep(&mut self, now: Moment, share: Share, origin: Origin, run: RunId, said: &Said<'_>) -> bool {
        if !self.has_room(share, least(said)) || !self.buckets.of(said.priority).has(now, Depth::Whole) {
            return false;
        }
        let entry = Entry::new(origin, run, said);
        // Bytes that are no text grow.
        if !self.has_room(share, entry.size()) {
            return false;
        }
        self.say_missing(now);
        // That may have taken the last token.
        let bucket = self.buckets.of(said.priority);
        if !bucket.has(now, Depth::Whole) {
            return false;
        }
        bucket.reserve_anyway();
        self.backlog.push(entry, Stands::One);
        true
    }

    /// Opens a fold with a record as its first.
    fn open(
        &mut self,
        now: Moment,
        (print, kind): (u64, Kind),
        share: Share,
        origin: Origin,
        run: RunId,
        said: &Said<'_>,
    ) -> bool {
        let room = |flow: &Flow, bytes: usize| flow.bytes() + bytes + OVERHEAD <= TEXT_BYTES / 16 * share;
        if self.folds.len() >= FOLDS * share / SEVERE_FOLDED || !room(self, least(said)) {
            return false;
        }
        let entry = Entry::new(origin, run, said);
        room(self, entry.size()) && self.folds.open(print, Fold::new(kind, now, entry, said))
    }

    /// Makes entries of the folds that are due, as far as there are tokens.
    fn settle(&mut self, now: Moment) {
        for print in self.folds.due_at(now) {
            let Some(fold) = self.folds.get_mut(print) else { continue };
            if fold.count() == 0 {
                self.folds.close(print);
                continue;
            }
            let (priority, size) = (fold.sample().priority, fold.sample().size() + OVERHEAD);
            let goes_on = fold.goes_on(now, self.fold_after);
            let bucket = self.buckets.of(priority);
            if !bucket.has(now, Depth::Last) || self.backlog.len() >= ENTRIES / 16 * SEVERE_FOLDED {
                let again = bucket.when(Depth::Last);
                self.folds.wake_at(again);
                continue;
            }
            let held = if goes_on && self.has_room(SEVERE_FOLDED, size) {
                let again = self.folds.get_mut(print).map(|fold| (fold.restart(), fold.due()));
                again.map(|(held, due)| {
                    self.folds.wake_at(due);
                    held
                })
            } else {
                self.folds.close(print)
            };
            if let Some(held) = held {
                self.put(held);
            }
        }
    }

    fn put(&mut self, fold: Fold) {
        let stands = match fold.count() {
            0 => return,
            1 => Stands::One,
            count => Stands::Folded(count),
        };
        self.buckets.of(fold.sample().priority).reserve_anyway();
        self.backlog.push(fold.entry(), stands);
    }

    /// Says what is missing behind all that waits, where tokens are plenty or it was put off for long enough.
    fn say_missing(&mut self, now: Moment) {
        let Some(since) = self.missing.since() else { return };
        let depth = if now >= since + DROP_WAIT { Depth::Last } else { Depth::Upper };
        let has_place = |flow: &Flow| flow.backlog.len() < ENTRIES && flow.bytes() + OVERHEAD <= TEXT_BYTES;
        while self.closed || has_place(self) && self.buckets.of(Priority::Warning).has(now, depth) {
            let Some((entry, stands)) = self.missing.say() else { break };
            self.buckets.of(Priority::Warning).reserve_anyway();
            self.backlog.push(entry, stands);
        }
    }
}

/// The least that a record costs as text.
fn least(said: &Said<'_>) -> usize {
    [said.message, said.logger, said.thread, said.exception, said.time].iter().map(|bytes| bytes.len()).sum()
}
