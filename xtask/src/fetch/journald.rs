//! systemd-journald and journalctl, which the tests run in a namespace of their own: the machine's, else Debian's packages unpacked
//! beside the system. Absent on purpose: installing. A machine without systemd does not get one for a test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::{move_into_place, temporary};
use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::places::Places;
use crate::progress::{Progress, seconds};

/// What both programs are in and link to, beyond what every Debian has. Releases differ in names: one that is not there is left out,
/// and the loader decides.
const PACKAGES: [&str; 22] = [
    "systemd",
    "libsystemd-shared",
    "libsystemd0",
    "libacl1",
    "libaudit1",
    "libblkid1",
    "libcap-ng0",
    "libcap2",
    "libcrypt1",
    "libgcrypt20",
    "libgpg-error0",
    "libip4tc2",
    "libkmod2",
    "liblz4-1",
    "liblzma5",
    "libmount1",
    "libpam0g",
    "libpcre2-8-0",
    "libseccomp2",
    "libselinux1",
    "libssl3",
    "libzstd1",
];
/// Where Debian has libraries, below a tree; `tests/journald/bed.rs` has the same.
const LIBRARIES: [&str; 4] =
    ["usr/lib/x86_64-linux-gnu/systemd", "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/systemd"];

/// The root below which `usr/bin/journalctl` and journald are: `/` where the machine has them.
pub fn systemd(places: &Places, progress: &Progress) -> Outcome<PathBuf> {
    let machine = PathBuf::from("/");
    if prove(&machine).is_ok() {
        progress.say("journald: using that of this machine");
        return Ok(machine);
    }
    let place = places.cache.join("systemd");
    if prove(&place).is_ok() {
        progress.say(format!("journald: present, in {}", place.display()));
        return Ok(place);
    }
    fetch(places, progress, &place)
        .during(|| "bring systemd-journald and journalctl (or install the package systemd)".into())?;
    Ok(place)
}

fn fetch(places: &Places, progress: &Progress, place: &Path) -> Outcome<()> {
    for program in ["apt-get", "dpkg"] {
        if child::on_path(program).is_none() {
            return Err(Failure::new(format!("this machine has no {program}")));
        }
    }
    progress.say("journald: fetching Debian's packages (about 20 s, 12 MB), to be unpacked beside the system");
    let begun = Instant::now();
    let work = temporary(places, "systemd")?;
    let done = into(places, &work, place);
    let _ = std::fs::remove_dir_all(&work);
    done?;
    progress.say(format!("journald: fetched and unpacked ({})", seconds(begun.elapsed())));
    Ok(())
}

fn into(places: &Places, work: &Path, place: &Path) -> Outcome<()> {
    let log = places.log("systemd");
    for dir in ["lists/partial", "cache/archives/partial", "deb", "tree"] {
        std::fs::create_dir_all(work.join(dir)).during(|| format!("create {dir}"))?;
    }
    let apt = || {
        let mut command = Command::new("apt-get");
        let dir = |name: &str| work.join(name).display().to_string();
        // Lists and cache of its own, so that nobody has to be root; the sources are the system's.
        for option in [
            format!("Dir::State::lists={}", dir("lists")),
            format!("Dir::Cache={}", dir("cache")),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        command
    };
    child::logged(apt().arg("update"), &log).during(|| "read the package lists".into())?;
    // All at once, since apt reads its lists each time; and where the release has not all of these names, one by one.
    let download =
        |names: &[&str]| child::logged(apt().arg("download").args(names).current_dir(work.join("deb")), &log);
    if download(&PACKAGES).is_err() {
        for package in PACKAGES {
            let done = download(&[package]);
            if package == "systemd" {
                done.during(|| format!("download {package}"))?;
            }
        }
    }
    let tree = work.join("tree");
    for entry in std::fs::read_dir(work.join("deb")).during(|| "look for the packages".into())?.flatten() {
        child::logged(Command::new("dpkg").arg("-x").arg(entry.path()).arg(&tree), &log)
            .during(|| format!("unpack {}", entry.path().display()))?;
    }
    prove(&tree)?;
    if place.exists() {
        std::fs::remove_dir_all(place).during(|| format!("remove {}", place.display()))?;
    }
    move_into_place(&tree, place)
}

/// Both programs are below `root`, with all that they link to.
fn prove(root: &Path) -> Outcome<()> {
    let libraries = LIBRARIES.map(|dir| root.join(dir).display().to_string()).join(":");
    for names in
        [["usr/bin/journalctl", "bin/journalctl"], ["usr/lib/systemd/systemd-journald", "lib/systemd/systemd-journald"]]
    {
        let program = names.iter().map(|name| root.join(name)).find(|path| path.exists());
        let program =
            program.ok_or_else(|| Failure::new(format!("there is no {} below {}", names[0], root.display())))?;
        // The loader alone: journald has no --version before 254 and would start.
        let mut command = Command::new(&program);
        command.env("LD_TRACE_LOADED_OBJECTS", "1");
        if root != Path::new("/") {
            command.env("LD_LIBRARY_PATH", &libraries);
        }
        let (status, loaded, complaints) = child::captured(&mut command)?;
        if let Some(missing) = loaded.lines().find(|line| line.ends_with("not found")) {
            return Err(Failure::new(format!("{} lacks {}", program.display(), missing.trim())));
        }
        if !status.success() {
            return Err(Failure::new(format!(
                "{} cannot be loaded: {status} {}",
                program.display(),
                complaints.trim()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_without_the_programs_is_said_to_be_that() -> Outcome<()> {
        let dir = tempfile::tempdir().during(|| "make a directory".into())?;
        let words = prove(dir.path()).err().map(|failure| failure.chain()).unwrap_or_default();
        assert!(words.starts_with("there is no usr/bin/journalctl below "), "{words}");
        Ok(())
    }
}
