//! Memory and CPU limits of the cgroups we are in, version 1 and 2, up the tree to the root of what is visible.
//!
//! Every hierarchy that `/proc/self/cgroup` names and that is mounted is read, and the tightest limit counts: a machine may have the
//! controllers in version 1 beside an empty version 2 tree (systemd's hybrid layout).
//!
//! Effects: reads files below `/proc` and the cgroup mounts.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::host::HostRoot;

/// The tightest limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes.
    pub memory: Option<u64>,
    /// CPUs, a started one counted whole.
    pub cpus: Option<u32>,
}

/// Version 1 writes "no limit" as a number near 2^63; nothing real comes near this.
const UNLIMITED: u64 = 1 << 60;
/// No cgroup tree is that deep; a path that is wrong must not keep us.
const DEPTH: usize = 64;

/// Reads the limits; what cannot be read does not limit.
pub(super) fn limits(root: &HostRoot) -> Limits {
    let memberships = fs::read(root.at("/proc/self/cgroup")).map(|bytes| memberships(&bytes)).unwrap_or_default();
    let mounts = fs::read(root.at("/proc/self/mountinfo")).map(|bytes| mounts(&bytes)).unwrap_or_default();
    let mut limits = Limits::default();
    for membership in &memberships {
        let Some(mount) = mounts.iter().find(|mount| mount.carries(membership)) else { continue };
        for directory in mount.directories(&membership.path) {
            let directory = root.at(directory);
            let read = |name: &str| fs::read_to_string(directory.join(name)).ok();
            for name in ["memory.limit_in_bytes", "memory.max", "memory.high"] {
                limits.memory = tighter(limits.memory, read(name).and_then(|text| bytes(&text)));
            }
            let version_1 = || Some((read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?));
            let quota = version_1().and_then(|(quota, period)| cpus(&quota, &period));
            let version_2 = read("cpu.max").and_then(|text| {
                let (quota, period) = text.trim().split_once(' ')?;
                cpus(quota, period)
            });
            limits.cpus = tighter(tighter(limits.cpus, quota), version_2);
        }
    }
    limits
}

/// The directory of the cgroup that accounts for the memory of `pid`: of version 1 where its controller is there, else of version 2.
/// Where the cgroup itself is not visible (a container), the mount point.
pub(super) fn memory_directory(root: &HostRoot, pid: i32) -> Option<PathBuf> {
    let memberships = fs::read(root.at(format!("/proc/{pid}/cgroup"))).map(|bytes| memberships(&bytes)).ok()?;
    let mounts = fs::read(root.at("/proc/self/mountinfo")).map(|bytes| mounts(&bytes)).ok()?;
    let memory = |membership: &&Membership| membership.controllers.iter().any(|name| name == "memory");
    let version_2 = |membership: &&Membership| membership.controllers.is_empty();
    let candidates = [memberships.iter().find(memory), memberships.iter().find(version_2)];
    candidates.into_iter().flatten().find_map(|membership| {
        let mount = mounts.iter().find(|mount| mount.carries(membership))?;
        Some(root.at(mount.directories(&membership.path).into_iter().next()?))
    })
}

fn tighter<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn bytes(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit > 0 && *limit < UNLIMITED)
}

/// Whole CPUs of a quota; -1 and "max" are none.
fn cpus(quota: &str, period: &str) -> Option<u32> {
    let quota: u64 = quota.trim().parse().ok().filter(|quota| *quota > 0)?;
    let period: u64 = period.trim().parse().ok().filter(|period| *period > 0)?;
    u32::try_from(quota.div_ceil(period)).ok()
}

/// A line of `/proc/self/cgroup`.
#[derive(Debug, PartialEq, Eq)]
struct Membership {
    /// Its controllers; empty for version 2.
    controllers: Vec<String>,
    path: PathBuf,
}

fn memberships(bytes: &[u8]) -> Vec<Membership> {
    let text = String::from_utf8_lossy(bytes);
    let parts = text.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let controllers = parts.next()?.split(',').filter(|name| !name.is_empty()).map(str::to_string).collect();
        Some(Membership { controllers, path: parts.next()?.into() })
    });
    parts.collect()
}

/// A mounted cgroup hierarchy.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// The part of the hierarchy that is mounted: below a container it is not all of it.
    root: PathBuf,
    point: PathBuf,
    version_2: bool,
    options: Vec<String>,
}

impl Mount {
    fn carries(&self, membership: &Membership) -> bool {
        match membership.controllers.first() {
            None => self.version_2,
            Some(controller) => !self.version_2 && self.options.contains(controller),
        }
    }

    /// Directories from the cgroup at `path` up to the mount point, where it is visible; else the mount point alone.
    fn directories(&self, path: &Path) -> Vec<PathBuf> {
        let below = path.strip_prefix(&self.root).unwrap_or(Path::new(""));
        let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
        let mut directories = Vec::new();
        if plain {
            let ancestors = below.ancestors().take(DEPTH).filter(|part| !part.as_os_str().is_empty());
            directories.extend(ancestors.map(|part| self.point.join(part)));
        }
        directories.push(self.point.clone());
        directories
    }
}

fn mounts(bytes: &[u8]) -> Vec<Mount> {
    let text = String::from_utf8_lossy(bytes);
    let mounts = text.lines().filter_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (unescape(fields.next()?), unescape(fields.next()?));
        let mut fields = file_system.split(' ');
        let version_2 = match fields.next()? {
            "cgroup" => false,
            "cgroup2" => true,
            _ => return None,
        };
        let options = fields.nth(1).unwrap_or_default().split(',').map(str::to_string).collect();
        Some(Mount { root: root.into(), point: point.into(), version_2, options })
    });
    mounts.collect()
}

/// Paths in `/proc/*/mountinfo` and in fstab write blanks and backslashes as three octal digits.
pub(super) fn unescape(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octal = rest.get(1..4).filter(|digits| byte == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        let value = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A machine made of files.
    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, HostRoot) {
        let directory = tempfile::tempdir().expect("a directory");
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("its directory");
            fs::write(path, text).expect("the file");
        }
        let root = HostRoot { root: directory.path().to_path_buf(), environment: vec![] };
        (directory, root)
    }

    #[test]
    fn version_1_counts_the_tightest_limit_up_the_tree() {
        let (_keep, root) = machine(&[
            (
                "proc/self/cgroup",
                "9:memory:/system.slice/kafka-node.service\n4:cpu,cpuacct:/system.slice\n1:name=systemd:/x\n0::/\n",
            ),
            (
                "proc/self/mountinfo",
                "30 25 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n\
                 31 25 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpuacct,cpu\n\
                 32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/system.slice/memory.limit_in_bytes", "4294967296\n"),
            ("sys/fs/cgroup/memory/system.slice/kafka-node.service/memory.limit_in_bytes", "8589934592\n"),
            ("sys/fs/cgroup/cpu/system.slice/cpu.cfs_quota_us", "150000\n"),
            ("sys/fs/cgroup/cpu/system.slice/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(limits(&root), Limits { memory: Some(4 << 30), cpus: Some(2) });
        assert_eq!(bytes("9223372036854771712\n"), None, "version 1 writes no limit as a number");
    }

    #[test]
    fn version_2_counts_max_and_high() {
        let (_keep, root) = machine(&[
            ("proc/self/cgroup", "0::/system.slice/kafka-node.service\n"),
            ("proc/self/mountinfo", "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"),
            ("sys/fs/cgroup/system.slice/memory.max", "max\n"),
            ("sys/fs/cgroup/system.slice/kafka-node.service/memory.max", "6442450944\n"),
            ("sys/fs/cgroup/system.slice/kafka-node.service/memory.high", "5368709120\n"),
            ("sys/fs/cgroup/system.slice/cpu.max", "400000 100000\n"),
            ("sys/fs/cgroup/system.slice/kafka-node.service/cpu.max", "max 100000\n"),
        ]);
        assert_eq!(limits(&root), Limits { memory: Some(5 << 30), cpus: Some(4) });
    }

    #[test]
    fn in_a_container_whose_path_is_not_visible_the_mount_point_counts() {
        let (_keep, root) = machine(&[
            ("proc/self/cgroup", "5:memory:/docker/abc\n"),
            ("proc/self/mountinfo", "30 25 0:26 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
        ]);
        assert_eq!(limits(&root).memory, Some(1 << 30));
    }

    #[test]
    fn the_memory_of_a_process_is_accounted_in_version_1_where_that_has_the_controller() {
        let hybrid = "30 25 0:26 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n\
                      32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let pure = "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
        for (memberships, mountinfo, expected) in [
            ("9:memory:/a/b\n0::/c\n", hybrid, Some("sys/fs/cgroup/memory/a/b")),
            ("0::/a.slice/b.service\n", pure, Some("sys/fs/cgroup/a.slice/b.service")),
            ("4:cpu:/x\n", pure, None),
            ("", hybrid, None),
        ] {
            let (_keep, root) = machine(&[("proc/42/cgroup", memberships), ("proc/self/mountinfo", mountinfo)]);
            assert_eq!(memory_directory(&root, 42), expected.map(|path| root.at(format!("/{path}"))), "{memberships}");
            assert_eq!(memory_directory(&root, 43), None, "no such process");
        }
    }

    #[test]
    fn without_cgroups_there_is_no_limit() {
        let (_keep, root) = machine(&[]);
        assert_eq!(limits(&root), Limits::default());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[a-z0-9:/,\\\\. -]{0,80}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let memberships = memberships(bytes);
                for mount in mounts(bytes) {
                    memberships.iter().for_each(|membership| drop(mount.directories(&membership.path)));
                }
            }
            unescape(&text);
        }
    }
}
