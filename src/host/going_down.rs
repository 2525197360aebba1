//! Whether the whole machine is about to reboot or power off: what a stop of the unit cannot see by itself.
//!
//! Absent on purpose: logind and its inhibitors, which root's `systemctl reboot` asks nothing; and `/run/nologin` and
//! `/run/systemd/shutdown/scheduled`, which announce a shutdown that may still be taken back.

use std::time::Duration;

use crate::model::SystemOutcome;

use super::programs::{Programs, Within, words};

/// The most that each question to systemd may take; there are two at most.
const LIMIT: Duration = Duration::from_secs(3);
/// Every reboot, power-off, halt and kexec starts it, and nothing else does.
const SHUTDOWN: &str = "shutdown.target";

/// Asks systemd. Waits for the answer: 6 s at most.
pub fn ask() -> SystemOutcome {
    going_down(&mut Within(LIMIT))
}

/// The same by these programs.
///
/// `is-system-running` exits with 1 for all states but one, so that its word alone counts. While the boot has not finished (a
/// node that waits for its quorum keeps it from that) it says "starting" even when the machine goes down: then its jobs tell.
pub fn going_down(programs: &mut dyn Programs) -> SystemOutcome {
    if !programs.has("systemctl") {
        // No systemd: whoever stopped us, it was no shutdown of its making.
        return SystemOutcome::Staying;
    }
    let state = match programs.run(&words(&["systemctl", "is-system-running"])) {
        Ok(answer) => answer,
        Err(error) => return SystemOutcome::Unknown(error),
    };
    match state.out.trim() {
        "stopping" => SystemOutcome::GoingDown,
        "running" | "degraded" | "maintenance" | "offline" => SystemOutcome::Staying,
        "starting" | "initializing" => shutdown_is_queued(programs),
        _ => SystemOutcome::Unknown(format!("systemctl is-system-running: {}", state.words())),
    }
}

fn shutdown_is_queued(programs: &mut dyn Programs) -> SystemOutcome {
    match programs.run(&words(&["systemctl", "--no-legend", "--no-pager", "list-jobs", SHUTDOWN])) {
        Ok(answer) if !answer.is_ok() => SystemOutcome::Unknown(format!("systemctl list-jobs: {}", answer.words())),
        Ok(answer) if answer.out.lines().any(starts_shutdown) => SystemOutcome::GoingDown,
        Ok(_) => SystemOutcome::Staying,
        Err(error) => SystemOutcome::Unknown(error),
    }
}

/// `  812 shutdown.target  start waiting`: systemd 219 lists every job whatever pattern it is given, and a stop of the target is
/// none of the machine.
fn starts_shutdown(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| *word != SHUTDOWN);
    words.next().is_some() && words.next() == Some("start")
}

#[cfg(test)]
mod tests {
    use super::super::programs::Answer;
    use super::*;

    /// systemctl with these two answers: exit code and stdout.
    struct Said(bool, (i32, &'static str), (i32, &'static str));

    impl Programs for Said {
        fn has(&self, name: &str) -> bool {
            name == "systemctl" && self.0
        }

        fn run(&mut self, words: &[String]) -> Result<Answer, String> {
            let (code, out) = if words.iter().any(|word| word == "list-jobs") { self.2 } else { self.1 };
            if code < 0 {
                return Err("systemctl does not end; it was ended".to_owned());
            }
            Ok(Answer { code: Some(code), out: out.to_owned(), err: String::new() })
        }
    }

    #[test]
    fn what_systemd_says_is_understood_at_every_age_of_the_boot() {
        let none = (0, "");
        let ssh = "  91 sshd.service    start waiting\n 101 reboot.target   start waiting\n";
        let queued = "  91 sshd.service    stop  running\n 102 shutdown.target start waiting\n";
        let conflict = " 102 shutdown.target stop  waiting\n";
        for (state, jobs, expected) in [
            ((0, "running\n"), none, SystemOutcome::Staying),
            ((1, "degraded\n"), none, SystemOutcome::Staying),
            ((1, "maintenance\n"), none, SystemOutcome::Staying),
            ((1, "stopping\n"), none, SystemOutcome::GoingDown),
            ((1, "starting\n"), (0, ssh), SystemOutcome::Staying),
            ((1, "starting\n"), (0, queued), SystemOutcome::GoingDown),
            ((1, "initializing\n"), (0, queued), SystemOutcome::GoingDown),
            ((1, "starting\n"), (0, conflict), SystemOutcome::Staying),
            ((1, "starting\n"), (0, "No jobs running.\n"), SystemOutcome::Staying),
        ] {
            assert_eq!(going_down(&mut Said(true, state, jobs)), expected, "{state:?} {jobs:?}");
        }
        assert_eq!(going_down(&mut Said(false, none, none)), SystemOutcome::Staying);
        for (state, jobs) in [((1, "unknown\n"), none), ((1, ""), none), ((-1, ""), none), ((1, "starting"), (1, ""))] {
            let outcome = going_down(&mut Said(true, state, jobs));
            assert!(matches!(outcome, SystemOutcome::Unknown(_)), "{state:?}: {outcome:?}");
        }
    }
}
