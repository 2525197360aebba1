//! `kafka-node import`: the founding document's own files, hand-made nodes as they are found, and files that are none.
//!
//! Absent on purpose: how each file is read (the rooms' own tests), and a take-over under systemd (the test bed).

#[path = "import/same.rs"]
mod same;
#[path = "import/tree.rs"]
mod tree;

use std::fs;

use tree::{SERVER, Tree, ZOOKEEPER, mode};

const FOUNDING: &str =
    "# Taken over from a hand-made node by kafka-node import. One file, the same on every node of the cluster.
# What is not said here is a default: /usr/share/doc/kafka-node/config-reference.md.

[[node]]
name = \"kafkanode1\"
id = 1

[[node]]
name = \"kafkanode2\"
id = 2

[[node]]
name = \"kafkanode3\"
id = 3

[kafka]
log_dirs = [\"/tmp/kafka-logs\"]
";

#[test]
fn the_founding_documents_files_make_one_file_on_all_three_nodes() {
    for node in 1..=3 {
        let ended = Tree::founding(node).import(&[]);
        assert_eq!((ended.out.as_str(), ended.code), (FOUNDING, 0), "node {node}: {}", ended.err);
    }
    insta::assert_snapshot!(Tree::founding(2).import(&["--out", "TREE/new.toml"]).shown());
}

/// Hand-made nodes that are taken over: what each looks like, and what is said of it.
#[test]
fn what_a_hand_made_node_has_of_its_own_is_taken_over_with_a_word() {
    let mut text = String::new();
    for (name, change) in TAKEN {
        let tree = Tree::founding(1);
        change(&tree);
        let ended = tree.import(&[]);
        assert_eq!(ended.code, 0, "{name}: {}", ended.shown());
        // What is left out is the same everywhere, and long.
        let report = ended.err.replace("left out:", "\u{0}").replace("\nof this node", "\u{1}of this node");
        let report = report.replace("\ndangerous", "\u{1}dangerous");
        let (before, rest) = report.split_once('\u{0}').expect("something is left out");
        let after = rest.split_once('\u{1}').map_or("", |(_, after)| after).replace('\u{1}', "\n");
        text += &format!("=== {name}\n{}--- report, without what is left out\n{before}{after}\n", ended.out);
    }
    assert!(!text.contains("geheim\n      "), "a password in a report");
    insta::assert_snapshot!(text);
}

type Change = fn(&Tree);

const TAKEN: [(&str, Change); 5] = [
    ("FQDNs, other ports, data by node", |tree| {
        for file in [SERVER, ZOOKEEPER] {
            for node in 1..=3 {
                let text = fs::read_to_string(tree.at(file)).expect("text");
                tree.write(file, text.replace(&format!("kafkanode{node}"), &format!("kafkanode{node}.example.com")));
            }
        }
        tree.replace(ZOOKEEPER, "2888:3888", "12888:13888");
        tree.replace(ZOOKEEPER, "clientPort=2181", "clientPort = 12181");
        tree.replace(SERVER, ":2181", ":12181");
        tree.replace(SERVER, ":9092", ":19092");
        tree.replace(SERVER, "log.dirs=/tmp/kafka-logs", "log.dirs=/data/a/kafkanode1,/data/b/kafkanode1");
        tree.replace(ZOOKEEPER, "dataDir=/data/zookeeper", "dataDir=/data/zookeeper\ndataLogDir=/log/zookeeper");
        tree.write("data/a/kafkanode1/meta.properties", "version=0\nbroker.id=1\ncluster.id=AbC\n");
    }),
    ("by addresses, a drop-in, variables", |tree| {
        for file in [SERVER, ZOOKEEPER] {
            for node in 1..=3 {
                let text = fs::read_to_string(tree.at(file)).expect("text");
                tree.write(file, text.replace(&format!("kafkanode{node}"), &format!("10.0.2.{}", node + 3)));
            }
        }
        tree.write("etc/hosts", "127.0.0.1 localhost\n10.0.2.4 kafkanode1\n10.0.2.5 kafkanode2 k2\n");
        tree.replace(SERVER, "listeners=PLAINTEXT://0.0.0.0", "listeners=PLAINTEXT://10.0.2.4");
        tree.write("etc/sysconfig/kafka", "KAFKA_HEAP_OPTS=\"-Xmx4G -Xms4G\"\nJMX_PORT=9999\n");
        tree.write("proc/meminfo", "MemTotal:        4000000 kB\n");
        tree.write(
            "etc/systemd/system/kafka.service.d/10-local.conf",
            "[Service]\nUser=root\nLimitNOFILE=500000\nEnvironmentFile=/etc/sysconfig/kafka\nEnvironment=JAVA_HOME=/usr/lib/jvm/jre-11\n\
             Environment=\"KAFKA_OPTS=-javaagent:/opt/jmx.jar=7071 -Dx.password=geheim\" LOG_DIR=/var/log/kafka\n\
             Environment=\"KAFKA_JVM_PERFORMANCE_OPTS=-server -XX:+UseG1GC -XX:MaxGCPauseMillis=50\"\n",
        );
    }),
    ("secrets, two listeners, unwise settings", |tree| {
        tree.replace(SERVER, "listeners=PLAINTEXT://0.0.0.0:9092", "listeners=PLAINTEXT://:9092,SSL://:9093");
        tree.replace(SERVER, "advertised.listeners=", "#");
        tree.append(
            SERVER,
            "ssl.keystore.password=geheim\nssl.keystore.location=/etc/kafka/k.jks\nunclean.leader.election.enable=true\nbroker.rack=r1\n\
             num.partitions=6\n",
        );
        tree.append(ZOOKEEPER, "autopurge.purgeInterval=0\n4lw.commands.whitelist=stat, ruok\n");
        tree.replace(ZOOKEEPER, "clientPortAddress=kafkanode1\n", "");
    }),
    ("a unit with a command of its own", |tree| {
        tree.replace(
            "etc/systemd/system/kafka.service",
            "/opt/kafka/bin/kafka-server-start.sh",
            "/usr/bin/java -Xmx9g kafka.Kafka",
        );
        tree.replace(
            SERVER,
            "advertised.listeners=PLAINTEXT://kafkanode1",
            "advertised.listeners=PLAINTEXT://broker1.example.com",
        );
        tree.replace(SERVER, "log.dirs=/tmp/kafka-logs", "log.dirs=/data/kafka");
        tree.write("etc/hostname", "web7\n");
        tree.write(
            "etc/systemd/system/zookeeper.service.d/jmx.conf",
            "[Service]\nEnvironment=\"KAFKA_OPTS=-Dcom.sun.management.jmxremote.port=1 -Dcom.sun.management.jmxremote.authenticate=false -Dzookeeper.x=1\"\n\
             Environment=KAFKA_LOG4J_OPTS=-Dlog4j.configuration=file:/etc/zk/log4j.properties LOG_DIR=/var/log/zk\n",
        );
    }),
    ("one node alone, loopback, no units, words of Kafka 0.8", |tree| {
        fs::remove_dir_all(tree.at("etc/systemd")).expect("removed");
        fs::remove_file(tree.at("data/zookeeper/myid")).expect("removed");
        tree.write(ZOOKEEPER, "dataDir=/tmp/zookeeper\nclientPort=2181\n");
        tree.write(SERVER, "broker.id=7\nport=9093\nlog.dir=/data/kafka\nzookeeper.connect=localhost:2181\n");
    }),
];

/// Hand-made nodes that one configuration cannot say: nothing is written, and the words say why and what to do.
#[test]
fn what_cannot_be_taken_over_is_refused_in_words() {
    let mut text = String::new();
    for (name, change) in REFUSED {
        let tree = Tree::founding(1);
        change(&tree);
        let ended = tree.import(&["--out", "TREE/new.toml"]);
        assert_eq!(ended.code, 1, "{name}: {}", ended.shown());
        assert!(ended.out.is_empty() && !tree.at("new.toml").exists(), "{name}: {}", ended.out);
        let (_, refused) = ended.err.split_once("cannot be taken over:\n").expect("a refusal");
        text += &format!("=== {name}\n{refused}");
    }
    insta::assert_snapshot!(text);
}

const REFUSED: [(&str, Change); 17] = [
    ("broker.id is another number than myid", |tree| tree.replace(SERVER, "broker.id=1", "broker.id=11")),
    ("broker.id is 0", |tree| tree.replace(SERVER, "broker.id=1", "broker.id=0")),
    ("a number that Kafka made up", |tree| {
        tree.replace(SERVER, "broker.id=1\n", "");
        tree.write("tmp/kafka-logs/meta.properties", "broker.id=1001\n");
    }),
    ("meta.properties is of another broker", |tree| {
        tree.write("tmp/kafka-logs/meta.properties", "version=0\nbroker.id=2\n");
    }),
    ("two clusters in two directories", |tree| {
        tree.replace(SERVER, "/tmp/kafka-logs", "/a,/b");
        tree.write("a/meta.properties", "cluster.id=A\nbroker.id=1\n");
        tree.write("b/meta.properties", "cluster.id=B\nbroker.id=1\n");
    }),
    ("a chroot", |tree| tree.replace(SERVER, "kafkanode3:2181", "kafkanode3:2181/kafka")),
    ("another ensemble", |tree| tree.replace(SERVER, "kafkanode3:2181", "zk9:2181")),
    ("myid without its server line", |tree| tree.write("data/zookeeper/myid", "4\n")),
    ("myid is no number", |tree| tree.write("data/zookeeper/myid", "one\n")),
    ("no myid", |tree| fs::remove_file(tree.at("data/zookeeper/myid")).expect("removed")),
    ("an observer", |tree| tree.replace(ZOOKEEPER, "kafkanode3:2888:3888", "kafkanode3:2888:3888:observer")),
    ("ports by member", |tree| tree.replace(ZOOKEEPER, "kafkanode3:2888:3888", "kafkanode3:2889:3889")),
    ("no plain listener", |tree| tree.replace(SERVER, "listeners=PLAINTEXT:", "listeners=SASL_SSL:")),
    ("another port advertised", |tree| tree.replace(SERVER, "kafkanode1:9092", "kafkanode1:19092")),
    ("KRaft", |tree| tree.append(SERVER, "process.roles=broker,controller\n")),
    ("no zookeeper.properties", |tree| {
        fs::remove_file(tree.at(ZOOKEEPER)).expect("removed");
        fs::remove_file(tree.at("etc/systemd/system/zookeeper.service")).expect("removed");
    }),
    ("an option that runs something else", |tree| {
        tree.write("etc/systemd/system/kafka.service.d/a.conf", "[Service]\nEnvironment=KAFKA_OPTS=-jar\n");
    }),
];

/// Files that are none: each with its path and its trouble, and 78.
#[test]
fn nonsense_is_refused_with_its_path() {
    let mut text = String::new();
    for (name, change) in NONSENSE {
        let tree = Tree::founding(1);
        change(&tree);
        let ended = tree.import(&[]);
        assert_eq!((ended.code, ended.out.as_str()), (78, ""), "{name}: {}", ended.shown());
        text += &format!("=== {name}\n{}", ended.err);
    }
    text += &format!("=== an empty machine\n{}", Tree::empty().import(&[]).shown());
    let tree = Tree::founding(1);
    let asked = [
        "--server",
        "TREE/nowhere",
        "--zookeeper",
        "TREE/etc",
        "--unit",
        "TREE/etc/hostname",
        "--unit",
        "TREE/etc/systemd/system/kafka.service",
    ];
    text += &format!("=== asked for what is not there\n{}", tree.import(&asked).shown());
    text += &format!("=== force without out\n{}", tree.import(&["--force"]).shown());
    insta::assert_snapshot!(text);
}

const NONSENSE: [(&str, Change); 7] = [
    ("variables that are missing", |tree| {
        tree.write(
            "etc/systemd/system/kafka.service.d/a.conf",
            "[Service]\nEnvironmentFile=/etc/none\nEnvironmentFile=-/etc/may\n",
        );
    }),
    ("binary", |tree| tree.write(SERVER, [0x7f, b'E', b'L', b'F', 0, 0, 1])),
    ("not its properties", |tree| tree.write(SERVER, "{\"broker\": 1}\n[toml]\na = 1\n")),
    ("the two files exchanged", |tree| {
        tree.write(SERVER, tree::zookeeper_properties(1));
        tree.write(ZOOKEEPER, tree::server_properties(1));
    }),
    ("missing", |tree| fs::remove_file(tree.at(ZOOKEEPER)).expect("removed")),
    ("a directory", |tree| {
        fs::remove_file(tree.at(SERVER)).expect("removed");
        fs::create_dir(tree.at(SERVER)).expect("made");
    }),
    ("larger than any", |tree| tree.write(ZOOKEEPER, vec![b'\n'; (1 << 20) + 1])),
];

#[test]
fn a_file_that_may_not_be_read_is_said_to_be_so() {
    use std::os::unix::fs::PermissionsExt;
    let tree = Tree::founding(1);
    let set = |path: &str, mode| fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).expect("set");
    set("", 0o755);
    set(SERVER, 0o000);
    // Root reads it all the same: then somebody else asks, with a program that they may run.
    let as_nobody = fs::read(tree.at(SERVER)).is_ok();
    let ended = tree.import_as(as_nobody, &[]);
    let words = format!("error: TREE/{SERVER} cannot be read: permission denied; run import as root\n");
    assert_eq!((ended.code, ended.err), (78, words));
}

#[test]
fn a_file_is_written_whole_for_root_and_kafka_and_never_over_another_unasked() {
    let tree = Tree::founding(1);
    tree.write("old.toml", "precious");
    let refused = tree.import(&["--out", "TREE/old.toml"]);
    assert_eq!(
        (refused.code, refused.err.as_str()),
        (1, "error: TREE/old.toml: is there already; --force writes over it\n")
    );
    assert_eq!(fs::read_to_string(tree.at("old.toml")).expect("text"), "precious");
    let forced = tree.import(&["--out", "TREE/old.toml", "--force"]);
    assert!(forced.code == 0 && forced.out.ends_with("\nwrote TREE/old.toml\n"), "{}", forced.shown());
    let new = tree.import(&["--out", "TREE/new.toml", "--json"]);
    assert_eq!(new.code, 0, "{}", new.shown());
    let report: serde_json::Value = serde_json::from_str(&new.out).expect("JSON alone");
    assert_eq!((&report["ok"], &report["secrets"]), (&true.into(), &false.into()));
    for name in ["old.toml", "new.toml"] {
        assert_eq!(
            (fs::read_to_string(tree.at(name)).expect("text").as_str(), mode(&tree.at(name))),
            (FOUNDING, 0o640)
        );
    }
    let nowhere = tree.import(&["--out", "TREE/none/new.toml"]);
    assert_eq!((nowhere.code, nowhere.err.as_str()), (1, "error: TREE/none/new.toml: there is no such directory\n"));
    let left: Vec<_> = fs::read_dir(tree.at("")).expect("listed").flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with('.')), "{left:?}");
}
