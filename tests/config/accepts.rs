//! Files that are accepted, and what comes of them.

use std::path::Path;
use std::time::Duration;

use kafka_node::config::{Gate, Heap, JavaHome, JournalChoice, UNIT_STOP_TIMEOUT};
use kafka_node::model::{ReadinessLevel, Role, Roles};

use crate::cases::{accepted, directory, read, read_text};

const NODE: &str = "[[node]]\nname = \"kafkanode1\"\nid = 1\n";

#[test]
fn every_file_in_accepts_is_accepted() {
    let mut seen = 0;
    for entry in std::fs::read_dir(directory("accepts")).expect("there are cases") {
        accepted(&entry.expect("the directory can be read").file_name().to_string_lossy());
        seen += 1;
    }
    assert!(seen >= 5, "only {seen}");
}

#[test]
fn nodes_alone_give_the_defaults_of_the_founding_cluster() {
    let config = accepted("minimal.toml");
    assert_eq!(config.cluster, "kafka");
    assert_eq!(config.java, JavaHome::Auto);
    assert_eq!(config.readiness, ReadinessLevel::Serving);
    let zookeeper = &config.zookeeper;
    assert_eq!(zookeeper.data_dir, Path::new("/data/zookeeper"));
    assert_eq!((zookeeper.client_port, zookeeper.peer_port, zookeeper.election_port), (2181, 2888, 3888));
    assert_eq!((zookeeper.heap, config.kafka.heap), (Heap::Auto, Heap::Auto));
    assert_eq!(config.kafka.home, Path::new("/opt/kafka"));
    assert_eq!(config.kafka.log_dirs, [Path::new("/data/kafka")]);
    assert_eq!(config.kafka.port, 9092);
    assert!(config.kafka.properties.is_empty() && zookeeper.properties.is_empty());
    assert_eq!(config.watchdog.probe_interval, Duration::from_secs(2));
    assert_eq!(config.watchdog.hang_after, Duration::from_secs(10));
    assert_eq!(config.watchdog.slow_after, Duration::from_secs(60));
    assert_eq!(config.stop.grace, Duration::from_secs(300));
    assert_eq!((config.stop.gate, config.stop.gate_limit), (Gate::Shutdown, Duration::from_secs(900)));
    assert!(config.stop.grace * 2 + config.stop.gate_limit < UNIT_STOP_TIMEOUT);
    assert_eq!((config.reboot.window.as_str(), config.reboot.headroom), ("any", 0));
    assert_eq!((config.reboot.settle, config.reboot.strict), (Duration::from_secs(60), false));
    assert_eq!((config.log.journal, config.log.fold_after, config.log.files), (JournalChoice::Auto, 200, false));
    assert_eq!((&zookeeper.log4j, &config.kafka.log4j), (&None, &None));
    assert_eq!(config.paths.log_dir, Path::new("/var/log/kafka-node"));
    assert_eq!(config.http.listen, "");
    assert_eq!(config.paths.runtime_dir, Path::new("/run/kafka-node"));
    assert_eq!(config.paths.state_dir, Path::new("/var/lib/kafka-node"));
    assert_eq!(config.paths.cache_dir, Path::new("/var/cache/kafka-node"));
    assert!(!config.paths.allow_temporary);
    let node = config.this_node();
    assert_eq!((node.name.as_str(), node.number.get(), node.roles), ("kafkanode1", 1, Roles::BOTH));
    assert_eq!(
        (node.address.as_str(), node.bind.as_str(), node.advertised.as_str()),
        ("kafkanode1", "0.0.0.0", "kafkanode1")
    );
    assert_eq!(config.warnings, []);
}

#[test]
fn every_key_reaches_the_configuration() {
    let config = accepted("everything.toml");
    assert_eq!(config.cluster, "orders");
    let names: Vec<&str> = config.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["a.example.org", "b", "c"]);
    let node = config.this_node();
    assert_eq!((node.name.as_str(), node.address.as_str(), node.number.get()), ("b", "10.0.2.5", 12));
    assert_eq!((node.bind.as_str(), node.advertised.as_str()), ("10.0.2.5", "b.example.org"));
    let other = &config.nodes[2];
    assert_eq!(
        (other.bind.as_str(), other.advertised.as_str(), other.address.as_str()),
        ("0.0.0.0", "[2001:db8::6]", "[2001:db8::6]")
    );
    assert_eq!(config.nodes_with(Role::ZooKeeper).count(), 3);
    assert_eq!(config.broker_count(), 2);
    assert_eq!(config.java, JavaHome::Path("/usr/lib/jvm/jre-11".into()));
    let zookeeper = &config.zookeeper;
    assert_eq!(zookeeper.data_dir, Path::new("/srv/b/zookeeper"));
    assert_eq!((zookeeper.client_port, zookeeper.peer_port, zookeeper.election_port), (12181, 12888, 13888));
    assert_eq!((zookeeper.heap, config.kafka.heap), (Heap::Bytes(512 << 20), Heap::Bytes(2 << 30)));
    let options: Vec<(&str, &str)> =
        config.kafka.jvm_options.iter().map(|option| (option.text.as_str(), option.place.as_str())).collect();
    assert_eq!(options, [("-XX:+AlwaysPreTouch", "kafka-node.toml:38"), ("-Da=b c", "kafka-node.toml:39")]);
    assert_eq!(config.kafka.home, Path::new("/opt/kafka-3"));
    assert_eq!(config.kafka.log_dirs, [Path::new("/srv/b/1"), Path::new("/srv/b/2")]);
    assert_eq!(config.kafka.port, 19092);
    assert_eq!(config.readiness, ReadinessLevel::InSync);
    assert_eq!(config.watchdog.probe_interval, Duration::from_millis(500));
    assert_eq!(config.watchdog.hang_after, Duration::from_secs(20));
    assert_eq!(config.watchdog.slow_after, Duration::from_secs(120));
    assert_eq!((config.stop.grace, config.stop.gate), (Duration::from_secs(660), Gate::Never));
    assert_eq!(config.stop.gate_limit, Duration::from_secs(3600));
    assert_eq!((config.reboot.window.as_str(), config.reboot.headroom), ("Sat,Sun 22:00-02:00", 1));
    assert_eq!((config.reboot.settle, config.reboot.strict), (Duration::from_secs(7200), true));
    assert_eq!((config.log.journal, config.log.fold_after, config.log.files), (JournalChoice::Stderr, 50, true));
    assert_eq!(zookeeper.log4j.as_deref(), Some(Path::new("/etc/b/zookeeper-log4j.properties")));
    assert_eq!(config.kafka.log4j.as_deref(), Some(Path::new("/etc/kafka/log4j.properties")));
    assert_eq!(config.paths.log_dir, Path::new("/var/log/b"));
    assert_eq!(config.http.listen, "unix:/run/b.sock");
    assert_eq!(config.paths.runtime_dir, Path::new("/run/b"));
    assert_eq!(config.paths.state_dir, Path::new("/var/lib/b"));
    assert_eq!(config.paths.cache_dir, Path::new("/var/cache/b"));
    assert!(config.paths.allow_temporary);
    let places: Vec<&str> = config.warnings.iter().map(|warning| warning.text.as_str()).collect();
    assert_eq!(places.len(), 1, "one for each key that is not acted on yet: {places:#?}");
}

#[test]
fn properties_become_text_whatever_they_are_written_as() {
    let config = accepted("properties.toml");
    let properties: Vec<String> = config.kafka.properties.iter().map(|p| format!("{}={}", p.key, p.value)).collect();
    assert_eq!(
        properties,
        [
            "auto.create.topics.enable=false",
            "compression.type=lz4",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,OUTSIDE:SSL",
            "listeners=PLAINTEXT://10.0.2.4:9092,OUTSIDE://:9093",
            "log.cleaner.min.cleanable.ratio=0.25",
            "log.segment.bytes=1073741824",
            "num.io.threads=16",
            "num.partitions=3",
            "sasl.jaas.config=a\nb",
        ]
    );
    assert_eq!(config.kafka.properties[7].place, "kafka-node.toml:11");
    let zookeeper: Vec<String> = config.zookeeper.properties.iter().map(|p| format!("{}={}", p.key, p.value)).collect();
    assert_eq!(zookeeper, ["4lw.commands.whitelist=*", "secureClientPort=2281", "tickTime=3000"]);
    assert_eq!(config.this_node().bind, "10.0.2.4", "the probe follows the listener that was passed through");
}

#[test]
fn a_property_that_says_what_is_written_anyway_is_left_out_with_a_warning() {
    let config = accepted("same-as-ours.toml");
    assert_eq!(config.kafka.properties, []);
    assert_eq!(config.zookeeper.properties, []);
    let keys: Vec<&str> = config.warnings.iter().filter_map(|warning| warning.text.split('"').nth(1)).collect();
    assert_eq!(keys, ["broker.id", "zookeeper.connect", "log.dirs", "dataDir", "server.1", "server.2", "server.3"]);
    assert!(config.warnings[0].place.starts_with("kafka-node.toml:14:"), "{:?}", config.warnings[0]);
}

#[test]
fn drop_ins_are_laid_over_the_file_key_by_key_and_the_last_wins() {
    let config = accepted("drop-ins.toml");
    assert_eq!(config.kafka.port, 9095, "the last one wins");
    assert_eq!(config.kafka.heap, Heap::Bytes(2 << 30), "a key that only the file has stays");
    assert_eq!(config.zookeeper.heap, Heap::Bytes(256 << 20), "a key that only a drop-in has counts");
    assert_eq!(config.kafka.log_dirs, [Path::new("/data/c")], "a list is one value");
    let properties: Vec<String> =
        config.kafka.properties.iter().map(|p| format!("{}={} ({})", p.key, p.value, p.place)).collect();
    assert_eq!(
        properties,
        [
            "num.io.threads=16 (conf.d/20-b.toml:6)",
            "num.network.threads=5 (kafka-node.toml:17)",
            "num.partitions=6 (conf.d/10-a.toml:4)",
        ]
    );
    let nodes: Vec<(&str, u8)> = config.nodes.iter().map(|node| (node.name.as_str(), node.number.get())).collect();
    assert_eq!(
        nodes,
        [("kafkanode1", 11), ("kafkanode9", 9), ("kafkanode8", 8)],
        "the list of nodes is replaced whole"
    );
}

#[test]
fn a_node_finds_itself_by_full_name_then_short_name_and_asking_goes_first() {
    let nodes =
        "[[node]]\nname = \"a\"\nid = 1\n[[node]]\nname = \"a.example.org\"\nid = 2\n[[node]]\nname = \"b\"\nid = 3\n";
    for (directive, expected) in [
        ("#: host a.example.org a\n", 2),
        ("#: host a.other.org a\n", 1),
        ("#: host A.Example.ORG a\n", 2),
        ("#: host b\n", 3),
        ("#: node b\n#: host a.example.org a\n", 3),
    ] {
        let config = read_text(&format!("{directive}{nodes}")).expect("found");
        assert_eq!(config.this_node().number.get(), expected, "{directive}");
    }
    let asked =
        read_text(&format!("#: node c\n#: host a.example.org a\n{nodes}")).expect_err("only what is asked counts");
    assert!(asked.to_string().contains("\"c\""), "{asked}");
}

#[test]
fn unwise_ensembles_are_warned_of() {
    let node = |name: &str, id: u8, roles: &str| format!("[[node]]\nname = \"{name}\"\nid = {id}\nroles = [{roles}]\n");
    let both = "\"zookeeper\", \"kafka\"";
    let first = node("kafkanode1", 1, both);
    for (more, expected) in [
        (String::new(), &["one member", "one broker"][..]),
        (node("b", 2, both), &["2 members, an even number"]),
        (node("b", 2, both) + &node("c", 3, both), &[]),
        (node("b", 2, "\"zookeeper\"") + &node("c", 3, "\"zookeeper\""), &["one broker"]),
    ] {
        let config = read_text(&format!("{first}{more}")).expect("accepted");
        let texts: Vec<&str> = config.warnings.iter().map(|warning| warning.text.as_str()).collect();
        assert_eq!(texts.len(), expected.len(), "{texts:#?}");
        for word in expected {
            assert!(texts.iter().any(|text| text.contains(word)), "no {word} in {texts:#?}");
        }
    }
    let alone = read_text(&node("kafkanode1", 1, "\"zookeeper\"")).expect("accepted");
    assert!(alone.warnings.iter().any(|warning| warning.text.contains("ZooKeeper alone")), "{:#?}", alone.warnings);
}

#[test]
fn placeholders_in_paths_become_the_name_of_the_node() {
    let text = "#: node b\n[[node]]\nname = \"kafkanode1\"\nid = 1\n[[node]]\nname = \"b\"\nid = 2\n[paths]\nruntime_dir = \"/tmp/{node}/run\"\n\
                [zookeeper]\ndata_dir = \"/tmp/{node}/zk/\"\n[kafka]\nhome = \"/k/{node}\"\nlog_dirs = [\"/tmp/{node}//1\"]\n";
    let config = read_text(text).expect("accepted");
    assert_eq!(config.paths.runtime_dir, Path::new("/tmp/b/run"));
    assert_eq!(config.zookeeper.data_dir.to_str(), Some("/tmp/b/zk"));
    assert_eq!(config.kafka.home, Path::new("/k/b"));
    assert_eq!(config.kafka.log_dirs[0].to_str(), Some("/tmp/b/1"));
}

#[test]
fn a_byte_order_mark_windows_line_ends_and_an_empty_drop_in_do_no_harm() {
    let text = format!("\u{feff}{NODE}[kafka]\nport = 9093\n").replace('\n', "\r\n") + "#: file conf.d/empty.toml\n";
    assert_eq!(read(text.as_bytes()).expect("accepted").kafka.port, 9093);
}

#[test]
fn a_secret_does_not_show_in_debug_output() {
    let text = format!(
        "{NODE}[kafka]\njvm_options = [\"-Djavax.net.ssl.keyStorePassword=geheim\"]\n[kafka.properties]\n\"ssl.key.password\" = \"geheim\"\n"
    );
    let config = read_text(&text).expect("accepted");
    assert_eq!(config.kafka.properties[0].value, "geheim");
    assert!(!format!("{config:?}").contains("geheim"), "{config:?}");
}
