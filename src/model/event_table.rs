//! What the journal's catalog says of each kind of event: the table behind `config/kafka-node.catalog` (`journalctl -x`).
//!
//! Absent on purpose: the file itself, which `tests/journald/catalog.rs` writes from this table and holds fresh. `@FIELD@` stands for a field of
//! the entry; only fields that each entry of the kind has may stand so, since journalctl prints the name of a missing one.

use super::{EventId, event_table_cluster};

/// One kind of event, explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    /// MESSAGE_ID.
    pub id: EventId,
    /// A name for tables and scripts.
    pub name: &'static str,
    /// The catalog's subject line.
    pub subject: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// All kinds: those of a node's life, in its order, then those of the cluster.
pub fn explained() -> impl Iterator<Item = &'static Explained> {
    EVENTS.iter().chain(event_table_cluster::EVENTS)
}

const EVENTS: &[Explained] = &[
    Explained {
        id: EventId::WAITS,
        name: "waits",
        subject: "A service waits",
        meaning: "kafka-node holds a service back, or the service waits for something else than before. The message \
                  says for what, and from whom: a mount, an address, the quorum, a registration that is still held. \
                  Every wait is looked at again each second.",
        remedy: "Usually nothing: the wait ends with its cause. `kafka-node why` shows what is waited for at this \
                 moment, and the runbook has a line for each wait.",
    },
    Explained {
        id: EventId::STARTS,
        name: "starts",
        subject: "A service starts (run @KAFKA_NODE_RUN@)",
        meaning: "kafka-node ordered the process of ZooKeeper or of Kafka. All entries of this run carry the field \
                  KAFKA_NODE_RUN.",
        remedy: "Nothing. This run alone: journalctl KAFKA_NODE_RUN=@KAFKA_NODE_RUN@",
    },
    Explained {
        id: EventId::RUNS,
        name: "runs",
        subject: "A service runs (run @KAFKA_NODE_RUN@)",
        meaning: "The process exists; its pid is in the message. It serves only when an entry says so.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::STARTS_UNREAD,
        name: "starts-unread",
        subject: "Kafka starts though its registration could not be read",
        meaning: "Whether an earlier broker with this id is still registered in ZooKeeper could not be read for long \
                  enough, so the start goes ahead. A broker that finds its id taken ends by itself; it is then started \
                  again.",
        remedy: "If the broker does not come up: look at the quorum (`kafka-node status --cluster`).",
    },
    Explained {
        id: EventId::STARTS_ON_PEERS,
        name: "starts-on-peers",
        subject: "Kafka starts on the quorum of the other members",
        meaning: "ZooKeeper on this node does not come up, and the other members have a quorum: the broker starts on \
                  theirs.",
        remedy: "Read why ZooKeeper on this node does not come up: journalctl -t zookeeper -p warning",
    },
    Explained {
        id: EventId::ZOOKEEPER_SERVES,
        name: "zookeeper-serves",
        subject: "ZooKeeper serves",
        meaning: "ZooKeeper answers as leader, follower, observer or standalone server.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::QUORUM_LOST,
        name: "quorum-lost",
        subject: "ZooKeeper lost its quorum",
        meaning: "ZooKeeper on this node runs and has no majority any more: its other members are away, or the network \
                  between them is. It is left running, since a restart here would not bring them back. Brokers go on \
                  serving what needs no ZooKeeper.",
        remedy: "Go to the nodes that `kafka-node why` names, and look at the network between them.",
    },
    Explained {
        id: EventId::BROKER_SERVES,
        name: "broker-serves",
        subject: "The broker serves",
        meaning: "The broker @KAFKA_BROKER_ID@ is registered under its own session and answers requests.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::BROKER_IN_SYNC,
        name: "broker-in-sync",
        subject: "The broker is in sync",
        meaning: "The broker @KAFKA_BROKER_ID@ is in the ISR of every partition it has a replica of: another node may \
                  go down now.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::BROKER_BEHIND,
        name: "broker-behind",
        subject: "The broker fell out of in-sync sets",
        meaning: "The broker @KAFKA_BROKER_ID@ serves, and leaders count it as behind for some of its partitions: slow \
                  disk, slow network, a long garbage collection, or a load that it cannot follow.",
        remedy: "Stop no other node until it has caught up. If it does not: look at disk, network and GC of this \
                 node.",
    },
    Explained {
        id: EventId::NOT_READY,
        name: "not-ready",
        subject: "A service is not ready any more",
        meaning: "A service that was ready does not answer, has lost its session or its quorum, or refuses \
                  connections. The message says which.",
        remedy: "Nothing at first: what passes is waited for, what is hung is restarted. `kafka-node why` shows where \
                 it stands.",
    },
    Explained {
        id: EventId::NODE_STATE,
        name: "node-state",
        subject: "The state of the node changed",
        meaning: "The node as a whole is waiting, starting, ready or stopping.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::NODE_DEGRADED,
        name: "node-degraded",
        subject: "The node is degraded",
        meaning: "The node was ready, and one of its services is not any more. Entries beside this one say which and \
                  why.",
        remedy: "`kafka-node why`",
    },
    Explained {
        id: EventId::STOP_BEGINS,
        name: "stop-begins",
        subject: "A stop begins",
        meaning: "Somebody asked kafka-node to stop: systemd, a signal or `kafka-node stop`. Kafka stops first, \
                  ZooKeeper after it.",
        remedy: "Nothing. The message says who asked.",
    },
    Explained {
        id: EventId::STOP_AGAIN,
        name: "stop-again",
        subject: "A stop was asked for again",
        meaning: "A second request to stop: waits are skipped. A broker that starts or recovers its logs is then \
                  stopped uncleanly.",
        remedy: "Nothing. Avoid it next time: the wait protects a recovery that would begin anew.",
    },
    Explained {
        id: EventId::STOP_DEFERRED,
        name: "stop-deferred",
        subject: "A stop waits for the broker's start",
        meaning: "A broker that is stopped while it starts or recovers its logs halts uncleanly and loses the recovery \
                  done. So the stop waits until it serves.",
        remedy: "Wait. A second SIGTERM insists.",
    },
    Explained {
        id: EventId::TERMINATES,
        name: "terminates",
        subject: "A service is asked to end (SIGTERM, run @KAFKA_NODE_RUN@)",
        meaning: "kafka-node sent SIGTERM. A broker hands its leaderships over first (controlled shutdown).",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::GRACE_PROLONGED,
        name: "grace-prolonged",
        subject: "A stop takes longer than its grace",
        meaning: "The grace is over, and the service still makes progress: it gets more time, since a SIGKILL would \
                  cost a log recovery.",
        remedy: "Nothing. If it happens at each stop: raise grace = in [stop].",
    },
    Explained {
        id: EventId::KILLS,
        name: "kills",
        subject: "A service is killed (SIGKILL, run @KAFKA_NODE_RUN@)",
        meaning: "kafka-node sent SIGKILL, for the reason in the message. A broker that is killed recovers its logs at \
                  its next start.",
        remedy: "Read the entries above this one for what held the service up.",
    },
    Explained {
        id: EventId::ENDED_STOPPED,
        name: "ended-stopped",
        subject: "A service stopped cleanly (run @KAFKA_NODE_RUN@)",
        meaning: "The service ended as it was asked to.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::ENDED_AGAIN,
        name: "ended-again",
        subject: "A service ended and starts again (run @KAFKA_NODE_RUN@)",
        meaning: "The service ended unasked. The message has the cause, what to do about it, and its last lines; the \
                  next start follows by itself after the pause that it names.",
        remedy: "What stands after \"help:\" in the message. All lines of the run: journalctl \
                 KAFKA_NODE_RUN=@KAFKA_NODE_RUN@",
    },
    Explained {
        id: EventId::ENDED_OPERATOR,
        name: "ended-operator",
        subject: "A service ended, and a restart alone cannot help (run @KAFKA_NODE_RUN@)",
        meaning: "The service ended of a cause that stays until somebody removes it: a setting, a disk, foreign data. \
                  It is tried again once a minute at most, so it comes back by itself when the cause is gone.",
        remedy: "What stands after \"help:\" in the message. All lines of the run: journalctl \
                 KAFKA_NODE_RUN=@KAFKA_NODE_RUN@",
    },
    Explained {
        id: EventId::ENDED_UNCLEANLY,
        name: "ended-uncleanly",
        subject: "A service ended uncleanly and does not start again now (run @KAFKA_NODE_RUN@)",
        meaning: "The node stops, or the service was not wanted any more, and its end was none that it had been asked \
                  for. A broker recovers its logs at its next start.",
        remedy: "What stands after \"help:\" in the message. Expect a longer start.",
    },
    Explained {
        id: EventId::LEAVES_QUORUM,
        name: "leaves-quorum",
        subject: "ZooKeeper leaves although that may cost the quorum",
        meaning: "The stop waited for brokers of other nodes that still need this quorum, and has had all the time \
                  there is.",
        remedy: "Stop the brokers of all nodes before the last two ZooKeeper servers; power a rack down in one go, so \
                 that the waits overlap.",
    },
    Explained {
        id: EventId::ADOPTED,
        name: "adopted",
        subject: "A JVM of an earlier kafka-node was adopted (run @KAFKA_NODE_RUN@)",
        meaning: "The supervisor was restarted, upgraded or killed. Its JVM went on serving meanwhile, and is watched \
                  over again.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::FENCED,
        name: "fenced",
        subject: "The registration of a dead broker was removed (run @KAFKA_NODE_RUN@)",
        meaning: "The broker was dead beyond doubt, and its registration in ZooKeeper belonged to that very run: it \
                  was removed, so that leaders move at once and do not wait for the session to expire.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::FENCE_FOREIGN,
        name: "fence-foreign",
        subject: "The broker is registered by a session that is not ours (run @KAFKA_NODE_RUN@)",
        meaning: "The registration of this broker id belongs to another session than that of the dead run: a broker of \
                  another machine with the same id, or a run that kafka-node does not know. It is left alone.",
        remedy: "Look for a second broker with id @KAFKA_BROKER_ID@: its address stands in \
                 /brokers/ids/@KAFKA_BROKER_ID@.",
    },
    Explained {
        id: EventId::FENCE_DENIED,
        name: "fence-denied",
        subject: "The registration of a dead broker may not be removed (run @KAFKA_NODE_RUN@)",
        meaning: "ZooKeeper refused the removal. The registration expires by itself with its session, in 18 s by \
                  default.",
        remedy: "Give kafka-node's ZooKeeper identity the right to delete below /brokers/ids, if leaders are to move \
                 at once.",
    },
    Explained {
        id: EventId::FENCE_FAILED,
        name: "fence-failed",
        subject: "The registration of a dead broker could not be removed yet (run @KAFKA_NODE_RUN@)",
        meaning: "ZooKeeper did not answer, or the connection broke. It is tried again until it is done or the session \
                  has expired.",
        remedy: "Nothing. If it stays: look at the quorum.",
    },
    Explained {
        id: EventId::HANGS,
        name: "hangs",
        subject: "A service is hung (run @KAFKA_NODE_RUN@)",
        meaning: "The service answers nobody and makes no progress, by all witnesses; or it is of no use to the \
                  cluster. A thread dump is made, then it is ended and started again, one node of the cluster at a \
                  time.",
        remedy: "Read the thread dump: journalctl KAFKA_NODE_RUN=@KAFKA_NODE_RUN@. Look at memory, disk and GC of \
                 this node.",
    },
    Explained {
        id: EventId::HANG_PASSED,
        name: "hang-passed",
        subject: "A hung service works again by itself (run @KAFKA_NODE_RUN@)",
        meaning: "The service counted as hung and answered again before it was ended. It is left alone.",
        remedy: "Look for what stopped it: a disk that hung, swapping, a suspended machine, a debugger.",
    },
    Explained {
        id: EventId::DUMPS,
        name: "dumps",
        subject: "A thread dump was asked for (run @KAFKA_NODE_RUN@)",
        meaning: "kafka-node sent SIGQUIT to a JVM: it prints what each of its threads does. The dump is among its \
                  next entries.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::TOKEN_TAKEN,
        name: "token-taken",
        subject: "This node holds the cluster's restart token",
        meaning: "Health restarts go one node at a time: while this node holds the token no other node restarts a \
                  broker for health.",
        remedy: "Nothing. It lasts 10 min at most.",
    },
    Explained {
        id: EventId::TOKEN_RETURNED,
        name: "token-returned",
        subject: "The cluster's restart token was given back",
        meaning: "Another node may restart a broker for health now.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::STOPPED,
        name: "stopped",
        subject: "Everything stopped cleanly",
        meaning: "Kafka and ZooKeeper of this node stopped as they were asked to.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::STOPPED_UNCLEANLY,
        name: "stopped-uncleanly",
        subject: "Everything stopped, and not all of it cleanly",
        meaning: "At least one service ended in another way than a clean stop. A broker recovers its logs at its next \
                  start.",
        remedy: "Read the entries above this one for which service it was and why. Expect a longer start.",
    },
    Explained {
        id: EventId::RECORDS_FOLDED,
        name: "records-folded",
        subject: "One entry stands for several records",
        meaning: "Identical records, or a flood of one logger, were folded into this entry so that the journal keeps \
                  up. KAFKA_NODE_FOLDED is how many records it stands for; the message has the first of them and the \
                  times of the first and the last.",
        remedy: "Find out why the logger says so much. In [log], fold_after sets from how many a second records are \
                 folded.",
    },
    Explained {
        id: EventId::RECORDS_DROPPED,
        name: "records-dropped",
        subject: "Records were dropped",
        meaning: "Here records are missing, exactly as many as the message counts: more was logged than the journal \
                  takes, and there was no room left to hold it.",
        remedy: "Raise RateLimitBurst= in journald's configuration, or make the loggers quieter. A slow disk below \
                 the journal has the same effect.",
    },
    Explained {
        id: EventId::FAULT,
        name: "fault",
        subject: "A fault of kafka-node itself",
        meaning: "A part of kafka-node failed where it must not. The JVMs are not touched by it: what failed is \
                  started anew, or the next supervisor takes the JVMs over as they are.",
        remedy: "Please report it, with this entry and what stands around it: journalctl -t kafka-node",
    },
];
