//! A node's power: on, off, reboot, freeze, and the plug pulled. Absent on purpose: what runs in the node; systemd there
//! starts what is enabled.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::bed::{Bed, Node};
use super::wait::await_fact;
use super::{cgroup, disk, inside, network};
use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::interrupt;
use crate::proc;

/// How long a node may take to boot: a second on an idle machine.
const BOOT: Duration = Duration::from_secs(90);
/// How long a node that is to be shut down may take to listen.
const AWAKE: Duration = Duration::from_secs(20);
/// How long a reboot's way down may take: Kafka's stop is in it.
const GO_DOWN: Duration = Duration::from_secs(180);

/// What the node's first process is run by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// As this machine has it.
    Own,
    /// System calls newer than Linux 3.10 answer ENOSYS.
    Old,
}

/// Is the node on?
pub fn is_on(node: &Node<'_>) -> bool {
    node.noted("machine.pid").is_some()
}

/// The node's PID 1, seen from here.
pub fn leader(node: &Node<'_>) -> Option<u32> {
    let nspawn = node.noted("nspawn.pid")?.pid;
    let children = proc::all().into_iter().filter(|stat| stat.parent == nspawn);
    children.map(|stat| stat.pid).find(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("NSpid:") && line.split_whitespace().last() == Some("1"))
    })
}

/// Boots a node that is off, and waits until its systemd takes orders.
pub fn on(node: &Node<'_>, kernel: Kernel) -> Outcome<()> {
    if is_on(node) {
        return booted(node, BOOT);
    }
    // What a crashed run left of it goes first; two of a node would share its disk.
    cgroup::remove(node)?;
    cgroup::create(node)?;
    disk::released(node)?;
    network::plug(node, true)?;
    let dir = node.dir();
    let log = dir.join("machine.log");
    let out = fs::File::options().create(true).append(true).open(&log).during(|| format!("open {}", log.display()))?;
    let err = out.try_clone().during(|| "share the log".into())?;
    let first = match kernel {
        Kernel::Own => "/first".to_owned(),
        Kernel::Old => format!("--bind-ro={}:/k310 /k310 /first", old_kernel(node.bed)?.display()),
    };
    let mut command = Command::new("setsid");
    command
        .args(["--fork", "unshare", "--mount", "--propagation", "slave", "sh"])
        .arg(node.bed.scripts.join("machine.sh"));
    command.env("BED_NODE", &dir).env("BED_ROOT", node.bed.root()).env("BED_SHARE", node.bed.share());
    command.env("BED_CGROUP", node.bed.settings.layout.name()).env("BED_HOST", node.host());
    command.env("BED_NETNS", node.slug()).env("BED_FIRST", first).current_dir("/");
    let mut child = child::spawn(command.stdout(out).stderr(err))?;
    child::wait(&mut child)?;
    booted(node, BOOT).map_err(|failure| Failure::new(format!("{}\n{}", failure.chain(), last_words(node))))
}

/// Boots all nodes at once.
pub fn all_on(bed: &Bed) -> Outcome<()> {
    at_once(bed, |node| on(node, Kernel::Own))
}

/// Does one thing to all nodes at once; the failures are put together.
pub fn at_once(bed: &Bed, deed: impl Fn(&Node<'_>) -> Outcome<()> + Sync) -> Outcome<()> {
    let failed: Vec<String> = std::thread::scope(|scope| {
        let deed = &deed;
        let threads: Vec<_> = bed.nodes().map(|node| (node, scope.spawn(move || deed(&node)))).collect();
        let ends = threads.into_iter().map(|(node, thread)| match thread.join() {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(format!("{}: {}", node.host(), failure.chain())),
            Err(_) => Some(format!("{}: the task's own thread died", node.host())),
        });
        ends.flatten().collect()
    });
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("; "))) }
}

/// Shuts a node down as `systemctl poweroff` does; `false` where it did not end in time and was killed.
pub fn off(node: &Node<'_>, limit: Duration) -> Outcome<bool> {
    let Some(machine) = node.noted("machine.pid") else { return cgroup::remove(node).map(|killed| killed.is_empty()) };
    cgroup::thaw(node);
    let limit = Instant::now() + limit;
    if limit > Instant::now() {
        // nspawn would ask for it by a signal, which systemd was seen to lose soon after a boot.
        let asked =
            booted(node, AWAKE).and_then(|()| inside::must(node, AWAKE, &["systemctl", "--no-block", "poweroff"]));
        if asked.is_err() {
            return forget(node).map(|()| false);
        }
    }
    while machine.alive() && Instant::now() < limit {
        std::thread::sleep(child::POLL);
    }
    let clean = !machine.alive();
    forget(node)?;
    Ok(clean)
}

/// Reboots a node from inside; how long it was down, and how long it booted.
pub fn reboot(node: &Node<'_>) -> Outcome<(Duration, Duration)> {
    let begun = Instant::now();
    let boot = begin_reboot(node)?;
    let down = gone_down(node, boot, begun + GO_DOWN).map(|()| begun.elapsed())?;
    booted(node, BOOT)?;
    Ok((down, begun.elapsed().saturating_sub(down)))
}

/// A boot of a node: its PID 1, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot(u32);

/// `systemctl reboot`, which may wait; the boot that it is to end.
pub fn begin_reboot(node: &Node<'_>) -> Outcome<Boot> {
    let before = boot(node)?;
    // The answer may be lost: the bus goes down with the node.
    let _ = inside::run(node, Duration::from_secs(20), &["systemctl", "reboot"])?;
    Ok(before)
}

/// The boot that lasts.
pub fn boot(node: &Node<'_>) -> Outcome<Boot> {
    leader(node).map(Boot).ok_or_else(|| Failure::new(format!("{} is off", node.host())))
}

/// Waits until a boot is over and the next one takes orders.
pub fn rebooted(node: &Node<'_>, before: Boot, limit: Instant) -> Outcome<()> {
    gone_down(node, before, limit)?;
    booted(node, BOOT)
}

fn gone_down(node: &Node<'_>, before: Boot, limit: Instant) -> Outcome<()> {
    await_fact(limit, &format!("{} to go down and come back", node.host()), || match leader(node) {
        Some(pid) if Boot(pid) != before => Ok(()),
        Some(_) => Err("it has not gone down".to_owned()),
        None => Err("it is down".to_owned()),
    })
}

/// All processes stand still for a while, then go on; the network stays.
pub fn freeze(node: &Node<'_>, time: Duration) -> Outcome<()> {
    leader(node).ok_or_else(|| Failure::new(format!("{} is off", node.host())))?;
    let done = cgroup::freeze(node);
    let until = Instant::now() + time;
    while done.is_ok() && Instant::now() < until && !interrupt::requested() {
        std::thread::sleep(child::POLL);
    }
    cgroup::thaw(node);
    done
}

/// The plug is pulled: all processes stop at one instant, the cable goes dead so that no peer hears a FIN or RST, what had
/// not reached the disk is lost (XFS is shut down without its log being flushed), and then everything is killed.
pub fn cut(node: &Node<'_>) -> Outcome<()> {
    let machine = node.noted("machine.pid").ok_or_else(|| Failure::new(format!("{} is off", node.host())))?;
    // It must not unmount anything cleanly, and is in the freezer too.
    let frozen = cgroup::freeze(node);
    let dead = network::plug(node, false);
    let mut xfs = Command::new("nsenter");
    xfs.args(["--target", &machine.pid.to_string(), "--mount", "xfs_io", "-x", "-c", "shutdown"]);
    let lost = child::logged(xfs.arg(node.dir().join("disk")), &node.dir().join("disk.log"));
    for pid in cgroup::processes(node) {
        // Sent while they are frozen: none of them runs another instruction.
        child::signal(pid, Signal::SIGKILL);
    }
    forget(node)?;
    frozen.and(dead).and(lost)
}

/// Waits until a node's systemd takes orders. Units that wait for other nodes may still be starting.
pub fn booted(node: &Node<'_>, limit: Duration) -> Outcome<()> {
    await_fact(Instant::now() + limit, &format!("{} to boot", node.host()), || {
        let asked = inside::run(node, Duration::from_secs(10), &["systemctl", "is-active", "basic.target"]);
        let answer = asked.map_err(|failure| failure.chain())?;
        if answer.out.trim() == "active" { Ok(()) } else { Err(format!("basic.target is {:?}", answer.words())) }
    })
}

/// The end of what the node's console and its hardware said.
pub fn last_words(node: &Node<'_>) -> String {
    let dir = node.dir();
    let console = child::last_lines(&dir.join("console.log"), 0, 10);
    format!("{}{console}", child::last_lines(&dir.join("machine.log"), 0, 5))
}

/// Ends what is left of a node, and its notes.
fn forget(node: &Node<'_>) -> Outcome<()> {
    cgroup::remove(node)?;
    for file in ["machine.pid", "nspawn.pid"] {
        // It may have been removed by the node's own end.
        let _ = fs::remove_file(node.dir().join(file));
    }
    Ok(())
}

/// The little program that closes newer system calls, built once a bed.
fn old_kernel(bed: &Bed) -> Outcome<std::path::PathBuf> {
    let program = bed.dir.join("k310");
    if !program.exists() {
        let compiler = ["cc", "gcc", "clang"].into_iter().find(|name| child::on_path(name).is_some());
        let compiler = compiler.ok_or_else(|| Failure::new("this machine has no C compiler to build k310.c with"))?;
        let mut command = Command::new(compiler);
        command.args(["-O2", "-static", "-o"]).arg(&program).arg(bed.scripts.join("k310.c"));
        child::logged(&mut command, &bed.dir.join("k310.log")).during(|| "build k310.c".into())?;
    }
    Ok(program)
}
