//! What a service waits for: every wait as a variant with one sentence.
//!
//! The same sentence reaches `systemctl status`, `kafka-node status` and the journal, because all of them print these types.
//! What an operator does about each stands in `docs/runbook.md`, by its code. Absent on purpose: why a signal was sent
//! (`request`), and what is said when something changes (`notice`).

#![allow(missing_docs)] // fields are explained by the sentence of their variant

use std::fmt;
use std::time::Duration;

use super::list::List;
use super::{Blame, BrokerId, Departing, ExitCause, NodeName, Said, SessionId, Span};

/// What a service waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// The look before the start has not answered yet.
    Preflight,
    /// The node's own address is not up yet.
    OwnAddress { address: String },
    /// Names of other nodes do not resolve yet. ZooKeeper resolves them once, at its start.
    PeerNames { names: Vec<NodeName> },
    /// A mount that holds a directory of ours is configured and not mounted yet.
    Mount { path: String },
    /// A directory that must be there is not usable; `what` says how.
    Directory { path: String, what: String },
    /// Somebody else listens on a port of ours; `holder` is pid and command where visible.
    PortHeld { port: u16, holder: String },
    /// A process of an earlier supervisor of this node still runs.
    EarlierRun { pid: i32 },
    /// Anything else that the look before the start found, in its own words.
    Finding { text: String },
    /// ZooKeeper on this node has not answered yet.
    ZooKeeperStarting,
    /// ZooKeeper on this node runs and has stopped answering.
    ZooKeeperSilent { since: Duration },
    /// No quorum: these members of the ensemble do not answer, these answer without serving.
    Quorum { silent: Vec<NodeName>, not_serving: Vec<NodeName> },
    /// Whether the broker is still registered has not been read yet.
    RegistrationUnread { words: String },
    /// A session of an earlier run still holds the broker's registration; it expires by itself.
    StaleRegistration { broker: BrokerId, session: SessionId, seen_for: Duration },
    /// The registration outlives any session of ours: another living broker has this id.
    RegistrationTaken { broker: BrokerId, session: SessionId, endpoint: String },
    /// The broker loads its logs, or has not registered yet.
    BrokerStarting,
    /// The broker recovers its logs after an unclean shutdown.
    BrokerRecovering { steps: u64 },
    /// The broker runs and does not answer on its listener.
    BrokerSilent { since: Duration },
    /// The broker served, and its listener refuses connections.
    BrokerRefuses,
    /// The registration of a run that is proven dead is being removed.
    Fencing { session: SessionId, words: String },
    /// It runs and works and has not answered for so long: slow, and not hung yet.
    Slow { since: Duration },
    /// It has not answered, and the host had so little to give that kafka-node itself was late.
    Starved { since: Duration, late: Duration },
    /// A debugger holds it; whoever does so knows why.
    Traced { since: Duration },
    /// It is hung and is about to be ended for health.
    Hung { blame: Blame },
    /// It is hung, and another node is restarting for health: one at a time.
    RestartToken { blame: Blame, holder: String },
    /// It is hung and there is no quorum: ending it would help nobody.
    HungWithoutQuorum { blame: Blame },
    /// The broker answers and is not registered in ZooKeeper.
    BrokerUnregistered,
    /// The broker is out of the ISR of partitions it has a replica of.
    BehindInSync { behind: u32, replicas: u32 },
    /// Whether the broker is in sync has not been read yet.
    InSyncUnread { words: String },
    /// The pause before the next start.
    Backoff { left: Duration, cause: ExitCause },
    /// A stop was asked for while the broker starts or recovers: a SIGTERM now would lose the recovery done.
    StopDeferred { recovering: bool },
    /// It is on its way down, and the cluster cannot spare it yet; with no denials, that is being found out. `left` is the
    /// time after which it goes all the same.
    Gate { departing: Departing, denials: Vec<Said>, left: Option<Duration> },
    /// It was down, or may be, and gives the cluster's lock back once it has been well for long enough.
    LockHeld { well_for: Duration, settle: Duration },
    /// SIGTERM was sent; the broker hands its leaderships over (`leads` are left of `replicas`, where it says so) and closes
    /// its logs.
    ControlledShutdown { since: Duration, drain: Option<Drain> },
    /// SIGTERM was sent to ZooKeeper.
    ZooKeeperStopping { since: Duration },
    /// SIGKILL was sent and the kernel has not ended the process yet.
    KernelToEnd { since: Duration },
    /// ZooKeeper's going would cost the quorum while these brokers of other nodes are still registered: without it they
    /// could not finish a stop of their own.
    OtherBrokers { brokers: Vec<BrokerId> },
    /// Whether ZooKeeper may leave is being found out.
    Leaving,
    /// ZooKeeper stops only after Kafka has.
    KafkaFirst,
    /// Kafka starts only once ZooKeeper on this node serves, or the others have for long.
    ZooKeeperFirst,
}

/// How far a broker is with handing its leaderships over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Partitions that it leads still.
    pub leads: u32,
    /// Partitions that it has a replica of.
    pub replicas: u32,
}

impl WaitReason {
    /// Every word that [`WaitReason::code`] has, in its order. `docs/runbook.md` has a line for each.
    pub const CODES: &[&str] = &[
        "preflight",
        "own-address",
        "peer-names",
        "mount",
        "directory",
        "port-held",
        "earlier-run",
        "finding",
        "zookeeper-starting",
        "zookeeper-silent",
        "quorum",
        "registration-unread",
        "stale-registration",
        "registration-taken",
        "broker-starting",
        "broker-recovering",
        "broker-silent",
        "broker-refuses",
        "fencing",
        "slow",
        "starved",
        "traced",
        "hung",
        "restart-token",
        "hung-without-quorum",
        "broker-unregistered",
        "behind-in-sync",
        "in-sync-unread",
        "backoff",
        "stop-deferred",
        "gate",
        "lock-held",
        "controlled-shutdown",
        "zookeeper-stopping",
        "kernel-to-end",
        "other-brokers",
        "leaving",
        "kafka-first",
        "zookeeper-first",
    ];

    /// The stable word of `waiting_for[].code` in `status --json`.
    pub fn code(&self) -> &'static str {
        match self {
            WaitReason::Preflight => "preflight",
            WaitReason::OwnAddress { .. } => "own-address",
            WaitReason::PeerNames { .. } => "peer-names",
            WaitReason::Mount { .. } => "mount",
            WaitReason::Directory { .. } => "directory",
            WaitReason::PortHeld { .. } => "port-held",
            WaitReason::EarlierRun { .. } => "earlier-run",
            WaitReason::Finding { .. } => "finding",
            WaitReason::ZooKeeperStarting => "zookeeper-starting",
            WaitReason::ZooKeeperSilent { .. } => "zookeeper-silent",
            WaitReason::Quorum { .. } => "quorum",
            WaitReason::RegistrationUnread { .. } => "registration-unread",
            WaitReason::StaleRegistration { .. } => "stale-registration",
            WaitReason::RegistrationTaken { .. } => "registration-taken",
            WaitReason::BrokerStarting => "broker-starting",
            WaitReason::BrokerRecovering { .. } => "broker-recovering",
            WaitReason::BrokerSilent { .. } => "broker-silent",
            WaitReason::BrokerRefuses => "broker-refuses",
            WaitReason::Fencing { .. } => "fencing",
            WaitReason::Slow { .. } => "slow",
            WaitReason::Starved { .. } => "starved",
            WaitReason::Traced { .. } => "traced",
            WaitReason::Hung { .. } => "hung",
            WaitReason::RestartToken { .. } => "restart-token",
            WaitReason::HungWithoutQuorum { .. } => "hung-without-quorum",
            WaitReason::BrokerUnregistered => "broker-unregistered",
            WaitReason::BehindInSync { .. } => "behind-in-sync",
            WaitReason::InSyncUnread { .. } => "in-sync-unread",
            WaitReason::Backoff { .. } => "backoff",
            WaitReason::StopDeferred { .. } => "stop-deferred",
            WaitReason::Gate { .. } => "gate",
            WaitReason::LockHeld { .. } => "lock-held",
            WaitReason::ControlledShutdown { .. } => "controlled-shutdown",
            WaitReason::ZooKeeperStopping { .. } => "zookeeper-stopping",
            WaitReason::KernelToEnd { .. } => "kernel-to-end",
            WaitReason::OtherBrokers { .. } => "other-brokers",
            WaitReason::Leaving => "leaving",
            WaitReason::KafkaFirst => "kafka-first",
            WaitReason::ZooKeeperFirst => "zookeeper-first",
        }
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitReason::Preflight => f.write_str("looking at the machine before the start"),
            WaitReason::OwnAddress { address } => write!(f, "the node's own address {address} is not up yet"),
            WaitReason::PeerNames { names } => write!(f, "names that do not resolve yet: {}", List(names)),
            WaitReason::Mount { path } => write!(f, "{path} is to be mounted and is not yet"),
            WaitReason::Directory { path, what } => write!(f, "{path} {what}"),
            WaitReason::PortHeld { port, holder } => write!(f, "port {port} is held by {holder}"),
            WaitReason::EarlierRun { pid } => write!(f, "a process of an earlier kafka-node still runs (pid {pid})"),
            WaitReason::Finding { text } => f.write_str(text),
            WaitReason::ZooKeeperStarting => f.write_str("ZooKeeper starts"),
            WaitReason::ZooKeeperSilent { since } => {
                write!(f, "ZooKeeper has not answered on its client port for {}", Span(*since))
            }
            WaitReason::Quorum { silent, not_serving } => match (silent.is_empty(), not_serving.is_empty()) {
                (true, true) => f.write_str("no ZooKeeper quorum yet"),
                (false, true) => write!(f, "no ZooKeeper quorum: no answer from {}", List(silent)),
                (true, false) => write!(f, "no ZooKeeper quorum: {} up, not serving yet", List(not_serving)),
                (false, false) => {
                    write!(
                        f,
                        "no ZooKeeper quorum: no answer from {}; {} up, not serving yet",
                        List(silent),
                        List(not_serving)
                    )
                }
            },
            WaitReason::RegistrationUnread { words } if words.is_empty() => {
                f.write_str("reading the broker's registration in ZooKeeper")
            }
            WaitReason::RegistrationUnread { words } => {
                write!(f, "the broker's registration could not be read: {words}")
            }
            WaitReason::StaleRegistration { broker, session, seen_for } => write!(
                f,
                "broker {broker} is still registered by session {session} of an earlier run; it expires by itself (waited {})",
                Span(*seen_for)
            ),
            WaitReason::RegistrationTaken { broker, session, endpoint } => write!(
                f,
                "broker id {broker} is registered by a living session {session} ({endpoint}): is the id used twice?"
            ),
            WaitReason::BrokerStarting => f.write_str("the broker starts"),
            WaitReason::BrokerRecovering { steps } => {
                write!(f, "the broker recovers its logs after an unclean shutdown ({steps} steps done)")
            }
            WaitReason::BrokerSilent { since } => {
                write!(f, "the broker has not answered on its listener for {}", Span(*since))
            }
            WaitReason::BrokerRefuses => f.write_str("the broker's listener refuses connections"),
            WaitReason::Fencing { session, words } if words.is_empty() => {
                write!(f, "removing the registration that session {session} of the dead run left in ZooKeeper")
            }
            WaitReason::Fencing { session, words } => {
                write!(
                    f,
                    "the registration that session {session} of the dead run left could not be removed yet: {words}"
                )
            }
            WaitReason::Slow { since } => {
                write!(f, "it works and has not answered for {}: slow, and left alone for now", Span(*since))
            }
            WaitReason::Starved { since, late } => write!(
                f,
                "it has not answered for {}, and kafka-node itself was {:.1} late: the host is short of CPU",
                Span(*since),
                Span(*late)
            ),
            WaitReason::Traced { since } => {
                write!(f, "it has not answered for {} and a debugger holds it: left alone", Span(*since))
            }
            WaitReason::Hung { blame } => write!(f, "to be restarted: {blame}"),
            WaitReason::RestartToken { blame, holder } if holder.is_empty() => {
                write!(f, "to be restarted: {blame}; asking for the cluster's restart token")
            }
            WaitReason::RestartToken { blame, holder } => {
                write!(f, "to be restarted: {blame}; waits for the cluster's restart token, which {holder} has")
            }
            WaitReason::HungWithoutQuorum { blame } => {
                write!(f, "{blame}; it is not restarted while ZooKeeper has no quorum")
            }
            WaitReason::BrokerUnregistered => f.write_str("the broker answers and is not registered in ZooKeeper"),
            WaitReason::BehindInSync { behind, replicas } => {
                write!(f, "not in sync: behind in {behind} of {replicas} partitions")
            }
            WaitReason::InSyncUnread { words } if words.is_empty() => {
                f.write_str("asking whether the broker is in sync")
            }
            WaitReason::InSyncUnread { words } => write!(f, "could not ask whether the broker is in sync: {words}"),
            WaitReason::Backoff { left, cause } => {
                write!(f, "ended: {cause}; starts again in {}", Span(whole_seconds(*left)))
            }
            WaitReason::StopDeferred { recovering: true } => f.write_str(
                "stop deferred: the broker recovers its logs, and a SIGTERM now would lose the recovery done",
            ),
            WaitReason::StopDeferred { recovering: false } => {
                f.write_str("stop deferred: the broker is starting, and a SIGTERM now would make it halt uncleanly")
            }
            WaitReason::Gate { departing, denials, left: _ } if denials.is_empty() => {
                write!(f, "{departing}: asking whether the cluster can spare this node")
            }
            WaitReason::Gate { departing, denials, left: None } => {
                write!(f, "{departing} once the cluster can spare this node: {}", Sentences(denials))
            }
            WaitReason::Gate { departing, denials, left: Some(left) } => write!(
                f,
                "{departing} once the cluster can spare this node, in {} at the latest: {}",
                Span(whole_seconds(*left)),
                Sentences(denials)
            ),
            WaitReason::LockHeld { well_for, settle } => write!(
                f,
                "holds the cluster's lock, and gives it back once it has been well for {} ({} so far)",
                Span(*settle),
                Span(whole_seconds(*well_for))
            ),
            WaitReason::ControlledShutdown { since, drain: None } => {
                write!(f, "controlled shutdown of the broker ({} so far)", Span(*since))
            }
            WaitReason::ControlledShutdown { since, drain: Some(Drain { leads: 0, replicas }) } => write!(
                f,
                "controlled shutdown of the broker ({} so far; it leads none of its {replicas} partitions any more)",
                Span(*since)
            ),
            WaitReason::ControlledShutdown { since, drain: Some(Drain { leads, replicas }) } => write!(
                f,
                "controlled shutdown of the broker ({} so far; it still leads {leads} of its {replicas} partitions)",
                Span(*since)
            ),
            WaitReason::ZooKeeperStopping { since } => write!(f, "ZooKeeper stops ({} so far)", Span(*since)),
            WaitReason::KernelToEnd { since } => {
                write!(f, "SIGKILL was sent {} ago and the kernel has not ended the process yet", Span(*since))
            }
            WaitReason::ZooKeeperFirst => f.write_str("Kafka starts when ZooKeeper serves"),
            WaitReason::OtherBrokers { brokers } => {
                write!(f, "ZooKeeper stays for the quorum while other brokers are registered: {}", List(brokers))
            }
            WaitReason::Leaving => f.write_str("asking whether ZooKeeper may leave the quorum"),
            WaitReason::KafkaFirst => f.write_str("ZooKeeper stops when Kafka has"),
        }
    }
}

/// Rounded up: a wait that is not over is never shown as none.
/// Sentences in a row.
struct Sentences<'a>(&'a [Said]);

impl fmt::Display for Sentences<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, said) in self.0.iter().enumerate() {
            write!(f, "{}{said}", if place == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

fn whole_seconds(left: Duration) -> Duration {
    Duration::from_secs(left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_codes_is_that_of_the_function() {
        // The match is exhaustive, so its arms are all the codes there are.
        let source = include_str!("reason.rs");
        let function = source.split("pub fn code(").nth(1).and_then(|rest| rest.split("impl fmt::Display").next());
        let arms =
            function.expect("the function").lines().filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","));
        assert_eq!(arms.collect::<Vec<_>>(), WaitReason::CODES);
        assert_eq!(WaitReason::CODES.last(), Some(&WaitReason::ZooKeeperFirst.code()));
    }

    #[test]
    fn a_pause_that_is_not_over_is_never_shown_as_none() {
        let backoff = |left| WaitReason::Backoff { left, cause: ExitCause::Signal(9) }.to_string();
        assert_eq!(backoff(Duration::from_millis(3_200)), "ended: SIGKILL from outside; starts again in 4 s");
        assert_eq!(backoff(Duration::from_secs(72)), "ended: SIGKILL from outside; starts again in 1m 12s");
    }
}
