//! A machine in many states -> every step as the operator reads it. Whole texts, in `tests/snapshots`.

use std::path::PathBuf;

use kafka_node::config::{self, Config};
use kafka_node::plan::setup::{
    Account, Archive, Contents, Directory, DirectoryState, Firewall, Foreign, KafkaFacts, Member, Place, Request,
    Rules, SetupFacts, SysctlFacts, User, Versioned, Zone, plan_words, steps,
};

const UID: u32 = 991;

/// The founding cluster seen from its first node, and `more` lines.
pub fn config(more: &str) -> Config {
    let text = format!("[[node]]\nname = \"kafkanode1\"\nid = 1\n{more}");
    config::read(&[("kafka-node.toml".into(), text)], Some("kafkanode1"), &[]).expect("a good configuration")
}

/// Nothing of ours is on the machine but the package's own files.
fn bare() -> SetupFacts {
    let missing = Directory { state: DirectoryState::Missing, unmounted: None };
    SetupFacts {
        account: Account { user: None, group: None, nologin: "/sbin/nologin".into(), trouble: None },
        directories: vec![missing; 5],
        kafka: KafkaFacts {
            home: Place::Missing,
            version: None,
            archive: None,
            versioned: Versioned::Missing,
            in_home: Versioned::Missing,
            free: Some(10 << 30),
        },
        firewall: Firewall::Zone(zone()),
        sysctl: sysctl("60", "65530"),
        unit: Some("[Service]\n# many\nLimitNOFILE=262144\nLimitNPROC=32768\n".into()),
    }
}

/// Everything is as it shall be.
fn done() -> SetupFacts {
    let mut facts = bare();
    facts.account = account("/sbin/nologin", &["kafka"]);
    facts.directories = vec![present(UID, 0o750); 5];
    facts.kafka.home = Place::Link("kafka-2.6.0".into());
    facts.kafka.version = Some("2.6.0".into());
    facts.kafka.versioned = Versioned::Complete;
    let mut zone = zone();
    zone.permanent = open(&["ssh", "kafka", "zookeeper"], &[]);
    zone.present = zone.permanent.clone();
    facts.firewall = Firewall::Zone(zone);
    facts.sysctl = sysctl("1", "1048576");
    facts
}

fn account(shell: &str, groups: &[&str]) -> Account {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    let user = User { uid: UID, gid: 985, shell: shell.into(), groups };
    Account { user: Some(user), group: Some(985), nologin: "/sbin/nologin".into(), trouble: None }
}

fn present(uid: u32, mode: u32) -> Directory {
    let gid = if uid == UID { 985 } else { uid };
    let state = DirectoryState::Present { uid, gid, mode, foreign: Foreign::default() };
    Directory { state, unmounted: None }
}

fn open(services: &[&str], ports: &[&str]) -> Rules {
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Rules { services: own(services), ports: own(ports) }
}

/// firewalld of a fresh CentOS, with the package's service files.
fn zone() -> Zone {
    Zone {
        name: "public".into(),
        running: true,
        known: vec!["ssh".into(), "kafka".into(), "zookeeper".into()],
        files: vec![("kafka".into(), vec![9092]), ("zookeeper".into(), vec![2181, 2888, 3888])],
        permanent: open(&["ssh"], &[]),
        present: open(&["ssh"], &[]),
    }
}

fn sysctl(swappiness: &str, maps: &str) -> SysctlFacts {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let ours = vec![pair("vm.swappiness", "1"), pair("vm.max_map_count", "262144")];
    SysctlFacts {
        files: vec![
            ("/usr/lib/sysctl.d/50-default.conf".into(), vec![pair("vm.swappiness", "30")]),
            ("/usr/lib/sysctl.d/60-kafka-node.conf".into(), ours),
        ],
        present: vec![
            ("vm.swappiness".into(), Some(swappiness.into()), true),
            ("vm.max_map_count".into(), Some(maps.into()), true),
        ],
    }
}

fn release() -> Archive {
    let file = |path: &str, size| Member { path: path.into(), size };
    let files = vec![file("libs/kafka_2.13-2.6.0.jar", 4 << 20), file("libs/zookeeper-3.5.8.jar", 1 << 20)];
    let contents = Contents { top: "kafka_2.13-2.6.0".into(), version: "2.6.0".into(), files, total: 72 << 20 };
    Archive { sha512: "0d1a".repeat(32), contents: Ok(contents) }
}

fn offered(mut facts: SetupFacts) -> (SetupFacts, Request) {
    facts.kafka.archive = Some(Ok(release()));
    (facts, Request { archive: Some("/root/kafka_2.13-2.6.0.tgz".into()), ..Request::default() })
}

fn with(mut facts: SetupFacts, change: impl FnOnce(&mut SetupFacts)) -> (SetupFacts, Request) {
    change(&mut facts);
    (facts, Request::default())
}

/// What a change makes of the founding cluster's machine.
fn shown(facts: &(SetupFacts, Request)) -> String {
    shown_of(&config(""), facts)
}

fn shown_of(config: &Config, (facts, request): &(SetupFacts, Request)) -> String {
    plan_words(&steps(config, facts, request))
}

fn directory(facts: &mut SetupFacts, state: DirectoryState) {
    facts.directories[1].state = state;
}

macro_rules! states {
    ($($name:ident: $facts:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(shown(&$facts));
        }
    )*};
}

states! {
    a_bare_machine: offered(bare());
    a_bare_machine_without_an_archive: with(bare(), |_| {});
    all_is_done: with(done(), |_| {});
    all_is_done_and_the_archive_is_offered_again: offered(done());
    a_user_with_a_shell_in_wheel: with(done(), |facts| facts.account = account("/bin/bash", &["kafka", "wheel"]));
    a_user_and_no_group: with(done(), |facts| facts.account.group = None);
    a_user_that_is_root: with(done(), |facts| {
        facts.account = account("", &[]);
        facts.account.user.as_mut().expect("set above").uid = 0;
    });
    a_hand_made_node_of_another_owner: with(done(), |facts| {
        let linked = Some(PathBuf::from("/data/kafka/x"));
        let foreign = Foreign { count: 12, more: false, example: Some("/data/kafka/a-0".into()), linked };
        directory(facts, DirectoryState::Present { uid: 0, gid: 0, mode: 0o755, foreign });
        facts.kafka.home = Place::Directory;
    });
    a_disk_that_is_not_mounted: with(bare(), |facts| facts.directories[0].unmounted = Some("/data".into()));
    files_where_directories_shall_be: with(done(), |facts| directory(facts, DirectoryState::Other("is not a directory".into())));
    modes_too_open_too_closed_and_closed_enough: with(done(), |facts| {
        facts.directories[0] = present(UID, 0o777);
        facts.directories[1] = present(UID, 0o050);
        facts.directories[2] = present(UID, 0o700);
    });
    no_firewalld_no_unit_no_sysctl_file: with(done(), |facts| {
        facts.firewall = Firewall::Absent;
        facts.unit = None;
        facts.sysctl = SysctlFacts::default();
    });
    firewalld_is_off_and_cannot_be_asked: with(done(), |facts| facts.firewall = Firewall::Off);
    firewalld_is_in_trouble: with(done(), |facts| facts.firewall = Firewall::Trouble("firewall-cmd: INVALID_ZONE: x".into()));
    firewalld_is_off: with(bare(), |facts| facts.firewall = Firewall::Zone(Zone { running: false, ..zone() }));
    firewalld_does_not_know_the_services_yet: with(bare(), |facts| {
        facts.firewall = Firewall::Zone(Zone { known: vec!["ssh".into()], present: open(&["ssh", "http"], &["8080/tcp"]), ..zone() });
    });
    firewalld_was_not_reloaded: with(done(), |facts| {
        let permanent = open(&["ssh", "kafka", "zookeeper"], &[]);
        facts.firewall = Firewall::Zone(Zone { permanent, ..zone() });
    });
    firewalld_without_the_service_files: with(bare(), |facts| {
        facts.firewall = Firewall::Zone(Zone { files: vec![], permanent: open(&[], &["2000-3000/tcp"]), ..zone() });
    });
    an_operators_own_kernel_settings: with(bare(), |facts| {
        facts.sysctl.files.push(("/etc/sysctl.d/99-ours.conf".into(), vec![("vm.swappiness".into(), "10".into())]));
    });
    a_container_that_may_not_write_kernel_settings: with(bare(), |facts| {
        facts.sysctl.present.iter_mut().for_each(|(_, _, writable)| *writable = false);
    });
}

#[test]
fn chown_is_done_where_it_is_asked_for_and_not_over_hard_links() {
    let foreign = |linked| Foreign { count: 1, more: true, example: Some("/data/kafka/a-0".into()), linked };
    let of = |linked: Option<PathBuf>| {
        let (facts, mut request) = with(done(), |facts| {
            directory(facts, DirectoryState::Present { uid: UID, gid: 985, mode: 0o750, foreign: foreign(linked) });
        });
        request.chown = true;
        shown(&(facts, request))
    };
    insta::assert_snapshot!(of(None) + "\n" + &of(Some("/data/kafka/shadow".into())));
}

#[test]
fn other_ports_get_rules_of_their_own() {
    let config = config("[kafka]\nport = 9192\n[zookeeper]\nclient_port = 2182\n");
    insta::assert_snapshot!(shown_of(&config, &with(done(), |facts| facts.firewall = Firewall::Zone(zone()))));
}

#[test]
fn a_node_of_zookeeper_alone_gets_nothing_for_a_broker() {
    let config = config("roles = [\"zookeeper\"]\n[[node]]\nname = \"k\"\nid = 2\nroles = [\"kafka\"]\n");
    insta::assert_snapshot!(shown_of(
        &config,
        &with(bare(), |facts| {
            facts.directories.pop();
        })
    ));
}

#[test]
fn a_directory_of_the_system_is_never_given_away() {
    let config = config("[kafka]\nlog_dirs = [\"/srv\"]\n");
    let steps = steps(&config, &done(), &Request::default());
    assert!(steps[2].obstacle().is_some_and(|words| words.contains("directory of the system")), "{:?}", steps[2]);
}

/// What `change` makes of the steps of an archive; only those.
fn of_kafka(change: impl FnOnce(&mut KafkaFacts, &mut Request)) -> String {
    let (mut facts, mut request) = offered(done());
    facts.kafka.home = Place::Missing;
    facts.kafka.versioned = Versioned::Missing;
    change(&mut facts.kafka, &mut request);
    let steps = steps(&config(""), &facts, &request);
    plan_words(
        &steps.into_iter().filter(|step| step.subject == kafka_node::plan::setup::Subject::Kafka).collect::<Vec<_>>(),
    )
}

#[test]
fn an_archive_is_taken_or_refused_with_the_reason() {
    let mut text = String::new();
    let mut case = |name: &str, change: &dyn Fn(&mut KafkaFacts, &mut Request)| {
        text += &format!("# {name}\n{}\n", of_kafka(change));
    };
    case("its checksum is as given", &|_, request| request.sha512 = Some("0d1a".repeat(32)));
    case("its checksum is another", &|_, request| request.sha512 = Some("f00d".repeat(32)));
    case("it cannot be read", &|facts, _| facts.archive = Some(Err("/root/k.tgz cannot be read: No such file".into())));
    case("it has a link", &|facts, _| {
        facts.archive =
            Some(Ok(Archive { contents: Err("x is a link; a release of Kafka has none".into()), ..release() }));
    });
    case("an older version is linked", &|facts, _| {
        facts.home = Place::Link("kafka-2.5.1".into());
        facts.version = Some("2.5.1".into());
    });
    case("the link is absolute, and all is there", &|facts, _| {
        facts.home = Place::Link("/opt/kafka-2.6.0".into());
        facts.versioned = Versioned::Complete;
    });
    case("an incomplete directory of that version", &|facts, _| {
        facts.versioned = Versioned::Lacks(3, "libs/zookeeper-3.5.8.jar".into());
    });
    case("a file where the directory shall be", &|facts, _| facts.versioned = Versioned::Other);
    case("a full disk", &|facts, _| facts.free = Some(100 << 20));
    case("a directory of the operator's at home", &|facts, _| facts.home = Place::Directory);
    case("a directory at home that is the same release", &|facts, _| {
        facts.home = Place::Directory;
        facts.in_home = Versioned::Complete;
    });
    case("a file at home", &|facts, _| facts.home = Place::Other);
    insta::assert_snapshot!(text);
}

#[test]
fn a_home_that_names_its_version_needs_no_link() {
    let config = config("[kafka]\nhome = \"/opt/kafka-2.6.0\"\n");
    let (mut facts, request) = offered(done());
    (facts.kafka.home, facts.kafka.versioned) = (Place::Missing, Versioned::Missing);
    let steps = steps(&config, &facts, &request);
    let kafka: Vec<&str> = steps.iter().map(|step| step.what.as_str()).filter(|what| what.contains("opt")).collect();
    assert_eq!(kafka, ["Kafka 2.6.0 in /opt/kafka-2.6.0"]);
}
