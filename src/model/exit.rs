//! How a JVM ended and what that means, in words a person can act on.
//!
//! Absent on purpose: causes read from a JVM's output (signatures, OOM killer, `hs_err` files); they come with crash handling.

use std::fmt;

use super::{Blame, Role, SignalReason, SpawnFailure};

/// What `waitpid` said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code. A JVM ended by SIGTERM exits with 143.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
    /// It was no child of ours (an adopted run), and its end was seen in `/proc` alone: nobody was told how it ended.
    Unseen,
}

/// Why a run is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitCause {
    /// It was asked to stop and did so cleanly.
    Stopped,
    /// It was asked to stop, and ended in another way than a clean stop does.
    StoppedUncleanly(ExitStatus),
    /// We killed it, for this reason.
    Killed(SignalReason),
    /// It ended unasked with this code.
    Code(Role, i32),
    /// We ended it because it was hung.
    Health(Blame),
    /// A signal that we did not send ended it.
    Signal(i32),
    /// An adopted run ended unasked: how was told to nobody.
    Unseen,
    /// It never ran.
    NotSpawned(SpawnFailure),
}

/// 128 + SIGTERM: what a JVM exits with after its shutdown hooks ran.
const JVM_TERMINATED: i32 = 143;
const SIGTERM: i32 = 15;

impl ExitCause {
    /// Judges an end: `terminated` when we had sent SIGTERM, `killed` when we had sent SIGKILL.
    pub fn classify(role: Role, status: ExitStatus, terminated: bool, killed: Option<SignalReason>) -> ExitCause {
        if let (Some(reason), ExitStatus::Signal(_)) = (killed, status) {
            return ExitCause::Killed(reason);
        }
        // An exit code after SIGKILL means that the stop ended by itself just before.
        match (terminated, status) {
            (true, ExitStatus::Code(0 | JVM_TERMINATED) | ExitStatus::Signal(SIGTERM)) => ExitCause::Stopped,
            (true, status) => ExitCause::StoppedUncleanly(status),
            (false, ExitStatus::Code(code)) => ExitCause::Code(role, code),
            (false, ExitStatus::Signal(signal)) => ExitCause::Signal(signal),
            (false, ExitStatus::Unseen) => ExitCause::Unseen,
        }
    }

    /// Whether starting it again can help by itself. What cannot is retried at the slow end only.
    pub fn restart_may_help(&self) -> bool {
        match self {
            ExitCause::Stopped | ExitCause::StoppedUncleanly(_) | ExitCause::Killed(_) | ExitCause::Signal(_) => true,
            ExitCause::Unseen | ExitCause::Health(_) => true,
            // ZooKeeper 3.5.8, ExitCode.java: 2 invalid invocation or configuration, 3 data directory, 10 snapshot I/O.
            ExitCause::Code(Role::ZooKeeper, code) => !matches!(code, 2 | 3 | 10),
            ExitCause::Code(Role::Kafka, _) => true,
            ExitCause::NotSpawned(failure) => failure.may_pass(),
        }
    }

    /// The word for `last_exit.cause` in `status --json`.
    pub fn word(&self) -> &'static str {
        match self {
            ExitCause::Stopped => "stopped",
            ExitCause::StoppedUncleanly(_) => "unclean-stop",
            ExitCause::Killed(_) => "killed",
            ExitCause::Code(..) => "exit-code",
            ExitCause::Signal(_) => "signal",
            ExitCause::Health(blame) => blame.word(),
            ExitCause::Unseen => "unseen",
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
            ExitCause::Code(Role::ZooKeeper, 2) => {
                "read the rendered zookeeper.properties (kafka-node plan) against the lines above, mend [zookeeper.properties]"
            }
            ExitCause::Code(Role::ZooKeeper, 3) => {
                "make [zookeeper] data_dir exist and belong to the user that runs kafka-node"
            }
            ExitCause::Code(Role::ZooKeeper, 10) => {
                "check the disk of [zookeeper] data_dir: a snapshot could not be read or written"
            }
            ExitCause::Code(Role::ZooKeeper, 14) => {
                "find who holds the election port, or whether the node's own address is up"
            }
            ExitCause::Code(_, JVM_TERMINATED) => "find who sent the signal; it is started again by itself",
            ExitCause::Code(..) => "read the last lines it wrote in the journal; it is started again by itself",
            ExitCause::Signal(9) => {
                "look for the kernel's OOM killer (journalctl -k), or for a person; it is started again by itself"
            }
            ExitCause::Signal(6 | 11) => {
                "look for an hs_err_pid file in the service's working directory; it is started again by itself"
            }
            ExitCause::Signal(_) => "find who sent the signal; it is started again by itself",
            ExitCause::Health(_) => {
                "read the thread dump in the journal above this entry; it is started again by itself"
            }
            ExitCause::Unseen => "read the last lines it wrote in the journal; it is started again by itself",
            ExitCause::NotSpawned(failure) => failure.remedy(),
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitStatus::Code(code) => write!(f, "exit code {code}"),
            ExitStatus::Signal(signal) => match signal_name(*signal) {
                Some(name) => f.write_str(name),
                None => write!(f, "signal {signal}"),
            },
            ExitStatus::Unseen => f.write_str("an end that nobody was told of"),
        }
    }
}

impl fmt::Display for ExitCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitCause::Stopped => f.write_str("stopped cleanly when asked"),
            ExitCause::StoppedUncleanly(status) => write!(f, "asked to stop, ended uncleanly with {status}"),
            ExitCause::Killed(reason) => write!(f, "SIGKILL by kafka-node: {reason}"),
            ExitCause::Code(_, JVM_TERMINATED) => write!(f, "exit code {JVM_TERMINATED} (a SIGTERM from outside)"),
            ExitCause::Code(Role::ZooKeeper, code) => match zookeeper_code(*code) {
                Some(meaning) => write!(f, "exit code {code} ({meaning})"),
                None => write!(f, "exit code {code}"),
            },
            ExitCause::Code(Role::Kafka, 1) => {
                f.write_str("exit code 1 (the broker gave up starting, or halted on a fatal error)")
            }
            ExitCause::Code(Role::Kafka, code) => write!(f, "exit code {code}"),
            ExitCause::Signal(signal) => write!(f, "{} from outside", ExitStatus::Signal(*signal)),
            ExitCause::Health(blame) => write!(f, "ended by kafka-node: {blame}"),
            ExitCause::Unseen => f.write_str("ended while it was nobody's child: how could not be seen"),
            ExitCause::NotSpawned(failure) => write!(f, "{failure}"),
        }
    }
}

/// ZooKeeper 3.5.8's own meanings (server/ExitCode.java).
fn zookeeper_code(code: i32) -> Option<&'static str> {
    Some(match code {
        1 => "unexpected error",
        2 => "invalid configuration",
        3 => "cannot use the data directory",
        4 => "cannot start the admin server",
        10 => "cannot read or write a snapshot",
        12 => "unmatched transaction commit",
        13 => "error in a quorum packet",
        14 => "cannot bind the election port",
        _ => return None,
    })
}

fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        SIGTERM => "SIGTERM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jvm_that_ends_with_143_after_sigterm_stopped_cleanly_and_unasked_it_did_not() {
        let status = ExitStatus::Code(JVM_TERMINATED);
        assert_eq!(ExitCause::classify(Role::Kafka, status, true, None), ExitCause::Stopped);
        assert_eq!(ExitCause::classify(Role::Kafka, status, false, None), ExitCause::Code(Role::Kafka, 143));
    }

    #[test]
    fn a_kill_of_ours_is_named_by_its_reason_and_a_strangers_by_its_signal() {
        let status = ExitStatus::Signal(9);
        let ours = ExitCause::classify(Role::Kafka, status, true, Some(SignalReason::GraceOver));
        assert!(ours.to_string().starts_with("SIGKILL by kafka-node"), "{ours}");
        let theirs = ExitCause::classify(Role::Kafka, status, false, None);
        assert_eq!(theirs.to_string(), "SIGKILL from outside");
    }
}
