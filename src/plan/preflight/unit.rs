//! Findings about the unit as it is with its drop-ins: each setting that breaks a promise, and which one.
//!
//! Absent on purpose: limits (`machine`), the sandbox's width (an operator may narrow it), and what systemd makes of a typing error.

use std::path::Path;
use std::time::Duration;

use crate::config::Gate;
use crate::plan::Plan;
use crate::plan::memory::{MIB, size};

use super::unit_file::{Span, UnitSettings, is_yes, memory, span};
use super::{Finding, Weight};

/// What ZooKeeper's stop may take after the broker's (`supervise::policy`).
const ZOOKEEPER_STOP: Duration = Duration::from_secs(30);
/// What both JVMs take beside their heaps (`plan::memory`).
const BESIDE: u64 = 352 * MIB;

/// One key that may break a promise: its names, the finding's code, and what it breaks when its value says so.
type Rule = (&'static [&'static str], &'static str, fn(&Plan, &str) -> Option<String>);

const RULES: [Rule; 14] = [
    (&["KillMode"], "unit-kill-mode", |_, value| match value {
        "process" => None,
        "mixed" => Some("when the supervisor ends, both JVMs get SIGKILL at once: an unclean shutdown".into()),
        "none" => Some("what a stop leaves behind is never ended".into()),
        // any: control-group, and what systemd takes for it
        _ => Some("a stop sends SIGTERM to both JVMs at once, and ZooKeeper goes before the broker".into()),
    }),
    (&["Restart"], "unit-restart", |_, value| {
        let words = "a supervisor that ended by itself stays away, and nobody watches the JVMs";
        (!["always", "on-failure"].contains(&value)).then(|| words.into())
    }),
    (&["TimeoutStopSec", "TimeoutSec"], "unit-stop-timeout", stop_timeout),
    (&["TimeoutStartSec", "TimeoutSec"], "unit-start-timeout", |_, value| match span(value) {
        Some(Span::Of(limit)) if limit.is_zero() => None,
        Some(Span::Infinity) => Some("systemd 219 takes it for none and fails the start at once: write 0".into()),
        _ => Some("a quorum may take hours to come, and a start that waits for it is ended".into()), // any: a limit
    }),
    (&["WatchdogSec"], "unit-watchdog", |_, value| {
        let off = value.is_empty() || matches!(span(value), Some(Span::Of(limit)) if limit.is_zero());
        off.then(|| "a supervisor that hangs is never ended".into())
    }),
    (&["User"], "unit-user", |_, value| {
        let words = "both JVMs run as root, and what they write is root's: the next start as kafka is refused";
        ["", "root", "0"].contains(&value).then(|| words.into())
    }),
    (&["Type"], "unit-type", |_, value| {
        let words = "the start is over before anything serves, and the watchdog does not count";
        (value != "notify" && value != "notify-reload").then(|| words.into())
    }),
    (&["NotifyAccess"], "unit-notify-access", |_, value| {
        (value == "none").then(|| "systemd hears neither that the node is ready nor that it lives".into())
    }),
    (&["PrivateTmp"], "unit-private-tmp", |_, value| {
        let words = "jps and jstat from outside see no JVM, and a restarted supervisor no counters of those it adopts";
        (is_yes(value) || value == "disconnected").then(|| words.into())
    }),
    (&["MemoryMax", "MemoryLimit", "MemoryHigh"], "unit-memory", |plan, value| {
        let limit = memory(value, plan.facts.memory)?;
        let needs = plan.memory.zookeeper_heap.saturating_add(plan.memory.kafka_heap).saturating_add(BESIDE);
        let words =
            || format!("the heaps and what stands beside them take {}, and the page cache counts as well", size(needs));
        (limit < needs).then(words)
    }),
    (&["OOMPolicy"], "unit-oom-policy", |_, value| {
        (value != "continue").then(|| "one JVM that is killed for memory takes the whole unit with it".into())
    }),
    (&["MemoryDenyWriteExecute"], "unit-write-execute", |_, value| {
        is_yes(value).then(|| "a JVM compiles to memory, and does not start".into())
    }),
    (&["TasksMax"], "unit-tasks", |_, value| {
        let few = value.parse::<u64>().is_ok_and(|tasks| tasks < 4096);
        few.then(|| "each thread of both JVMs is a task".into())
    }),
    (&["PrivateNetwork"], "unit-private-network", |_, value| {
        is_yes(value).then(|| "no other node and no client reaches this one".into())
    }),
];

/// Everything of this file's matter.
pub(super) fn judge(plan: &Plan, unit: &UnitSettings) -> Vec<Finding> {
    let broken = RULES.iter().filter_map(|(keys, code, breaks)| {
        let setting = unit.last(keys)?;
        let words = breaks(plan, &setting.value)?;
        Some(finding(code, &setting.place, &setting.key, &setting.value, &words))
    });
    let mut findings: Vec<Finding> = broken.collect();
    findings.extend(strict(plan, unit));
    // What systemd takes where nothing is said.
    let defaults: [(&[&str], &str, &str); 4] = [
        (&["KillMode"], "unit-kill-mode", "KillMode= is not set: a stop sends SIGTERM to both JVMs at once"),
        (&["Restart"], "unit-restart", "Restart= is not set: a supervisor that ended by itself stays away"),
        (&["User"], "unit-user", "User= is not set: both JVMs run as root"),
        (&["Type"], "unit-type", "Type= is not set: the start is over before anything serves"),
    ];
    let unset = defaults.into_iter().filter(|(keys, _, _)| unit.last(keys).is_none());
    findings.extend(unset.map(|(_, code, text)| {
        let text = format!("kafka-node.service: {text}");
        Finding::node(code, Weight::Warn, text, "take the unit of the package: systemctl revert kafka-node")
    }));
    findings
}

fn finding(code: &'static str, place: &str, key: &str, value: &str, words: &str) -> Finding {
    let text = format!("{place}: {key}={value}: {words}");
    let remedy = "take the line out, then systemctl daemon-reload (systemctl cat kafka-node shows the whole unit)";
    Finding::node(code, Weight::Warn, text, remedy)
}

/// Below what an orderly stop may take, systemd kills both JVMs in the middle of it.
fn stop_timeout(plan: &Plan, value: &str) -> Option<String> {
    let stop = &plan.config.stop;
    let gate = if stop.gate == Gate::Never { Duration::ZERO } else { stop.gate_limit };
    let bound = gate.saturating_add(stop.grace.saturating_mul(2)).saturating_add(ZOOKEEPER_STOP);
    match span(value) {
        Some(Span::Infinity) => Some("systemd 219 takes it for none and kills both JVMs at once: write 0".into()),
        Some(Span::Of(limit)) if limit.is_zero() || limit >= bound => None,
        _ => Some(format!("an orderly stop may take {} s, and systemd ends it before", bound.as_secs())), // any: too short
    }
}

/// Read-only everywhere but where the unit says otherwise.
fn strict(plan: &Plan, unit: &UnitSettings) -> Option<Finding> {
    let setting = unit.last(&["ProtectSystem"]).filter(|setting| setting.value == "strict")?;
    let writable = unit.list(&["ReadWritePaths", "ReadWriteDirectories", "BindPaths"]);
    let writable: Vec<&str> = writable.into_iter().map(|path| path.trim_start_matches(['-', '+'])).collect();
    let config = &plan.config;
    let mut needed = vec![&config.zookeeper.data_dir, &config.paths.state_dir];
    needed.extend(&config.kafka.log_dirs);
    let denied = needed.into_iter().find(|path| !writable.iter().any(|root| path.starts_with(Path::new(root))))?;
    let words = format!("{} cannot be written", denied.display());
    let mut finding = finding("unit-protect-system", &setting.place, &setting.key, &setting.value, &words);
    finding.remedy = "write ProtectSystem=full, or name the directories in ReadWritePaths=".into();
    Some(finding)
}
