//! A hand-made node as files below a directory: the founding document's, and changes to them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// `config/server.properties` of Kafka 2.6.0 as shipped, comments left out, with the four lines that the founding document changes.
pub fn server_properties(node: u32) -> String {
    format!(
        "broker.id={node}\nlisteners=PLAINTEXT://0.0.0.0:9092\nadvertised.listeners=PLAINTEXT://kafkanode{node}:9092\n\
         num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\nsocket.receive.buffer.bytes=102400\n\
         socket.request.max.bytes=104857600\nlog.dirs=/tmp/kafka-logs\nnum.partitions=1\nnum.recovery.threads.per.data.dir=1\n\
         offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
         log.retention.hours=168\nlog.segment.bytes=1073741824\nlog.retention.check.interval.ms=300000\n\
         zookeeper.connect=kafkanode1:2181,kafkanode2:2181,kafkanode3:2181\nzookeeper.connection.timeout.ms=18000\n\
         group.initial.rebalance.delay.ms=0\n"
    )
}

/// The founding document's `zookeeper.properties`.
pub fn zookeeper_properties(node: u32) -> String {
    format!(
        "dataDir=/data/zookeeper\nclientPort=2181\nclientPortAddress=kafkanode{node}\nmaxClientCnxns=0\nadmin.enableServer=false\n\
         tickTime=2000\ninitLimit=10\nsyncLimit=5\nserver.1=kafkanode1:2888:3888\nserver.2=kafkanode2:2888:3888\n\
         server.3=kafkanode3:2888:3888\n"
    )
}

/// The founding document's unit of one service.
fn unit(script: &str, file: &str) -> String {
    format!(
        "[Unit]\nRequires=network.target remote-fs.target\nAfter=network.target remote-fs.target\n\n[Service]\nType=simple\nUser=kafka\n\
         ExecStart=/opt/kafka/bin/{script}-server-start.sh /opt/kafka/config/{file}\nExecStop=/opt/kafka/bin/{script}-server-stop.sh\n\
         Restart=on-abnormal\n\n[Install]\nWantedBy=multi-user.target\n"
    )
}

/// The tree of one machine.
pub struct Tree {
    dir: TempDir,
}

pub const SERVER: &str = "opt/kafka/config/server.properties";
pub const ZOOKEEPER: &str = "opt/kafka/config/zookeeper.properties";

impl Tree {
    /// Node `node` of the founding cluster.
    pub fn founding(node: u32) -> Tree {
        let tree = Tree::empty();
        tree.write(SERVER, server_properties(node));
        tree.write(ZOOKEEPER, zookeeper_properties(node));
        tree.write("data/zookeeper/myid", format!("{node}\n"));
        tree.write("etc/hostname", format!("kafkanode{node}\n"));
        tree.write("etc/systemd/system/zookeeper.service", unit("zookeeper", "zookeeper.properties"));
        tree.write("etc/systemd/system/kafka.service", unit("kafka", "server.properties"));
        tree
    }

    pub fn empty() -> Tree {
        Tree { dir: tempfile::tempdir().expect("a directory") }
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("made");
        fs::write(path, text).expect("written");
    }

    pub fn append(&self, path: &str, lines: &str) {
        let text = fs::read_to_string(self.at(path)).expect("text");
        self.write(path, text + lines);
    }

    /// Puts `new` in place of `old`, which must be there.
    pub fn replace(&self, path: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.at(path)).expect("text");
        assert!(text.contains(old), "{old} is not in {path}");
        self.write(path, text.replace(old, new));
    }

    /// `kafka-node import --root TREE ARGS`, where `TREE` in an argument stands for the tree.
    pub fn import(&self, args: &[&str]) -> Ended {
        self.import_as(false, args)
    }

    /// As `nobody` where that is asked, which root alone can do.
    pub fn import_as(&self, nobody: bool, args: &[&str]) -> Ended {
        let mut program = PathBuf::from(env!("CARGO_BIN_EXE_kafka-node"));
        if nobody {
            let copy = self.at("kafka-node");
            fs::copy(program, &copy).expect("copied");
            program = copy;
        }
        let root = self.dir.path().display().to_string();
        let args: Vec<String> = args.iter().map(|arg| arg.replace("TREE", &root)).collect();
        let mut command = Command::new(program);
        if nobody {
            command.uid(65_534).gid(65_534);
        }
        let output = command
            .args(["import", "--root", &root])
            .args(&args)
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&root, "TREE");
        Ended { out: text(&output.stdout), err: text(&output.stderr), code: output.status.code().expect("it exits") }
    }
}

/// How it ended.
pub struct Ended {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Ended {
    /// All of it.
    pub fn shown(&self) -> String {
        format!("{}--- stderr\n{}--- exit {}\n", self.out, self.err, self.code)
    }
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}
