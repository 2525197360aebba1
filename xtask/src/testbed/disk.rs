//! A node's disk: an XFS file system in a sparse file, holding what the node wrote over the shared root, and `/data`.
//! Absent on purpose: mounting it for the node; `machine.sh` does, in its own mount namespace.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::bed::{MOST, Node, address, host};
use super::wait::await_fact;
use crate::child;
use crate::failure::{During, Outcome};

/// The size of a disk in bytes; sparse, so it costs what is written.
const SIZE: u64 = 8 << 30;
/// How long the kernel may take to let a disk go.
const RELEASE: Duration = Duration::from_secs(20);
/// PID 1's first step.
const FIRST: &str = include_str!("../../testbed/first.sh");
/// Units that only cost time in a node without a way out, or that nobody looks at.
const MASKED: [&str; 11] = [
    "systemd-resolved.service",
    "systemd-networkd.service",
    "systemd-timesyncd.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "dpkg-db-backup.timer",
    "getty.target",
    "console-getty.service",
    "nftables.service",
];

/// Makes a node's disk with what differs between nodes; one that is there is left as it is.
pub fn create(node: &Node<'_>) -> Outcome<()> {
    let dir = node.dir();
    let (image, fresh, point) = (dir.join("disk.img"), dir.join("disk.img.new"), dir.join("disk"));
    if image.exists() {
        return Ok(());
    }
    fs::create_dir_all(&point).during(|| format!("create {}", point.display()))?;
    unmount(node)?;
    let file = fs::File::create(&fresh).during(|| format!("create {}", fresh.display()))?;
    file.set_len(SIZE).during(|| format!("size {}", fresh.display()))?;
    drop(file);
    let log = dir.join("disk.log");
    child::logged(Command::new("mkfs.xfs").args(["-q", "-f"]).arg(&fresh), &log)?;
    child::logged(Command::new("mount").args(["-o", "loop"]).arg(&fresh).arg(&point), &log)?;
    let filled = fill(node, &point);
    child::logged(Command::new("umount").arg(&point), &log)?;
    filled?;
    fs::rename(&fresh, &image).during(|| format!("name {}", image.display()))
}

/// Takes back what a task that was killed in `create` left mounted.
pub fn unmount(node: &Node<'_>) -> Outcome<()> {
    let point = node.dir().join("disk");
    let mounts = fs::read_to_string("/proc/self/mounts").during(|| "read /proc/self/mounts".into())?;
    if mounts.lines().any(|line| line.split(' ').nth(1).is_some_and(|mounted| Path::new(mounted) == point)) {
        child::logged(Command::new("umount").arg(&point), &node.dir().join("disk.log"))?;
    }
    Ok(())
}

/// Removes a node's disk with its logs and notes.
pub fn remove(node: &Node<'_>) -> Outcome<()> {
    let dir = node.dir();
    if dir.exists() {
        fs::remove_dir_all(&dir).during(|| format!("remove {}", dir.display()))?;
    }
    Ok(())
}

/// Waits until no loop device holds a node's disk: after a power cut the kernel lets it go a little later, and mounted twice
/// it would be destroyed.
pub fn released(node: &Node<'_>) -> Outcome<()> {
    let image = node.dir().join("disk.img");
    await_fact(Instant::now() + RELEASE, &format!("the disk of {} to be let go", node.host()), || {
        let held = child::captured(Command::new("losetup").arg("--associated").arg(&image));
        match held.map_err(|failure| failure.chain())? {
            (status, out, _) if status.success() && out.trim().is_empty() => Ok(()),
            (_, out, err) => Err(format!("{out}{err}")),
        }
    })
}

fn fill(node: &Node<'_>, disk: &Path) -> Outcome<()> {
    let up = disk.join("up");
    let etc = up.join("etc");
    for dir in [etc.join("systemd/system"), up.join("var/log/journal"), disk.join("work"), disk.join("data")] {
        fs::create_dir_all(&dir).during(|| format!("create {}", dir.display()))?;
    }
    let put = |path: &Path, text: &str, mode: u32| -> Outcome<()> {
        fs::write(path, text).during(|| format!("write {}", path.display()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .during(|| format!("set the mode of {}", path.display()))
    };
    let mut hosts = "127.0.0.1 localhost\n".to_owned();
    for number in 1..=MOST {
        hosts.push_str(&format!("{} {}\n", address(number), host(number)));
    }
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid").during(|| "make a machine id".into())?;
    put(&etc.join("hosts"), &hosts, 0o644)?;
    put(&etc.join("hostname"), &format!("{}\n", node.host()), 0o644)?;
    put(&etc.join("machine-id"), &uuid.replace('-', ""), 0o444)?;
    put(&etc.join("resolv.conf"), "", 0o644)?;
    put(&up.join("first"), FIRST, 0o755)?;
    for unit in MASKED {
        symlink("/dev/null", etc.join("systemd/system").join(unit)).during(|| format!("mask {unit}"))?;
    }
    Ok(())
}
