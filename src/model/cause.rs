//! Why a run is over and what that means, in words a person can act on.
//!
//! [`ExitCause::classify`] weighs what is known of an end, the surest first: our own SIGKILL, the kernel's OOM killer, the
//! JVM's report of its own crash, a SIGTERM from outside, the trouble that its last words name, and what `waitpid` said alone.
//! Absent on purpose: where that knowledge comes from (`logs` reads the words, the runtime asks kernel and disk), and the
//! sentences of a bare exit code (`exit_code`).

use std::fmt;

use super::exit_code::{CodeWords, JVM_TERMINATED};
use super::{Blame, Cure, Evidence, ExitStatus, Role, SignalReason, Signature, SpawnFailure};

/// Why a run is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitCause {
    /// It was asked to stop and did so cleanly.
    Stopped,
    /// It was asked to stop, and ended in another way than a clean stop does.
    StoppedUncleanly(ExitStatus),
    /// We killed it, for this reason.
    Killed(SignalReason),
    /// We ended it because it was hung.
    Health(Blame),
    /// The kernel's OOM killer ended it.
    OutOfMemory,
    /// The JVM crashed and left this report (`hs_err_pidN.log`).
    Crashed {
        /// The report's path.
        report: String,
    },
    /// Somebody else sent SIGTERM while it recovered its logs: the recovery done is lost.
    StoppedInRecovery(ExitStatus),
    /// It ended unasked, and what it printed names the trouble.
    Known {
        /// What `waitpid` said.
        status: ExitStatus,
        /// The trouble.
        signature: &'static Signature,
    },
    /// It ended unasked with this code.
    Code(Role, i32),
    /// A signal that we did not send ended it.
    Signal(i32),
    /// An adopted run ended unasked: how was told to nobody.
    Unseen,
    /// It never ran.
    NotSpawned(SpawnFailure),
}

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
/// What a JVM exits with after SIGHUP, SIGINT and SIGTERM: 128 + the signal. It never chooses these codes by itself.
const CODES_OF_SIGNALS: [i32; 3] = [129, 130, JVM_TERMINATED];
/// SIGHUP, SIGINT, SIGKILL and SIGTERM come from outside: no JVM sends them to itself, whatever it printed before.
const SIGNALS_FROM_OUTSIDE: [i32; 4] = [1, 2, SIGKILL, SIGTERM];

impl ExitCause {
    /// Judges an end: `terminated` when we had sent SIGTERM, `killed` when we had sent SIGKILL.
    pub fn classify(
        role: Role,
        status: ExitStatus,
        terminated: bool,
        killed: Option<SignalReason>,
        evidence: &Evidence,
    ) -> ExitCause {
        // An exit code after SIGKILL means that the stop ended by itself just before; so do the words of an adopted run.
        if let Some(reason) = killed
            && match status {
                ExitStatus::Signal(_) => true,
                ExitStatus::Unseen => !evidence.said_stopped,
                ExitStatus::Code(_) => false,
            }
        {
            return ExitCause::Killed(reason);
        }
        if evidence.oom_killed && matches!(status, ExitStatus::Signal(SIGKILL) | ExitStatus::Unseen) {
            return ExitCause::OutOfMemory;
        }
        // A JVM that crashes aborts; one that ran its shutdown hooks did not, whatever file lies about.
        if let Some(report) = &evidence.hs_err
            && !matches!(status, ExitStatus::Code(0 | JVM_TERMINATED))
        {
            return ExitCause::Crashed { report: report.clone() };
        }
        if terminated {
            return ExitCause::of_stop(role, status, evidence);
        }
        if evidence.recovering && sent_sigterm(status, evidence) {
            return ExitCause::StoppedInRecovery(status);
        }
        match (evidence.signature, status) {
            (Some(signature), status) if !ended_from_outside(status) => ExitCause::Known { status, signature },
            (_, ExitStatus::Code(code)) => ExitCause::Code(role, code),
            (_, ExitStatus::Signal(signal)) => ExitCause::Signal(signal),
            (_, ExitStatus::Unseen) => ExitCause::Unseen,
        }
    }

    /// Judges the end of a run that was asked to stop. Of an adopted one the status is not known: ZooKeeper, which syncs
    /// all it has said yes to, cannot stop uncleanly, and Kafka says when its stop is complete.
    fn of_stop(role: Role, status: ExitStatus, evidence: &Evidence) -> ExitCause {
        let clean = match status {
            ExitStatus::Code(0 | JVM_TERMINATED) | ExitStatus::Signal(SIGTERM) => true,
            ExitStatus::Code(_) | ExitStatus::Signal(_) => false,
            ExitStatus::Unseen => role == Role::ZooKeeper || evidence.said_stopped,
        };
        if clean { ExitCause::Stopped } else { ExitCause::StoppedUncleanly(status) }
    }

    /// Whether starting it again can help by itself. What cannot is retried at the slow end only.
    pub fn restart_may_help(&self) -> bool {
        match self {
            ExitCause::Stopped | ExitCause::StoppedUncleanly(_) | ExitCause::Killed(_) | ExitCause::Signal(_) => true,
            ExitCause::OutOfMemory | ExitCause::Crashed { .. } | ExitCause::StoppedInRecovery(_) => true,
            ExitCause::Unseen | ExitCause::Health(_) => true,
            ExitCause::Known { signature, .. } => signature.cure != Cure::Operator,
            ExitCause::Code(role, code) => CodeWords::of(*role, *code).restart_may_help,
            ExitCause::NotSpawned(failure) => failure.may_pass(),
        }
    }

    /// The word for `last_exit.cause` in `status --json`: a known trouble's own code, or one of these.
    pub fn word(&self) -> &'static str {
        match self {
            ExitCause::Stopped => "stopped",
            ExitCause::StoppedUncleanly(_) => "unclean-stop",
            ExitCause::Killed(_) => "killed",
            ExitCause::OutOfMemory => "oom-killed",
            ExitCause::Crashed { .. } => "crashed",
            ExitCause::StoppedInRecovery(_) => "stopped-in-recovery",
            ExitCause::Known { signature, .. } => signature.code,
            ExitCause::Code(..) => "exit-code",
            ExitCause::Signal(_) => "signal",
            ExitCause::Unseen => "unseen",
            ExitCause::Health(blame) => blame.word(),
            ExitCause::NotSpawned(_) => "not-spawned",
        }
    }

    /// What an operator can do about it; empty when nothing needs doing.
    pub fn remedy(&self) -> &'static str {
        match self {
            ExitCause::Stopped => "",
            ExitCause::StoppedUncleanly(_) | ExitCause::Killed(_) => {
                "expect log recovery at the next start; read the journal above this entry for what held the stop up"
            }
            ExitCause::OutOfMemory => {
                "give the node more memory, or lower heap = in [kafka] or [zookeeper] or what else runs beside them; see \
                 journalctl -k for what the kernel counted"
            }
            ExitCause::Crashed { .. } => {
                "read the head of that report: a fault in native code, in the JVM or in memory; update Java, test the \
                 memory; it is started again by itself"
            }
            ExitCause::StoppedInRecovery(_) => {
                "find who sent the signal, and stop the node by kafka-node only: it waits for the recovery, which begins \
                 anew with the next start"
            }
            ExitCause::Known { signature, .. } => signature.remedy,
            ExitCause::Code(role, code) => CodeWords::of(*role, *code).remedy,
            ExitCause::Signal(SIGKILL) => {
                "look for the kernel's OOM killer (journalctl -k), or for a person; it is started again by itself"
            }
            ExitCause::Signal(6 | 11) => {
                "look for an hs_err_pid file in the service's working directory; it is started again by itself"
            }
            ExitCause::Signal(_) => "find who sent the signal; it is started again by itself",
            ExitCause::Health(_) => {
                "read the thread dump among its lines in the journal; it is started again by itself"
            }
            ExitCause::Unseen => "read the last lines it wrote in the journal; it is started again by itself",
            ExitCause::NotSpawned(failure) => failure.remedy(),
        }
    }
}

/// Somebody sent SIGTERM: the status says so, or the broker did. During its start it then halts with code 1.
fn sent_sigterm(status: ExitStatus, evidence: &Evidence) -> bool {
    matches!(status, ExitStatus::Code(JVM_TERMINATED) | ExitStatus::Signal(SIGTERM))
        || evidence.signature.is_some_and(|signature| signature.code == Signature::SIGTERM)
}

/// Whether the status alone proves that the end came from outside, so that no trouble which it printed explains it.
fn ended_from_outside(status: ExitStatus) -> bool {
    match status {
        ExitStatus::Code(code) => CODES_OF_SIGNALS.contains(&code),
        ExitStatus::Signal(signal) => SIGNALS_FROM_OUTSIDE.contains(&signal),
        ExitStatus::Unseen => false,
    }
}

impl fmt::Display for ExitCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitCause::Stopped => f.write_str("stopped cleanly when asked"),
            ExitCause::StoppedUncleanly(status) => write!(f, "asked to stop, ended uncleanly with {status}"),
            ExitCause::Killed(reason) => write!(f, "SIGKILL by kafka-node: {reason}"),
            ExitCause::OutOfMemory => f.write_str("SIGKILL by the kernel's OOM killer"),
            ExitCause::Crashed { report } => write!(f, "the JVM crashed: {report}"),
            ExitCause::StoppedInRecovery(status) => {
                write!(f, "{status}: a SIGTERM from outside while it recovered its logs")
            }
            ExitCause::Known { status, signature } => write!(f, "{status}: {}", signature.cause),
            ExitCause::Code(role, code) => match CodeWords::of(*role, *code).meaning {
                "" => write!(f, "exit code {code}"),
                meaning => write!(f, "exit code {code} ({meaning})"),
            },
            ExitCause::Signal(signal) => write!(f, "{} from outside", ExitStatus::Signal(*signal)),
            ExitCause::Health(blame) => write!(f, "ended by kafka-node: {blame}"),
            ExitCause::Unseen => f.write_str("ended while it was nobody's child: how could not be seen"),
            ExitCause::NotSpawned(failure) => write!(f, "{failure}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static FULL: Signature =
        Signature { code: "no-space", role: None, cause: "a disk is full", remedy: "free room", cure: Cure::Operator };
    static EXISTS: Signature =
        Signature { code: "node-exists", role: None, cause: "held", remedy: "wait", cure: Cure::Time };
    static TERM: Signature =
        Signature { code: Signature::SIGTERM, role: None, cause: "sent", remedy: "find", cure: Cure::Restart };

    fn all() -> Evidence {
        Evidence {
            signature: Some(&FULL),
            oom_killed: true,
            hs_err: Some("/data/hs_err_pid9.log".to_owned()),
            recovering: true,
            said_stopped: true,
            last_lines: Vec::new(),
        }
    }

    fn named(signature: &'static Signature) -> Evidence {
        Evidence { signature: Some(signature), ..Evidence::default() }
    }

    /// The end of a run that nobody here asked to end.
    fn unasked(status: ExitStatus, evidence: &Evidence) -> ExitCause {
        ExitCause::classify(Role::Kafka, status, false, None, evidence)
    }

    fn asked(role: Role, status: ExitStatus, evidence: &Evidence) -> ExitCause {
        ExitCause::classify(role, status, true, None, evidence)
    }

    #[test]
    fn a_jvm_that_ends_with_143_after_sigterm_stopped_cleanly_and_unasked_it_did_not() {
        let status = ExitStatus::Code(JVM_TERMINATED);
        assert_eq!(asked(Role::Kafka, status, &Evidence::default()), ExitCause::Stopped);
        let theirs = unasked(status, &Evidence::default());
        assert_eq!(theirs, ExitCause::Code(Role::Kafka, 143));
        assert_eq!(theirs.to_string(), "exit code 143 (a SIGTERM from outside)");
    }

    #[test]
    fn a_kill_of_ours_is_named_by_its_reason_and_a_strangers_by_its_signal() {
        let status = ExitStatus::Signal(9);
        let ours = ExitCause::classify(Role::Kafka, status, true, Some(SignalReason::GraceOver), &all());
        assert!(ours.to_string().starts_with("SIGKILL by kafka-node"), "{ours}");
        let theirs = unasked(status, &named(&FULL));
        assert_eq!(theirs.to_string(), "SIGKILL from outside");
    }

    #[test]
    fn what_is_surer_weighs_more() {
        let mut evidence = all();
        assert_eq!(unasked(ExitStatus::Signal(9), &evidence), ExitCause::OutOfMemory);
        assert_eq!(unasked(ExitStatus::Unseen, &evidence), ExitCause::OutOfMemory);
        // The kernel's OOM killer sends SIGKILL and nothing else: another process of the group was its victim.
        let crashed = unasked(ExitStatus::Signal(6), &evidence);
        assert_eq!(crashed, ExitCause::Crashed { report: "/data/hs_err_pid9.log".to_owned() });
        assert_eq!(crashed.to_string(), "the JVM crashed: /data/hs_err_pid9.log");
        evidence.hs_err = None;
        let known = unasked(ExitStatus::Signal(6), &evidence);
        assert_eq!(known, ExitCause::Known { status: ExitStatus::Signal(6), signature: &FULL });
        evidence.signature = None;
        assert_eq!(unasked(ExitStatus::Signal(6), &evidence), ExitCause::Signal(6));
        evidence.oom_killed = false;
        assert_eq!(unasked(ExitStatus::Unseen, &evidence), ExitCause::Unseen);
    }

    #[test]
    fn a_known_trouble_explains_every_end_but_one_that_came_from_outside() {
        for status in [ExitStatus::Code(1), ExitStatus::Code(3), ExitStatus::Signal(7), ExitStatus::Unseen] {
            assert_eq!(unasked(status, &named(&FULL)), ExitCause::Known { status, signature: &FULL });
        }
        for status in [ExitStatus::Code(143), ExitStatus::Code(130), ExitStatus::Signal(9), ExitStatus::Signal(15)] {
            let cause = unasked(status, &named(&FULL));
            assert!(matches!(cause, ExitCause::Code(..) | ExitCause::Signal(_)), "{cause:?}");
        }
        let cause = unasked(ExitStatus::Code(1), &named(&FULL));
        assert_eq!(cause.to_string(), "exit code 1: a disk is full");
        assert_eq!((cause.word(), cause.remedy()), ("no-space", "free room"));
    }

    #[test]
    fn what_only_a_person_can_cure_is_not_hurried_and_all_else_is() {
        let helps = |signature| unasked(ExitStatus::Code(1), &named(signature)).restart_may_help();
        assert!(!helps(&FULL) && helps(&EXISTS) && helps(&TERM));
        assert!(ExitCause::OutOfMemory.restart_may_help());
        assert!(ExitCause::StoppedInRecovery(ExitStatus::Code(1)).restart_may_help());
        let bare = |code| ExitCause::Code(Role::ZooKeeper, code).restart_may_help();
        assert!(!bare(2) && !bare(3) && !bare(10) && bare(1) && bare(14));
    }

    #[test]
    fn a_sigterm_of_somebody_else_in_a_recovery_is_called_that() {
        let recovering = |signature| Evidence { recovering: true, signature, ..Evidence::default() };
        let lost = |status, signature| unasked(status, &recovering(signature));
        for (status, signature) in
            [(ExitStatus::Code(143), None), (ExitStatus::Code(1), Some(&TERM)), (ExitStatus::Unseen, Some(&TERM))]
        {
            assert_eq!(lost(status, signature), ExitCause::StoppedInRecovery(status));
            assert_eq!(lost(status, signature).word(), "stopped-in-recovery");
        }
        // It ended in its recovery of its own accord, or by a kill.
        assert_eq!(lost(ExitStatus::Code(1), Some(&FULL)).word(), "no-space");
        assert_eq!(lost(ExitStatus::Signal(9), None), ExitCause::Signal(9));
        // Without a recovery nothing is lost but the start.
        assert_eq!(unasked(ExitStatus::Code(1), &named(&TERM)).word(), "sigterm");
        // We asked for it: an unclean stop.
        let ours = asked(Role::Kafka, ExitStatus::Code(1), &recovering(Some(&TERM)));
        assert_eq!(ours, ExitCause::StoppedUncleanly(ExitStatus::Code(1)));
    }

    #[test]
    fn an_adopted_run_stopped_cleanly_if_it_says_so_or_is_zookeeper() {
        let said = Evidence { said_stopped: true, ..Evidence::default() };
        let silent = Evidence::default();
        let unseen = ExitStatus::Unseen;
        assert_eq!(asked(Role::Kafka, unseen, &said), ExitCause::Stopped);
        assert_eq!(asked(Role::Kafka, unseen, &silent), ExitCause::StoppedUncleanly(unseen));
        assert_eq!(asked(Role::ZooKeeper, unseen, &silent), ExitCause::Stopped);
        assert_eq!(asked(Role::Kafka, ExitStatus::Code(1), &said), ExitCause::StoppedUncleanly(ExitStatus::Code(1)));
        let killed = |evidence| ExitCause::classify(Role::Kafka, unseen, true, Some(SignalReason::GraceOver), evidence);
        assert_eq!(killed(&said), ExitCause::Stopped);
        assert_eq!(killed(&silent), ExitCause::Killed(SignalReason::GraceOver));
    }
}
