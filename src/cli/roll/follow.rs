//! Watching a roll: a picture that is drawn anew on a terminal, and a line for each change elsewhere.
//!
//! Absent on purpose: steering it. Whoever goes away leaves it as it is.
//!
//! Effects: asks ZooKeeper once a second, signals, the terminal.

use std::io::IsTerminal;
use std::time::Duration;

use tokio::time::sleep;

use crate::cluster::Present;
use crate::cluster::zookeeper::ZooKeeperSession;
use crate::gate::{RollDoc, RollState, StepState};
use crate::model::Span;

use super::super::council::{ASK, interrupted, now};
use super::super::{Exit, complain, say};
use super::ended;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Of the bar, in characters.
const BAR: usize = 24;

/// Shows the roll until it is over, or stopped, or somebody interrupts the watching. `id` is the one that was begun here.
pub(super) async fn follow(session: &ZooKeeperSession, id: Option<&str>) -> Exit {
    tokio::select! {
        exit = show(session, id) => exit,
        _ = interrupted() => {
            complain("\nyou watch no longer, and the roll goes on: kafka-node roll status --watch comes back to it, kafka-node roll abort ends it");
            Exit::TryLater
        }
    }
}

async fn show(session: &ZooKeeperSession, id: Option<&str>) -> Exit {
    let mut screen = Screen::open();
    loop {
        match session.read_roll(ASK).await {
            Ok(Some(roll)) if id.is_some_and(|id| id != roll.id) => {
                complain(&format!("another roll has taken its place: {}, by {}", roll.verb, roll.by));
                return Exit::No;
            }
            Ok(Some(roll)) => {
                let present = session.presences(ASK).await.unwrap_or_default();
                screen.draw(&roll, &present);
                // A paused one goes on when somebody says so, and may be watched until then.
                if roll.is_over() || matches!(roll.state, RollState::Stopped { .. }) {
                    screen.end(&roll);
                    return ended(&roll);
                }
            }
            Ok(None) => {
                complain("there is no roll");
                return Exit::No;
            }
            // The server that was asked is being restarted, like as not.
            Err(words) => screen.cannot(&words),
        }
        sleep(PAUSE).await;
    }
}

/// The lines of the roll, with what the node whose turn it is says of itself.
pub(super) fn lines(roll: &RollDoc, present: &[Result<Present, String>]) -> Vec<String> {
    let mut lines = roll.words(&now());
    if let Some(words) = turn_words(roll, present) {
        lines.push(words);
    }
    lines
}

/// What is known of the node at which it stands.
fn turn_words(roll: &RollDoc, present: &[Result<Present, String>]) -> Option<String> {
    if roll.is_over() {
        return None;
    }
    let step = roll.steps.iter().find(|step| !matches!(step.state, StepState::Done { .. }))?;
    let heard = present.iter().flatten().find(|present| present.node.as_str() == step.node);
    Some(match heard {
        Some(present) => {
            let words = if present.seen.words.is_empty() { "well" } else { &present.seen.words };
            format!("{} says, for {}: {words}", step.node, Span(present.seen.lasting))
        }
        None => format!("{} is not heard: it is down, or on its way back", step.node),
    })
}

fn bar(roll: &RollDoc) -> String {
    let all = roll.steps.len().max(1);
    // A node that has begun counts half.
    let begun = roll.steps.iter().filter(|step| matches!(step.state, StepState::Began { .. })).count();
    let full = (BAR * (2 * roll.done() + begun) / (2 * all)).min(BAR);
    format!("[{}{}] {} of {}", "#".repeat(full), "-".repeat(BAR - full), roll.done(), roll.steps.len())
}

/// Where it is shown.
struct Screen {
    terminal: bool,
    /// Lines drawn last, on a terminal; what was said last of each thing, elsewhere.
    drawn: Vec<String>,
}

impl Screen {
    fn open() -> Screen {
        Screen { terminal: std::io::stdout().is_terminal(), drawn: Vec::new() }
    }

    fn draw(&mut self, roll: &RollDoc, present: &[Result<Present, String>]) {
        let mut lines = lines(roll, present);
        if self.terminal {
            lines.insert(1, bar(roll));
            self.redraw(lines);
            return;
        }
        // Ages change with every second, and are no news.
        let mut news: Vec<String> = vec![roll.state_words()];
        news.extend(roll.steps.iter().map(|step| format!("{}: {}", step.node, step_word(&step.state))));
        let says = turn_words(roll, present).map(|words| without_age(&words));
        news.extend(says);
        for line in &news {
            if !self.drawn.contains(line) {
                say(&format!("{} {line}", now()));
            }
        }
        self.drawn = news;
    }

    fn redraw(&mut self, lines: Vec<String>) {
        let up = match self.drawn.len() {
            0 => String::new(),
            lines => format!("\x1b[{lines}A"),
        };
        // Each line cut where the terminal would wrap it, which would spoil the count of lines to go up.
        let lines: Vec<String> = lines.into_iter().map(|line| line.chars().take(width()).collect()).collect();
        say(&format!("{up}\x1b[J{}", lines.join("\n")));
        self.drawn = lines;
    }

    fn cannot(&mut self, words: &str) {
        let line = format!("ZooKeeper does not answer at present: {words}");
        if self.terminal {
            let mut lines = self.drawn.clone();
            lines.retain(|drawn| !drawn.starts_with("ZooKeeper does not answer"));
            lines.push(line);
            self.redraw(lines);
        } else if !self.drawn.contains(&line) {
            say(&format!("{} {line}", now()));
            self.drawn.push(line);
        }
    }

    fn end(&self, roll: &RollDoc) {
        let help = match &roll.state {
            RollState::Done => {
                say("done: every node had its turn, and is well");
                return;
            }
            RollState::Aborted(_) => "it was ended before its last node",
            RollState::Stopped { .. } => {
                "no further node begins: mend that node, then kafka-node roll resume gives it its turn again; roll abort ends it"
            }
            RollState::Running | RollState::Paused(_) => return,
        };
        complain(help);
    }
}

/// Characters in a line; 80 where the terminal does not say by COLUMNS.
fn width() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .filter(|columns| *columns >= 40)
        .unwrap_or(79)
}

fn step_word(state: &StepState) -> String {
    match state {
        StepState::Waiting => "waits for its turn".to_owned(),
        StepState::Began { .. } => "has begun".to_owned(),
        StepState::Done { .. } => "done".to_owned(),
        StepState::Failed { words, .. } => format!("failed: {words}"),
    }
}

/// `NODE says: WORDS`.
fn without_age(words: &str) -> String {
    match words.split_once(" says, for ").and_then(|(node, rest)| Some((node, rest.split_once(": ")?.1))) {
        Some((node, rest)) => format!("{node} says: {rest}"),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NodeName, RollVerb};

    #[test]
    fn the_bar_grows_with_each_node_and_what_is_said_has_no_age() {
        let order = (1..=3).map(|number| NodeName::new(format!("kafkanode{number}"))).collect();
        let mut roll = RollDoc::plan("1", RollVerb::Restart, "root", "", "2026-01-01T00:00:00Z", order);
        assert_eq!(bar(&roll), "[------------------------] 0 of 3");
        roll.steps[0].state = StepState::Done { at: String::new() };
        roll.steps[1].state =
            StepState::Began { boot: String::new(), life: String::new(), at: String::new(), tries: 1 };
        assert_eq!(bar(&roll), "[############------------] 1 of 3");
        assert_eq!(turn_words(&roll, &[]).as_deref(), Some("kafkanode2 is not heard: it is down, or on its way back"));
        assert_eq!(without_age("kafkanode2 says, for 3 s: waits: no"), "kafkanode2 says: waits: no");
    }
}
