//! `kafka-node logs` against a journalctl that writes down how it was called: what an operator types, and what is run.
//!
//! Absent on purpose: each match by itself (`src/cli/logs/argv.rs`), and a real journal.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A directory with a journal of one empty file and, in `bin`, a journalctl of this version.
fn machine(version: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["bin", "journal/0123"] {
        fs::create_dir_all(dir.path().join(name)).expect("made");
    }
    fs::write(dir.path().join("journal/0123/system.journal"), "").expect("written");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo '{version}'; exit 0; fi\nprintf '<%s>' \"$@\"\necho\nexit 7\n"
    );
    // Written by another process: a descriptor of ours, inherited by a child of another test's thread, would make it "busy".
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh", &script]);
    assert!(shell.arg(dir.path().join("bin/journalctl")).status().expect("sh runs").success());
    dir
}

/// What `kafka-node logs ARGS` prints and ends with, PATH being `bin` of `dir` alone.
fn shown(dir: &Path, args: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_kafka-node"))
        .arg("logs")
        .args(args)
        .env_clear()
        .env("PATH", format!("{}:/bin:/usr/bin", dir.join("bin").display()))
        .env("KAFKA_NODE_CONFIG", dir.join("none.toml"))
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).replace(&dir.display().to_string(), "DIR"), output.status.code())
}

#[track_caller]
fn check(version: &str, args: &[&str], expected: &str, code: i32) {
    let dir = machine(version);
    let journal = dir.path().join("journal").display().to_string();
    let args: Vec<&str> = ["-D", &journal].into_iter().chain(args.iter().copied()).collect();
    assert_eq!(
        shown(dir.path(), &args),
        (expected.replace("{J}", "<--directory=DIR/journal>"), Some(code)),
        "{args:?}"
    );
}

#[test]
fn it_becomes_journalctl_with_the_right_match_and_its_exit_code() {
    let version = "systemd 252 (252.39) +PCRE2";
    check(version, &["kafka"], "{J}<-t><kafka>\n", 7);
    check(
        version,
        &["kafka", "-f", "--priority", "warning", "--since", "-1h", "-n", "5"],
        "<--follow>{J}<--lines=5><--priority=4><--since=-1h><-t><kafka>\n",
        7,
    );
    // The word after -b is a service where it is called so.
    check(version, &["-b", "zookeeper", "-x"], "<--catalog><--boot>{J}<-t><zookeeper>\n", 7);
    check(version, &["-b", "-1", "kafka"], "<--boot=-1>{J}<-t><kafka>\n", 7);
    check(version, &["-b", "-f", "kafka"], "<--follow><--boot>{J}<-t><kafka>\n", 7);
    check(version, &["kafka", "--grep", "timed out"], "{J}<--grep=timed out><-t><kafka>\n", 7);
    check(
        version,
        &["kafka-node", "-o", "short-iso"],
        "{J}<--output=short-iso><SYSLOG_IDENTIFIER=kafka-node><+><_PID=1><UNIT=kafka-node.service>\n",
        7,
    );
    check(version, &["kafka", "--run", "a1f"], "{J}<-t><kafka><KAFKA_NODE_RUN=a1f>\n", 7);
}

#[test]
fn an_old_journalctl_that_cannot_search_is_not_asked_to() {
    let dir = machine("systemd 219");
    let journal = dir.path().join("journal").display().to_string();
    let (words, code) = shown(dir.path(), &["-D", &journal, "--grep", "x", "kafka"]);
    assert!(words.contains("systemd 219 cannot search: --grep came with systemd 237"), "{words}");
    assert!(words.contains("help: leave --grep out") && code == Some(2), "{words}{code:?}");
}

#[test]
fn what_stands_in_the_way_is_said() {
    let dir = machine("systemd 252");
    let empty = dir.path().join("bin").display().to_string();
    assert_eq!(shown(dir.path(), &["-D", &empty]), ("there are no journal files in DIR/bin\n".to_owned(), Some(69)));
    let journal = dir.path().join("journal").display().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_kafka-node"))
        .args(["logs", "-D", &journal])
        .env_clear()
        .env("PATH", dir.path().join("journal"))
        .output()
        .expect("the binary runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.starts_with("there is no journalctl in PATH"), "{words}");
    assert_eq!(output.status.code(), Some(69));
}

#[test]
fn what_is_not_understood_is_refused_with_what_is() {
    let dir = machine("systemd 252");
    for (args, expected) in [
        (&["broker"][..], "expected kafka, zookeeper or kafka-node"),
        (&["-p", "loud"], "expected fatal, error, warning, info or debug"),
        (&["-b", "yesterday"], "invalid value 'yesterday' for '--boot [ID]': expected an offset such as -1"),
        (&["--run", "xyz"], "expected the hexadecimal id that kafka-node history shows"),
        (&["-n", "many"], "invalid value 'many' for '--lines <N>'"),
        (&["--all-units", "kafka"], "cannot be used with"),
        (&["--all-units", "-b", "kafka"], "--all-units takes no service"),
    ] {
        let (words, code) = shown(dir.path(), args);
        assert!(words.contains(expected) && code == Some(2), "{args:?}: {words}{code:?}");
    }
}
