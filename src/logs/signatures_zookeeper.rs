//! Troubles of ZooKeeper alone: its identity, its files, its ensemble. Pure.
//!
//! The texts are those of 3.5.8 (server/quorum, server/persistence), which 3.6 to 3.8 keep. Absent on purpose: what a server in
//! an ensemble says at WARN while others are away; it heals by itself.

use crate::model::Cure::{Operator, Restart, Time};
use crate::model::Role::ZooKeeper;

use super::signatures::{Row, row};

pub(super) static ROWS: &[Row] = &[
    row(
        "myid-missing",
        92,
        Operator,
        &[&["myid file is missing"]],
        "the file myid is missing in ZooKeeper's data directory, or may not be read",
        "see whether [zookeeper] data_dir is the right one, mounted, and readable by the service's user",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "myid-invalid",
        92,
        Operator,
        &[&["serverid ", " is not a number"]],
        "the file myid in ZooKeeper's data directory does not hold a number",
        "write the id of this [[node]] into the file myid",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "myid-unknown",
        92,
        Operator,
        &[&["My id ", " not in the peer list"], &["No QuorumServer correspoding to myid "]],
        "the ensemble has no member with the id in the file myid",
        "compare the file myid with the ids of [[node]], and see whether data_dir came from another node",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "zookeeper-config",
        30,
        Operator,
        &[&["Invalid config, exiting abnormally"], &["Invalid arguments, exiting abnormally"]],
        "ZooKeeper refused its configuration",
        "mend [zookeeper.properties] by what the lines name, against the output of kafka-node plan",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "zookeeper-own-name",
        88,
        Time,
        &[&["java.net.SocketException: Unresolved address"], &["Caused by: java.net.UnknownHostException: "]],
        "ZooKeeper could not resolve the name of its own address",
        "make the node's name resolve (/etc/hosts or DNS), or write its address into [[node]] address",
    )
    .of(ZooKeeper),
    row(
        "data-directory",
        60,
        Operator,
        &[&["Unable to access datadir, exiting abnormally"]],
        "ZooKeeper could not make or write its data directory",
        "make [zookeeper] data_dir exist and belong to the service's user",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "data-directories-mixed",
        90,
        Operator,
        &[&["Snapshot directory has log files."], &["Log directory has snapshot files."]],
        "ZooKeeper's snapshots and transaction logs are not where dataDir and dataLogDir say",
        "move version-2/log.* into dataLogDir and version-2/snapshot.* into dataDir, or take dataLogDir out again",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "accepted-epoch",
        92,
        Operator,
        &[&["The accepted epoch, ", " is less than the current epoch, "]],
        "ZooKeeper's files acceptedEpoch and currentEpoch contradict each other",
        "with a quorum on the other nodes, move version-2 of this node's data_dir away: it is copied from the leader",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "current-epoch",
        92,
        Operator,
        &[&["The current epoch, ", " is older than the last zxid, "]],
        "ZooKeeper's file currentEpoch is older than its data",
        "with a quorum on the other nodes, move version-2 of this node's data_dir away: it is copied from the leader",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "epoch-unreadable",
        92,
        Operator,
        &[&["java.io.IOException: Found ", "Epoch"]],
        "ZooKeeper's file acceptedEpoch or currentEpoch holds no number",
        "with a quorum on the other nodes, move version-2 of this node's data_dir away: it is copied from the leader",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "snapshot-missing",
        92,
        Operator,
        &[&["No snapshot found, but there are log entries."]],
        "ZooKeeper has transaction logs and no snapshot that is whole",
        "with a quorum on the other nodes, move version-2 of this node's data_dir away; on an upgrade from 3.4 set \
         \"snapshot.trust.empty\" for one start",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "snapshot-corrupt",
        92,
        Operator,
        &[&["Not able to find valid snapshots in "], &["CRC corruption in snapshot "]],
        "none of ZooKeeper's snapshots can be read",
        "with a quorum on the other nodes, move version-2 of this node's data_dir away: it is copied from the leader",
    )
    .of(ZooKeeper),
    row(
        "transaction-log-corrupt",
        92,
        Operator,
        &[&["Transaction log: ", " has invalid magic number "], &["java.io.IOException: CRC check failed"]],
        "a transaction log of ZooKeeper is corrupt",
        "with a quorum on the other nodes, move version-2 of this node's data_dir away, and look at the disk",
    )
    .of(ZooKeeper),
    row(
        "jute-maxbuffer",
        90,
        Operator,
        &[&["java.io.IOException: Unreasonable length = "]],
        "ZooKeeper's data holds a node larger than jute.maxbuffer",
        "raise -Djute.maxbuffer in [zookeeper] jvm_options, alike on every node and for the brokers",
    )
    .of(ZooKeeper),
    row(
        "database-unreadable",
        50,
        Operator,
        &[&["Unable to load database on disk"], &["Severe unrecoverable error, exiting"]],
        "ZooKeeper could not read its database, or not write a snapshot",
        "read the exception above; with a quorum on the other nodes, move version-2 of this node's data_dir away",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "truncation-failed",
        90,
        Operator,
        &[&["Not able to truncate the log "]],
        "ZooKeeper could not cut its transaction log back to where the leader's stands",
        "with a quorum on the other nodes, move version-2 of this node's data_dir away: it is copied from the leader",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "transaction-unmatched",
        90,
        Restart,
        &[&["Committing zxid 0x", " but next pending txn 0x"]],
        "ZooKeeper was told to commit another transaction than the one that is next",
        "it rejoins by itself; if it comes back, move version-2 of this node's data_dir away",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "quorum-packet",
        90,
        Restart,
        &[&["Got unexpected packet from leader: "]],
        "ZooKeeper's leader sent something that it does not understand",
        "run one version of ZooKeeper on every node; it rejoins by itself",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "election-listener",
        40,
        Time,
        &[&["As I'm leaving the listener thread", "to participate in leader election"]],
        "ZooKeeper could not listen on its election port",
        "find who holds the election port (ss -ltnp), and see whether the node's own address is up",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "admin-server",
        60,
        Operator,
        &[&["Unable to start AdminServer, exiting abnormally"]],
        "ZooKeeper's admin server could not start",
        "set \"admin.enableServer\" to false in [zookeeper.properties], or \"admin.serverPort\" to a free port",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "quorum-login",
        90,
        Operator,
        &[&["JAAS configuration section '", "' could not be found"]],
        "ZooKeeper is to authenticate its peers, and its JAAS file lacks the section for it",
        "put the sections QuorumServer and QuorumLearner into the file of -Djava.security.auth.login.config",
    )
    .of(ZooKeeper)
    .fatal(),
    row(
        "thread-died",
        20,
        Restart,
        &[&["Severe unrecoverable error, from thread : "]],
        "one of ZooKeeper's threads ended by an exception",
        "read the exception above; it is started again by itself",
    )
    .of(ZooKeeper),
];
