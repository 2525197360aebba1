//! `kafka-node logs`: journalctl with the right match, so that nobody has to remember it. The program becomes journalctl: its
//! pager, its output and its exit code are the verb's.
//!
//! Works without a supervisor and beside a configuration that cannot be used: that is when logs are read. Absent on purpose: a
//! journal reader of our own, and which terms match (`argv`).
//!
//! Effects: looks whether there is a journal and may be read; replaces this program by journalctl.

mod argv;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::config::{self, JournalChoice};
use crate::logs::{Origin, Priority};
use crate::model::RunId;

use super::report::Report;
use super::{Exit, PlaceArgs, complain};
use argv::{Asked, Boot, Priorities};

/// Found by PATH.
const PROGRAM: &str = "journalctl";
/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// Where journald writes: what outlives a boot, and what does not.
const PLACES: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// What of the journal to show.
#[derive(Clone, Debug, Args)]
pub(super) struct LogsArgs {
    /// Whose records: kafka, zookeeper, kafka-node (with systemd's own words about the unit); all of them when none is named
    #[arg(value_name = "SERVICE", value_parser = origin)]
    services: Vec<Origin>,
    /// Go on with new records as they come
    #[arg(short, long)]
    follow: bool,
    /// Only records this loud or louder: fatal, error, warning, info, debug, 0 to 7, or a range such as error..warning
    #[arg(short, long, value_name = "PRIORITY", value_parser = argv::priorities)]
    priority: Option<Priorities>,
    /// Only from this time on, such as "2026-01-31 22:00", "yesterday" or "-15min"
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Only up to this time
    #[arg(short = 'U', long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// Only the last N records
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<u64>,
    /// Only this boot of the machine, or the one of that offset (-1: the one before) or id
    #[arg(short, long, value_name = "ID", num_args = 0..=1, allow_negative_numbers = true)]
    boot: Option<Option<String>>,
    /// Only records whose message matches; needs the journalctl of systemd 237 or later
    #[arg(short, long, value_name = "PATTERN", allow_hyphen_values = true)]
    grep: Option<String>,
    /// Below events of kafka-node what they mean and what to do
    #[arg(short = 'x', long)]
    explain: bool,
    /// How journalctl shows each record, such as verbose (all fields), short-iso, json or cat
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<String>,
    /// Only what belongs to this run of a JVM, by the id that history and status show
    #[arg(long, value_name = "ID", value_parser = argv::run)]
    run: Option<RunId>,
    /// Whatever is in the journal: what else happened on the machine at that time
    #[arg(long, conflicts_with = "services")]
    all_units: bool,
    /// Read the journal files in this directory, such as a copy from another machine
    #[arg(short = 'D', long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Runs the verb. Comes back only where journalctl could not be run.
pub(super) fn logs(place: &PlaceArgs, args: LogsArgs) -> Exit {
    let elsewhere = args.directory.is_some();
    let asked = match judge(args) {
        Ok(asked) => asked,
        Err(words) => {
            complain(&format!("error: {words}"));
            return Exit::Usage;
        }
    };
    // A configuration that cannot be used says nothing about the journal, and must not hide it.
    let choice = match elsewhere {
        true => JournalChoice::Journal,
        false => config::load(&place.source()).map_or(JournalChoice::Auto, |config| config.log.journal),
    };
    let places: Vec<PathBuf> = match &asked.directory {
        Some(directory) => vec![PathBuf::from(directory)],
        None => PLACES.map(PathBuf::from).to_vec(),
    };
    match (access(&places), choice) {
        (Access::Readable, JournalChoice::Stderr) => Report::open().remark(Priority::Warning, PLAIN),
        (Access::Readable, JournalChoice::Auto | JournalChoice::Journal) => {}
        (Access::Denied(path), _) => {
            complain(&format!(
                "the journal in {} may not be read by this user\n  help: ask as root (sudo kafka-node logs), or be of the group \
                 systemd-journal: usermod -a -G systemd-journal USER, and log in again",
                path.display()
            ));
            return Exit::No;
        }
        (Access::Absent, choice) => {
            complain(&absent(choice, asked.directory.as_deref(), Path::new(SOCKET).exists()));
            return Exit::Unavailable;
        }
    }
    if asked.grep.is_some()
        && let Err(exit) = search()
    {
        return exit;
    }
    let error = Command::new(PROGRAM).args(argv::argv(&asked)).exec();
    not_run(&error)
}

fn origin(text: &str) -> Result<Origin, String> {
    let known = Origin::ALL.into_iter().find(|origin| origin.as_str() == text);
    known.ok_or_else(|| "expected kafka, zookeeper or kafka-node".to_owned())
}

fn judge(args: LogsArgs) -> Result<Asked, String> {
    let mut origins = args.services;
    let boot = match args.boot {
        None => None,
        Some(None) => Some(Boot::This),
        // `logs -b kafka`: the word is the service, as no boot is called so.
        Some(Some(word)) => match origin(&word) {
            Ok(_) if args.all_units => return Err("--all-units takes no service".to_owned()),
            Ok(origin) => {
                origins.push(origin);
                Some(Boot::This)
            }
            Err(_) => {
                Some(argv::boot(&word).map_err(|words| format!("invalid value '{word}' for '--boot [ID]': {words}"))?)
            }
        },
    };
    Ok(Asked {
        origins,
        follow: args.follow,
        priority: args.priority,
        since: args.since,
        until: args.until,
        lines: args.lines,
        boot,
        grep: args.grep,
        explain: args.explain,
        output: args.output,
        run: args.run,
        all_units: args.all_units,
        directory: args.directory.map(|directory| directory.display().to_string()),
    })
}

/// What stands between the reader and the journal's files.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Access {
    /// At least one of them opens.
    Readable,
    /// There is one, or there may be, and it does not open for us: this one.
    Denied(PathBuf),
    /// There are none.
    Absent,
}

/// Tried rather than reasoned from groups: root, systemd-journal, and by an access list adm and wheel may read.
fn access(places: &[PathBuf]) -> Access {
    let mut denied = None;
    for file in places.iter().flat_map(|place| journals(place, &mut denied)).collect::<Vec<_>>() {
        match File::open(&file) {
            Ok(_) => return Access::Readable,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => denied = Some(file),
            // Rotated away between the two looks.
            Err(_) => {}
        }
    }
    denied.map_or(Access::Absent, Access::Denied)
}

/// Journal files in `place` and in the directories of machines below it. `user-1000.journal` is left out: everybody has one of
/// his own, with nothing of ours in it.
fn journals(place: &Path, denied: &mut Option<PathBuf>) -> Vec<PathBuf> {
    let mut look = |path: &Path| match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) => {
            if error.kind() == ErrorKind::PermissionDenied {
                *denied = Some(path.to_owned());
            }
            Vec::new()
        }
    };
    let mut files: Vec<PathBuf> = look(place);
    for below in files.clone().iter().filter(|path| path.is_dir()) {
        files.extend(look(below));
    }
    let ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (name.ends_with(".journal") || name.ends_with(".journal~")) && !name.starts_with("user-")
    };
    files.retain(ours);
    files
}

/// Said before a journal that has the node's lines only as plain text.
const PLAIN: &str = "note: [log] journal = \"stderr\": this node writes plain lines to stderr. Where systemd reads those, all of them \
                     stand under kafka-node, each with the name of its service before it, without fields";

fn absent(choice: JournalChoice, directory: Option<&str>, listens: bool) -> String {
    match (directory, choice, listens) {
        (Some(directory), _, _) => format!("there are no journal files in {directory}"),
        (None, JournalChoice::Stderr, _) => "this node logs to its stderr ([log] journal = \"stderr\"), and there is no journal on \
                                             this machine: read it where that stderr goes"
            .to_owned(),
        (None, JournalChoice::Auto | JournalChoice::Journal, false) => {
            "no systemd journal runs on this machine, so kafka-node logs to its stderr\n  help: read it where that goes: the \
             terminal, the container's log, or the file it was redirected to"
                .to_owned()
        }
        (None, JournalChoice::Auto | JournalChoice::Journal, true) => {
            "journald runs and has written no file yet, in /var/log/journal or /run/log/journal: is Storage=none set in \
             /etc/systemd/journald.conf?"
                .to_owned()
        }
    }
}

/// Whether this journalctl knows `--grep`, or what to end with.
fn search() -> Result<(), Exit> {
    let output = Command::new(PROGRAM).arg("--version").output().map_err(|error| not_run(&error))?;
    argv::can_grep(&String::from_utf8_lossy(&output.stdout)).map_err(|words| {
        complain(&words);
        Exit::Usage
    })
}

fn not_run(error: &std::io::Error) -> Exit {
    match error.kind() {
        ErrorKind::NotFound => complain(
            "there is no journalctl in PATH: logs are read with it, and it comes with systemd\n  help: where no systemd runs, \
             kafka-node logs to its stderr: read it where that goes",
        ),
        _ => complain(&format!("journalctl cannot be run: {error}")),
    }
    Exit::Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_readable_absent_or_denied() {
        let dir = tempfile::tempdir().expect("a directory");
        let places = [dir.path().join("none"), dir.path().join("log")];
        assert_eq!(access(&places), Access::Absent);
        let machine = dir.path().join("log/0123");
        fs::create_dir_all(&machine).expect("made");
        fs::write(machine.join("user-1000.journal"), "").expect("written");
        assert_eq!(access(&places), Access::Absent, "somebody's own journal is not the machine's");
        fs::write(machine.join("system.journal"), "").expect("written");
        assert_eq!(access(&places), Access::Readable);
        let flat = tempfile::tempdir().expect("a directory");
        fs::write(flat.path().join("system@1-2.journal~"), "").expect("written");
        assert_eq!(access(&[flat.path().to_owned()]), Access::Readable, "a copy has no machine's directory");
    }

    #[test]
    fn a_missing_journal_is_said_with_what_the_node_does_instead() {
        assert!(absent(JournalChoice::Auto, None, false).contains("logs to its stderr"));
        assert!(absent(JournalChoice::Stderr, None, true).contains("[log] journal = \"stderr\""));
        assert!(absent(JournalChoice::Auto, None, true).contains("Storage=none"));
        assert_eq!(absent(JournalChoice::Auto, Some("/x"), false), "there are no journal files in /x");
    }
}
