//! The two clocks: the monotonic one that the supervisor is told, and the wall clock for people.
//!
//! Absent on purpose: local time. What people and scripts read is RFC 3339 in UTC everywhere.
//!
//! Effects: reads both clocks; nobody else in the loop does.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::{Moment, date_and_time};

/// The supervisor's clock: moments count from a year before it was made, so that what began under an earlier supervisor has
/// a moment too. What is older than that counts as a year old.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    made: Instant,
}

/// How long before the clock was made its moments begin.
const BEFORE: Duration = Duration::from_secs(365 * 86_400);

/// A moment and the wall-clock time of that same instant: what turns moments of the past into times for people.
///
/// Times are counted back from the present, so a clock that is set right after boot sets right what was noted before.
#[derive(Clone, Copy, Debug)]
pub struct Present {
    moment: Moment,
    wall: SystemTime,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Clock {
        Clock { made: Instant::now() }
    }

    /// Now, for the supervisor.
    pub fn now(&self) -> Moment {
        Moment::from_origin(BEFORE + self.made.elapsed())
    }

    /// When `moment` comes, for a timer.
    pub fn instant(&self, moment: Moment) -> Instant {
        // A moment 584 years away would overflow some clocks; a day is as good, since a timer that fires early is harmless.
        let ahead = self.made.checked_add(moment.since_origin().saturating_sub(BEFORE));
        ahead.unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400))
    }

    /// Now, in both clocks.
    pub fn present(&self) -> Present {
        Present::at(self.now(), SystemTime::now())
    }
}

impl Present {
    /// `moment` was at `wall`.
    pub fn at(moment: Moment, wall: SystemTime) -> Present {
        Present { moment, wall }
    }

    /// When `moment` was, to the second.
    pub fn time_of(&self, moment: Moment) -> String {
        let past = self.moment.since(moment);
        rfc3339(self.wall.checked_sub(past).unwrap_or(UNIX_EPOCH))
    }
}

/// `2026-01-01T00:00:00Z`. Times before 1970 read as 1970: a machine whose clock is that wrong has no better answer.
pub fn rfc3339(time: SystemTime) -> String {
    let (seconds, _) = since_epoch(time);
    format!("{}Z", date_and_time(seconds))
}

/// `2026-01-01T00:00:00.123Z`: for entries that follow each other within a second.
pub fn rfc3339_millis(time: SystemTime) -> String {
    let (seconds, millis) = since_epoch(time);
    format!("{}.{millis:03}Z", date_and_time(seconds))
}

/// Reads what these two write; `None` for any other text.
pub fn from_rfc3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, millis) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let in_range = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let millis = millis.parse::<u64>().ok().filter(|millis| *millis < 1000)?;
    if !in_range || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_millis(seconds * 1000 + millis))
}

fn numbers(text: &str, between: char) -> Option<[u64; 3]> {
    let read: Vec<u64> = text.split(between).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    read.try_into().ok()
}

fn since_epoch(time: SystemTime) -> (u64, u32) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    (since.as_secs(), since.subsec_millis())
}

/// Days from 1970-01-01 to a day of the Gregorian calendar: the way back from `model`'s calendar.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_in_utc() {
        // Seconds from `date -u -d ... +%s`.
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_077_926_399, "2004-02-27T23:59:59Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
            assert_eq!(from_rfc3339(expected), Some(UNIX_EPOCH + Duration::from_secs(seconds)));
        }
        let odd = UNIX_EPOCH + Duration::from_millis(1_767_225_600_007);
        assert_eq!(rfc3339_millis(odd), "2026-01-01T00:00:00.007Z");
        assert_eq!(from_rfc3339("2026-01-01T00:00:00.007Z"), Some(odd));
        for other in
            ["", "Z", "2026-01-01", "2026-13-01T00:00:00Z", "1969-01-01T00:00:00Z", "9-9-9-9T1:1:1Z", "aT:b:c.dZ"]
        {
            assert_eq!(from_rfc3339(other), None, "{other}");
        }
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_moment_of_the_past_is_counted_back_from_the_present() {
        let present = Present {
            moment: Moment::from_origin(Duration::from_secs(100)),
            wall: UNIX_EPOCH + Duration::from_secs(1_767_225_600),
        };
        assert_eq!(present.time_of(Moment::from_origin(Duration::from_secs(40))), "2025-12-31T23:59:00Z");
        assert_eq!(present.time_of(Moment::from_origin(Duration::from_secs(160))), "2026-01-01T00:00:00Z");
    }
}
