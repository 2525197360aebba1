//! A record that is not whole yet: what came of it so far, as it came, and where its parts lie in that. Pure.
//!
//! Its buffers are used again for the next one. Absent on purpose: which line belongs to it (`framing`).

use std::ops::Range;

use crate::plan::layout::{FIELD, RECORD};

use super::framing::{Heard, RECORD_CAP};
use super::head::{self, Framed, GOES_ON, Plain};
use super::level::Priority;
use super::mask::Mask;
use super::record::Said;
use super::trace;

/// What of a buffer is kept after a long record, in bytes.
const KEPT: usize = 64 * 1024;

/// What a record is, and with that: which lines belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// There is none.
    #[default]
    Nothing,
    /// In our layout, to its end mark.
    Framed,
    /// In the stock layout, to the next head.
    Stock,
    /// In another layout with a date, to the next head.
    Dated,
    /// Belongs to no layout; what is indented and causes go with it.
    Plain,
    /// Belongs to no layout; all that follows goes with it.
    Block,
    /// A thread dump.
    Dump,
    /// The notice of a crash.
    Fatal,
}

/// See the file's head.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub kind: Kind,
    /// How loudly; that of the last record where there is none.
    pub priority: Priority,
    /// As it came, each whole line with its line feed; but for an end mark.
    raw: Vec<u8>,
    /// Where the message begins in `raw`; before it stands the head.
    body: usize,
    time: Range<usize>,
    thread: Range<usize>,
    logger: Vec<u8>,
    /// Stock layout: where the logger stands in `raw` behind the message.
    tail: Option<Range<usize>>,
    /// Our layout: the mark between message and trace, where it lies in `raw`.
    split: Option<usize>,
    /// Our layout: that mark has come.
    pub is_split: bool,
    /// Our layout: the first mark that may be that one, where it lies in `raw`.
    first_mark: Option<usize>,
    /// Our layout: a mark has come behind the head.
    has_mark: bool,
    /// A part of it was passed on.
    continued: bool,
    /// Something else began in its midst, and it goes on behind that.
    pub is_suspended: bool,
    /// A thread dump has come to its last part, the summary of the heap.
    in_heap: bool,
}

impl Open {
    pub fn new(priority: Priority) -> Open {
        Open {
            kind: Kind::Nothing,
            priority,
            raw: Vec::new(),
            body: 0,
            time: 0..0,
            thread: 0..0,
            logger: Vec::new(),
            tail: None,
            split: None,
            is_split: false,
            first_mark: None,
            has_mark: false,
            continued: false,
            is_suspended: false,
            in_heap: false,
        }
    }

    /// Begins a record without a head.
    pub fn begin(&mut self, kind: Kind, priority: Priority) {
        self.clear();
        (self.kind, self.priority) = (kind, priority);
    }

    /// Begins a record of our layout with its head; `line` is the whole line.
    pub fn begin_framed(&mut self, line: &[u8], head: &Framed<'_>) {
        self.begin(Kind::Framed, head.priority);
        // The mark before the trace may have been in what was passed on: any end counts.
        (self.continued, self.has_mark) = (head.continued, head.continued);
        self.body = line.len() - head.body.len();
        self.raw.extend_from_slice(line.get(..self.body).unwrap_or_default());
        // From behind: a mark, the thread, a mark, the logger, a mark, the time.
        let thread = self.body.saturating_sub(1 + head.thread.len());
        self.thread = thread..thread + head.thread.len();
        let time = thread.saturating_sub(1 + head.logger.len() + 1 + head.time.len());
        self.time = time..time + head.time.len();
        self.logger.extend_from_slice(head.logger);
    }

    /// Begins a record of another layout; its line is still to be taken.
    pub fn begin_plain(&mut self, kind: Kind, line: &[u8], head: &Plain<'_>) {
        self.begin(kind, head.priority);
        self.body = head.body;
        self.raw.extend_from_slice(line.get(..head.body).unwrap_or_default());
        // The stock layout has its time in brackets.
        let time = usize::from(head.body > 0);
        self.time = time..time + head.time.len();
    }

    pub fn clear(&mut self) {
        self.kind = Kind::Nothing;
        self.raw.clear();
        if self.raw.capacity() > KEPT {
            self.raw.shrink_to(KEPT);
        }
        self.logger.clear();
        (self.body, self.time, self.thread) = (0, 0..0, 0..0);
        (self.tail, self.split, self.first_mark) = (None, None, None);
        (self.is_split, self.has_mark, self.continued, self.is_suspended, self.in_heap) =
            (false, false, false, false, false);
    }

    /// Nothing of it waits to be passed on; it may still be open.
    pub fn is_empty(&self) -> bool {
        self.kind == Kind::Nothing || (self.continued && self.raw.len() <= self.body)
    }

    pub fn logger(&self) -> &[u8] {
        &self.logger
    }

    /// The one line that it holds, where it holds one.
    pub fn only_line(&self) -> Option<&[u8]> {
        let line = self.raw.strip_suffix(b"\n")?;
        (!line.contains(&b'\n')).then_some(line)
    }

    /// The bytes it is made of: a successor that takes these first has the same record open.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Whether a line of it ends it: its end mark counts only behind the mark before the trace.
    pub fn ends_with(&self, line: &[u8]) -> bool {
        line.last() == Some(&RECORD) && (self.has_mark || line.contains(&FIELD))
    }

    /// Where the mark before the trace stands in `text`, the next of its lines. What a message holds of that mark itself is told
    /// apart by what follows: an exception, or the end of the record. The first mark is taken for it as long as nothing better
    /// comes: some exceptions print words of their own.
    pub fn look_for_split(&mut self, text: &[u8], ends: bool) -> Option<usize> {
        if self.is_split {
            return None;
        }
        let marks = text.iter().enumerate().filter(|(_, byte)| **byte == FIELD).map(|(at, _)| at);
        let mut first = None;
        let mut found = None;
        for at in marks {
            first = first.or(Some(at));
            let behind = text.get(at + 1..).unwrap_or_default();
            if (ends && behind.is_empty()) || trace::is_exception(behind) {
                found = Some(at);
                break;
            }
        }
        let likely = first.filter(|_| !ends && !self.has_mark);
        self.has_mark |= first.is_some();
        self.is_split |= found.is_some();
        self.split = self.split.or(found.map(|at| self.raw.len() + at));
        self.first_mark = self.first_mark.or(first.map(|at| self.raw.len() + at));
        found.or(likely)
    }

    /// Whether `text` and a line feed go into the same record.
    pub fn has_room(&self, text: &[u8]) -> bool {
        self.raw.len() - self.body.min(self.raw.len()) + text.len() < RECORD_CAP
    }

    /// Takes the next of its lines, or a piece of one.
    pub fn push(&mut self, text: &[u8], goes_on: bool) {
        if self.kind == Kind::Stock
            && !goes_on
            && self.logger.is_empty()
            && let Some((message, logger)) = head::tail(text)
        {
            self.logger.extend_from_slice(logger);
            self.tail = Some(self.raw.len() + message.len()..self.raw.len() + text.len());
        }
        self.raw.extend_from_slice(text);
        if !goes_on {
            self.raw.push(b'\n');
        }
        if self.kind == Kind::Dump && text.starts_with(b"Heap") {
            self.in_heap = true;
        }
    }

    /// A thread dump ends with the blank line below the summary of the heap.
    pub fn dump_ends_with(&self, line: &[u8]) -> bool {
        self.in_heap && line.is_empty()
    }

    /// Passes on what there is.
    pub fn pass(&mut self, mask: &mut Mask, out: &mut impl Heard) {
        if self.is_empty() {
            return;
        }
        if let Some(tail) = self.tail.take() {
            self.raw.drain(tail);
        }
        // Where no mark is surely the one before the trace, it is the first one.
        let split = if self.is_split { self.split } else { self.first_mark };
        let mut from = self.body;
        if let Some(mark) = split.and_then(|at| self.raw.get_mut(at)) {
            *mark = b'\n';
            from += usize::from(split == Some(self.body));
        }
        let message = without_line_feeds(self.raw.get(from..).unwrap_or_default());
        let exception = match (self.kind, split) {
            _ if self.continued => &[],
            (Kind::Framed, Some(at)) => trace::root(self.raw.get(at + 1..).unwrap_or_default()),
            (Kind::Stock | Kind::Dated | Kind::Plain, _) => trace::root_within(message),
            _ => &[],
        };
        let field = |range: &Range<usize>| self.raw.get(range.clone()).unwrap_or_default();
        // A piece that holds nothing but line feeds says nothing.
        if !(message.is_empty() && self.continued) {
            out.record(&Said {
                priority: self.priority,
                time: field(&self.time),
                logger: &self.logger,
                thread: field(&self.thread),
                message: mask.over(message),
                exception,
                continued: self.continued,
            });
        }
    }

    /// Goes on with an empty message under the same head.
    pub fn go_on(&mut self) {
        self.raw.truncate(self.body);
        (self.tail, self.split, self.first_mark) = (None, None, None);
        if self.kind == Kind::Framed && !self.continued {
            self.raw.insert(1, GOES_ON);
            self.body += 1;
            for field in [&mut self.time, &mut self.thread] {
                *field = field.start + 1..field.end + 1;
            }
        }
        if self.kind == Kind::Dated {
            self.time = 0..0;
        }
        self.continued = true;
    }
}

fn without_line_feeds(mut text: &[u8]) -> &[u8] {
    while let Some(shorter) = text.strip_suffix(b"\n") {
        text = shorter;
    }
    text
}
