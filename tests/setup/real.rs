//! The verb itself, as root, in a mount namespace of its own: `/opt`, `/data`, `/var`, `/run` and `/etc` are tmpfs there, and the real
//! `useradd` writes into a copy of the real `/etc`. What the machine outside has is the same afterwards.
//!
//! The namespace ends with its last process, which is the one that `unshare` runs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};

use super::machine::release;

/// Runs `script` in a namespace where the verb can change nothing of this machine.
fn apart(dir: &Path, script: &str) -> Output {
    let prepare = "set -eu
        cp -a /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/nsswitch.conf /etc/login.defs /etc/ld.so.cache \"$1/\"
        for d in /opt /var/lib /var/cache /run /etc /mnt; do mount -t tmpfs tmpfs $d; done
        cp -a \"$1/passwd\" \"$1/group\" \"$1/shadow\" \"$1/gshadow\" \"$1/nsswitch.conf\" \"$1/login.defs\" \"$1/ld.so.cache\" /etc/
        sed -i /^kafka:/d /etc/passwd /etc/group /etc/shadow /etc/gshadow
        ";
    fs::create_dir_all(dir.join("etc")).expect("made");
    Command::new("unshare")
        .args(["--mount", "--propagation", "private", "/bin/sh", "-c", &format!("{prepare}\n{script}"), "sh"])
        .arg(dir.join("etc"))
        .arg(env!("CARGO_BIN_EXE_kafka-node"))
        .arg(dir)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .expect("unshare runs")
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_verb_makes_a_machine_ready() {
    assert_eq!(fs::metadata("/proc/self").expect("ours").uid(), 0, "this test mounts and adds a user: run it as root");
    // Not below /tmp or /data: nothing of the test may lie under what is hidden.
    let dir = tempfile::tempdir().expect("a directory");
    release(dir.path(), "2.6.0", |_| {});
    let config = "[[node]]\nname = \"kafkanode1\"\nid = 1\n[zookeeper]\ndata_dir = \"/mnt/data/zookeeper\"\n[kafka]\nlog_dirs = [\"/mnt/data/kafka\"]\n";
    fs::write(dir.path().join("kafka-node.toml"), config).expect("written");
    let passwd = fs::read("/etc/passwd").expect("there");
    let script = "cd \"$3\"; chmod 755 .; set -- \"$2\" --config \"$3/kafka-node.toml\" --node kafkanode1 setup
        \"$@\" --kafka kafka_2.13-2.6.0.tgz < /dev/null && exit 9 || echo \"without yes: $?\"
        \"$@\" --kafka kafka_2.13-2.6.0.tgz --dry-run > /dev/null; echo \"dry run: $?\"
        grep -c ^kafka: /etc/passwd || true
        \"$@\" --kafka kafka_2.13-2.6.0.tgz --yes; echo \"first: $?\"
        \"$@\" --kafka kafka_2.13-2.6.0.tgz --yes > second; echo \"second: $?\"; tail -n 1 second
        grep ^kafka: /etc/passwd | cut -d: -f 6-
        id -Gn kafka
        stat -c '%n %U:%G %a' /mnt/data /mnt/data/kafka /mnt/data/zookeeper /var/lib/kafka-node /var/cache/kafka-node /run/kafka-node /opt/kafka/libs /opt/kafka/LICENSE
        readlink /opt/kafka
        \"$@\" --yes --json | grep '\"ok\"'
rm -r /mnt/data
        setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\" --yes && exit 9 || echo \"nobody: $?\"
        test ! -e /mnt/data
    ";
    let output = apart(dir.path(), script);
    let text = words(&output);
    assert!(output.status.success(), "{text}");
    for line in [
        "without yes: 2",
        "dry run: 0\n0\n",
        "$ groupadd --system kafka",
        "first: 0",
        "second: 0",
        "nothing to change",
        "/var/lib/kafka-node:",
        "\nkafka\n",
        "/mnt/data root:root 755",
        "/mnt/data/kafka kafka:kafka 750",
        "/mnt/data/zookeeper kafka:kafka 750",
        "/var/lib/kafka-node kafka:kafka 750",
        "/var/cache/kafka-node kafka:kafka 750",
        "/run/kafka-node kafka:kafka 755",
        "/opt/kafka/libs root:root 755",
        "/opt/kafka/LICENSE root:root 644",
        "\nkafka-2.6.0\n",
        "\"ok\": true",
        "setup changes the machine, run it as root",
        "nobody: 1",
    ] {
        assert!(text.contains(line), "no {line:?} in:\n{text}");
    }
    assert_eq!(fs::read("/etc/passwd").expect("there"), passwd, "this machine is as it was");
    assert!(!Path::new("/opt/kafka-2.6.0").exists() && !Path::new("/mnt/data").exists());
}
