//! Findings about topics of the running cluster that lose data with one broker.
//!
//! Absent on purpose: what a topic that is made from now on gets (`plan::kafka` sets its defaults).

use super::{Finding, Survey, TopicSighting, Weight};

/// Names that are told.
const TOLD: usize = 5;

/// Everything of this file's matter; nothing where no broker answers, or there is one alone.
pub(super) fn judge(seen: &Survey) -> Vec<Finding> {
    let Some((topics, brokers)) = &seen.topics else { return Vec::new() };
    if *brokers < 2 {
        return Vec::new();
    }
    let single = |internal: bool| {
        topics.iter().filter(|topic| topic.replicas == 1 && topic.internal == internal).collect::<Vec<_>>()
    };
    let mut findings = Vec::new();
    let (internal, others) = (single(true), single(false));
    if !internal.is_empty() {
        let text = format!(
            "one replica alone, with {brokers} brokers, of {}: while the broker that has it is down, groups or transactions \
             stop; it was made when its replication factor was set to 1",
            names(&internal)
        );
        let remedy = "give each partition three replicas with kafka-reassign-partitions.sh; the setting counts for new topics alone";
        findings.push(Finding::node("internal-topic-one-replica", Weight::Warn, text, remedy));
    }
    if !others.is_empty() {
        let text = format!(
            "one replica alone of {} topics ({}): their data is away while its broker is, and gone with its disk",
            others.len(),
            names(&others)
        );
        let remedy = "if that is not meant: kafka-reassign-partitions.sh; topics made by themselves get default.replication.factor";
        findings.push(Finding::node("topic-one-replica", Weight::Advise, text, remedy));
    }
    findings
}

fn names(topics: &[&TopicSighting]) -> String {
    let mut names: Vec<&str> = topics.iter().take(TOLD).map(|topic| topic.name.as_str()).collect();
    if topics.len() > TOLD {
        names.push("..");
    }
    names.join(", ")
}
