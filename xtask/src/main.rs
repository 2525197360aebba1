//! The project's own commands: `cargo xtask fetch | demo | test | bench | rpm | testbed`. This file is the door: verbs and options.
//! Absent on purpose: anything a production node needs. Nothing here is part of the kafka-node binary.

mod bench;
mod cargo;
mod checksums;
mod child;
mod demo;
mod failure;
mod fetch;
mod interrupt;
mod places;
mod proc;
mod progress;
mod rpm;
mod stray;
mod suite;
mod testbed;

use std::path::PathBuf;
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
    /// Start three nodes on this machine, prove that they serve, stop them cleanly
    Demo(DemoOptions),
    /// The one test command: format, lints, all tests on real JVMs too, simulation, size
    Test {
        /// Only this step
        #[arg(long, value_enum)]
        only: Option<suite::Step>,
    },
    /// Print figures: start-up against the stock command lines, idle cost, size, simulation speed, faults, logs
    Bench {
        #[command(subcommand)]
        figure: Figure,
    },
    /// Make the package for CentOS 7, EL8 and EL9, and print what it requires
    Rpm(rpm::Options),
    /// Three nodes with systemd in containers of this machine: boot, install, cut, test (as root)
    Testbed(testbed::Options),
}

#[derive(Debug, Args)]
struct DemoOptions {
    /// Leave the nodes running, and say how to look at them
    #[arg(long)]
    keep: bool,
    /// Stop a demo that was kept
    #[arg(long, conflicts_with_all = ["keep", "dir", "release", "debug_build"])]
    stop: bool,
    /// Build optimised, as released (the default)
    #[arg(long)]
    release: bool,
    /// Build without optimisation, which is quicker
    #[arg(long, conflicts_with = "release")]
    debug_build: bool,
    /// Where the nodes live: an empty directory (default: a new one in the cache)
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Figure {
    /// From exec to serving: kafka-node and the stock command lines in turn, time and CPU
    Startup(bench::startup::Options),
    /// The supervisor's memory and CPU while both JVMs serve
    Idle(bench::idle::Options),
    /// Writes while brokers, supervisors and ZooKeepers are killed, frozen and cut off: gaps, ways back, records lost
    Faults(bench::faults::Options),
    /// A rolling restart under load: gaps between acknowledged writes and between records received, records lost
    Roll(bench::roll::Options),
    /// The way of a JVM's line to the journal: CPU a line, a flood, and a real journald beside other senders
    Logs(bench::logs::Options),
    /// The size of the release binary
    Size,
    /// Simulated events a second
    Sim,
    /// All of them, but for faults and roll, which take minutes, and the logs, which want root
    All,
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
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: failed to {}", failure.chain());
            ExitCode::FAILURE
        }
    }
}

fn enter(verb: &Verb) -> Outcome<()> {
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
        }
        Verb::Demo(options) if options.stop => demo::stop_kept(&places, &progress).during(|| "stop the demo".into())?,
        Verb::Demo(options) => {
            let profile = if options.debug_build { "debug" } else { "release" };
            let options = demo::Options { keep: options.keep, profile, dir: options.dir.clone() };
            demo::run(&places, &progress, &options).during(|| "run the demo".into())?;
        }
        Verb::Test { only } => suite::run(&places, &progress, *only).during(|| "pass the tests".into())?,
        Verb::Rpm(options) => {
            rpm::run(&places, &progress, options).during(|| "make the package".into())?;
        }
        Verb::Bench { figure } => measure(&places, &progress, figure).during(|| "measure".into())?,
        Verb::Testbed(options) => {
            testbed::run(&places, &progress, options).during(|| "work with the test bed".into())?
        }
    }
    Ok(())
}

fn measure(places: &Places, progress: &Progress, figure: &Figure) -> Outcome<()> {
    match figure {
        Figure::Startup(options) => bench::startup::run(places, progress, options),
        Figure::Idle(options) => bench::idle::run(places, progress, options),
        Figure::Faults(options) => bench::faults::run(places, progress, options),
        Figure::Roll(options) => bench::roll::run(places, progress, options),
        Figure::Logs(options) => bench::logs::run(places, progress, options),
        Figure::Size => bench::size(places, progress),
        Figure::Sim => bench::sim(places, progress),
        Figure::All => {
            bench::size(places, progress)?;
            bench::sim(places, progress)?;
            bench::startup::run(places, progress, &bench::startup::Options::default())?;
            bench::idle::run(places, progress, &bench::idle::Options::default())
        }
    }
}
