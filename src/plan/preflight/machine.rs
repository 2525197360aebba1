//! Findings about memory at this moment, kernel settings, limits and the clock.
//!
//! Absent on purpose: what a start looks at as well (`limits`).

use crate::plan::Plan;
use crate::plan::memory::{MIB, size};

use super::unit_file::UnitSettings;
use super::{Clock, Finding, Survey, Told, Weight};

/// What both JVMs take beside their heaps (`plan::memory`).
const BESIDE: u64 = 352 * MIB;
/// Swap in use below this is what any machine that has been up for a while shows.
const SWAP_USED: u64 = 64 * MIB;
/// Threads of both JVMs: some 200 each, and more with more partitions, clients and collectors; CentOS 7 gives users 4096.
const THREADS: u64 = 4096;
/// Pids of the whole machine. The default is 32768.
const PIDS: u64 = 16_384;
/// What the kernel gives by itself, and what the package's sysctl file sets.
const MAPS: u64 = 262_144;
/// Maps of a JVM beside those of segments: jars, libraries, stacks, heap.
const OTHER_MAPS: u64 = 10_000;
/// Descriptors of a broker beside those of segments.
const OTHER_FILES: u64 = 10_000;
/// As `limits`.
const OPEN_FILES: u64 = 65_536;

/// Everything of this file's matter.
pub(super) fn judge(plan: &Plan, seen: &Survey, unit: Option<&UnitSettings>) -> Vec<Finding> {
    let mut findings = Vec::new();
    memory(plan, seen, &mut findings);
    kernel(plan, seen, &mut findings);
    limits(plan, seen, unit, &mut findings);
    clock(seen, &mut findings);
    findings
}

/// The fact, or a note that it is missing.
fn known<'a, T>(what: &str, told: &'a Told<T>, findings: &mut Vec<Finding>) -> Option<&'a T> {
    match told {
        Ok(value) => Some(value),
        Err(words) => {
            findings.push(Finding::unknown(what, words));
            None
        }
    }
}

fn memory(plan: &Plan, seen: &Survey, findings: &mut Vec<Finding>) {
    let needs = plan.memory.zookeeper_heap.saturating_add(plan.memory.kafka_heap).saturating_add(BESIDE);
    // Beside a running node its own JVMs have taken what they need.
    if let Some(available) = known("available memory", &seen.memory.available, findings)
        && !seen.running
        && *available < needs
    {
        let text = format!(
            "{} of memory are available now, and the JVMs take {}: something else fills this machine",
            size(*available),
            size(needs)
        );
        findings.push(Finding::node(
            "memory-busy",
            Weight::Warn,
            text,
            "find it (ps aux --sort=-rss), or lower heap in [zookeeper] or [kafka]",
        ));
    }
    if let Some(used) = known("swap in use", &seen.memory.swap_used, findings)
        && *used > SWAP_USED
    {
        let text = format!("{} of swap are in use: what is swapped out of a heap stalls its JVM", size(*used));
        findings.push(Finding::node(
            "swap-used",
            Weight::Advise,
            text,
            "find who needs it, lower heaps, or add memory; then swapoff -a and swapon -a",
        ));
    }
}

fn kernel(plan: &Plan, seen: &Survey, findings: &mut Vec<Finding>) {
    let kernel = &seen.kernel;
    let low = [("kernel.pid_max", &kernel.pid_max, PIDS), ("kernel.threads-max", &kernel.threads_max, PIDS / 2)];
    for (name, value, wanted) in low {
        if let Some(value) = known(name, value, findings)
            && *value < wanted
        {
            let text = format!("{name} is {value}, for all programs of the machine: a JVM that gets no thread ends");
            findings.push(Finding::node(
                "kernel-threads",
                Weight::Warn,
                text,
                "raise it in /etc/sysctl.d to 32768 or more",
            ));
        }
    }
    if plan.config.this_node().roles.kafka {
        let segments = known("the number of log segments", &seen.segments, findings).copied();
        if let Some(maps) = known("vm.max_map_count", &kernel.max_map_count, findings) {
            findings.extend(map_count(*maps, segments));
        }
    }
    if let Some(huge) = known("the state of transparent huge pages", &kernel.huge_pages, findings)
        && huge.contains("[always]")
    {
        let text =
            "transparent huge pages are \"always\": starts are slower, and a heap takes more memory than it says";
        let remedy = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, and for ever: transparent_hugepage=madvise on the kernel's command line";
        findings.push(Finding::node("huge-pages", Weight::Advise, text.into(), remedy));
    }
}

/// A broker maps two indexes a segment.
fn map_count(maps: u64, segments: Option<u64>) -> Option<Finding> {
    let remedy = "set vm.max_map_count = 262144 or more in /etc/sysctl.d (kafka-node setup does)";
    let needs = segments.unwrap_or(0).saturating_mul(2).saturating_add(OTHER_MAPS);
    if maps < needs {
        let text = format!(
            "vm.max_map_count is {maps}, and the broker takes two maps for each of its {} log segments: it ends with \"Map failed\"",
            segments.unwrap_or(0)
        );
        return Some(Finding::node("map-count", Weight::Warn, text, remedy));
    }
    (maps < MAPS).then(|| {
        let text = format!("vm.max_map_count is {maps}, good for {} log segments", maps.saturating_sub(OTHER_MAPS) / 2);
        Finding::node("map-count", Weight::Advise, text, remedy)
    })
}

/// Those of the unit; of this process where there is no unit.
fn limits(plan: &Plan, seen: &Survey, unit: Option<&UnitSettings>, findings: &mut Vec<Finding>) {
    let (whose, files, processes) = match unit {
        Some(unit) => ("kafka-node.service", unit.limit("LimitNOFILE"), unit.limit("LimitNPROC")),
        None => ("this process", seen.own_limits.0, seen.own_limits.1),
    };
    if plan.config.this_node().roles.kafka {
        let segments = seen.segments.clone().unwrap_or(0);
        let wanted = segments.saturating_mul(3).saturating_add(OTHER_FILES).max(OPEN_FILES);
        let text = match files {
            Some(files) if files < wanted => Some(format!(
                "{whose} may open {files} files, and the broker wants {wanted}: three for each log segment (there are {segments}), and one a connection"
            )),
            None if unit.is_some() => Some(format!("{whose} sets no LimitNOFILE: systemd's default ends a broker")),
            Some(_) | None => None,
        };
        findings.extend(text.map(|text| {
            let remedy = format!("set LimitNOFILE={} in the unit or a drop-in", wanted.max(MAPS));
            Finding::node("open-files", Weight::Warn, text, &remedy)
        }));
    }
    if let Some(processes) = processes.filter(|processes| *processes < THREADS) {
        let text = format!("{whose} may have {processes} processes, and each thread of both JVMs counts as one");
        findings.push(Finding::node("processes", Weight::Warn, text, "set LimitNPROC=32768 in the unit or a drop-in"));
    }
}

fn clock(seen: &Survey, findings: &mut Vec<Finding>) {
    if let Some(Clock::Adrift) = known("whether the clock is kept", &seen.clock, findings) {
        let text = "no time service keeps the clock: log retention, time indexes and the logs of three nodes go by it";
        let remedy = "systemctl enable --now chronyd (or systemd-timesyncd), and see timedatectl";
        findings.push(Finding::node("clock-adrift", Weight::Warn, text.into(), remedy));
    }
}
