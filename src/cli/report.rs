//! Where the words of a verb go: to a person by both streams; to the journal, where stderr is the journal's as under systemd, each
//! with its own priority.
//!
//! Absent on purpose: the verbs that only people ask (`status`, `why`, `history`, `plan`): their answer is stdout's, wherever
//! that goes.
//!
//! Effects: both streams, the journal.

use std::io::Write;

use crate::logs::Priority;
use crate::notify::{events, oneshot};

use super::say;

/// Where the words of this process go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// Somebody reads the streams.
    Streams,
    /// stderr is the journal's.
    Journal,
}

impl Report {
    /// For this process.
    pub fn open() -> Report {
        if oneshot::is_for_the_journal() { Report::Journal } else { Report::Streams }
    }

    /// An answer: to stdout, or to the journal this loudly.
    pub fn answer(self, priority: Priority, text: &str) {
        match self {
            Report::Streams => drop(say(text)),
            Report::Journal => oneshot::tell(priority, text.trim_end()),
        }
    }

    /// Why there is none, or what stands beside it: to stderr, or to the journal this loudly.
    pub fn remark(self, priority: Priority, text: &str) {
        match self {
            Report::Streams => {
                // Whether anybody reads it or not.
                let newline = if text.ends_with('\n') { "" } else { "\n" };
                let _ = write!(std::io::stderr().lock(), "{text}{newline}");
            }
            Report::Journal => oneshot::tell(priority, text.trim_end()),
        }
    }
}

/// Events that are made on the way go the same way. At a terminal a library's words would stand in the midst of the answer:
/// there only ours are shown.
pub(super) fn hear_events() {
    let report = Report::open();
    events::hear(move |told| match report {
        Report::Streams if told.is_own() => {
            report.remark(told.priority, &format!("kafka-node: {} {}", told.priority.word(), told.text));
        }
        Report::Streams => {}
        Report::Journal => report.remark(told.priority, &told.text),
    });
}
