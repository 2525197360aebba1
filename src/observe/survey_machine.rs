//! Looks at memory, kernel settings and the unit's files. Reads only.
//!
//! Effects: reads files below the root.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::str::FromStr;

use crate::plan::preflight::{Kernel, Memory, Told, UnitFile, UnitSighting};

use super::host::{HostRoot, meminfo};

/// Where systemd looks for units, the first that has a name hides the others.
const UNITS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
/// Ours, and the drop-ins of every service.
const DROP_INS: [&str; 2] = ["service.d", "kafka-node.service.d"];

/// Memory at this moment.
pub(super) fn memory(root: &HostRoot) -> Memory {
    let path = "/proc/meminfo";
    let text = fs::read(root.at(path)).map_err(|error| format!("{path}: {error}"));
    let field = |name: &str| {
        let bytes = text.as_ref().map_err(Clone::clone)?;
        meminfo(bytes, name).ok_or_else(|| format!("{path} has no {name}"))
    };
    let used = || Ok(field("SwapTotal")?.saturating_sub(field("SwapFree")?));
    Memory { available: field("MemAvailable"), swap_used: used() }
}

/// Settings of the kernel.
pub(super) fn kernel(root: &HostRoot) -> Kernel {
    Kernel {
        pid_max: number(root, "/proc/sys/kernel/pid_max"),
        threads_max: number(root, "/proc/sys/kernel/threads-max"),
        max_map_count: number(root, "/proc/sys/vm/max_map_count"),
        huge_pages: huge_pages(root),
    }
}

fn huge_pages(root: &HostRoot) -> Told<String> {
    let path = "/sys/kernel/mm/transparent_hugepage/enabled";
    match fs::read_to_string(root.at(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|error| format!("{path}: {error}")),
    }
}

fn number<T: FromStr>(root: &HostRoot, path: &str) -> Told<T> {
    let text = fs::read_to_string(root.at(path)).map_err(|error| format!("{path}: {error}"))?;
    text.trim().parse().map_err(|_| format!("{path} holds no number"))
}

/// The unit and its drop-ins, in systemd's order.
pub fn unit(root: &HostRoot) -> UnitSighting {
    let mut seen = UnitSighting::default();
    let unit = UNITS.iter().map(|directory| format!("{directory}/kafka-node.service"));
    let Some(unit) = unit.filter_map(|path| read(root, path).ok()).next() else { return seen };
    // A masked unit is a link to /dev/null.
    if unit.text.trim().is_empty() {
        return seen;
    }
    seen.files.push(unit);
    let mut drop_ins: BTreeMap<String, String> = BTreeMap::new();
    // The mightiest last, so that it takes the place of the others of its name.
    for directory in UNITS.iter().rev() {
        for folder in DROP_INS {
            let folder = format!("{directory}/{folder}");
            match fs::read_dir(root.at(&folder)) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => seen.unreadable.push(format!("{folder}: {error}")),
                Ok(entries) => {
                    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
                    let names = names.filter(|name| name.ends_with(".conf"));
                    drop_ins.extend(names.map(|name| (name.clone(), format!("{folder}/{name}"))));
                }
            }
        }
    }
    for path in drop_ins.into_values() {
        match read(root, path) {
            Ok(file) => seen.files.push(file),
            Err(words) => seen.unreadable.push(words),
        }
    }
    seen
}

fn read(root: &HostRoot, path: String) -> Told<UnitFile> {
    let bytes = fs::read(root.at(&path)).map_err(|error| format!("{path}: {error}"))?;
    Ok(UnitFile { path, text: String::from_utf8_lossy(&bytes).into_owned() })
}
