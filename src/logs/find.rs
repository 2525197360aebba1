//! Finding words in bytes. Pure.
//!
//! Absent on purpose: patterns of any kind. What a JVM prints is fixed text around values.

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

/// Where the first `words` stand; `None` for no words. For words that hardly ever stand there: it looks for their first and last byte at once.
pub(super) fn rare(text: &[u8], words: &[u8]) -> Option<usize> {
    let (first, last) = (words.first()?, words.last()?);
    let ends = text.get(words.len() - 1..)?;
    let mut at = 0;
    for (starts, ends) in text.chunks(TOGETHER).zip(ends.chunks(TOGETHER)) {
        let pairs = || starts.iter().zip(ends);
        if pairs().fold(false, |seen, (start, end)| seen | ((start == first) & (end == last))) {
            let found = (at..at + ends.len()).find(|at| text.get(*at..).is_some_and(|here| here.starts_with(words)));
            if found.is_some() {
                return found;
            }
        }
        at += starts.len();
    }
    None
}

/// What stands behind the first `words` in `line`.
pub(super) fn after<'a>(line: &'a [u8], words: &[u8]) -> Option<&'a [u8]> {
    let (first, _) = words.split_first()?;
    let mut rest = line;
    // Looking for one byte is far cheaper than comparing at every place.
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        let here = rest.get(at..)?;
        if let Some(behind) = here.strip_prefix(words) {
            return Some(behind);
        }
        rest = here.get(1..)?;
    }
    None
}

/// Whether `line` holds all of `words`, one behind the other.
pub(super) fn holds(line: &[u8], words: &[&str]) -> bool {
    words.iter().try_fold(line, |rest, word| after(rest, word.as_bytes())).is_some()
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
        assert!(holds(b"id 1 doesn't match id 2 in it", &["id", "match id", "in"]));
        assert!(!holds(b"id 1 doesn't match id 2 in it", &["in it", "id"]));
        assert!(!holds(b"aab", &["aab", "b"]));
        assert_eq!(after(b"aaab!", b"aab"), Some(b"!".as_slice()));
        assert_eq!(after(b"aa", b"aab"), None);
        assert_eq!(after(b"", b"a"), None);
    }
}
