//! Looks at what the data directories are mounted on, whose they are, and how many log segments they hold. Reads only.
//!
//! Effects: reads directories and mounts.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use crate::config::Config;
use crate::model::Role;
use crate::plan::preflight::{DATA_LOG_DIR, DiskSighting, Mount, Told};

use super::host::HostRoot;
use super::host_cgroup::unescape;
use super::preflight_directories::paths;

/// Each data directory of this node, and ZooKeeper's log where it has a directory of its own.
pub(super) fn sightings(root: &HostRoot, config: &Config) -> Vec<DiskSighting> {
    let mounts = fs::read(root.at("/proc/self/mountinfo"))
        .map(|bytes| mounts(&bytes))
        .map_err(|error| format!("/proc/self/mountinfo: {error}"));
    let roles = Role::ALL.into_iter().filter(|role| config.this_node().roles.has(*role));
    let mut places: Vec<(&'static str, PathBuf)> = roles.flat_map(|role| paths(config, role)).collect();
    let log = config.zookeeper.properties.iter().rev().find(|property| property.key == "dataLogDir");
    if let Some(log) = log.filter(|_| config.this_node().roles.zookeeper) {
        places.push((DATA_LOG_DIR, PathBuf::from(&log.value)));
    }
    let sighting = |(key, path): (&'static str, PathBuf)| DiskSighting {
        key,
        mount: mounts.as_ref().map_err(Clone::clone).and_then(|mounts| mount_of(&path, mounts)),
        owner: fs::metadata(&path).ok().map(|meta| owner(meta.uid())),
        path,
    };
    places.into_iter().map(sighting).collect()
}

fn owner(uid: u32) -> String {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

/// What `path` is on, or will be: links resolved as far as there is something.
fn mount_of(path: &Path, mounts: &[Mount]) -> Told<Mount> {
    let real =
        path.ancestors().find_map(|ancestor| fs::canonicalize(ancestor).ok()).unwrap_or_else(|| path.to_path_buf());
    // Of two on one point the later one lies above.
    let above = mounts.iter().filter(|mount| real.starts_with(&mount.point));
    let deepest = above.max_by_key(|mount| Path::new(&mount.point).components().count());
    deepest.cloned().ok_or_else(|| "no mount is above it".to_owned())
}

/// Lines of `/proc/self/mountinfo`.
fn mounts(bytes: &[u8]) -> Vec<Mount> {
    let text = String::from_utf8_lossy(bytes);
    let mount = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(2);
        let (device, _root, point, own) = (left.next()?, left.next()?, left.next()?, left.next()?);
        let mut right = right.split(' ');
        let (kind, _source, of_system) = (right.next()?, right.next()?, right.next().unwrap_or_default());
        let options = own.split(',').chain(of_system.split(',')).map(str::to_owned);
        Some(Mount { point: unescape(point), kind: kind.into(), options: options.collect(), device: device.into() })
    };
    text.lines().filter_map(mount).collect()
}

/// Log segments in every log directory. What cannot be opened makes the number unknown, and no smaller.
pub(super) fn segments(config: &Config) -> Told<u64> {
    let mut count = 0;
    for directory in config.kafka.log_dirs.iter().filter(|_| config.this_node().roles.kafka) {
        for partition in entries(directory)? {
            // Partitions are named topic-number.
            let number = partition.rsplit_once('-').map(|(_, number)| number.parse::<u32>());
            if matches!(number, Some(Ok(_))) {
                let files = entries(&directory.join(partition))?;
                count += files.iter().filter(|name| name.ends_with(".log")).count() as u64;
            }
        }
    }
    Ok(count)
}

/// Names in a directory; none where there is no such directory, or no longer.
fn entries(path: &Path) -> Told<Vec<String>> {
    match fs::read_dir(path) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()),
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => Ok(Vec::new()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_deepest_and_latest_mount_is_the_one() {
        let text = b"1 0 8:1 / / rw,relatime shared:1 - xfs /dev/sda1 rw,attr2\n\
                     2 1 8:2 / /no\\040such rw - ext4 /dev/sdb rw\n\
                     3 1 0:40 / /no\\040such ro,noatime master:2 - nfs4 h:/x rw,vers=4\nbroken\n4 1 8:3 / /no - xfs\n";
        let mounts = mounts(text);
        assert_eq!(mounts.len(), 3, "{mounts:?}");
        let seen = mount_of(Path::new("/proc/1/nothing"), &mounts).expect("the root is above everything");
        assert_eq!((seen.point.as_str(), seen.kind.as_str(), seen.device.as_str()), ("/", "xfs", "8:1"));
        assert_eq!(seen.options, ["rw", "relatime", "rw", "attr2"]);
        let over = mounts.iter().filter(|mount| mount.point == "/no such").max_by_key(|mount| mount.point.len());
        assert_eq!(over.map(|mount| mount.kind.as_str()), Some("nfs4"), "of equals the last is taken");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), text in "[0-9a-z/:, -]{0,80}") {
            mounts(&bytes);
            mounts(text.as_bytes());
        }
    }
}
