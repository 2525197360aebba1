//! The clients that a roll is judged by: a producer that waits for every replica, and a consumer group, from a quiet moment before
//! it to one after it. The test bed uses them too, from outside its nodes. Absent on purpose: the roll.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::deed::Said;
use super::group::Group;
use super::report::{Cost, Report};
use crate::bench::faults::PARTITIONS;
use crate::bench::faults::acks::Ack;
use crate::bench::faults::cluster::HEALTHY_LIMIT;
use crate::bench::faults::inject::rest;
use crate::bench::faults::ledger::Ledger;
use crate::bench::faults::producer::Producer;
use crate::bench::faults::tools::Tools;
use crate::bench::faults::trial::now;
use crate::failure::Outcome;
use crate::progress::Progress;

/// The quiet before the roll, whose own longest gaps are the noise.
const QUIET: Duration = Duration::from_secs(10);
/// The quiet after it, which still belongs to it.
const AFTER: Duration = Duration::from_secs(3);
/// How long the group may take to have everything.
const CATCH_UP: Duration = Duration::from_secs(60);
/// What the producer is told beside `--acks -1`: nothing but the client's own default, in place of the tool's 0.
const PRODUCER: &str = "retries=2147483647\n";
/// Lost records that are named.
const NAMED: usize = 10;

/// Clients at work.
#[derive(Debug)]
pub struct Witness {
    producer: Producer,
    group: Group,
    dir: PathBuf,
    quiet: u64,
    from: u64,
}

impl Witness {
    /// Starts both on a topic that is there; `whole` waits until all replicas are in sync, and says what else there is to wait for.
    pub fn begin(tools: &Tools, dir: &Path, throughput: u32, mut whole: impl FnMut() -> Outcome<()>) -> Outcome<Self> {
        let mut producer = Producer::start(tools, dir, throughput, PRODUCER)?;
        producer.await_writes(PARTITIONS, HEALTHY_LIMIT)?;
        let group = Group::start(tools, dir, HEALTHY_LIMIT)?;
        // What the group wants of the brokers for the first time, offsets' partitions above all, is there by now.
        whole()?;
        tools.elect_preferred()?;
        Ok(Self { producer, group, dir: dir.to_owned(), quiet: now(), from: now() })
    }

    /// The quiet for comparison; the roll begins when this comes back.
    pub fn quiet(&mut self) -> Outcome<()> {
        self.quiet = now();
        rest(QUIET)?;
        self.producer.read()?;
        self.group.read()?;
        self.from = now();
        Ok(())
    }

    /// The roll is over, well or not: what it cost, printed. `end` tells what happened meanwhile.
    pub fn end(
        mut self,
        progress: &Progress,
        tools: &Tools,
        end: impl FnOnce() -> (Said, Outcome<()>),
    ) -> Outcome<Cost> {
        let over = now();
        rest(AFTER)?;
        let to = now();
        let finished = self.producer.read().and_then(|()| self.producer.finish().map(|_| ()));
        let caught_up = self.group.catch_up(&self.producer.acks, CATCH_UP);
        // What was measured is shown even where the roll was not done.
        let (said, done) = end();
        let (acks, group) = (&self.producer.acks, &self.group);
        let report = Report { from: self.from, over, to, quiet: self.quiet, acks, group, said };
        let cost = report.print(progress);
        done.and(finished).and(caught_up)?;
        for (at, why) in acks.failed.iter().take(NAMED) {
            progress.say(format!("roll: given up at {at} ms: {why}"));
        }
        let read = tools.read_back(&self.dir.join("values.txt"))?;
        let ledger = Ledger::compare(acks, &read);
        progress.say(format!("roll: read anew: {ledger}"));
        for Ack { at, partition, value } in ledger.lost.iter().take(NAMED) {
            progress.say(format!("roll: LOST: {value} of partition {partition}, acknowledged at {at} ms"));
        }
        self.group.finish()?;
        Ok(Cost { lost: cost.lost.max(ledger.lost.len()), ..cost })
    }
}
