//! One run, seen by a task of its own: made or adopted, read, signalled, and followed to its end.
//!
//! Absent on purpose: when to do any of it (`supervise`), and how a process is made, found and signalled (`process`).
//!
//! Effects: a task a run, and threads for what waits for a disk.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::logs::Framer;
use crate::model::{Evidence, ExitStatus, Role, RunId, Severity, SpawnFailure};
use crate::observe::host::HostRoot;
use crate::observe::last_end::Baseline;
use crate::plan::ServiceSpec;
use crate::process::{Record, RunBook, RunMark, Running, Stream, adopt};
use crate::supervise::Event;

use super::journal::Journal;
use super::pen::{Note, Pen};
use super::reader::{Reader, Stage, Watches};

/// How long the end of a run is held back so that its last lines come first. A pipe stays open longer only where
/// something that the JVM started still holds it; that is read on for a while without being waited for.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(1);
/// How long the end of a run is held back for what the kernel says of it: leaders of a dead broker move only after it.
const KERNEL_LIMIT: Duration = Duration::from_millis(200);
/// Time between looks at the kernel's counters of a living run, so that an old kill in its cgroup is not taken for its own.
const BASELINE_INTERVAL: Duration = Duration::from_secs(60);
/// An adoption that failed for want of something is tried again after this long.
const ADOPT_AGAIN: Duration = Duration::from_secs(1);

/// What the loop can tell a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Terminate,
    Kill,
    Dump,
    HandOver,
}

/// One run, seen by its own task.
pub struct Life {
    pub role: Role,
    pub run: RunId,
    pub spec: ServiceSpec,
    pub living: watch::Sender<Option<i32>>,
    pub events: mpsc::Sender<Event>,
    pub journal: Journal,
    pub book: Arc<RunBook>,
    pub pen: Pen,
    pub watches: Watches,
    /// What must not be shown of the JVM's output: values of the configuration that are secrets.
    pub secrets: Arc<[Vec<u8>]>,
}

/// How attending to a run came to its end.
enum Attended {
    Ended(ExitStatus),
    HandedOver,
}

impl Life {
    /// Makes the process, and follows it to its end.
    pub async fn make(self, orders: mpsc::UnboundedReceiver<Order>) {
        let (role, run) = (self.role, self.run);
        match self.spawn().await {
            Ok((running, baseline)) => {
                let _ = self.living.send(Some(running.pid));
                self.tell(Event::Spawned { role, run, pid: running.pid }).await;
                self.follow(running, baseline, orders).await;
            }
            Err(failure) => self.tell(Event::SpawnFailed { role, run, failure }).await,
        }
    }

    /// Takes over the process of `record`, and follows it to its end.
    pub async fn adopt(self, record: Record, orders: mpsc::UnboundedReceiver<Order>) {
        let (role, run) = (self.role, self.run);
        let mut said = false;
        let running = loop {
            match adopt(self.book.state_dir(), &record) {
                Ok(running) => break running,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.pen.note(role, run, Note::Ended);
                    let evidence = Evidence::default();
                    return self.tell(Event::Exited { role, run, status: ExitStatus::Unseen, evidence }).await;
                }
                Err(error) => {
                    if !std::mem::replace(&mut said, true) {
                        let text = format!("{role} (run {run}) runs and cannot be taken over yet: {error}");
                        self.journal.say(Severity::Error, text);
                    }
                    sleep(ADOPT_AGAIN).await;
                }
            }
        };
        if record.pid.is_none() {
            self.pen.note(role, run, Note::Started { pid: running.pid, start_time: running.start_time });
        }
        let _ = self.living.send(Some(running.pid));
        let (spec, pid) = (self.spec.clone(), running.pid);
        let baseline = spawn_blocking(move || Baseline::take(&HostRoot::machine(), &spec, pid)).await.ok();
        self.follow(running, baseline, orders).await;
    }

    async fn follow(self, running: Running, baseline: Option<Baseline>, orders: mpsc::UnboundedReceiver<Order>) {
        let (role, run) = (self.role, self.run);
        let mut baseline = baseline;
        let status = match self.attend(running, &mut baseline, orders).await {
            Attended::Ended(status) => status,
            Attended::HandedOver => return,
        };
        let _ = self.living.send(None);
        self.pen.note(role, run, Note::Ended);
        let evidence = self.evidence(baseline, status).await;
        self.tell(Event::Exited { role, run, status, evidence }).await;
    }

    /// Makes the process and enters it in the book, apart from the loop: both wait for disks.
    async fn spawn(&self) -> Result<(Running, Option<Baseline>), SpawnFailure> {
        let (role, run, spec) = (self.role, self.run, self.spec.clone());
        let (book, journal) = (Arc::clone(&self.book), self.journal.clone());
        let made = spawn_blocking(move || {
            let mark = RunMark { state_dir: book.state_dir().to_owned(), role, run };
            // Before the process: were it made and we dead, nothing else would tell the next supervisor to look for it.
            if let Err(error) = book.intend(role, run, &[]) {
                journal.say(Severity::Warning, format!("the start of {role} could not be recorded: {error}"));
            }
            let running = crate::process::spawn(&spec, mark)?;
            if let Err(error) = book.started(role, run, running.pid, running.start_time) {
                journal.say(Severity::Warning, format!("{role} runs and could not be recorded: {error}"));
            }
            let baseline = Baseline::take(&HostRoot::machine(), &spec, running.pid);
            Ok((running, Some(baseline)))
        });
        made.await.unwrap_or_else(|error| Err(SpawnFailure::Other(error.to_string())))
    }

    /// Reads and signals it until it has ended and its last lines are through.
    async fn attend(
        &self,
        mut running: Running,
        baseline: &mut Option<Baseline>,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) -> Attended {
        let (role, run) = (self.role, self.run);
        let (stage, told) = watch::channel(Stage::Lives);
        let (sessions, mut named) = mpsc::unbounded_channel();
        let mut readers: Vec<JoinHandle<()>> = Vec::new();
        let pipes = [
            (running.stdout.take(), Stream::Out, Framer::stdout()),
            (running.stderr.take(), Stream::Err, Framer::stderr()),
        ];
        for (pipe, stream, framer) in pipes {
            let Some(pipe) = pipe else { continue };
            let reader = Reader {
                role,
                run,
                mark: running.mark().clone(),
                stream,
                framer: framer.masking(self.secrets.to_vec()),
                journal: self.journal.clone(),
                watches: self.watches.clone(),
                sessions: sessions.clone(),
                look: running.look(),
            };
            readers.push(tokio::spawn(reader.read(pipe, told.clone())));
        }
        drop(sessions);
        let mut refresh = interval(BASELINE_INTERVAL);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let status = loop {
            tokio::select! {
                status = running.wait() => break status,
                Some(order) = orders.recv() => match order {
                    Order::Terminate => running.terminate(),
                    Order::Kill => running.kill_group(),
                    Order::Dump => running.dump(),
                    Order::HandOver => {
                        let _ = stage.send(Stage::HandedOver);
                        for reader in readers {
                            let _ = reader.await;
                        }
                        return Attended::HandedOver;
                    }
                },
                Some(session) = named.recv() => self.tell(Event::Session { run, session }).await,
                _ = refresh.tick() => baseline.iter_mut().for_each(Baseline::refresh),
            }
        };
        let _ = stage.send(Stage::Over);
        let _ = timeout(LAST_LINES_LIMIT, async {
            for reader in readers {
                let _ = reader.await;
            }
        })
        .await;
        while let Ok(session) = named.try_recv() {
            self.tell(Event::Session { run, session }).await;
        }
        Attended::Ended(status)
    }

    /// What is known of the end besides its status: what it printed, and what the kernel says where that comes soon.
    async fn evidence(&self, baseline: Option<Baseline>, status: ExitStatus) -> Evidence {
        let mut evidence = self.watches.evidence();
        let Some(baseline) = baseline else { return evidence };
        if let Ok(Ok(end)) = timeout(KERNEL_LIMIT, spawn_blocking(move || baseline.after(status))).await {
            evidence.oom_killed = end.oom_killed;
            evidence.hs_err = end.hs_err.map(|path| path.display().to_string());
        }
        evidence
    }

    /// The loop drops its end only when the node is at its end.
    async fn tell(&self, event: Event) {
        let _ = self.events.send(event).await;
    }
}
