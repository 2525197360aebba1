//! `kafka-node import`: the configuration that stands in place of a hand-made node's files, and a report on each thing found.
//!
//! Absent on purpose: every decision (`plan::import`), and touching the old units or any data.
//!
//! Effects: writes the one file of `--out`.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::host::import::{Sources, gather};
use crate::plan::import::{Kind, Outcome, import as decide};

use super::{Exit, complain, say};

/// Arguments of `kafka-node import`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// server.properties [default: what the installed unit names, else /opt/kafka/config/server.properties]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// zookeeper.properties [default: as above]
    #[arg(long, value_name = "FILE")]
    zookeeper: Option<PathBuf>,
    /// A unit file, whose drop-ins lie beside it; once for each service [default: zookeeper.service and kafka.service, as installed]
    #[arg(long, value_name = "FILE")]
    unit: Vec<PathBuf>,
    /// Read another tree than this machine's
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Write the configuration here, mode 0640, and the report to stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, requires = "out")]
    force: bool,
    /// Print the report as JSON to stdout; the configuration goes to --out alone
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub(super) fn import(args: &ImportArgs) -> Exit {
    let sources = Sources {
        root: args.root.clone(),
        server: args.server.clone(),
        zookeeper: args.zookeeper.clone(),
        units: args.unit.clone(),
    };
    let outcome = match gather(&sources).and_then(|inputs| decide(&inputs)) {
        Ok(outcome) => outcome,
        Err(errors) => {
            errors.iter().for_each(|error| complain(&format!("error: {error}")));
            return Exit::BadConfig;
        }
    };
    let Some(toml) = &outcome.toml else {
        match args.json {
            true => drop(say(&report_json(&outcome))),
            false => complain(&report(&outcome)),
        }
        complain("nothing was written: what cannot be taken over stands in the report");
        return Exit::No;
    };
    if let Some(out) = &args.out
        && let Err(error) = write(out, toml, args.force)
    {
        complain(&format!("error: {}: {error}", out.display()));
        return Exit::No;
    }
    match (args.json, &args.out) {
        (true, _) => drop(say(&report_json(&outcome))),
        (false, Some(out)) => {
            say(&report(&outcome));
            say(&format!("\nwrote {}", out.display()));
        }
        (false, None) => {
            complain(&report(&outcome));
            say(toml);
        }
    }
    Exit::Yes
}

/// Whole or not there; the owner and group are those of the file that was there, else the group of its directory.
fn write(path: &Path, text: &str, force: bool) -> Result<(), String> {
    let words = |error: std::io::Error| match error.kind() {
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::NotFound => "there is no such directory".to_owned(),
        _ => error.to_string().to_lowercase(),
    };
    let before = match fs::metadata(path) {
        Ok(_) if !force => return Err("is there already; --force writes over it".to_owned()),
        Ok(meta) if !meta.is_file() => return Err("is no file".to_owned()),
        Ok(meta) => Some(meta),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(words(error)),
    };
    // A link stays one: what it points to is replaced.
    let path = if before.is_some() { fs::canonicalize(path).map_err(words)? } else { path.to_path_buf() };
    let directory = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let owners = match &before {
        Some(meta) => (Some(meta.uid()), meta.gid()),
        None => (None, fs::metadata(directory).map_err(words)?.gid()),
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = directory.join(format!(".{name}.{}", std::process::id()));
    let done = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        // Only root may give a file away; anybody else's file is as good in their own name.
        let _ = fchown(&file, owners.0, Some(owners.1));
        file.set_permissions(fs::Permissions::from_mode(0o640))?;
        file.sync_all()?;
        match before.is_some() {
            true => fs::rename(&beside, &path),
            // Fails where somebody made the file meanwhile.
            false => fs::hard_link(&beside, &path),
        }
    });
    let _ = fs::remove_file(&beside);
    done.map_err(words)
}

fn report(outcome: &Outcome) -> String {
    let mut text = String::new();
    for kind in Kind::ALL {
        let notes: Vec<_> = outcome.notes.iter().filter(|note| note.kind == kind).collect();
        if notes.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}{}:", if text.is_empty() { "" } else { "\n" }, kind.heading());
        for note in notes {
            let why = note.why.trim_end().replace('\n', "\n      ");
            let _ = writeln!(text, "  {}\n      {why}", note.what);
        }
    }
    if outcome.secrets {
        text.push_str("\nThe configuration holds passwords in clear, which this report hides: keep it at mode 0640, root's, with group kafka.\n");
    }
    text
}

fn report_json(outcome: &Outcome) -> String {
    let line = |note: &crate::plan::import::Note| json!({ "kind": note.kind.word(), "key": note.key.as_str(), "what": note.what.as_str(), "why": note.why.as_str() });
    let notes: Vec<Value> = outcome.notes.iter().map(line).collect();
    let value = json!({ "ok": outcome.toml.is_some(), "secrets": outcome.secrets, "notes": notes });
    serde_json::to_string_pretty(&value).unwrap_or_default()
}
