//! Ends what a dead supervisor left: Kafka first and waited for, then ZooKeeper, as a stop would.
//!
//! Strays are known by pid, start time and boot, so a stranger who was given the same pid is left alone; one whose pid was
//! never written down, by its mark. Their end is seen in `/proc`. The line of an ended run with a ZooKeeper session stays, for
//! whoever removes its registration. Absent on purpose: adopting them instead, and their pipes, which the next start removes.
//!
//! Effects: signals processes that this node's record names, and waits for their end.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::model::{Role, RunId};

use super::adopt::{Fate, fate};
use super::book::close;
use super::record::{Record, RecordError, Records};
use super::stat::Identity;

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
    /// Whether it is there cannot be told; the system's words.
    Unclear(String),
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
        for record in records.runs.iter().filter(|record| record.role == role && !record.ended) {
            let mut record = record.clone();
            let how = match fate(state_dir, &record) {
                Ok(Fate::Gone | Fate::Intended) => SweptHow::Gone,
                Err(error) => SweptHow::Unclear(error.to_string()),
                Ok(Fate::Lives { pid, start_time }) => {
                    (record.pid, record.start_time) = (Some(pid), start_time);
                    if kafka_stays && role == Role::ZooKeeper {
                        SweptHow::Left
                    } else {
                        end(Identity { pid, start_time }, grace).await
                    }
                }
            };
            report.swept.push(Swept { record, how });
        }
    }
    let over = report.swept.iter().filter(|swept| swept.is_over());
    let gone: Vec<(Role, RunId)> = over.map(|swept| (swept.record.role, swept.record.run)).collect();
    if !gone.is_empty() {
        report.unwritten = close(state_dir, &gone).err();
    }
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
            SweptHow::StillThere | SweptHow::NotAllowed(_) | SweptHow::Unclear(_) | SweptHow::Left => false,
        }
    }
}

async fn end(stray: Identity, grace: Duration) -> SweptHow {
    let begun = Instant::now();
    let pid = Pid::from_raw(stray.pid);
    match kill(pid, Signal::SIGTERM) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => return SweptHow::NotAllowed(errno.desc().to_owned()),
    }
    if gone_within(stray, grace).await {
        return SweptHow::Terminated(begun.elapsed());
    }
    // Looked at again: the wait may have ended on a look that failed.
    match stray.look() {
        Ok(Some(stat)) if stat.group == stray.pid => {
            let _ = killpg(pid, Signal::SIGKILL);
            let _ = kill(pid, Signal::SIGKILL);
        }
        Ok(Some(_)) => {
            let _ = kill(pid, Signal::SIGKILL);
        }
        Ok(None) => {}
        Err(error) => return SweptHow::Unclear(error.to_string()),
    }
    if gone_within(stray, KILL_LIMIT).await { SweptHow::Killed(begun.elapsed()) } else { SweptHow::StillThere }
}

async fn gone_within(stray: Identity, limit: Duration) -> bool {
    let begun = Instant::now();
    loop {
        // A look that fails proves nothing.
        if !stray.lives().unwrap_or(true) {
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
        match pid {
            Some(pid) => write!(f, "{role} of an earlier kafka-node (pid {pid}, run {run}) ")?,
            None => write!(f, "{role} of an earlier kafka-node (run {run}, its pid never recorded) ")?,
        }
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
            SweptHow::Unclear(words) => write!(f, "was left alone, since it cannot be seen whether it runs: {words}"),
            SweptHow::Left => f.write_str("was left running: a kafka of the same kafka-node is still there"),
        }
    }
}
