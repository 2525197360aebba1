//! Numbered lines in a JVM's log, by which is seen whether the supervisor's log has them all. A request whose first four
//! bytes claim an impossible length makes the broker say so with that very number, at WARN with a stack trace, and
//! ZooKeeper in one line; each closes the connection after it has logged.
//! Absent on purpose: a log file of the JVM's own to compare with. kafka-node renders the log configuration, and has one
//! appender; a second one would test another set-up.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::failure::{During, Outcome};

/// The first number: larger than any length that either of them takes. Counted up over the whole task, so that no two are the same.
static NEXT: AtomicU32 = AtomicU32::new(0x6000_0000);
/// How long a JVM may take to say it and close.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes both JVMs of a node say lines, until it is told to end.
#[derive(Debug)]
pub struct Lines {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<BTreeSet<u32>>>,
}

/// How many lines were said, and how many of them the log lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Lines that a JVM said: it closed the connection after them.
    pub said: usize,
    /// Those of them that are not in the supervisor's log.
    pub lost: usize,
}

impl Lines {
    /// Begins: so many times a second for each of the two. The broker writes 0.9 kB for each, ZooKeeper 0.1 kB.
    pub fn begin(address: Ipv4Addr, rate: u32) -> Self {
        let every = Duration::from_secs(1) / rate.max(1);
        let over = Arc::new(AtomicBool::new(false));
        let speak = |port: u16| {
            let end = Arc::clone(&over);
            std::thread::spawn(move || {
                let mut said = BTreeSet::new();
                while !end.load(Ordering::Relaxed) {
                    let number = NEXT.fetch_add(1, Ordering::Relaxed);
                    if says(address, port, number).is_ok() {
                        said.insert(number);
                    }
                    std::thread::sleep(every);
                }
                said
            })
        };
        let threads = [9092, 2181].into_iter().map(speak).collect();
        Self { over, threads }
    }

    /// Ends, and says which numbers were said.
    pub fn end(mut self) -> BTreeSet<u32> {
        self.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).filter_map(|thread| thread.join().ok()).flatten().collect()
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Compares with a log.
pub fn missing(said: &BTreeSet<u32>, log: &Path) -> Outcome<Missing> {
    let text = fs::read(log).during(|| format!("read {}", log.display()))?;
    let there = numbers(&String::from_utf8_lossy(&text));
    Ok(Missing { said: said.len(), lost: said.difference(&there).count() })
}

/// The numbers that stand in a log, in the words of either JVM.
fn numbers(text: &str) -> BTreeSet<u32> {
    let after = |line: &str, words: &str| {
        let rest = line.split_once(words)?.1;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    text.lines()
        .filter_map(|line| after(line, "Invalid receive (size = ").or_else(|| after(line, "Len error ")))
        .collect()
}

fn says(address: Ipv4Addr, port: u16, number: u32) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((address, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&number.to_be_bytes())?;
    // The end of the stream, in order: a JVM that is killed resets it, or ends it without a word. The first is an error here;
    // the second cannot be told apart, so the caller begins and ends where the JVM lives.
    match stream.read(&mut [0; 16])? {
        0 => Ok(()),
        _ => Err(std::io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_the_words_of_both() {
        let text = "kafka: org.apache.kafka.common.network.InvalidReceiveException: Invalid receive (size = 1610612737 larger than 104857600)\n\
            zookeeper: [2020-08-06 10:11:12,345] WARN Exception causing close of session 0x0: Len error 1610612738 (x)\nkafka: Len error\n";
        assert_eq!(numbers(text).into_iter().collect::<Vec<_>>(), [1_610_612_737, 1_610_612_738]);
    }
}
