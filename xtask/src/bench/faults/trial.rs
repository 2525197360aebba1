//! One run of one fault: a healthy cluster, a quiet window for comparison, the fault, the way back, a quiet end.
//! Absent on purpose: figures of several runs (`report`).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::cluster::{ADDRESSES, Cluster, HEALTHY_LIMIT, Return};
use super::inject::{self, Frozen, rest};
use super::lines::{self, Lines, Missing};
use super::look::Look;
use super::outage;
use super::scenario::{Scenario, Victim};
use super::tools::Tools;
use crate::bench::judge;
use crate::child;
use crate::failure::{Failure, Outcome};
use crate::proc::Identity;

/// What leaders and replicas that moved may still cost, before anything is measured.
const SETTLE: Duration = Duration::from_secs(3);
/// The quiet before a fault, whose own longest gap is the noise.
pub const BEFORE: Duration = Duration::from_secs(5);
/// The quiet after the way back, which still belongs to the fault.
const AFTER: Duration = Duration::from_secs(3);
/// How long a node may take to be back by itself.
pub const LIMIT: Duration = Duration::from_secs(90);

/// What came of it.
#[derive(Debug)]
pub struct Trial {
    /// The fault.
    pub scenario: Scenario,
    /// The node that it hit, from 1.
    pub node: usize,
    /// A plain start, of the node that the last fault had hit: since the exec of its broker.
    pub plain: Option<Return>,
    /// The fault's moment and the window's end, in milliseconds since 1970.
    pub from: u64,
    /// See `from`.
    pub to: u64,
    /// The broker's way back since the fault; that of all nodes since the quorum could be had again.
    pub back: Return,
    /// From the exec of a new supervisor until it was ready with the JVMs of the old one.
    pub adopted: Option<Duration>,
    /// JVMs that were replaced though the fault was not theirs.
    pub touched: Vec<String>,
    /// Log lines that the supervisor's log lacks.
    pub lines: Option<Missing>,
    /// What else is to be said.
    pub notes: Vec<String>,
}

impl Trial {
    /// One that has begun, and of which nothing is known yet.
    pub fn begin(scenario: Scenario, node: usize, from: u64) -> Self {
        let (plain, back, adopted, lines) = (None, Return::default(), None, None);
        Self { scenario, node, plain, from, to: from, back, adopted, touched: Vec::new(), lines, notes: Vec::new() }
    }
}

/// What the runs share.
pub struct Stage<'a> {
    /// The nodes.
    pub cluster: &'a mut Cluster,
    /// Kafka's tools.
    pub tools: &'a Tools,
    /// Numbered log lines a second, while a supervisor is hit.
    pub lines: u32,
    /// The node that the last fault hit, from 0.
    pub last: usize,
}

/// Milliseconds since 1970, as the producer counts.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Stage<'_> {
    /// Runs one.
    pub fn run(&mut self, scenario: Scenario) -> Outcome<Trial> {
        // Whom the last fault hit starts afresh, so that no earlier death makes this one's restart wait.
        let plain = match scenario.victim() {
            Victim::Broker => Some(since_exec(self.cluster.refresh(self.last)?)),
            Victim::ZooKeeper | Victim::Quorum => self.cluster.refresh(self.last).map(|_| None)?,
            Victim::Supervisor | Victim::Nobody => None,
        };
        if scenario != Scenario::KillFollower {
            self.tools.elect_preferred()?;
        }
        self.cluster.await_healthy(true, HEALTHY_LIMIT)?;
        let node = self.choose(scenario)?;
        self.last = node;
        rest(SETTLE)?;
        let lines = (scenario.victim() == Victim::Supervisor).then(|| Lines::begin(address(node), self.lines));
        rest(BEFORE)?;
        let before = self.cluster.looks()?;
        let mut trial = Trial { plain, ..Trial::begin(scenario, node + 1, now()) };
        self.inject(node, &before, &mut trial)?;
        self.recover(node, &mut trial)?;
        rest(AFTER)?;
        trial.to = now();
        let after = self.cluster.looks()?;
        trial.touched = touched(scenario, node, &before, &after);
        if let Some(lines) = lines {
            let said = lines.end();
            // The supervisor writes its log in batches.
            rest(Duration::from_secs(1))?;
            trial.lines = Some(lines::missing(&said, &self.cluster.node(node)?.log)?);
        }
        Ok(trial)
    }

    /// The node to hit: that of the role which the fault is about.
    fn choose(&self, scenario: Scenario) -> Outcome<usize> {
        let metadata = self.cluster.metadata(None).ok_or_else(|| Failure::new("no broker answers"))?;
        let controller = usize::try_from(metadata.controller - 1).ok();
        let leads = |n: usize| metadata.partitions.iter().any(|p| usize::try_from(p.leader - 1) == Ok(n));
        // Round the nodes, beginning behind the one that was last.
        let round = (1..=ADDRESSES.len()).map(|step| (self.last + step) % ADDRESSES.len());
        let fits = |n: &usize| match scenario {
            Scenario::KillFollower => !leads(*n),
            Scenario::KillController => Some(*n) == controller,
            Scenario::KillLeader | Scenario::Freeze | Scenario::OutOfMemory => leads(*n) && Some(*n) != controller,
            _ => true,
        };
        let mut round = round.filter(fits);
        round.next().ok_or_else(|| Failure::new(format!("no node fits {scenario}: {metadata:?}")))
    }

    fn inject(&mut self, node: usize, before: &[Look], trial: &mut Trial) -> Outcome<()> {
        let look = before.get(node).ok_or_else(|| Failure::new("there is no such node"))?;
        let process = |pid: Option<u32>| {
            pid.and_then(Identity::of).ok_or_else(|| Failure::new(format!("node {} lacks a process", node + 1)))
        };
        let broker = process(look.kafka.pid)?;
        let begun = Instant::now();
        trial.from = now();
        match trial.scenario {
            Scenario::KillFollower | Scenario::KillLeader | Scenario::KillController => {
                inject::kill(broker)?;
                trial.back = self.cluster.watch(node, begun, Some(broker), LIMIT)?;
            }
            Scenario::Freeze => {
                let mut frozen = Frozen::default();
                frozen.freeze(broker);
                trial.back = self.cluster.watch(node, begun, Some(broker), LIMIT)?;
                if frozen.thaw() > 0 {
                    trial
                        .notes
                        .push(format!("the frozen broker was not ended in {} s; it was continued", LIMIT.as_secs()));
                }
            }
            Scenario::OutOfMemory => {
                let claims = inject::claim_memory(address(node))?;
                trial.back = self.cluster.watch(node, begun, Some(broker), LIMIT)?;
                drop(claims);
                if broker.alive() {
                    trial.notes.push("the broker outlived its OutOfMemoryError".to_owned());
                }
            }
            Scenario::KillSupervisor => outage::kill_supervisor(self.cluster, node, Duration::ZERO, look, trial)?,
            Scenario::HangSupervisor => outage::kill_supervisor(self.cluster, node, outage::WATCHDOG, look, trial)?,
            Scenario::Reload => outage::reload(self.cluster, node, begun, look, trial)?,
            Scenario::KillZookeeper => {
                let zookeeper = process(look.zookeeper.pid)?;
                inject::kill(zookeeper)?;
                while begun.elapsed() < LIMIT && trial.back.serving.is_none() {
                    rest(child::POLL)?;
                    if !zookeeper.alive() && judge::zookeeper_serves(address(node), 2181) {
                        trial.back.serving = Some(begun.elapsed());
                    }
                }
            }
            Scenario::QuorumLost => outage::lose_quorum(self.cluster, node, trial)?,
            Scenario::Soak => {}
        }
        Ok(())
    }

    /// Waits until the cluster is healthy; by hand where it is not by itself.
    fn recover(&mut self, node: usize, trial: &mut Trial) -> Outcome<()> {
        if self.cluster.await_healthy(true, LIMIT).is_ok() {
            return Ok(());
        }
        trial.notes.push(format!("not healthy after {} s more; restarted by hand", LIMIT.as_secs()));
        self.cluster.refresh(node).map(|_| ())
    }
}

/// Where a node listens, counted from 0.
pub fn address(node: usize) -> std::net::Ipv4Addr {
    ADDRESSES.get(node).copied().unwrap_or(std::net::Ipv4Addr::LOCALHOST)
}

/// A way back counted from the exec of its broker.
fn since_exec(back: Return) -> Return {
    let exec = back.exec.unwrap_or_default();
    let since = |time: Option<Duration>| time.map(|time| time.saturating_sub(exec));
    Return { gone: None, exec: Some(Duration::ZERO), serving: since(back.serving), in_sync: since(back.in_sync) }
}

/// The JVMs that are others than before, but for those that the fault itself ended.
fn touched(scenario: Scenario, node: usize, before: &[Look], after: &[Look]) -> Vec<String> {
    let mut touched = Vec::new();
    for (n, (before, after)) in before.iter().zip(after).enumerate() {
        let quorum = scenario.victim() == Victim::Quorum;
        if before.kafka.pid != after.kafka.pid && !(n == node && scenario.victim() == Victim::Broker) {
            touched.push(format!("kafka of node {} ({})", n + 1, after.kafka.last_exit));
        }
        let own = quorum || n == node && scenario.victim() == Victim::ZooKeeper;
        if before.zookeeper.pid != after.zookeeper.pid && !own {
            touched.push(format!("zookeeper of node {} ({})", n + 1, after.zookeeper.last_exit));
        }
    }
    touched
}
