//! The whole supervisor as a process, over fake JVMs: what an operator sees when services start, die, hang on and are held up.
//!
//! Absent on purpose: brokers (these nodes have the role zookeeper only) and real JVMs. Each test waits for facts, shows the
//! last status when one does not come, and ends what it started also when it fails.

#[path = "run/node.rs"]
mod node;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use node::{Node, PATIENCE, is_there, until};

#[test]
fn a_node_comes_up_is_ready_and_stops_cleanly_on_sigterm() {
    let mut node = Node::new(1, "");
    node.run();
    let ready = node.status_with("ready", |status| status["node"]["ready"] == true);
    let pid = node.jvm(&ready);
    assert_eq!(ready["services"]["zookeeper"]["role"], "standalone");
    assert_eq!(ready["node"]["supervisor_pid"], node.pid());
    assert_eq!((node.cli(&["status"]).2, node.cli(&["why"]).2), (0, 0));
    assert!(node.cli(&["why"]).0.starts_with("nothing: "), "{:?}", node.cli(&["why"]));
    node.terminate();
    assert_eq!(node.end(), 0);
    assert!(!is_there(pid), "the JVM outlived its supervisor");
    assert!(!node.path("run/control.sock").exists());
    assert_eq!(node.cli(&["status"]).2, 69);
}

#[test]
fn a_jvm_that_dies_is_started_again_and_the_status_says_why() {
    let mut node = Node::new(2, "");
    node.run();
    let first = node.jvm(&node.status_with("ready", |status| status["node"]["ready"] == true));
    node::kill(first, "KILL");
    let again = node.status_with("ready again", |status| {
        status["node"]["ready"] == true && status["services"]["zookeeper"]["restarts"] == 1
    });
    let second = node.jvm(&again);
    assert_ne!(first, second);
    assert_eq!(again["services"]["zookeeper"]["last_exit"]["cause"], "signal");
    assert_eq!(again["services"]["zookeeper"]["last_exit"]["detail"], "SIGKILL from outside");
    // The second short life costs a pause that can be seen.
    node::kill(second, "KILL");
    let pause = node.status_with("backoff", |status| status["services"]["zookeeper"]["state"] == "backoff");
    assert_eq!(pause["waiting_for"][0]["code"], "backoff");
    assert_eq!(pause["node"]["ready"], false);
    node.status_with("ready at last", |status| {
        status["node"]["ready"] == true && status["services"]["zookeeper"]["restarts"] == 2
    });
    node.terminate();
    assert_eq!(node.end(), 0);
}

#[test]
fn a_jvm_that_ignores_sigterm_is_killed_after_its_grace_and_the_end_is_not_called_clean() {
    let mut node = Node::new(3, "ignore-term");
    node.run();
    let pid = node.jvm(&node.status_with("ready", |status| status["node"]["ready"] == true));
    node.terminate();
    let stopping = node.status_with("stopping", |status| status["node"]["state"] == "stopping");
    assert_eq!(stopping["waiting_for"][0]["code"], "zookeeper-stopping", "{stopping}");
    assert_eq!(node.end(), 1);
    assert!(!is_there(pid));
    let log = node.log();
    assert!(log.contains("SIGKILL to zookeeper"), "{log}");
}

#[test]
fn a_port_held_by_a_stranger_is_waited_for_by_name_and_then_taken() {
    let mut node = Node::new(4, "");
    let stranger = TcpListener::bind((node.address().as_str(), 2181)).expect("the port of this test");
    node.run();
    let waits = node.status_with("waiting for the port", |status| status["waiting_for"][0]["code"] == "port-held");
    let text = waits["waiting_for"][0]["text"].as_str().unwrap_or_default().to_owned();
    assert!(text.contains("port 2181") && text.contains(&std::process::id().to_string()), "{text}");
    assert_eq!(waits["node"]["state"], "waiting");
    let (why, _, code) = node.cli(&["why"]);
    assert!(why.contains(&text) && code == 1, "{why}");
    drop(stranger);
    node.status_with("ready", |status| status["node"]["ready"] == true);
    node.terminate();
    assert_eq!(node.end(), 0);
}

#[test]
fn a_second_supervisor_is_refused_by_the_pid_of_the_first() {
    let mut node = Node::new(5, "");
    node.run();
    node.status_with("ready", |status| status["node"]["ready"] == true);
    let (_, words, code) = node.cli(&["run"]);
    assert!(words.contains(&format!("(pid {}) already runs this node", node.pid())), "{words}");
    assert_eq!(code, 75);
    let (_, words, code) = node.cli(&["sweep", "--now"]);
    assert!(words.contains("already runs this node") && code == 75, "{words}");
    node.terminate();
    assert_eq!(node.end(), 0);
}

#[test]
fn what_a_killed_supervisor_left_is_adopted_by_the_next_and_swept_by_hand() {
    let mut node = Node::new(6, "");
    node.run();
    let stray = node.jvm(&node.status_with("ready", |status| status["node"]["ready"] == true));
    node::kill(node.pid(), "KILL");
    node.end_by_signal();
    assert!(is_there(stray), "the JVM died with its supervisor");
    // No stop was asked for: the unit's sweep leaves it alone.
    let (words, _, code) = node.cli(&["sweep"]);
    assert!(words.contains("no stop of this node was asked for") && code == 0, "{words}");
    assert!(is_there(stray));
    node.run();
    let ready = node.status_with("ready", |status| status["node"]["ready"] == true);
    assert_eq!(node.jvm(&ready), stray, "another JVM in place of the one that lived: {ready}");
    let adopted = format!("of an earlier kafka-node adopted (pid {stray}");
    assert!(ready["events"].to_string().contains(&adopted), "{ready}");
    node::kill(node.pid(), "KILL");
    node.end_by_signal();
    let (words, _, code) = node.cli(&["sweep", "--now"]);
    assert!(words.contains("ended on SIGTERM") && code == 0, "{words}");
    assert!(!is_there(stray));
}

#[test]
fn a_broken_configuration_costs_no_jvm_of_a_dead_supervisor() {
    let mut node = Node::new(11, "");
    node.run();
    let jvm = node.jvm(&node.status_with("ready", |status| status["node"]["ready"] == true));
    let good = std::fs::read_to_string(node.path("kafka-node.toml")).expect("the configuration");
    node::kill(node.pid(), "KILL");
    std::fs::write(node.path("kafka-node.toml"), format!("{good}nonsense = 1\n")).expect("written");
    node.end_by_signal();
    node.run();
    until("the caretaker", || node.log().contains("until the configuration can be used").then_some(()), || node.log());
    assert!(is_there(jvm));
    std::fs::write(node.path("kafka-node.toml"), &good).expect("written");
    let mended = node.status_with("ready again", |status| status["node"]["ready"] == true);
    assert_eq!(node.jvm(&mended), jvm, "another JVM: {mended}");
    // And a stop of the caretaker is a stop of the node.
    node::kill(node.pid(), "KILL");
    std::fs::write(node.path("kafka-node.toml"), format!("{good}nonsense = 1\n")).expect("written");
    node.end_by_signal();
    node.run();
    let cared = || (node.log().matches("until the configuration can be used").count() == 2).then_some(());
    until("the caretaker again", cared, || node.log());
    node.terminate();
    assert_eq!(node.end(), 0, "{}", node.log());
    assert!(!is_there(jvm), "the JVM outlived the stop");
}

#[test]
fn systemd_is_told_the_status_ready_and_stopping() {
    let mut node = Node::new(7, "");
    let socket = node.path("notify.sock");
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    systemd.set_read_timeout(Some(PATIENCE)).expect("a limit");
    node.environment("NOTIFY_SOCKET", &socket.display().to_string());
    node.run();
    let mut heard = String::new();
    let mut hear = |wanted: &str| {
        while !heard.lines().any(|line| line.starts_with(wanted)) {
            let mut buffer = [0; 4096];
            let length =
                systemd.recv(&mut buffer).unwrap_or_else(|error| panic!("no {wanted}: {error}; heard:\n{heard}"));
            heard.push_str(&String::from_utf8_lossy(&buffer[..length]));
            heard.push('\n');
        }
        heard.clone()
    };
    let before = hear("READY=1");
    assert!(before.lines().any(|line| line.starts_with("STATUS=")), "{before}");
    node.terminate();
    hear("STOPPING=1");
    assert_eq!(node.end(), 0);
}

#[test]
fn a_reader_of_stderr_that_stalls_stalls_nothing_else() {
    let mut node = Node::new(8, "flood 200000");
    // Far more than a pipe holds, and nobody reads it until the end.
    node.run_with_stderr(Stdio::piped());
    let ready = node.status_with("ready", |status| status["node"]["ready"] == true);
    until(
        "the whole flood is drained",
        || node.path("run/mark-zookeeper-flooded").exists().then_some(()),
        || ready.to_string(),
    );
    node.terminate();
    assert_eq!(node.end(), 0);
}

#[test]
fn a_watched_status_is_a_report_a_second_until_nobody_reads() {
    let mut node = Node::new(10, "");
    node.run();
    node.status_with("ready", |status| status["node"]["ready"] == true);
    let mut watch = node.spawn(&["status", "--json", "--watch"]);
    let mut lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
    for _ in 0..2 {
        let line = lines.next().expect("a line").expect("text");
        let report: serde_json::Value = serde_json::from_str(&line).expect("a report");
        assert_eq!(report["node"]["name"], "n10");
    }
    drop(lines);
    let output = watch.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    node.terminate();
    assert_eq!(node.end(), 0);
}

#[test]
fn what_can_never_work_ends_with_78_before_anything_runs() {
    let mut node = Node::new(9, "");
    std::fs::write(node.path("data/myid"), "7\n").expect("written");
    node.run();
    assert_eq!(node.end(), 78);
    let log = node.log();
    assert!(log.contains("refused: zookeeper: ") && log.contains("myid says \"7\""), "{log}");
    assert_eq!(std::fs::read_to_string(node.path("data/myid")).expect("there"), "7\n");
    let (found, _, code) = node.cli(&["check"]);
    assert!(found.contains("myid says \"7\"") && code == 1, "{found}");
}
