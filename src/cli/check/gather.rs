//! Looks at everything at once and judges it: what a start looks at, and what only an operator is told.
//!
//! What can hang is waited for a few seconds in all, so dead peers, a dead name server or a hung disk delay nobody.

use std::thread;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::host::inspect;
use crate::host::programs::{Programs, Within};
use crate::model::Role;
use crate::observe::host::{HostRefusal, HostRoot};
use crate::observe::question::ask;
use crate::observe::{host, java, preflight, survey};
use crate::plan::preflight::{
    Finding, FirewallSighting, Weight, judge, judge_survey, seen_by_a_stranger, service_user,
};
use crate::plan::{self, HostFacts, Java, KafkaInstall, Plan};
use crate::runtime::status::StatusReport;

use super::topics::topics;
use super::{Line, Verdict, is_ours, running_already};

/// What a look before a start gets, for each service.
const LOOK: Duration = Duration::from_secs(2);
/// What everything gets.
const LIMIT: Duration = Duration::from_millis(3500);
/// What a program of the system gets.
const PROGRAM: Duration = Duration::from_millis(3000);

/// With which eyes the machine is looked at. Tests look at a machine of files.
#[derive(Clone, Debug)]
pub struct Eyes {
    /// Below which root.
    pub root: HostRoot,
    /// Root looks.
    pub as_root: bool,
    /// Who runs programs of the system.
    pub programs: fn() -> Box<dyn Programs>,
}

impl Eyes {
    /// Those of this process, on this machine.
    pub fn own() -> Eyes {
        let programs = || Box::new(Within(PROGRAM)) as Box<dyn Programs>;
        Eyes { root: HostRoot::machine(), as_root: inspect::as_root(), programs }
    }
}

/// Everything that is found without running a JVM, the heaviest first; and the plan, where there can be one.
pub fn examine(config: Config, eyes: &Eyes, running: Option<&StatusReport>) -> (Verdict, Option<Plan>) {
    let node = config.this_node().name.to_string();
    let mut lines: Vec<Line> = running.iter().map(|report| running_already(report)).collect();
    let facts = host::facts(&config, &eyes.root);
    let usable = facts.is_ok();
    let plan = match facts {
        Ok(mut facts) => {
            // What root says has to be done is done for the user of the service.
            let user = service_user(&survey::unit(&eyes.root)).filter(|_| eyes.as_root);
            facts.user = user.unwrap_or(facts.user);
            Some(plan::make(config, facts))
        }
        Err(refusal) => {
            lines.push(refused(&refusal));
            if matches!(refusal, HostRefusal::Kafka { .. })
                && let Err(refusal) = java::find(&config, &eyes.root)
            {
                lines.push(refused(&HostRefusal::Java(refusal)));
            }
            // The configuration's own warnings; those of a plan would be about a Java that is not there.
            lines.extend(config.warnings.iter().map(|warning| Line::configuration(&warning.place, &warning.text)));
            stand_in(&eyes.root).map(|facts| plan::make(config, facts))
        }
    };
    if let Some(plan) = &plan {
        let found = findings(plan, eyes, running);
        lines.extend(found.iter().filter(|finding| !is_ours(finding, running)).map(Line::finding));
        if usable {
            lines.extend(plan.warnings.iter().map(|warning| Line::configuration(&warning.place, &warning.text)));
        }
    }
    (Verdict::of(node, lines), plan.filter(|_| usable))
}

/// Both looks, at the same time.
fn findings(plan: &Plan, eyes: &Eyes, running: Option<&StatusReport>) -> Vec<Finding> {
    let deadline = Instant::now() + LIMIT;
    let begun = survey::begin(&eyes.root, &plan.config);
    let with_programs = eyes.clone();
    let clock = ask(move || inspect::clock(&with_programs.root, (with_programs.programs)().as_mut()));
    let with_programs = eyes.clone();
    let firewall =
        ask(move || inspect::firewall(&with_programs.root, (with_programs.programs)().as_mut(), with_programs.as_root));
    let config = plan.config.clone();
    let cluster = ask(move || topics(&config));
    let roles = Role::ALL.into_iter().filter(|role| plan.service(*role).is_some());
    let looks: Vec<_> = thread::scope(|scope| {
        let looks = roles.map(|role| (role, scope.spawn(move || preflight::look_at(&eyes.root, plan, role, LOOK))));
        let looks: Vec<_> = looks.collect();
        looks.into_iter().filter_map(|(role, look)| Some((role, look.join().ok()?))).collect()
    });

    let mut seen = begun.seen(deadline);
    seen.clock = clock.answer(deadline).unwrap_or_else(|| Err("timedatectl did not answer in time".into()));
    seen.firewall = firewall.answer(deadline).unwrap_or(FirewallSighting::Silent);
    seen.topics = cluster.answer(deadline).flatten();
    seen.as_root = eyes.as_root;
    seen.running = running.is_some();

    let mut findings: Vec<Finding> = Vec::new();
    for (role, mut sightings) in looks {
        // The survey knows the unit's limit, and judges this process's where there is no unit.
        sightings.open_files = None;
        for finding in judge(plan, role, &sightings) {
            // What concerns the node as a whole is found once a service.
            if !findings.iter().any(|known| known.code == finding.code && known.text == finding.text) {
                findings.push(finding);
            }
        }
    }
    seen_by_a_stranger(&mut findings, &seen, &plan.facts.user);
    findings.extend(judge_survey(plan, &seen));
    findings
}

fn refused(refusal: &HostRefusal) -> Line {
    let code = match refusal {
        HostRefusal::Memory { .. } => "memory-unknown",
        HostRefusal::Java(_) => "java",
        HostRefusal::Kafka { .. } => "kafka-home",
    };
    Line { code, service: None, weight: Weight::Refuse, text: refusal.to_string(), remedy: String::new() }
}

/// Without Java or Kafka nothing starts, and everything else is looked at all the same: all troubles at once.
fn stand_in(root: &HostRoot) -> Option<HostFacts> {
    let java = Java { home: "/".into(), version: "11".into(), major: 11, found: String::new() };
    host::facts_without(root, java, KafkaInstall::default()).ok()
}
