//! Findings about data directories: there, ours, of this node and cluster, with room. Nothing in them is ever touched.

use std::path::Path;

use crate::model::{Role, WaitReason};
use crate::plan::memory::{MIB, size};
use crate::plan::{Plan, properties};

use super::{Content, DirectorySighting, DirectoryState, Finding, Space};

/// ZooKeeper allocates 64 MB for each new transaction log (`preAllocSize`), and ends on a write that finds no room.
const ZOOKEEPER_NEEDS: u64 = 80 * MIB;
/// Kafka allocates a 10 MB index for each active segment; a log directory without room goes offline.
const KAFKA_NEEDS: u64 = 64 * MIB;
/// Below this part of the disk, or this many bytes, an operator should know.
const LOW_PART: u64 = 20;
const LOW_BYTES: u64 = 2048 * MIB;
/// So few files left are as good as none.
const FEW_FILES: u64 = 1000;

/// Directories that a reboot or a cleaner empties.
pub(super) const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Everything about one directory.
pub(super) fn judge(plan: &Plan, role: Role, seen: &DirectorySighting) -> Vec<Finding> {
    let path = seen.path.display();
    // Whatever stands below an unmounted mount point is not the data: a service started on it would begin anew.
    if let Some(mount) = &seen.unmounted {
        let text = format!("{} {path} lies on {mount}, which is to be mounted (/etc/fstab) and is not yet", seen.key);
        let remedy = format!("mount {mount}, or take it out of /etc/fstab");
        return vec![Finding::wait(
            "directory-unmounted",
            role,
            text,
            remedy,
            WaitReason::Mount { path: mount.clone() },
        )];
    }
    let mut findings = Vec::new();
    findings.extend(temporary(plan, role, seen));
    let user = &plan.facts.user;
    let (code, what, remedy) = match &seen.state {
        DirectoryState::Usable => {
            findings.extend(foreign(role, seen, user));
            findings.extend(identity(plan, role, seen));
            findings.extend(seen.space.and_then(|space| room(role, seen, space)));
            return findings;
        }
        DirectoryState::Missing => {
            let remedy = format!("make it: install -d -o {user} -g {user} -m 0750 {path}");
            ("directory-missing", "is missing".to_string(), remedy)
        }
        DirectoryState::NotADirectory => {
            ("directory-other", "is not a directory".to_string(), "point the key at a directory".to_string())
        }
        DirectoryState::Denied(words) => {
            let what = format!("cannot be read and written by {user}: {words}");
            ("directory-denied", what, format!("give it to the user that runs kafka-node: chown -R {user} {path}"))
        }
    };
    let wait = WaitReason::Directory { path: path.to_string(), what: what.clone() };
    findings.push(Finding::refuse(code, role, format!("{} {path} {what}", seen.key), remedy, Some(wait)));
    findings
}

fn temporary(plan: &Plan, role: Role, seen: &DirectorySighting) -> Option<Finding> {
    let is_below = |path: &Path| TEMPORARY.iter().find(|temporary| path.starts_with(temporary));
    let below = is_below(&seen.path).or_else(|| seen.real.as_deref().and_then(is_below))?;
    if plan.config.paths.allow_temporary {
        return None;
    }
    let text = format!("{} {} lies below {below}, which is emptied behind your back", seen.key, seen.path.display());
    let remedy = "choose a directory on a disk of its own, or set [paths] allow_temporary = true for a trial";
    Some(Finding::refuse("directory-temporary", role, text, remedy.into(), None))
}

fn foreign(role: Role, seen: &DirectorySighting, user: &str) -> Option<Finding> {
    let first = seen.foreign.first()?;
    let more = match seen.foreign.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!("{}{more} in {} cannot be written by {user}", first.display(), seen.key);
    let remedy = format!(
        "somebody ran the service as another user: chown -R {user} {} (as root, with the service down)",
        seen.path.display()
    );
    Some(Finding::refuse("directory-foreign", role, text, remedy, None))
}

fn identity(plan: &Plan, role: Role, seen: &DirectorySighting) -> Vec<Finding> {
    let file = match role {
        Role::ZooKeeper => seen.path.join("myid"),
        Role::Kafka => seen.path.join("meta.properties"),
    };
    let bytes = match &seen.identity {
        Content::Absent => return Vec::new(),
        Content::Unreadable(words) => {
            let text = format!("{} cannot be read: {words}", file.display());
            let remedy = format!("give it to {}, the user that runs kafka-node", plan.facts.user);
            return vec![Finding::refuse("identity-unreadable", role, text, remedy, None)];
        }
        Content::Bytes(bytes) => bytes,
    };
    match role {
        Role::ZooKeeper => my_id(plan, &file, bytes).into_iter().collect(),
        Role::Kafka => broker_id(plan, &file, bytes).into_iter().collect(),
    }
}

/// `myid` is text with one number; ZooKeeper trims it.
fn my_id(plan: &Plan, file: &Path, bytes: &[u8]) -> Option<Finding> {
    let node = plan.config.this_node();
    let text = String::from_utf8_lossy(bytes);
    let found = text.trim();
    if found.parse() == Ok(node.number.get()) {
        return None;
    }
    let shown: String = found.chars().take(20).map(|c| if c.is_control() { '?' } else { c }).collect();
    let text = format!("{} says \"{shown}\", and [[node]] {} has id = {}", file.display(), node.name, node.number);
    let remedy = "this is the data of another member, or the id was changed: set the id that the directory has, or point \
                  [zookeeper] data_dir at this node's own; kafka-node never writes over myid";
    Some(Finding::refuse("identity-myid", Role::ZooKeeper, text, remedy.into(), None))
}

fn broker_id(plan: &Plan, file: &Path, bytes: &[u8]) -> Option<Finding> {
    let node = plan.config.this_node();
    let meta = properties::parse(bytes);
    if let Some(id) = value(&meta, "node.id") {
        let text = format!("{} has node.id={id}: it was formatted for Kafka without ZooKeeper (KRaft)", file.display());
        let remedy = "point [kafka] log_dirs at directories of a broker that runs with ZooKeeper, or at empty ones";
        return Some(Finding::refuse("identity-kraft", Role::Kafka, text, remedy.into(), None));
    }
    let id = value(&meta, "broker.id")?;
    if id.trim().parse() == Ok(node.number.broker_id().0) {
        return None;
    }
    let shown: String = id.chars().take(20).map(|c| if c.is_control() { '?' } else { c }).collect();
    let text = format!("{} has broker.id={shown}, and [[node]] {} has id = {}", file.display(), node.name, node.number);
    let remedy = "this is the data of another broker, or the id was changed: set the id that the directory has, or point \
                  [kafka] log_dirs at this node's own";
    Some(Finding::refuse("identity-broker", Role::Kafka, text, remedy.into(), None))
}

/// Log directories that belong to different clusters: the broker would refuse them with a stack trace.
pub(super) fn clusters(directories: &[DirectorySighting]) -> Option<Finding> {
    let mut known: Option<(&Path, String)> = None;
    for seen in directories {
        let Content::Bytes(bytes) = &seen.identity else { continue };
        let Some(id) = value(&properties::parse(bytes), "cluster.id").map(str::to_string) else { continue };
        match &known {
            None => known = Some((&seen.path, id)),
            Some((_, first)) if *first == id => {}
            Some((path, first)) => {
                let text = format!(
                    "meta.properties of {} and of {} name different clusters, {first} and {id}",
                    path.display(),
                    seen.path.display()
                );
                let remedy = "one of them is a disk of another cluster: keep those of this one in [kafka] log_dirs";
                return Some(Finding::refuse("identity-cluster", Role::Kafka, text, remedy.into(), None));
            }
        }
    }
    None
}

fn value<'a>(properties: &'a [(String, String)], key: &str) -> Option<&'a str> {
    // Java keeps the last one.
    properties.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
}

fn room(role: Role, seen: &DirectorySighting, space: Space) -> Option<Finding> {
    let needs = match role {
        Role::ZooKeeper => ZOOKEEPER_NEEDS,
        Role::Kafka => KAFKA_NEEDS,
    };
    let path = seen.path.display();
    if space.free < needs {
        let text = format!(
            "the disk of {} {path} has {} left; {role} needs {} to start",
            seen.key,
            size(space.free),
            size(needs)
        );
        return Some(Finding::refuse(
            "disk-full",
            role,
            text,
            "free space on it; nothing is deleted by kafka-node".into(),
            None,
        ));
    }
    if let Some(files) = space.free_files.filter(|files| *files < FEW_FILES) {
        let text = format!("the disk of {} {path} can hold {files} more files", seen.key);
        return Some(Finding::warn("disk-inodes", role, text, "free inodes (df -i)".into()));
    }
    if space.free < LOW_BYTES || space.free < space.total / LOW_PART {
        let text = format!("the disk of {} {path} has {} of {} left", seen.key, size(space.free), size(space.total));
        return Some(Finding::warn(
            "disk-low",
            role,
            text,
            "free space, or lower retention, before writes stop".into(),
        ));
    }
    None
}
