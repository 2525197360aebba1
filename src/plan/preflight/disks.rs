//! Findings about the file systems of the data, and who owns it.
//!
//! Absent on purpose: free space and inodes, which a start looks at too (`directories`).

use std::path::Path;

use crate::plan::Plan;

use super::directories::TEMPORARY;
use super::{DiskSighting, Finding, Mount, Survey, Weight};

/// What Kafka and ZooKeeper are run on everywhere.
const GOOD: [&str; 2] = ["xfs", "ext4"];
/// File systems of another machine: `fsync` may lie, locks may hang, and the network is between a broker and its log.
const REMOTE: [&str; 10] =
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs"];
/// File systems in memory.
const VOLATILE: [&str; 2] = ["tmpfs", "ramfs"];
/// Layers of containers.
const LAYERS: [&str; 4] = ["overlay", "overlayfs", "aufs", "fuse-overlayfs"];

/// The key of ZooKeeper's log directory, where it has one of its own.
pub const DATA_LOG_DIR: &str = "[zookeeper.properties] dataLogDir";

/// Everything of this file's matter. `user` is whom the service runs as, where the unit says so.
pub(super) fn judge(plan: &Plan, seen: &Survey, user: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for disk in &seen.disks {
        match &disk.mount {
            Ok(mount) => findings.extend(mounted(plan, disk, mount)),
            Err(words) => {
                let what = format!("the file system of {}", disk.path.display());
                findings.push(Finding::unknown(&what, words));
            }
        }
        findings.extend(user.filter(|_| seen.as_root).and_then(|user| owner(disk, user)));
    }
    findings.extend(shared(&seen.disks));
    findings.extend(temporary(plan));
    findings
}

fn mounted(plan: &Plan, disk: &DiskSighting, mount: &Mount) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (point, kind) = (&mount.point, mount.kind.as_str());
    let at = format!("{} {} is on {point}", disk.key, disk.path.display());
    let is = |list: &[&str]| list.contains(&kind);
    let elsewhere = "put the data on a disk of its own with xfs or ext4";
    let found = if is(&GOOD) {
        None
    } else if is(&REMOTE) {
        let text =
            format!("{at}, of type {kind}: the network stands between the service and its log, and locks may hang");
        Some(Finding::node("file-system-remote", Weight::Warn, text, elsewhere))
    } else if is(&VOLATILE) {
        // Allowed for a trial, as directories below /tmp are.
        let text = format!("{at}, of type {kind}: what is in memory is gone with the next boot");
        (!plan.config.paths.allow_temporary)
            .then(|| Finding::node("file-system-volatile", Weight::Warn, text, elsewhere))
    } else if is(&LAYERS) {
        let text =
            format!("{at}, of type {kind}: it goes when its container goes, and copies files as they are written");
        Some(Finding::node("file-system-layer", Weight::Warn, text, "give the container a volume for the data"))
    } else {
        let text = format!("{at}, of type {kind}, which few run Kafka on");
        Some(Finding::node("file-system-rare", Weight::Advise, text, "prefer xfs or ext4"))
    };
    findings.extend(found);
    let has = |option: &str| mount.options.iter().any(|known| known == option);
    if has("ro") {
        let text = format!("{at}, which is mounted read-only");
        let remedy = format!("see why (dmesg: a disk error makes it so), then mount -o remount,rw {point}");
        findings.push(Finding::node("mounted-read-only", Weight::Refuse, text, &remedy));
    } else if !has("noatime") && (is(&GOOD) || is(&REMOTE)) {
        let text = format!("{point} is mounted without noatime: reads of the log cause writes");
        findings.push(Finding::node("no-noatime", Weight::Advise, text, "add noatime to its line in /etc/fstab"));
    }
    findings
}

fn owner(disk: &DiskSighting, user: &str) -> Option<Finding> {
    let owner = disk.owner.as_deref().filter(|owner| *owner != user)?;
    let path = disk.path.display();
    let text = format!("{} {path} belongs to {owner}, and the service runs as {user}", disk.key);
    Some(Finding::node(
        "directory-owner",
        Weight::Warn,
        text,
        &format!("chown -R {user} {path} (with the service down)"),
    ))
}

/// ZooKeeper waits for each write to reach the disk; a broker's flushes on the same disk make it wait long.
fn shared(disks: &[DiskSighting]) -> Option<Finding> {
    let device = |disk: &DiskSighting| disk.mount.as_ref().ok().map(|mount| mount.device.clone());
    let (mut zookeeper, kafka): (Vec<_>, Vec<_>) = disks.iter().partition(|disk| disk.key.starts_with("[zookeeper"));
    // What is waited for is the log, where that has a directory of its own.
    if zookeeper.iter().any(|disk| disk.key == DATA_LOG_DIR) {
        zookeeper.retain(|disk| disk.key == DATA_LOG_DIR);
    }
    let (one, other) = zookeeper.iter().find_map(|one| {
        let of_one = device(one)?;
        Some((one, kafka.iter().find(|other| device(other).as_ref() == Some(&of_one))?))
    })?;
    let text = format!(
        "{} and {} are on one disk: ZooKeeper waits behind the broker's flushes, and sessions end under load",
        one.path.display(),
        other.path.display()
    );
    let remedy = "give ZooKeeper a small disk of its own, or its log at least (dataLogDir in [zookeeper.properties])";
    Some(Finding::node("one-disk", Weight::Advise, text, remedy))
}

/// Our own paths. Data directories there are refused before a start.
fn temporary(plan: &Plan) -> Vec<Finding> {
    let config = &plan.config;
    if config.paths.allow_temporary {
        return Vec::new();
    }
    let paths = [
        ("[paths] state_dir", Some(config.paths.state_dir.as_path())),
        ("[paths] log_dir", config.log.files.then_some(config.paths.log_dir.as_path())),
        (DATA_LOG_DIR, data_log_dir(plan)),
    ];
    let below = |path: &Path| TEMPORARY.iter().find(|temporary| path.starts_with(temporary));
    let found = paths.into_iter().filter_map(|(key, path)| Some((key, path?, below(path?)?)));
    found
        .map(|(key, path, below)| {
            let text = format!("{key} {} lies below {below}, which is emptied behind your back", path.display());
            Finding::node("path-temporary", Weight::Warn, text, "choose a directory below /var or on a disk of its own")
        })
        .collect()
}

/// Where ZooKeeper's log is, where that is not its data directory.
fn data_log_dir(plan: &Plan) -> Option<&Path> {
    let properties = &plan.config.zookeeper.properties;
    properties.iter().rev().find(|property| property.key == "dataLogDir").map(|property| Path::new(&property.value))
}
