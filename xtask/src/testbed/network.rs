//! The nodes' network: a bridge in a namespace of its own, one namespace a node, no way out of either. Cuts are made at the
//! bridge, where no node can see or undo them. Absent on purpose: delay and loss; this kernel may have no netem.

use std::path::Path;
use std::process::Command;

use super::bed::{Bed, Node};
use crate::child;
use crate::failure::{Failure, Outcome};

/// The table of the bridge that holds the cuts.
const TABLE: &str = "cuts";

/// Makes the namespaces that are missing, and makes anew what a task that was killed left half made.
pub fn create(bed: &Bed) -> Outcome<()> {
    let switch = bed.switch();
    if run(Command::new("ip").args(["-n", &switch, "link", "show", "dev", "br0", "up"]))
        .map_or(true, |shown| shown.is_empty())
    {
        delete(&switch)?;
        ip(&["netns", "add", &switch])?;
        ip(&["-n", &switch, "link", "set", "lo", "up"])?;
        ip(&["-n", &switch, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", "br0", "up"])?;
    }
    for node in bed.nodes() {
        let (own, port) = (node.slug(), node.port());
        let shown = run(Command::new("ip").args(["-n", &own, "addr", "show", "dev", "eth0", "up"])).unwrap_or_default();
        if shown.contains(&format!("{}/", node.address())) {
            continue;
        }
        delete(&own)?;
        ip(&["netns", "add", &own])?;
        ip(&["-n", &own, "link", "set", "lo", "up"])?;
        ip(&["link", "add", &port, "netns", &switch, "type", "veth", "peer", "name", "eth0", "netns", &own])?;
        ip(&["-n", &switch, "link", "set", &port, "master", "br0", "up"])?;
        ip(&["-n", &own, "addr", "add", &format!("{}/24", node.address()), "dev", "eth0"])?;
        ip(&["-n", &own, "link", "set", "eth0", "up"])?;
    }
    Ok(())
}

/// Gives the bridge itself an address, so that clients in its namespace reach all nodes: it is the last of the net.
pub fn join(bed: &Bed) -> Outcome<()> {
    ip(&["-n", &bed.switch(), "addr", "replace", "10.0.2.254/24", "dev", "br0"])
}

/// Removes the namespaces, and with them all that is in them.
pub fn remove(bed: &Bed) -> Outcome<()> {
    let own = bed.nodes().map(|node| node.slug());
    own.chain([bed.switch()]).try_for_each(|name| delete(&name))
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

/// Removes a namespace with all links in it; one that is not there is no failure.
fn delete(name: &str) -> Outcome<()> {
    if Path::new("/run/netns").join(name).exists() { ip(&["netns", "del", name]) } else { Ok(()) }
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
