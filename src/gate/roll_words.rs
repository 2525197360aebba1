//! A roll in words: the lines of `roll status`.
//!
//! Absent on purpose: why a node whose turn it is does not begin; only that node knows (its presence says so).

use super::age;
use super::roll::{RollDoc, RollState, Step, StepState};

impl RollDoc {
    /// Its lines for people: what it is, how far it is, and each node. `now` is RFC 3339 in UTC, for the ages.
    pub fn words(&self, now: &str) -> Vec<String> {
        let because = if self.because.is_empty() { String::new() } else { format!(": {}", self.because) };
        let nodes = if self.steps.len() == 1 { "node" } else { "nodes" };
        let mut lines = vec![format!(
            "roll {} of {} {nodes}, by {}, since {}{because}",
            self.verb,
            self.steps.len(),
            self.by,
            age::spoken(&self.since, now)
        )];
        lines.push(format!("{}; {} of {} {nodes} done", self.state_words(), self.done(), self.steps.len()));
        lines.extend(self.steps.iter().enumerate().map(|(place, step)| self.step_words(place, step, now)));
        lines
    }

    /// Whether it goes on, and why not: `running`, `paused by root on kafkanode1`.
    pub fn state_words(&self) -> String {
        match &self.state {
            RollState::Running => "running".to_owned(),
            RollState::Paused(by) => format!("paused by {by}"),
            RollState::Aborted(by) => format!("aborted by {by}"),
            RollState::Stopped { node, words } => format!("stopped at {node}: {words}"),
            RollState::Done => "done".to_owned(),
        }
    }

    fn step_words(&self, place: usize, step: &Step, now: &str) -> String {
        let earlier = self.steps.iter().take(place).find(|step| !matches!(step.state, StepState::Done { .. }));
        let said = match &step.state {
            StepState::Waiting => match (&self.state, earlier) {
                (RollState::Running, None) => "its turn has come, and it has not begun".to_owned(),
                (RollState::Running, Some(earlier)) => format!("waits for {}", earlier.node),
                (RollState::Paused(_) | RollState::Stopped { .. }, _) => "waits for the roll to be resumed".to_owned(),
                (RollState::Aborted(_) | RollState::Done, _) => "left out".to_owned(),
            },
            StepState::Began { at, .. } => format!("under way since {}", age::spoken(at, now)),
            StepState::Done { at } => format!("done at {}", age::spoken(at, now)),
            StepState::Failed { words, at } => format!("failed at {}: {words}", age::spoken(at, now)),
        };
        format!("{}: {said}", step.node)
    }
}
