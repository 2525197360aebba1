//! What became of a recorded run, and taking over one that lives, whoever made it.
//!
//! Absent on purpose: whether to adopt or to end it (`supervise`, `sweep`), and writing the record.
//!
//! Effects: looks at processes, opens their pipes.

use std::fs;
use std::io;
use std::path::Path;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::close;
use tokio::net::unix::pipe;

use super::mark::RunMark;
use super::pipes::{self, Stream};
use super::record::Record;
use super::running::{Origin, Running, end_of_child, is_child};
use super::stat::{Identity, boot_id};

/// What became of a recorded run. Anything but [`Fate::Lives`] proves that no process of it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs; or it has ended, is a child of ours and waits to be reaped, so that adopting it tells how it ended.
    Lives {
        /// Its process id.
        pid: i32,
        /// Field 22 of `/proc/PID/stat`: to be recorded where the record has no pid.
        start_time: u64,
    },
    /// It is over: no such process, another with its pid, or another boot.
    Gone,
    /// Its start was written down, its pid never, and no process of it is there: it was never made, or is over.
    Intended,
}

/// What became of `record`, of the node with this `state_dir`. For a line without a pid this looks through `/proc`, which can
/// wait for a process in trouble: not for the loop.
///
/// # Errors
/// It cannot be told: neither life nor death is proven.
pub fn fate(state_dir: &Path, record: &Record) -> io::Result<Fate> {
    if record.ended || boot_id()? != record.boot {
        return Ok(Fate::Gone);
    }
    let (found, none) = match record.pid {
        Some(pid) => (Some(Identity { pid, start_time: record.start_time }), Fate::Gone),
        None => (record.mark(state_dir).find()?, Fate::Intended),
    };
    let Some(found) = found else { return Ok(none) };
    let there = match found.look()? {
        Some(stat) => stat.lives() || is_child(found.pid),
        None => false,
    };
    Ok(if there { Fate::Lives { pid: found.pid, start_time: found.start_time } } else { none })
}

/// Takes over the process of `record`. Where the record had no pid, the caller writes down the one that was found
/// ([`super::RunBook::started`]). Its pipes hold what was written since the last reader; a JVM of a kafka-node that made no
/// named pipes is read through `/proc/PID/fd`, or not at all (`stdout` and `stderr` are `None`). Looks as [`fate`] does.
///
/// # Errors
/// [`io::ErrorKind::NotFound`]: it is not there (any more). Others: it cannot be told, or there is no runtime.
pub fn adopt(state_dir: &Path, record: &Record) -> io::Result<Running> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(io::Error::other("no runtime to watch it"));
    }
    let Fate::Lives { pid, start_time } = fate(state_dir, record)? else {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{} run {} is over", record.role, record.run)));
    };
    let sigchld = end_of_child()?;
    let mark = record.mark(state_dir);
    let (origin, sigchld) = if is_child(pid) { (Origin::Inherited, Some(sigchld)) } else { (Origin::Stranger, None) };
    let [stdout, stderr] = Stream::ALL.map(|stream| pipes::open(&mark, stream, pid));
    let pipe_size = [&stdout, &stderr].into_iter().flatten().map(pipes::size).min().unwrap_or_default();
    // Only once the new ends are open: an inherited one may be all that keeps the last words of a dead JVM.
    Stream::ALL.iter().for_each(|stream| close_inherited(&mark, *stream));
    Ok(Running::new(Identity { pid, start_time }, origin, mark, sigchld).with_output(stdout, stderr, pipe_size))
}

/// Whether `pipe` stays open over an exec of ourselves. While it does, what a JVM wrote before it died between the exec and
/// its adoption is not lost; [`adopt`] closes what came that way. To be set right before the exec, and taken back if that fails.
///
/// # Errors
/// The kernel refused.
pub fn keep_over_exec(pipe: &pipe::Receiver, keep: bool) -> io::Result<()> {
    let flags = if keep { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    Ok(fcntl(pipe, FcntlArg::F_SETFD(flags)).map(drop)?)
}

/// Closes reading ends of this pipe that came over an exec. Nothing that this process opened itself is open over exec, so what
/// is closed here belongs to no value in it.
fn close_inherited(mark: &RunMark, stream: Stream) {
    let Ok(path) = mark.pipe(stream).canonicalize() else { return };
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let inherited = entries.flatten().filter(|entry| fs::read_link(entry.path()).is_ok_and(|link| link == path));
    let numbers: Vec<i32> = inherited.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers {
        if passes_exec(number) {
            let _ = close(number);
        }
    }
}

/// From `/proc`, since a bare number has no other safe question.
fn passes_exec(number: i32) -> bool {
    const CLOSED_AT_EXEC: u32 = 0o2_000_000;
    let Ok(info) = fs::read_to_string(format!("/proc/self/fdinfo/{number}")) else { return false };
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & CLOSED_AT_EXEC == 0)
}
