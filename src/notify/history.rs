//! The history: starts, deaths, kills and the like in `state_dir`, for whoever asks after the supervisor's own end.
//!
//! Two files, `history` and the older `history.1`: a head line, then one line of JSON an entry, oldest first. Written by a
//! thread of its own, each entry in one append, and synced; at most 512 KiB in all. What cannot be written waits, is said
//! once and holds up nothing. Absent on purpose: what is kept (`history_entry`), and repair of what a power cut tore.
//!
//! Effects: a thread, since disks can hang; the files; the kernel's id of the boot.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::Severity;

use super::history_entry::{Entry, Kind, SupervisorEnd};
use super::history_file::{Pen, Told, read};

/// Entries that may wait for the disk. Each is some 250 bytes, and a node has a handful an hour.
const QUEUE: usize = 256;
/// Entries kept in memory for `status`.
const RECENT: usize = 10;
/// A disk that refused an entry is tried again after this long.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// Characters of the boot's id that an entry carries: enough to tell one boot from the next.
const BOOT_CHARS: usize = 8;

/// Takes entries from anywhere; cheap to clone.
#[derive(Clone, Debug)]
pub struct History {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write, or no more will come.
    filled: Condvar,
    /// Entries are on disk, or the thread has ended.
    settled: Condvar,
    boot: Option<String>,
    /// What was said last of a supervisor before this one.
    before: Option<Entry>,
}

#[derive(Debug, Default)]
struct State {
    /// Not yet on disk, oldest first.
    lines: VecDeque<String>,
    /// The last entries, written or not, oldest first.
    recent: VecDeque<Entry>,
    /// Entries that found the queue full since that was last said.
    lost: u64,
    closed: bool,
    over: bool,
}

impl History {
    /// Reads what is in `state_dir` and starts the thread that adds to it. Needs the node's lock, so that nobody else
    /// writes. `say` hears of what is wrong with the files, now and later: a node runs without a history as well. It must
    /// not block.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn open(state_dir: &Path, say: impl Fn(Severity, &str) + Send + 'static) -> io::Result<History> {
        let told = read(state_dir).unwrap_or_else(|error| {
            say(Severity::Warning, &format!("failed to {error}; the history goes on without what stands there"));
            Told::default()
        });
        if let Some(words) = told.doubts() {
            say(Severity::Info, &format!("the history in {}: {words}", state_dir.display()));
        }
        let about_supervisor = |entry: &&Entry| entry.is(Kind::SupervisorStart) || entry.is(Kind::SupervisorEnd);
        let before = told.entries.iter().rev().find(about_supervisor).cloned();
        let skipped = told.entries.len().saturating_sub(RECENT);
        let state = State { recent: told.entries.into_iter().skip(skipped).collect(), ..State::default() };
        let (filled, settled) = (Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { state: Mutex::new(state), filled, settled, boot: boot(), before });
        let writer = Writer { shared: Arc::clone(&shared), pen: Pen::new(state_dir), say, refused: false };
        std::thread::Builder::new().name("history".to_owned()).spawn(move || writer.write())?;
        Ok(History { shared })
    }

    /// Takes an entry. Never blocks: where too many wait for the disk, it is counted instead.
    pub fn note(&self, mut entry: Entry) {
        if entry.boot.is_none() {
            entry.boot.clone_from(&self.shared.boot);
        }
        let line = entry.line();
        let mut state = self.shared.lock();
        if state.recent.len() == RECENT {
            state.recent.pop_front();
        }
        state.recent.push_back(entry);
        if state.closed || state.lines.len() >= QUEUE {
            state.lost += 1;
            return;
        }
        state.lines.push_back(line);
        drop(state);
        self.shared.filled.notify_one();
    }

    /// Notes that this process began to supervise, and what is known of the end of the one before it.
    pub fn supervisor_starts(&self, at: &str) {
        let (boot, before) = (self.shared.boot.as_deref(), self.shared.before.as_ref());
        self.note(Entry::supervisor_start(at, own_pid(), boot, before));
    }

    /// Notes that this process ends.
    pub fn supervisor_ends(&self, at: &str, end: &SupervisorEnd) {
        self.note(Entry::supervisor_end(at, own_pid(), end));
    }

    /// The last entries, oldest first: those of earlier supervisors too.
    pub fn recent(&self) -> Vec<Entry> {
        self.shared.lock().recent.iter().cloned().collect()
    }

    /// Waits until every entry so far is on disk, at most for `limit`; for a hand-over within this process. The answer is how
    /// many are not.
    pub fn flush(&self, limit: Duration) -> usize {
        self.wait(limit, |state| state.over || state.lines.is_empty())
    }

    /// Takes no more entries and waits until all are on disk, at most for `limit`. The answer is how many are not.
    pub fn finish(&self, limit: Duration) -> usize {
        self.shared.lock().closed = true;
        self.shared.filled.notify_all();
        self.wait(limit, |state| state.over)
    }

    fn wait(&self, limit: Duration, until: impl Fn(&State) -> bool) -> usize {
        let begun = Instant::now();
        let mut state = self.shared.lock();
        loop {
            let time = limit.saturating_sub(begun.elapsed());
            if until(&state) || time.is_zero() {
                return state.lines.len();
            }
            (state, _) = self.shared.settled.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while holding it left a whole state: nothing in here can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, or, after a refusal, until it is time to try again. Second: no more will come. The lines stay in the
    /// queue until they are written.
    fn next(&self, refused: bool) -> (Vec<String>, bool) {
        let begun = Instant::now();
        let mut state = self.lock();
        loop {
            let rest = RETRY_AFTER.saturating_sub(begun.elapsed());
            let pausing = refused && !rest.is_zero();
            if state.closed || (!state.lines.is_empty() && !pausing) {
                return (state.lines.iter().cloned().collect(), state.closed);
            }
            state = if pausing {
                self.filled.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.filled.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    /// The first `count` lines are on disk. The answer is how many entries were lost before them.
    fn written(&self, count: usize) -> u64 {
        let mut state = self.lock();
        let count = count.min(state.lines.len());
        state.lines.drain(..count);
        self.settled.notify_all();
        if count == 0 { 0 } else { std::mem::take(&mut state.lost) }
    }
}

/// The thread's own half.
struct Writer<Say> {
    shared: Arc<Shared>,
    pen: Pen,
    say: Say,
    /// The disk refused, and that was said.
    refused: bool,
}

impl<Say: Fn(Severity, &str)> Writer<Say> {
    fn write(mut self) {
        loop {
            let (lines, closed) = self.shared.next(self.refused);
            let (count, result) = self.pen.append(&lines);
            let lost = self.shared.written(count);
            match result {
                Ok(()) => self.say_it_works(lost),
                Err(error) => self.say_it_does_not(&error),
            }
            // What the disk refuses then is given up.
            if closed {
                break;
            }
        }
        self.shared.lock().over = true;
        self.shared.settled.notify_all();
    }

    fn say_it_works(&mut self, lost: u64) {
        let missing = if lost == 0 { String::new() } else { format!("; {lost} entries are missing") };
        if std::mem::take(&mut self.refused) {
            (self.say)(Severity::Info, &format!("the history is written again{missing}"));
        } else if lost > 0 {
            (self.say)(Severity::Warning, &format!("the history was not written fast enough{missing}"));
        }
    }

    fn say_it_does_not(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.refused, true) {
            let path = self.pen.path();
            let text = format!("the history {} cannot be written: {error}; the node goes on", path.display());
            (self.say)(Severity::Warning, &text);
        }
    }
}

fn own_pid() -> i32 {
    i32::try_from(std::process::id()).unwrap_or_default()
}

/// The kernel's name for this boot, shortened; `None` where it does not say.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().chars().take(BOOT_CHARS).collect())
}
