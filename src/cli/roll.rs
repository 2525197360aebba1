//! `kafka-node roll`: one node after the other, from any of them. This writes the plan to ZooKeeper and shows how it goes; each supervisor
//! takes its own turn, so whoever watches may go away and come back.
//!
//! Absent on purpose: doing anything to a node (`supervise`), and whose turn it is (`gate::roll`).
//!
//! Effects: ZooKeeper, brokers, the clock, the terminal.

mod follow;
mod place;

use std::time::SystemTime;

use clap::{Args, Subcommand};

use crate::cluster::view::gather;
use crate::cluster::zookeeper::ZooKeeperSession;
use crate::config::Config;
use crate::gate::{RollDoc, RollState, order};
use crate::model::{NodeName, RollVerb};

use super::council::{ASK, LOOK, by, converse, now, session};
use super::{Exit, PlaceArgs, complain, load, say};

/// Arguments of `kafka-node roll`.
#[derive(Clone, Debug, Args)]
pub(super) struct RollArgs {
    #[command(subcommand)]
    verb: Roll,
}

#[derive(Clone, Debug, Subcommand)]
enum Roll {
    /// Restart both JVMs of each node in turn, with the configuration and the program as they are then
    Restart(BeginArgs),
    /// Reboot each machine in turn
    Reboot(BeginArgs),
    /// Let each supervisor read configuration and program anew in turn; both JVMs run on
    Reload(BeginArgs),
    /// Show how the last roll stands
    ///
    /// Exits 0 when there is none, or it is under way or done; 1 when it stopped at a node, or was aborted.
    Status {
        /// Print what stands in ZooKeeper, as JSON; null where there never was a roll
        #[arg(long)]
        json: bool,
        /// Go on showing it until it is over
        #[arg(long, conflicts_with = "json")]
        watch: bool,
    },
    /// Let no further node begin until roll resume; the one that has begun finishes
    Pause,
    /// Go on with a roll that was paused, or that stopped at a node: that node has its turn again
    Resume,
    /// End it: no further node begins; the one that has begun finishes
    Abort,
}

/// How a roll begins.
#[derive(Clone, Debug, Args)]
struct BeginArgs {
    /// Print the order and the reason of each place, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Why, for whoever reads it later
    #[arg(long, value_name = "TEXT", default_value = "")]
    because: String,
    /// Begin, and do not wait for the end
    #[arg(long)]
    detach: bool,
}

/// Runs the verb.
pub(super) fn roll(place: &PlaceArgs, args: &RollArgs) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    converse(async {
        let session = session(&config);
        let exit = match &args.verb {
            Roll::Restart(args) => begin(&config, &session, RollVerb::Restart, args).await,
            Roll::Reboot(args) => begin(&config, &session, RollVerb::Reboot, args).await,
            Roll::Reload(args) => begin(&config, &session, RollVerb::Reload, args).await,
            Roll::Status { watch: true, .. } => follow::follow(&session, None).await,
            Roll::Status { json, .. } => status(&session, *json).await,
            Roll::Pause => change(&config, &session, RollDoc::pause).await,
            Roll::Resume => change(&config, &session, |roll, _| roll.resume()).await,
            Roll::Abort => change(&config, &session, RollDoc::abort).await,
        };
        session.close().await;
        exit
    })
}

async fn begin(config: &Config, session: &ZooKeeperSession, verb: RollVerb, args: &BeginArgs) -> Exit {
    let (view, present) = tokio::join!(gather(config, LOOK), session.presences(ASK));
    let names: Vec<NodeName> = config.nodes.iter().map(|node| node.name.clone()).collect();
    let order = order(&view, &names);
    let places =
        order.iter().enumerate().map(|(at, node)| format!("{:>2}. {node}: {}", at + 1, place::why(&view, node)));
    let mut text =
        format!("roll {verb}, {} nodes, one at a time:\n{}", order.len(), places.collect::<Vec<_>>().join("\n"));
    text.push_str(&format!(
        "\neach goes when the cluster can spare it, and the next one when it is well again: {}",
        what(verb)
    ));
    say(&text);
    // An order made of half a view is no order, and a supervisor that is not there never takes its turn.
    let mut obstacles: Vec<String> = view.unread.clone();
    match present {
        Ok(present) => {
            let heard: Vec<_> = present.into_iter().flatten().collect();
            let absent = order.iter().filter(|node| !heard.iter().any(|present| present.node == **node));
            obstacles.extend(absent.map(|node| {
                format!("kafka-node is not heard from {node}: its turn would never come; start it there first")
            }));
        }
        Err(words) => obstacles.push(format!("which supervisors are there: {words}")),
    }
    if !obstacles.is_empty() {
        complain(&format!("it cannot begin as it is:\n  {}", obstacles.join("\n  ")));
        return Exit::No;
    }
    if args.dry_run {
        say("nothing was begun: --dry-run");
        return Exit::Yes;
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let id = format!("{:x}", since.as_millis());
    let roll = RollDoc::plan(&id, verb, &by(config), args.because.trim(), &now(), order);
    if let Err(words) = session.begin_roll(roll, ASK).await {
        // Its answer may have been lost on the way.
        let begun = session.read_roll(ASK).await.ok().flatten().is_some_and(|roll| roll.id == id);
        if !begun {
            complain(&format!("it did not begin: {words}\n  help: kafka-node roll status"));
            return Exit::No;
        }
    }
    match args.detach {
        true => {
            say("begun; kafka-node roll status shows how it goes, from any node");
            Exit::Yes
        }
        false => follow::follow(session, Some(&id)).await,
    }
}

/// What happens to each node.
fn what(verb: RollVerb) -> &'static str {
    match verb {
        RollVerb::Restart => "Kafka stops, then ZooKeeper, and both start anew",
        RollVerb::Reboot => "the node is drained, and its machine reboots",
        RollVerb::Reload => "its supervisor reads configuration and program anew, and both JVMs run on",
    }
}

async fn status(session: &ZooKeeperSession, json: bool) -> Exit {
    let roll = match session.read_roll(ASK).await {
        Ok(roll) => roll,
        Err(words) => {
            complain(&format!("the roll could not be read: {words}"));
            return Exit::Unavailable;
        }
    };
    let Some(roll) = roll else {
        say(if json { "null" } else { "there never was a roll" });
        return Exit::Yes;
    };
    match json {
        true => say(&roll.render()),
        false => say(&follow::lines(&roll, &session.presences(ASK).await.unwrap_or_default()).join("\n")),
    };
    ended(&roll)
}

/// What a roll that stands so means to a script.
fn ended(roll: &RollDoc) -> Exit {
    match roll.state {
        RollState::Running | RollState::Paused(_) | RollState::Done => Exit::Yes,
        RollState::Stopped { .. } | RollState::Aborted(_) => Exit::No,
    }
}

async fn change(
    config: &Config,
    session: &ZooKeeperSession,
    to: impl Fn(&RollDoc, &str) -> Result<RollDoc, String> + Send + Sync,
) -> Exit {
    let by = by(config);
    match session.change_roll(ASK, |roll| to(roll, &by)).await {
        Ok(roll) => {
            say(&roll.words(&now()).join("\n"));
            Exit::Yes
        }
        Err(words) => {
            complain(&format!("nothing was changed: {words}"));
            Exit::No
        }
    }
}
