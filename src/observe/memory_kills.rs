//! How many processes the kernel has killed for memory: in one memory cgroup, and on the whole machine.
//!
//! Both counters came with kernel 4.13 (version 1: `oom_kill` of `memory.oom_control`, version 2: of `memory.events`; the machine: of
//! `/proc/vmstat`); a 3.10 has neither, and tells in its log alone. A kill is counted in the victim's cgroup for whatever reason memory
//! was short, and before the signal is sent: whoever reaps the victim finds it counted. Absent on purpose: who was killed (`kernel_log`).
//!
//! Effects: reads two files of `/proc` and the cgroup mounts.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::host::HostRoot;
use super::host_cgroup;

/// Kills so far; `None` where nobody counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MemoryKills {
    /// In the process's own memory cgroup.
    pub group: Option<u64>,
    /// On the machine.
    pub machine: Option<u64>,
}

impl MemoryKills {
    /// Whether the process may be among those killed since `before`. Its cgroup's counter knows better than the machine's.
    pub(super) fn grown_since(self, before: MemoryKills) -> bool {
        let grown = |now: Option<u64>, then: Option<u64>| Some(now? > then?);
        grown(self.group, before.group).or(grown(self.machine, before.machine)).unwrap_or(false)
    }
}

/// Where the kills are counted. Found while the process lives: `/proc/PID` ends with it.
#[derive(Debug)]
pub(super) struct MemoryKillsFiles {
    group: Option<PathBuf>,
    machine: PathBuf,
}

/// More than any of the files holds; `/proc/vmstat` has 5 KB.
const FILE_CAP: u64 = 64 * 1024;

impl MemoryKillsFiles {
    /// The counters that a kill of `pid` moves.
    pub(super) fn of(root: &HostRoot, pid: i32) -> MemoryKillsFiles {
        let files = |directory: PathBuf| ["memory.events", "memory.oom_control"].map(|name| directory.join(name));
        let group = host_cgroup::memory_directory(root, pid)
            .and_then(|directory| files(directory).into_iter().find(|file| kills(file).is_some()));
        MemoryKillsFiles { group, machine: root.at("/proc/vmstat") }
    }

    /// What they say at this moment.
    pub(super) fn read(&self) -> MemoryKills {
        MemoryKills { group: self.group.as_deref().and_then(kills), machine: kills(&self.machine) }
    }
}

fn kills(path: &Path) -> Option<u64> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FILE_CAP).read_to_end(&mut bytes).ok()?;
    String::from_utf8_lossy(&bytes).lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_own_counter_outweighs_the_machines() {
        let kills = |group, machine| MemoryKills { group, machine };
        for (before, after, expected) in [
            (kills(Some(3), Some(7)), kills(Some(4), Some(8)), true),
            (kills(Some(3), Some(7)), kills(Some(3), Some(8)), false),
            (kills(None, Some(7)), kills(None, Some(8)), true),
            (kills(None, Some(7)), kills(None, Some(7)), false),
            (kills(None, None), kills(None, None), false),
            // A counter that is there only before or only after says nothing; one that fell is another's.
            (kills(Some(3), None), kills(None, None), false),
            (kills(None, None), kills(Some(3), Some(3)), false),
            (kills(Some(3), Some(7)), kills(Some(0), Some(0)), false),
        ] {
            assert_eq!(after.grown_since(before), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn each_file_is_read_for_its_oom_kill() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for (text, expected) in [
            ("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", Some(2)),
            ("oom_kill_disable 0\nunder_oom 0\n", None),
            ("low 0\nhigh 0\nmax 9\noom 5\noom_kill 4\noom_group_kill 1\n", Some(4)),
            ("pgfault 1\noom_kill 18446744073709551615\n", Some(u64::MAX)),
            ("oom_kill lots\n", None),
            ("", None),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(kills(&path), expected, "{text}");
        }
        assert_eq!(kills(directory.path()), None, "a directory is no counter");
    }
}
