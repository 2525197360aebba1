//! One output pipe of a run: emptied always, cut into lines, each line said at its level and shown to those who watch for
//! something in it.
//!
//! Absent on purpose: what a line means (`logs`, `observe::recovery`), and the pipe itself (`process`).
//!
//! Effects: reads a pipe.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};

use crate::logs::{EvidenceWatch, Levels, Line, Lines, SessionWatch};
use crate::model::{Evidence, Progress, Role, RunId, SessionId, Severity};
use crate::observe::recovery::RecoveryWatch;
use crate::process::{DRAIN_LIMIT, Drained, Look, RunMark, Stream, drain, keep_over_exec, save_rest, take_rest};

use super::journal::Journal;

/// Everybody who reads along with a run's output.
#[derive(Clone, Debug)]
pub struct Watches(Arc<Mutex<Watching>>);

#[derive(Debug)]
struct Watching {
    recovery: RecoveryWatch,
    evidence: EvidenceWatch,
    session: SessionWatch,
}

/// How far a run is, for its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It lives, as far as is known.
    Lives,
    /// It has ended: what is in the pipe is read, and then no more is waited for.
    Over,
    /// Another program takes this process over: reading stops between two bytes, and nothing is lost.
    HandedOver,
}

/// One pipe of a run.
pub struct Reader {
    pub role: Role,
    pub run: RunId,
    pub mark: RunMark,
    pub stream: Stream,
    pub levels: Levels,
    pub journal: Journal,
    pub watches: Watches,
    /// Where the sessions go that the run names.
    pub sessions: mpsc::UnboundedSender<SessionId>,
    /// Told at the end of the pipe: the run may be over.
    pub look: Look,
}

impl Watches {
    /// The run has not said anything yet.
    pub fn new(role: Role) -> Watches {
        Watches::of(EvidenceWatch::new(role))
    }

    /// The run has said much already, to an earlier supervisor.
    pub fn adopted(role: Role) -> Watches {
        Watches::of(EvidenceWatch::adopted(role))
    }

    fn of(evidence: EvidenceWatch) -> Watches {
        let (recovery, session) = (RecoveryWatch::new(), SessionWatch::new());
        Watches(Arc::new(Mutex::new(Watching { recovery, evidence, session })))
    }

    /// What the output tells of the run's progress: the kernel's counters are added by the probe.
    pub fn progress(&self) -> Progress {
        let watching = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Progress {
            recovery_steps: watching.recovery.steps(),
            recovering: watching.recovery.recovering(),
            ..Progress::default()
        }
    }

    /// What the output tells of the run's end.
    pub fn evidence(&self) -> Evidence {
        let watching = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Evidence { recovering: watching.recovery.recovering(), ..watching.evidence.evidence() }
    }

    fn line(&self, line: &[u8]) -> Option<SessionId> {
        let mut watching = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watching.recovery.line(line);
        watching.evidence.line(line);
        watching.session.line(line)
    }
}

impl Reader {
    /// Reads to the end, whatever comes: a pipe that nobody reads stops the JVM behind it.
    pub async fn read(mut self, mut pipe: pipe::Receiver, mut stage: watch::Receiver<Stage>) {
        let mut lines = Lines::default();
        self.begin(&mut lines);
        let mut handed = stage.clone();
        let over = async move {
            // An error means that the sender is gone, which it is only after the end.
            let _ = stage.wait_for(|stage| *stage == Stage::Over).await;
        };
        let handed_over = async move {
            if handed.wait_for(|stage| *stage == Stage::HandedOver).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let draining = drain(&mut pipe, over, DRAIN_LIMIT, |bytes| {
            // A fault of ours in taking a line must not close the pipe of a JVM that serves.
            if catch_unwind(AssertUnwindSafe(|| lines.push(bytes, |line| self.take(&line)))).is_err() {
                lines = Lines::default();
            }
        });
        let drained = tokio::select! {
            drained = draining => drained,
            // Dropped where it waits for bytes: none is between the pipe and the lines.
            () = handed_over => return self.hand_over(pipe, lines),
        };
        self.look.now();
        lines.flush(|line| self.take(&line));
        if let Drained::Failed(error) = drained {
            let text = format!("the output of {} (run {}) cannot be read any more: {error}", self.role, self.run);
            self.journal.say(Severity::Warning, text);
        }
    }

    /// What an earlier supervisor read of a line that had not ended.
    fn begin(&mut self, lines: &mut Lines) {
        match take_rest(&self.mark, self.stream) {
            Ok(rest) => lines.push(&rest, |line| self.take(&line)),
            Err(error) => {
                let text = format!("the beginning of a line of {} could not be taken over: {error}", self.role);
                self.journal.say(Severity::Warning, text);
            }
        }
    }

    fn hand_over(self, pipe: pipe::Receiver, mut lines: Lines) {
        let mut rest = Vec::new();
        lines.flush(|line| rest.extend_from_slice(line.bytes));
        let kept = if rest.is_empty() { Ok(()) } else { save_rest(&self.mark, self.stream, &rest) };
        if let Err(error) = kept.and_then(|()| keep_over_exec(&pipe, true)) {
            let text = format!("the output of {} could not be handed over whole: {error}", self.role);
            self.journal.say(Severity::Warning, text);
        }
        // Dropped it would be closed before the exec, and with it the last words of a JVM that dies in between.
        std::mem::forget(pipe);
    }

    fn take(&mut self, line: &Line<'_>) {
        let priority = self.levels.of(line);
        self.journal.jvm(self.role, self.run, priority, line);
        if let Some(session) = self.watches.line(line.bytes) {
            // Nobody hears it only when the run is over.
            let _ = self.sessions.send(session);
        }
    }
}
