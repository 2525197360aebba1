//! The unit file against what systemd 219 knows: a directive that it rejects, or reads in another way, shows itself only on
//! CentOS 7, at boot. Absent on purpose: starting it under a real systemd; the container tests do.

use std::path::Path;
use std::process::Command;

/// Directives of 219, by section.
const KNOWN_TO_219: [(&str, &[&str]); 3] = [
    ("[Unit]", &["Description", "Documentation", "Wants", "After"]),
    (
        "[Service]",
        &[
            "Type",
            "NotifyAccess",
            "ExecStart",
            "ExecReload",
            "ExecStopPost",
            "EnvironmentFile",
            "User",
            "Group",
            "UMask",
            "WatchdogSec",
            "Restart",
            "RestartSec",
            "RestartPreventExitStatus",
            "SuccessExitStatus",
            // In [Service], and not ...IntervalSec in [Unit], until 230.
            "StartLimitInterval",
            "TimeoutStartSec",
            "TimeoutStopSec",
            "KillMode",
            "LimitNOFILE",
            "LimitNPROC",
            "OOMScoreAdjust",
            "NoNewPrivileges",
            // 214; "strict" only from 232 on.
            "ProtectSystem",
            // 214.
            "ProtectHome",
            "CapabilityBoundingSet",
        ],
    ),
    ("[Install]", &["WantedBy"]),
];

/// Later ones that are worth a line in 219's log, and what 219 does without them.
const IGNORED_BY_219: [(&str, &str); 1] = [("OOMPolicy", "243; before it the unit went on after an OOM kill anyway")];

#[test]
fn every_directive_is_known_to_219_or_ignored_harmlessly() {
    for Directive { section, name, .. } in directives() {
        let known = KNOWN_TO_219.iter().any(|(known, names)| *known == section && names.contains(&name.as_str()));
        let ignored = IGNORED_BY_219.iter().any(|(known, _)| *known == name);
        assert!(
            known || ignored,
            "{section} {name}: look up since when it exists, and add it with what 219 makes of it"
        );
    }
}

#[test]
fn every_directive_says_why_it_is_there() {
    for Directive { name, reasoned, .. } in directives() {
        assert!(reasoned, "{name} has no comment on the line before it");
    }
}

#[test]
fn values_that_219_reads_otherwise_are_not_used() {
    for Directive { name, value, .. } in directives() {
        assert!(!value.contains("infinity"), "{name}: 219 takes infinity for no time at all; write 0");
        assert!(
            !name.starts_with("Exec") || !value.starts_with(['+', '!', ':']),
            "{name}: 219 knows the prefixes - and @ only"
        );
    }
    assert_eq!(value_of("TimeoutStartSec"), "0");
    assert_ne!(value_of("ProtectSystem"), "strict");
    let stop: u64 = value_of("TimeoutStopSec").parse().expect("seconds");
    // The stop's own bound: 15 min of gate, twice 5 min of Kafka's grace, 30 s of ZooKeeper's.
    assert!((15 * 60 + 2 * 5 * 60 + 30..30 * 60).contains(&stop), "{stop} s");
}

#[test]
fn the_promises_of_the_unit_hold() {
    assert_eq!(value_of("Type"), "notify");
    assert_eq!(value_of("NotifyAccess"), "main");
    assert_eq!(value_of("KillMode"), "process");
    assert_eq!(value_of("Restart"), "always");
    assert_eq!(value_of("RestartPreventExitStatus"), "78");
    assert_eq!(value_of("StartLimitInterval"), "0");
    assert_eq!(value_of("User"), "kafka");
    assert_eq!(value_of("OOMPolicy"), "continue");
    assert!(value_of("LimitNOFILE").parse::<u64>().expect("a number") >= 100_000);
    for absent in ["PrivateTmp", "RuntimeDirectory", "PermissionsStartOnly", "RequiresMountsFor"] {
        assert!(directives().iter().all(|directive| directive.name != absent), "{absent}");
    }
}

#[test]
fn the_systemd_of_this_machine_has_nothing_against_it() {
    // Where there is none, the lists above are all there is to hold the unit to.
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("no systemd-analyze on this machine");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("kafka-node.service");
    // It insists that programs exist.
    std::fs::write(&path, unit().replace("/usr/bin/kafka-node", "/bin/true")).expect("a copy");
    let verify = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().expect("an answer");
    let words = String::from_utf8_lossy(&verify.stderr);
    let about_us: Vec<&str> = words.lines().filter(|line| line.contains("kafka-node.service")).collect();
    assert_eq!(about_us, [""; 0], "{words}");
}

#[test]
fn tmpfiles_make_the_directories_the_default_configuration_names() {
    let text = read("units/kafka-node.tmpfiles");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        lines,
        [
            "d /run/kafka-node 0755 kafka kafka -",
            "d /var/lib/kafka-node 0750 kafka kafka -",
            "d /var/cache/kafka-node 0750 kafka kafka -",
        ]
    );
}

struct Directive {
    section: String,
    name: String,
    value: String,
    /// A comment stands right before it.
    reasoned: bool,
}

fn directives() -> Vec<Directive> {
    let text = unit();
    let (mut all, mut section, mut before) = (Vec::new(), "", "");
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        } else if let (false, Some((name, value))) = (line.starts_with('#'), line.split_once('=')) {
            all.push(Directive {
                section: section.to_owned(),
                name: name.to_owned(),
                value: value.to_owned(),
                reasoned: before.starts_with('#'),
            });
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "neither comment nor directive: {line}");
        }
        before = line;
    }
    all
}

fn value_of(name: &str) -> String {
    let values: Vec<String> = directives().into_iter().filter(|d| d.name == name).map(|d| d.value).collect();
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    values.concat()
}

fn unit() -> String {
    read("units/kafka-node.service")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}
