//! Hosts and ports as text: brackets for IPv6, and where a wildcard is reached from the machine itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `host:port`, an IPv6 address in brackets.
pub(super) fn host_port(host: &str, port: u16) -> String {
    match bare(host).parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]:{port}"),
        Err(_) => format!("{host}:{port}"),
    }
}

/// The host without the brackets an IPv6 address may stand in.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// What to dial on this machine to reach a listener on `bind`.
pub(super) fn reachable(bind: &str) -> String {
    match bare(bind).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(address)) if address.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
        Ok(address) => address.to_string(),
        // Kafka takes an empty host for the default interface.
        Err(_) if bind.is_empty() => Ipv4Addr::LOCALHOST.to_string(),
        Err(_) => bind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_reached_on_loopback_and_anything_else_as_itself() {
        let dialled =
            ["0.0.0.0", "::", "[::]", "", "10.0.2.4", "kafkanode1"].map(|bind| host_port(&reachable(bind), 9092));
        let expected =
            ["127.0.0.1:9092", "[::1]:9092", "[::1]:9092", "127.0.0.1:9092", "10.0.2.4:9092", "kafkanode1:9092"];
        assert_eq!(dialled, expected.map(String::from));
    }
}
