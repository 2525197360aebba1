//! Findings about the versions of Kafka and ZooKeeper that stand together in `libs/`.
//!
//! Absent on purpose: Java (`plan::java_support`), Kafka 4 (refused with the facts), and two versions of one jar (refused too).

use crate::plan::Plan;

use super::{Finding, Weight};

/// The lines of Kafka that kafka-node is for, and the line of ZooKeeper that each release brings with it.
const PAIRS: [((u32, u32), (u32, u32)); 13] = [
    ((2, 6), (3, 5)),
    ((2, 7), (3, 5)),
    ((2, 8), (3, 5)),
    ((3, 0), (3, 6)),
    ((3, 1), (3, 6)),
    ((3, 2), (3, 6)),
    ((3, 3), (3, 6)),
    ((3, 4), (3, 6)),
    ((3, 5), (3, 6)),
    ((3, 6), (3, 8)),
    ((3, 7), (3, 8)),
    ((3, 8), (3, 8)),
    ((3, 9), (3, 8)),
];

/// Everything of this file's matter.
pub(super) fn judge(plan: &Plan) -> Option<Finding> {
    let install = &plan.facts.kafka;
    let kafka = install.kafka.as_deref()?;
    let Some((_, expected)) = PAIRS.iter().find(|(line, _)| Some(*line) == line_of(kafka)) else {
        let text = format!("Kafka {kafka} is none of those that kafka-node was made for (2.6 to 3.9)");
        return Some(Finding::node(
            "kafka-untried",
            Weight::Warn,
            text,
            "install one of these: kafka-node setup --kafka FILE",
        ));
    };
    let zookeeper = install.zookeeper.as_deref()?;
    let line = line_of(zookeeper)?;
    if line == *expected {
        return None;
    }
    let (major, minor) = expected;
    let text = format!(
        "libs has ZooKeeper {zookeeper} beside Kafka {kafka}, which comes with {major}.{minor} and was tested with that"
    );
    Some(Finding::node(
        "zookeeper-line",
        Weight::Warn,
        text,
        "unpack the release anew; do not mix jars of two releases",
    ))
}

fn line_of(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
