//! How loudly a line is said, by the pattern of the rendered log4j file: `[%d] %p %m (%c)%n`.
//!
//! Absent on purpose: records. A line without a level of its own (a stack trace) is as loud as the record before it, and
//! that is all that is known of it here.

use super::Line;

/// How loudly something is said, in the numbers of syslog(3). Only those that log4j and kafka-node use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// log4j's FATAL.
    Critical = 2,
    /// ERROR.
    Error = 3,
    /// WARN.
    Warning = 4,
    /// INFO.
    Info = 6,
    /// DEBUG and TRACE.
    Debug = 7,
}

impl Priority {
    /// The number of syslog(3): smaller is louder.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The word of log4j.
    pub fn word(self) -> &'static str {
        match self {
            Priority::Critical => "FATAL",
            Priority::Error => "ERROR",
            Priority::Warning => "WARN",
            Priority::Info => "INFO",
            Priority::Debug => "DEBUG",
        }
    }
}

/// The level a line states: `[date] LEVEL ...`. `None` for a line that states none.
pub fn level_of(line: &[u8]) -> Option<Priority> {
    let after_bracket = line.strip_prefix(b"[")?;
    let close = after_bracket.iter().take(DATE_CAP).position(|byte| *byte == b']')?;
    let (date, after) = after_bracket.split_at(close);
    // A record begins with a date; "[main] INFO" or a list in brackets does not.
    if !date.first()?.is_ascii_digit() {
        return None;
    }
    let after = after.strip_prefix(b"] ")?;
    priority_of(after.split(|byte| *byte == b' ').next()?)
}

/// What log4j's word for a level stands for.
pub(super) fn priority_of(word: &[u8]) -> Option<Priority> {
    Some(match word {
        b"FATAL" => Priority::Critical,
        b"ERROR" => Priority::Error,
        b"WARN" => Priority::Warning,
        b"INFO" => Priority::Info,
        b"DEBUG" | b"TRACE" => Priority::Debug,
        _ => return None,
    })
}

/// The longest date between the brackets, in bytes: log4j's ISO8601 takes 23, with a zone and a day's name under 64.
const DATE_CAP: usize = 64;

/// Remembers the last record's level, so that its further lines get it too.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    last: Priority,
}

impl Levels {
    /// For stdout, where log4j writes: what has no level is informative.
    pub fn of_stdout() -> Levels {
        Levels { last: Priority::Info }
    }

    /// For stderr, where the JVM itself and log4j's own troubles speak: what has no level is a warning.
    pub fn of_stderr() -> Levels {
        Levels { last: Priority::Warning }
    }

    /// How loudly `line` is said.
    pub fn of(&mut self, line: &Line<'_>) -> Priority {
        if !line.continued
            && let Some(level) = level_of(line.bytes)
        {
            self.last = level;
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, expected: Option<Priority>) {
        assert_eq!(level_of(line.as_bytes()), expected, "{line}");
    }

    #[test]
    fn the_stock_pattern_states_its_level() {
        check(
            "[2020-08-06 10:11:12,345] INFO [KafkaServer id=1] started (kafka.server.KafkaServer)",
            Some(Priority::Info),
        );
        check(
            "[2020-08-06 10:11:12,345] WARN Cannot open channel (o.a.z.s.q.QuorumCnxManager)",
            Some(Priority::Warning),
        );
        check("[2020-08-06 10:11:12,345] ERROR Disk error (kafka.server.LogDirFailureChannel)", Some(Priority::Error));
        check("[2020-08-06 10:11:12,345] FATAL gone (kafka.Kafka$)", Some(Priority::Critical));
        check("[2020-08-06 10:11:12,345] TRACE (x)", Some(Priority::Debug));
    }

    #[test]
    fn what_only_looks_like_it_states_none() {
        check("\tat kafka.Kafka$.main(Kafka.scala:82)", None);
        check("[main] INFO not a date", None);
        check("[2020-08-06 10:11:12,345] INFORMATION", None);
        check("[2020-08-06 10:11:12,345]", None);
        check("[2020-08-06 10:11:12,345 INFO never closed", None);
        check("[0.004s][info][gc] Using G1", None);
        check("", None);
    }

    #[test]
    fn a_stack_trace_is_as_loud_as_its_record_and_a_piece_as_loud_as_its_line() {
        let mut levels = Levels::of_stdout();
        let mut say = |text: &str, continued| levels.of(&Line { bytes: text.as_bytes(), continued, continues: false });
        assert_eq!(say("banner", false), Priority::Info);
        assert_eq!(say("[2020-08-06 10:11:12,345] ERROR x (y)", false), Priority::Error);
        assert_eq!(say("java.io.IOException: x", false), Priority::Error);
        assert_eq!(say("[2020-08-06 10:11:12,345] INFO in the middle of a long line", true), Priority::Error);
        assert_eq!(say("[2020-08-06 10:11:13,000] INFO x (y)", false), Priority::Info);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = level_of(&line);
        }
    }
}
