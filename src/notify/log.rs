//! The log thread: records of both JVMs and of kafka-node itself, from a bounded queue to the journal or to stderr.
//!
//! Where the queue is full a record is dropped, counted by its origin, and the exact count becomes a record of its own as
//! soon as there is room. Absent on purpose: framing and folding of JVM output; here a record is one line.
//!
//! Effects: a thread, since every send to a journal can block; the clock says when a refusing one is tried again.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::JournalChoice;
use crate::logs::Priority;
pub use crate::logs::{Entry as Record, Origin};
use crate::model::{BrokerId, EventId, Severity};

use super::journal::{self, Journal};
use super::queue::{Dropped, Popped, Queue};
use super::stderr::Stderr;

/// A journal that refused a record is tried again after this long.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Where systemd puts its journal.
const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";

/// Whose records these are: fields that every one of them carries in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// KAFKA_BROKER_ID.
    pub broker: Option<BrokerId>,
}

/// Takes records from anywhere; cheap to clone.
#[derive(Clone, Debug)]
pub struct Sink {
    queue: Arc<Queue>,
}

/// The thread that writes. Dropping it ends nothing; [`LogThread::flush`] does.
#[derive(Debug)]
pub struct LogThread {
    queue: Arc<Queue>,
    output: Output,
}

/// Where records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// To journald, natively, each with its own fields. To stderr while it refuses.
    Journal,
    /// Lines of text on stderr.
    Stderr,
}

/// What [`LogThread::flush`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Every record was handed over.
    All,
    /// The limit passed with this many records unwritten.
    Left(usize),
}

impl From<Severity> for Priority {
    fn from(severity: Severity) -> Priority {
        match severity {
            Severity::Debug => Priority::Debug,
            Severity::Info => Priority::Info,
            Severity::Warning => Priority::Warning,
            Severity::Error => Priority::Error,
        }
    }
}

impl Sink {
    /// Hands a record to the log thread. Never blocks: where the queue is full the record is counted instead.
    pub fn send(&self, record: Record) {
        self.queue.push(record);
    }

    /// Records dropped so far, whether that was said already or not.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}

/// Starts the log thread.
///
/// # Errors
/// The system has no thread for it.
pub fn start(choice: JournalChoice, source: Source) -> std::io::Result<(Sink, LogThread)> {
    let output = choose(choice, std::env::var_os("NOTIFY_SOCKET").is_some(), Path::new(JOURNAL_SOCKET).exists());
    let stderr = Stderr::open()?;
    start_with(output, stderr, Box::new(journal::Native::new(source.broker)))
}

/// Under systemd NOTIFY_SOCKET is set. Systemd 219 sets no JOURNAL_STREAM, so that says nothing (`facts.md`).
fn choose(choice: JournalChoice, notified: bool, socket: bool) -> Output {
    match choice {
        JournalChoice::Journal => Output::Journal,
        JournalChoice::Auto if notified && socket => Output::Journal,
        JournalChoice::Auto | JournalChoice::Stderr => Output::Stderr,
    }
}

fn start_with(output: Output, stderr: Stderr, journal: Box<dyn Journal>) -> std::io::Result<(Sink, LogThread)> {
    let queue = Arc::new(Queue::new());
    let mut writer = Writer { output, stderr, journal, refused_at: None };
    let taken = Arc::clone(&queue);
    std::thread::Builder::new().name("log".to_owned()).spawn(move || {
        let mut batch = Vec::new();
        while let Popped::Some = taken.pop(&mut batch) {
            writer.write(&batch);
            taken.written(batch.len());
            batch.clear();
        }
    })?;
    Ok((Sink { queue: Arc::clone(&queue) }, LogThread { queue, output }))
}

impl LogThread {
    /// Where records go.
    pub fn output(&self) -> Output {
        self.output
    }

    /// Closes the queue and waits until everything in it is written, at most for `limit`: a reader that does not read must
    /// not hold up the end of the node.
    pub fn flush(self, limit: Duration) -> Flushed {
        match self.queue.close(limit) {
            0 => Flushed::All,
            left => Flushed::Left(left),
        }
    }
}

/// The thread's own half: where a batch goes.
struct Writer {
    output: Output,
    stderr: Stderr,
    journal: Box<dyn Journal>,
    /// When the journal last refused a record; `None` while it takes them.
    refused_at: Option<Instant>,
}

impl Writer {
    fn write(&mut self, batch: &[Record]) {
        for record in batch {
            match self.output {
                Output::Stderr => self.stderr.put(record),
                Output::Journal => self.write_to_journal(record),
            }
        }
        self.stderr.flush();
    }

    fn write_to_journal(&mut self, record: &Record) {
        if self.refused_at.is_some_and(|at| at.elapsed() < RETRY_AFTER) {
            return self.stderr.put(record);
        }
        match self.journal.send(record) {
            Ok(()) if self.refused_at.take().is_some() => {
                // Said on stderr: that is where the reader of the lines before it is.
                self.stderr.put(&Record::own(Priority::Info, "the journal takes records again"));
            }
            Ok(()) => {}
            Err(words) => {
                if self.refused_at.is_none() {
                    let text = format!("the journal takes no records, they go to stderr: {words}");
                    self.stderr.put(&Record::own(Priority::Warning, text));
                }
                self.refused_at = Some(Instant::now());
                self.stderr.put(record);
            }
        }
    }
}

impl Dropped {
    /// The record that says what is missing, at the place where it is missing.
    pub(super) fn record(self, origin: Origin) -> Record {
        let Dropped { lines, severe } = self;
        let severe = if severe == 0 { String::new() } else { format!(", {severe} of them warnings or worse") };
        let name = origin.as_str();
        let text = format!("{lines} lines of {name} were dropped here{severe}: the log was not read fast enough");
        Record { event: Some(EventId::RECORDS_DROPPED), ..Record::own(Priority::Warning, text) }
    }
}

/// Cuts `text` at the last character that ends at or before `cap`.
pub(super) fn cut(text: &str, cap: usize) -> (&str, &str) {
    // A character has at most four bytes, so one of these is a boundary.
    (cap.saturating_sub(3)..=cap).rev().find_map(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::mpsc;

    use super::*;

    /// A journal that refuses while told to, and passes on what it took.
    struct Moody {
        refuse: Arc<std::sync::atomic::AtomicBool>,
        taken: mpsc::Sender<String>,
    }

    impl Journal for Moody {
        fn send(&self, record: &Record) -> Result<(), String> {
            if self.refuse.load(std::sync::atomic::Ordering::SeqCst) {
                return Err("nobody listens".to_owned());
            }
            self.taken.send(record.text.clone()).map_err(|error| error.to_string())
        }
    }

    #[test]
    fn the_journal_is_chosen_under_systemd_only_and_never_against_the_operator() {
        assert_eq!(choose(JournalChoice::Auto, true, true), Output::Journal);
        assert_eq!(choose(JournalChoice::Auto, true, false), Output::Stderr);
        assert_eq!(choose(JournalChoice::Auto, false, true), Output::Stderr);
        assert_eq!(choose(JournalChoice::Journal, false, false), Output::Journal);
        assert_eq!(choose(JournalChoice::Stderr, true, true), Output::Stderr);
    }

    #[test]
    fn a_journal_that_refuses_is_said_once_and_its_records_go_to_stderr() {
        let (mut read, write) = std::io::pipe().expect("a pipe");
        let refuse = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let (taken, _kept) = mpsc::channel();
        let journal = Box::new(Moody { refuse, taken });
        let (sink, thread) = start_with(
            Output::Journal,
            Stderr::to(std::fs::File::from(std::os::fd::OwnedFd::from(write)), false),
            journal,
        )
        .expect("a thread");
        for n in 0..3 {
            sink.send(Record { origin: Origin::Kafka, ..Record::own(Priority::Info, format!("line {n}")) });
        }
        assert_eq!(thread.flush(Duration::from_secs(10)), Flushed::All);
        drop(sink);
        let mut text = String::new();
        read.read_to_string(&mut text).expect("text");
        assert_eq!(
            text,
            "kafka-node: WARN the journal takes no records, they go to stderr: nobody listens\n\
             kafka: line 0\nkafka: line 1\nkafka: line 2\n"
        );
    }

    #[test]
    fn a_journal_that_recovered_gets_the_records_again() {
        let (_read, write) = std::io::pipe().expect("a pipe");
        let (taken, kept) = mpsc::channel();
        let refuse = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let mut writer = Writer {
            output: Output::Journal,
            stderr: Stderr::to(std::fs::File::from(std::os::fd::OwnedFd::from(write)), false),
            journal: Box::new(Moody { refuse: Arc::clone(&refuse), taken }),
            refused_at: Instant::now().checked_sub(RETRY_AFTER),
        };
        writer.write(&[Record::own(Priority::Info, "after")]);
        assert_eq!(kept.try_recv().as_deref(), Ok("after"));
        assert_eq!(writer.refused_at, None);
        refuse.store(true, std::sync::atomic::Ordering::SeqCst);
        writer.write(&[Record::own(Priority::Info, "refused")]);
        assert!(writer.refused_at.is_some());
        assert!(kept.try_recv().is_err());
        refuse.store(false, std::sync::atomic::Ordering::SeqCst);
        writer.write(&[Record::own(Priority::Info, "too soon")]);
        assert!(kept.try_recv().is_err(), "a journal that just refused was asked for every record");
    }

    #[test]
    fn a_journal_that_goes_on_refusing_is_not_said_again() {
        let (mut read, write) = std::io::pipe().expect("a pipe");
        let mut writer = Writer {
            output: Output::Journal,
            stderr: Stderr::to(std::fs::File::from(std::os::fd::OwnedFd::from(write)), false),
            journal: Box::new(Moody {
                refuse: Arc::new(std::sync::atomic::AtomicBool::new(true)),
                taken: mpsc::channel().0,
            }),
            refused_at: Instant::now().checked_sub(RETRY_AFTER),
        };
        writer.write(&[Record::own(Priority::Info, "still here")]);
        drop(writer);
        let mut text = String::new();
        read.read_to_string(&mut text).expect("text");
        assert_eq!(text, "kafka-node: INFO still here\n");
    }

    #[test]
    fn a_text_is_cut_at_a_character() {
        assert_eq!(cut("short", 8), ("short", ""));
        assert_eq!(cut("xäää", 4), ("xä", "ää"));
    }
}
