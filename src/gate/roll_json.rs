//! How a roll stands in ZooKeeper: one JSON object, which anybody may have written.
//!
//! Absent on purpose: what it means (`roll`).

use serde_json::{Map, Value, json};

use crate::model::RollVerb;

use super::document::{self, LONGEST_NAME, LONGEST_TEXT, VERSION, clean};
use super::roll::{RollDoc, RollState, Step, StepState};

/// As many as a cluster has nodes: ids go to 255.
const MOST_STEPS: usize = 255;
const WHAT: &str = "the roll";

impl RollDoc {
    /// Reads it; the error says why it cannot be understood. There is none where nothing stands there: ask before.
    pub fn parse(bytes: &[u8]) -> Result<RollDoc, String> {
        let fields = document::versioned(bytes, WHAT)?;
        let mut steps: Vec<Step> = Vec::new();
        for fields in document::list(&fields, "steps", MOST_STEPS, WHAT)? {
            let step = step(fields)?;
            if steps.iter().any(|other| other.node == step.node) {
                return Err(format!("{WHAT} has {} twice", step.node));
            }
            steps.push(step);
        }
        Ok(RollDoc {
            id: document::name(&fields, "id", WHAT)?,
            verb: verb(&document::name(&fields, "verb", WHAT)?)?,
            by: document::text(&fields, "by"),
            because: document::text(&fields, "because"),
            since: document::text(&fields, "since"),
            state: state(&fields)?,
            steps,
        })
    }

    /// As it stands in ZooKeeper, one line.
    pub fn render(&self) -> String {
        let text = |text: &str| clean(text, LONGEST_TEXT);
        let state = match &self.state {
            RollState::Running => json!({"is": "running"}),
            RollState::Paused(by) => json!({"is": "paused", "by": text(by)}),
            RollState::Aborted(by) => json!({"is": "aborted", "by": text(by)}),
            RollState::Stopped { node, words } => json!({"is": "stopped", "node": text(node), "words": text(words)}),
            RollState::Done => json!({"is": "done"}),
        };
        let steps: Vec<Value> = self.steps.iter().map(written).collect();
        json!({
            "v": VERSION,
            "id": clean(&self.id, LONGEST_NAME),
            "verb": self.verb.as_str(),
            "by": text(&self.by),
            "because": text(&self.because),
            "since": text(&self.since),
            "state": state,
            "steps": steps,
        })
        .to_string()
    }
}

fn verb(word: &str) -> Result<RollVerb, String> {
    let verbs = [RollVerb::Restart, RollVerb::Reboot, RollVerb::Reload];
    let known = verbs.into_iter().find(|verb| verb.as_str() == word);
    known.ok_or_else(|| format!("{WHAT} is to {word}, which this kafka-node does not know"))
}

fn state(fields: &Map<String, Value>) -> Result<RollState, String> {
    let Some(state) = fields.get("state").and_then(Value::as_object) else {
        return Err(format!("{WHAT} has no `state`"));
    };
    let text = |key| document::text(state, key);
    match document::name(state, "is", "the state of the roll")?.as_str() {
        "running" => Ok(RollState::Running),
        "paused" => Ok(RollState::Paused(text("by"))),
        "aborted" => Ok(RollState::Aborted(text("by"))),
        "stopped" => Ok(RollState::Stopped { node: text("node"), words: text("words") }),
        "done" => Ok(RollState::Done),
        other => Err(format!("{WHAT} is {other}, which this kafka-node does not know")),
    }
}

fn step(fields: &Map<String, Value>) -> Result<Step, String> {
    let what = "a step of the roll";
    let text = |key| document::text(fields, key);
    let state = match document::name(fields, "is", what)?.as_str() {
        "waiting" => StepState::Waiting,
        "began" => StepState::Began {
            boot: text("boot"),
            life: text("life"),
            at: text("at"),
            // Left out, it is the first.
            tries: fields.get("tries").and_then(Value::as_u64).and_then(|tries| tries.try_into().ok()).unwrap_or(1),
        },
        "done" => StepState::Done { at: text("at") },
        "failed" => StepState::Failed { words: text("words"), at: text("at") },
        other => return Err(format!("{what} is {other}, which this kafka-node does not know")),
    };
    Ok(Step { node: document::name(fields, "node", what)?, state })
}

fn written(step: &Step) -> Value {
    let text = |text: &str| clean(text, LONGEST_TEXT);
    let node = clean(&step.node, LONGEST_NAME);
    match &step.state {
        StepState::Waiting => json!({"node": node, "is": "waiting"}),
        StepState::Began { boot, life, at, tries } => {
            json!({"node": node, "is": "began", "boot": text(boot), "life": text(life), "at": text(at), "tries": tries})
        }
        StepState::Done { at } => json!({"node": node, "is": "done", "at": text(at)}),
        StepState::Failed { words, at } => json!({"node": node, "is": "failed", "words": text(words), "at": text(at)}),
    }
}
