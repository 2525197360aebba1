//! One entry of the history: which notices are kept, with what of them, and how an entry stands on a line of the file.
//!
//! The same words on disk, in `kafka-node history --json` and in `history` of `kafka-node status --json`: fields are added,
//! never renamed. Nothing here touches a clock or a file: times come in as text. Absent on purpose: the file (`history`).

use serde::{Deserialize, Serialize};

use crate::model::{Notice, RunId, SignalReason};

use super::log::cut;

/// Longest sentence of an entry, in bytes: a notice may list any number of brokers or quote a path.
const TEXT_CAP: usize = 2048;

/// Something that happened, as it is kept. A word that this version does not know is kept as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, RFC 3339 in UTC to the millisecond, by the clock of that time.
    pub at: String,
    /// What: a word of [`Kind`].
    pub kind: String,
    /// The service it is about; none when it is about the node or the supervisor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The run it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The process, where the notice names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// Why, as a stable word: of an end the word of `last_exit.cause` in `status --json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The sentence of the journal.
    #[serde(default)]
    pub text: String,
    /// How long the run lived, in milliseconds; of an end only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lived_ms: Option<u64>,
    /// The boot it happened in: the first eight characters of the kernel's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A JVM runs.
    Start,
    /// A run is over, or never began.
    End,
    /// SIGTERM was sent to a JVM.
    Terminate,
    /// SIGKILL was sent to a JVM.
    Kill,
    /// A stop of the node was asked for, or is done.
    Stop,
    /// A registration of a dead broker was removed, or could not be.
    Fence,
    /// A JVM of an earlier supervisor was taken over.
    Adopt,
    /// A JVM was judged to hang, or its restart waits for the cluster.
    Health,
    /// The lock that a node holds while it may be down was taken or given back.
    Lock,
    /// This node's turn in a roll.
    Roll,
    /// A supervisor started.
    SupervisorStart,
    /// A supervisor ended by itself.
    SupervisorEnd,
}

/// How a supervisor ended, as far as it could say so itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupervisorEnd {
    /// Every service stopped cleanly.
    Clean,
    /// Not every one did.
    Unclean,
    /// Every service stopped because an operator ordered it.
    Ordered,
    /// It could not run the node, for this reason.
    Refused(String),
    /// It left living services to the supervisor after it.
    HandedOver,
}

impl Kind {
    /// The word in `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Start => "start",
            Kind::End => "end",
            Kind::Terminate => "terminate",
            Kind::Kill => "kill",
            Kind::Stop => "stop",
            Kind::Fence => "fence",
            Kind::Adopt => "adopt",
            Kind::Health => "health",
            Kind::Lock => "lock",
            Kind::Roll => "roll",
            Kind::SupervisorStart => "supervisor-start",
            Kind::SupervisorEnd => "supervisor-end",
        }
    }
}

/// What of `notice` is kept; `None` for those that only the journal keeps. The one place where that is decided: a new
/// notice does not compile before it has its line here.
pub fn entry_of(at: &str, notice: &Notice) -> Option<Entry> {
    let about = |kind: Kind| Entry {
        service: notice.role().map(|role| role.to_string()),
        ..Entry::new(at, kind, &notice.to_string())
    };
    let of_run = |kind: Kind, run: &RunId| Entry { run: Some(run.to_string()), ..about(kind) };
    let because = |cause: &str, entry: Entry| Some(Entry { cause: Some(cause.to_owned()), ..entry });
    match notice {
        Notice::Spawned { run, pid, .. } => Some(Entry { pid: Some(*pid), ..of_run(Kind::Start, run) }),
        Notice::Ended { run, cause, lived, .. } => {
            let lived_ms = u64::try_from(lived.as_millis()).ok();
            because(cause.word(), Entry { lived_ms, ..of_run(Kind::End, run) })
        }
        Notice::Terminates { run, reason, .. } => because(word(*reason), of_run(Kind::Terminate, run)),
        Notice::Kills { run, reason, .. } => because(word(*reason), of_run(Kind::Kill, run)),
        Notice::StopBegins { .. } => because("asked", about(Kind::Stop)),
        Notice::StopAgain { .. } => because("asked-again", about(Kind::Stop)),
        Notice::Stopped { clean } => because(if *clean { "clean" } else { "unclean" }, about(Kind::Stop)),
        Notice::Adopted { run, pid, .. } => Some(Entry { pid: Some(*pid), ..of_run(Kind::Adopt, run) }),
        Notice::Fenced { run, .. } => because("removed", of_run(Kind::Fence, run)),
        Notice::FenceForeign { run, .. } => because("foreign", of_run(Kind::Fence, run)),
        Notice::FenceDenied { run, .. } => because("denied", of_run(Kind::Fence, run)),
        Notice::FenceFailed { run, .. } => because("failed", of_run(Kind::Fence, run)),
        Notice::Hangs { run, blame, .. } => because(blame.word(), of_run(Kind::Health, run)),
        Notice::HangPassed { run, .. } => because("passed", of_run(Kind::Health, run)),
        Notice::GateExpired { .. } => because("gate-expired", about(Kind::Stop)),
        Notice::PowerDown { .. } => because("power-down", about(Kind::Stop)),
        Notice::LockTaken => because("taken", about(Kind::Lock)),
        Notice::LockReturned => because("returned", about(Kind::Lock)),
        Notice::RollTurn { .. } => because("turn", about(Kind::Roll)),
        Notice::RollDone { .. } => because("done", about(Kind::Roll)),
        Notice::RollFails { .. } => because("failed", about(Kind::Roll)),
        // A start that is ordered runs, or has its end, a moment later.
        Notice::Starts { .. } => None,
        // How things stand, not what was done or befell.
        Notice::Waits { .. }
        | Notice::StartsUnread { .. }
        | Notice::StartsOnPeers
        | Notice::ZooKeeperServes { .. }
        | Notice::QuorumLost
        | Notice::BrokerServes { .. }
        | Notice::BrokerInSync
        | Notice::BrokerBehind { .. }
        | Notice::NotReady { .. }
        | Notice::Node { .. }
        | Notice::StopDeferred { .. }
        | Notice::GraceProlonged { .. }
        | Notice::Dumps { .. }
        | Notice::TokenTaken
        | Notice::TokenReturned
        | Notice::GateWaits { .. }
        | Notice::GateOpens { .. }
        | Notice::LeavesQuorum { .. } => None,
    }
}

/// The stable word for why a signal was sent.
fn word(reason: SignalReason) -> &'static str {
    match reason {
        SignalReason::Stop => "stop",
        SignalReason::Health(blame) => blame.word(),
        SignalReason::StartMadeNoProgress => "start-made-no-progress",
        SignalReason::StartTookTooLong => "start-took-too-long",
        SignalReason::SecondRequest => "second-request",
        SignalReason::GraceOver => "grace-over",
        SignalReason::StopTookTooLong => "stop-took-too-long",
        SignalReason::QuorumGone => "quorum-gone",
        SignalReason::StillThere => "still-there",
    }
}

impl Entry {
    /// An entry of `kind` about nothing in particular; the sentence is cut where it is far too long.
    pub fn new(at: &str, kind: Kind, text: &str) -> Entry {
        let (head, rest) = cut(text, TEXT_CAP);
        let text = if rest.is_empty() { head.to_owned() } else { format!("{head} [{} more bytes]", rest.len()) };
        Entry { at: at.to_owned(), kind: kind.as_str().to_owned(), text, ..Entry::default() }
    }

    /// The supervisor `pid` started in `boot`; `before` is the last word of one that ran earlier.
    pub fn supervisor_start(at: &str, pid: i32, boot: Option<&str>, before: Option<&Entry>) -> Entry {
        let who = format!("kafka-node {} starts (pid {pid})", env!("CARGO_PKG_VERSION"));
        let (cause, text) = match before {
            None => ("first", format!("{who}, the first that this record knows")),
            Some(before) if before.is(Kind::SupervisorEnd) => ("after-end", who),
            Some(before) => {
                let earlier = before.pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                // A boot that is not known is no proof of another one.
                if before.boot.is_some() && boot.is_some() && before.boot.as_deref() != boot {
                    ("after-power-loss", format!("{who}; the machine went down under the one before it{earlier}"))
                } else {
                    ("after-death", format!("{who}; the one before it{earlier} died without a word"))
                }
            }
        };
        let entry = Entry::new(at, Kind::SupervisorStart, &text);
        Entry { pid: Some(pid), cause: Some(cause.to_owned()), boot: boot.map(str::to_owned), ..entry }
    }

    /// The supervisor `pid` ends.
    pub fn supervisor_end(at: &str, pid: i32, end: &SupervisorEnd) -> Entry {
        let (cause, text) = match end {
            SupervisorEnd::Clean => ("clean", format!("kafka-node ends (pid {pid}): everything stopped cleanly")),
            SupervisorEnd::Unclean => {
                ("unclean", format!("kafka-node ends (pid {pid}): not everything stopped cleanly"))
            }
            SupervisorEnd::Ordered => {
                ("ordered", format!("kafka-node ends (pid {pid}): the stop was ordered, and the node stays down"))
            }
            SupervisorEnd::Refused(why) => ("refused", format!("kafka-node ends (pid {pid}): {why}")),
            SupervisorEnd::HandedOver => {
                ("handed-over", format!("kafka-node ends (pid {pid}) and leaves its services to the next one"))
            }
        };
        Entry { pid: Some(pid), cause: Some(cause.to_owned()), ..Entry::new(at, Kind::SupervisorEnd, &text) }
    }

    /// Whether it is about that.
    pub fn is(&self, kind: Kind) -> bool {
        self.kind == kind.as_str()
    }

    /// One line of JSON without its line feed; a line feed inside a text is escaped.
    pub fn line(&self) -> String {
        // Text and numbers always have JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a line; `None` where it is no entry. What a later version added is passed over.
    pub fn from_line(line: &[u8]) -> Option<Entry> {
        serde_json::from_slice(line).ok()
    }
}
