//! A broker's log lines -> is it recovering its logs, and does it get on with it. Pure.
//!
//! The texts are those of LogManager.scala, Log.scala and LogLoader.scala of Kafka 2.6.0 to 3.9. Absent on purpose: levels,
//! timestamps and loggers, which depend on the log4j layout; every text here holds blanks, so no topic's name can fake one.

use std::sync::LazyLock;

use crate::logs::Words;

/// Watches the log loading of one run, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryWatch {
    steps: u64,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing said of an unclean shutdown.
    #[default]
    Loading,
    /// A log directory was not shut down cleanly. An empty one, as at the first start, looks the same and holds nothing.
    Unclean,
    /// A log of such a directory is being recovered, and loading is not over.
    Recovering,
    /// All logs are loaded. A run loads its logs once, so nothing later is read.
    Loaded,
}

/// 2.6 to 3.4: "Attempting recovery for all logs in DIR since no clean shutdown file was found";
/// from 3.5: "Recovering N logs from DIR since no clean shutdown file was found".
static UNCLEAN: LazyLock<Words> = LazyLock::new(|| Words::new("since no clean shutdown file was found"));
/// Work done: a log is loaded (all), a segment's recovery begins (all), an index or a producer's state is rebuilt.
static STEPS: LazyLock<[Words; 6]> = LazyLock::new(|| {
    [
        "Completed load of ",
        "Recovering unflushed segment ",
        "Loading producer state till offset ",
        "recovering segment and rebuilding index files",
        "Reloading from producer snapshot and rebuilding producer state",
        "Deleting segments as part of log recovery",
    ]
    .map(Words::new)
});
/// "Loaded N logs in T ms" of LogManager: every directory is through.
static LOADED: LazyLock<(Words, &[u8])> = LazyLock::new(|| (Words::new("Loaded "), b" logs in "));
/// The broker's own last word of a start, should the line above be filtered out.
static STARTED: LazyLock<(Words, &[u8])> = LazyLock::new(|| (Words::new("[KafkaServer id="), b"] started"));
/// A line longer than this is read no further: the texts stand near its beginning.
const LINE_CAP: usize = 1024;

impl RecoveryWatch {
    /// A watch for a run that has not said anything yet.
    pub fn new() -> RecoveryWatch {
        RecoveryWatch::default()
    }

    /// Takes in one line of the run's output, with or without its newline.
    pub fn line(&mut self, line: &[u8]) {
        if self.phase == Phase::Loaded {
            return;
        }
        let line = line.get(..LINE_CAP).unwrap_or(line);
        if STEPS.iter().any(|step| step.are_in(line)) {
            self.steps = self.steps.saturating_add(1);
            if self.phase == Phase::Unclean {
                self.phase = Phase::Recovering;
            }
        } else if UNCLEAN.are_in(line) {
            if self.phase == Phase::Loading {
                self.phase = Phase::Unclean;
            }
        } else if around_a_number(line, &LOADED) || around_a_number(line, &STARTED) {
            self.phase = Phase::Loaded;
        }
    }

    /// How many steps of loading and recovering the run has told of. It only grows.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// From the first step after the notice of an unclean shutdown until all logs are loaded.
    pub fn recovering(&self) -> bool {
        self.phase == Phase::Recovering
    }
}

/// Whether `line` holds both texts with nothing but a number between them.
fn around_a_number(line: &[u8], (before, after): &(Words, &[u8])) -> bool {
    let Some(rest) = before.after(line) else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && rest.get(digits..).is_some_and(|rest| rest.starts_with(after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNCLEAN_RUN: &[u8] = include_bytes!("../../tests/probes/recovery-unclean-2.6.0.log");
    const CLEAN_RUN: &[u8] = include_bytes!("../../tests/probes/recovery-clean-2.6.0.log");

    fn lines(log: &[u8]) -> impl Iterator<Item = &[u8]> {
        log.split(|byte| *byte == b'\n')
    }

    #[test]
    fn a_broker_killed_and_started_again_recovers_from_the_first_log_until_all_logs_are_loaded() {
        let (mut watch, mut last) = (RecoveryWatch::new(), 0);
        for line in lines(UNCLEAN_RUN) {
            let before = watch.clone();
            watch.line(line);
            let text = String::from_utf8_lossy(line);
            assert!(watch.steps() >= last, "steps shrank at: {text}");
            last = watch.steps();
            match (before.recovering(), watch.recovering()) {
                (false, true) => assert!(text.contains("Recovering unflushed segment"), "{text}"),
                (true, false) => assert!(text.contains("Loaded 3 logs in"), "{text}"),
                _ => {}
            }
        }
        assert!(!watch.recovering());
        // Three logs: each one recovers one segment, loads its producers' state twice, and is completed.
        assert_eq!(watch.steps(), 12);
    }

    #[test]
    fn a_broker_stopped_cleanly_loads_and_never_recovers() {
        let mut watch = RecoveryWatch::new();
        for line in lines(CLEAN_RUN) {
            watch.line(line);
            assert!(!watch.recovering(), "{}", String::from_utf8_lossy(line));
        }
        assert_eq!(watch.steps(), 6);
    }

    #[test]
    fn the_words_of_kafka_3_5_and_later_are_known() {
        let mut watch = RecoveryWatch::new();
        watch.line(
            b"INFO Recovering 7 logs from /data/kafka since no clean shutdown file was found (kafka.log.LogManager)",
        );
        assert!(!watch.recovering(), "an empty directory has nothing to recover");
        watch.line(b"INFO [LogLoader partition=t-0, dir=/d] Recovering unflushed segment 0. 0/1 recovered for t-0. (kafka.log.LogLoader)");
        assert!(watch.recovering());
        watch.line(b"INFO Completed load of Log(..) with 1 segments, local-log-start-offset 0 and log-end-offset 5 in 9ms (1/7 completed in /d)");
        assert_eq!(watch.steps(), 2);
        watch.line(b"INFO Loaded 7 logs in 812ms (unclean log dirs = ArrayBuffer(/data/kafka)) (kafka.log.LogManager)");
        assert!(!watch.recovering());
    }

    #[test]
    fn a_second_directory_that_is_clean_does_not_end_the_recovery_of_the_first() {
        let mut watch = RecoveryWatch::new();
        watch.line(b"Attempting recovery for all logs in /a since no clean shutdown file was found");
        watch.line(b"Recovering unflushed segment 0");
        watch.line(b"Skipping recovery for all logs in /b since clean shutdown file was found");
        assert!(watch.recovering());
        watch.line(b"[KafkaServer id=1] started (kafka.server.KafkaServer)");
        assert!(!watch.recovering(), "a started broker has loaded its logs, whatever lines were lost");
    }

    proptest! {
        #[test]
        fn any_line_is_taken_in(line in proptest::collection::vec(any::<u8>(), 0..2000)) {
            RecoveryWatch::new().line(&line);
        }
    }
}
