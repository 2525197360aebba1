//! `kafka-node reboot --dry-run`: every step in order, what is found now, and what would happen.
//!
//! Absent on purpose: finding it out, and doing it (`reboot`).

use crate::cluster::seat::Seat;
use crate::config::Config;
use crate::gate::{MemberState, Verdict};
use crate::host::reboot_needed::RebootNeeds;
use crate::model::{LockSeen, Role, Span};

use super::super::Exit;
use super::super::council::Asked;
use super::super::gate_words;
use super::{REASON, WindowSeen, need_words};

/// What was found.
pub(super) struct Explanation<'a> {
    pub config: &'a Config,
    pub window: WindowSeen,
    pub needs: &'a RebootNeeds,
    pub if_needed: bool,
    pub asked: &'a Asked,
    pub seat: Result<&'a Seat, String>,
    /// The unit comes back with the machine; else why not.
    pub enabled: Result<(), String>,
}

/// One step: its name, and what is to be said of it, a line each.
struct Step(&'static str, Vec<String>);

impl Explanation<'_> {
    /// As `reboot` would end, if it ended before systemd is asked.
    pub fn exit(&self) -> Exit {
        match self.obstacles().is_empty() {
            _ if self.if_needed && !self.needs.any() && self.window_lets() => Exit::Yes,
            true => Exit::Yes,
            false if self.enabled.is_err() || self.seat.is_err() => Exit::No,
            false => Exit::TryLater,
        }
    }

    /// The whole text.
    pub fn text(&self) -> String {
        let mut text = format!("reboot of {}: a dry run, nothing is changed\n\n", self.config.this_node().name);
        for (number, Step(name, lines)) in self.steps().into_iter().enumerate() {
            for (at, line) in lines.iter().enumerate() {
                let head = if at == 0 { format!("{:>2}. {name:<8}", number + 1) } else { " ".repeat(12) };
                text.push_str(format!("{head}  {line}").trim_end());
                text.push('\n');
            }
        }
        let obstacles = self.obstacles();
        text.push('\n');
        text.push_str(&match obstacles.is_empty() {
            true => "it would reboot now".to_owned(),
            false => format!("it would not reboot now: {}", obstacles.join("; ")),
        });
        text
    }

    fn steps(&self) -> Vec<Step> {
        let (drain, back) = (self.drain(), self.back());
        let once = |text: &str| vec![text.to_owned()];
        vec![
            Step("window", self.window_lines()),
            Step("needed", self.needed()),
            Step("gate", self.gate()),
            Step("lock", self.lock()),
            Step(
                "again",
                once(
                    "with the lock held, window and gate are looked at once more; where either says no by then, the lock is given back",
                ),
            ),
            Step("drain", drain),
            Step(
                "reboot",
                once(
                    "systemctl reboot; the stop of kafka-node.service is the drain, so nothing is lost where somebody else reboots first",
                ),
            ),
            Step("boot", self.boot()),
            Step("in sync", back),
            Step(
                "settle",
                vec![format!(
                    "then all of the cluster stays well for {} ([reboot] settle)",
                    Span(self.config.reboot.settle)
                )],
            ),
            Step("leaders", once("preferred leaders are elected, so that this node leads again what it led before")),
            Step("release", once("this machine gives the lock back, and the next node may go")),
        ]
    }

    /// What keeps it from rebooting now, in short.
    fn obstacles(&self) -> Vec<String> {
        let mut found = Vec::new();
        if !self.window_lets() {
            found.push("the window is not open".to_owned());
        }
        if self.if_needed && !self.needs.any() {
            found.push("nothing needs it".to_owned());
        }
        if let Verdict::Deny { denials, .. } = &self.asked.verdict {
            found.push(match denials.len() {
                1 => "the cluster cannot spare this node, for the reason above".to_owned(),
                reasons => format!("the cluster cannot spare this node, for the {reasons} reasons above"),
            });
        }
        found.extend(self.seat.as_ref().err().cloned());
        found.extend(self.enabled.as_ref().err().cloned());
        found
    }

    fn window_lets(&self) -> bool {
        self.needs.ordered.is_some() || matches!(self.window.closed, Ok(None))
    }

    fn window_lines(&self) -> Vec<String> {
        match self.needs.ordered {
            Some(_) => vec![format!("{}; the order of a roll needs none", self.window.words())],
            None => vec![self.window.words()],
        }
    }

    fn needed(&self) -> Vec<String> {
        let mut lines = vec![match (self.needs.any(), self.if_needed) {
            (true, _) => format!("yes: {}", need_words(self.needs)),
            (false, true) => "no: nothing needs it, and --if-needed was said".to_owned(),
            (false, false) => "nothing needs it; it would be done because you ask (--if-needed would not)".to_owned(),
        }];
        lines.extend(self.needs.restarts.iter().map(|words| format!("note: {words}")));
        lines.extend(self.needs.unknown.iter().map(|words| format!("not known: {words}")));
        lines
    }

    fn gate(&self) -> Vec<String> {
        let (denials, remarks) = gate_words::parts(&self.asked.verdict);
        let mut lines = vec![match denials.is_empty() {
            true => "allowed: every partition and the quorum can spare this node".to_owned(),
            false => "denied:".to_owned(),
        }];
        for denial in denials {
            lines.push(format!("{}: {denial}", denial.code()));
            lines.push(format!("  help: {}", gate_words::help(denial)));
        }
        lines.extend(remarks.iter().map(|remark| format!("note: {remark}")));
        lines
    }

    fn lock(&self) -> Vec<String> {
        let (lock, seat) = match (&self.asked.lock, &self.seat) {
            (Ok(lock), Ok(seat)) => (lock, seat),
            (Err(words), _) | (_, Err(words)) => return vec![format!("could not be read: {words}")],
        };
        vec![match lock.seen(&seat.machine, &seat.node, &seat.boot, std::time::Duration::ZERO) {
            LockSeen::Free => format!("free: it would be taken for {} ({REASON})", seat.node),
            LockSeen::Ours { this_boot: true, .. } => "held by this node already".to_owned(),
            LockSeen::Ours { this_boot: false, .. } => {
                "held by this node since an earlier boot, which it is still coming back from; it would be held on"
                    .to_owned()
            }
            LockSeen::Theirs(holder) => format!("held by {holder}: one node at a time"),
        }]
    }

    fn drain(&self) -> Vec<String> {
        let node = self.config.this_node();
        let mut parts = Vec::new();
        if node.roles.has(Role::Kafka) {
            let (led, held) = self.partitions();
            parts.push(format!(
                "Kafka hands over the {led} partitions that it leads, of {held} that it has a replica of, and closes its logs"
            ));
        }
        if node.roles.has(Role::ZooKeeper) {
            let role = self.asked.view.members.iter().find(|member| member.node == node.name);
            let role = match role.map(|member| member.state) {
                Some(MemberState::Serving { role, .. }) => format!(" ({role} at present)"),
                _ => String::new(),
            };
            parts.push(format!("then ZooKeeper stops{role}"));
        }
        parts.push(format!("[stop] grace is {}, and more while it makes progress", Span(self.config.stop.grace)));
        parts
    }

    fn boot(&self) -> Vec<String> {
        match &self.enabled {
            Ok(()) => vec![
                "kafka-node.service starts with the machine: ZooKeeper, then Kafka once there is a quorum".to_owned(),
            ],
            Err(words) => vec![words.clone()],
        }
    }

    fn back(&self) -> Vec<String> {
        let node = self.config.this_node();
        let mut parts = Vec::new();
        if node.roles.has(Role::ZooKeeper) {
            parts.push("the ZooKeeper server serves in the quorum".to_owned());
        }
        if node.roles.has(Role::Kafka) {
            parts.push(format!("the broker is in the ISR of its {} partitions", self.partitions().1));
        }
        vec![format!("the lock is kept until {}", parts.join(" and "))]
    }

    /// How many partitions this node's broker leads, and has a replica of.
    fn partitions(&self) -> (usize, usize) {
        let broker = self.config.this_node().number.broker_id();
        let all = || self.asked.view.topics.iter().flat_map(|topic| &topic.partitions);
        let held = all().filter(|partition| partition.replicas.contains(&broker)).count();
        (all().filter(|partition| partition.leader == Some(broker)).count(), held)
    }
}
