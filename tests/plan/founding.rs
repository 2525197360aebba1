//! The founding document's files, value by value, and what must hold for every plan.

use kafka_node::config::{self, Config};
use kafka_node::model::Role;
use kafka_node::plan::{Plan, make, properties};

use crate::builder::{facts, founding, option};

/// The properties of `role` as a JVM reads them from the rendered file.
fn rendered(plan: &Plan, role: Role) -> Vec<(String, String)> {
    let service = plan.service(role).expect("the node has both");
    properties::parse(service.files.first().expect("the properties file comes first").text.as_bytes())
}

fn assert_has(properties: &[(String, String)], expected: &[(&str, &str)]) {
    for (key, value) in expected {
        let found: Vec<_> = properties.iter().filter(|(k, _)| k == key).map(|(_, v)| v.as_str()).collect();
        assert_eq!(found, [*value], "{key}");
    }
}

fn by_hand(this: usize) -> Config {
    let mut config = founding();
    config.this = this;
    config
}

/// `config/three-nodes.toml`, as the node finds itself in it by its host name.
fn the_example(this: usize) -> Config {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/three-nodes.toml");
    let text = std::fs::read_to_string(&path).expect("the example is there");
    let host_names = [format!("kafkanode{}", this + 1)];
    config::read(&[("three-nodes.toml".into(), text)], None, &host_names).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn every_value_of_the_founding_documents_files_is_rendered_on_each_node() {
    for (this, config) in (0..3).flat_map(|this| [(this, by_hand(this)), (this, the_example(this))]) {
        let plan = make(config, facts("11.0.24"));
        let (id, name) = ((this + 1).to_string(), format!("kafkanode{}", this + 1));
        assert_has(
            &rendered(&plan, Role::ZooKeeper),
            &[
                ("dataDir", "/data/zookeeper"),
                ("clientPort", "2181"),
                ("clientPortAddress", &name),
                ("maxClientCnxns", "0"),
                ("admin.enableServer", "false"),
                ("tickTime", "2000"),
                ("initLimit", "10"),
                ("syncLimit", "5"),
                ("server.1", "kafkanode1:2888:3888"),
                ("server.2", "kafkanode2:2888:3888"),
                ("server.3", "kafkanode3:2888:3888"),
            ],
        );
        assert_has(
            &rendered(&plan, Role::Kafka),
            &[
                ("broker.id", &id),
                ("listeners", "PLAINTEXT://0.0.0.0:9092"),
                ("advertised.listeners", &format!("PLAINTEXT://{name}:9092")),
                ("zookeeper.connect", "kafkanode1:2181,kafkanode2:2181,kafkanode3:2181"),
                ("log.dirs", "/data/kafka"),
            ],
        );
        let my_id = plan.service(Role::ZooKeeper).and_then(|s| s.my_id_file.as_ref()).expect("a myid");
        assert_eq!(
            (my_id.path.to_str(), my_id.text.as_str()),
            (Some("/data/zookeeper/myid"), format!("{id}\n").as_str())
        );
    }
}

#[test]
fn both_are_started_in_order_and_probed_where_they_listen() {
    let plan = make(founding(), facts("11.0.24"));
    let services: Vec<_> = plan.services.iter().map(|s| (s.role, s.main_class, s.probe_address.as_str())).collect();
    let expected = [
        (Role::ZooKeeper, "org.apache.zookeeper.server.quorum.QuorumPeerMain", "kafkanode1:2181"),
        (Role::Kafka, "kafka.Kafka", "127.0.0.1:9092"),
    ];
    assert_eq!(services, expected);
}

#[test]
fn nothing_of_our_environment_steers_a_jvm() {
    let plan = make(founding(), facts("11.0.24"));
    for service in &plan.services {
        let keys: Vec<_> = service.environment.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["HOME", "LANG", "PATH"]);
    }
}

/// Texts of Kafka's command line on `java`, with these options of the operator.
fn options(java: &str, operator: &[&str]) -> Vec<String> {
    let mut config = founding();
    config.kafka.jvm_options = operator.iter().map(|text| option(text, 1)).collect();
    let plan = make(config, facts(java));
    plan.service(Role::Kafka).expect("the role").args.iter().map(|arg| arg.text.clone()).collect()
}

#[test]
fn each_java_gets_only_what_it_knows() {
    let has = |java: &str, prefix: &str| options(java, &[]).iter().any(|text| text.starts_with(prefix));
    let expected = [
        // Java, -Xlog, -Xloggc, MaxInlineLevel, native access
        ("1.8.0_412", false, true, true, false),
        ("11.0.24", true, false, true, false),
        ("17.0.15", true, false, false, false),
        ("21.0.4", true, false, false, false),
        ("25.0.3", true, false, false, true),
    ];
    for (java, log, old_log, inline, native) in expected {
        let found =
            ["-Xlog:gc*", "-Xloggc:", "-XX:MaxInlineLevel", "--enable-native-access"].map(|prefix| has(java, prefix));
        assert_eq!(found, [log, old_log, inline, native], "{java}");
        assert!(has(java, "-XX:+ExitOnOutOfMemoryError"), "{java}");
        assert!(!has(java, "-Dcom.sun.management.jmxremote"), "{java}: JMX is for the operator to open");
    }
}

#[test]
fn the_operators_options_stand_last_and_ours_do_not_stand_in_their_way() {
    let position = |texts: &[String], wanted: &str| texts.iter().position(|text| text == wanted);
    let texts = options("11.0.24", &["-XX:MaxGCPauseMillis=50"]);
    assert!(position(&texts, "-XX:MaxGCPauseMillis=20") < position(&texts, "-XX:MaxGCPauseMillis=50"));
    assert!(position(&texts, "-XX:MaxGCPauseMillis=50") < position(&texts, "-cp"));

    let texts = options("11.0.24", &["-XX:+UseZGC"]);
    assert_eq!(position(&texts, "-XX:+UseG1GC"), None, "two collectors are refused by the JVM");

    let texts = options("11.0.24", &["-Xmx3g"]);
    let heap: Vec<_> = texts.iter().filter(|text| text.starts_with("-Xm")).collect();
    assert_eq!(heap, ["-Xms3072m", "-Xmx3g"]);

    let texts = options("11.0.24", &["-XX:MaxRAMPercentage=50"]);
    assert!(!texts.iter().any(|text| text.starts_with("-Xm")), "-Xmx of ours would win over the share");
}

#[test]
fn an_explicit_heap_is_counted_and_leaves_the_other_to_its_rule() {
    let plan = make(
        {
            let mut config = founding();
            config.kafka.jvm_options = vec![option("-Xmx3g", 9)];
            config
        },
        facts("11.0.24"),
    );
    assert_eq!(plan.memory.kafka_heap, 3 << 30);
    assert!(
        plan.memory.reasons.get(2).is_some_and(|why| why.contains("kafka-node.toml:9")),
        "{:?}",
        plan.memory.reasons
    );
    let parts = plan.memory.kafka_heap + plan.memory.zookeeper_heap + plan.memory.page_cache;
    assert!(parts < plan.memory.total, "what the JVMs use beside their heaps is no page cache");
}
