//! A JVM as a child: made directly, alone in its process group, reaped here and nowhere else.
//!
//! Kernel 3.10 has no pidfd, so the end of a child is learnt by SIGCHLD and looked at with `waitid(WNOWAIT)`: until the
//! very call that reaps it, its pid and its group's number cannot belong to anybody else, and signals are sent only before.
//! Absent on purpose: lines (`logs`), and when to signal (`supervise`).
//!
//! Effects: makes a process, signals its group, reaps it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};

use crate::model::{ExitStatus, SpawnFailure};
use crate::plan::ServiceSpec;

use super::files;
use super::stat;

/// How long the end of a child can stay unseen where SIGCHLD does not come: a parent that blocked the signal hands the
/// block down to us. Looking costs one system call.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What [`Running::wait`] says of a child that somebody else reaped: its true status is lost.
const STATUS_LOST: ExitStatus = ExitStatus::Code(255);

/// A JVM of ours, from its exec until it is reaped. Dropping it ends nothing: the JVM lives on.
#[derive(Debug)]
pub struct Running {
    /// Its process id, and the number of its process group.
    pub pid: i32,
    /// Field 22 of `/proc/PID/stat`; 0 where `/proc` could not be read.
    pub start_time: u64,
    /// The reading end of its stdout; to be taken, and drained always ([`super::drain`]).
    pub stdout: Option<pipe::Receiver>,
    /// The reading end of its stderr; to be taken, and drained always.
    pub stderr: Option<pipe::Receiver>,
    child: Child,
    sigchld: tokio::signal::unix::Signal,
    /// Set by the call that reaped it. From then on the pid is anybody's.
    reaped: Option<ExitStatus>,
}

/// Writes the files of `spec` (and `myid` where there is none), then makes the process.
///
/// The child has the environment of the spec and nothing else, the working directory of the spec, stdin from /dev/null, no
/// descriptor above 2 that we opened, an empty signal mask and a process group of its own. Blocks for as long as the files
/// and the exec take: on a hung disk that is long, so the loop calls it on a blocking thread of its runtime.
///
/// # Errors
/// [`SpawnFailure::Files`] naming the path; otherwise what the system refused. Nothing runs then.
pub fn spawn(spec: &ServiceSpec) -> Result<Running, SpawnFailure> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(SpawnFailure::Other("no runtime to watch it".to_owned()));
    }
    files::prepare(spec)?;
    let starved = |error: io::Error| SpawnFailure::Resources(error.to_string());
    // Everything that can fail comes before the child exists: nobody would drain and reap one that is half ours.
    let sigchld = signal(SignalKind::child()).map_err(starved)?;
    let (stdout, stdout_end) = output().map_err(starved)?;
    let (stderr, stderr_end) = output().map_err(starved)?;
    let mut command = Command::new(&spec.program);
    command
        .args(spec.args.iter().map(|arg| &arg.text))
        .env_clear()
        .envs(spec.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&spec.directory)
        .stdin(Stdio::null())
        .stdout(stdout_end)
        .stderr(stderr_end)
        .process_group(0);
    let child = with_no_signal_blocked(|| command.spawn()).map_err(|error| refusal(spec, &error))?;
    // Closes our copies of the writing ends: the pipes end when the child does.
    drop(command);
    let pid = i32::try_from(child.id()).unwrap_or_default();
    let start_time = stat::start_time(pid).unwrap_or_default();
    Ok(Running { pid, start_time, stdout: Some(stdout), stderr: Some(stderr), child, sigchld, reaped: None })
}

impl Running {
    /// Waits for the end of the process and reaps it. May be dropped and called again.
    ///
    /// What it forked into its group ends with it (SIGKILL): a leftover would hold the pipes and be nobody's. A JVM itself
    /// waits for what `-XX:OnError` and the like start, so nothing of use is cut off.
    pub async fn wait(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.poll_end() {
                return status;
            }
            // Whether the signal came or the time passed, the next look tells.
            let _ = tokio::time::timeout(LOOK_AGAIN, self.sigchld.recv()).await;
        }
    }

    /// SIGTERM to the JVM alone. Nothing once it was reaped.
    pub fn terminate(&self) {
        if self.reaped.is_none() {
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGTERM);
        }
    }

    /// SIGKILL to the JVM and everything in its process group. Nothing once it was reaped.
    pub fn kill_group(&self) {
        if self.reaped.is_none() {
            let _ = killpg(Pid::from_raw(self.pid), Signal::SIGKILL);
            // In case it left its own group, which no JVM does.
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
    }

    fn poll_end(&mut self) -> Option<ExitStatus> {
        if self.reaped.is_some() {
            return self.reaped;
        }
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(Pid::from_raw(self.pid)), look) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => return None,
            // It has ended and is not reaped: its number is still its own.
            Ok(_) => {
                let _ = killpg(Pid::from_raw(self.pid), Signal::SIGKILL);
            }
            Err(_) => {
                self.reaped = Some(STATUS_LOST);
                return self.reaped;
            }
        }
        // Does not block: there is something to reap.
        self.reaped = Some(match self.child.wait() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => ExitStatus::Code(code),
                (None, Some(signal)) => ExitStatus::Signal(signal),
                (None, None) => STATUS_LOST,
            },
            Err(_) => STATUS_LOST,
        });
        self.reaped
    }
}

/// A child inherits the mask of the thread that made it, and std does not clear it: a JVM made while SIGTERM is blocked (by
/// us, or by whoever started us) would never stop when asked. Ignored signals pass on as well, all but SIGPIPE, which std
/// resets; `runtime` handles those that end a JVM, and what is handled is reset by exec.
fn with_no_signal_blocked<T>(make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let before = SigSet::empty().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let made = make();
    // Refuses nothing but an unknown `how`; an error here must not lose the child.
    let _ = before.thread_set_mask();
    made
}

/// A pipe: our end for the loop, the other for the child. Both are closed at exec; the child gets its end as fd 1 or 2.
fn output() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (near, far) = io::pipe()?;
    Ok((pipe::Receiver::from_owned_fd(near.into())?, far.into()))
}

fn refusal(spec: &ServiceSpec, error: &io::Error) -> SpawnFailure {
    let program = spec.program.display().to_string();
    match error.raw_os_error().map(Errno::from_raw) {
        // The same number stands for the program, its loader and the working directory.
        Some(Errno::ENOENT | Errno::ENOTDIR) if !reachable(&spec.program) => SpawnFailure::Missing(program),
        Some(Errno::ENOENT | Errno::ENOTDIR) if reachable(&spec.directory) => {
            SpawnFailure::Other(format!("{program}: its loader or interpreter is not there ({error})"))
        }
        Some(Errno::EACCES | Errno::EPERM) if spec.directory.read_dir().is_ok() => SpawnFailure::NotAllowed(program),
        Some(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::EPERM) => {
            SpawnFailure::Files(format!("{}: {error}", spec.directory.display()))
        }
        Some(Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE) => {
            SpawnFailure::Resources(error.to_string())
        }
        _ => SpawnFailure::Other(format!("{program}: {error}")),
    }
}

fn reachable(path: &Path) -> bool {
    path.metadata().is_ok()
}
