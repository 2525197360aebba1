//! What a roll cost its clients, in lines: gaps between acknowledged writes, gaps between received records, and what each of the
//! longest fell together with. Absent on purpose: a verdict. The limits stand in `docs/figures.md`.

use super::deed::Said;
use super::group::Group;
use crate::bench::faults::PARTITIONS;
use crate::bench::faults::acks::Acks;
use crate::bench::faults::ledger::Ledger;
use crate::progress::Progress;

/// Waits that are shown one by one.
const SHOWN: usize = 5;
/// Changes that are shown with a wait: those so long before it, in milliseconds, and up to its end.
const BEFORE: u64 = 150;

/// A partition without an acknowledgement, or a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The partition; `None` for all of them.
    pub partition: Option<usize>,
    /// From when, in milliseconds since 1970.
    pub from: u64,
    /// Until when.
    pub to: u64,
}

impl Wait {
    fn length(self) -> u64 {
        self.to.saturating_sub(self.from)
    }
}

/// What it came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// How long it took, in seconds.
    pub took: f64,
    /// Records that the producer gave up.
    pub failed: usize,
    /// Acknowledged records that were not received, or not read anew.
    pub lost: usize,
    /// The longest gap between acknowledged writes, in seconds: over all partitions, and of the one that waited longest.
    pub writes: (f64, f64),
    /// The same of records received.
    pub records: (f64, f64),
}

/// What is reported.
pub struct Report<'a> {
    /// The roll's beginning and end, and the window's end, in milliseconds since 1970.
    pub from: u64,
    /// See `from`.
    pub over: u64,
    /// See `from`.
    pub to: u64,
    /// Where the quiet before it began.
    pub quiet: u64,
    /// What the producer was told.
    pub acks: &'a Acks,
    /// What the group got.
    pub group: &'a Group,
    /// What happened.
    pub said: Said,
}

impl Report<'_> {
    /// Prints it.
    pub fn print(&self, progress: &Progress) -> Cost {
        let received = self.group.received();
        for (at, words) in &self.said {
            progress.say(format!("roll: {:>8.3} s  {words}", seconds(at.saturating_sub(self.from))));
        }
        let (writes, mut shown) = self.waits_of("write", progress, self.acks);
        let (records, more) = self.waits_of("record", progress, &received);
        shown.extend(more);
        for (what, wait) in shown {
            self.explain(progress, what, wait);
        }
        for (member, got) in self.group.each().enumerate() {
            let longest = waits(got, self.from, self.to).into_iter().filter(|wait| wait.partition.is_none());
            let longest = longest.map(Wait::length).max().unwrap_or_default();
            progress.say(format!(
                "roll: consumer {}: nothing at all for {:.3} s at most; {} records",
                member + 1,
                seconds(longest),
                got.count(self.from, self.to)
            ));
        }
        let rebalances = self.group.rebalances(self.from, self.to).len();
        progress.say(format!("roll: assignments of the group during the roll: {rebalances}"));
        let values: Vec<u64> = received.list.iter().map(|got| got.value).collect();
        let ledger = Ledger::compare(self.acks, &values);
        progress.say(format!(
            "roll: failed sends: {}; acknowledged {}; received by the group {}; lost {}, received twice {}",
            ledger.failed,
            ledger.acknowledged,
            ledger.read,
            ledger.lost.len(),
            ledger.duplicates
        ));
        let took = seconds(self.over.saturating_sub(self.from));
        progress.say(format!("roll: took {took:.1} s"));
        Cost { took, failed: ledger.failed, lost: ledger.lost.len(), writes, records }
    }

    /// The line of the longest gaps, their lengths, and the longest that do not overlap, longest first.
    fn waits_of<'w>(&self, what: &'w str, progress: &Progress, acks: &Acks) -> ((f64, f64), Vec<(&'w str, Wait)>) {
        let longest = |waits: &[Wait], any: bool| {
            let of = waits.iter().filter(|wait| wait.partition.is_none() == any);
            seconds(of.map(|wait| wait.length()).max().unwrap_or_default())
        };
        let mut during = waits(acks, self.from, self.to);
        let quiet = waits(acks, self.quiet, self.from);
        progress.say(format!(
            "roll: longest gap, {what}s: {:.3} s over all partitions, {:.3} s of the partition that waited longest (in the quiet \
             before: {:.3} s, {:.3} s)",
            longest(&during, true),
            longest(&during, false),
            longest(&quiet, true),
            longest(&quiet, false)
        ));
        let lengths = (longest(&during, true), longest(&during, false));
        during.sort_by_key(|wait| std::cmp::Reverse(wait.length()));
        let mut shown: Vec<(&str, Wait)> = Vec::new();
        for wait in during {
            // One failover shows in several partitions; the longest of them tells it.
            let told = |(_, other): &(&str, Wait)| other.from <= wait.to && wait.from <= other.to;
            if shown.len() < SHOWN && !shown.iter().any(told) {
                shown.push((what, wait));
            }
        }
        (lengths, shown)
    }

    fn explain(&self, progress: &Progress, what: &str, wait: Wait) {
        let partition = wait.partition.map_or("any partition".to_owned(), |partition| format!("partition {partition}"));
        let at = |time: u64| seconds(time.saturating_sub(self.from));
        progress.say(format!(
            "roll: no {what} of {partition} for {:.3} s, from {:.3} s to {:.3} s ({} UTC); seen then:",
            seconds(wait.length()),
            at(wait.from),
            at(wait.to),
            clock(wait.from)
        ));
        let near = |time: &u64| (wait.from.saturating_sub(BEFORE)..=wait.to).contains(time);
        for (time, words) in self.said.iter().filter(|(time, _)| near(time)) {
            progress.say(format!("roll:     {:>8.3} s  {words}", at(*time)));
        }
    }
}

/// Every pause in a window, of each partition and of all together. One that began before counts with its whole length.
pub fn waits(acks: &Acks, from: u64, to: u64) -> Vec<Wait> {
    let mut last: Vec<Option<u64>> = vec![None; PARTITIONS + 1];
    let mut waits = Vec::new();
    for ack in acks.list.iter().take_while(|ack| ack.at <= to) {
        for (slot, partition) in [(ack.partition, Some(ack.partition)), (PARTITIONS, None)] {
            let Some(slot) = last.get_mut(slot) else { continue };
            let since = slot.replace(ack.at).unwrap_or(from);
            if ack.at > from {
                waits.push(Wait { partition, from: since, to: ack.at });
            }
        }
    }
    let open = |(slot, last): (usize, &Option<u64>)| {
        let partition = (slot < PARTITIONS).then_some(slot);
        Wait { partition, from: last.unwrap_or(from), to }
    };
    waits.extend(last.iter().enumerate().map(open));
    waits
}

/// The time of day, as the nodes' logs have it.
fn clock(milliseconds: u64) -> String {
    let (of_day, ms) = (milliseconds / 1000 % 86_400, milliseconds % 1000);
    format!("{:02}:{:02}:{:02}.{ms:03}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

fn seconds(milliseconds: u64) -> f64 {
    std::time::Duration::from_millis(milliseconds).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::faults::acks::Ack;

    #[test]
    fn pauses_are_of_each_partition_and_of_all() {
        let list = [(100, 0), (150, 1), (400, 0), (450, 1)];
        let list = list.iter().zip(0..).map(|(&(at, partition), value)| Ack { at, partition, value }).collect();
        let found = waits(&Acks { list, ..Acks::default() }, 120, 500);
        let has = |partition, from, to| found.contains(&Wait { partition, from, to });
        assert!(has(Some(0), 100, 400), "it began before the window: {found:?}");
        assert!(has(Some(1), 150, 450) && has(None, 150, 400), "{found:?}");
        assert!(has(Some(1), 450, 500) && has(Some(2), 120, 500), "open at the end: {found:?}");
    }

    #[test]
    fn the_clock_is_that_of_the_logs() {
        assert_eq!(clock(86_400_000 + 3_723_004), "01:02:03.004");
    }
}
