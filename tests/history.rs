//! The history: an entry as a line, the files through power cuts, full disks and rotation, and what a real node leaves in it.
//!
//! Absent on purpose: how it is printed (`tests/cli.rs`), and a real power cut: a torn file stands for one. A second writer
//! is kept out by the node's lock, as `tests/run.rs` shows; here only that it leaves the history as it was.

#[allow(dead_code)] // the other half is for `run.rs`
#[path = "run/node.rs"]
mod node;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka_node::model::{ExitCause, Notice, Role, RunId, SignalReason, StopCause};
use kafka_node::notify::history::History;
use kafka_node::notify::history_entry::{Entry, Kind, SupervisorEnd, entry_of};
use kafka_node::notify::history_file::{ROTATE_AT, Told, read};
use node::{Node, PATIENCE, until};
use proptest::prelude::*;

const AT: &str = "2026-01-01T00:00:00.000Z";

type Said = Arc<Mutex<Vec<String>>>;

/// A history in `dir`, and what it says.
fn open(dir: &Path) -> (History, Said) {
    let said = Said::default();
    let heard = Arc::clone(&said);
    let history = History::open(dir, move |_, text| heard.lock().expect("whole").push(text.to_owned()));
    (history.expect("a thread"), said)
}

fn told(dir: &Path) -> Told {
    read(dir).expect("readable")
}

fn texts(told: &Told) -> Vec<&str> {
    told.entries.iter().map(|entry| entry.text.as_str()).collect()
}

fn entry(text: &str) -> Entry {
    Entry::new(AT, Kind::End, text)
}

/// Writes `text` as an entry, and waits until it is on disk.
fn write(dir: &Path, text: &str) {
    let (history, _) = open(dir);
    history.note(entry(text));
    assert_eq!(history.finish(PATIENCE), 0);
}

fn entries() -> impl Strategy<Value = Entry> {
    let text = || proptest::string::string_regex("(?s).{0,80}").expect("a pattern");
    let maybe = || proptest::option::of(text());
    let numbers = (proptest::option::of(any::<i32>()), proptest::option::of(any::<u64>()));
    (text(), text(), maybe(), maybe(), maybe(), text(), maybe(), numbers).prop_map(
        |(at, kind, service, run, cause, text, boot, (pid, lived_ms))| Entry {
            at,
            kind,
            service,
            run,
            pid,
            cause,
            text,
            lived_ms,
            boot,
        },
    )
}

proptest! {
    #[test]
    fn any_entry_is_one_line_and_comes_back_from_it(entry in entries()) {
        let line = entry.line();
        prop_assert!(!line.contains('\n'), "{line}");
        prop_assert_eq!(Entry::from_line(line.as_bytes()), Some(entry));
    }

    #[test]
    fn no_part_of_a_line_but_the_whole_is_an_entry(entry in entries(), at in any::<proptest::sample::Index>()) {
        let line = entry.line();
        prop_assert_eq!(Entry::from_line(&line.as_bytes()[..at.index(line.len())]), None);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("history"), bytes).expect("written");
        let _ = read(dir.path());
    }
}

#[test]
fn what_a_notice_leaves_is_this() {
    let (role, run) = (Role::Kafka, RunId(0xa1));
    let lived = Duration::from_millis(2500);
    let notices = [
        (
            Notice::Spawned { role, run, pid: 77 },
            r#""kind":"start","service":"kafka","run":"a1","pid":77,"text":"kafka runs as pid 77 (run a1)""#,
        ),
        (
            Notice::Ended {
                role,
                run,
                cause: ExitCause::Signal(9),
                lived,
                again_in: Some(Duration::ZERO),
                last_lines: Vec::new(),
            },
            r#""kind":"end","service":"kafka","run":"a1","cause":"signal","text":"kafka ended after 2.5 s (run a1): SIGKILL from outside; starts again in 0.0 s","lived_ms":2500"#,
        ),
        (
            Notice::Terminates { role, run, reason: SignalReason::Stop },
            r#""kind":"terminate","service":"kafka","run":"a1","cause":"stop","text":"SIGTERM to kafka (run a1): the node stops""#,
        ),
        (
            Notice::Kills { role, run, reason: SignalReason::GraceOver },
            r#""kind":"kill","service":"kafka","run":"a1","cause":"grace-over","text":"SIGKILL to kafka (run a1): the grace of the stop is over and it makes no progress""#,
        ),
        (
            Notice::StopBegins { cause: StopCause::Command { uid: 0 } },
            r#""kind":"stop","cause":"asked","text":"stop asked for by kafka-node stop (uid 0)""#,
        ),
        (
            Notice::Stopped { clean: false },
            r#""kind":"stop","cause":"unclean","text":"everything stopped, and not all of it cleanly""#,
        ),
    ];
    for (notice, expected) in notices {
        let line = entry_of(AT, &notice).map(|entry| entry.line());
        assert_eq!(line, Some(format!(r#"{{"at":"{AT}",{expected}}}"#)));
    }
    assert_eq!(entry_of(AT, &Notice::QuorumLost), None);
    assert_eq!(entry_of(AT, &Notice::Starts { role, run }), None);
}

#[test]
fn a_supervisor_that_starts_knows_how_the_one_before_it_went() {
    let start = |boot, before: Option<&Entry>| Entry::supervisor_start(AT, 20, Some(boot), before);
    let first = Entry { pid: Some(10), ..start("b1", None) };
    let ended = Entry::supervisor_end(AT, 10, &SupervisorEnd::Clean);
    let check = |entry: &Entry, cause: &str, words: &str| {
        assert_eq!(entry.cause.as_deref(), Some(cause));
        assert!(entry.text.ends_with(words), "{}", entry.text);
    };
    check(&first, "first", "(pid 20), the first that this record knows");
    check(&start("b1", Some(&ended)), "after-end", "starts (pid 20)");
    check(&start("b1", Some(&first)), "after-death", "; the one before it (pid 10) died without a word");
    check(&start("b2", Some(&first)), "after-power-loss", "; the machine went down under the one before it (pid 10)");
}

#[test]
fn a_sentence_without_an_end_is_cut_and_says_so() {
    let long = entry(&"x".repeat(5000));
    assert!(long.text.ends_with("x [2952 more bytes]"), "{}", long.text);
    assert!(long.line().len() < 3000);
}

#[test]
fn a_tail_torn_at_any_byte_costs_that_line_alone_and_the_next_entry_is_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    for text in ["one", "two", "three \u{e9}\n\"quoted\""] {
        write(dir.path(), text);
    }
    let whole = fs::read(dir.path().join("history")).expect("there");
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("several lines") + 1;
    for cut in last..=whole.len() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("history"), &whole[..cut]).expect("written");
        let kept = if cut >= whole.len() - 1 { 3 } else { 2 };
        let torn = told(dir.path());
        assert_eq!((torn.entries.len(), torn.not_understood), (kept, 0), "cut at {cut}");
        write(dir.path(), "after");
        let mended = told(dir.path());
        assert_eq!(mended.entries.len(), kept + 1, "cut at {cut}");
        assert_eq!(texts(&mended).last(), Some(&"after"), "cut at {cut}");
        assert_eq!(mended.not_understood, u32::from(cut > last && kept == 2), "cut at {cut}");
    }
}

#[test]
fn a_head_torn_at_any_byte_costs_no_entry() {
    let head = "kafka-node history 1\n";
    for cut in 0..=head.len() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("history"), &head[..cut]).expect("written");
        write(dir.path(), "after");
        assert_eq!(texts(&told(dir.path())), ["after"], "cut at {cut}");
    }
}

#[test]
fn it_never_grows_beyond_two_files_and_a_reader_beside_the_pen_sees_no_gap() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().to_owned();
    let done = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&done);
    let numbers = |told: &Told| -> Vec<u64> {
        assert_eq!(told.not_understood, 0);
        texts(told).iter().map(|text| text.split(' ').next().and_then(|n| n.parse().ok()).expect("a number")).collect()
    };
    let contiguous = |numbers: &[u64]| numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    let reader = std::thread::spawn(move || {
        let mut looks = 0;
        while !over.load(Ordering::SeqCst) {
            let seen = numbers(&told(&path));
            assert!(contiguous(&seen), "{seen:?}");
            looks += 1;
        }
        looks
    });
    let (rounds, each) = (8, 200);
    for round in 0..rounds {
        let (history, said) = open(dir.path());
        for n in 0..each {
            history.note(entry(&format!("{} {}", round * each + n, "x".repeat(1500))));
        }
        assert_eq!(history.finish(PATIENCE), 0);
        assert_eq!(*said.lock().expect("whole"), Vec::<String>::new());
    }
    done.store(true, Ordering::SeqCst);
    assert!(reader.join().expect("no gap") > 0);
    let seen = numbers(&told(dir.path()));
    assert!(contiguous(&seen) && seen.last() == Some(&(rounds * each - 1)), "{seen:?}");
    let sizes: Vec<u64> =
        ["history.1", "history"].map(|name| fs::metadata(dir.path().join(name)).expect("there").len()).into();
    assert!(sizes.iter().all(|size| *size <= ROTATE_AT), "{sizes:?}");
    assert!(sizes[0] > ROTATE_AT - 2000, "the older file is full: {sizes:?}");
    assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 2);
    for name in ["history.1", "history"] {
        let text = fs::read_to_string(dir.path().join(name)).expect("text");
        assert!(text.starts_with("kafka-node history 1\n{"), "{name}");
    }
}

#[test]
fn a_full_disk_is_said_once_and_what_waited_is_written_when_there_is_room() {
    let dir = tempfile::tempdir().expect("a directory");
    symlink("/dev/full", dir.path().join("history")).expect("linked");
    let (history, said) = open(dir.path());
    history.note(entry("first"));
    let words = || said.lock().expect("whole").clone();
    until("the refusal", || (!words().is_empty()).then_some(()), || format!("{:?}", words()));
    history.note(entry("second"));
    assert_eq!(history.recent().len(), 2, "status shows what could not be written");
    fs::remove_file(dir.path().join("history")).expect("there is room");
    assert_eq!(history.finish(PATIENCE), 0);
    assert_eq!(texts(&told(dir.path())), ["first", "second"]);
    let words = words();
    assert!(
        words[0].contains("cannot be written: No space left") && words[0].ends_with("; the node goes on"),
        "{words:?}"
    );
    assert_eq!(words[1..], ["the history is written again"]);
}

#[test]
fn what_found_no_room_while_the_disk_was_full_is_counted_and_said() {
    let dir = tempfile::tempdir().expect("a directory");
    symlink("/dev/full", dir.path().join("history")).expect("linked");
    let (history, said) = open(dir.path());
    for n in 0..300 {
        history.note(entry(&n.to_string()));
    }
    let words = || said.lock().expect("whole").clone();
    until("the refusal", || (!words().is_empty()).then_some(()), || format!("{:?}", words()));
    fs::remove_file(dir.path().join("history")).expect("there is room");
    assert_eq!(history.finish(PATIENCE), 0);
    assert_eq!(words()[1..], ["the history is written again; 44 entries are missing"]);
    assert_eq!(texts(&told(dir.path())).last(), Some(&"255"));
}

#[test]
fn a_disk_that_stays_full_ends_nothing_and_is_said_once() {
    let dir = tempfile::tempdir().expect("a directory");
    symlink("/dev/full", dir.path().join("history")).expect("linked");
    let (history, said) = open(dir.path());
    for n in 0..300 {
        history.note(entry(&n.to_string()));
    }
    assert_eq!(history.finish(PATIENCE), 256);
    assert_eq!(said.lock().expect("whole").len(), 1);
    history.note(entry("too late"));
    assert_eq!(history.recent().len(), 10);
    assert_eq!(told(dir.path()), Told::default());
}

#[test]
fn what_was_flushed_is_on_disk_and_more_may_follow() {
    let dir = tempfile::tempdir().expect("a directory");
    let (history, _) = open(dir.path());
    for text in ["one", "two"] {
        history.note(entry(text));
        assert_eq!(history.flush(PATIENCE), 0);
        assert_eq!(texts(&told(dir.path())).last(), Some(&text));
    }
    symlink("/dev/full", dir.path().join("full")).expect("linked");
    fs::rename(dir.path().join("full"), dir.path().join("history")).expect("replaced");
    history.note(entry("three"));
    assert_eq!(history.flush(Duration::from_millis(200)), 1, "a full disk holds nobody up beyond the limit");
}

#[test]
fn a_history_that_somebody_removes_is_begun_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let (history, _) = open(dir.path());
    let seen = |text: &str| {
        until(text, || texts(&told(dir.path())).contains(&text).then_some(()), || format!("{:?}", told(dir.path())));
    };
    history.note(entry("removed"));
    seen("removed");
    fs::remove_file(dir.path().join("history")).expect("there");
    history.note(entry("kept"));
    seen("kept");
    assert_eq!(history.finish(PATIENCE), 0);
    assert_eq!(texts(&told(dir.path())), ["kept"]);
}

#[test]
fn garbage_and_words_of_a_later_version_are_passed_over_and_counted() {
    let dir = tempfile::tempdir().expect("a directory");
    let good = |n: u32| format!(r#"{{"at":"{AT}","kind":"leap","text":"{n}","new":{{"a":[1]}},"pid":null}}"#);
    let mut bytes = format!("kafka-node history 3\n{}\nnot json\n{{\"at\":1}}\n\n", good(1)).into_bytes();
    bytes.extend(b"\xff\xfe\0\0\0\n");
    bytes.extend(format!("{}\nkafka-node history 1\n{}", good(2), &good(3)[..20]).bytes());
    fs::write(dir.path().join("history"), bytes).expect("written");
    let found = told(dir.path());
    assert_eq!(texts(&found), ["1", "2"]);
    assert_eq!(found.entries[0].kind, "leap");
    assert_eq!((found.not_understood, found.later), (4, Some(3)));
    let (history, said) = open(dir.path());
    history.note(entry("ours"));
    assert_eq!(history.finish(PATIENCE), 0);
    assert_eq!(texts(&told(dir.path())), ["1", "2", "ours"]);
    assert!(said.lock().expect("whole")[0].contains("4 lines were not understood"), "{said:?}");
}

#[test]
fn a_file_that_is_opened_under_both_names_is_read_once() {
    // As when it becomes the older one between two opens.
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), "once");
    fs::hard_link(dir.path().join("history"), dir.path().join("history.1")).expect("linked");
    assert_eq!(texts(&told(dir.path())), ["once"]);
}

#[test]
fn a_history_that_cannot_be_read_is_said_and_holds_up_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("history")).expect("in the way");
    let (history, said) = open(dir.path());
    history.note(entry("lost"));
    assert_eq!(history.finish(PATIENCE), 1);
    let said = said.lock().expect("whole").join("\n");
    assert!(said.contains("failed to read") && said.contains("cannot be written: Is a directory"), "{said}");
}

/// Kind and cause of each entry of a node.
fn story(node: &Node) -> Vec<(String, String)> {
    let entries = told(&node.path("state")).entries;
    entries.into_iter().map(|entry| (entry.kind, entry.cause.unwrap_or_default())).collect()
}

#[test]
fn a_node_tells_of_a_crash_and_of_its_own_death_after_both() {
    let mut node = Node::new(30, "");
    let (words, _, code) = node.cli(&["history"]);
    assert_eq!((words.as_str(), code), ("no history: kafka-node never ran here\n", 0));
    node.run();
    let first = node.jvm(&node.status_with("ready", |status| status["node"]["ready"] == true));
    node::kill(first, "KILL");
    let again = node.status_with("ready again", |status| {
        status["node"]["ready"] == true && status["services"]["zookeeper"]["restarts"] == 1
    });
    let kinds: Vec<_> =
        again["history"].as_array().expect("a list").iter().map(|entry| entry["kind"].clone()).collect();
    assert_eq!(kinds, ["supervisor-start", "start", "end", "start"], "{again}");
    let before = story(&node);
    let (_, _, code) = node.cli(&["run"]);
    assert_eq!((code, story(&node)), (75, before), "a second supervisor wrote into the history");
    node::kill(node.pid(), "KILL");
    node.end_by_signal();
    let (words, _, code) = node.cli(&["history"]);
    assert!(words.contains("SIGKILL from outside") && code == 0, "{words}");
    node.run();
    let adopted = node.status_with("ready after its own death", |status| status["node"]["ready"] == true);
    assert_eq!(node.jvm(&adopted), node.jvm(&again), "{adopted}");
    // What this supervisor never saw, from the one before it.
    let (words, _, _) = node.cli(&["status"]);
    assert!(words.contains("earlier ends, kills and fences") && words.contains("SIGKILL from outside"), "{words}");
    node.terminate();
    assert_eq!(node.end(), 0);
    let story = story(&node);
    let told: Vec<(&str, &str)> = story.iter().map(|(kind, cause)| (kind.as_str(), cause.as_str())).collect();
    assert_eq!(
        told,
        [
            ("supervisor-start", "first"),
            ("start", ""),
            ("end", "signal"),
            ("start", ""),
            ("supervisor-start", "after-death"),
            ("adopt", ""),
            ("stop", "asked"),
            ("terminate", "stop"),
            ("end", "stopped"),
            ("stop", "clean"),
            ("supervisor-end", "clean"),
        ]
    );
    let (words, _, _) = node.cli(&["history", "--json", "--lines", "1"]);
    let last: serde_json::Value = serde_json::from_str(&words).expect("json");
    assert_eq!(last["history"][0]["kind"], "supervisor-end", "{words}");
}
