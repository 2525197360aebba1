//! The marks of the layout that the rendered log4j file prints and `logs` reads: where a record begins, where its fields end.
//!
//! Control characters, since no message holds them by itself. Absent on purpose: the file (`log4j`), and the reading (`logs`).

/// Before a record, and after it at the end of its last line: ASCII's record separator.
pub const RECORD: u8 = 0x1e;
/// Between a record's fields: ASCII's unit separator.
pub const FIELD: u8 = 0x1f;
/// As log4j's `EnhancedPatternLayout` (log4j 1.2.16 and later, reload4j) takes it: level, time, logger, thread, message, stack trace.
pub const PATTERN: &str = "\u{1e}%p\u{1f}%d\u{1f}%c\u{1f}%t\u{1f}%m\u{1f}%throwable\u{1e}%n";
