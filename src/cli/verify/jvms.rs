//! Finds this node's JVMs in `/proc` by main class, as `jps` would name them, and by the file they run with.
//!
//! Absent on purpose: children and pid files. The founding document looks at the machine, and so does this.
//!
//! Effects: reads `/proc`, since the proof is about the machine.

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::model::Role;

/// Longer than a command line that a kernel shows in full; ours stay below 4096 bytes, where old kernels cut.
const CMDLINE_CAP: u64 = 128 * 1024;

/// The class that a service's JVM runs.
pub fn main_class(role: Role) -> &'static str {
    match role {
        Role::ZooKeeper => "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        Role::Kafka => "kafka.Kafka",
    }
}

/// The stable word of this check.
pub fn code(role: Role) -> &'static str {
    match role {
        Role::ZooKeeper => "zookeeper-runs",
        Role::Kafka => "kafka-runs",
    }
}

/// Pids, in order, of the processes that run `main_class` with a file below `directory` as an argument.
pub fn find(proc_root: &Path, main_class: &str, directory: &Path) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(proc_root) else { return Vec::new() };
    let mut pids: Vec<i32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            let Ok(file) = fs::File::open(proc_root.join(pid.to_string()).join("cmdline")) else { return false };
            let mut cmdline = Vec::new();
            file.take(CMDLINE_CAP).read_to_end(&mut cmdline).is_ok() && runs(&cmdline, main_class, directory)
        })
        .collect();
    pids.sort_unstable();
    pids
}

fn runs(cmdline: &[u8], main_class: &str, directory: &Path) -> bool {
    let mut arguments = cmdline.split(|byte| *byte == 0);
    let program = arguments.next().and_then(|program| std::str::from_utf8(program).ok()).map(Path::new);
    program.and_then(Path::file_name).is_some_and(|name| name == "java")
        && arguments.any(|argument| argument == main_class.as_bytes())
        && arguments
            .any(|argument| std::str::from_utf8(argument).is_ok_and(|path| Path::new(path).starts_with(directory)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jvm_is_known_by_its_class_and_its_file_and_by_nothing_less() {
        let root = tempfile::tempdir().unwrap();
        let process = |pid: &str, cmdline: &str| {
            fs::create_dir(root.path().join(pid)).unwrap();
            fs::write(root.path().join(pid).join("cmdline"), cmdline.replace(' ', "\0")).unwrap();
        };
        process("10", "java -Xmx1g -cp libs/* kafka.Kafka /run/kafka-node/server.properties ");
        process("9", "/usr/lib/jvm/bin/java kafka.Kafka /run/kafka-node/a/server.properties");
        process("11", "java kafka.Kafka /run/kafka-node-2/server.properties ");
        process("12", "java -Dx=/run/kafka-node/log4j.properties kafka.Kafka /etc/server.properties ");
        process("13", "grep kafka.Kafka /run/kafka-node/server.properties.bak ");
        process("14", "kafka.Kafka /run/kafka-node/server.properties ");
        process("15", "");
        fs::create_dir(root.path().join("self")).unwrap();
        assert_eq!(find(root.path(), "kafka.Kafka", Path::new("/run/kafka-node")), [9, 10]);
        assert!(find(Path::new("/nonexistent"), "kafka.Kafka", Path::new("/run")).is_empty());
    }
}
