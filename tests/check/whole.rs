//! Whole outputs of `check`, for a machine with nothing wrong and for one with nearly everything wrong. Files stand below a temporary
//! root; ports and names are real, on loopback addresses of our own.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use kafka_node::cli::check::{Eyes, examine};
use kafka_node::config::Config;
use kafka_node::host::programs::{Answer, Programs};
use kafka_node::model::Roles;
use kafka_node::observe::host::HostRoot;
use serde_json::Value;
use tempfile::TempDir;

use crate::builder::{founding, node};

struct Machine {
    directory: TempDir,
    config: Config,
    eyes: Eyes,
}

/// Programs of a machine that keeps its time and filters nothing.
struct Calm;
/// Programs of a machine without time, whose firewall is closed.
struct Closed;

fn said(out: &str) -> Result<Answer, String> {
    Ok(Answer { code: Some(0), out: out.into(), err: String::new() })
}

impl Programs for Calm {
    fn has(&self, _name: &str) -> bool {
        false
    }

    fn run(&mut self, words: &[String]) -> Result<Answer, String> {
        assert_eq!(words, ["timedatectl"]);
        said("System clock synchronized: yes\n")
    }
}

impl Programs for Closed {
    fn has(&self, name: &str) -> bool {
        name == "firewall-cmd"
    }

    fn run(&mut self, words: &[String]) -> Result<Answer, String> {
        match words.last().map(String::as_str) {
            Some("timedatectl") => said("NTP synchronized: no\n"),
            Some("--state") => said("running\n"),
            Some("--get-default-zone") => said("public\n"),
            Some("--list-services") => said("ssh\n"),
            Some(_) | None => said("\n"),
        }
    }
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().expect("id is there");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Machine {
    fn new(programs: fn() -> Box<dyn Programs>) -> Machine {
        // Below /tmp whatever TMPDIR says: that is part of what is found.
        let directory = tempfile::tempdir_in("/tmp").expect("a directory");
        let mut config = founding();
        config.zookeeper.data_dir = directory.path().join("data/zookeeper");
        config.kafka.log_dirs = vec![directory.path().join("data/kafka")];
        config.kafka.home = directory.path().join("opt/kafka");
        config.paths.state_dir = directory.path().join("state");
        let root = HostRoot { root: directory.path().to_path_buf(), environment: vec![] };
        let machine = Machine { directory, config, eyes: Eyes { root, as_root: true, programs } };
        fs::create_dir_all(machine.path("data/zookeeper")).expect("made");
        fs::create_dir_all(machine.path("data/kafka")).expect("made");
        machine
            .write("opt/kafka/libs/kafka_2.13-2.6.0.jar", "")
            .write("opt/kafka/libs/zookeeper-3.5.8.jar", "")
            .write("proc/self/status", "Cpus_allowed_list:\t0-3\n")
            .write("proc/net/tcp", "  sl  local_address rem_address   st\n");
        machine
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.directory.path().join(path)
    }

    fn write(&self, path: &str, text: &str) -> &Machine {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("its directory");
        fs::write(path, text.replace("ROOT", &self.directory.path().display().to_string())).expect("the file");
        self
    }

    fn java(&self, version: &str) -> &Machine {
        self.write("usr/lib/jvm/java-x/bin/java", "")
            .write("usr/lib/jvm/java-x/release", &format!("JAVA_VERSION=\"{version}\"\n"))
    }

    /// Both outputs, without what depends on the disk of the testing machine.
    fn output(&self) -> String {
        let begun = Instant::now();
        let (verdict, _) = examine(self.config.clone(), &self.eyes, None);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let mut json: Value = serde_json::from_str(&verdict.json()).expect("JSON");
        let findings = json["findings"].as_array_mut().expect("a list");
        let mut words = verdict.words();
        findings.retain(|finding| {
            let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            let kept = !["disk-low", "disk-inodes", "disk-full", "heap-dump-space"].contains(&word("code").as_str());
            if !kept {
                let at = words.find(&word("text")).expect("both say the same");
                let start = words[..at].rfind('\n').map_or(0, |newline| newline + 1);
                let end = words[at..].find(&word("remedy")).expect("and the remedy") + at + word("remedy").len() + 1;
                words.replace_range(start..end, "");
            }
            kept
        });
        let json = serde_json::to_string_pretty(&json).expect("JSON");
        let text = format!("$ kafka-node check\n{words}\n$ kafka-node check --json\n{json}\n");
        let text = text.replace(&self.directory.path().display().to_string(), "ROOT");
        text.replace(&format!("belongs to {},", whoami()), "belongs to USER,")
    }
}

/// Four ports that are free on `own`, and listened on at the others.
fn ports(own: &str, others: &[&str]) -> ([u16; 4], Vec<TcpListener>) {
    loop {
        let probes: Vec<TcpListener> = (0..4).map(|_| TcpListener::bind((own, 0)).expect("a port")).collect();
        let port = |n: usize| probes[n].local_addr().expect("an address").port();
        let found = [port(0), port(1), port(2), port(3)];
        let held: Option<Vec<_>> =
            others.iter().flat_map(|host| found.map(|port| TcpListener::bind((*host, port)).ok())).collect();
        if let Some(held) = held {
            return (found, held);
        }
    }
}

fn on_loopback(config: &mut Config, addresses: [&str; 3], ports: [u16; 4]) {
    for (node, address) in config.nodes.iter_mut().zip(addresses) {
        node.address = address.into();
        node.bind = address.into();
        node.advertised = address.into();
    }
    let zookeeper = &mut config.zookeeper;
    [zookeeper.client_port, zookeeper.peer_port, zookeeper.election_port, config.kafka.port] = ports;
}

#[test]
fn of_a_perfect_machine_there_is_nothing_to_say() {
    let mut machine = Machine::new(|| Box::new(Calm));
    let addresses = ["127.0.61.1", "127.0.61.2", "127.0.61.3"];
    let (ports, _held) = ports(addresses[0], &addresses[1..]);
    on_loopback(&mut machine.config, addresses, ports);
    // The temporary root stands below /tmp.
    machine.config.paths.allow_temporary = true;
    // Not as root: to whom the directories belong is no matter then.
    machine.eyes.as_root = false;
    let memory = "MemTotal: 8181760 kB\nMemAvailable: 7500000 kB\nSwapTotal: 2097152 kB\nSwapFree: 2097152 kB\n";
    let mounts = "1 0 8:1 / / rw,noatime - xfs /dev/sda1 rw\n\
                  2 1 8:2 / ROOT/data/zookeeper rw,noatime shared:1 - ext4 /dev/sdb1 rw\n\
                  3 1 8:3 / ROOT/data/kafka rw,noatime - xfs /dev/sdc1 rw\n";
    machine
        .java("11.0.24")
        .write("proc/meminfo", memory)
        .write("proc/self/mountinfo", mounts)
        .write("proc/sys/vm/swappiness", "1\n")
        .write("proc/sys/vm/max_map_count", "262144\n")
        .write("proc/sys/kernel/pid_max", "32768\n")
        .write("proc/sys/kernel/threads-max", "62000\n")
        .write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
        .write("usr/lib/systemd/system/kafka-node.service", include_str!("../../units/kafka-node.service"))
        .write("etc/systemd/system/kafka-node.service.d/10-tz.conf", "[Service]\nEnvironment=TZ=UTC\n");
    // No finding may come of a node whose log is there.
    machine.write("data/kafka/orders-0/00000000000000000000.log", "");
    insta::assert_snapshot!(machine.output());
}

#[test]
fn of_an_awful_machine_everything_is_said_at_once_the_worst_first() {
    let mut machine = Machine::new(|| Box::new(Closed));
    on_loopback(&mut machine.config, ["localhost", "127.0.61.9", "127.0.61.10"], [21811, 28881, 38881, 9931]);
    let alone = Roles { zookeeper: false, kafka: true };
    machine.config.nodes.push(node("kafkanode4.invalid", 4, alone));
    let memory = "MemTotal: 4000000 kB\nMemAvailable: 300000 kB\nSwapTotal: 2097152 kB\nSwapFree: 1097152 kB\n";
    let mounts = "1 0 8:1 / / rw,relatime - ext3 /dev/sda1 rw\n\
                  3 1 0:50 / ROOT/data/kafka ro,relatime - nfs4 nas:/kafka rw,vers=4.1\n";
    let drop_in = "[Service]\nKillMode=mixed\nRestart=no\nTimeoutStopSec=90\nWatchdogSec=0\nLimitNOFILE=4096\n\
                   MemoryMax=512M\nPrivateTmp=yes\n";
    machine
        .java("14.0.2")
        .write("proc/meminfo", memory)
        .write("proc/self/mountinfo", mounts)
        .write("proc/sys/vm/swappiness", "60\n")
        .write("proc/sys/vm/max_map_count", "65530\n")
        .write("proc/sys/kernel/pid_max", "4096\n")
        .write("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n")
        .write("usr/lib/systemd/system/kafka-node.service", include_str!("../../units/kafka-node.service"))
        .write("etc/systemd/system/kafka-node.service.d/local.conf", drop_in)
        .write("data/zookeeper/myid", "3\n")
        .write("data/kafka/meta.properties", "broker.id=2\n")
        .write("opt/kafka/libs/zookeeper-3.4.14.jar", "");
    fs::remove_file(machine.path("opt/kafka/libs/zookeeper-3.5.8.jar")).expect("it was there");
    let text = machine.output();
    // Resolvers word it each in their way.
    let text = ["Name or service not known", "Temporary failure in name resolution"]
        .into_iter()
        .fold(text, |text, words| text.replace(words, "WORDS"));
    insta::assert_snapshot!(text);
}

#[test]
fn a_look_changes_nothing_and_without_kafka_and_java_the_rest_is_said_all_the_same() {
    let machine = Machine::new(|| Box::new(Calm));
    machine.write("proc/meminfo", "MemTotal: 4000000 kB\n");
    fs::remove_dir_all(machine.path("opt")).expect("removed");
    let list = |at: &Path| {
        let output = Command::new("find").arg(at).args(["-printf", "%p %s %T@\n"]).output().expect("find is there");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let before = list(machine.directory.path());
    let (verdict, plan) = examine(machine.config.clone(), &machine.eyes, None);
    assert_eq!(before, list(machine.directory.path()));
    assert!(plan.is_none() && !verdict.ok());
    let json = verdict.json();
    for code in ["kafka-home", "\"java\"", "directory-temporary", "not-known", "unit-absent"] {
        assert!(json.contains(code), "{code}: {json}");
    }
    assert!(!json.contains("kafka-untried") && !json.contains("zookeeper-line"), "{json}");
}
