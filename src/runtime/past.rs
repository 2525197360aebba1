//! What an earlier supervisor left: read from its record and held against the processes of this machine.
//!
//! Absent on purpose: what is done with it (`supervise`), and how a living process is told from a dead one (`process`).
//!
//! Effects: reads `/proc`; waits for a process in trouble, so it is called apart from the loop.

use std::fs;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::process::{self, Record, RunBook, fate};
use crate::supervise::{Fate, Past, PastRun};

/// Looks that told neither life nor death are repeated after this long: a start beside a living JVM is worse than a wait.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// And this often: then the run counts as living, and its end will be seen, or not, by who adopts it.
const LOOKS: u32 = 20;
/// Ticks a second of start times in `/proc/PID/stat`: USER_HZ.
const TICKS: f64 = 100.0;

/// What was found.
pub struct Found {
    /// For the supervisor.
    pub past: Past,
    /// The records of the runs that live, to be adopted; with the pid that was found where the record had none.
    pub living: Vec<Record>,
}

/// Looks after every recorded run.
pub fn look(book: &RunBook) -> Found {
    let mut found = Found { past: Past::default(), living: Vec::new() };
    for record in book.runs() {
        let fate = match settled_fate(book.state_dir(), &record) {
            process::Fate::Lives { pid, start_time } => Fate::Lives { pid, age: age(start_time) },
            process::Fate::Gone | process::Fate::Intended => Fate::Dead,
        };
        if let Fate::Lives { .. } = fate {
            found.living.push(record.clone());
        }
        let Record { role, run, sessions, served, .. } = record;
        found.past.runs.push(PastRun { role, run, fate, sessions, served });
    }
    found
}

fn settled_fate(state_dir: &Path, record: &Record) -> process::Fate {
    for _ in 0..LOOKS {
        if let Ok(fate) = fate(state_dir, record) {
            return fate;
        }
        sleep(LOOK_AGAIN);
    }
    match record.pid {
        Some(pid) => process::Fate::Lives { pid, start_time: record.start_time },
        None => process::Fate::Intended,
    }
}

/// How long a process has lived that started `start_time` ticks after the boot.
fn age(start_time: u64) -> Duration {
    let up = || -> io::Result<f64> {
        let text = fs::read_to_string("/proc/uptime")?;
        let seconds = text.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
        seconds.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    };
    // Nothing but the shown age of a run hangs on it.
    up().map_or(Duration::ZERO, |up| Duration::try_from_secs_f64(up - start_time as f64 / TICKS).unwrap_or_default())
}
