//! Records as lines on stderr: for people at a terminal, for a container's log, and where the journal refuses.
//!
//! Written through a descriptor of its own: std's stderr has a lock, and a thread that waits in a full pipe while holding
//! it would stall every panic message of the others. Absent on purpose: colours and dates; the journal and containers
//! date lines themselves.
//!
//! Effects: writes to stderr, which may block: only the log thread does.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::logs::{Entry, Origin};

/// The peer of stderr where systemd connected it to the journal.
const JOURNAL_STREAM_PEER: &str = "/run/systemd/journal/stdout";
/// Bytes gathered before a write: a batch of records is a few system calls.
const GATHER: usize = 64 * 1024;
/// Pause before another try where somebody made the shared descriptor non-blocking and it is full.
const FULL_PAUSE: Duration = Duration::from_millis(20);

/// The lines' way out.
#[derive(Debug)]
pub(super) struct Stderr {
    file: File,
    /// The journal reads it, so `<N>` before a line is its priority.
    prefixed: bool,
    gathered: Vec<u8>,
}

impl Stderr {
    /// This process's own stderr.
    pub fn open() -> io::Result<Stderr> {
        let file = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let prefixed = leads_to_the_journal(&file);
        Ok(Stderr::to(file, prefixed))
    }

    /// Any file.
    pub fn to(file: File, prefixed: bool) -> Stderr {
        Stderr { file, prefixed, gathered: Vec::new() }
    }

    /// Gathers one entry. What log4j said keeps the look of its stock layout, `[time] LEVEL message (logger)`.
    pub fn put(&mut self, entry: &Entry) {
        let name = entry.origin.as_str();
        // An entry of several lines stays one of several lines, each with its name and priority.
        for (index, line) in entry.text.split('\n').enumerate() {
            if self.prefixed {
                self.gathered.extend_from_slice(format!("<{}>", entry.priority.number()).as_bytes());
            }
            let lead = match (entry.origin, index) {
                (Origin::KafkaNode, 0) => format!("{name}: {} ", entry.priority.word()),
                (Origin::KafkaNode | Origin::Kafka | Origin::ZooKeeper, _) => format!("{name}: "),
            };
            let line = if index == 0 { stock(entry, line) } else { Cow::Borrowed(line) };
            self.gathered.extend_from_slice(lead.as_bytes());
            self.gathered.extend_from_slice(line.as_bytes());
            self.gathered.push(b'\n');
        }
        if self.gathered.len() >= GATHER {
            self.flush();
        }
    }

    /// Writes what was gathered, for as long as that takes.
    pub fn flush(&mut self) {
        let mut rest = self.gathered.as_slice();
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(n) if n > 0 => rest = rest.get(n..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(FULL_PAUSE),
                // The reader is gone. There is nobody left to tell, and the node goes on.
                Ok(_) | Err(_) => break,
            }
        }
        self.gathered.clear();
        self.gathered.shrink_to(GATHER);
    }
}

/// The first line of an entry as log4j's stock layout prints it, where log4j said it.
fn stock<'a>(entry: &Entry, line: &'a str) -> Cow<'a, str> {
    if entry.logger.is_empty() || entry.time.is_empty() {
        return Cow::Borrowed(line);
    }
    Cow::Owned(format!("[{}] {} {line} ({})", entry.time, entry.priority.word(), entry.logger))
}

/// By JOURNAL_STREAM where systemd sets it (231 and later), else by the socket's other end.
pub(super) fn leads_to_the_journal(file: &File) -> bool {
    let named = std::env::var("JOURNAL_STREAM").ok();
    let same = file.metadata().is_ok_and(|meta| named == Some(format!("{}:{}", meta.dev(), meta.ino())));
    same || file
        .try_clone()
        .and_then(|file| UnixStream::from(std::os::fd::OwnedFd::from(file)).peer_addr())
        .is_ok_and(|peer| peer.as_pathname().is_some_and(|path| path.as_os_str() == JOURNAL_STREAM_PEER))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::logs::Priority;

    fn check(record: &Entry, prefixed: bool, expected: &str) {
        let (mut read, write) = io::pipe().expect("a pipe");
        let mut stderr = Stderr::to(File::from(OwnedFd::from(write)), prefixed);
        stderr.put(record);
        stderr.flush();
        drop(stderr);
        let mut text = String::new();
        read.read_to_string(&mut text).expect("text");
        assert_eq!(text, expected);
    }

    #[test]
    fn lines_say_who_and_the_supervisors_how_loudly() {
        let kafka = |text: &str| Entry { origin: Origin::Kafka, ..Entry::own(Priority::Error, text) };
        check(&kafka("[2020-08-06 10:11:12,345] ERROR x (y)"), false, "kafka: [2020-08-06 10:11:12,345] ERROR x (y)\n");
        check(&kafka("a\nb"), true, "<3>kafka: a\n<3>kafka: b\n");
        let framed =
            Entry { time: "10:11".into(), logger: "kafka.log.Log".into(), ..kafka("Disk error\njava.io.IOException") };
        check(&framed, false, "kafka: [10:11] ERROR Disk error (kafka.log.Log)\nkafka: java.io.IOException\n");
        check(
            &Entry::own(Priority::Warning, "zookeeper lost its quorum"),
            false,
            "kafka-node: WARN zookeeper lost its quorum\n",
        );
        check(&kafka(""), false, "kafka: \n");
    }

    #[test]
    fn a_reader_that_left_stops_nobody() {
        let (read, write) = io::pipe().expect("a pipe");
        drop(read);
        let mut stderr = Stderr::to(File::from(OwnedFd::from(write)), false);
        stderr.put(&Entry::own(Priority::Info, "to nobody"));
        stderr.flush();
    }

    #[test]
    fn a_pipe_is_not_the_journal() {
        let (_read, write) = io::pipe().expect("a pipe");
        assert!(!leads_to_the_journal(&File::from(OwnedFd::from(write))));
    }
}
