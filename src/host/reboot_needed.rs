//! Whether something on this machine takes effect only by a reboot: what the package managers of all distributions leave behind to say so.
//!
//! Every reason is one that a reboot takes away, so that an unattended reboot cannot follow another for ever: a kernel counts only if it
//! was installed since the boot. Absent on purpose: whether the node may go down (`gate`), and libraries that a JVM has open
//! (`needs-restarting` looks at the whole machine, as root).

use std::cmp::Ordering;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::model::Role;
use crate::observe::host::HostRoot;

use super::programs::{Programs, words};
use super::reboot;

/// How many packages are named.
const NAMED: usize = 5;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebootNeeds {
    /// The order of a roll, in its own words: the file that the supervisor left.
    pub ordered: Option<String>,
    /// What a reboot is needed for, a sentence each.
    pub reasons: Vec<String>,
    /// What a restart of both JVMs is enough for.
    pub restarts: Vec<String>,
    /// What could not be found out.
    pub unknown: Vec<String>,
}

impl RebootNeeds {
    /// A reboot is needed, or ordered.
    pub fn any(&self) -> bool {
        self.ordered.is_some() || !self.reasons.is_empty()
    }
}

/// Looks at everything. `jvms` are those that run. `programs` should have a limit of a minute: `needs-restarting` reads the
/// database of all packages.
pub fn look(root: &HostRoot, state_dir: &Path, jvms: &[(Role, i32)], programs: &mut dyn Programs) -> RebootNeeds {
    let mut needs = RebootNeeds::default();
    match fs::read_to_string(root.at(reboot::wanted(state_dir))) {
        Ok(text) => {
            let line = text.lines().next().unwrap_or_default().trim();
            needs.ordered = Some(if line.is_empty() { "no reason is given".to_owned() } else { line.to_owned() });
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => needs.unknown.push(format!("whether a roll ordered it: {error}")),
    }
    needs.reasons.extend(left_by_packages(root));
    if programs.has("needs-restarting") {
        match programs.run(&words(&["needs-restarting", "-r"])) {
            Ok(answer) => match needs_restarting(&answer.out) {
                Some(Some(packages)) => needs.reasons.push(packages),
                Some(None) => {}
                None => needs.unknown.push(format!("needs-restarting -r: {}", answer.words())),
            },
            Err(error) => needs.unknown.push(error),
        }
    }
    needs.reasons.extend(newer_kernel(root));
    for (role, pid) in jvms {
        if java_was_replaced(root, *pid) {
            needs.restarts.push(format!(
                "the Java that {role} runs on (pid {pid}) was replaced: a restart is enough (kafka-node roll restart)"
            ));
        }
    }
    needs
}

/// Debian's mark, with the packages that made it.
fn left_by_packages(root: &HostRoot) -> Option<String> {
    let mark = ["/run/reboot-required", "/var/run/reboot-required"].into_iter().find(|path| root.at(path).exists())?;
    let text = fs::read_to_string(root.at(format!("{mark}.pkgs"))).unwrap_or_default();
    let mut packages: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    packages.sort_unstable();
    packages.dedup();
    Some(match packages.is_empty() {
        true => format!("{mark} is there"),
        false => format!("{mark} is there, for {}", named(&packages)),
    })
}

/// What `needs-restarting -r` of yum-utils and of dnf says: `None` where it is neither answer (it exits with 1 for errors too),
/// else the reason, if there is one.
fn needs_restarting(said: &str) -> Option<Option<String>> {
    let lines = || said.lines().map(str::trim);
    if lines().any(|line| line.starts_with("Reboot is required")) {
        // "  kernel -> 3.10.0-1160.el7", "  * kernel".
        let packages = lines().filter_map(|line| match line.split_once(" -> ") {
            Some((name, _)) => Some(name.trim_start_matches("* ")),
            None => line.strip_prefix("* "),
        });
        let packages: Vec<&str> = packages.map(str::trim).collect();
        return Some(Some(match packages.is_empty() {
            true => "needs-restarting -r says so".to_owned(),
            false => format!("needs-restarting -r names {}", named(&packages)),
        }));
    }
    let not = ["Reboot is probably not necessary", "Reboot should not be necessary"];
    lines().any(|line| not.iter().any(|words| line.starts_with(words))).then_some(None)
}

/// The newest kernel of the running one's kind that was installed since the boot.
fn newer_kernel(root: &HostRoot) -> Option<String> {
    let running = fs::read_to_string(root.at("/proc/sys/kernel/osrelease")).ok()?;
    let running = running.trim();
    let booted = boot_time(root)?;
    let mut newest = running.to_owned();
    for entry in fs::read_dir(root.at("/lib/modules")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // depmod writes it at the end of an installation. What a removal leaves behind has none.
        let installed = fs::metadata(entry.path().join("modules.dep")).and_then(|it| it.modified());
        if kind(&name) == kind(running)
            && newer(&name, &newest) == Ordering::Greater
            && installed.is_ok_and(|installed| installed > booted)
        {
            newest = name;
        }
    }
    (newest != running).then(|| format!("the kernel {newest} is installed, and {running} runs"))
}

fn boot_time(root: &HostRoot) -> Option<SystemTime> {
    let stat = fs::read_to_string(root.at("/proc/stat")).ok()?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// What is left of a release without its numbers: "elx" of every stock kernel of EL, "amd" and "cloudamd" of two of Debian's. A
/// kernel of another kind would not be the next boot's.
fn kind(release: &str) -> String {
    release.chars().filter(char::is_ascii_alphabetic).collect()
}

/// Compares by runs of digits, each as a number, as rpm and dpkg do for what kernels are called.
fn newer(one: &str, other: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
    };
    numbers(one).cmp(&numbers(other))
}

/// The program it runs is no longer where it was: an update has put another in its place, or taken it away.
fn java_was_replaced(root: &HostRoot, pid: i32) -> bool {
    fs::read_link(root.at(format!("/proc/{pid}/exe"))).is_ok_and(|exe| exe.to_string_lossy().ends_with(" (deleted)"))
}

fn named(packages: &[&str]) -> String {
    let shown: Vec<&str> = packages.iter().copied().take(NAMED).collect();
    match packages.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
#[path = "reboot_needed_tests.rs"]
mod tests;
