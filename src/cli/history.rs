//! `kafka-node history`: what happened to this node's JVMs and supervisors, from its files; no supervisor need run.
//!
//! Absent on purpose: events of the other nodes, and the JVMs' own lines (both are in the journals).
//!
//! Effects: reads the history's files in `state_dir`.

use std::io::ErrorKind;

use clap::Args;
use serde::Serialize;

use crate::model::Role;
use crate::notify::history_entry::Entry;
use crate::notify::history_file::{Told, read};

use super::picture::{Row, table};
use super::{Exit, PlaceArgs, complain, load, say};

/// Entries shown to people unless asked for more: what fits a tall terminal.
const SHOWN: usize = 40;

/// What of it to show.
#[derive(Clone, Debug, Args)]
pub(super) struct HistoryArgs {
    /// Print the entries as JSON
    #[arg(long)]
    json: bool,
    /// Print the last N entries [default: 40; with --json all]
    #[arg(long, value_name = "N")]
    lines: Option<usize>,
    /// Print only what is about this service: zookeeper or kafka
    #[arg(long, value_name = "SERVICE", value_parser = service)]
    service: Option<Role>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    /// Oldest first.
    history: &'a [Entry],
    /// Lines of the files that are no entries.
    not_understood: u32,
}

/// Runs the verb.
pub(super) fn history(place: &PlaceArgs, args: &HistoryArgs) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let mut told = match read(&config.paths.state_dir) {
        Ok(told) => told,
        Err(error) => {
            let help = match error.kind() {
                ErrorKind::PermissionDenied => "\n  help: ask as root, or as the user that runs kafka-node",
                _ => "",
            };
            complain(&format!("failed to {error}{help}"));
            return Exit::No;
        }
    };
    if let Some(words) = told.doubts() {
        complain(&words);
    }
    let found = !told.entries.is_empty();
    select(&mut told, args);
    say(&match (args.json, found) {
        (true, _) => json(&told),
        (false, false) => "no history: kafka-node never ran here".to_owned(),
        (false, true) if told.entries.is_empty() => "nothing of that is in the history".to_owned(),
        (false, true) => table(&rows(&told.entries), ""),
    });
    Exit::Yes
}

fn service(text: &str) -> Result<Role, String> {
    Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| "expected zookeeper or kafka".to_owned())
}

fn select(told: &mut Told, args: &HistoryArgs) {
    if let Some(role) = args.service {
        told.entries.retain(|entry| entry.service.as_deref() == Some(role.as_str()));
    }
    let wanted = args.lines.or((!args.json).then_some(SHOWN)).unwrap_or(usize::MAX);
    told.entries.drain(..told.entries.len().saturating_sub(wanted));
}

fn json(told: &Told) -> String {
    let printed = Printed { history: &told.entries, not_understood: told.not_understood };
    serde_json::to_string_pretty(&printed).unwrap_or_default()
}

/// One row an entry, newest last, and one where the machine was booted in between.
fn rows(entries: &[Entry]) -> Vec<Row> {
    let mut rows = vec![["AT (UTC)", "KIND", "CAUSE", ""].map(str::to_owned).to_vec()];
    let mut boot: Option<&str> = None;
    for entry in entries {
        if let (Some(before), Some(now)) = (boot, entry.boot.as_deref())
            && before != now
        {
            rows.push(["", "boot", "", "the machine started"].map(str::to_owned).to_vec());
        }
        boot = entry.boot.as_deref().or(boot);
        let cause = entry.cause.clone().unwrap_or_default();
        rows.push(vec![entry.at.clone(), entry.kind.clone(), cause, entry.text.clone()]);
    }
    rows
}
