//! Findings about memory and the system's limits: the few that decide over a start or a night's sleep.

use crate::model::Role;
use crate::plan::Plan;
use crate::plan::memory::{MIB, size};

use super::{Finding, Sightings};

/// A broker holds a file for each segment and its indexes, and one for each connection; Kafka's guide asks for 100,000.
const OPEN_FILES: u64 = 65_536;
/// A JVM whose heap is swapped out stalls in each collection.
const SWAPPINESS: u64 = 10;
/// What `state_dir` should have left beside a heap dump.
const STATE_SPARE: u64 = 512 * MIB;

/// Heaps that cannot fit are refused: the kernel's OOM killer would settle it later, at the worst time.
pub(super) fn heaps(plan: &Plan, role: Role) -> Option<Finding> {
    let memory = &plan.memory;
    let sum = memory.zookeeper_heap.saturating_add(memory.kafka_heap);
    if sum <= memory.total {
        return None;
    }
    let text = format!(
        "the heaps need {} ({} zookeeper, {} kafka), and there are {} of memory",
        size(sum),
        size(memory.zookeeper_heap),
        size(memory.kafka_heap),
        size(memory.total)
    );
    let remedy = "lower heap in [zookeeper] or [kafka], or leave it at \"auto\"; the page cache should keep half";
    Some(Finding::refuse("heaps", role, text, remedy.into(), None))
}

/// A colon separates the entries of a class path, and the fields of a log option: no quoting helps.
pub(super) fn paths(plan: &Plan, role: Role) -> Vec<Finding> {
    let paths = [("[kafka] home", &plan.config.kafka.home), ("[paths] state_dir", &plan.config.paths.state_dir)];
    let bad = paths.into_iter().filter(|(_, path)| path.display().to_string().contains(':'));
    bad.map(|(key, path)| {
        let text = format!("{key} {} holds a colon, which separates paths for Java", path.display());
        Finding::refuse("path-colon", role, text, "choose a path without one".into(), None)
    })
    .collect()
}

/// Warnings about the system.
pub(super) fn system(plan: &Plan, role: Role, seen: &Sightings) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(limit) = seen.open_files.filter(|limit| role == Role::Kafka && *limit < OPEN_FILES) {
        let text = format!("the broker may open {limit} files, and wants {OPEN_FILES} or more");
        findings.push(Finding::warn("open-files", role, text, "set LimitNOFILE=100000 in the unit".into()));
    }
    if let Some(value) = seen.swappiness.filter(|value| *value > SWAPPINESS) {
        let text = format!("vm.swappiness is {value} and there is swap: a heap that is swapped out stalls its JVM");
        findings.push(Finding::warn("swappiness", role, text, "set vm.swappiness = 1 in /etc/sysctl.d".into()));
    }
    let heap = match role {
        Role::ZooKeeper => plan.memory.zookeeper_heap,
        Role::Kafka => plan.memory.kafka_heap,
    };
    if let Some(free) = seen.state_space.filter(|free| *free < heap.saturating_add(STATE_SPARE)) {
        let text = format!(
            "[paths] state_dir {} has {} left; a heap dump of {role} takes up to {}",
            plan.config.paths.state_dir.display(),
            size(free),
            size(heap)
        );
        let remedy = format!("free space there, or add -XX:-HeapDumpOnOutOfMemoryError to [{role}] jvm_options");
        findings.push(Finding::warn("heap-dump-space", role, text, remedy));
    }
    findings
}
