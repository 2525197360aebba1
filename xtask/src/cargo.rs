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
    let mut command = cargo(places);
    command.args(["build", "--package", "kafka-node", "--bin", "kafka-node"]);
    match profile {
        "release" => {
            command.arg("--release");
            progress.say("build: kafka-node, optimised as released (a fresh build takes some minutes)");
        }
        "fast" => {
            command.args(["--profile", "fast"]);
            progress.say("build: kafka-node, optimised, without the slow link of a release");
        }
        _ => progress.say("build: kafka-node, not optimised (--debug-build)"),
    }
    let begun = Instant::now();
    child::logged(&mut command, &places.log("build")).during(|| "build kafka-node".into())?;
    let binary = places.binary(profile);
    if !binary.is_file() {
        return Err(Failure::new(format!("cargo built no {}", binary.display())));
    }
    progress.say(format!("build: {} ({})", binary.display(), seconds(begun.elapsed())));
    Ok(binary)
}
