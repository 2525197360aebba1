//! Troubles of a broker with its ids, its registration, its ZooKeeper and its log directories. Pure.
//!
//! The texts are those of Kafka 2.6.0 (core/src/main/scala: KafkaServer, LogManager, KafkaZkClient, ReplicaManager); most stand
//! unchanged up to 3.9. Absent on purpose: what it says of its configuration (`signatures_kafka_config`).

use crate::model::Cure::{Operator, Restart, Time};
use crate::model::Role::Kafka;
use crate::model::Signature;

use super::signatures::{Row, row};

pub(super) static ROWS: &[Row] = &[
    row(
        Signature::SIGTERM,
        100,
        Restart,
        &[&["Terminating process due to signal SIGTERM"]],
        "somebody sent it SIGTERM, and it did not come to the end of its stop",
        "find who sent the signal, and stop the node by kafka-node only: a broker that starts halts on it",
    )
    .of(Kafka)
    .at_any_level()
    .fatal(),
    row(
        "cluster-id-mismatch",
        95,
        Operator,
        &[&["InconsistentClusterIdException: "], &["The Cluster ID ", " doesn't match stored clusterId "]],
        "the log directories belong to another cluster than the one in ZooKeeper",
        "see whether zookeeper.connect names the right ensemble and ZooKeeper's data is the right one; never delete \
         meta.properties before that is sure",
    )
    .of(Kafka)
    .fatal(),
    row(
        "broker-id-mismatch",
        95,
        Operator,
        &[&["InconsistentBrokerIdException: "], &["Configured broker.id ", " doesn't match stored broker.id "]],
        "the log directories belong to another broker than this one",
        "compare meta.properties in log_dirs with the id of this [[node]]: is a disk in the wrong node, or the id changed",
    )
    .of(Kafka)
    .fatal(),
    row(
        "metadata-inconsistent",
        95,
        Operator,
        &[&["BrokerMetadata is not consistent across log.dirs"]],
        "the log directories belong to different brokers or clusters",
        "compare meta.properties of every directory in log_dirs, and take the foreign one out",
    )
    .of(Kafka)
    .fatal(),
    row(
        "metadata-unreadable",
        90,
        Operator,
        &[&["Failed to read meta.properties file under dir "]],
        "meta.properties in a log directory cannot be read",
        "write it anew with version, broker.id and cluster.id as another broker of the cluster has them",
    )
    .of(Kafka)
    .at_start(),
    row(
        "node-exists",
        90,
        Time,
        &[&["Error while creating ephemeral at /brokers/ids/"]],
        "another session holds this broker's registration in ZooKeeper",
        "wait for the session of the earlier run to expire; if it stays, another broker runs with the same id",
    )
    .of(Kafka)
    .at_start(),
    row(
        "endpoint-taken",
        90,
        Time,
        &[&[" in advertised listeners are already registered by broker "]],
        "another broker is registered with the same host and port",
        "give each broker its own advertised address and port",
    )
    .of(Kafka)
    .fatal(),
    row(
        "log-directory-locked",
        92,
        Time,
        &[&["Failed to acquire lock on file .lock in "]],
        "another process holds the lock of a log directory",
        "end the other broker that uses these log_dirs (jps, fuser on the file .lock)",
    )
    .of(Kafka)
    .fatal(),
    row(
        "zookeeper-auth",
        80,
        Operator,
        &[
            &["ZooKeeperClientAuthFailedException"],
            &["Exception while loading Zookeeper JAAS login context "],
            &["KeeperErrorCode = AuthFailed"],
            &["KeeperErrorCode = NoAuth "],
        ],
        "the broker could not prove to ZooKeeper who it is, or may not write there",
        "compare the section Client of the broker's JAAS file with what ZooKeeper accepts, and the ACLs of its nodes",
    )
    .of(Kafka)
    .at_start(),
    row(
        "zookeeper-unknown-host",
        70,
        Time,
        &[&["Unable to resolve address: "]],
        "the broker could not resolve the name of a ZooKeeper server",
        "make the names of all nodes resolve (/etc/hosts or DNS), or write their addresses into [[node]] address",
    )
    .of(Kafka)
    .at_start(),
    row(
        "zookeeper-timeout",
        60,
        Time,
        &[&["ZooKeeperClientTimeoutException: Timed out waiting for connection"]],
        "the broker found no ZooKeeper that serves within zookeeper.connection.timeout.ms",
        "see why ZooKeeper has no quorum (kafka-node status); the broker is started again by itself",
    )
    .of(Kafka),
    row(
        "foreign-directory",
        90,
        Operator,
        &[&["Found directory ", " is not in the form of topic-partition"]],
        "a log directory holds a directory that is no partition",
        "move the directory that the line names out of log_dirs",
    )
    .of(Kafka)
    .fatal(),
    row(
        "duplicate-log",
        90,
        Operator,
        &[&["Duplicate log director", " found"]],
        "a partition is there twice, or log_dirs names a directory twice",
        "keep the newer of both copies of the partition, or take the second name out of log_dirs",
    )
    .of(Kafka)
    .fatal(),
    row(
        "checkpoint-corrupt",
        75,
        Operator,
        &[&["Malformed line in checkpoint file "], &["Unrecognized version of the checkpoint file "]],
        "a checkpoint file in a log directory is corrupt",
        "move the file that the line names away: the broker makes it anew, at the cost of a longer recovery",
    )
    .of(Kafka),
    row(
        "log-loading",
        50,
        Restart,
        &[&["There was an error in one of the threads during logs loading"]],
        "the broker could not load one of its logs",
        "read the exception above, and move the partition's directory away if its other replicas are in sync",
    )
    .of(Kafka)
    .at_start(),
    row(
        "log-directories-unusable",
        55,
        Operator,
        &[&["Shutdown broker because none of the specified log dirs from "]],
        "none of the log directories can be made or read",
        "make log_dirs exist, mounted, and belonging to the service's user",
    )
    .of(Kafka)
    .fatal(),
    row(
        "log-directories-failed",
        55,
        Operator,
        &[&["Shutdown broker because all log dirs in ", " have failed"], &["Halting broker because dir ", " is offline"]],
        "all log directories failed",
        "read the ERROR of each directory above and journalctl -k, and repair or replace the disks",
    )
    .of(Kafka)
    .fatal(),
    row(
        "broker-startup",
        10,
        Restart,
        &[&["Fatal error during KafkaServer startup. Prepare to shutdown"], &["Exiting Kafka due to fatal exception"]],
        "the broker gave up starting",
        "read the exception above; it is started again by itself",
    )
    .of(Kafka)
    .fatal(),
    row(
        "broker-shutdown",
        10,
        Restart,
        &[&["Fatal error during KafkaServer shutdown."]],
        "the broker failed while it shut down",
        "expect log recovery at the next start; read the exception above",
    )
    .of(Kafka)
    .fatal(),
];
