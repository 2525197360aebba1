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
        &[
            &[],
            &["strat"],
            &["status", "--jsno"],
            &["help", "run"],
            &["help", "history"],
            &["help", "logs"],
            &["help", "import"],
            &["help", "sweep"]
        ]
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
            &["history"],
            &["verify"],
            &["setup", "--yes"],
            &["sweep"],
            &["plan", "--diff"],
            &["can-reboot"],
            &["reboot", "--dry-run"],
            &["lock"],
            &["roll", "status"],
            &["stop"],
            &["status", "--cluster"],
            &["elect-leaders"]
        ]
    ));
}

#[test]
fn what_may_take_a_node_down_says_what_it_will_do_and_how_it_ends() {
    let dir = configured();
    let lines: [&[&str]; 8] = [
        &["help", "can-reboot"],
        &["help", "reboot"],
        &["help", "lock"],
        &["help", "lock", "release"],
        &["help", "roll"],
        &["help", "roll", "restart"],
        &["help", "roll", "status"],
        &["help", "stop"],
    ];
    insta::assert_snapshot!(check(dir.path(), &lines));
}

#[test]
fn what_cannot_be_meant_so_is_refused_before_anybody_is_asked() {
    let dir = configured();
    let lines: [&[&str]; 9] = [
        &["reboot", "--dry-run", "--at", "noon"],
        &["lock", "release", "--holder", "node2"],
        &["lock", "release", "--holder", "node2", "--because", " "],
        &["roll"],
        &["roll", "restrat"],
        &["stop", "--cluster"],
        &["stop", "--because", "maintenance"],
        &["stop", "--cluster", "--now"],
        &["stop", "--cluster", "--because", "maintenance", "--withdraw"],
    ];
    insta::assert_snapshot!(check(dir.path(), &lines));
}

#[test]
fn without_a_cluster_nothing_is_allowed_and_nothing_is_changed() {
    let dir = configured();
    let refused = |args: &[&str], code: i32, words: &str| {
        let text = shown(dir.path(), args);
        assert!(text.contains(words) && text.ends_with(&format!("--- exit {code}\n")), "{words}: {text}");
    };
    let unread = "view-unread: the cluster could not be read, and nothing is allowed unread: ";
    refused(&["can-reboot"], 1, "\nno: the cluster cannot spare node1 now\n");
    refused(&["can-reboot"], 1, unread);
    refused(&["can-reboot", "--json"], 1, "\"allowed\":false,\"denials\":[{\"code\":\"view-unread\"");
    // 75 where systemd is there and has nothing against it; the words are the same.
    let explained = shown(dir.path(), &["reboot", "--dry-run", "--at", "any"]);
    for words in [" 3. gate      denied:\n", "\nit would not reboot now: the cluster cannot spare this node"] {
        assert!(explained.contains(words) && !explained.ends_with("exit 0\n"), "{words}: {explained}");
    }
    refused(&["lock", "show"], 69, "the lock could not be read: ");
    refused(&["lock", "release", "--holder", "node2", "--because", "burnt"], 1, "nothing was changed: ");
    refused(&["roll", "restart"], 1, "it cannot begin as it is:\n");
    refused(&["roll", "status"], 69, "the roll could not be read: ");
    refused(&["roll", "abort"], 1, "nothing was changed: ");
    refused(&["stop"], 69, "no supervisor answers on ");
    refused(&["stop", "--cluster", "--because", "maintenance"], 69, "nothing was ordered: ");
    refused(&["status", "--cluster"], 69, "not read: ");
    refused(&["plan", "--diff"], 69, "cannot compare: ");
}

#[test]
fn without_a_supervisor_status_and_why_end_with_69_and_say_what_to_look_at() {
    let dir = configured();
    insta::assert_snapshot!(check(dir.path(), &[&["status"], &["status", "--json"], &["why"], &["sweep"]]));
}

#[test]
fn the_history_is_shown_without_a_supervisor_as_far_as_it_is_understood() {
    let dir = configured();
    let mut text = check(dir.path(), &[&["history"], &["history", "--json"], &["history", "--service", "broker"]]);
    fs::create_dir(dir.path().join("state")).expect("made");
    let older = [
        r#"{"at":"2026-01-01T00:00:00.000Z","kind":"supervisor-start","pid":10,"cause":"first","text":"kafka-node 0.1.0 starts (pid 10), the first that this record knows","boot":"0e1f6a52"}"#,
        r#"{"at":"2026-01-01T00:00:01.250Z","kind":"start","service":"zookeeper","run":"a1","pid":77,"text":"zookeeper runs as pid 77 (run a1)","boot":"0e1f6a52"}"#,
        r#"{"at":"2026-01-01T00:00:07.500Z","kind":"start","service":"kafka","run":"a2","pid":78,"text":"kafka runs as pid 78 (run a2)","boot":"0e1f6a52"}"#,
    ];
    let newer = [
        r#"{"at":"2026-01-02T00:00:00.000Z","kind":"end","servi"#,
        r#"{"at":"2026-01-03T00:00:00.000Z","kind":"supervisor-start","pid":11,"cause":"after-power-loss","text":"kafka-node 0.1.0 starts (pid 11); the machine went down under the one before it (pid 10)","boot":"7b0c4b7c"}"#,
        r#"{"at":"2026-01-03T00:00:09.000Z","kind":"end","service":"kafka","run":"a4","cause":"exit-code","text":"kafka ended after 8.0 s (run a4): exit code 1; starts again in 1.0 s","lived_ms":8000,"boot":"7b0c4b7c"}"#,
    ];
    for (name, lines) in [("history.1", older), ("history", newer)] {
        fs::write(dir.path().join("state").join(name), format!("kafka-node history 1\n{}\n", lines.join("\n")))
            .expect("written");
    }
    let lines: [&[&str]; 5] = [
        &["history"],
        &["history", "--lines", "2"],
        &["history", "--service", "kafka"],
        &["history", "--service", "kafka", "--lines", "1", "--json"],
        &["history", "--lines", "0"],
    ];
    text += &check(dir.path(), &lines);
    insta::assert_snapshot!(text);
}

#[test]
fn without_java_a_run_ends_with_78_and_a_check_with_1() {
    let dir = configured();
    insta::assert_snapshot!(check(dir.path(), &[&["run"], &["plan"]]));
    // Whole outputs of a check are held by tests/check: what it finds depends on the machine.
    let refusal = "[java] home DIR/no-java: is not a directory: point it at a directory that holds bin/java, or set";
    let words = shown(dir.path(), &["check"]);
    assert!(words.starts_with(&format!("$ kafka-node check\nrefused: {refusal} \"auto\"\n")), "{words}");
    assert!(words.ends_with("\nnode1: cannot start as it is\n--- stderr\n--- exit 1\n"), "{words}");
    let json = shown(dir.path(), &["check", "--json"]);
    assert!(
        json.contains("\"code\": \"java\"") && json.contains(&format!("\"text\": \"{refusal} \\\"auto\\\"\"")),
        "{json}"
    );
    assert!(json.ends_with("\"ok\": false\n}\n--- stderr\n--- exit 1\n"), "{json}");
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
fn a_setup_that_cannot_be_meant_so_is_refused_before_anything_is_looked_at() {
    let dir = configured();
    let lines: [&[&str]; 6] = [
        &["help", "setup"],
        &["setup", "--json"],
        &["setup", "--yes", "--kafka", "k.tgz", "--sha512", "0D1A 0d1a"],
        &["setup", "--yes", "--sha512", "0d1a"],
        &["setup", "--yes", "--zone", "--x"],
        &["setup", "--yes", "--zone", "a b"],
    ];
    insta::assert_snapshot!(check(dir.path(), &lines));
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
fn where_stderr_is_the_journals_a_finding_has_its_priority() {
    use std::os::unix::fs::MetadataExt;
    let dir = configured();
    let path = dir.path().join("stderr");
    let stderr = fs::File::create(&path).expect("a file");
    let meta = stderr.metadata().expect("its number");
    // As systemd says it from 231 on.
    let output = Command::new(env!("CARGO_BIN_EXE_kafka-node"))
        .arg("check")
        .env_clear()
        .env("KAFKA_NODE_CONFIG", dir.path().join("kafka-node.toml"))
        .env("KAFKA_NODE_NAME", "node1")
        .env("JOURNAL_STREAM", format!("{}:{}", meta.dev(), meta.ino()))
        .stdin(Stdio::null())
        .stderr(stderr)
        .output()
        .expect("the binary runs");
    assert_eq!((String::from_utf8_lossy(&output.stdout).as_ref(), output.status.code()), ("", Some(1)));
    // Where a journal runs beside the tests it has the words; else they are here, marked.
    if !Path::new("/run/systemd/journal/socket").exists() {
        let text = fs::read_to_string(&path).expect("text");
        assert!(text.starts_with("<3>refused: ") && text.contains("\n<4>warning: "), "{text}");
        assert!(text.ends_with("<3>node1: cannot start as it is\n"), "{text}");
    }
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
