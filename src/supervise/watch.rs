//! Does a start or a stop make progress? Judged by CPU, storage traffic and recovery steps between looks.

use std::time::Duration;

use crate::model::{Moment, Progress};

use super::policy::{PROGRESS_BYTES, PROGRESS_CPU_PERCENT};

/// The counters of one run at the last look that counted as progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProgressWatch {
    /// The last look, whatever it showed.
    looked: Option<(Moment, Progress)>,
    /// When progress was last seen; the beginning counts.
    pub(super) last: Moment,
}

impl ProgressWatch {
    /// Begins to watch; the beginning itself counts as progress.
    pub(super) fn begin(now: Moment) -> ProgressWatch {
        ProgressWatch { looked: None, last: now }
    }

    /// Takes a look's counters in.
    pub(super) fn look(&mut self, now: Moment, seen: Progress) {
        let Some((at, before)) = self.looked else {
            self.looked = Some((now, seen));
            return;
        };
        let span = now.since(at);
        if span < Duration::from_millis(100) {
            return; // too short to tell CPU use from noise
        }
        let cpu = seen.cpu.saturating_sub(before.cpu);
        let busy = cpu.as_nanos() * 100 >= span.as_nanos() * u128::from(PROGRESS_CPU_PERCENT);
        let moved = seen.storage_bytes.saturating_sub(before.storage_bytes) >= PROGRESS_BYTES;
        let stepped = seen.recovery_steps > before.recovery_steps;
        if busy || moved || stepped {
            self.last = now;
        }
        self.looked = Some((now, seen));
    }

    /// The recovery steps at the last look.
    pub(super) fn steps(&self) -> u64 {
        self.looked.map_or(0, |(_, seen)| seen.recovery_steps)
    }

    /// Whether the run's log says, at the last look, that it recovers.
    pub(super) fn recovering(&self) -> bool {
        self.looked.is_some_and(|(_, seen)| seen.recovering)
    }
}
