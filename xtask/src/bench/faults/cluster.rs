//! Three nodes on this machine, and what is seen of them from outside and by their own account.
//! Absent on purpose: faults. What is here happens to healthy nodes.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::look::Look;
use super::orphans::Orphans;
use super::{PARTITIONS, TOPIC};
use crate::bench::ground;
use crate::bench::judge::{self, Metadata};
use crate::child::POLL;
use crate::demo::configuration::Configuration;
use crate::demo::node::Node;
use crate::failure::{During, Failure, Outcome};
use crate::interrupt;
use crate::proc::{self, Identity};

/// Loopback addresses of this benchmark's own.
pub const ADDRESSES: [Ipv4Addr; 3] =
    [Ipv4Addr::new(127, 0, 60, 1), Ipv4Addr::new(127, 0, 60, 2), Ipv4Addr::new(127, 0, 60, 3)];
/// How long three nodes may take to serve and to be in sync: ten times what they take on 2 cores.
pub const HEALTHY_LIMIT: Duration = Duration::from_secs(180);
/// How often a node is asked for its status: each question is a process.
const LOOK: Duration = Duration::from_millis(100);
/// Properties of the broker, each with its reason: leaders move when a fault or the benchmark moves them; a reader's group is
/// small and begins at once; nobody makes a topic by asking for it.
pub const PROPERTIES: [(&str, &str); 4] = [
    ("auto.leader.rebalance.enable", "false"),
    ("offsets.topic.num.partitions", "3"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("auto.create.topics.enable", "false"),
];

/// What one benchmark's cluster has otherwise than another's.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    /// Where its nodes listen.
    pub addresses: [Ipv4Addr; 3],
    /// Properties of the broker.
    pub properties: &'a [(&'a str, &'a str)],
    /// Further sections of the configuration, as text.
    pub more: &'a str,
}

/// Three nodes.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes, in the order of their ids.
    pub nodes: Vec<Node>,
    /// Where they listen.
    pub addresses: [Ipv4Addr; 3],
    orphans: Orphans,
    binary: PathBuf,
    config: PathBuf,
}

/// A broker's way back, each as time since a moment that the caller gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Return {
    /// The old JVM was gone.
    pub gone: Option<Duration>,
    /// The new JVM was started.
    pub exec: Option<Duration>,
    /// It answered a Metadata request with itself in it.
    pub serving: Option<Duration>,
    /// `status` said in-sync, and another broker's metadata had all replicas in sync.
    pub in_sync: Option<Duration>,
}

impl Cluster {
    /// Starts three nodes and waits until all are ready.
    pub fn start(dir: &Path, binary: &Path, kafka_home: &Path, java_home: &Path, shape: &Shape<'_>) -> Outcome<Self> {
        let addresses = shape.addresses;
        let names: Vec<(String, String)> =
            addresses.iter().zip(1..).map(|(address, n)| (format!("kafkanode{n}"), address.to_string())).collect();
        let configuration = Configuration {
            dir,
            nodes: &names,
            kafka_home,
            java_home,
            zookeeper_heap: "256m",
            kafka_heap: "512m",
            kafka_properties: shape.properties,
            more: shape.more,
        };
        let config = configuration.write()?;
        let mut cluster =
            Self { nodes: Vec::new(), addresses, orphans: Orphans::reap(), binary: binary.to_owned(), config };
        for (name, _) in &names {
            let log = dir.join(format!("{name}.log"));
            cluster.nodes.push(Node::start(&cluster.binary, &cluster.config, name, log)?);
        }
        Ok(cluster)
    }

    /// A node.
    pub fn node(&mut self, n: usize) -> Outcome<&mut Node> {
        self.nodes.get_mut(n).ok_or_else(|| Failure::new(format!("there is no node {n}")))
    }

    /// A node's status; `None` while nobody answers.
    pub fn look(&self, n: usize) -> Outcome<Option<Look>> {
        let Some(node) = self.nodes.get(n) else { return Ok(None) };
        let look = Look::read(&node.status()?);
        for pid in look.iter().flat_map(Look::pids) {
            self.orphans.know(pid);
        }
        Ok(look)
    }

    /// All nodes' status; a failure where one does not answer.
    pub fn looks(&self) -> Outcome<Vec<Look>> {
        let silent = |n: usize| Failure::new(format!("no status from node {}", n + 1));
        (0..self.nodes.len()).map(|n| self.look(n)?.ok_or_else(|| silent(n))).collect()
    }

    /// The cluster as the first broker that answers knows it; not the one of `except`.
    pub fn metadata(&self, except: Option<usize>) -> Option<Metadata> {
        let asked = self.addresses.iter().enumerate().filter(|(n, _)| Some(*n) != except);
        asked.map(|(_, address)| address).find_map(|address| judge::metadata(*address, 9092, Some(TOPIC)))
    }

    /// Has every partition a leader and all its replicas in sync, as a broker other than that of `except` knows it?
    pub fn replicas_in_sync(&self, except: Option<usize>) -> bool {
        self.metadata(except).is_some_and(|metadata| {
            let whole = |partition: &judge::Partition| {
                partition.leader >= 0 && partition.isr.len() == partition.replicas.len() && !partition.isr.is_empty()
            };
            metadata.partitions.len() == PARTITIONS && metadata.partitions.iter().all(whole)
        })
    }

    /// Waits until all nodes are ready; with `topic`, until all are in sync and all replicas too.
    pub fn await_healthy(&mut self, topic: bool, limit: Duration) -> Outcome<()> {
        let begun = Instant::now();
        loop {
            let mut healthy = true;
            for n in 0..self.nodes.len() {
                if self.node(n)?.has_ended()? {
                    return Err(Failure::new(format!("a supervisor ended\n{}", self.last_words())));
                }
                healthy &= self.look(n)?.is_some_and(|look| if topic { look.in_sync() } else { look.ready });
            }
            if healthy && (!topic || self.replicas_in_sync(None)) {
                return Ok(());
            }
            if begun.elapsed() > limit {
                let words = format!("not all nodes are healthy after {} s\n{}", limit.as_secs(), self.last_words());
                return Err(Failure::new(words));
            }
            interrupt::check()?;
            std::thread::sleep(LOOK);
        }
    }

    /// Watches a broker come back, until it is in sync or the limit is over. `old` is the JVM that has to be gone first.
    pub fn watch(&mut self, n: usize, begun: Instant, old: Option<Identity>, limit: Duration) -> Outcome<Return> {
        let mut back = Return::default();
        let mut asked = Instant::now();
        let address = *self.addresses.get(n).ok_or_else(|| Failure::new("there is no such node"))?;
        let id = i32::try_from(n + 1).unwrap_or(-1);
        while begun.elapsed() < limit {
            interrupt::check()?;
            std::thread::sleep(POLL);
            if old.is_some_and(Identity::alive) {
                continue;
            }
            if old.is_some() && back.gone.is_none() {
                back.gone = Some(begun.elapsed());
            }
            if back.serving.is_none() && judge::broker_serves(address, 9092, id) {
                back.serving = Some(begun.elapsed());
            }
            if asked.elapsed() < LOOK {
                continue;
            }
            if self.node(n)?.has_ended()? {
                return Err(Failure::new(format!("the supervisor ended\n{}", self.last_words())));
            }
            let look = self.look(n)?;
            asked = Instant::now();
            let Some(look) = look else { continue };
            let Some(pid) = look.kafka.pid.filter(|pid| old.is_none_or(|old| old.pid != *pid)) else { continue };
            if let Some(age) = proc::age(pid) {
                // Of the last JVM, should the first one have failed.
                back.exec = Some(begun.elapsed().saturating_sub(age));
            }
            if back.serving.is_some() && look.in_sync() && self.replicas_in_sync(Some(n)) {
                back.in_sync = Some(begun.elapsed());
                break;
            }
        }
        Ok(back)
    }

    /// A clean stop and a start of one node: the plain start that faults are compared with. It also makes the next pause before
    /// a restart the first again, and leaves the broker without a partition to lead.
    pub fn refresh(&mut self, n: usize) -> Outcome<Return> {
        ground::stop(self.node(n)?).during(|| format!("stop node {}", n + 1))?;
        let begun = self.start_again(n)?;
        let back = self.watch(n, begun, None, HEALTHY_LIMIT)?;
        if back.in_sync.is_none() {
            return Err(Failure::new(format!("node {} is not back after a plain start\n{}", n + 1, self.last_words())));
        }
        self.await_healthy(true, HEALTHY_LIMIT)?;
        Ok(back)
    }

    /// Starts the supervisor of a node whose last one has ended, as systemd would: the same command, the same log.
    pub fn start_again(&mut self, n: usize) -> Outcome<Instant> {
        let (binary, config) = (self.binary.clone(), self.config.clone());
        let node = self.node(n)?;
        let begun = Instant::now();
        *node = Node::start(&binary, &config, &node.name.clone(), node.log.clone())?;
        Ok(begun)
    }

    /// The end of each node's log.
    pub fn last_words(&self) -> String {
        self.nodes.iter().map(Node::last_words).collect()
    }

    /// Stops all nodes at the same time.
    pub fn stop(&mut self) -> Outcome<()> {
        self.nodes.iter().for_each(Node::terminate);
        let ends: Vec<Outcome<()>> = self.nodes.iter_mut().map(ground::await_end).collect();
        ends.into_iter().collect()
    }
}
