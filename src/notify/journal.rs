//! Entries to journald by its native protocol, each with its own priority and fields.
//!
//! Native, because journald on 219 keeps a pool per priority: an ERROR survives a flood of INFO (`facts.md`). Absent on
//! purpose: the choice between journal and stderr, and any retry (`log.rs`); entries that are too large for a datagram
//! (`oversized.rs`).

use std::borrow::Cow;

use libsystemd::logging::{Priority as Level, journal_send};

use crate::logs::{Entry, Priority};
use crate::model::{BrokerId, EventId};

use super::oversized::{self, Oversized};

/// A field's name and its value.
pub(super) type Field<'a> = (&'static str, Cow<'a, str>);

/// Something that takes entries or says why not.
pub(super) trait Journal: Send {
    /// Sends one entry; blocks while the receiver's queue is full.
    fn send(&self, entry: &Entry) -> Result<(), String>;
}

/// journald's own socket.
///
/// An entry is addressed to the socket's path each time: after a restart of journald the next one reaches the new socket.
pub(super) struct Native {
    /// KAFKA_BROKER_ID of every entry.
    broker: Option<BrokerId>,
    oversized: Oversized,
}

impl Native {
    pub fn new(broker: Option<BrokerId>) -> Native {
        Native { broker, oversized: Oversized::default() }
    }
}

impl Journal for Native {
    fn send(&self, entry: &Entry) -> Result<(), String> {
        let fields = fields(entry, self.broker);
        if oversized::size(&entry.text, &fields) <= oversized::SMALL {
            return small(entry.priority, &entry.text, &fields);
        }
        self.oversized.send(entry.priority, &entry.text, &fields)
    }
}

/// Sends what fits a datagram. What does not goes by a memfd here, where the kernel has it.
pub(super) fn small(priority: Priority, text: &str, fields: &[Field<'_>]) -> Result<(), String> {
    let fields = fields.iter().map(|(name, value)| (*name, value.as_ref()));
    journal_send(level(priority), text, fields).map_err(|error| error.to_string())
}

/// All fields but MESSAGE and PRIORITY; those without a value are left out. SYSLOG_IDENTIFIER always: an entry sent just
/// before the end of the process can lose its `_SYSTEMD_UNIT`.
fn fields(entry: &Entry, broker: Option<BrokerId>) -> Vec<Field<'_>> {
    let mut fields = Vec::with_capacity(9);
    fields.push(("SYSLOG_IDENTIFIER", Cow::Borrowed(entry.origin.as_str())));
    let said = [
        ("LOGGER", &entry.logger),
        ("THREAD", &entry.thread),
        ("EXCEPTION", &entry.exception),
        ("SYSLOG_TIMESTAMP", &entry.time),
    ];
    fields.extend(said.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.into())));
    fields.extend(broker.map(|broker| ("KAFKA_BROKER_ID", broker.to_string().into())));
    fields.extend(entry.run.map(|run| ("KAFKA_NODE_RUN", run.to_string().into())));
    let folded = entry.folded.as_ref();
    fields.extend(folded.map(|folded| ("KAFKA_NODE_FOLDED", folded.count.to_string().into())));
    let event = entry.event.or(folded.map(|_| EventId::RECORDS_FOLDED));
    fields.extend(event.map(|event| ("MESSAGE_ID", event.to_string().into())));
    fields
}

fn level(priority: Priority) -> Level {
    match priority {
        Priority::Critical => Level::Critical,
        Priority::Error => Level::Error,
        Priority::Warning => Level::Warning,
        Priority::Info => Level::Info,
        Priority::Debug => Level::Debug,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::logs::{Folded, Origin, Said};
    use crate::model::RunId;

    /// The fields of `entry` as `NAME=value`, in the order they are sent.
    fn check(entry: &Entry, broker: Option<BrokerId>, expected: &[&str]) {
        let lines: Vec<String> =
            fields(entry, broker).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_record_carries_all_that_the_jvm_said_of_it() {
        let said = Said {
            priority: Priority::Error,
            time: b"2020-08-06 10:11:12,345",
            logger: b"kafka.log.LogManager",
            thread: b"main",
            message: b"Disk error\n\tat x",
            exception: b"java.io.IOException",
            continued: false,
        };
        check(
            &Entry::new(Origin::Kafka, RunId(255), &said),
            Some(BrokerId(2)),
            &[
                "SYSLOG_IDENTIFIER=kafka",
                "LOGGER=kafka.log.LogManager",
                "THREAD=main",
                "EXCEPTION=java.io.IOException",
                "SYSLOG_TIMESTAMP=2020-08-06 10:11:12,345",
                "KAFKA_BROKER_ID=2",
                "KAFKA_NODE_RUN=ff",
            ],
        );
    }

    #[test]
    fn what_has_no_value_is_left_out() {
        check(&Entry::own(Priority::Info, "x"), None, &["SYSLOG_IDENTIFIER=kafka-node"]);
    }

    #[test]
    fn an_event_and_a_fold_can_be_searched_for() {
        let mut entry = Entry::own(Priority::Warning, "x");
        entry.event = Some(EventId(0x1f));
        check(&entry, None, &["SYSLOG_IDENTIFIER=kafka-node", "MESSAGE_ID=0000000000000000000000000000001f"]);
        entry.event = None;
        entry.folded =
            Some(Folded { count: 4211, over: Duration::from_secs(1), first: String::new(), last: String::new() });
        let id = format!("MESSAGE_ID={}", EventId::RECORDS_FOLDED);
        check(&entry, None, &["SYSLOG_IDENTIFIER=kafka-node", "KAFKA_NODE_FOLDED=4211", &id]);
    }
}
