//! Bytes in any chunking -> the same lines: a pipe cuts its stream where it likes, and nobody downstream may notice.
//!
//! Absent on purpose: what a line means (`level.rs`), and any judgement of its text: bytes stay bytes until the edge asks for text.

use std::borrow::Cow;

use super::find;

/// The longest line that is passed on in one piece, in bytes. The longest lines of Kafka's own log are its configuration
/// dump of one line a key; 16 KiB holds any of them, and 8192 queued ones stay bounded.
pub const LINE_CAP: usize = 16 * 1024;

/// Smallest cap that still holds any UTF-8 character and leaves every piece with something in it.
const SMALLEST_CAP: usize = 8;

/// A line, or a piece of one that was longer than the cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its bytes, without the line feed and without a carriage return before it.
    pub bytes: &'a [u8],
    /// It goes on from the piece before it.
    pub continued: bool,
    /// The next piece goes on from it.
    pub continues: bool,
}

impl<'a> Line<'a> {
    /// The line as text. Bytes that are not UTF-8 become U+FFFD, and only here.
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes)
    }
}

/// Cuts one stream into lines.
#[derive(Clone, Debug)]
pub struct Lines {
    /// At most `cap + 2` bytes of a line that has not ended yet.
    rest: Vec<u8>,
    /// Pieces of the present line were passed on already.
    continued: bool,
    cap: usize,
}

impl Default for Lines {
    fn default() -> Lines {
        Lines::new(LINE_CAP)
    }
}

impl Lines {
    /// Cuts lines longer than `cap` bytes into pieces of at most that (8 bytes at least).
    pub fn new(cap: usize) -> Lines {
        Lines { rest: Vec::new(), continued: false, cap: cap.max(SMALLEST_CAP) }
    }

    /// Takes what came and passes on every line that is whole by it.
    pub fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(Line<'_>)) {
        while !bytes.is_empty() {
            let end = find::byte(bytes.get(..self.cap + 2).unwrap_or(bytes), b'\n');
            // The common case costs no copy: a whole line that fits, and nothing of it came before.
            if let (true, Some(end)) = (self.rest.is_empty(), end) {
                let (line, after) = bytes.split_at(end);
                let line = without_return(line);
                if line.len() <= self.cap {
                    each(Line { bytes: line, continued: false, continues: false });
                    bytes = after.get(1..).unwrap_or_default();
                    continue;
                }
            }
            let room = (self.cap + 2).saturating_sub(self.rest.len());
            let take = end.map_or(bytes.len(), |end| end + 1).min(room);
            let (head, after) = bytes.split_at(take);
            self.rest.extend_from_slice(head);
            bytes = after;
            self.settle(&mut each);
        }
    }

    /// Passes on a last line that no line feed ended. The stream is over, or has been silent for long.
    pub fn flush(&mut self, mut each: impl FnMut(Line<'_>)) {
        if self.rest.is_empty() {
            return;
        }
        // `settle` left at most `cap` bytes, or one more that is a carriage return.
        each(Line { bytes: without_return(&self.rest), continued: self.continued, continues: false });
        self.rest.clear();
        self.continued = false;
    }

    /// Passes on what is certain of `rest`, whose only possible line feed is its last byte.
    fn settle(&mut self, each: &mut impl FnMut(Line<'_>)) {
        loop {
            let ended = self.rest.last() == Some(&b'\n');
            if ended {
                let line = without_return(self.rest.strip_suffix(b"\n").unwrap_or(&self.rest));
                if line.len() <= self.cap {
                    each(Line { bytes: line, continued: self.continued, continues: false });
                    self.rest.clear();
                    self.continued = false;
                    return;
                }
            } else if self.rest.len() <= self.cap {
                return;
            } else if self.rest.len() == self.cap + 1 && self.rest.last() == Some(&b'\r') {
                // Whether this is the end of a line that just fits shows with the next byte.
                return;
            }
            let cut = character_boundary(&self.rest, self.cap);
            let (piece, _) = self.rest.split_at(cut);
            each(Line { bytes: piece, continued: self.continued, continues: true });
            self.continued = true;
            self.rest.drain(..cut);
        }
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The last place at or before `cap` that does not stand inside a UTF-8 character; `cap` itself where the bytes are none.
pub(super) fn character_boundary(bytes: &[u8], cap: usize) -> usize {
    (cap.saturating_sub(3)..=cap)
        .rev()
        .find(|at| bytes.get(*at).is_some_and(|byte| byte & 0b1100_0000 != 0b1000_0000))
        .unwrap_or(cap)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Owned(Vec<u8>, bool, bool);

    fn lines(cap: usize, chunks: &[&[u8]]) -> Vec<Owned> {
        let mut out = Vec::new();
        let mut lines = Lines::new(cap);
        let mut each = |line: Line<'_>| out.push(Owned(line.bytes.to_vec(), line.continued, line.continues));
        for chunk in chunks {
            lines.push(chunk, &mut each);
        }
        lines.flush(&mut each);
        out
    }

    fn whole(text: &str) -> Owned {
        Owned(text.as_bytes().to_vec(), false, false)
    }

    #[test]
    fn lines_end_at_line_feeds_and_carriage_returns_go() {
        assert_eq!(lines(64, &[b"a\r\n\nbc\nrest"]), [whole("a"), whole(""), whole("bc"), whole("rest")]);
        assert_eq!(lines(64, &[b"a\rb\n"]), [whole("a\rb")], "a carriage return inside a line is text");
    }

    #[test]
    fn a_line_that_just_fits_is_whole_even_when_its_carriage_return_is_one_too_many() {
        assert_eq!(lines(8, &[b"12345678\r\n"]), [whole("12345678")]);
        assert_eq!(lines(8, &[b"12345678\r", b"\n"]), [whole("12345678")]);
        assert_eq!(lines(8, &[b"12345678\r"]), [whole("12345678")]);
    }

    #[test]
    fn a_long_line_comes_in_pieces_that_say_so() {
        let piece = |text: &str, continued, continues| Owned(text.as_bytes().to_vec(), continued, continues);
        assert_eq!(
            lines(8, &[b"12345678abcdefghXY\nnext"]),
            [piece("12345678", false, true), piece("abcdefgh", true, true), piece("XY", true, false), whole("next")]
        );
    }

    #[test]
    fn a_character_is_not_cut_in_two() {
        // The eighth byte would be the first half of the last letter.
        let text = "1234567äx";
        let pieces = lines(8, &[text.as_bytes()]);
        assert!(pieces.iter().all(|piece| std::str::from_utf8(&piece.0).is_ok()), "{pieces:?}");
    }

    /// Text with many line feeds, carriage returns, letters of several bytes and bytes that are no text.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\r\n".to_vec()),
            Just("ä".as_bytes().to_vec()),
            Just("🦀".as_bytes().to_vec()),
            Just(vec![0xff]),
            Just(vec![0x80]),
            proptest::collection::vec(b'a'..=b'z', 0..12),
        ];
        proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_lines(stream in stream(), cap in 8usize..20, cuts in proptest::collection::vec(0usize..200, 0..30)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&stream[from..cut]);
                from = cut;
            }
            chunks.push(&stream[from..]);
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            let at_once = lines(cap, &[&stream]);
            prop_assert_eq!(&lines(cap, &chunks), &at_once);
            prop_assert_eq!(&lines(cap, &bytes), &at_once);
        }

        #[test]
        fn nothing_is_lost_and_nothing_is_longer_than_the_cap(stream in stream(), cap in 8usize..20) {
            let pieces = lines(cap, &[&stream]);
            let mut joined = Vec::new();
            for (i, piece) in pieces.iter().enumerate() {
                prop_assert!(piece.0.len() <= cap);
                prop_assert_eq!(piece.1, i > 0 && pieces[i - 1].2, "continued follows continues");
                joined.extend_from_slice(&piece.0);
                if !piece.2 {
                    joined.push(b'\n');
                }
            }
            // Independent of the code: the same stream with the returns before line feeds, and at its end, taken out.
            let mut expected = Vec::new();
            for line in stream.split_inclusive(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                expected.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                expected.push(b'\n');
            }
            prop_assert_eq!(joined, expected);
        }
    }
}
