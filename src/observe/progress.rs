//! CPU time, storage traffic and state of a process, from `/proc/PID/stat` and `/proc/PID/io`, and what its threads are at.
//!
//! The proc root is an argument, so that tests write their own. Absent on purpose: what counts as progress (`supervise`).
//!
//! Effects: reads two files of `/proc`; for the threads one more for each.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use crate::model::ProcessState;

/// Counters of one process that only grow while it works, and its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessCounters {
    /// CPU time, user and system, of all its threads.
    pub cpu: Duration,
    /// Bytes it fetched from and sent to storage; 0 where `/proc/PID/io` may not be read.
    pub storage_bytes: u64,
    /// Its state, which is its main thread's: of a JVM that one always sleeps, but a stopped process is stopped in all its threads.
    pub state: ProcessState,
}

/// What the threads of a process are at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadStates {
    /// Threads looked at.
    pub seen: u32,
    /// `R`: they run, or would if there were a CPU.
    pub runnable: u32,
    /// `D`: they wait in the kernel, for a disk as a rule. One at a time is ordinary; the same few for long is a disk that hangs.
    pub uninterruptible: u32,
    /// `T`: stopped by a signal.
    pub stopped: u32,
}

/// Ticks a second of the times in `/proc/PID/stat`: USER_HZ, 100 in the ABI of every architecture that Kafka is run on.
const TICKS: u64 = 100;
/// Longer than any stat or io file that a kernel writes.
const FILE_CAP: u64 = 16 * 1024;
/// Threads looked at. A broker has about 70, and some for every listener and disk more.
const MOST_THREADS: usize = 512;

/// Reads the counters of `pid` below `proc_root` (`/proc`). Fails with `NotFound` once the process is gone.
pub fn read(proc_root: &Path, pid: i32) -> io::Result<ProcessCounters> {
    let directory = proc_root.join(pid.to_string());
    let stat = bounded(&directory.join("stat"))?;
    let (state, cpu) = state(&stat)
        .zip(cpu(&stat))
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "state and times are not where proc(5) has them"))?;
    let storage_bytes = bounded(&directory.join("io")).ok().as_deref().and_then(storage_bytes).unwrap_or(0);
    Ok(ProcessCounters { cpu, storage_bytes, state })
}

/// Counts the threads of `pid` by state, the first 512 of them. For a process in trouble only: it costs 0.9 ms for the 67 threads of a
/// broker (the kernel makes one file for each), where [`read`] takes 0.02 ms.
///
/// # Errors
/// The list of its threads cannot be read; `NotFound` once the process is gone. Threads that end meanwhile are passed over.
pub fn threads(proc_root: &Path, pid: i32) -> io::Result<ThreadStates> {
    let mut states = ThreadStates::default();
    for thread in fs::read_dir(proc_root.join(pid.to_string()).join("task"))?.take(MOST_THREADS).flatten() {
        let Some(letter) = bounded(&thread.path().join("stat")).ok().as_deref().and_then(letter) else { continue };
        states.seen += 1;
        match letter {
            b'R' => states.runnable += 1,
            b'D' => states.uninterruptible += 1,
            b'T' => states.stopped += 1,
            _ => {}
        }
    }
    Ok(states)
}

fn state(stat: &[u8]) -> Option<ProcessState> {
    Some(match letter(stat)? {
        b'T' => ProcessState::Stopped,
        b't' => ProcessState::Traced,
        b'D' => ProcessState::Uninterruptible,
        b'Z' | b'X' | b'x' => ProcessState::Ended,
        _ => ProcessState::Able,
    })
}

/// Field 3 of stat.
fn letter(stat: &[u8]) -> Option<u8> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(name_end + 1..)?.iter().copied().find(|byte| *byte != b' ').filter(u8::is_ascii_alphabetic)
}

/// Fields 14 and 15 of stat. The command's name before them may itself hold blanks and parentheses, so fields are
/// counted from the last closing one.
fn cpu(stat: &[u8]) -> Option<Duration> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis(user.saturating_add(system).saturating_mul(1000 / TICKS)))
}

/// `read_bytes` plus `write_bytes`: what reached the storage layer, not what the page cache answered.
fn storage_bytes(io: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(io).ok()?;
    let of = |key: &str| -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')?.trim().parse().ok())
    };
    Some(of("read_bytes")?.saturating_add(of("write_bytes")?))
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_CAP).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IO: &str =
        "rchar: 9\nwchar: 8\nsyscr: 7\nsyscw: 6\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 1\n";

    fn process(stat: &str, io: Option<&str>) -> (tempfile::TempDir, io::Result<ProcessCounters>) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("42")).unwrap();
        fs::write(root.path().join("42/stat"), stat).unwrap();
        if let Some(io) = io {
            fs::write(root.path().join("42/io"), io).unwrap();
        }
        let counters = read(root.path(), 42);
        (root, counters)
    }

    #[test]
    fn a_name_with_blanks_and_parentheses_moves_no_field() {
        for name in ["java", "a b", "(sd-pam)", ") R 1 2 (", "kafka) 9 9"] {
            let stat = format!("42 ({name}) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 30 0 12345 1 2\n");
            let expected =
                ProcessCounters { cpu: Duration::from_secs(2), storage_bytes: 12288, state: ProcessState::Able };
            assert_eq!(process(&stat, Some(IO)).1.unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn each_letter_is_its_state() {
        for (letter, expected) in [
            ("R", ProcessState::Able),
            ("S", ProcessState::Able),
            ("I", ProcessState::Able),
            ("P", ProcessState::Able),
            ("T", ProcessState::Stopped),
            ("t", ProcessState::Traced),
            ("D", ProcessState::Uninterruptible),
            ("Z", ProcessState::Ended),
            ("X", ProcessState::Ended),
            ("x", ProcessState::Ended),
        ] {
            let stat = format!("42 (a) T (java)) {letter} 1 42 42 0 -1 4194560 1 2 3 4 1 0 0 0 20 0 30 0 12345 1 2\n");
            assert_eq!(process(&stat, None).1.unwrap().state, expected, "{letter}");
        }
        assert_eq!(process("42 (java) ", None).1.unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(
            process("42 (java) 5 1 42 42 0 -1 4194560 1 2 3 4 1 0 0", None).1.unwrap_err().kind(),
            ErrorKind::InvalidData
        );
    }

    #[test]
    fn threads_are_counted_by_state_and_512_at_most() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(threads(root.path(), 42).unwrap_err().kind(), ErrorKind::NotFound);
        let task = |tid: usize, stat: &str| {
            let directory = root.path().join(format!("42/task/{tid}"));
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("stat"), stat).unwrap();
        };
        for (tid, letter) in ["S", "R", "D", "D", "T", "t"].into_iter().enumerate() {
            task(tid, &format!("{tid} (data-plane-kafka) ) {letter} 1 2 3\n"));
        }
        task(6, "");
        fs::create_dir(root.path().join("42/task/7")).unwrap();
        let expected = ThreadStates { seen: 6, runnable: 1, uninterruptible: 2, stopped: 1 };
        assert_eq!(threads(root.path(), 42).unwrap(), expected);
        (0..600).for_each(|tid| task(tid, "1 (a) S 1\n"));
        assert_eq!(threads(root.path(), 42).unwrap().seen, 512);
    }

    #[test]
    fn an_io_file_that_may_not_be_read_counts_nothing() {
        let stat = "42 (java) S 1 42 42 0 -1 4194560 1 2 3 4 1 0 0 0 20 0 30 0 12345 1 2\n";
        assert_eq!(process(stat, None).1.unwrap().storage_bytes, 0);
    }

    #[test]
    fn a_process_that_is_gone_is_not_found_and_nonsense_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(read(root.path(), 42).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(process("42 java S", None).1.unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn this_very_process_has_counters() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert_eq!(read(Path::new("/proc"), pid).unwrap().state, ProcessState::Able);
        // The test's own thread runs while it looks.
        assert!(threads(Path::new("/proc"), pid).unwrap().runnable >= 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            cpu(&bytes);
            state(&bytes);
            storage_bytes(&bytes);
        }
    }
}
