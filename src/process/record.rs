//! Which JVMs run, on disk: what a supervisor leaves behind for the next one when it dies.
//!
//! One small text file in `state_dir`, replaced whole and synced at every start and end. Absent on purpose: rendered files
//! and versions of what runs; adoption will add its own words to a line, and unknown words are kept out of the way here.
//!
//! Effects: writes one file in `state_dir`, and reads it at the next start.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::model::{Role, RunId};

use super::files::{Durability, PLAIN_MODE, write_whole};
use super::stat::{self, boot_id};

/// The file's name in `state_dir`.
const FILE: &str = "runs";
/// A file that could not be read is kept under this name when a new one is written.
const SET_ASIDE: &str = "runs.unreadable";
/// First line. The number is the format's; a word added to a line does not change it.
const HEADER: &str = "kafka-node runs 1";

/// One process: pid, start time and boot together name it for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which service it is.
    pub role: Role,
    /// Which life of it.
    pub run: RunId,
    /// Its process id and process group.
    pub pid: i32,
    /// Field 22 of `/proc/PID/stat`.
    pub start_time: u64,
    /// The kernel's id of the boot it ran in.
    pub boot: String,
}

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Pid, start time and boot of the supervisor that wrote it.
    pub supervisor: Option<(i32, u64, String)>,
    /// The JVMs it had, in the order they were started.
    pub runs: Vec<Record>,
}

/// Why the file could not be read.
#[derive(Debug)]
pub enum RecordError {
    /// The system refused.
    Unreadable(PathBuf, io::Error),
    /// It is not a file of ours, or of a format we do not know: file, line counted from 1, and its text.
    Garbled(PathBuf, usize, String),
}

/// Whether the process of `record` still runs. A pid that the kernel gave to somebody else, or that only waits to be
/// reaped, does not count.
pub fn alive(record: &Record) -> bool {
    lives(record.pid, record.start_time, &record.boot)
}

impl Records {
    /// Reads the file in `state_dir`; no file is no records.
    ///
    /// # Errors
    /// See [`RecordError`]. Nothing is changed on disk.
    pub fn read(state_dir: &Path) -> Result<Records, RecordError> {
        let path = state_dir.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Records::default()),
            Err(error) => return Err(RecordError::Unreadable(path, error)),
        };
        parse(&String::from_utf8_lossy(&bytes)).map_err(|(line, text)| RecordError::Garbled(path, line, text))
    }

    /// The supervisor that wrote the file, where it still runs and is not this process.
    pub fn living_supervisor(&self) -> Option<i32> {
        let (pid, start_time, boot) = self.supervisor.as_ref()?;
        let ours = u32::try_from(*pid).is_ok_and(|pid| pid == std::process::id());
        (!ours && lives(*pid, *start_time, boot)).then_some(*pid)
    }
}

/// The pen: the one place that writes the file. Shared between the threads that start and end processes.
#[derive(Debug)]
pub struct RunBook {
    state_dir: PathBuf,
    records: Mutex<Records>,
}

impl RunBook {
    /// Opens the book of this supervisor in `state_dir`: what an earlier one wrote stays in it until it is struck out.
    /// A file that cannot be understood is set aside at the first write, and said.
    ///
    /// # Errors
    /// [`RecordError::Unreadable`]: the directory or file cannot be read. A garbled file is no error here, but the second
    /// part of the answer.
    pub fn open(state_dir: &Path) -> Result<(RunBook, Option<RecordError>), RecordError> {
        let (mut records, garbled) = match Records::read(state_dir) {
            Ok(records) => (records, None),
            Err(error @ RecordError::Unreadable(..)) => return Err(error),
            Err(error) => (Records::default(), Some(error)),
        };
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        records.supervisor = match (stat::start_time(pid), boot_id()) {
            (Ok(start_time), Ok(boot)) => Some((pid, start_time, boot)),
            _ => None,
        };
        Ok((RunBook { state_dir: state_dir.to_owned(), records: Mutex::new(records) }, garbled))
    }

    /// A process runs: called right after it was made.
    ///
    /// # Errors
    /// The file could not be written; the process is known to this book all the same.
    pub fn started(&self, role: Role, run: RunId, pid: i32, start_time: u64) -> io::Result<()> {
        let record = Record { role, run, pid, start_time, boot: boot_id()? };
        self.write(|records| records.runs.push(record))
    }

    /// A process was reaped, or found gone.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn ended(&self, role: Role, run: RunId) -> io::Result<()> {
        self.write(|records| records.runs.retain(|record| (record.role, record.run) != (role, run)))
    }

    fn write(&self, change: impl FnOnce(&mut Records)) -> io::Result<()> {
        // Held while writing: two writers would overtake each other's rename. A panic in between leaves whole records.
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut records);
        write(&self.state_dir, &records)
    }
}

/// Strikes out `gone` after a sweep, without becoming the supervisor of the rest.
pub(super) fn strike_out(state_dir: &Path, gone: &[Record]) -> io::Result<()> {
    let mut records = Records::read(state_dir).map_err(io::Error::other)?;
    records.runs.retain(|record| !gone.contains(record));
    write(state_dir, &records)
}

fn write(state_dir: &Path, records: &Records) -> io::Result<()> {
    let path = state_dir.join(FILE);
    if matches!(Records::read(state_dir), Err(RecordError::Garbled(..))) {
        set_aside(state_dir, &path)?;
    }
    write_whole(&path, print(records).as_bytes(), PLAIN_MODE, Durability::PowerCut)
}

/// Keeps what could not be understood, under the first free name of ten; then the oldest has to go.
fn set_aside(state_dir: &Path, path: &Path) -> io::Result<()> {
    let name = |n: u32| state_dir.join(if n == 0 { SET_ASIDE.to_owned() } else { format!("{SET_ASIDE}.{n}") });
    let free = (0..10).map(name).find(|path| fs::symlink_metadata(path).is_err());
    fs::rename(path, free.unwrap_or_else(|| name(0)))
}

fn lives(pid: i32, start_time: u64, boot: &str) -> bool {
    pid > 0
        && boot_id().is_ok_and(|now| now == boot)
        && stat::stat(pid).is_ok_and(|stat| stat.start_time == start_time && stat.lives())
}

fn print(records: &Records) -> String {
    let mut text = format!("{HEADER}\n");
    if let Some((pid, start, boot)) = &records.supervisor {
        text.push_str(&format!("supervisor pid={pid} start={start} boot={boot}\n"));
    }
    for Record { role, run, pid, start_time, boot } in &records.runs {
        text.push_str(&format!("run role={role} run={run} pid={pid} start={start_time} boot={boot}\n"));
    }
    text
}

fn parse(text: &str) -> Result<Records, (usize, String)> {
    let mut records = Records::default();
    for (index, line) in text.lines().enumerate() {
        let understood = match line.split_once(' ') {
            _ if index == 0 => (line == HEADER).then_some(()),
            Some(("supervisor", words)) => supervisor(words).map(|found| records.supervisor = Some(found)),
            Some(("run", words)) => run(words).map(|record| records.runs.push(record)),
            _ => line.is_empty().then_some(()),
        };
        understood.ok_or_else(|| (index + 1, line.chars().take(200).collect()))?;
    }
    // An empty file is no list of nothing: we never write one, so something else did.
    if text.is_empty() { Err((1, String::new())) } else { Ok(records) }
}

fn supervisor(words: &str) -> Option<(i32, u64, String)> {
    let words = named(words)?;
    Some((words.get("pid")?.parse().ok()?, words.get("start")?.parse().ok()?, (*words.get("boot")?).to_owned()))
}

fn run(words: &str) -> Option<Record> {
    let words = named(words)?;
    Some(Record {
        role: Role::ALL.into_iter().find(|role| words.get("role") == Some(&role.as_str()))?,
        run: RunId(u64::from_str_radix(words.get("run")?, 16).ok()?),
        pid: words.get("pid")?.parse().ok().filter(|pid| *pid > 1)?,
        start_time: words.get("start")?.parse().ok()?,
        boot: (*words.get("boot")?).to_owned(),
    })
}

fn named(words: &str) -> Option<BTreeMap<&str, &str>> {
    words.split_ascii_whitespace().map(|word| word.split_once('=')).collect()
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Unreadable(path, _) => write!(f, "read the record of running JVMs {}", path.display()),
            RecordError::Garbled(path, line, text) => write!(
                f,
                "understand the record of running JVMs {}, line {line}: {text:?} (written by another version, or damaged)",
                path.display()
            ),
        }
    }
}

impl std::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RecordError::Unreadable(_, error) => Some(error),
            RecordError::Garbled(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records() -> Records {
        let boot = "0e1f6a52-7b0c-4b7c-9d5d-1f2e3d4c5b6a".to_owned();
        Records {
            supervisor: Some((70, 7, boot.clone())),
            runs: vec![
                Record { role: Role::ZooKeeper, run: RunId(0x1a2b), pid: 77, start_time: 987, boot: boot.clone() },
                Record { role: Role::Kafka, run: RunId(0x1a2c), pid: 78, start_time: 988, boot },
            ],
        }
    }

    #[test]
    fn what_is_printed_is_read_and_words_of_a_later_version_do_no_harm() {
        assert_eq!(parse(&print(&records())), Ok(records()));
        let later = print(&records()).replace("run role", "run fds=3,4 role");
        assert_eq!(parse(&later), Ok(records()));
    }

    #[test]
    fn a_pid_that_means_many_processes_is_never_read() {
        for pid in ["0", "-1", "1", "4294967297"] {
            let text = print(&records()).replace("pid=78", &format!("pid={pid}"));
            assert_eq!(parse(&text).map_err(|(line, _)| line), Err(4), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(kafka-node runs 1\n)?(run |supervisor |role=kafka |pid=[0-9]{0,12} |start=1 |boot=x|run=[0-9a-g]{0,20} |=|\n|.){0,12}") {
            let _ = parse(&text);
        }
    }
}
