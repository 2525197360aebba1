//! Rolling the cluster: by `kafka-node roll restart`, or by hand, one node after the other as an operator does it without.
//! Absent on purpose: figures (`report`).

use std::time::{Duration, Instant};

use serde_json::Value;

use super::election;
use crate::bench::faults::cluster::{Cluster, HEALTHY_LIMIT};
use crate::bench::faults::inject::rest;
use crate::bench::faults::trial::now;
use crate::bench::ground;
use crate::failure::{During, Failure, Outcome};
use crate::progress::{Progress, seconds};

/// How long a whole roll may take.
const LIMIT: Duration = Duration::from_secs(900);
/// How often the roll is asked for: each question is a process with a ZooKeeper session.
const ASK: Duration = Duration::from_millis(500);
/// What systemd waits before it starts a unit again (RestartSec).
const RESTART: Duration = Duration::from_secs(1);
/// How long one command may take, in seconds.
const COMMAND: u32 = 30;

/// What happened, and when, in milliseconds since 1970.
pub type Said = Vec<(u64, String)>;

/// How leaders move back after each node, by hand.
#[derive(Debug, Clone, Copy)]
pub struct Leaders {
    /// So many partitions at a time.
    pub batch: usize,
    /// The next node does not wait for what follows from it.
    pub hasty: bool,
}

/// By hand: SIGTERM, start, in sync, a rest, the next one. With `leaders`, as a roll does it: the controller last, and leaders moved back
/// after each node; otherwise by number, and leaders stay where they fell.
pub fn by_hand(cluster: &mut Cluster, settle: Duration, leaders: Option<Leaders>) -> Outcome<Said> {
    let mut order: Vec<usize> = (0..cluster.nodes.len()).collect();
    if leaders.is_some() {
        let controller = cluster.metadata(None).map_or(-1, |metadata| metadata.controller);
        order.sort_by_key(|n| i32::try_from(n + 1) == Ok(controller));
    }
    let mut said = Said::new();
    let mut say = |words: String| said.push((now(), words));
    for n in order {
        let name = format!("node {}", n + 1);
        say(format!("{name}: SIGTERM"));
        let begun = Instant::now();
        ground::stop(cluster.node(n)?).during(|| format!("stop {name}"))?;
        say(format!("{name}: stopped in {}, started again", seconds(begun.elapsed())));
        let begun = cluster.start_again(n)?;
        let back = cluster.watch(n, begun, None, HEALTHY_LIMIT)?;
        let (Some(serving), Some(in_sync)) = (back.serving, back.in_sync) else {
            return Err(Failure::new(format!("{name} is not back\n{}", cluster.last_words())));
        };
        say(format!("{name}: served after {}, in sync after {}", seconds(serving), seconds(in_sync)));
        rest(settle)?;
        let Some(leaders) = leaders else { continue };
        say(format!("{name}: moving leaders back"));
        let moved = election::give_back(&cluster.addresses, leaders.batch)?;
        say(format!("{name}: {moved} leaders moved back"));
        if !leaders.hasty {
            // The next node's stop moves leaders too: a partition was seen to wait for both, 3.2 s.
            rest(settle)?;
        }
    }
    Ok(said)
}

/// By kafka-node's own verb, given on one node. The benchmark plays systemd: a supervisor that ends is started again after a second.
pub fn by_verb(progress: &Progress, cluster: &mut Cluster, from: usize) -> Outcome<Said> {
    let node = cluster.node(from)?;
    let words = ["roll", "restart", "--because", "cargo xtask bench roll", "--detach"];
    let (status, out, err) = node.ask(COMMAND, &words)?;
    if !status.success() {
        return Err(Failure::new(format!("`kafka-node {}` ended with {status}: {out}{err}", words.join(" "))));
    }
    let mut said = vec![(now(), "the roll is ordered".to_owned())];
    let (begun, mut asked, mut last) = (Instant::now(), Instant::now(), String::new());
    let mut ended: Vec<Option<Instant>> = vec![None; cluster.nodes.len()];
    while begun.elapsed() < LIMIT {
        rest(crate::child::POLL)?;
        for (n, ended) in ended.iter_mut().enumerate() {
            let over = cluster.node(n)?.has_ended()?;
            match ended {
                None if over => *ended = Some(Instant::now()),
                Some(at) if over && at.elapsed() >= RESTART => {
                    said.push((now(), format!("node {}: its supervisor ended, and is started again", n + 1)));
                    cluster.start_again(n)?;
                    *ended = None;
                }
                _ => {}
            }
        }
        if asked.elapsed() < ASK {
            continue;
        }
        asked = Instant::now();
        // Its supervisor may be away at the moment; the roll is in ZooKeeper.
        let (_, out, err) = cluster.node(from)?.ask(COMMAND, &["roll", "status", "--json"])?;
        let Some(seen) = Seen::read(&out) else {
            last = format!("{out}{err}");
            continue;
        };
        if seen.words != last {
            progress.say(format!("roll: {}", seen.words));
            said.push((now(), seen.words.clone()));
            last.clone_from(&seen.words);
        }
        if seen.state == "done" {
            return Ok(said);
        }
        if seen.is_over() {
            return Err(Failure::new(format!("the roll is not done: {last}\n{}", cluster.last_words())));
        }
    }
    Err(Failure::new(format!("the roll is not done after {}: {last}\n{}", seconds(LIMIT), cluster.last_words())))
}

/// `roll status --json`, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The roll's state, in one word.
    pub state: String,
    /// That, and the state of each node.
    pub words: String,
}

impl Seen {
    /// Reads the JSON; `None` for what is no roll.
    pub fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let value = value.get("roll").filter(|roll| roll.is_object()).unwrap_or(&value);
        let state = value.get("state").and_then(named)?;
        let steps = value.get("steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let step = |step: &Value| {
            let name = step.get("node").and_then(Value::as_str).unwrap_or("?");
            format!("{name} {}", step.get("is").or_else(|| step.get("state")).and_then(named).unwrap_or_default())
        };
        let steps: Vec<String> = steps.iter().map(step).collect();
        Some(Self { words: format!("{state}: {}", steps.join(", ")), state })
    }

    /// Nothing more happens by itself.
    pub fn is_over(&self) -> bool {
        matches!(&*self.state, "done" | "stopped" | "aborted" | "paused")
    }
}

/// The name of a state: a word, or an object that has it as `is`.
fn named(value: &Value) -> Option<String> {
    let word = match value {
        Value::String(word) => word.clone(),
        Value::Object(fields) => fields.get("is").and_then(Value::as_str)?.to_owned(),
        _ => return None,
    };
    Some(word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rolls_status_is_read() {
        let text = r#"{"v": 1, "id": "7", "state": {"is": "running"}, "steps": [{"node": "a", "is": "done", "at": "x"}, {"node": "b", "is": "began"}]}"#;
        let seen = Seen { state: "running".into(), words: "running: a done, b began".into() };
        assert_eq!(Seen::read(text), Some(seen));
        assert_eq!(Seen::read("no roll"), None);
    }
}
