//! The consumer group that reads throughout: Kafka's own VerifiableConsumer by the real group protocol, which prints a line with
//! its clock's time for each record as it gets it. Absent on purpose: judging what it got (`report`).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::bench::faults::acks::Acks;
use crate::bench::faults::tools::Tools;
use crate::bench::faults::{PARTITIONS, TOPIC};
use crate::bench::following::Following;
use crate::child::{self, POLL};
use crate::failure::{During, Failure, Outcome};
use crate::interrupt;

/// Its members.
pub const MEMBERS: usize = 2;
/// How long members may take to leave.
const LEAVE: Duration = Duration::from_secs(20);

/// The running group.
#[derive(Debug)]
pub struct Group {
    members: Vec<Member>,
}

/// A member, and what it has said up to the last [`Group::read`].
#[derive(Debug)]
struct Member {
    child: Child,
    out: Following,
    err: PathBuf,
    got: Acks,
    assigned: Vec<u64>,
}

impl Group {
    /// Starts it, and waits until every member has records, and the group has some of every partition.
    pub fn start(tools: &Tools, dir: &Path, limit: Duration) -> Outcome<Self> {
        let mut group = Self { members: Vec::new() };
        for n in 1..=MEMBERS {
            group.members.push(Member::start(tools, dir, n)?);
        }
        let begun = Instant::now();
        loop {
            group.read()?;
            let got = |partition| group.members.iter().any(|m| m.got.list.iter().any(|got| got.partition == partition));
            if group.members.iter().all(|member| !member.got.list.is_empty()) && (0..PARTITIONS).all(got) {
                return Ok(group);
            }
            if begun.elapsed() > limit {
                return Err(group.failure("not every member has records"));
            }
            interrupt::check()?;
            std::thread::sleep(POLL);
        }
    }

    /// Takes in what the members have said since the last time; a failure once one has ended.
    pub fn read(&mut self) -> Outcome<()> {
        for n in 0..self.members.len() {
            let Some(member) = self.members.get_mut(n) else { continue };
            member.drain()?;
            if let Some(status) = member.child.try_wait().during(|| "wait for a consumer".into())? {
                return Err(self.failure(&format!("member {} ended with {status}", n + 1)));
            }
        }
        Ok(())
    }

    /// All records that were received, in the order of time.
    pub fn received(&self) -> Acks {
        let mut list: Vec<_> = self.members.iter().flat_map(|member| member.got.list.iter().copied()).collect();
        list.sort_by_key(|got| got.at);
        Acks { list, ..Acks::default() }
    }

    /// What each member received.
    pub fn each(&self) -> impl Iterator<Item = &Acks> {
        self.members.iter().map(|member| &member.got)
    }

    /// When partitions were handed out anew.
    pub fn rebalances(&self, from: u64, to: u64) -> Vec<u64> {
        let all = self.members.iter().flat_map(|member| member.assigned.iter().copied());
        all.filter(|at| (from..=to).contains(at)).collect()
    }

    /// Waits until all of these were received, or nothing is missing but what does not come.
    pub fn catch_up(&mut self, sent: &Acks, limit: Duration) -> Outcome<()> {
        let begun = Instant::now();
        loop {
            self.read()?;
            let got: std::collections::BTreeSet<u64> =
                self.members.iter().flat_map(|member| member.got.list.iter().map(|got| got.value)).collect();
            if sent.list.iter().all(|ack| got.contains(&ack.value)) || begun.elapsed() > limit {
                return Ok(());
            }
            interrupt::check()?;
            std::thread::sleep(POLL * 10);
        }
    }

    /// Ends the members.
    pub fn finish(mut self) -> Outcome<()> {
        for member in &self.members {
            child::signal(member.child.id(), Signal::SIGTERM);
        }
        let begun = Instant::now();
        for member in &mut self.members {
            while member.child.try_wait().during(|| "wait for a consumer".into())?.is_none() {
                if begun.elapsed() > LEAVE {
                    return Err(self.failure("a member does not leave"));
                }
                std::thread::sleep(POLL);
            }
        }
        Ok(())
    }

    fn failure(&self, what: &str) -> Failure {
        let said: String = self.members.iter().map(|member| child::last_lines(&member.err, 0, 10)).collect();
        Failure::new(format!("the consumer group: {what}\n{said}"))
    }
}

impl Member {
    fn start(tools: &Tools, dir: &Path, n: usize) -> Outcome<Self> {
        let (out, err) = (dir.join(format!("received{n}.jsonl")), dir.join(format!("consumer{n}.err")));
        let create = |path: &Path| File::create(path).during(|| format!("create {}", path.display()));
        let mut command = tools.command("org.apache.kafka.tools.VerifiableConsumer");
        command.args(["--bootstrap-server", &tools.bootstrap, "--topic", TOPIC, "--group-id", "roll", "--verbose"]);
        // The consumer's own defaults, as of Kafka 2.6; the tool has others: offsets by hand, a session of 30 s.
        command.args(["--enable-autocommit", "--session-timeout", "10000", "--reset-policy", "earliest"]);
        let child = child::spawn(command.stdout(create(&out)?).stderr(create(&err)?))?;
        Ok(Self { child, out: Following::of(out), err, got: Acks::default(), assigned: Vec::new() })
    }

    fn drain(&mut self) -> Outcome<()> {
        for line in self.out.lines()? {
            if line.contains("\"partitions_assigned\"") {
                let value: Option<Value> = serde_json::from_str(&line).ok();
                self.assigned.extend(value.and_then(|value| value.get("timestamp")?.as_u64()));
            }
            self.got.take(&line);
        }
        Ok(())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        child::end(&mut self.child);
    }
}
