//! Which JVMs run, on disk: what a supervisor leaves behind for the next one when it dies.
//!
//! One small text file in `state_dir`, a line a run. Absent on purpose: writing it at each step of a run (`book`), rendered
//! files and versions of what runs. Words of a later version are kept out of the way.
//!
//! Effects: reads one file in `state_dir`, and replaces it whole and synced.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Role, RunId, SessionId};

use super::adopt::{Fate, fate};
use super::files::{Durability, PLAIN_MODE, write_whole};
use super::mark::RunMark;
use super::stat::{Identity, boot_id};

/// The file's name in `state_dir`.
const FILE: &str = "runs";
/// A file that could not be read is kept under this name when a new one is written.
const SET_ASIDE: &str = "runs.unreadable";
/// First line. The number is the format's; a word added to a line does not change it.
const HEADER: &str = "kafka-node runs 1";
/// Sessions kept of one run: the newest, and the one before it, whose registration may still be on its way out.
pub(super) const SESSIONS: usize = 2;

/// One run: pid, start time and boot together name its process for ever. What is optional in the file is absent or 0 here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which service it is.
    pub role: Role,
    /// Which life of it.
    pub run: RunId,
    /// Its process id and process group. `None`: its start was intended, and whether it was made is not written.
    pub pid: Option<i32>,
    /// Field 22 of `/proc/PID/stat`; 0 without a pid.
    pub start_time: u64,
    /// The kernel's id of the boot it ran in.
    pub boot: String,
    /// ZooKeeper sessions that it registered with, oldest first, at most two.
    pub sessions: Vec<SessionId>,
    /// It served.
    pub served: bool,
    /// When it was to be made, by the wall clock, in milliseconds since 1970: for people alone.
    pub born: Option<u64>,
    /// Short lives in a row before it.
    pub short: u32,
    /// We sent it SIGTERM.
    pub terminated: bool,
    /// We sent it SIGKILL.
    pub killed: bool,
    /// We ended it for its health.
    pub health: bool,
    /// It is over for certain, and kept for what is left of it elsewhere: its registration.
    pub ended: bool,
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

impl Record {
    /// A run that is to be made in `boot`, with nothing known of it yet.
    pub fn intended(role: Role, run: RunId, boot: String) -> Record {
        Record {
            role,
            run,
            pid: None,
            start_time: 0,
            boot,
            sessions: Vec::new(),
            served: false,
            born: None,
            short: 0,
            terminated: false,
            killed: false,
            health: false,
            ended: false,
        }
    }

    /// Its mark, as a run of the node with this `state_dir`.
    pub fn mark(&self, state_dir: &Path) -> RunMark {
        RunMark { state_dir: state_dir.to_owned(), role: self.role, run: self.run }
    }
}

/// Whether a process of `record` is there. What cannot be told counts as there: whoever needs proof of death asks
/// [`fate`].
pub fn alive(state_dir: &Path, record: &Record) -> bool {
    !matches!(fate(state_dir, record), Ok(Fate::Gone | Fate::Intended))
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
        let there = || {
            let identity = Identity { pid: *pid, start_time: *start_time };
            boot_id().is_ok_and(|now| now == *boot) && identity.lives().unwrap_or(false)
        };
        (!ours && there()).then_some(*pid)
    }

    /// Replaces the file in `state_dir`; one that cannot be understood is kept aside.
    pub(super) fn write(&self, state_dir: &Path) -> io::Result<()> {
        let path = state_dir.join(FILE);
        if matches!(Records::read(state_dir), Err(RecordError::Garbled(..))) {
            set_aside(state_dir, &path)?;
        }
        write_whole(&path, print(self).as_bytes(), PLAIN_MODE, Durability::PowerCut)
    }
}

/// Keeps what could not be understood, under the first free name of ten; then the oldest has to go.
fn set_aside(state_dir: &Path, path: &Path) -> io::Result<()> {
    let name = |n: u32| state_dir.join(if n == 0 { SET_ASIDE.to_owned() } else { format!("{SET_ASIDE}.{n}") });
    let free = (0..10).map(name).find(|path| fs::symlink_metadata(path).is_err());
    fs::rename(path, free.unwrap_or_else(|| name(0)))
}

fn print(records: &Records) -> String {
    let mut text = format!("{HEADER}\n");
    if let Some((pid, start, boot)) = &records.supervisor {
        text.push_str(&format!("supervisor pid={pid} start={start} boot={boot}\n"));
    }
    for record in &records.runs {
        let Record { role, run, pid, start_time, boot, sessions, born, short, .. } = record;
        text.push_str(&format!("run role={role} run={run}"));
        if let Some(pid) = pid {
            text.push_str(&format!(" pid={pid} start={start_time}"));
        }
        text.push_str(&format!(" boot={boot}"));
        if let Some(born) = born {
            text.push_str(&format!(" born={born}"));
        }
        if *short > 0 {
            text.push_str(&format!(" short={short}"));
        }
        if !sessions.is_empty() {
            let sessions: Vec<String> = sessions.iter().map(SessionId::to_string).collect();
            text.push_str(&format!(" session={}", sessions.join(",")));
        }
        for (word, set) in flags(record) {
            if set {
                text.push_str(&format!(" {word}=1"));
            }
        }
        text.push('\n');
    }
    text
}

fn flags(record: &Record) -> [(&'static str, bool); 5] {
    let Record { served, terminated, killed, health, ended, .. } = *record;
    [("served", served), ("terminated", terminated), ("killed", killed), ("health", health), ("ended", ended)]
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

/// What names a process must be understood; of the rest, a word that is not is as good as absent: then less is known, and
/// whoever needs it waits.
fn run(words: &str) -> Option<Record> {
    let words = named(words)?;
    let role = Role::ALL.into_iter().find(|role| words.get("role") == Some(&role.as_str()))?;
    let run = RunId(u64::from_str_radix(words.get("run")?, 16).ok()?);
    let (pid, start_time) = match (words.get("pid"), words.get("start")) {
        (None, None) => (None, 0),
        (pid, start) => (Some(pid?.parse().ok().filter(|pid| *pid > 1)?), start?.parse().ok()?),
    };
    let set = |word| words.get(word) == Some(&"1");
    Some(Record {
        pid,
        start_time,
        sessions: words.get("session").map(|list| sessions(list)).unwrap_or_default(),
        served: set("served"),
        born: words.get("born").and_then(|born| born.parse().ok()),
        short: words.get("short").and_then(|short| short.parse().ok()).unwrap_or_default(),
        terminated: set("terminated"),
        killed: set("killed"),
        health: set("health"),
        ended: set("ended"),
        ..Record::intended(role, run, (*words.get("boot")?).to_owned())
    })
}

fn sessions(list: &str) -> Vec<SessionId> {
    let each = list.split(',').filter_map(|id| u64::from_str_radix(id.strip_prefix("0x")?, 16).ok());
    let all: Vec<SessionId> = each.map(|id| SessionId(id.cast_signed())).collect();
    all.into_iter().rev().take(SESSIONS).rev().collect()
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

    const BOOT: &str = "0e1f6a52-7b0c-4b7c-9d5d-1f2e3d4c5b6a";

    fn records() -> Records {
        let plain = |role, run, pid| {
            let record = Record::intended(role, RunId(run), BOOT.to_owned());
            Record { pid: Some(pid), start_time: 987, ..record }
        };
        let full = Record {
            // The first byte of a session is its server's id; from 128 on the number is negative.
            sessions: vec![SessionId(0x1000_0421_9af0_0000), SessionId(-2)],
            served: true,
            born: Some(1_795_000_000_123),
            short: 3,
            terminated: true,
            killed: true,
            health: true,
            ended: true,
            ..plain(Role::Kafka, 0x1a2c, 78)
        };
        Records {
            supervisor: Some((70, 7, BOOT.to_owned())),
            runs: vec![
                plain(Role::ZooKeeper, 0x1a2b, 77),
                full,
                Record::intended(Role::Kafka, RunId(0x1a2d), BOOT.to_owned()),
            ],
        }
    }

    #[test]
    fn what_is_printed_is_read_and_words_of_a_later_version_do_no_harm() {
        assert_eq!(parse(&print(&records())), Ok(records()));
        let later = print(&records()).replace("run role", "run fds=3,4 role");
        assert_eq!(parse(&later), Ok(records()));
        let line = "run role=kafka run=1a2c pid=78 start=987 boot=0e1f6a52-7b0c-4b7c-9d5d-1f2e3d4c5b6a born=1795000000123 \
                    short=3 session=0x100004219af00000,0xfffffffffffffffe served=1 terminated=1 killed=1 health=1 ended=1";
        assert_eq!(print(&records()).lines().nth(3), Some(line));
    }

    #[test]
    fn a_file_of_the_version_before_is_read() {
        let text = format!(
            "{HEADER}\nsupervisor pid=70 start=7 boot={BOOT}\nrun role=kafka run=1a2c pid=78 start=988 boot={BOOT}\n"
        );
        let records = parse(&text).expect("records");
        let expected = Record::intended(Role::Kafka, RunId(0x1a2c), BOOT.to_owned());
        assert_eq!(records.runs, [Record { pid: Some(78), start_time: 988, ..expected }]);
    }

    #[test]
    fn what_is_optional_and_garbled_is_absent_and_only_two_sessions_are_taken() {
        let line = |words: &str| run(&format!("role=kafka run=1 pid=7 start=8 boot=b {words}"));
        let bare = line("").expect("a record");
        assert_eq!(line("session=0x,zz born=soon short=-1 served=yes ended=2"), Some(bare.clone()));
        let newest = Record { sessions: vec![SessionId(2), SessionId(3)], ..bare };
        assert_eq!(line("session=0x1,0x2,0x3"), Some(newest));
    }

    #[test]
    fn a_pid_that_means_many_processes_is_never_read_nor_half_an_identity() {
        for pid in ["pid=0", "pid=-1", "pid=1", "pid=4294967297", "pid=", "pid=78 start=x", "start=987"] {
            let text = print(&records()).replace("pid=77 start=987", pid);
            assert_eq!(parse(&text).map_err(|(line, _)| line), Err(3), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(kafka-node runs 1\n)?(run |supervisor |role=kafka |pid=[0-9]{0,12} |start=1 |boot=x|session=[0-9a-fx,]{0,20} |short=[0-9]{0,12} |run=[0-9a-g]{0,20} |=|\n|.){0,12}") {
            let _ = parse(&text);
        }
    }
}
