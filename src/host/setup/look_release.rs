//! Looks at the release: what `[kafka] home` is, and what an offered archive holds. Reads only; the archive is read through twice.

use std::fs;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::config::Config;
use crate::observe::host::HostRoot;
use crate::plan::setup::{Archive, Deed, KafkaFacts, Member, Place, Request, Versioned, contents, versioned_path};

use super::super::programs::{Programs, run_well, words};

/// Bytes of an archive. Kafka 2.6.0 has 66 MB, 3.9 has 122 MB.
const MOST_BYTES: u64 = 512 << 20;

/// Reads the archive, and looks at what is installed.
pub(super) fn look(config: &Config, request: &Request, root: &HostRoot, programs: &mut dyn Programs) -> KafkaFacts {
    let archive = request.archive.as_ref().map(|path| archive(path, programs));
    look_with(config, root, archive)
}

/// Looks at what is installed, and holds it against an archive that was read before.
pub(super) fn look_with(config: &Config, root: &HostRoot, archive: Option<Result<Archive, String>>) -> KafkaFacts {
    let home = &config.kafka.home;
    let place = place(&root.at(home));
    let offered = archive.as_ref().and_then(|archive| archive.as_ref().ok()?.contents.as_ref().ok());
    let held = |path: &Path| offered.map_or(Versioned::Missing, |contents| held(contents.programs(), &root.at(path)));
    let versioned = offered.map_or(Versioned::Missing, |contents| held(&versioned_path(home, &contents.version)));
    let in_home = if place == Place::Directory { held(home) } else { Versioned::Missing };
    let above = root.at(home);
    let free = above.ancestors().skip(1).find(|path| path.exists()).and_then(|path| statvfs(path).ok());
    KafkaFacts {
        version: jar_version(&root.at(home).join("libs")),
        home: place,
        versioned,
        in_home,
        free: free.map(|space| space.blocks_available().saturating_mul(space.fragment_size())),
        archive,
    }
}

fn archive(path: &Path, programs: &mut dyn Programs) -> Result<Archive, String> {
    let shown = path.display();
    let meta = fs::metadata(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    if !meta.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    if meta.len() > MOST_BYTES {
        return Err(format!(
            "{shown} has {} MiB; a release of Kafka has less than {}",
            meta.len() >> 20,
            MOST_BYTES >> 20
        ));
    }
    let sha512 = checksum(path, programs)?;
    let contents = run_well(programs, &Deed::list_command(path)).and_then(|listing| contents(&listing));
    Ok(Archive { sha512, contents })
}

/// SHA-512 of a file, in lower case.
pub(super) fn checksum(path: &Path, programs: &mut dyn Programs) -> Result<String, String> {
    let out = run_well(programs, &words(&["sha512sum", &path.display().to_string()]))?;
    // A backslash stands before it where the name has odd characters.
    let digits: String = out.trim_start_matches('\\').chars().take_while(char::is_ascii_hexdigit).collect();
    if digits.len() == 128 { Ok(digits) } else { Err(format!("sha512sum says what is not understood: {out}")) }
}

/// Whether `files` are in the directory `path`, with their sizes.
pub(super) fn held<'a>(files: impl Iterator<Item = &'a Member>, path: &Path) -> Versioned {
    match place(path) {
        Place::Missing => return Versioned::Missing,
        Place::Link(_) | Place::Other => return Versioned::Other,
        Place::Directory => {}
    }
    let is_there = |file: &&Member| {
        fs::symlink_metadata(path.join(&file.path)).is_ok_and(|meta| meta.is_file() && meta.len() == file.size)
    };
    let lacking: Vec<&Member> = files.filter(|file| !is_there(file)).collect();
    lacking.first().map_or(Versioned::Complete, |first| Versioned::Lacks(lacking.len(), first.path.clone()))
}

/// What stands at `path`.
pub(super) fn place(path: &Path) -> Place {
    match fs::symlink_metadata(path) {
        Err(_) => Place::Missing,
        Ok(meta) if meta.is_dir() => Place::Directory,
        Ok(meta) if meta.is_symlink() => fs::read_link(path).map_or(Place::Other, Place::Link),
        Ok(_) => Place::Other,
    }
}

/// `2.6.0` of `kafka_2.13-2.6.0.jar`.
fn jar_version(libs: &Path) -> Option<String> {
    let names = fs::read_dir(libs).ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let versions = names.filter_map(|name| {
        let (_scala, version) = name.strip_prefix("kafka_")?.strip_suffix(".jar")?.split_once('-')?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
    });
    // Besides it stand kafka_2.13-2.6.0-sources.jar and the like.
    versions.min_by_key(String::len)
}
