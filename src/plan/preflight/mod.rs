//! What stands against a start: what was seen on the machine, held against the plan, as findings in words.
//!
//! What can never work is refused, what may come later is waited for (`design.md`, "Life of a node", 2), what is unwise is a warning, what
//! could be better is advised, and what could not be known is noted. A refusal is looked at again too, since an operator's hand can cure it.
//! Pure: `observe/preflight` looks. The findings before a start ([`judge`]) hold a service back; those of
//! the operator's look ([`judge_survey`]) are words alone. Absent on purpose: doing anything about a finding.

mod codes;
mod directories;
mod disks;
mod judged;
mod limits;
mod logging;
mod machine;
mod names;
mod network;
mod seen;
mod survey;
mod topics;
mod unit;
mod unit_file;
mod versions;

use crate::model::{Role, WaitReason};

use super::{Plan, ServiceSpec};

pub use codes::CODES;
pub use disks::DATA_LOG_DIR;
pub use judged::{judge_survey, seen_by_a_stranger, service_user};
pub use seen::{
    BindSighting, BindState, Content, DirectorySighting, DirectoryState, Holder, Listener, LoggingPath,
    LoggingSighting, Sightings, Space,
};
pub use survey::{
    Clock, DiskSighting, FirewallSighting, Kernel, Memory, Mount, NameSighting, PeerSighting, PortState, Survey, Told,
    TopicSighting, UnitSighting,
};
pub use unit_file::UnitFile;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nothing is known against it; or something could not be known.
    Note,
    /// It works, and there is better; or it is so at this moment only.
    Advise,
    /// Unwise, and it works.
    Warn,
    /// It may come by itself.
    Wait,
    /// It cannot work until somebody mends it.
    Refuse,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable word for scripts and for `docs/check.md`, one of [`CODES`].
    pub code: &'static str,
    /// The service it holds back; `None` for the node.
    pub role: Option<Role>,
    /// How much it weighs.
    pub weight: Weight,
    /// What is so, naming the file, key or path; one sentence without a full stop.
    pub text: String,
    /// What to do; empty where nothing needs doing.
    pub remedy: String,
    /// What the supervisor says it waits for. Set unless it is a warning.
    pub wait: Option<WaitReason>,
}

impl Finding {
    fn new(code: &'static str, role: Role, weight: Weight, text: String, remedy: String) -> Finding {
        Finding { code, role: Some(role), weight, text, remedy, wait: None }
    }

    fn refuse(code: &'static str, role: Role, text: String, remedy: String, wait: Option<WaitReason>) -> Finding {
        let wait = wait.unwrap_or_else(|| WaitReason::Finding { text: text.clone() });
        Finding { wait: Some(wait), ..Finding::new(code, role, Weight::Refuse, text, remedy) }
    }

    fn wait(code: &'static str, role: Role, text: String, remedy: String, wait: WaitReason) -> Finding {
        Finding { wait: Some(wait), ..Finding::new(code, role, Weight::Wait, text, remedy) }
    }

    fn warn(code: &'static str, role: Role, text: String, remedy: String) -> Finding {
        Finding::new(code, role, Weight::Warn, text, remedy)
    }

    /// About the node as a whole. Never a reason for the supervisor to wait: only an operator sees it.
    fn node(code: &'static str, weight: Weight, text: String, remedy: &str) -> Finding {
        Finding { code, role: None, weight, text, remedy: remedy.to_owned(), wait: None }
    }

    /// What could not be known, and therefore is not judged.
    fn unknown(what: &str, words: &str) -> Finding {
        Finding::node("not-known", Weight::Note, format!("{what} is not known: {words}"), "")
    }
}

/// Everything that stands against starting `role`, the heaviest first.
pub fn judge(plan: &Plan, role: Role, seen: &Sightings) -> Vec<Finding> {
    let Some(service) = plan.service(role) else { return Vec::new() };
    let mut findings = Vec::new();
    findings.extend(limits::heaps(plan, role));
    findings.extend(limits::paths(plan, role));
    for directory in &seen.directories {
        findings.extend(directories::judge(plan, role, directory));
    }
    if role == Role::Kafka {
        findings.extend(directories::clusters(&seen.directories));
    }
    for bind in &seen.binds {
        findings.extend(network::bind(service, bind, &seen.listeners));
    }
    findings.extend(network::peers(role, &seen.unresolved));
    findings.extend(limits::system(plan, role, seen));
    findings.extend(seen.logging.iter().map(|sighting| logging::judge(role, sighting)));
    if let Some(what) = &seen.unanswered {
        let text = format!("{what} took too long to look at");
        let wait = WaitReason::Finding { text: text.clone() };
        findings.push(Finding::wait(
            "look-unanswered",
            role,
            text,
            "see whether a disk or a file server hangs (dmesg)".into(),
            wait,
        ));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    findings.dedup(); // a name that does not resolve is met at each port that is bound to it
    findings
}

fn properties_path(service: &ServiceSpec) -> &str {
    service.properties_path().unwrap_or_default()
}
