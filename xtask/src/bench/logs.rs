//! `cargo xtask bench logs`: the way of a JVM's line from its pipe to the journal. Alone, in a flood, and into a real
//! journald beside plain stdout-to-journald and bare native senders. Each figure stands beside the limit that it is to keep.
//! Absent on purpose: passing or failing by a figure; and JVMs, whose own logging costs ten times what is measured here.

mod feed;
mod journald;
mod listener;
mod records;
mod senders;

use std::path::Path;
use std::process::{Command, Stdio};

use super::{Spread, ground};
use crate::cargo;
use crate::failure::{During, Outcome};
use crate::places::Places;
use crate::progress::Progress;
use listener::Listener;
use records::{Block, Form};
use senders::{Sender, Taken};

/// The program that hears.
const LISTENER: &str = "log-pipeline";
/// Records made once and numbered anew.
const BLOCK: usize = 10_000;
/// Limits of issue 5: lines a second a core, microseconds of CPU a line, share of what journald takes, memory in kB.
const MOST_LINES: f64 = 500_000.0;
const LEAST_CPU: f64 = 3.0;
const SHARE: f64 = 0.9;
const MEMORY: u64 = 12_000;
/// What the slow reader of a flood takes: what journald 219 does, 14,000 records a second.
const SLOW: u64 = 14_000 * 200;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The supervisor's side alone, its journal replaced by /dev/null
    Pipeline,
    /// A fixed rate: blocked writers, memory, exact counts
    Flood,
    /// Into a real journald, beside others; wants root
    Journald,
}

/// What was asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Only these parts (default: all)
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Records of the pipeline and the flood; each sender sends a fifth of them to journald
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    lines: u64,
    /// Records a second of the flood
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    /// Runs of the pipeline and of each sender to journald, in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The profile that it is built in: release, fast or debug
    #[arg(long, default_value = "release", value_parser = ["release", "fast", "debug"])]
    profile: String,
}

/// Measures and prints.
pub fn run(places: &Places, progress: &Progress, options: &Options) -> Outcome<()> {
    let program = cargo::example(places, progress, LISTENER, &options.profile)?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    progress.say(format!("logs: {} records of 100 to 250 bytes; load before: {}", options.lines, load.trim()));
    let asked = |part| options.only.is_empty() || options.only.contains(&part);
    ground::within(places, |_| {
        if asked(Part::Pipeline) {
            pipeline(progress, &program, options).during(|| "measure the pipeline alone".into())?;
        }
        if asked(Part::Flood) {
            flood(progress, &program, options).during(|| "measure a flood".into())?;
        }
        if asked(Part::Journald) {
            into_journald(progress, &program, options).during(|| "measure into journald".into())?;
        }
        Ok(())
    })
}

fn pipeline(progress: &Progress, program: &Path, options: &Options) -> Outcome<()> {
    let mut block = Block::new(Form::Framed, BLOCK, true);
    // Paced: it reads no faster than its log thread writes, so that no record is folded and each goes the whole way.
    for (how, arguments) in [("every record written", &["--paced"][..]), ("as fast as it reads", &[][..])] {
        let mut costs = Vec::new();
        for _ in 0..options.runs {
            let mut command = Command::new(program);
            command.args(arguments);
            let (listener, pipe) = Listener::start(command, Stdio::null())?;
            feed::as_fast(pipe, &mut block, options.lines)?;
            let report = listener.finish()?;
            let each = report.cpu_of_each(options.lines);
            costs.push(each);
            progress.say(format!(
                "logs: pipeline, {how}: {each:.2} us CPU a record ({:.2} of it read, framed and watched; {:.2} a line), wall {:.2} s; {}",
                report.reading.as_secs_f64() * 1e6 / options.lines as f64,
                report.cpu_of_each(block.lines(options.lines)),
                report.wall.as_secs_f64(),
                report.account(options.lines)
            ));
        }
        if let Some(Spread { least, median, greatest }) = Spread::of(&costs) {
            progress.say(format!(
                "logs: pipeline, {how}: median {median:.2} us CPU a record (min {least:.2}, max {greatest:.2}; limit {LEAST_CPU}), \
                 {:.0} records a second a core (limit {MOST_LINES})",
                1e6 / median
            ));
        }
    }
    Ok(())
}

fn flood(progress: &Progress, program: &Path, options: &Options) -> Outcome<()> {
    let mut block = Block::new(Form::Framed, BLOCK, true);
    for slow in [false, true] {
        let errors = if slow { slow_reader()? } else { Stdio::null() };
        let (listener, pipe) = Listener::start(Command::new(program), errors)?;
        let flooded = feed::at_rate(pipe, &mut block, options.lines, options.rate)?;
        let report = listener.finish()?;
        let what = if slow { "log read at 2.8 MB/s" } else { "log to /dev/null" };
        progress.say(format!(
            "logs: flood, {what}: {} records at {:.0} a second, blocked {} times (limit 0), {:.1} ms in all; the writer itself was late by up to {:.0} ms",
            options.lines,
            options.lines as f64 / flooded.took.as_secs_f64(),
            flooded.blocked,
            1000.0 * flooded.waited.as_secs_f64(),
            1000.0 * flooded.late.as_secs_f64()
        ));
        progress.say(format!(
            "logs: flood, {what}: VmHWM {} kB (limit {MEMORY}), {:.2} us CPU a record; {}",
            report.peak,
            report.cpu_of_each(options.lines),
            report.account(options.lines)
        ));
    }
    Ok(())
}

fn into_journald(progress: &Progress, program: &Path, options: &Options) -> Outcome<()> {
    let count = options.lines / 5;
    let mut taken: Vec<Vec<Taken>> = vec![Vec::new(); Sender::ALL.len()];
    for run in 1..=options.runs {
        for (sender, taken) in Sender::ALL.into_iter().zip(&mut taken) {
            let one = sender.send(program, count).during(|| sender.words().into())?;
            progress.say(format!(
                "logs: journald, {run}, {:<27} {:>7.0} records a second arrived, {} of {count}, {} twice; journald {:.1} us CPU each{}",
                sender.words(),
                one.rate(),
                one.arrived.once,
                one.arrived.twice,
                one.journald_each(),
                one.report.map_or_else(String::new, |report| format!(
                    ", ours {:.1}; {}",
                    report.cpu_of_each(count),
                    report.account(count)
                ))
            ));
            taken.push(one);
        }
    }
    let ours = taken.first().cloned().unwrap_or_default();
    for (sender, others) in Sender::ALL.into_iter().zip(&taken) {
        let rates: Vec<f64> = others.iter().map(Taken::rate).collect();
        if let Some(Spread { least, median, greatest }) = Spread::of(&rates) {
            progress.say(format!(
                "logs: journald, {:<30} median {median:.0} records a second (min {least:.0}, max {greatest:.0})",
                sender.words()
            ));
        }
        let ratios: Vec<f64> = ours.iter().zip(others).map(|(ours, other)| ours.rate() / other.rate()).collect();
        if let (Some(spread), true) = (Spread::of(&ratios), sender != Sender::Ours) {
            progress.say(format!("logs: journald, ours : {:<23} {spread} (limit {SHARE})", sender.words()));
        }
    }
    Ok(())
}

/// A stderr that is read as slowly as journald 219 takes records. The thread ends with the pipe.
fn slow_reader() -> Outcome<Stdio> {
    use std::io::Read;
    let (mut near, far) = std::io::pipe().during(|| "make a pipe".into())?;
    std::thread::spawn(move || {
        let mut piece = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = near.read(&mut piece) {
            std::thread::sleep(std::time::Duration::from_secs_f64(n as f64 / SLOW as f64));
        }
    });
    Ok(Stdio::from(std::os::fd::OwnedFd::from(far)))
}
