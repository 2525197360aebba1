//! The log thread: records of both JVMs and of kafka-node itself, from a bounded queue to the journal or to stderr.
//!
//! Absent on purpose: what becomes of a record that there is too much of (`logs::Flow`).
//!
//! Effects: a thread, since every send to a journal can block; the clock says when a refusing one is tried again.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::JournalChoice;
use crate::logs::{Counts, Entry, FlowConfig, Priority, Said};
use crate::model::{BrokerId, RunId, Severity};

use super::journal::{self, Journal};
use super::limits;
use super::queue::{Popped, Queue};
use super::stderr::Stderr;

pub use crate::logs::Origin;

/// A journal that refused a record is tried again after this long.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Where systemd puts its journal.
const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";

/// Whose records these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// KAFKA_BROKER_ID, which every entry carries in the journal.
    pub broker: Option<BrokerId>,
    /// `[log] fold_after`.
    pub fold_after: u32,
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
    /// Hands an entry of kafka-node's own to the log thread. Never blocks: where there is no place it is counted instead.
    pub fn send(&self, entry: Entry) {
        self.queue.push(entry);
    }

    /// Hands a record of a run to the log thread. Never blocks: where there is too much it is folded, or counted.
    pub fn said(&self, origin: Origin, run: RunId, said: &Said<'_>) {
        self.queue.said(origin, run, said);
    }

    /// What became of everything so far.
    pub fn counts(&self) -> Counts {
        self.queue.counts()
    }

    /// Records dropped so far, whether that was said already or not.
    pub fn dropped(&self) -> u64 {
        self.counts().lost()
    }
}

/// Starts the log thread.
///
/// # Errors
/// The system has no thread for it.
pub fn start(choice: JournalChoice, source: Source) -> std::io::Result<(Sink, LogThread)> {
    let output = choose(choice, std::env::var_os("NOTIFY_SOCKET").is_some(), Path::new(JOURNAL_SOCKET).exists());
    let (limit, words) = match output {
        Output::Journal => {
            let configured = limits::read(Path::new("/"));
            (configured.limit, configured.words)
        }
        Output::Stderr => (None, Vec::new()),
    };
    let flow = FlowConfig { fold_after: source.fold_after, limit };
    let (sink, thread) = start_with(output, Stderr::open()?, Box::new(journal::Native::new(source.broker)), flow)?;
    words.into_iter().for_each(|words| sink.send(Entry::own(Priority::Warning, words)));
    Ok((sink, thread))
}

/// Under systemd NOTIFY_SOCKET is set. Systemd 219 sets no JOURNAL_STREAM, so that says nothing (`facts.md`).
fn choose(choice: JournalChoice, notified: bool, socket: bool) -> Output {
    match choice {
        JournalChoice::Journal => Output::Journal,
        JournalChoice::Auto if notified && socket => Output::Journal,
        JournalChoice::Auto | JournalChoice::Stderr => Output::Stderr,
    }
}

fn start_with(
    output: Output,
    stderr: Stderr,
    journal: Box<dyn Journal>,
    flow: FlowConfig,
) -> std::io::Result<(Sink, LogThread)> {
    let queue = Arc::new(Queue::new(flow));
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
    fn write(&mut self, batch: &[Entry]) {
        for record in batch {
            match self.output {
                Output::Stderr => self.stderr.put(record),
                Output::Journal => self.write_to_journal(record),
            }
        }
        self.stderr.flush();
    }

    fn write_to_journal(&mut self, record: &Entry) {
        if self.refused_at.is_some_and(|at| at.elapsed() < RETRY_AFTER) {
            return self.stderr.put(record);
        }
        match self.journal.send(record) {
            Ok(()) if self.refused_at.take().is_some() => {
                // Said on stderr: that is where the reader of the lines before it is.
                self.stderr.put(&Entry::own(Priority::Info, "the journal takes records again"));
            }
            Ok(()) => {}
            Err(words) => {
                if self.refused_at.is_none() {
                    let text = format!("the journal takes no records, they go to stderr: {words}");
                    self.stderr.put(&Entry::own(Priority::Warning, text));
                }
                self.refused_at = Some(Instant::now());
                self.stderr.put(record);
            }
        }
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
        fn send(&self, record: &Entry) -> Result<(), String> {
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
            FlowConfig { fold_after: 200, limit: None },
        )
        .expect("a thread");
        for n in 0..3 {
            let message = format!("line {n}");
            let said = Said {
                priority: Priority::Info,
                time: b"",
                logger: b"",
                thread: b"",
                message: message.as_bytes(),
                exception: b"",
                continued: false,
            };
            sink.said(Origin::Kafka, RunId(1), &said);
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
        writer.write(&[Entry::own(Priority::Info, "after")]);
        assert_eq!(kept.try_recv().as_deref(), Ok("after"));
        assert_eq!(writer.refused_at, None);
        refuse.store(true, std::sync::atomic::Ordering::SeqCst);
        writer.write(&[Entry::own(Priority::Info, "refused")]);
        assert!(writer.refused_at.is_some());
        assert!(kept.try_recv().is_err());
        refuse.store(false, std::sync::atomic::Ordering::SeqCst);
        writer.write(&[Entry::own(Priority::Info, "too soon")]);
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
        writer.write(&[Entry::own(Priority::Info, "still here")]);
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
