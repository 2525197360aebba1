//! The report that a JVM leaves of its own crash (`hs_err_pidN.log`): where it may stand, and whether one was written in this run.
//!
//! A file is new if it was not there at the beginning of the run, or was another: pids are used again, and a clock may be set back.
//! Absent on purpose: what it says.
//!
//! Effects: looks at files by name.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::host::HostRoot;

const OPTION: &str = "-XX:ErrorFile=";

/// The places where a JVM leaves its report, and what stood there when the run began.
#[derive(Debug)]
pub(super) struct CrashReports {
    places: Vec<(PathBuf, Option<Identity>)>,
}

/// What changes when a file is written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl CrashReports {
    /// The places of the JVM `pid` with these arguments, which runs in `directory`.
    pub(super) fn of<'a>(
        root: &HostRoot,
        args: impl DoubleEndedIterator<Item = &'a str>,
        directory: &Path,
        pid: i32,
    ) -> CrashReports {
        let temporary = root.at("/tmp");
        let places = places(args, directory, &temporary, pid);
        CrashReports { places: places.into_iter().map(|place| (place.clone(), identity(&place))).collect() }
    }

    /// The report that was written since.
    pub(super) fn written(&self) -> Option<PathBuf> {
        let new = |(place, before): &&(PathBuf, Option<Identity>)| {
            let now = identity(place);
            now.is_some() && now != *before
        };
        self.places.iter().find(new).map(|(place, _)| place.clone())
    }
}

/// Where the option says, the last one winning; where that cannot be written the working directory, and else `/tmp`.
fn places<'a>(
    mut args: impl DoubleEndedIterator<Item = &'a str>,
    directory: &Path,
    temporary: &Path,
    pid: i32,
) -> Vec<PathBuf> {
    let named = args.rfind(|arg| arg.starts_with(OPTION)).and_then(|arg| arg.strip_prefix(OPTION));
    let name = format!("hs_err_pid{pid}.log");
    let mut places = vec![directory.join(&name), temporary.join(&name)];
    // A path that is not absolute is one of the working directory.
    if let Some(named) = named.filter(|named| !named.is_empty()).map(|named| directory.join(expand(named, pid))) {
        places.retain(|place| *place != named);
        places.insert(0, named);
    }
    places
}

/// `%p` is the pid, and `%%` a percent sign.
fn expand(pattern: &str, pid: i32) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        rest = after;
        if let Some(after) = after.strip_prefix('p') {
            text.push_str(&pid.to_string());
            rest = after;
        } else {
            text.push('%');
            rest = rest.strip_prefix('%').unwrap_or(rest);
        }
    }
    text + rest
}

/// `None` for what is not a regular file of our own user: `/tmp` belongs to everybody.
fn identity(place: &Path) -> Option<Identity> {
    let metadata = fs::symlink_metadata(place).ok()?;
    let ours = metadata.is_file() && metadata.uid() == geteuid().as_raw();
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    ours.then(|| Identity { inode: metadata.ino(), length: metadata.len(), modified })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_option_names_the_place_and_the_others_come_after() {
        let at = |args: &[&str]| places(args.iter().copied(), Path::new("/work"), Path::new("/tmp"), 42);
        let plain = ["/work/hs_err_pid42.log", "/tmp/hs_err_pid42.log"].map(PathBuf::from);
        assert_eq!(at(&["-Xmx1g", "kafka.Kafka"]), plain);
        assert_eq!(at(&["-XX:ErrorFile=/work/hs_err_pid%p.log"]), plain, "each once");
        assert_eq!(at(&["-XX:ErrorFile=/a", "-XX:ErrorFile=/var/%p%%p%x.%"])[0], PathBuf::from("/var/42%p%x.%"));
        assert_eq!(at(&["-XX:ErrorFile=crash"])[0], PathBuf::from("/work/crash"));
        assert_eq!(at(&["-XX:ErrorFile="]), plain);
    }

    #[test]
    fn only_what_was_written_in_this_run_counts() {
        let directory = tempfile::tempdir().unwrap();
        let root = HostRoot { root: directory.path().to_path_buf(), environment: vec![] };
        let place = directory.path().join("hs_err_pid42.log");
        let reports = || CrashReports::of(&root, [].into_iter(), directory.path(), 42);
        assert_eq!(reports().written(), None);

        let before = reports();
        fs::write(&place, "# A fatal error").unwrap();
        assert_eq!(before.written(), Some(place.clone()));
        let since = reports();
        assert_eq!(since.written(), None, "an earlier run's");
        fs::write(&place, "# Another fatal error").unwrap();
        assert_eq!(since.written(), Some(place.clone()), "written over");

        fs::remove_file(&place).unwrap();
        let since = reports();
        std::os::unix::fs::symlink("/etc/passwd", &place).unwrap();
        assert_eq!(since.written(), None, "a link");
        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
        assert_eq!(since.written(), None, "a directory");
    }
}
