//! The cluster as its brokers describe it, several times a second while it is rolled: a line for each change, with its time.
//! It tells what a gap fell together with. Absent on purpose: anything that kafka-node says of itself.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::bench::faults::TOPIC;
use crate::bench::faults::trial::now;
use crate::bench::judge::{self, Metadata};

/// How often each broker is asked.
const ASK: Duration = Duration::from_millis(50);

/// What changed, and when, in milliseconds since 1970.
pub type Changes = Vec<(u64, String)>;

/// The watching thread.
#[derive(Debug)]
pub struct Watch {
    seen: Arc<Mutex<Changes>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins.
    pub fn begin(addresses: &[Ipv4Addr]) -> Self {
        let seen = Arc::new(Mutex::new(Changes::new()));
        let over = Arc::new(AtomicBool::new(false));
        let (changes, end, addresses) = (Arc::clone(&seen), Arc::clone(&over), addresses.to_vec());
        let thread = std::thread::spawn(move || {
            let mut last: Vec<String> = vec![String::new(); addresses.len()];
            while !end.load(Ordering::Relaxed) {
                for ((address, last), n) in addresses.iter().zip(&mut last).zip(1..) {
                    let words = words(judge::metadata(*address, 9092, Some(TOPIC)).as_ref());
                    if words != *last {
                        let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
                        changes.push((now(), format!("broker {n}: {words}")));
                        *last = words;
                    }
                }
                std::thread::sleep(ASK);
            }
        });
        Self { seen, over, thread: Some(thread) }
    }

    /// Ends; all that was seen.
    pub fn end(mut self) -> Changes {
        self.join();
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn join(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It only loops; a panic in it changes nothing here.
            let _ = thread.join();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.join();
    }
}

/// How many partitions of the topic are led by their first replica.
pub fn at_home(metadata: &Metadata) -> usize {
    metadata.partitions.iter().filter(|partition| partition.replicas.first() == Some(&partition.leader)).count()
}

fn words(metadata: Option<&Metadata>) -> String {
    let Some(metadata) = metadata else { return "no answer".to_owned() };
    let list = |numbers: &[i32]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut partitions: Vec<_> = metadata.partitions.iter().collect();
    partitions.sort_by_key(|partition| partition.id);
    let leaders: Vec<i32> = partitions.iter().map(|partition| partition.leader).collect();
    let thin = partitions.iter().filter(|partition| partition.isr.len() < partition.replicas.len()).count();
    let mut brokers = metadata.brokers.clone();
    brokers.sort_unstable();
    format!(
        "brokers {}, controller {}, leaders {}, {thin} partitions out of sync",
        list(&brokers),
        metadata.controller,
        list(&leaders)
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::judge::Partition;
    use super::*;

    #[test]
    fn a_look_is_one_line() {
        let partition = |id, leader, isr: &[i32]| Partition { id, leader, replicas: vec![1, 2], isr: isr.to_vec() };
        let partitions = vec![partition(1, 2, &[2]), partition(0, 1, &[1, 2])];
        let metadata = Metadata { brokers: vec![2, 1], controller: 2, partitions };
        assert_eq!(words(Some(&metadata)), "brokers 1,2, controller 2, leaders 1,2, 1 partitions out of sync");
        assert_eq!(words(None), "no answer");
        assert_eq!(at_home(&metadata), 1);
    }
}
