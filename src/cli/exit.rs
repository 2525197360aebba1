//! The exit codes: stable, few, and the same for every verb (sysexits.h where it has a word).
//!
//! Absent on purpose: what a verb means by them; each verb's help says so.
//!
//! Effects: none but a number for the system; `ExitCode` is of `std::process`.

use std::process::ExitCode;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: yes, done, ready; for `run`: everything stopped cleanly.
    Yes,
    /// 1: no, denied, not ready; for `run`: not all of it stopped cleanly.
    No,
    /// 2: the command line was not understood.
    Usage,
    /// 3: for `run` alone: everything stopped cleanly because an operator ordered it (`kafka-node stop`), and stays down: the
    /// unit does not start it again (RestartPreventExitStatus=).
    Ordered,
    /// 69 (EX_UNAVAILABLE): no supervisor answers.
    Unavailable,
    /// 75 (EX_TEMPFAIL): not now; for `run`: another supervisor runs this node.
    TryLater,
    /// 78 (EX_CONFIG): the configuration or the machine cannot work as it is; starting again will not help, so the unit
    /// does not (RestartPreventExitStatus=78).
    BadConfig,
}

impl Exit {
    /// What a verb that speaks in numbers means; an unknown one is a no.
    pub fn from_code(code: u8) -> Exit {
        let known = [Exit::Yes, Exit::Usage, Exit::Ordered, Exit::Unavailable, Exit::TryLater, Exit::BadConfig];
        known.into_iter().find(|exit| exit.code() == code).unwrap_or(Exit::No)
    }

    /// The number that scripts see.
    pub fn code(self) -> u8 {
        match self {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Ordered => 3,
            Exit::Unavailable => 69,
            Exit::TryLater => 75,
            Exit::BadConfig => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
