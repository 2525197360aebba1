//! The nodes' network: a bridge in a namespace of its own, one namespace a node, no way out of either. Cuts are made at the
//! bridge, where no node can see or undo them. Absent on purpose: delay and loss; this kernel may have no netem.

use std::path::Path;
use std::process::Command;

use super::bed::{Bed, Node};
use crate::child;
use crate::failure::{Failure, Outcome};

/// The table of the bridge that holds the cuts.
const TABLE: &str = "cuts";

/// Makes the namespaces that are missing.
pub fn create(bed: &Bed) -> Outcome<()> {
    let switch = bed.switch();
    if !exists(&switch) {
        ip(&["netns", "add", &switch])?;
        ip(&["-n", &switch, "link", "set", "lo", "up"])?;
        ip(&["-n", &switch, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", "br0", "up"])?;
    }
    for node in bed.nodes() {
        let (own, port) = (node.slug(), node.port());
        if exists(&own) {
            continue;
        }
        ip(&["netns", "add", &own])?;
        ip(&["-n", &own, "link", "set", "lo", "up"])?;
        ip(&["link", "add", &port, "netns", &switch, "type", "veth", "peer", "name", "eth0", "netns", &own])?;
        ip(&["-n", &switch, "link", "set", &port, "master", "br0", "up"])?;
        ip(&["-n", &own, "addr", "add", &format!("{}/24", node.address()), "dev", "eth0"])?;
        ip(&["-n", &own, "link", "set", "eth0", "up"])?;
    }
    Ok(())
}

/// Removes the namespaces, and with them all that is in them.
pub fn remove(bed: &Bed) -> Outcome<()> {
    let own = bed.nodes().map(|node| node.slug());
    for name in own.chain([bed.switch()]).filter(|name| exists(name)) {
        ip(&["netns", "del", &name])?;
    }
    Ok(())
}

/// Plugs a node's cable in, or pulls it.
pub fn plug(node: &Node<'_>, plugged: bool) -> Outcome<()> {
    ip(&["-n", &node.bed.switch(), "link", "set", &node.port(), if plugged { "up" } else { "down" }])
}

/// Drops what two nodes send each other; both reach the others.
pub fn cut(one: &Node<'_>, other: &Node<'_>) -> Outcome<()> {
    let bed = one.bed;
    if nft(bed, &["list", "table", "bridge", TABLE]).is_err() {
        nft(bed, &["add", "table", "bridge", TABLE])?;
        nft(
            bed,
            &["add", "chain", "bridge", TABLE, "forward", "{ type filter hook forward priority 0; policy accept; }"],
        )?;
    }
    for (from, to) in [(one, other), (other, one)] {
        let (from, to) = (from.port(), to.port());
        nft(bed, &["add", "rule", "bridge", TABLE, "forward", "iifname", &from, "oifname", &to, "counter", "drop"])?;
    }
    Ok(())
}

/// Takes all cuts back, and plugs in the cables of the nodes that are on.
pub fn heal(bed: &Bed) -> Outcome<()> {
    if nft(bed, &["list", "table", "bridge", TABLE]).is_ok() {
        nft(bed, &["delete", "table", "bridge", TABLE])?;
    }
    bed.nodes().filter(|node| super::power::is_on(node)).try_for_each(|node| plug(&node, true))
}

/// The cuts and the ports, in words of the tools.
pub fn status(bed: &Bed) -> String {
    let cuts = nft(bed, &["list", "table", "bridge", TABLE]).unwrap_or_default();
    let cuts: String =
        cuts.lines().filter(|line| line.contains("drop")).map(|line| format!("cut: {}\n", line.trim())).collect();
    let ports =
        run(Command::new("ip").args(["-n", &bed.switch(), "-br", "link", "show", "type", "veth"])).unwrap_or_default();
    format!("{cuts}{ports}")
}

fn exists(name: &str) -> bool {
    Path::new("/run/netns").join(name).exists()
}

fn ip(args: &[&str]) -> Outcome<()> {
    run(Command::new("ip").args(args)).map(|_| ())
}

fn nft(bed: &Bed, args: &[&str]) -> Outcome<String> {
    run(Command::new("ip").args(["netns", "exec", &bed.switch(), "nft"]).args(args))
}

/// Runs a command that is over at once, for what it prints.
fn run(command: &mut Command) -> Outcome<String> {
    let (status, out, err) = child::captured(command)?;
    if status.success() {
        return Ok(out);
    }
    Err(Failure::new(format!("{} ended with {status}: {}", child::shown(command), err.trim())))
}
