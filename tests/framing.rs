//! `logs::Framer` from outside: real streams and written ones, and laws for any.
//!
//! `tests/framing/*.txt` were recorded: log4j 1.2.17 with the rendered layout, and ZooKeeper 3.5.8 with it on OpenJDK 11.0.32.1 with a thread
//! dump asked for (paths changed). Absent on purpose: speed (`cargo xtask bench`), and where records go.

#[path = "framing/any_stream.rs"]
mod any_stream;
#[path = "framing/stream.rs"]
mod stream;

use kafka_node::logs::{Framer, Priority};

use stream::{Ear, Record, feed, heard, heard_by};

const LOG4J: &[u8] = include_bytes!("framing/log4j-1.2.17.txt");
const ZOOKEEPER: &[u8] = include_bytes!("framing/zookeeper-3.5.8-java-11.txt");

/// Each record as one line: priority, logger, exception, message; `+` where it goes on.
fn told(records: &[Record]) -> Vec<String> {
    let tell = |record: &Record| {
        let goes_on = if record.continued { "+" } else { "" };
        let fields = [goes_on, record.priority.word(), &record.logger, &record.exception, &record.text()].join("|");
        fields.trim_start_matches('|').to_owned()
    };
    records.iter().map(tell).collect()
}

fn check(stream: &str, expected: &[&str]) {
    assert_eq!(told(&heard(stream.as_bytes()).records), expected, "{stream}");
}

#[test]
fn what_log4j_prints_is_told_apart_with_all_its_parts() {
    let records = heard(LOG4J).records;
    let trace = "java.lang.IllegalStateException: outer\nof two lines\n\tat T.main(T.java:7)\nCaused by: java.io.IOException: inner\n\t... 1 more";
    assert_eq!(
        told(&records),
        [
            "INFO|a.B||plain ü €".to_owned(),
            "WARN|a.B||two\nlines".to_owned(),
            format!("ERROR|a.B|java.io.IOException|failed\n{trace}"),
            format!("ERROR|a.B|java.io.IOException|{trace}"),
            format!("ERROR|a.B|java.io.IOException|null\n{trace}"),
            "FATAL|a.B||a\u{1f}b".to_owned(),
            "INFO|a.B||".to_owned(),
            "ERROR|a.B||odd\nwords of its own\n\tat T.main(T.java:9)".to_owned(),
        ]
    );
    assert!(records.iter().all(|record| record.thread == "main" && record.time.starts_with("2026-11-22 19:5")));
}

#[test]
fn a_real_zookeeper_is_told_apart_and_its_thread_dump_is_one_record() {
    let records = heard(ZOOKEEPER).records;
    let dumps: Vec<&Record> = records.iter().filter(|record| record.logger.is_empty()).collect();
    assert_eq!(dumps.len(), 1, "{:#?}", told(&records));
    let dump = dumps[0].text();
    assert!(dump.starts_with("2026-11-22 19:50:49\nFull thread dump OpenJDK 64-Bit Server VM (11"), "{dump}");
    assert!(dump.ends_with("reserved 1048576K") && dumps[0].priority == Priority::Info, "{dump}");
    let heads = ZOOKEEPER.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"\x1e")).count();
    assert_eq!(records.len(), heads + 1);
    assert!(records.iter().all(|record| !record.continued && !record.message.contains(&0x1e)));
}

#[test]
fn each_line_is_shown_in_the_stock_layout() {
    let stream = "\u{1e}ERROR\u{1f}2020\u{1f}a.B\u{1f}main\u{1f}one\ntwo\u{1f}x.Y: z\n\tat q\n\u{1e}\n\u{1e}INFO\u{1f}2021\u{1f}c\u{1f}t\u{1f}calm\u{1f}\u{1e}\nplain\n";
    let lines: Vec<String> =
        heard(stream.as_bytes()).lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let odd = heard(b"\x1eERROR\x1f2020\x1fa.B\x1fmain\x1fone\x1fwords of its own\n\tat q\n\x1e\n").lines;
    assert_eq!(odd, [b"[2020] ERROR one (a.B)".as_slice(), b"words of its own", b"\tat q"]);
    assert_eq!(lines, ["[2020] ERROR one", "two (a.B)", "x.Y: z", "\tat q", "[2021] INFO calm (c)", "plain"]);
}

#[test]
fn a_missing_end_is_made_good_by_the_next_head() {
    let head = |text: &str| format!("\u{1e}WARN\u{1f}2020\u{1f}l\u{1f}t\u{1f}{text}");
    check(&format!("{}\n{}\u{1f}\u{1e}\n", head("cut"), head("whole")), &["WARN|l||cut", "WARN|l||whole"]);
    check(
        &format!("{}\u{1f}a.b: c\n\tat d\n{}", head("cut"), head("last")),
        &["WARN|l|a.b|cut\na.b: c\n\tat d", "WARN|l||last"],
    );
    // A head that is none is a plain line, and an end mark that belongs to nothing says nothing.
    check("\u{1e}ERROR\u{1f}20\n\u{1e}\nx\n", &["INFO|||\u{1e}ERROR\u{1f}20", "INFO|||x"]);
}

#[test]
fn marks_inside_a_message_do_not_end_it() {
    let head = "\u{1e}INFO\u{1f}2020\u{1f}l\u{1f}t\u{1f}";
    check(&format!("{head}a\u{1e}\nb\u{1f}\u{1e}\n"), &["INFO|l||a\u{1e}\nb"]);
    check(&format!("{head}a\u{1f}b\u{1f}c\u{1f}\u{1e}\n"), &["INFO|l||a\u{1f}b\u{1f}c"]);
    check(&format!("{head}a\u{1f}b\u{1f}x.Y: z\n\tat q\n\u{1e}\n"), &["INFO|l|x.Y|a\u{1f}b\nx.Y: z\n\tat q"]);
}

#[test]
fn the_stock_layout_is_understood_too() {
    let stream = "[2020-08-06 10:11:12,345] ERROR Disk error (kafka.server.LogDirFailureChannel)\n\
                  java.io.IOException: x\n\tat a.b(C)\nCaused by: q.R: s\n\
                  [2020-08-06 10:11:12,346] INFO Values: \n\ta = 1\n (kafka.server.KafkaConfig)\n\
                  OpenJDK 64-Bit Server VM warning: w\n\
                  [2020-08-06 10:11:12,347] WARN\n\
                  2020-08-06 10:11:13,000 [myid:1] - WARN  [main:C@1] - x\nbelow\n";
    check(
        stream,
        &[
            "ERROR|kafka.server.LogDirFailureChannel|q.R|Disk error\njava.io.IOException: x\n\tat a.b(C)\nCaused by: q.R: s",
            "WARN|||OpenJDK 64-Bit Server VM warning: w",
            "INFO|kafka.server.KafkaConfig||Values: \n\ta = 1",
            "WARN|||",
            "WARN|||2020-08-06 10:11:13,000 [myid:1] - WARN  [main:C@1] - x\nbelow",
        ],
    );
    let times: Vec<String> = heard(stream.as_bytes()).records.into_iter().map(|record| record.time).collect();
    assert_eq!(times[0], "2020-08-06 10:11:12,345");
    assert_eq!(times[4], "2020-08-06 10:11:13,000");
}

#[test]
fn the_jvm_s_own_voice_is_one_record_each() {
    check(
        "#\n# A fatal error has been detected by the Java Runtime Environment:\n#\n#  SIGSEGV (0xb)\n#\nAborted\n",
        &[
            "FATAL|||#\n# A fatal error has been detected by the Java Runtime Environment:\n#\n#  SIGSEGV (0xb)\n#",
            "INFO|||Aborted",
        ],
    );
    check(
        "#\n# There is insufficient memory for the Java Runtime Environment to continue.\n# Native",
        &["FATAL|||#\n# There is insufficient memory for the Java Runtime Environment to continue.\n# Native"],
    );
    check("#\nalone\n", &["INFO|||#", "INFO|||alone"]);
    check("2020-08-06 10:11:12\nalone\n", &["INFO|||2020-08-06 10:11:12", "INFO|||alone"]);
    check(
        "Exception in thread \"main\" a.B: c\n\tat d\nCaused by: e.F\n\tat g\nnext\n",
        &["ERROR||e.F|Exception in thread \"main\" a.B: c\n\tat d\nCaused by: e.F\n\tat g", "INFO|||next"],
    );
    check(
        "Error: Could not create the Java Virtual Machine.\nError: A fatal exception has occurred.\n",
        &[
            "ERROR|||Error: Could not create the Java Virtual Machine.",
            "ERROR|||Error: A fatal exception has occurred.",
        ],
    );
    check(
        "Error occurred during initialization of VM\nToo small maximum heap\n",
        &["ERROR|||Error occurred during initialization of VM\nToo small maximum heap"],
    );
    check(
        "java.lang.OutOfMemoryError: Java heap space\nDumping heap to /d/heap.hprof ...\nHeap dump file created [1 bytes]\n\
         Terminating due to java.lang.OutOfMemoryError: Java heap space\n",
        &[
            "ERROR|||java.lang.OutOfMemoryError: Java heap space",
            "ERROR|||Dumping heap to /d/heap.hprof ...",
            "INFO|||Heap dump file created [1 bytes]",
            "FATAL|||Terminating due to java.lang.OutOfMemoryError: Java heap space",
        ],
    );
    check(
        "[0.004s][warning][gc] a\n[0.005s][info   ][gc,heap] b\n",
        &["WARN|||[0.004s][warning][gc] a", "INFO|||[0.005s][info   ][gc,heap] b"],
    );
    check("one\n\n\ttwo\n three\nfour\n", &["INFO|||one", "INFO|||\ttwo\n three", "INFO|||four"]);
    let ear = heard_by(Framer::stderr(), &[b"SLF4J: x\nlog4j:ERROR y\n"]);
    assert_eq!(told(&ear.records), ["WARN|||SLF4J: x", "ERROR|||log4j:ERROR y"]);
}

#[test]
fn the_jvm_speaks_in_the_midst_of_a_record_and_log4j_in_the_midst_of_a_dump() {
    let head = "\u{1e}ERROR\u{1f}2020\u{1f}l\u{1f}t\u{1f}";
    check(
        &format!("{head}m\u{1f}a.B: c\nOpenJDK 64-Bit Server VM warning: w\n\tat d\n\u{1e}\n"),
        &["WARN|||OpenJDK 64-Bit Server VM warning: w", "ERROR|l|a.B|m\na.B: c\n\tat d"],
    );
    check(
        &format!(
            "2020-08-06 10:11:12\nFull thread dump x:\n\n\"main\"\n{head}m\u{1f}a.B: c\n\tat d\n\u{1e}\n\tat e\n{head}n\u{1f}\u{1e}\nHeap\n y\n\nafter\n"
        ),
        &[
            "ERROR|l|a.B|m\na.B: c\n\tat d",
            "ERROR|l||n",
            "INFO|||2020-08-06 10:11:12\nFull thread dump x:\n\n\"main\"\n\tat e\nHeap\n y",
            "INFO|||after",
        ],
    );
    check(
        &format!("{head}m\u{1f}a.B: c\nFull thread dump x:\n\n\"main\"\nHeap\n y\n\n\tat d\n\u{1e}\n"),
        &["INFO|||Full thread dump x:\n\n\"main\"\nHeap\n y", "ERROR|l|a.B|m\na.B: c\n\tat d"],
    );
}

#[test]
fn silence_ends_what_has_no_mark_and_waits_longer_for_what_has_one() {
    let (mut framer, mut ear) = (Framer::stdout(), Ear::default());
    feed(&mut framer, "[2020-08-06 10:11:12,345] WARN x (a.b)", &mut ear);
    assert!(framer.is_open() && ear.records.is_empty());
    framer.quiet(&mut ear);
    assert!(!framer.is_open());
    assert_eq!(told(&ear.records), ["WARN|a.b||x"]);

    let mut ear = Ear::default();
    feed(&mut framer, "\u{1e}ERROR\u{1f}2020\u{1f}l\u{1f}t\u{1f}m\u{1f}a.B: c\n\tat d", &mut ear);
    for _ in 0..19 {
        framer.quiet(&mut ear);
    }
    assert!(framer.is_open() && ear.records.is_empty());
    framer.quiet(&mut ear);
    assert!(!framer.is_open(), "it is given up, and nothing waits");
    assert_eq!(told(&ear.records), ["ERROR|l|a.B|m\na.B: c\n\tat d"]);
    // Its end comes all the same, to this framer or to its successor.
    let expected = ["+|ERROR|l||\tat e", "INFO|||plain"];
    let end = "\tat e\n\u{1e}\nplain\n";
    assert_eq!(told(&heard_by(Framer::stdout(), &[&framer.rest(), end.as_bytes()]).records), expected);
    let mut ear = Ear::default();
    feed(&mut framer, end, &mut ear);
    framer.flush(&mut ear);
    assert_eq!(told(&ear.records), expected);
}

#[test]
fn secrets_are_hidden_in_messages_traces_and_lines() {
    let stream = "\u{1e}INFO\u{1f}2020\u{1f}l\u{1f}t\u{1f}password=geheim\u{1f}\u{1e}\n\u{1e}WARN\u{1f}2020\u{1f}l\u{1f}t\u{1f}m\u{1f}a.B: geheim!\n\u{1e}\nplain geheim\n";
    let framer = Framer::stdout().masking(vec![b"geheim".to_vec(), b"abc".to_vec()]);
    let ear = heard_by(framer, &[stream.as_bytes()]);
    assert_eq!(told(&ear.records), ["INFO|l||password=…", "WARN|l|a.B|m\na.B: …!", "INFO|||plain …"]);
    assert!(ear.lines.iter().all(|line| !String::from_utf8_lossy(line).contains("geheim")));
    assert!(heard(stream.as_bytes()).records.iter().all(|record| record.text().contains("geheim")));
}
