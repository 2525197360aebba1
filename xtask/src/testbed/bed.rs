//! A bed and its nodes: their names, places and settings, as `up` wrote them down for the commands after it.
//! Several beds stand side by side by name: namespaces and cgroups carry it, and addresses are the same in each.
//! Absent on purpose: whatever acts on them; `network`, `disk`, `cgroup` and `power` do.

use std::fmt;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};

use crate::child::POLL;
use crate::failure::{During, Failure, Outcome};
use crate::places::Places;
use crate::proc::Identity;

/// The most nodes of a bed: more do not fit this machine, and an ensemble of five is the largest worth a test.
pub const MOST: u8 = 5;

/// How long a command that holds a bed is waited for.
const LET_GO: Duration = Duration::from_secs(2);

/// The root file system of all nodes, by Debian's name of the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    /// systemd 252, glibc 2.36, Java 17
    Bookworm,
    /// systemd 247, glibc 2.31, Java 11
    Bullseye,
}

/// How a node's systemd sees its cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// Version 1 alone, as on CentOS 7
    Legacy,
    /// Version 1, and version 2 for systemd itself
    Hybrid,
    /// Version 2 alone, as on EL9
    Unified,
}

impl Suite {
    /// As Debian writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Bullseye => "bullseye",
        }
    }

    /// The Java that the root holds.
    pub fn java(self) -> &'static str {
        match self {
            Self::Bookworm => "openjdk-17-jre-headless",
            Self::Bullseye => "openjdk-11-jre-headless",
        }
    }
}

impl Layout {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Hybrid => "hybrid",
            Self::Unified => "unified",
        }
    }
}

/// What `up` was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The root file system.
    pub suite: Suite,
    /// The cgroups.
    pub layout: Layout,
    /// How many nodes, numbered from 1.
    pub nodes: u8,
}

/// One bed.
#[derive(Debug)]
pub struct Bed {
    /// What it is called.
    pub name: String,
    /// Where its disks, logs and notes are.
    pub dir: PathBuf,
    /// What `up` made, or is about to make.
    pub settings: Settings,
    /// The shell scripts of the source tree.
    pub scripts: PathBuf,
    /// The root file systems of all beds.
    pub roots: PathBuf,
}

/// The right to change a bed: while it is held, no other command does.
#[derive(Debug)]
pub struct Held(#[allow(dead_code)] Flock<fs::File>);

/// One node of a bed.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// Its bed.
    pub bed: &'a Bed,
    /// From 1.
    pub number: u8,
}

impl Bed {
    /// The bed of this name with these settings, whether it is up or not.
    pub fn new(places: &Places, name: &str, settings: Settings) -> Outcome<Self> {
        let good =
            !name.is_empty() && name.len() <= 6 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        if !good {
            return Err(Failure::new(format!("{name:?} is no name of a bed: one to six small letters and digits")));
        }
        let beds = places.cache.join("testbed");
        let dir = beds.join(format!("bed-{name}"));
        fs::create_dir_all(dir.join("share")).during(|| format!("create {}", dir.display()))?;
        Ok(Self {
            name: name.to_owned(),
            dir,
            settings,
            scripts: places.root.join("xtask/testbed"),
            roots: beds.join("roots"),
        })
    }

    /// The bed of this name as `up` made it.
    pub fn found(places: &Places, name: &str) -> Outcome<Self> {
        let none = Settings { suite: Suite::Bookworm, layout: Layout::Legacy, nodes: 0 };
        let mut bed = Self::new(places, name, none)?;
        if let Ok(text) = fs::read_to_string(bed.note()) {
            bed.settings =
                Settings::parse(&text).ok_or_else(|| Failure::new(format!("cannot read {}", bed.note().display())))?;
        }
        Ok(bed)
    }

    /// Takes the right to change it; looking needs none.
    pub fn hold(&self) -> Outcome<Held> {
        let file = self.dir.with_extension("lock");
        let mut lock = fs::File::create(&file).during(|| format!("create {}", file.display()))?;
        // One that has just been killed may take a moment to let go.
        let limit = Instant::now() + LET_GO;
        loop {
            lock = match Flock::lock(lock, FlockArg::LockExclusiveNonblock) {
                Ok(held) => return Ok(Held(held)),
                Err((lock, _)) => lock,
            };
            if Instant::now() > limit {
                let words = "another testbed command works on the bed";
                return Err(Failure::new(format!("{words} {}; choose another --bed, or wait", self.name)));
            }
            std::thread::sleep(POLL);
        }
    }

    /// A failure unless `up` made nodes.
    pub fn needed(self) -> Outcome<Self> {
        if self.settings.nodes == 0 {
            return Err(Failure::new(format!("there is no bed {}: cargo xtask testbed up", self.name)));
        }
        Ok(self)
    }

    /// Writes the settings down for the commands after this one.
    pub fn remember(&self) -> Outcome<()> {
        fs::write(self.note(), self.settings.to_string()).during(|| format!("write {}", self.note().display()))
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        (1..=self.settings.nodes).map(|number| Node { bed: self, number })
    }

    /// One node, by its number or its name.
    pub fn node(&self, name: &str) -> Outcome<Node<'_>> {
        let number = name.strip_prefix("kafkanode").unwrap_or(name).parse::<u8>().ok();
        self.nodes()
            .find(|node| Some(node.number) == number)
            .ok_or_else(|| Failure::new(format!("the bed has no node {name}: it has 1 to {}", self.settings.nodes)))
    }

    /// The network namespace that holds the bridge.
    pub fn switch(&self) -> String {
        format!("kn-{}-sw", self.name)
    }

    /// What all nodes see as `/mnt/share`.
    pub fn share(&self) -> PathBuf {
        self.dir.join("share")
    }

    /// The root file system that all nodes share, read-only.
    pub fn root(&self) -> PathBuf {
        self.roots.join(self.settings.suite.name())
    }

    fn note(&self) -> PathBuf {
        self.dir.join("settings")
    }
}

impl Node<'_> {
    /// Its host name.
    pub fn host(&self) -> String {
        host(self.number)
    }

    /// Its address: 10.0.2.4 is the first one's.
    pub fn address(&self) -> Ipv4Addr {
        address(self.number)
    }

    /// Its disk, logs and notes.
    pub fn dir(&self) -> PathBuf {
        self.bed.dir.join(self.host())
    }

    /// Its network namespace, and the name of its cgroup in every hierarchy.
    pub fn slug(&self) -> String {
        format!("kn-{}-{}", self.bed.name, self.number)
    }

    /// Its port of the bridge, in the bridge's namespace.
    pub fn port(&self) -> String {
        format!("port{}", self.number)
    }

    /// The process noted in a file of its directory, as long as it lives.
    pub fn noted(&self, file: &str) -> Option<Identity> {
        identity(&self.dir().join(file)).filter(|identity| identity.alive())
    }
}

/// The host name of the node of this number.
pub fn host(number: u8) -> String {
    format!("kafkanode{number}")
}

/// The address of the node of this number.
pub fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 2, number.saturating_add(3))
}

fn identity(file: &Path) -> Option<Identity> {
    let text = fs::read_to_string(file).ok()?;
    let (pid, start) = text.trim().split_once(' ')?;
    Some(Identity { pid: pid.parse().ok()?, start: start.parse().ok()? })
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.suite.name(), self.layout.name(), self.nodes)
    }
}

impl Settings {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let suite = words.next().and_then(|word| clap::ValueEnum::from_str(word, false).ok())?;
        let layout = words.next().and_then(|word| clap::ValueEnum::from_str(word, false).ok())?;
        Some(Self { suite, layout, nodes: words.next()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_were_written() {
        for settings in [
            Settings { suite: Suite::Bookworm, layout: Layout::Legacy, nodes: 3 },
            Settings { suite: Suite::Bullseye, layout: Layout::Unified, nodes: 1 },
        ] {
            assert_eq!(Settings::parse(&settings.to_string()), Some(settings));
        }
        assert_eq!(Settings::parse("bookworm"), None);
    }

    #[test]
    fn the_founding_clusters_names_and_addresses() {
        assert_eq!((host(1), address(1)), ("kafkanode1".to_owned(), Ipv4Addr::new(10, 0, 2, 4)));
        assert_eq!((host(3), address(3)), ("kafkanode3".to_owned(), Ipv4Addr::new(10, 0, 2, 6)));
    }
}
