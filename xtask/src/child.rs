//! Commands run for a task: output to a log file whose last lines are shown on failure, or straight through.
//! Every child gets a process group of its own, no stdin, and is ended by pid when the task is interrupted.
//! Absent on purpose: the nodes of a demo; `demo::nodes` owns those, since they are stopped in another way.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::failure::{During, Failure, Outcome};
use crate::interrupt;

/// How often a waiting loop looks again.
pub const POLL: Duration = Duration::from_millis(25);
/// How long an interrupted child may take before it is killed.
const LAST_CALL: Duration = Duration::from_secs(20);
/// How many lines of a log are shown when a child failed.
const TAIL: usize = 20;

/// Runs a command with its output appended to `log`; an exit code other than 0 is a failure that shows the log's end.
pub fn logged(command: &mut Command, log: &Path) -> Outcome<()> {
    let (out, from) = open_log(log, command)?;
    let err = out.try_clone().during(|| format!("share {}", log.display()))?;
    let mut child = spawn(command.stdout(out).stderr(err))?;
    let status = wait(&mut child)?;
    if status.success() {
        return Ok(());
    }
    let end = last_lines(log, from, TAIL);
    Err(Failure::new(format!("{} ended with {status}; the end of {}:\n{end}", shown(command), log.display())))
}

/// Runs a command whose output is the result and goes straight through. The status is the caller's to judge.
pub fn shown_through(command: &mut Command) -> Outcome<ExitStatus> {
    let mut child = spawn(command)?;
    wait(&mut child)
}

/// Runs a command and returns what it wrote to stdout and stderr, with its status.
pub fn captured(command: &mut Command) -> Outcome<(ExitStatus, String, String)> {
    let name = shown(command);
    let output = command.stdin(Stdio::null()).output().during(|| format!("run {name}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((output.status, text(&output.stdout), text(&output.stderr)))
}

/// Starts a child without stdin, in a process group of its own, so that Ctrl-C reaches the task alone.
pub fn spawn(command: &mut Command) -> Outcome<Child> {
    let name = shown(command);
    command.stdin(Stdio::null()).process_group(0).spawn().during(|| format!("run {name}"))
}

/// Waits for the end of a child. An interrupt ends its process group: SIGTERM, and SIGKILL when that takes too long.
pub fn wait(child: &mut Child) -> Outcome<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().during(|| "wait for a child".into())? {
            return Ok(status);
        }
        if interrupt::requested() {
            end(child);
            return Err(Failure::new("interrupted"));
        }
        std::thread::sleep(POLL);
    }
}

/// Ends a child and its process group.
pub fn end(child: &mut Child) {
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    // Errors say that it is gone already, which is what is wanted.
    let _ = killpg(group, Signal::SIGTERM);
    let limit = Instant::now() + LAST_CALL;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > limit {
            let _ = killpg(group, Signal::SIGKILL);
            let _ = child.wait();
            return;
        }
        std::thread::sleep(POLL);
    }
}

/// Sends a signal to one process; `false` when there is no such process.
pub fn signal(pid: u32, signal: Signal) -> bool {
    i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), signal).is_ok())
}

/// The command as one would type it, for messages and logs.
pub fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// The last lines of a file from a given byte on; empty when it cannot be read.
pub fn last_lines(path: &Path, from: u64, count: usize) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default())
        .into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(count);
    lines.iter().skip(first).map(|line| format!("    {line}\n")).collect()
}

/// Is there a program of this name on the PATH?
pub fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

fn open_log(log: &Path, command: &Command) -> Outcome<(File, u64)> {
    if let Some(dir) = log.parent() {
        fs::create_dir_all(dir).during(|| format!("create {}", dir.display()))?;
    }
    let mut file =
        OpenOptions::new().create(true).append(true).open(log).during(|| format!("open {}", log.display()))?;
    let from = file.metadata().map(|meta| meta.len()).unwrap_or(0);
    writeln!(file, "$ {}", shown(command)).during(|| format!("write {}", log.display()))?;
    Ok((file, from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_shows_the_end_of_its_own_output() -> Outcome<()> {
        let dir = tempfile::tempdir().during(|| "make a directory".into())?;
        let log = dir.path().join("a.log");
        logged(Command::new("sh").args(["-c", "echo earlier"]), &log)?;
        let failure = logged(Command::new("sh").args(["-c", "echo first; echo last >&2; exit 3"]), &log)
            .err()
            .map(|f| f.chain())
            .unwrap_or_default();
        assert!(
            failure.contains("exit status: 3") && failure.contains("first\n") && failure.contains("last\n"),
            "{failure}"
        );
        assert!(!failure.contains("earlier"), "{failure}");
        Ok(())
    }
}
