//! Moving leaders back to their preferred replicas, some partitions at a time, so that batches can be compared: each broker that
//! becomes the leader of a partition writes a file for it, one after the other, and clients wait for the last one of a batch.
//! Absent on purpose: a JVM, whose start would show in what is measured; `cluster::elect`, which is what is judged.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::bench::faults::TOPIC;
use crate::bench::judge::{self, Partition};
use crate::child::POLL;
use crate::failure::{Failure, Outcome};
use crate::interrupt;

/// The topics of the benchmark; with the group's offsets.
const TOPICS: [&str; 2] = [TOPIC, "__consumer_offsets"];
/// How long one batch may take until every broker knows of it.
const KNOWN: Duration = Duration::from_secs(20);

/// Moves all that can be moved; how many there were.
pub fn give_back(brokers: &[Ipv4Addr], batch: usize) -> Outcome<usize> {
    let mut away: Vec<(&str, i32)> = Vec::new();
    for topic in TOPICS {
        let seen = brokers.iter().find_map(|broker| judge::metadata(*broker, 9092, Some(topic)));
        let partitions = seen.ok_or_else(|| Failure::new("no broker answers"))?.partitions;
        let mut of_topic: Vec<(&str, i32)> =
            partitions.iter().filter(|p| is_away(p)).map(|partition| (topic, partition.id)).collect();
        of_topic.sort_unstable();
        away.extend(of_topic);
    }
    for batch in away.chunks(batch.max(1)) {
        elect(brokers, batch)?;
    }
    Ok(away.len())
}

/// Led by another than its first replica, which is in sync.
fn is_away(partition: &Partition) -> bool {
    partition.replicas.first().is_some_and(|first| *first != partition.leader && partition.isr.contains(first))
}

/// One election, and the time until every broker says the same.
fn elect(brokers: &[Ipv4Addr], batch: &[(&str, i32)]) -> Outcome<()> {
    let begun = Instant::now();
    let controller = brokers.iter().find_map(|broker| judge::metadata(*broker, 9092, None)).map(|seen| seen.controller);
    let controller = controller.and_then(|id| brokers.get(usize::try_from(id - 1).ok()?));
    let controller = *controller.ok_or_else(|| Failure::new("there is no controller"))?;
    judge::elect_preferred(controller, 9092, batch).ok_or_else(|| Failure::new("the controller has elected nobody"))?;
    let home = |broker: &Ipv4Addr, topic: &str| {
        let Some(seen) = judge::metadata(*broker, 9092, Some(topic)) else { return false };
        let wanted = |id: i32| batch.contains(&(topic, id));
        !seen.partitions.is_empty() && !seen.partitions.iter().any(|p| wanted(p.id) && is_away(p))
    };
    let topics: Vec<&str> = TOPICS.into_iter().filter(|topic| batch.iter().any(|(of, _)| of == topic)).collect();
    while !topics.iter().all(|topic| brokers.iter().all(|broker| home(broker, topic))) {
        if begun.elapsed() > KNOWN {
            return Err(Failure::new("not every broker knows of the leaders that were elected"));
        }
        interrupt::check()?;
        std::thread::sleep(POLL);
    }
    Ok(())
}
