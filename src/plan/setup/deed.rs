//! One effect of a step, as data: shown before it is done, and done by `host::setup`.
//!
//! Absent on purpose: shells. A command is a list of arguments.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Contents, USER};

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Runs a program; its first word is looked for in the system's own directories. Fails unless it exits with 0.
    Run(Vec<String>),
    /// Makes a directory for the user, and those above it that are missing for root.
    MakeDirectory {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Gives an existing directory, and nothing in it, to the user.
    Own {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Gives everything in a directory to the user. Links are not followed.
    OwnContent {
        /// Which.
        path: PathBuf,
    },
    /// Unpacks an archive beside its place, writes it to the disk and renames it into place: whole or not at all.
    Unpack {
        /// The archive.
        archive: PathBuf,
        /// Its checksum when it was judged; another one at the time of unpacking ends the step.
        sha512: String,
        /// What was found in it, and is looked for again after unpacking.
        contents: Contents,
        /// The place: a name that nothing has yet.
        target: PathBuf,
    },
    /// Makes a symbolic link, or lets an existing one point elsewhere in one instant.
    Link {
        /// The link.
        link: PathBuf,
        /// Where it shall point.
        target: PathBuf,
    },
    /// Writes a kernel setting.
    Sysctl {
        /// E.g. `vm.swappiness`.
        key: String,
        /// Its value.
        value: String,
    },
}

impl Deed {
    /// A command.
    pub(super) fn run(words: &[&str]) -> Deed {
        Deed::Run(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// The directory beside `target` that an archive is unpacked into. What an interrupted run left under this name is removed.
    pub fn staging(target: &Path) -> PathBuf {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        target.with_file_name(format!(".{name}.unpacking"))
    }

    /// The command that unpacks `archive` into `directory`. What the archive says of owners and modes is not believed; without
    /// --force-local a colon in its name would mean another host.
    pub fn unpack_command(archive: &Path, directory: &Path) -> Vec<String> {
        let words = [
            "tar",
            "--force-local",
            "--extract",
            "--gzip",
            "--no-same-owner",
            "--no-same-permissions",
            "--strip-components=1",
        ];
        let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        words.extend(["--directory".to_owned(), directory.display().to_string()]);
        words.extend(["--file".to_owned(), archive.display().to_string()]);
        words
    }

    /// The command that lists `archive` for [`super::contents`].
    pub fn list_command(archive: &Path) -> Vec<String> {
        let words = [
            "tar",
            "--force-local",
            "--list",
            "--verbose",
            "--gzip",
            "--numeric-owner",
            "--quoting-style=escape",
            "--file",
        ];
        words.into_iter().map(str::to_owned).chain([archive.display().to_string()]).collect()
    }

    /// The command that gives everything in `path` to `owner`.
    pub fn own_command(path: &Path, owner: &str) -> Vec<String> {
        let words = ["chown", "--recursive", "--no-dereference", owner];
        words.into_iter().map(str::to_owned).chain([path.display().to_string()]).collect()
    }
}

/// As the operator sees it: commands after a `$`, one line each.
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::Run(words) => write!(f, "$ {}", typed(words)),
            Deed::MakeDirectory { path, mode } => write!(f, "make {} ({USER}:{USER}, {mode:04o})", path.display()),
            Deed::Own { path, mode } => write!(f, "give {} to {USER}:{USER}, {mode:04o}", path.display()),
            Deed::OwnContent { path } => write!(f, "$ {}", typed(&Deed::own_command(path, "kafka:kafka"))),
            Deed::Unpack { archive, target, .. } => {
                let staging = Deed::staging(target);
                writeln!(f, "$ {}", typed(&Deed::unpack_command(archive, &staging)))?;
                write!(f, "rename {} to {} (root:root, readable by all)", staging.display(), target.display())
            }
            Deed::Link { link, target } => write!(f, "link {} -> {}", link.display(), target.display()),
            Deed::Sysctl { key, value } => write!(f, "write {value} to {}", super::sysctl_place(key).display()),
        }
    }
}

/// A command as one would type it: what a shell would take apart stands in quotes.
fn typed(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    let quoted = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
