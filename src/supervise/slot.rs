//! A probe's slot: when it is due, and whether an answer is awaited. A slot lives in the state that probes, and ends with it.

use std::time::Duration;

use crate::model::Moment;

use super::event::PROBE_LIMIT;

/// An answer this much later than its question is taken for lost.
const LOST_AFTER: std::time::Duration = PROBE_LIMIT.saturating_mul(2);

/// One kind of probe of one state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Slot {
    /// Nothing is to be asked.
    #[default]
    Idle,
    /// To be asked at this moment.
    Due(Moment),
    /// Asked at this moment; the answer is awaited.
    Asked(Moment),
}

/// What a slot says at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing to do yet.
    Rest,
    /// Ask now.
    Ask,
    /// The answer never came: treat it as silence, and ask again now.
    Lost,
}

impl Slot {
    /// Whether to ask now. `Ask` and `Lost` mark the slot as asked.
    #[must_use]
    pub(super) fn turn(&mut self, now: Moment) -> Turn {
        match *self {
            Slot::Idle => Turn::Rest,
            Slot::Due(at) if at <= now => {
                *self = Slot::Asked(now);
                Turn::Ask
            }
            Slot::Due(_) => Turn::Rest,
            Slot::Asked(at) if at + LOST_AFTER <= now => {
                *self = Slot::Asked(now);
                Turn::Lost
            }
            Slot::Asked(_) => Turn::Rest,
        }
    }

    /// When the question was asked whose answer is awaited.
    pub(super) fn asked(self) -> Option<Moment> {
        match self {
            Slot::Asked(at) => Some(at),
            Slot::Idle | Slot::Due(_) => None,
        }
    }

    /// The next moment at which [`Slot::turn`] can say more than `Rest`.
    pub(super) fn wakeup(self) -> Option<Moment> {
        match self {
            Slot::Idle => None,
            Slot::Due(at) => Some(at),
            Slot::Asked(at) => Some(at + LOST_AFTER),
        }
    }

    /// Wants an answer at `at`, unless one is awaited already.
    pub(super) fn want(&mut self, at: Moment) {
        match *self {
            Slot::Idle => *self = Slot::Due(at),
            Slot::Due(earlier) => *self = Slot::Due(earlier.min(at)),
            Slot::Asked(_) => {}
        }
    }

    /// Asks at `at` where it would have asked later; nothing where it is idle or asked.
    pub(super) fn sooner(&mut self, at: Moment) {
        if let Slot::Due(later) = self {
            *later = at.min(*later);
        }
    }

    /// Begins to ask at `at`, unless it is being asked already.
    pub(super) fn begin(&mut self, at: Moment) {
        match *self {
            Slot::Idle => *self = Slot::Due(at),
            Slot::Due(_) | Slot::Asked(_) => {}
        }
    }

    /// Asks no sooner than at `at`; an answer that is awaited is awaited further.
    pub(super) fn put_off(&mut self, at: Moment) {
        match *self {
            Slot::Idle | Slot::Due(_) => *self = Slot::Due(at),
            Slot::Asked(_) => {}
        }
    }
}

/// The next look of something that is looked at every `interval`: all that share an interval are due in the same instant, so
/// that an idle node wakes once for all of them. Between half and one and a half intervals away.
pub(super) fn round(now: Moment, interval: Duration) -> Moment {
    let nanos = interval.as_nanos().max(1);
    let into = Duration::from_nanos(u64::try_from(now.since_origin().as_nanos() % nanos).unwrap_or(0));
    let next = now + (interval - into);
    if interval - into < interval / 2 { next + interval } else { next }
}

/// The earlier of two wake-ups.
pub(super) fn earlier(a: Option<Moment>, b: Option<Moment>) -> Option<Moment> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, None) => a,
        (None, b) => b,
    }
}
