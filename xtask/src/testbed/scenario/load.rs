//! Load while something is done to a node: Kafka's own VerifiableProducer, inside one of the nodes, waiting for all replicas.
//! Absent on purpose: reading back; `cargo xtask bench faults` counts every record.

use std::fs;
use std::path::Path;
use std::process::Child;

use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::fetch::{self, kafka};
use crate::testbed::bed::{Bed, Node};
use crate::testbed::inside;
use crate::testbed::stage::Stage;

/// Records a second.
const THROUGHPUT: &str = "100";
/// Where it writes what was acknowledged, in its node.
const FILE: &str = "/root/load.json";

/// What it is told beside `--acks -1`: it comes with no retries at all, and no write is to be given up because of a count.
const CONFIG: &str =
    "enable.idempotence=true\nretries=2147483647\ndelivery.timeout.ms=120000\nrequest.timeout.ms=5000\nlinger.ms=0\n";

/// A producer at work.
#[derive(Debug)]
pub struct Load<'a> {
    stage: Stage<'a>,
    node: Node<'a>,
    child: Child,
}

/// What came back so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Acks {
    /// Acknowledged records.
    pub good: u64,
    /// Records given up.
    pub failed: u64,
    /// The longest time between two acknowledgements, in milliseconds.
    pub longest_gap: u64,
}

impl<'a> Load<'a> {
    /// Starts it on a node, and waits until records are acknowledged.
    pub fn begin(stage: &Stage<'a>, node: Node<'a>) -> Outcome<Self> {
        let fetched = fetch::fetch(stage.places, stage.progress)?;
        let tools = kafka::tools(stage.places, stage.progress, &fetched.java)?.join("libs");
        let shared = stage.bed.share().join("tools");
        copy_all(&tools, &shared)?;
        fs::write(shared.join("load.properties"), CONFIG).during(|| "write the producer's settings".into())?;
        let line = format!(
            "exec java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/mnt/share/tools/*:/opt/kafka/libs/*' \
             org.apache.kafka.tools.VerifiableProducer --broker-list {} --topic testbed-load --acks -1 --throughput {THROUGHPUT} \
             --max-messages -1 --producer.config /mnt/share/tools/load.properties >{FILE} 2>/root/load.err",
            brokers(stage.bed)
        );
        let mut load = Self { stage: *stage, node, child: inside::begin(&node, &["sh", "-c", &line])? };
        let begun = load.grown(0);
        if begun.is_err() {
            load.end();
        }
        begun.map(|()| load)
    }

    /// Waits until this many more records were acknowledged.
    pub fn grown(&mut self, more: u64) -> Outcome<()> {
        let target = self.acks().map_or(0, |acks| acks.good) + more.max(1);
        let stage = self.stage;
        stage.wait("records to be acknowledged", || {
            if let Ok(Some(status)) = self.child.try_wait() {
                let said = stage.ask(&self.node, "tail -5 /root/load.err").unwrap_or_default();
                return Err(format!("the producer ended with {status}: {said}"));
            }
            let acks = self.acks().map_err(|failure| failure.chain())?;
            if acks.good >= target { Ok(()) } else { Err(format!("{acks:?}")) }
        })
    }

    /// What came back so far.
    pub fn acks(&self) -> Outcome<Acks> {
        Ok(Acks::of(&self.stage.ask(&self.node, &format!("grep -h producer_send {FILE} 2>/dev/null || true"))?))
    }

    /// Ends it; what came back.
    pub fn finish(mut self) -> Outcome<Acks> {
        let acks = self.acks();
        self.end();
        acks
    }

    /// The JVM is this child's own: nsenter waits for it, and a signal to the group reaches it.
    fn end(&mut self) {
        child::end(&mut self.child);
    }
}

impl Acks {
    fn of(lines: &str) -> Self {
        let mut acks = Self::default();
        let mut last: Option<u64> = None;
        for line in lines.lines() {
            let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            match event.get("name").and_then(|name| name.as_str()) {
                Some("producer_send_success") => acks.good += 1,
                Some("producer_send_error") => {
                    acks.failed += 1;
                    continue;
                }
                _ => continue,
            }
            if let Some(at) = event.get("timestamp").and_then(|at| at.as_u64()) {
                let gap = last.map_or(0, |last| at.saturating_sub(last));
                acks.longest_gap = acks.longest_gap.max(gap);
                last = Some(at);
            }
        }
        acks
    }
}

fn brokers(bed: &Bed) -> String {
    bed.nodes().map(|node| format!("{}:9092", node.host())).collect::<Vec<_>>().join(",")
}

fn copy_all(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to).during(|| format!("create {}", to.display()))?;
    for entry in fs::read_dir(from).during(|| format!("read {}", from.display()))?.flatten() {
        let name = to.join(entry.file_name());
        fs::copy(entry.path(), &name).map(|_| ()).during(|| format!("copy {}", name.display()))?;
    }
    if fs::read_dir(to).is_ok_and(|mut files| files.next().is_none()) {
        return Err(Failure::new(format!("{} is empty", to.display())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_are_counted_and_the_longest_gap_is_found() {
        let text = "{\"timestamp\":1000,\"name\":\"startup_complete\"}\n\
                    {\"timestamp\":1000,\"name\":\"producer_send_success\",\"key\":null}\nnoise\n\
                    {\"timestamp\":1700,\"name\":\"producer_send_success\",\"key\":null}\n\
                    {\"timestamp\":1800,\"name\":\"producer_send_error\",\"key\":null}\n\
                    {\"timestamp\":1900,\"name\":\"producer_send_success\",\"key\":null}\n";
        assert_eq!(Acks::of(text), Acks { good: 3, failed: 1, longest_gap: 700 });
    }
}
