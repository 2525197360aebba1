//! `kafka-node check`: could this node start? Every finding at once, each with what to do; nothing is changed.
//!
//! Absent on purpose: the findings themselves (`plan::preflight` judges, `observe` looks).
//!
//! Effects: a scratch directory for the JVM's proof, removed again.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::DirBuilderExt;

use serde::Serialize;

use crate::config::Config;
use crate::logs::Priority;
use crate::model::{Role, WaitReason};
use crate::observe::{host, preflight, proof};
use crate::plan::preflight::{Finding, Weight, judge};
use crate::plan::{self, Plan};
use crate::runtime::ask;
use crate::runtime::status::StatusReport;

use super::report::Report;
use super::{Exit, PlaceArgs, load, say};

/// Everything that was found, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Verdict {
    node: String,
    /// Nothing stands against a start but what may pass by itself.
    ok: bool,
    findings: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    service: Option<&'static str>,
    /// `refuse`, `wait` or `warn`.
    weight: &'static str,
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
        (true, _) => drop(say(&serde_json::to_string_pretty(&verdict).unwrap_or_default())),
        (false, Report::Streams) => drop(say(&words(&verdict))),
        (false, Report::Journal) => each_by_itself(&verdict, report),
    }
    if verdict.ok { Exit::Yes } else { Exit::No }
}

fn look(config: Config) -> Verdict {
    let node = config.this_node().name.to_string();
    // Beside a running node, its own JVMs hold its ports, as they should.
    let running = ask::status(&config.paths.runtime_dir).ok();
    let mut findings: Vec<Line> = running.iter().map(running_already).collect();
    match host::facts(&config, &host::HostRoot::machine()) {
        Err(refusal) => {
            // Without the facts there is no plan, so the configuration's own warnings are all that can be added.
            findings.push(Line::refusal(refusal.to_string(), String::new()));
            findings.extend(config.warnings.iter().map(|warning| Line::warning(&warning.place, &warning.text)));
        }
        Ok(facts) => {
            let plan = plan::make(config, facts);
            let found = all_findings(&plan);
            findings.extend(found.iter().filter(|finding| !is_ours(finding, running.as_ref())).map(Line::finding));
            findings.extend(proven(&plan));
            findings.extend(plan.warnings.iter().map(|warning| Line::warning(&warning.place, &warning.text)));
        }
    }
    let ok = findings.iter().all(|line| line.weight != "refuse");
    Verdict { node, ok, findings }
}

/// What the JVM says to its options. The proof that a start keeps lies in `cache_dir`; a check changes nothing there, and
/// may be made by a user who could not, so it asks with a directory of its own that goes away.
fn proven(plan: &Plan) -> Vec<Line> {
    let scratch = std::env::temp_dir().join(format!("kafka-node-check-{}", std::process::id()));
    // Fails where the name is taken, so that nobody else's directory is ever used or removed.
    if let Err(error) = fs::DirBuilder::new().mode(0o700).create(&scratch) {
        let text = format!("the JVM was not asked for its options: cannot make {}: {error}", scratch.display());
        return vec![Line::warning("", &text)];
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
            proof.warnings.iter().map(|(role, words)| Line::warning("", &format!("{role}: {words}"))).collect()
        }
        Err(refusal) => vec![Line::refusal(refusal.to_string(), unproven_help(refusal.role))],
    }
}

/// What to do when a JVM refuses its options.
pub(super) fn unproven_help(role: Role) -> String {
    format!("mend [{role}] heap or jvm_options; kafka-node plan shows where each option comes from")
}

/// What the look before a start finds, for every service of the node.
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
    Line::warning("", &text)
}

/// The finding is about a JVM of the supervisor that runs this node.
fn is_ours(finding: &Finding, running: Option<&StatusReport>) -> bool {
    let (Some(WaitReason::EarlierRun { pid }), Some(report)) = (&finding.wait, running) else { return false };
    let zookeeper = report.services.zookeeper.as_ref().and_then(|service| service.pid);
    let kafka = report.services.kafka.as_ref().and_then(|service| service.pid);
    [zookeeper, kafka].contains(&Some(*pid))
}

impl Line {
    fn finding(finding: &Finding) -> Line {
        Line {
            service: finding.role.map(Role::as_str),
            weight: match finding.weight {
                Weight::Refuse => "refuse",
                Weight::Wait => "wait",
                Weight::Warn => "warn",
            },
            text: finding.text.clone(),
            remedy: finding.remedy.clone(),
        }
    }

    fn words(&self) -> String {
        finding_words(self.weight, self.service, &self.text, &self.remedy)
    }

    fn refusal(text: String, remedy: String) -> Line {
        Line { service: None, weight: "refuse", text, remedy }
    }

    fn warning(place: &str, text: &str) -> Line {
        let text = if place.is_empty() { text.to_owned() } else { format!("{place}: {text}") };
        Line { service: None, weight: "warn", text, remedy: String::new() }
    }
}

fn words(verdict: &Verdict) -> String {
    let mut text: String = verdict.findings.iter().map(Line::words).collect();
    let _ = writeln!(text, "{}", verdict.summary());
    text
}

/// In the journal a finding is an entry of its own, as loud as it is bad.
fn each_by_itself(verdict: &Verdict, report: Report) {
    for line in &verdict.findings {
        let priority = if line.weight == "refuse" { Priority::Error } else { Priority::Warning };
        report.answer(priority, &line.words());
    }
    report.answer(if verdict.ok { Priority::Info } else { Priority::Error }, &verdict.summary());
}

impl Verdict {
    fn summary(&self) -> String {
        let how = if self.ok { "nothing stands against a start" } else { "cannot start as it is" };
        format!("{}: {how}", self.node)
    }
}

/// One finding for people: a line for what, a line for what to do.
pub(super) fn finding_words(weight: &str, service: Option<&str>, text: &str, remedy: &str) -> String {
    let word = match weight {
        "refuse" => "refused",
        "wait" => "would wait",
        _ => "warning",
    };
    let service = service.map(|service| format!("{service}: ")).unwrap_or_default();
    let remedy = if remedy.is_empty() { String::new() } else { format!("  help: {remedy}\n") };
    format!("{word}: {service}{text}\n{remedy}")
}
