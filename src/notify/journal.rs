//! Records to journald by its native protocol, each with its own priority and fields.
//!
//! Native, because journald on 219 keeps a pool per priority: an ERROR survives a flood of INFO (`facts.md`). Absent on
//! purpose: the choice between journal and stderr, and any retry (`log.rs`).

use libsystemd::logging::{Priority as Level, journal_send};

use crate::logs::{Entry, Priority};

use super::log::{Source, capped};

/// Something that takes records or says why not.
pub(super) trait Journal: Send {
    /// Sends one record; blocks while the receiver's queue is full.
    fn send(&self, record: &Entry) -> Result<(), String>;
}

/// journald's own socket.
pub(super) struct Native {
    pub source: Source,
}

impl Journal for Native {
    fn send(&self, record: &Entry) -> Result<(), String> {
        let (text, missing) = capped(&record.text);
        let fields = fields(record, &self.source);
        if missing == 0 {
            return journal_send(level(record.priority), text, fields.into_iter()).map_err(|error| error.to_string());
        }
        let text = format!("{text} [{missing} more bytes]");
        journal_send(level(record.priority), &text, fields.into_iter()).map_err(|error| error.to_string())
    }
}

/// SYSLOG_IDENTIFIER always: a record sent just before the end of the process can lose its `_SYSTEMD_UNIT`.
fn fields(record: &Entry, source: &Source) -> Vec<(&'static str, String)> {
    let mut fields = vec![("SYSLOG_IDENTIFIER", record.origin.as_str().to_owned())];
    fields.extend(record.run.map(|run| ("KAFKA_NODE_RUN", run.to_string())));
    fields.extend(source.broker.map(|broker| ("KAFKA_BROKER_ID", broker.to_string())));
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
    use super::super::log::Origin;
    use super::*;
    use crate::model::{BrokerId, RunId};

    #[test]
    fn a_record_carries_who_said_it_and_the_run_it_belongs_to() {
        let source = Source { broker: Some(BrokerId(2)), fold_after: 200 };
        let record = Entry { origin: Origin::Kafka, run: Some(RunId(255)), ..Entry::own(Priority::Info, "x") };
        let of_kafka = fields(&record, &source);
        assert_eq!(
            of_kafka,
            [("SYSLOG_IDENTIFIER", "kafka".into()), ("KAFKA_NODE_RUN", "ff".into()), ("KAFKA_BROKER_ID", "2".into())]
        );
        let own = fields(&Entry::own(Priority::Info, "x"), &Source { broker: None, fold_after: 200 });
        assert_eq!(own, [("SYSLOG_IDENTIFIER", "kafka-node".into())]);
    }
}
