//! The lines a task says about itself: elapsed time, what is done, why. One line a step, on stdout, at once.
//! Absent on purpose: what children print. That goes to a log file, or straight through where it is the result.

use std::io::Write;
use std::time::{Duration, Instant};

/// The clock of one task, and its voice.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    begun: Instant,
}

impl Progress {
    /// Starts the clock.
    pub fn begin() -> Self {
        Self { begun: Instant::now() }
    }

    /// Says one line, with the time since the task began.
    pub fn say(&self, words: impl AsRef<str>) {
        let mut out = std::io::stdout().lock();
        // A closed stdout (`| head`) is no reason to leave nodes running behind.
        let _ = writeln!(out, "[{:>6.1} s] {}", self.elapsed().as_secs_f64(), words.as_ref());
        let _ = out.flush();
    }

    /// Time since the task began.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// Seconds with one decimal, as every summary shows them.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
