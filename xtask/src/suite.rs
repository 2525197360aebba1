//! `cargo xtask test`: the one test command, which `.ci/run` calls. Each step is announced and timed; all steps run,
//! so that one wrong blank does not hide a failing test; the last lines sum up.
//! Absent on purpose: skipping. What a step needs is fetched, or the step fails and says what is missing.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cargo;
use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::fetch;
use crate::fetch::java::Java;
use crate::interrupt;
use crate::places::Places;
use crate::progress::{Progress, seconds};
use crate::rpm;
use crate::stray;
use crate::testbed;

/// The release binary may have this many bytes: 5 MB of 2^20 (ADR 17).
pub const SIZE_LIMIT: u64 = 5 * 1024 * 1024;
/// Schedules that the simulation plays in the test command.
const SCHEDULES: &str = "10000";
/// Schedules of a whole cluster, whose gate, lock and rolls are played.
const COUNCILS: &str = "2000";

/// A step of the test command, in the order they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Step {
    /// Kafka, ZooKeeper, Java 11, Java 17 and a journald in the cache, rpmbuild on the machine
    Fetch,
    /// cargo fmt --check
    Fmt,
    /// cargo clippy, warnings are errors
    Clippy,
    /// cargo test: all tests, those on real JVMs too
    Test,
    /// The simulations, optimised: 10,000 schedules of nodes, 2,000 of a cluster's council
    Sim,
    /// The release build and its size
    Size,
    /// One node under systemd in a container: start, kill -9, stop (as root; only when asked for by name)
    Bed,
}

/// What runs when no step is named.
const STEPS: [Step; 6] = [Step::Fetch, Step::Fmt, Step::Clippy, Step::Test, Step::Sim, Step::Size];

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Test => "test",
            Self::Sim => "sim",
            Self::Size => "size",
            Self::Bed => "bed",
        }
    }
}

/// What the tests on real JVMs and a real journald run on.
struct Ground {
    kafka_home: std::path::PathBuf,
    java_11: Java,
    java_17: Java,
    /// The root below which journald and journalctl are.
    systemd: std::path::PathBuf,
}

/// Tests counted from cargo's own lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Runs all steps, or one with what it needs.
pub fn run(places: &Places, progress: &Progress, only: Option<Step>) -> Outcome<()> {
    stray::adopt_orphans()?;
    let mut ground = None;
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for step in only.map_or(STEPS.to_vec(), |only| vec![only]) {
        let begun = Instant::now();
        progress.say(format!("== {} ==", step.name()));
        let done = perform(places, progress, step, &mut ground).and_then(tidy);
        let time = seconds(begun.elapsed());
        interrupt::check()?;
        match done {
            Ok(note) => lines.push(format!("{:<7} ok      {time:>8}  {note}", step.name()).trim_end().to_owned()),
            Err(failure) => {
                progress.say(format!("{} failed: {}", step.name(), failure.chain()));
                lines.push(format!(
                    "{:<7} FAILED  {time:>8}  again, alone: cargo xtask test --only {}",
                    step.name(),
                    step.name()
                ));
                failed.push(step.name());
            }
        }
    }
    progress.say("== summary ==");
    for line in lines {
        println!("{line}");
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("these steps failed: {}", failed.join(", "))))
}

/// A step that left processes behind has failed, whatever it says itself.
fn tidy(note: String) -> Outcome<String> {
    let strays = stray::sweep();
    if strays.is_empty() {
        Ok(note)
    } else {
        Err(Failure::new(format!("processes were left behind, and were ended: {}", strays.join("; "))))
    }
}

fn perform(places: &Places, progress: &Progress, step: Step, ground: &mut Option<Ground>) -> Outcome<String> {
    match step {
        Step::Fetch => {
            *ground = Some(lay_ground(places, progress)?);
            Ok(format!("in {}", places.cache.display()))
        }
        Step::Fmt => {
            component("fmt", "rustfmt")?;
            steady(cargo::cargo(places).args(["fmt", "--all", "--check"]))
        }
        Step::Clippy => {
            component("clippy", "clippy")?;
            steady(cargo::cargo(places).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
        }
        Step::Test => {
            if ground.is_none() {
                *ground = Some(lay_ground(places, progress)?);
            }
            let ground = ground.as_ref().ok_or_else(|| Failure::new("nothing was fetched"))?;
            let mut command = cargo::cargo(places);
            command.args(["test", "--workspace", "--no-fail-fast"]);
            command.env("KAFKA_NODE_TEST_KAFKA_HOME", &ground.kafka_home);
            command
                .env("KAFKA_NODE_TEST_JAVA_11", &ground.java_11.home)
                .env("KAFKA_NODE_TEST_JAVA_17", &ground.java_17.home)
                .env("KAFKA_NODE_TEST_SYSTEMD", &ground.systemd);
            counted(&mut command)
        }
        Step::Sim => {
            let mut command = cargo::cargo(places);
            command.args([
                "test",
                "--profile",
                "fast",
                "--package",
                "kafka-node",
                "--test",
                "sim",
                "--test",
                "council",
            ]);
            counted(command.env("KAFKA_NODE_SIM_SCHEDULES", SCHEDULES).env("KAFKA_NODE_COUNCIL_SCHEDULES", COUNCILS))
        }
        Step::Size => size(&cargo::kafka_node(places, progress, "release")?),
        Step::Bed => testbed::short(places, progress).map(|()| String::new()),
    }
}

fn lay_ground(places: &Places, progress: &Progress) -> Outcome<Ground> {
    let fetched = fetch::fetch(places, progress)?;
    let java_11 = fetch::java_11(places, progress)?;
    let java_17 = fetch::java_17(places, progress)?;
    rpm::tools(places, progress)?;
    let systemd = fetch::journald::systemd(places, progress)?;
    Ok(Ground { kafka_home: fetched.kafka_home, java_11, java_17, systemd })
}

/// The size of the release binary in words, a failure above the limit.
pub fn size(binary: &Path) -> Outcome<String> {
    let bytes = std::fs::metadata(binary).during(|| format!("look at {}", binary.display()))?.len();
    let words = format!("{bytes} bytes of at most {SIZE_LIMIT}");
    if bytes <= SIZE_LIMIT { Ok(words) } else { Err(Failure::new(format!("the release binary is too large: {words}"))) }
}

/// Makes sure that cargo has a subcommand that comes as a component.
fn component(subcommand: &str, component: &str) -> Outcome<()> {
    let there = || {
        child::captured(Command::new("cargo").args([subcommand, "--version"]))
            .is_ok_and(|(status, _, _)| status.success())
    };
    if there() {
        return Ok(());
    }
    let remedy = format!("rustup component add {component}");
    let tried = child::captured(Command::new("rustup").args(["component", "add", component]));
    if tried.is_ok_and(|(status, _, _)| status.success()) && there() {
        return Ok(());
    }
    Err(Failure::new(format!("cargo has no `{subcommand}`, and `{remedy}` did not help; install {component}")))
}

fn steady(command: &mut Command) -> Outcome<String> {
    let name = child::shown(command);
    let status = child::shown_through(command)?;
    if status.success() { Ok(String::new()) } else { Err(Failure::new(format!("`{name}` ended with {status}"))) }
}

/// Runs `cargo test`, passes its output on line by line, and counts from its "test result:" lines.
fn counted(command: &mut Command) -> Outcome<String> {
    let name = child::shown(command);
    let mut child = child::spawn(command.stdout(Stdio::piped()))?;
    let stdout = child.stdout.take().ok_or_else(|| Failure::new("cargo has no stdout"))?;
    let reader = std::thread::spawn(move || {
        let mut count = Count::default();
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
            count = count.and(&String::from_utf8_lossy(&line));
        }
        count
    });
    let status = child::wait(&mut child);
    // A grandchild that still holds the pipe would keep the reader waiting: a stray, so it is ended first.
    let limit = Instant::now() + Duration::from_secs(2);
    while !reader.is_finished() && Instant::now() < limit {
        std::thread::sleep(child::POLL);
    }
    let strays = if reader.is_finished() { Vec::new() } else { stray::sweep() };
    let count = reader.join().map_err(|_| Failure::new("the reader of cargo's output died"))?;
    let status = status?;
    let words = format!("{} passed, {} failed, {} ignored", count.passed, count.failed, count.ignored);
    if !strays.is_empty() {
        return Err(Failure::new(format!(
            "{words}; processes were left behind, and were ended: {}",
            strays.join("; ")
        )));
    }
    if !status.success() {
        return Err(Failure::new(format!("`{name}` ended with {status}: {words}")));
    }
    if count.passed == 0 {
        return Err(Failure::new(format!("`{name}` ran no test at all")));
    }
    Ok(words)
}

impl Count {
    /// Adds what a line says, if it is one of cargo's results.
    fn and(self, line: &str) -> Self {
        let Some(rest) = line.trim_start().strip_prefix("test result:") else { return self };
        let number = |what: &str| {
            let part = rest.split([';', '.']).find(|part| part.trim_end().ends_with(what));
            part.and_then(|part| part.split_whitespace().next()).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0)
        };
        Self {
            passed: self.passed + number(" passed"),
            failed: self.failed + number(" failed"),
            ignored: self.ignored + number(" ignored"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted_from_cargos_own_lines() {
        let lines = [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test result: nonsense",
        ];
        let count = lines.iter().fold(Count::default(), |count, line| count.and(line));
        assert_eq!(count, Count { passed: 15, failed: 2, ignored: 1 });
    }

    #[test]
    fn a_binary_above_the_limit_fails() -> Outcome<()> {
        let file = tempfile::NamedTempFile::new().during(|| "make a file".into())?;
        for (bytes, fits) in [(SIZE_LIMIT, true), (SIZE_LIMIT + 1, false)] {
            file.as_file().set_len(bytes).during(|| "size a file".into())?;
            assert_eq!(size(file.path()).is_ok(), fits, "{bytes}");
        }
        Ok(())
    }
}
