//! The cluster as the gate judges it, gathered side by side: Kafka's metadata (`view_kafka`), `srvr` of every member of the
//! ensemble, and what stands in ZooKeeper of brokers and supervisors.
//!
//! Whatever cannot be read becomes a sentence in `unread`, and everything else is still read. A node that is down is no gap: that its
//! broker is not registered, its member silent and its supervisor absent is what was seen. Brokers that are registered and not of this
//! configuration are left out: they stand against nobody's stop, and their replicas count like others.
//! Absent on purpose: judging (`gate`).
//!
//! Effects: connections to brokers and members, a session; in the short-lived process of a command, as everything of `kafka`.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use zookeeper_client::{Client, Error};

use crate::config::{Config, Node};
use crate::gate::lock::LockDoc;
use crate::gate::{BrokerSeen, ClusterView, MemberSeen, MemberState, NodeSeen};
use crate::model::{BrokerId, LOCK_FOR_POWER_OFF, NodeName, Role, ZooKeeperOutcome};
use crate::observe::srvr;

use super::document::read;
use super::lock::LOCK;
use super::power_down::{self, POWER_DOWN};
use super::presence::{self, Present};
use super::view_kafka;
use super::zookeeper::{IDS, Refusal, ZooKeeperSession};

/// The most time for a member to say who it is: the answer needs no quorum, and comes within a millisecond.
const MEMBER: Duration = Duration::from_secs(3);

/// What stands in ZooKeeper.
struct Standing {
    brokers: Vec<BrokerId>,
    present: Vec<(NodeName, Result<Present, String>)>,
    power_down: Result<Option<String>, String>,
    /// Who holds the lock, having taken it when its machine powered off.
    gone: Vec<NodeName>,
}

/// Reads the cluster of `config` as its own node sees it, within `limit` for everything.
pub async fn gather(config: &Config, limit: Duration) -> ClusterView {
    let deadline = Instant::now() + limit;
    let (kafka, members, standing) =
        tokio::join!(view_kafka::read(config, deadline), members(config, limit), standing(config, limit));
    let mut view = ClusterView {
        controller: kafka.controller,
        topics: kafka.topics,
        members,
        unread: kafka.unread,
        ..ClusterView::default()
    };
    match standing {
        Ok(standing) => put_in(&mut view, config, standing),
        Err(words) => {
            view.unread.push(format!("what brokers and supervisors registered in ZooKeeper: {words}"));
            // Not known to be absent: named, and told of by the sentence above.
            view.brokers = brokers(config, |_| true);
        }
    }
    view
}

fn put_in(view: &mut ClusterView, config: &Config, standing: Standing) {
    view.brokers = brokers(config, |broker| standing.brokers.contains(&broker));
    match standing.power_down {
        Ok(order) => view.power_down = order,
        Err(words) => view.unread.push(words),
    }
    let own = &config.this_node().name;
    for node in config.nodes.iter().filter(|node| node.name != *own) {
        let presence = match standing.present.iter().find(|(name, _)| *name == node.name) {
            Some((_, Ok(present))) => Some(present.seen.clone()),
            Some((_, Err(words))) => {
                view.unread.push(words.clone());
                None
            }
            None => None,
        };
        view.nodes.push(NodeSeen { node: node.name.clone(), presence, gone: standing.gone.contains(&node.name) });
    }
}

fn brokers(config: &Config, registered: impl Fn(BrokerId) -> bool) -> Vec<BrokerSeen> {
    let seen = |node: &Node| {
        let broker = node.number.broker_id();
        BrokerSeen { node: node.name.clone(), broker, registered: registered(broker) }
    };
    config.nodes_with(Role::Kafka).map(seen).collect()
}

fn member_address(config: &Config, node: &Node) -> String {
    format!("{}:{}", node.address, config.zookeeper.client_port)
}

/// Every member's own word, in the order of the configuration.
async fn members(config: &Config, limit: Duration) -> Vec<MemberSeen> {
    let mut members: Vec<MemberSeen> = config
        .nodes_with(Role::ZooKeeper)
        .map(|node| MemberSeen { node: node.name.clone(), state: MemberState::Silent })
        .collect();
    let mut asked = JoinSet::new();
    for (index, node) in config.nodes_with(Role::ZooKeeper).enumerate() {
        let address = member_address(config, node);
        asked.spawn(async move { (index, srvr::survey(&address, limit.min(MEMBER)).await) });
    }
    while let Some(answer) = asked.join_next().await {
        // One that panicked stays silent.
        if let Ok((index, (outcome, zxid))) = answer
            && let Some(member) = members.get_mut(index)
        {
            member.state = match outcome {
                ZooKeeperOutcome::Serving(role) => MemberState::Serving { role, zxid },
                ZooKeeperOutcome::NotServing => MemberState::NotServing,
                ZooKeeperOutcome::Refused | ZooKeeperOutcome::TimedOut | ZooKeeperOutcome::Garbled(_) => {
                    MemberState::Silent
                }
            };
        }
    }
    members
}

/// What stands in ZooKeeper, through a session of its own that is closed again.
async fn standing(config: &Config, limit: Duration) -> Result<Standing, String> {
    let servers = config.nodes_with(Role::ZooKeeper).map(|node| member_address(config, node));
    let session = ZooKeeperSession::new(servers.collect::<Vec<_>>().join(","));
    let answer = session.ask(limit, |client| async move { read_all(&client).await }).await;
    session.close().await;
    answer.map_err(Refusal::words)
}

async fn read_all(client: &Client) -> Result<Standing, Error> {
    client.sync(IDS).await?;
    let (names, order, lock) = (client.list_children(IDS), read(client, POWER_DOWN), read(client, LOCK));
    let names = match names.await {
        Err(Error::NoNode) => Vec::new(), // no broker ever registered here
        names => names?,
    };
    let brokers = names.iter().filter_map(|name| name.parse().ok()).map(BrokerId).collect();
    let power_down = power_down::parse(&order.await?).map(|order| order.map(|order| order.words));
    // A lock that cannot be understood is none of these, and is named where it is asked for.
    let holders = LockDoc::parse(&lock.await?.data).map(|lock| lock.holders).unwrap_or_default();
    let gone = holders.into_iter().filter(|holder| holder.reason == LOCK_FOR_POWER_OFF);
    let gone = gone.map(|holder| NodeName::new(&holder.node)).collect();
    Ok(Standing { brokers, present: presence::all(client).await?, power_down, gone })
}
