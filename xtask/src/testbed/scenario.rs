//! The bed's tests: which there are, in which order, and how they are run and reported. Each brings the cluster to where it
//! begins by itself, so that each can be run alone. Absent on purpose: skipping; one that cannot run here has failed.

mod clients;
mod load;
mod lock;
mod outage;
mod package;
mod power_down;
mod rolling;
mod supervisor;
mod unit;

use std::fs;
use std::time::{Duration, Instant};

use super::bed::Bed;
use super::install::Way;
use super::stage::Stage;
use super::{inside, power};
use crate::failure::{Failure, Outcome};
use crate::interrupt;
use crate::places::Places;
use crate::progress::{Progress, seconds};

/// How long a question after a failure may take.
const POST_MORTEM: Duration = Duration::from_secs(10);
/// What is kept of each node after a failure.
const QUESTIONS: [&str; 5] = [
    "systemctl status --no-pager --full kafka-node",
    "kafka-node status",
    "kafka-node history --lines 60",
    "journalctl --no-pager -o short-precise -u kafka-node -n 400",
    "ps -ef",
];

/// One test.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// What `--only` takes.
    pub name: &'static str,
    /// What it proves.
    pub what: &'static str,
    /// How long it may take, on a machine that builds on the side.
    limit: Duration,
    /// Needs a package: removal and upgrade are the package's own deeds.
    package: bool,
    act: fn(&Stage<'_>) -> Outcome<String>,
}

const fn scenario(
    name: &'static str,
    limit: u64,
    act: fn(&Stage<'_>) -> Outcome<String>,
    what: &'static str,
) -> Scenario {
    Scenario { name, what, limit: Duration::from_secs(limit), package: false, act }
}

const fn of_package(scenario: Scenario) -> Scenario {
    Scenario { package: true, ..scenario }
}

/// All of them, in the order they run: the first needs a fresh bed, the last leaves none.
pub const ALL: [Scenario; 20] = [
    scenario("install", 420, unit::install, "three steps a node, and the whole cluster serves"),
    scenario(
        "status",
        180,
        unit::status,
        "systemctl status reads well, the unit is enabled, verify passes on every node",
    ),
    scenario("start", 240, unit::start, "stop leaves an empty cgroup and a clean log, start comes back when serving"),
    scenario(
        "killed",
        240,
        supervisor::killed,
        "kill -9 of the supervisor: both JVMs run on, are adopted, and stop cleanly after",
    ),
    scenario("hangs", 240, supervisor::hangs, "SIGSTOP of the supervisor: the watchdog ends it, both JVMs run on"),
    scenario("reload", 240, unit::reload, "reload keeps pids, and refuses a bad configuration without harm"),
    scenario(
        "partition",
        300,
        outage::partition,
        "a node cut off from the others: the cluster serves, and is whole again after",
    ),
    scenario(
        "reboot",
        300,
        outage::reboot,
        "reboot of one node: Kafka stopped cleanly, the cluster is whole again without help",
    ),
    scenario("power-cut", 300, outage::power_cut, "the plug of one node: the cluster is whole again without help"),
    scenario(
        "power-cut-all",
        360,
        outage::power_cut_all,
        "the plug of all nodes at once: the cluster is whole again without help",
    ),
    scenario(
        "old-kernel",
        420,
        outage::old_kernel,
        "start, kill -9 and stop where system calls newer than 3.10 answer ENOSYS",
    ),
    scenario(
        "roll-reboot",
        900,
        rolling::roll_reboot,
        "roll reboot under load: each node boots once, one after the other, no send fails and no record is lost",
    ),
    scenario(
        "reboots-at-once",
        600,
        rolling::reboots_at_once,
        "plain reboots of two nodes at the same moment: never two brokers down",
    ),
    scenario(
        "reboot-denied",
        480,
        rolling::reboot_denied,
        "a third broker is down: a reboot waits with its name in STATUS, and goes when it is back",
    ),
    scenario(
        "holder-gone",
        600,
        lock::holder_gone,
        "the lock's holder powered off for good: lock release, and another node takes it",
    ),
    scenario(
        "holder-killed",
        480,
        lock::holder_killed,
        "kill -9 of the supervisor that holds the lock: its successor gives it back when the node is well",
    ),
    scenario(
        "power-down",
        900,
        power_down::power_down,
        "all nodes powered off, 6 s apart and at once: every broker ends cleanly",
    ),
    scenario(
        "stop-cluster",
        480,
        power_down::stop_cluster,
        "stop --cluster: all units down and clean by one command, and back when started",
    ),
    of_package(scenario("upgrade", 420, package::upgrade, "rpm -U under load: no JVM restarts, no record fails")),
    of_package(scenario("remove", 300, package::remove, "rpm -e: a clean stop, the data untouched")),
];

/// The short subset: one node, one pass.
pub const SHORT: Scenario = scenario("short", 180, supervisor::short, "one node: start, kill -9, stop");

/// The scenarios of these names; all where there is none.
pub fn chosen(names: &[String], way: &Way) -> Outcome<Vec<Scenario>> {
    let with_package = matches!(way, Way::Package(_));
    let known = || ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    if let Some(unknown) = names.iter().find(|name| !ALL.iter().any(|scenario| scenario.name == **name)) {
        return Err(Failure::new(format!("there is no scenario {unknown}; there are: {}", known())));
    }
    let wanted = |scenario: &&Scenario| names.is_empty() || names.iter().any(|name| name == scenario.name);
    let chosen: Vec<Scenario> = ALL.iter().filter(wanted).copied().collect();
    match chosen.iter().find(|scenario| scenario.package && !with_package) {
        Some(scenario) if !names.is_empty() => Err(Failure::new(format!(
            "{} is about the package: it cannot run on a bed installed by hand",
            scenario.name
        ))),
        _ => Ok(chosen.into_iter().filter(|scenario| with_package || !scenario.package).collect()),
    }
}

/// Runs scenarios one after the other; the failures are put together at the end.
pub fn run(places: &Places, progress: &Progress, bed: &Bed, way: &Way, scenarios: &[Scenario]) -> Outcome<()> {
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for scenario in scenarios {
        interrupt::check()?;
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default().to_owned();
        progress.say(format!(
            "== {}: {} (at most {} s, load {load})",
            scenario.name,
            scenario.what,
            scenario.limit.as_secs()
        ));
        let begun = Instant::now();
        let stage = Stage { bed, places, progress, way, until: begun + scenario.limit };
        let done = (scenario.act)(&stage);
        let time = seconds(begun.elapsed());
        match done {
            Ok(note) => lines.push(format!("{:<14} ok      {time:>8}  {note}", scenario.name)),
            Err(failure) => {
                progress.say(format!("{} failed: {}", scenario.name, failure.chain()));
                keep_words(places, progress, bed, scenario.name);
                lines.push(format!(
                    "{:<14} FAILED  {time:>8}  again, alone: cargo xtask testbed test --only {}",
                    scenario.name, scenario.name
                ));
                failed.push(scenario.name);
                if scenario.name == ALL[0].name {
                    progress.say("nothing is installed, so no other scenario can tell anything");
                    break;
                }
            }
        }
    }
    progress.say("== summary ==");
    for line in lines {
        println!("{}", line.trim_end());
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(format!("these scenarios failed: {}", failed.join(", ")))) }
}

/// What the nodes say of themselves after a failure, in the cache's logs.
fn keep_words(places: &Places, progress: &Progress, bed: &Bed, name: &str) {
    for node in bed.nodes() {
        let mut text = format!("console and hardware:\n{}\n", power::last_words(&node));
        for question in QUESTIONS {
            let answer = inside::run(&node, POST_MORTEM, &["sh", "-c", question]);
            let said = answer.map_or_else(|failure| failure.chain(), |answer| format!("{}{}", answer.out, answer.err));
            text.push_str(&format!("\n$ {question}\n{said}\n"));
        }
        let log = places.log(&format!("testbed-{name}-{}", node.host()));
        match fs::write(&log, text) {
            Ok(()) => progress.say(format!("{}: its own words are in {}", node.host(), log.display())),
            Err(error) => progress.say(format!("{}: its words could not be kept: {error}", node.host())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_once_and_unknown_ones_are_refused() {
        let way = Way::ByHand("/b".into());
        let names: std::collections::BTreeSet<&str> = ALL.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), ALL.len());
        let refused =
            |name: &str| chosen(&[name.to_owned()], &way).err().map(|failure| failure.chain()).unwrap_or_default();
        assert!(refused("nonsense").contains("there are: install, status"), "{}", refused("nonsense"));
        assert!(refused("remove").contains("about the package"), "{}", refused("remove"));
        assert_eq!(chosen(&["reboot".to_owned()], &way).map(|found| found.len()).ok(), Some(1));
        assert_eq!(chosen(&[], &Way::Package("/p".into())).map(|found| found.len()).ok(), Some(ALL.len()));
    }
}
