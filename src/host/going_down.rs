//! Whether the whole machine is about to reboot or power off: what a stop of the unit cannot see by itself.
//!
//! Absent on purpose: logind and its inhibitors, which root's `systemctl reboot` asks nothing; and `/run/nologin` and
//! `/run/systemd/shutdown/scheduled`, which announce a shutdown that may still be taken back.

use std::time::Duration;

use crate::model::SystemOutcome;

use super::programs::{Programs, Within, words};

/// The most that each question to systemd may take; there are two at most.
const LIMIT: Duration = Duration::from_secs(2);
/// Every reboot, power-off, halt and kexec starts it, and nothing else does.
const SHUTDOWN: &str = "shutdown.target";
/// What it does in the end, where that is not a reboot.
const FOR_GOOD: [&str; 2] = ["poweroff.target", "halt.target"];

/// Asks systemd. Waits for the answer: 4 s at most.
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
        "stopping" => SystemOutcome::GoingDown { for_good: queued(programs).is_ok_and(|jobs| powers_off(&jobs)) },
        "running" | "degraded" | "maintenance" | "offline" => SystemOutcome::Staying,
        "starting" | "initializing" => match queued(programs) {
            Ok(jobs) if starts(&jobs, SHUTDOWN) => SystemOutcome::GoingDown { for_good: powers_off(&jobs) },
            Ok(_) => SystemOutcome::Staying,
            Err(words) => SystemOutcome::Unknown(words),
        },
        _ => SystemOutcome::Unknown(format!("systemctl is-system-running: {}", state.words())),
    }
}

/// The jobs of systemd, a line each.
fn queued(programs: &mut dyn Programs) -> Result<String, String> {
    let answer = programs.run(&words(&["systemctl", "--no-legend", "--no-pager", "list-jobs"]))?;
    if answer.is_ok() { Ok(answer.out) } else { Err(format!("systemctl list-jobs: {}", answer.words())) }
}

/// It goes down and is not to come up again by itself. Where no job says so it is taken for a reboot, which is waited for.
fn powers_off(jobs: &str) -> bool {
    FOR_GOOD.iter().any(|target| starts(jobs, target))
}

/// `  812 shutdown.target  start waiting`: a stop of a target is none of the machine.
fn starts(jobs: &str, target: &str) -> bool {
    jobs.lines().any(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != target);
        words.next().is_some() && words.next() == Some("start")
    })
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
        let off = " 101 poweroff.target start waiting\n 102 shutdown.target start running\n";
        let (reboots, powers_off) =
            (SystemOutcome::GoingDown { for_good: false }, SystemOutcome::GoingDown { for_good: true });
        let conflict = " 102 shutdown.target stop  waiting\n";
        for (state, jobs, expected) in [
            ((0, "running\n"), none, SystemOutcome::Staying),
            ((1, "degraded\n"), none, SystemOutcome::Staying),
            ((1, "maintenance\n"), none, SystemOutcome::Staying),
            ((1, "stopping\n"), none, reboots.clone()),
            ((1, "stopping\n"), (1, ""), reboots.clone()),
            ((1, "stopping\n"), (0, queued), reboots.clone()),
            ((1, "stopping\n"), (0, off), powers_off.clone()),
            ((1, "starting\n"), (0, off), powers_off),
            ((1, "starting\n"), (0, ssh), SystemOutcome::Staying),
            ((1, "starting\n"), (0, queued), reboots.clone()),
            ((1, "initializing\n"), (0, queued), reboots),
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
