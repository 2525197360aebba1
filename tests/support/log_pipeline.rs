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
use kafka_node::logs::{Counts, EvidenceWatch, Framer, Heard, Lines, Origin, QUIET, Said, SessionWatch};
use kafka_node::model::{BrokerId, Role, RunId};
use kafka_node::notify::log::{self, LogThread, Sink, Source};
use kafka_node::observe::recovery::RecoveryWatch;
use kafka_node::process::{DRAIN_LIMIT, Drained, Taker, drain};
use nix::sys::resource::{UsageWho, getrusage};
use tokio::net::unix::pipe;

/// Paced, no more records than these wait: fewer than any queue takes without folding.
const WAITING: u64 = 1024;
/// `[log] fold_after` as it is by default.
const FOLD_AFTER: u32 = 200;
/// How long what waits may take to be written once the pipe was closed.
const PATIENCE: Duration = Duration::from_secs(100);

fn main() -> io::Result<()> {
    let asked = |word: &str| std::env::args().any(|argument| argument == word);
    let choice = if asked("--journal") { JournalChoice::Journal } else { JournalChoice::Stderr };
    let paced = asked("--paced");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut way, thread) = Way::open(choice)?;
    way.paced = paced;
    let drained = runtime.block_on(async {
        let mut pipe = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
        Ok::<_, io::Error>(drain(&mut pipe, std::future::pending(), DRAIN_LIMIT, &mut way).await)
    })?;
    let begun = way.begun;
    if let Drained::Failed(error) = drained {
        return Err(error);
    }
    let reading = spent(UsageWho::RUSAGE_THREAD);
    let Counts { said, entries, folded, dropped, .. } = way.end(thread)?;
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
    framer: Framer,
    to: To,
    paced: bool,
    /// When the first bytes came, and what was spent until then.
    begun: Option<(Instant, Duration, Duration)>,
}

impl Taker for Way {
    fn bytes(&mut self, bytes: &[u8]) {
        self.begun
            .get_or_insert_with(|| (Instant::now(), spent(UsageWho::RUSAGE_SELF), spent(UsageWho::RUSAGE_THREAD)));
        let Way { lines, framer, to, .. } = self;
        lines.push(bytes, |line| framer.line(&line, to));
        while self.paced && self.waiting() > WAITING {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    fn patience(&self) -> Option<Duration> {
        self.framer.is_open().then_some(QUIET)
    }

    fn quiet(&mut self) {
        self.framer.quiet(&mut self.to);
    }
}

/// Who hears what was framed.
struct To {
    recovery: RecoveryWatch,
    evidence: EvidenceWatch,
    session: SessionWatch,
    sink: Sink,
}

impl Heard for To {
    fn record(&mut self, said: &Said<'_>) {
        self.sink.said(Origin::Kafka, RunId(0x1a2c), said);
    }

    fn line(&mut self, line: &[u8]) {
        self.recovery.line(line);
        self.evidence.line(line);
        self.session.line(line);
    }
}

impl Way {
    fn open(choice: JournalChoice) -> io::Result<(Way, LogThread)> {
        let (sink, thread) = log::start(choice, Source { broker: Some(BrokerId(1)), fold_after: FOLD_AFTER })?;
        let (recovery, session) = (RecoveryWatch::new(), SessionWatch::new());
        let to = To { recovery, evidence: EvidenceWatch::new(Role::Kafka), session, sink };
        Ok((Way { lines: Lines::default(), framer: Framer::stdout(), to, paced: false, begun: None }, thread))
    }

    /// Records that nobody has written yet.
    fn waiting(&self) -> u64 {
        let Counts { said, entries, folded, dropped, .. } = self.to.sink.counts();
        said.saturating_sub(entries + folded + dropped)
    }

    fn end(self, thread: LogThread) -> io::Result<Counts> {
        let Way { mut lines, mut framer, mut to, .. } = self;
        lines.flush(|line| framer.line(&line, &mut to));
        framer.flush(&mut to);
        match thread.flush(PATIENCE) {
            log::Flushed::All => Ok(to.sink.counts()),
            left @ log::Flushed::Left(_) => Err(io::Error::other(format!("not all was written: {left:?}"))),
        }
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
