//! How often a message was said within a second, by its fingerprint, in bounded memory. Pure.
//!
//! An estimate that is exact until two messages meet in one slot; then the one that is said more often stays, and is counted
//! too low. Absent on purpose: the messages, and what follows from their number (`flow`).

use std::time::Duration;

use crate::model::Moment;

/// Messages of which is known how often they were said: 12 KiB, made when the first one comes.
const SLOTS: usize = 512;
/// What "a second" is.
const SECOND: Duration = Duration::from_secs(1);

/// 64 bits that stand for `bytes`, continuing `seed`. Fast, and no defence: whoever uses it compares the bytes too.
pub(super) fn fingerprint(seed: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    // Seeds may be small numbers too: the length stands in other bits.
    let mut print = mixed(seed, (bytes.len() as u64) << 40);
    for word in words {
        print = mixed(print, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    mixed(print, u64::from_le_bytes(last))
}

/// Both halves of a product by an odd number with as many ones as zeros (that of SplitMix64).
fn mixed(print: u64, word: u64) -> u64 {
    let product = u128::from(print ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xbf58_476d_1ce4_e5b9;
    (product as u64) ^ ((product >> 64) as u64).rotate_left(29)
}

/// The counts of the present second.
#[derive(Clone, Debug, Default)]
pub(super) struct Repeats {
    /// [`SLOTS`] of them, or none yet.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    print: u64,
    since: Moment,
    count: u32,
}

impl Repeats {
    /// Counts one more, and says how often it was said in its second, this time included.
    pub fn another(&mut self, now: Moment, print: u64) -> u32 {
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); SLOTS];
        }
        let Some(slot) = self.slots.get_mut((print >> 32) as usize % SLOTS) else { return 1 };
        let over = now.since(slot.since) >= SECOND;
        if slot.print == print && !over {
            slot.count = slot.count.saturating_add(1);
            return slot.count;
        }
        if over || slot.count <= 1 {
            *slot = Slot { print, since: now, count: 1 };
        } else {
            slot.count -= 1;
        }
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_begins_with_the_first_one_said_in_it() {
        let at = |millis| Moment::from_origin(Duration::from_millis(millis));
        let mut repeats = Repeats::default();
        assert_eq!(repeats.another(at(100), 7), 1);
        assert_eq!(repeats.another(at(1_099), 7), 2);
        assert_eq!(repeats.another(at(1_100), 7), 1);
    }

    #[test]
    fn the_one_that_is_said_more_often_stays() {
        let (often, seldom) = (7, 8);
        let mut repeats = Repeats::default();
        let mut last = 0;
        for _ in 0..100 {
            repeats.another(Moment::ZERO, seldom);
            repeats.another(Moment::ZERO, often);
            last = repeats.another(Moment::ZERO, often);
        }
        assert!(last >= 100, "{last}");
    }

    #[test]
    fn a_fingerprint_tells_bytes_lengths_and_places_apart() {
        let mut prints: Vec<u64> = Vec::new();
        for text in
            ["", "\0", "\0\0", "a", "ab", "ba", "12345678", "12345678\0", "1234567812345678", "1234567912345677"]
        {
            prints.push(fingerprint(1, text.as_bytes()));
            prints.push(fingerprint(2, text.as_bytes()));
        }
        let all = prints.len();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), all);
    }
}
