//! The reboot of this machine: the order for it that a supervisor leaves, which is not root, and asking systemd for it.
//!
//! Absent on purpose: whether it may be (`gate`), and draining the node: the stop of its unit does that.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::programs::{Programs, run_well, words};

/// In `state_dir`. `kafka-node-reboot.path` waits for it.
const WANTED: &str = "reboot-wanted";

/// Where the order lies.
pub fn wanted(state_dir: &Path) -> PathBuf {
    state_dir.join(WANTED)
}

/// Leaves the order to reboot this machine, for the reason that `words` say.
///
/// # Errors
/// The system's.
pub fn order(state_dir: &Path, words: &str) -> io::Result<()> {
    // Whole when it appears: it is read as soon as it is there.
    let beside = state_dir.join(format!("{WANTED}.new"));
    fs::write(&beside, format!("{}\n", words.replace('\n', " ")))?;
    fs::rename(beside, wanted(state_dir))
}

/// Takes the order back, or notes that it has been followed; there may be none.
///
/// # Errors
/// The system's.
pub fn withdraw(state_dir: &Path) -> io::Result<()> {
    match fs::remove_file(wanted(state_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Asks systemd for the reboot; it has begun when this returns. The order goes first, so that it is not followed twice.
///
/// # Errors
/// Not asked, or refused; in words. The order is gone all the same.
pub fn reboot(state_dir: &Path, programs: &mut dyn Programs) -> Result<(), String> {
    withdraw(state_dir).map_err(|error| format!("cannot remove {}: {error}", wanted(state_dir).display()))?;
    run_well(programs, &words(&["systemctl", "reboot"])).map(drop)
}

/// The machine's own time, for windows: the day of the week, 0 being Monday, and the minute of the day. In the zone of
/// `/etc/localtime`, whatever the zone of whoever asks.
///
/// # Errors
/// It cannot be told, in words.
pub fn local_time(programs: &mut dyn Programs) -> Result<(u32, u32), String> {
    let said = run_well(programs, &words(&["env", "-u", "TZ", "date", "+%u %H %M"]))?;
    let numbers: Vec<u32> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers.as_slice() {
        [day @ 1..=7, hour @ 0..=23, minute @ 0..=59] => Ok((day - 1, hour * 60 + minute)),
        _ => Err(format!("date says \"{}\"", said.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::programs::{Answer, System};
    use super::*;

    /// Answers everything so, and notes what it was asked.
    struct Says(i32, &'static str, Vec<String>);

    impl Programs for Says {
        fn has(&self, _: &str) -> bool {
            true
        }

        fn run(&mut self, words: &[String]) -> Result<Answer, String> {
            self.2.push(words.join(" "));
            Ok(Answer { code: Some(self.0), out: self.1.to_owned(), err: String::new() })
        }
    }

    #[test]
    fn an_order_is_one_line_and_is_gone_before_the_reboot() {
        let dir = tempfile::tempdir().expect("a directory");
        order(dir.path(), "roll 7\nof root").expect("left");
        assert_eq!(fs::read_to_string(wanted(dir.path())).expect("there"), "roll 7 of root\n");
        let mut programs = Says(0, "", Vec::new());
        reboot(dir.path(), &mut programs).expect("asked");
        assert_eq!(programs.2, ["systemctl reboot"]);
        assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0);
        withdraw(dir.path()).expect("nothing to do");
        let words = reboot(dir.path(), &mut Says(1, "denied", Vec::new())).expect_err("refused");
        assert!(words.contains("systemctl reboot") && words.contains("denied"), "{words}");
    }

    #[test]
    fn the_local_time_is_a_day_and_a_minute() {
        assert_eq!(local_time(&mut Says(0, "6 02 30\n", Vec::new())), Ok((5, 150)));
        for said in ["", "0 02 30", "8 02 30", "6 24 00", "6 02 60", "6 02", "Sat 02 30"] {
            assert!(local_time(&mut Says(0, said, Vec::new())).is_err(), "{said}");
        }
        assert!(local_time(&mut System).is_ok_and(|(day, minute)| day < 7 && minute < 1440));
    }
}
