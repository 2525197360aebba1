//! zig as a C compiler and linker for an older glibc, and cargo-zigbuild, which lets cargo use it: two wheels by pip, pinned with
//! their hashes. Absent on purpose: a choice of versions. Both wheels exist for x86_64 only, and pip says so itself elsewhere.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use super::{move_into_place, temporary};
use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::places::Places;
use crate::progress::{Progress, seconds};

const PIN: &str = include_str!("../../zig/zigbuild.txt");

/// Where both are in the cache.
#[derive(Debug)]
pub struct Zig {
    /// The program `zig`.
    pub zig: PathBuf,
    /// The program `cargo-zigbuild`.
    pub zigbuild: PathBuf,
    /// What zig builds of the old glibc, once for all builds.
    pub cache: PathBuf,
}

/// Both from the cache, or fetched into it.
pub fn fetch(places: &Places, progress: &Progress) -> Outcome<Zig> {
    let place = places.cache.join(format!("zig-{}", names().join("-")));
    let zig = Zig {
        zig: place.join("ziglang/zig"),
        zigbuild: place.join("bin/cargo-zigbuild"),
        cache: places.cache.join("zig-cache"),
    };
    if zig.zig.is_file() && zig.zigbuild.is_file() {
        return Ok(zig);
    }
    if child::on_path("python3").is_none() {
        return Err(Failure::new("this machine has no python3 with pip to fetch zig with"));
    }
    progress.say(format!("zig: fetching {} with pip (100 MB)", names().join(" and ")));
    let begun = Instant::now();
    let work = temporary(places, "zig")?;
    let done = (|| {
        let pins = work.join("pin.txt");
        std::fs::write(&pins, PIN).during(|| "write the pin".into())?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--target"])
            .arg(work.join("tree"))
            .arg("--requirement")
            .arg(&pins);
        child::logged(&mut pip, &places.log("pip")).during(|| "fetch the wheels".into())?;
        move_into_place(&work.join("tree"), &place)
    })();
    let _ = std::fs::remove_dir_all(&work);
    done?;
    if !(zig.zig.is_file() && zig.zigbuild.is_file()) {
        return Err(Failure::new(format!(
            "the wheels hold no zig or no cargo-zigbuild: look into {}",
            place.display()
        )));
    }
    progress.say(format!("zig: fetched ({})", seconds(begun.elapsed())));
    Ok(zig)
}

/// `ziglang-0.17.1` and the other, as pip names them.
fn names() -> Vec<String> {
    let lines = PIN.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_whitespace().next()).map(|name| name.replace("==", "-")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_pinned_with_a_hash() {
        assert_eq!(names().len(), 2, "{:?}", names());
        for line in PIN.lines().filter(|line| !line.starts_with('#')) {
            let hash = line.split_once(" --hash=sha256:").map(|(_, hash)| hash.trim()).unwrap_or_default();
            assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{line}");
        }
    }
}
