//! The record of runs on a node's disk: what a supervisor wrote before it died is all that the next one knows.
//!
//! The intent of a start is on disk before the process is made; pid and time of birth are right after it; marks are once
//! the action is done. A pid alone proves nothing: it may be another process's by now.

use kafka_node::model::{Role, RunId, SessionId};
use kafka_node::supervise::{Fate, Mark, Past, PastRun};

use crate::clock::{Time, long};
use crate::jvm::Jvm;

/// One run on disk.
#[derive(Clone, Debug)]
pub struct Entry {
    pub role: Role,
    pub run: RunId,
    /// Pid and time of birth, once the process was made.
    pub process: Option<(i32, Time)>,
    pub sessions: Vec<i64>,
    pub served: bool,
}

/// Everything on disk.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub entries: Vec<Entry>,
}

impl Record {
    /// A start is about to be made.
    pub fn intends(&mut self, role: Role, run: RunId) {
        self.entries.push(Entry { role, run, process: None, sessions: Vec::new(), served: false });
    }

    /// Its process was made.
    pub fn spawned(&mut self, run: RunId, pid: i32, born: Time) {
        if let Some(entry) = self.entry_mut(run) {
            entry.process = Some((pid, born));
        }
    }

    pub fn marks(&mut self, run: RunId, mark: Mark) {
        let Some(entry) = self.entry_mut(run) else { return };
        match mark {
            Mark::Served => entry.served = true,
            Mark::Session(session) => {
                entry.sessions.retain(|known| *known != session.0);
                entry.sessions.push(session.0);
            }
        }
    }

    pub fn settles(&mut self, run: RunId) {
        self.entries.retain(|entry| entry.run != run);
    }

    pub fn entry(&self, run: RunId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.run == run)
    }

    fn entry_mut(&mut self, run: RunId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.run == run)
    }

    /// What the next supervisor is told, by a look at the processes there are.
    pub fn past(&self, jvms: &[Option<Jvm>; 2], now: Time) -> Past {
        let runs = self.entries.iter().map(|entry| PastRun {
            role: entry.role,
            run: entry.run,
            fate: match entry.process.and_then(|identity| lives(identity, jvms)) {
                Some(jvm) => Fate::Lives { pid: jvm.pid, age: long(now - jvm.born) },
                None => Fate::Dead,
            },
            sessions: entry.sessions.iter().map(|session| SessionId(*session)).collect(),
            served: entry.served,
        });
        Past { runs: runs.collect() }
    }
}

/// The process of this pid that was born then: not any other that has the pid by now.
fn lives((pid, born): (i32, Time), jvms: &[Option<Jvm>; 2]) -> Option<&Jvm> {
    jvms.iter().flatten().find(|jvm| jvm.pid == pid && jvm.born == born)
}
