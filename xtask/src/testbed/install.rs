//! The three steps of an operator, in every node: the package, the configuration, `kafka-node setup` with `systemctl enable
//! --now`. Absent on purpose: building the package; `cargo xtask rpm` does.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bed::{Bed, Node, Suite};
use super::{inside, power, tarball};
use crate::cargo;
use crate::failure::{During, Failure, Outcome};
use crate::places::Places;
use crate::progress::{Progress, seconds};
use crate::rpm;

/// How long one step may take in one node: unpacking Kafka is the longest.
const STEP: Duration = Duration::from_secs(120);
/// How long the start of a whole cluster may take.
const SERVE: Duration = Duration::from_secs(240);
/// Heaps of a node on a machine that holds three of them and builds on the side, and a pause between nodes that a test can wait for.
const HEAPS: &str = "\n[zookeeper]\nheap = \"128m\"\n\n[kafka]\nheap = \"384m\"\n\n[reboot]\nsettle = \"5s\"\n";

/// How kafka-node comes into a node.
#[derive(Debug, Clone)]
pub enum Way {
    /// As for an operator: by `rpm` and `kafka-node setup`.
    Package(PathBuf),
    /// The binary and its units copied, users and directories made by a script.
    ByHand(PathBuf),
}

impl Way {
    /// The package that was given; else one around kafka-node as it is built here: quickly, for nodes whose glibc is this
    /// machine's, and else by the long build of `cargo xtask rpm`.
    pub fn choose(
        places: &Places,
        progress: &Progress,
        suite: Suite,
        rpm: Option<&Path>,
        by_hand: bool,
    ) -> Outcome<Self> {
        if let Some(rpm) = rpm {
            let rpm = rpm.canonicalize().during(|| format!("find {}", rpm.display()))?;
            return Ok(Self::Package(rpm));
        }
        let built = || cargo::kafka_node(places, progress, "fast");
        if by_hand {
            return built().map(Self::ByHand);
        }
        let binary = match suite {
            Suite::Bookworm => Some(built()?),
            Suite::Bullseye => None,
        };
        release(places, progress, binary, 1).map(Self::Package)
    }
}

/// Puts everything that the nodes need where they see it, `/mnt/share`.
pub fn share(places: &Places, progress: &Progress, bed: &Bed, way: &Way) -> Outcome<()> {
    let share = bed.share();
    for entry in fs::read_dir(&share).during(|| format!("read {}", share.display()))?.flatten() {
        // What an earlier install left: two packages there would be a riddle.
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::remove_file(entry.path()).during(|| format!("remove {}", entry.path().display()))?;
        }
    }
    let put = |from: &Path, name: &str| {
        fs::copy(from, share.join(name))
            .map(|_| ())
            .during(|| format!("copy {} to {}", from.display(), share.display()))
    };
    let file = tarball::kafka(places, progress)?;
    put(&file, &name_of(&file)?)?;
    fs::write(share.join("kafka-node.toml"), configuration(places, bed)?)
        .during(|| "write the configuration".into())?;
    match way {
        Way::Package(rpm) => put(rpm, &name_of(rpm)?),
        Way::ByHand(binary) => {
            put(binary, "kafka-node")?;
            put(&bed.scripts.join("by-hand.sh"), "by-hand.sh")?;
            put(&places.root.join("units/kafka-node.service"), "kafka-node.service")?;
            put(&places.root.join("units/kafka-node.tmpfiles"), "kafka-node.tmpfiles")
        }
    }
}

/// All three steps in all nodes at once.
pub fn everywhere(places: &Places, progress: &Progress, bed: &Bed, way: &Way) -> Outcome<()> {
    let begun = std::time::Instant::now();
    share(places, progress, bed, way)?;
    power::at_once(bed, |node| steps(node, way))?;
    progress.say(format!("install: package, configuration and setup in every node ({})", seconds(begun.elapsed())));
    let begun = std::time::Instant::now();
    power::at_once(bed, enable)?;
    progress.say(format!("install: systemctl enable --now came back on every node ({})", seconds(begun.elapsed())));
    Ok(())
}

/// All but the start, in one node.
pub fn steps(node: &Node<'_>, way: &Way) -> Outcome<()> {
    install(node, way).during(|| "install the package".into())?;
    configure(node, way).during(|| "configure the node".into())?;
    set_up(node, way).during(|| "set the node up".into())
}

/// Step 1: the package.
pub fn install(node: &Node<'_>, way: &Way) -> Outcome<()> {
    match way {
        // The root is a Debian: it has what the package requires, but not by the names of an EL.
        Way::Package(rpm) => {
            let path = format!("/mnt/share/{}", name_of(rpm)?);
            inside::must(node, STEP, &["rpm", "-i", "--nodeps", "--force-debian", &path]).map(|_| ())
        }
        Way::ByHand(_) => inside::must(node, STEP, &["sh", "/mnt/share/by-hand.sh"]).map(|_| ()),
    }
}

/// Step 2: the same file on every node. Owner and mode stay as the package has them.
pub fn configure(node: &Node<'_>, way: &Way) -> Outcome<()> {
    match way {
        Way::Package(_) => {
            inside::shell(node, STEP, "cat /mnt/share/kafka-node.toml >/etc/kafka-node/kafka-node.toml").map(|_| ())
        }
        Way::ByHand(_) => Ok(()),
    }
}

/// Step 3, its first half.
pub fn set_up(node: &Node<'_>, way: &Way) -> Outcome<()> {
    match way {
        Way::Package(_) => {
            let line = "exec kafka-node setup --kafka /mnt/share/kafka_*.tgz --yes";
            inside::shell(node, STEP, line).map(|_| ())
        }
        Way::ByHand(_) => Ok(()),
    }
}

/// Step 3, its second half: it comes back when the node serves, so all nodes have to do it at about the same time.
pub fn enable(node: &Node<'_>) -> Outcome<()> {
    inside::must(node, SERVE, &["systemctl", "enable", "--now", "kafka-node"]).map(|_| ())
}

/// The packaged file of the founding cluster; where the bed has another number of nodes, one like it.
fn configuration(places: &Places, bed: &Bed) -> Outcome<String> {
    if bed.settings.nodes == 3 {
        let founding = places.root.join("config/three-nodes.toml");
        let text = fs::read_to_string(&founding).during(|| format!("read {}", founding.display()))?;
        return Ok(format!("{text}{HEAPS}"));
    }
    let nodes = bed.nodes().map(|node| format!("\n[[node]]\nname = \"{}\"\nid = {}\n", node.host(), node.number));
    Ok(format!("[cluster]\nname = \"kafka\"\n{}{HEAPS}", nodes.collect::<String>()))
}

/// Puts one more file where the nodes see it; its path there.
pub fn share_file(bed: &Bed, file: &Path) -> Outcome<String> {
    let name = name_of(file)?;
    let to = bed.share().join(&name);
    fs::copy(file, &to).during(|| format!("copy {} to {}", file.display(), to.display()))?;
    Ok(format!("/mnt/share/{name}"))
}

/// The next release of the package that is installed, around the very program that a node has: an upgrade.
pub fn next_release(places: &Places, progress: &Progress, node: &Node<'_>) -> Outcome<PathBuf> {
    let leader = power::leader(node).ok_or_else(|| Failure::new(format!("{} is off", node.host())))?;
    let binary = node.bed.dir.join("kafka-node");
    let installed = format!("/proc/{leader}/root/usr/bin/kafka-node");
    fs::copy(&installed, &binary).during(|| format!("copy {installed}"))?;
    release(places, progress, Some(binary), 2)
}

fn release(places: &Places, progress: &Progress, binary: Option<PathBuf>, release: u32) -> Outcome<PathBuf> {
    let out = places.cache.join("testbed/packages");
    let options = rpm::Options { binary, out: Some(out), release };
    rpm::run(places, progress, &options).during(|| "make the package".into())
}

fn name_of(path: &Path) -> Outcome<String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    name.ok_or_else(|| Failure::new(format!("{} is no file", path.display())))
}
