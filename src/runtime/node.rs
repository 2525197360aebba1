//! The loop: what happens goes into the supervisor, what it wants done comes out, and both are translated here.
//!
//! Nothing is decided here. A panic in the loop leaves both JVMs alone (`begin`); a panic in a probe or in the reading of a
//! line is logged and costs that one answer or line. Absent on purpose: everything that a loop does not need to know.
//!
//! Effects: everything that the loop does.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::sleep_until;

use crate::config::Gate;
use crate::host::wall::wall;
use crate::model::{Departing, Notice, Progress, Rng, RunId, Severity, StopCause};
use crate::plan::Plan;
use crate::process::remove_stale_pipes;
use crate::supervise::{Action, Event, Policy, Probe, Supervisor};

use super::children::Children;
use super::claim::{Refusal, mark_stop, unmark_stop};
use super::clock::Clock;
use super::control::Ask;
use super::council;
use super::front::{Front, Outside};
use super::past;
use super::probes::{Panicked, Probes};
use super::signal::Asked;

/// Events of children under way; more make the child's task wait, not the loop.
const EVENT_QUEUE: usize = 64;

/// Whether the program that would take over runs on what is there at present; else why not, in words.
pub type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// How a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeEnd {
    /// Every service stopped cleanly.
    Clean,
    /// Not every one did.
    Unclean,
    /// Every service stopped because an operator ordered it; the node is to stay down.
    Ordered,
    /// The JVMs live on and wait for the program that takes this process over.
    HandedOver,
    /// The supervisor itself failed. The JVMs live on, for the next supervisor.
    Failed,
}

/// The node and everything it consists of.
pub(super) struct Node {
    clock: Clock,
    front: Front,
    supervisor: Supervisor,
    children: Children,
    probes: Probes,
    events: mpsc::Receiver<Event>,
    state_dir: PathBuf,
    gate: Gate,
    check: Check,
}

enum Happened {
    Event(Event),
    ProbePanicked,
    Outside(Outside),
    Time,
}

impl Node {
    /// Adopts what an earlier supervisor left, then makes the loop.
    pub(super) async fn begin(plan: Arc<Plan>, mut front: Front, check: Check) -> Result<Node, Refusal> {
        let state_dir = plan.config.paths.state_dir.clone();
        unmark_stop(&state_dir).map_err(|error| Refusal::System { what: "forget the last stop", error })?;
        let book = Arc::new(front.open_book(&state_dir)?);
        let found = {
            let book = Arc::clone(&book);
            let look = spawn_blocking(move || past::look(&book)).await;
            look.map_err(|error| Refusal::System { what: "look after earlier runs", error: error.into() })?
        };
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        let clock = front.clock();
        let seed = since_epoch();
        // Milliseconds, so that runs of a later supervisor never meet those of an earlier one, even where the clock was set back.
        let last_run = found.past.runs.iter().map(|past| past.run.next()).max().unwrap_or(RunId(0));
        let first_run = RunId(u64::try_from(seed.as_millis()).unwrap_or_default()).max(last_run);
        let rng = Rng::new(u64::try_from(seed.as_nanos()).unwrap_or_default() ^ u64::from(std::process::id()));
        let mut children = Children::new(Arc::clone(&plan), front.journal().clone(), book, sender);
        let keep: Vec<_> = found.living.iter().map(|record| (record.role, record.run)).collect();
        for record in found.living {
            if plan.service(record.role).is_some() {
                children.adopt(record);
            } else {
                let text = format!(
                    "{} runs (run {}) and is no service of this node any more: it is left alone; kafka-node sweep --now ends it",
                    record.role, record.run
                );
                front.tell(Severity::Warning, Some(record.role), &text);
            }
        }
        if let Err(error) = remove_stale_pipes(&state_dir, &keep) {
            front.tell(Severity::Warning, None, &format!("pipes of earlier runs could not be removed: {error}"));
        }
        let policy = Policy::from_config(&plan.config, first_run);
        let gate = plan.config.stop.gate;
        Ok(Node {
            supervisor: Supervisor::new(policy, &found.past, clock.now(), rng),
            children,
            probes: Probes::new(plan, Arc::clone(&check), front.journal().clone(), first_run.to_string()),
            gate,
            clock,
            front,
            events,
            state_dir,
            check,
        })
    }

    /// Until everything has stopped, or another program is to take over.
    pub(super) async fn turn(&mut self) -> NodeEnd {
        let mut stale = true;
        loop {
            self.front.beat();
            while let Some(action) = self.supervisor.poll_action() {
                match action {
                    Action::Finish { clean } => {
                        self.show();
                        self.children.flush().await;
                        return self.end(clean);
                    }
                    Action::Anew => {
                        if self.supervisor.has_stopped() {
                            self.show();
                            self.children.flush().await;
                            return NodeEnd::HandedOver;
                        }
                        if self.may_hand_over().await {
                            self.children.hand_over().await;
                            return NodeEnd::HandedOver;
                        }
                        continue;
                    }
                    _ => {} // any: every other action is done, and the loop goes on
                }
                // Whatever changes says so or does something. A probe alone is the rhythm of a node at rest, and its status
                // line is left for the next tick.
                stale |= !matches!(action, Action::Probe(_));
                self.perform(action);
            }
            if std::mem::take(&mut stale) {
                self.show();
            }
            match self.next().await {
                Happened::Event(event) => self.supervisor.handle_event(self.clock.now(), event),
                Happened::ProbePanicked => {}
                Happened::Outside(Outside::Signal(Asked::Stop(cause))) => {
                    self.supervisor.handle_event(self.clock.now(), Event::Stop { cause });
                }
                Happened::Outside(Outside::Signal(Asked::Reload)) => {
                    if self.may_hand_over().await {
                        self.children.hand_over().await;
                        return NodeEnd::HandedOver;
                    }
                }
                Happened::Outside(Outside::Ask(Ask::Stop { now, uid, answer })) => {
                    let cause = StopCause::Command { uid };
                    let again = now && !self.supervisor.is_stopping();
                    self.supervisor.handle_event(self.clock.now(), Event::Stop { cause });
                    if again {
                        self.supervisor.handle_event(self.clock.now(), Event::Stop { cause });
                    }
                    let _ = answer.send(()); // whoever asked may have gone
                }
                Happened::Outside(Outside::Ask(ask)) => {
                    self.front.answer(ask, &self.supervisor.view(self.clock.now()));
                }
                Happened::Outside(Outside::Tick) => stale = true,
                Happened::Time => self.supervisor.handle_timeout(self.clock.now()),
            }
        }
    }

    /// How the node ends, its services having stopped.
    fn end(&self, clean: bool) -> NodeEnd {
        match (self.supervisor.stop_cause(), clean) {
            (Some(StopCause::Command { .. } | StopCause::PowerDown), _) => NodeEnd::Ordered,
            (Some(StopCause::Signal { .. } | StopCause::Roll) | None, true) => NodeEnd::Clean,
            (Some(StopCause::Signal { .. } | StopCause::Roll) | None, false) => NodeEnd::Unclean,
        }
    }

    /// Whether the next program would run on what is there: the configuration as it is now, and the program itself.
    async fn may_hand_over(&mut self) -> bool {
        if self.supervisor.is_stopping() {
            self.front.tell(Severity::Warning, None, "reload refused: the node is stopping");
            return false;
        }
        let check = Arc::clone(&self.check);
        let checked = spawn_blocking(move || check()).await.unwrap_or_else(|error| Err(error.to_string()));
        match checked {
            Ok(()) => {
                let text = "reload: the configuration and the program are read anew; both JVMs run on";
                self.front.tell(Severity::Info, None, text);
                true
            }
            Err(words) => {
                let text = format!("reload refused, everything goes on as before: {words}");
                self.front.tell(Severity::Error, None, &text);
                false
            }
        }
    }

    /// Ends the session with ZooKeeper.
    pub(super) async fn close(self) {
        self.probes.close().await;
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
            Action::Dump { role, run } => self.children.dump(role, run),
            Action::Mark { role, run, mark } => self.children.mark(role, run, mark),
            Action::Settle { role, run } => self.children.settle(role, run),
            Action::ReleaseToken => self.probes.release_token(),
            Action::Probe(probe) => self.ask(probe),
            Action::Announce(notice) => {
                self.front.announce(&notice);
                self.wall(&notice);
            }
            Action::Reboot => {
                if let Err(error) = council::want_reboot(&self.state_dir) {
                    let text = format!("the reboot could not be ordered in {}: {error}", self.state_dir.display());
                    self.front.tell(Severity::Error, None, &text);
                }
            }
            Action::OrderPowerDown => self.probes.order_power_down(),
            Action::WithdrawPowerDown => self.probes.withdraw_power_down(),
            Action::Ready => self.front.ready(),
            Action::Stopping => {
                self.front.stopping();
                if let Err(error) = mark_stop(&self.state_dir) {
                    let text = format!("the stop could not be noted in {}: {error}", self.state_dir.display());
                    self.front.tell(Severity::Warning, None, &text);
                }
            }
            // Handled by the loop, which ends.
            Action::Finish { .. } | Action::Anew => {}
        }
    }

    /// Says on every terminal what a machine that goes down waits for: whoever asked for it looks there first.
    fn wall(&self, notice: &Notice) {
        let goes_down = match notice {
            Notice::GateWaits { departing: Departing::Stop, .. } | Notice::GateExpired { .. } => true,
            _ => false, // any: nobody who asked for something waits for it
        };
        if goes_down && self.gate == Gate::Shutdown {
            let (journal, text) = (self.front.journal().clone(), format!("kafka-node: {notice}"));
            spawn_blocking(move || {
                if let Err(words) = wall(&text) {
                    journal.say(Severity::Debug, format!("nobody was told on a terminal: {words}"));
                }
            });
        }
    }

    fn ask(&mut self, probe: Probe) {
        let (pid, recovery) = match &probe {
            Probe::Progress { role, run } => self.children.progress(*role, *run),
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
