//! JVM options from the file: one argument each, none that takes the JVM out of our hands.
//!
//! Absent on purpose: whether this Java knows an option; the plan proves that by running it.

use super::complaint::Complaint;
use super::keys::spoken;
use super::merged::Merged;
use super::secret::is_secret;
use super::source::{Place, SourceFile};
use super::valid::JvmOption;
use super::value::{Value, Written};

/// Options that set the heap, up to their value.
const HEAP: [&str; 12] = [
    "-Xmx",
    "-Xms",
    "-XX:MaxHeapSize=",
    "-XX:InitialHeapSize=",
    "-XX:MinHeapSize=",
    "-XX:MaxRAM=",
    "-XX:MaxRAMPercentage=",
    "-XX:InitialRAMPercentage=",
    "-XX:MinRAMPercentage=",
    "-XX:MaxRAMFraction=",
    "-XX:InitialRAMFraction=",
    "-XX:MinRAMFraction=",
];
/// Options after which Java runs something else, or nothing, each with what it does.
const REFUSED: [(&[&str], &str); 3] = [
    (
        &["-cp", "-classpath", "--class-path", "-jar", "-m", "--module", "-p", "--module-path"],
        "sets what the JVM runs, and kafka-node does that",
    ),
    (
        &[
            "-version",
            "--version",
            "-fullversion",
            "--full-version",
            "-h",
            "-?",
            "-help",
            "--help",
            "-X",
            "--help-extra",
            "--list-modules",
            "--dry-run",
            "--validate-modules",
            "-d",
            "--describe-module",
        ],
        "makes Java print something and exit",
    ),
    (&["-Xrs", "-XX:+ReduceSignalUsage"], "takes the JVM's answer to SIGTERM away, and no stop would be clean"),
];

/// Judges `jvm_options` of a service, against its `heap`.
pub(super) fn judge(
    files: &[SourceFile],
    merged: &Merged,
    service: &str,
    complaints: &mut Vec<Complaint>,
) -> Vec<JvmOption> {
    let (options_path, heap_path) = match service {
        "zookeeper" => ("zookeeper.jvm_options", "zookeeper.heap"),
        _ => ("kafka.jvm_options", "kafka.heap"),
    };
    let heap = merged.written(heap_path).filter(|written| matches!(written.value, Value::Bytes(Some(_))));
    let mut options = Vec::new();
    for (text, at) in merged.list(options_path) {
        match judge_one(&text, at, heap, heap_path) {
            Some(complaint) => complaints.push(complaint),
            None => {
                let place = files.get(at.file).map(|file| file.line_place(at.start)).unwrap_or_default();
                options.push(JvmOption { text, place });
            }
        }
    }
    options
}

fn judge_one(text: &str, at: Place, heap: Option<&Written>, heap_path: &str) -> Option<Complaint> {
    let example = "an option of the JVM, such as \"-XX:+AlwaysPreTouch\" or \"-Dname=value\"";
    if text.chars().any(char::is_control) {
        return Some(Complaint::new(at, "a JVM option holds a control character").expected(example));
    }
    if !text.starts_with('-') {
        return Some(Complaint::new(at, "a JVM option starts with \"-\"").expected(example));
    }
    if text.contains(" -") {
        let complaint =
            Complaint::new(at, "these are several JVM options in one text").expected("one argument in each text");
        if is_secret(text) {
            return Some(complaint);
        }
        let parts: Vec<String> = text.split_whitespace().map(|part| format!("\"{part}\"")).collect();
        return Some(complaint.help(format!("did you mean [{}]?", parts.join(", "))));
    }
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    let first = name.split(' ').next().unwrap_or(name);
    if let Some((_, why)) = REFUSED.iter().find(|(names, _)| names.contains(&first)) {
        return Some(Complaint::new(at, format!("the JVM option \"{first}\" {why}")).help("remove it"));
    }
    let heap = heap?;
    let sets = HEAP.iter().find(|option| text.starts_with(*option))?;
    let spoken = spoken(heap_path);
    let complaint =
        Complaint::new(at, format!("the JVM option \"{}\" contradicts {spoken}", sets.trim_end_matches('=')));
    let complaint = complaint.other(heap.at, format!("{spoken} stands here"));
    Some(complaint.expected("the heap in one of the two places").help(format!("remove the option, or {spoken}")))
}
