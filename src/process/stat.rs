//! Who a pid is: the start time beside it in `/proc`, and the boot it belongs to. A pid alone names nobody for long.
//!
//! Effects: reads `/proc`.

use std::fs;
use std::io;

/// What tells one process from every other that has or will have the same pid in this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Field 3: `Z` and `X` have ended and only wait to be reaped.
    pub state: char,
    /// Field 22: clock ticks from boot to the process's start.
    pub start_time: u64,
}

impl Stat {
    /// It runs, or could.
    pub fn lives(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
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

pub(crate) fn stat(pid: i32) -> io::Result<Stat> {
    // The name of the program is bytes of its own choosing, so the file need not be UTF-8.
    let bytes = fs::read(format!("/proc/{pid}/stat"))?;
    parse(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat is garbled")))
}

/// Fields are counted from the last `)`: the program's name before it may hold spaces and parentheses.
fn parse(bytes: &[u8]) -> Option<Stat> {
    let close = bytes.iter().rposition(|byte| *byte == b')')?;
    let after = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
    let mut fields = after.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // The state is field 3; 22 - 4 fields stand between it and the start time.
    let start_time = fields.nth(18)?.parse().ok()?;
    Some(Stat { state, start_time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_shifts_no_field() {
        let line = b"77 (a) S 1 (b) S 1 77 77 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 20\n";
        assert_eq!(parse(line), Some(Stat { state: 'S', start_time: 987_654 }));
        assert_eq!(
            parse(b"77 (\xff) Z 1 77 77 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 5"),
            Some(Stat { state: 'Z', start_time: 5 })
        );
        assert_eq!(parse(b"77 (cut) S 1 77"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn this_very_process_has_a_start_time_and_a_boot() {
        let pid = i32::try_from(std::process::id()).expect("a pid is an i32");
        assert!(stat(pid).expect("stat of oneself").lives());
        assert!(start_time(pid).expect("start of oneself") > 0);
        assert_eq!(boot_id().expect("boot id").len(), 36);
    }
}
