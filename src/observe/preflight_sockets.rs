//! Who listens on a port: `/proc/net/tcp{,6}` for the sockets, `/proc/*/fd` for their holders, where we may see them.
//!
//! Effects: reads `/proc`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use crate::plan::preflight::{Holder, Listener};

use super::host::HostRoot;

/// `st` of a listening socket (`TCP_LISTEN`, include/net/tcp_states.h).
const LISTEN: &str = "0A";
/// Arguments and bytes of a holder's command line that are read.
const COMMAND_BYTES: usize = 4096;

/// A line of `/proc/net/tcp{,6}` that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    address: IpAddr,
    port: u16,
    inode: u64,
}

/// Every listening socket on one of `ports`, with its holder where that is visible.
pub(super) fn listeners(root: &HostRoot, ports: &[u16]) -> Vec<Listener> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let sockets = tables.iter().filter_map(|table| fs::read(root.at(table)).ok()).flat_map(|bytes| sockets(&bytes));
    let mut sockets: Vec<Socket> = sockets.filter(|socket| ports.contains(&socket.port)).collect();
    sockets.dedup();
    if sockets.is_empty() {
        // Walking every process is the costly part, and a healthy start needs none of it.
        return Vec::new();
    }
    let inodes: Vec<u64> = sockets.iter().map(|socket| socket.inode).collect();
    let holders = holders(root, &inodes);
    let holder = |inode: u64| holders.iter().find(|(held, _)| *held == inode).map(|(_, holder)| holder.clone());
    sockets.iter().map(|s| Listener { address: s.address, port: s.port, holder: holder(s.inode) }).collect()
}

fn sockets(bytes: &[u8]) -> Vec<Socket> {
    let text = String::from_utf8_lossy(bytes);
    let sockets = text.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, _remote, state) = (fields.next()?, fields.next()?, fields.next()?);
        let (address, port) = local.split_once(':')?;
        let inode = fields.nth(5)?.parse().ok()?;
        let listens = state == LISTEN;
        let socket = Socket { address: hex_address(address)?, port: u16::from_str_radix(port, 16).ok()?, inode };
        listens.then_some(socket)
    });
    sockets.collect()
}

/// The kernel prints an address as 32-bit words, each in the machine's own byte order.
fn hex_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut octets = [0u8; 16];
            for (at, part) in octets.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Some(Ipv6Addr::from(octets).into())
        }
        _ => None,
    }
}

/// Processes that hold one of these sockets.
fn holders(root: &HostRoot, inodes: &[u64]) -> Vec<(u64, Holder)> {
    let Ok(processes) = fs::read_dir(root.at("/proc")) else { return Vec::new() };
    let mut found = Vec::new();
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // Another user's descriptors may not be seen, and a process may be gone by now.
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        for descriptor in descriptors.flatten() {
            let Some(inode) = fs::read_link(descriptor.path()).ok().as_deref().and_then(socket_inode) else { continue };
            if inodes.contains(&inode) && !found.iter().any(|(held, _)| *held == inode) {
                found.push((inode, Holder { pid, command: command(&process.path()) }));
            }
        }
        if found.len() == inodes.len() {
            break;
        }
    }
    found
}

/// 4711 of `socket:[4711]`.
fn socket_inode(link: &Path) -> Option<u64> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn command(process: &Path) -> Vec<String> {
    let bytes = fs::read(process.join("cmdline")).unwrap_or_default();
    let shown = bytes.get(..COMMAND_BYTES).unwrap_or(&bytes);
    let args = shown.split(|byte| *byte == 0).filter(|arg| !arg.is_empty());
    args.map(|arg| String::from_utf8_lossy(arg).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn listening_sockets_are_read_and_connected_ones_are_not() {
        let table = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 0402000A:0885 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0\n   \
            1: 0402000A:0885 0502000A:A000 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 20 4 30 10 -1\n";
        let expected = Socket { address: Ipv4Addr::new(10, 0, 2, 4).into(), port: 2181, inode: 4711 };
        assert_eq!(sockets(table), [expected]);
        let table = b"   0: 00000000000000000000000001000000:2384 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 99 1\n";
        assert_eq!(sockets(table), [Socket { address: Ipv6Addr::LOCALHOST.into(), port: 9092, inode: 99 }]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), address in "\\PC{8}|\\PC{32}") {
            sockets(&bytes);
            sockets(format!("0: {address}:0 x 0A 0 0 0 0 0 1").as_bytes());
            hex_address(&address);
        }
    }
}
