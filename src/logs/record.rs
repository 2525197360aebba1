//! What a JVM says, cut into records: the noun between framing, the flow to the journal, and whoever writes it down.
//!
//! A [`Said`] borrows from the framer and costs nothing to make; an [`Entry`] is owned, and is what the journal gets. Absent
//! on purpose: how records are found in bytes (`framing`), which of them are kept whole (`flow`).

use std::time::Duration;

use crate::model::{EventId, Role, RunId};

use super::level::Priority;

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The broker's JVM.
    Kafka,
    /// ZooKeeper's JVM.
    ZooKeeper,
    /// The supervisor itself.
    KafkaNode,
}

impl Origin {
    /// All of them, in a fixed order.
    pub const ALL: [Origin; 3] = [Origin::Kafka, Origin::ZooKeeper, Origin::KafkaNode];

    /// SYSLOG_IDENTIFIER, and the name before a line on stderr.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Kafka => "kafka",
            Origin::ZooKeeper => "zookeeper",
            Origin::KafkaNode => "kafka-node",
        }
    }
}

impl From<Role> for Origin {
    fn from(role: Role) -> Origin {
        match role {
            Role::Kafka => Origin::Kafka,
            Role::ZooKeeper => Origin::ZooKeeper,
        }
    }
}

/// One record as the framer found it. Bytes are the JVM's own: text is made of them at the edge ([`Entry::new`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    /// How loudly.
    pub priority: Priority,
    /// The record's own time as it was printed, in the JVM's time zone; empty where it has none.
    pub time: &'a [u8],
    /// The logger's name; empty where it has none.
    pub logger: &'a [u8],
    /// The thread's name; empty where it has none.
    pub thread: &'a [u8],
    /// The message, and below it the stack trace in full, separated by line feeds; none at the end.
    pub message: &'a [u8],
    /// Class of the root exception (the last "Caused by:", else the first line of the trace); empty where there is none.
    pub exception: &'a [u8],
    /// It goes on from the record before it, which was too long for one.
    pub continued: bool,
}

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who said it.
    pub origin: Origin,
    /// How loudly.
    pub priority: Priority,
    /// What, without a line feed at its end. Several lines where there is a stack trace.
    pub text: String,
    /// LOGGER.
    pub logger: String,
    /// THREAD.
    pub thread: String,
    /// EXCEPTION.
    pub exception: String,
    /// SYSLOG_TIMESTAMP: the record's own time.
    pub time: String,
    /// The run it belongs to, where it belongs to one.
    pub run: Option<RunId>,
    /// MESSAGE_ID: which kind of event of kafka-node's own it is.
    pub event: Option<EventId>,
    /// It stands for several records.
    pub folded: Option<Folded>,
}

/// What an entry stands for that stands for several records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// How many records it stands for, all of which are in no other entry.
    pub count: u64,
    /// From the first of them to the last.
    pub over: Duration,
    /// The first one's own time; empty where it had none.
    pub first: String,
    /// The last one's own time; empty where it had none.
    pub last: String,
}

impl Entry {
    /// The entry of one record of a JVM. Bytes that are no text, and control characters, become `\xNN`: nothing is lost, and
    /// `journalctl` prints it (it hides a field with any of them as "blob data").
    pub fn new(origin: Origin, run: RunId, said: &Said<'_>) -> Entry {
        Entry {
            origin,
            priority: said.priority,
            text: readable(said.message),
            logger: readable(said.logger),
            thread: readable(said.thread),
            exception: readable(said.exception),
            time: readable(said.time),
            run: Some(run),
            event: None,
            folded: None,
        }
    }

    /// An entry of kafka-node's own.
    pub fn own(priority: Priority, text: impl Into<String>) -> Entry {
        Entry {
            origin: Origin::KafkaNode,
            priority,
            text: text.into(),
            logger: String::new(),
            thread: String::new(),
            exception: String::new(),
            time: String::new(),
            run: None,
            event: None,
            folded: None,
        }
    }

    /// Bytes of text that it keeps in memory.
    pub fn size(&self) -> usize {
        [&self.text, &self.logger, &self.thread, &self.exception, &self.time].iter().map(|text| text.len()).sum()
    }
}

/// With it begin U+0080 to U+009F, control characters too, and the letters up to U+00BF.
const LEAD_OF_CONTROLS: u8 = 0xc2;

/// `bytes` as text that any terminal bears.
pub fn readable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_plain(text) => text.to_owned(),
        Ok(_) | Err(_) => escaped(bytes),
    }
}

/// Looks at every byte, since a loop that may end early is many times slower.
fn is_plain(text: &str) -> bool {
    let odd = |byte: u8| (byte < b' ' && byte != b'\n' && byte != b'\t') || byte == 0x7f || byte == LEAD_OF_CONTROLS;
    !text.bytes().fold(false, |any, byte| any | odd(byte))
}

fn escaped(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        if is_plain(valid) {
            text.push_str(valid);
        } else {
            for c in valid.chars() {
                match c {
                    '\n' | '\t' => text.push(c),
                    c if c.is_control() => {
                        let mut utf8 = [0; 4];
                        for byte in c.encode_utf8(&mut utf8).bytes() {
                            let _ = write!(text, "\\x{byte:02x}");
                        }
                    }
                    c => text.push(c),
                }
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_kept_in_letters() {
        assert_eq!(readable("plain\n\tat ü".as_bytes()), "plain\n\tat ü");
        assert_eq!(readable(b"a\xffb\x1b[31m\r\x7f"), "a\\xffb\\x1b[31m\\x0d\\x7f");
        assert_eq!(readable("\u{85}\u{a7}".as_bytes()), "\\xc2\\x85§");
        assert_eq!(readable(b""), "");
    }
}
