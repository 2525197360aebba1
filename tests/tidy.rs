//! The house keeps its own order: rooms import one way, pure rooms are pure, one foreign crate lives in one room, and so on.
//!
//! Each rule is a function from one file to its complaints, with a self-test that shows a bad sample being caught. What
//! the tree owes at present stands in `OWED`, by rule and file: an entry that is not owed any more fails too, so the list
//! only shrinks. Absent on purpose: what clippy and rustc already hold (`missing_docs`, `unsafe_code`, `todo`).

use std::fs;
use std::path::Path;

/// Rules, and the files or folders (with a slash at the end) that break them at present. To be shortened, never lengthened
/// without a word in the commit.
const OWED: &[(&str, &str)] = &[];

/// Rooms from left to right, by rank. Rooms of one rank never import each other.
const ROOMS: &[(&str, u32)] = &[
    ("model", 0),
    ("config", 1),
    ("plan", 2),
    ("supervise", 3),
    ("gate", 3),
    ("logs", 3),
    ("observe", 4),
    ("process", 5),
    ("notify", 5),
    ("cluster", 5),
    ("host", 5),
    ("runtime", 6),
    ("cli", 7),
];

/// Rooms without a clock, file, socket, process, environment, thread or async; but for these files.
const PURE_ROOMS: &[&str] = &["model", "config", "plan", "supervise", "gate", "logs"];
const IMPURE_IN_PURE_ROOMS: &[&str] = &["src/config/loader.rs"];
/// Rooms of effects: one line in the room's `mod.rs` speaks for all its files.
const EFFECT_ROOMS: &[&str] = &["process", "notify", "cluster", "host", "runtime", "cli"];
/// Parsers in a room of probers.
const PURE_IN_OBSERVE: &[&str] = &[
    "src/observe/hsperf.rs",
    "src/observe/java_version.rs",
    "src/observe/recovery.rs",
    "src/observe/srvr.rs",
    "src/observe/wire.rs",
    "src/observe/wire_metadata.rs",
    "src/observe/wire_versions.rs",
];

/// What a pure file may not mention. `std::net`'s addresses are numbers and may be: its sockets may not.
const EFFECTS: &[&str] = &[
    "std::fs",
    "std::process",
    "std::env",
    "std::thread",
    "std::os",
    "io::stdin",
    "io::stdout",
    "io::stderr",
    "println!",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "ToSocketAddrs",
    "Instant",
    "SystemTime",
    "tokio::",
    "nix::",
    ".await",
    ".exists()",
    ".is_dir()",
    ".is_file()",
    ".read_dir()",
    ".canonicalize()",
];
const NOT_IN_PURE: &[&str] = &["HashMap", "HashSet", "async fn", "async move", "thread_local!", "static mut"];

/// Which room, or which file of one, may name a foreign crate.
const CRATES: &[(&str, &[&str])] = &[
    ("toml", &["config"]),
    ("memchr", &["src/logs/find.rs"]),
    // An entry of the history is one JSON object on disk and in `status`: one type for both.
    ("serde", &["cli", "runtime", "src/notify/history_entry.rs"]),
    // The registration of a broker is JSON too, and what nodes write for each other.
    (
        "serde_json",
        &[
            "gate",
            "runtime",
            "cli",
            "src/cluster/power_down.rs",
            "src/cluster/presence.rs",
            "src/cluster/registration.rs",
            "src/cluster/token.rs",
            "src/notify/history_entry.rs",
        ],
    ),
    // journald takes a large entry as an open file.
    ("nix", &["process", "observe", "host", "runtime", "src/notify/oversized.rs"]),
    ("libsystemd", &["notify"]),
    ("sd_notify", &["notify"]),
    ("signal_hook", &["runtime"]),
    ("signal_hook_tokio", &["runtime"]),
    ("futures_core", &["runtime"]),
    (
        "zookeeper_client",
        &[
            "src/cluster/zookeeper.rs",
            "src/cluster/fence.rs",
            "src/cluster/token.rs",
            "src/cluster/council.rs",
            "src/cluster/document.rs",
            "src/cluster/lock.rs",
            "src/cluster/presence.rs",
            "src/cluster/roll.rs",
            "src/cluster/power_down.rs",
            "src/cluster/view.rs",
        ],
    ),
    ("spawns_core", &["src/cluster/zookeeper.rs"]),
    ("kafka_protocol", &["cluster"]),
    ("bytes", &["cluster"]),
    ("clap", &["cli"]),
    // Said where there is no way to the log at hand; heard in notify/events alone.
    ("tracing", &["process", "observe", "cluster", "notify", "runtime", "cli"]),
    ("tokio", &["process", "observe", "cluster", "runtime", "cli"]),
];

const MOST_LINES: usize = 400;
/// A sleep this short is the pause between two looks of a test that polls; a longer one waits "long enough".
const LONGEST_POLL_MS: u64 = 50;

/// One file of `src` or `tests`.
struct Source {
    path: String,
    text: String,
    /// The `mod.rs` of its room gives the reason of the effects of a whole room.
    room_says: bool,
    /// The text without comments and the contents of strings, and without its own tests; lines stay where they were.
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        let without_tests = match text.find("#[cfg(test)]\nmod ") {
            Some(at) => &text[..at],
            None => text,
        };
        Source { path: path.to_owned(), text: text.to_owned(), room_says: false, code: blank(without_tests) }
    }

    /// The first folder below `src`; empty for `lib.rs` and `main.rs`.
    fn room(&self) -> &str {
        let inner = self.path.strip_prefix("src/").unwrap_or("");
        inner.split_once('/').map_or("", |(room, _)| room)
    }

    fn is_pure(&self) -> bool {
        let path = self.path.as_str();
        (PURE_ROOMS.contains(&self.room()) && !IMPURE_IN_PURE_ROOMS.contains(&path)) || PURE_IN_OBSERVE.contains(&path)
    }

    /// A file that holds nothing but tests of its neighbour.
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("tests.rs") || self.path.contains("/tests/")
    }

    /// Lines of code, numbered from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(i, line)| (i + 1, line))
    }
}

/// Blanks comments and what stands in strings, so that only code is judged. Lines keep their numbers.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let rest = &chars[i..];
        let end = match rest {
            ['/', '/', ..] => i + rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => {
                (i + 2..chars.len()).find(|n| chars[*n - 1] == '*' && chars[*n] == '/').map_or(chars.len(), |n| n + 1)
            }
            ['r', '"' | '#', ..] if !preceded_by_word(&chars, i) && raw_string(rest).is_some() => {
                i + raw_string(rest).unwrap_or(1)
            }
            ['"', ..] => string_end(&chars, i),
            ['\'', '\\', ..] => (i + 3..chars.len()).find(|n| chars[*n] == '\'').map_or(chars.len(), |n| n + 1),
            ['\'', _, '\'', ..] => i + 3,
            _ => {
                out.push(chars[i]);
                i += 1;
                continue;
            }
        };
        // What is blanked keeps its line ends, and a string keeps its quotes' place as a word of its own.
        out.push(' ');
        out.extend(chars[i..end].iter().filter(|c| **c == '\n'));
        i = end;
    }
    out
}

fn preceded_by_word(chars: &[char], i: usize) -> bool {
    i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '_')
}

/// How long the raw string at the beginning of `rest` is.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let body = 2 + hashes;
    let closes =
        |n: usize| rest[n] == '"' && rest[n + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (body..rest.len()).find(|n| closes(*n)).map(|n| n + 1 + hashes)
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

/// Whether `word` stands in `line` with no part of a name before or after it.
fn names(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let (first, last) = (word.chars().next().is_some_and(part), word.chars().last().is_some_and(part));
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(part);
        let after = line[at + word.len()..].chars().next().is_some_and(part);
        (!first || !before) && (!last || !after)
    })
}

type Complaints = Vec<String>;
type Rule = (&'static str, fn(&Source) -> Complaints);

const RULES: &[Rule] = &[
    ("every file says what it owns", every_file_says_what_it_owns),
    ("rooms import leftwards", rooms_import_leftwards),
    ("pure rooms are pure", pure_rooms_are_pure),
    ("effects give their reason", effects_give_their_reason),
    ("one crate in one room", one_crate_in_one_room),
    ("files are short", files_are_short),
    ("no panic without its invariant", no_panic_without_its_invariant),
    ("every state is written out", every_state_is_written_out),
    ("tests never sleep", tests_never_sleep),
];

fn every_file_says_what_it_owns(source: &Source) -> Complaints {
    let first = source.text.lines().next().unwrap_or("");
    if first.starts_with("//! ") { vec![] } else { vec![format!("1: opens with `{first}`, not with `//! `")] }
}

fn rooms_import_leftwards(source: &Source) -> Complaints {
    let rank = |name: &str| ROOMS.iter().find(|(room, _)| *room == name).map(|(_, rank)| *rank);
    let Some(own) = rank(source.room()) else { return vec![] };
    let mut complaints = vec![];
    for (number, line) in source.lines() {
        for (at, _) in line.match_indices("crate::").filter(|(at, _)| !line[..*at].ends_with("$")) {
            let rest = &line[at + "crate::".len()..];
            let list = rest.strip_prefix('{').map_or(rest, |inner| inner.split('}').next().unwrap_or(inner));
            let several = rest.starts_with('{');
            let targets = list.split(',').take(if several { usize::MAX } else { 1 });
            for target in
                targets.map(|t| t.trim().split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or(""))
            {
                match rank(target) {
                    Some(other) if target != source.room() && other >= own => {
                        complaints.push(format!("{number}: {} may not import {target}", source.room()));
                    }
                    Some(_) | None => {}
                }
            }
        }
    }
    complaints
}

fn pure_rooms_are_pure(source: &Source) -> Complaints {
    if !source.is_pure() {
        return vec![];
    }
    let words = EFFECTS.iter().chain(NOT_IN_PURE);
    let found = source.lines().flat_map(|(n, line)| words.clone().filter(move |w| names(line, w)).map(move |w| (n, w)));
    found.map(|(n, word)| format!("{n}: a pure file mentions `{word}`")).collect()
}

fn effects_give_their_reason(source: &Source) -> Complaints {
    let says = gives_reason(&source.text);
    let effect = source.lines().find_map(|(n, line)| EFFECTS.iter().find(|w| names(line, w)).map(|w| (n, w)));
    match effect {
        Some((n, word)) if !source.is_pure() && !source.room().is_empty() && !says && !source.room_says => {
            vec![format!("{n}: mentions `{word}`, and no `//! Effects: ...` stands in the first lines")]
        }
        None | Some(_) if source.is_pure() && says => vec![String::from("1: a pure file claims effects")],
        None | Some(_) => vec![],
    }
}

/// Whether the first lines say which effects there are, and why.
fn gives_reason(text: &str) -> bool {
    text.lines().take(12).any(|line| line.starts_with("//! Effects:"))
}

fn one_crate_in_one_room(source: &Source) -> Complaints {
    let mut complaints = vec![];
    for (number, line) in source.lines() {
        for (name, homes) in CRATES {
            let uses = line
                .match_indices(&format!("{name}::"))
                .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            let imports = line.trim_start().starts_with(&format!("use {name};"));
            let at_home = homes.iter().any(|home| *home == source.room() || *home == source.path);
            if (uses || imports) && !at_home {
                complaints.push(format!("{number}: `{name}` belongs to {}", homes.join(", ")));
            }
        }
    }
    complaints
}

fn files_are_short(source: &Source) -> Complaints {
    let lines = source.code.lines().count();
    if lines <= MOST_LINES { vec![] } else { vec![format!("1: {lines} lines; split it by noun, {MOST_LINES} at most")] }
}

fn no_panic_without_its_invariant(source: &Source) -> Complaints {
    const PANICS: &[&str] = &[".unwrap()", ".expect(", "panic!", "todo!", "unimplemented!", "unreachable!"];
    let raw: Vec<&str> = source.text.lines().collect();
    let excused = |n: usize| {
        [n - 1, n.saturating_sub(2)].iter().any(|i| raw.get(*i).is_some_and(|l| l.contains("// invariant:")))
    };
    let found = source.lines().filter_map(|(n, line)| PANICS.iter().find(|w| names(line, w)).map(|w| (n, w)));
    found
        .filter(|(n, _)| !excused(*n))
        .map(|(n, word)| format!("{n}: `{word}` without `// invariant: ...` on its line or the one before"))
        .collect()
}

fn every_state_is_written_out(source: &Source) -> Complaints {
    if source.room() != "supervise" {
        return vec![];
    }
    let raw: Vec<&str> = source.text.lines().collect();
    let excused =
        |n: usize| [n - 1, n.saturating_sub(2)].iter().any(|i| raw.get(*i).is_some_and(|l| l.contains("// any:")));
    let wild = source.lines().filter(|(_, line)| {
        let arm = line.trim_start();
        arm.starts_with("_ =>") || arm.starts_with("_ if ") || arm.contains(" _ =>") || arm.contains("| _ ")
    });
    wild.filter(|(n, _)| !excused(*n)).map(|(n, _)| format!("{n}: a wildcard arm without `// any: ...`")).collect()
}

fn tests_never_sleep(source: &Source) -> Complaints {
    // Programs that tests run as children may sleep: that is what they are there for.
    if !source.is_test() || source.path.starts_with("tests/support/") {
        return vec![];
    }
    let long = |line: &str| {
        let argument = line.split("from_millis(").nth(1).and_then(|rest| rest.split(')').next()?.parse::<u64>().ok());
        argument.is_none_or(|ms| ms > LONGEST_POLL_MS)
    };
    let sleeps = source.lines().filter(|(_, line)| names(line, "sleep(") && long(line));
    sleeps.map(|(n, line)| format!("{n}: `{}`: wait for a fact instead", line.trim())).collect()
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut found = vec![];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let name = path.strip_prefix(root).expect("below the root").display().to_string();
                found.push(Source::new(&name, &fs::read_to_string(&path).expect("readable text")));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    for room in EFFECT_ROOMS {
        let head = format!("src/{room}/mod.rs");
        let says = found.iter().any(|source| source.path == head && gives_reason(&source.text));
        found.iter_mut().filter(|source| source.room() == *room).for_each(|source| source.room_says = says);
    }
    found
}

/// Whether a rule is for this file: tests answer for their head and their sleeps alone.
fn applies(rule: &str, source: &Source) -> bool {
    match rule {
        "tests never sleep" | "every file says what it owns" => true,
        _ => !source.is_test(),
    }
}

/// Whether an entry of `OWED` is about this file.
fn covers(entry: &str, path: &str) -> bool {
    if entry.ends_with('/') { path.starts_with(entry) } else { path == entry }
}

#[test]
fn the_house_is_in_order() {
    let all: Vec<Source> = sources("src").into_iter().chain(sources("tests")).collect();
    assert!(all.len() > 20, "only {} files were found", all.len());
    let mut report = String::new();
    let mut used = vec![false; OWED.len()];
    for (rule, judge) in RULES {
        for source in all.iter().filter(|source| applies(rule, source)) {
            let complaints = judge(source);
            let owed = OWED.iter().position(|(name, path)| name == rule && covers(path, &source.path));
            match (complaints.is_empty(), owed) {
                (true, _) => {}
                (false, Some(entry)) => used[entry] = true,
                (false, None) => {
                    report.extend(complaints.iter().map(|complaint| format!("{}:{complaint} ({rule})\n", source.path)));
                }
            }
        }
    }
    for ((rule, path), _) in OWED.iter().zip(used).filter(|(_, used)| !used) {
        report += &format!("{path}: \"{rule}\" is not owed any more: strike it from OWED\n");
    }
    assert!(report.is_empty(), "\n{report}");
}

/// `judge` complains of `bad` and of nothing in `good`.
#[track_caller]
fn check(judge: fn(&Source) -> Complaints, path: &str, bad: &str, good: &str) {
    assert!(!judge(&Source::new(path, bad)).is_empty(), "not caught in {path}: {bad}");
    let complaints = judge(&Source::new(path, good));
    assert!(complaints.is_empty(), "wrongly caught in {path}: {good}: {complaints:?}");
}

#[test]
fn a_file_without_a_head_is_caught() {
    check(every_file_says_what_it_owns, "src/model/id.rs", "use std::fmt;\n", "//! Names.\n");
}

#[test]
fn an_import_to_the_right_is_caught() {
    let rule = rooms_import_leftwards;
    check(rule, "src/plan/make.rs", "use crate::runtime::Loop;", "use crate::config::Config;");
    check(rule, "src/process/spawn.rs", "use crate::notify::Sink;", "use crate::process::stat;");
    check(
        rule,
        "src/logs/lines.rs",
        "fn f() { crate::supervise::f() }",
        "// crate::supervise\nlet a = \"crate::cli\";",
    );
    check(rule, "src/config/mod.rs", "use crate::{model::Role, cli};", "use crate::{model::Role};");
    check(
        rule,
        "src/model/mod.rs",
        "use crate::config::Config;",
        "#[cfg(test)]\nmod tests {\n use crate::config::Config;\n}",
    );
}

#[test]
fn an_effect_in_a_pure_room_is_caught() {
    let rule = pure_rooms_are_pure;
    check(
        rule,
        "src/supervise/stop.rs",
        "let now = std::time::Instant::now();",
        "let now: Moment = Moment::ZERO; // Instant",
    );
    check(rule, "src/plan/make.rs", "use std::collections::HashMap;", "use std::collections::BTreeMap;");
    check(rule, "src/config/valid.rs", "use std::fs::File;", "use std::path::PathBuf;");
    check(rule, "src/observe/wire.rs", "async fn f() {}", "fn is_async() {}");
    check(rule, "src/plan/address.rs", "use std::net::TcpStream;", "use std::net::IpAddr;");
    check(rule, "src/logs/lines.rs", "if path.exists() {}", "let existing = 1;");
    assert!(pure_rooms_are_pure(&Source::new("src/config/loader.rs", "use std::fs;")).is_empty());
}

#[test]
fn an_effect_without_its_reason_is_caught() {
    let rule = effects_give_their_reason;
    check(
        rule,
        "src/process/files.rs",
        "//! Files.\nuse std::fs;",
        "//! Files.\n//! Effects: writes files.\nuse std::fs;",
    );
    check(rule, "src/plan/make.rs", "//! Plan.\n//! Effects: none.\n", "//! Plan.\n");
}

#[test]
fn a_crate_in_a_strange_room_is_caught() {
    let rule = one_crate_in_one_room;
    check(rule, "src/plan/make.rs", "use serde::Serialize;", "use crate::config::Config;");
    check(
        rule,
        "src/cluster/kafka.rs",
        "use zookeeper_client as zk;\nlet c = zookeeper_client::Client;",
        "use kafka_protocol::messages;",
    );
    check(rule, "src/supervise/stop.rs", "fn f() { tokio::spawn(x) }", "fn f() { my_tokio::spawn(x); a::tokio::b() }");
}

#[test]
fn a_long_file_is_caught() {
    check(files_are_short, "src/plan/make.rs", &"fn f() {}\n".repeat(401), &"fn f() {}\n".repeat(400));
    let tests = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(500));
    assert!(files_are_short(&Source::new("src/plan/make.rs", &tests)).is_empty());
}

#[test]
fn a_panic_without_its_invariant_is_caught() {
    let rule = no_panic_without_its_invariant;
    check(rule, "src/plan/make.rs", "let a = b.unwrap();", "let a = b.unwrap_or(1);");
    check(rule, "src/plan/make.rs", "panic!(\"no\")", "// invariant: checked above\npanic!(\"no\")");
    check(rule, "src/plan/make.rs", "a.expect(\"b\")", "a.expect(\"b\") // invariant: b is set by new");
    check(rule, "src/plan/make.rs", "let c = '\"'; a.unwrap(); // \"", "let c = \"a.unwrap()\"; // a.unwrap()");
    check(rule, "src/plan/make.rs", "let r = r#\"a \" b\"#; a.unwrap();", "let r = r#\"a \" .unwrap()\"#;");
}

#[test]
fn a_wildcard_arm_in_supervise_is_caught() {
    let rule = every_state_is_written_out;
    check(rule, "src/supervise/lane.rs", "match s {\n    _ => {}\n}", "match s {\n    State::Down => {}\n}");
    check(
        rule,
        "src/supervise/lane.rs",
        "match s { A => 1, _ => 2 }",
        "match s {\n    // any: a number\n    _ => {}\n}",
    );
    assert!(rule(&Source::new("src/plan/make.rs", "match s { _ => {} }")).is_empty());
}

#[test]
fn a_long_sleep_in_a_test_is_caught() {
    let rule = tests_never_sleep;
    check(rule, "tests/run.rs", "thread::sleep(Duration::from_secs(1));", "thread::sleep(Duration::from_millis(10));");
    check(rule, "tests/run.rs", "tokio::time::sleep(LIMIT).await;", "// thread::sleep(LONG)");
}
