//! Drop-ins: each promise that one line breaks, and lines that break none.

use kafka_node::plan::preflight::{UnitFile, UnitSighting, Weight};

use crate::survey::{judged, shipped};

/// A line of a drop-in, and the code of what it breaks.
pub const BROKEN: &[(&str, &str)] = &[
    ("KillMode=mixed", "unit-kill-mode"),
    ("KillMode=control-group", "unit-kill-mode"),
    ("KillMode=none", "unit-kill-mode"),
    ("KillMode=", "unit-kill-mode"),
    ("Restart=no", "unit-restart"),
    ("Restart=on-abnormal", "unit-restart"),
    ("TimeoutStopSec=90", "unit-stop-timeout"),
    ("TimeoutStopSec=25min", "unit-stop-timeout"),
    ("TimeoutStopSec=infinity", "unit-stop-timeout"),
    ("TimeoutStartSec=5min", "unit-start-timeout"),
    ("TimeoutStartSec=infinity", "unit-start-timeout"),
    ("WatchdogSec=0", "unit-watchdog"),
    ("WatchdogSec=", "unit-watchdog"),
    ("User=root", "unit-user"),
    ("User=", "unit-user"),
    ("Type=simple", "unit-type"),
    ("NotifyAccess=none", "unit-notify-access"),
    ("ProtectSystem=strict", "unit-protect-system"),
    ("ProtectSystem=strict\nReadWritePaths=/data", "unit-protect-system"),
    ("PrivateTmp=yes", "unit-private-tmp"),
    ("MemoryMax=2G", "unit-memory"),
    ("MemoryLimit=1500M", "unit-memory"),
    ("MemoryHigh=10%", "unit-memory"),
    ("OOMPolicy=stop", "unit-oom-policy"),
    ("MemoryDenyWriteExecute=true", "unit-write-execute"),
    ("TasksMax=512", "unit-tasks"),
    ("PrivateNetwork=yes", "unit-private-network"),
];

const KEPT: &[&str] = &[
    "Restart=on-failure",
    "TimeoutStopSec=0",
    "TimeoutStopSec=28min",
    "TimeoutStartSec=0",
    "WatchdogSec=1min",
    "User=broker",
    "NotifyAccess=all",
    "ProtectSystem=strict\nReadWritePaths=-/data /var/lib/kafka-node",
    "PrivateTmp=no",
    "MemoryMax=infinity",
    "MemoryMax=6G",
    "TasksMax=infinity",
    "Environment=KillMode=mixed",
    "# KillMode=mixed",
    "[Unit]\nKillMode=mixed",
];

fn with(text: &str) -> Vec<kafka_node::plan::preflight::Finding> {
    let path = "/etc/systemd/system/kafka-node.service.d/local.conf";
    let drop_in = UnitFile { path: path.into(), text: format!("[Service]\n{text}\n") };
    judged(|_, seen| {
        seen.as_root = false;
        seen.unit = UnitSighting { files: vec![shipped(), drop_in.clone()], unreadable: vec![] };
    })
}

#[test]
fn a_line_that_breaks_a_promise_is_named_with_its_place() {
    for (line, code) in BROKEN {
        let findings = with(line);
        let [finding] = findings.as_slice() else { panic!("{line}: {findings:#?}") };
        assert_eq!((finding.code, finding.weight), (*code, Weight::Warn), "{line}");
        let place = "/etc/systemd/system/kafka-node.service.d/local.conf:2: ";
        let first = line.lines().next().expect("one");
        assert!(finding.text.starts_with(&format!("{place}{first}: ")), "{}", finding.text);
    }
}

#[test]
fn other_lines_are_the_operators_own() {
    for line in KEPT {
        assert_eq!(with(line), [], "{line}");
    }
}

#[test]
fn a_unit_of_ones_own_that_says_nothing_breaks_what_the_defaults_break() {
    let unit =
        UnitFile { path: "/etc/systemd/system/kafka-node.service".into(), text: "[Service]\nExecStart=/x\n".into() };
    let findings = judged(|_, seen| seen.unit.files = vec![unit.clone()]);
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["open-files", "unit-kill-mode", "unit-restart", "unit-user", "unit-type"]);
}
