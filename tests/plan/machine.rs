//! Facts of a machine made of files, and looks at real directories, sockets and names. Nothing of what is looked at is changed.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kafka_node::config::Config;
use kafka_node::model::{NodeName, PreflightOutcome, Role, Roles, WaitReason};
use kafka_node::observe::host::{self, HostRoot};
use kafka_node::observe::preflight::{look_at, outcome};
use kafka_node::plan::preflight::{BindState, Content, DirectoryState, Finding, LoggingPath, Sightings, Weight, judge};
use kafka_node::plan::{Plan, make};

use crate::builder::{facts, founding, node};

const LIMIT: Duration = Duration::from_secs(20);

/// A machine below a temporary directory, and a node of one member on a loopback address.
struct Machine {
    directory: tempfile::TempDir,
    root: HostRoot,
    config: Config,
}

impl Machine {
    fn new(address: &str) -> Machine {
        let directory = tempfile::tempdir().expect("a directory");
        let mut config = founding();
        config.nodes = vec![node("alone", 1, Roles::BOTH)];
        for node in &mut config.nodes {
            node.address = address.into();
            node.bind = address.into();
        }
        config.zookeeper.data_dir = directory.path().join("data/zookeeper");
        config.kafka.log_dirs = vec![directory.path().join("data/kafka")];
        config.kafka.home = directory.path().join("opt/kafka");
        config.paths.state_dir = directory.path().join("state");
        config.paths.allow_temporary = true;
        let environment = vec![("PATH".into(), "/nowhere".into()), ("LANG".into(), "C".into())];
        let root = HostRoot { root: directory.path().to_path_buf(), environment };
        Machine { directory, root, config }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn write(&self, path: &str, text: &str) -> &Machine {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("its directory");
        fs::write(path, text).expect("the file");
        self
    }

    fn make(&self, path: &str) -> &Machine {
        fs::create_dir_all(self.path(path)).expect("the directory");
        self
    }

    fn plan(&self) -> Plan {
        make(self.config.clone(), facts("11.0.24"))
    }

    fn look(&self, role: Role) -> Sightings {
        look_at(&self.root, &self.plan(), role, LIMIT)
    }

    fn findings(&self, role: Role) -> Vec<Finding> {
        let findings = judge(&self.plan(), role, &self.look(role));
        // How full the disk and how small the limits of the testing machine are is not the matter.
        findings.into_iter().filter(|finding| finding.weight > Weight::Warn).collect()
    }

    /// Every path below it with its content, to see that a look changes nothing.
    fn contents(&self) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        fn walk(directory: &Path, into: &mut Vec<(PathBuf, Option<Vec<u8>>)>) {
            for entry in fs::read_dir(directory).expect("a directory").flatten() {
                into.push((entry.path(), fs::read(entry.path()).ok()));
                if entry.path().is_dir() {
                    walk(&entry.path(), into);
                }
            }
        }
        let mut contents = Vec::new();
        walk(self.directory.path(), &mut contents);
        contents.sort();
        contents
    }
}

#[test]
fn the_facts_of_a_machine_are_read_and_a_plan_made_of_them() {
    let mut machine = Machine::new("127.0.31.1");
    machine
        .write("proc/meminfo", "MemTotal:        8181760 kB\nSwapTotal: 0 kB\n")
        .write("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-3\n")
        .write("proc/self/cgroup", "4:memory:/kafka\n3:cpu:/kafka\n")
        .write(
            "proc/self/mountinfo",
            "30 25 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n31 25 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
        )
        .write("sys/fs/cgroup/memory/kafka/memory.limit_in_bytes", "6442450944\n")
        .write("sys/fs/cgroup/cpu/kafka/cpu.cfs_quota_us", "250000\n")
        .write("sys/fs/cgroup/cpu/kafka/cpu.cfs_period_us", "100000\n")
        .write("opt/kafka/libs/kafka_2.13-2.6.0.jar", "")
        .write("opt/kafka/libs/zookeeper-3.5.8.jar", "")
        .write("usr/lib/jvm/java-11/bin/java", "")
        .write("usr/lib/jvm/java-11/release", "JAVA_VERSION=\"11.0.24\"\n");
    let facts = host::facts(&machine.config, &machine.root).expect("everything is there");
    assert_eq!((facts.memory, facts.cgroup_memory, facts.cores), (8_181_760 * 1024, Some(6 << 30), 3));
    assert_eq!(
        (facts.java.version.as_str(), facts.java.home.clone()),
        ("11.0.24", machine.path("usr/lib/jvm/java-11"))
    );
    assert_eq!(facts.kafka.kafka.as_deref(), Some("2.6.0"));
    assert_eq!(facts.kafka.zookeeper.as_deref(), Some("3.5.8"));
    assert_eq!(
        facts.environment,
        [("PATH".to_string(), "/nowhere".to_string()), ("LANG".to_string(), "C".to_string())]
    );
    let plan = make(machine.config.clone(), facts);
    assert_eq!(plan.memory.total, 6 << 30);

    machine.config.kafka.home = machine.path("opt/nothing");
    let refusal = host::facts(&machine.config, &machine.root).expect_err("there are no libs").to_string();
    assert!(refusal.starts_with("[kafka] home: ") && refusal.contains("opt/nothing/libs cannot be read"), "{refusal}");
    machine.make("opt/nothing/libs");
    let refusal = host::facts(&machine.config, &machine.root).expect_err("they are empty").to_string();
    assert!(refusal.contains("has no kafka_*.jar: unpack kafka_2.13-2.6.0.tgz there"), "{refusal}");
    machine.write("opt/nothing/libs/kafka_2.13-4.0.0.jar", "").write("opt/nothing/libs/zookeeper-3.5.8.jar", "");
    let refusal = host::facts(&machine.config, &machine.root).expect_err("it is too new").to_string();
    assert!(refusal.ends_with("holds Kafka 4.0.0, which runs without ZooKeeper only: use 2.6 to 3.9"), "{refusal}");
}

#[test]
fn what_logging_needs_is_looked_for() {
    let mut machine = Machine::new("127.0.31.1");
    machine.make("data/kafka").make("data/zookeeper");
    let log4j = machine.path("log4j.properties");
    machine.config.kafka.log4j = Some(log4j.clone());
    machine.config.log.files = true;
    // It is not there yet, and may be made.
    machine.config.paths.log_dir = machine.path("logs/kafka-node");
    let missing = machine.look(Role::Kafka).logging;
    assert_eq!(
        missing.iter().map(|sighting| (sighting.what, sighting.path.clone())).collect::<Vec<_>>(),
        [(LoggingPath::Log4j, log4j)]
    );
    assert_eq!(machine.look(Role::ZooKeeper).logging, []);
    machine.write("log4j.properties", "");
    assert_eq!(machine.look(Role::Kafka).logging, []);
}

#[test]
fn this_machine_tells_its_facts() {
    let mut machine = Machine::new("127.0.31.1");
    machine.write("opt/kafka/libs/kafka_2.13-2.6.0.jar", "").write("opt/kafka/libs/zookeeper-3.5.8.jar", "");
    machine.config.kafka.home = machine.path("opt/kafka");
    let facts = host::facts(&machine.config, &HostRoot::machine()).expect("this machine has a Java");
    assert!(facts.memory > 1 << 28 && facts.cores >= 1 && facts.java.major >= 8, "{facts:?}");
}

#[test]
fn a_ready_node_is_clear_and_a_look_changes_nothing() {
    let machine = Machine::new("127.0.31.2");
    machine
        .make("state")
        .write("data/zookeeper/myid", "1\n")
        .write("data/zookeeper/version-2/log.1", "x")
        .write("data/kafka/meta.properties", "broker.id=1\nversion=0\ncluster.id=AAA\n");
    let before = machine.contents();
    for role in Role::ALL {
        let findings = machine.findings(role);
        assert_eq!((findings.as_slice(), outcome(&findings)), ([].as_slice(), PreflightOutcome::Clear));
    }
    assert_eq!(machine.contents(), before);
}

#[test]
fn what_stands_at_a_directory_is_told_apart() {
    let mut machine = Machine::new("127.0.31.3");
    machine.make("data/usable").write("data/file", "").write("data/other/meta.properties", "broker.id=9\n");
    symlink(machine.path("data/usable"), machine.path("data/link")).expect("a link");
    let directories = ["data/usable", "data/missing", "data/file", "data/file/below", "data/link", "data/other"];
    machine.config.kafka.log_dirs = directories.iter().map(|path| machine.path(path)).collect();
    let seen = machine.look(Role::Kafka);
    let states: Vec<_> = seen.directories.iter().map(|directory| directory.state.clone()).collect();
    use DirectoryState::{Missing, NotADirectory, Usable};
    assert_eq!(states, [Usable, Missing, NotADirectory, NotADirectory, Usable, Usable]);
    let linked = seen.directories.get(4).and_then(|directory| directory.real.clone());
    assert_eq!(linked, fs::canonicalize(machine.path("data/usable")).ok());
    let identity = seen.directories.get(5).map(|directory| directory.identity.clone());
    assert_eq!(identity, Some(Content::Bytes(b"broker.id=9\n".to_vec())));
    assert!(seen.directories.iter().filter(|d| d.state == Usable).all(|d| d.space.is_some()), "{seen:?}");
}

#[test]
fn a_directory_that_others_own_is_denied() {
    // Root may do everything: what the kernel itself forbids stands in for another owner's directory.
    let mut machine = Machine::new("127.0.31.4");
    let denied =
        if nix::unistd::geteuid().is_root() { PathBuf::from("/proc/self/fdinfo") } else { PathBuf::from("/etc") };
    machine.config.kafka.log_dirs = vec![denied.clone()];
    let seen = machine.look(Role::Kafka);
    let state = seen.directories.first().map(|directory| directory.state.clone());
    let usable = nix::unistd::access(&denied, nix::unistd::AccessFlags::W_OK).is_ok();
    assert_eq!(matches!(state, Some(DirectoryState::Denied(_))), !usable, "{state:?}");
}

#[test]
fn a_mount_of_fstab_that_is_not_there_is_waited_for() {
    let mut machine = Machine::new("127.0.31.5");
    machine.config.kafka.log_dirs = vec!["/srv/data/kafka".into()];
    machine.write("etc/fstab", "/dev/sdb1 /srv/data xfs defaults 0 0\n");
    machine.write("proc/self/mountinfo", "36 35 98:0 / / rw - xfs /dev/sda rw\n");
    let held = outcome(&machine.findings(Role::Kafka));
    assert_eq!(held, PreflightOutcome::Held(vec![WaitReason::Mount { path: "/srv/data".into() }]));
    machine.write(
        "proc/self/mountinfo",
        "36 35 98:0 / / rw - xfs /dev/sda rw\n37 36 98:1 / /srv/data rw - xfs /dev/sdb1 rw\n",
    );
    let seen = machine.look(Role::Kafka);
    assert_eq!(seen.directories.first().map(|d| d.unmounted.clone()), Some(None));
}

#[test]
fn a_port_is_told_with_its_holder() {
    let mut machine = Machine::new("127.0.31.6");
    machine.root.root = PathBuf::from("/");
    machine.make("state").make("data/kafka").make("data/zookeeper");
    let held = TcpListener::bind("127.0.31.6:0").expect("a free port");
    let port = held.local_addr().expect("its address").port();
    machine.config.kafka.port = port;
    let findings = machine.findings(Role::Kafka);
    let pid = std::process::id();
    let words = findings.first().map(|finding| finding.text.clone()).unwrap_or_default();
    assert!(words.starts_with(&format!("[kafka] port {port} is held by pid {pid} (")), "{findings:?}");
    assert!(
        matches!(outcome(&findings), PreflightOutcome::Held(reasons) if matches!(reasons.as_slice(), [WaitReason::PortHeld { .. }]))
    );
    drop(held);
    assert_eq!(machine.findings(Role::Kafka), []);
}

#[test]
fn an_address_of_another_machine_and_names_of_nobody_are_waited_for() {
    let mut machine = Machine::new("192.0.2.77");
    machine.make("data/zookeeper");
    for (id, name) in [(2, "nobody.invalid"), (3, "localhost")] {
        machine.config.nodes.push(node(name, id, Roles::BOTH));
    }
    let seen = machine.look(Role::ZooKeeper);
    assert!(seen.binds.iter().all(|bind| matches!(bind.state, BindState::NotUp(_))), "{seen:?}");
    assert_eq!(seen.binds.len(), 3, "client, peer and election port");
    assert_eq!(seen.unresolved, [NodeName::new("nobody.invalid")]);
    let own = WaitReason::OwnAddress { address: "192.0.2.77".into() };
    let names = WaitReason::PeerNames { names: vec![NodeName::new("nobody.invalid")] };
    assert_eq!(outcome(&machine.findings(Role::ZooKeeper)), PreflightOutcome::Held(vec![own, names]));
}
