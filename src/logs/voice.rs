//! The JVM's own voice: what HotSpot and the `java` launcher print among the records of a log, and how loudly. Pure.
//!
//! The texts are those of OpenJDK 8 to 25 (java.cpp, vmError.cpp, ostream.cpp, vmOperations.cpp, java.c). Absent on purpose: the
//! trouble that a text stands for (`signatures_jvm`).

use super::level::Priority;

/// What a line of the JVM's own begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// One line, in the midst of whatever else is being printed.
    Alone(Priority),
    /// A thread dump.
    Dump,
    /// The notice of a crash.
    Fatal,
}

/// How far a text goes that only begins where no record is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Over what is indented, and over causes.
    Trace,
    /// Over all that follows.
    All,
}

const DUMP: &[u8] = b"Full thread dump ";
const FATAL: [&[u8]; 2] =
    [b"# A fatal error has been detected by ", b"# There is insufficient memory for the Java Runtime "];
/// It ends itself, with exit code 3 or by abort.
const ENDS: [&[u8]; 2] =
    [b"Terminating due to java.lang.OutOfMemoryError", b"Aborting due to java.lang.OutOfMemoryError"];
const DUMPS_HEAP: &[u8] = b"Dumping heap to ";
const WARNS: &[u8] = b" VM warning: ";
/// `OpenJDK 64-Bit Server VM warning: `, `Java HotSpot(TM) 64-Bit Server VM warning: `: all within so many bytes.
const WARNS_WITHIN: usize = 64;

/// What begins with this line wherever it stands, inside a record or not.
pub(super) fn anywhere(line: &[u8]) -> Option<Voice> {
    match line.first()? {
        b'F' if line.starts_with(DUMP) => Some(Voice::Dump),
        b'#' if FATAL.iter().any(|text| line.starts_with(text)) => Some(Voice::Fatal),
        b'T' | b'A' if ENDS.iter().any(|text| line.starts_with(text)) => Some(Voice::Alone(Priority::Critical)),
        b'D' if line.starts_with(DUMPS_HEAP) => Some(Voice::Alone(Priority::Error)),
        b'O' | b'J' if warns(line) => Some(Voice::Alone(Priority::Warning)),
        b'[' => unified(line).map(Voice::Alone),
        _ => None,
    }
}

/// What begins with this line where no record of log4j is open: how loudly, and how far it goes.
pub(super) fn between_records(line: &[u8]) -> Option<(Priority, Reach)> {
    const TEXTS: [(&[u8], Priority, Reach); 7] = [
        (b"Exception in thread ", Priority::Error, Reach::Trace),
        (b"Exception: ", Priority::Error, Reach::Trace),
        (b"Error occurred during initialization of ", Priority::Error, Reach::All),
        (b"Error: ", Priority::Error, Reach::Trace),
        (b"java.lang.OutOfMemoryError", Priority::Error, Reach::Trace),
        (b"log4j:ERROR ", Priority::Error, Reach::Trace),
        (b"log4j:WARN ", Priority::Warning, Reach::Trace),
    ];
    TEXTS.iter().find(|(text, ..)| line.starts_with(text)).map(|(_, priority, reach)| (*priority, *reach))
}

/// What of [`between_records`] ends a record of the stock layout, in which a trace may hold any of the others.
pub(super) fn ends_stock(line: &[u8]) -> bool {
    line.starts_with(b"Exception in thread ") || line.starts_with(b"Error occurred during initialization of ")
}

/// The first line of the notice of a crash is a lone `#`, the second one begins like this whatever it says.
pub(super) fn is_fatal_below_hash(line: &[u8]) -> bool {
    line.starts_with(b"# ")
}

fn warns(line: &[u8]) -> bool {
    let begins = line.starts_with(b"OpenJDK ") || line.starts_with(b"Java HotSpot");
    let head = line.get(..WARNS_WITHIN).unwrap_or(line);
    begins && head.windows(WARNS.len()).any(|window| window == WARNS)
}

/// Unified logging of Java 9 and later: `[0.004s][warning][gc] ..`: decorations in brackets, the level among the first ones.
fn unified(line: &[u8]) -> Option<Priority> {
    const DECORATIONS: usize = 4;
    let mut rest = line;
    for place in 0..DECORATIONS {
        let inside = rest.strip_prefix(b"[")?;
        let close = inside.iter().take(WARNS_WITHIN).position(|byte| *byte == b']')?;
        let (decoration, after) = inside.split_at(close);
        let level = match decoration.trim_ascii_end() {
            b"error" => Some(Priority::Error),
            b"warning" => Some(Priority::Warning),
            b"info" => Some(Priority::Info),
            b"debug" | b"trace" => Some(Priority::Debug),
            _ => None,
        };
        // The first decoration is a time, or the level itself; behind the level stand the tags.
        if place == 0 && level.is_none() && !decoration.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        rest = after.get(1..)?;
        if level.is_some() {
            return level.filter(|_| rest.starts_with(b"["));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_jvm_says_in_the_midst_of_anything() {
        for (line, expected) in [
            (
                "OpenJDK 64-Bit Server VM warning: Option UseConcMarkSweepGC was deprecated",
                Voice::Alone(Priority::Warning),
            ),
            (
                "Java HotSpot(TM) 64-Bit Server VM warning: INFO: os::commit_memory failed",
                Voice::Alone(Priority::Warning),
            ),
            ("[0.004s][warning][gc] -XX:+PrintGC is deprecated", Voice::Alone(Priority::Warning)),
            ("[0.012s][error  ][os,thread] Failed to start thread", Voice::Alone(Priority::Error)),
            ("[2026-11-22T16:21:07.968+0000][info][gc,start] GC(0) Pause Young", Voice::Alone(Priority::Info)),
            ("[info][gc] Using G1", Voice::Alone(Priority::Info)),
            ("[1s][trace][safepoint] x", Voice::Alone(Priority::Debug)),
            ("Terminating due to java.lang.OutOfMemoryError: Java heap space", Voice::Alone(Priority::Critical)),
            ("Aborting due to java.lang.OutOfMemoryError: Metaspace", Voice::Alone(Priority::Critical)),
            ("Dumping heap to /d/heap.hprof ...", Voice::Alone(Priority::Error)),
            ("Full thread dump OpenJDK 64-Bit Server VM (11.0.8+10 mixed mode):", Voice::Dump),
            ("# A fatal error has been detected by the Java Runtime Environment:", Voice::Fatal),
            ("# There is insufficient memory for the Java Runtime Environment to continue.", Voice::Fatal),
        ] {
            assert_eq!(anywhere(line.as_bytes()), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_it() {
        for line in [
            "",
            "OpenJDK 64-Bit Server VM (11.0.8+10 mixed mode)",
            "[2020-08-06 10:11:12,345] INFO x (y)",
            "[KafkaServer id=1] [info][x]",
            "[0.004s][notice][gc] x",
            "[0.004s][info] without tags",
            "# a comment",
            "Full thread dump",
            "Dumping core",
        ] {
            assert_eq!(anywhere(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn what_it_says_where_no_record_is_open() {
        for (line, expected) in [
            ("Exception in thread \"main\" java.lang.X: y", (Priority::Error, Reach::Trace)),
            (
                "Exception: java.lang.OutOfMemoryError thrown from the UncaughtExceptionHandler",
                (Priority::Error, Reach::Trace),
            ),
            ("Error: Could not create the Java Virtual Machine.", (Priority::Error, Reach::Trace)),
            ("Error occurred during initialization of VM", (Priority::Error, Reach::All)),
            ("java.lang.OutOfMemoryError: Java heap space", (Priority::Error, Reach::Trace)),
            ("log4j:WARN No appenders could be found", (Priority::Warning, Reach::Trace)),
        ] {
            assert_eq!(between_records(line.as_bytes()), Some(expected), "{line}");
        }
        assert_eq!(between_records(b"Picked up JAVA_TOOL_OPTIONS: -Xmx1g"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(line in proptest::collection::vec(proptest::sample::select(b"[]#ODF iw.\xff".to_vec()), 0..90)) {
            let _ = (anywhere(&line), between_records(&line));
        }
    }
}
