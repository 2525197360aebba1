//! Findings about addresses, ports and names.

use std::net::IpAddr;

use crate::config::masked_command;
use crate::model::{NodeName, Role, WaitReason};
use crate::plan::ServiceSpec;

use super::{BindSighting, BindState, Finding, Holder, Listener, properties_path};

/// Letters of a stranger's command line that are shown.
const SHOWN: usize = 80;

/// Whether the service can bind this address and port.
pub(super) fn bind(service: &ServiceSpec, bind: &BindSighting, listeners: &[Listener]) -> Option<Finding> {
    let role = service.role;
    let address = match &bind.state {
        BindState::Up(address) => *address,
        BindState::NotUp(address) => {
            let text = match bind.host.parse::<IpAddr>() {
                Ok(_) => format!("the node's own address {address} is not up on this machine"),
                Err(_) => format!("{} resolves to {address}, which is not up on this machine", bind.host),
            };
            let remedy = "bring the interface up, or mend address and bind of this [[node]]";
            let wait = WaitReason::OwnAddress { address: bind.host.clone() };
            return Some(Finding::wait("address-not-up", role, text, remedy.into(), wait));
        }
        BindState::Unresolved(words) => {
            let text = format!("the node's own address {} does not resolve: {words}", bind.host);
            let remedy = "add it to /etc/hosts or DNS, or set address of this [[node]] to an IP address";
            let wait = WaitReason::OwnAddress { address: bind.host.clone() };
            return Some(Finding::wait("address-unresolved", role, text, remedy.into(), wait));
        }
    };
    let listener = listeners.iter().find(|l| l.port == bind.port && collide(l.address, address))?;
    Some(held(service, bind, listener))
}

fn held(service: &ServiceSpec, bind: &BindSighting, listener: &Listener) -> Finding {
    let role = service.role;
    let ours = properties_path(service);
    if let Some(holder) = listener.holder.as_ref().filter(|holder| holder.command.iter().any(|arg| arg == ours)) {
        let text =
            format!("{role} of an earlier kafka-node still runs as pid {} and holds port {}", holder.pid, bind.port);
        let remedy = format!("it is waited for; end it with kill {} if it is not wanted", holder.pid);
        return Finding::wait("port-earlier-run", role, text, remedy, WaitReason::EarlierRun { pid: holder.pid });
    }
    let holder = match &listener.holder {
        Some(holder) => format!("pid {} ({})", holder.pid, command(holder)),
        None => "a process that we may not see (another user's)".to_string(),
    };
    let text = format!("{} {} is held by {holder}", bind.key, bind.port);
    let remedy = match &listener.holder {
        Some(holder) => format!("stop pid {}, or change {}", holder.pid, bind.key),
        None => format!("find it as root: ss -ltnp 'sport = :{}'; stop it, or change {}", bind.port, bind.key),
    };
    let wait = WaitReason::PortHeld { port: bind.port, holder };
    Finding::refuse("port-held", role, text, remedy, Some(wait))
}

fn command(holder: &Holder) -> String {
    let whole = masked_command(holder.command.iter().map(String::as_str));
    let mut shown: String = whole.chars().take(SHOWN).map(|c| if c.is_control() { '?' } else { c }).collect();
    if shown.len() < whole.len() {
        shown.push_str(" ..");
    }
    if shown.is_empty() { "name unknown".into() } else { shown }
}

/// Whether a listener on `one` keeps `other` from binding the same port. A listener on `::` takes IPv4 too unless it asked not to, which
/// is not visible from outside; Java's own wildcard is `::`.
pub(super) fn collide(one: IpAddr, other: IpAddr) -> bool {
    let (one, other) = (one.to_canonical(), other.to_canonical());
    let takes = |wide: IpAddr, narrow: IpAddr| match wide {
        IpAddr::V4(address) => address.is_unspecified() && (narrow.is_ipv4() || narrow.is_unspecified()),
        IpAddr::V6(address) => address.is_unspecified(),
    };
    one == other || takes(one, other) || takes(other, one)
}

/// Names of other members. Only ZooKeeper waits for them: it resolves its peers when it starts, and Kafka whenever it connects.
pub(super) fn peers(role: Role, unresolved: &[NodeName]) -> Option<Finding> {
    if role != Role::ZooKeeper || unresolved.is_empty() {
        return None;
    }
    let names = unresolved.iter().map(NodeName::to_string).collect::<Vec<_>>().join(", ");
    let text = format!("addresses of other nodes do not resolve: {names}");
    let remedy = "add them to /etc/hosts or DNS, or set address of those [[node]] to IP addresses";
    Some(Finding::wait(
        "peers-unresolved",
        role,
        text,
        remedy.into(),
        WaitReason::PeerNames { names: unresolved.to_vec() },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_password_is_not_shown() {
        let holder = |line: &str| Holder { pid: 7, command: line.split(' ').map(str::to_owned).collect() };
        assert_eq!(command(&holder("java -Da.password=geheim Kafka")), "java -Da.password=… Kafka");
        assert_eq!(command(&holder("db --password geheim")), "db --password …");
    }

    #[test]
    fn a_port_is_taken_by_the_same_address_and_by_a_wildcard() {
        let collides = |one: &str, other: &str| match (one.parse(), other.parse()) {
            (Ok(one), Ok(other)) => collide(one, other),
            _ => unreachable!("both are addresses"),
        };
        let cases = [
            ("10.0.2.4", "10.0.2.4", true),
            ("10.0.2.4", "10.0.2.5", false),
            ("0.0.0.0", "10.0.2.4", true),
            ("10.0.2.4", "0.0.0.0", true),
            ("::", "10.0.2.4", true),
            ("::ffff:10.0.2.4", "10.0.2.4", true),
            ("::1", "127.0.0.1", false),
            ("0.0.0.0", "::1", false),
            ("0.0.0.0", "::", true),
        ];
        for (one, other, expected) in cases {
            assert_eq!(collides(one, other), expected, "{one} and {other}");
        }
    }
}
