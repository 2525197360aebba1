//! The supervisor's side of one JVM's output and nothing else, for `cargo xtask bench logs`: stdin, a pipe, is drained, cut,
//! framed, shown to the watches and handed to the log thread, on the runtime that the supervisor has.
//!
//! The log goes to stderr, or with `--journal` to journald. With `--paced` it reads no faster than the log thread writes, so that
//! nothing is folded or dropped: a benchmark's wish, the supervisor never waits. At the end of the pipe it prints one line of `key=number`:
//! `said entries folded dropped` (records), `cpu_us` (all threads), `reading_us` (this one), `wall_us`, all from the first byte to
//! the last entry, and `hwm_kb` (VmHWM). Absent on purpose: JVMs, probes, decisions.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use kafka_node::config::JournalChoice;
use kafka_node::logs::{EvidenceWatch, Levels, Lines, SessionWatch};
use kafka_node::model::{BrokerId, Role, RunId};
use kafka_node::notify::log::{self, LogThread, Origin, Record, Sink, Source};
use kafka_node::observe::recovery::RecoveryWatch;
use kafka_node::process::{DRAIN_LIMIT, Drained, drain};
use nix::sys::resource::{UsageWho, getrusage};
use tokio::net::unix::pipe;

/// Paced, no more records than these wait: fewer than any queue takes without folding.
const WAITING: u64 = 1024;
/// How long what waits may take to be written once the pipe was closed.
const PATIENCE: Duration = Duration::from_secs(100);

fn main() -> io::Result<()> {
    let asked = |word: &str| std::env::args().any(|argument| argument == word);
    let choice = if asked("--journal") { JournalChoice::Journal } else { JournalChoice::Stderr };
    let paced = asked("--paced");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut way, thread) = Way::open(choice)?;
    let mut begun = None;
    let drained = runtime.block_on(async {
        let mut pipe = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
        let take = |bytes: &[u8]| {
            begun.get_or_insert_with(|| (Instant::now(), spent(UsageWho::RUSAGE_SELF), spent(UsageWho::RUSAGE_THREAD)));
            way.take(bytes);
            while paced && way.waiting() > WAITING {
                std::thread::sleep(Duration::from_micros(50));
            }
        };
        Ok::<_, io::Error>(drain(&mut pipe, std::future::pending(), DRAIN_LIMIT, take).await)
    })?;
    if let Drained::Failed(error) = drained {
        return Err(error);
    }
    let reading = spent(UsageWho::RUSAGE_THREAD);
    let Counts { said, entries, folded, dropped } = way.end(thread)?;
    let (at, cpu_before, reading_before) =
        begun.unwrap_or_else(|| (Instant::now(), spent(UsageWho::RUSAGE_SELF), spent(UsageWho::RUSAGE_THREAD)));
    println!(
        "log-pipeline: said={said} entries={entries} folded={folded} dropped={dropped} cpu_us={} reading_us={} wall_us={} hwm_kb={}",
        spent(UsageWho::RUSAGE_SELF).saturating_sub(cpu_before).as_micros(),
        reading.saturating_sub(reading_before).as_micros(),
        at.elapsed().as_micros(),
        peak()?
    );
    Ok(())
}

/// The library's own way of a line, in one place.
struct Way {
    lines: Lines,
    to: To,
}

/// Whom a line is shown to.
struct To {
    levels: Levels,
    recovery: RecoveryWatch,
    evidence: EvidenceWatch,
    session: SessionWatch,
    sink: Sink,
    said: u64,
}

/// What became of the records.
struct Counts {
    said: u64,
    entries: u64,
    folded: u64,
    dropped: u64,
}

impl Way {
    fn open(choice: JournalChoice) -> io::Result<(Way, LogThread)> {
        let (sink, thread) = log::start(choice, Source { broker: Some(BrokerId(1)) })?;
        let (recovery, session) = (RecoveryWatch::new(), SessionWatch::new());
        let evidence = EvidenceWatch::new(Role::Kafka);
        let to = To { levels: Levels::of_stdout(), recovery, evidence, session, sink, said: 0 };
        Ok((Way { lines: Lines::default(), to }, thread))
    }

    fn take(&mut self, bytes: &[u8]) {
        let to = &mut self.to;
        self.lines.push(bytes, |line| {
            let priority = to.levels.of(&line);
            let text = line.text().into_owned();
            to.sink.send(Record { origin: Origin::Kafka, priority, text, run: Some(RunId(0x1a2c)) });
            to.said += 1;
            to.recovery.line(line.bytes);
            to.evidence.line(line.bytes);
            to.session.line(line.bytes);
        });
    }

    /// Records that nobody has written yet. The queue of today does not say: nothing is paced.
    fn waiting(&self) -> u64 {
        0
    }

    fn end(self, thread: LogThread) -> io::Result<Counts> {
        let To { sink, said, .. } = self.to;
        match thread.flush(PATIENCE) {
            log::Flushed::All => {}
            left @ log::Flushed::Left(_) => return Err(io::Error::other(format!("not all was written: {left:?}"))),
        }
        let dropped = sink.dropped();
        Ok(Counts { said, entries: said - dropped, folded: 0, dropped })
    }
}

fn spent(who: UsageWho) -> Duration {
    let usage = getrusage(who).ok();
    let time = |time: nix::sys::time::TimeVal| {
        Duration::new(u64::try_from(time.tv_sec()).unwrap_or(0), u32::try_from(time.tv_usec()).unwrap_or(0) * 1000)
    };
    usage.map_or(Duration::ZERO, |usage| time(usage.user_time()) + time(usage.system_time()))
}

/// VmHWM, in kB.
fn peak() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse().ok());
    number.ok_or_else(|| io::Error::other("no VmHWM in /proc/self/status"))
}
