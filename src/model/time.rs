//! Time as the pure rooms see it: an argument, never a call; and how a length of time reads.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on the supervisor's own monotonic clock: nanoseconds since an origin the caller chose.
///
/// The runtime takes the origin at its start; a simulation starts at zero. Wall-clock times for people are made at the edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The origin of the clock.
    pub const ZERO: Moment = Moment(0);

    /// A moment `since_origin` after the origin; saturates after 584 years.
    pub fn from_origin(since_origin: Duration) -> Moment {
        Moment(u64::try_from(since_origin.as_nanos()).unwrap_or(u64::MAX))
    }

    /// How long after the origin this moment is.
    pub fn since_origin(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Time from `earlier` to `self`; zero when `earlier` is in fact later.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, rhs: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, rhs: Duration) -> Moment {
        Moment(self.0.saturating_sub(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.since_origin().as_secs_f64())
    }
}

/// A length of time for people: `12 s`, `3m 12s`, `2h 5m`, `3d 4h`. With a precision (`{:.1}`) less than a minute has decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match f.precision() {
            Some(decimals) if minutes == 0 => write!(f, "{:.decimals$} s", self.0.as_secs_f64()),
            _ if minutes == 0 => write!(f, "{seconds} s"),
            _ if hours == 0 => write!(f, "{minutes}m {}s", seconds % 60),
            _ if days == 0 => write!(f, "{hours}h {}m", minutes % 60),
            _ => write!(f, "{days}d {}h", hours % 24),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units_at_most() {
        let check = |seconds, expected: &str| assert_eq!(Span(Duration::from_secs(seconds)).to_string(), expected);
        check(0, "0 s");
        check(59, "59 s");
        check(60, "1m 0s");
        check(192, "3m 12s");
        check(3600, "1h 0m");
        check(7559, "2h 5m");
        check(86_399, "23h 59m");
        check(273_600, "3d 4h");
        assert_eq!(format!("{:.1}", Span(Duration::from_millis(1_250))), "1.2 s");
        assert_eq!(format!("{:.1}", Span(Duration::from_millis(192_900))), "3m 12s");
    }
}
