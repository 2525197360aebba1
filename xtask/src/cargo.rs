//! Building `kafka-node` for the tasks that run it. Absent on purpose: cross builds and packages.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::places::Places;
use crate::progress::{Progress, seconds};

/// The cargo that runs this task, in the root of the source tree.
pub fn cargo(places: &Places) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(&places.root);
    command
}

/// Builds the binary in a profile's directory, "release", "fast" or "debug"; its path.
pub fn kafka_node(places: &Places, progress: &Progress, profile: &str) -> Outcome<PathBuf> {
    let begun = Instant::now();
    build(places, progress, &["--bin", "kafka-node"], profile)?;
    let binary = places.binary(profile);
    if !binary.is_file() {
        return Err(Failure::new(format!("cargo built no {}", binary.display())));
    }
    progress.say(format!("build: {} ({})", binary.display(), seconds(begun.elapsed())));
    Ok(binary)
}

/// Builds one of its examples, the programs that tests and benchmarks run as children; its path.
pub fn example(places: &Places, progress: &Progress, name: &str, profile: &str) -> Outcome<PathBuf> {
    let begun = Instant::now();
    build(places, progress, &["--example", name], profile)?;
    let program = places.target.join(profile).join("examples").join(name);
    if !program.is_file() {
        return Err(Failure::new(format!("cargo built no {}", program.display())));
    }
    progress.say(format!("build: {} ({})", program.display(), seconds(begun.elapsed())));
    Ok(program)
}

fn build(places: &Places, progress: &Progress, what: &[&str], profile: &str) -> Outcome<()> {
    let name = what.last().copied().unwrap_or("kafka-node");
    let mut command = cargo(places);
    command.args(["build", "--package", "kafka-node"]).args(what);
    match profile {
        "release" => {
            command.arg("--release");
            progress.say(format!("build: {name}, optimised as released (a fresh build takes some minutes)"));
        }
        "fast" => {
            command.args(["--profile", "fast"]);
            progress.say(format!("build: {name}, optimised, without the slow link of a release"));
        }
        _ => progress.say(format!("build: {name}, not optimised (--debug-build)")),
    }
    child::logged(&mut command, &places.log("build")).during(|| format!("build {name}"))
}
