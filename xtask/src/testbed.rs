//! `cargo xtask testbed`: three nodes on this machine that are as real as containers can be: systemd as PID 1, names and
//! addresses of their own, a disk of their own, a plug to pull. This file is the door: verbs, and what each does in order.
//! Absent on purpose: what `cargo xtask demo` shows, three nodes without systemd and without root.

mod bed;
mod cgroup;
mod disk;
mod ground;
mod inside;
mod install;
mod network;
mod power;
mod scenario;
mod stage;
mod tarball;
mod wait;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

use crate::failure::{During, Failure, Outcome};
use crate::places::Places;
use crate::progress::{Progress, seconds};
use bed::{Bed, Layout, Settings, Suite};
use install::Way;

/// How long a node may take to shut down: the stop of Kafka is in it.
const GO_OFF: Duration = Duration::from_secs(120);

/// Which bed, and what to do with it.
#[derive(Debug, Args)]
pub struct Options {
    /// The bed's name: several can be up at once
    #[arg(long, global = true, default_value = "main")]
    bed: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make the nodes and boot them; those that are there are left as they are
    Up(Kind),
    /// The three steps of an operator in every node: package, configuration, setup with enable --now
    Install(Source),
    /// Run a command in a node, as root
    Exec {
        /// 1, 2, 3 or kafkanode1, ..
        node: String,
        /// The command
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// systemctl reboot in a node, until it is back
    Reboot { node: String },
    /// Pull a node's plug: what had not reached its disk is lost, and no peer hears of it
    PowerCut { node: String },
    /// Boot a node that is off
    PowerOn {
        node: String,
        /// System calls newer than Linux 3.10 answer ENOSYS in the whole node
        #[arg(long)]
        old_kernel: bool,
    },
    /// Let a whole node stand still for some seconds
    Freeze { node: String, seconds: u64 },
    /// Cut nodes off from each other
    #[command(subcommand)]
    Partition(Partition),
    /// Prove that kafka-node works under a real systemd: all scenarios on a fresh bed of three nodes, or some
    Test {
        #[command(flatten)]
        trial: Trial,
    },
    /// What is up, and what the nodes say of themselves
    Status,
    /// Shut the nodes down and remove everything of the bed
    Down {
        /// Keep the disks for the next `up`
        #[arg(long)]
        keep_disks: bool,
    },
}

#[derive(Debug, Clone, Copy, Args)]
struct Kind {
    /// The root file system
    #[arg(long, value_enum, default_value = "bookworm")]
    root: Suite,
    /// How systemd in the nodes sees its cgroups
    #[arg(long, value_enum, default_value = "legacy")]
    cgroup: Layout,
    /// How many nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=i64::from(bed::MOST)))]
    nodes: u8,
}

#[derive(Debug, Args)]
struct Source {
    /// The package to install (default: kafka-node as built here)
    #[arg(long)]
    rpm: Option<PathBuf>,
    /// Copy the binary and its units, without a package
    #[arg(long, conflicts_with = "rpm")]
    by_hand: bool,
}

#[derive(Debug, Args)]
struct Trial {
    /// Only this scenario, on the bed that is up, if one is; may be given several times
    #[arg(long)]
    only: Vec<String>,
    /// The root file system
    #[arg(long, value_enum, default_value = "bookworm")]
    root: Suite,
    /// How systemd in the nodes sees its cgroups
    #[arg(long, value_enum, default_value = "legacy")]
    cgroup: Layout,
    #[command(flatten)]
    source: Source,
    /// Leave the bed up
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Subcommand)]
enum Partition {
    /// Drop what two nodes send each other; others reach both
    Cut { one: String, other: String },
    /// Pull a node's cable
    Isolate { node: String },
    /// Take all cuts back
    Heal,
}

/// Does what was asked for.
pub fn run(places: &Places, progress: &Progress, options: &Options) -> Outcome<()> {
    ground::prepare(places, progress)?;
    let name = options.bed.as_str();
    let found = || Bed::found(places, name).and_then(Bed::needed);
    match &options.verb {
        Verb::Up(kind) => {
            let settings = Settings { suite: kind.root, layout: kind.cgroup, nodes: kind.nodes };
            let existing = Bed::found(places, name)?;
            if existing.settings.nodes != 0
                && existing.settings != settings
                && existing.nodes().any(|node| power::is_on(&node))
            {
                return Err(Failure::new(format!("the bed {name} is up as {}: take it down first", existing.settings)));
            }
            let bed = Bed::new(places, name, settings)?;
            let _held = bed.hold()?;
            up(places, progress, &bed)
        }
        Verb::Install(source) => {
            let bed = found()?;
            let _held = bed.hold()?;
            let way = Way::choose(places, progress, bed.settings.suite, source.rpm.as_deref(), source.by_hand)?;
            install::everywhere(places, progress, &bed, &way)
        }
        Verb::Exec { node, command } => inside::become_it(&found()?.node(node)?, command),
        Verb::Reboot { node } => {
            let bed = found()?;
            let _held = bed.hold()?;
            let node = bed.node(node)?;
            let (down, boot) = power::reboot(&node)?;
            progress.say(format!("{}: down and back in {}, booted in {}", node.host(), seconds(down), seconds(boot)));
            Ok(())
        }
        Verb::PowerCut { node } => {
            let bed = found()?;
            let _held = bed.hold()?;
            let node = bed.node(node)?;
            power::cut(&node)?;
            progress.say(format!("{}: the plug is pulled", node.host()));
            Ok(())
        }
        Verb::PowerOn { node, old_kernel } => {
            let bed = found()?;
            let _held = bed.hold()?;
            let kernel = if *old_kernel { power::Kernel::Old } else { power::Kernel::Own };
            let node = bed.node(node)?;
            power::on(&node, kernel)?;
            progress.say(format!("{}: on", node.host()));
            Ok(())
        }
        Verb::Freeze { node, seconds } => power::freeze(&found()?.node(node)?, Duration::from_secs(*seconds)),
        Verb::Partition(partition) => {
            let bed = found()?;
            let _held = bed.hold()?;
            match partition {
                Partition::Cut { one, other } => network::cut(&bed.node(one)?, &bed.node(other)?),
                Partition::Isolate { node } => network::plug(&bed.node(node)?, false),
                Partition::Heal => network::heal(&bed),
            }
        }
        Verb::Test { trial } => test(places, progress, name, trial),
        Verb::Status => {
            let bed = Bed::found(places, name)?;
            status(&bed);
            Ok(())
        }
        Verb::Down { keep_disks } => {
            let mut bed = Bed::found(places, name)?;
            let _held = bed.hold()?;
            down(progress, &mut bed, *keep_disks)
        }
    }
}

/// Runs scenarios, and takes the bed down after them.
fn test(places: &Places, progress: &Progress, name: &str, trial: &Trial) -> Outcome<()> {
    let way = Way::choose(places, progress, trial.root, trial.source.rpm.as_deref(), trial.source.by_hand)?;
    let scenarios = scenario::chosen(&trial.only, &way)?;
    let settings = Settings { suite: trial.root, layout: trial.cgroup, nodes: 3 };
    let mut before = Bed::found(places, name)?;
    let _held = before.hold()?;
    // A bed of other settings, or what a crashed run left of one, goes first.
    if before.settings != settings && before.settings.nodes != 0 {
        down(progress, &mut before, false)?;
    }
    tested(places, progress, Bed::new(places, name, settings)?, &way, &scenarios, trial.keep)
}

/// What `cargo xtask test` takes of it: one node, one pass, on a bed of its own.
pub fn short(places: &Places, progress: &Progress) -> Outcome<()> {
    ground::prepare(places, progress)?;
    let way = Way::choose(places, progress, Suite::Bookworm, None, false)?;
    let settings = Settings { suite: Suite::Bookworm, layout: Layout::Legacy, nodes: 1 };
    let mut bed = Bed::new(places, "short", settings)?;
    let _held = bed.hold()?;
    down(progress, &mut bed, false)?;
    let bed = Bed::new(places, "short", settings)?;
    tested(places, progress, bed, &way, &[scenario::SHORT], false)
}

fn tested(
    places: &Places,
    progress: &Progress,
    mut bed: Bed,
    way: &Way,
    list: &[scenario::Scenario],
    keep: bool,
) -> Outcome<()> {
    let done = up(places, progress, &bed).and_then(|()| scenario::run(places, progress, &bed, way, list));
    if keep {
        progress.say(format!("bed {}: left up; cargo xtask testbed --bed {} down", bed.name, bed.name));
        return done;
    }
    let gone = down(progress, &mut bed, false);
    done.and(gone)
}

/// A bed like the one before it, with fresh disks.
fn renew(progress: &Progress, bed: &Bed) -> Outcome<()> {
    clear(progress, bed, Duration::ZERO)?;
    raise(progress, bed)
}

/// Makes what is missing and boots all nodes.
fn up(places: &Places, progress: &Progress, bed: &Bed) -> Outcome<()> {
    ground::root(places, progress, bed)?;
    raise(progress, bed)
}

fn raise(progress: &Progress, bed: &Bed) -> Outcome<()> {
    let begun = Instant::now();
    fs::create_dir_all(bed.share()).during(|| format!("create {}", bed.share().display()))?;
    bed.remember()?;
    network::create(bed)?;
    for node in bed.nodes() {
        let dir = node.dir();
        fs::create_dir_all(&dir).during(|| format!("create {}", dir.display()))?;
        disk::create(&node).during(|| format!("make the disk of {}", node.host()))?;
    }
    power::all_on(bed)?;
    let addresses: Vec<String> = bed.nodes().map(|node| format!("{} {}", node.host(), node.address())).collect();
    progress.say(format!(
        "bed {}: {}, Debian {}, cgroups {} ({})",
        bed.name,
        addresses.join(", "),
        bed.settings.suite.name(),
        bed.settings.layout.name(),
        seconds(begun.elapsed())
    ));
    Ok(())
}

/// Shuts all nodes down, and removes what they were made of. What a crashed run left goes too.
fn down(progress: &Progress, bed: &mut Bed, keep_disks: bool) -> Outcome<()> {
    // A bed whose settings were never written has none, but may have left anything of any node.
    bed.settings.nodes = bed::MOST;
    clear(progress, bed, GO_OFF)?;
    if !keep_disks {
        fs::remove_dir_all(&bed.dir).during(|| format!("remove {}", bed.dir.display()))?;
    }
    progress.say(format!("bed {}: down{}", bed.name, if keep_disks { ", the disks are kept" } else { "" }));
    Ok(())
}

/// Ends all nodes, with this much patience, and removes all but the disks that are kept and the notes.
fn clear(progress: &Progress, bed: &Bed, patience: Duration) -> Outcome<()> {
    power::at_once(bed, |node| {
        if !power::off(node, patience)? && patience != Duration::ZERO {
            progress.say(format!("{}: something did not end by itself, and was killed", node.host()));
        }
        disk::unmount(node)?;
        if patience == Duration::ZERO { disk::remove(node) } else { Ok(()) }
    })?;
    network::remove(bed)
}

fn status(bed: &Bed) {
    println!("bed {}: {}, in {}", bed.name, bed.settings, bed.dir.display());
    for node in bed.nodes() {
        let ask = |words: &[&str]| {
            inside::run(&node, Duration::from_secs(10), words)
                .map_or_else(|failure| failure.chain(), |answer| answer.words())
        };
        if power::leader(&node).is_none() {
            println!("{} {} off", node.host(), node.address());
            continue;
        }
        println!("{} {} {}", node.host(), node.address(), ask(&["systemctl", "is-system-running"]));
        println!("    {}", ask(&["systemctl", "show", "-p", "ActiveState,SubState,MainPID,StatusText", "kafka-node"]));
    }
    print!("{}", network::status(bed));
}
