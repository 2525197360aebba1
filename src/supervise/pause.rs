//! The pause before a restart: backoff by short lives in a row, jitter, reset after a long life.

use std::time::Duration;

use crate::model::{ExitCause, Rng};

use super::policy::{BACKOFF, BACKOFF_CAP, BACKOFF_RESET, JITTER_PERCENT};

/// How many short lives there were in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    short_lives: usize,
}

impl Backoff {
    /// The pause after a run that `lived` so long and ended of `cause`.
    pub(super) fn after(&mut self, lived: Duration, cause: &ExitCause, rng: &mut Rng) -> Duration {
        if lived >= BACKOFF_RESET {
            self.short_lives = 0;
        }
        let step = BACKOFF.get(self.short_lives).copied().unwrap_or(BACKOFF_CAP);
        self.short_lives = self.short_lives.saturating_add(1);
        let pause = if cause.restart_may_help() { step } else { BACKOFF_CAP };
        jitter(pause, rng)
    }
}

/// `pause` spread evenly by up to [`JITTER_PERCENT`] either way.
fn jitter(pause: Duration, rng: &mut Rng) -> Duration {
    let nanos = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
    let spread = nanos / 100 * JITTER_PERCENT;
    Duration::from_nanos(nanos - spread + rng.below(2 * spread + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(lives: &[(u64, ExitCause)]) -> Vec<u64> {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        lives
            .iter()
            .map(|(s, cause)| backoff.after(Duration::from_secs(*s), cause, &mut rng).as_millis() as u64)
            .collect()
    }

    #[test]
    fn pauses_double_up_to_a_minute_within_the_jitter() {
        let got = pauses(&vec![(1, ExitCause::Signal(9)); 10]);
        for (pause, middle) in got.iter().zip([0, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]) {
            assert!((middle * 9 / 10..=middle * 11 / 10).contains(pause), "{got:?}");
        }
    }

    #[test]
    fn a_long_life_makes_the_next_pause_the_first_again() {
        let short = (1, ExitCause::Signal(9));
        let got = pauses(&[short.clone(), short.clone(), short.clone(), (300, ExitCause::Signal(9)), short]);
        assert_eq!(got[3], 0, "{got:?}");
        assert!((900..=1100).contains(&got[4]), "{got:?}");
    }

    #[test]
    fn a_cause_that_a_restart_cannot_cure_pauses_a_minute_at_once() {
        let cause = ExitCause::Code(crate::model::Role::ZooKeeper, 2);
        assert!(pauses(&[(1, cause)])[0] >= 54_000);
    }
}
