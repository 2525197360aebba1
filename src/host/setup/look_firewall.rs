//! Asks firewalld: whether it runs, its zone, what that lets through, and which ports the service files have. Changes nothing.

use std::fs;

use crate::observe::host::HostRoot;
use crate::plan::setup::{Firewall, Request, Rules, Zone, ports_of_service};

use super::super::programs::{Programs, run_well, words};

/// What `firewall-cmd` exits with where firewalld does not run.
const NOT_RUNNING: i32 = 252;
/// An operator's own file hides the shipped one.
const SERVICES: [&str; 2] = ["/etc/firewalld/services", "/usr/lib/firewalld/services"];

/// What is known of firewalld.
pub(in crate::host) fn look(request: &Request, root: &HostRoot, programs: &mut dyn Programs) -> Firewall {
    if !programs.has("firewall-cmd") {
        return Firewall::Absent;
    }
    let running = match programs.run(&words(&["firewall-cmd", "--state"])) {
        Ok(answer) if answer.is_ok() => true,
        Ok(answer) if answer.code == Some(NOT_RUNNING) => false,
        Ok(answer) => return Firewall::Trouble(format!("firewall-cmd --state: {}", answer.words())),
        Err(words) => return Firewall::Trouble(words),
    };
    if !running && !programs.has("firewall-offline-cmd") {
        return Firewall::Off;
    }
    zone(request, root, programs, running).map_or_else(Firewall::Trouble, Firewall::Zone)
}

fn zone(request: &Request, root: &HostRoot, programs: &mut dyn Programs, running: bool) -> Result<Zone, String> {
    let (present, permanent): (&[&str], &[&str]) = match running {
        true => (&["firewall-cmd"], &["firewall-cmd", "--permanent"]),
        false => (&["firewall-offline-cmd"], &["firewall-offline-cmd"]),
    };
    let mut ask = |program: &[&str], question: &[&str]| run_well(programs, &words(&[program, question].concat()));
    let name = match &request.zone {
        Some(name) => name.clone(),
        None => ask(present, &["--get-default-zone"])?.trim().to_owned(),
    };
    let in_zone = format!("--zone={name}");
    let mut rules = |program: &[&str]| -> Result<Rules, String> {
        Ok(Rules {
            services: split(&ask(program, &[&in_zone, "--list-services"])?),
            ports: split(&ask(program, &[&in_zone, "--list-ports"])?),
        })
    };
    let kept = rules(permanent)?;
    let open = if running { rules(present)? } else { kept.clone() };
    let known = split(&ask(permanent, &["--get-services"])?);
    let files = ["kafka", "zookeeper"].iter().filter_map(|service| {
        let text = SERVICES.iter().find_map(|at| fs::read_to_string(root.at(format!("{at}/{service}.xml"))).ok())?;
        Some(((*service).to_owned(), ports_of_service(&text)))
    });
    Ok(Zone { running, known, files: files.collect(), permanent: kept, present: open, name })
}

fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
