//! The program that hears: kafka-node's own way from a pipe to the log thread, in a process of its own
//! (`tests/support/log_pipeline.rs`), with the pipe it reads and what it tells of itself at its end.
//! Absent on purpose: what is written into the pipe, and how fast (`feed`).

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};

use crate::child::{self, POLL};
use crate::failure::{During, Failure, Outcome};
use crate::interrupt;

/// The size of the supervisor's own pipes.
const PIPE: i32 = 1 << 20;
/// How long it may take to write down what it has heard, once its pipe is closed.
const LIMIT: Duration = Duration::from_secs(120);

/// It, running.
#[derive(Debug)]
pub struct Listener {
    child: Child,
    name: String,
}

/// What it tells at its end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    /// Records that it heard.
    pub said: u64,
    /// Entries written that stand for one record each.
    pub entries: u64,
    /// Records that other entries stand for.
    pub folded: u64,
    /// Records that entries say are missing.
    pub dropped: u64,
    /// CPU of all its threads, from the first byte to the last entry.
    pub cpu: Duration,
    /// Of it, the thread that reads, frames and watches.
    pub reading: Duration,
    /// From the first byte to the last entry.
    pub wall: Duration,
    /// The most memory that it ever held (VmHWM), in kB.
    pub peak: u64,
}

impl Listener {
    /// Starts it with a new pipe as its stdin; the answer's second half is where to write.
    pub fn start(mut command: Command, errors: Stdio) -> Outcome<(Self, File)> {
        let name = child::shown(&command);
        let (near, far) = std::io::pipe().during(|| "make a pipe".into())?;
        fcntl(&far, FcntlArg::F_SETPIPE_SZ(PIPE)).during(|| format!("give a pipe {PIPE} bytes"))?;
        let child = command
            .stdin(Stdio::from(OwnedFd::from(near)))
            .stdout(Stdio::piped())
            .stderr(errors)
            .process_group(0)
            .spawn()
            .during(|| format!("run {name}"))?;
        Ok((Self { child, name }, File::from(OwnedFd::from(far))))
    }

    /// Waits for its end, which comes when its pipe was closed.
    pub fn finish(mut self) -> Outcome<Report> {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().during(|| format!("wait for {}", self.name))? {
                break status;
            }
            interrupt::check()?;
            if begun.elapsed() > LIMIT {
                return Err(Failure::new(format!("{} does not end {} s after its pipe", self.name, LIMIT.as_secs())));
            }
            std::thread::sleep(POLL);
        };
        let mut text = String::new();
        if let Some(mut out) = self.child.stdout.take() {
            out.read_to_string(&mut text).during(|| format!("read what {} says", self.name))?;
        }
        if !status.success() {
            return Err(Failure::new(format!("{} ended with {status}: {text}", self.name)));
        }
        Report::read(&text)
            .ok_or_else(|| Failure::new(format!("{} reports nothing that can be read: {text}", self.name)))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            child::end(&mut self.child);
        }
    }
}

impl Report {
    /// Words `key=number`, times in microseconds, memory in kB.
    fn read(text: &str) -> Option<Self> {
        let value = |key: &str| -> Option<u64> {
            text.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
        };
        Some(Self {
            said: value("said")?,
            entries: value("entries")?,
            folded: value("folded")?,
            dropped: value("dropped")?,
            cpu: Duration::from_micros(value("cpu_us")?),
            reading: Duration::from_micros(value("reading_us")?),
            wall: Duration::from_micros(value("wall_us")?),
            peak: value("hwm_kb")?,
        })
    }

    /// Whether every record is accounted for, in words.
    pub fn account(&self, written: u64) -> String {
        let Self { said, entries, folded, dropped, .. } = self;
        let sum = entries + folded + dropped;
        let verdict = if *said == written && sum == *said { "exact" } else { "NOT EXACT" };
        format!(
            "written {written}, heard {said} = {entries} entries + {folded} folded + {dropped} dropped ({sum}): {verdict}"
        )
    }

    /// Microseconds of CPU for each of so many.
    pub fn cpu_of_each(&self, count: u64) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / (count.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_by_name_and_accounts_for_every_record() {
        let text =
            "log-pipeline: said=10 entries=7 folded=2 dropped=1 cpu_us=20 reading_us=12 wall_us=30 hwm_kb=4000\n";
        let report = Report::read(text).unwrap_or_default();
        assert_eq!((report.peak, report.cpu, report.cpu_of_each(10)), (4000, Duration::from_micros(20), 2.0));
        assert!(report.account(10).ends_with(": exact"), "{}", report.account(10));
        assert!(report.account(11).ends_with("NOT EXACT"), "one was not heard");
        assert!(Report { folded: 3, ..report }.account(10).ends_with("NOT EXACT"), "one counts twice");
        assert!(Report::read("said=10").is_none());
    }
}
