//! The file of a JVM's performance counters: found by pid below `/tmp`, and read.
//!
//! `/tmp` belongs to everybody, so nothing there is believed for its name: directory and file must be owned by ourselves or by the
//! user of that very process, links are not followed, and only a regular file is read. A JVM writes there whatever
//! `java.io.tmpdir` says; with `-XX:-UsePerfData` or an own `PrivateTmp` there is no file, and no counters.
//!
//! A look costs 0.05 ms with 70 names in `/tmp` (8 microseconds of it for the parsing of 199 entries), and 0.4 ms with 1,000 names:
//! the median of 2,000, on a busy machine of 2 cores, at a broker's own file.
//! Absent on purpose: what the bytes say (`hsperf`).
//!
//! Effects: lists `/tmp`, reads one file in it.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

use crate::model::JvmCounters;

use super::hsperf;

/// Names of `/tmp` that are looked at. A directory that full is one that somebody fills.
const MOST_NAMES: usize = 20_000;
/// A JVM writes 32 KB (`PerfDataMemorySize`).
const FILE_CAP: u64 = 1 << 20;

/// The counters of the JVM `pid`, from `hsperfdata_USER/PID` below `tmp` (`/tmp`). `None` where there are none to be had, for any reason.
///
/// Blocks no longer than the file system of `tmp` does. A pid is used again: for the first moments of a JVM the file may still be
/// that of an earlier one, so counters that fall are those of another life, not of a clock that went back.
pub fn read(tmp: &Path, pid: i32) -> Option<JvmCounters> {
    let owners = owners(pid);
    let ours = |metadata: &fs::Metadata| owners.contains(&Some(metadata.uid()));
    let name = pid.to_string();
    for entry in fs::read_dir(tmp).ok()?.take(MOST_NAMES).flatten() {
        if !entry.file_name().as_bytes().starts_with(b"hsperfdata_") {
            continue;
        }
        // The metadata of the entry itself, not of what a link points to.
        let directory = entry.metadata().ok().filter(|metadata| metadata.is_dir() && ours(metadata));
        if directory.is_none() {
            continue;
        }
        let counters = bytes(&entry.path().join(&name), ours).and_then(|bytes| hsperf::parse(&bytes).ok());
        if counters.is_some() {
            return counters;
        }
    }
    None
}

/// Ourselves, and the user whose process it is.
fn owners(pid: i32) -> [Option<u32>; 2] {
    let process = fs::metadata(format!("/proc/{pid}")).ok().map(|metadata| metadata.uid());
    [Some(geteuid().as_raw()), process]
}

fn bytes(path: &Path, ours: impl Fn(&fs::Metadata) -> bool) -> Option<Vec<u8>> {
    // NONBLOCK: the opening of a pipe would wait for its other end.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || !ours(&metadata) || metadata.len() > FILE_CAP {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
    file.take(FILE_CAP).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
