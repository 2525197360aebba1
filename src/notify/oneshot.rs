//! Words of a command that ends by itself, where its stderr is the journal: as when systemd runs `sweep` behind the unit's end.
//!
//! Sent natively by the command's own thread, so that each has its priority: it may wait for the journal, as nothing waits for
//! it. Absent on purpose: a queue and a thread (`log`), and `tracing-journald` (ADR 16).
//!
//! Effects: asks what stderr is, and writes to the journal, or to stderr where that refuses.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use libsystemd::logging::{Priority as Level, journal_send};

use crate::logs::Priority;

use super::stderr::leads_to_the_journal;

/// Whether what this process writes to stderr is read by the journal.
pub fn is_for_the_journal() -> bool {
    io::stderr().as_fd().try_clone_to_owned().is_ok_and(|fd| leads_to_the_journal(&File::from(fd)))
}

/// Says something in the name of kafka-node.
pub fn tell(priority: Priority, text: &str) {
    if sent(priority, text).is_err() {
        let _ = io::stderr().lock().write_all(prefixed(priority, text).as_bytes());
    }
}

/// Puts something into the journal for later, where there is one; whoever is at the terminal is told otherwise.
pub fn record(priority: Priority, text: &str) {
    let _ = sent(priority, text);
}

fn sent(priority: Priority, text: &str) -> Result<(), libsystemd::errors::SdError> {
    let level = match priority {
        Priority::Critical => Level::Critical,
        Priority::Error => Level::Error,
        Priority::Warning => Level::Warning,
        Priority::Info => Level::Info,
        Priority::Debug => Level::Debug,
    };
    // The identifier always: a record sent just before the end of a process can lose its unit on systemd 219.
    journal_send(level, text, [("SYSLOG_IDENTIFIER", "kafka-node")].into_iter())
}

/// Each line with the mark by which the journal knows its priority.
fn prefixed(priority: Priority, text: &str) -> String {
    text.lines().map(|line| format!("<{}>{line}\n", priority.number())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_carries_its_priority() {
        assert_eq!(prefixed(Priority::Warning, "a\nb\n"), "<4>a\n<4>b\n");
    }
}
