//! Steps as text: what the operator reads before saying yes, and while it is done.
//!
//! Absent on purpose: JSON (`cli::setup`).

use std::fmt::Write;

use super::{State, Step};

/// The whole plan, a step after the other, numbered from 1.
pub fn plan_words(steps: &[Step]) -> String {
    let mut text = String::new();
    for (number, step) in steps.iter().enumerate() {
        let _ = write!(text, "{:>2}. {}", number + 1, step_words(step));
    }
    text
}

/// One step: its state, its reason, its deeds and its warnings.
pub fn step_words(step: &Step) -> String {
    let (word, words) = match &step.state {
        State::Already(words) => ("is so already", words),
        State::Change(words) => ("will be changed", words),
        State::Cannot(words) => ("cannot, because", words),
        State::Left(words) => ("left as it is", words),
    };
    let mut text = format!("{}: {word}: {words}\n", step.what);
    if step.changes() {
        let _ = writeln!(text, "    for: {}", step.why);
    }
    for line in step.deeds.iter().flat_map(|deed| deed.to_string().lines().map(str::to_owned).collect::<Vec<_>>()) {
        let _ = writeln!(text, "    {line}");
    }
    for warning in &step.warnings {
        let _ = writeln!(text, "    warning: {warning}");
    }
    text
}
