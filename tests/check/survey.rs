//! An operator's look: for each finding a machine that is good but for one fact.

use kafka_node::config::Config;
use kafka_node::model::Roles;
use kafka_node::plan::preflight::{
    Clock, DATA_LOG_DIR, DiskSighting, Finding, FirewallSighting, Kernel, Memory, Mount, NameSighting, PeerSighting,
    PortState, Survey, TopicSighting, UnitFile, UnitSighting, Weight, judge_survey,
};
use kafka_node::plan::setup::{Firewall, Rules, Zone};
use kafka_node::plan::{Plan, make};

use crate::builder::{GIB, MIB, facts, founding, property};

/// The unit that the package installs.
pub fn shipped() -> UnitFile {
    UnitFile {
        path: "/usr/lib/systemd/system/kafka-node.service".into(),
        text: include_str!("../../units/kafka-node.service").into(),
    }
}

pub fn plan() -> Plan {
    make(founding(), facts("11.0.24"))
}

fn disk(key: &'static str, path: &str, device: &str) -> DiskSighting {
    let options = ["rw", "noatime"].map(str::to_owned).to_vec();
    let mount = Mount { point: path.into(), kind: "xfs".into(), options, device: device.into() };
    DiskSighting { key, path: path.into(), mount: Ok(mount), owner: Some("kafka".into()) }
}

fn name(key: &'static str, host: &str, address: &str) -> NameSighting {
    NameSighting { key, host: host.into(), addresses: Ok(vec![address.parse().expect("an address")]) }
}

fn peer(port: u16, leader_only: bool) -> PeerSighting {
    PeerSighting { node: "kafkanode2".into(), host: "kafkanode2".into(), port, leader_only, state: PortState::Open }
}

fn zone(services: &[&str]) -> Firewall {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let rules = Rules { services: names(services), ports: vec![] };
    let files = vec![("kafka".into(), vec![9092]), ("zookeeper".into(), vec![2181, 2888, 3888])];
    let known = names(&["kafka", "zookeeper"]);
    Firewall::Zone(Zone {
        name: "public".into(),
        running: true,
        known,
        files,
        permanent: rules.clone(),
        present: rules,
    })
}

fn topic(name: &str, internal: bool, replicas: usize) -> TopicSighting {
    TopicSighting { name: name.into(), internal, replicas }
}

/// Nothing is to be said about it.
pub fn good() -> Survey {
    Survey {
        memory: Memory { available: Ok(7 * GIB), swap_used: Ok(0) },
        kernel: Kernel {
            pid_max: Ok(32768),
            threads_max: Ok(60_000),
            max_map_count: Ok(262_144),
            huge_pages: Ok("always [madvise] never\n".into()),
        },
        own_limits: (Some(262_144), Some(32768)),
        disks: vec![
            disk("[zookeeper] data_dir", "/data/zookeeper", "8:1"),
            disk("[kafka] log_dirs", "/data/kafka", "8:2"),
        ],
        segments: Ok(1000),
        clock: Ok(Clock::Kept),
        names: vec![name("address", "kafkanode1", "10.0.2.4")],
        peers: vec![peer(2181, false), peer(2888, true), peer(3888, false), peer(9092, false)],
        firewall: FirewallSighting::Asked(zone(&["kafka", "zookeeper", "ssh"])),
        unit: UnitSighting { files: vec![shipped()], unreadable: vec![] },
        topics: Some((vec![topic("__consumer_offsets", true, 3), topic("orders", false, 3)], 3)),
        as_root: true,
        running: false,
    }
}

fn mount(seen: &mut Survey, index: usize) -> &mut Mount {
    seen.disks[index].mount.as_mut().expect("it is known")
}

type Change = fn(&mut Config, &mut Survey);

/// What is changed, and the finding that comes of it.
pub const CASES: &[(&str, Weight, &str, Change)] = &[
    ("memory-busy", Weight::Warn, "800 MB of memory are available now", |_, s| s.memory.available = Ok(800 * MIB)),
    ("swap-used", Weight::Advise, "200 MB of swap", |_, s| s.memory.swap_used = Ok(200 * MIB)),
    ("huge-pages", Weight::Advise, "\"always\"", |_, s| s.kernel.huge_pages = Ok("[always] madvise never\n".into())),
    ("kernel-threads", Weight::Warn, "kernel.pid_max is 4096", |_, s| s.kernel.pid_max = Ok(4096)),
    ("kernel-threads", Weight::Warn, "kernel.threads-max is 5000", |_, s| s.kernel.threads_max = Ok(5000)),
    ("map-count", Weight::Advise, "good for 27765 log segments", |_, s| s.kernel.max_map_count = Ok(65530)),
    ("map-count", Weight::Warn, "its 70000 log segments", |_, s| {
        s.segments = Ok(70_000);
        s.kernel.max_map_count = Ok(140_000);
    }),
    ("open-files", Weight::Warn, "kafka-node.service may open 262144 files, and the broker wants 310000", |_, s| {
        s.segments = Ok(100_000);
    }),
    ("open-files", Weight::Warn, "kafka-node.service may open 4096 files", |_, s| drop_in(s, "LimitNOFILE=1024:4096")),
    ("open-files", Weight::Warn, "sets no LimitNOFILE", |_, s| without(s, "LimitNOFILE=")),
    ("processes", Weight::Warn, "may have 1024 processes", |_, s| drop_in(s, "LimitNPROC=1024")),
    ("clock-adrift", Weight::Warn, "no time service", |_, s| s.clock = Ok(Clock::Adrift)),
    ("directory-owner", Weight::Warn, "/data/kafka belongs to root, and the service runs as kafka", |_, s| {
        s.disks[1].owner = Some("root".into());
    }),
    ("path-temporary", Weight::Warn, "[paths] state_dir /tmp/x lies below /tmp", |c, _| {
        c.paths.state_dir = "/tmp/x".into();
    }),
    ("path-temporary", Weight::Warn, "log_dir /var/tmp/x lies below /var/tmp", |c, _| {
        c.log.files = true;
        c.paths.log_dir = "/var/tmp/x".into();
    }),
    ("path-temporary", Weight::Warn, "dataLogDir /tmp/zk lies", |c, _| {
        c.zookeeper.properties.push(property("dataLogDir", "/tmp/zk", 7));
    }),
    ("mounted-read-only", Weight::Refuse, "read-only", |_, s| mount(s, 1).options = vec!["ro".into()]),
    ("file-system-remote", Weight::Warn, "of type nfs4", |_, s| mount(s, 1).kind = "nfs4".into()),
    ("file-system-volatile", Weight::Warn, "of type tmpfs", |_, s| mount(s, 0).kind = "tmpfs".into()),
    ("file-system-layer", Weight::Warn, "of type overlay", |_, s| mount(s, 0).kind = "overlay".into()),
    ("file-system-rare", Weight::Advise, "of type btrfs", |_, s| mount(s, 0).kind = "btrfs".into()),
    ("no-noatime", Weight::Advise, "/data/kafka is mounted without noatime", |_, s| {
        mount(s, 1).options = vec!["rw".into(), "relatime".into()];
    }),
    ("one-disk", Weight::Advise, "/data/zookeeper and /data/kafka are on one disk", |_, s| {
        mount(s, 0).device = "8:2".into();
    }),
    ("own-name-loopback", Weight::Warn, "address kafkanode1 of this node resolves to 127.0.1.1", |_, s| {
        s.names = vec![name("address", "kafkanode1", "127.0.1.1")];
    }),
    ("own-name-loopback", Weight::Warn, "advertised 127.0.0.1 of", |_, s| {
        s.names.push(name("advertised", "127.0.0.1", "127.0.0.1"));
    }),
    ("own-name-unresolved", Weight::Warn, "advertised k1.example.org of this node does not resolve", |_, s| {
        let addresses = Err("Name or service not known".into());
        s.names.push(NameSighting { key: "advertised", host: "k1.example.org".into(), addresses });
    }),
    (
        "peer-unreachable",
        Weight::Advise,
        "kafkanode2 is not reachable now: port 2181 refused, port 9092 refused",
        |_, s| {
            for index in [0, 1, 3] {
                s.peers[index].state = PortState::Refused;
            }
        },
    ),
    ("peer-unreachable", Weight::Advise, "port 2888 no answer", |_, s| {
        s.peers[1].state = PortState::Silent("no answer".into());
    }),
    ("peer-unreachable", Weight::Advise, "not reachable now: kafkanode2 does not resolve (unknown)", |_, s| {
        for peer in &mut s.peers {
            peer.state = PortState::Unresolved("unknown".into());
        }
    }),
    ("firewall-closed", Weight::Warn, "zone public lacks it", |_, s| {
        s.firewall = FirewallSighting::Asked(zone(&["ssh"]));
    }),
    ("not-known", Weight::Note, "only root may ask it", |_, s| s.firewall = FirewallSighting::NotRoot),
    ("unit-absent", Weight::Note, "is not installed", |_, s| s.unit.files.clear()),
    (
        "internal-topic-one-replica",
        Weight::Warn,
        "one replica alone, with 3 brokers, of __consumer_offsets:",
        |_, s| {
            s.topics = Some((vec![topic("__consumer_offsets", true, 1)], 3));
        },
    ),
    ("topic-one-replica", Weight::Advise, "one replica alone of 6 topics (a, b, c, d, e, ..)", |_, s| {
        s.topics = Some((["a", "b", "c", "d", "e", "f"].map(|name| topic(name, false, 1)).to_vec(), 2));
    }),
];

/// Facts that look bad and are not.
const FINE: &[(&str, Change)] = &[
    ("a node that runs has taken its memory", |_, s| {
        s.memory.available = Ok(500 * MIB);
        s.running = true;
    }),
    ("a kernel without huge pages", |_, s| s.kernel.huge_pages = Ok(String::new())),
    ("a follower does not listen on the peer port", |_, s| s.peers[1].state = PortState::Refused),
    ("no firewalld", |_, s| s.firewall = FirewallSighting::Asked(Firewall::Absent)),
    ("no broker answers", |_, s| s.topics = None),
    ("one broker alone", |_, s| s.topics = Some((vec![topic("__consumer_offsets", true, 1)], 1))),
    ("a stranger cannot be told by the owner", |_, s| {
        s.as_root = false;
        s.disks[1].owner = Some("root".into());
    }),
    ("a trial may stand in memory", |c, s| {
        c.paths.allow_temporary = true;
        mount(s, 0).kind = "tmpfs".into();
    }),
    ("ZooKeeper's log has a disk of its own", |_, s| {
        mount(s, 0).device = "8:2".into();
        s.disks.push(disk(DATA_LOG_DIR, "/zklog", "8:3"));
    }),
    ("a whole cluster on the loopback interface", |c, s| {
        for (node, address) in c.nodes.iter_mut().zip(["127.0.0.1", "127.0.0.2", "127.0.0.3"]) {
            node.address = address.into();
        }
        s.names = vec![name("address", "127.0.0.1", "127.0.0.1")];
    }),
    ("a node alone", |c, s| {
        c.nodes.truncate(1);
        s.names = vec![name("address", "localhost", "127.0.0.1")];
    }),
    ("ZooKeeper alone maps no segments", |c, s| {
        c.nodes[0].roles = Roles { zookeeper: true, kafka: false };
        s.kernel.max_map_count = Ok(65530);
        s.segments = Err("never mind".into());
        s.unit.files[0].text = s.unit.files[0].text.replace("LimitNOFILE=262144", "");
    }),
];

fn drop_in(seen: &mut Survey, line: &str) {
    let path = "/etc/systemd/system/kafka-node.service.d/local.conf".into();
    seen.unit.files.push(UnitFile { path, text: format!("[Service]\n{line}\n") });
}

fn without(seen: &mut Survey, start: &str) {
    let text = &mut seen.unit.files[0].text;
    *text = text.lines().filter(|line| !line.starts_with(start)).collect::<Vec<_>>().join("\n");
}

/// The findings about the good machine after `change`.
pub fn judged(change: impl Fn(&mut Config, &mut Survey)) -> Vec<Finding> {
    let (mut config, mut seen) = (founding(), good());
    change(&mut config, &mut seen);
    judge_survey(&make(config, facts("11.0.24")), &seen)
}

#[test]
fn nothing_is_said_of_a_good_machine_nor_of_what_only_looks_bad() {
    assert_eq!(judge_survey(&plan(), &good()), []);
    for (what, change) in FINE {
        assert_eq!(judged(change), [], "{what}");
    }
}

#[test]
fn each_bad_fact_has_its_one_finding() {
    for (code, weight, text, change) in CASES {
        let findings = judged(change);
        let [finding] = findings.as_slice() else { panic!("{code}, {text}: {findings:#?}") };
        assert_eq!((finding.code, finding.weight), (*code, *weight), "{}", finding.text);
        assert!(finding.text.contains(text), "{text}: {}", finding.text);
        assert!(!finding.text.ends_with('.') && !finding.remedy.ends_with('.'), "{finding:?}");
        assert_eq!(finding.remedy.is_empty(), *code == "not-known", "{finding:?}");
        assert_eq!(finding.wait, None, "the supervisor is never held back by it");
    }
}

#[test]
fn what_could_not_be_read_is_said_and_never_refused() {
    let no = || "x: Permission denied (os error 13)".to_owned();
    let findings = judged(|_, s| {
        s.memory = Memory { available: Err(no()), swap_used: Err(no()) };
        s.kernel =
            Kernel { pid_max: Err(no()), threads_max: Err(no()), max_map_count: Err(no()), huge_pages: Err(no()) };
        s.own_limits = (None, None);
        for disk in &mut s.disks {
            disk.mount = Err(no());
            disk.owner = None;
        }
        s.segments = Err(no());
        s.clock = Err(no());
        s.firewall = FirewallSighting::Asked(Firewall::Trouble(no()));
        s.unit = UnitSighting { files: vec![], unreadable: vec![no()] };
        s.topics = None;
        s.as_root = false;
    });
    assert_eq!(findings.len(), 13, "{findings:#?}");
    for finding in findings.iter().filter(|finding| finding.code != "unit-absent") {
        assert_eq!((finding.code, finding.weight), ("not-known", Weight::Note), "{}", finding.text);
        assert!(
            finding.text.ends_with(&format!("is not known: {}", no())) || finding.text.contains("says is not"),
            "{finding:?}"
        );
    }
}

#[test]
fn jars_of_two_releases_and_unknown_releases_are_told() {
    let judged = |kafka: &str, zookeeper: &str| {
        let mut facts = facts("11.0.24");
        facts.kafka.kafka = Some(kafka.into());
        facts.kafka.zookeeper = Some(zookeeper.into());
        judge_survey(&make(founding(), facts), &good()).iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    for (kafka, zookeeper) in [("2.6.0", "3.5.8"), ("2.8.2", "3.5.9"), ("3.5.1", "3.6.4"), ("3.9.1", "3.8.4")] {
        assert!(judged(kafka, zookeeper).is_empty(), "{kafka} with {zookeeper}");
    }
    assert_eq!(judged("2.6.0", "3.4.14"), ["zookeeper-line"]);
    assert_eq!(judged("3.9.1", "3.5.8"), ["zookeeper-line"]);
    assert_eq!([judged("2.5.1", "3.5.8"), judged("x", "3.5.8")], [["kafka-untried"], ["kafka-untried"]]);
}

#[test]
fn the_heaviest_comes_first_and_one_mount_is_told_once() {
    let findings = judged(|_, s| {
        for index in 0..2 {
            *mount(s, index) = Mount { point: "/".into(), kind: "xfs".into(), options: vec![], device: "8:1".into() };
        }
        s.clock = Ok(Clock::Adrift);
        s.firewall = FirewallSighting::NotRoot;
    });
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["clock-adrift", "no-noatime", "one-disk", "not-known"]);
}
