//! `kafka-node setup`: what is done once by hand on a machine, as a list that is shown, agreed to, done and verified.
//!
//! Absent on purpose: the steps (`plan::setup` judges, `host::setup` looks and does), and starting the service.
//!
//! Effects: asks on the terminal.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::Config;
use crate::host::programs::System;
use crate::host::setup::{Done, Setup, SetupLock, is_root};
use crate::observe::host::HostRoot;
use crate::plan::setup::{Request, State, Step, checksum, plan_words};

use super::{Exit, PlaceArgs, complain, load, say};

/// Arguments of `kafka-node setup`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct SetupArgs {
    /// The release to unpack beside [kafka] home, e.g. kafka_2.13-2.6.0.tgz
    #[arg(long, value_name = "FILE")]
    kafka: Option<PathBuf>,
    /// The SHA-512 that it must have: the one of the download page
    #[arg(long, value_name = "HEX", requires = "kafka", value_parser = checksum)]
    sha512: Option<String>,
    /// Give what is in the directories to kafka too, where it belongs to others
    #[arg(long)]
    chown: bool,
    /// The zone of firewalld [default: its default zone]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    zone: Option<String>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Ask nothing
    #[arg(long, short = 'y')]
    yes: bool,
    /// Print one JSON object at the end; with --yes or --dry-run
    #[arg(long)]
    json: bool,
}

/// Everything that was to be done and how it went, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    node: String,
    dry_run: bool,
    /// No step failed or cannot be done.
    ok: bool,
    steps: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    what: String,
    why: String,
    /// Before anything was done: `already`, `change`, `cannot` or `left`.
    state: &'static str,
    words: String,
    deeds: Vec<String>,
    warnings: Vec<String>,
    /// `changed`, `nothing`, `failed` or `not-done`.
    result: &'static str,
    /// Why it failed.
    error: Option<String>,
}

/// Runs the verb.
pub(super) fn setup(place: &PlaceArgs, args: &SetupArgs) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if args.json && !args.yes && !args.dry_run {
        complain("error: --json asks nothing: say --yes or --dry-run with it");
        return Exit::Usage;
    }
    let archive = match args.kafka.as_deref().map(std::path::absolute).transpose() {
        Ok(archive) => archive,
        Err(error) => {
            complain(&format!("error: --kafka: {error}"));
            return Exit::Usage;
        }
    };
    let request = Request { archive, sha512: args.sha512.clone(), chown: args.chown, zone: args.zone.clone() };
    let root = HostRoot { root: Path::new("/").to_path_buf(), environment: Vec::new() };
    // Held from the first look to the last deed. A look alone needs no lock, and may not be able to take it.
    let _lock = match args.dry_run || !is_root() {
        true => None,
        false => match SetupLock::take(&root) {
            Ok(lock) => Some(lock),
            Err(None) => {
                complain("another kafka-node setup runs on this machine");
                return Exit::TryLater;
            }
            Err(Some(words)) => {
                complain(&words);
                return Exit::No;
            }
        },
    };
    run(&config, args, &request, &root)
}

fn run(config: &Config, args: &SetupArgs, request: &Request, root: &HostRoot) -> Exit {
    let mut programs = System;
    let mut setup = Setup::look(config, request, root, &mut programs);
    let steps = setup.steps();
    let mut report = Report {
        node: config.this_node().name.to_string(),
        dry_run: args.dry_run,
        ok: !steps.iter().any(|step| step.obstacle().is_some()),
        steps: steps.iter().map(Line::new).collect(),
    };
    let lines = !args.json;
    if lines {
        say(&format!("setup of {}:\n{}", report.node, plan_words(&steps)));
    }
    let changes = steps.iter().filter(|step| step.changes()).count();
    let agreed = match (report.ok, args.dry_run, changes) {
        (false, _, _) => Err((Exit::No, "nothing was changed: a step cannot be done as it is")),
        (true, true, _) => Err((Exit::Yes, "nothing was changed: --dry-run")),
        (true, false, 0) => Err((Exit::Yes, "nothing to change")),
        (true, false, _) if !is_root() => {
            report.ok = false;
            Err((Exit::No, "nothing was changed: setup changes the machine, run it as root"))
        }
        (true, false, _) => agreement(args.yes),
    };
    if let Err((exit, words)) = agreed {
        match args.json {
            true => drop(say(&json(&report))),
            false if exit == Exit::Yes => drop(say(words)),
            false => complain(words),
        }
        return exit;
    }
    perform(&mut setup, &steps, &mut report, lines);
    let ok = report.ok;
    say(&if args.json { json(&report) } else { summary(&report) });
    if ok { Exit::Yes } else { Exit::No }
}

/// Does every step that wants a change, in order, up to the first that fails.
fn perform(setup: &mut Setup<'_>, steps: &[Step], report: &mut Report, lines: bool) {
    let tell = |text: &str| {
        // Done whether anybody reads on or not.
        if lines {
            say(text);
        }
    };
    for (number, (step, line)) in
        steps.iter().zip(&mut report.steps).enumerate().filter(|(_, (step, _))| step.changes())
    {
        if !report.ok {
            line.result = "not-done";
            tell(&format!("{:>2}. {}: not done", number + 1, step.what));
            continue;
        }
        tell(&format!("{:>2}. {}", number + 1, step.what));
        match setup
            .perform(&step.what, step.subject, &mut |deed| tell(&format!("    {}", deed.replace('\n', "\n    "))))
        {
            Ok(Done::Changed) => {
                line.result = "changed";
                tell("    changed");
            }
            Ok(Done::Nothing) => tell("    is so already"),
            Err(words) => {
                report.ok = false;
                line.result = "failed";
                tell(&format!("    failed: {words}"));
                line.error = Some(words);
            }
        }
    }
}

/// Whether to go on, asked where somebody can answer.
fn agreement(yes: bool) -> Result<(), (Exit, &'static str)> {
    if yes {
        return Ok(());
    }
    let mut input = std::io::stdin().lock();
    if !input.is_terminal() {
        return Err((Exit::Usage, "nothing was changed: there is no terminal to ask on; --yes asks nothing"));
    }
    say("go on? [y/N]");
    let mut answer = String::new();
    // What cannot be read is no yes.
    let _ = input.read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err((Exit::No, "nothing was changed")),
    }
}

/// The name of a zone, as firewalld takes one.
fn zone(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
    match !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        true => Ok(text.to_owned()),
        false => Err("expected the name of a zone, e.g. public".to_owned()),
    }
}

impl Line {
    fn new(step: &Step) -> Line {
        let (state, words) = match &step.state {
            State::Already(words) => ("already", words),
            State::Change(words) => ("change", words),
            State::Cannot(words) => ("cannot", words),
            State::Left(words) => ("left", words),
        };
        Line {
            what: step.what.clone(),
            why: step.why.clone(),
            state,
            words: words.clone(),
            deeds: step.deeds.iter().map(ToString::to_string).collect(),
            warnings: step.warnings.clone(),
            result: if step.changes() || step.obstacle().is_some() { "not-done" } else { "nothing" },
            error: None,
        }
    }
}

fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).unwrap_or_default()
}

fn summary(report: &Report) -> String {
    let count = |word: &str| report.steps.iter().filter(|line| line.result == word).count();
    let left = report.steps.iter().filter(|line| line.state == "left").count();
    let (changed, nothing) = (count("changed"), count("nothing") - left);
    let mut text = format!("{}: {changed} changed, {nothing} so already, {left} left as they are", report.node);
    match report.ok {
        true => text.push_str("\nnext: kafka-node check, then systemctl enable --now kafka-node"),
        false => {
            text.push_str(&format!(", {} failed, {} not done", count("failed"), count("not-done")));
            text.push_str("\nwhat was changed stays; once the cause is mended, the same command goes on");
        }
    }
    text
}
