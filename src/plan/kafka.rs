//! `server.properties`, each value with its reason.
//!
//! What the founding document sets, and the few defaults that differ from Kafka's own (`design.md`, "Configuration"). Absent on
//! purpose: `min.insync.replicas` (raised over a topic of one replica it would refuse its writes), and every value of the stock
//! file that merely repeats Kafka's default or, like `group.initial.rebalance.delay.ms=0`, is meant for development.

use crate::config::Config;

use super::address::{host_port, reachable};
use super::properties::Properties;
use super::zookeeper;

/// Replicas of a topic that nobody said more about: what survives the loss of a node and a disk elsewhere.
const REPLICAS: usize = 3;
/// Replicas that must have a transaction's state before it counts.
const MIN_IN_SYNC: usize = 2;

/// Milliseconds a follower pauses for a partition after an error of its leader. Five tries a second at a leader that is gone are few
/// enough for its log and long enough for a new leader to learn of its office (measured: within 0.2 s).
const FETCH_BACKOFF_MS: u32 = 200;

/// Milliseconds that a follower's request waits at a leader that has nothing new. After a failover the partitions of the dead leader wait
/// that long for their first fetch: with 500 the write gap was 0.8 s where it is 0.4 s without such a wait (measured, seen in both logs).
const FETCH_WAIT_MS: u32 = 100;

/// The protocol that brokers of Kafka 2.6 speak among each other here, in place of 2.6. All that 2.6 adds is an epoch in StopReplica,
/// and for its sake a broker that shuts down does not stop to replicate: the new leader then counts it as caught up for
/// `replica.lag.time.max.ms` (30 s), and makes nothing visible that it has not got. Seen as a partition that stood still for 19.5 s and
/// 31.9 s in a roll; read in `ReplicaManager.stopReplicas` and `Partition.maybeIncrementLeaderHW`. With 2.5 the epoch is left out.
const PROTOCOL_OF_2_6: &str = "2.5";

/// The properties of this node's broker; cores and the version of Kafka, where it is known, from the facts.
pub(super) fn properties(config: &Config, cores: u32, version: Option<&str>) -> Properties {
    let kafka = &config.kafka;
    let kafka_2_6 = version.is_some_and(|version| version == "2.6" || version.starts_with("2.6."));
    let node = config.this_node();
    let brokers = config.broker_count();
    let replicas = REPLICAS.min(brokers).to_string();
    let min_in_sync = MIN_IN_SYNC.min(brokers).to_string();
    let bind = format!("PLAINTEXT://{}", host_port(&node.bind, kafka.port));
    let advertised = format!("PLAINTEXT://{}", host_port(&node.advertised, kafka.port));
    let log_dirs = kafka.log_dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(",");

    let mut file = Properties::default();
    file.own("broker.id", node.number.broker_id().to_string(), "[[node]] id");
    file.set_default("listeners", bind, "[[node]] or [kafka] bind, with [kafka] port");
    file.set_default(
        "advertised.listeners",
        advertised,
        "what clients and brokers are told to dial: advertised, the node's name by default",
    );
    file.own("zookeeper.connect", zookeeper::connect(config), "every [[node]] with the role zookeeper");
    file.own("log.dirs", log_dirs, "[kafka] log_dirs; the stock file has /tmp/kafka-logs");
    let internal =
        format!("min(3, {brokers} brokers); 1 in the stock file, so that one lost broker stops every consumer group");
    file.set_default("offsets.topic.replication.factor", &replicas, internal);
    let transactions = format!("min(3, {brokers} brokers); 1 in the stock file");
    file.set_default("transaction.state.log.replication.factor", &replicas, transactions);
    file.set_default(
        "transaction.state.log.min.isr",
        &min_in_sync,
        format!("min(2, {brokers} brokers); 1 in the stock file"),
    );
    let topics = format!("min(3, {brokers} brokers), for topics made from here on; 1 is Kafka's default");
    file.set_default("default.replication.factor", &replicas, topics);
    let recovery = "one for each core: log recovery after a crash took a third less time than with the stock 1";
    file.set_default("num.recovery.threads.per.data.dir", cores.to_string(), recovery);
    let backoff = "1000 is Kafka's default: a follower that asks a new leader a moment too early then waits that long, and every \
                   acks=all write with it (docs/figures.md, Faults)";
    file.set_default("replica.fetch.backoff.ms", FETCH_BACKOFF_MS.to_string(), backoff);
    let parked = "500 is Kafka's default: a follower whose request waits at a leader without news asks nothing for the partitions that \
                  this leader got meanwhile (docs/figures.md, Faults)";
    file.set_default("replica.fetch.wait.max.ms", FETCH_WAIT_MS.to_string(), parked);
    if kafka_2_6 {
        let protocol = "2.6 is this Kafka's default: a broker goes on replicating in its shutdown then, and a partition that it led may stand \
                        still for replica.lag.time.max.ms (docs/figures.md, Rolls)";
        file.set_default("inter.broker.protocol.version", PROTOCOL_OF_2_6, protocol);
    }
    for property in &kafka.properties {
        file.pass_through(&property.key, &property.value, &property.place);
    }
    file
}

/// Where this node's own probes reach the broker: its plain listener, wherever the final file puts that.
pub(super) fn probe_address(config: &Config, file: &Properties) -> String {
    let port = config.kafka.port;
    let ours = || host_port(&reachable(&config.this_node().bind), port);
    file.get("listeners").and_then(|listeners| plain_listener(listeners, port)).unwrap_or_else(ours)
}

/// `host:port` to dial for the PLAINTEXT listener at `port` in a `listeners` value; the configuration asks for one.
fn plain_listener(listeners: &str, port: u16) -> Option<String> {
    let plain = listeners.split(',').filter_map(|listener| listener.trim().strip_prefix("PLAINTEXT://"));
    let mut plain = plain.filter_map(|listener| listener.rsplit_once(':'));
    let (host, _) = plain.find(|(_, its)| its.parse() == Ok(port))?;
    Some(host_port(&reachable(host), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_dials_the_plain_listener() {
        let dialled = |listeners| plain_listener(listeners, 9092);
        assert_eq!(dialled("SSL://:9093, PLAINTEXT://[::]:9092"), Some("[::1]:9092".into()));
        assert_eq!(dialled("PLAINTEXT://:9092"), Some("127.0.0.1:9092".into()));
        assert_eq!(dialled("PLAINTEXT://a:9192,PLAINTEXT://b:9092"), Some("b:9092".into()));
        assert_eq!(dialled("SSL://:9092"), None);
        assert_eq!(dialled("PLAINTEXT://:x"), None);
    }
}
