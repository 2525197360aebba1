//! Which broker properties a running broker takes without a restart, as Kafka 2.6's documentation says under "Update Mode". Later ones take
//! these too, and some more.
//!
//! Absent on purpose: changing them (`kafka-configs` of Kafka does), and what has been changed so: it stands in ZooKeeper, and outranks
//! the file.

/// What a changed property needs to take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpdateMode {
    /// `kafka-configs`, for all brokers at once.
    ClusterWide,
    /// `kafka-configs`, for each broker.
    PerBroker,
    /// A restart.
    Restart,
}

/// For all brokers at once, in order.
const CLUSTER_WIDE: &[&str] = &[
    "background.threads",
    "compression.type",
    "log.cleaner.backoff.ms",
    "log.cleaner.dedupe.buffer.size",
    "log.cleaner.delete.retention.ms",
    "log.cleaner.io.buffer.load.factor",
    "log.cleaner.io.buffer.size",
    "log.cleaner.io.max.bytes.per.second",
    "log.cleaner.max.compaction.lag.ms",
    "log.cleaner.min.cleanable.ratio",
    "log.cleaner.min.compaction.lag.ms",
    "log.cleaner.threads",
    "log.cleanup.policy",
    "log.flush.interval.messages",
    "log.flush.interval.ms",
    "log.index.interval.bytes",
    "log.index.size.max.bytes",
    "log.message.downconversion.enable",
    "log.message.timestamp.difference.max.ms",
    "log.message.timestamp.type",
    "log.preallocate",
    "log.retention.bytes",
    "log.retention.ms",
    "log.roll.jitter.ms",
    "log.roll.ms",
    "log.segment.bytes",
    "log.segment.delete.delay.ms",
    "max.connections",
    "max.connections.per.ip",
    "max.connections.per.ip.overrides",
    "message.max.bytes",
    "metric.reporters",
    "min.insync.replicas",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
    "unclean.leader.election.enable",
];

/// For each broker, in order.
const PER_BROKER: &[&str] = &["advertised.listeners", "listener.security.protocol.map", "listeners"];

/// For each broker, and only with the name of a listener before them: `listener.name.NAME.KEY`.
const PER_LISTENER: &[&str] = &[
    "ssl.key.password",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// What the broker's property needs. One that is not known needs a restart: that is never wrong.
pub fn update_mode(key: &str) -> UpdateMode {
    let of_listener = key.strip_prefix("listener.name.").and_then(|rest| rest.split_once('.')).map(|(_, key)| key);
    if CLUSTER_WIDE.binary_search(&key).is_ok() {
        UpdateMode::ClusterWide
    } else if PER_BROKER.binary_search(&key).is_ok()
        || of_listener.is_some_and(|key| PER_LISTENER.binary_search(&key).is_ok())
    {
        UpdateMode::PerBroker
    } else {
        UpdateMode::Restart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_list_and_any_other_needs_a_restart() {
        for list in [CLUSTER_WIDE, PER_BROKER, PER_LISTENER] {
            assert!(list.is_sorted(), "{list:?}");
        }
        for (key, mode) in [
            ("num.io.threads", UpdateMode::ClusterWide),
            ("background.threads", UpdateMode::ClusterWide),
            ("unclean.leader.election.enable", UpdateMode::ClusterWide),
            ("advertised.listeners", UpdateMode::PerBroker),
            ("listener.name.external.ssl.keystore.location", UpdateMode::PerBroker),
            // Only the milliseconds are.
            ("log.retention.hours", UpdateMode::Restart),
            ("ssl.keystore.location", UpdateMode::Restart),
            ("listener.name.external", UpdateMode::Restart),
            ("broker.id", UpdateMode::Restart),
            ("no.such.key", UpdateMode::Restart),
        ] {
            assert_eq!(update_mode(key), mode, "{key}");
        }
    }
}
