//! A node's cgroups: one in every hierarchy of this machine, below the one that this task is in. They hold everything that a
//! node runs, so they say what is left of it, and freeze it. Absent on purpose: limits; a node has what the machine has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::bed::Node;
use crate::child::{self, POLL};
use crate::failure::{During, Failure, Outcome};

/// How long killed processes may take to leave.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes a node's cgroups and notes them in its directory, first, so that a task that dies here leaves nothing unknown.
pub fn create(node: &Node<'_>) -> Outcome<()> {
    let own = fs::read_to_string("/proc/self/cgroup").during(|| "read /proc/self/cgroup".into())?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").during(|| "read /proc/self/mountinfo".into())?;
    let groups: Vec<PathBuf> =
        places(&own, &mounts).into_iter().filter(|place| place.is_dir()).map(|place| place.join(node.slug())).collect();
    if !groups.iter().any(|group| is_freezer(group)) {
        return Err(Failure::new(
            "this machine has no cgroup v1 freezer, which the bed needs to stop a node at one instant (it runs on a machine \
             with cgroup v1 or both; the nodes themselves may have any)",
        ));
    }
    let text: String = groups.iter().map(|group| format!("{}\n", group.display())).collect();
    fs::write(node.dir().join("cgroups"), text).during(|| "note the cgroups".into())?;
    for group in &groups {
        fs::create_dir_all(group).during(|| format!("create {}", group.display()))?;
        for file in ["cpuset.cpus", "cpuset.mems"] {
            // Empty in a fresh cgroup of version 1, and then nothing can be moved into it.
            let of_parent = group.parent().and_then(|parent| fs::read(parent.join(file)).ok());
            if let Some(value) = of_parent.filter(|_| group.join(file).exists()) {
                fs::write(group.join(file), value).during(|| format!("set {file} of {}", group.display()))?;
            }
        }
    }
    Ok(())
}

/// All processes of a node, seen from here.
pub fn processes(node: &Node<'_>) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for group in noted(node) {
        collect(&group, &mut found);
    }
    found
}

/// Kills what is left in a node's cgroups and removes them. What was killed is named.
pub fn remove(node: &Node<'_>) -> Outcome<Vec<String>> {
    thaw(node);
    let limit = Instant::now() + PATIENCE;
    let mut killed = Vec::new();
    loop {
        let left = processes(node);
        if left.is_empty() {
            break;
        }
        if Instant::now() > limit {
            return Err(Failure::new(format!("processes of {} do not end: {left:?}", node.host())));
        }
        for pid in left {
            if let Some(stat) = crate::proc::stat(pid).filter(|stat| stat.state != 'Z') {
                killed.push(stat.comm);
            }
            child::signal(pid, Signal::SIGKILL);
        }
        std::thread::sleep(POLL);
    }
    for group in noted(node) {
        prune(&group)?;
    }
    let note = node.dir().join("cgroups");
    if note.exists() {
        fs::remove_file(&note).during(|| format!("remove {}", note.display()))?;
    }
    killed.sort();
    Ok(killed)
}

/// Stops every process of a node at one instant.
pub fn freeze(node: &Node<'_>) -> Outcome<()> {
    let state = freezer(node).ok_or_else(|| Failure::new(format!("{} has no freezer", node.host())))?;
    fs::write(&state, "FROZEN").during(|| format!("freeze {}", node.host()))?;
    let limit = Instant::now() + PATIENCE;
    while fs::read_to_string(&state).is_ok_and(|text| text.trim() != "FROZEN") {
        if Instant::now() > limit {
            return Err(Failure::new(format!("{} does not freeze", node.host())));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Lets a frozen node go on.
pub fn thaw(node: &Node<'_>) {
    if let Some(state) = freezer(node) {
        // One that is not frozen, or gone, needs no thaw.
        let _ = fs::write(state, "THAWED");
    }
}

fn noted(node: &Node<'_>) -> Vec<PathBuf> {
    let text = fs::read_to_string(node.dir().join("cgroups")).unwrap_or_default();
    text.lines().map(PathBuf::from).collect()
}

fn freezer(node: &Node<'_>) -> Option<PathBuf> {
    noted(node).into_iter().find(|group| is_freezer(group)).map(|group| group.join("freezer.state"))
}

fn is_freezer(group: &Path) -> bool {
    group.parent().and_then(Path::parent).is_some()
        && group.ancestors().any(|dir| dir.file_name().is_some_and(|name| name == "freezer"))
}

fn collect(group: &Path, found: &mut BTreeSet<u32>) {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|pid| *pid != 0));
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), found);
        }
    }
}

/// Removes a cgroup and those below it.
fn prune(group: &Path) -> Outcome<()> {
    if !group.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(group).during(|| format!("read {}", group.display()))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            prune(&entry.path())?;
        }
    }
    let limit = Instant::now() + PATIENCE;
    loop {
        match fs::remove_dir(group) {
            // A process that has just ended still counts for a moment.
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy && Instant::now() < limit => {
                std::thread::sleep(POLL);
            }
            other => return other.during(|| format!("remove {}", group.display())),
        }
    }
}

/// This task's own cgroup in every mounted hierarchy, by `/proc/self/cgroup` and `/proc/self/mountinfo`.
fn places(own: &str, mounts: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(names), Some(path)) = (fields.next(), fields.next()) else { continue };
        let mount = mounts.lines().find_map(|mount| {
            let (left, right) = mount.split_once(" - ")?;
            let mut right = right.split(' ');
            let kind = right.next()?;
            let options: Vec<&str> = right.nth(1)?.split(',').collect();
            let first = names.split(',').next().unwrap_or_default();
            let is_it = match (names.is_empty(), kind) {
                (true, "cgroup2") => true,
                (false, "cgroup") => options.contains(&first),
                _ => false,
            };
            let mut left = left.split(' ').skip(3);
            is_it.then(|| (left.next().unwrap_or("/"), left.next().unwrap_or_default()))
        });
        if let Some((root, point)) = mount {
            let below = path.strip_prefix(root).unwrap_or(path).trim_start_matches('/');
            found.push(Path::new(point).join(below));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mounted_hierarchy_is_found() {
        let own = "9:name=systemd:/\n6:freezer:/\n4:memory:/a/b\n2:cpu,cpuacct:/\n3:misc:/\n0::/u\n";
        let mounts = "30 25 0:26 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
                      31 25 0:27 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n\
                      32 25 0:28 /a /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      33 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n\
                      34 25 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                      35 25 0:31 / /tmp rw - tmpfs tmpfs rw\n";
        let expected = ["systemd", "freezer", "memory/b", "cpu,cpuacct", "unified/u"];
        let expected: Vec<PathBuf> = expected.iter().map(|name| Path::new("/sys/fs/cgroup").join(name)).collect();
        assert_eq!(places(own, mounts), expected);
    }
}
