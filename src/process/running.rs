//! A JVM that runs, with one face for three origins: made here, inherited over an exec of ourselves, or adopted.
//!
//! The first two are children: their end is learnt by SIGCHLD and looked at with `waitid(WNOWAIT)`, and until the very call
//! that reaps one, its pid and its group's number cannot belong to anybody else; signals are sent only before. A stranger
//! is reaped by its own parent whenever that likes: its pid and start time are compared right before each signal. Kernel
//! 3.10 has no pidfd, so between that look and the signal the pid could, by its end and a whole turn of the pid counter
//! within microseconds, become another's: that race remains. Absent on purpose: when to signal (`supervise`).
//!
//! Effects: signals a process and its group, reaps it, looks at it in `/proc`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::model::ExitStatus;

use super::mark::RunMark;
use super::stat::Identity;

/// How long the end of a child can stay unseen where SIGCHLD does not come: a parent that blocked the signal hands the
/// block down to us. Looking costs one system call.
const CHILD_RHYTHM: Duration = Duration::from_secs(5);
/// How long the end of a stranger can stay unseen where its pipes do not tell of it. A look is one small file.
const STRANGER_RHYTHM: Duration = Duration::from_millis(200);
/// A process closes its files a moment before it counts as ended: after a hint the looks come this fast and then slower.
const FIRST_LOOK: Duration = Duration::from_millis(1);

/// Where a running JVM comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This process made it.
    Made,
    /// This process made it before it executed itself anew: still its child.
    Inherited,
    /// An earlier supervisor made it; its parent is another. How it ends is told to nobody.
    Stranger,
}

/// A JVM of ours, until it is reaped or seen gone. Dropping it ends nothing: the JVM lives on.
#[derive(Debug)]
pub struct Running {
    /// Its process id, and the number of its process group.
    pub pid: i32,
    /// Field 22 of `/proc/PID/stat`; 0 where `/proc` could not be read (of a child only).
    pub start_time: u64,
    /// Where it comes from.
    pub origin: Origin,
    /// The reading end of its stdout; to be taken, and drained always ([`super::drain`]). `None` too for an adopted JVM whose
    /// output cannot be reached.
    pub stdout: Option<pipe::Receiver>,
    /// The reading end of its stderr; as `stdout`.
    pub stderr: Option<pipe::Receiver>,
    /// Bytes that its pipes hold while nobody reads, the smaller of the two; 0 without pipes. Then its writers wait.
    pub pipe_size: usize,
    mark: RunMark,
    look: Look,
    rhythm: Duration,
    /// `None` for a stranger.
    sigchld: Option<tokio::signal::unix::Signal>,
    /// Set when it was reaped or seen gone. From then on the pid is anybody's.
    ended: Option<ExitStatus>,
}

/// Makes [`Running::wait`] look at once: for a reader that met the end of a pipe.
#[derive(Clone, Debug, Default)]
pub struct Look(Arc<Notify>);

impl Look {
    /// Its end may have come.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// The stream of SIGCHLD, taken before there is a child whose end could be missed.
pub(super) type EndOfChild = tokio::signal::unix::Signal;

pub(super) fn end_of_child() -> io::Result<EndOfChild> {
    signal(SignalKind::child())
}

/// Whether `pid` is a child of ours that nobody has reaped.
pub(super) fn is_child(pid: i32) -> bool {
    // Any other error than this one is about how it ended.
    pid > 1 && !matches!(waitid(Id::Pid(Pid::from_raw(pid)), look_only()), Err(Errno::ECHILD))
}

fn look_only() -> WaitPidFlag {
    WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT
}

impl Running {
    /// `sigchld` for a child, made before it; `None` for a stranger.
    pub(super) fn new(of: Identity, origin: Origin, mark: RunMark, sigchld: Option<EndOfChild>) -> Running {
        Running {
            pid: of.pid,
            start_time: of.start_time,
            origin,
            stdout: None,
            stderr: None,
            pipe_size: 0,
            mark,
            look: Look::default(),
            rhythm: STRANGER_RHYTHM,
            sigchld,
            ended: None,
        }
    }

    pub(super) fn with_output(
        mut self,
        stdout: Option<pipe::Receiver>,
        stderr: Option<pipe::Receiver>,
        pipe_size: usize,
    ) -> Running {
        (self.stdout, self.stderr, self.pipe_size) = (stdout, stderr, pipe_size);
        self
    }

    /// Waits for the end of the process; a child is reaped. May be dropped and called again.
    ///
    /// What it forked into its group ends with it (SIGKILL): a leftover would hold the pipes and be nobody's. A JVM itself
    /// waits for what `-XX:OnError` and the like start, so nothing of use is cut off. [`ExitStatus::Unseen`] for a stranger,
    /// and for a child that somebody else reaped.
    pub async fn wait(&mut self) -> ExitStatus {
        let slowest = if self.sigchld.is_some() { CHILD_RHYTHM } else { STRANGER_RHYTHM };
        loop {
            if let Some(status) = self.poll_end() {
                return status;
            }
            let sigchld = async {
                match &mut self.sigchld {
                    Some(signal) => drop(signal.recv().await),
                    None => std::future::pending().await,
                }
            };
            // Whatever ends the pause, the next look tells.
            tokio::select! {
                () = self.look.0.notified() => self.rhythm = FIRST_LOOK,
                () = tokio::time::sleep(self.rhythm) => self.rhythm = (self.rhythm * 2).min(slowest),
                () = sigchld => {}
            }
        }
    }

    /// What a reader of its pipes calls at their end, so that [`Running::wait`] sees a stranger's end at once.
    pub fn look(&self) -> Look {
        self.look.clone()
    }

    /// Which run it is.
    pub fn mark(&self) -> &RunMark {
        &self.mark
    }

    /// SIGTERM to the JVM alone. Nothing once it has ended.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// SIGQUIT to the JVM alone: it writes a thread dump to its stdout. Nothing once it has ended. A JVM in its first
    /// milliseconds, and any other program, dies of it.
    pub fn dump(&self) {
        self.signal(Signal::SIGQUIT);
    }

    /// SIGKILL to the JVM and everything in its process group. Nothing once it has ended.
    pub fn kill_group(&self) {
        if self.leads_its_group() {
            let _ = killpg(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
        // In case it left its own group, which no JVM does.
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        if self.is_ours() {
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }

    /// The pid is still its own.
    fn is_ours(&self) -> bool {
        match self.origin {
            _ if self.ended.is_some() => false,
            Origin::Made | Origin::Inherited => true,
            // What cannot be looked at is not signalled either.
            Origin::Stranger => self.identity().lives().unwrap_or(false),
        }
    }

    /// The number of the group is still its own.
    fn leads_its_group(&self) -> bool {
        match self.origin {
            _ if self.ended.is_some() => false,
            Origin::Made | Origin::Inherited => true,
            Origin::Stranger => {
                self.identity().look().ok().flatten().is_some_and(|stat| stat.lives() && stat.group == self.pid)
            }
        }
    }

    fn identity(&self) -> Identity {
        Identity { pid: self.pid, start_time: self.start_time }
    }

    fn poll_end(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = match self.origin {
                Origin::Made | Origin::Inherited => self.reap(),
                Origin::Stranger => self.seen_gone(),
            };
        }
        self.ended
    }

    fn reap(&self) -> Option<ExitStatus> {
        let pid = Pid::from_raw(self.pid);
        match waitid(Id::Pid(pid), look_only()) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => return None,
            Err(Errno::ECHILD) => return Some(ExitStatus::Unseen),
            // It has ended and is not reaped: its number is still its own. (EINVAL: by a signal that nix has no name for.)
            Ok(_) | Err(_) => {
                let _ = killpg(pid, Signal::SIGKILL);
            }
        }
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => Some(ExitStatus::Code(code)),
            Ok(WaitStatus::Signaled(_, signal, _)) => Some(ExitStatus::Signal(signal as i32)),
            // Neither is asked for, or can follow upon what was just seen; the next look decides.
            Ok(_) | Err(Errno::EINTR) => None,
            Err(_) => Some(ExitStatus::Unseen),
        }
    }

    fn seen_gone(&self) -> Option<ExitStatus> {
        // An error proves nothing: it is looked at again.
        if self.identity().lives().unwrap_or(true) {
            return None;
        }
        for pid in self.mark.leftovers(self.pid) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        Some(ExitStatus::Unseen)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;

    use super::*;
    use crate::model::{Role, RunId};

    /// A child that dies of any signal, seen as a stranger would be.
    #[test]
    fn a_stranger_is_signalled_only_while_its_start_time_is_its_own() {
        let mut child =
            std::process::Command::new("/bin/sleep").arg("600").process_group(0).spawn().expect("a process");
        let pid = i32::try_from(child.id()).expect("a pid");
        let start_time = crate::process::start_time(pid).expect("its start");
        let seen_as = |start_time| {
            let mark = RunMark { state_dir: "/nowhere".into(), role: Role::Kafka, run: RunId(1) };
            Running::new(Identity { pid, start_time }, Origin::Stranger, mark, None)
        };
        let mut foreign = seen_as(start_time + 1);
        foreign.terminate();
        foreign.dump();
        foreign.kill_group();
        assert_eq!(foreign.poll_end(), Some(ExitStatus::Unseen), "its pid is another's");
        let mut own = seen_as(start_time);
        let untouched = own.poll_end();
        own.kill_group();
        let status = child.wait().expect("its end");
        assert_eq!(untouched, None, "a signal reached the one who has the pid");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
        assert_eq!(own.poll_end(), Some(ExitStatus::Unseen));
        assert!(!own.is_ours() && !own.leads_its_group());
    }
}
