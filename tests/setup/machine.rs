//! A machine below a temporary root: files are real, and so are tar, sha512sum and chown; user and firewall programs are ours.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use kafka_node::host::programs::{Answer, Programs, System};
use kafka_node::observe::host::HostRoot;
use tempfile::TempDir;

/// Numbers of the user that `useradd` makes here. The running user's own where that is not root, who alone may give files away.
pub fn kafka_ids() -> (u32, u32) {
    let own = fs::metadata("/proc/self").expect("our own process");
    if own.uid() == 0 { (54_991, 54_985) } else { (own.uid(), own.gid()) }
}

/// A temporary root with what the package installs.
pub fn root() -> (TempDir, HostRoot) {
    let dir = tempfile::tempdir().expect("a directory");
    let root = HostRoot { root: dir.path().to_path_buf(), environment: vec![] };
    let files = [
        ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
        ("etc/group", "root:x:0:\n"),
        ("usr/lib/sysctl.d/60-kafka-node.conf", "vm.swappiness = 1\nvm.max_map_count = 262144\n"),
        ("proc/sys/vm/swappiness", "60\n"),
        ("proc/sys/vm/max_map_count", "65530\n"),
        ("sbin/nologin", ""),
        ("usr/lib/systemd/system/kafka-node.service", "[Service]\nLimitNOFILE=262144\n"),
        ("usr/lib/firewalld/services/kafka.xml", "<service><port protocol=\"tcp\" port=\"9092\"/></service>"),
        (
            "usr/lib/firewalld/services/zookeeper.xml",
            "<service><port protocol=\"tcp\" port=\"2181\"/><port protocol=\"tcp\" port=\"2888\"/>\
             <port protocol=\"tcp\" port=\"3888\"/></service>",
        ),
        ("firewall/permanent", "ssh"),
        ("firewall/present", "ssh"),
        ("run/x", ""),
        ("opt/x", ""),
    ];
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    (dir, root)
}

/// What a program does in place of its task, at the n-th call.
pub type Trick = Box<dyn FnMut(&[String]) -> Option<Result<Answer, String>>>;

/// Programs of the machine below `root`.
pub struct Fakes {
    pub root: PathBuf,
    /// Every call, as one line.
    pub calls: Vec<String>,
    pub trick: Option<Trick>,
}

pub fn said(code: i32, out: impl Into<String>) -> Result<Answer, String> {
    Ok(Answer { code: Some(code), out: out.into(), err: String::new() })
}

impl Fakes {
    pub fn new(root: &HostRoot) -> Fakes {
        Fakes { root: root.root.clone(), calls: vec![], trick: None }
    }

    /// Calls that change the machine.
    pub fn changes(&self) -> Vec<&str> {
        let asks = ["getent", "id ", "sha512sum", "tar --force-local --list", "firewall-cmd --state"];
        let is_ask = |call: &str| {
            asks.iter().any(|ask| call.starts_with(ask)) || call.contains("list-") || call.contains("get-")
        };
        self.calls.iter().map(String::as_str).filter(|call| !is_ask(call)).collect()
    }

    fn add(&self, file: &str, line: &str) {
        let file = OpenOptions::new().append(true).open(self.root.join(file));
        writeln!(file.expect("it is there"), "{line}").expect("written");
    }

    fn line(&self, file: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(file)).expect("it is there");
        text.lines().find(|line| line.starts_with("kafka:")).map(str::to_owned)
    }

    fn firewall(&self, words: &[&str]) -> Result<Answer, String> {
        let permanent = self.root.join("firewall/permanent");
        let present = self.root.join("firewall/present");
        let asked = if words.contains(&"--permanent") { &permanent } else { &present };
        let rules = fs::read_to_string(asked).expect("it is there");
        match words.last().copied().unwrap_or_default() {
            "--state" => said(0, "running\n"),
            "--get-default-zone" => said(0, "public\n"),
            "--get-services" => said(0, "kafka ssh zookeeper\n"),
            "--list-services" => said(0, rules),
            "--list-ports" => said(0, "\n"),
            "--reload" => {
                fs::copy(&permanent, &present).expect("copied");
                said(0, "success\n")
            }
            word => {
                let service = word.strip_prefix("--add-service=").expect("nothing else is known here");
                assert!(words.contains(&"--permanent") && words.contains(&"--zone=public"), "{words:?}");
                fs::write(asked, format!("{rules} {service}")).expect("written");
                said(0, "success\n")
            }
        }
    }
}

impl Programs for Fakes {
    fn has(&self, name: &str) -> bool {
        name == "firewall-cmd" || System.has(name)
    }

    fn run(&mut self, words: &[String]) -> Result<Answer, String> {
        self.calls.push(words.join(" "));
        if let Some(answer) = self.trick.as_mut().and_then(|trick| trick(words)) {
            return answer;
        }
        let plain: Vec<&str> = words.iter().map(String::as_str).collect();
        let (uid, gid) = kafka_ids();
        match plain.as_slice() {
            ["getent", database, "kafka"] => match self.line(&format!("etc/{database}")) {
                Some(line) => said(0, line),
                None => said(2, ""),
            },
            ["id", "-Gn", "kafka"] => said(0, "kafka\n"),
            ["groupadd", "--system", "kafka"] => {
                self.add("etc/group", &format!("kafka:x:{gid}:"));
                said(0, "")
            }
            [
                "useradd",
                "--system",
                "--gid",
                "kafka",
                "--home-dir",
                home,
                ..,
                "--shell",
                shell,
                "--comment",
                _,
                "kafka",
            ] => {
                self.add("etc/passwd", &format!("kafka:x:{uid}:{gid}::{home}:{shell}"));
                said(0, "")
            }
            ["firewall-cmd", rest @ ..] => self.firewall(rest),
            ["chown", "--recursive", "--no-dereference", "kafka:kafka", path] => {
                let owner = format!("{uid}:{gid}");
                System.run(&["chown", "--recursive", "--no-dereference", &owner, path].map(str::to_owned))
            }
            ["tar" | "sha512sum", ..] => System.run(words),
            _ => panic!("nobody expected {plain:?}"),
        }
    }
}

/// A release of a few files, packed by the system's own tar; `more` adds to its top directory before that.
pub fn release(below: &Path, version: &str, more: impl FnOnce(&Path)) -> PathBuf {
    let top = format!("kafka_2.13-{version}");
    let dir = below.join(&top);
    let files = [
        ("LICENSE", "Apache"),
        ("bin/kafka-server-start.sh", "#!/bin/bash\n"),
        ("config/server.properties", "broker.id=0\n"),
        (&format!("libs/kafka_2.13-{version}.jar"), "PK kafka"),
        ("libs/zookeeper-3.5.8.jar", "PK zookeeper"),
    ];
    for (path, text) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode;
    fs::set_permissions(dir.join("bin/kafka-server-start.sh"), mode(0o770)).expect("set");
    fs::set_permissions(dir.join("LICENSE"), mode(0o600)).expect("set");
    more(&dir);
    let archive = below.join(format!("{top}.tgz"));
    pack(&archive, below, &["--owner=54321", "--group=54321", &top]);
    archive
}

/// Packs with the system's tar, whatever `words` ask of it.
pub fn pack(archive: &Path, below: &Path, words: &[&str]) {
    let packed =
        Command::new("tar").arg("-czf").arg(archive).arg("-C").arg(below).args(words).output().expect("tar runs");
    assert!(packed.status.success(), "{packed:?}");
}
