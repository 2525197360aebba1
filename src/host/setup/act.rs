//! Does one deed. What it makes is whole or not there, whenever the power goes.
//!
//! Effects: as the room says. Absent on purpose: undoing, and whether a deed is due.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use crate::observe::host::HostRoot;
use crate::plan::setup::{Account, Deed, Place};

use super::super::programs::{Programs, run_well};
use super::look_release::place;
use super::unpack;

/// What is above a directory of the service belongs to root and can be looked into.
const ABOVE: u32 = 0o755;

/// Does it.
///
/// # Errors
/// The path or the command, and what the system said.
pub(super) fn act(root: &HostRoot, programs: &mut dyn Programs, account: &Account, deed: &Deed) -> Result<(), String> {
    match deed {
        Deed::Run(words) => run_well(programs, words).map(|_| ()),
        Deed::MakeDirectory { path, mode } => {
            let owner = owner(account)?;
            at(path, "make", |_| make(&root.at(path), owner, *mode))
        }
        Deed::Own { path, mode } => {
            let owner = owner(account)?;
            at(path, "give to kafka", |_| own(&root.at(path), owner, *mode))
        }
        Deed::OwnContent { path } => run_well(programs, &Deed::own_command(&root.at(path), "kafka:kafka")).map(|_| ()),
        Deed::Unpack { archive, sha512, contents, target } => {
            unpack::unpack(programs, archive, sha512, contents, &root.at(target))
        }
        Deed::Link { link, target } => at(link, "link", |_| relink(&root.at(link), target)),
        Deed::Sysctl { key, value } => {
            let path = crate::plan::setup::sysctl_place(key);
            at(&path, "write", |path| {
                OpenOptions::new().write(true).truncate(true).open(root.at(path))?.write_all(value.as_bytes())
            })
        }
    }
}

fn at(path: &Path, verb: &str, act: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), String> {
    act(path).map_err(|error| format!("cannot {verb} {}: {error}", path.display()))
}

fn owner(account: &Account) -> Result<(u32, u32), String> {
    let user = account.user.as_ref().ok_or("there is no user kafka")?;
    Ok((user.uid, account.group.ok_or("there is no group kafka")?))
}

fn make(path: &Path, owner: (u32, u32), mode: u32) -> io::Result<()> {
    let missing: Vec<PathBuf> =
        path.ancestors().skip(1).take_while(|above| !above.exists()).map(Path::to_path_buf).collect();
    for above in missing.iter().rev() {
        fs::create_dir(above)?;
        fs::set_permissions(above, Permissions::from_mode(ABOVE))?;
        sync_above(above)?;
    }
    // Nobody else looks in before it has its owner.
    DirBuilder::new().mode(0o700).create(path)?;
    own(path, owner, mode)?;
    sync_above(path)
}

fn own(path: &Path, (uid, gid): (u32, u32), mode: u32) -> io::Result<()> {
    chown(path, Some(uid), Some(gid))?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Makes the link under another name and renames it: whoever opens the old name meanwhile finds the old target or the new one.
fn relink(link: &Path, target: &Path) -> io::Result<()> {
    if matches!(place(link), Place::Directory | Place::Other) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is not a link"));
    }
    let name = link.file_name().unwrap_or_default().to_string_lossy();
    let temporary = link.with_file_name(format!(".{name}.linking"));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(target, &temporary)?;
    fs::rename(&temporary, link)?;
    sync_above(link)
}

/// Writes the directory that holds `path` to the disk, and so its name.
pub(super) fn sync_above(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |above| File::open(above)?.sync_all())
}
