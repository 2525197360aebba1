//! The caretaker: where the configuration cannot be used and JVMs of an earlier supervisor live, somebody has to read what
//! they print. A pipe that nobody reads fills up, and then the JVM behind it stops in the middle of a log call: a wrong word
//! in a file would have cost a serving broker.
//!
//! It reads, says what is wrong, and waits until the configuration can be used; it starts and judges nothing. A SIGTERM ends
//! the JVMs in order, as a stop does. Absent on purpose: everything that needs a configuration.
//!
//! Effects: a loop of its own; reads pipes, writes to stderr.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::logs::{Framer, Heard, Lines, QUIET, Said, readable};
use crate::model::Role;
use crate::notify::systemd;
use crate::process::{Records, Report, Running, adopt, alive, marked_state_dirs, sweep};

use super::claim::{mark_stop, unmark_stop};
use super::lock::NodeLock;
use super::node::Check;
use super::signal::{Asked, Signals, release};

/// Time between two looks at the configuration.
const AGAIN: Duration = Duration::from_secs(2);
/// From SIGTERM to SIGKILL of each JVM in a stop: the default of `[stop] grace`, whose own value cannot be read.
const GRACE: Duration = Duration::from_secs(300);
/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;

/// How the care ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cared {
    /// Nothing lives that would need it.
    Nobody,
    /// The configuration can be used now: the program is to be started anew.
    Mended,
    /// A stop was asked for, and everything has ended; whether cleanly.
    Stopped(bool),
}

/// A `state_dir` of this node (it may have been changed in between) whose JVMs live and that no supervisor has.
struct Ward {
    state_dir: PathBuf,
    _lock: NodeLock,
}

/// Takes care of what lives of the node that was started for `place` until `usable` says that the next supervisor can start,
/// or a stop is asked for.
pub fn take_care(place: &str, usable: &Check) -> Cared {
    let wards: Vec<Ward> = marked_state_dirs(place).into_iter().filter_map(ward).collect();
    if wards.is_empty() {
        return Cared::Nobody;
    }
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(care(&wards, usable)),
        Err(_) => Cared::Nobody, // then the unit ends as it would have
    }
}

/// The node of `state_dir`, where something of it lives and nobody supervises it.
fn ward(state_dir: PathBuf) -> Option<Ward> {
    let records = Records::read(&state_dir).ok()?;
    let lives = records.runs.iter().any(|record| alive(&state_dir, record));
    let lock = if lives { NodeLock::take(&state_dir).ok()? } else { return None };
    Some(Ward { state_dir, _lock: lock })
}

async fn care(wards: &[Ward], usable: &Check) -> Cared {
    let Ok(mut signals) = Signals::listen() else { return Cared::Nobody };
    release();
    say("kafka-node: the JVMs of this node run on, and their output is read, until the configuration can be used");
    let told = systemd::start(Arc::new(AtomicU64::new(0)));
    if let Ok((notifier, _)) = &told {
        notifier.status("the configuration cannot be used (see the journal); the JVMs run on, unsupervised");
    }
    let _running: Vec<Running> = wards.iter().flat_map(read_on).collect();
    loop {
        tokio::select! {
            asked = signals.next() => if let Asked::Stop(cause) = asked {
                say(&format!("kafka-node: stop asked for by {cause}"));
                return Cared::Stopped(stop(wards).await);
            },
            () = sleep(AGAIN) => {
                let check = Arc::clone(usable);
                if let Ok(Ok(())) = spawn_blocking(move || check()).await {
                    return Cared::Mended;
                }
            }
        }
    }
}

/// Reads the output of what lives of a node, each pipe by a task of its own.
fn read_on(ward: &Ward) -> Vec<Running> {
    let records = Records::read(&ward.state_dir).unwrap_or_default();
    let adopted =
        records.runs.iter().filter_map(|record| adopt(&ward.state_dir, record).ok().map(|run| (record.role, run)));
    adopted
        .map(|(role, mut running)| {
            if let Some(pipe) = running.stdout.take() {
                tokio::spawn(pass_on(role, pipe, Framer::stdout()));
            }
            if let Some(pipe) = running.stderr.take() {
                tokio::spawn(pass_on(role, pipe, Framer::stderr()));
            }
            running
        })
        .collect()
}

async fn pass_on(role: Role, mut pipe: pipe::Receiver, mut framer: Framer) {
    let mut lines = Lines::default();
    let mut chunk = vec![0; CHUNK];
    let mut out = Words(role);
    loop {
        let read = match timeout(QUIET, pipe.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(read)) => read,
            Err(_) => {
                framer.quiet(&mut out);
                continue;
            }
        };
        lines.push(chunk.get(..read).unwrap_or_default(), |line| framer.line(&line, &mut out));
    }
    lines.flush(|line| framer.line(&line, &mut out));
    framer.flush(&mut out);
}

/// Records as lines on stderr.
struct Words(Role);

impl Heard for Words {
    fn record(&mut self, _: &Said<'_>) {}

    fn line(&mut self, line: &[u8]) {
        say(&format!("{}: {}", self.0, readable(line)));
    }
}

/// Ends what lives, Kafka first. The mark lets the unit's sweep go on with it should this process be ended too.
async fn stop(wards: &[Ward]) -> bool {
    let mut clean = true;
    for Ward { state_dir, .. } in wards {
        let _ = mark_stop(state_dir);
        let report: Report = sweep(state_dir, GRACE).await;
        say(&report.to_string());
        clean &= report.is_clean();
        if report.is_clean() {
            let _ = unmark_stop(state_dir);
        }
    }
    clean
}

/// Systemd passes stderr to the journal. A reader that is gone is no reason to end.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
