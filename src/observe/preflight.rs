//! Looks at the machine before a start. Only looks: nothing is made, changed or removed anywhere.
//!
//! Blocking, and bounded to about two seconds: what can hang (a name server, a file server) runs on a thread of its own that is left
//! behind. Absent on purpose: what the sightings mean (`plan::preflight`).
//!
//! Effects: reads `/proc`, binds ports for a moment, and resolves names; on threads where it may hang.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit};

use crate::config::Config;
use crate::model::{NodeName, PreflightOutcome, Role, WaitReason};
use crate::plan::Plan;
use crate::plan::preflight::{BindSighting, BindState, Finding, Sightings, Weight};

use super::host::{HostRoot, meminfo};
use super::question::ask;
use super::{preflight_directories, preflight_sockets};

pub use super::preflight_directories::unmounted;

/// How long a look may take in all.
const LIMIT: Duration = Duration::from_secs(2);

/// Looks for `role` on this machine.
pub fn look(plan: &Plan, role: Role) -> Sightings {
    look_at(&HostRoot::machine(), plan, role, LIMIT)
}

/// Looks for `role` on the machine below `root`, within `limit`.
pub fn look_at(root: &HostRoot, plan: &Plan, role: Role, limit: Duration) -> Sightings {
    let deadline = Instant::now() + limit;
    let config = &plan.config;
    // Everything is asked at once, and then waited for.
    let directories = ask({
        let (root, config) = (root.clone(), config.clone());
        move || preflight_directories::sightings(&root, &config, role)
    });
    let logging = ask({
        let config = config.clone();
        move || preflight_directories::logging(&config, role)
    });
    let space = ask({
        let state_dir = config.paths.state_dir.clone();
        move || preflight_directories::free_above(&state_dir)
    });
    let wanted = binds(config, role);
    let mut hosts: Vec<&String> = wanted.iter().map(|(_, host, _)| host).collect();
    hosts.dedup();
    let states: Vec<_> = hosts
        .into_iter()
        .map(|host| {
            let name = host.clone();
            (host, ask(move || bind_state(&name)))
        })
        .collect();
    let peers: Vec<_> =
        peers(config, role).into_iter().map(|(name, address)| (name, ask(move || resolves(&address)))).collect();

    let mut seen = Sightings { open_files: open_files(), swappiness: swappiness(root), ..Sightings::default() };
    match directories.answer(deadline) {
        Some(found) => seen.directories = found,
        None => seen.unanswered = Some(unanswered(config, role)),
    }
    seen.logging = logging.answer(deadline).unwrap_or_default();
    seen.state_space = space.answer(deadline).flatten();
    for (host, state) in states {
        let silent = || BindState::Unresolved("no answer from the name service".into());
        let state = state.answer(deadline).unwrap_or_else(silent);
        let bound = wanted.iter().filter(|(_, bound, _)| bound == host);
        let sightings =
            bound.map(|(key, host, port)| BindSighting { key, host: host.clone(), port: *port, state: state.clone() });
        seen.binds.extend(sightings);
    }
    // A name that is not answered in time is one that does not resolve: ZooKeeper would wait for it in its start.
    let unresolved = peers.into_iter().filter(|(_, answer)| !answer.answer(deadline).unwrap_or(false));
    seen.unresolved = unresolved.map(|(name, _)| name).collect();
    let ports: Vec<u16> = seen.binds.iter().map(|bind| bind.port).collect();
    seen.listeners = preflight_sockets::listeners(root, &ports);
    seen
}

/// What the supervisor is told: nothing, or what it waits for, the heaviest first and each once.
pub fn outcome(findings: &[Finding]) -> PreflightOutcome {
    let mut reasons: Vec<WaitReason> = Vec::new();
    for weight in [Weight::Refuse, Weight::Wait] {
        for reason in
            findings.iter().filter(|finding| finding.weight == weight).filter_map(|finding| finding.wait.clone())
        {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    if reasons.is_empty() { PreflightOutcome::Clear } else { PreflightOutcome::Held(reasons) }
}

/// Key, host and port of everything that the service binds.
fn binds(config: &Config, role: Role) -> Vec<(&'static str, String, u16)> {
    let node = config.this_node();
    let zookeeper = &config.zookeeper;
    match role {
        Role::Kafka => vec![("[kafka] port", node.bind.clone(), config.kafka.port)],
        Role::ZooKeeper => {
            let mut ports = vec![("[zookeeper] client_port", zookeeper.client_port)];
            if config.nodes_with(Role::ZooKeeper).count() > 1 {
                ports.push(("[zookeeper] peer_port", zookeeper.peer_port));
                ports.push(("[zookeeper] election_port", zookeeper.election_port));
            }
            ports.into_iter().map(|(key, port)| (key, node.address.clone(), port)).collect()
        }
    }
}

/// The ensemble's other members, which ZooKeeper resolves at its start.
fn peers(config: &Config, role: Role) -> Vec<(NodeName, String)> {
    if role != Role::ZooKeeper {
        return Vec::new();
    }
    let this = &config.this_node().name;
    let others = config.nodes_with(Role::ZooKeeper).filter(|node| node.name != *this);
    others.map(|node| (node.name.clone(), node.address.clone())).collect()
}

fn unanswered(config: &Config, role: Role) -> String {
    let paths = preflight_directories::paths(config, role);
    paths.iter().map(|(_, path)| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// What a host that we bind is: resolved, then tried on a port of the kernel's choice.
fn bind_state(host: &str) -> BindState {
    let address = match resolve(host) {
        Ok(address) => address,
        Err(words) => return BindState::Unresolved(words),
    };
    match TcpListener::bind(SocketAddr::new(address, 0)) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => BindState::NotUp(address),
        // Any other trouble (no IPv6, no free port) is the service's to tell in its own words.
        Ok(_) | Err(_) => BindState::Up(address),
    }
}

fn resolves(host: &str) -> bool {
    resolve(host).is_ok()
}

/// The first address of a host, IPv4 before IPv6 as Java prefers it.
fn resolve(host: &str) -> Result<IpAddr, String> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if bare.is_empty() {
        return Ok(Ipv4Addr::UNSPECIFIED.into());
    }
    let addresses: Vec<IpAddr> =
        (bare, 0).to_socket_addrs().map_err(|error| resolver_words(&error))?.map(|a| a.ip()).collect();
    let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    first.copied().ok_or_else(|| "it has no address".to_string())
}

/// The standard library wraps getaddrinfo's words in its own.
pub(super) fn resolver_words(error: &std::io::Error) -> String {
    let words = error.to_string();
    words.strip_prefix("failed to lookup address information: ").unwrap_or(&words).to_string()
}

fn open_files() -> Option<u64> {
    // The soft limit is what the JVM starts with; HotSpot raises it to the hard one by itself (MaxFDLimit).
    hard_limit(Resource::RLIMIT_NOFILE)
}

/// What this process may raise its own limit to.
pub(super) fn hard_limit(resource: Resource) -> Option<u64> {
    getrlimit(resource).ok().map(|(_, hard)| hard)
}

/// `vm.swappiness` where there is swap.
fn swappiness(root: &HostRoot) -> Option<u64> {
    let swap = std::fs::read(root.at("/proc/meminfo")).ok().and_then(|bytes| meminfo(&bytes, "SwapTotal"))?;
    let text = std::fs::read_to_string(root.at("/proc/sys/vm/swappiness")).ok()?;
    text.trim().parse().ok().filter(|_| swap > 0)
}
