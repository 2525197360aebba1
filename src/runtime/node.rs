//! The loop: what happens goes into the supervisor, what it wants done comes out, and both are translated here.
//!
//! Nothing is decided here, with one exception: what to do when the supervisor itself fails. A panic in the loop stops both
//! JVMs in order and ends with 1, so that systemd starts a fresh supervisor; a panic in a probe or in the reading of a line
//! is logged and costs that one answer or line. Absent on purpose: everything that a loop does not need to know.
//!
//! Effects: makes the loop and its threads, and everything that the loop does.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use crate::model::{Progress, Rng, RunId, Severity};
use crate::notify::history::History;
use crate::notify::history_entry::SupervisorEnd;
use crate::notify::log;
use crate::notify::systemd::{self, Notifier};
use crate::plan::Plan;
use crate::supervise::{Action, Event, Past, Policy, Probe, Supervisor};

use super::children::Children;
use super::claim::{Claim, Refusal, mark_stop, unmark_stop};
use super::clock::{Clock, rfc3339_millis};
use super::front::{Front, Outside};
use super::journal::Journal;
use super::probes::{Panicked, Probes};
use super::signal::Asked;
use super::sweeping::clear_the_way;

/// The end of the process waits this long, each, for the log and notify threads to hand over what they have.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);
/// The same for tasks that wait for a disk, such as the last entry in the record of running JVMs.
const TASKS_LIMIT: Duration = Duration::from_secs(2);
/// Threads for what waits for disks, on demand: two spawns, two looks before a start.
const BLOCKING_THREADS: usize = 4;
/// Such a thread ends after this long without work: at rest, none is there.
const BLOCKING_KEPT: Duration = Duration::from_secs(1);
/// Events of children under way; more make the child's task wait, not the loop.
const EVENT_QUEUE: usize = 64;

/// How a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeEnd {
    /// Every service stopped cleanly.
    Clean,
    /// Not every one did.
    Unclean,
}

/// Runs the node of `plan` until it is asked to stop and has.
pub fn run(plan: Plan, claim: Claim) -> Result<NodeEnd, Refusal> {
    let system = |what| move |error| Refusal::System { what, error };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(BLOCKING_KEPT)
        .build()
        .map_err(system("make the loop"))?;
    let plan = Arc::new(plan);
    let heartbeat = Arc::new(AtomicU64::new(0));
    let node = plan.config.this_node();
    let source = log::Source { broker: node.roles.kafka.then(|| node.number.broker_id()) };
    let (sink, log_thread) = log::start(plan.config.log.journal, source).map_err(system("start the log thread"))?;
    let journal = Journal::new(sink);
    journal.hear_panics();
    let history = open_history(&plan, &journal).map_err(system("start the history thread"))?;
    let (notifier, notify_thread) =
        systemd::start(Arc::clone(&heartbeat)).map_err(system("start the notify thread"))?;
    let end = live(&runtime, &plan, &journal, history.clone(), notifier, heartbeat);
    // The sockets and tasks end before the lock is given back, so that the next supervisor finds nothing of ours.
    runtime.shutdown_timeout(TASKS_LIMIT);
    history.supervisor_ends(&rfc3339_millis(SystemTime::now()), &last_word(&end));
    history.finish(FLUSH_LIMIT);
    notify_thread.finish(FLUSH_LIMIT);
    log_thread.flush(FLUSH_LIMIT);
    drop(claim);
    end
}

/// Opens the history, whose first word is that this supervisor started.
fn open_history(plan: &Plan, journal: &Journal) -> std::io::Result<History> {
    let said = journal.clone();
    let history = History::open(&plan.config.paths.state_dir, move |severity, text| said.say(severity, text))?;
    history.supervisor_starts(&rfc3339_millis(SystemTime::now()));
    Ok(history)
}

fn last_word(end: &Result<NodeEnd, Refusal>) -> SupervisorEnd {
    match end {
        Ok(NodeEnd::Clean) => SupervisorEnd::Clean,
        Ok(NodeEnd::Unclean) => SupervisorEnd::Unclean,
        Err(refusal) => SupervisorEnd::Refused(refusal.to_string()),
    }
}

fn live(
    runtime: &Runtime,
    plan: &Arc<Plan>,
    journal: &Journal,
    history: History,
    notifier: Notifier,
    heartbeat: Arc<AtomicU64>,
) -> Result<NodeEnd, Refusal> {
    let front = runtime.block_on(Front::open(plan, journal.clone(), history, notifier, heartbeat))?;
    let mut node = match runtime.block_on(Node::after_sweep(Arc::clone(plan), front))? {
        Some(node) => node,
        // Asked to stop before anything was started.
        None => return Ok(NodeEnd::Clean),
    };
    match catch_unwind(AssertUnwindSafe(|| runtime.block_on(node.turn()))) {
        Ok(clean) => {
            runtime.block_on(node.probes.close());
            Ok(if clean { NodeEnd::Clean } else { NodeEnd::Unclean })
        }
        Err(_) => {
            let text = "the loop of kafka-node failed: both services are stopped in order, and kafka-node ends";
            journal.say(Severity::Error, text);
            runtime.block_on(node.children.stop_in_order(plan.config.stop.grace));
            Ok(NodeEnd::Unclean)
        }
    }
}

struct Node {
    clock: Clock,
    front: Front,
    supervisor: Supervisor,
    children: Children,
    probes: Probes,
    events: mpsc::Receiver<Event>,
    state_dir: PathBuf,
}

enum Happened {
    Event(Event),
    ProbePanicked,
    Outside(Outside),
    Time,
}

impl Node {
    /// Ends what an earlier supervisor left, then makes the loop. `None` when the node was asked to stop meanwhile.
    async fn after_sweep(plan: Arc<Plan>, mut front: Front) -> Result<Option<Node>, Refusal> {
        let state_dir = plan.config.paths.state_dir.clone();
        unmark_stop(&state_dir).map_err(|error| Refusal::System { what: "forget the last stop", error })?;
        if let Some(cause) = clear_the_way(&plan, &mut front).await? {
            front.tell(Severity::Info, None, &format!("stopped before the start, by {cause}"));
            return Ok(None);
        }
        let book = front.open_book(&state_dir)?;
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        let clock = front.clock();
        let seed = since_epoch();
        // Milliseconds, so that runs of a later supervisor never meet those of an earlier one.
        let first_run = RunId(u64::try_from(seed.as_millis()).unwrap_or_default());
        let rng = Rng::new(u64::try_from(seed.as_nanos()).unwrap_or_default() ^ u64::from(std::process::id()));
        Ok(Some(Node {
            supervisor: Supervisor::new(
                Policy::from_config(&plan.config, first_run),
                &Past::default(),
                clock.now(),
                rng,
            ),
            children: Children::new(Arc::clone(&plan), front.journal().clone(), Arc::new(book), sender),
            probes: Probes::new(plan),
            clock,
            front,
            events,
            state_dir,
        }))
    }

    /// Until everything has stopped; says whether cleanly.
    async fn turn(&mut self) -> bool {
        loop {
            while let Some(action) = self.supervisor.poll_action() {
                if let Action::Finish { clean } = action {
                    self.show();
                    return clean;
                }
                self.perform(action);
            }
            self.show();
            match self.next().await {
                Happened::Event(event) => self.supervisor.handle_event(self.clock.now(), event),
                Happened::ProbePanicked => {}
                Happened::Outside(Outside::Signal(Asked::Stop(cause))) => {
                    self.supervisor.handle_event(self.clock.now(), Event::Stop { cause });
                }
                Happened::Outside(Outside::Signal(Asked::Reload)) => self.front.refuse_reload(),
                Happened::Outside(Outside::Ask(ask)) => {
                    self.front.answer(ask, &self.supervisor.view(self.clock.now()));
                }
                Happened::Outside(Outside::Tick) => {}
                Happened::Time => self.supervisor.handle_timeout(self.clock.now()),
            }
        }
    }

    async fn next(&mut self) -> Happened {
        let due = self.supervisor.poll_timeout().map(|moment| self.clock.instant(moment));
        tokio::select! {
            Some(event) = self.events.recv() => Happened::Event(event),
            answer = self.probes.next() => match answer {
                Ok(event) => Happened::Event(event),
                Err(Panicked) => Happened::ProbePanicked,
            },
            outside = self.front.next() => Happened::Outside(outside),
            () = until(due) => Happened::Time,
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn { role, run } => self.children.spawn(role, run),
            Action::Terminate { role, run } => self.children.terminate(role, run),
            Action::Kill { role, run } => self.children.kill(role, run),
            Action::Dump { .. } | Action::Mark { .. } | Action::Settle { .. } | Action::ReleaseToken => {}
            Action::Probe(probe) => self.ask(probe),
            Action::Announce(notice) => self.front.announce(&notice),
            Action::Ready => self.front.ready(),
            Action::Stopping => {
                self.front.stopping();
                if let Err(error) = mark_stop(&self.state_dir) {
                    let text = format!("the stop could not be noted in {}: {error}", self.state_dir.display());
                    self.front.tell(Severity::Warning, None, &text);
                }
            }
            // Handled by the loop, which ends.
            Action::Finish { .. } => {}
        }
    }

    fn ask(&mut self, probe: Probe) {
        let (pid, recovery) = match probe {
            Probe::Progress { role, run } => self.children.progress(role, run),
            _ => (None, Progress::default()),
        };
        self.probes.ask(probe, pid, recovery);
    }

    fn show(&mut self) {
        let view = self.supervisor.view(self.clock.now());
        self.front.show(&view);
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => pending().await,
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
