//! The performance counters of JVMs: files of real brokers, files that lie, and files that are not what they seem.
//!
//! `tests/hsperf/` holds what Kafka 2.6.0 had on Java 11 and 17 (G1, heap of 320 MB), at rest and in the middle of a full collection
//! (a class histogram was asked for); only the paths in its strings were shortened.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kafka_node::model::JvmCounters;
use kafka_node::observe::hsperf::{NotPerfData, parse};
use kafka_node::observe::hsperf_file::read;
use proptest::prelude::*;

const JAVA_11: &[u8] = include_bytes!("hsperf/kafka-2.6.0-java-11.bin");
const JAVA_17: &[u8] = include_bytes!("hsperf/kafka-2.6.0-java-17.bin");
const COLLECTING_11: &[u8] = include_bytes!("hsperf/kafka-2.6.0-java-11-collecting.bin");
const COLLECTING_17: &[u8] = include_bytes!("hsperf/kafka-2.6.0-java-17-collecting.bin");
const REAL: [&[u8]; 4] = [JAVA_11, JAVA_17, COLLECTING_11, COLLECTING_17];

/// The heap of the samples. G1 counts 8 bytes more in each space, so that no capacity is ever zero.
const HEAP: u64 = 320 * 1024 * 1024 + 8;

fn nanos(nanoseconds: u64) -> Duration {
    Duration::from_nanos(nanoseconds)
}

#[test]
fn a_broker_at_rest_says_what_jstat_says_of_it() {
    let expected = JvmCounters {
        stopped: nanos(601_770_968),
        collecting: nanos(156_174_490 + 61_847_052),
        collections: 12 + 14,
        heap_used: 144_955_360 + 1_048_576 + 1_048_576,
        heap_max: HEAP,
    };
    assert_eq!(parse(JAVA_11), Ok(expected), "Java 11");
    let expected = JvmCounters {
        stopped: nanos(176_240_387),
        collecting: nanos(112_427_793 + 40_413_201),
        collections: 12 + 14,
        heap_used: 146_443_264 + 2_097_152 + 684_200,
        heap_max: HEAP,
    };
    assert_eq!(parse(JAVA_17), Ok(expected), "Java 17");
}

#[test]
fn a_collection_under_way_counts_by_its_age() {
    for (name, rest, during, age) in [
        ("Java 11", JAVA_11, COLLECTING_11, 218_732_953_944 - 218_609_753_821),
        ("Java 17", JAVA_17, COLLECTING_17, 219_730_321_120 - 219_693_476_375),
    ] {
        let (rest, during) = (parse(rest).unwrap(), parse(during).unwrap());
        assert_eq!(during.collecting, rest.collecting + nanos(age), "{name}: none ended meanwhile");
        assert_eq!(during.collections, rest.collections + 1, "{name}");
        assert!(during.stopped >= rest.stopped + nanos(age), "{name}");
    }
}

#[test]
fn what_is_no_finished_file_is_told_apart() {
    let with = |at: usize, bytes: &[u8]| {
        let mut file = JAVA_11.to_vec();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        parse(&file)
    };
    assert_eq!(parse(&[]), Err(NotPerfData::Foreign));
    assert_eq!(parse(&JAVA_11[..31]), Err(NotPerfData::Foreign), "a prologue cut short");
    assert_eq!(parse(&[0; 32768]), Err(NotPerfData::Foreign), "made, and nothing written yet");
    assert_eq!(with(0, &[0xc0]), Err(NotPerfData::Foreign));
    assert_eq!(with(4, &[2]), Err(NotPerfData::Foreign), "no such byte order");
    assert_eq!(with(4, &[0]), Err(NotPerfData::Garbled(0)), "the other byte order");
    assert_eq!(with(5, &[1]), Err(NotPerfData::Version(1)));
    assert_eq!(with(6, &[9]), parse(JAVA_11), "a later minor version");
    assert_eq!(with(7, &[0]), Err(NotPerfData::NotYet), "not accessible");
    assert_eq!(with(12, &[1, 0, 0, 0]), parse(JAVA_11), "an overflow takes nothing from what is there");
    assert_eq!(with(28, &0u32.to_le_bytes()), Err(NotPerfData::NoClock), "no entry");
    assert_eq!(with(28, &u32::MAX.to_le_bytes()), Err(NotPerfData::Garbled(199)), "more entries than bytes");
    assert_eq!(with(24, &u32::MAX.to_le_bytes()), Err(NotPerfData::Garbled(0)), "entries beyond the end");
    assert_eq!(with(32, &19u32.to_le_bytes()), Err(NotPerfData::Garbled(0)), "an entry shorter than its head");
    assert_eq!(with(32, &0u32.to_le_bytes()), Err(NotPerfData::Garbled(0)), "an entry that was not filled in yet");
    assert_eq!(with(32, &u32::MAX.to_le_bytes()), Err(NotPerfData::Garbled(0)), "an entry beyond the end");
    assert_eq!(with(36, &u32::MAX.to_le_bytes()), Err(NotPerfData::Garbled(0)), "a name beyond the end");
    assert_eq!(with(36, &0u32.to_le_bytes()), Err(NotPerfData::Garbled(0)), "a name in the head");
    assert_eq!(with(48, &u32::MAX.to_le_bytes()), Err(NotPerfData::Garbled(0)), "a value beyond the end");
}

/// A file written by hand, in either byte order.
struct Made {
    big: bool,
    bytes: Vec<u8>,
    entries: u32,
}

impl Made {
    fn new(big: bool) -> Made {
        let mut bytes = vec![0xca, 0xfe, 0xc0, 0xc0, u8::from(!big), 2, 0, 1];
        bytes.resize(32, 0);
        Made { big, bytes, entries: 0 }.clocked(1_000)
    }

    fn clocked(self, frequency: i64) -> Made {
        self.long("sun.os.hrt.frequency", frequency)
    }

    fn long(self, name: &str, value: i64) -> Made {
        let value = if self.big { value.to_be_bytes() } else { value.to_le_bytes() };
        self.entry(name, b'J', 0, &value)
    }

    fn text(self, name: &str, value: &str) -> Made {
        let length = u32::try_from(value.len()).unwrap();
        self.entry(name, b'B', length, value.as_bytes())
    }

    fn entry(mut self, name: &str, kind: u8, elements: u32, value: &[u8]) -> Made {
        let value_at = 20 + name.len() + 1;
        let length = value_at + value.len();
        for number in [length, 20, usize::try_from(elements).unwrap()] {
            self.u32(u32::try_from(number).unwrap());
        }
        self.bytes.extend([kind, 0, 1, 3]);
        self.u32(u32::try_from(value_at).unwrap());
        self.bytes.extend(name.bytes().chain([0]).chain(value.iter().copied()));
        self.entries += 1;
        self
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn parse(mut self) -> Result<JvmCounters, NotPerfData> {
        for (at, value) in [(8, u32::try_from(self.bytes.len()).unwrap()), (24, 32), (28, self.entries)] {
            let value = if self.big { value.to_be_bytes() } else { value.to_le_bytes() };
            self.bytes[at..at + 4].copy_from_slice(&value);
        }
        parse(&self.bytes)
    }
}

#[test]
fn both_byte_orders_are_read() {
    for big in [false, true] {
        let counters = Made::new(big)
            .long("sun.rt.safepointTime", 2_500)
            .text("sun.gc.policy.name", "Copy:MSC")
            .long("sun.gc.collector.0.time", 1_000)
            .long("sun.gc.collector.1.time", 500)
            .long("sun.gc.collector.1.invocations", 3)
            .long("sun.gc.generation.0.maxCapacity", 200)
            .long("sun.gc.generation.1.maxCapacity", 400)
            .long("sun.gc.generation.0.space.0.used", 7)
            .long("sun.gc.generation.1.space.0.used", 70)
            .parse();
        let expected = JvmCounters {
            stopped: Duration::from_millis(2_500),
            collecting: Duration::from_millis(1_500),
            collections: 3,
            heap_used: 77,
            heap_max: 600,
        };
        assert_eq!(counters, Ok(expected), "big: {big}");
    }
}

#[test]
fn numbers_beyond_all_reason_do_no_harm() {
    let made = Made::new(false)
        .long("sun.os.hrt.ticks", i64::MAX)
        .long("sun.rt.safepointTime", i64::MAX)
        .long("sun.gc.collector.0.time", i64::MAX)
        .long("sun.gc.collector.1.time", i64::MAX)
        .long("sun.gc.collector.1.lastEntryTime", 1)
        .long("sun.gc.collector.2.time", -5)
        .long("sun.gc.collector.99999999999999999999.time", 1)
        .long("sun.gc.collector.9.time", 1)
        .long("sun.gc.collector.-1.time", 1)
        .long("sun.gc.collector..time", 1)
        .long("sun.gc.generation.0.maxCapacity", i64::MAX)
        .long("sun.gc.generation.1.maxCapacity", i64::MAX)
        .long("sun.gc.generation.2.maxCapacity", i64::MAX)
        .long("sun.gc.generation.0.space.0.used", -1)
        .text("sun.rt.safepointTime", "text where a number should be");
    let counters = made.parse().unwrap();
    assert_eq!((counters.heap_max, counters.heap_used), (u64::MAX, 0));
    assert_eq!(Made::new(false).clocked(0).parse(), Err(NotPerfData::NoClock));
    assert_eq!(Made::new(false).clocked(-1).parse(), Err(NotPerfData::NoClock));
    // A clock that was not sampled since the collection began is no age.
    let early = Made::new(false).long("sun.os.hrt.ticks", 5).long("sun.gc.collector.0.lastEntryTime", 9);
    assert_eq!(early.parse().unwrap().collecting, Duration::ZERO);
}

/// Behind this the samples hold zeros.
const FILLED: usize = 14_400;

/// Any change of a real file.
fn mutation() -> impl Strategy<Value = Vec<u8>> {
    let place = prop_oneof![3 => 0..FILLED, 1 => 0..64usize];
    let value = prop_oneof![Just(0u8), Just(1), Just(0x7f), Just(0x80), Just(0xff), any::<u8>()];
    let pokes = proptest::collection::vec((place, proptest::collection::vec(value, 1..5)), 0..12);
    (0..REAL.len(), pokes, proptest::option::of(0..=FILLED)).prop_map(|(which, pokes, cut)| {
        let mut bytes = REAL[which][..FILLED].to_vec();
        for (at, values) in pokes {
            for (byte, value) in bytes[at..].iter_mut().zip(values) {
                *byte = value;
            }
        }
        bytes.truncate(cut.unwrap_or(bytes.len()));
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_changed_or_cut_file_never_panics(bytes in mutation()) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_bytes_never_panic(
        order in 0u8..3,
        entries in any::<u32>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = parse(&bytes);
        let mut file = vec![0xca, 0xfe, 0xc0, 0xc0, order, 2, 0, 1, 0xff, 0xff, 0xff, 0x7f];
        file.resize(24, 0);
        file.extend([32, 0, 0, 0]);
        file.extend(entries.to_le_bytes());
        file.extend(bytes);
        let _ = parse(&file);
    }

    #[test]
    fn a_cut_file_is_whole_or_refused(which in 0..REAL.len(), cut in 0..=FILLED + 100) {
        let cut = parse(&REAL[which][..cut]);
        prop_assert!(cut.is_err() || cut == parse(REAL[which]), "a part must not pass for the whole: {:?}", cut);
    }
}

/// A `/tmp` of its own with the file of a process that exists: this one.
fn temporary(user: &str) -> (tempfile::TempDir, i32, std::path::PathBuf) {
    let tmp = tempfile::tempdir().unwrap();
    let pid = i32::try_from(std::process::id()).unwrap();
    let directory = tmp.path().join(format!("hsperfdata_{user}"));
    fs::DirBuilder::new().mode(0o755).create(&directory).unwrap();
    (tmp, pid, directory)
}

#[test]
fn the_file_is_found_by_pid_whatever_the_users_name() {
    let (tmp, pid, directory) = temporary("somebody");
    for (name, text) in [("hsperfdata_", "no directory"), ("another", "")] {
        fs::write(tmp.path().join(name), text).unwrap();
    }
    fs::create_dir(tmp.path().join("hsperfdata_other")).unwrap();
    assert_eq!(read(tmp.path(), pid), None, "no file yet");
    fs::write(directory.join(pid.to_string()), JAVA_17).unwrap();
    assert_eq!(read(tmp.path(), pid), parse(JAVA_17).ok());
    assert_eq!(read(tmp.path(), pid + 1), None);
    assert_eq!(read(&tmp.path().join("absent"), pid), None);
}

#[test]
fn what_only_looks_like_the_file_is_left_alone() {
    let (tmp, pid, directory) = temporary("root");
    let file = directory.join(pid.to_string());
    let elsewhere = tmp.path().join("elsewhere");
    fs::write(&elsewhere, JAVA_11).unwrap();

    symlink(&elsewhere, &file).unwrap();
    assert_eq!(read(tmp.path(), pid), None, "a link");
    fs::remove_file(&file).unwrap();

    fs::create_dir(&file).unwrap();
    assert_eq!(read(tmp.path(), pid), None, "a directory");
    fs::remove_dir(&file).unwrap();

    // Opening it without care would wait for a writer for ever.
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    assert_eq!(read(tmp.path(), pid), None, "a pipe");
    fs::remove_file(&file).unwrap();

    let mut huge = JAVA_11.to_vec();
    huge.resize(1 << 20, 0);
    fs::write(&file, &huge).unwrap();
    assert!(read(tmp.path(), pid).is_some(), "1 MB");
    huge.push(0);
    fs::write(&file, &huge).unwrap();
    assert_eq!(read(tmp.path(), pid), None, "more than 1 MB");
    fs::remove_file(&file).unwrap();

    let behind = tmp.path().join("behind");
    fs::create_dir(&behind).unwrap();
    fs::write(behind.join(pid.to_string()), JAVA_11).unwrap();
    symlink(&behind, tmp.path().join("hsperfdata_link")).unwrap();
    assert_eq!(read(tmp.path(), pid), None, "a directory behind a link");
}

#[test]
fn a_strangers_file_is_not_believed() {
    let (tmp, pid, directory) = temporary("root");
    let file = directory.join(pid.to_string());
    fs::write(&file, JAVA_11).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(read(tmp.path(), pid).is_some());
    // Only root can give a file away; others have this from their own user's tests.
    if std::os::unix::fs::chown(&file, Some(65_534), None).is_err() {
        return;
    }
    assert_eq!(read(tmp.path(), pid), None, "the file");
    std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    std::os::unix::fs::chown(&directory, Some(65_534), None).unwrap();
    assert_eq!(read(tmp.path(), pid), None, "the directory");
}

#[test]
fn a_living_jvm_is_read_from_outside() {
    let home = std::env::var("KAFKA_NODE_TEST_JAVA_17")
        .expect("KAFKA_NODE_TEST_JAVA_17 is not set: run `cargo xtask test`, which fetches what is needed and sets it");
    let mut child = Jvm(jshell(&home));
    let pid = i32::try_from(child.0.id()).unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(counters) = read(Path::new("/tmp"), pid).filter(|counters| counters.heap_max > 0) {
            assert!(counters.heap_max >= 64 << 20, "{counters:?}");
            break;
        }
        assert!(child.0.try_wait().unwrap().is_none(), "the JVM has ended");
        assert!(Instant::now() < end, "no counters of {pid} in a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Jvm(Child);

impl Drop for Jvm {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A JVM that waits for its input, which never comes.
fn jshell(home: &str) -> Child {
    let mut command = Command::new(format!("{home}/bin/java"));
    command.args([
        "-Xmx64m",
        "-XX:+UseG1GC",
        "--module",
        "jdk.jshell/jdk.internal.jshell.tool.JShellToolProvider",
        "-",
    ]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
