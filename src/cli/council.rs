//! What the verbs share that speak with the other nodes: a runtime, a session, the gate's question, and who asks.
//!
//! Absent on purpose: what each of them does with the answers.
//!
//! Effects: a runtime, a ZooKeeper session, connections to brokers, signals, the clock and the environment.

use std::future::Future;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};

use crate::cluster::view::gather;
use crate::cluster::zookeeper::ZooKeeperSession;
use crate::config::Config;
use crate::gate::{ClusterView, GatePolicy, LockDoc, Verdict, fingerprint, judge};
use crate::host::inspect::as_root;
use crate::model::{Denial, GateRemark, NodeName, Role, date_and_time};

use super::{Exit, complain};

/// The most for one question to ZooKeeper.
pub(super) const ASK: Duration = Duration::from_secs(10);
/// The most for a look at the whole cluster; 10,000 partitions take two seconds.
pub(super) const LOOK: Duration = Duration::from_secs(20);

/// The cluster, what the gate makes of it, and the lock.
#[derive(Debug)]
pub(super) struct Asked {
    pub view: ClusterView,
    /// The gate's, with the lock of others among the denials.
    pub verdict: Verdict,
    /// The lock; why it could not be read.
    pub lock: Result<LockDoc, String>,
}

/// Runs a conversation to its end, on a runtime of its own. It must not be called on one.
pub(super) fn converse(talk: impl Future<Output = Exit>) -> Exit {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(talk),
        Err(error) => {
            complain(&format!("cannot ask anybody: {error}"));
            Exit::No
        }
    }
}

/// A session with the ensemble of `config`, not yet made.
pub(super) fn session(config: &Config) -> ZooKeeperSession {
    let servers = config.nodes_with(Role::ZooKeeper);
    let servers: Vec<String> =
        servers.map(|node| format!("{}:{}", node.address, config.zookeeper.client_port)).collect();
    ZooKeeperSession::new(servers.join(","))
}

/// Asks within `limit` whether this node may go down, its machine powering off where `powers_off`. The lock counts: `me` is the machine
/// whose own lock stands against nothing.
pub(super) async fn ask_gate(
    config: &Config,
    session: &ZooKeeperSession,
    me: Option<&str>,
    powers_off: bool,
    limit: Duration,
) -> Asked {
    let (view, lock) = tokio::join!(gather(config, limit), session.read_lock(limit.min(ASK)));
    let node = config.this_node();
    let policy = GatePolicy {
        node: node.name.clone(),
        broker: node.roles.has(Role::Kafka).then(|| node.number.broker_id()),
        headroom: config.reboot.headroom,
        settle: config.reboot.settle,
        strict: config.reboot.strict,
        config: fingerprint(config),
        powers_off,
    };
    let mut verdict = judge(&view, &policy);
    // Whoever powers the cluster down waits for nobody.
    let all_go = |remark: &GateRemark| matches!(remark, GateRemark::PowerDown { .. });
    if !matches!(&verdict, Verdict::Allow(remarks) if remarks.iter().any(all_go)) {
        let against = match &lock {
            Ok(lock) => against(lock, &node.name, me),
            Err(words) => Some(Denial::ViewUnread { what: format!("the lock: {words}") }),
        };
        verdict = match (verdict, against) {
            (verdict, None) => verdict,
            (Verdict::Allow(remarks), Some(denial)) => Verdict::Deny { denials: vec![denial], remarks },
            (Verdict::Deny { mut denials, remarks }, Some(denial)) => {
                denials.push(denial);
                Verdict::Deny { denials, remarks }
            }
        };
    }
    Asked { view, verdict, lock }
}

/// Others hold every slot.
fn against(lock: &LockDoc, node: &NodeName, me: Option<&str>) -> Option<Denial> {
    let ours = |machine: &str, name: &str| name == node.as_str() && me.is_none_or(|me| me == machine);
    let others: Vec<String> =
        lock.holders.iter().filter(|holder| !ours(&holder.machine, &holder.node)).map(ToString::to_string).collect();
    let held = lock.holders.len() > others.len();
    (!held && others.len() >= lock.slots).then(|| Denial::LockTaken { holder: others.join(", ") })
}

/// Who asks, for people who read it later: `alice on kafkanode1`.
pub(super) fn by(config: &Config) -> String {
    let names = ["SUDO_USER", "USER", "LOGNAME"];
    let name = names.into_iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    let unnamed = if as_root() { "root" } else { "somebody" };
    format!("{} on {}", name.as_deref().unwrap_or(unnamed), config.this_node().name)
}

/// The time by this machine's clock, RFC 3339 in UTC.
pub(super) fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}Z", date_and_time(since.as_secs()))
}

/// Until SIGINT or SIGTERM; the word for it. From the first call on neither ends the process by itself.
pub(super) async fn interrupted() -> &'static str {
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        },
        // Then they end the process as they always do.
        _ => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Holder;

    fn lock(holders: &[(&str, &str)]) -> LockDoc {
        let holder = |(machine, node): &(&str, &str)| Holder {
            machine: (*machine).to_owned(),
            node: (*node).to_owned(),
            boot: String::new(),
            reason: "reboot".to_owned(),
            roll: String::new(),
            since: String::new(),
            by: String::new(),
        };
        LockDoc { slots: 1, holders: holders.iter().map(holder).collect() }
    }

    #[test]
    fn the_lock_of_another_machine_stands_against_us_and_our_own_does_not() {
        let node = NodeName::new("kafkanode1");
        let denied = |holders: &[(&str, &str)], me: Option<&str>| against(&lock(holders), &node, me).is_some();
        assert!(!denied(&[], Some("m1")));
        assert!(!denied(&[("m1", "kafkanode1")], Some("m1")));
        // The machine was set up anew, and the lock is the old one's.
        assert!(denied(&[("m0", "kafkanode1")], Some("m1")));
        assert!(!denied(&[("m0", "kafkanode1")], None));
        assert!(denied(&[("m1", "kafkanode2")], Some("m1")));
        assert_eq!(
            against(&lock(&[("m2", "kafkanode2")]), &node, Some("m1")).map(|denial| denial.to_string()).as_deref(),
            Some("one node at a time: the lock is held by kafkanode2 (reboot)")
        );
    }
}
