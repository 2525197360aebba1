//! How a node's memory is shared out between two heaps, what the JVMs use beside them, and the page cache.
//!
//! The rule (facts.md, "Heap"): the broker needs little heap and lives from the page cache; ZooKeeper holds its tree in the heap.
//! Absent on purpose: refusing a heap that does not fit. `preflight` does, so that `plan` can still print what is wrong.

use crate::config::{Config, ConfigWarning, Heap, JvmOption};
use crate::model::{Role, Roles};

use super::{HostFacts, MemoryBudget};

/// One megabyte as the JVM counts.
pub(super) const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Heaps are whole multiples of this: G1's largest region, so that no part of a heap goes unused.
const STEP: u64 = 32 * MIB;
/// A shrunken heap is cut in finer steps: every bit counts there.
const FINE_STEP: u64 = 16 * MIB;

/// Kafka's share and its cap (facts.md, "Heap").
const KAFKA_CAP: u64 = 6 * GIB;
/// ZooKeeper's bounds beside a broker, and alone on its node.
const ZOOKEEPER_BOUNDS: (u64, u64) = (256 * MIB, GIB);
const ZOOKEEPER_ALONE_BOUNDS: (u64, u64) = (256 * MIB, 2 * GIB);

/// What a heap is never shrunk below. Kafka's log cleaner alone takes 128 MB of heap (`log.cleaner.dedupe.buffer.size`).
const KAFKA_FLOOR: u64 = 256 * MIB;
const ZOOKEEPER_FLOOR: u64 = 64 * MIB;

/// What a JVM uses beside its heap: metaspace, compiled code, threads, G1's tables, direct buffers. Facts.md measures 330 MB
/// (Kafka) and 84 MB (ZooKeeper) of RSS after a start, young heap included; under load code and buffers grow.
const KAFKA_BESIDE: u64 = 256 * MIB;
const ZOOKEEPER_BESIDE: u64 = 96 * MIB;

/// The heap that an operator's `jvm_options` ask for. The configuration refuses them beside `heap`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OperatorHeap {
    /// Bytes and place of the last option that sets the largest heap.
    pub max: Option<(u64, String)>,
    /// An option states the largest heap as a share of memory, so that ours must not stand beside it.
    pub by_share: bool,
    /// An option sets the first heap.
    pub min: bool,
}

/// Reads what `options` say about the heap; shares are taken of `total`.
pub(super) fn operator_heap(options: &[JvmOption], total: u64) -> OperatorHeap {
    let mut heap = OperatorHeap::default();
    let mut sized = false;
    for option in options {
        let text = option.text.as_str();
        let value = |flag: &str| text.strip_prefix(flag);
        if let Some(bytes) = ["-Xmx", "-XX:MaxHeapSize="].into_iter().find_map(|flag| bytes(value(flag)?)) {
            heap.max = Some((bytes, option.place.clone()));
            sized = true;
        } else if let Some(bytes) = share_of(text, total) {
            // A size wins over a share, wherever either stands.
            if !sized {
                heap.max = Some((bytes, option.place.clone()));
            }
            heap.by_share = true;
        }
        let sets_min = ["-Xms", "-XX:InitialHeapSize=", "-XX:InitialRAMPercentage=", "-XX:InitialRAMFraction="];
        heap.min |= sets_min.iter().any(|flag| text.starts_with(flag));
    }
    heap
}

/// The heap that an option states as a share of memory.
fn share_of(text: &str, total: u64) -> Option<u64> {
    if let Some(percent) = text.strip_prefix("-XX:MaxRAMPercentage=") {
        return Some((total as f64 * percent.parse::<f64>().ok()?.clamp(0.0, 100.0) / 100.0) as u64);
    }
    if let Some(part) = text.strip_prefix("-XX:MaxRAMFraction=") {
        return total.checked_div(part.parse().ok()?);
    }
    // The JVM takes a quarter of the memory that it is told.
    bytes(text.strip_prefix("-XX:MaxRAM=")?).map(|memory| memory / 4)
}

/// A JVM size: digits and one of k, m, g, t.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text.get(digits.len()..)?.to_ascii_lowercase().as_str() {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// A heap and how it came about.
struct Share {
    bytes: u64,
    /// What the rule gives, whatever was said.
    rule: u64,
    why: String,
    /// Measured by us, hence ours to shrink.
    ours: bool,
}

/// Shares out the memory, with what is unwise about it.
pub(super) fn budget(config: &Config, facts: &HostFacts) -> (MemoryBudget, Vec<ConfigWarning>) {
    let roles = config.this_node().roles;
    let (total, total_why) = total(facts);
    let mut zookeeper = share(Role::ZooKeeper, config, total, roles);
    let mut kafka = share(Role::Kafka, config, total, roles);
    let beside = [(roles.zookeeper, ZOOKEEPER_BESIDE), (roles.kafka, KAFKA_BESIDE)];
    let beside: u64 = beside.iter().filter(|(has, _)| *has).map(|(_, bytes)| bytes).sum();

    let mut warnings = Vec::new();
    if shrink(&mut zookeeper, &mut kafka, total, beside) {
        warnings.push(warning(format!(
            "memory is tight: {} hold heaps of {} (zookeeper) and {} (kafka), smaller than a busy node wants; 4 GB or more suit both services",
            size(total), size(zookeeper.bytes), size(kafka.bytes)
        )));
    }

    let heaps = zookeeper.bytes.saturating_add(kafka.bytes);
    let page_cache = total.saturating_sub(heaps).saturating_sub(beside);
    if page_cache < total / 2 {
        warnings.push(warning(format!(
            "the page cache keeps {} of {}, less than half: the broker reads and writes through it, so lower the heaps or add memory",
            size(page_cache), size(total)
        )));
    }
    let page_why = format!("what is left after the heaps and {} that the JVMs use beside them", size(beside));
    let reasons = vec![total_why, zookeeper.why, kafka.why, page_why];
    (MemoryBudget { total, zookeeper_heap: zookeeper.bytes, kafka_heap: kafka.bytes, page_cache, reasons }, warnings)
}

fn total(facts: &HostFacts) -> (u64, String) {
    match facts.cgroup_memory {
        Some(limit) if limit < facts.memory => {
            (limit, format!("the memory limit of the cgroup, below the machine's {}", size(facts.memory)))
        }
        _ => (facts.memory, "the machine's memory, no cgroup limits it further".to_string()),
    }
}

fn share(role: Role, config: &Config, total: u64, roles: Roles) -> Share {
    if !roles.has(role) {
        return Share { bytes: 0, rule: 0, why: "this node does not have the role".into(), ours: false };
    }
    let (heap, options) = match role {
        Role::ZooKeeper => (config.zookeeper.heap, &config.zookeeper.jvm_options),
        Role::Kafka => (config.kafka.heap, &config.kafka.jvm_options),
    };
    let (rule, why) = rule(role, total, roles);
    match (operator_heap(options, total).max, heap) {
        (Some((bytes, place)), _) => Share { bytes, rule, why: format!("[{role}] jvm_options, {place}"), ours: false },
        (None, Heap::Bytes(bytes)) => Share { bytes, rule, why: format!("[{role}] heap"), ours: false },
        (None, Heap::Auto) => Share { bytes: rule, rule, why: why.into(), ours: true },
    }
}

/// The heap that a service of a node gets by itself, and why.
fn rule(role: Role, total: u64, roles: Roles) -> (u64, &'static str) {
    match role {
        Role::Kafka => (
            whole((total / 4).clamp(KAFKA_FLOOR, KAFKA_CAP)),
            "a quarter of memory, 256 MB to 6 GB: the broker keeps little in its heap and lives from the page cache",
        ),
        Role::ZooKeeper if roles.kafka => (
            whole((total / 10).clamp(ZOOKEEPER_BOUNDS.0, ZOOKEEPER_BOUNDS.1)),
            "a tenth of memory, 256 MB to 1 GB: its tree of nodes lives in the heap and is small beside a broker's data",
        ),
        Role::ZooKeeper => (
            whole((total / 4).clamp(ZOOKEEPER_ALONE_BOUNDS.0, ZOOKEEPER_ALONE_BOUNDS.1)),
            "a quarter of memory, 256 MB to 2 GB: ZooKeeper is alone on this node, and its tree lives in the heap",
        ),
    }
}

/// Shrinks the heaps that are ours until the page cache keeps half, or they are at their floors. True when it had to.
///
/// It is for small machines: a heap that the operator said is taken at what the rule would give at most, so that a large one of the
/// broker does not starve ZooKeeper. The warning about the page cache tells of that.
fn shrink(zookeeper: &mut Share, kafka: &mut Share, total: u64, beside: u64) -> bool {
    let sum =
        |ours: bool| [&*zookeeper, &*kafka].iter().filter(|s| s.ours == ours).map(|s| s.bytes.min(s.rule)).sum::<u64>();
    let wanted = sum(true);
    let room = (total / 2).saturating_sub(beside).saturating_sub(sum(false));
    if wanted <= room {
        return false;
    }
    for (share, floor) in [(zookeeper, ZOOKEEPER_FLOOR), (kafka, KAFKA_FLOOR)] {
        if share.ours {
            let part = u128::from(share.bytes) * u128::from(room) / u128::from(wanted);
            let part = u64::try_from(part).unwrap_or(share.bytes) / FINE_STEP * FINE_STEP;
            share.bytes = part.max(floor).min(share.bytes);
            let words = "so that the page cache keeps what it can of its half";
            share.why.push_str(&format!("; shrunk to {} {words}", size(share.bytes)));
        }
    }
    true
}

fn whole(bytes: u64) -> u64 {
    (bytes / STEP * STEP).max(STEP)
}

fn warning(text: String) -> ConfigWarning {
    ConfigWarning { place: String::new(), text }
}

/// A size for people: `512 MB`, `7.6 GB`.
pub(super) fn size(bytes: u64) -> String {
    if bytes >= 10 * GIB || (bytes >= GIB && bytes.is_multiple_of(GIB)) {
        format!("{} GB", bytes / GIB)
    } else if bytes >= 4 * GIB {
        format!("{:.1} GB", bytes as f64 / GIB as f64)
    } else {
        format!("{} MB", bytes / MIB)
    }
}

/// A size as a JVM flag takes it, exact.
pub(super) fn flag_size(bytes: u64) -> String {
    if bytes.is_multiple_of(MIB) { format!("{}m", bytes / MIB) } else { bytes.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(text: &str) -> JvmOption {
        JvmOption { text: text.into(), place: "node.toml:7".into() }
    }

    #[test]
    fn sizes_are_read_as_the_jvm_reads_them() {
        let cases = [("2g", Some(2 * GIB)), ("512M", Some(512 * MIB)), ("1048576k", Some(GIB)), ("77", Some(77))];
        for (text, expected) in cases.into_iter().chain([("", None), ("g", None), ("1x", None), ("99999999999t", None)])
        {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn the_last_word_about_the_heap_wins() {
        let heap = operator_heap(&[option("-Xmx1g"), option("-XX:MaxHeapSize=2g"), option("-Xms1g")], 8 * GIB);
        assert_eq!(heap, OperatorHeap { max: Some((2 * GIB, "node.toml:7".into())), by_share: false, min: true });
        let heap = operator_heap(&[option("-XX:MaxRAMPercentage=25")], 8 * GIB);
        assert_eq!(heap, OperatorHeap { max: Some((2 * GIB, "node.toml:7".into())), by_share: true, min: false });
        let largest = |text| operator_heap(&[option(text)], 8 * GIB).max.map(|(bytes, _)| bytes);
        assert_eq!([largest("-XX:MaxRAMFraction=4"), largest("-XX:MaxRAM=4g")], [Some(2 * GIB), Some(GIB)]);
        assert_eq!([largest("-XX:MaxRAMFraction=0"), largest("-XX:MaxRAMPercentage=x")], [None, None]);
    }

    #[test]
    fn sizes_are_written_for_people_and_for_the_jvm() {
        assert_eq!(
            [512 * MIB, 1888 * MIB, GIB, 7 * GIB + 600 * MIB, 64 * GIB].map(size),
            ["512 MB", "1888 MB", "1 GB", "7.6 GB", "64 GB"]
        );
        assert_eq!([GIB, GIB + 1].map(flag_size), ["1024m".to_string(), (GIB + 1).to_string()]);
    }
}
