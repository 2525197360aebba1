//! One run's output, line by line -> what it says about its end: known trouble, last words, a complete stop. Pure.
//!
//! Of all the troubles that a run names the weightiest counts (`signatures`), under these rules:
//! - It must have been said among the last [`NEAR`] lines before the end. What is older the run has outlived. A trouble that no
//!   run can outlive counts however much is printed after it.
//! - Once Kafka says "[KafkaServer id=N] started", all that was said before is outlived, and troubles of a start are no
//!   longer looked for.
//! - A record of log4j below ERROR names no trouble, nor does the stack trace under it: Kafka and ZooKeeper warn of much that
//!   heals by itself. Exceptions are the few texts whose weight does not depend on the level ([`Voice::Any`]).
//! - What belongs to no record, the JVM's own words above all, counts like an ERROR.
//! - Of equal weight the one that was said first counts: the rest tends to follow from it.
//!
//! Absent on purpose: what is made of it (`model::cause`), and everything that output does not tell (OOM killer, `hs_err`).

use std::sync::LazyLock;

use crate::model::{Evidence, Role, Signature};

use super::find::{Words, holds};
use super::level::{Priority, level_of};
use super::lines::character_boundary;
use super::signatures::{Reach, Row, Voice, rows};

/// How many lines before the end still explain it, the frames of stack traces not counted: one trace may have 1024. A broker
/// that gives up prints its whole way down, about 100 lines.
pub const NEAR: u64 = 200;
/// How many last lines are kept.
pub const LAST_LINES: usize = 20;
/// How much of each is kept, in bytes.
pub const LAST_LINE_CAP: usize = 400;
/// How much of a line is searched, in bytes. The texts stand near its beginning.
const SEARCHED: usize = 2048;
/// Where a layout of the operator's own states its level, in bytes from the line's beginning.
const LEVEL_WITHIN: usize = 100;

/// How the JVM itself, or `java`, begins what belongs to no record, with what follows it.
const OWN_VOICE: [&[u8]; 5] = [
    b"Exception in thread ",
    b"Exception: ",
    b"Error: ",
    b"Error occurred during initialization ",
    b"Terminating due to ",
];
/// How the JVM begins a line that stands alone, perhaps in the midst of a stack trace that log4j prints.
const OWN_LINE: [&[u8]; 3] = [b"OpenJDK ", b"Java HotSpot", b"#"];
/// Kafka's last words of a start and of a stop, around its id.
static SERVER: LazyLock<Words> = LazyLock::new(|| Words::new("[KafkaServer id="));
const STARTED: &[u8] = b"] started";
const STOPPED: &[u8] = b"] shut down completed";

/// Watches the output of one run, stdout and stderr alike.
#[derive(Clone, Debug)]
pub struct EvidenceWatch {
    role: Role,
    /// Without the frames of stack traces.
    lines: u64,
    /// The present record is an ERROR, or there is none.
    loud: bool,
    started: bool,
    said_stopped: bool,
    seen: Vec<Seen>,
    last: LastLines,
}

/// A trouble that was named, and in which lines, counted from 1.
#[derive(Clone, Copy, Debug)]
struct Seen {
    row: &'static Row,
    first: u64,
    last: u64,
}

impl EvidenceWatch {
    /// A watch for a run of `role` that has not said anything yet.
    pub fn new(role: Role) -> EvidenceWatch {
        EvidenceWatch {
            role,
            lines: 0,
            loud: true,
            started: false,
            said_stopped: false,
            seen: Vec::new(),
            last: LastLines::default(),
        }
    }

    /// A watch for an adopted run: it has said much that was not heard, and troubles of a start are not looked for.
    pub fn adopted(role: Role) -> EvidenceWatch {
        // The first line may be the rest of a warning.
        EvidenceWatch { loud: false, started: true, ..EvidenceWatch::new(role) }
    }

    /// Takes in one line of the run's output, with or without its newline.
    pub fn line(&mut self, line: &[u8]) {
        self.last.push(line);
        let line = line.get(..SEARCHED).unwrap_or(line);
        let mut loud = self.loud;
        match kind(line) {
            // A frame of a stack trace names classes, never a trouble.
            Kind::Frame => return,
            Kind::OwnLine => loud = true,
            Kind::OwnVoice => (loud, self.loud) = (true, true),
            Kind::Record(level) => {
                loud = level <= Priority::Error;
                self.loud = loud;
            }
            Kind::Continued => {}
        }
        self.lines = self.lines.saturating_add(1);
        if !loud && self.role == Role::Kafka {
            self.progress(line);
        }
        self.judge(line, loud);
    }

    /// What was found, so far or at the end. What output does not tell keeps its default.
    pub fn evidence(&self) -> Evidence {
        let near = |seen: &&Seen| seen.row.reach == Reach::Fatal || self.lines.saturating_sub(seen.last) < NEAR;
        let weightiest = self.seen.iter().filter(near).min_by_key(|seen| (u8::MAX - seen.row.weight, seen.first));
        Evidence {
            signature: weightiest.map(|seen| &seen.row.signature),
            said_stopped: self.said_stopped,
            last_lines: self.last.texts(),
            ..Evidence::default()
        }
    }

    fn progress(&mut self, line: &[u8]) {
        let Some(server) = SERVER.after(line) else { return };
        let digits = server.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let behind = server.get(digits..).unwrap_or_default();
        if behind.starts_with(STARTED) {
            self.started = true;
            self.seen.clear();
        } else if behind.starts_with(STOPPED) {
            self.said_stopped = true;
            // It came to the end of its stop, whoever asked for that.
            self.seen.retain(|seen| seen.row.signature.code != Signature::SIGTERM);
        }
    }

    fn judge(&mut self, line: &[u8], loud: bool) {
        // Most lines are quiet, and few rows ask for those.
        let wanted = if loud { &PREPARED.loud } else { &PREPARED.quiet };
        for Prepared { row, patterns } in wanted {
            if row.signature.role.is_some_and(|role| role != self.role)
                || (row.reach == Reach::Start && self.started)
                || !patterns.iter().any(|words| holds(line, words))
            {
                continue;
            }
            match self.seen.iter_mut().find(|seen| seen.row.signature == row.signature) {
                // Said so long ago that it did not count any more: it begins anew.
                Some(seen) if self.lines.saturating_sub(seen.last) >= NEAR => {
                    *seen = Seen { row, first: self.lines, last: self.lines };
                }
                Some(seen) => seen.last = self.lines,
                None => self.seen.push(Seen { row, first: self.lines, last: self.lines }),
            }
        }
    }
}

/// A row, and what is looked for on its behalf.
struct Prepared {
    row: &'static Row,
    patterns: Vec<Vec<Words>>,
}

/// All rows, for lines that are an ERROR or belong to no record; and those for lines at any level.
struct Table {
    loud: Vec<Prepared>,
    quiet: Vec<Prepared>,
}

static PREPARED: LazyLock<Table> = LazyLock::new(|| {
    let prepared = |row: &'static Row| {
        let patterns = row.patterns.iter().map(|words| words.iter().map(|words| Words::new(words)).collect());
        Prepared { row, patterns: patterns.collect() }
    };
    let quiet = rows().filter(|row| row.voice == Voice::Any);
    Table { loud: rows().map(prepared).collect(), quiet: quiet.map(prepared).collect() }
});

/// What a line is, before anything is looked for in it.
enum Kind {
    Record(Priority),
    OwnVoice,
    OwnLine,
    Frame,
    /// It belongs to the record before it.
    Continued,
}

fn kind(line: &[u8]) -> Kind {
    if let Some(level) = level_of(line) {
        return Kind::Record(level);
    }
    if OWN_VOICE.iter().any(|begin| line.starts_with(begin)) {
        return Kind::OwnVoice;
    }
    if OWN_LINE.iter().any(|begin| line.starts_with(begin)) {
        return Kind::OwnLine;
    }
    let text = line.trim_ascii_start();
    if text.len() < line.len() && (text.starts_with(b"at ") || text.starts_with(b"... ")) {
        return Kind::Frame;
    }
    match level_anywhere(line) {
        Some(level) => Kind::Record(level),
        None => Kind::Continued,
    }
}

/// The level that a layout other than ours states: a word of its own near the line's beginning.
fn level_anywhere(line: &[u8]) -> Option<Priority> {
    let head = line.get(..LEVEL_WITHIN).unwrap_or(line);
    head.split(|byte| !byte.is_ascii_alphabetic()).find_map(|word| match word {
        b"FATAL" => Some(Priority::Critical),
        b"ERROR" => Some(Priority::Error),
        b"WARN" => Some(Priority::Warning),
        b"INFO" => Some(Priority::Info),
        b"DEBUG" | b"TRACE" => Some(Priority::Debug),
        _ => None,
    })
}

/// The last lines, in buffers that are used again and again: a flood of lines costs a copy each.
#[derive(Clone, Debug, Default)]
struct LastLines {
    /// At most [`LAST_LINES`].
    buffers: Vec<Vec<u8>>,
    /// Which one holds the oldest line, once all are used.
    oldest: usize,
}

impl LastLines {
    fn push(&mut self, line: &[u8]) {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return;
        }
        let cut = if line.len() > LAST_LINE_CAP { character_boundary(line, LAST_LINE_CAP) } else { line.len() };
        let kept = line.get(..cut).unwrap_or_default();
        if self.buffers.len() < LAST_LINES {
            self.buffers.push(kept.to_vec());
        } else if let Some(buffer) = self.buffers.get_mut(self.oldest) {
            buffer.clear();
            buffer.extend_from_slice(kept);
            self.oldest = (self.oldest + 1) % LAST_LINES;
        }
    }

    fn texts(&self) -> Vec<String> {
        let (newer, older) = self.buffers.split_at(self.oldest.min(self.buffers.len()));
        older.iter().chain(newer).map(|line| text(line)).collect()
    }
}

/// Bytes that are no text become three each, so the cut is made once more.
fn text(line: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(line).into_owned();
    let cut = (0..=LAST_LINE_CAP).rev().find(|cut| text.is_char_boundary(*cut)).unwrap_or(0);
    text.truncate(cut);
    text
}
