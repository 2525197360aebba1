//! What a benchmark runs on: one address, a Java, Kafka's home, fresh directories, and one node of kafka-node there.
//! Absent on purpose: figures.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::judge;
use crate::child::POLL;
use crate::demo::configuration::Configuration;
use crate::demo::node::Node;
use crate::demo::ports;
use crate::failure::{During, Failure, Outcome};
use crate::fetch::{self, java::Java};
use crate::interrupt;
use crate::places::Places;
use crate::progress::{Progress, seconds};
use crate::stray;

/// A loopback address of the benchmark's own, so that a demo may run beside it.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 20, 1);
/// The heaps of the stock scripts, for both sides.
pub const HEAPS: (&str, &str) = ("512m", "1g");
/// The node's name.
pub const NAME: &str = "bench1";
/// How long one start may take.
const LIMIT: Duration = Duration::from_secs(90);
/// How often the judge asks.
const ASK: Duration = Duration::from_millis(10);

/// What all runs share.
pub struct Ground<'a> {
    /// Kafka's home.
    pub kafka_home: &'a Path,
    /// The Java of both sides.
    pub java: &'a Java,
    /// Where everything listens.
    pub address: Ipv4Addr,
    /// The runs' directory.
    pub dir: &'a Path,
}

impl Ground<'_> {
    /// Removes data, logs and state of earlier runs, keeps kafka-node's cache: a node that was started before.
    pub fn fresh(&self) -> Outcome<()> {
        for below in ["stock", NAME] {
            let dir = self.dir.join(below);
            let Ok(entries) = fs::read_dir(&dir) else { continue };
            for path in entries.flatten().map(|entry| entry.path()).filter(|path| !path.ends_with("cache")) {
                let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                removed.during(|| format!("remove {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Starts one node of kafka-node.
    pub fn start_node(&self, binary: &Path) -> Outcome<Node> {
        let nodes = [(NAME.to_owned(), self.address.to_string())];
        let configuration = Configuration {
            dir: self.dir,
            nodes: &nodes,
            kafka_home: self.kafka_home,
            java_home: &self.java.home,
            zookeeper_heap: HEAPS.0,
            kafka_heap: HEAPS.1,
            kafka_properties: &[],
            more: "",
        };
        let config = configuration.write()?;
        Node::start(binary, &config, NAME, self.dir.join("node.log"))
    }

    /// Waits until ZooKeeper and the broker serve; the time of each since `begun`. `ended` says what died meanwhile.
    pub fn await_serving(
        &self,
        begun: Instant,
        mut ended: impl FnMut() -> Outcome<Option<String>>,
    ) -> Outcome<(Duration, Duration)> {
        let mut zookeeper = None;
        loop {
            if zookeeper.is_none() && judge::zookeeper_serves(self.address, 2181) {
                zookeeper = Some(begun.elapsed());
            }
            if let Some(zookeeper) = zookeeper
                && judge::broker_serves(self.address, 9092, 1)
            {
                return Ok((zookeeper, begun.elapsed()));
            }
            interrupt::check()?;
            if let Some(words) = ended()? {
                return Err(Failure::new(words));
            }
            if begun.elapsed() > LIMIT {
                return Err(Failure::new(format!("nothing serves on {} after {} s", self.address, LIMIT.as_secs())));
            }
            std::thread::sleep(ASK);
        }
    }
}

/// Stops a node by SIGTERM and waits for its end.
pub fn stop(node: &mut Node) -> Outcome<()> {
    node.terminate();
    await_end(node)
}

/// Waits for the clean end of a node that was told to stop.
pub fn await_end(node: &mut Node) -> Outcome<()> {
    let begun = Instant::now();
    while !node.has_ended()? {
        if begun.elapsed() > LIMIT {
            return Err(Failure::new(format!("the node does not stop\n{}", node.last_words())));
        }
        std::thread::sleep(POLL);
    }
    match node.ended {
        Some(status) if status.success() => Ok(()),
        _ => Err(Failure::new(format!("the node did not stop cleanly\n{}", node.last_words()))),
    }
}

/// A failure when the benchmark's ports are held, as by a broker that listens on all addresses.
pub fn free() -> Outcome<()> {
    ports::check(&[ADDRESS.to_string()]).during(|| format!("claim the production ports on {ADDRESS}"))
}

/// The Java of a benchmark: 11 or 17 by number.
pub fn java(places: &Places, progress: &Progress, major: u32) -> Outcome<Java> {
    match major {
        11 => fetch::java_11(places, progress),
        17 => fetch::java_17(places, progress),
        other => Err(Failure::new(format!("Java {other} is none of those it measures on: 11, 17"))),
    }
}

/// Gives `work` a directory in the cache, and leaves neither it nor a process behind, whatever happens.
pub fn within<T>(places: &Places, work: impl FnOnce(&Path) -> Outcome<T>) -> Outcome<T> {
    stray::adopt_orphans()?;
    let dir: PathBuf = places.cache.join("bench").join(std::process::id().to_string());
    fs::create_dir_all(&dir).during(|| format!("create {}", dir.display()))?;
    let done = work(&dir);
    let strays = stray::sweep();
    fs::remove_dir_all(&dir).during(|| format!("remove {}", dir.display()))?;
    if let Some(parent) = dir.parent() {
        // Gone with the last benchmark; one that runs beside this keeps it.
        let _ = fs::remove_dir(parent);
    }
    if done.is_ok() && !strays.is_empty() {
        return Err(Failure::new(format!("processes were left behind, and were ended: {}", strays.join("; "))));
    }
    done
}

/// Logs, acknowledgements and values read back, where somebody can look at them.
pub fn keep(places: &Places, progress: &Progress, dir: &Path, name: &str) {
    let to = places.log(name).with_extension("");
    // Those of the last run would mix with these. There may be none.
    let _ = fs::remove_dir_all(&to);
    let copied = fs::create_dir_all(&to).and_then(|()| {
        for entry in fs::read_dir(dir)?.flatten().filter(|entry| entry.path().is_file()) {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok(())
    });
    match copied {
        Ok(()) => progress.say(format!("{name}: logs are kept in {}", to.display())),
        Err(error) => progress.say(format!("{name}: logs could not be kept in {}: {error}", to.display())),
    }
    progress.say(format!("{name}: ended after {}", seconds(progress.elapsed())));
}
