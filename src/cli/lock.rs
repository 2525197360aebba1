//! `kafka-node lock`: who may be down, and taking that away from a machine that will not come back.
//!
//! Absent on purpose: taking the lock, and giving it back in the ordinary way: `reboot`, the stop and the supervisor do.
//!
//! Effects: writes to ZooKeeper and to the journal.

use clap::{Args, Subcommand};

use crate::cluster::seat::Seat;
use crate::cluster::zookeeper::ZooKeeperSession;
use crate::config::Config;
use crate::gate::LockDoc;
use crate::logs::Priority;
use crate::model::NodeName;
use crate::notify::oneshot;

use super::council::{ASK, by, converse, session};
use super::{Exit, PlaceArgs, complain, load, say};

/// Arguments of `kafka-node lock`.
#[derive(Clone, Debug, Args)]
pub(super) struct LockArgs {
    #[command(subcommand)]
    verb: Option<LockVerb>,
}

#[derive(Clone, Debug, Subcommand)]
enum LockVerb {
    /// Show who holds the lock; the default
    Show {
        /// Print what stands in ZooKeeper, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Take the lock away from a node whose machine will not come back
    ///
    /// A machine that comes back gives it back by itself, once it is well. Refused where NAME does not hold it, and, without --yes, where the kafka-node of NAME is heard.
    Release {
        /// The node that holds it, as lock show names it
        #[arg(long, value_name = "NAME")]
        holder: String,
        /// Why, for whoever reads the journal later
        #[arg(long, value_name = "TEXT")]
        because: String,
        /// Also where that node's kafka-node is heard: two nodes may then be down at once
        #[arg(long, short = 'y')]
        yes: bool,
    },
}

/// Runs the verb.
pub(super) fn lock(place: &PlaceArgs, args: LockArgs) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    converse(async {
        let session = session(&config);
        let exit = match args.verb.unwrap_or(LockVerb::Show { json: false }) {
            LockVerb::Show { json } => show(&config, &session, json).await,
            LockVerb::Release { holder, because, yes } => release(&config, &session, &holder, &because, yes).await,
        };
        session.close().await;
        exit
    })
}

async fn show(config: &Config, session: &ZooKeeperSession, json: bool) -> Exit {
    match session.read_lock(ASK).await {
        Ok(lock) if json => drop(say(&lock.render())),
        Ok(lock) => drop(say(&words(&lock, Seat::here(config, String::new()).ok().as_ref()))),
        Err(words) => {
            complain(&format!("the lock could not be read: {words}"));
            return Exit::Unavailable;
        }
    }
    Exit::Yes
}

/// Who holds it, with everything by which a person tells a machine that will come back from one that will not.
fn words(lock: &LockDoc, here: Option<&Seat>) -> String {
    if lock.holders.is_empty() {
        return "the lock is free: no node is down for a reason, or about to be".to_owned();
    }
    let mut text = String::new();
    for holder in &lock.holders {
        let ours = match here {
            Some(seat) if !holder.is(&seat.machine, seat.node.as_str()) => "",
            Some(seat) if holder.boot == seat.boot => ", this node in this boot",
            Some(_) => ", this node in an earlier boot: it gives it back once it is well",
            None => "",
        };
        text.push_str(&format!("held by {holder}{ours}\n"));
        let roll = if holder.roll.is_empty() { String::new() } else { format!("  roll {}", holder.roll) };
        text.push_str(&format!("  by {}  machine {}  boot {}{roll}\n", holder.by, holder.machine, holder.boot));
    }
    text
}

async fn release(config: &Config, session: &ZooKeeperSession, holder: &str, because: &str, yes: bool) -> Exit {
    if because.trim().is_empty() {
        complain("nothing was changed: --because says why, for whoever reads the journal later");
        return Exit::Usage;
    }
    // Whoever lives gives it back by himself. That it could not be asked is no reason to wait: the ensemble is asked next anyway.
    let heard = session.presences(ASK).await.unwrap_or_default().into_iter().flatten();
    if let Some(alive) = heard.into_iter().find(|present| present.node.as_str() == holder)
        && !yes
    {
        complain(&format!(
            "nothing was changed: the kafka-node of {holder} is heard ({}), and gives the lock back once it is well\n  \
             help: wait for it; --yes takes it away all the same, and a second node may then go down beside that one",
            alive.seen.words
        ));
        return Exit::No;
    }
    let (by, node) = (by(config), NodeName::new(holder));
    match session.force_release(&node, &by, because, ASK).await {
        Ok(holder) => {
            let text = format!("the lock was taken away from {holder} by {by}, because: {because}");
            // At a terminal it would be said there alone.
            if !oneshot::is_for_the_journal() {
                oneshot::record(Priority::Warning, &text);
            }
            say(&text);
            Exit::Yes
        }
        Err(words) => {
            complain(&format!("nothing was changed: {words}\n  help: kafka-node lock show"));
            Exit::No
        }
    }
}
