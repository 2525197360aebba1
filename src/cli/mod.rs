//! The doors: one file a verb. Each reads the command line, asks the rooms behind it, prints, and ends with an [`Exit`].
//!
//! Absent on purpose: decisions. A verb that needs one has found a gap in another room.
//!
//! Effects: the command line, the environment, this host's name, and both streams.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

mod can_reboot;
pub mod check;
mod cluster_status;
mod council;
mod elect;
mod exit;
mod gate_words;
mod history;
mod import;
mod lock;
mod logs;
mod picture;
mod plan;
mod reboot;
mod report;
mod restart_needed;
mod roll;
mod run;
mod setup;
mod status;
mod stop;
mod sweep;
pub mod verify;
mod why;

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config, Source};
use crate::logs::Priority;

pub use exit::Exit;

use report::Report;

/// Where the configuration is unless said otherwise.
const DEFAULT_CONFIG: &str = "/etc/kafka-node/kafka-node.toml";

/// One binary per node: runs ZooKeeper and Kafka under systemd, in order, watched, and stopped cleanly.
#[derive(Debug, Parser)]
#[command(
    name = "kafka-node",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 yes or done, 1 no or not ready, 2 usage, 69 no supervisor answers, 75 try later, 78 bad configuration."
)]
struct CommandLine {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// Which configuration, and which node of it.
#[derive(Clone, Debug, Args)]
struct PlaceArgs {
    /// The configuration file; files in conf.d/ beside it are read after it [env: KAFKA_NODE_CONFIG=] [default: /etc/kafka-node/kafka-node.toml]
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Which [[node]] this machine is, where its host name does not say [env: KAFKA_NODE_NAME=]
    #[arg(long, global = true, value_name = "NAME")]
    node: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Run this node in the foreground: what the systemd unit starts
    ///
    /// Starts ZooKeeper, waits for its quorum, starts Kafka, restarts what dies, and stops both in order on SIGTERM or SIGINT; a second signal skips waits. Exits 0 when everything stopped cleanly, 1 when not, 75 when another supervisor runs this node, 78 when the configuration or the machine cannot work as it is.
    Run,
    /// Look whether this node could start and serve well: configuration, plan, machine, peers, unit; changes nothing
    ///
    /// Prints every finding, the heaviest first, with what to do about it. Works as any user: what may not be read is noted, not guessed; root sees most. Exits 0 when nothing stands against a start (warnings, advice and what may pass by itself included), 1 when the machine refuses it, 78 when the configuration is bad.
    Check {
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what would run: arguments, files, heaps and order, with the reason of each; changes nothing
    Plan {
        /// Print only what a restart would change: the configuration on disk against what both JVMs run with, and which of it Kafka takes without a restart; exits 0 when nothing differs, 1 when something does, 69 when that cannot be seen
        #[arg(long)]
        diff: bool,
    },
    /// Show what this node's supervisor is doing, or how every node of the cluster is
    ///
    /// Exits 0 when the node is ready (with --cluster: all of them are well), 1 when not, 69 when no supervisor answers (with --cluster: no ZooKeeper server).
    Status {
        /// Show every node of the configuration instead, and who holds the lock, and the roll that is under way
        #[arg(long, conflicts_with = "watch")]
        cluster: bool,
        /// Print the whole report as JSON
        #[arg(long)]
        json: bool,
        /// Show it again every second, until interrupted
        #[arg(long)]
        watch: bool,
    },
    /// Say in words what this node is waiting for
    ///
    /// Exits 0 when it is ready, 1 when it is not, 69 when no supervisor answers.
    Why,
    /// Show what happened here: starts, ends and their causes, kills, stops, the supervisor's own starts and ends
    ///
    /// Reads what is on disk, so it works whether a supervisor runs or not. Exits 0, or 1 when the history cannot be read.
    History(history::HistoryArgs),
    /// Show what both JVMs and kafka-node wrote to the journal: journalctl with the right match
    ///
    /// Needs no supervisor. Its exit code is journalctl's; 1 also when the journal may not be read, 69 when there is none, or no journalctl.
    Logs(logs::LogsArgs),
    /// Prove that the cluster works: produce through each broker, consume through each other
    Verify(verify::VerifyArgs),
    /// Make this machine ready for the service, as root: user, directories, Kafka itself, firewall, kernel settings
    ///
    /// Looks first, prints every step with its reason and its commands, and asks. What is so already is left alone, and nothing is undone; after a failure the next run goes on where this one ended. It does not start the service: systemctl enable --now kafka-node. Exits 0 when all is done or was so, 1 when a step cannot be done or failed, 2 when there is nobody to ask, 75 while another setup runs, 78 when the configuration is bad.
    Setup(setup::SetupArgs),
    /// Make the configuration out of a hand-made node's files, with a report; changes nothing but --out
    ///
    /// Reads server.properties, zookeeper.properties, myid, meta.properties and both units with their drop-ins and variables. The configuration goes to stdout and the report to stderr, unless --out says a file. What it writes has been loaded for every node, and renders to the same values. Exits 0 when it is made, 1 when something cannot be taken over or the file is there already, 2 usage, 78 when a file cannot be read or is none of those.
    Import(import::ImportArgs),
    /// Say whether the cluster can spare this node now, and every reason why not; changes nothing
    ///
    /// Asks every ZooKeeper server, a broker other than this node's where one answers, and the other supervisors. What could not be read is a no. Exits 0 for yes, 1 for no, 78 when the configuration is bad.
    CanReboot {
        /// Print one JSON object on one line
        #[arg(long)]
        json: bool,
        /// The machine powers off and does not come back by itself: nobody is waited for where all others power off too
        #[arg(long)]
        powering_off: bool,
    },
    /// Reboot this machine, as root, once the cluster can spare it
    ///
    /// In this order: window, need, gate, lock, window and gate again; then systemd is asked, and the stop of the unit drains the node. The machine gives the lock back when it is back, in sync, and all has been well for [reboot] settle. Exits 0 when the reboot is under way, or with --if-needed when nothing needs one; 75 when not now: outside the window, or the cluster cannot spare the node, or another holds the lock (try later; kafka-node-reboot.timer does); 1 when it cannot be done as it is: not root, the unit is disabled, systemd refuses; 78 when the configuration is bad. --dry-run exits as the real one would.
    Reboot(reboot::RebootArgs),
    /// Show or release the lock that a node holds while it may be down: one node at a time
    ///
    /// Exits 0, or 1 when it could not be released, 69 when ZooKeeper does not answer.
    Lock(lock::LockArgs),
    /// Restart, reboot or reload every node in turn, from any node; and show, pause, resume or end that
    ///
    /// The plan stands in ZooKeeper and each supervisor takes its own turn, when the gate allows it: whoever started it may go away (Ctrl-C) and come back (roll status --watch). It stops at the first node that does not come back well. Exits 0 when it is done, 1 when it stopped, was aborted or could not begin, 75 when you stopped watching.
    Roll(roll::RollArgs),
    /// Stop this node, or with --cluster every node, for good: it stays down until it is started
    ///
    /// As systemctl stop, said to the supervisor itself: for root and the user it runs as. Exits 0 when it has stopped, 1 when it may not be asked, 2 when there is nobody to ask for a yes, 69 when no supervisor answers, 75 when you stopped watching.
    Stop(stop::StopArgs),
    /// Give leadership back to the preferred replicas
    #[command(hide = true)]
    ElectLeaders,
    /// End processes of this node that a supervisor left behind
    ///
    /// Refuses while a supervisor runs this node. Without --now only where a stop was intended: JVMs that outlived a crash of the supervisor go on serving.
    Sweep {
        /// End them in any case
        #[arg(long)]
        now: bool,
    },
}

/// Runs the verb that `args` name and says how it ended.
pub fn main(args: impl IntoIterator<Item = OsString>) -> Exit {
    let line = match CommandLine::try_parse_from(args) {
        Ok(line) => line,
        Err(error) => {
            // Help and version are printed here too; they are no mistakes.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Yes };
        }
    };
    let Some(verb) = line.verb else {
        say(&help());
        return Exit::Usage;
    };
    report::hear_events();
    match verb {
        Verb::Run => run::run(&line.place),
        Verb::Check { json } => check::check(&line.place, json),
        Verb::Plan { diff } => plan::plan(&line.place, diff),
        Verb::Status { cluster: true, json, .. } => {
            with_config(&line.place, |config| cluster_status::show(&config, json))
        }
        Verb::Status { json, watch, .. } => status::status(&line.place, json, watch),
        Verb::Why => why::why(&line.place),
        Verb::History(args) => history::history(&line.place, &args),
        Verb::Logs(args) => logs::logs(&line.place, args),
        Verb::Verify(args) => with_config(&line.place, |config| Exit::from_code(verify::run(&config, &args))),
        Verb::Setup(args) => setup::setup(&line.place, &args),
        Verb::Import(args) => import::import(&args),
        Verb::CanReboot { json, powering_off } => can_reboot::can_reboot(&line.place, json, powering_off),
        Verb::Reboot(args) => reboot::reboot(&line.place, &args),
        Verb::Lock(args) => lock::lock(&line.place, args),
        Verb::Roll(args) => roll::roll(&line.place, &args),
        Verb::Stop(args) => stop::stop(&line.place, &args),
        Verb::ElectLeaders => elect::elect(&line.place),
        Verb::Sweep { now } => sweep::sweep(&line.place, now),
    }
}

impl PlaceArgs {
    /// Command line, then environment, then the default. An empty variable counts as none.
    fn source(&self) -> Source {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Source {
            path: self
                .config
                .clone()
                .or_else(|| variable("KAFKA_NODE_CONFIG").map(PathBuf::from))
                .unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG)),
            node: self
                .node
                .clone()
                .or_else(|| variable("KAFKA_NODE_NAME").map(|name| name.to_string_lossy().into_owned())),
            host_names: host_names(),
        }
    }

    /// Which configuration and node, in one word: the same for every start with the same arguments and environment.
    fn word(&self) -> String {
        let source = self.source();
        format!("{}#{}", source.path.display(), source.node.unwrap_or_default())
    }
}

/// Loads the configuration, or says everything that is wrong with it.
fn load(place: &PlaceArgs) -> Result<Config, Exit> {
    config::load(&place.source()).map_err(|errors| {
        complain(&errors.to_string());
        Exit::BadConfig
    })
}

fn with_config(place: &PlaceArgs, verb: impl FnOnce(Config) -> Exit) -> Exit {
    load(place).map_or_else(|exit| exit, verb)
}

/// The host's name, full, then short.
fn host_names() -> Vec<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let full = name.trim().to_owned();
    let short = full.split('.').next().unwrap_or_default().to_owned();
    let mut names = vec![full, short];
    names.retain(|name| !name.is_empty());
    names.dedup();
    names
}

/// The command line as clap sees it: what the package's manual pages and completions are made from, outside the program.
pub fn command() -> clap::Command {
    use clap::CommandFactory;
    CommandLine::command()
}

fn help() -> String {
    command().render_help().to_string()
}

/// Prints to stdout. A reader that has gone (`| head`) is no fault of ours: `false` tells whoever would go on printing.
fn say(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    write!(out, "{text}{newline}").and_then(|()| out.flush()).is_ok()
}

/// Says to stderr, or to the journal as an error, why a verb did not do what was asked.
fn complain(text: &str) {
    Report::open().remark(Priority::Error, text);
}
