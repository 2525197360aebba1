//! What the judge says of a view, and how it crosses from `can-reboot --json` to the supervisor that runs it.
//!
//! Absent on purpose: how it is come by (`judge`).

use serde_json::{Map, Value, json};

use crate::model::{Denial, GateOutcome, GateRemark, NodeName, Said};

use super::document::{self, clean};

/// The word and the longest sentence that are taken from a child: ten partitions with topics of 249 characters, and room.
const LONGEST_CODE: usize = 60;
const LONGEST_SENTENCE: usize = 8 * 1024;
/// More than the judge can say: a kind of denial each, and one for each node.
const MOST_SAID: usize = 300;
const WHAT: &str = "the verdict";

/// Whether the cluster can spare the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It can; with what is to be said all the same.
    Allow(Vec<GateRemark>),
    /// It cannot.
    Deny {
        /// Why not; never empty.
        denials: Vec<Denial>,
        /// What would be said if it could.
        remarks: Vec<GateRemark>,
    },
}

impl Verdict {
    /// The node may go down.
    pub fn allows(&self) -> bool {
        matches!(self, Verdict::Allow(_))
    }

    /// As the supervisor hears it.
    pub fn outcome(&self) -> GateOutcome {
        match self {
            Verdict::Allow(remarks) => GateOutcome::Allowed(remarks.iter().map(GateRemark::said).collect()),
            Verdict::Deny { denials, .. } => GateOutcome::Denied(denials.iter().map(Denial::said).collect()),
        }
    }

    /// One JSON object on one line, about `node`.
    pub fn json(&self, node: &NodeName) -> String {
        let (denials, remarks) = match self {
            Verdict::Allow(remarks) => (&[][..], remarks),
            Verdict::Deny { denials, remarks } => (&denials[..], remarks),
        };
        let denials: Vec<Value> = denials.iter().map(|denial| written(&denial.said())).collect();
        let remarks: Vec<Value> = remarks.iter().map(|remark| written(&remark.said())).collect();
        json!({"node": node.as_str(), "allowed": self.allows(), "denials": denials, "remarks": remarks}).to_string()
    }
}

/// Reads what [`Verdict::json`] wrote, with or without the end of its line. What contradicts itself is an error, and so no leave to go down.
pub fn outcome_from_json(bytes: &[u8]) -> Result<GateOutcome, String> {
    let fields = document::object(bytes, WHAT)?;
    let denials = said(&fields, "denials")?;
    let remarks = said(&fields, "remarks")?;
    match fields.get("allowed").and_then(Value::as_bool) {
        Some(true) if denials.is_empty() => Ok(GateOutcome::Allowed(remarks)),
        Some(true) => Err(format!("{WHAT} allows what it denies")),
        Some(false) if denials.is_empty() => Err(format!("{WHAT} denies without a reason")),
        Some(false) => Ok(GateOutcome::Denied(denials)),
        None => Err(format!("{WHAT} does not say whether it allows")),
    }
}

fn written(said: &Said) -> Value {
    json!({"code": said.code, "text": said.text})
}

fn said(fields: &Map<String, Value>, key: &str) -> Result<Vec<Said>, String> {
    let text = |fields: &Map<String, Value>, key: &str, most| {
        let text = fields.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(|text| clean(text, most)).ok_or_else(|| format!("{WHAT} has a reason without `{key}`"))
    };
    let said = document::list(fields, key, MOST_SAID, WHAT)?;
    said.into_iter()
        .map(|said| Ok(Said { code: text(said, "code", LONGEST_CODE)?, text: text(said, "text", LONGEST_SENTENCE)? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_heard_as_it_was_said() {
        let node = NodeName::new("kafkanode1");
        let nodes = vec![NodeName::new("kafkanode2")];
        let remarks = vec![GateRemark::NoSpareMember { members: 1 }];
        let denials = vec![Denial::BrokersMissing { nodes }, Denial::ViewUnread { what: "no \"answer\"".to_owned() }];
        for verdict in [
            Verdict::Allow(vec![]),
            Verdict::Allow(remarks.clone()),
            Verdict::Deny { denials: denials.clone(), remarks },
            Verdict::Deny { denials, remarks: vec![] },
        ] {
            let line = verdict.json(&node);
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(outcome_from_json(line.as_bytes()), Ok(verdict.outcome()));
            assert_eq!(outcome_from_json(format!("{line}\n").as_bytes()), Ok(verdict.outcome()));
        }
        assert_eq!(
            Verdict::Deny { denials: vec![Denial::NodesAbsent { nodes: vec![node.clone()] }], remarks: vec![] }
                .json(&node),
            "{\"allowed\":false,\"denials\":[{\"code\":\"nodes-absent\",\"text\":\"kafka-node is not heard from kafkanode1\"}],\
             \"node\":\"kafkanode1\",\"remarks\":[]}"
        );
    }

    #[test]
    fn what_contradicts_itself_allows_nothing() {
        for line in [
            "",
            "{}",
            "true",
            "{\"allowed\":true}",
            "{\"allowed\":true,\"denials\":[{\"code\":\"a\",\"text\":\"b\"}],\"remarks\":[]}",
            "{\"allowed\":false,\"denials\":[],\"remarks\":[]}",
            "{\"allowed\":\"true\",\"denials\":[],\"remarks\":[]}",
            "{\"allowed\":false,\"denials\":[{\"code\":\"a\"}],\"remarks\":[]}",
            "{\"allowed\":true,\"denials\":[],\"remarks\":[]} {}",
        ] {
            assert!(outcome_from_json(line.as_bytes()).is_err(), "{line}");
        }
    }
}
