//! `[reboot] window`: when a node may reboot, and how long it is until then.
//!
//! Absent on purpose: the clock and the time zone. The caller says which day of the week and minute of the day it is, by local time.

use std::fmt;

use crate::config::{WindowTimes, window_times};

const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;

/// Times of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    text: String,
    /// `None` for any time.
    times: Option<WindowTimes>,
}

impl Window {
    /// `any`, `02:00-05:00` or `Sat,Sun 22:00-04:00`. The error is a sentence about the text.
    pub fn parse(text: &str) -> Result<Window, String> {
        match window_times(text) {
            Ok(times) => Ok(Window { text: text.to_owned(), times }),
            Err(why) => {
                Err(format!("the window \"{text}\" {why}; write \"any\", \"02:00-05:00\" or \"Sat,Sun 22:00-04:00\""))
            }
        }
    }

    /// It is open on this day (0 is Monday) at this minute of the day. What passes midnight belongs to the day it began on; its last
    /// minute is the one before its end.
    pub fn is_open(&self, weekday: u32, minute: u32) -> bool {
        let Some(times) = &self.times else { return true };
        let (day, minute) = (weekday % 7, minute % DAY);
        let yesterday = (day + 6) % 7;
        if times.from < times.to {
            times.has_day(day) && (times.from..times.to).contains(&minute)
        } else {
            (times.has_day(day) && minute >= times.from) || (times.has_day(yesterday) && minute < times.to)
        }
    }

    /// Minutes until it opens; 0 while it is open.
    pub fn opens_in(&self, weekday: u32, minute: u32) -> u32 {
        let now = (weekday % 7) * DAY + minute % DAY;
        // Every window opens within a week.
        (0..WEEK).find(|later| self.is_open((now + later) / DAY, (now + later) % DAY)).unwrap_or(0)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAT: u32 = 5;
    const SUN: u32 = 6;
    const MON: u32 = 0;

    fn at(hour: u32, minute: u32) -> u32 {
        hour * 60 + minute
    }

    #[test]
    fn any_is_always_open() {
        let any = Window::parse("any").expect("a window");
        assert!(any.is_open(3, 700));
        assert_eq!((any.opens_in(3, 700), any.to_string().as_str()), (0, "any"));
    }

    #[test]
    fn a_window_opens_and_closes_on_the_minute() {
        let night = Window::parse("02:00-05:00").expect("a window");
        for (weekday, minute, open, opens_in) in [
            (MON, at(1, 59), false, 1),
            (MON, at(2, 0), true, 0),
            (SUN, at(4, 59), true, 0),
            (SUN, at(5, 0), false, 21 * 60),
        ] {
            assert_eq!(night.is_open(weekday, minute), open, "{weekday} {minute}");
            assert_eq!(night.opens_in(weekday, minute), opens_in, "{weekday} {minute}");
        }
    }

    #[test]
    fn what_passes_midnight_belongs_to_the_day_it_began_on() {
        let window = Window::parse("Sat,Sun 22:00-04:00").expect("a window");
        for (weekday, minute, open) in [
            (SAT, at(3, 0), false),
            (SAT, at(21, 59), false),
            (SAT, at(22, 0), true),
            (SUN, at(3, 59), true),
            (SUN, at(4, 0), false),
            (SUN, at(23, 0), true),
            (MON, at(3, 59), true),
            (MON, at(4, 0), false),
            (MON, at(23, 0), false),
        ] {
            assert_eq!(window.is_open(weekday, minute), open, "{weekday} {minute}");
        }
        assert_eq!(window.opens_in(MON, at(4, 0)), 5 * DAY + 18 * 60);
        assert_eq!(window.opens_in(MON + 7, at(4, 0) + DAY), 5 * DAY + 18 * 60);
    }

    #[test]
    fn what_is_no_window_says_so() {
        let why = Window::parse("Sat 25:00-26:00").expect_err("no window");
        assert!(why.starts_with("the window \"Sat 25:00-26:00\" has a time that is not HH:MM"), "{why}");
        assert!(Window::parse("").is_err());
    }
}
