//! `kafka-node status`: the supervisor's report, for people or as JSON.
//!
//! Absent on purpose: the cluster's view, and any guess at what a supervisor that does not answer might be doing.
//!
//! Effects: asks the supervisor and the clock; `--watch` waits between two pictures.

use std::fmt::Write;
use std::thread;
use std::time::Duration;

use crate::config::Config;
use crate::runtime::ask::{self, AskFailure};
use crate::runtime::status::{EventReport, ExitReport, StatusReport};

use super::{Exit, PlaceArgs, complain, load, say};

/// Time between two pictures of `--watch`.
const REDRAW: Duration = Duration::from_secs(1);
/// Notices shown to people; `--json` has all that are kept.
const SHOWN_EVENTS: usize = 10;
/// Cursor to the top left, and everything below it cleared: no more of a terminal is needed.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Runs the verb.
pub(super) fn status(place: &PlaceArgs, json: bool, watch: bool) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if watch { watch_it(&config, json) } else { once(&config, json) }
}

fn once(config: &Config, json: bool) -> Exit {
    match ask::status(&config.paths.runtime_dir) {
        Ok(report) => {
            say(&if json { pretty(&report) } else { picture(&report) });
            readiness(&report)
        }
        Err(failure) => {
            complain(&nobody(&failure));
            Exit::Unavailable
        }
    }
}

/// Ends when nobody reads any more (or by SIGINT, as a process does).
fn watch_it(config: &Config, json: bool) -> Exit {
    use std::io::IsTerminal;
    let clear = if !json && std::io::stdout().is_terminal() { CLEAR } else { "" };
    loop {
        let (text, exit) = match ask::status(&config.paths.runtime_dir) {
            Ok(report) if json => (serde_json::to_string(&report).unwrap_or_default(), readiness(&report)),
            Ok(report) => (picture(&report), readiness(&report)),
            Err(failure) if json => {
                // A script that reads lines gets lines: the words go to stderr.
                complain(&nobody(&failure));
                (String::new(), Exit::Unavailable)
            }
            Err(failure) => (nobody(&failure), Exit::Unavailable),
        };
        if !(text.is_empty() || say(&format!("{clear}{text}"))) {
            return exit;
        }
        thread::sleep(REDRAW);
    }
}

/// What `status` ends with.
pub(super) fn readiness(report: &StatusReport) -> Exit {
    if report.node.ready { Exit::Yes } else { Exit::No }
}

/// A failure to ask, and what to look at next.
pub(super) fn nobody(failure: &AskFailure) -> String {
    let help = match failure {
        AskFailure::Nobody { .. } => {
            "\n  help: kafka-node does not run here, or with another [paths] runtime_dir; look with: systemctl status kafka-node"
        }
        AskFailure::Silent { .. } => "\n  help: look whether it is stopped or starved: systemctl status kafka-node",
        AskFailure::NotAllowed { .. } | AskFailure::Refused { .. } => "",
    };
    format!("{failure}{help}\n")
}

fn pretty(report: &StatusReport) -> String {
    serde_json::to_string_pretty(report).unwrap_or_default()
}

/// The report for people.
fn picture(report: &StatusReport) -> String {
    let mut text = String::new();
    let node = &report.node;
    let _ = writeln!(text, "{} (id {}) is {}: {}", node.name, node.id, node.state, node.status);
    let _ = writeln!(text, "since {}, supervisor pid {}\n", node.since, node.supervisor_pid);
    text.push_str(&table(&rows(report)));
    for (name, exit) in last_exits(report) {
        let _ = writeln!(text, "\n{name} last ended {} ({}): {}", exit.at, exit.cause, exit.detail);
        if !exit.remedy.is_empty() {
            let _ = writeln!(text, "  help: {}", exit.remedy);
        }
    }
    if !report.waiting_for.is_empty() {
        text.push_str("\nwaiting for\n");
        for waiting in &report.waiting_for {
            let _ = writeln!(text, "  {}: {}", waiting.service, waiting.text);
        }
    }
    if !report.events.is_empty() {
        text.push_str("\nlast events\n");
        let skipped = report.events.len().saturating_sub(SHOWN_EVENTS);
        for EventReport { at, severity, text: words, .. } in report.events.iter().skip(skipped) {
            let _ = writeln!(text, "  {at} {severity:<7} {words}");
        }
    }
    text
}

type Row = [String; 6];

fn rows(report: &StatusReport) -> Vec<Row> {
    let number = |pid: Option<i32>| pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    let mut rows = vec![["SERVICE", "STATE", "PID", "SINCE", "RESTARTS", "ROLE"].map(str::to_owned)];
    if let Some(it) = &report.services.zookeeper {
        let role = it.role.clone().unwrap_or_else(|| "-".to_owned());
        rows.push([
            "zookeeper".to_owned(),
            it.state.clone(),
            number(it.pid),
            it.since.clone(),
            it.restarts.to_string(),
            role,
        ]);
    }
    if let Some(it) = &report.services.kafka {
        rows.push([
            "kafka".to_owned(),
            it.state.clone(),
            number(it.pid),
            it.since.clone(),
            it.restarts.to_string(),
            it.readiness.clone(),
        ]);
    }
    rows
}

/// Columns as wide as their widest cell, two spaces apart.
fn table(rows: &[Row]) -> String {
    let mut widths = [0; 6];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn last_exits(report: &StatusReport) -> Vec<(&'static str, &ExitReport)> {
    let zookeeper = report.services.zookeeper.as_ref().and_then(|it| it.last_exit.as_ref());
    let kafka = report.services.kafka.as_ref().and_then(|it| it.last_exit.as_ref());
    [("zookeeper", zookeeper), ("kafka", kafka)].into_iter().filter_map(|(name, exit)| Some((name, exit?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_the_node_its_services_what_it_waits_for_and_what_happened() {
        let report: StatusReport = serde_json::from_str(concat!(
            r#"{"node":{"name":"kafkanode1","id":1,"state":"degraded","ready":false,"status":"kafka waits: pause","#,
            r#""since":"2026-01-01T00:00:05Z","supervisor_pid":11},"services":{"#,
            r#""zookeeper":{"state":"ready","pid":1234,"run":"a1","since":"2026-01-01T00:00:02Z","restarts":0,"role":"follower","last_exit":null},"#,
            r#""kafka":{"state":"backoff","pid":null,"run":null,"since":"2026-01-01T00:00:05Z","restarts":3,"readiness":"down","#,
            r#""last_exit":{"at":"2026-01-01T00:00:05Z","cause":"signal","detail":"SIGKILL from outside","remedy":"look"}}},"#,
            r#""waiting_for":[{"service":"kafka","code":"backoff","text":"starts again in 4 s after SIGKILL from outside"}],"#,
            r#""events":[{"at":"2026-01-01T00:00:05.250Z","severity":"warning","service":"kafka","text":"kafka ended"}]}"#
        ))
        .expect("a report");
        let expected = "\
kafkanode1 (id 1) is degraded: kafka waits: pause
since 2026-01-01T00:00:05Z, supervisor pid 11

SERVICE    STATE    PID   SINCE                 RESTARTS  ROLE
zookeeper  ready    1234  2026-01-01T00:00:02Z  0         follower
kafka      backoff  -     2026-01-01T00:00:05Z  3         down

kafka last ended 2026-01-01T00:00:05Z (signal): SIGKILL from outside
  help: look

waiting for
  kafka: starts again in 4 s after SIGKILL from outside

last events
  2026-01-01T00:00:05.250Z warning kafka ended
";
        assert_eq!(picture(&report), expected);
        assert_eq!(readiness(&report), Exit::No);
    }
}
