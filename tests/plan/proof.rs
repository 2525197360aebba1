//! The options proven by JVMs: scripted ones for the cache and the words, and every real one of this machine for the truth.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kafka_node::model::Role;
use kafka_node::observe::host::HostRoot;
use kafka_node::observe::java;
use kafka_node::observe::proof::prove;
use kafka_node::plan::{HostFacts, Java, Plan, make};

use crate::builder::{facts, founding, option};

/// A plan whose Java is `home`, with its cache and state below `directory`, and these options of the operator for Kafka.
fn plan(directory: &Path, java: Java, options: &[&str]) -> Plan {
    let mut config = founding();
    config.paths.cache_dir = directory.join("cache");
    config.paths.state_dir = directory.join("state");
    config.kafka.jvm_options = options.iter().zip(40..).map(|(text, line)| option(text, line)).collect();
    // Small, since a shared machine may refuse to set 2 GB aside.
    make(config, HostFacts { memory: 2 << 30, java, ..facts("11.0.24") })
}

/// A program that counts its runs and then does what `script` says.
fn fake(directory: &Path, script: &str) -> Java {
    let home = directory.join("java");
    fs::create_dir_all(home.join("bin")).expect("its directory");
    let text = format!("#!/bin/sh\necho run >> {}\n{script}\n", directory.join("runs").display());
    // Written by another process: a descriptor of ours, inherited by a child of another test's thread, would make it "busy".
    let mut shell = Command::new("sh");
    shell.args(["-c", "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh", &text]).arg(home.join("bin/java"));
    assert!(shell.status().expect("sh runs").success());
    Java { home, version: "11.0.24".into(), major: 11, found: "test".into() }
}

fn runs(directory: &Path) -> usize {
    fs::read_to_string(directory.join("runs")).unwrap_or_default().lines().count()
}

#[test]
fn a_proof_is_asked_for_once_and_again_when_something_changes() {
    let directory = tempfile::tempdir().expect("a directory");
    let java = fake(directory.path(), "echo 'OpenJDK 64-Bit Server VM warning: Option X was deprecated'");
    let first = prove(&plan(directory.path(), java.clone(), &[])).expect("it says yes");
    assert_eq!(runs(directory.path()), 2, "one for each service");
    assert_eq!(first.warnings.len(), 2, "{first:?}");
    assert_eq!(prove(&plan(directory.path(), java.clone(), &[])), Ok(first), "the kept answer is the same");
    assert_eq!(runs(directory.path()), 2, "a later start costs nothing");
    prove(&plan(directory.path(), java.clone(), &["-Xss1m"])).expect("it says yes");
    assert_eq!(runs(directory.path()), 3, "another option of Kafka's is another question");
    fs::write(java.home.join("release"), "JAVA_VERSION=\"11.0.25\"\n").expect("an update");
    prove(&plan(directory.path(), java, &[])).expect("it says yes");
    assert_eq!(runs(directory.path()), 5, "another Java is another question");
}

#[test]
fn a_refusal_quotes_the_jvm_names_where_the_option_comes_from_and_is_not_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = "case \"$*\" in *UseFoo*) echo \"Unrecognized VM option 'UseFoo'\" >&2; echo 'Error: Could not create the Java Virtual Machine.' >&2; exit 1;; esac";
    let java = fake(directory.path(), script);
    let plan = plan(directory.path(), java.clone(), &["-XX:+UseFoo"]);
    for _ in 0..2 {
        let refusal = prove(&plan).expect_err("it says no");
        let expected = format!(
            "{}/bin/java does not take the options of kafka: Unrecognized VM option 'UseFoo'; \
             -XX:+UseFoo comes from: [kafka] jvm_options, kafka-node.toml:40",
            java.home.display()
        );
        assert_eq!((refusal.role, refusal.to_string()), (Role::Kafka, expected));
    }
    assert_eq!(runs(directory.path()), 3, "ZooKeeper's proof is kept, Kafka's refusal is not");
}

#[test]
fn a_refusal_that_quotes_a_secret_does_not_show_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = "for a in \"$@\"; do case $a in -XX:Agent*) echo \"Unrecognized VM option '${a#-XX:}' ($a)\" >&2; exit 1;; esac; done";
    let java = fake(directory.path(), script);
    let refusal = prove(&plan(directory.path(), java, &["-XX:AgentPassword=geheim"])).expect_err("it says no");
    let words = refusal.to_string();
    assert!(!words.contains("geheim") && !format!("{refusal:?}").contains("geheim"), "{words}");
    assert!(words.contains("AgentPassword=…") && words.contains("kafka-node.toml:40"), "{words}");
}

/// Every Java that can be found here, the tests' own Java 11 included.
fn real() -> Vec<Java> {
    let mut homes: Vec<PathBuf> = Vec::new();
    let cache =
        PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/kafka-node/java-11/usr/lib/jvm");
    for directory in [PathBuf::from("/usr/lib/jvm"), cache] {
        homes.extend(fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()));
    }
    let mut found: Vec<Java> = homes
        .iter()
        .filter_map(|home| {
            let mut config = founding();
            config.java = kafka_node::config::JavaHome::Path(home.clone());
            java::find(&config, &HostRoot::machine()).ok()
        })
        .collect();
    found.extend(java::find(&founding(), &HostRoot::machine()));
    found
}

#[test]
fn every_java_here_takes_the_options_of_its_plan_without_a_warning() {
    let javas = real();
    assert!(!javas.is_empty(), "no Java here: install one, 17 for example");
    for java in javas {
        let directory = tempfile::tempdir().expect("a directory");
        let proof = prove(&plan(directory.path(), java.clone(), &["-XX:MaxGCPauseMillis=30", "-Dsome=property"]));
        assert_eq!(proof.map(|proof| proof.warnings), Ok(vec![]), "{java:?}");
        assert!(!directory.path().join("state").exists(), "a proof leaves state_dir alone: {java:?}");
    }
}

#[test]
fn every_java_here_says_no_in_words_that_lead_to_the_option() {
    for java in real() {
        let cases = [
            ("-XX:+UseNoSuchThing", "Unrecognized VM option 'UseNoSuchThing'"),
            ("-XX:MaxGCPauseMillis=soon", "Improperly specified VM option 'MaxGCPauseMillis=soon'"),
            ("-Xss0z", "Invalid thread stack size: -Xss0z"),
            ("--no-such-thing", "Unrecognized option: --no-such-thing"),
        ];
        for (wrong, words) in cases {
            let directory = tempfile::tempdir().expect("a directory");
            let refusal = prove(&plan(directory.path(), java.clone(), &[wrong])).expect_err("it is wrong").to_string();
            assert!(refusal.contains(words), "{java:?}: {refusal}");
            let place = format!("{wrong} comes from: [kafka] jvm_options, kafka-node.toml:40");
            assert!(refusal.ends_with(&place), "{java:?}: {refusal}");
        }
    }
}
