//! What a scenario sees and asks: a node's unit, its JVMs, what it left behind; and the waits, which all end with the
//! scenario's own limit. Absent on purpose: what is expected; `scenario` says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::bed::{Bed, Node};
use super::install::{self, Way};
use super::wait::await_fact;
use super::{inside, power};
use crate::bench::faults::look::Look;
use crate::failure::{Failure, Outcome};
use crate::places::Places;
use crate::progress::Progress;

/// How long one question to a node may take.
const QUESTION: Duration = Duration::from_secs(20);
/// How long `kafka-node verify` may take.
const VERIFY: Duration = Duration::from_secs(75);

/// The ground of one scenario.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    /// The nodes.
    pub bed: &'a Bed,
    /// The source tree and the cache.
    pub places: &'a Places,
    /// Its voice.
    pub progress: &'a Progress,
    /// How kafka-node got there.
    pub way: &'a Way,
    /// When the scenario has to be over.
    pub until: Instant,
}

/// What systemd says of the unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit {
    /// `active`, `inactive`, `failed`, ..
    pub active: String,
    /// The supervisor.
    pub main_pid: u32,
    /// What it says of itself.
    pub status: String,
    /// How many times systemd started it anew.
    pub restarts: u32,
    /// `enabled` or not.
    pub file: String,
}

/// A JVM: pid in the node, and start time, which together name it for good.
pub type Jvms = BTreeSet<(u32, u64)>;

impl<'a> Stage<'a> {
    /// A node by its number.
    pub fn node(&self, number: u8) -> Node<'a> {
        Node { bed: self.bed, number }
    }

    /// What is left of the scenario's time.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Looks until there is an answer.
    pub fn wait<T>(&self, what: &str, look: impl FnMut() -> Result<T, String>) -> Outcome<T> {
        await_fact(self.until, what, look)
    }

    /// A question that has an answer at once.
    pub fn ask(&self, node: &Node<'_>, line: &str) -> Outcome<String> {
        inside::shell(node, QUESTION.min(self.left()), line).map(|text| text.trim().to_owned())
    }

    /// A command that may take as long as the scenario.
    pub fn command(&self, node: &Node<'_>, words: &[&str]) -> Outcome<String> {
        inside::must(node, self.left(), words)
    }

    /// The unit, as systemd sees it.
    pub fn unit(&self, node: &Node<'_>) -> Outcome<Unit> {
        let properties = "ActiveState,MainPID,StatusText,NRestarts,UnitFileState";
        let text = inside::must(node, QUESTION, &["systemctl", "show", "--property", properties, "kafka-node"])?;
        let fields: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
        let field = |key: &str| fields.get(key).copied().unwrap_or_default().to_owned();
        let number = |key: &str| field(key).parse().unwrap_or(0);
        Ok(Unit {
            active: field("ActiveState"),
            main_pid: number("MainPID"),
            status: field("StatusText"),
            restarts: number("NRestarts"),
            file: field("UnitFileState"),
        })
    }

    /// The JVMs of the user kafka.
    pub fn jvms(&self, node: &Node<'_>) -> Outcome<Jvms> {
        let line = "for p in $(pgrep -u kafka -x java); do echo $p $(cut -d' ' -f22 /proc/$p/stat); done";
        let text = self.ask(node, line)?;
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs.filter_map(|(pid, start)| Some((pid.parse().ok()?, start.parse().ok()?))).collect())
    }

    /// Both JVMs; a failure if there are not just two.
    pub fn both_jvms(&self, node: &Node<'_>) -> Outcome<Jvms> {
        let found = self.jvms(node)?;
        if found.len() == 2 {
            Ok(found)
        } else {
            Err(Failure::new(format!("{} should run two JVMs: {found:?}", node.host())))
        }
    }

    /// Fails when JVMs were ended or started since.
    pub fn same_jvms(&self, node: &Node<'_>, before: &Jvms) -> Outcome<()> {
        let found = self.jvms(node)?;
        if found == *before {
            return Ok(());
        }
        Err(Failure::new(format!("{}: the JVMs are not the same: {before:?} before, {found:?} after", node.host())))
    }

    /// Waits until the node says that it is ready; how long it took.
    pub fn ready(&self, node: &Node<'_>) -> Outcome<Duration> {
        let begun = Instant::now();
        self.wait(&format!("{} to be ready", node.host()), || {
            let answer = inside::run(node, QUESTION, &["kafka-node", "status"]).map_err(|failure| failure.chain())?;
            if answer.status.success() { Ok(()) } else { Err(answer.words()) }
        })?;
        Ok(begun.elapsed())
    }

    /// Waits until every node is ready and in sync, as it says itself.
    pub fn in_sync(&self) -> Outcome<()> {
        self.bed.nodes().try_for_each(|node| {
            self.wait(&format!("{} to be in sync", node.host()), || {
                let limit = QUESTION.min(self.left());
                let asked = inside::run(&node, limit, &["kafka-node", "status", "--json"]);
                let answer = asked.map_err(|failure| failure.chain())?;
                match Look::read(&answer.out) {
                    Some(look) if look.in_sync() => Ok(()),
                    _ => Err(answer.words()),
                }
            })
        })
    }

    /// What a command says that is expected to say no: its exit code is 1.
    pub fn refused(&self, node: &Node<'_>, words: &[&str]) -> Outcome<String> {
        let answer = inside::run(node, QUESTION.min(self.left()), words)?;
        if answer.status.code() == Some(1) {
            // All of it: what is looked for may stand at its end.
            return Ok(format!("{} {}", answer.out, answer.err));
        }
        let said = answer.words();
        Err(Failure::new(format!("`{}` on {} ended with {}: {said}", words.join(" "), node.host(), answer.status)))
    }

    /// Waits until systemd has another supervisor than this one, and the node is ready under it.
    pub fn replaced(&self, node: &Node<'_>, old: u32) -> Outcome<Unit> {
        self.wait(&format!("another supervisor than {old} on {}", node.host()), || {
            let unit = self.unit(node).map_err(|failure| failure.chain())?;
            if unit.main_pid != 0 && unit.main_pid != old && unit.active == "active" {
                Ok(())
            } else {
                Err(format!("{unit:?}"))
            }
        })?;
        self.ready(node)?;
        self.unit(node)
    }

    /// Waits until `kafka-node verify` passes on a node; how long it took.
    pub fn verified(&self, node: &Node<'_>) -> Outcome<Duration> {
        let begun = Instant::now();
        self.wait(&format!("kafka-node verify to pass on {}", node.host()), || {
            let limit = VERIFY.min(self.left());
            let answer = inside::run(node, limit, &["kafka-node", "verify"]).map_err(|failure| failure.chain())?;
            if answer.status.success() { Ok(()) } else { Err(answer.words()) }
        })?;
        Ok(begun.elapsed())
    }

    /// Brings the cluster to where most scenarios begin: all on, uncut, kafka-node installed, started and ready.
    pub fn cluster(&self) -> Outcome<()> {
        power::all_on(self.bed)?;
        super::network::heal(self.bed)?;
        let missing = |node: &Node<'_>| {
            inside::run(node, QUESTION, &["test", "-x", "/usr/bin/kafka-node"]).map(|answer| !answer.status.success())
        };
        let mut any = false;
        for node in self.bed.nodes() {
            any |= missing(&node)?;
        }
        if any {
            install::share(self.places, self.progress, self.bed, self.way)?;
        }
        power::at_once(self.bed, |node| {
            if missing(node)? {
                install::steps(node, self.way)?;
            }
            inside::must(node, self.left(), &["systemctl", "enable", "--now", "kafka-node"])?;
            self.ready(node).map(|_| ())
        })
    }

    /// What is left of the unit in any hierarchy, and any process of its user.
    pub fn leftovers(&self, node: &Node<'_>) -> Outcome<String> {
        let line = "find /sys/fs/cgroup -path '*/kafka-node.service*' -name cgroup.procs -exec cat {} + 2>/dev/null; \
                    pgrep -u kafka -a | cut -c1-100; true";
        self.ask(node, line)
    }

    /// Fails unless the unit is down, nothing is left of it, and Kafka says that it stopped cleanly.
    pub fn stopped_cleanly(&self, node: &Node<'_>) -> Outcome<()> {
        let unit = self.unit(node)?;
        if unit.active != "inactive" {
            return Err(Failure::new(format!("{} should be inactive: {unit:?}", node.host())));
        }
        let left = self.leftovers(node)?;
        if !left.is_empty() {
            return Err(Failure::new(format!("{} has processes left: {left}", node.host())));
        }
        self.ask(node, "test -e /data/kafka/.kafka_cleanshutdown || { ls -la /data/kafka >&2; exit 1; }").map(|_| ())
    }
}
