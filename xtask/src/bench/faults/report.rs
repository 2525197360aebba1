//! The figures of the runs in lines: one for each run, then for each fault the median and the worst of its runs.
//! Absent on purpose: a verdict. The limits stand in `docs/figures.md`.

use std::fmt::Write as _;
use std::time::Duration;

use super::PARTITIONS;
use super::acks::{Acks, Gaps};
use super::scenario::Scenario;
use super::trial::{BEFORE, Trial};
use crate::bench::Spread;
use crate::progress::Progress;

/// One run in figures.
#[derive(Debug)]
pub struct Row {
    scenario: Scenario,
    gaps: Gaps,
    noise: Gaps,
    gone: Option<f64>,
    serving: Option<f64>,
    in_sync: Option<f64>,
    ratio: Option<f64>,
    adopted: Option<f64>,
    touched: usize,
    lines_lost: usize,
}

impl Row {
    /// The figures of a run, from what the producer has said up to now.
    pub fn of(trial: &Trial, acks: &Acks) -> Self {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let plain = trial.plain.and_then(|plain| seconds(plain.serving)).filter(|time| *time > 0.0);
        let serving = seconds(trial.back.serving);
        let before = trial.from.saturating_sub(u64::try_from(BEFORE.as_millis()).unwrap_or(0));
        Self {
            scenario: trial.scenario,
            gaps: acks.gaps(trial.from, trial.to, PARTITIONS),
            noise: acks.gaps(before, trial.from, PARTITIONS),
            gone: seconds(trial.back.gone),
            serving,
            in_sync: seconds(trial.back.in_sync),
            ratio: serving.zip(plain).map(|(serving, plain)| serving / plain),
            adopted: seconds(trial.adopted),
            touched: trial.touched.len(),
            lines_lost: trial.lines.map_or(0, |lines| lines.lost),
        }
    }

    /// The run in one line.
    pub fn line(&self, trial: &Trial, acks: &Acks) -> String {
        let gaps = &self.gaps;
        let mut line = format!(
            "longest write gap {:.3} s (partition {}{}; over all partitions {:.3} s; before the fault {:.3} s)",
            seconds(gaps.partition),
            gaps.which,
            if gaps.open { ", still open" } else { "" },
            seconds(gaps.any),
            seconds(self.noise.partition)
        );
        let mut more = |what: &str, time: Option<f64>| {
            if let Some(time) = time {
                // Writing to a String cannot fail.
                let _ = write!(line, "; {what} {time:.2} s");
            }
        };
        more("old broker gone after", self.gone);
        more("new broker after", trial.back.exec.map(|time| time.as_secs_f64()));
        more("serving after", self.serving);
        more("in sync after", self.in_sync);
        more("adopted within", self.adopted);
        if let (Some(ratio), Some(plain)) = (self.ratio, trial.plain) {
            let time = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64();
            let _ = write!(
                line,
                "; {ratio:.2} of a plain start ({:.2} s, in sync {:.2} s)",
                time(plain.serving),
                time(plain.in_sync)
            );
        }
        if let Some(lines) = trial.lines {
            let _ = write!(line, "; {} of {} log lines lost", lines.lost, lines.said);
        }
        let failed = acks.failed(trial.from, trial.to);
        let _ = write!(line, "; {} acknowledged, {failed} given up", acks.count(trial.from, trial.to));
        for words in trial.touched.iter().map(|who| format!("REPLACED: {who}")).chain(trial.notes.iter().cloned()) {
            let _ = write!(line, "; {words}");
        }
        line
    }
}

/// The sums of each fault.
pub fn sum_up(progress: &Progress, rows: &[Row]) {
    let mut scenarios: Vec<Scenario> = rows.iter().map(|row| row.scenario).collect();
    scenarios.dedup();
    for scenario in scenarios {
        let of: Vec<&Row> = rows.iter().filter(|row| row.scenario == scenario).collect();
        let say = |what: &str, figures: Vec<f64>| {
            if let Some(spread) = Spread::of(&figures) {
                let count = figures.len();
                progress.say(format!("faults: {scenario:<16} {what:<44} {spread}, {count} of {} runs", of.len()));
            }
        };
        say("longest write gap of a partition, s", of.iter().map(|row| seconds(row.gaps.partition)).collect());
        say("longest write gap over all partitions, s", of.iter().map(|row| seconds(row.gaps.any)).collect());
        say("noise: a partition's before the fault, s", of.iter().map(|row| seconds(row.noise.partition)).collect());
        say("fault to the old broker's end, s", of.iter().filter_map(|row| row.gone).collect());
        say("fault to serving, s", of.iter().filter_map(|row| row.serving).collect());
        say("fault to in sync, s", of.iter().filter_map(|row| row.in_sync).collect());
        say("fault to serving / plain start", of.iter().filter_map(|row| row.ratio).collect());
        say("exec of the supervisor to adopted, s", of.iter().filter_map(|row| row.adopted).collect());
        let touched: usize = of.iter().map(|row| row.touched).sum();
        let lost: usize = of.iter().map(|row| row.lines_lost).sum();
        progress.say(format!("faults: {scenario:<16} other JVMs replaced: {touched}; log lines lost: {lost}"));
    }
}

fn seconds(milliseconds: u64) -> f64 {
    Duration::from_millis(milliseconds).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::super::acks::Ack;
    use super::super::cluster::Return;
    use super::*;

    #[test]
    fn a_run_is_told_in_one_line() {
        let ack = |at, value| Ack { at, partition: usize::try_from(value).unwrap_or(0) % PARTITIONS, value };
        let list = (0..1200_u64).map(|value| ack(value * 10 + if value > 700 { 400 } else { 0 }, value)).collect();
        let acks = Acks { list, ..Acks::default() };
        let time = |ms| Some(Duration::from_millis(ms));
        let trial = Trial {
            scenario: Scenario::KillLeader,
            node: 2,
            plain: Some(Return { gone: None, exec: time(0), serving: time(2000), in_sync: time(3000) }),
            from: 7000,
            to: 12000,
            back: Return { gone: time(20), exec: time(100), serving: time(2200), in_sync: time(4000) },
            adopted: None,
            touched: vec!["kafka of node 1 (killed)".into()],
            lines: None,
            notes: vec!["a note".into()],
        };
        assert_eq!(
            Row::of(&trial, &acks).line(&trial, &acks),
            "longest write gap 0.460 s (partition 5; over all partitions 0.410 s; before the fault 0.060 s); old broker gone \
             after 0.02 s; new broker after 0.10 s; serving after 2.20 s; in sync after 4.00 s; 1.10 of a plain start (2.00 s, in sync 3.00 s); 461 \
             acknowledged, 0 given up; REPLACED: kafka of node 1 (killed); a note"
        );
    }
}
