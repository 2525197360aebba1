//! Who a pid is: the start time beside it in `/proc`, and the boot it belongs to. A pid alone names nobody for long.
//!
//! A death is only said on proof: what cannot be looked at is neither alive nor dead, but an error.
//!
//! Effects: reads `/proc`, asks the kernel for a pid.

use std::fs;
use std::io;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// What tells one process from every other that has or will have the same pid in this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Field 3: `Z` and `X` have ended and only wait to be reaped.
    pub state: char,
    /// Field 5: the process group.
    pub group: i32,
    /// Field 20: threads that are there.
    pub threads: u32,
    /// Field 22: clock ticks from boot to the process's start.
    pub start_time: u64,
}

impl Stat {
    /// It runs, or could. A main thread that is over is a zombie while others still write: that is no dead process.
    pub fn lives(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x') || self.threads > 1
    }
}

/// One process of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub pid: i32,
    pub start_time: u64,
}

impl Identity {
    /// Its line in `/proc` where it is there, dead or alive; `None` where it is gone: nobody has the pid, or somebody else.
    ///
    /// # Errors
    /// It could not be seen, which proves nothing.
    pub fn look(&self) -> io::Result<Option<Stat>> {
        if self.pid <= 1 {
            return Ok(None);
        }
        match stat(self.pid) {
            Ok(stat) => Ok(Some(stat).filter(|stat| stat.start_time == self.start_time)),
            // A `/proc` that is not mounted has no line for the living either: the kernel is asked too.
            Err(error) if is_gone(&error) => match kill(Pid::from_raw(self.pid), None) {
                Err(Errno::ESRCH) => Ok(None),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// See [`Stat::lives`]; the same errors as [`Identity::look`].
    pub fn lives(&self) -> io::Result<bool> {
        Ok(self.look()?.is_some_and(|stat| stat.lives()))
    }
}

/// When the process started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
///
/// # Errors
/// There is no such process, or `/proc` cannot be read.
pub fn start_time(pid: i32) -> io::Result<u64> {
    stat(pid).map(|stat| stat.start_time)
}

/// The kernel's name for this boot.
///
/// # Errors
/// `/proc/sys/kernel/random/boot_id` cannot be read.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Whether an error of a file below `/proc/PID` says that there is no such process: none to open, or over while being read.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ESRCH as i32)
}

pub(crate) fn stat(pid: i32) -> io::Result<Stat> {
    // The name of the program is bytes of its own choosing, so the file need not be UTF-8.
    let bytes = fs::read(format!("/proc/{pid}/stat"))?;
    parse(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat is garbled")))
}

/// Fields are counted from the last `)`: the program's name before it may hold spaces and parentheses.
fn parse(bytes: &[u8]) -> Option<Stat> {
    let close = bytes.iter().rposition(|byte| *byte == b')')?;
    let after = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
    // The first of these is field 3.
    let fields: Vec<&str> = after.split_ascii_whitespace().take(20).collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        group: fields.get(2)?.parse().ok()?,
        threads: fields.get(17)?.parse().ok()?,
        start_time: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_shifts_no_field() {
        let line = b"77 (a) S 1 (b) S 1 76 77 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 31 0 987654 1000 20\n";
        assert_eq!(parse(line), Some(Stat { state: 'S', group: 76, threads: 31, start_time: 987_654 }));
        assert_eq!(
            parse(b"77 (\xff) Z 1 77 77 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 5"),
            Some(Stat { state: 'Z', group: 77, threads: 1, start_time: 5 })
        );
        assert_eq!(parse(b"77 (cut) S 1 77"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn a_main_thread_that_is_over_is_no_dead_process_while_others_run() {
        let stat = |state, threads| Stat { state, group: 1, threads, start_time: 1 };
        assert!(stat('Z', 2).lives() && stat('D', 1).lives());
        assert!(!stat('Z', 1).lives() && !stat('X', 0).lives());
    }

    #[test]
    fn this_very_process_has_a_start_time_and_a_boot() {
        let pid = i32::try_from(std::process::id()).expect("a pid is an i32");
        assert!(stat(pid).expect("stat of oneself").lives());
        let start_time = start_time(pid).expect("start of oneself");
        assert!(Identity { pid, start_time }.lives().expect("a look at oneself"));
        assert!(!Identity { pid, start_time: start_time + 1 }.lives().expect("a look at a stranger"));
        assert_eq!(boot_id().expect("boot id").len(), 36);
    }
}
