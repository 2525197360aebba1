//! Every verb on bad input, as whole texts: what the operator meets first, and what scripts rely on.
//!
//! Absent on purpose: a running node (`tests/run.rs`).

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What `kafka-node ARGS` prints and ends with, as one text. Paths below `dir` are shown as `DIR`.
fn shown(dir: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kafka-node"))
        .args(args)
        .env_clear()
        .env("KAFKA_NODE_CONFIG", dir.join("kafka-node.toml"))
        .env("KAFKA_NODE_NAME", "node1")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let code = output.status.code().expect("it exits");
    format!("$ kafka-node {}\n{out}--- stderr\n{err}--- exit {code}\n", args.join(" "))
        .replace(&dir.display().to_string(), "DIR")
}

/// A directory with a configuration of one node that could never start here: there is no Java where it points.
fn configured() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(dir.path().join("kafka/libs")).expect("made");
    for jar in ["kafka_2.13-2.6.0.jar", "zookeeper-3.5.8.jar"] {
        fs::write(dir.path().join("kafka/libs").join(jar), "").expect("written");
    }
    let root = dir.path().display();
    let text = format!(
        "[[node]]\nname = \"node1\"\naddress = \"127.0.34.1\"\nid = 1\nroles = [\"zookeeper\"]\n\
         [java]\nhome = \"{root}/no-java\"\n[zookeeper]\ndata_dir = \"{root}/data\"\n[kafka]\nhome = \"{root}/kafka\"\n\
         [paths]\nruntime_dir = \"{root}/run\"\nstate_dir = \"{root}/state\"\ncache_dir = \"{root}/cache\"\n"
    );
    fs::write(dir.path().join("kafka-node.toml"), text).expect("written");
    dir
}

/// Every one of `lines`, one after the other, in one snapshot.
fn check(dir: &Path, lines: &[&[&str]]) -> String {
    lines.iter().map(|args| shown(dir, args)).collect::<Vec<_>>().join("\n")
}

#[test]
fn without_a_verb_or_with_an_unknown_one_it_says_what_there_is() {
    let dir = configured();
    insta::assert_snapshot!(check(
        dir.path(),
        &[&[], &["strat"], &["status", "--jsno"], &["help", "run"], &["help", "sweep"]]
    ));
}

#[test]
fn without_a_configuration_every_verb_ends_with_78_and_says_where_it_looked() {
    let dir = tempfile::tempdir().expect("a directory");
    insta::assert_snapshot!(check(
        dir.path(),
        &[
            &["run"],
            &["check"],
            &["check", "--json"],
            &["plan"],
            &["status", "--json"],
            &["why"],
            &["verify"],
            &["sweep"]
        ]
    ));
}

#[test]
fn without_a_supervisor_status_and_why_end_with_69_and_say_what_to_look_at() {
    let dir = configured();
    insta::assert_snapshot!(check(dir.path(), &[&["status"], &["status", "--json"], &["why"], &["sweep"]]));
}

#[test]
fn without_java_a_run_ends_with_78_and_a_check_with_1() {
    let dir = configured();
    insta::assert_snapshot!(check(dir.path(), &[&["run"], &["check"], &["check", "--json"], &["plan"]]));
}

#[test]
fn a_node_that_is_not_in_the_file_is_refused() {
    let dir = configured();
    insta::assert_snapshot!(check(dir.path(), &[&["--node", "node7", "status"]]));
}

#[test]
fn paths_that_cannot_be_made_end_a_run_with_78() {
    let dir = configured();
    fs::write(dir.path().join("run"), "a file stands in the way").expect("written");
    insta::assert_snapshot!(check(dir.path(), &[&["run"]]));
}

#[test]
fn the_version_is_one_line() {
    let dir = configured();
    assert_eq!(
        shown(dir.path(), &["--version"]),
        format!("$ kafka-node --version\nkafka-node {}\n--- stderr\n--- exit 0\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let dir = configured();
    // `verify` finds nobody here, and says so in several lines.
    for (args, code) in [(&["help"][..], None), (&["plan"], None), (&["verify", "--timeout", "1s"], Some(69))] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_kafka-node"))
            .args(args)
            .env("KAFKA_NODE_CONFIG", dir.path().join("kafka-node.toml"))
            .env("KAFKA_NODE_NAME", "node1")
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .expect("the binary runs");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!words.contains("panicked"), "{args:?}: {words}");
        assert!(
            output.status.code().is_some() && (code.is_none() || output.status.code() == code),
            "{args:?}: {output:?}"
        );
    }
}
