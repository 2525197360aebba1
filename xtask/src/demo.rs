//! `cargo xtask demo`: three nodes on 127.0.0.1, .2 and .3 with the production ports, from one configuration file,
//! shown as they start, proven by `kafka-node verify`, stopped cleanly, and nothing left behind.
//! Absent on purpose: any knowledge of how a node works. The demo sees what an operator sees: `run`, `status`, `verify`.

pub mod configuration;
mod kept;
pub mod node;
pub mod ports;
pub mod status;
mod stop;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::child;
use crate::failure::{During, Failure, Outcome};
use crate::fetch;
use crate::interrupt;
use crate::places::Places;
use crate::proc::Identity;
use crate::progress::{Progress, seconds};
use crate::stray;
use configuration::Configuration;
use kept::Kept;
use node::Node;

/// How long three nodes may take to serve: ten times what they take on 2 cores.
const START_LIMIT: Duration = Duration::from_secs(180);
/// How often each node is asked.
const LOOK: Duration = Duration::from_millis(300);

/// What the demo was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Leave the nodes running.
    pub keep: bool,
    /// The cargo profile's directory: "release" or "debug".
    pub profile: &'static str,
    /// Where the nodes live; by default a new directory in the cache.
    pub dir: Option<PathBuf>,
}

/// The directory of a demo; what was made is removed, what was there stays.
#[derive(Debug, Clone)]
struct Ground {
    dir: PathBuf,
    made: bool,
}

/// What one demo needs from its beginning to its end.
struct Stage<'a> {
    places: &'a Places,
    progress: &'a Progress,
    options: &'a Options,
    binary: &'a Path,
    ground: &'a Ground,
    configuration: &'a Configuration<'a>,
}

/// Runs the demo.
pub fn run(places: &Places, progress: &Progress, options: &Options) -> Outcome<()> {
    if let Some(kept) = Kept::read(places)? {
        if kept.nodes.iter().any(|(_, identity)| identity.alive()) {
            return Err(Failure::new(format!(
                "a demo that was kept runs in {}; end it with: cargo xtask demo --stop",
                kept.dir.display()
            )));
        }
        stop::forget_dead(places, progress, &kept)?;
    }
    let fetched = fetch::fetch(places, progress)?;
    let binary = crate::cargo::kafka_node(places, progress, options.profile)?;
    let nodes: Vec<(String, String)> = (1..=3).map(|n| (format!("kafkanode{n}"), format!("127.0.0.{n}"))).collect();
    let addresses: Vec<String> = nodes.iter().map(|(_, address)| address.clone()).collect();
    ports::check(&addresses).during(|| "claim the production ports on 127.0.0.1, .2 and .3".into())?;
    let ground = prepare(places, options.dir.as_deref())?;
    let configuration = Configuration {
        dir: &ground.dir,
        nodes: &nodes,
        kafka_home: &fetched.kafka_home,
        java_home: &fetched.java.home,
        zookeeper_heap: "256m",
        kafka_heap: "512m",
        kafka_properties: &[],
        more: "",
    };
    stray::adopt_orphans()?;
    let mut running = Vec::new();
    let stage = Stage { places, progress, options, binary: &binary, ground: &ground, configuration: &configuration };
    let done = perform(&stage, &mut running);
    if done.is_ok() && options.keep {
        return Ok(());
    }
    let clean = clear(places, progress, &ground, &mut running, done.is_ok());
    done.and(clean)
}

/// From the configuration file to the clean stop, or to the farewell of a demo that is kept.
fn perform(stage: &Stage<'_>, running: &mut Vec<Node>) -> Outcome<()> {
    let Stage { progress, configuration, binary, .. } = *stage;
    let config = configuration.write()?;
    progress.say(format!("demo: one configuration file for all three nodes, {}", config.display()));
    let begun = Instant::now();
    for (name, address) in configuration.nodes {
        let node = Node::start(binary, &config, name, configuration.dir.join(format!("{name}.log")))?;
        progress.say(format!("{name}: started on {address}, pid {}", node.pid()));
        running.push(node);
    }
    await_serving(progress, running, begun)?;
    let started = begun.elapsed();
    progress.say(format!("demo: all three nodes serve, {} after their start", seconds(started)));

    let begun = Instant::now();
    progress.say("demo: proving it with `kafka-node verify`");
    let mut verify = Command::new(binary);
    verify.arg("--config").arg(&config).args(["--node", "kafkanode1", "verify"]);
    let status = child::shown_through(&mut verify)?;
    if !status.success() {
        return Err(Failure::new(format!("`kafka-node verify` ended with {status}\n{}", last_words(running))));
    }
    let verified = begun.elapsed();
    progress.say(format!("demo: verified in {}", seconds(verified)));
    for node in running.iter_mut() {
        node.look()?;
    }
    if stage.options.keep {
        return keep(stage, &config, running);
    }
    let begun = Instant::now();
    stop::all(progress, running)?;
    stop::prove(progress, configuration, running)?;
    progress.say(format!(
        "demo: done. Cold start to serving {}, verify {}, clean stop {}",
        seconds(started),
        seconds(verified),
        seconds(begun.elapsed())
    ));
    Ok(())
}

/// Shows every change of every node until all are ready.
fn await_serving(progress: &Progress, nodes: &mut [Node], begun: Instant) -> Outcome<()> {
    loop {
        for node in nodes.iter_mut() {
            if let Some(line) = node.look()? {
                progress.say(format!("{}: {line}", node.name));
            }
            interrupt::check()?;
        }
        if nodes.iter().any(|node| node.ended.is_some()) {
            return Err(Failure::new(format!("a node ended before it served\n{}", last_words(nodes))));
        }
        if nodes.iter().all(Node::ready) {
            return Ok(());
        }
        if begun.elapsed() > START_LIMIT {
            return Err(Failure::new(format!(
                "not all nodes serve after {}\n{}",
                seconds(START_LIMIT),
                last_words(nodes)
            )));
        }
        std::thread::sleep(LOOK);
    }
}

fn last_words(nodes: &[Node]) -> String {
    nodes.iter().map(Node::last_words).collect()
}

/// Notes what runs, and says how to look at it.
fn keep(stage: &Stage<'_>, config: &Path, nodes: &[Node]) -> Outcome<()> {
    let mut note = Kept { dir: stage.ground.dir.clone(), made: stage.ground.made, nodes: Vec::new(), jvms: Vec::new() };
    for node in nodes {
        let identity = Identity::of(node.pid())
            .ok_or_else(|| Failure::new(format!("{} is gone\n{}", node.name, node.last_words())))?;
        note.nodes.push((node.name.clone(), identity));
        note.jvms.extend(node.identities().into_iter().filter(|jvm| *jvm != identity));
    }
    note.write(stage.places)?;
    let command = format!("{} --config {}", stage.binary.display(), config.display());
    stage.progress.say("demo: the nodes keep running; look at them with");
    println!("    {command} --node kafkanode1 status");
    println!("    {command} --node kafkanode2 status --json");
    println!("    {command} --node kafkanode3 plan");
    println!("    {command} --node kafkanode1 verify");
    for node in nodes {
        println!(
            "    tail -f {}    # pid {}; `kill {}` stops this node cleanly",
            node.log.display(),
            node.pid(),
            node.pid()
        );
    }
    println!("and stop them all with");
    println!("    cargo xtask demo --stop");
    Ok(())
}

/// A new directory in the cache, or the one that was asked for, which must be empty. Not in `/tmp`: kafka-node
/// refuses data there, since a clean-up of old files would take it.
fn prepare(places: &Places, asked: Option<&Path>) -> Outcome<Ground> {
    let dir = match asked {
        Some(dir) => std::path::absolute(dir).during(|| format!("resolve {}", dir.display()))?,
        None => places.cache.join("demo").join(std::process::id().to_string()),
    };
    let made = !dir.exists();
    fs::create_dir_all(&dir).during(|| format!("create {}", dir.display()))?;
    let mut entries = fs::read_dir(&dir).during(|| format!("read {}", dir.display()))?;
    if entries.next().is_some() {
        return Err(Failure::new(format!("{} is not empty; give the demo a directory of its own", dir.display())));
    }
    Ok(Ground { dir, made })
}

/// Ends whatever still runs, keeps the logs of a demo that failed, and removes the directory.
fn clear(places: &Places, progress: &Progress, ground: &Ground, nodes: &mut [Node], well: bool) -> Outcome<()> {
    if !well {
        if nodes.iter().any(|node| node.ended.is_none()) {
            progress.say("demo: stopping what was started");
            if let Err(failure) = stop::all(progress, nodes) {
                progress.say(format!("demo: {}", failure.chain()));
            }
        }
        for node in nodes.iter() {
            let copy = places.log(&format!("demo-{}", node.name));
            let kept = copy.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::copy(&node.log, &copy));
            if kept.is_ok() {
                progress.say(format!("demo: the log of {} is kept in {}", node.name, copy.display()));
            }
        }
    }
    let strays = stray::sweep();
    remove(ground)?;
    if strays.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("processes were left behind, and were ended: {}", strays.join("; "))))
}

fn remove(ground: &Ground) -> Outcome<()> {
    let doing = || format!("remove {}", ground.dir.display());
    if ground.made {
        fs::remove_dir_all(&ground.dir).during(doing)?;
        // The cache's `demo` directory goes with its last demo; with another one in it, it stays.
        if let Some(parent) = ground.dir.parent().filter(|parent| parent.ends_with("demo")) {
            let _ = fs::remove_dir(parent);
        }
        return Ok(());
    }
    for entry in fs::read_dir(&ground.dir).during(doing)?.flatten() {
        let path = entry.path();
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.during(doing)?;
    }
    Ok(())
}

/// Ends a demo that was kept.
pub fn stop_kept(places: &Places, progress: &Progress) -> Outcome<()> {
    let Some(kept) = Kept::read(places)? else {
        progress.say("demo: none is kept running");
        return Ok(());
    };
    stop::kept(places, progress, &kept)
}
