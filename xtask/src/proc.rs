//! What `/proc` says about processes: who descends from whom, since when, what each costs.
//! Absent on purpose: signals. Whoever ends a process has first to know that it is its own.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// The fields of `/proc/PID/stat` that are of use here (proc(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The process.
    pub pid: u32,
    /// The command's name, cut at 15 bytes by the kernel.
    pub comm: String,
    /// `Z` and `X` are dead.
    pub state: char,
    /// The parent.
    pub parent: u32,
    /// CPU time of children that were waited for, in clock ticks.
    pub reaped_ticks: u64,
    /// Start in clock ticks after boot: with the pid it names a process for good.
    pub start: u64,
}

/// A process that was seen: pid and start time, so that a reused pid is never taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// The start in clock ticks after boot.
    pub start: u64,
}

/// What a process holds in memory, in kB, and its threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// VmRSS.
    pub resident: u64,
    /// RssAnon: what is not shared with files.
    pub anonymous: u64,
    /// Threads.
    pub threads: u64,
}

impl Identity {
    /// The process that has this pid at the moment.
    pub fn of(pid: u32) -> Option<Self> {
        stat(pid).map(|stat| Self { pid, start: stat.start })
    }

    /// Does that very process still run?
    pub fn alive(self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.start == self.start && !matches!(stat.state, 'Z' | 'X'))
    }
}

/// One process.
pub fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?))
}

/// Every process.
pub fn all() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()));
    pids.filter_map(stat).collect()
}

/// The processes below one, itself not among them.
pub fn descendants(root: u32) -> Vec<Stat> {
    let mut children: BTreeMap<u32, Vec<Stat>> = BTreeMap::new();
    for stat in all() {
        children.entry(stat.parent).or_default().push(stat);
    }
    let mut found = children.remove(&root).unwrap_or_default();
    let mut next = 0;
    while let Some(pid) = found.get(next).map(|stat| stat.pid) {
        found.extend(children.remove(&pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// The command line of a process, with blanks between the words.
pub fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', " ")
}

/// How long ago a process was started, to the clock tick (10 ms).
pub fn age(pid: u32) -> Option<Duration> {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
    stat(pid).map(|stat| now.saturating_sub(ticks(stat.start)))
}

/// CPU time of a live process, all its threads, ended ones too; exact, where `stat` counts in ticks of 10 ms.
pub fn cpu_time(pid: u32) -> Duration {
    let clock = i32::try_from(pid).ok().and_then(|pid| clock_getcpuclockid(Pid::from_raw(pid)).ok());
    clock.and_then(|clock: ClockId| clock_gettime(clock).ok()).map_or(Duration::ZERO, Duration::from)
}

/// CPU time of a process, of all processes below it, and of those that they have waited for.
pub fn cpu_time_of_tree(root: u32) -> Duration {
    let own = stat(root).into_iter().chain(descendants(root));
    own.map(|stat| cpu_time(stat.pid) + ticks(stat.reaped_ticks)).sum()
}

/// CPU time of the children that a process has waited for.
pub fn cpu_time_of_reaped(pid: u32) -> Duration {
    stat(pid).map_or(Duration::ZERO, |stat| ticks(stat.reaped_ticks))
}

/// What a process holds in memory.
pub fn memory(pid: u32) -> Option<Memory> {
    fs::read_to_string(format!("/proc/{pid}/status")).ok().map(|text| parse_memory(&text))
}

fn ticks(count: u64) -> Duration {
    let per_second =
        sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|ticks| u32::try_from(ticks).ok()).unwrap_or(100);
    Duration::from_millis(count.saturating_mul(1000) / u64::from(per_second.max(1)))
}

/// The name stands in parentheses and may itself hold blanks and parentheses: the last `)` ends it.
fn parse_stat(text: &str) -> Option<Stat> {
    let (head, rest) = text.rsplit_once(')')?;
    let (pid, comm) = head.split_once('(')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // `rest` begins at field 3 of proc(5), so field N is at N - 3.
    let number = |field: usize| fields.get(field - 3).and_then(|word| word.parse::<u64>().ok());
    Some(Stat {
        pid: pid.trim().parse().ok()?,
        comm: comm.to_owned(),
        state: fields.first()?.chars().next()?,
        parent: u32::try_from(number(4)?).ok()?,
        reaped_ticks: number(16)?.checked_add(number(17)?)?,
        start: number(22)?,
    })
}

fn parse_memory(text: &str) -> Memory {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key).and_then(|rest| rest.strip_prefix(':')));
        line.and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse().ok()).unwrap_or(0)
    };
    Memory { resident: value("VmRSS"), anonymous: value("RssAnon"), threads: value("Threads") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 70 8 20 0 1 0 12345 0 0";
        let expected = Stat { pid: 42, comm: "a) b (c".into(), state: 'S', parent: 7, reaped_ticks: 78, start: 12345 };
        assert_eq!(parse_stat(text), Some(expected));
        for broken in ["", "42", "42 (x)", "42 (x) S", "x (x) S 1 2 3"] {
            assert_eq!(parse_stat(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn memory_is_read_by_name() {
        let text = "Name:\tx\nVmRSS:\t    3604 kB\nRssAnon:\t 276 kB\nThreads:\t3\n";
        assert_eq!(parse_memory(text), Memory { resident: 3604, anonymous: 276, threads: 3 });
        assert_eq!(parse_memory(""), Memory::default());
    }

    #[test]
    fn this_very_process_is_seen() {
        let me = std::process::id();
        assert!(Identity::of(me).is_some_and(Identity::alive));
        assert!(!Identity { pid: me, start: 1 }.alive());
        assert!(memory(me).is_some_and(|memory| memory.resident > 0));
        assert!(cpu_time_of_tree(me) >= cpu_time_of_reaped(me));
        assert!(age(me).is_some_and(|age| age < Duration::from_secs(3600)), "{:?}", age(me));
    }
}
