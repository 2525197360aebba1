//! What the journal's catalog says of each kind of event that is about the cluster as a whole: the gate, the lock, rolls.
//!
//! The rest of the table is `event_table`, and so is the form of a row.

use super::EventId;
use super::event_table::Explained;

/// See the head of this file.
pub(super) const EVENTS: &[Explained] = &[
    Explained {
        id: EventId::GATE_WAITS,
        name: "gate-waits",
        subject: "The node waits to go down",
        meaning: "This node is to stop, to restart or to reboot, and the cluster cannot spare it yet: a replica is out of \
                  sync, a member is away, or another node is down. Both services go on serving meanwhile.",
        remedy: "Usually nothing: mend what the message names, or wait for the other node. `kafka-node can-reboot` asks \
                 again; `kafka-node stop --now`, or a second SIGTERM, goes without asking.",
    },
    Explained {
        id: EventId::GATE_OPENS,
        name: "gate-opens",
        subject: "The cluster can spare this node",
        meaning: "The gate allows this node to go down, and the cluster's lock is its own. What follows in the message \
                  after that has no replica, or no member, to spare by its very making.",
        remedy: "Nothing. For topics that the message names: raise their number of replicas.",
    },
    Explained {
        id: EventId::GATE_EXPIRED,
        name: "gate-expired",
        subject: "The node stops although the cluster cannot spare it",
        meaning: "It waited for [stop] gate_limit, which is all the time a stop may take, and stops now. Writes with \
                  acks=all may fail while it is down.",
        remedy: "Look after what the message names. The limit is below the 30 minutes after which systemd forces a \
                 reboot.",
    },
    Explained {
        id: EventId::LOCK_TAKEN,
        name: "lock-taken",
        subject: "This node holds the cluster's lock",
        meaning: "While it does, no other node that asks goes down. It outlives a reboot, and is given back by this \
                  machine once it is in sync again and has been well for [reboot] settle.",
        remedy: "Nothing. A machine that never comes back keeps it: see `kafka-node lock release`.",
    },
    Explained {
        id: EventId::LOCK_RETURNED,
        name: "lock-returned",
        subject: "The cluster's lock was given back",
        meaning: "This node is in sync and has been well for long enough: another one may go down.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::ROLL_TURN,
        name: "roll-turn",
        subject: "This node's turn in a roll has come",
        meaning: "Somebody started a roll of the whole cluster, and the nodes before this one are done. This node asks \
                  for the gate and the lock, and goes.",
        remedy: "Nothing. `kafka-node roll status` shows it from any node, `roll pause` holds it.",
    },
    Explained {
        id: EventId::ROLL_DONE,
        name: "roll-done",
        subject: "This node is done with its turn in a roll",
        meaning: "It is in sync and has been well for [reboot] settle: the next node's turn comes.",
        remedy: "Nothing.",
    },
    Explained {
        id: EventId::ROLL_FAILS,
        name: "roll-fails",
        subject: "A roll stopped at this node",
        meaning: "This node could not do what the roll wanted, or did not become well again in time. No other node is \
                  touched.",
        remedy: "Mend what the message says, then `kafka-node roll resume`; or end it: `kafka-node roll abort`.",
    },
    Explained {
        id: EventId::POWER_DOWN,
        name: "power-down",
        subject: "The whole cluster powers down",
        meaning: "Somebody gave the order that every node stop: `kafka-node stop --cluster`. No node waits for another, \
                  and none starts again by itself before its machine boots, or it is started by hand.",
        remedy: "To start again: systemctl start kafka-node, on every node.",
    },
];
