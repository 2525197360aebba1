//! Lines of a JVM's output -> records, whole: message and stack trace in one, each at its own priority. Pure.
//!
//! Three things are told apart in one stream: records of our layout (`plan::layout`), which end with a mark and so are whole at
//! once; records of the stock and other common layouts, which end where the next one begins or nobody writes for a while;
//! and the JVM's own voice, which may come in the midst of either. Whatever the stream holds, no byte of a message is lost or
//! said twice, and at most [`RECORD_CAP`] bytes wait, twice: one record of log4j, and one of the JVM's own.
//!
//! Absent on purpose: a clock (the caller says when it is `quiet`), text (bytes stay bytes), and what becomes of a record (`flow`).

use std::time::Duration;

use crate::plan::layout::{FIELD, RECORD};

use super::head::{self, Framed};
use super::level::Priority;
use super::lines::Line;
use super::mask::Mask;
use super::open::{Kind, Open};
use super::record::Said;
use super::trace;
use super::voice::{self, Reach, Voice};

/// The longest message with its trace that is passed on in one piece, in bytes. Kafka's longest, the dump of its configuration, has
/// under 16 KiB; a trace of 1024 frames, the JVM's own limit, about 100.
pub const RECORD_CAP: usize = 256 * 1024;
/// How long nobody must have written before [`Framer::quiet`] is called. log4j writes a record and its trace in one go.
pub const QUIET: Duration = Duration::from_millis(250);
/// Calls of [`Framer::quiet`] in a row after which a record of our layout is passed on without its end: 5 s of 250 ms each. Its
/// writer is stopped or dead, or its disk hangs.
const GIVEN_UP_AFTER: u32 = 20;

/// Who hears what was found.
pub trait Heard {
    /// A record, or a piece of one.
    fn record(&mut self, said: &Said<'_>);
    /// A line as the stock layout has it, `[time] LEVEL message (logger)`, then the lines of the trace: for those who watch for
    /// something in them. Each comes when it is read, before its record.
    fn line(&mut self, line: &[u8]);
}

/// Makes records of the lines of one stream.
#[derive(Clone, Debug)]
pub struct Framer {
    /// How loudly something is said that states no level.
    plain: Priority,
    /// The open record, of log4j or plain.
    said: Open,
    /// The JVM's own block, which may have begun inside that, or that inside it.
    own: Open,
    /// Where the further pieces of a line belong that is longer than a piece.
    pieces: Target,
    /// Calls of `quiet` since the last line.
    silent: u32,
    mask: Mask,
    /// A line made for those who watch.
    shown: Vec<u8>,
}

/// Where a line went.
#[derive(Clone, Copy, Debug)]
enum Target {
    Said,
    Own,
    /// It was passed on by itself.
    Alone(Priority),
}

impl Framer {
    /// For stdout, where log4j writes: what has no level is informative.
    pub fn stdout() -> Framer {
        Framer::new(Priority::Info)
    }

    /// For stderr, where the JVM itself and log4j's own troubles speak: what has no level is a warning.
    pub fn stderr() -> Framer {
        Framer::new(Priority::Warning)
    }

    fn new(plain: Priority) -> Framer {
        Framer {
            plain,
            said: Open::new(plain),
            own: Open::new(plain),
            pieces: Target::Said,
            silent: 0,
            mask: Mask::default(),
            shown: Vec::new(),
        }
    }

    /// Puts "…" in place of these values in messages, traces and lines; those of fewer than 4 bytes stay. A value cut in two by
    /// [`RECORD_CAP`] shows its halves.
    #[must_use]
    pub fn masking(self, secrets: Vec<Vec<u8>>) -> Framer {
        Framer { mask: Mask::new(&secrets), ..self }
    }

    /// Takes in the next line, or piece of one.
    pub fn line(&mut self, line: &Line<'_>, out: &mut impl Heard) {
        self.silent = 0;
        if line.continued {
            self.piece(line, out);
        } else if let Some(head) = head::framed(line.bytes) {
            self.framed_head(line, &head, out);
            self.pieces = Target::Said;
        } else {
            self.pieces = self.other(line, out);
        }
    }

    /// Nobody wrote for 250 ms, or for another 250: what has no end mark is passed on, and after 5 s what has not got one yet.
    pub fn quiet(&mut self, out: &mut impl Heard) {
        self.close_own(out);
        if self.said.kind != Kind::Framed {
            return self.close_said(out);
        }
        self.silent = self.silent.saturating_add(1);
        if self.silent >= GIVEN_UP_AFTER && !self.said.is_empty() {
            self.said.pass(&mut self.mask, out);
            self.said.go_on();
        }
    }

    /// The stream is over: passes on all there is.
    pub fn flush(&mut self, out: &mut impl Heard) {
        if self.said.is_suspended {
            self.close_said(out);
        }
        self.close_own(out);
        self.close_said(out);
    }

    /// Whether something waits for further bytes, or for `quiet`.
    pub fn is_open(&self) -> bool {
        self.own.kind != Kind::Nothing || !self.said.is_empty()
    }

    /// The bytes of what is open, as they came: a successor that takes them in first goes on where this one stands. Of a record
    /// beyond [`RECORD_CAP`], what was not passed on yet, under a head that says so.
    pub fn rest(&self) -> Vec<u8> {
        let (first, second) = if self.said.is_suspended { (&self.said, &self.own) } else { (&self.own, &self.said) };
        [first.raw(), second.raw()].concat()
    }

    fn framed_head(&mut self, line: &Line<'_>, head: &Framed<'_>, out: &mut impl Heard) {
        self.close_said(out);
        self.shown.clear();
        for part in [b"[", head.time, b"] ", head.level, b" "] {
            self.shown.extend_from_slice(part);
        }
        // The common case costs no copy of the message but the one for those who watch.
        let whole = head.body.strip_suffix(&[FIELD, RECORD]).filter(|_| !line.continues && !head.continued);
        let Some(message) = whole else {
            self.said.begin_framed(line.bytes, head);
            return self.framed_line(head.body, line.continues, true, out);
        };
        for part in [message, b" (", head.logger, b")"] {
            self.shown.extend_from_slice(part);
        }
        let said = Said { time: head.time, logger: head.logger, thread: head.thread, ..said(head.priority, message) };
        // What is shown holds the whole message: one search does for both.
        if self.mask.spares(&self.shown) {
            out.line(&self.shown);
            out.record(&said);
        } else {
            out.line(self.mask.over(&self.shown));
            out.record(&Said { message: self.mask.over(message), ..said });
        }
    }

    /// A line of the open record of our layout. `shown` holds its head where it is the `first`.
    fn framed_line(&mut self, line: &[u8], goes_on: bool, first: bool, out: &mut impl Heard) {
        let ends = !goes_on && self.said.ends_with(line);
        let text = line.strip_suffix(&[RECORD]).filter(|_| ends).unwrap_or(line);
        if !self.said.has_room(text) {
            self.said.pass(&mut self.mask, out);
            self.said.go_on();
        }
        if !first {
            self.shown.clear();
        }
        match self.said.look_for_split(text, ends) {
            Some(at) => {
                let (message, trace) = text.split_at(at);
                for part in [message, b" (", self.said.logger(), b")"] {
                    self.shown.extend_from_slice(part);
                }
                out.line(self.mask.over(&self.shown));
                if let Some(trace) = trace.get(1..).filter(|trace| !trace.is_empty()) {
                    out.line(self.mask.over(trace));
                }
            }
            None if ends && text.is_empty() && !first => {}
            None => {
                self.shown.extend_from_slice(text);
                out.line(self.mask.over(&self.shown));
            }
        }
        self.said.push(text, goes_on);
        if ends {
            self.close_said(out);
        }
    }

    /// A line that is no head of our layout.
    fn other(&mut self, line: &Line<'_>, out: &mut impl Heard) -> Target {
        let bytes = line.bytes;
        let inside = |framer: &Framer| framer.said.kind == Kind::Framed && !framer.said.is_suspended;
        if !inside(self) && !self.own_takes(bytes) {
            self.close_own(out);
        }
        let voice = voice::anywhere(bytes);
        let ends_suspended = self.said.kind == Kind::Framed && bytes.last() == Some(&RECORD);
        if voice.is_none() && (inside(self) || ends_suspended) {
            self.framed_line(bytes, line.continues, false, out);
            return Target::Said;
        }
        out.line(self.mask.over(bytes));
        match voice {
            Some(Voice::Alone(priority)) => {
                // A plain line is whole when another begins; a record in the stock layout goes on below this one.
                if !matches!(self.said.kind, Kind::Framed | Kind::Stock | Kind::Dated) {
                    self.close_said(out);
                }
                self.alone(priority, bytes, false, out);
                Target::Alone(priority)
            }
            Some(Voice::Dump) => self.begin_own(Kind::Dump, Priority::Info, line, head::is_bare_date, out),
            Some(Voice::Fatal) => self.begin_own(Kind::Fatal, Priority::Critical, line, |held| held == b"#", out),
            None if self.own.kind != Kind::Nothing => self.own_line(line, out),
            None => self.plain_line(line, out),
        }
    }

    /// Whether a line belongs to the JVM's open block, or may stand in its midst.
    fn own_takes(&self, line: &[u8]) -> bool {
        match self.own.kind {
            Kind::Fatal => line.first() == Some(&b'#'),
            Kind::Dump => !head::is_bare_date(line),
            _ => true,
        }
    }

    /// Begins a block of the JVM's own; the line above it belongs to it where it is `held`.
    fn begin_own(
        &mut self,
        kind: Kind,
        priority: Priority,
        line: &Line<'_>,
        held: impl Fn(&[u8]) -> bool,
        out: &mut impl Heard,
    ) -> Target {
        // A crash is told below its first lines too ("There is insufficient memory" has several sentences).
        if self.own.kind == Kind::Fatal && kind == Kind::Fatal {
            return self.own_line(line, out);
        }
        self.close_own(out);
        self.own.begin(kind, priority);
        let above = self.said.only_line().filter(|above| self.said.kind == Kind::Plain && held(above));
        if let Some(above) = above {
            self.own.push(above, false);
            self.said.clear();
        }
        if self.said.kind == Kind::Framed {
            self.said.is_suspended = true;
        } else {
            self.close_said(out);
        }
        self.own.push(line.bytes, line.continues);
        Target::Own
    }

    fn own_line(&mut self, line: &Line<'_>, out: &mut impl Heard) -> Target {
        // Somebody still logs in another layout: those lines stand by themselves, and the dump goes on.
        if let Some(plain) = head::stock(line.bytes).or_else(|| head::dated(line.bytes)) {
            let body = line.bytes.get(plain.body..).unwrap_or_default();
            let (message, logger) = head::tail(body).filter(|_| plain.body > 0).unwrap_or((body, &[]));
            let said = Said { time: plain.time, logger, ..said(plain.priority, self.mask.over(message)) };
            out.record(&said);
            return Target::Alone(plain.priority);
        }
        self.own_text(line, out);
        if !line.continues && self.own.dump_ends_with(line.bytes) {
            self.close_own(out);
        }
        Target::Own
    }

    /// A line where no record of our layout is open, and that is not the JVM's wherever it stands.
    fn plain_line(&mut self, line: &Line<'_>, out: &mut impl Heard) -> Target {
        let bytes = line.bytes;
        let stock = head::stock(bytes).map(|head| (Kind::Stock, head));
        if let Some((kind, head)) = stock.or_else(|| head::dated(bytes).map(|head| (Kind::Dated, head))) {
            self.close_said(out);
            self.said.begin_plain(kind, bytes, &head);
            self.said.push(bytes.get(head.body..).unwrap_or_default(), line.continues);
            return Target::Said;
        }
        if voice::is_fatal_below_hash(bytes) && self.said.only_line() == Some(b"#") {
            return self.begin_own(Kind::Fatal, Priority::Critical, line, |held| held == b"#", out);
        }
        let goes_on = match self.said.kind {
            Kind::Stock | Kind::Dated => !voice::ends_stock(bytes),
            Kind::Plain => trace::goes_on(bytes),
            Kind::Block => !bytes.is_empty() && voice::between_records(bytes).is_none(),
            _ => false,
        };
        if goes_on {
            self.said_text(line, out);
            return Target::Said;
        }
        self.close_said(out);
        // A blank line says nothing, nor does an end mark whose record was passed on before it came.
        if (!bytes.is_empty() && bytes != [RECORD]) || line.continues {
            let (priority, kind) = match voice::between_records(bytes) {
                Some((priority, Reach::All)) => (priority, Kind::Block),
                Some((priority, Reach::Trace)) => (priority, Kind::Plain),
                None => (self.plain, Kind::Plain),
            };
            self.said.begin(kind, priority);
            self.said.push(bytes, line.continues);
        }
        Target::Said
    }

    /// A further piece of a line.
    fn piece(&mut self, line: &Line<'_>, out: &mut impl Heard) {
        match self.pieces {
            Target::Said if self.said.kind == Kind::Framed => {
                return self.framed_line(line.bytes, line.continues, false, out);
            }
            Target::Said if self.said.kind != Kind::Nothing => self.said_text(line, out),
            Target::Own if self.own.kind != Kind::Nothing => self.own_text(line, out),
            // What it belongs to was passed on already.
            Target::Said => self.alone(self.said.priority, line.bytes, true, out),
            Target::Own => self.alone(self.own.priority, line.bytes, true, out),
            Target::Alone(priority) => self.alone(priority, line.bytes, true, out),
        }
        out.line(self.mask.over(line.bytes));
    }

    fn said_text(&mut self, line: &Line<'_>, out: &mut impl Heard) {
        if !self.said.has_room(line.bytes) {
            self.said.pass(&mut self.mask, out);
            self.said.go_on();
        }
        self.said.push(line.bytes, line.continues);
    }

    fn own_text(&mut self, line: &Line<'_>, out: &mut impl Heard) {
        if !self.own.has_room(line.bytes) {
            self.own.pass(&mut self.mask, out);
            self.own.go_on();
        }
        self.own.push(line.bytes, line.continues);
    }

    fn alone(&mut self, priority: Priority, line: &[u8], continued: bool, out: &mut impl Heard) {
        out.record(&Said { continued, ..said(priority, self.mask.over(line)) });
    }

    fn close_said(&mut self, out: &mut impl Heard) {
        self.said.pass(&mut self.mask, out);
        self.said.clear();
    }

    fn close_own(&mut self, out: &mut impl Heard) {
        self.own.pass(&mut self.mask, out);
        self.own.clear();
        self.said.is_suspended = false;
    }
}

/// What states nothing but itself.
fn said(priority: Priority, message: &[u8]) -> Said<'_> {
    Said { priority, time: &[], logger: &[], thread: &[], message, exception: &[], continued: false }
}
