//! The pen: the one place that writes the record of runs while a supervisor lives.
//!
//! Every step is on the disk before what follows from it: the intention before the process, the end before what is done
//! about it, a session before it matters. So a supervisor that dies, or a power cut, at any step leaves enough. Absent on
//! purpose: the file's form (`record`).
//!
//! Effects: writes one file in `state_dir`, reads the wall clock for people.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::{Role, RunId, SessionId};

use super::record::{Record, RecordError, Records, SESSIONS};
use super::stat::{self, boot_id};

/// Ended runs that are kept; more than these wait for nothing that could still be done.
const ENDED_KEPT: usize = 8;

/// What becomes known of a run while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It registered with this ZooKeeper session. The newest two are kept.
    Session(SessionId),
    /// It served.
    Served,
    /// So many short lives in a row came before it.
    Short(u32),
    /// It was sent SIGTERM.
    Terminated,
    /// It was sent SIGKILL.
    Killed,
    /// It is ended by us for its health.
    Health,
}

/// The record of this supervisor. Shared between the threads that start and end processes; every call but the plain getter
/// waits for the disk.
#[derive(Debug)]
pub struct RunBook {
    state_dir: PathBuf,
    pages: Mutex<Pages>,
}

#[derive(Debug)]
struct Pages {
    records: Records,
    /// The last write failed: the file says less than `records`, news or not.
    unwritten: bool,
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
        let pages = Mutex::new(Pages { records, unwritten: false });
        Ok((RunBook { state_dir: state_dir.to_owned(), pages }, garbled))
    }

    /// Where the node keeps its state.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// The runs as they stand in the book, oldest first.
    pub fn runs(&self) -> Vec<Record> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).records.runs.clone()
    }

    /// A process is to be made for `run`: called, and done, before it is. `marks` are what is known beforehand.
    ///
    /// # Errors
    /// The file could not be written: a process made all the same would be nobody's after our death.
    pub fn intend(&self, role: Role, run: RunId, marks: &[Mark]) -> io::Result<()> {
        let mut record = Record::intended(role, run, boot_id()?);
        let born = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        record.born = born.and_then(|since| u64::try_from(since.as_millis()).ok());
        for mark in marks {
            set(&mut record, *mark);
        }
        self.write(|records| {
            strike(records, role, run);
            records.runs.push(record);
            true
        })
    }

    /// The process of `run` is there: called right after it was made, or adopted without a recorded pid. A `start_time` of 0
    /// (it could not be read) leaves the run as intended: its mark finds it better than a pid without proof.
    ///
    /// # Errors
    /// The file could not be written; the process is known to this book all the same.
    pub fn started(&self, role: Role, run: RunId, pid: i32, start_time: u64) -> io::Result<()> {
        let boot = boot_id()?;
        self.write(|records| {
            let place = records.runs.iter().position(|record| (record.role, record.run) == (role, run));
            let before = place.and_then(|place| records.runs.get(place).cloned());
            let mut record = before.clone().unwrap_or_else(|| Record::intended(role, run, boot));
            if start_time != 0 {
                (record.pid, record.start_time) = (Some(pid), start_time);
            }
            let news = before.as_ref() != Some(&record);
            match place.and_then(|place| records.runs.get_mut(place)) {
                Some(kept) => *kept = record,
                None => records.runs.push(record),
            }
            news
        })
    }

    /// Something became known of `run`. Nothing is written where it was known before, or the run is not in the book.
    ///
    /// # Errors
    /// The file could not be written; what became known is in the book and in every later write.
    pub fn note(&self, role: Role, run: RunId, mark: Mark) -> io::Result<()> {
        self.change(role, run, |record| set(record, mark))
    }

    /// The process of `run` was reaped, or found gone: proof of its death. The line stays, with its sessions, until
    /// [`RunBook::settled`]; of many such lines the newest eight.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn ended(&self, role: Role, run: RunId) -> io::Result<()> {
        self.change(role, run, |record| record.ended = true)
    }

    /// Nothing is left to be done about `run`, or it was never made: its line is struck out.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn settled(&self, role: Role, run: RunId) -> io::Result<()> {
        self.write(|records| strike(records, role, run))
    }

    fn change(&self, role: Role, run: RunId, change: impl FnOnce(&mut Record)) -> io::Result<()> {
        self.write(|records| {
            let Some(record) = records.runs.iter_mut().find(|record| (record.role, record.run) == (role, run)) else {
                return false;
            };
            let before = record.clone();
            change(record);
            *record != before
        })
    }

    /// Writes where `change` says that there is news.
    fn write(&self, change: impl FnOnce(&mut Records) -> bool) -> io::Result<()> {
        // Held while writing: two writers would overtake each other's rename. A panic in between leaves whole records.
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let news = change(&mut pages.records);
        if !news && !pages.unwritten {
            return Ok(());
        }
        bound(&mut pages.records);
        let written = pages.records.write(&self.state_dir);
        pages.unwritten = written.is_err();
        written
    }
}

/// After a sweep, without becoming the supervisor of the rest: what is `gone` is struck out, but for a run that registered
/// with ZooKeeper: its line stays as ended, for whoever removes its registration.
pub(super) fn close(state_dir: &Path, gone: &[(Role, RunId)]) -> io::Result<()> {
    let mut records = Records::read(state_dir).map_err(io::Error::other)?;
    let is_gone = |record: &Record| gone.contains(&(record.role, record.run));
    records.runs.retain(|record| !is_gone(record) || !record.sessions.is_empty());
    for record in &mut records.runs {
        record.ended |= gone.contains(&(record.role, record.run));
    }
    bound(&mut records);
    records.write(state_dir)
}

fn strike(records: &mut Records, role: Role, run: RunId) -> bool {
    let before = records.runs.len();
    records.runs.retain(|record| (record.role, record.run) != (role, run));
    records.runs.len() != before
}

/// Lets go of the oldest ended runs, those without a session first: nothing of them is left anywhere.
fn bound(records: &mut Records) {
    while records.runs.iter().filter(|record| record.ended).count() > ENDED_KEPT {
        let bare = records.runs.iter().position(|record| record.ended && record.sessions.is_empty());
        let Some(place) = bare.or_else(|| records.runs.iter().position(|record| record.ended)) else { return };
        records.runs.remove(place);
    }
}

fn set(record: &mut Record, mark: Mark) {
    match mark {
        Mark::Session(session) => {
            record.sessions.retain(|known| *known != session);
            record.sessions.push(session);
            let surplus = record.sessions.len().saturating_sub(SESSIONS);
            record.sessions.drain(..surplus);
        }
        Mark::Served => record.served = true,
        Mark::Short(lives) => record.short = lives,
        Mark::Terminated => record.terminated = true,
        Mark::Killed => record.killed = true,
        Mark::Health => record.health = true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KAFKA: Role = Role::Kafka;

    fn read(dir: &Path) -> Vec<Record> {
        Records::read(dir).expect("records").runs
    }

    #[test]
    fn each_step_of_a_run_is_on_disk_when_the_call_returns() {
        let dir = tempfile::tempdir().expect("a directory");
        let book = RunBook::open(dir.path()).expect("a book").0;
        let run = RunId(5);
        book.intend(KAFKA, run, &[Mark::Short(2)]).expect("written");
        let intended = read(dir.path()).remove(0);
        assert_eq!((intended.pid, intended.short, intended.ended), (None, 2, false));
        assert!(intended.born.is_some());
        book.started(KAFKA, run, 77, 987).expect("written");
        assert_eq!(read(dir.path()), [Record { pid: Some(77), start_time: 987, ..intended.clone() }]);
        for session in [1, 2, 2, 1, 3] {
            book.note(KAFKA, run, Mark::Session(SessionId(session))).expect("written");
        }
        for mark in [Mark::Served, Mark::Terminated, Mark::Killed, Mark::Health] {
            book.note(KAFKA, run, mark).expect("written");
        }
        book.ended(KAFKA, run).expect("written");
        let (sessions, yes) = (vec![SessionId(1), SessionId(3)], true);
        let ended = Record { sessions, served: yes, terminated: yes, killed: yes, health: yes, ended: yes, ..intended };
        assert_eq!(read(dir.path()), [Record { pid: Some(77), start_time: 987, ..ended }]);
        assert_eq!(book.runs(), read(dir.path()));
        book.settled(KAFKA, run).expect("written");
        assert_eq!(read(dir.path()), []);
    }

    #[test]
    fn what_is_no_news_is_not_written_and_a_run_that_is_not_there_gets_no_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let book = RunBook::open(dir.path()).expect("a book").0;
        book.note(KAFKA, RunId(1), Mark::Served).expect("nothing");
        book.ended(KAFKA, RunId(1)).expect("nothing");
        book.settled(KAFKA, RunId(1)).expect("nothing");
        assert_eq!(std::fs::read_dir(dir.path()).expect("entries").count(), 0);
        book.started(KAFKA, RunId(1), 77, 0).expect("written");
        assert_eq!(read(dir.path())[0].pid, None, "a pid without its start time proves nothing");
    }

    #[test]
    fn what_could_not_be_written_is_written_by_the_next_call_though_it_is_no_news() {
        let dir = tempfile::tempdir().expect("a directory");
        let book = RunBook::open(dir.path()).expect("a book").0;
        book.intend(KAFKA, RunId(1), &[]).expect("written");
        // A directory in the place of the temporary file: neither removed nor overwritten, whoever tries.
        let hindrance = dir.path().join(".runs.new");
        std::fs::create_dir(&hindrance).expect("a directory");
        book.note(KAFKA, RunId(1), Mark::Served).expect_err("it cannot be written");
        assert!(!read(dir.path())[0].served);
        std::fs::remove_dir(&hindrance).expect("removed");
        book.note(KAFKA, RunId(1), Mark::Served).expect("written");
        assert!(read(dir.path())[0].served);
    }

    #[test]
    fn eight_ended_runs_are_kept_and_those_with_a_session_longest() {
        let dir = tempfile::tempdir().expect("a directory");
        let book = RunBook::open(dir.path()).expect("a book").0;
        book.started(KAFKA, RunId(100), 77, 1).expect("written");
        for run in (0..10).map(RunId) {
            let marks = [Mark::Session(SessionId(7))];
            book.intend(KAFKA, run, if run.0 == 1 { &marks } else { &[] }).expect("written");
            book.ended(KAFKA, run).expect("written");
        }
        let kept: Vec<u64> = read(dir.path()).iter().map(|record| record.run.0).collect();
        assert_eq!(kept, [100, 1, 3, 4, 5, 6, 7, 8, 9]);
        close(dir.path(), &[(KAFKA, RunId(100)), (KAFKA, RunId(3)), (KAFKA, RunId(1))]).expect("written");
        let kept: Vec<u64> = read(dir.path()).iter().map(|record| record.run.0).collect();
        assert_eq!(kept, [1, 4, 5, 6, 7, 8, 9], "a swept run that may still be registered stays");
    }
}
