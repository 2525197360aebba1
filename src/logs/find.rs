//! Finding words in bytes. Pure.
//!
//! Absent on purpose: patterns of any kind. What a JVM prints is fixed text around values.

use memchr::memmem;

/// Bytes that are looked at together: the compiler makes one comparison of them, without a branch for each.
const TOGETHER: usize = 32;

/// Where the first `byte` stands. Several times faster on long texts than looking at one byte after the other.
pub(super) fn byte(text: &[u8], byte: u8) -> Option<usize> {
    let mut at = 0;
    for chunk in text.chunks(TOGETHER) {
        if chunk.iter().fold(false, |seen, here| seen | (*here == byte)) {
            return chunk.iter().position(|here| *here == byte).map(|within| at + within);
        }
        at += chunk.len();
    }
    None
}

/// Where the first `words` stand; `None` for no words. For words that are known only now: see [`Words`] for all others.
pub(super) fn rare(text: &[u8], words: &[u8]) -> Option<usize> {
    (!words.is_empty()).then(|| memmem::find(text, words)).flatten()
}

/// Words that are looked for in every line, prepared once: a search of 200 bytes takes nanoseconds then.
#[derive(Debug)]
pub struct Words {
    finder: memmem::Finder<'static>,
}

impl Words {
    /// Prepares `words`.
    pub fn new(words: &'static str) -> Words {
        Words { finder: memmem::Finder::new(words) }
    }

    /// Whether they stand in `line`.
    pub fn are_in(&self, line: &[u8]) -> bool {
        self.finder.find(line).is_some()
    }

    /// What stands behind the first of them in `line`.
    pub fn after<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        line.get(self.finder.find(line)? + self.finder.needle().len()..)
    }
}

/// Whether `line` holds all of `words`, one behind the other.
pub(super) fn holds(line: &[u8], words: &[Words]) -> bool {
    words.iter().try_fold(line, |rest, words| words.after(rest)).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_found_is_the_first(text in proptest::collection::vec(0..3_u8, 0..150), words in proptest::collection::vec(0..3_u8, 1..6)) {
            prop_assert_eq!(byte(&text, 2), text.iter().position(|byte| *byte == 2));
            prop_assert_eq!(rare(&text, &words), text.windows(words.len()).position(|window| window == words));
            prop_assert_eq!(rare(&text, &[]), None);
        }
    }

    #[test]
    fn words_are_found_in_their_order_only() {
        let words = |words: &[&'static str]| words.iter().map(|words| Words::new(words)).collect::<Vec<_>>();
        assert!(holds(b"id 1 doesn't match id 2 in it", &words(&["id", "match id", "in"])));
        assert!(!holds(b"id 1 doesn't match id 2 in it", &words(&["in it", "id"])));
        assert!(!holds(b"aab", &words(&["aab", "b"])));
        assert_eq!(Words::new("aab").after(b"aaab!"), Some(b"!".as_slice()));
        assert_eq!(Words::new("aab").after(b"aa"), None);
        assert_eq!(Words::new("a").after(b""), None);
    }
}
