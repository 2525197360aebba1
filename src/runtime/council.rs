//! Between this node and the others of the cluster: each question of the supervisor's is a task of its own, bounded, and
//! answered by an event.
//!
//! Absent on purpose: what is written in ZooKeeper (`cluster`), and deciding on it (`supervise`).
//!
//! Effects: a task for each question, a thread for one that blocks.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::cluster::seat::Seat;
use crate::cluster::zookeeper::ZooKeeperSession;
use crate::config::Config;
use crate::host::going_down;
use crate::model::{CouncilOutcome, LOCK_FOR_POWER_OFF, MarkOutcome, Severity, TokenOutcome};
use crate::supervise::{Event, PROBE_LIMIT, Probe};

use super::journal::Journal;
use super::self_child;

/// The child that asks the gate is ended after this long, so that its answer is in time for the supervisor.
const GATE_LIMIT: Duration = Duration::from_millis(4500);
/// In `state_dir`: the machine is to be rebooted; `kafka-node-reboot.path` waits for it.
pub const REBOOT_WANTED: &str = "reboot-wanted";
/// All partitions of a large cluster, by its controller.
const ELECT_LIMIT: Duration = Duration::from_secs(8);
const LATE: &str = "no answer in time";
/// The reason in a lock that a supervisor takes.
const STOP: &str = "stop";
const ROLL: &str = "roll";

/// This node's place among the others.
#[derive(Clone, Debug)]
pub(super) struct Council {
    /// A session of its own: its presence lasts as long as the session, and a question without an answer costs one.
    session: Arc<ZooKeeperSession>,
    /// Who this node is to the others; why it cannot be told, in words.
    seat: Result<Arc<Seat>, String>,
}

impl Council {
    /// A place for the supervisor that calls its life so. Connects to nothing before it is asked to.
    pub(super) fn new(config: &Config, servers: String, life: String) -> Council {
        Council { session: Arc::new(ZooKeeperSession::new(servers)), seat: Seat::here(config, life).map(Arc::new) }
    }

    /// The answer to `probe`, which is one of those between this node and the others; `None` for any other.
    pub(super) async fn answer(self, probe: Probe) -> Option<Event> {
        let late = || LATE.to_owned();
        let seat = match self.seat {
            Ok(seat) => seat,
            Err(words) => return unseated(probe, words),
        };
        let session = self.session;
        Some(match probe {
            Probe::Council { ask, presence } => {
                let outcome = timeout(PROBE_LIMIT, session.sit(&seat, &presence, PROBE_LIMIT)).await;
                Event::Council { ask, outcome: outcome.unwrap_or_else(|_| CouncilOutcome::Unread(late())) }
            }
            Probe::Lock { ask, roll, for_good } => {
                let reason = match (roll.is_empty(), for_good) {
                    (true, true) => LOCK_FOR_POWER_OFF,
                    (true, false) => STOP,
                    (false, _) => ROLL,
                };
                let outcome = timeout(PROBE_LIMIT, session.take_lock(&seat, reason, &roll, PROBE_LIMIT)).await;
                Event::Lock { ask, outcome: outcome.unwrap_or_else(|_| TokenOutcome::Unreadable(late())) }
            }
            Probe::Unlock { ask } => {
                let outcome = timeout(PROBE_LIMIT, session.release_lock(&seat, PROBE_LIMIT)).await;
                Event::Unlock { ask, outcome: outcome.unwrap_or_else(|_| Err(late())) }
            }
            Probe::Mark { ask, id, mark } => {
                let outcome = timeout(PROBE_LIMIT, session.mark_roll(&seat, &id, &mark, PROBE_LIMIT)).await;
                Event::Mark { ask, outcome: outcome.unwrap_or_else(|_| MarkOutcome::Unread(late())) }
            }
            _ => return None, // any: every other probe is not between this node and the others
        })
    }

    /// Removes the order to power the cluster down. What becomes of it is seen at the next look.
    pub(super) fn withdraw_power_down(&self) {
        let session = Arc::clone(&self.session);
        tokio::spawn(async move {
            let _ = timeout(PROBE_LIMIT, session.withdraw_power_down(PROBE_LIMIT)).await;
        });
    }

    /// Orders the cluster to power down, since all its machines do. Whoever finds the order there already finds it so.
    pub(super) fn order_power_down(&self, node: &str) {
        let (session, by) = (Arc::clone(&self.session), format!("kafka-node of {node}"));
        tokio::spawn(async move {
            let because = "the machines of all nodes power off";
            let _ = timeout(PROBE_LIMIT, session.order_power_down(&by, because, PROBE_LIMIT)).await;
        });
    }

    /// Ends the session, and this node's presence with it.
    pub(super) async fn close(self) {
        if let Ok(session) = Arc::try_unwrap(self.session) {
            let _ = timeout(PROBE_LIMIT, session.close()).await;
        }
    }
}

/// What is answered by a node that cannot say who it is.
fn unseated(probe: Probe, words: String) -> Option<Event> {
    Some(match probe {
        Probe::Council { ask, .. } => Event::Council { ask, outcome: CouncilOutcome::Unread(words) },
        Probe::Lock { ask, .. } => Event::Lock { ask, outcome: TokenOutcome::Unreadable(words) },
        Probe::Unlock { ask } => Event::Unlock { ask, outcome: Err(words) },
        Probe::Mark { ask, .. } => Event::Mark { ask, outcome: MarkOutcome::Unread(words) },
        _ => return None, // any: as above
    })
}

/// Asks the gate. Blocks.
pub(super) fn gate(ask: u64, for_good: bool) -> Event {
    Event::Gate { ask, outcome: self_child::ask_gate(for_good, GATE_LIMIT) }
}

/// Calls leaders back, and says what came of it. Blocks.
pub(super) fn elect(ask: u64, journal: &Journal) -> Event {
    let (severity, words, moved) = match self_child::elect_leaders(ELECT_LIMIT) {
        Ok(0) => (Severity::Debug, "every partition that can be is led by its preferred replica".to_owned(), false),
        Ok(1) => (Severity::Info, "1 partition is led by its preferred replica again".to_owned(), true),
        Ok(moved) => (Severity::Info, format!("{moved} partitions are led by their preferred replicas again"), true),
        Err(words) => (Severity::Warning, format!("leaders could not be elected anew: {words}"), true),
    };
    journal.say(severity, words);
    Event::Elect { ask, moved }
}

/// Asks whether the machine goes down. Blocks.
pub(super) fn system(ask: u64) -> Event {
    Event::System { ask, outcome: going_down::ask() }
}

/// Has the machine rebooted by the unit that waits for this file.
///
/// # Errors
/// It could not be written; the system's word.
pub(super) fn want_reboot(state_dir: &Path) -> std::io::Result<()> {
    fs::write(state_dir.join(REBOOT_WANTED), "the roll of the cluster has come to this node\n")
}
