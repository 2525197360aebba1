//! Whatever the old files say: imported, loaded and rendered it says the same, but for what the report has a word for.

use std::collections::BTreeMap;

use kafka_node::config;
use kafka_node::model::Role;
use kafka_node::plan::import::{Inputs, Kind, Outcome, Text, import};
use kafka_node::plan::{HostFacts, Java, KafkaInstall, make, properties};
use proptest::prelude::*;

fn facts() -> HostFacts {
    HostFacts {
        memory: 8 << 30,
        cgroup_memory: None,
        cores: 2,
        java: Java { home: "/java".into(), version: "11.0.24".into(), major: 11, found: "PATH".into() },
        kafka: KafkaInstall::default(),
        user: "kafka".into(),
        environment: vec![],
    }
}

type File = BTreeMap<String, String>;

fn text(name: &str, file: &File) -> Option<Text> {
    let lines: String = file.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    Some(Text { path: name.into(), bytes: lines.into_bytes() })
}

/// The one spelling of values that mean the same.
fn plain(key: &str, value: &str) -> String {
    match key {
        "listeners" => value.replace("://:", "://0.0.0.0:"),
        "log.dirs" => value.replace(", ", ","),
        _ => value.trim().to_owned(),
    }
}

fn rendered(outcome: &Outcome, node: &str) -> BTreeMap<(Role, String), String> {
    let toml = outcome.toml.clone().expect("it was made");
    let config = config::read(&[("kafka-node.toml".into(), toml.clone())], Some(node), &[]);
    let plan = make(config.unwrap_or_else(|errors| panic!("{errors}\n{toml}")), facts());
    let files = plan.services.iter().map(|service| (service.role, service.files.first().expect("properties")));
    files
        .flat_map(|(role, file)| properties::parse(file.text.as_bytes()).into_iter().map(move |(k, v)| ((role, k), v)))
        .collect()
}

/// Keys of the broker that operators set, with values that a start would take.
fn broker_key() -> impl Strategy<Value = (String, String)> {
    let numbers = prop::sample::select(vec![
        "num.network.threads",
        "num.io.threads",
        "num.partitions",
        "num.recovery.threads.per.data.dir",
        "log.retention.hours",
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
        "transaction.state.log.min.isr",
        "default.replication.factor",
        "min.insync.replicas",
        "message.max.bytes",
        "replica.fetch.wait.max.ms",
        "replica.fetch.backoff.ms",
        "group.initial.rebalance.delay.ms",
        "zookeeper.session.timeout.ms",
        "zookeeper.connection.timeout.ms",
        "reserved.broker.max.id",
        "num.replica.fetchers",
    ]);
    let values = prop::sample::select(vec!["0", "1", "2", "3", "8", "100", "168", "200", "18000", "6000", "1000"]);
    let flags = prop::sample::select(vec![
        "unclean.leader.election.enable",
        "auto.create.topics.enable",
        "delete.topic.enable",
        "log.cleaner.enable",
        "controlled.shutdown.enable",
        "auto.leader.rebalance.enable",
        "broker.id.generation.enable",
    ]);
    let texts = prop::sample::select(vec![
        "broker.rack",
        "ssl.keystore.password",
        "listener.name.x.sasl.jaas.config",
        "some.unknown-key",
    ]);
    prop_oneof![
        (numbers, values).prop_map(|(key, value)| (key.to_owned(), value.to_owned())),
        (flags, any::<bool>()).prop_map(|(key, value)| (key.to_owned(), value.to_string())),
        (texts, "[a-zA-Z0-9\"'=:;,.$ -]{1,30}").prop_map(|(key, value)| (key.to_owned(), value)),
    ]
}

fn zookeeper_key() -> impl Strategy<Value = (String, String)> {
    let keys = prop::sample::select(vec![
        "tickTime",
        "initLimit",
        "syncLimit",
        "maxClientCnxns",
        "autopurge.snapRetainCount",
        "autopurge.purgeInterval",
        "snapCount",
        "globalOutstandingLimit",
        "minSessionTimeout",
    ]);
    let values = prop::sample::select(vec!["0", "3", "5", "10", "24", "2000", "60"]);
    let words = prop::sample::select(vec!["*", "srvr", "stat, ruok", "srvr,mntr", "ruok"]);
    let flags = prop::sample::select(vec!["forceSync", "skipACL", "quorumListenOnAllIPs", "admin.enableServer"]);
    prop_oneof![
        (keys, values).prop_map(|(key, value)| (key.to_owned(), value.to_owned())),
        words.prop_map(|value| ("4lw.commands.whitelist".to_owned(), value.to_owned())),
        (flags, prop::sample::select(vec!["yes", "no", "true", "false"]))
            .prop_map(|(k, v)| (k.to_owned(), v.to_owned())),
    ]
}

prop_compose! {
    /// Both files of node 2 of three.
    fn files()(
        broker in prop::collection::vec(broker_key(), 0..10),
        member in prop::collection::vec(zookeeper_key(), 0..8),
        (client, peer, election, port) in (2000u16..2100, 2800u16..2900, 3800u16..3900, 9000u16..9100),
        listens in prop::sample::select(vec!["", "0.0.0.0", "n2", "10.0.2.5", "127.0.0.1"]),
        advertises in prop::option::of(prop::sample::select(vec!["n2", "broker2.example.com", "10.0.2.5", "localhost"])),
        dirs in prop::sample::select(vec!["/data/kafka", "/data/a, /data/b/", "/tmp/kafka-logs", "/data/n2/kafka", "/a,/b,/c"]),
        (data, address, ssl) in (
            prop::sample::select(vec!["/data/zookeeper", "/data/n2/zk/", "/tmp/zk"]),
            prop::option::of(prop::sample::select(vec!["n2", "0.0.0.0", "10.0.2.5"])),
            any::<bool>(),
        ),
    ) -> (File, File) {
        let mut server: File = broker.into_iter().collect();
        let mut zookeeper: File = member.into_iter().collect();
        let mut server_set = |key: &str, value: String| drop(server.insert(key.to_owned(), value));
        server_set("broker.id", "2".into());
        server_set("zookeeper.connect", [1, 2, 3].map(|n| format!("n{n}:{client}")).join(","));
        server_set("log.dirs", dirs.into());
        let more = if ssl { format!(",SSL://{listens}:9999") } else { String::new() };
        server_set("listeners", format!("PLAINTEXT://{listens}:{port}{more}"));
        if let Some(host) = advertises {
            let more = if ssl { format!(",SSL://{host}:9999") } else { String::new() };
            server_set("advertised.listeners", format!("PLAINTEXT://{host}:{port}{more}"));
        }
        let mut set = |key: String, value: String| drop(zookeeper.insert(key, value));
        set("dataDir".into(), data.into());
        set("clientPort".into(), client.to_string());
        if let Some(address) = address {
            set("clientPortAddress".into(), address.into());
        }
        for node in 1..=3 {
            set(format!("server.{node}"), format!("n{node}:{peer}:{election}"));
        }
        (server, zookeeper)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_value_is_the_same_or_has_a_word((server, zookeeper) in files()) {
        let inputs = Inputs {
            server: text("server.properties", &server),
            zookeeper: text("zookeeper.properties", &zookeeper),
            my_id: Some(Text { path: "myid".into(), bytes: b"2\n".to_vec() }),
            host_names: vec!["n2".into()],
            hosts: vec![("10.0.2.5".into(), "n2".into())],
            ..Inputs::default()
        };
        let outcome = import(&inputs).expect("both are properties");
        let refused: Vec<_> = outcome.notes.iter().filter(|note| note.kind == Kind::Refused).collect();
        // SSL on every address, and nothing advertised: Kafka itself refuses that.
        if server.get("listeners").is_some_and(|text| text.contains("0.0.0.0") && text.contains("SSL")) && !server.contains_key("advertised.listeners") {
            return Ok(());
        }
        prop_assert!(refused.is_empty(), "{refused:?}");
        for node in ["n1", "n3"] {
            rendered(&outcome, node);
        }
        let now = rendered(&outcome, "n2");
        for (role, file) in [(Role::Kafka, &server), (Role::ZooKeeper, &zookeeper)] {
            for (key, value) in file {
                let word = |kind: Kind| outcome.notes.iter().any(|note| note.key == *key && note.kind == kind);
                if word(Kind::Left) || word(Kind::Danger) {
                    continue;
                }
                prop_assert!(word(Kind::Taken) || word(Kind::ByNode), "no word for {key}={value}");
                let now = now.get(&(role, key.clone())).map(|now| plain(key, now));
                let slashes = |text: String| text.trim_end_matches('/').replace("/,", ",");
                prop_assert_eq!(now.map(slashes), Some(slashes(plain(key, value))), "{}", key);
            }
        }
    }

    #[test]
    fn no_bytes_panic(server in prop::collection::vec(any::<u8>(), 0..200), tail in "[a-z.=\n:/0-9]{0,80}") {
        let bytes = [b"broker.id=1\n", server.as_slice(), tail.as_bytes()].concat();
        let zookeeper = format!("dataDir=/x\nserver.1={tail}\n");
        let inputs = Inputs {
            server: Some(Text { path: "s".into(), bytes }),
            zookeeper: Some(Text { path: "z".into(), bytes: zookeeper.into_bytes() }),
            my_id: Some(Text { path: "m".into(), bytes: tail.into_bytes() }),
            ..Inputs::default()
        };
        drop(import(&inputs));
    }
}
