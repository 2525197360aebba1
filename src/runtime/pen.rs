//! Notes for the record of runs, written in the order they were left, apart from the loop: each waits for the disk.
//!
//! Absent on purpose: the record itself (`process`).
//!
//! Effects: a task, and a thread for each write.

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::model::{Role, RunId, SessionId, Severity};
use crate::process::{Mark, RunBook, RunMark, remove_pipes};

use super::journal::Journal;

/// What is to be noted of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The pid of a process that was found by its mark.
    Started { pid: i32, start_time: u64 },
    /// Its ZooKeeper session.
    Session(SessionId),
    /// It served.
    Served,
    /// Its process is proven gone.
    Ended,
    /// Nothing of it is owed any more.
    Settled,
}

/// Leaves notes; cheap to clone.
#[derive(Clone, Debug)]
pub struct Pen {
    jobs: mpsc::UnboundedSender<Job>,
}

enum Job {
    Note(Role, RunId, Note),
    Flush(oneshot::Sender<()>),
}

impl Pen {
    /// Needs the runtime of tokio.
    pub fn new(book: Arc<RunBook>, journal: Journal) -> Pen {
        let (jobs, mut waiting) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(job) = waiting.recv().await {
                match job {
                    Job::Flush(done) => drop(done.send(())),
                    Job::Note(role, run, note) => {
                        let book = Arc::clone(&book);
                        let written = spawn_blocking(move || write(&book, role, run, note)).await;
                        if let Ok(Err(error)) = written {
                            let text =
                                format!("the record of {role} (run {run}) could not be brought up to date: {error}");
                            journal.say(Severity::Warning, text);
                        }
                    }
                }
            }
        });
        Pen { jobs }
    }

    /// Leaves a note; never waits.
    pub fn note(&self, role: Role, run: RunId, note: Note) {
        // The task ends with the runtime, and then nobody is left to read the record but the next supervisor.
        let _ = self.jobs.send(Job::Note(role, run, note));
    }

    /// Waits until everything noted so far is written.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.jobs.send(Job::Flush(done)).is_ok() {
            let _ = written.await;
        }
    }
}

fn write(book: &RunBook, role: Role, run: RunId, note: Note) -> io::Result<()> {
    match note {
        Note::Started { pid, start_time } => book.started(role, run, pid, start_time),
        Note::Session(session) => book.note(role, run, Mark::Session(session)),
        Note::Served => book.note(role, run, Mark::Served),
        Note::Ended => book.ended(role, run),
        Note::Settled => {
            // Whoever still reads them reads on; what could not be removed goes at the next start.
            let _ = remove_pipes(&RunMark { state_dir: book.state_dir().to_owned(), role, run });
            book.settled(role, run)
        }
    }
}
