//! Unpacks a release beside its place, makes it root's and readable, writes it to the disk, and renames it: whole or not at all.
//!
//! Effects: a directory of its own, until the rename. What a run that died left there is removed; nothing else ever is.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};
use std::path::Path;

use nix::unistd::{getegid, geteuid};

use crate::plan::setup::{Contents, Deed, Place, Versioned};

use super::super::programs::{Programs, run_well};
use super::act::sync_above;
use super::look_release::{checksum, held, place};

/// Unpacks `archive`, whose checksum and contents were judged, to `target`, a name that nothing has.
pub(super) fn unpack(
    programs: &mut dyn Programs,
    archive: &Path,
    sha512: &str,
    contents: &Contents,
    target: &Path,
) -> Result<(), String> {
    let words = |error: io::Error| format!("cannot unpack to {}: {error}", target.display());
    if checksum(archive, programs)? != sha512 {
        return Err(format!("{} is not the file any more that was looked at", archive.display()));
    }
    let staging = Deed::staging(target);
    begin(&staging).map_err(words)?;
    let made = run_well(programs, &Deed::unpack_command(archive, &staging))
        .and_then(|_| settle(&staging).map_err(words))
        .and_then(|()| match held(contents.files.iter(), &staging) {
            Versioned::Complete => Ok(()),
            _ => Err("tar did not unpack what it had listed".to_owned()),
        })
        .and_then(|()| {
            // rename(2) would replace an empty directory without a word.
            if place(target) != Place::Missing {
                return Err(format!("{} came meanwhile", target.display()));
            }
            fs::rename(&staging, target).and_then(|()| sync_above(target)).map_err(words)
        });
    if made.is_err() {
        // A full disk gets its space back. What stays is removed by the next run.
        let _ = fs::remove_dir_all(&staging);
    }
    made
}

/// An empty directory that is ours.
fn begin(staging: &Path) -> io::Result<()> {
    match place(staging) {
        Place::Missing => {}
        Place::Directory => fs::remove_dir_all(staging)?,
        Place::Link(_) | Place::Other => fs::remove_file(staging)?,
    }
    if let Some(above) = staging.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(above)?;
    }
    DirBuilder::new().mode(0o700).create(staging)
}

/// Every entry ours (root's), readable by all, and on the disk; the directory itself last.
fn settle(path: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    let refuse = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{} is {what}", path.display()));
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            settle(&entry?.path())?;
        }
    } else if !meta.is_file() {
        return Err(refuse("neither a file nor a directory"));
    }
    let runs = meta.is_dir() || meta.permissions().mode() & 0o111 != 0;
    lchown(path, Some(geteuid().as_raw()), Some(getegid().as_raw()))?;
    fs::set_permissions(path, Permissions::from_mode(if runs { 0o755 } else { 0o644 }))?;
    File::open(path)?.sync_all()
}
