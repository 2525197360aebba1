//! What a supervisor is told of the runs of an earlier one: which live and are adopted, which are dead and owed a fence.
//!
//! Absent on purpose: reading it from disk, and telling a living process from a dead one (`process`).

use std::time::Duration;

use crate::model::{Role, RunId, SessionId};

/// Every run that the record on disk names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// In the order they were started. At most one of a role lives.
    pub runs: Vec<PastRun>,
}

/// One run of an earlier supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRun {
    /// Which service.
    pub role: Role,
    /// Which life of it.
    pub run: RunId,
    /// Whether it lives.
    pub fate: Fate,
    /// The ZooKeeper sessions it is known to have had, oldest first.
    pub sessions: Vec<SessionId>,
    /// It served at some time.
    pub served: bool,
}

/// Whether a run lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Pid, start time and boot are those of a living process.
    Lives {
        /// Its process id.
        pid: i32,
        /// How long it has lived.
        age: Duration,
    },
    /// Proven dead: the pid is gone or somebody else's, or the boot is over.
    Dead,
}

impl Past {
    /// The living run of `role`: the newest, where a damaged record names several.
    pub(super) fn living(&self, role: Role) -> Option<(&PastRun, i32, Duration)> {
        self.runs.iter().rev().filter(|run| run.role == role).find_map(|run| match run.fate {
            Fate::Lives { pid, age } => Some((run, pid, age)),
            Fate::Dead => None,
        })
    }

    /// The dead runs of `role`, oldest first.
    pub(super) fn dead(&self, role: Role) -> impl Iterator<Item = &PastRun> {
        self.runs.iter().filter(move |run| run.role == role && run.fate == Fate::Dead)
    }
}
