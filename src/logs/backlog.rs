//! Entries that wait to be written: a bounded queue, in the order in which they are to stand in the journal. Pure.
//!
//! Absent on purpose: who is let in (`flow`), and the folds that wait beside it (`fold`).

use std::collections::VecDeque;

use super::level::Priority;
use super::record::Entry;

/// Entries that may wait or be in hand. A broker's recovery prints 14,000 in 30 s (`facts.md`).
pub const ENTRIES: usize = 8192;
/// An entry of kafka-node's own stands behind at most this many of others.
const AHEAD: usize = 256;
/// Kept of the queue's memory when it is empty.
const KEPT: usize = 64;

/// What an entry stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// One record.
    One,
    /// So many records.
    Folded(u64),
    /// So many records that are in no entry, and so many of kafka-node's own.
    Dropped(u64, u64),
    /// Something of kafka-node's own.
    Own,
}

/// The queue, and what was taken out of it and is not yet written.
#[derive(Clone, Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Waiting>,
    in_hand: VecDeque<(Priority, usize)>,
    /// Of texts, those in hand included.
    bytes: usize,
    /// Where the last of kafka-node's own stands, and one more.
    own_end: usize,
}

#[derive(Clone, Debug)]
struct Waiting {
    entry: Entry,
    stands: Stands,
    size: usize,
}

impl Backlog {
    /// Puts an entry behind all others.
    pub fn push(&mut self, entry: Entry, stands: Stands) {
        let size = entry.size();
        self.bytes += size;
        self.waiting.push_back(Waiting { entry, stands, size });
    }

    /// Puts one of kafka-node's own behind the last of its kind, and else near the front.
    pub fn push_own(&mut self, entry: Entry) {
        let size = entry.size();
        self.bytes += size;
        let place = self.waiting.len().min(AHEAD.max(self.own_end));
        self.waiting.insert(place, Waiting { entry, stands: Stands::Own, size });
        self.own_end = place + 1;
    }

    /// Takes the next one in hand.
    pub fn take(&mut self) -> Option<(Entry, Stands)> {
        let Waiting { entry, stands, size } = self.waiting.pop_front()?;
        self.own_end = self.own_end.saturating_sub(1);
        self.in_hand.push_back((entry.priority, size));
        Some((entry, stands))
    }

    /// The one that has been in hand for longest is written.
    pub fn written(&mut self) -> Option<Priority> {
        let (priority, size) = self.in_hand.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size);
        Some(priority)
    }

    /// After a flood the memory goes back.
    pub fn shrink(&mut self) {
        if self.waiting.is_empty() {
            self.waiting.shrink_to(KEPT);
        }
    }

    /// Entries that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Entries that wait or are in hand.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.in_hand.len()
    }

    /// Bytes of text that wait or are in hand.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
