//! Kernel settings of the shipped `sysctl.d` file: applied at once where they differ, as the next boot would.
//!
//! A file of the operator that systemd reads later wins, here as at a boot. Absent on purpose: writing any `sysctl.d` file.

use std::path::PathBuf;

use super::{Deed, State, Step, Subject, SysctlFacts};

/// The shipped file.
pub const OURS: &str = "/usr/lib/sysctl.d/60-kafka-node.conf";
/// More of these does no harm, and something else may have asked for it.
const AT_LEAST: [&str; 2] = ["vm.max_map_count", "fs.file-max"];

/// The step.
pub(super) fn step(facts: &SysctlFacts) -> Step {
    let step =
        |state| Step::new(Subject::Sysctl, "kernel settings", "memory maps and swapping as a broker needs them", state);
    let name = OURS.rsplit('/').next().unwrap_or(OURS);
    let is_ours = |path: &str| path.rsplit('/').next() == Some(name);
    let Some((_, ours)) = facts.files.iter().find(|(path, _)| is_ours(path)) else {
        return step(State::Left(format!("{OURS} is not there (the package brings it)")));
    };
    let (mut same, mut differ, mut left, mut deeds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (key, wanted) in ours {
        let present = facts.present.iter().find(|(name, _, _)| name == key);
        // The last file that names a key decides.
        let decides = facts.files.iter().rev().find(|(_, settings)| settings.iter().any(|(name, _)| name == key));
        match (present, decides) {
            (_, Some((path, _))) if !is_ours(path) => left.push(format!("{key} is left to {path}")),
            (None | Some((_, None, _)), _) => left.push(format!("this kernel has no {key}")),
            (Some((_, Some(value), _)), _) if satisfied(key, value, wanted) => same.push(format!("{key} = {value}")),
            (Some((_, Some(value), false)), _) => {
                left.push(format!(
                    "{key} is {value} and cannot be written here (a container?): set {wanted} on the host"
                ));
            }
            (Some((_, Some(value), true)), _) => {
                differ.push(format!("{key} is {value}"));
                deeds.push(Deed::Sysctl { key: key.clone(), value: wanted.clone() });
            }
        }
    }
    let state = match (differ.is_empty(), left.is_empty() || !same.is_empty()) {
        (false, _) => State::Change(differ.join(", ")),
        (true, true) => State::Already(same.join(", ")),
        (true, false) => State::Left(left.join("; ")),
    };
    let told = matches!(state, State::Left(_));
    let mut step = step(state).deeds(deeds);
    if !told {
        step.warnings = left;
    }
    step
}

fn satisfied(key: &str, present: &str, wanted: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if AT_LEAST.contains(&key)
        && let (Ok(present), Ok(wanted)) = (present.trim().parse::<u64>(), wanted.trim().parse::<u64>())
    {
        return present >= wanted;
    }
    words(present) == words(wanted)
}

/// Keys and values of a `sysctl.d` file; keys with dots. What is no plain key is passed over.
pub fn settings(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let pairs = lines.filter_map(|line| line.split_once('='));
    let plain = |key: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        key.chars().all(fits) && !key.is_empty() && key.split('.').all(|part| !part.is_empty())
    };
    // "-" before a key: failures are of no matter.
    let named = |key: &str| key.trim().trim_start_matches('-').replace('/', ".");
    pairs.map(|(key, value)| (named(key), value.trim().to_owned())).filter(|(key, _)| plain(key)).collect()
}

/// The kernel's file of a key.
pub fn place_of(key: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(key.replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_systemd_reads_them() {
        let text =
            "# a comment\n; another\nvm.swappiness = 1\n-vm/max_map_count=262144\n\nbroken\n../x = 1\n= 2\nvm.. = 3\n";
        let expected = [("vm.swappiness", "1"), ("vm.max_map_count", "262144")];
        assert_eq!(settings(text), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(place_of("vm.swappiness"), PathBuf::from("/proc/sys/vm/swappiness"));
    }

    #[test]
    fn a_larger_limit_is_no_difference() {
        assert!(satisfied("vm.max_map_count", "1048576\n", "262144"));
        assert!(!satisfied("vm.max_map_count", "65530", "262144"));
        assert!(!satisfied("vm.swappiness", "60", "1"));
        assert!(satisfied("net.ipv4.tcp_rmem", "4096\t131072\t6291456", "4096 131072 6291456"));
    }
}
