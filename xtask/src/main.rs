//! The project's own commands: `cargo xtask fetch | demo | test | bench`. This file is the door: verbs and options.
//! Absent on purpose: anything a production node needs. Nothing here is part of the kafka-node binary.

mod checksums;
mod child;
mod failure;
mod fetch;
mod interrupt;
mod places;
mod progress;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use failure::{During, Outcome};
use places::Places;
use progress::Progress;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Fetch, demonstrate, test and measure kafka-node")]
struct Door {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Bring Kafka, ZooKeeper and Java into the cache (the other verbs do this by themselves)
    Fetch(FetchOptions),
}

#[derive(Debug, Args)]
struct FetchOptions {
    /// Java 11 too, which the tests run on
    #[arg(long)]
    java11: bool,
    /// Java 17 too, which the tests run on
    #[arg(long)]
    java17: bool,
}

fn main() -> ExitCode {
    let door = Door::parse();
    match enter(&door.verb) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("xtask: failed to {}", failure.chain());
            ExitCode::FAILURE
        }
    }
}

fn enter(verb: &Verb) -> Outcome<ExitCode> {
    interrupt::listen()?;
    let places = Places::find().during(|| "find its places".into())?;
    let progress = Progress::begin();
    match verb {
        Verb::Fetch(options) => {
            fetch::fetch(&places, &progress)?;
            if options.java11 {
                fetch::java_11(&places, &progress)?;
            }
            if options.java17 {
                fetch::java_17(&places, &progress)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}
