//! What happens to the supervisor, and what it wants done: the whole language between the pure core and the effects.

use std::time::Duration;

use crate::model::{
    Blame, BrokerOutcome, BrokersOutcome, CouncilOutcome, EnsembleView, Evidence, ExitStatus, FenceOutcome,
    GateOutcome, InSyncOutcome, MarkOutcome, Notice, PreflightOutcome, Presence, Progress, RegistrationOutcome, Role,
    RollMark, RunId, SessionId, SpawnFailure, StopCause, SystemOutcome, TokenOutcome, ZooKeeperOutcome,
};

/// Something that happened. Events about a child carry its run: news of a run that is over is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The process of `run` exists.
    Spawned {
        /// Which service.
        role: Role,
        /// Which life of it.
        run: RunId,
        /// Its process id.
        pid: i32,
    },
    /// The process of `run` could not be made; there will be no `Exited` for it.
    SpawnFailed {
        /// Which service.
        role: Role,
        /// Which life of it.
        run: RunId,
        /// Why.
        failure: SpawnFailure,
    },
    /// The process of `run` was reaped, or found gone: the proof of its death. Sent once, after `Spawned` or for an adopted run.
    Exited {
        /// Which service.
        role: Role,
        /// Which life of it.
        run: RunId,
        /// How it ended.
        status: ExitStatus,
        /// What else was found about its end.
        evidence: Evidence,
    },
    /// The broker of `run` says in its output that it has this ZooKeeper session.
    Session {
        /// The run that said so.
        run: RunId,
        /// Its session.
        session: SessionId,
    },
    /// Answer to [`Probe::Preflight`].
    Preflight {
        /// Which service is to start.
        role: Role,
        /// What was found.
        outcome: PreflightOutcome,
    },
    /// Answer to [`Probe::ZooKeeper`].
    ZooKeeper {
        /// The run that was asked.
        run: RunId,
        /// What it answered.
        outcome: ZooKeeperOutcome,
    },
    /// Answer to [`Probe::Ensemble`].
    Ensemble {
        /// What the other members answered.
        view: EnsembleView,
    },
    /// Answer to [`Probe::Registration`].
    Registration {
        /// Which question this answers: an answer to an earlier one is ignored, since it may have been read before the
        /// broker's last life ended.
        ask: u64,
        /// What stands at `/brokers/ids/N`.
        outcome: RegistrationOutcome,
    },
    /// Answer to [`Probe::Fence`].
    Fence {
        /// Which attempt this answers.
        ask: u64,
        /// What became of it.
        outcome: FenceOutcome,
    },
    /// Answer to [`Probe::Token`].
    Token {
        /// Which attempt this answers.
        ask: u64,
        /// What became of it.
        outcome: TokenOutcome,
    },
    /// Answer to [`Probe::Brokers`].
    Brokers {
        /// What stands below `/brokers/ids`.
        outcome: BrokersOutcome,
    },
    /// Answer to [`Probe::Broker`].
    Broker {
        /// The run that was asked.
        run: RunId,
        /// What it answered.
        outcome: BrokerOutcome,
    },
    /// Answer to [`Probe::InSync`].
    InSync {
        /// The run that was asked.
        run: RunId,
        /// What it answered.
        outcome: InSyncOutcome,
    },
    /// Answer to [`Probe::Progress`].
    Progress {
        /// Which service.
        role: Role,
        /// The run that was looked at.
        run: RunId,
        /// Its counters.
        progress: Progress,
    },
    /// Answer to [`Probe::Council`].
    Council {
        /// Which question this answers.
        ask: u64,
        /// What was read.
        outcome: CouncilOutcome,
    },
    /// Answer to [`Probe::Gate`].
    Gate {
        /// Which question this answers.
        ask: u64,
        /// What the gate said.
        outcome: GateOutcome,
    },
    /// Answer to [`Probe::Lock`].
    Lock {
        /// Which attempt this answers.
        ask: u64,
        /// What became of it.
        outcome: TokenOutcome,
    },
    /// Answer to [`Probe::Unlock`].
    Unlock {
        /// Which attempt this answers.
        ask: u64,
        /// Why it is not known to be given back, in words.
        outcome: Result<(), String>,
    },
    /// Answer to [`Probe::Elect`].
    Elect {
        /// Which attempt this answers.
        ask: u64,
        /// Leaders may have moved, or it is not known that they did not.
        moved: bool,
    },
    /// Answer to [`Probe::Mark`].
    Mark {
        /// Which attempt this answers.
        ask: u64,
        /// What became of it.
        outcome: MarkOutcome,
    },
    /// Answer to [`Probe::System`].
    System {
        /// Which question this answers.
        ask: u64,
        /// What was found.
        outcome: SystemOutcome,
    },
    /// Answer to [`Probe::Successor`].
    Successor {
        /// Which question this answers.
        ask: u64,
        /// Why the program or the configuration that would come next cannot be used, in words.
        outcome: Result<(), String>,
    },
    /// The node is to stop. A second one skips waits.
    Stop {
        /// Who asked.
        cause: StopCause,
    },
}

/// Something the supervisor wants done. Doing it never blocks the loop; what comes of it is an [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write the service's files and make its process: answered by `Spawned` or `SpawnFailed`.
    Spawn {
        /// Which service.
        role: Role,
        /// Which life of it.
        run: RunId,
    },
    /// SIGTERM to the process of `run`.
    Terminate {
        /// Which service.
        role: Role,
        /// Which life of it.
        run: RunId,
    },
    /// SIGKILL to the process group of `run`.
    Kill {
        /// Which service.
        role: Role,
        /// Which life of it.
        run: RunId,
    },
    /// SIGQUIT to the JVM of `run`: it prints what each of its threads does.
    Dump {
        /// Which service.
        role: Role,
        /// Which life of it.
        run: RunId,
    },
    /// Write this about `run` into the record on disk, so that the next supervisor knows it, even after a power cut.
    Mark {
        /// Which service.
        role: Role,
        /// Which life of it.
        run: RunId,
        /// What to write.
        mark: Mark,
    },
    /// Nothing of this dead run is owed any more: the record on disk may forget it.
    Settle {
        /// Which service.
        role: Role,
        /// Which life of it.
        run: RunId,
    },
    /// Give the cluster's restart token back.
    ReleaseToken,
    /// Look at something: answered by the event of the same name, within [`PROBE_LIMIT`].
    Probe(Probe),
    /// Say this in the journal and remember it among the last events.
    Announce(Notice),
    /// READY=1: the configured level is reached for the first time.
    Ready,
    /// STOPPING=1: the stop has begun.
    Stopping,
    /// Start this program anew in place, with the program and the configuration as they are; what lives lives on.
    Anew,
    /// Order the whole cluster to power down: every node's machine is powering off anyway.
    OrderPowerDown,
    /// Have the machine rebooted; what comes of it is a [`Event::Stop`].
    Reboot,
    /// The order to power the cluster down has been carried out, and this node is well: remove it.
    WithdrawPowerDown,
    /// Everything has stopped: end with 0 if `clean`, else with 1.
    Finish {
        /// Both stops were clean.
        clean: bool,
    },
}

/// What the record on disk says of a run besides its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The broker has this ZooKeeper session.
    Session(SessionId),
    /// The service served: a SIGTERM is answered by a clean stop.
    Served,
}

/// What can be looked at, or tried with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The machine, before this service starts: directories, ports, addresses, names, earlier runs.
    Preflight {
        /// Which service is to start.
        role: Role,
    },
    /// `srvr` of this node's ZooKeeper.
    ZooKeeper {
        /// The run to ask.
        run: RunId,
    },
    /// `srvr` of every other member of the ensemble, side by side.
    Ensemble {
        /// A member that takes longer counts as silent: the answer is as old as its slowest member.
        limit: Duration,
    },
    /// `/brokers/ids/N` through our own ZooKeeper session.
    Registration {
        /// The question's number, to be given back with the answer.
        ask: u64,
    },
    /// Remove `/brokers/ids/N` (and `/controller`) where this session of a dead run holds it.
    Fence {
        /// The attempt's number, to be given back with the answer.
        ask: u64,
        /// The session of the dead run.
        session: SessionId,
    },
    /// Take the cluster's restart token, or see that it is still ours.
    Token {
        /// The attempt's number, to be given back with the answer.
        ask: u64,
        /// Which service is to be restarted.
        role: Role,
        /// Why.
        blame: Blame,
    },
    /// What the supervisors share, through a ZooKeeper session of its own; this node's presence is written with it.
    Council {
        /// The question's number, to be given back with the answer.
        ask: u64,
        /// What this node says of itself.
        presence: Presence,
    },
    /// May this node go down? A view of the whole cluster, judged.
    Gate {
        /// The question's number, to be given back with the answer.
        ask: u64,
        /// The machine powers off.
        for_good: bool,
    },
    /// Take the lock that a node holds while it may be down, or see that it is ours.
    Lock {
        /// The attempt's number, to be given back with the answer.
        ask: u64,
        /// The roll it is for; empty for none.
        roll: String,
        /// The machine powers off.
        for_good: bool,
    },
    /// Give that lock back, if it is ours.
    Unlock {
        /// The attempt's number, to be given back with the answer.
        ask: u64,
    },
    /// Have every partition led by its preferred replica where that is in sync.
    Elect {
        /// The attempt's number, to be given back with the answer.
        ask: u64,
    },
    /// Write this about this node's step of a roll.
    Mark {
        /// The attempt's number, to be given back with the answer.
        ask: u64,
        /// The roll's id.
        id: String,
        /// What to write.
        mark: RollMark,
    },
    /// Whether the whole machine is about to go down.
    System {
        /// The question's number, to be given back with the answer.
        ask: u64,
    },
    /// Whether the program and the configuration as they are now can be started anew.
    Successor {
        /// The question's number, to be given back with the answer.
        ask: u64,
    },
    /// The children of `/brokers/ids`, through our own ZooKeeper session.
    Brokers,
    /// ApiVersions and Metadata of this node's broker.
    Broker {
        /// The run to ask.
        run: RunId,
    },
    /// The ISR of every partition, by this node's broker.
    InSync {
        /// The run to ask.
        run: RunId,
    },
    /// CPU, storage and log counters of a run.
    Progress {
        /// Which service.
        role: Role,
        /// The run to look at.
        run: RunId,
    },
}

/// Every probe is answered within this time, if only by a `TimedOut` or `Unreadable`. The supervisor asks again when one
/// is not (twice the limit later), so that a lost answer delays and never stalls.
pub const PROBE_LIMIT: Duration = Duration::from_secs(5);
