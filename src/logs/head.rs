//! The heads of records: what a line states of itself, in our layout, in the stock one, and in others that are common. Pure.
//!
//! Absent on purpose: what belongs to the record below its first line (`framing`), and the JVM's own words (`voice`).

use crate::plan::layout::{FIELD, RECORD};

use super::level::{Priority, level_of, priority_of};

/// Before the level of a head that `Framer::rest` wrote for a record whose beginning was passed on already.
pub(super) const GOES_ON: u8 = b'+';
/// The longest time that a head may state, in bytes: log4j's ISO8601 takes 23.
const TIME_CAP: usize = 64;
/// Where a layout of the operator's own states its level, in bytes from the line's beginning.
const LEVEL_WITHIN: usize = 100;
/// `2020-08-06 10:11:12` or `2020-08-06T10:11:12`: d stands for a digit, t for a blank or a T.
const DATE: &[u8] = b"dddd-dd-ddtdd:dd:dd";

/// A line that begins a record of our layout, cut at its marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framed<'a> {
    pub priority: Priority,
    /// log4j's word for it.
    pub level: &'a [u8],
    pub time: &'a [u8],
    pub logger: &'a [u8],
    pub thread: &'a [u8],
    /// What stands behind the fourth mark: the message, and perhaps more.
    pub body: &'a [u8],
    /// See [`GOES_ON`].
    pub continued: bool,
}

/// Reads the head of our own layout; `None` where a mark is missing, or where it is none.
pub(super) fn framed(line: &[u8]) -> Option<Framed<'_>> {
    let after_mark = line.strip_prefix(&[RECORD])?;
    let continued = after_mark.first() == Some(&GOES_ON);
    let after_mark = if continued { after_mark.get(1..)? } else { after_mark };
    let (level, rest) = field(after_mark)?;
    let priority = priority_of(level)?;
    let (time, rest) = field(rest)?;
    // Something in a message that only looks like a head states no time.
    if time.len() > TIME_CAP || !time.first()?.is_ascii_digit() {
        return None;
    }
    let (logger, rest) = field(rest)?;
    let (thread, body) = field(rest)?;
    Some(Framed { priority, level, time, logger, thread, body, continued })
}

/// What stands before the next mark, and what behind it.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == FIELD)?;
    let (field, rest) = bytes.split_at(at);
    Some((field, rest.get(1..)?))
}

/// What a line of another layout states; numbers are places in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain<'a> {
    pub priority: Priority,
    pub time: &'a [u8],
    /// From where on it is message.
    pub body: usize,
}

/// Reads the head of the stock layout, `[date] LEVEL message`.
pub(super) fn stock(line: &[u8]) -> Option<Plain<'_>> {
    let priority = level_of(line)?;
    let close = line.iter().position(|byte| *byte == b']')?;
    let time = line.get(1..close)?;
    let word = close + 2;
    let length = line.get(word..)?.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    // One blank stands between level and message; a line may end with its level.
    let body = (word + length + 1).min(line.len());
    Some(Plain { priority, time, body })
}

/// Reads a line that begins with a date and time and states a level as a word of its own, wherever near its beginning that
/// stands: `2020-08-06 10:11:12,345 [main] INFO ..`, `.. - INFO [main:C@1] - ..`. All of it stays message.
pub(super) fn dated(line: &[u8]) -> Option<Plain<'_>> {
    if !begins_with_date(line) {
        return None;
    }
    let fraction = line.get(DATE.len()..)?;
    let fraction = match fraction.first() {
        Some(b',' | b'.') => 1 + fraction.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    let time = line.get(..DATE.len() + fraction)?;
    let head = line.get(..LEVEL_WITHIN).unwrap_or(line);
    let words = head.get(time.len()..)?.split(|byte| !byte.is_ascii_alphabetic());
    let priority = words.into_iter().find_map(priority_of)?;
    Some(Plain { priority, time, body: 0 })
}

/// A date and time and nothing else: the line that the JVM prints above a thread dump.
pub(super) fn is_bare_date(line: &[u8]) -> bool {
    line.len() == DATE.len() && begins_with_date(line)
}

fn begins_with_date(line: &[u8]) -> bool {
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'd' => byte.is_ascii_digit(),
        b't' => matches!(byte, b' ' | b'T'),
        other => byte == other,
    };
    line.len() >= DATE.len() && line.iter().zip(DATE).all(fits)
}

/// The end of a record of the stock layout: `message (logger)`, cut in two.
pub(super) fn tail(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let open = line.strip_suffix(b")")?;
    let at = open.iter().rposition(|byte| *byte == b'(')?;
    let (message, name) = open.split_at(at);
    let (message, name) = (message.strip_suffix(b" ")?, name.get(1..)?);
    let letters = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'-');
    (name.first()?.is_ascii_alphabetic() && name.iter().all(letters)).then_some((message, name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn our_head_is_cut_at_its_marks() {
        let line = b"\x1eWARN\x1f2020-08-06 10:11:12,345\x1fkafka.Kafka$\x1fmain\x1fa\x1fb\x1e";
        let head = framed(line).unwrap();
        assert_eq!((head.priority, head.level), (Priority::Warning, b"WARN".as_slice()));
        assert_eq!(head.time, b"2020-08-06 10:11:12,345");
        assert_eq!((head.logger, head.thread), (b"kafka.Kafka$".as_slice(), b"main".as_slice()));
        assert_eq!((head.body, head.continued), (b"a\x1fb\x1e".as_slice(), false));
        assert!(framed(b"\x1e+FATAL\x1f2\x1f\x1f\x1f").unwrap().continued);
    }

    #[test]
    fn a_head_that_lacks_something_is_none() {
        let whole = b"\x1eINFO\x1f2020\x1fl\x1ft\x1f";
        assert!(framed(whole).is_some());
        for cut in 0..whole.len() {
            assert_eq!(framed(&whole[..cut]), None, "{cut}");
        }
        for other in
            ["\x1eNOTE\x1f2020\x1fl\x1ft\x1f", "\x1eINFO\x1fno time\x1fl\x1ft\x1f", "INFO\x1f2020\x1fl\x1ft\x1f"]
        {
            assert_eq!(framed(other.as_bytes()), None, "{other:?}");
        }
    }

    #[test]
    fn the_stock_layout_states_level_time_and_logger() {
        let line = b"[2020-08-06 10:11:12,345] INFO a (b) (kafka.server.KafkaServer)";
        let head = stock(line).unwrap();
        assert_eq!((head.priority, head.time), (Priority::Info, b"2020-08-06 10:11:12,345".as_slice()));
        assert_eq!(tail(&line[head.body..]), Some((b"a (b)".as_slice(), b"kafka.server.KafkaServer".as_slice())));
        assert_eq!(stock(b"[2020] INFO").unwrap().body, 11);
        assert_eq!(
            tail(b" (kafka.server.KafkaConfig)"),
            Some((b"".as_slice(), b"kafka.server.KafkaConfig".as_slice()))
        );
        for none in
            ["\tat java.base/sun.nio.ch.Net.bind0(Native Method)", "a (1)", "a (b c)", "a(b)", "a ()", "()", ")", ""]
        {
            assert_eq!(tail(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn other_layouts_are_recognised_by_date_and_level() {
        let seen = |line: &'static str| dated(line.as_bytes()).map(|head| (head.priority, head.time));
        let time = b"2020-08-06 10:11:12,345".as_slice();
        assert_eq!(seen("2020-08-06 10:11:12,345 INFO x"), Some((Priority::Info, time)));
        assert_eq!(seen("2020-08-06 10:11:12,345 [main] ERROR x"), Some((Priority::Error, time)));
        assert_eq!(seen("2020-08-06 10:11:12,345 [myid:1] - WARN  [main:C@1] - x"), Some((Priority::Warning, time)));
        assert_eq!(
            seen("2020-08-06T10:11:12.3Z DEBUG x"),
            Some((Priority::Debug, b"2020-08-06T10:11:12.3".as_slice()))
        );
        assert_eq!(seen("2020-08-06 10:11:12 WARNING x"), None);
        assert_eq!(seen("2020-08-06 10:11:12"), None);
        assert_eq!(seen("2020-08-06 INFO"), None);
        assert!(is_bare_date(b"2020-08-06 10:11:12") && !is_bare_date(b"2020-08-06 10:11:12 "));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), date in any::<bool>()) {
            let mut line = if date { b"2020-08-06 10:11:12".to_vec() } else { Vec::new() };
            line.extend(bytes);
            let _ = (framed(&line), stock(&line).map(|head| assert!(head.body <= line.len())), dated(&line), tail(&line));
        }
    }
}
