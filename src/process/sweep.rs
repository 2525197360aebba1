//! Ends what a dead supervisor left: Kafka first and waited for, then ZooKeeper, as a stop would.
//!
//! Strays are known by pid, start time and boot, so a stranger who was given the same pid is left alone. They are no
//! children of ours: their end is seen in `/proc`. Absent on purpose: adopting them instead.
//!
//! Effects: signals processes that this node's record names, and waits for their end.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::model::Role;

use super::record::{Record, RecordError, Records, alive, strike_out};

/// Time between looks at a stray's end.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How long the kernel gets to end a process after SIGKILL; one that waits for a disk takes as long as the disk.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Report {
    /// Every recorded run that was still there or already gone, in the order it was dealt with.
    pub swept: Vec<Swept>,
    /// The supervisor whose runs these are lives: nothing was touched.
    pub supervisor: Option<i32>,
    /// The record could not be read: nothing was touched.
    pub unreadable: Option<RecordError>,
    /// The record could not be brought up to date.
    pub unwritten: Option<io::Error>,
}

/// One recorded run and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// The run.
    pub record: Record,
    /// What became of it.
    pub how: SweptHow,
}

/// How a recorded run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SweptHow {
    /// It was gone before the sweep; whoever has its pid is somebody else.
    Gone,
    /// It ended on SIGTERM, after this long.
    Terminated(Duration),
    /// It outlived its grace and ended on SIGKILL, after this long in all.
    Killed(Duration),
    /// It is there even after SIGKILL.
    StillThere,
    /// It may not be signalled; the system's words.
    NotAllowed(String),
    /// It was left running, because a Kafka that needs it is still there.
    Left,
}

/// Ends the runs recorded in `state_dir`, each within `grace` from SIGTERM to SIGKILL. Does nothing while the supervisor
/// that recorded them lives (unless that is this process).
pub async fn sweep(state_dir: &Path, grace: Duration) -> Report {
    let mut report = Report::default();
    let records = match Records::read(state_dir) {
        Ok(records) => records,
        Err(error) => {
            report.unreadable = Some(error);
            return report;
        }
    };
    report.supervisor = records.living_supervisor();
    if report.supervisor.is_some() || records.runs.is_empty() {
        return report;
    }
    for role in [Role::Kafka, Role::ZooKeeper] {
        let kafka_stays = report.swept.iter().any(|swept| !swept.is_over());
        for record in records.runs.iter().filter(|record| record.role == role) {
            let how = if !alive(record) {
                SweptHow::Gone
            } else if kafka_stays && role == Role::ZooKeeper {
                SweptHow::Left
            } else {
                end(record, grace).await
            };
            report.swept.push(Swept { record: record.clone(), how });
        }
    }
    let gone: Vec<Record> = report.swept.iter().filter(|s| s.is_over()).map(|s| s.record.clone()).collect();
    report.unwritten = strike_out(state_dir, &gone).err();
    report
}

impl Report {
    /// Nothing of a dead supervisor runs any more, and the record says so.
    pub fn is_clean(&self) -> bool {
        self.supervisor.is_none()
            && self.unreadable.is_none()
            && self.unwritten.is_none()
            && self.swept.iter().all(Swept::is_over)
    }
}

impl Swept {
    /// The run is over.
    pub fn is_over(&self) -> bool {
        match self.how {
            SweptHow::Gone | SweptHow::Terminated(_) | SweptHow::Killed(_) => true,
            SweptHow::StillThere | SweptHow::NotAllowed(_) | SweptHow::Left => false,
        }
    }
}

async fn end(record: &Record, grace: Duration) -> SweptHow {
    let begun = Instant::now();
    let pid = Pid::from_raw(record.pid);
    match kill(pid, Signal::SIGTERM) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => return SweptHow::NotAllowed(errno.desc().to_owned()),
    }
    if gone_within(record, grace).await {
        return SweptHow::Terminated(begun.elapsed());
    }
    // Looked at a moment ago: the pid, and so the number of its group, is still the stray's.
    let _ = killpg(pid, Signal::SIGKILL);
    let _ = kill(pid, Signal::SIGKILL);
    if gone_within(record, KILL_LIMIT).await { SweptHow::Killed(begun.elapsed()) } else { SweptHow::StillThere }
}

async fn gone_within(record: &Record, limit: Duration) -> bool {
    let begun = Instant::now();
    loop {
        if !alive(record) {
            return true;
        }
        let left = limit.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return false;
        }
        tokio::time::sleep(left.min(LOOK_INTERVAL)).await;
    }
}

/// One sentence a line; empty when there was nothing to do.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        if let Some(pid) = self.supervisor {
            lines.push(format!("nothing was swept: the kafka-node that runs here lives (pid {pid})"));
        }
        if let Some(error) = &self.unreadable {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            lines.push(format!("nothing was swept: failed to {error}{cause}"));
        }
        lines.extend(self.swept.iter().map(Swept::to_string));
        if let Some(error) = &self.unwritten {
            lines.push(format!("the record of running JVMs could not be brought up to date: {error}"));
        }
        f.write_str(&lines.join("\n"))
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { role, run, pid, .. } = &self.record;
        write!(f, "{role} of an earlier kafka-node (pid {pid}, run {run}) ")?;
        match &self.how {
            SweptHow::Gone => f.write_str("was gone already"),
            SweptHow::Terminated(after) => write!(f, "ended on SIGTERM after {:.1} s", after.as_secs_f64()),
            SweptHow::Killed(after) => {
                write!(f, "outlived its grace and was killed (SIGKILL) after {:.1} s", after.as_secs_f64())
            }
            SweptHow::StillThere => {
                f.write_str("is still there after SIGKILL: it waits in the kernel, for a disk perhaps")
            }
            SweptHow::NotAllowed(words) => write!(f, "may not be signalled: {words}"),
            SweptHow::Left => f.write_str("was left running: a kafka of the same kafka-node is still there"),
        }
    }
}
