//! What a node says about itself in `status --json`, and the line the demo shows when that changes.
//! Absent on purpose: a strict reader. Fields are added over time; a missing one reads as "?".

use serde_json::Value;

/// A node as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// Has it reached its readiness level?
    pub ready: bool,
    /// The node's state and its status in words.
    pub state: String,
    /// Each service: its name, state, and role or readiness.
    pub services: Vec<String>,
    /// What it waits for, in words: each reason once, however many services have it.
    pub waits: Vec<String>,
    /// The pids of the JVMs that run.
    pub pids: Vec<u32>,
}

impl Seen {
    /// Reads the JSON of `status --json`.
    pub fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let node = value.get("node")?;
        let words = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut seen = Self {
            ready: node.get("ready").and_then(Value::as_bool).unwrap_or(false),
            state: words(node, "state").unwrap_or_else(|| "?".into()),
            ..Self::default()
        };
        // In the order of their start, whatever the order of the JSON's keys.
        for name in ["zookeeper", "kafka"] {
            let Some(service) = value.get("services").and_then(|services| services.get(name)) else { continue };
            let state = words(service, "state").unwrap_or_else(|| "?".into());
            let more = words(service, "role")
                .or_else(|| words(service, "readiness"))
                .map(|more| format!(" ({more})"))
                .unwrap_or_default();
            let restarts = service.get("restarts").and_then(Value::as_u64).filter(|&count| count > 0);
            let again = restarts.map(|count| format!(", {count} restarts")).unwrap_or_default();
            seen.services.push(format!("{name} {state}{more}{again}"));
            seen.pids.extend(service.get("pid").and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok()));
        }
        let waits = value.get("waiting_for").and_then(Value::as_array).into_iter().flatten();
        for text in waits.filter_map(|wait| wait.as_str().map(str::to_owned).or_else(|| words(wait, "text"))) {
            if !seen.waits.contains(&text) {
                seen.waits.push(text);
            }
        }
        Some(seen)
    }

    /// The line to show: state, services, waits.
    pub fn line(&self) -> String {
        let mut line = format!("{:<9} {}", self.state, self.services.join(", "));
        if !self.waits.is_empty() {
            line.push_str("; waits for: ");
            line.push_str(&self.waits.join("; "));
        }
        line
    }

    /// The line, when it differs from that of an earlier look in more than its numbers: a time that passes is no news.
    pub fn changed_from(&self, earlier: Option<&Self>) -> Option<String> {
        let line = self.line();
        let same = earlier.is_some_and(|earlier| without_numbers(&earlier.line()).eq(without_numbers(&line)));
        (!same).then_some(line)
    }
}

/// The words of a line that are no part of a number or a time (`12 s`, `(3m 12s`). A node's name stays.
fn without_numbers(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace().filter(|word| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        word != "s" && !word.starts_with(|c: char| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITING: &str = r#"{"node": {"name": "kafkanode1", "state": "starting", "ready": false, "status": "x"},
        "services": {"kafka": {"state": "waiting", "pid": null, "restarts": 0, "readiness": null},
                     "zookeeper": {"state": "up", "pid": 12, "restarts": 2, "role": "looking"}},
        "waiting_for": [{"service": "zookeeper", "code": "peers", "text": "a quorum: kafkanode2 does not answer"}, "odd"], "events": []}"#;

    #[test]
    fn a_waiting_node_says_for_what() {
        let seen = Seen::read(WAITING).unwrap_or_default();
        assert_eq!(
            seen.line(),
            "starting  zookeeper up (looking), 2 restarts, kafka waiting; waits for: a quorum: kafkanode2 does not answer; odd"
        );
        assert_eq!(seen.pids, [12]);
        assert!(!seen.ready);
    }

    #[test]
    fn only_a_change_is_shown() {
        let seen = Seen::read(WAITING).unwrap_or_default();
        assert!(seen.changed_from(None).is_some());
        assert_eq!(seen.changed_from(Some(&seen)), None);
        let later = Seen { waits: Vec::new(), pids: vec![12, 13], ..seen.clone() };
        assert!(later.changed_from(Some(&seen)).is_some());
    }

    #[test]
    fn a_time_that_passes_is_no_news_and_another_name_is() {
        let waits = |text: &str| Seen { waits: vec![text.to_owned()], ..Seen::default() };
        let earlier = waits("controlled shutdown (59 s so far)");
        assert_eq!(waits("controlled shutdown (1m 2s so far)").changed_from(Some(&earlier)), None);
        assert!(waits("no answer from kafkanode2").changed_from(Some(&waits("no answer from kafkanode3"))).is_some());
    }

    #[test]
    fn a_reason_that_two_services_share_is_shown_once() {
        let text = r#"{"node": {"state": "waiting"}, "waiting_for": [
            {"service": "zookeeper", "text": "kafkanode2 is not there"}, {"service": "kafka", "text": "kafkanode2 is not there"},
            {"service": "kafka", "text": "another"}]}"#;
        assert_eq!(Seen::read(text).unwrap_or_default().waits, ["kafkanode2 is not there", "another"]);
    }

    #[test]
    fn whatever_is_no_status_is_none() {
        for text in ["", "null", "[]", "{}", "{\"node\":", "\u{0}"] {
            assert_eq!(Seen::read(text), None, "{text:?}");
        }
        assert_eq!(Seen::read(r#"{"node": 3}"#).map(|seen| seen.state).as_deref(), Some("?"));
    }
}
