//! What is true of the cluster: which servers form a quorum, which brokers are registered, and which replicas are in sync.
//!
//! Absent on purpose: what anybody knows of it.

use crate::clock::Time;
use crate::schedule::Topic;

/// A partition.
#[derive(Clone, Debug)]
pub struct Partition {
    pub replicas: Vec<usize>,
    pub in_sync: Vec<usize>,
    pub leader: Option<usize>,
    pub min_insync: u32,
    pub reassigned_until: Time,
}

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Servers that take part in the ensemble.
    pub joined: Vec<bool>,
    /// Who leads it, while there is a quorum.
    pub leader: Option<usize>,
    pub epoch: u64,
    /// Counts elections, so that one that was overtaken comes to nothing.
    pub election: u32,
    /// The session that holds each broker's registration.
    pub registered: Vec<Option<i64>>,
    /// Brokers that serve.
    pub serves: Vec<bool>,
    pub partitions: Vec<Partition>,
}

impl Cluster {
    pub fn new(nodes: usize, topics: &[Topic]) -> Cluster {
        let partition = |topic: &Topic| Partition {
            replicas: topic.replicas.clone(),
            in_sync: topic.replicas.clone(),
            leader: None,
            min_insync: topic.min_insync,
            reassigned_until: 0,
        };
        Cluster {
            joined: vec![false; nodes],
            leader: None,
            epoch: 0,
            election: 0,
            registered: vec![None; nodes],
            serves: vec![false; nodes],
            partitions: topics.iter().map(partition).collect(),
        }
    }

    pub fn quorum(&self) -> bool {
        self.leader.is_some()
    }

    /// A server joined or left. `true` where an election is due.
    pub fn member_changes(&mut self) -> bool {
        let enough = self.joined.iter().filter(|joined| **joined).count() > self.joined.len() / 2;
        if !enough || self.leader.is_some_and(|leader| !self.joined[leader]) {
            self.leader = None;
            self.election += 1;
        }
        enough && self.leader.is_none()
    }

    /// An election ends.
    pub fn elect(&mut self, election: u32, favourite: usize) {
        let enough = self.joined.iter().filter(|joined| **joined).count() > self.joined.len() / 2;
        if election != self.election || !enough || self.leader.is_some() {
            return;
        }
        let nodes = self.joined.len();
        self.leader = (0..nodes).map(|n| (favourite + n) % nodes).find(|n| self.joined[*n]);
        self.epoch += 1;
    }

    /// Replicas of a broker that went leave the in-sync sets, but the last of each.
    pub fn broker_goes(&mut self, node: usize) {
        let serves = self.serves.clone();
        for partition in &mut self.partitions {
            if partition.in_sync.len() > 1 {
                partition.in_sync.retain(|n| *n != node);
            }
            if partition.leader == Some(node) {
                partition.leader = None;
            }
            partition.lead(&serves);
        }
    }

    /// A broker serves: what only it can lead has a leader again.
    pub fn broker_comes(&mut self, node: usize) {
        self.serves[node] = true;
        let serves = self.serves.clone();
        for partition in &mut self.partitions {
            partition.lead(&serves);
        }
    }

    /// A broker's replicas have caught up, where there is a leader to catch up with. `true` where all have.
    pub fn catch_up(&mut self, node: usize) -> bool {
        for partition in &mut self.partitions {
            let lacks = partition.replicas.contains(&node) && !partition.in_sync.contains(&node);
            if lacks && partition.leader.is_some() {
                partition.in_sync.push(node);
            }
        }
        self.behind(node) == 0
    }

    /// Of how many partitions it is not in sync.
    pub fn behind(&self, node: usize) -> usize {
        let lacks = |p: &&Partition| p.replicas.contains(&node) && !p.in_sync.contains(&node);
        self.partitions.iter().filter(lacks).count()
    }

    /// It serves in every respect.
    pub fn whole(&self, node: usize) -> bool {
        self.joined[node] && self.serves[node] && self.registered[node].is_some() && self.behind(node) == 0
    }

    /// Partitions that would have too few in-sync replicas without this node, of those that could have enough.
    pub fn thin_without(&self, node: usize) -> Vec<usize> {
        let thin = |(_, partition): &(usize, &Partition)| {
            let factor = partition.replicas.len();
            let floor = (partition.min_insync as usize).max(factor / 2 + 1);
            let left = partition.in_sync.iter().filter(|n| **n != node).count();
            partition.replicas.contains(&node) && factor > floor && left < floor
        };
        self.partitions.iter().enumerate().filter(thin).map(|(index, _)| index).collect()
    }
}

impl Partition {
    fn lead(&mut self, serves: &[bool]) {
        if self.leader.is_none() {
            self.leader = self.in_sync.iter().copied().find(|n| serves[*n]);
        }
    }
}
