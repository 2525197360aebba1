//! A real journald, in a mount namespace of its own, and what arrives in it of what the log thread sends: by the same code as
//! production, from a process beside it.
//!
//! Absent on purpose: framing and folding (`logs` has tests of its own), and systemd 219 (its protocol is the same; what differs,
//! the missing memfd, is taken away here).

#[path = "journald/bed.rs"]
mod bed;
#[path = "journald/catalog.rs"]
mod catalog;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bed::{Bed, Conditions, Memfd, Socket, Spoken, message};
use nix::sys::signal::Signal;
use serde_json::Value;

/// No send may keep its caller longer: far below what blocks, far above what a busy machine needs.
const AT_ONCE: Duration = Duration::from_millis(1_000);

#[test]
fn every_field_arrives_and_a_stack_trace_is_one_entry() {
    let mut bed = Bed::new(&Conditions::default());
    bed.start_journald();
    let mut sender = bed.sender(Memfd::Present);
    sender.ask("full");
    let entries = bed.until("one entry", |entries| !entries.is_empty());
    let fields = [
        ("PRIORITY", "3"),
        ("SYSLOG_IDENTIFIER", "kafka"),
        ("LOGGER", "kafka.log.LogManager"),
        ("THREAD", "kafka-scheduler-1"),
        ("EXCEPTION", "java.lang.IllegalStateException"),
        ("SYSLOG_TIMESTAMP", "2020-08-06 10:11:12,345"),
        ("KAFKA_BROKER_ID", "2"),
        ("KAFKA_NODE_RUN", "ab"),
        ("KAFKA_NODE_FOLDED", "4211"),
    ];
    for (name, value) in fields {
        assert_eq!(entries[0][name], value, "{name} of {}", entries[0]);
    }
    assert_eq!(entries[0]["MESSAGE_ID"], kafka_node::model::EventId::ENDED_AGAIN.to_string());
    let trace = "Error while flushing log ü\njava.io.IOException: No space left on device\n\tat a.B.c(B.java:1)\n\
                 Caused by: java.lang.IllegalStateException: x=1\n\t... 3 more";
    assert_eq!(message(&entries[0]), trace);
    // What has no value is no field.
    sender.ask("text info 20 plain");
    let entries = bed.until("two entries", |entries| entries.len() == 2);
    for name in ["LOGGER", "THREAD", "EXCEPTION", "SYSLOG_TIMESTAMP", "MESSAGE_ID", "KAFKA_NODE_FOLDED"] {
        assert_eq!(entries[1].get(name), None, "{name}");
    }
    assert_eq!(flush(&mut sender), "Some(All) dropped 0");
    let complaints = sender.complaints();
    assert_eq!(complaints, "");
}

#[test]
fn large_entries_arrive_whole() {
    check_large(Memfd::Present, true);
}

#[test]
fn large_entries_arrive_whole_on_a_kernel_without_memfd() {
    check_large(Memfd::Missing, true);
}

#[test]
fn large_entries_arrive_in_parts_where_there_is_no_other_way() {
    check_large(Memfd::Missing, false);
}

/// One datagram takes 425,952 bytes; beyond it a memfd, a file or parts are needed.
fn check_large(memfd: Memfd, shared_memory: bool) {
    let mut bed = Bed::new(&Conditions { shared_memory, ..Conditions::default() });
    bed.start_journald();
    let mut sender = bed.sender(memfd);
    let sizes = [100_000, 300_000, 425_000, 600_000, 1_500_000];
    for size in sizes {
        sender.ask(&format!("text error {size} large-{size}"));
    }
    sender.ask("text info 20 last");
    let whole = memfd == Memfd::Present || shared_memory;
    let entries = bed.until("the last entry", |entries| entries.iter().any(|entry| message(entry).starts_with("last")));
    for size in sizes {
        let (text, parts) = put_together(&entries, size);
        assert_eq!(text.len(), size, "{size} bytes");
        assert!(text == expected(size), "{size} bytes are not those that were sent");
        assert_eq!(parts == 1, whole || size < 425_952, "{size} bytes in {parts} entries");
    }
    assert!(entries.iter().all(|entry| message(entry).starts_with("last") || entry["PRIORITY"] == "3"));
    assert_eq!(flush(&mut sender), "Some(All) dropped 0");
    assert_eq!(sender.complaints(), "");
}

/// The text of the large entry of `size` bytes, and in how many entries it came.
fn put_together(entries: &[Value], size: usize) -> (String, usize) {
    let tag = format!("large-{size}\n");
    let first = entries.iter().position(|entry| message(entry).starts_with(&tag));
    let first = first.unwrap_or_else(|| panic!("no entry of {size} bytes"));
    let Some(part) = entries[first]["KAFKA_NODE_PART"].as_str() else {
        return (message(&entries[first]).to_owned(), 1);
    };
    let count: usize = part.strip_prefix("1/").and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{part}"));
    let parts = &entries[first..first + count];
    for (index, entry) in parts.iter().enumerate() {
        assert_eq!(entry["KAFKA_NODE_PART"], format!("{}/{count}", index + 1));
        assert_eq!(entry["KAFKA_NODE_RUN"], "7", "a part has the fields of the whole");
    }
    (parts.iter().map(message).collect(), count)
}

/// What tests/support/journal_child.rs makes of `text error SIZE large-SIZE`.
fn expected(size: usize) -> String {
    let mut text = format!("large-{size}\n");
    text.extend((1..=size / 100 + 1).map(|line| format!("{line:0>99}\n")));
    text.truncate(size);
    text
}

/// Records of INFO that the entries stand for.
fn infos(entries: &[Value]) -> usize {
    let count = |entry: &Value| entry["KAFKA_NODE_FOLDED"].as_str().map_or(1, |count| count.parse().unwrap_or(0));
    entries.iter().filter(|entry| entry["PRIORITY"] == "6" && entry["SYSLOG_IDENTIFIER"] == "kafka").map(count).sum()
}

#[test]
fn errors_are_kept_in_a_flood_of_info() {
    // The limits of 219.
    let settings = "RateLimitIntervalSec=30s\nRateLimitBurst=1000";
    let mut bed = Bed::new(&Conditions { settings, ..Conditions::default() });
    bed.start_journald();
    let mut sender = bed.sender(Memfd::Present);
    for n in 0..98 {
        sender.ask("flood 204 flood");
        sender.ask(&format!("cry error-{n}-"));
    }
    let errors = |entries: &[Value]| entries.iter().filter(|entry| entry["PRIORITY"] == "3").count();
    let entries = bed.until("98 errors", |entries| errors(entries) >= 98);
    let kept: BTreeSet<String> = (entries.iter().filter(|entry| entry["PRIORITY"] == "3"))
        .map(|entry| message(entry).split('\n').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(kept, (0..98).map(|n| format!("error-{n}-")).collect());
    // What journald throws away it says itself; here nothing is left for it to throw away, and nothing is missing.
    sender.ask("flush 20000");
    let entries = bed.until("every record, whole or in a count", |entries| infos(entries) >= 98 * 204);
    assert_eq!(infos(&entries), 98 * 204);
    let whole = entries.iter().filter(|entry| entry["PRIORITY"] == "6" && entry["KAFKA_NODE_FOLDED"].is_null()).count();
    assert!(whole < 1000, "{whole} records of INFO within 30 s: journald limited nothing, so nothing was proved");
    assert!(!entries.iter().any(|entry| message(entry).contains("uppressed")), "journald threw something away");
}

#[test]
fn a_journald_that_is_killed_and_started_again_misses_nothing_where_systemd_holds_its_socket() {
    let mut bed = Bed::new(&Conditions::default());
    bed.start_journald();
    let mut sender = bed.sender(Memfd::Present);
    for round in 0..3 {
        let tag = format!("round-{round}");
        sender.say(&format!("stream 3000 300 {tag}"));
        bed.until("the stream begins", |entries| count(entries, &tag) >= 200);
        bed.kill_journald();
        bed.start_journald();
        let longest = micros(&sender.hear());
        assert!(longest < AT_ONCE, "a send kept its caller for {longest:?}");
        sender.ask(&format!("text info 20 end-{round}"));
        let end = format!("end-{round}");
        let entries = bed.until("the end", |entries| count(entries, &end) == 1);
        let missing = missing(numbers(&entries, &tag), 3000);
        // What journald had read and not yet written dies with it.
        assert!(missing.len() <= 1, "lost: {missing:?}");
    }
    assert_eq!(flush(&mut sender), "Some(All) dropped 0");
    assert_eq!(sender.complaints(), "");
}

#[test]
fn without_a_socket_stderr_takes_over_until_a_new_journald_listens() {
    let mut bed = Bed::new(&Conditions { socket: Socket::Own, ..Conditions::default() });
    bed.start_journald();
    let mut sender = bed.sender(Memfd::Present);
    sender.say("stream 1000 500 stream");
    bed.until("the stream begins", |entries| count(entries, "stream") >= 100);
    bed.kill_journald();
    sender.hear();
    bed.start_journald();
    // The old socket is still in the file system until the new one takes its place; the sender tries again each 5 s.
    let mut after = 0;
    let entries = bed.until("an entry after the return", |entries| {
        let arrived = count(entries, "after") > 0;
        if !arrived {
            sender.ask(&format!("stream 1 0 after-{after}"));
            after += 1;
        }
        arrived
    });
    // All that is sent from here on arrives.
    sender.ask("stream 500 0 then");
    assert_eq!(flush(&mut sender), "Some(All) dropped 0");
    let late = bed.until("all of the second stream", |entries| count(entries, "then") == 500);
    assert_eq!(missing(numbers(&late, "then"), 500), Vec::<u64>::new());
    let stderr = sender.complaints();
    assert!(stderr.contains("kafka-node: WARN the journal takes no records, they go to stderr: "), "{stderr}");
    assert!(stderr.contains("kafka-node: INFO the journal takes records again\n"), "{stderr}");
    let on_stderr = |tag: &str| -> Vec<u64> {
        let lead = format!("kafka: {tag} ");
        stderr.lines().filter_map(|line| line.strip_prefix(&lead)?.parse().ok()).collect()
    };
    let mut all = numbers(&entries, "stream");
    all.extend(on_stderr("stream"));
    // What stood in the socket's queue (at most net.unix.max_dgram_qlen) and in journald's hands died with it.
    let lost = missing(all.clone(), 1000);
    assert!(lost.len() <= 12, "lost: {lost:?}");
    assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len(), "said twice");
}

#[test]
fn a_journald_that_hangs_loses_nothing_and_keeps_nobody_waiting() {
    let mut bed = Bed::new(&Conditions::default());
    bed.start_journald();
    let mut sender = bed.sender(Memfd::Present);
    sender.ask("stream 10 0 before");
    bed.until("it works", |entries| count(entries, "before") == 10);
    bed.signal(Signal::SIGSTOP);
    let (begun, mut ticks, mut longest) = (Instant::now(), 0, Duration::ZERO);
    while begun.elapsed() < Duration::from_secs(3) {
        longest = longest.max(micros(&sender.ask(&format!("stream 20 0 tick-{ticks}-"))));
        ticks += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    sender.ask("text error 300000 large-300000");
    assert!(longest < AT_ONCE, "a send kept its caller for {longest:?}");
    let before = bed.entries().len();
    assert_eq!(before, 10, "a stopped journald wrote");
    bed.signal(Signal::SIGCONT);
    sender.ask("text info 20 end");
    let entries = bed.until("the end", |entries| count(entries, "end") == 1);
    for tick in 0..ticks {
        assert_eq!(missing(numbers(&entries, &format!("tick-{tick}-")), 20), Vec::<u64>::new(), "tick {tick}");
    }
    assert_eq!(put_together(&entries, 300_000), (expected(300_000), 1));
    assert_eq!(flush(&mut sender), "Some(All) dropped 0");
    assert_eq!(sender.complaints(), "");
}

#[test]
fn a_node_that_ends_while_journald_hangs_ends_in_time() {
    let mut bed = Bed::new(&Conditions::default());
    bed.start_journald();
    let mut sender = bed.sender(Memfd::Present);
    bed.signal(Signal::SIGSTOP);
    sender.ask("stream 500 0 stream");
    let begun = Instant::now();
    let flushed = sender.ask("flush 300");
    assert!(flushed.starts_with("Some(Left("), "{flushed}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn without_a_journald_stderr_gets_all_of_it() {
    let bed = Bed::new(&Conditions { socket: Socket::Own, ..Conditions::default() });
    let mut sender = bed.sender(Memfd::Missing);
    sender.ask("stream 3 0 line");
    sender.ask("text error 50000 large");
    assert_eq!(flush(&mut sender), "Some(All) dropped 0");
    let stderr = sender.complaints();
    let (head, rest) = stderr.split_once('\n').expect("lines");
    assert!(head.starts_with("kafka-node: WARN the journal takes no records, they go to stderr: "), "{head}");
    assert!(rest.starts_with("kafka: line 0\nkafka: line 1\nkafka: line 2\nkafka: large\n"), "{rest}");
    let lines = rest.lines().skip(4).map(|line| line.strip_prefix("kafka: ").expect("a name before each line"));
    assert_eq!(
        lines.map(|line| line.len() + 1).sum::<usize>(),
        50_000 - "large\n".len() + 1,
        "a part of it is missing"
    );
}

fn flush(sender: &mut Spoken) -> String {
    sender.ask("flush 60000")
}

fn micros(answer: &str) -> Duration {
    Duration::from_micros(answer.parse().unwrap_or_else(|_| panic!("no time: {answer:?}")))
}

fn count(entries: &[Value], tag: &str) -> usize {
    entries.iter().filter(|entry| message(entry).starts_with(tag)).count()
}

/// The numbers behind `tag`, in the order of their entries.
fn numbers(entries: &[Value], tag: &str) -> Vec<u64> {
    let lead = format!("{tag} ");
    entries.iter().filter_map(|entry| message(entry).strip_prefix(&lead)?.parse().ok()).collect()
}

/// Which of 0 to `end` are not there.
fn missing(numbers: Vec<u64>, end: u64) -> Vec<u64> {
    let there: BTreeSet<u64> = numbers.into_iter().collect();
    (0..end).filter(|n| !there.contains(n)).collect()
}
