//! The options each JVM gets, by Java version, each with its reason.
//!
//! The start is what Kafka 2.6.0's `bin/kafka-run-class.sh` gives (G1, 20 ms, 35 %, MaxInlineLevel=15, headless, a GC log).
//! Absent on purpose, with the reasons in `docs/adr/0009-jvm-options.md`: `-server` (64-bit Javas know nothing else), the JMX agent
//! without authentication, DNS cache settings (the default of 30 s is right), AlwaysPreTouch and huge pages (slower starts),
//! -XX:-UsePerfData (jps, and the watchdog, read hsperfdata).

use std::path::Path;

use crate::config::JvmOption;
use crate::model::Role;

use super::memory::{OperatorHeap, flag_size};
use super::{Java, Reasoned};

/// What the options of one JVM depend on.
pub(super) struct JvmInputs<'a> {
    pub role: Role,
    pub java: &'a Java,
    /// The heap of the budget, in bytes.
    pub heap: u64,
    /// The budget's reason for it.
    pub heap_why: &'a str,
    pub operator_heap: &'a OperatorHeap,
    /// The service's working directory.
    pub directory: &'a Path,
    pub operator: &'a [JvmOption],
}

/// Bytes and number of the GC log's files: a few days of history, and never more than 110 MB.
const GC_LOG_BYTES: &str = "10M";
const GC_LOG_FILES: u32 = 10;

/// Every option in front of the class path; the operator's last, so that they win.
pub(super) fn options(inputs: &JvmInputs) -> Vec<Reasoned> {
    let mut options = heap(inputs);
    options.extend(collector(inputs));
    options.extend(last_words(inputs));
    options.extend(gc_log(inputs, inputs.directory));
    options.push(reasoned("-Djava.awt.headless=true", "stock: no display is looked for"));
    if inputs.java.major >= 24 {
        let why =
            "zstd, snappy and lz4 load native code; Java 24 and newer print a warning for it, and later ones refuse";
        options.push(reasoned("--enable-native-access=ALL-UNNAMED", why));
    }
    let place = |option: &JvmOption| format!("[{}] jvm_options, {}", inputs.role, option.place);
    options.extend(inputs.operator.iter().map(|option| reasoned(&option.text, &place(option))));
    options
}

/// The options that a JVM can be asked to accept without side effects: the GC log goes to `scratch`, agents and system
/// properties (which open ports, and which every JVM accepts) stay out.
pub(super) fn proof(inputs: &JvmInputs, scratch: &Path) -> Vec<String> {
    let ours =
        heap(inputs).into_iter().chain(collector(inputs)).chain(last_words(inputs)).chain(gc_log(inputs, scratch));
    let operator = inputs.operator.iter().map(|option| option.text.clone());
    ours.map(|option| option.text).chain(operator.filter(|text| is_provable(text))).collect()
}

fn is_provable(option: &str) -> bool {
    let acts = [
        "-javaagent",
        "-agentlib",
        "-agentpath",
        "-Xrun",
        "-Xdebug",
        "-D",
        "-XX:+FlightRecorder",
        "-XX:StartFlightRecording",
    ];
    // A log file would be rotated, an archive dumped and memory touched, only to ask a question.
    let writes = ["-Xloggc:", "-XX:ArchiveClassesAtExit", "-XX:+AlwaysPreTouch", "-XX:AOTCacheOutput"];
    let logs = option.starts_with("-Xlog") && option.contains("file=");
    !logs && !acts.iter().chain(&writes).any(|prefix| option.starts_with(prefix))
}

fn heap(inputs: &JvmInputs) -> Vec<Reasoned> {
    let size = flag_size(inputs.heap);
    let mut options = Vec::new();
    // An option that states a share of memory loses against -Xms and -Xmx wherever they stand: they must not be there.
    if inputs.operator_heap.by_share {
        return options;
    }
    if !inputs.operator_heap.min {
        let why =
            "as large as -Xmx: the heap is never resized under load, and the memory is there or the start says no";
        options.push(reasoned(&format!("-Xms{size}"), why));
    }
    if inputs.operator_heap.max.is_none() {
        options.push(reasoned(&format!("-Xmx{size}"), inputs.heap_why));
    }
    options
}

fn collector(inputs: &JvmInputs) -> Vec<Reasoned> {
    let mut options = Vec::new();
    let major = inputs.java.major;
    if major < 14 {
        let why = "stock: deep Scala calls are inlined; the default since Java 14, 9 before";
        options.push(reasoned("-XX:MaxInlineLevel=15", why));
    }
    // Two collectors at once are refused by the JVM: an operator who names one gets it without ours.
    let chosen = inputs.operator.iter().find(|option| names_other_collector(&option.text));
    if chosen.is_some() {
        return options;
    }
    options.extend([
        reasoned(
            "-XX:+UseG1GC",
            "stock: short pauses; named because Java 8, and any Java on a small machine, would take another",
        ),
        reasoned("-XX:MaxGCPauseMillis=20", "stock: a pause must stay far below the session and replica timeouts"),
        reasoned("-XX:InitiatingHeapOccupancyPercent=35", "stock: marking begins early, so that a burst finds room"),
        reasoned(
            "-XX:+ExplicitGCInvokesConcurrent",
            "stock: System.gc() (direct buffers call it) does not stop the world",
        ),
    ]);
    options
}

fn names_other_collector(option: &str) -> bool {
    option.strip_prefix("-XX:+Use").is_some_and(|rest| rest.ends_with("GC") && rest != "G1GC")
}

/// What the JVM does and leaves behind when it cannot go on.
fn last_words(inputs: &JvmInputs) -> Vec<Reasoned> {
    let mut options = Vec::new();
    if exits_on_out_of_memory(inputs.java) {
        let why = "a JVM that lost a thread to OutOfMemoryError looks alive and is not; it ends, and is started again";
        options.push(reasoned("-XX:+ExitOnOutOfMemoryError", why));
    }
    let dump = inputs.directory.join("heap.hprof");
    let errors = inputs.directory.join("hs_err_pid%p.log");
    options.extend([
        reasoned("-XX:+HeapDumpOnOutOfMemoryError", "the first OutOfMemoryError leaves its evidence"),
        reasoned(
            &format!("-XX:HeapDumpPath={}", dump.display()),
            "one name: a JVM never writes over it, so that a crash loop fills no disk; move it away to get another",
        ),
        reasoned(&format!("-XX:ErrorFile={}", errors.display()), "a crash of the JVM itself is told here"),
    ]);
    options
}

/// `ExitOnOutOfMemoryError` came with 8u92.
pub(super) fn exits_on_out_of_memory(java: &Java) -> bool {
    java.major > 8 || java_8_update(&java.version).is_none_or(|update| update >= 92)
}

/// The update of a Java 8: 412 of `1.8.0_412`, 92 of `1.8.0_92-b14`.
fn java_8_update(version: &str) -> Option<u32> {
    let (_, rest) = version.split_once('_')?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn gc_log(inputs: &JvmInputs, directory: &Path) -> Vec<Reasoned> {
    // The operator's own GC log stands in place of ours, not beside it.
    if inputs.operator.iter().any(|option| option.text.starts_with("-Xloggc:") || option.text.starts_with("-Xlog:gc")) {
        return Vec::new();
    }
    let path = directory.join("gc.log");
    if inputs.java.major >= 9 {
        let text =
            format!("-Xlog:gc*:file={}:time,tags:filecount={GC_LOG_FILES},filesize={GC_LOG_BYTES}", path.display());
        let why = "the stock GC log, of 100 MB in place of 1 MB: a bad night fits in, and no disk fills";
        return vec![reasoned(&text, why)];
    }
    let rotation = "the dialect of Java 8: rotated at 100 MB in all; a restart writes over the last run's log";
    vec![
        reasoned(&format!("-Xloggc:{}", path.display()), "the stock GC log"),
        reasoned("-XX:+PrintGCDetails", "stock"),
        reasoned("-XX:+PrintGCDateStamps", "stock: times that can be laid beside the journal's"),
        reasoned("-XX:+UseGCLogFileRotation", rotation),
        reasoned(&format!("-XX:NumberOfGCLogFiles={GC_LOG_FILES}"), "stock"),
        reasoned(&format!("-XX:GCLogFileSize={GC_LOG_BYTES}"), "a tenth of the stock size: 100 MB in all"),
    ]
}

pub(super) fn reasoned(text: &str, why: &str) -> Reasoned {
    Reasoned { text: text.to_string(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_on_out_of_memory_is_left_to_those_that_know_it() {
        let java =
            |major, version: &str| Java { home: "/j".into(), version: version.into(), major, found: "PATH".into() };
        assert!(!exits_on_out_of_memory(&java(8, "1.8.0_91")));
        assert!(exits_on_out_of_memory(&java(8, "1.8.0_92-b14")));
        assert!(exits_on_out_of_memory(&java(11, "11.0.24")));
    }

    #[test]
    fn a_proof_asks_without_acting() {
        for acting in
            ["-javaagent:/jmx.jar=9404", "-agentlib:jdwp=x", "-Da=b", "-Xlog:safepoint:file=/x", "-XX:+AlwaysPreTouch"]
        {
            assert!(!is_provable(acting), "{acting}");
        }
        for asking in ["-Xlog:safepoint", "-XX:+UseZGC", "-Xss512k", "-XX:MaxDirectMemorySize=1g"] {
            assert!(is_provable(asking), "{asking}");
        }
    }
}
