//! Which kind of event of kafka-node's own an entry of the journal tells of: its MESSAGE_ID, and the id of each notice.
//!
//! `event_table` holds what the journal's catalog says of each. Absent on purpose: the event itself (`notice`), and the
//! journal (`notify`).

use std::fmt;

use super::{ExitCause, NodeState, Notice};

/// An id of 128 bits, the same for every event of a kind and for ever: `journalctl MESSAGE_ID=..` finds them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u128);

/// Drawn at random once, each of them. None is ever changed or given to another kind: people search and alert by them.
impl EventId {
    /// A service waits.
    pub const WAITS: EventId = EventId(0x88b0bf74_ca1c4b2c_a3aa5f58_a941939a);
    /// A service starts.
    pub const STARTS: EventId = EventId(0xb3d384e0_e7284cb9_a4803a95_fd1e8142);
    /// A service runs.
    pub const RUNS: EventId = EventId(0xf831d429_5606495d_9908134c_5ccf20fd);
    /// Kafka starts though its registration could not be read.
    pub const STARTS_UNREAD: EventId = EventId(0x0dbcabd4_70f64a26_8f68f0fe_a4821c2a);
    /// Kafka starts on the quorum of the other members.
    pub const STARTS_ON_PEERS: EventId = EventId(0x255a79ba_92864773_bee8d3c6_3002359d);
    /// ZooKeeper serves.
    pub const ZOOKEEPER_SERVES: EventId = EventId(0x8ee74d07_a03943f0_abd758dc_7fdfea83);
    /// ZooKeeper lost its quorum.
    pub const QUORUM_LOST: EventId = EventId(0x33a5527c_17494e01_818be909_84650db5);
    /// The broker serves.
    pub const BROKER_SERVES: EventId = EventId(0x21cb9e39_bcba4610_867710c9_9df5ce01);
    /// The broker is in sync.
    pub const BROKER_IN_SYNC: EventId = EventId(0x26aa34fa_d1954090_b92f4984_f6faa407);
    /// The broker fell out of in-sync sets.
    pub const BROKER_BEHIND: EventId = EventId(0xe80d2c64_8c974638_8e52b423_bbf17236);
    /// A service is not ready any more.
    pub const NOT_READY: EventId = EventId(0x370ed35c_57944661_9978be50_df4362a4);
    /// The state of the node changed.
    pub const NODE_STATE: EventId = EventId(0xa09dd17e_1e244be6_bfa4e629_cfd16b04);
    /// The node is degraded.
    pub const NODE_DEGRADED: EventId = EventId(0x5d5a3472_acd94a38_b5407354_cf2aa561);
    /// A stop begins.
    pub const STOP_BEGINS: EventId = EventId(0x3445cf37_c68145e4_9997e527_0526279a);
    /// A stop was asked for again.
    pub const STOP_AGAIN: EventId = EventId(0xd61c5b92_ab0e4aa6_b6793681_2a33cb10);
    /// A stop waits for the broker's start.
    pub const STOP_DEFERRED: EventId = EventId(0xa894ce19_29bc4b46_bf1170d0_925e70cd);
    /// A service is asked to end (SIGTERM).
    pub const TERMINATES: EventId = EventId(0x2bbe7359_1e9d42e9_b83e665e_6805dcba);
    /// A stop takes longer than its grace.
    pub const GRACE_PROLONGED: EventId = EventId(0x90330a19_4e3a4102_bc3f5947_3522a04b);
    /// A service is killed (SIGKILL).
    pub const KILLS: EventId = EventId(0x38cfea30_b0194a45_9442ed71_9e7353f2);
    /// A service stopped cleanly.
    pub const ENDED_STOPPED: EventId = EventId(0x50f4d789_151a458d_a54d467e_e886b2be);
    /// A service ended and starts again.
    pub const ENDED_AGAIN: EventId = EventId(0x52026196_efbf4efa_bd9685ff_dd83f7da);
    /// A service ended, and a restart alone cannot help.
    pub const ENDED_OPERATOR: EventId = EventId(0xe4bcb2fd_aaa24ff8_aa6b4e38_705e48c5);
    /// A service ended uncleanly and does not start again now.
    pub const ENDED_UNCLEANLY: EventId = EventId(0xcac504c2_25f7471d_a43cadb0_85581614);
    /// ZooKeeper leaves although that may cost the quorum.
    pub const LEAVES_QUORUM: EventId = EventId(0x6ed34cdd_448949a9_a1aafcde_9cb692b0);
    /// A JVM of an earlier kafka-node was adopted.
    pub const ADOPTED: EventId = EventId(0xa7d19b06_17cd491d_8fa2dba1_e895dc66);
    /// The registration of a dead broker was removed.
    pub const FENCED: EventId = EventId(0x848a7ed5_496343dd_af6064cf_05acd281);
    /// The broker is registered by a session that is not ours.
    pub const FENCE_FOREIGN: EventId = EventId(0xcfaa3a95_0d4c4111_a61310db_54055a53);
    /// The registration of a dead broker may not be removed.
    pub const FENCE_DENIED: EventId = EventId(0x3af4cd91_71aa4683_a8744bcf_acc00146);
    /// The registration of a dead broker could not be removed yet.
    pub const FENCE_FAILED: EventId = EventId(0x6ea93efd_307d4dd9_909029c4_8c595067);
    /// A service is hung.
    pub const HANGS: EventId = EventId(0x0c8156d3_009b4375_a9a532ef_ce31c6a6);
    /// A hung service works again by itself.
    pub const HANG_PASSED: EventId = EventId(0xaa012508_2d7f4e1a_820cced3_0c304808);
    /// A thread dump was asked for.
    pub const DUMPS: EventId = EventId(0xe3af4dba_8a454334_ae096271_b94d7c5d);
    /// This node holds the cluster's restart token.
    pub const TOKEN_TAKEN: EventId = EventId(0x9874450b_7c734656_8c63c3fd_74b3110c);
    /// The cluster's restart token was given back.
    pub const TOKEN_RETURNED: EventId = EventId(0x01d22523_79b64c4b_94c1e1d9_846a6383);
    /// Everything stopped cleanly.
    pub const STOPPED: EventId = EventId(0x8c2772d1_2cce4f3d_84f4cf2f_13ff6170);
    /// Everything stopped, and not all of it cleanly.
    pub const STOPPED_UNCLEANLY: EventId = EventId(0xac70c6dc_82674d7b_9351213c_e01ad1f7);
    /// One entry stands for several records.
    pub const RECORDS_FOLDED: EventId = EventId(0xcab8cc42_2ab24fc9_ada769b4_8b259cb1);
    /// The node is on its way down, and the cluster cannot spare it yet.
    pub const GATE_WAITS: EventId = EventId(0xf0374121_b9257df5_4cefeb24_7583a5ec);
    /// The cluster can spare the node.
    pub const GATE_OPENS: EventId = EventId(0x98056448_35e8f9c6_09d392ab_d2a54bc6);
    /// The node stops although the cluster cannot spare it.
    pub const GATE_EXPIRED: EventId = EventId(0x0780dd21_edcedb02_d27e2491_5db31cdc);
    /// The cluster's lock was taken.
    pub const LOCK_TAKEN: EventId = EventId(0x4df8a438_03f64a0f_87dcab87_00dda41b);
    /// The cluster's lock was given back.
    pub const LOCK_RETURNED: EventId = EventId(0x48229fed_af610f45_2031212b_d795d359);
    /// The node's turn in a roll came.
    pub const ROLL_TURN: EventId = EventId(0xf158e035_9235e857_6a824d67_d353f694);
    /// The node is done with its turn in a roll.
    pub const ROLL_DONE: EventId = EventId(0x9a7b05a2_79a31077_19524802_4082f42f);
    /// A roll stopped at this node.
    pub const ROLL_FAILS: EventId = EventId(0x37cb507f_49047ae2_f17aef12_5409052d);
    /// The whole cluster is to power down.
    pub const POWER_DOWN: EventId = EventId(0x0329efa0_de0b8684_3e075d32_7c0bb9b2);
    /// Records were dropped.
    pub const RECORDS_DROPPED: EventId = EventId(0xb1532a03_888a42e6_8e2ecee8_0e1b5322);
    /// A fault of kafka-node itself.
    pub const FAULT: EventId = EventId(0x91bd4da8_42444eba_a6ba1e68_3568ea3e);
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Notice {
    /// Which kind of event it is.
    pub fn event(&self) -> EventId {
        match self {
            Notice::Waits { .. } => EventId::WAITS,
            Notice::Starts { .. } => EventId::STARTS,
            Notice::Spawned { .. } => EventId::RUNS,
            Notice::StartsUnread { .. } => EventId::STARTS_UNREAD,
            Notice::StartsOnPeers => EventId::STARTS_ON_PEERS,
            Notice::ZooKeeperServes { .. } => EventId::ZOOKEEPER_SERVES,
            Notice::QuorumLost => EventId::QUORUM_LOST,
            Notice::BrokerServes { .. } => EventId::BROKER_SERVES,
            Notice::BrokerInSync => EventId::BROKER_IN_SYNC,
            Notice::BrokerBehind { .. } => EventId::BROKER_BEHIND,
            Notice::NotReady { .. } => EventId::NOT_READY,
            Notice::Node { state: NodeState::Degraded } => EventId::NODE_DEGRADED,
            Notice::Node { .. } => EventId::NODE_STATE,
            Notice::StopBegins { .. } => EventId::STOP_BEGINS,
            Notice::StopAgain { .. } => EventId::STOP_AGAIN,
            Notice::StopDeferred { .. } => EventId::STOP_DEFERRED,
            Notice::Terminates { .. } => EventId::TERMINATES,
            Notice::GraceProlonged { .. } => EventId::GRACE_PROLONGED,
            Notice::Kills { .. } => EventId::KILLS,
            Notice::Ended { cause: ExitCause::Stopped, .. } => EventId::ENDED_STOPPED,
            Notice::Ended { cause, .. } if !cause.restart_may_help() => EventId::ENDED_OPERATOR,
            Notice::Ended { again_in: Some(_), .. } => EventId::ENDED_AGAIN,
            Notice::Ended { again_in: None, .. } => EventId::ENDED_UNCLEANLY,
            Notice::LeavesQuorum { .. } => EventId::LEAVES_QUORUM,
            Notice::Adopted { .. } => EventId::ADOPTED,
            Notice::Fenced { .. } => EventId::FENCED,
            Notice::FenceForeign { .. } => EventId::FENCE_FOREIGN,
            Notice::FenceDenied { .. } => EventId::FENCE_DENIED,
            Notice::FenceFailed { .. } => EventId::FENCE_FAILED,
            Notice::Hangs { .. } => EventId::HANGS,
            Notice::HangPassed { .. } => EventId::HANG_PASSED,
            Notice::Dumps { .. } => EventId::DUMPS,
            Notice::TokenTaken => EventId::TOKEN_TAKEN,
            Notice::TokenReturned => EventId::TOKEN_RETURNED,
            Notice::GateWaits { .. } => EventId::GATE_WAITS,
            Notice::GateOpens { .. } => EventId::GATE_OPENS,
            Notice::GateExpired { .. } => EventId::GATE_EXPIRED,
            Notice::LockTaken => EventId::LOCK_TAKEN,
            Notice::LockReturned => EventId::LOCK_RETURNED,
            Notice::RollTurn { .. } => EventId::ROLL_TURN,
            Notice::RollDone { .. } => EventId::ROLL_DONE,
            Notice::RollFails { .. } => EventId::ROLL_FAILS,
            Notice::PowerDown { .. } => EventId::POWER_DOWN,
            Notice::Stopped { clean: true } => EventId::STOPPED,
            Notice::Stopped { clean: false } => EventId::STOPPED_UNCLEANLY,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{ExitStatus, Role, RunId, SignalReason, SpawnFailure};

    fn ended(cause: ExitCause, again_in: Option<Duration>) -> EventId {
        let (lived, last_lines) = (Duration::from_secs(1), Vec::new());
        Notice::Ended { role: Role::Kafka, run: RunId(1), cause, lived, again_in, last_lines }.event()
    }

    #[test]
    fn ends_are_told_apart_by_what_a_searcher_wants_to_know() {
        let soon = Some(Duration::ZERO);
        assert_eq!(ended(ExitCause::Stopped, None), EventId::ENDED_STOPPED);
        assert_eq!(ended(ExitCause::Signal(9), soon), EventId::ENDED_AGAIN);
        assert_eq!(ended(ExitCause::Killed(SignalReason::GraceOver), None), EventId::ENDED_UNCLEANLY);
        assert_eq!(ended(ExitCause::StoppedUncleanly(ExitStatus::Code(1)), None), EventId::ENDED_UNCLEANLY);
        let operators = ExitCause::NotSpawned(SpawnFailure::Missing("/x".to_owned()));
        assert!(!operators.restart_may_help());
        assert_eq!(ended(operators, soon), EventId::ENDED_OPERATOR);
    }

    #[test]
    fn an_id_is_printed_as_journalctl_wants_it() {
        assert_eq!(EventId(0x1f).to_string(), "0000000000000000000000000000001f");
    }
}
