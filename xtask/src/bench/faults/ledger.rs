//! What was acknowledged against what is there: no acknowledged record may be missing, none should be there twice.
//! Absent on purpose: reading the topic (`tools`).

use std::collections::BTreeMap;
use std::fmt;

use super::acks::{Ack, Acks};

/// The comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Records acknowledged to the producer.
    pub acknowledged: usize,
    /// Records that the producer gave up.
    pub failed: usize,
    /// Records read back.
    pub read: usize,
    /// Acknowledged, and not read back.
    pub lost: Vec<Ack>,
    /// Values that were read more than once, each counted as often as it was one too many.
    pub duplicates: usize,
    /// Values that were acknowledged more than once. The producer counts, so this is never so; else the rest means nothing.
    pub acknowledged_twice: usize,
}

impl Ledger {
    /// Compares.
    pub fn compare(acks: &Acks, read: &[u64]) -> Self {
        let mut there: BTreeMap<u64, usize> = BTreeMap::new();
        for value in read {
            *there.entry(*value).or_default() += 1;
        }
        let mut values: Vec<u64> = acks.list.iter().map(|ack| ack.value).collect();
        values.sort_unstable();
        let twice = values.windows(2).filter(|pair| matches!(pair, [a, b] if a == b)).count();
        Self {
            acknowledged: acks.list.len(),
            failed: acks.failed.len(),
            read: read.len(),
            lost: acks.list.iter().filter(|ack| !there.contains_key(&ack.value)).copied().collect(),
            duplicates: there.values().map(|count| count.saturating_sub(1)).sum(),
            acknowledged_twice: twice,
        }
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, failed, read, lost, duplicates, acknowledged_twice } = self;
        write!(
            f,
            "{acknowledged} records acknowledged, {failed} given up by the producer; {read} read back, {} lost, {duplicates} \
             duplicates",
            lost.len()
        )?;
        if *acknowledged_twice > 0 {
            write!(f, "; {acknowledged_twice} values were acknowledged twice, which cannot be")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_there_twice_is_counted() {
        let ack = |value| Ack { at: 0, partition: 0, value };
        let acks = Acks { list: [0, 1, 2, 5].map(ack).to_vec(), failed: vec![(0, "late".into())], ..Acks::default() };
        // 3 was written and never acknowledged, which is allowed.
        let ledger = Ledger::compare(&acks, &[2, 3, 0, 2, 2, 1]);
        assert_eq!(ledger.lost, [ack(5)]);
        assert_eq!((ledger.duplicates, ledger.read, ledger.failed, ledger.acknowledged_twice), (2, 6, 1, 0));
        assert!(ledger.to_string().contains("1 lost, 2 duplicates"), "{ledger}");
    }
}
