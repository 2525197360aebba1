//! Stack traces: which exception is at the root of one. Pure.
//!
//! Absent on purpose: finding the record that a trace belongs to (`framing`).

const CAUSED_BY: &[u8] = b"Caused by: ";
/// Before the exception that ended a thread, around the thread's name in quotes.
const IN_THREAD: &[u8] = b"Exception in thread ";

/// The class at the root of `trace`, which begins with an exception: that of the last "Caused by:", else of its first line. What
/// is suppressed or only enclosed is indented, and is no root. Empty where no class is named.
pub(super) fn root(trace: &[u8]) -> &[u8] {
    let mut lines = trace.split(|byte| *byte == b'\n');
    let first = lines.next().map(class).unwrap_or_default();
    let mut causes = lines.filter_map(|line| line.strip_prefix(CAUSED_BY)).map(class);
    causes.rfind(|class| !class.is_empty()).unwrap_or(first)
}

/// As [`root`], of a text that may hold a trace somewhere: below an exception's line stands a frame, or a cause.
pub(super) fn root_within(text: &[u8]) -> &[u8] {
    // Most texts are one line.
    if !text.contains(&b'\n') {
        return thrown_in_thread(text);
    }
    let mut at = 0;
    let mut lines = text.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let thrown = if is_exception(line) { class(line) } else { thrown_in_thread(line) };
        let below = lines.peek().is_some_and(|next| is_frame(next) || next.starts_with(CAUSED_BY));
        if below && !thrown.is_empty() {
            let rest = text.get(at + line.len()..).unwrap_or_default();
            let cause = root(rest);
            return if cause.is_empty() { thrown } else { cause };
        }
        at += line.len() + 1;
    }
    text.split(|byte| *byte == b'\n').next().map(thrown_in_thread).unwrap_or_default()
}

/// Whether a line begins with the name of a class in a package, alone or before a colon: so `Throwable.toString` prints it.
pub(super) fn is_exception(line: &[u8]) -> bool {
    class(line).contains(&b'.')
}

/// The frame of a stack trace, or what stands for several.
pub(super) fn is_frame(line: &[u8]) -> bool {
    let text = line.trim_ascii_start();
    text.len() < line.len() && (text.starts_with(b"at ") || text.starts_with(b"... "))
}

/// Whether a line goes with the one before it, where neither belongs to a record: a frame, a cause, something indented.
pub(super) fn goes_on(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t')) || line.starts_with(CAUSED_BY)
}

/// `Exception in thread "name" class: message`; and the same of a handler that failed too.
fn thrown_in_thread(line: &[u8]) -> &[u8] {
    if let Some(rest) = line.strip_prefix(IN_THREAD) {
        let quote = rest.iter().rposition(|byte| *byte == b'"').filter(|at| *at > 0);
        let rest = quote.and_then(|at| rest.get(at + 1..)).unwrap_or(rest).trim_ascii_start();
        return class(rest);
    }
    line.strip_prefix(b"Exception: ").map(class).unwrap_or_default()
}

/// The class that a line begins with, up to its colon or end.
fn class(line: &[u8]) -> &[u8] {
    let letters = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$');
    let length = line.iter().take_while(letters).count();
    let (name, rest) = line.split_at(length);
    let begins = name.first().is_some_and(|byte| byte.is_ascii_alphabetic());
    let ends = name.last().is_some_and(|byte| *byte != b'.') && matches!(rest.first(), None | Some(b':' | b' '));
    // A blank only where it is "X thrown from the handler": prose has no class in its first word.
    let prose = rest.first() == Some(&b' ') && !(name.contains(&b'.') && rest.starts_with(b" thrown from "));
    if begins && ends && !prose { name } else { Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &str, found: &[u8]) {
        assert_eq!(String::from_utf8_lossy(found), expected);
    }

    #[test]
    fn the_last_cause_is_the_root() {
        check(
            "java.net.BindException",
            root(b"o.a.k.X: y\n\tat a.b(C.java:1)\nCaused by: java.net.BindException: in use\n\tat c"),
        );
        check("a.B$C", root(b"a.B$C\n\tat x\n\tSuppressed: java.io.IOException: x\n\t\tat y\n\tCaused by: q.R: x"));
        check("X", root(b"X: in no package"));
        check("", root(b"words of a toString of its own\n\tat x"));
        check("", root(b""));
    }

    #[test]
    fn a_trace_is_found_below_a_message() {
        check("java.io.IOException", root_within(b"Error while appending\njava.io.IOException: No space\n\tat a.b(C)"));
        check("d.E", root_within(b"m\njava.io.IOException: x\n\tat a.b(C)\nCaused by: d.E: x\n\tat y"));
        check("", root_within(b"kafka.a: 1\nkafka.b: 2"));
        check("a.B", root_within(b"Exception in thread \"main\" a.B: x\n\tat c"));
        check("a.B", root_within(b"Exception in thread \"a \"quoted\" one\" a.B"));
        check(
            "java.lang.OutOfMemoryError",
            root_within(
                b"Exception: java.lang.OutOfMemoryError thrown from the UncaughtExceptionHandler in thread \"x\"",
            ),
        );
        check("", root_within(b"plain words"));
    }
}
