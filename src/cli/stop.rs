//! `kafka-node stop`: this node stops and stays down; with `--cluster`, every node of the cluster does.
//!
//! Absent on purpose: the stop itself (`supervise`), and signals: what is asked for here is no accident of systemd's, and the journal names
//! who asked.
//!
//! Effects: asks the supervisor, or writes to ZooKeeper; the terminal, and time while it waits.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use clap::Args;
use tokio::time::sleep;

use crate::cluster::zookeeper::ZooKeeperSession;
use crate::config::Config;
use crate::logs::Priority;
use crate::notify::oneshot;
use crate::runtime::ask::{self, AskFailure};

use super::council::{ASK, by, converse, interrupted, session};
use super::status::nobody;
use super::{Exit, PlaceArgs, complain, load, say};

/// Between two looks at a node that stops.
const PAUSE: Duration = Duration::from_millis(500);

/// How many of those the supervisor has to end after its socket has gone: it closes its sessions.
const LAST_MOMENT: u32 = 40;

/// Arguments of `kafka-node stop`.
#[derive(Clone, Debug, Args)]
pub(super) struct StopArgs {
    /// Skip the gate and all waits, as a second SIGTERM does: a broker that starts or recovers is ended uncleanly
    #[arg(long, conflicts_with = "cluster")]
    now: bool,
    /// Stop every node of the cluster, and let none wait until the cluster can spare it
    #[arg(long)]
    cluster: bool,
    /// With --cluster: why, for whoever reads it later
    #[arg(long, value_name = "TEXT", requires = "cluster")]
    because: Option<String>,
    /// With --cluster: take the order back; nodes that have stopped stay down until they are started
    #[arg(long, requires = "cluster", conflicts_with_all = ["because", "yes"])]
    withdraw: bool,
    /// Ask nothing
    #[arg(long, short = 'y')]
    yes: bool,
}

/// Runs the verb.
pub(super) fn stop(place: &PlaceArgs, args: &StopArgs) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if args.cluster {
        return cluster(&config, args);
    }
    if let Err(failure) = ask::stop(&config.paths.runtime_dir, args.now) {
        complain(&nobody(&failure));
        return if matches!(failure, AskFailure::Nobody { .. }) { Exit::Unavailable } else { Exit::No };
    }
    converse(async {
        tokio::select! {
            exit = watch(&config) => exit,
            _ = interrupted() => {
                complain("\nyou watch no longer, and the stop goes on: kafka-node why");
                Exit::TryLater
            }
        }
    })
}

/// Shows what the stop waits for, until the supervisor has ended.
async fn watch(config: &Config) -> Exit {
    let mut said = String::new();
    let mut supervisor = None;
    loop {
        match ask::status(&config.paths.runtime_dir) {
            Ok(report) => {
                supervisor = Some(report.node.supervisor_pid);
                if report.node.status != said {
                    say(&report.node.status);
                    said = report.node.status;
                }
            }
            // Its loop may be busy, or on its way out.
            Err(AskFailure::Silent { .. } | AskFailure::Refused { .. }) => {}
            Err(AskFailure::Nobody { .. }) => break,
            Err(failure @ AskFailure::NotAllowed { .. }) => {
                complain(&nobody(&failure));
                return Exit::No;
            }
        }
        sleep(PAUSE).await;
    }
    // Its socket goes a moment before it does.
    for _ in 0..LAST_MOMENT {
        if !supervisor.is_some_and(lives) {
            say("stopped; it stays down until: systemctl start kafka-node");
            return Exit::Yes;
        }
        sleep(PAUSE).await;
    }
    complain("its services have stopped, and the supervisor itself has not ended: systemctl status kafka-node");
    Exit::No
}

/// A process of this pid is there, and is no mere entry that waits to be reaped.
fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn cluster(config: &Config, args: &StopArgs) -> Exit {
    let because = args.because.as_deref().unwrap_or_default().trim();
    if because.is_empty() && !args.withdraw {
        complain("error: --cluster stops every node: --because TEXT says why, for whoever reads it later");
        return Exit::Usage;
    }
    converse(async {
        let session = session(config);
        let exit = match args.withdraw {
            true => withdraw(config, &session).await,
            false => order(config, &session, because, args.yes).await,
        };
        session.close().await;
        exit
    })
}

async fn order(config: &Config, session: &ZooKeeperSession, because: &str, yes: bool) -> Exit {
    let present = match session.presences(ASK).await {
        Ok(present) => present,
        Err(words) => {
            complain(&format!(
                "nothing was ordered: {words}\n  help: without ZooKeeper each node is stopped by itself: systemctl stop kafka-node"
            ));
            return Exit::Unavailable;
        }
    };
    let heard: Vec<_> = present.into_iter().flatten().collect();
    let mut text =
        "every node of the cluster stops, at once: brokers first, and ZooKeeper when the last of them is gone;\n\
                    nobody waits until the cluster can spare him, and all stay down until: systemctl start kafka-node"
            .to_owned();
    for node in &config.nodes {
        let said = match heard.iter().find(|present| present.node == node.name) {
            Some(present) if present.seen.well => "stops; it is well".to_owned(),
            Some(present) => format!("stops; it is not well: {}", present.seen.words),
            None => "not heard: stop it there, if it runs".to_owned(),
        };
        text.push_str(&format!("\n  {}: {said}", node.name));
    }
    say(&text);
    if let Err((exit, words)) = agreed(yes) {
        complain(words);
        return exit;
    }
    let by = by(config);
    match session.order_power_down(&by, because, ASK).await {
        Ok(order) => {
            if !oneshot::is_for_the_journal() {
                oneshot::record(
                    Priority::Warning,
                    &format!("the cluster is to power down, by {by}, because: {because}"),
                );
            }
            say(&format!("{}\nkafka-node why shows how far this node is, as long as it runs", order.words));
            Exit::Yes
        }
        Err(words) => {
            complain(&format!("it is not known whether it was ordered: {words}\n  help: kafka-node status --cluster"));
            Exit::No
        }
    }
}

async fn withdraw(config: &Config, session: &ZooKeeperSession) -> Exit {
    match session.withdraw_power_down(ASK).await {
        Ok(true) => {
            if !oneshot::is_for_the_journal() {
                oneshot::record(Priority::Warning, &format!("the order to power down was withdrawn by {}", by(config)));
            }
            say("withdrawn: the gate is asked again before a node goes down");
            Exit::Yes
        }
        Ok(false) => {
            say("there is no order to power down");
            Exit::Yes
        }
        Err(words) => {
            complain(&format!("it was not withdrawn: {words}"));
            Exit::No
        }
    }
}

/// Whether to go on, asked where somebody can answer.
fn agreed(yes: bool) -> Result<(), (Exit, &'static str)> {
    if yes {
        return Ok(());
    }
    let mut input = std::io::stdin().lock();
    if !input.is_terminal() {
        return Err((Exit::Usage, "nothing was ordered: there is no terminal to ask on; --yes asks nothing"));
    }
    say("stop all of them? [y/N]");
    let mut answer = String::new();
    // What cannot be read is no yes.
    let _ = input.read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err((Exit::No, "nothing was ordered")),
    }
}
