//! What the node says and what its JVMs print, on their way to the log thread.
//!
//! Saying something never blocks. Absent on purpose: the journal's own protocol, and the thread that speaks it (`notify`).

use std::panic;

use crate::logs::{Entry, Priority, Said};
use crate::model::{ExitCause, Notice, Role, RunId, Severity};
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

    /// Says a notice of the supervisor. One about an end carries what to do about it and the run's last lines.
    pub fn notice(&self, notice: &Notice) {
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
        self.sink.send(Entry { run: about, ..Entry::own(notice.severity().into(), text) });
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
            journal.say(Severity::Error, format!("a fault of kafka-node itself, please report it: {words}"));
        }));
    }
}
