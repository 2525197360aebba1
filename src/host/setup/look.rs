//! Looks at the account, the directories, kernel settings and the unit. Reads only.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use crate::config::Config;
use crate::observe::host::HostRoot;
use crate::observe::preflight::unmounted;
use crate::plan::setup::{
    Account, Directory, DirectoryState, Foreign, SYSCTL_FILE, SysctlFacts, USER, User, sysctl_place, sysctl_settings,
    wanted,
};

use super::super::programs::{Programs, words};

/// Where the unit may be, an operator's own copy first.
const UNITS: [&str; 2] = ["/etc/systemd/system/kafka-node.service", "/usr/lib/systemd/system/kafka-node.service"];
/// Shells that let nobody in; the first that is there is taken.
const NOLOGIN: [&str; 3] = ["/sbin/nologin", "/usr/sbin/nologin", "/bin/false"];
/// Where systemd reads kernel settings. A file hides those of its name in later directories.
const SYSCTL: [&str; 4] = ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"];
/// Entries of a directory that are looked at, at any depth; a broker has four a log segment.
const MOST_ENTRIES: u64 = 1_000_000;

/// User and group, from wherever the system keeps them.
pub(super) fn account(root: &HostRoot, programs: &mut dyn Programs) -> Account {
    let shell = NOLOGIN.iter().find(|shell| root.at(shell).exists()).unwrap_or(&NOLOGIN[0]);
    let mut account = Account { user: None, group: None, nologin: PathBuf::from(shell), trouble: None };
    let seen = entry(programs, "passwd").and_then(|user| Ok((user, entry(programs, "group")?)));
    let (user, group) = match seen {
        Ok(seen) => seen,
        Err(words) => {
            account.trouble = Some(words);
            return account;
        }
    };
    // name:password:gid:members
    account.group = group.and_then(|line| line.split(':').nth(2)?.parse().ok());
    // name:password:uid:gid:comment:home:shell
    account.user = user.and_then(|line| {
        let fields: Vec<&str> = line.trim_end().split(':').collect();
        let number = |n: usize| fields.get(n)?.parse().ok();
        let shell = fields.get(6).copied().unwrap_or_default().to_owned();
        Some(User { uid: number(2)?, gid: number(3)?, shell, groups: Vec::new() })
    });
    if let Some(user) = &mut account.user
        && let Ok(answer) = programs.run(&words(&["id", "-Gn", USER]))
    {
        user.groups = answer.out.split_whitespace().map(str::to_owned).collect();
    }
    account
}

/// The line of kafka in a database of the system.
fn entry(programs: &mut dyn Programs, database: &str) -> Result<Option<String>, String> {
    let answer = programs.run(&words(&["getent", database, USER]))?;
    match answer.code {
        Some(0) => Ok(Some(answer.out)),
        // 2: there is no such entry.
        Some(2) => Ok(None),
        _ => Err(format!("getent {database} {USER}: {}", answer.words())),
    }
}

/// Each wanted directory, in order.
pub(super) fn directories(config: &Config, root: &HostRoot, account: &Account) -> Vec<Directory> {
    let uid = account.user.as_ref().map(|user| user.uid);
    let look =
        |path: PathBuf| Directory { state: state(&root.at(&path), &path, uid), unmounted: unmounted(root, &path) };
    wanted(config).into_iter().map(|wanted| look(wanted.path)).collect()
}

fn state(path: &Path, shown: &Path, uid: Option<u32>) -> DirectoryState {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if fs::symlink_metadata(path).is_ok() {
                return DirectoryState::Other("is a link to nothing".to_owned());
            }
            DirectoryState::Missing
        }
        Err(error) => DirectoryState::Other(format!("cannot be looked at: {error}")),
        Ok(meta) if !meta.is_dir() => DirectoryState::Other("is not a directory".to_owned()),
        Ok(meta) => DirectoryState::Present {
            uid: meta.uid(),
            gid: meta.gid(),
            mode: meta.mode() & 0o7777,
            foreign: foreign(path, shown, uid),
        },
    }
}

/// What in `path` does not belong to `uid`. Stays on its file system, follows no link.
fn foreign(path: &Path, shown: &Path, uid: Option<u32>) -> Foreign {
    let mut found = Foreign::default();
    let device = fs::metadata(path).map(|meta| meta.dev()).unwrap_or_default();
    let mut folders = vec![path.to_path_buf()];
    let mut entries: u64 = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            // Of the file system itself, where the directory is a mount point.
            if folder == path && entry.file_name() == "lost+found" {
                continue;
            }
            let Ok(meta) = entry.metadata() else { continue };
            entries += 1;
            if entries > MOST_ENTRIES {
                found.more = true;
                return found;
            }
            if meta.is_dir() && meta.dev() == device {
                folders.push(entry.path());
            }
            if Some(meta.uid()) == uid {
                continue;
            }
            let place = entry.path();
            let place = place.strip_prefix(path).map(|inner| shown.join(inner)).unwrap_or(place.clone());
            found.count += 1;
            if meta.is_file() && meta.nlink() > 1 && found.linked.is_none() {
                found.linked = Some(place.clone());
            }
            // The smallest name, so that two looks tell the same one.
            if found.example.as_ref().is_none_or(|example| place < *example) {
                found.example = Some(place);
            }
        }
    }
    found
}

/// Kernel settings as systemd would read them, and those of our file as they are.
pub(super) fn sysctl(root: &HostRoot) -> SysctlFacts {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for directory in SYSCTL {
        let entries = fs::read_dir(root.at(directory)).into_iter().flatten().flatten();
        for name in entries.map(|entry| entry.file_name().to_string_lossy().into_owned()) {
            if name.ends_with(".conf") {
                files.entry(name.clone()).or_insert_with(|| format!("{directory}/{name}"));
            }
        }
    }
    let read = |path: String| {
        let text = fs::read(root.at(&path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (path, sysctl_settings(&text.unwrap_or_default()))
    };
    let files: Vec<_> = files.into_values().map(read).collect();
    let name = SYSCTL_FILE.rsplit('/').next().unwrap_or_default();
    let ours =
        files.iter().filter(|(path, _)| path.rsplit('/').next() == Some(name)).flat_map(|(_, settings)| settings);
    let present = ours
        .map(|(key, _)| {
            let place = root.at(sysctl_place(key));
            let value = fs::read_to_string(&place).ok().map(|value| value.trim().to_owned());
            // access(2) sees a read-only /proc/sys, as containers have it.
            (key.clone(), value, access(&place, AccessFlags::W_OK).is_ok())
        })
        .collect();
    SysctlFacts { files, present }
}

/// The text of the unit.
pub(super) fn unit(root: &HostRoot) -> Option<String> {
    UNITS.iter().find_map(|path| fs::read_to_string(root.at(path)).ok())
}
