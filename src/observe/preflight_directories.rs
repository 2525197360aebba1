//! Looks at data directories: what stands there, whether we may use it, whose it is, and what is still to be mounted. Reads only.
//!
//! Effects: reads directories and mounts.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use crate::config::Config;
use crate::model::Role;
use crate::plan::preflight::{Content, DirectorySighting, DirectoryState, LoggingPath, LoggingSighting, Space};

use super::host::HostRoot;
use super::host_cgroup::unescape;

/// Bytes read of a small file; `myid` has 2, `meta.properties` 100.
const SMALL: u64 = 64 * 1024;
/// Entries of a directory that are looked at for foreign owners.
const ENTRIES: usize = 10_000;
/// Foreign entries that are told.
const TOLD: usize = 20;

/// Key and path of each data directory of `role`.
pub(super) fn paths(config: &Config, role: Role) -> Vec<(&'static str, PathBuf)> {
    match role {
        Role::ZooKeeper => vec![("[zookeeper] data_dir", config.zookeeper.data_dir.clone())],
        Role::Kafka => config.kafka.log_dirs.iter().map(|dir| ("[kafka] log_dirs", dir.clone())).collect(),
    }
}

/// Every data directory of `role`.
pub(super) fn sightings(root: &HostRoot, config: &Config, role: Role) -> Vec<DirectorySighting> {
    let mounts = Mounts::read(root);
    paths(config, role)
        .into_iter()
        .map(|(key, path)| sighting(key, path.clone(), mounts.awaited_at(&path), role))
        .collect()
}

/// What the logging of `role` needs and cannot use: the operator's log4j file, or the directory of the stock log files. log4j makes
/// that one where it may.
pub(super) fn logging(config: &Config, role: Role) -> Vec<LoggingSighting> {
    let log4j = match role {
        Role::ZooKeeper => &config.zookeeper.log4j,
        Role::Kafka => &config.kafka.log4j,
    };
    let found = match log4j {
        Some(path) => fs::File::open(path).err().map(|error| (LoggingPath::Log4j, path, error.to_string())),
        None if config.log.files => {
            let path = &config.paths.log_dir;
            let there = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(path);
            let denied = access(there, AccessFlags::W_OK).err();
            denied.map(|error| (LoggingPath::LogDir, path, error.desc().to_owned()))
        }
        None => None,
    };
    let found = found.into_iter().map(|(what, path, words)| LoggingSighting { what, path: path.clone(), words });
    found.collect()
}

/// The mount point of `/etc/fstab`, at `path` or above it, that is not mounted.
pub fn unmounted(root: &HostRoot, path: &Path) -> Option<String> {
    Mounts::read(root).awaited_at(path)
}

/// What shall be mounted, and what is.
struct Mounts {
    configured: Vec<PathBuf>,
    mounted: Vec<PathBuf>,
}

impl Mounts {
    fn read(root: &HostRoot) -> Mounts {
        Mounts {
            configured: fs::read(root.at("/etc/fstab")).map(|bytes| fstab(&bytes)).unwrap_or_default(),
            mounted: fs::read(root.at("/proc/self/mountinfo")).map(|bytes| mount_points(&bytes)).unwrap_or_default(),
        }
    }

    fn awaited_at(&self, path: &Path) -> Option<String> {
        let mut points = self.configured.iter();
        let point = points.find(|point| path.starts_with(point) && !self.mounted.contains(point));
        point.map(|point| point.display().to_string())
    }
}

fn sighting(key: &'static str, path: PathBuf, unmounted: Option<String>, role: Role) -> DirectorySighting {
    let state = state(&path);
    let usable = state == DirectoryState::Usable;
    let identity = match role {
        Role::ZooKeeper => path.join("myid"),
        Role::Kafka => path.join("meta.properties"),
    };
    DirectorySighting {
        real: fs::canonicalize(&path).ok(),
        space: usable.then(|| space(&path)).flatten(),
        identity: if usable { content(&identity) } else { Content::Absent },
        foreign: if usable { foreign(&path, role) } else { Vec::new() },
        path,
        key,
        unmounted,
        state,
    }
}

fn state(path: &Path) -> DirectoryState {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => DirectoryState::Missing,
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => DirectoryState::NotADirectory,
        Err(error) => DirectoryState::Denied(error.to_string()),
        Ok(meta) if !meta.is_dir() => DirectoryState::NotADirectory,
        // access(2) sees what modes do not show: a read-only mount, an ACL.
        Ok(_) => match access(path, AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK) {
            Ok(()) => DirectoryState::Usable,
            Err(errno) => DirectoryState::Denied(errno.desc().to_string()),
        },
    }
}

fn content(path: &Path) -> Content {
    let mut bytes = Vec::new();
    match fs::File::open(path).and_then(|file| file.take(SMALL).read_to_end(&mut bytes)) {
        Ok(_) => Content::Bytes(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Content::Absent,
        Err(error) => Content::Unreadable(error.to_string()),
    }
}

/// What the service itself writes: of another owner it would end the service in the middle of its start.
fn foreign(path: &Path, role: Role) -> Vec<PathBuf> {
    let within = match role {
        Role::ZooKeeper => path.join("version-2"),
        Role::Kafka => path.to_path_buf(),
    };
    let entries =
        fs::read_dir(&within).map(|entries| entries.flatten().take(ENTRIES).collect()).unwrap_or_else(|_| vec![]);
    let entries = entries.into_iter().map(|entry| entry.path());
    let own = (role == Role::ZooKeeper && within.exists()).then_some(within);
    // An operator's lost+found or note beside the partitions is nobody's business.
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        match role {
            Role::ZooKeeper => name.starts_with("log.") || name.starts_with("snapshot.") || name.ends_with("Epoch"),
            Role::Kafka => {
                let partition = name.rsplit_once('-').is_some_and(|(_, number)| number.parse::<u32>().is_ok());
                partition || name == ".lock" || name == "meta.properties" || name.ends_with("-checkpoint")
            }
        }
    };
    let denied = |path: &PathBuf| access(path, AccessFlags::R_OK | AccessFlags::W_OK).is_err();
    let mut found: Vec<PathBuf> = own.into_iter().chain(entries.filter(is_ours)).filter(denied).take(TOLD).collect();
    found.sort();
    found
}

fn space(path: &Path) -> Option<Space> {
    let seen = statvfs(path).ok()?;
    let unit = seen.fragment_size();
    // btrfs and some others count no files.
    let free_files = (seen.files() > 0).then(|| seen.files_available());
    let bytes = |blocks: u64| blocks.saturating_mul(unit);
    Some(Space { free: bytes(seen.blocks_available()), total: bytes(seen.blocks()), free_files })
}

/// Bytes free to us where `path` is or will be.
pub(super) fn free_above(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|ancestor| ancestor.exists())?;
    space(there).map(|space| space.free)
}

/// Mount points of `/etc/fstab` that are to be there after a boot: not `noauto`, no swap, not the root.
fn fstab(bytes: &[u8]) -> Vec<PathBuf> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let points = lines.filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (_device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        let options = fields.next().unwrap_or_default();
        let comes = kind != "swap" && !options.split(',').any(|option| option == "noauto");
        let point = PathBuf::from(unescape(point));
        (comes && point.is_absolute() && point != Path::new("/")).then_some(point)
    });
    points.collect()
}

/// Every mount point of `/proc/self/mountinfo`.
fn mount_points(bytes: &[u8]) -> Vec<PathBuf> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().filter_map(|line| line.split(' ').nth(4)).map(|point| unescape(point).into()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fstab_names_what_is_to_be_mounted() {
        let text = b"# a comment\nUUID=1 / xfs defaults 0 0\n/dev/sdb1\t/data  xfs defaults,nofail 0 0\n/dev/sdc /mnt\\040x ext4 noauto 0 0\n\
                     /dev/sdd /my\\040disk ext4\n/dev/sde none swap sw 0 0\nbroken\n";
        assert_eq!(fstab(text), [PathBuf::from("/data"), PathBuf::from("/my disk")]);
    }

    #[test]
    fn mountinfo_names_what_is() {
        let text = b"36 35 98:0 / / rw - xfs /dev/sda rw\n37 35 98:1 / /my\\040disk rw shared:1 - xfs /dev/sdb rw\n";
        assert_eq!(mount_points(text), [PathBuf::from("/"), PathBuf::from("/my disk")]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            fstab(&bytes);
            mount_points(&bytes);
        }
    }
}
