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
            if existing.settings.nodes != 0 && existing.settings != settings && existing.nodes().any(|node| power::is_on(&node)) {
                return Err(Failure::new(format!("the bed {name} is up as {}: take it down first", existing.settings)));
            }
            drop(existing);
            up(places, progress, &Bed::new(places, name, settings)?)
        }
        Verb::Install(source) => {
            let bed = found()?;
            let way = Way::choose(places, progress, source.rpm.as_deref(), source.by_hand)?;
            install::everywhere(places, progress, &bed, &way)
        }
        // The lock goes with it: a command inside may take long, and disturbs nobody.
        Verb::Exec { node, command } => inside::become_it(&found()?.node(node)?, command),
        Verb::Reboot { node } => {
            let bed = found()?;
            let node = bed.node(node)?;
            let (down, boot) = power::reboot(&node)?;
            progress.say(format!("{}: down and back in {}, booted in {}", node.host(), seconds(down), seconds(boot)));
            Ok(())
        }
        Verb::PowerCut { node } => {
            let bed = found()?;
            let node = bed.node(node)?;
            power::cut(&node)?;
            progress.say(format!("{}: the plug is pulled", node.host()));
            Ok(())
        }
        Verb::PowerOn { node, old_kernel } => {
            let bed = found()?;
            let kernel = if *old_kernel { power::Kernel::Old } else { power::Kernel::Own };
            let node = bed.node(node)?;
            power::on(&node, kernel)?;
            progress.say(format!("{}: on", node.host()));
            Ok(())
        }
        Verb::Freeze { node, seconds } => power::freeze(&found()?.node(node)?, Duration::from_secs(*seconds)),
        Verb::Partition(partition) => {
            let bed = found()?;
            match partition {
                Partition::Cut { one, other } => network::cut(&bed.node(one)?, &bed.node(other)?),
                Partition::Isolate { node } => network::plug(&bed.node(node)?, false),
                Partition::Heal => network::heal(&bed),
            }
        }
        Verb::Status => {
            let bed = Bed::found(places, name)?;
            status(&bed);
            Ok(())
        }
        Verb::Down { keep_disks } => down(progress, &mut Bed::found(places, name)?, *keep_disks),
    }
}

/// Makes what is missing and boots all nodes.
fn up(places: &Places, progress: &Progress, bed: &Bed) -> Outcome<()> {
    ground::root(places, progress, bed)?;
    let begun = Instant::now();
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
    if bed.settings.nodes == 0 {
        bed.settings.nodes = bed::MOST;
    }
    power::at_once(bed, |node| {
        if !power::off(node, GO_OFF)? {
            progress.say(format!("{}: something did not end by itself, and was killed", node.host()));
        }
        Ok(())
    })?;
    network::remove(bed)?;
    if !keep_disks {
        fs::remove_dir_all(&bed.dir).during(|| format!("remove {}", bed.dir.display()))?;
    }
    progress.say(format!("bed {}: down{}", bed.name, if keep_disks { ", the disks are kept" } else { "" }));
    Ok(())
}

fn status(bed: &Bed) {
    println!("bed {}: {}, in {}", bed.name, bed.settings, bed.dir.display());
    for node in bed.nodes() {
        let ask = |words: &[&str]| {
            inside::run(&node, Duration::from_secs(10), words).map_or_else(|failure| failure.chain(), |answer| answer.words())
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
