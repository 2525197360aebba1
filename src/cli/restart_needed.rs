//! What a restart of this node's JVMs would change: the configuration on disk against what they run with. For `plan --diff` and `status`.
//!
//! Absent on purpose: what `kafka-configs` has changed at run time; it stands in ZooKeeper, and outranks the file.
//!
//! Effects: reads `/proc` and the files that were rendered for the JVMs, which are their owner's alone.

use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::config::Config;
use crate::observe::host::{self, HostRoot};
use crate::plan;
use crate::plan::diff::{Difference, Started, differences};
use crate::plan::dynamic::UpdateMode;
use crate::plan::{Plan, ServiceSpec};
use crate::runtime::ask;

use super::verify::jvms;
use super::{Exit, complain, say};

/// What a kernel before 4.2 shows of a command line, in bytes.
const SHORT_CMDLINE: usize = 4096;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Of the JVMs that run.
    pub differences: Vec<Difference>,
    /// Services that do not run: their next start takes everything as it is.
    pub down: Vec<&'static str>,
}

/// Runs `plan --diff`.
pub(super) fn show(config: Config) -> Exit {
    let (found, services) = match compare(config) {
        Ok(found) => found,
        Err(words) => {
            complain(&format!("cannot compare: {words}"));
            return Exit::Unavailable;
        }
    };
    for role in &found.down {
        complain(&format!("{role} does not run: its next start takes the configuration as it is"));
    }
    if found.differences.is_empty() {
        if found.down.len() < services {
            say("no difference: a restart would change nothing");
        }
        return Exit::Yes;
    }
    say(&words(&found.differences));
    Exit::No
}

/// The line of `status`: nothing where nothing differs, or where it may not be seen.
pub(super) fn in_short(config: &Config) -> Option<String> {
    let found = compare(config.clone()).ok()?.0.differences;
    if found.is_empty() {
        return None;
    }
    let mut roles: Vec<&str> = found.iter().map(|it| it.role.as_str()).collect();
    roles.dedup();
    let without = found.iter().filter(|it| it.mode != UpdateMode::Restart).count();
    let count = if found.len() == 1 { "1 change".to_owned() } else { format!("{} changes", found.len()) };
    let dynamic = match without {
        0 => String::new(),
        _ if without == found.len() => " (kafka-configs can make them without one)".to_owned(),
        some => format!(" ({some} of them can be made without one)"),
    };
    Some(format!(
        "restart needed: {count} of the configuration for {}{dynamic}; kafka-node plan --diff shows them, kafka-node roll restart rolls them out",
        roles.join(" and ")
    ))
}

/// What differs, and how many services the node has.
fn compare(config: Config) -> Result<(Comparison, usize), String> {
    let root = HostRoot { root: Path::new("/").to_path_buf(), environment: supervisors_environment(&config) };
    let facts = host::facts(&config, &root).map_err(|refusal| refusal.to_string())?;
    let plan = plan::make(config, facts);
    let mut found = Comparison::default();
    for spec in &plan.services {
        match started(&plan, spec)? {
            Some(started) => found.differences.extend(differences(spec, &started)),
            None => found.down.push(spec.role.as_str()),
        }
    }
    Ok((found, plan.services.len()))
}

/// The supervisor finds Java by its own variables, which may be others than a shell's; ours where there is none, or it may not be seen.
fn supervisors_environment(config: &Config) -> Vec<(String, String)> {
    let pid = ask::status(&config.paths.runtime_dir).map(|report| report.node.supervisor_pid);
    let bytes = pid.ok().and_then(|pid| fs::read(format!("/proc/{pid}/environ")).ok()).unwrap_or_default();
    if bytes.is_empty() {
        return HostRoot::machine().environment;
    }
    let variables = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    variables.filter_map(|it| it.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()))).collect()
}

/// What the JVM of this service was started with; `None` where there is none. The files are written before each start and at no
/// other time, so what lies there is what it read.
fn started(plan: &Plan, spec: &ServiceSpec) -> Result<Option<Started>, String> {
    let found = jvms::find(Path::new("/proc"), spec.main_class, &plan.config.paths.runtime_dir);
    let Some(pid) = found.last() else { return Ok(None) };
    let cmdline = fs::read(format!("/proc/{pid}/cmdline")).map_err(|error| format!("/proc/{pid}/cmdline: {error}"))?;
    let cut = cmdline.len() >= SHORT_CMDLINE && cmdline.last() != Some(&0);
    let argv = cmdline.strip_suffix(&[0]).unwrap_or(&cmdline).split(|byte| *byte == 0);
    let argv = argv.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let mut files = Vec::new();
    for file in &spec.files {
        files.push(match fs::read(&file.path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(format!("{} may not be read by this user; use sudo", file.path.display()));
            }
            Err(error) => return Err(format!("{}: {error}", file.path.display())),
        });
    }
    Ok(Some(Started { argv, cut, files }))
}

/// Everything, sorted by what it needs.
fn words(found: &[Difference]) -> String {
    let mut text = String::new();
    let groups = [
        (
            UpdateMode::Restart,
            "only a restart makes these (kafka-node roll restart, or systemctl restart kafka-node on this node alone)",
        ),
        (
            UpdateMode::ClusterWide,
            "dynamic, for all brokers at once: kafka-configs --alter --entity-type brokers --entity-default --add-config KEY=VALUE, or a restart",
        ),
        (
            UpdateMode::PerBroker,
            "dynamic, for each broker: kafka-configs --alter --entity-type brokers --entity-name ID --add-config KEY=VALUE, or a restart",
        ),
    ];
    for (mode, head) in groups {
        let mut rows = found.iter().filter(|it| it.mode == mode).peekable();
        if rows.peek().is_some() {
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{head}");
        }
        for it in rows {
            let _ = writeln!(text, "  {} {it}", it.role);
        }
    }
    text
}
