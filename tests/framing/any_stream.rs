//! Laws that hold for every stream: how it is cut does not matter, no byte of a message is lost or said twice, memory is bounded, and a
//! successor goes on where the first one stood.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kafka_node::logs::{Framer, LINE_CAP, Lines, RECORD_CAP};
use proptest::prelude::*;

use crate::stream::{Ear, Record, cut, heard, heard_by, hostile};

/// How often each small letter and digit occurs: levels and marks are made of neither.
fn letters<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> BTreeMap<u8, usize> {
    let mut counts = BTreeMap::new();
    for byte in texts.into_iter().flatten().filter(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        *counts.entry(*byte).or_default() += 1;
    }
    counts
}

/// What a record accounts for: its message, and the head where that is no part of the message.
fn account(record: &Record) -> Vec<&[u8]> {
    let mut parts = vec![record.message.as_slice()];
    // The head of a record in pieces is in each piece, and counts once.
    if !record.continued {
        parts.extend([record.logger.as_bytes(), record.thread.as_bytes()]);
        // A layout with a date of its own stays in the message whole.
        let whole = record.logger.is_empty() && record.message.starts_with(record.time.as_bytes());
        if !whole {
            parts.push(record.time.as_bytes());
        }
    }
    parts
}

fn accounts(ear: &Ear) -> BTreeMap<u8, usize> {
    letters(ear.records.iter().flat_map(account))
}

/// Records that go on joined to those before them: where a long record is cut is no part of its meaning.
fn joined(records: &[Record]) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    for record in records {
        match all.last_mut() {
            Some(last) if record.continued => last.message.extend_from_slice(&record.message),
            _ => all.push(record.clone()),
        }
    }
    all
}

/// A stream of which `at` bytes were read by one framer and the rest by its successor.
fn handed_over(stream: &[u8], at: usize) -> (Ear, usize) {
    let (first, second) = stream.split_at(at);
    let mut ear = Ear::default();
    let (mut lines, mut framer) = (Lines::default(), Framer::stdout());
    lines.push(first, |line| framer.line(&line, &mut ear));
    let mut rest = framer.rest();
    lines.flush(|line| rest.extend_from_slice(line.bytes));
    let length = rest.len();
    let second = heard_by(Framer::stdout(), &[&rest, second]);
    ear.records.extend(second.records);
    ear.lines.extend(second.lines);
    (ear, length)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_any_stream_gives_the_same_records(stream in hostile(), cuts in proptest::collection::vec(any::<usize>(), 0..20)) {
        prop_assert_eq!(heard_by(Framer::stdout(), &cut(&stream, &cuts)), heard(&stream));
    }

    #[test]
    fn no_letter_of_any_stream_is_lost_or_said_twice(stream in hostile()) {
        // A mark that says "goes on" hides a head that was told before.
        prop_assume!(!stream.windows(2).any(|pair| pair == b"\x1e+"));
        prop_assert_eq!(accounts(&heard(&stream)), letters([stream.as_slice()]));
    }

    #[test]
    fn a_successor_goes_on_where_the_first_one_stood(stream in hostile(), at in any::<usize>()) {
        let (ear, _) = handed_over(&stream, at % (stream.len() + 1));
        prop_assert_eq!(joined(&ear.records), joined(&heard(&stream).records));
    }

    #[test]
    fn memory_is_bounded_whatever_comes(stream in hostile(), times in 1..60_usize) {
        let mut ear = Ear::default();
        let (mut lines, mut framer) = (Lines::default(), Framer::stdout());
        for _ in 0..times {
            lines.push(&stream, |line| framer.line(&line, &mut ear));
            let waits = framer.rest().len();
            prop_assert!(waits <= 2 * (RECORD_CAP + LINE_CAP), "{waits}");
        }
        let longest = ear.records.iter().map(|record| record.message.len()).max().unwrap_or(0);
        prop_assert!(longest <= RECORD_CAP, "{longest}");
    }

    #[test]
    fn real_streams_with_bytes_changed_break_nothing(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<usize>(), any::<u8>(), 0..4_u8), 0..40),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let samples = samples();
        let mut stream = which.get(&samples).clone();
        for (at, byte, how) in changes {
            let at = at % stream.len().max(1);
            match how {
                0 => stream[at] = byte,
                1 => stream.insert(at, byte),
                2 => { stream.remove(at); }
                _ => { let piece = stream[at..].iter().copied().take(300).collect::<Vec<u8>>(); stream.splice(at..at, piece); }
            }
        }
        prop_assume!(!stream.windows(2).any(|pair| pair == b"\x1e+"));
        let whole = heard(&stream);
        prop_assert_eq!(accounts(&whole), letters([stream.as_slice()]));
        prop_assert_eq!(heard_by(Framer::stdout(), &cut(&stream, &cuts)), whole);
    }
}

/// What was recorded of real JVMs.
fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/framing");
    let entries = fs::read_dir(folder).expect("a readable folder").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "txt")).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| fs::read(path).expect("a readable sample")).collect()
}

#[test]
fn a_record_beyond_the_cap_comes_in_pieces_that_make_it_up() {
    let line = format!("\tat a.b.C.d(C.java:{})\n", "9".repeat(100));
    let trace = line.repeat(3 * RECORD_CAP / line.len());
    let stream = format!("\u{1e}ERROR\u{1f}2020\u{1f}l\u{1f}t\u{1f}message\u{1f}a.b.E: x\n{trace}\u{1e}\nafter\n");
    let ear = heard(stream.as_bytes());
    assert!(ear.records.len() > 3, "{}", ear.records.len());
    let (after, pieces) = ear.records.split_last().expect("records");
    assert_eq!((after.text().as_str(), after.continued), ("after", false));
    for (n, piece) in pieces.iter().enumerate() {
        assert!(piece.message.len() <= RECORD_CAP && piece.continued == (n > 0));
        assert_eq!((piece.logger.as_str(), piece.time.as_str(), piece.thread.as_str()), ("l", "2020", "t"));
    }
    assert_eq!(pieces[0].exception, "a.b.E");
    let all: Vec<String> = pieces.iter().map(Record::text).collect();
    assert_eq!(all.join("\n"), format!("message\na.b.E: x\n{}", trace.trim_end()));
    for at in [10, RECORD_CAP / 2, RECORD_CAP + 50_000, 2 * RECORD_CAP + 1] {
        let (handed, rest) = handed_over(stream.as_bytes(), at);
        assert!(rest <= RECORD_CAP + LINE_CAP, "{rest}");
        let without = |ear: &Ear| ear.records.iter().map(Record::text).collect::<String>().replace('\n', "");
        assert_eq!(without(&handed), without(&ear), "handed over at {at}");
        assert_eq!(handed.records.iter().filter(|record| !record.continued).count(), 2, "handed over at {at}");
    }
}
