//! What was found about an end besides its status: the run's last words, crash reports, the kernel's word.
//!
//! Absent on purpose: the table of known signatures (`logs`), and what is made of it all (`exit`).

use super::Role;

/// What ends a known trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cure {
    /// A new start: nothing outside the process is wrong.
    Restart,
    /// Time: something else has to end first (a session, a port, another server), and trying again meanwhile does no harm.
    Time,
    /// A person: no restart can help, so it is tried slowly and shown.
    Operator,
}

/// A trouble that is known by what the JVM printed.
#[derive(Debug)]
pub struct Signature {
    /// Stable word of `last_exit.cause`, such as `cluster-id-mismatch`.
    pub code: &'static str,
    /// Whose output it is found in; `None` for any JVM.
    pub role: Option<Role>,
    /// What happened, in one sentence without a full stop, lowercase.
    pub cause: &'static str,
    /// What an operator can do about it, in the imperative.
    pub remedy: &'static str,
    /// What ends it.
    pub cure: Cure,
}

impl Signature {
    /// The code of the one trouble that is a matter of what surrounds it too: the broker said that it was sent SIGTERM.
    pub const SIGTERM: &'static str = "sigterm";
}

/// Two are the same if their words are.
impl PartialEq for Signature {
    fn eq(&self, other: &Signature) -> bool {
        self.code == other.code
    }
}

impl Eq for Signature {}

/// What was found about the end of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The weightiest known trouble that its output names.
    pub signature: Option<&'static Signature>,
    /// The kernel killed it for memory.
    pub oom_killed: bool,
    /// The JVM left a report of its own crash (`hs_err_pidN.log`): its path.
    pub hs_err: Option<String>,
    /// It recovered its logs when it ended, by its own words.
    pub recovering: bool,
    /// It said that its stop was complete (Kafka: "shut down completed").
    pub said_stopped: bool,
    /// The last lines it printed, oldest first; bounded in number and length.
    pub last_lines: Vec<String>,
}
