//! One output pipe of a run: emptied always, cut into records that go to the journal, and into lines that are shown to those who
//! watch for something in them.
//!
//! Absent on purpose: what a line means (`logs`, `observe::recovery`), and the pipe itself (`process`).
//!
//! Effects: reads a pipe.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};

use crate::logs::{EvidenceWatch, Framer, Heard, Lines, QUIET, Said, SessionWatch};
use crate::model::{Evidence, Progress, Role, RunId, SessionId, Severity};
use crate::observe::recovery::RecoveryWatch;
use crate::process::{DRAIN_LIMIT, Drained, Look, RunMark, Stream, Taker, drain, keep_over_exec, save_rest, take_rest};

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
    pub framer: Framer,
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

/// What a reader does with what came.
struct Cutter {
    lines: Lines,
    framer: Framer,
    /// What is begun with anew after a fault.
    fresh: Framer,
    out: Out,
}

/// Where records and lines go.
struct Out {
    role: Role,
    run: RunId,
    journal: Journal,
    watches: Watches,
    sessions: mpsc::UnboundedSender<SessionId>,
}

impl Heard for Out {
    fn record(&mut self, said: &Said<'_>) {
        self.journal.jvm(self.role, self.run, said);
    }

    fn line(&mut self, line: &[u8]) {
        if let Some(session) = self.watches.line(line) {
            // Nobody hears it only when the run is over.
            let _ = self.sessions.send(session);
        }
    }
}

impl Cutter {
    /// A fault of ours in taking bytes must not close the pipe of a JVM that serves.
    fn guarded(&mut self, take: impl FnOnce(&mut Cutter)) {
        if catch_unwind(AssertUnwindSafe(|| take(self))).is_err() {
            self.lines = Lines::default();
            self.framer = self.fresh.clone();
        }
    }

    fn flush(&mut self) {
        let (framer, out) = (&mut self.framer, &mut self.out);
        self.lines.flush(|line| framer.line(&line, out));
        framer.flush(out);
    }

    /// All bytes of a record that is not whole yet.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = self.framer.rest();
        self.lines.flush(|line| rest.extend_from_slice(line.bytes));
        rest
    }
}

impl Taker for Cutter {
    fn bytes(&mut self, bytes: &[u8]) {
        self.guarded(|cutter| {
            let (framer, out) = (&mut cutter.framer, &mut cutter.out);
            cutter.lines.push(bytes, |line| framer.line(&line, out));
        });
    }

    fn patience(&self) -> Option<Duration> {
        self.framer.is_open().then_some(QUIET)
    }

    fn quiet(&mut self) {
        self.guarded(|cutter| cutter.framer.quiet(&mut cutter.out));
    }
}

impl Reader {
    /// Reads to the end, whatever comes: a pipe that nobody reads stops the JVM behind it.
    pub async fn read(self, mut pipe: pipe::Receiver, mut stage: watch::Receiver<Stage>) {
        let Reader { role, run, mark, stream, framer, journal, watches, sessions, look } = self;
        let out = Out { role, run, journal: journal.clone(), watches, sessions };
        let mut cutter = Cutter { lines: Lines::default(), fresh: framer.clone(), framer, out };
        match take_rest(&mark, stream) {
            Ok(rest) => cutter.bytes(&rest),
            Err(error) => {
                let text = format!("the beginning of a record of {role} could not be taken over: {error}");
                journal.say(Severity::Warning, text);
            }
        }
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
        let drained = tokio::select! {
            drained = drain(&mut pipe, over, DRAIN_LIMIT, &mut cutter) => Some(drained),
            // Dropped where it waits for bytes: none is between the pipe and the lines.
            () = handed_over => None,
        };
        let Some(drained) = drained else {
            return hand_over(pipe, &mark, stream, &cutter.rest(), &journal);
        };
        look.now();
        cutter.guarded(Cutter::flush);
        if let Drained::Failed(error) = drained {
            let text = format!("the output of {role} (run {run}) cannot be read any more: {error}");
            journal.say(Severity::Warning, text);
        }
    }
}

/// Keeps the pipe, and what of a record was read, for the program that takes this process over.
fn hand_over(pipe: pipe::Receiver, mark: &RunMark, stream: Stream, rest: &[u8], journal: &Journal) {
    let kept = if rest.is_empty() { Ok(()) } else { save_rest(mark, stream, rest) };
    if let Err(error) = kept.and_then(|()| keep_over_exec(&pipe, true)) {
        let text = format!("the output of {} could not be handed over whole: {error}", mark.role);
        journal.say(Severity::Warning, text);
    }
    // Dropped it would be closed before the exec, and with it the last words of a JVM that dies in between.
    std::mem::forget(pipe);
}
