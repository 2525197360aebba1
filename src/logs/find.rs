//! Finding words in bytes. Pure.
//!
//! Absent on purpose: patterns of any kind. What a JVM prints is fixed text around values.

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
    use super::*;

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
