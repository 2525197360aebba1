//! What real JVMs printed (`tests/recorded/README.md`), cut where no pipe would cut it better, against a golden listing of its
//! records: priority, logger, thread, lines, exception, first line of the message.
//!
//! `UPDATE=1 cargo test --test recorded` writes the listings anew. Absent on purpose: made-up streams (`logs::framing`'s own tests).

use std::fs;
use std::path::{Path, PathBuf};

use kafka_node::logs::{Framer, Heard, Lines, Priority, Said, readable};

/// Random chunkings of each file, beside the whole of it and one byte at a time.
const CHUNKINGS: u64 = 12;
/// The longest first line that is listed, in bytes: enough to know it by.
const SHOWN: usize = 160;

/// Everything that was heard, in order.
#[derive(Default)]
struct Listing {
    records: Vec<String>,
    /// Records that state a time: those of log4j.
    timed: usize,
    /// All messages whole, so that the listing's short form hides no difference.
    messages: Vec<(Priority, Vec<u8>)>,
    lines: Vec<u8>,
}

impl Heard for Listing {
    fn record(&mut self, said: &Said<'_>) {
        let text = readable(said.message);
        let first = text.lines().next().unwrap_or_default();
        let shown = (0..=SHOWN).rev().find_map(|at| first.get(..at)).unwrap_or_default();
        let mut row = format!("{} {} [{}]", said.priority.word(), readable(said.logger), readable(said.thread));
        row += &format!(" {} lines", text.split('\n').count());
        if !said.exception.is_empty() {
            row += &format!(", {}", readable(said.exception));
        }
        if said.continued {
            row += ", continued";
        }
        self.records.push(format!("{row}: {shown}{}", if shown.len() < first.len() { "…" } else { "" }));
        self.timed += usize::from(!said.time.is_empty() && !said.continued);
        self.messages.push((said.priority, said.message.to_vec()));
    }

    fn line(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
    }
}

fn heard<'a>(path: &Path, chunks: impl IntoIterator<Item = &'a [u8]>) -> Listing {
    let mut framer = if path.extension().is_some_and(|ext| ext == "err") { Framer::stderr() } else { Framer::stdout() };
    let (mut lines, mut listing) = (Lines::default(), Listing::default());
    for chunk in chunks {
        lines.push(chunk, |line| framer.line(&line, &mut listing));
    }
    lines.flush(|line| framer.line(&line, &mut listing));
    framer.flush(&mut listing);
    listing
}

/// Every `.out` and `.err` of both layouts.
fn recordings() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut found = Vec::new();
    for layout in ["stock", "framed"] {
        let entries = fs::read_dir(root.join(layout)).expect("a readable folder");
        found.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    found.retain(|path| path.extension().is_some_and(|ext| ext == "out" || ext == "err"));
    found.sort();
    assert!(found.len() >= 18, "{found:?}");
    found
}

/// Pieces of lengths from 1 to 4,096, many of them short, the same ones for the same seed.
fn pieces(bytes: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let (mut rest, mut pieces) = (bytes, Vec::new());
    while !rest.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let most = 1 << (state % 13);
        let length = 1 + usize::try_from(state >> 16).expect("a length") % most;
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Heads of records, found by nothing but their first bytes.
fn heads(bytes: &[u8]) -> usize {
    let levels: [&[u8]; 6] = [b"FATAL", b"ERROR", b"WARN", b"INFO", b"DEBUG", b"TRACE"];
    let is_head = |line: &&[u8]| {
        let framed = line.strip_prefix(b"\x1e").is_some_and(|rest| levels.iter().any(|level| rest.starts_with(level)));
        framed || line.starts_with(b"[20") && line.get(24..26) == Some(b"] ")
    };
    bytes.split(|byte| *byte == b'\n').filter(is_head).count()
}

#[test]
fn what_real_jvms_printed_gives_the_listed_records_whatever_the_chunking() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = String::new();
    for path in recordings() {
        let bytes = fs::read(&path).expect("bytes");
        let whole = heard(&path, [bytes.as_slice()]);
        assert_eq!(whole.timed, heads(&bytes), "{}: records of log4j", path.display());
        let chunkings = (1..=CHUNKINGS).map(|seed| pieces(&bytes, seed)).chain([bytes.chunks(1).collect()]);
        for (number, chunks) in chunkings.enumerate() {
            let cut = heard(&path, chunks);
            assert_eq!(cut.records, whole.records, "{}, chunking {number}", path.display());
            assert!(
                cut.messages == whole.messages && cut.lines == whole.lines,
                "{}, chunking {number}",
                path.display()
            );
        }
        let listing: String = whole.records.iter().map(|row| format!("{row}\n")).collect();
        let golden = PathBuf::from(format!("{}.golden", path.display()));
        if update {
            fs::write(&golden, listing).expect("written");
        } else if fs::read_to_string(&golden).unwrap_or_default() != listing {
            wrong += &format!("{}: the records are not those of {}:\n{listing}\n", path.display(), golden.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}UPDATE=1 writes the listings anew");
}

#[test]
fn a_trace_is_one_record_with_its_exception_in_either_layout() {
    for layout in ["stock", "framed"] {
        for (file, exception) in [
            ("kafka-node-exists", "org.apache.zookeeper.KeeperException$NodeExistsException"),
            ("kafka-cluster-id", "kafka.common.InconsistentClusterIdException"),
            ("zookeeper-address-in-use", "java.net.BindException"),
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/recorded/{layout}/{file}.out"));
            let bytes = fs::read(&path).expect("bytes");
            let records = heard(&path, [bytes.as_slice()]).records;
            let with = format!(" lines, {exception}: ");
            let found: Vec<&String> = records.iter().filter(|row| row.contains(&with)).collect();
            assert!(found.iter().any(|row| row.starts_with("ERROR ")), "{layout}/{file}: {records:#?}");
            assert!(
                records.iter().all(|row| !row.contains(": \tat ")),
                "{layout}/{file}: a frame by itself: {records:#?}"
            );
        }
    }
}

#[test]
fn what_the_jvm_says_itself_is_one_record_each() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    for layout in ["stock", "framed"] {
        for (file, priority, words) in [
            ("zookeeper-run.out", Priority::Info, "Full thread dump "),
            ("kafka-run.out", Priority::Info, "Full thread dump "),
            ("kafka-killed.err", Priority::Warning, "OpenJDK 64-Bit Server VM warning: "),
            ("kafka-killed.out", Priority::Info, "[gc] Using Concurrent Mark Sweep"),
            (
                "kafka-fatal.out",
                Priority::Critical,
                "# A fatal error has been detected by the Java Runtime Environment:",
            ),
            ("kafka-memory.out", Priority::Critical, "Terminating due to java.lang.OutOfMemoryError"),
            ("jvm-refused.out", Priority::Error, "Error occurred during initialization of VM"),
        ] {
            let path = root.join(layout).join(file);
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let heard = heard(&path, [bytes.as_slice()]);
            let of_it = heard.messages.iter().filter(|(_, message)| String::from_utf8_lossy(message).contains(words));
            let priorities: Vec<Priority> = of_it.map(|(priority, _)| *priority).collect();
            assert_eq!(priorities, [priority], "{layout}/{file}: {words}: {:#?}", heard.records);
        }
    }
}
