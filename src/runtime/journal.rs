//! What the node says and what its JVMs print, on their way to the log thread.
//!
//! Saying something never blocks. Absent on purpose: the journal's own protocol, and the thread that speaks it (`notify`).

use std::panic;

use crate::logs::{Entry, Said};
use crate::model::{EventId, ExitCause, Notice, Role, RunId, Severity};
use crate::notify::events;
use crate::notify::log::Sink;

/// The way to the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    sink: Sink,
}

impl Journal {
    /// The way through `sink`.
    pub fn new(sink: Sink) -> Journal {
        Journal { sink }
    }

    /// Says something of the runtime's own.
    pub fn say(&self, severity: Severity, text: impl Into<String>) {
        self.sink.send(Entry::own(severity.into(), text));
    }

    /// Says a notice of the supervisor.
    pub fn notice(&self, notice: &Notice) {
        self.sink.send(entry(notice));
    }

    /// Says that a part of kafka-node failed where it must not.
    pub fn fault(&self, words: &str) {
        let text = format!("a fault of kafka-node itself, please report it: {words}");
        self.sink.send(Entry { event: Some(EventId::FAULT), ..Entry::own(Severity::Error.into(), text) });
    }

    /// Passes on what a JVM printed.
    pub fn jvm(&self, role: Role, run: RunId, said: &Said<'_>) {
        self.sink.said(role.into(), run, said);
    }

    /// Brings every later event of `tracing` here, this program's and its libraries'.
    pub fn hear_events(&self) {
        let sink = self.sink.clone();
        events::hear(move |told| sink.send(Entry::own(told.priority, told.text)));
    }

    /// Brings the words of every later panic here: stderr may be a pipe that nobody reads, and a write to it would hang.
    pub fn hear_panics(&self) {
        let journal = self.clone();
        panic::set_hook(Box::new(move |panic| {
            let words = panic.to_string().replace('\n', " ");
            journal.fault(&words);
        }));
    }
}

/// The entry of a notice. One about an end carries what to do about it and the run's last lines.
fn entry(notice: &Notice) -> Entry {
    let mut text = notice.to_string();
    let mut about = None;
    match notice {
        Notice::Ended { run, cause, last_lines, .. } => {
            about = Some(*run);
            if !cause.remedy().is_empty() {
                text = format!("{text}; help: {}", cause.remedy());
            }
            if *cause != ExitCause::Stopped && !last_lines.is_empty() {
                text = format!("{text}\n  its last lines:\n  | {}", last_lines.join("\n  | "));
            }
        }
        Notice::Starts { run, .. }
        | Notice::Spawned { run, .. }
        | Notice::Terminates { run, .. }
        | Notice::Adopted { run, .. }
        | Notice::Fenced { run, .. }
        | Notice::FenceForeign { run, .. }
        | Notice::FenceDenied { run, .. }
        | Notice::FenceFailed { run, .. }
        | Notice::Hangs { run, .. }
        | Notice::HangPassed { run, .. }
        | Notice::Dumps { run, .. }
        | Notice::Kills { run, .. } => about = Some(*run),
        _ => {}
    }
    Entry { run: about, event: Some(notice.event()), ..Entry::own(notice.severity().into(), text) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::logs::{Origin, Priority};
    use crate::model::explained;

    #[test]
    fn an_end_is_one_entry_with_its_id_its_run_its_remedy_and_the_last_lines() {
        let entry = entry(&Notice::Ended {
            role: Role::Kafka,
            run: RunId(7),
            cause: ExitCause::Signal(9),
            lived: Duration::from_secs(3),
            again_in: Some(Duration::ZERO),
            last_lines: vec!["a".to_owned(), "b".to_owned()],
        });
        assert_eq!((entry.run, entry.event), (Some(RunId(7)), Some(EventId::ENDED_AGAIN)));
        assert_eq!((entry.origin, entry.priority), (Origin::KafkaNode, Priority::Warning));
        assert!(entry.text.contains("; help: look for the kernel's OOM killer"), "{}", entry.text);
        assert!(entry.text.ends_with("\n  its last lines:\n  | a\n  | b"), "{}", entry.text);
    }

    #[test]
    fn what_the_catalog_says_of_a_run_is_said_of_entries_with_a_run() {
        let explained = |notice: &Notice| {
            let event = explained().find(|event| event.id == notice.event()).expect("an explanation");
            [event.subject, event.meaning, event.remedy].concat().contains("@KAFKA_NODE_RUN@")
        };
        let of_a_run = Notice::Dumps { role: Role::Kafka, run: RunId(7) };
        assert!(explained(&of_a_run) && entry(&of_a_run).run.is_some());
        let of_none = Notice::TokenTaken;
        assert!(!explained(&of_none) && entry(&of_none).run.is_none());
    }
}
