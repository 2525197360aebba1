//! Processes left behind by what a task started: found, named, ended by pid.
//! A task makes itself the reaper of its orphans (prctl(2), PR_SET_CHILD_SUBREAPER; Linux 3.4), so a JVM whose
//! supervisor died comes to it and cannot hide. Absent on purpose: any search by name among other people's processes.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::child::{self, POLL};
use crate::failure::{During, Outcome};
use crate::proc::{self, Identity, Stat};

/// How long a stray JVM may take to stop before it is killed: a broker's controlled shutdown takes seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// From here on orphans of what this task starts become its children.
pub fn adopt_orphans() -> Outcome<()> {
    nix::sys::prctl::set_child_subreaper(true).during(|| "become the reaper of orphans".into())
}

/// What still lives below this task. Dead children that nobody waits for any more are reaped on the way, so call it
/// only when every child that is still wanted has been waited for.
pub fn living() -> Vec<Stat> {
    while let Ok(status) = waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            break;
        }
    }
    proc::descendants(std::process::id()).into_iter().filter(|stat| stat.state != 'Z').collect()
}

/// Ends everything that still lives below this task, and says what it was.
pub fn sweep() -> Vec<String> {
    let found = living();
    let words = found.iter().map(named).collect();
    let identities: Vec<Identity> = found.iter().map(|stat| Identity { pid: stat.pid, start: stat.start }).collect();
    end(&identities);
    living();
    words
}

/// Ends processes by identity: SIGTERM, and SIGKILL for those that do not go. It reaps nothing, since a child's status
/// belongs to whoever started it.
pub fn end(identities: &[Identity]) {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        for identity in identities.iter().filter(|identity| identity.alive()) {
            child::signal(identity.pid, signal);
        }
        let limit = Instant::now() + PATIENCE;
        while identities.iter().any(|identity| identity.alive()) {
            if Instant::now() > limit {
                break;
            }
            std::thread::sleep(POLL);
        }
    }
}

/// A process in words: pid, name, the beginning of its command line.
pub fn named(stat: &Stat) -> String {
    let line = proc::command_line(stat.pid);
    let short: String = line.chars().take(100).collect();
    format!("{} ({}) {short}", stat.pid, stat.comm)
}
