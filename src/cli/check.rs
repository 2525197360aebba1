//! `kafka-node check`: could this node start? Every finding at once, each with what to do; nothing is changed.
//!
//! Absent on purpose: the findings themselves (`plan::preflight` judges; `observe`, `host` and `cluster` look).
//!
//! Effects: a scratch directory for the JVM's proof, removed again.

mod gather;
mod topics;

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::DirBuilderExt;

use serde_json::{Value, json};

use crate::config::Config;
use crate::logs::Priority;
use crate::model::{Role, WaitReason};
use crate::observe::{preflight, proof};
use crate::plan::Plan;
use crate::plan::preflight::{Finding, Weight, judge};
use crate::runtime::ask;
use crate::runtime::status::StatusReport;

use super::report::Report;
use super::{Exit, PlaceArgs, load, say};

pub use gather::{Eyes, examine};

/// Everything that was found, the heaviest first.
#[derive(Debug)]
pub struct Verdict {
    node: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    code: &'static str,
    service: Option<&'static str>,
    weight: Weight,
    text: String,
    /// Empty where there is nothing to be done.
    remedy: String,
}

/// Runs the verb.
pub(super) fn check(place: &PlaceArgs, json: bool) -> Exit {
    let report = Report::open();
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let verdict = look(config);
    match (json, report) {
        (true, _) => drop(say(&verdict.json())),
        (false, Report::Streams) => drop(say(&verdict.words())),
        (false, Report::Journal) => each_by_itself(&verdict, report),
    }
    if verdict.ok() { Exit::Yes } else { Exit::No }
}

fn look(config: Config) -> Verdict {
    // Beside a running node, its own JVMs hold its ports, as they should.
    let running = ask::status(&config.paths.runtime_dir).ok();
    let (mut verdict, plan) = examine(config, &Eyes::own(), running.as_ref());
    if let Some(plan) = plan {
        verdict.lines.extend(proven(&plan));
        verdict.sort();
    }
    verdict
}

/// What the JVM says to its options. The proof that a start keeps lies in `cache_dir`; a check changes nothing there, and
/// may be made by a user who could not, so it asks with a directory of its own that goes away.
fn proven(plan: &Plan) -> Vec<Line> {
    let scratch = std::env::temp_dir().join(format!("kafka-node-check-{}", std::process::id()));
    // Fails where the name is taken, so that nobody else's directory is ever used or removed.
    if let Err(error) = fs::DirBuilder::new().mode(0o700).create(&scratch) {
        let text = format!("the JVM was not asked for its options: cannot make {}: {error}", scratch.display());
        return vec![Line::new("jvm-not-asked", Weight::Note, text)];
    }
    let mut plan = plan.clone();
    let (from, to) = (plan.config.paths.cache_dir.display().to_string(), scratch.display().to_string());
    for service in &mut plan.services {
        for arg in &mut service.proof_args {
            *arg = arg.replace(&from, &to);
        }
    }
    plan.config.paths.cache_dir.clone_from(&scratch);
    let proven = proof::prove(&plan);
    // What stays behind is an empty directory in /tmp.
    let _ = fs::remove_dir_all(&scratch);
    match proven {
        Ok(proof) => {
            let warnings = proof.warnings.iter();
            warnings.map(|(role, words)| Line::new("jvm-options", Weight::Warn, format!("{role}: {words}"))).collect()
        }
        Err(refusal) => {
            let line = Line::new("jvm-refuses", Weight::Refuse, refusal.to_string());
            vec![Line { remedy: unproven_help(refusal.role), ..line }]
        }
    }
}

/// What to do when a JVM refuses its options.
pub(super) fn unproven_help(role: Role) -> String {
    format!("mend [{role}] heap or jvm_options; kafka-node plan shows where each option comes from")
}

/// What the look before a start finds, for every service of the node; `run` is held back by it.
pub(super) fn all_findings(plan: &Plan) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for role in Role::ALL {
        if plan.service(role).is_some() {
            for finding in judge(plan, role, &preflight::look(plan, role)) {
                // What concerns the node as a whole is found once a service.
                if !findings.iter().any(|known| known.role.is_none() && known.text == finding.text) {
                    findings.push(finding);
                }
            }
        }
    }
    findings
}

fn running_already(report: &StatusReport) -> Line {
    let text = format!(
        "kafka-node runs this node already (pid {}); this is how the next start would find it",
        report.node.supervisor_pid
    );
    Line::new("running-already", Weight::Note, text)
}

/// The finding is about a JVM of the supervisor that runs this node.
fn is_ours(finding: &Finding, running: Option<&StatusReport>) -> bool {
    let (Some(WaitReason::EarlierRun { pid }), Some(report)) = (&finding.wait, running) else { return false };
    let zookeeper = report.services.zookeeper.as_ref().and_then(|service| service.pid);
    let kafka = report.services.kafka.as_ref().and_then(|service| service.pid);
    [zookeeper, kafka].contains(&Some(*pid))
}

impl Line {
    fn new(code: &'static str, weight: Weight, text: String) -> Line {
        Line { code, service: None, weight, text, remedy: String::new() }
    }

    fn finding(finding: &Finding) -> Line {
        Line {
            code: finding.code,
            service: finding.role.map(Role::as_str),
            weight: finding.weight,
            text: finding.text.clone(),
            remedy: finding.remedy.clone(),
        }
    }

    fn configuration(place: &str, text: &str) -> Line {
        let text = if place.is_empty() { text.to_owned() } else { format!("{place}: {text}") };
        Line::new("configuration", Weight::Warn, text)
    }

    fn words(&self) -> String {
        finding_words(word(self.weight), self.service, &self.text, &self.remedy)
    }

    fn json(&self) -> Value {
        json!({
            "code": self.code,
            "service": self.service,
            "weight": word(self.weight),
            "text": self.text,
            "remedy": self.remedy,
        })
    }
}

/// In the journal a finding is an entry of its own, as loud as it is bad.
fn each_by_itself(verdict: &Verdict, report: Report) {
    for line in &verdict.lines {
        let priority = match line.weight {
            Weight::Refuse => Priority::Error,
            Weight::Wait | Weight::Warn => Priority::Warning,
            Weight::Advise | Weight::Note => Priority::Info,
        };
        report.answer(priority, &line.words());
    }
    report.answer(if verdict.ok() { Priority::Info } else { Priority::Error }, &verdict.summary());
}

impl Verdict {
    fn of(node: String, lines: Vec<Line>) -> Verdict {
        let mut verdict = Verdict { node, lines };
        verdict.sort();
        verdict
    }

    /// The heaviest first; of one weight in the order they were looked for.
    fn sort(&mut self) {
        self.lines.sort_by_key(|line| std::cmp::Reverse(line.weight));
    }

    /// Nothing stands against a start but what may pass by itself.
    pub fn ok(&self) -> bool {
        self.lines.iter().all(|line| line.weight != Weight::Refuse)
    }

    /// For people: what, why, and how to mend it, line by line.
    pub fn words(&self) -> String {
        let mut text: String = self.lines.iter().map(Line::words).collect();
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    /// For scripts: one JSON object; fields are added, never renamed.
    pub fn json(&self) -> String {
        let findings: Vec<Value> = self.lines.iter().map(Line::json).collect();
        let whole = json!({"node": self.node, "ok": self.ok(), "findings": findings});
        serde_json::to_string_pretty(&whole).unwrap_or_default()
    }

    fn summary(&self) -> String {
        let how = if self.ok() { "nothing stands against a start" } else { "cannot start as it is" };
        format!("{}: {how}", self.node)
    }
}

/// The weight as `--json` has it.
fn word(weight: Weight) -> &'static str {
    match weight {
        Weight::Refuse => "refuse",
        Weight::Wait => "wait",
        Weight::Warn => "warn",
        Weight::Advise => "advise",
        Weight::Note => "note",
    }
}

/// One finding for people: a line for what, a line for what to do.
pub(super) fn finding_words(weight: &str, service: Option<&str>, text: &str, remedy: &str) -> String {
    let word = match weight {
        "refuse" => "refused",
        "wait" => "would wait",
        "advise" => "advice",
        "note" => "note",
        _ => "warning",
    };
    let service = service.map(|service| format!("{service}: ")).unwrap_or_default();
    let remedy = if remedy.is_empty() { String::new() } else { format!("  help: {remedy}\n") };
    format!("{word}: {service}{text}\n{remedy}")
}
