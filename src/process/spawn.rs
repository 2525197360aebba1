//! Makes a JVM: directly, alone in its process group, with named pipes for its output and a mark of its run.
//!
//! Absent on purpose: its life and end (`running`), lines (`logs`), when to make one (`supervise`), and the record of it:
//! the caller writes down the intention before this, and the pid after.
//!
//! Effects: writes files, makes two pipes and a process.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};

use crate::model::SpawnFailure;
use crate::plan::ServiceSpec;

use super::files;
use super::mark::RunMark;
use super::pipes::{self, Stream};
use super::running::{Origin, Running, end_of_child};
use super::stat::{self, Identity};

/// Writes the files of `spec` (and `myid` where there is none), then makes the process of the run `mark`.
///
/// The child has the environment of the spec and its mark and nothing else, the working directory of the spec, stdin from
/// /dev/null, both outputs in named pipes of its own, no descriptor above 2 that we opened, an empty signal mask and a
/// process group of its own. Blocks for as long as the files and the exec take: on a hung disk that is long, so the loop
/// calls it on a blocking thread of its runtime.
///
/// # Errors
/// [`SpawnFailure::Files`] naming the path; otherwise what the system refused. Nothing runs then.
pub fn spawn(spec: &ServiceSpec, mark: RunMark) -> Result<Running, SpawnFailure> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(SpawnFailure::Other("no runtime to watch it".to_owned()));
    }
    files::prepare(spec)?;
    make(spec, &mark).inspect_err(|_| {
        // Left alone they do no harm: the next start removes them.
        let _ = pipes::remove_pipes(&mark);
    })
}

fn make(spec: &ServiceSpec, mark: &RunMark) -> Result<Running, SpawnFailure> {
    // Everything that can fail comes before the child exists: nobody would drain and reap one that is half ours.
    let sigchld = end_of_child().map_err(|error| SpawnFailure::Resources(error.to_string()))?;
    let stdout = pipes::make(mark, Stream::Out)?;
    let stderr = pipes::make(mark, Stream::Err)?;
    let mut command = Command::new(&spec.program);
    command
        .args(spec.args.iter().map(|arg| &arg.text))
        .env_clear()
        .envs(spec.environment.iter().map(|(name, value)| (name, value)))
        .envs(mark.environment())
        .current_dir(&spec.directory)
        .stdin(Stdio::null())
        .stdout(stdout.far)
        .stderr(stderr.far)
        .process_group(0);
    let child = with_no_signal_blocked(|| command.spawn()).map_err(|error| refusal(spec, &error))?;
    // Closes our copies of the JVM's ends: the pipes end when the child does.
    drop(command);
    let pid = i32::try_from(child.id()).unwrap_or_default();
    let start_time = stat::start_time(pid).unwrap_or_default();
    let running = Running::new(Identity { pid, start_time }, Origin::Made, mark.clone(), Some(sigchld));
    Ok(running.with_output(Some(stdout.near), Some(stderr.near), stdout.size.min(stderr.size)))
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
