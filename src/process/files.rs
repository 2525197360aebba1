//! The files a run needs: rendered ones written whole or not at all, and `myid` written once and never again.
//!
//! Absent on purpose: data directories are never made here. One that is missing is a disk that is not mounted, and a new
//! `myid` on the disk below it would make this node another node's empty twin.
//!
//! Effects: writes the files of a run.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::model::SpawnFailure;
use crate::plan::{RenderedFile, ServiceSpec};

/// Rendered properties may hold passwords that an operator passed through: they are the owner's alone, whose JVM reads them.
const RENDERED_MODE: u32 = 0o600;
/// Records and `myid` hold no secret: the group may look.
pub(super) const PLAIN_MODE: u32 = 0o640;
/// For the directories made here.
const DIRECTORY_MODE: u32 = 0o750;

/// Makes the directories that kafka-node owns and writes every file of the run.
pub(super) fn prepare(spec: &ServiceSpec) -> Result<(), SpawnFailure> {
    make_directory(&spec.directory)?;
    for file in &spec.files {
        if let Some(parent) = file.path.parent() {
            make_directory(parent)?;
        }
        write_whole(&file.path, file.text.as_bytes(), RENDERED_MODE, Durability::Process)
            .map_err(|error| failure(&file.path, &error))?;
    }
    spec.my_id_file.as_ref().map_or(Ok(()), write_once)
}

/// What a finished write outlives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// The death of this process. Enough for what is written again before each start.
    Process,
    /// A power cut.
    PowerCut,
}

/// Writes `path` by a temporary file beside it and a rename: a reader, and a full disk, see the old text or the new one.
/// What already says so is left as it is, so that a full disk does not keep a known configuration from starting.
pub(super) fn write_whole(path: &Path, text: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    if durability == Durability::Process && fs::read(path).is_ok_and(|present| present == text) {
        // What somebody opened to others is closed again; what cannot be (a link, a stranger's file) is replaced.
        if closed(path, mode).is_ok_and(|closed| closed) {
            return Ok(());
        }
    }
    let temporary = beside(path, "new")?;
    let written = write_new(&temporary, text, mode, durability).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The words of the first error matter, not whether half a file could be taken away again.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    if durability == Durability::PowerCut { sync_directory(path) } else { Ok(()) }
}

/// Writes `myid` where there is none. By a hard link from a finished file: link(2) refuses an existing name as O_EXCL
/// does, and a power cut leaves a whole `myid` or none, never an empty one.
fn write_once(file: &RenderedFile) -> Result<(), SpawnFailure> {
    let path = &file.path;
    match fs::read(path) {
        Ok(present) => return same_id(file, &present),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failure(path, &error)),
    }
    let write = || -> io::Result<()> {
        let temporary = beside(path, "new")?;
        let linked = write_new(&temporary, file.text.as_bytes(), PLAIN_MODE, Durability::PowerCut)
            .and_then(|()| fs::hard_link(&temporary, path));
        let removed = fs::remove_file(&temporary);
        linked.and(removed).and_then(|()| sync_directory(path))
    };
    match write() {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs::read(path) {
            Ok(present) => same_id(file, &present),
            Err(error) => Err(failure(path, &error)),
        },
        Err(error) => Err(failure(path, &error)),
    }
}

/// ZooKeeper reads the first line as a number; so does this.
fn same_id(file: &RenderedFile, present: &[u8]) -> Result<(), SpawnFailure> {
    let present = String::from_utf8_lossy(present);
    let first = present.lines().next().unwrap_or_default().trim();
    let wanted = file.text.trim();
    if first == wanted || first.parse::<i64>().is_ok_and(|id| wanted.parse() == Ok(id)) {
        return Ok(());
    }
    let shown: String = first.chars().take(40).collect();
    Err(SpawnFailure::Files(format!(
        "{} says \"{shown}\" and the configuration says {wanted}: it is never overwritten; see whether this is another node's data directory",
        file.path.display()
    )))
}

/// Gives a regular file this mode. `false` where it is none.
fn closed(path: &Path, mode: u32) -> io::Result<bool> {
    let present = fs::symlink_metadata(path)?;
    if present.is_file() && present.permissions().mode() & 0o7777 != mode {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(present.is_file())
}

fn write_new(path: &Path, text: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    // A leftover of a run that died in the middle; a link planted under this name is not followed either.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text)?;
    if durability == Durability::PowerCut { file.sync_all() } else { Ok(()) }
}

/// The name of the temporary file: in the same directory, or a rename would cross file systems.
fn beside(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".");
    hidden.push(suffix);
    Ok(path.with_file_name(hidden))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

pub(super) fn make_directory(path: &Path) -> Result<(), SpawnFailure> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path).map_err(|error| failure(path, &error))
}

fn failure(path: &Path, error: &io::Error) -> SpawnFailure {
    SpawnFailure::Files(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(path: &Path, text: &str) -> RenderedFile {
        RenderedFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn my_id_is_written_once_and_never_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("myid");
        write_once(&rendered(&path, "2\n")).expect("the first time");
        assert_eq!(fs::read_to_string(&path).expect("myid"), "2\n");
        write_once(&rendered(&path, "2\n")).expect("the same again");
        let refusal = write_once(&rendered(&path, "3\n")).expect_err("another id").to_string();
        assert!(refusal.contains("says \"2\"") && refusal.contains("says 3"), "{refusal}");
        assert_eq!(fs::read_to_string(&path).expect("myid"), "2\n");
        assert_eq!(
            fs::read_dir(dir.path()).expect("entries").count(),
            1,
            "no temporary file stays in a data directory"
        );
    }

    #[test]
    fn my_id_written_by_hand_counts_however_it_is_spelled() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("myid");
        for spelled in ["7", " 7 \n", "7\r\nsecond line", "07"] {
            fs::write(&path, spelled).expect("write");
            write_once(&rendered(&path, "7\n")).unwrap_or_else(|failure| panic!("{spelled:?}: {failure}"));
        }
        for foreign in ["", "\n7", "seven", "70"] {
            fs::write(&path, foreign).expect("write");
            write_once(&rendered(&path, "7\n")).expect_err(foreign);
            assert_eq!(fs::read_to_string(&path).expect("myid"), foreign);
        }
    }

    #[test]
    fn a_missing_data_directory_is_not_made() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("not-mounted/myid");
        let refusal = write_once(&rendered(&path, "1\n")).expect_err("no directory").to_string();
        assert!(refusal.contains("not-mounted/myid"), "{refusal}");
        assert!(!dir.path().join("not-mounted").exists());
    }

    #[test]
    fn a_file_is_replaced_whole_and_a_leftover_of_a_dead_run_is_no_hindrance() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("server.properties");
        fs::write(dir.path().join(".server.properties.new"), "half").expect("leftover");
        write_whole(&path, b"first", RENDERED_MODE, Durability::Process).expect("first");
        write_whole(&path, b"second", PLAIN_MODE, Durability::PowerCut).expect("second");
        assert_eq!(fs::read(&path).expect("text"), b"second");
        assert_eq!(fs::read_dir(dir.path()).expect("entries").count(), 1);
    }
}
