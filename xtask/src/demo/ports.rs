//! Are the demo's addresses and ports free, and who holds those that are not?
//! Absent on purpose: any waiting. A port that is held when a demo begins is a stranger's.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use crate::failure::{Failure, Outcome};
use crate::proc;

/// ZooKeeper's client, peer and election ports and Kafka's: the production ones.
pub const PORTS: [u16; 4] = [2181, 2888, 3888, 9092];

/// A failure that names every held port with its holder.
pub fn check(addresses: &[String]) -> Outcome<()> {
    let mut held = BTreeSet::new();
    for address in addresses {
        let ip: Ipv4Addr = address.parse().map_err(|_| Failure::new(format!("{address} is no IPv4 address")))?;
        for port in PORTS {
            if let Err(error) = TcpListener::bind(SocketAddr::new(IpAddr::V4(ip), port)) {
                held.insert(format!("{address}:{port} ({})", holder(ip, port).unwrap_or_else(|| error.to_string())));
            }
        }
    }
    if held.is_empty() {
        return Ok(());
    }
    let list = held.into_iter().collect::<Vec<_>>().join(", ");
    Err(Failure::new(format!(
        "these are not free: {list}; end what holds them (a demo that was kept: cargo xtask demo --stop)"
    )))
}

/// The process that listens there, as far as `/proc` lets us see.
fn holder(ip: Ipv4Addr, port: u16) -> Option<String> {
    let inodes: BTreeSet<u64> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| listeners(&table, ip, port))
        .collect();
    let links: BTreeSet<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let holds = |pid: u32| {
        let Ok(fds) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        fds.flatten().any(|fd| {
            fs::read_link(fd.path()).is_ok_and(|target| target.to_str().is_some_and(|link| links.contains(link)))
        })
    };
    let stat = proc::all().into_iter().find(|stat| holds(stat.pid))?;
    Some(format!("held by pid {} {}", stat.pid, stat.comm))
}

/// The inodes of sockets that listen on this port at this address or at all addresses, from a table of `/proc/net`.
fn listeners(table: &str, ip: Ipv4Addr, port: u16) -> Vec<u64> {
    // The kernel prints an address as the hexadecimal of its bytes read as a number of the machine's own order.
    let own = format!("{:08X}", u32::from_ne_bytes(ip.octets()));
    let here = |address: &str| address == own || address.ends_with(&own) || address.bytes().all(|b| b == b'0');
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (address, local) = words.get(1)?.split_once(':')?;
        let listening = words.get(3) == Some(&"0A");
        let matches = listening && u16::from_str_radix(local, 16) == Ok(port) && here(address);
        matches.then(|| words.get(9).and_then(|inode| inode.parse().ok())).flatten()
    };
    table.lines().skip(1).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_found_at_the_address_and_at_all_addresses() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:0885 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1\n\
            1: 00000000:0885 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1\n\
            2: 0200007F:0885 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1\n\
            3: 0100007F:0885 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 14 1\n\
            broken\n";
        assert_eq!(listeners(table, Ipv4Addr::LOCALHOST, 2181), [11, 12]);
        assert_eq!(listeners("", Ipv4Addr::LOCALHOST, 2181), [0u64; 0]);
    }

    #[test]
    fn a_held_port_is_named_with_its_holder() {
        let ip = Ipv4Addr::new(127, 0, 20, 9);
        let port = TcpListener::bind((ip, 0)).and_then(|listener| {
            let port = listener.local_addr()?.port();
            let said = holder(ip, port).unwrap_or_default();
            assert!(said.contains(&format!("pid {}", std::process::id())), "{said}");
            Ok(port)
        });
        assert!(port.is_ok_and(|port| port > 0));
    }
}
