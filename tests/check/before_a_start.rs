//! What a start looks at has codes too: one bad fact for each. The words are in `tests/plan/findings.rs`.

use kafka_node::config::Heap;
use kafka_node::model::{NodeName, Role};
use kafka_node::plan::make;
use kafka_node::plan::preflight::{
    BindSighting, BindState, Content, DirectorySighting, DirectoryState, Holder, Listener, LoggingPath,
    LoggingSighting, Sightings, Space, UnitSighting, Weight, judge, seen_by_a_stranger,
};

use crate::builder::{GIB, MIB, facts, founding};
use crate::survey::{good, plan};

fn directory(role: Role) -> DirectorySighting {
    let (path, key) = match role {
        Role::ZooKeeper => ("/data/zookeeper", "[zookeeper] data_dir"),
        Role::Kafka => ("/data/kafka", "[kafka] log_dirs"),
    };
    DirectorySighting {
        path: path.into(),
        key,
        real: Some(path.into()),
        unmounted: None,
        state: DirectoryState::Usable,
        space: Some(Space { free: 50 * GIB, total: 100 * GIB, free_files: Some(1_000_000) }),
        identity: Content::Absent,
        foreign: vec![],
    }
}

fn space(free: u64, free_files: u64) -> Option<Space> {
    Some(Space { free, total: 100 * GIB, free_files: Some(free_files) })
}

fn bytes(text: &str) -> Content {
    Content::Bytes(text.as_bytes().to_vec())
}

fn bind(state: BindState) -> Vec<BindSighting> {
    vec![BindSighting { key: "[kafka] port", host: "kafkanode1".into(), port: 9092, state }]
}

fn held(seen: &mut Sightings, command: &str) {
    let address = "10.0.2.4".parse().expect("an address");
    seen.binds = bind(BindState::Up(address));
    let holder = Some(Holder { pid: 7, command: vec![command.into()] });
    seen.listeners = vec![Listener { address, port: 9092, holder }];
}

type Change = fn(&mut Sightings);

pub const CASES: &[(&str, Role, Change)] = &[
    ("directory-unmounted", Role::Kafka, |s| s.directories[0].unmounted = Some("/data".into())),
    ("directory-missing", Role::Kafka, |s| s.directories[0].state = DirectoryState::Missing),
    ("directory-other", Role::Kafka, |s| s.directories[0].state = DirectoryState::NotADirectory),
    ("directory-denied", Role::Kafka, |s| s.directories[0].state = DirectoryState::Denied("no".into())),
    ("directory-foreign", Role::Kafka, |s| s.directories[0].foreign = vec!["/data/kafka/.lock".into()]),
    ("directory-temporary", Role::Kafka, |s| s.directories[0].real = Some("/tmp/x".into())),
    ("identity-unreadable", Role::Kafka, |s| s.directories[0].identity = Content::Unreadable("no".into())),
    ("identity-myid", Role::ZooKeeper, |s| s.directories[0].identity = bytes("2\n")),
    ("identity-kraft", Role::Kafka, |s| s.directories[0].identity = bytes("node.id=1\n")),
    ("identity-broker", Role::Kafka, |s| s.directories[0].identity = bytes("broker.id=2\n")),
    ("identity-cluster", Role::Kafka, |s| {
        s.directories[0].identity = bytes("cluster.id=a\n");
        s.directories.push(DirectorySighting { identity: bytes("cluster.id=b\n"), ..directory(Role::Kafka) });
    }),
    ("disk-full", Role::Kafka, |s| s.directories[0].space = space(MIB, 1_000_000)),
    ("disk-inodes", Role::Kafka, |s| s.directories[0].space = space(50 * GIB, 7)),
    ("disk-low", Role::Kafka, |s| s.directories[0].space = space(GIB, 1_000_000)),
    ("open-files", Role::Kafka, |s| s.open_files = Some(1024)),
    ("swappiness", Role::Kafka, |s| s.swappiness = Some(60)),
    ("heap-dump-space", Role::Kafka, |s| s.state_space = Some(GIB)),
    ("log4j-unreadable", Role::Kafka, |s| s.logging = vec![logging(LoggingPath::Log4j)]),
    ("log-dir-unwritable", Role::Kafka, |s| s.logging = vec![logging(LoggingPath::LogDir)]),
    ("look-unanswered", Role::Kafka, |s| s.unanswered = Some("/data".into())),
    ("address-not-up", Role::Kafka, |s| s.binds = bind(BindState::NotUp("10.0.2.9".parse().expect("one")))),
    ("address-unresolved", Role::Kafka, |s| s.binds = bind(BindState::Unresolved("unknown".into()))),
    ("port-held", Role::Kafka, |s| held(s, "nginx")),
    ("port-earlier-run", Role::Kafka, |s| held(s, "/run/kafka-node/server.properties")),
    ("peers-unresolved", Role::ZooKeeper, |s| s.unresolved = vec![NodeName::new("kafkanode2")]),
];

fn logging(what: LoggingPath) -> LoggingSighting {
    LoggingSighting { what, path: "/x".into(), words: "no".into() }
}

fn seen(role: Role, change: Change) -> Sightings {
    let mut seen = Sightings { directories: vec![directory(role)], ..Sightings::default() };
    change(&mut seen);
    seen
}

/// `heaps` and `path-colon` come of the plan alone.
pub fn of_the_plan() -> Vec<&'static str> {
    let mut config = founding();
    config.kafka.heap = Heap::Bytes(64 * GIB);
    config.paths.state_dir = "/var/a:b".into();
    let findings = judge(&make(config, facts("11.0.24")), Role::Kafka, &seen(Role::Kafka, |_| ()));
    findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn each_bad_fact_has_its_code_and_a_good_directory_none() {
    for role in Role::ALL {
        assert_eq!(judge(&plan(), role, &seen(role, |_| ())), []);
    }
    for (code, role, change) in CASES {
        let findings = judge(&plan(), *role, &seen(*role, *change));
        let codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [*code]);
        let held = findings[0].weight >= Weight::Wait;
        assert_eq!(findings[0].wait.is_some(), held, "{code}: what holds a start back says what is waited for");
    }
    assert_eq!(of_the_plan(), ["heaps", "path-colon"]);
}

#[test]
fn what_a_stranger_may_not_do_is_a_note_and_what_anybody_sees_is_not() {
    let mut survey = good();
    for (code, weight) in [("directory-denied", Weight::Note), ("directory-missing", Weight::Refuse)] {
        let (_, role, change) = CASES.iter().find(|(known, _, _)| *known == code).expect("it is there");
        let judged = |survey: &_, user| {
            let mut findings = judge(&plan(), *role, &seen(*role, *change));
            seen_by_a_stranger(&mut findings, survey, user);
            findings.remove(0)
        };
        survey.as_root = false;
        let finding = judged(&survey, "bob");
        assert_eq!(finding.weight, weight, "{}", finding.text);
        assert_eq!(finding.text.ends_with("(asked as bob; the service runs as kafka)"), weight == Weight::Note);
        assert_eq!(judged(&survey, "kafka").weight, Weight::Refuse, "the user itself is no stranger");
        survey.as_root = true;
        assert_eq!(judged(&survey, "root").weight, Weight::Refuse);
        survey.unit = UnitSighting::default();
        survey.as_root = false;
        assert_eq!(judged(&survey, "bob").weight, Weight::Refuse, "without a unit whoever asks is the user");
        survey = good();
    }
}
