//! firewalld: the shipped services in the permanent zone, and a rule of its own for each port that they do not have.
//!
//! A reload makes it so at once. Absent on purpose: any other firewall, zones by interface, and closing anything.

use crate::config::Config;
use crate::model::Role;

use super::{Deed, Firewall, Rules, State, Step, Subject, Zone};

/// The step.
pub(super) fn step(config: &Config, firewall: &Firewall) -> Step {
    let needed = needed(config);
    let all: Vec<String> = needed.iter().flat_map(|(_, ports)| ports).map(u16::to_string).collect();
    let all = all.join(", ");
    let step = |state| {
        let why = format!("clients and the other nodes reach TCP {all}");
        Step::new(Subject::Firewall, "firewalld", why, state)
    };
    match firewall {
        Firewall::Absent => {
            step(State::Left(format!("it is not installed; where something else filters, open TCP {all}")))
        }
        Firewall::Off => step(State::Left(format!(
            "it does not run, and there is no firewall-offline-cmd: run setup again once it does, or open TCP {all} yourself"
        ))),
        Firewall::Trouble(words) => step(State::Cannot(words.clone())),
        Firewall::Zone(zone) => in_zone(zone, &needed, step),
    }
}

/// What firewalld does not let through and should, in words; `None` where nothing is wrong, or it does not filter here.
pub fn lacks(config: &Config, firewall: &Firewall) -> Option<String> {
    let step = step(config, firewall);
    match step.state {
        State::Change(words) => Some(format!("{words} ({})", step.why)),
        State::Already(_) | State::Left(_) | State::Cannot(_) => None,
    }
}

fn in_zone(zone: &Zone, needed: &[(&'static str, Vec<u16>)], step: impl Fn(State) -> Step) -> Step {
    let Wanted { services, ports } = wanted(zone, needed);
    let lacks = |rules: &Rules| {
        let service = services.iter().filter(|name| !rules.services.iter().any(|known| known == *name));
        let port = ports.iter().filter(|port| !open(rules, **port));
        (service.copied().collect::<Vec<_>>(), port.copied().collect::<Vec<_>>())
    };
    let (missing_services, missing_ports) = lacks(&zone.permanent);
    let permanent = missing_services.is_empty() && missing_ports.is_empty();
    let present = lacks(&zone.present) == (Vec::new(), Vec::new());
    if permanent && present {
        let open = services.iter().map(|name| (*name).to_owned()).chain(ports.iter().map(|port| format!("{port}/tcp")));
        let open: Vec<String> = open.collect();
        return step(State::Already(format!("zone {} has {}", zone.name, open.join(", "))));
    }
    let in_zone = format!("--zone={}", zone.name);
    let command = |words: &[&str]| match zone.running {
        true => Deed::run(&[&["firewall-cmd", "--permanent", in_zone.as_str()], words].concat()),
        false => Deed::run(&[&["firewall-offline-cmd", in_zone.as_str()], words].concat()),
    };
    let reload = || Deed::run(&["firewall-cmd", "--reload"]);
    let mut deeds = Vec::new();
    if zone.running && missing_services.iter().any(|name| !zone.known.iter().any(|known| known == *name)) {
        // Service files that came after firewalld's start.
        deeds.push(reload());
    }
    deeds.extend(missing_services.iter().map(|name| command(&[&format!("--add-service={name}")])));
    deeds.extend(missing_ports.iter().map(|port| command(&[&format!("--add-port={port}/tcp")])));
    if zone.running {
        deeds.push(reload());
    }
    let words = match (permanent, zone.running) {
        (true, _) => format!("zone {} has it after a reload only", zone.name),
        (false, true) => format!("zone {} lacks it", zone.name),
        (false, false) => format!("it does not run; zone {} lacks it for when it does", zone.name),
    };
    let mut step = step(State::Change(words)).deeds(deeds);
    let lost = lost(zone);
    if zone.running && !lost.is_empty() {
        step.warnings.push(format!(
            "the reload drops what zone {} has at present and not permanently: {}",
            zone.name,
            lost.join(", ")
        ));
    }
    step
}

/// Services and ports that the zone shall have.
struct Wanted<'a> {
    services: Vec<&'a str>,
    ports: Vec<u16>,
}

/// A service is added where it opens something that is needed; what it leaves out gets a rule of its own.
fn wanted<'a>(zone: &'a Zone, needed: &[(&'static str, Vec<u16>)]) -> Wanted<'a> {
    let (mut services, mut ports) = (Vec::new(), Vec::new());
    for (name, wanted) in needed {
        let file = zone.files.iter().find(|(file, _)| file == name);
        let has = |port: &u16| file.is_some_and(|(_, has)| has.contains(port));
        if let Some((file, _)) = file.filter(|_| wanted.iter().any(has)) {
            services.push(file.as_str());
        }
        ports.extend(wanted.iter().filter(|port| !has(port)));
    }
    Wanted { services, ports }
}

/// Service and ports by role.
fn needed(config: &Config) -> Vec<(&'static str, Vec<u16>)> {
    let roles = config.this_node().roles;
    let (kafka, zookeeper) = (&config.kafka, &config.zookeeper);
    let mut needed = Vec::new();
    if roles.has(Role::Kafka) {
        needed.push(("kafka", vec![kafka.port]));
    }
    if roles.has(Role::ZooKeeper) {
        needed.push(("zookeeper", vec![zookeeper.client_port, zookeeper.peer_port, zookeeper.election_port]));
    }
    needed
}

/// Whether a rule of the zone has `port`, alone or in a range.
fn open(rules: &Rules, port: u16) -> bool {
    rules.ports.iter().filter_map(|rule| rule.strip_suffix("/tcp")).any(|rule| {
        let (first, last) = rule.split_once('-').unwrap_or((rule, rule));
        matches!((first.parse::<u16>(), last.parse::<u16>()), (Ok(first), Ok(last)) if (first..=last).contains(&port))
    })
}

fn lost(zone: &Zone) -> Vec<&str> {
    let pairs = [(&zone.present.services, &zone.permanent.services), (&zone.present.ports, &zone.permanent.ports)];
    let lost = pairs.into_iter().flat_map(|(present, kept)| present.iter().filter(move |rule| !kept.contains(rule)));
    lost.map(String::as_str).collect()
}

/// TCP ports of a service file of firewalld. Only what its own schema has: `<port protocol="tcp" port="9092"/>`.
pub fn ports_of_service(xml: &str) -> Vec<u16> {
    let mut ports = Vec::new();
    for element in xml.split("<port").skip(1).filter_map(|rest| rest.split('>').next()) {
        let attribute = |name: &str| {
            let after = element.split(name).nth(1)?;
            after.trim_start().strip_prefix('=')?.trim_start().split(['"', '\'']).nth(1)
        };
        if attribute(" protocol") == Some("tcp")
            && let Some(port) = attribute(" port").and_then(|port| port.parse().ok())
        {
            ports.push(port);
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_a_service_file() {
        let xml = "<?xml version=\"1.0\"?>\n<service>\n <short>ZooKeeper</short>\n <port protocol=\"tcp\" port=\"2181\"/>\n \
                   <port port='2888' protocol='tcp' />\n <port port=\"53\" protocol=\"udp\"/>\n <port/></service>";
        assert_eq!(ports_of_service(xml), [2181, 2888]);
        assert!(ports_of_service("<port protocol=\"tcp\" port=").is_empty());
    }

    #[test]
    fn a_range_has_its_ports() {
        let rules = Rules { services: vec![], ports: vec!["9000-9100/tcp".into(), "53/udp".into(), "80/tcp".into()] };
        let seen: Vec<bool> = [9092, 9000, 9100, 9101, 53, 80].into_iter().map(|port| open(&rules, port)).collect();
        assert_eq!(seen, [true, true, true, false, false, true]);
    }
}
