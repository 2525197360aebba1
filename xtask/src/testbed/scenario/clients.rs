//! Clients outside of the nodes, which stay when any of them reboots: a producer that waits for every replica and a consumer
//! group, as `cargo xtask bench roll` has them, in the namespace of the bridge. Absent on purpose: what is done to the nodes.

use std::fs;

use crate::bench::faults::TOPIC;
use crate::bench::faults::tools::Tools;
use crate::bench::roll::TOPIC_SETTINGS;
use crate::bench::roll::deed::Said;
use crate::bench::roll::report::Cost;
use crate::bench::roll::witness::Witness;
use crate::failure::{During, Failure, Outcome};
use crate::fetch::{self, kafka};
use crate::testbed::network;
use crate::testbed::stage::Stage;

/// Records a second.
const THROUGHPUT: u32 = 200;

/// Clients at work.
#[derive(Debug)]
pub struct Clients<'a> {
    stage: Stage<'a>,
    tools: Tools,
    witness: Witness,
}

impl<'a> Clients<'a> {
    /// Starts them on a new topic; what comes after this is what they are witnesses of.
    pub fn begin(stage: &Stage<'a>) -> Outcome<Self> {
        let fetched = fetch::fetch(stage.places, stage.progress)?;
        let test_tools = kafka::tools(stage.places, stage.progress, &fetched.java)?;
        network::join(stage.bed)?;
        let dir = stage.bed.dir.join("clients");
        // What the last run left, if there was one.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).during(|| format!("create {}", dir.display()))?;
        let hosts = dir.join("hosts");
        let lines = stage.bed.nodes().map(|node| format!("{} {}\n", node.address(), node.host()));
        let local = fs::read_to_string("/etc/hostname").unwrap_or_default();
        let text = format!("127.0.0.1 localhost {}\n{}", local.trim(), lines.collect::<String>());
        fs::write(&hosts, text).during(|| format!("write {}", hosts.display()))?;
        let brokers: Vec<String> = stage.bed.nodes().map(|node| format!("{}:9092", node.host())).collect();
        let tools = Tools::new(&fetched.java, &fetched.kafka_home, &test_tools, &dir, &[])?;
        let tools = tools.at(&stage.bed.switch(), &hosts, brokers.join(","));
        stage.in_sync()?;
        // There is one only on a bed that was kept.
        let _ = tools.delete_topic(TOPIC);
        stage.wait("the topic to be made", || {
            tools.create_topic(TOPIC, &TOPIC_SETTINGS).map_err(|failure| failure.chain())
        })?;
        let mut witness = Witness::begin(&tools, &dir, THROUGHPUT, || stage.in_sync())?;
        witness.quiet()?;
        Ok(Self { stage: *stage, tools, witness })
    }

    /// What it cost them; a failure where a send failed or a record is lost. `said` is what happened meanwhile, `done` how it ended.
    pub fn end(self, said: Said, done: Outcome<()>) -> Outcome<Cost> {
        let cost = self.witness.end(self.stage.progress, &self.tools, || (said, done))?;
        if cost.failed == 0 && cost.lost == 0 {
            return Ok(cost);
        }
        Err(Failure::new(format!("the clients paid for it: {cost:?}")))
    }
}
