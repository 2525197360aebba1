//! Deaths and hangs of real JVMs and of their supervisor, on one node: what follows is fenced, restarted or adopted, and the
//! stop afterwards is as clean as ever. How long each takes is measured elsewhere (`cargo xtask bench faults`).

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::bed::{Bed, pid_of, signal};
use crate::{JAVA_11, JAVA_17, START, assert_nothing_left, ready, stop_all_cleanly};

fn pid(status: &Value, service: &str) -> u32 {
    pid_of(status, service)
        .and_then(|pid| u32::try_from(pid).ok())
        .unwrap_or_else(|| panic!("no {service}: {status:#}"))
}

fn supervisor(status: &Value) -> u32 {
    status["node"]["supervisor_pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a supervisor's pid")
}

/// Ready, and the broker has been started so many times after the first.
fn ready_after(restarts: u64) -> impl Fn(&Value) -> bool {
    move |status| ready(status) && status["services"]["kafka"]["restarts"] == restarts
}

#[test]
fn a_killed_and_a_frozen_broker_are_fenced_and_serve_again_and_zookeeper_is_left_alone() {
    let mut bed = Bed::new("127.0.44", 1, JAVA_11, "");
    bed.start(1);
    let before = bed.until(1, "ready", START, ready);
    signal(pid(&before, "kafka"), Signal::SIGKILL);
    let after = bed.until(1, "ready after the kill", START, ready_after(1));
    assert_eq!(after["services"]["kafka"]["last_exit"]["cause"], "signal", "{after:#}");
    signal(pid(&after, "kafka"), Signal::SIGSTOP);
    let thawed = bed.until(1, "ready after the freeze", START, ready_after(2));
    assert_eq!(thawed["services"]["kafka"]["last_exit"]["cause"], "frozen", "{thawed:#}");
    assert_eq!(pid(&thawed, "zookeeper"), pid(&before, "zookeeper"), "ZooKeeper was touched: {thawed:#}");
    let log = bed.log_text(1);
    assert!(!log.contains("NodeExists"), "a broker was started against its own registration\n{}", bed.story(1));
    assert_eq!(log.matches("registration of the dead broker").count(), 2, "not fenced twice\n{}", bed.story(1));
    stop_all_cleanly(&mut bed, &[1]);
    assert_nothing_left(&bed);
}

#[test]
fn a_supervisor_that_is_killed_or_reloaded_costs_no_jvm_and_what_dies_meanwhile_is_fenced_by_the_next() {
    let mut bed = Bed::new("127.0.45", 1, JAVA_17, "");
    bed.start(1);
    let first = bed.until(1, "ready", START, ready);
    let jvms = |status: &Value| (pid(status, "zookeeper"), pid(status, "kafka"));

    signal(supervisor(&first), Signal::SIGKILL);
    bed.ended(1, Duration::from_secs(30));
    assert_eq!(bed.processes().len(), 2, "both JVMs live on: {:#?}", bed.processes());
    bed.start(1);
    let adopted = bed.until(1, "ready again", START, ready);
    assert_eq!(jvms(&adopted), jvms(&first), "other JVMs\n{}", bed.story(1));
    assert_eq!(adopted["services"]["kafka"]["restarts"], 0, "{adopted:#}");

    signal(supervisor(&adopted), Signal::SIGHUP);
    let reloaded = bed.until(1, "reloaded", START, |status| {
        ready(status) && bed.log_text(1).matches("of an earlier kafka-node adopted").count() >= 4
    });
    assert_eq!(supervisor(&reloaded), supervisor(&adopted), "the process stays");
    assert_eq!(jvms(&reloaded), jvms(&first), "other JVMs\n{}", bed.story(1));

    let good = fs::read_to_string(bed.config()).expect("the configuration");
    fs::write(bed.config(), format!("{good}nonsense = 1\n")).expect("a broken configuration");
    signal(supervisor(&reloaded), Signal::SIGHUP);
    bed.until(1, "refusing the reload", START, |_| bed.log_text(1).contains("reload refused")); // status needs the file too
    fs::write(bed.config(), good).expect("the configuration again");
    let unmoved = bed.status(1);
    assert!(ready(&unmoved) && jvms(&unmoved) == jvms(&first), "{}", bed.story(1));

    signal(supervisor(&reloaded), Signal::SIGKILL);
    bed.ended(1, Duration::from_secs(30));
    signal(pid(&first, "kafka"), Signal::SIGKILL);
    bed.start(1);
    let mended =
        bed.until(1, "ready with another broker", START, |s| ready(s) && pid(s, "kafka") != pid(&first, "kafka"));
    assert_eq!(pid(&mended, "zookeeper"), pid(&first, "zookeeper"), "{mended:#}");
    let log = bed.log_text(1);
    assert!(log.contains("registration of the dead broker"), "not fenced from the record\n{}", bed.story(1));
    assert!(!log.contains("NodeExists"), "a broker was started against its own registration\n{}", bed.story(1));
    stop_all_cleanly(&mut bed, &[1]);
    assert_nothing_left(&bed);
}
