//! Whole plans as text, one file each beside this one. `UPDATE=1 cargo test --test plan` rewrites them; read the diff as code.

use std::fs;
use std::path::Path;

use kafka_node::config::{Config, Heap};
use kafka_node::model::{NodeName, Roles};
use kafka_node::plan::{ARGV_LIMIT, HostFacts, make, print};

use crate::builder::{GIB, MIB, facts, founding, node, option, property};

fn check(name: &str, config: Config, facts: HostFacts) {
    let plan = make(config, facts);
    for service in &plan.services {
        assert!(service.argv_length() < ARGV_LIMIT, "{name}: {} bytes", service.argv_length());
    }
    let text = print(&plan);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).expect("the snapshot is written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{} differs; UPDATE=1 rewrites it. It would be:\n{text}", path.display());
}

#[test]
fn founding_node_on_each_java() {
    check("founding-java-8", founding(), facts("1.8.0_412"));
    check("founding-java-11", founding(), facts("11.0.24"));
    check("founding-java-17", founding(), facts("17.0.15"));
    check("founding-java-21", founding(), facts("21.0.4"));
    check("founding-java-25", founding(), facts("25.0.3"));
}

#[test]
fn a_node_of_2_gb_shrinks_and_warns() {
    check("memory-2-gb", founding(), HostFacts { memory: 1837 * MIB, ..facts("11.0.24") });
    check("memory-1-gb", founding(), HostFacts { memory: 990 * MIB, ..facts("11.0.24") });
}

#[test]
fn a_cgroup_limit_is_the_memory_there_is() {
    let facts = HostFacts { memory: 64 * GIB, cgroup_memory: Some(16 * GIB), cores: 8, ..facts("17.0.15") };
    check("cgroup-limited", founding(), facts);
}

#[test]
fn a_broker_alone() {
    let mut config = founding();
    config.nodes.push(node("kafkanode4", 4, Roles { zookeeper: false, kafka: true }));
    config.this = 3;
    check("only-kafka", config, HostFacts { memory: 64 * GIB, cores: 16, ..facts("11.0.24") });
}

#[test]
fn a_zookeeper_alone_and_its_only_member() {
    let mut config = founding();
    config.nodes = vec![
        node("zoo", 7, Roles { zookeeper: true, kafka: false }),
        node("kafkanode1", 1, Roles { zookeeper: false, kafka: true }),
    ];
    check("only-zookeeper", config, facts("11.0.24"));
}

#[test]
fn the_operator_wins_over_defaults() {
    let mut config = founding();
    config.kafka.home = "/opt/kafka_2.13-2.6.0".into();
    config.kafka.log_dirs = vec!["/data/a".into(), "/data/b".into()];
    config.kafka.heap = Heap::Bytes(5 * GIB);
    config.kafka.jvm_options = vec![option("-XX:+UseParallelGC", 31), option("-Dmy.password=geheim", 32)];
    config.kafka.properties = vec![
        property("default.replication.factor", "2", 34),
        property("listeners", "SASL_PLAINTEXT://:9093,PLAINTEXT://:9092", 35),
        property(
            "listener.name.sasl_plaintext.plain.sasl.jaas.config",
            "x.PlainLoginModule required password=\"geheim\";",
            36,
        ),
        property("num.partitions", "3", 37),
    ];
    config.zookeeper.jvm_options = vec![option("-Xmx640m", 20), option("-Djute.maxbuffer=4194304", 21)];
    config.zookeeper.properties = vec![property("maxClientCnxns", "60", 23), property("clientPort", "1", 24)];
    for (node, address) in config.nodes.iter_mut().zip(["10.0.2.4", "10.0.2.5", "10.0.2.6"]) {
        node.name = NodeName::new(format!("{}.example", node.name));
        node.address = address.into();
        node.bind = address.into();
    }
    check("operator-overrides", config, facts("11.0.24"));
}

#[test]
fn logging_as_the_operator_wants_it() {
    let mut config = founding();
    config.kafka.log4j = Some("/etc/kafka/our log4j.properties".into());
    config.log.files = true;
    check("logging", config, facts("11.0.24"));
}
