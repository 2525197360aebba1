//! The table of known troubles against what the JVMs print: `tests/signatures/CODE.txt`, or `CODE--WHERE.txt` for a further sample.
//!
//! The first line of a sample says whose output it is and whether it was seen on real JVMs or written from their source. `clean--*.txt` are
//! whole runs that ended well. Absent on purpose: what becomes of a trouble that was found (`model::cause`).

#[path = "support/framed_stream.rs"]
mod framed_stream;

use std::fs;
use std::path::Path;

use kafka_node::logs::{
    EvidenceWatch, Framer, Heard, LAST_LINE_CAP, LAST_LINES, Lines, NEAR, Said, SessionWatch, signatures,
};
use kafka_node::model::{Role, SessionId};

/// One file of `tests/signatures`.
struct Sample {
    file: String,
    /// The code of its trouble, or `clean`.
    code: String,
    role: Role,
    /// How it came to be.
    origin: String,
    text: String,
}

fn samples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signatures");
    let mut samples = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        let stem = file.strip_suffix(".txt").unwrap_or_else(|| panic!("{file}: not .txt"));
        let whole = fs::read_to_string(&path).expect("text");
        let (head, text) = whole.split_once('\n').expect("a first line");
        let (role, origin) = head.strip_prefix("# ").and_then(|head| head.split_once("; ")).expect("# ROLE; ORIGIN");
        samples.push(Sample {
            code: stem.split("--").next().expect("a code").to_owned(),
            role: *Role::ALL.iter().find(|known| known.as_str() == role).unwrap_or_else(|| panic!("{file}: {role}")),
            origin: origin.to_owned(),
            text: text.to_owned(),
            file,
        });
    }
    samples.sort_by(|a, b| a.file.cmp(&b.file));
    samples
}

fn watch(role: Role, text: &str) -> EvidenceWatch {
    let mut watch = EvidenceWatch::new(role);
    text.lines().for_each(|line| watch.line(line.as_bytes()));
    watch
}

fn code_of(role: Role, text: &str) -> &'static str {
    watch(role, text).evidence().signature.map_or("none", |signature| signature.code)
}

#[test]
fn every_sample_yields_its_own_trouble_and_a_clean_run_none() {
    let mut wrong = Vec::new();
    for sample in samples() {
        let expected = if sample.code == "clean" { "none" } else { &sample.code };
        let found = code_of(sample.role, &sample.text);
        if found != expected {
            wrong.push(format!("{}: {found}", sample.file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The watches of a run, as they hear its lines from the framer.
struct Watching {
    evidence: EvidenceWatch,
    session: SessionWatch,
    records: usize,
}

impl Heard for Watching {
    fn record(&mut self, _: &Said<'_>) {
        self.records += 1;
    }

    fn line(&mut self, line: &[u8]) {
        self.evidence.line(line);
        self.session.line(line);
    }
}

fn framed(role: Role, stream: &str) -> Watching {
    let mut watching = Watching { evidence: EvidenceWatch::new(role), session: SessionWatch::new(), records: 0 };
    let (mut lines, mut framer) = (Lines::default(), Framer::stdout());
    lines.push(stream.as_bytes(), |line| framer.line(&line, &mut watching));
    framer.flush(&mut watching);
    watching
}

#[test]
fn a_framed_stream_gives_the_same_evidence_as_the_stock_layout() {
    let (mut marked, mut wrong) = (0, Vec::new());
    for sample in samples() {
        let stream = framed_stream::framed(&sample.text);
        marked += usize::from(stream.contains('\u{1f}'));
        let mut session = SessionWatch::new();
        sample.text.lines().for_each(|line| {
            session.line(line.as_bytes());
        });
        // Once as our layout prints it, once as an operator's own stock file does.
        for text in [&stream, &sample.text] {
            let heard = framed(sample.role, text);
            let expected = watch(sample.role, &sample.text).evidence();
            if heard.evidence.evidence() != expected || heard.session.last() != session.last() {
                wrong.push(format!("{}: {:#?}\nand not {expected:#?}", sample.file, heard.evidence.evidence()));
            }
            assert!(heard.records > 0, "{}", sample.file);
        }
    }
    assert!(marked > 60, "{marked} of the samples hold records of log4j");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_clean_run_is_clean_at_each_of_its_lines_too() {
    for sample in samples().into_iter().filter(|sample| sample.code == "clean") {
        let mut watch = EvidenceWatch::new(sample.role);
        for (n, line) in sample.text.lines().enumerate() {
            watch.line(line.as_bytes());
            let found = watch.evidence().signature.map(|signature| signature.code);
            // Between the signal and the end of a broker's stop nobody can know yet how it comes out.
            assert!(matches!(found, None | Some("sigterm")), "{} line {}: {found:?}: {line}", sample.file, n + 2);
        }
        let stopped = watch.evidence().said_stopped;
        assert_eq!(stopped, sample.role == Role::Kafka, "{}: a broker says that its stop is complete", sample.file);
    }
}

#[test]
fn every_row_has_a_sample_and_every_sample_says_where_it_comes_from() {
    let samples = samples();
    for signature in signatures() {
        let file = format!("{}.txt", signature.code);
        let sample = samples.iter().find(|sample| sample.file == file).unwrap_or_else(|| panic!("no {file}"));
        assert!(signature.role.is_none_or(|role| role == sample.role), "{file}: {}", sample.role);
    }
    for sample in &samples {
        let known = sample.code == "clean" || signatures().any(|signature| signature.code == sample.code);
        assert!(known, "{}: no such row", sample.file);
        let told = sample.origin.starts_with("seen on ") || sample.origin.starts_with("written from the source: ");
        assert!(told, "{}: {}", sample.file, sample.origin);
    }
    assert!(signatures().count() >= 30);
}

#[test]
fn every_code_is_a_word_of_its_own_and_every_cause_and_remedy_one_sentence() {
    let mut codes = Vec::new();
    for signature in signatures() {
        let code = signature.code;
        assert!(!code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{code}");
        assert!(!codes.contains(&code), "{code} twice");
        codes.push(code);
        for text in [signature.cause, signature.remedy] {
            assert!(!text.trim().is_empty() && text.trim() == text, "{code}: {text:?}");
            assert!(!text.ends_with('.') && !text.contains(". ") && !text.contains('\n'), "{code}: {text}");
            assert!(!text.contains("  "), "{code}: {text}");
        }
        let capital = signature.cause.split(' ').next().is_some_and(|word| word.starts_with(char::is_uppercase));
        let name = ["ZooKeeper", "Java", "SIGTERM"].iter().any(|name| signature.cause.starts_with(name));
        assert!(!capital || name, "{code}: {}", signature.cause);
        let other = ["stopped", "unclean-stop", "killed", "oom-killed", "crashed", "stopped-in-recovery", "exit-code"];
        assert!(
            !other.contains(&code) && !["signal", "unseen", "not-spawned", "clean", "none"].contains(&code),
            "{code}"
        );
    }
}

const DISK_FULL: &str = "[2026-11-22 16:30:00,000] ERROR Error while appending records to t-0 in dir /data/k (k.s.L)\n\
                         java.io.IOException: No space left on device\n";

fn calm(lines: u64) -> String {
    "[2026-11-22 16:30:00,000] INFO [Log partition=t-0, dir=/data/k] Rolled new log segment (kafka.log.Log)\n"
        .repeat(usize::try_from(lines).expect("few"))
}

#[test]
fn a_trouble_that_the_run_outlived_is_no_cause_of_its_end() {
    assert_eq!(code_of(Role::Kafka, DISK_FULL), "no-space");
    assert_eq!(code_of(Role::Kafka, &format!("{DISK_FULL}{}", calm(NEAR - 1))), "no-space");
    assert_eq!(code_of(Role::Kafka, &format!("{DISK_FULL}{}", calm(NEAR))), "none");
    let again = format!("{DISK_FULL}{}{DISK_FULL}", calm(NEAR));
    assert_eq!(code_of(Role::Kafka, &again), "no-space");
    let started = "[2026-11-22 16:30:00,000] INFO [KafkaServer id=1] started (kafka.server.KafkaServer)\n";
    assert_eq!(code_of(Role::Kafka, &format!("{DISK_FULL}{started}")), "none");
}

#[test]
fn a_long_stack_trace_does_not_hide_its_own_beginning() {
    let frames = "\tat kafka.log.Log.recover(Log.scala:1)\n".repeat(1024);
    let text = format!("Exception in thread \"main\" java.lang.StackOverflowError\n{frames}");
    assert_eq!(code_of(Role::Kafka, &text), "stack-overflow");
}

#[test]
fn a_trouble_that_no_run_outlives_counts_however_much_is_printed_after_it() {
    let failed =
        "[2026-11-22 16:30:00,000] ERROR Shutdown broker because all log dirs in /data/k have failed (k.l.L)\n";
    assert_eq!(code_of(Role::Kafka, &format!("{failed}{}", calm(10 * NEAR))), "log-directories-failed");
}

#[test]
fn a_warning_is_no_cause_whatever_stands_in_its_stack_trace() {
    let warned = DISK_FULL.replace("ERROR", "WARN");
    assert_eq!(code_of(Role::Kafka, &warned), "none");
    assert_eq!(code_of(Role::Kafka, &DISK_FULL.replace("ERROR", "INFO")), "none");
    // The JVM's own word in the midst of it is one line, and the trace goes on.
    let torn = warned.replace('\n', "\nOpenJDK 64-Bit Server VM warning: Option UseConcMarkSweepGC was deprecated\n");
    assert_eq!(code_of(Role::Kafka, &torn), "none");
    // But for what is beyond doubt.
    let full = "[2026-11-22 16:30:00,000] WARN x (y)\njava.lang.OutOfMemoryError: Java heap space\n";
    assert_eq!(code_of(Role::Kafka, full), "heap-exhausted");
}

#[test]
fn another_layout_is_understood_too() {
    let other = DISK_FULL.replace("[2026-11-22 16:30:00,000] ERROR", "2026-11-22 16:30:00,000 [main] ERROR");
    assert_eq!(code_of(Role::Kafka, &other), "no-space");
    assert_eq!(code_of(Role::Kafka, &other.replace("ERROR", "WARN")), "none");
}

#[test]
fn the_trouble_of_a_start_is_not_looked_for_once_the_broker_has_started() {
    let unresolved = "[2026-11-22 16:30:00,000] ERROR Unable to resolve address: kafkanode2:2181 (o.a.z.c.S)\n";
    let started = "[2026-11-22 16:30:00,000] INFO [KafkaServer id=12] started (kafka.server.KafkaServer)\n";
    assert_eq!(code_of(Role::Kafka, unresolved), "zookeeper-unknown-host");
    assert_eq!(code_of(Role::Kafka, &format!("{started}{unresolved}")), "none");
}

#[test]
fn an_adopted_broker_has_started_and_its_first_line_may_be_the_rest_of_a_warning() {
    let code = |text: &str| {
        let mut watch = EvidenceWatch::adopted(Role::Kafka);
        text.lines().for_each(|line| watch.line(line.as_bytes()));
        watch.evidence().signature.map_or("none", |signature| signature.code)
    };
    assert_eq!(code("[2026-11-22 16:30:00,000] ERROR Unable to resolve address: kafkanode2:2181 (o.a.z.c.S)"), "none");
    assert_eq!(code("java.io.IOException: No space left on device"), "none");
    assert_eq!(code(DISK_FULL), "no-space");
}

#[test]
fn the_heaviest_trouble_counts_and_of_equals_the_first() {
    let halted =
        "[2026-11-22 16:30:00,000] ERROR Shutdown broker because all log dirs in /data/k have failed (k.l.L)\n";
    assert_eq!(code_of(Role::Kafka, &format!("{DISK_FULL}{halted}")), "no-space");
    assert_eq!(code_of(Role::Kafka, &format!("{halted}{DISK_FULL}")), "no-space");
    let broken = DISK_FULL.replace("No space left on device", "Input/output error");
    assert_eq!(code_of(Role::Kafka, &format!("{broken}{DISK_FULL}")), "disk-error");
    assert_eq!(code_of(Role::Kafka, &format!("{DISK_FULL}{broken}")), "no-space");
}

#[test]
fn a_trouble_of_the_other_service_is_not_looked_for() {
    let text = "[2026-11-22 16:30:00,000] ERROR x (y)\njava.lang.IllegalArgumentException: myid file is missing\n";
    assert_eq!(code_of(Role::ZooKeeper, text), "myid-missing");
    assert_eq!(code_of(Role::Kafka, text), "none");
}

#[test]
fn the_last_lines_are_few_short_and_in_order() {
    let mut watch = EvidenceWatch::new(Role::Kafka);
    for n in 0..3 {
        watch.line(format!("line {n}\n").as_bytes());
    }
    watch.line(b"");
    assert_eq!(watch.evidence().last_lines, ["line 0", "line 1", "line 2"]);
    for n in 3..50 {
        watch.line(format!("line {n}").as_bytes());
    }
    watch.line("ä".repeat(LAST_LINE_CAP).as_bytes());
    watch.line(format!("x{}", "ä".repeat(LAST_LINE_CAP)).as_bytes());
    watch.line(&[0xff; 2 * LAST_LINE_CAP]);
    let lines = watch.evidence().last_lines;
    assert_eq!(lines.len(), LAST_LINES);
    assert_eq!(lines[0], "line 33");
    assert!(lines.iter().all(|line| line.len() <= LAST_LINE_CAP), "{lines:?}");
    assert_eq!(lines[17], "ä".repeat(LAST_LINE_CAP / 2));
    assert_eq!(lines[18], format!("x{}", "ä".repeat(LAST_LINE_CAP / 2 - 1)));
    assert!(lines[19].chars().all(|c| c == '\u{fffd}') && lines[19].len() > LAST_LINE_CAP - 3, "{}", lines[19]);
}

#[test]
fn a_real_broker_names_its_session() {
    let sample = samples().into_iter().find(|sample| sample.file == "clean--broker.txt").expect("that sample");
    let mut watch = SessionWatch::new();
    let named: Vec<SessionId> = sample.text.lines().filter_map(|line| watch.line(line.as_bytes())).collect();
    assert!(!named.is_empty() && watch.last() == named.last().copied(), "{named:?}");
    let said = sample.text.split("sessionid = ").nth(1).and_then(|rest| rest.split(',').next()).expect("a session");
    assert_eq!(named[0].to_string(), said);
}

#[test]
fn no_bytes_make_it_panic() {
    let mut watch = EvidenceWatch::new(Role::ZooKeeper);
    let mut state = 7_u32;
    for length in 0..2_000 {
        let line: Vec<u8> = (0..length)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            })
            .collect();
        watch.line(&line);
    }
    assert_eq!(watch.evidence().last_lines.len(), LAST_LINES);
}
