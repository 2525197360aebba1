//! The side of the node that faces people and systemd: control socket, signals, notices, READY and STATUS, heartbeat.
//!
//! It works before the supervisor exists, so that a sweep at the start is seen and can be interrupted. Absent on purpose:
//! the supervisor and its children (`node`).
//!
//! Effects: the socket, signals and the heartbeat, and the wall clock for notices.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::model::{Notice, Role, Severity};
use crate::notify::history::History;
use crate::notify::history_entry::entry_of;
use crate::notify::systemd::Notifier;
use crate::plan::Plan;
use crate::process::RunBook;
use crate::supervise::NodeView;

use super::claim::Refusal;
use super::clock::{Clock, Present, rfc3339_millis};
use super::control::{Ask, Control};
use super::journal::Journal;
use super::signal::{Asked, Signals};
use super::status::{EventReport, Identity, StatusReport, event, event_in_words};

/// The loop turns over at least this often: the ping of systemd's watchdog rests on it.
const HEARTBEAT: Duration = Duration::from_secs(4);
/// Notices kept for `status`.
const KEPT_NOTICES: usize = 50;
/// Questions under way; one more waits on its own connection.
const ASK_QUEUE: usize = 16;

/// See the head of this file.
pub struct Front {
    who: Identity,
    clock: Clock,
    journal: Journal,
    history: History,
    notices: VecDeque<EventReport>,
    notifier: Notifier,
    heartbeat: Arc<AtomicU64>,
    tick: Interval,
    asks: mpsc::Receiver<Ask>,
    signals: Signals,
    /// The line that systemd was told last.
    shown: String,
}

/// What reaches the node from outside its services.
#[derive(Debug)]
pub enum Outside {
    /// A signal.
    Signal(Asked),
    /// A question on the control socket.
    Ask(Ask),
    /// Nothing but time.
    Tick,
}

impl Front {
    /// Binds the control socket and takes the signals over. From here on a SIGTERM is a request.
    pub async fn open(
        plan: &Plan,
        journal: Journal,
        history: History,
        notifier: Notifier,
        heartbeat: Arc<AtomicU64>,
    ) -> Result<Front, Refusal> {
        let signals = Signals::listen().map_err(|error| Refusal::System { what: "listen to signals", error })?;
        super::signal::release();
        let control = Control::bind(&plan.config.paths.runtime_dir).await.map_err(Refusal::Control)?;
        let (sender, asks) = mpsc::channel(ASK_QUEUE);
        tokio::spawn(control.serve(sender));
        let mut tick = interval(HEARTBEAT);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let node = plan.config.this_node();
        Ok(Front {
            who: Identity { name: node.name.to_string(), id: node.number.get(), pid: std::process::id() },
            clock: Clock::start(),
            journal,
            history,
            notices: VecDeque::new(),
            notifier,
            heartbeat,
            tick,
            asks,
            signals,
            shown: String::new(),
        })
    }

    /// The node's clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The way to the log.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The next thing from outside. Loses nothing when it is dropped and called again.
    pub async fn next(&mut self) -> Outside {
        tokio::select! {
            asked = self.signals.next() => Outside::Signal(asked),
            Some(ask) = self.asks.recv() => Outside::Ask(ask),
            _ = self.tick.tick() => Outside::Tick,
        }
    }

    /// The loop turns.
    pub fn beat(&self) {
        self.heartbeat.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells systemd the status line where it is another than before.
    pub fn show(&mut self, view: &NodeView) {
        if view.status != self.shown {
            self.notifier.status(&view.status);
            self.shown.clone_from(&view.status);
        }
    }

    /// Answers a question.
    pub fn answer(&self, ask: Ask, view: &NodeView) {
        match ask {
            Ask::Status(answer) => {
                // Whoever asked may have gone.
                let _ = answer.send(self.report(view, &self.clock.present()));
            }
            // The loop's own; one that comes before there is a supervisor, or while it ends, is dropped, and refused so.
            Ask::Stop { .. } => {}
        }
    }

    /// Says a notice of the supervisor and remembers it.
    pub fn announce(&mut self, notice: &Notice) {
        self.journal.notice(notice);
        let at = rfc3339_millis(SystemTime::now());
        if let Some(entry) = entry_of(&at, notice) {
            self.history.note(entry);
        }
        self.remember(event(at, notice));
    }

    /// Says something of the runtime's own and remembers it.
    pub fn tell(&mut self, severity: Severity, role: Option<Role>, text: &str) {
        self.journal.say(severity, text);
        self.remember(event_in_words(rfc3339_millis(SystemTime::now()), severity, role, text));
    }

    /// READY=1.
    pub fn ready(&self) {
        self.notifier.ready();
    }

    /// STOPPING=1.
    pub fn stopping(&self) {
        self.notifier.stopping();
    }

    /// Opens the record of running JVMs; one that cannot be understood is said and begun anew.
    pub fn open_book(&mut self, state_dir: &Path) -> Result<RunBook, Refusal> {
        match RunBook::open(state_dir) {
            Ok((book, None)) => Ok(book),
            Ok((book, Some(garbled))) => {
                self.tell(Severity::Warning, None, &format!("failed to {garbled}; it is set aside"));
                Ok(book)
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                let error = std::io::Error::other(format!("{error}: {cause}"));
                Err(Refusal::System { what: "use [paths] state_dir", error })
            }
        }
    }

    fn report(&self, view: &NodeView, present: &Present) -> StatusReport {
        StatusReport::new(&self.who, view, present, self.notices.iter().cloned().collect(), self.history.recent())
    }

    fn remember(&mut self, event: EventReport) {
        if self.notices.len() == KEPT_NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(event);
    }
}
