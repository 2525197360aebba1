//! journald's own limit, and the bucket of tokens that keeps one of its pools below it.
//!
//! journald counts the messages of a unit in a pool for each class of priority: a window begins with a message and lasts the
//! interval, and what comes in it beyond the burst is thrown away. Nobody outside knows the phase of those windows, so *any*
//! window has to hold at most the burst. Whoever sends C at once and goes on with R an interval sends at most C + R in any:
//! R is half of the burst, C is 7/16, and the rest is for what lies in journald's socket, sent but not yet counted.
//!
//! A token is reserved when a record is let in and paid when it is written, and reservations never exceed the level. So a journal
//! that hangs for an hour does not find an hour's worth of records before it, and when within its send a record arrived does
//! not matter. Absent on purpose: who gets the tokens (`flow`), the configuration (`limits`).

use std::time::Duration;

use crate::model::Moment;

use super::level::Priority;

/// At most `burst` messages of one class in `interval`, as journald has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Messages; 0 is no limit.
    pub burst: u64,
    /// The length of journald's windows; zero is no limit.
    pub interval: Duration,
}

/// One bucket for each of journald's pools. EMERG to CRIT share one, and NOTICE and INFO; the others stand alone.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    critical: Bucket,
    error: Bucket,
    warning: Bucket,
    info: Bucket,
    debug: Bucket,
}

impl Buckets {
    /// Full ones.
    pub fn new(limit: Option<Limit>) -> Buckets {
        let full = Bucket::new(limit);
        Buckets { critical: full.clone(), error: full.clone(), warning: full.clone(), info: full.clone(), debug: full }
    }

    /// The one that records of this priority are counted in.
    pub fn of(&mut self, priority: Priority) -> &mut Bucket {
        match priority {
            Priority::Critical => &mut self.critical,
            Priority::Error => &mut self.error,
            Priority::Warning => &mut self.warning,
            Priority::Info => &mut self.info,
            Priority::Debug => &mut self.debug,
        }
    }

    /// That of warnings, and of what says that records are missing.
    pub fn warning(&self) -> &Bucket {
        &self.warning
    }
}

/// How deep a reservation may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// A record as it is: a sixteenth stays for what stands for many.
    Whole,
    /// Only where the bucket is more than half full.
    Upper,
    /// Down to the last token.
    Last,
}

/// The tokens of one pool.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// Units that come in a nanosecond; 0 where there is no limit. A token is two intervals' worth of units, so that half a
    /// burst an interval is a whole number.
    burst: u64,
    token: i128,
    capacity: i128,
    level: i128,
    at: Moment,
    /// Let in and not yet paid.
    reserved: u64,
}

/// No interval is longer than this: a year.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

impl Bucket {
    fn new(limit: Option<Limit>) -> Bucket {
        let limit = limit.filter(|limit| !limit.interval.is_zero());
        let burst = limit.map_or(0, |limit| limit.burst.min(u64::from(u32::MAX)));
        let interval = limit.map_or(0, |limit| limit.interval.min(LONGEST).as_nanos());
        let token = 2 * i128::try_from(interval).unwrap_or(0);
        let capacity = (i128::from(burst) * token * 7 / 16).max(token);
        Bucket { burst, token, capacity, level: capacity, at: Moment::ZERO, reserved: 0 }
    }

    /// Whether a token could be reserved.
    pub fn has(&mut self, now: Moment, depth: Depth) -> bool {
        self.refill(now);
        self.missing(depth) <= 0
    }

    /// Reserves a token that may have to be owed.
    pub fn reserve_anyway(&mut self) {
        self.reserved = self.reserved.saturating_add(1);
    }

    /// Pays for one that was written. Debts beyond a whole bucket are forgiven.
    pub fn pay(&mut self, now: Moment) {
        self.refill(now);
        self.reserved = self.reserved.saturating_sub(1);
        self.level = (self.level - self.token).max(-self.capacity);
    }

    /// When a token can be reserved at this depth, if nothing else happens.
    pub fn when(&self, depth: Depth) -> Moment {
        let missing = self.missing(depth);
        if self.burst == 0 || missing <= 0 {
            return self.at;
        }
        let burst = i128::from(self.burst);
        let nanos = u64::try_from((missing + burst - 1) / burst).unwrap_or(u64::MAX);
        self.at + Duration::from_nanos(nanos)
    }

    fn missing(&self, depth: Depth) -> i128 {
        let kept = match depth {
            // One that holds few tokens cannot keep any back.
            Depth::Whole => (self.capacity / 16).min(self.capacity - self.token),
            Depth::Upper => (self.capacity / 2).min(self.capacity - self.token),
            Depth::Last => 0,
        };
        kept + self.token * (i128::from(self.reserved) + 1) - self.level
    }

    fn refill(&mut self, now: Moment) {
        let passed = i128::try_from(now.since(self.at).as_nanos()).unwrap_or(i128::MAX);
        self.at = self.at.max(now);
        self.level = self.level.saturating_add(passed.saturating_mul(i128::from(self.burst))).min(self.capacity);
    }
}
