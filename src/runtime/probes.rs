//! Looks at the world for the supervisor: each probe is a task of its own, bounded, and answered by an event.
//!
//! One of a kind is under way at most. Absent on purpose: when to look and what it means (`supervise`), and how it is
//! done (`observe`, `cluster`).
//!
//! Effects: a task for each look, a thread for one that blocks.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::cluster::fence::Fencing;
use crate::cluster::token::RestartToken;
use crate::cluster::zookeeper::{Registrations, ZooKeeperSession};
use crate::model::{
    BrokerId, BrokerOutcome, BrokersOutcome, EnsembleView, FenceOutcome, InSyncOutcome, NodeName, PeerView, Progress,
    RegistrationOutcome, Role, RunId, TokenOutcome, ZooKeeperOutcome,
};
use crate::observe::broker::BrokerProber;
use crate::observe::progress::ProcessCounters;
use crate::observe::{hsperf_file, preflight, progress, srvr};
use crate::plan::{self, Plan};
use crate::supervise::{Event, PROBE_LIMIT, Probe};

use super::council::{self, Council};
use super::journal::Journal;
use super::node::Check;

/// What is under way, and what is kept between looks.
pub struct Probes {
    plan: Arc<Plan>,
    broker: BrokerId,
    /// Name and `host:port` of every other member of the ensemble.
    peers: Vec<(NodeName, String)>,
    session: Arc<ZooKeeperSession>,
    /// Holds the restart token, so it must outlive questions that are not answered in time: a session of its own.
    token: Arc<ZooKeeperSession>,
    name: NodeName,
    council: Council,
    check: Check,
    journal: Journal,
    lines: Option<BrokerLines>,
    tasks: JoinSet<Event>,
    under_way: BTreeMap<Kind, AbortHandle>,
}

/// The connections to the broker of one run. Two, so that a long answer about every partition does not make the broker
/// look silent.
#[derive(Clone, Debug)]
struct BrokerLines {
    run: RunId,
    answers: Arc<Mutex<BrokerProber>>,
    in_sync: Arc<Mutex<BrokerProber>>,
}

/// A question apart from the run or number it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Preflight(Role),
    ZooKeeper,
    Ensemble,
    Registration,
    Brokers,
    Fence,
    Token,
    Broker,
    InSync,
    Progress(Role),
    Council,
    Lock,
    Unlock,
    Mark,
    Gate,
    Elect,
    System,
    Successor,
}

/// A probe whose code failed. The supervisor asks again by itself.
#[derive(Debug)]
pub struct Panicked;

impl Probes {
    /// Nothing under way yet. Connects to nothing before it is asked to. `life` tells this supervisor from its earlier ones.
    pub fn new(plan: Arc<Plan>, check: Check, journal: Journal, life: String) -> Probes {
        let config = &plan.config;
        let this = config.this_node();
        let port = config.zookeeper.client_port;
        let address = |node: &crate::config::Node| format!("{}:{port}", node.address);
        let peers = config.nodes_with(Role::ZooKeeper).filter(|node| node.name != this.name);
        let servers: Vec<String> = config.nodes_with(Role::ZooKeeper).map(address).collect();
        Probes {
            broker: this.number.broker_id(),
            peers: peers.map(|node| (node.name.clone(), address(node))).collect(),
            session: Arc::new(ZooKeeperSession::new(servers.join(","))),
            token: Arc::new(ZooKeeperSession::new(servers.join(","))),
            name: this.name.clone(),
            council: Council::new(config, servers.join(","), life),
            check,
            journal,
            lines: None,
            tasks: JoinSet::new(),
            under_way: BTreeMap::new(),
            plan,
        }
    }

    /// Begins to look. `recovery` is what the run's output tells, for [`Probe::Progress`]; `pid` its process.
    pub fn ask(&mut self, probe: Probe, pid: Option<i32>, recovery: Progress) {
        match probe {
            Probe::Preflight { role } => self.preflight(role),
            Probe::ZooKeeper { run } => {
                let address = self.address(Role::ZooKeeper);
                self.begin(Kind::ZooKeeper, async move {
                    let outcome = within(srvr::probe(&address, PROBE_LIMIT), || ZooKeeperOutcome::TimedOut).await;
                    Event::ZooKeeper { run, outcome }
                });
            }
            Probe::Ensemble { limit } => {
                let peers = self.peers.clone();
                self.begin(Kind::Ensemble, async move {
                    Event::Ensemble { view: ensemble(peers, limit.min(PROBE_LIMIT)).await }
                });
            }
            Probe::Registration { ask } => {
                let (session, broker) = (Arc::clone(&self.session), self.broker);
                self.begin(Kind::Registration, async move {
                    let late = || RegistrationOutcome::Unreadable("no answer in time".to_owned());
                    let outcome = within(session.registration(broker, PROBE_LIMIT), late).await;
                    Event::Registration { ask, outcome }
                });
            }
            Probe::Fence { ask, session } => {
                let (zookeeper, broker) = (Arc::clone(&self.session), self.broker);
                self.begin(Kind::Fence, async move {
                    let late = || FenceOutcome::Failed("no answer in time".to_owned());
                    let outcome = within(zookeeper.fence(broker, session, PROBE_LIMIT), late).await;
                    Event::Fence { ask, outcome }
                });
            }
            Probe::Token { ask, role, blame } => {
                let (session, holder) = (Arc::clone(&self.token), self.name.clone());
                let reason = format!("{role}: {blame}");
                self.begin(Kind::Token, async move {
                    let late = || TokenOutcome::Unreadable("no answer in time".to_owned());
                    let outcome = within(session.take_token(&holder, &reason, PROBE_LIMIT), late).await;
                    Event::Token { ask, outcome }
                });
            }
            Probe::Brokers => {
                let session = Arc::clone(&self.session);
                self.begin(Kind::Brokers, async move {
                    let late = || Err("no answer in time".to_owned());
                    let outcome = match within(session.brokers(PROBE_LIMIT), late).await {
                        Ok(brokers) => BrokersOutcome::Registered(brokers),
                        Err(words) => BrokersOutcome::Unreadable(words),
                    };
                    Event::Brokers { outcome }
                });
            }
            Probe::Broker { run } => {
                let line = self.lines(run).answers;
                self.begin(Kind::Broker, async move {
                    let mut line = line.lock().await;
                    let outcome = within(line.probe(PROBE_LIMIT), || BrokerOutcome::Silent { accepts: false }).await;
                    Event::Broker { run, outcome }
                });
            }
            Probe::InSync { run } => {
                let line = self.lines(run).in_sync;
                self.begin(Kind::InSync, async move {
                    let late = || InSyncOutcome::Unreadable("no answer in time".to_owned());
                    let mut line = line.lock().await;
                    let outcome = within(line.in_sync(PROBE_LIMIT), late).await;
                    Event::InSync { run, outcome }
                });
            }
            Probe::Council { .. } => self.begin_shared(Kind::Council, probe),
            Probe::Lock { .. } => self.begin_shared(Kind::Lock, probe),
            Probe::Unlock { .. } => self.begin_shared(Kind::Unlock, probe),
            Probe::Mark { .. } => self.begin_shared(Kind::Mark, probe),
            Probe::Gate { ask, for_good } => self.begin_blocking(Kind::Gate, move || council::gate(ask, for_good)),
            Probe::Elect { ask } => {
                let journal = self.journal.clone();
                self.begin_blocking(Kind::Elect, move || council::elect(ask, &journal));
            }
            Probe::System { ask } => self.begin_blocking(Kind::System, move || council::system(ask)),
            Probe::Successor { ask } => {
                let check = Arc::clone(&self.check);
                self.begin_blocking(Kind::Successor, move || Event::Successor { ask, outcome: check() });
            }
            Probe::Progress { role, run } => {
                let kind = Kind::Progress(role);
                if self.under_way.contains_key(&kind) {
                    return; // the one under way will answer
                }
                // /proc answers at once; the counters of the JVM are a file in /tmp, whose disk may hang.
                let look = move || Event::Progress { role, run, progress: looked_at(pid, recovery) };
                let task = self.tasks.spawn_blocking(look);
                self.under_way.insert(kind, task);
            }
        }
    }

    /// Gives the restart token back. What becomes of it is told to nobody: a session that cannot be reached loses it anyway.
    pub fn release_token(&self) {
        let (session, holder) = (Arc::clone(&self.token), self.name.clone());
        tokio::spawn(async move {
            let _ = timeout(PROBE_LIMIT, session.release_token(&holder, PROBE_LIMIT)).await;
        });
    }

    /// The next answer. Never ends, and loses nothing when it is dropped and called again.
    pub async fn next(&mut self) -> Result<Event, Panicked> {
        loop {
            let Some(ended) = self.tasks.join_next_with_id().await else { return pending().await };
            let id = match &ended {
                Ok((id, _)) => *id,
                Err(error) => error.id(),
            };
            self.under_way.retain(|_, task| task.id() != id);
            match ended {
                Ok((_, event)) => return Ok(event),
                Err(error) if error.is_panic() => return Err(Panicked),
                // Given up in favour of a newer question of its kind.
                Err(_) => {}
            }
        }
    }

    /// Lets go of what is under way and of the session: the node is at its end.
    pub async fn close(self) {
        drop(self.tasks);
        self.council.close().await;
        for session in [self.session, self.token] {
            if let Ok(session) = Arc::try_unwrap(session) {
                let _ = timeout(PROBE_LIMIT, session.close()).await;
            }
        }
    }

    fn preflight(&mut self, role: Role) {
        let kind = Kind::Preflight(role);
        if self.under_way.contains_key(&kind) {
            // A blocking look cannot be given up; the one under way will answer, and it is bounded by itself.
            return;
        }
        let plan = Arc::clone(&self.plan);
        let look = move || {
            let sightings = preflight::look(&plan, role);
            let findings = plan::preflight::judge(&plan, role, &sightings);
            Event::Preflight { role, outcome: preflight::outcome(&findings) }
        };
        let task = self.tasks.spawn_blocking(look);
        self.under_way.insert(kind, task);
    }

    /// A question between this node and the others.
    fn begin_shared(&mut self, kind: Kind, probe: Probe) {
        let council = self.council.clone();
        self.begin(kind, async move {
            match council.answer(probe).await {
                Some(event) => event,
                None => pending().await, // every kind that comes here has its answer
            }
        });
    }

    /// Starts what blocks on a thread. It cannot be given up: where one of its kind is under way it is that one's answer that
    /// comes, and the supervisor asks again.
    fn begin_blocking(&mut self, kind: Kind, look: impl FnOnce() -> Event + Send + 'static) {
        if !self.under_way.contains_key(&kind) {
            let task = self.tasks.spawn_blocking(look);
            self.under_way.insert(kind, task);
        }
    }

    /// Orders the cluster to power down.
    pub fn order_power_down(&self) {
        self.council.order_power_down(self.name.as_str());
    }

    /// Removes the order to power the cluster down.
    pub fn withdraw_power_down(&self) {
        self.council.withdraw_power_down();
    }

    /// Starts a task, in place of an older question of its kind.
    fn begin(&mut self, kind: Kind, look: impl Future<Output = Event> + Send + 'static) {
        let task = self.tasks.spawn(look);
        if let Some(older) = self.under_way.insert(kind, task) {
            older.abort();
        }
    }

    fn address(&self, role: Role) -> String {
        self.plan.service(role).map(|service| service.probe_address.clone()).unwrap_or_default()
    }

    fn lines(&mut self, run: RunId) -> BrokerLines {
        match &self.lines {
            Some(lines) if lines.run == run => lines.clone(),
            _ => {
                let prober = || Arc::new(Mutex::new(BrokerProber::new(self.address(Role::Kafka), self.broker)));
                let lines = BrokerLines { run, answers: prober(), in_sync: prober() };
                self.lines = Some(lines.clone());
                lines
            }
        }
    }
}

/// The kernel's counters and the JVM's own, added to what the output tells.
fn looked_at(pid: Option<i32>, told: Progress) -> Progress {
    let Some(pid) = pid else { return told };
    let jvm = hsperf_file::read(Path::new("/tmp"), pid);
    match progress::read(Path::new("/proc"), pid) {
        Ok(ProcessCounters { cpu, storage_bytes, state }) => Progress { cpu, storage_bytes, state, jvm, ..told },
        Err(_) => Progress { jvm, ..told },
    }
}

/// Every other member, side by side, in the order of the configuration.
async fn ensemble(peers: Vec<(NodeName, String)>, limit: Duration) -> EnsembleView {
    let asked: Vec<_> = peers
        .into_iter()
        .map(|(name, address)| {
            let task =
                tokio::spawn(async move { within(srvr::probe(&address, limit), || ZooKeeperOutcome::TimedOut).await });
            (name, AbortOnDrop(task))
        })
        .collect();
    let mut view = EnsembleView::default();
    for (name, mut task) in asked {
        let zookeeper = (&mut task.0).await.unwrap_or_else(|error| ZooKeeperOutcome::Garbled(error.to_string()));
        view.peers.push(PeerView { name, zookeeper });
    }
    view
}

/// A task that ends with the question it belongs to.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The limit holds even where a prober forgets it.
async fn within<T>(look: impl Future<Output = T>, late: impl FnOnce() -> T) -> T {
    timeout(PROBE_LIMIT, look).await.unwrap_or_else(|_| late())
}
