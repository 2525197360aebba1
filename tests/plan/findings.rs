//! Every finding of the look before a start, read aloud: it names the file, key or path, and says what to do.

use kafka_node::config::Heap;
use kafka_node::model::{NodeName, Role, WaitReason};
use kafka_node::plan::preflight::{
    BindSighting, BindState, Content, DirectorySighting, DirectoryState, Finding, Holder, Listener, LoggingPath,
    LoggingSighting, Sightings, Space, Weight, judge,
};
use kafka_node::plan::{Plan, make};
use proptest::prelude::*;

use crate::builder::{GIB, MIB, facts, founding};

fn plan() -> Plan {
    make(founding(), facts("11.0.24"))
}

fn zookeeper_dir() -> DirectorySighting {
    DirectorySighting {
        path: "/data/zookeeper".into(),
        key: "[zookeeper] data_dir",
        real: Some("/data/zookeeper".into()),
        unmounted: None,
        state: DirectoryState::Usable,
        space: Some(Space { free: 50 * GIB, total: 100 * GIB, free_files: Some(1_000_000) }),
        identity: Content::Bytes(b"1\n".to_vec()),
        foreign: vec![],
    }
}

fn log_dir(path: &str, meta: &[u8]) -> DirectorySighting {
    let identity = if meta.is_empty() { Content::Absent } else { Content::Bytes(meta.to_vec()) };
    DirectorySighting {
        path: path.into(),
        key: "[kafka] log_dirs",
        real: Some(path.into()),
        identity,
        ..zookeeper_dir()
    }
}

fn seen(directory: DirectorySighting) -> Sightings {
    Sightings { directories: vec![directory], ..Sightings::default() }
}

/// The one finding, as an operator reads it: weight, text, remedy.
fn read(role: Role, sightings: Sightings) -> String {
    aloud(&judge(&plan(), role, &sightings))
}

fn aloud(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|f| format!("{:?}: {}\n  -> {}", f.weight, f.text, f.remedy));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_stands_against_a_healthy_node() {
    assert_eq!(judge(&plan(), Role::ZooKeeper, &seen(zookeeper_dir())), []);
    let meta = b"#\n#Sun Nov 22 13:12:34 UTC 2026\nbroker.id=1\nversion=0\ncluster.id=abc\n";
    assert_eq!(judge(&plan(), Role::Kafka, &seen(log_dir("/data/kafka", meta))), []);
    assert_eq!(
        judge(&plan(), Role::Kafka, &seen(log_dir("/data/kafka", b""))),
        [],
        "an empty directory is a new broker"
    );
}

#[test]
fn a_directory_that_is_missing_or_no_directory_or_not_ours_is_refused() {
    let state = |state| read(Role::ZooKeeper, seen(DirectorySighting { state, ..zookeeper_dir() }));
    assert_eq!(
        state(DirectoryState::Missing),
        "Refuse: [zookeeper] data_dir /data/zookeeper is missing\n  -> make it: install -d -o kafka -g kafka -m 0750 /data/zookeeper"
    );
    assert_eq!(
        state(DirectoryState::NotADirectory),
        "Refuse: [zookeeper] data_dir /data/zookeeper is not a directory\n  -> point the key at a directory"
    );
    assert_eq!(
        state(DirectoryState::Denied("Permission denied".into())),
        "Refuse: [zookeeper] data_dir /data/zookeeper cannot be read and written by kafka: Permission denied\n  \
         -> give it to the user that runs kafka-node: chown -R kafka /data/zookeeper"
    );
}

#[test]
fn files_of_another_user_in_it_are_refused() {
    let directory = DirectorySighting {
        foreign: vec!["/data/zookeeper/version-2".into(), "/data/zookeeper/version-2/log.1".into()],
        ..zookeeper_dir()
    };
    assert_eq!(
        read(Role::ZooKeeper, seen(directory)),
        "Refuse: /data/zookeeper/version-2 and 1 more in [zookeeper] data_dir cannot be written by kafka\n  \
         -> somebody ran the service as another user: chown -R kafka /data/zookeeper (as root, with the service down)"
    );
}

#[test]
fn a_mount_that_is_to_come_is_waited_for_whether_the_directory_is_there_or_not() {
    for state in [DirectoryState::Missing, DirectoryState::Usable] {
        let directory = DirectorySighting { unmounted: Some("/data".into()), state, ..zookeeper_dir() };
        let findings = judge(&plan(), Role::ZooKeeper, &seen(directory));
        assert_eq!(
            aloud(&findings),
            "Wait: [zookeeper] data_dir /data/zookeeper lies on /data, which is to be mounted (/etc/fstab) and is not yet\n  \
             -> mount /data, or take it out of /etc/fstab"
        );
        let wait = findings.first().and_then(|f| f.wait.clone());
        assert_eq!(wait, Some(WaitReason::Mount { path: "/data".into() }));
    }
}

#[test]
fn data_below_tmp_is_refused_unless_allowed_also_through_a_link() {
    let expected = "Refuse: [zookeeper] data_dir /data/zookeeper lies below /tmp, which is emptied behind your back\n  \
                    -> choose a directory on a disk of its own, or set [paths] allow_temporary = true for a trial";
    let linked = DirectorySighting { real: Some("/tmp/zk".into()), ..zookeeper_dir() };
    assert_eq!(read(Role::ZooKeeper, seen(linked.clone())), expected);
    let mut config = founding();
    config.paths.allow_temporary = true;
    assert_eq!(judge(&make(config, facts("11.0.24")), Role::ZooKeeper, &seen(linked)), []);
    let near = DirectorySighting { path: "/tmpdata".into(), real: Some("/tmpdata".into()), ..zookeeper_dir() };
    assert_eq!(read(Role::ZooKeeper, seen(near)), "", "/tmpdata is not below /tmp");
}

#[test]
fn a_foreign_myid_is_refused_and_never_written_over() {
    let identity = |identity| read(Role::ZooKeeper, seen(DirectorySighting { identity, ..zookeeper_dir() }));
    assert_eq!(
        identity(Content::Bytes(b"2\n".to_vec())),
        "Refuse: /data/zookeeper/myid says \"2\", and [[node]] kafkanode1 has id = 1\n  \
         -> this is the data of another member, or the id was changed: set the id that the directory has, or point \
         [zookeeper] data_dir at this node's own; kafka-node never writes over myid"
    );
    assert!(
        identity(Content::Bytes(b"\xff\x00one".to_vec()))
            .starts_with("Refuse: /data/zookeeper/myid says \"\u{fffd}?one\"")
    );
    assert!(identity(Content::Bytes(vec![])).contains("says \"\""), "an empty myid stops ZooKeeper: it is told here");
    assert_eq!(
        identity(Content::Unreadable("Permission denied".into())),
        "Refuse: /data/zookeeper/myid cannot be read: Permission denied\n  -> give it to kafka, the user that runs kafka-node"
    );
    assert_eq!(identity(Content::Absent), "", "it is written at the first start");
}

#[test]
fn log_directories_of_another_broker_or_of_two_clusters_are_refused() {
    assert_eq!(
        read(Role::Kafka, seen(log_dir("/data/kafka", b"broker.id=3\nversion=0\n"))),
        "Refuse: /data/kafka/meta.properties has broker.id=3, and [[node]] kafkanode1 has id = 1\n  \
         -> this is the data of another broker, or the id was changed: set the id that the directory has, or point \
         [kafka] log_dirs at this node's own"
    );
    assert!(read(Role::Kafka, seen(log_dir("/data/kafka", b"node.id=1\nversion=1\n"))).contains("KRaft"));
    let two = vec![
        log_dir("/data/a", b"broker.id=1\ncluster.id=AAA\n"),
        log_dir("/data/new", b""),
        log_dir("/data/b", b"broker.id=1\ncluster.id=BBB\n"),
    ];
    assert_eq!(
        read(Role::Kafka, Sightings { directories: two, ..Sightings::default() }),
        "Refuse: meta.properties of /data/a and of /data/b name different clusters, AAA and BBB\n  \
         -> one of them is a disk of another cluster: keep those of this one in [kafka] log_dirs"
    );
}

#[test]
fn a_full_disk_is_refused_and_a_filling_one_warned_of() {
    let space = |free, total, free_files| {
        let space = Some(Space { free, total, free_files });
        read(Role::ZooKeeper, seen(DirectorySighting { space, ..zookeeper_dir() }))
    };
    assert_eq!(
        space(20 * MIB, 100 * GIB, None),
        "Refuse: the disk of [zookeeper] data_dir /data/zookeeper has 20 MB left; zookeeper needs 80 MB to start\n  \
         -> free space on it; nothing is deleted by kafka-node"
    );
    assert_eq!(
        space(3 * GIB, 100 * GIB, None),
        "Warn: the disk of [zookeeper] data_dir /data/zookeeper has 3 GB of 100 GB left\n  \
         -> free space, or lower retention, before writes stop"
    );
    assert!(
        space(50 * GIB, 100 * GIB, Some(12))
            .starts_with("Warn: the disk of [zookeeper] data_dir /data/zookeeper can hold 12 more files")
    );
}

fn bound(state: BindState, listeners: Vec<Listener>) -> Sightings {
    let bind = BindSighting { key: "[zookeeper] client_port", host: "kafkanode1".into(), port: 2181, state };
    Sightings { binds: vec![bind], listeners, ..Sightings::default() }
}

#[test]
fn an_address_that_is_not_up_or_not_known_is_waited_for() {
    let own = "10.0.2.4".parse().expect("an address");
    assert_eq!(
        read(Role::ZooKeeper, bound(BindState::NotUp(own), vec![])),
        "Wait: kafkanode1 resolves to 10.0.2.4, which is not up on this machine\n  \
         -> bring the interface up, or mend address and bind of this [[node]]"
    );
    let findings =
        judge(&plan(), Role::ZooKeeper, &bound(BindState::Unresolved("Name or service not known".into()), vec![]));
    assert_eq!(
        aloud(&findings),
        "Wait: the node's own address kafkanode1 does not resolve: Name or service not known\n  \
         -> add it to /etc/hosts or DNS, or set address of this [[node]] to an IP address"
    );
    let wait = findings.first().and_then(|f| f.wait.clone());
    assert_eq!(wait, Some(WaitReason::OwnAddress { address: "kafkanode1".into() }));
}

#[test]
fn a_port_held_by_a_stranger_is_refused_by_pid_and_command() {
    let own = "10.0.2.4".parse().expect("an address");
    let listener = |holder| Listener { address: "::".parse().expect("an address"), port: 2181, holder };
    let stranger = Holder { pid: 4711, command: vec!["nc".into(), "-l".into(), "2181".into()] };
    let findings = judge(&plan(), Role::ZooKeeper, &bound(BindState::Up(own), vec![listener(Some(stranger))]));
    assert_eq!(
        aloud(&findings),
        "Refuse: [zookeeper] client_port 2181 is held by pid 4711 (nc -l 2181)\n  -> stop pid 4711, or change [zookeeper] client_port"
    );
    let wait = findings.first().and_then(|f| f.wait.clone());
    assert_eq!(wait, Some(WaitReason::PortHeld { port: 2181, holder: "pid 4711 (nc -l 2181)".into() }));
    assert_eq!(
        read(Role::ZooKeeper, bound(BindState::Up(own), vec![listener(None)])),
        "Refuse: [zookeeper] client_port 2181 is held by a process that we may not see (another user's)\n  \
         -> find it as root: ss -ltnp 'sport = :2181'; stop it, or change [zookeeper] client_port"
    );
    let elsewhere = Listener { address: "10.9.9.9".parse().expect("an address"), port: 2181, holder: None };
    assert_eq!(read(Role::ZooKeeper, bound(BindState::Up(own), vec![elsewhere])), "");
}

#[test]
fn a_port_held_by_our_own_earlier_run_is_waited_for() {
    let own = "10.0.2.4".parse().expect("an address");
    let command = vec!["java".into(), "/run/kafka-node/zookeeper.properties".into()];
    let listener = Listener { address: own, port: 2181, holder: Some(Holder { pid: 99, command }) };
    let findings = judge(&plan(), Role::ZooKeeper, &bound(BindState::Up(own), vec![listener]));
    assert_eq!(
        aloud(&findings),
        "Wait: zookeeper of an earlier kafka-node still runs as pid 99 and holds port 2181\n  \
         -> it is waited for; end it with kill 99 if it is not wanted"
    );
    assert_eq!(findings.first().and_then(|f| f.wait.clone()), Some(WaitReason::EarlierRun { pid: 99 }));
}

#[test]
fn only_zookeeper_waits_for_the_names_of_its_peers() {
    let unresolved = vec![NodeName::new("kafkanode2"), NodeName::new("kafkanode3")];
    let sightings = Sightings { unresolved, ..Sightings::default() };
    assert_eq!(
        read(Role::ZooKeeper, sightings.clone()),
        "Wait: addresses of other nodes do not resolve: kafkanode2, kafkanode3\n  \
         -> add them to /etc/hosts or DNS, or set address of those [[node]] to IP addresses"
    );
    assert_eq!(read(Role::Kafka, sightings), "");
}

#[test]
fn heaps_beyond_memory_are_refused() {
    let mut config = founding();
    config.kafka.heap = Heap::Bytes(12 * GIB);
    let plan = make(config, facts("11.0.24"));
    assert_eq!(
        aloud(&judge(&plan, Role::Kafka, &Sightings::default())),
        "Refuse: the heaps need 12 GB (768 MB zookeeper, 12 GB kafka), and there are 7.8 GB of memory\n  \
         -> lower heap in [zookeeper] or [kafka], or leave it at \"auto\"; the page cache should keep half"
    );
}

#[test]
fn a_colon_in_a_path_that_java_splits_is_refused() {
    let mut config = founding();
    config.kafka.home = "/opt/kafka:2".into();
    let plan = make(config, facts("11.0.24"));
    assert_eq!(
        aloud(&judge(&plan, Role::Kafka, &Sightings::default())),
        "Refuse: [kafka] home /opt/kafka:2 holds a colon, which separates paths for Java\n  -> choose a path without one"
    );
}

#[test]
fn what_is_merely_unwise_is_a_warning() {
    let sightings =
        Sightings { open_files: Some(1024), swappiness: Some(60), state_space: Some(GIB), ..Sightings::default() };
    assert_eq!(
        read(Role::Kafka, sightings),
        "Warn: the broker may open 1024 files, and wants 65536 or more\n  -> set LimitNOFILE=100000 in the unit\n\
         Warn: vm.swappiness is 60 and there is swap: a heap that is swapped out stalls its JVM\n  -> set vm.swappiness = 1 in /etc/sysctl.d\n\
         Warn: [paths] state_dir /var/lib/kafka-node has 1 GB left; a heap dump of kafka takes up to 1984 MB\n  \
         -> free space there, or add -XX:-HeapDumpOnOutOfMemoryError to [kafka] jvm_options"
    );
}

#[test]
fn logging_that_cannot_be_is_a_warning() {
    let seen = |what, path: &str, words: &str| Sightings {
        logging: vec![LoggingSighting { what, path: path.into(), words: words.into() }],
        ..Sightings::default()
    };
    assert_eq!(
        read(Role::Kafka, seen(LoggingPath::Log4j, "/etc/k.properties", "No such file or directory (os error 2)")),
        "Warn: [kafka] log4j /etc/k.properties cannot be read (No such file or directory (os error 2)): kafka would log nothing but errors of log4j\n  \
         -> mend the path, or leave log4j at \"auto\""
    );
    assert_eq!(
        read(Role::ZooKeeper, seen(LoggingPath::LogDir, "/var/log/kafka-node", "Permission denied")),
        "Warn: [paths] log_dir /var/log/kafka-node cannot be written (Permission denied): the log goes to the journal only\n  \
         -> make it and give it to the user that runs kafka-node (install -d -o kafka /var/log/kafka-node)"
    );
}

#[test]
fn a_disk_that_does_not_answer_is_waited_for() {
    let sightings = Sightings { unanswered: Some("/data/zookeeper".into()), ..Sightings::default() };
    assert_eq!(
        read(Role::ZooKeeper, sightings),
        "Wait: /data/zookeeper took too long to look at\n  -> see whether a disk or a file server hangs (dmesg)"
    );
}

#[test]
fn the_heaviest_finding_comes_first() {
    let mut sightings = seen(DirectorySighting { state: DirectoryState::Missing, ..zookeeper_dir() });
    sightings.unresolved = vec![NodeName::new("kafkanode2")];
    sightings.swappiness = Some(60);
    let weights: Vec<_> = judge(&plan(), Role::ZooKeeper, &sightings).iter().map(|f| f.weight).collect();
    assert_eq!(weights, [Weight::Refuse, Weight::Wait, Weight::Warn]);
}

proptest! {
    #[test]
    fn no_identity_panics_or_breaks_a_line(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let zookeeper = DirectorySighting { identity: Content::Bytes(bytes.clone()), ..zookeeper_dir() };
        for (role, directory) in [(Role::ZooKeeper, zookeeper), (Role::Kafka, log_dir("/data/kafka", &bytes))] {
            for finding in judge(&plan(), role, &seen(directory)) {
                prop_assert!(!finding.text.contains(['\n', '\x1b']), "{}", finding.text);
            }
        }
    }
}
