//! What a stream's records are, as owned nouns, however the stream is cut; and streams that mean harm.
//!
//! Absent on purpose: what the records should be (the tests beside this file).

use kafka_node::logs::{Framer, Heard, Line, Lines, Priority, Said};
use proptest::prelude::*;

/// A record, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub priority: Priority,
    pub time: String,
    pub logger: String,
    pub thread: String,
    pub message: Vec<u8>,
    pub exception: String,
    pub continued: bool,
}

impl Record {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.message).into_owned()
    }
}

/// Everything heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ear {
    pub records: Vec<Record>,
    pub lines: Vec<Vec<u8>>,
}

impl Heard for Ear {
    fn record(&mut self, said: &Said<'_>) {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        self.records.push(Record {
            priority: said.priority,
            time: text(said.time),
            logger: text(said.logger),
            thread: text(said.thread),
            message: said.message.to_vec(),
            exception: text(said.exception),
            continued: said.continued,
        });
    }

    fn line(&mut self, line: &[u8]) {
        self.lines.push(line.to_vec());
    }
}

/// All of `chunks` through `framer` as one stream, to its end.
pub fn heard_by(mut framer: Framer, chunks: &[&[u8]]) -> Ear {
    let mut ear = Ear::default();
    let mut lines = Lines::default();
    for chunk in chunks {
        lines.push(chunk, |line| framer.line(&line, &mut ear));
    }
    lines.flush(|line| framer.line(&line, &mut ear));
    framer.flush(&mut ear);
    assert!(!framer.is_open() && framer.rest().is_empty());
    ear
}

pub fn heard(stream: &[u8]) -> Ear {
    heard_by(Framer::stdout(), &[stream])
}

/// Each line by itself, whole.
pub fn feed(framer: &mut Framer, text: &str, ear: &mut Ear) {
    for line in text.lines() {
        framer.line(&Line { bytes: line.as_bytes(), continued: false, continues: false }, ear);
    }
}

/// Pieces of which a stream may be made: heads whole and cut, marks anywhere, own voices, bytes that are no text, long lines.
pub fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let word = "[a-z0-9]{1,8}";
    let piece = prop_oneof![
        6 => (word, word).prop_map(|(logger, text)| format!("\u{1e}INFO\u{1f}2020\u{1f}{logger}\u{1f}t\u{1f}{text}\u{1f}\u{1e}\n").into_bytes()),
        3 => (word, word).prop_map(|(text, at)| format!("\u{1e}ERROR\u{1f}2020\u{1f}l.m\u{1f}t\u{1f}{text}\u{1f}a.b.C: x\n\tat {at}\n\u{1e}\n").into_bytes()),
        2 => (word, 0..60_usize).prop_map(|(text, cut)| {
            let whole = format!("\u{1e}WARN\u{1f}2020\u{1f}l.m\u{1f}t\u{1f}{text}\u{1f}a.b.C: x\n\tat y\n\u{1e}\n").into_bytes();
            whole[..cut.min(whole.len())].to_vec()
        }),
        2 => word.prop_map(|text| format!("[2020-08-06 10:11:12,345] WARN {text} (a.b)\n").into_bytes()),
        1 => word.prop_map(|text| format!("[2020-08-06 10:11:12,345] ERROR {text}\n and more (a.b)\n").into_bytes()),
        2 => word.prop_map(|text| format!("java.io.Exc: {text}\n\tat x\nCaused by: q.r: s\n").into_bytes()),
        1 => word.prop_map(|text| format!("2020-08-06 10:11:12\nFull thread dump {text}:\n\nx\n").into_bytes()),
        1 => Just(b"Heap\n y\n\n".to_vec()),
        1 => word.prop_map(|text| format!("#\n# A fatal error has been detected by {text}\n# z\n").into_bytes()),
        1 => word.prop_map(|text| format!("OpenJDK 64-Bit Server VM warning: {text}\n").into_bytes()),
        1 => word.prop_map(|text| format!("[0.1s][error][gc] {text}\n").into_bytes()),
        1 => word.prop_map(|text| format!("Error occurred during initialization of {text}\nno\n").into_bytes()),
        3 => proptest::sample::select(vec!["\u{1e}", "\u{1f}", "\n", "\r\n", "\u{1e}\n", "\u{1f}\u{1e}\n", "#\n", " ", "\u{1e}+INFO\u{1f}2\u{1f}l\u{1f}t\u{1f}"])
            .prop_map(|text| text.as_bytes().to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => (word, 10_000..20_000_usize).prop_map(|(text, length)| text.bytes().cycle().take(length).collect()),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// The same stream cut into chunks at `cuts`.
pub fn cut<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    at.extend([0, stream.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect()
}
