//! The producer that runs throughout: Kafka's own VerifiableProducer, which prints a line with its clock's time as each
//! acknowledgement arrives.
//! Absent on purpose: judging what it said (`acks`).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::TOPIC;
use super::acks::Acks;
use super::tools::Tools;
use crate::bench::following::Following;
use crate::child::{self, POLL};
use crate::failure::{During, Failure, Outcome};
use crate::interrupt;

/// What it is told beside `--acks -1`, each with its reason.
pub const CONFIG: &str = "\
# A write that is tried again must not be written twice.
enable.idempotence=true
# VerifiableProducer's own default is 0, and no write of ours may be given up because of a count.
retries=2147483647
# Longer than the longest fault: a write is late, never given up. Late writes show as the gap that is measured.
delivery.timeout.ms=300000
# The default of 30 s hides what it should show: a question to a frozen broker, for metadata too, hangs that long.
request.timeout.ms=5000
# Each record is sent at once, so that the time of an acknowledgement is its own. 0 is the default.
linger.ms=0
# The defaults of 100 and 50 ms, a second at most: what a user's producer does. They are part of every gap.
retry.backoff.ms=100
reconnect.backoff.ms=50
reconnect.backoff.max.ms=1000
# A leader that moved is learnt from its refusal; this is only the longest time that a quiet client may not know.
metadata.max.age.ms=30000
";
/// Records go round these keys: murmur2 puts the keys 0 to 6 into all six partitions, so that each has at least every seventh record.
const KEYS: &str = "7";
/// Its last records may take this long.
const LAST_CALL: Duration = Duration::from_secs(60);

/// The running producer, and what it has said.
#[derive(Debug)]
pub struct Producer {
    /// What it has said, up to the last [`Producer::read`].
    pub acks: Acks,
    child: Child,
    out: Following,
    err: PathBuf,
}

impl Producer {
    /// Starts it with so many records a second, and what it is told beside `--acks -1`.
    pub fn start(tools: &Tools, dir: &Path, throughput: u32, settings: &str) -> Outcome<Self> {
        let (config, out, err) = (dir.join("producer.properties"), dir.join("acks.jsonl"), dir.join("producer.err"));
        fs::write(&config, settings).during(|| format!("write {}", config.display()))?;
        let create = |path: &Path| File::create(path).during(|| format!("create {}", path.display()));
        let mut command = tools.command("org.apache.kafka.tools.VerifiableProducer");
        command.args(["--bootstrap-server", &tools.bootstrap, "--topic", TOPIC, "--acks", "-1"]);
        command.args(["--throughput", &throughput.to_string(), "--repeating-keys", KEYS]);
        command.arg("--producer.config").arg(&config);
        let child = child::spawn(command.stdout(create(&out)?).stderr(create(&err)?))?;
        Ok(Self { acks: Acks::default(), child, out: Following::of(out), err })
    }

    /// Waits until every one of so many partitions was written to.
    pub fn await_writes(&mut self, partitions: usize, limit: Duration) -> Outcome<()> {
        let begun = Instant::now();
        loop {
            self.read()?;
            let written = |partition| self.acks.list.iter().any(|ack| ack.partition == partition);
            if (0..partitions).all(written) {
                return Ok(());
            }
            if begun.elapsed() > limit {
                return Err(self.failure("it has not written to all partitions"));
            }
            interrupt::check()?;
            std::thread::sleep(POLL);
        }
    }

    /// Takes in what it has said since the last time; a failure once it has ended.
    pub fn read(&mut self) -> Outcome<()> {
        self.drain()?;
        match self.child.try_wait().during(|| "wait for the producer".into())? {
            None => Ok(()),
            Some(status) => Err(self.failure(&format!("it ended with {status}"))),
        }
    }

    fn drain(&mut self) -> Outcome<()> {
        for line in self.out.lines()? {
            self.acks.take(&line);
        }
        Ok(())
    }

    /// Ends it: no new records, the last ones acknowledged.
    pub fn finish(&mut self) -> Outcome<ExitStatus> {
        child::signal(self.child.id(), Signal::SIGTERM);
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().during(|| "wait for the producer".into())? {
                break status;
            }
            if begun.elapsed() > LAST_CALL {
                return Err(self.failure("its last records were not acknowledged in a minute"));
            }
            interrupt::check()?;
            std::thread::sleep(POLL);
        };
        self.drain()?;
        Ok(status)
    }

    fn failure(&self, what: &str) -> Failure {
        let odd: String = self.acks.odd.iter().rev().take(5).map(|line| format!("    {line}\n")).collect();
        Failure::new(format!("the producer: {what}\n{}{odd}", child::last_lines(&self.err, 0, 15)))
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        child::end(&mut self.child);
    }
}
