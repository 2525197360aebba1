//! Real ZooKeeper 3.5.8 and Kafka 2.6.0 under real supervisors: starts in any order, quorum lost and found, stops, faults,
//! and the view that the gate judges.
//!
//! Run by `cargo xtask test`, which fetches the JVMs and their jars. One cluster runs at a time.

mod bed;
mod faults;
mod view;

use std::time::Duration;

use bed::{Bed, pid_of, waits_for};
use serde_json::Value;

const JAVA_11: &str = "KAFKA_NODE_TEST_JAVA_11";
const JAVA_17: &str = "KAFKA_NODE_TEST_JAVA_17";
const START: Duration = Duration::from_secs(150);
const STOP: Duration = Duration::from_secs(90);

fn ready(status: &Value) -> bool {
    status["node"]["ready"] == true
}

/// Stops the nodes in the same instant and asserts that every stop was clean and left nothing.
fn stop_all_cleanly(bed: &mut Bed, nodes: &[usize]) {
    nodes.iter().for_each(|n| bed.terminate(*n));
    for n in nodes {
        let status = bed.ended(*n, STOP);
        assert!(status.success(), "kafkanode{n} ended with {status}\n{}", bed.story(*n));
        assert!(bed.stopped_cleanly(*n), "kafkanode{n} left no .kafka_cleanshutdown\n{}", bed.story(*n));
    }
}

fn assert_nothing_left(bed: &Bed) {
    let left = bed.processes();
    assert!(left.is_empty(), "processes left behind: {left:#?}");
}

#[test]
fn three_nodes_started_in_reverse_order_serve_prove_it_and_stop_cleanly() {
    let mut bed = Bed::new("127.0.41", 3, JAVA_17, "");
    bed.start(3);
    let waiting =
        bed.until(3, "waiting for a quorum", START, |s| waits_for(s, "quorum") && s["node"]["state"] == "waiting");
    assert_eq!(waiting["services"]["kafka"]["state"], "waiting", "{waiting:#}");
    bed.start(2);
    bed.until(3, "ready on two of three", START, ready);
    bed.start(1);
    for n in [1, 2, 3] {
        let status = bed.until(n, "ready", START, ready);
        assert_eq!(status["services"]["kafka"]["restarts"], 0, "{status:#}");
        assert_eq!(status["services"]["zookeeper"]["restarts"], 0, "{status:#}");
    }
    let proof = bed.command(1).arg("verify").output().expect("kafka-node verify");
    let said = String::from_utf8_lossy(&proof.stdout).into_owned() + &String::from_utf8_lossy(&proof.stderr);
    assert!(proof.status.success(), "verify failed:\n{said}");
    stop_all_cleanly(&mut bed, &[1, 2, 3]);
    assert_nothing_left(&bed);
    // The stop is no accident of a fresh cluster: the same nodes start again on the same data, all at once.
    [1, 2, 3].iter().for_each(|n| bed.start(*n));
    [1, 2, 3].iter().for_each(|n| drop(bed.until(*n, "ready again", START, ready)));
    stop_all_cleanly(&mut bed, &[1, 2, 3]);
    assert_nothing_left(&bed);
}

#[test]
fn a_node_alone_for_forty_seconds_serves_once_the_others_come_and_outlives_their_loss() {
    let mut bed = Bed::new("127.0.42", 3, JAVA_11, "");
    bed.start(1);
    let alone =
        bed.until(1, "waiting for a quorum", START, |s| waits_for(s, "quorum") && pid_of(s, "zookeeper").is_some());
    let zookeeper = pid_of(&alone, "zookeeper");
    bed.throughout(1, "waiting with the same ZooKeeper and no broker", Duration::from_secs(40), |s| {
        pid_of(s, "zookeeper") == zookeeper && pid_of(s, "kafka").is_none() && s["node"]["ready"] == false
    });
    let text = bed.status(1)["node"]["status"].to_string();
    assert!(text.contains("kafkanode2") && text.contains("kafkanode3"), "the missing members are not named: {text}");
    bed.start(2);
    bed.start(3);
    for n in [1, 2, 3] {
        let status = bed.until(n, "ready", START, ready);
        assert_eq!(status["services"]["kafka"]["restarts"], 0, "{status:#}");
    }
    // The quorum is lost elsewhere for longer than a broker's session lives: nothing is restarted here.
    let before = bed.status(1);
    assert_eq!(pid_of(&before, "zookeeper"), zookeeper, "ZooKeeper was restarted while alone: {before:#}");
    // The second one's going would cost node 1 its quorum: it stays for that, until somebody insists.
    bed.terminate(2);
    bed.terminate(3);
    bed.until_one_waits(&[2, 3], "other-brokers", STOP);
    stop_all_cleanly(&mut bed, &[2, 3]);
    bed.until(1, "degraded", START, |s| s["node"]["state"] == "degraded" && waits_for(s, "quorum"));
    bed.throughout(1, "the same two JVMs", Duration::from_secs(25), |s| {
        pid_of(s, "zookeeper") == pid_of(&before, "zookeeper") && pid_of(s, "kafka") == pid_of(&before, "kafka")
    });
    bed.start(3);
    let after = bed.until(1, "ready again", START, ready);
    assert_eq!(pid_of(&after, "kafka"), pid_of(&before, "kafka"), "the broker was restarted: {after:#}");
    bed.until(3, "ready again", START, ready);
    stop_all_cleanly(&mut bed, &[1, 3]);
    assert_nothing_left(&bed);
}

#[test]
fn a_sigterm_during_the_start_is_deferred_and_the_stop_is_clean() {
    let mut bed = Bed::new("127.0.43", 1, JAVA_17, "");
    bed.start(1);
    bed.until(1, "starting kafka", START, |s| {
        s["services"]["kafka"]["state"] == "starting" && pid_of(s, "kafka").is_some()
    });
    bed.terminate(1);
    bed.until(1, "deferring the stop", START, |s| waits_for(s, "stop-deferred"));
    let status = bed.ended(1, STOP);
    assert!(status.success(), "ended with {status}\n{}", bed.story(1));
    assert!(bed.stopped_cleanly(1), "no .kafka_cleanshutdown\n{}", bed.story(1));
    assert_nothing_left(&bed);
}
