//! The report as people read it, at night and on a narrow terminal: what `status` and `why` print.
//!
//! Absent on purpose: reasons of its own. The supervisor's words are passed on as they are, once each. Times are shown by
//! how long ago they were, and in UTC beside it, which is what the journal shows with `journalctl --utc`.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use crate::model::Span;
use crate::notify::history_entry::{Entry, Kind};
use crate::runtime::from_rfc3339;
use crate::runtime::status::{EventReport, ExitReport, StatusReport};

/// Notices shown; `--json` has all that are kept.
const SHOWN_EVENTS: usize = 10;
/// Ends, kills and fences of the history shown beside them; `kafka-node history` has all.
const SHOWN_PAST: usize = 3;

/// The whole report, as it is at `now`.
pub(super) fn picture(report: &StatusReport, now: SystemTime) -> String {
    let mut text = headline(report);
    let node = &report.node;
    let _ =
        writeln!(text, "for {}, since {}; supervisor pid {}\n", age(&node.since, now), node.since, node.supervisor_pid);
    text.push_str(&table(&services(report, now), ""));
    if !report.waiting_for.is_empty() {
        let _ = write!(text, "\nwaits\n{}", table(&reasons(report), "  "));
    }
    for (name, exit) in last_exits(report) {
        let _ = writeln!(text, "\n{name} last ended {} ago, at {}: {}", age(&exit.at, now), exit.at, exit.detail);
        if !exit.remedy.is_empty() {
            let _ = writeln!(text, "  help: {}", exit.remedy);
        }
    }
    if !report.events.is_empty() {
        let _ = write!(text, "\nlast events\n{}", table(&events(report, now), "  "));
    }
    let past = past(report, now);
    if !past.is_empty() {
        let _ = write!(text, "\nearlier ends, kills and fences (all: kafka-node history)\n{}", table(&past, "  "));
    }
    text
}

/// What is waited for, and nothing else.
pub(super) fn why(report: &StatusReport) -> String {
    if report.waiting_for.is_empty() {
        return format!("nothing: {}", headline(report));
    }
    table(&reasons(report), "")
}

/// Who is how; with the words of the status line where no list of reasons says the same at more length.
fn headline(report: &StatusReport) -> String {
    let node = &report.node;
    let words =
        node.status.strip_prefix(&node.state).map_or(node.status.as_str(), |rest| rest.trim_start_matches(": "));
    if report.waiting_for.is_empty() && !words.is_empty() {
        format!("{} (id {}) is {}: {words}\n", node.name, node.id, node.state)
    } else {
        format!("{} (id {}) is {}\n", node.name, node.id, node.state)
    }
}

pub(super) type Row = Vec<String>;

fn services(report: &StatusReport, now: SystemTime) -> Vec<Row> {
    let mut rows = vec![["SERVICE", "STATE", "FOR", "PID", "RESTARTS"].map(str::to_owned).to_vec()];
    let mut add = |name: &str, state: String, since: &str, pid: Option<i32>, restarts: u32| {
        let pid = pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        rows.push(vec![name.to_owned(), state, age(since, now), pid, restarts.to_string()]);
    };
    if let Some(it) = &report.services.zookeeper {
        let state = it.role.as_ref().map_or_else(|| it.state.clone(), |role| format!("{} ({role})", it.state));
        add("zookeeper", state, &it.since, it.pid, it.restarts);
    }
    if let Some(it) = &report.services.kafka {
        // The state alone says as much as these two.
        let state = match it.readiness.as_str() {
            "down" | "started" => it.state.clone(),
            readiness => format!("{} ({readiness})", it.state),
        };
        add("kafka", state, &it.since, it.pid, it.restarts);
    }
    rows
}

fn reasons(report: &StatusReport) -> Vec<Row> {
    report.waiting_for.iter().map(|waiting| vec![format!("{}:", waiting.service), waiting.text.clone()]).collect()
}

/// What is odd or needs a human carries its word; what is neither leaves the place free, so that those stand out.
fn events(report: &StatusReport, now: SystemTime) -> Vec<Row> {
    let skipped = report.events.len().saturating_sub(SHOWN_EVENTS);
    let row = |EventReport { at, severity, text, .. }: &EventReport| {
        let word = if matches!(severity.as_str(), "info" | "debug") { "" } else { severity };
        vec![format!("{} ago", age(at, now)), at.clone(), word.to_owned(), text.clone()]
    };
    report.events.iter().skip(skipped).map(row).collect()
}

/// The last ends, kills and fences that do not stand among the events already: those of an earlier supervisor, and what
/// many events since have pushed out.
fn past(report: &StatusReport, now: SystemTime) -> Vec<Row> {
    let skipped = report.events.len().saturating_sub(SHOWN_EVENTS);
    let shown = |entry: &Entry| {
        report.events.iter().skip(skipped).any(|event| event.at == entry.at && event.text == entry.text)
    };
    let told = |entry: &&Entry| [Kind::End, Kind::Kill, Kind::Fence].iter().any(|kind| entry.is(*kind));
    let mut last: Vec<&Entry> = report.history.iter().rev().filter(told).take(SHOWN_PAST).collect();
    last.retain(|entry| !shown(entry));
    last.reverse();
    last.into_iter().map(|it| vec![format!("{} ago", age(&it.at, now)), it.at.clone(), it.text.clone()]).collect()
}

/// How long before `now` it was. A time that cannot be read, which only another version writes, is not guessed at.
fn age(at: &str, now: SystemTime) -> String {
    match from_rfc3339(at) {
        Some(at) => Span(now.duration_since(at).unwrap_or(Duration::ZERO)).to_string(),
        None => "?".to_owned(),
    }
}

/// Columns as wide as their widest cell, two spaces apart; an empty column takes no room.
pub(super) fn table(rows: &[Row], indent: &str) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let line: Vec<String> = cells.map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{indent}{}", line.join("  ").trim_end());
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

    /// The picture of a report, and what `why` says of it, three minutes and 12 seconds after midnight.
    #[track_caller]
    fn check(json: &str, picture_expected: &str, why_expected: &str) {
        let report: StatusReport = serde_json::from_str(json).expect("a report");
        let now = from_rfc3339("2026-01-01T00:03:12Z").expect("a time");
        assert_eq!(picture(&report, now), picture_expected);
        assert_eq!(why(&report), why_expected);
    }

    #[test]
    fn without_a_quorum_the_missing_members_stand_in_a_list_and_not_twice() {
        check(
            concat!(
                r#"{"node":{"name":"kafkanode1","id":1,"state":"degraded","ready":false,"#,
                r#""status":"degraded: no ZooKeeper quorum: no answer from kafkanode2, kafkanode3; Kafka starts when ZooKeeper serves","#,
                r#""since":"2026-01-01T00:00:00Z","supervisor_pid":11},"services":{"#,
                r#""zookeeper":{"state":"up","pid":1234,"run":"a1","since":"2026-01-01T00:00:00Z","restarts":0,"role":null,"last_exit":null},"#,
                r#""kafka":{"state":"waiting","pid":null,"run":null,"since":"2026-01-01T00:03:02Z","restarts":13,"readiness":"down","#,
                r#""last_exit":{"at":"2026-01-01T00:03:02Z","cause":"signal","detail":"SIGKILL from outside","remedy":"look"}}},"#,
                r#""waiting_for":[{"service":"zookeeper","code":"quorum","text":"no ZooKeeper quorum: no answer from kafkanode2, kafkanode3"},"#,
                r#"{"service":"kafka","code":"zookeeper-first","text":"Kafka starts when ZooKeeper serves"}],"#,
                r#""events":[{"at":"2026-01-01T00:00:00.250Z","severity":"warning","service":"zookeeper","text":"zookeeper lost its quorum"},"#,
                r#"{"at":"2026-01-01T00:03:02.001Z","severity":"info","service":"kafka","text":"kafka waits"}]}"#
            ),
            "\
kafkanode1 (id 1) is degraded
for 3m 12s, since 2026-01-01T00:00:00Z; supervisor pid 11

SERVICE    STATE    FOR     PID   RESTARTS
zookeeper  up       3m 12s  1234  0
kafka      waiting  10 s    -     13

waits
  zookeeper:  no ZooKeeper quorum: no answer from kafkanode2, kafkanode3
  kafka:      Kafka starts when ZooKeeper serves

kafka last ended 10 s ago, at 2026-01-01T00:03:02Z: SIGKILL from outside
  help: look

last events
  3m 11s ago  2026-01-01T00:00:00.250Z  warning  zookeeper lost its quorum
  9 s ago     2026-01-01T00:03:02.001Z           kafka waits
",
            "\
zookeeper:  no ZooKeeper quorum: no answer from kafkanode2, kafkanode3
kafka:      Kafka starts when ZooKeeper serves
",
        );
    }

    #[test]
    fn during_a_stop_it_shows_who_is_on_the_way_and_who_comes_next() {
        check(
            concat!(
                r#"{"node":{"name":"kafkanode1","id":1,"state":"stopping","ready":false,"#,
                r#""status":"stopping: ZooKeeper stops when Kafka has; controlled shutdown of the broker (2m 12s so far)","#,
                r#""since":"2026-01-01T00:01:00Z","supervisor_pid":11},"services":{"#,
                r#""zookeeper":{"state":"ready","pid":12,"run":"a1","since":"2025-12-30T00:00:00Z","restarts":0,"role":"leader","last_exit":null},"#,
                r#""kafka":{"state":"terminating","pid":13,"run":"a2","since":"2026-01-01T00:01:00Z","restarts":0,"readiness":"serving","last_exit":null}},"#,
                r#""waiting_for":[{"service":"zookeeper","code":"kafka-first","text":"ZooKeeper stops when Kafka has"},"#,
                r#"{"service":"kafka","code":"controlled-shutdown","text":"controlled shutdown of the broker (2m 12s so far)"}],"events":[]}"#
            ),
            "\
kafkanode1 (id 1) is stopping
for 2m 12s, since 2026-01-01T00:01:00Z; supervisor pid 11

SERVICE    STATE                  FOR     PID  RESTARTS
zookeeper  ready (leader)         2d 0h   12   0
kafka      terminating (serving)  2m 12s  13   0

waits
  zookeeper:  ZooKeeper stops when Kafka has
  kafka:      controlled shutdown of the broker (2m 12s so far)
",
            "\
zookeeper:  ZooKeeper stops when Kafka has
kafka:      controlled shutdown of the broker (2m 12s so far)
",
        );
    }

    #[test]
    fn what_an_earlier_supervisor_saw_is_shown_and_what_stands_among_the_events_is_not_said_twice() {
        check(
            concat!(
                r#"{"node":{"name":"kafkanode1","id":1,"state":"ready","ready":true,"status":"serving","#,
                r#""since":"2026-01-01T00:03:02Z","supervisor_pid":11},"services":{},"waiting_for":[],"#,
                r#""events":[{"at":"2026-01-01T00:03:02.001Z","severity":"warning","service":"kafka","text":"kafka ended"}],"#,
                r#""history":[{"at":"2025-12-31T00:00:00.000Z","kind":"kill","text":"the fourth from the end"},"#,
                r#"{"at":"2026-01-01T00:00:12.000Z","kind":"kill","service":"kafka","text":"SIGKILL to kafka"},"#,
                r#"{"at":"2026-01-01T00:01:12.000Z","kind":"supervisor-start","text":"kafka-node starts"},"#,
                r#"{"at":"2026-01-01T00:02:12.000Z","kind":"fence","service":"kafka","text":"registration removed"},"#,
                r#"{"at":"2026-01-01T00:03:02.001Z","kind":"end","service":"kafka","text":"kafka ended"}]}"#
            ),
            "\
kafkanode1 (id 1) is ready: serving
for 10 s, since 2026-01-01T00:03:02Z; supervisor pid 11

SERVICE  STATE  FOR  PID  RESTARTS

last events
  9 s ago  2026-01-01T00:03:02.001Z  warning  kafka ended

earlier ends, kills and fences (all: kafka-node history)
  3m 0s ago  2026-01-01T00:00:12.000Z  SIGKILL to kafka
  1m 0s ago  2026-01-01T00:02:12.000Z  registration removed
",
            "nothing: kafkanode1 (id 1) is ready: serving\n",
        );
    }

    #[test]
    fn a_ready_node_says_so_in_one_line_and_a_clock_set_back_shows_no_age() {
        check(
            concat!(
                r#"{"node":{"name":"kafkanode1","id":1,"state":"ready","ready":true,"status":"serving; in sync; zookeeper follower","#,
                r#""since":"2026-01-01T01:00:00Z","supervisor_pid":11},"services":{},"waiting_for":[],"events":[]}"#
            ),
            "\
kafkanode1 (id 1) is ready: serving; in sync; zookeeper follower
for 0 s, since 2026-01-01T01:00:00Z; supervisor pid 11

SERVICE  STATE  FOR  PID  RESTARTS
",
            "nothing: kafkanode1 (id 1) is ready: serving; in sync; zookeeper follower\n",
        );
    }
}
