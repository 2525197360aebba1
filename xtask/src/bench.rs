//! `cargo xtask bench`: figures, printed with what they were measured on. Nothing here passes or fails by a figure;
//! noisy machines would make that a coin toss. Absent on purpose: a history of figures; the notes in `docs/` have it.

pub mod faults;
mod following;
mod ground;
pub mod idle;
mod judge;
pub mod logs;
pub mod roll;
pub mod startup;
mod stock;

use crate::cargo;
use crate::child;
use crate::failure::{Failure, Outcome};
use crate::places::Places;
use crate::progress::Progress;
use crate::suite;

/// The size of the release binary.
pub fn size(places: &Places, progress: &Progress) -> Outcome<()> {
    let binary = cargo::kafka_node(places, progress, "release")?;
    progress.say(format!("size: {}", suite::size(&binary)?));
    Ok(())
}

/// The simulation's own figure: a line `sim: N events, S s, R events/s`.
pub fn sim(places: &Places, progress: &Progress) -> Outcome<()> {
    progress.say("sim: building the simulation, optimised, and running it");
    let mut command = cargo::cargo(places);
    command.args([
        "test",
        "--profile",
        "fast",
        "--package",
        "kafka-node",
        "--test",
        "sim",
        "--",
        "--nocapture",
        "events_per_second",
    ]);
    let name = child::shown(&command);
    let (status, out, err) = child::captured(&mut command)?;
    let figures: Vec<&str> = out.lines().chain(err.lines()).filter_map(figure).collect();
    if !status.success() {
        return Err(Failure::new(format!("`{name}` ended with {status}\n{out}{err}")));
    }
    if figures.is_empty() {
        return Err(Failure::new(format!("`{name}` printed no line `sim: N events, S s, R events/s`\n{out}")));
    }
    for figure in figures {
        progress.say(figure);
    }
    Ok(())
}

/// The figure in a line; the test's own name may stand before it on the same line.
fn figure(line: &str) -> Option<&str> {
    let at = line.find("sim: ")?;
    let text = line.get(at..)?;
    text.contains("events/s").then_some(text)
}

/// The median, the least and the greatest of some figures.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    least: f64,
    median: f64,
    greatest: f64,
}

impl Spread {
    fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let median =
            if sorted.len() % 2 == 1 { upper } else { f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, upper) };
        Some(Self { least: *sorted.first()?, median, greatest: *sorted.last()? })
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "median {:.3} (min {:.3}, max {:.3})", self.median, self.least, self.greatest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_of_the_sorted_figures() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Some(Spread { least: 1.0, median: 2.0, greatest: 3.0 }));
        assert_eq!(Spread::of(&[4.0, 1.0]), Some(Spread { least: 1.0, median: 2.5, greatest: 4.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn the_simulations_figure_is_found_in_its_line() {
        assert_eq!(figure("test x ... sim: 5 events, 1.0 s, 5 events/s"), Some("sim: 5 events, 1.0 s, 5 events/s"));
        assert_eq!(figure("sim: building"), None);
    }
}
