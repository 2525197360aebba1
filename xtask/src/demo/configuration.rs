//! The one configuration file of a demo or a benchmark, the same for all its nodes, and the directories it names.
//! Absent on purpose: whatever has a default that serves. The demo shows the production configuration but for
//! addresses, directories and heaps.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{During, Failure, Outcome};

/// The longest directory that leaves room for a control socket below it: a Unix socket's path has 107 bytes.
const LONGEST: usize = 70;

/// What the file says.
#[derive(Debug, Clone)]
pub struct Configuration<'a> {
    /// The directory that everything lives in.
    pub dir: &'a Path,
    /// The nodes' names and addresses, ids counted from 1.
    pub nodes: &'a [(String, String)],
    /// Kafka's home.
    pub kafka_home: &'a Path,
    /// Java's home.
    pub java_home: &'a Path,
    /// ZooKeeper's heap, like "256m".
    pub zookeeper_heap: &'a str,
    /// Kafka's heap.
    pub kafka_heap: &'a str,
    /// Further properties of the broker.
    pub kafka_properties: &'a [(&'a str, &'a str)],
    /// Further sections, as text.
    pub more: &'a str,
}

impl Configuration<'_> {
    /// Writes the file and creates every node's directories; the file's path.
    pub fn write(&self) -> Outcome<PathBuf> {
        for path in [self.dir, self.kafka_home, self.java_home] {
            plain(path)?;
        }
        let length = self.dir.as_os_str().len();
        if length > LONGEST {
            let words = format!(
                "{} has {length} bytes, but a control socket below it allows for {LONGEST}; choose a shorter --dir",
                self.dir.display()
            );
            return Err(Failure::new(words));
        }
        for (name, _) in self.nodes {
            for below in ["zookeeper", "kafka", "run", "state", "cache"] {
                let dir = self.dir.join(name).join(below);
                fs::create_dir_all(&dir).during(|| format!("create {}", dir.display()))?;
            }
        }
        let file = self.dir.join("kafka-node.toml");
        fs::write(&file, self.text()).during(|| format!("write {}", file.display()))?;
        Ok(file)
    }

    /// A node's log directory.
    pub fn log_dir(&self, node: &str) -> PathBuf {
        self.dir.join(node).join("kafka")
    }

    fn text(&self) -> String {
        let dir = self.dir.display();
        let mut text = String::from("[cluster]\nname = \"demo\"\n");
        for (index, (name, address)) in self.nodes.iter().enumerate() {
            text.push_str(&format!("\n[[node]]\nname = \"{name}\"\naddress = \"{address}\"\nid = {}\n", index + 1));
        }
        text.push_str(&format!(
            r#"
[java]
home = "{java}"

[zookeeper]
data_dir = "{dir}/{{node}}/zookeeper"
heap = "{zookeeper_heap}"

[kafka]
home = "{kafka}"
log_dirs = ["{dir}/{{node}}/kafka"]
heap = "{kafka_heap}"
bind = "address"
advertised = "address"

[paths]
runtime_dir = "{dir}/{{node}}/run"
state_dir = "{dir}/{{node}}/state"
cache_dir = "{dir}/{{node}}/cache"
"#,
            java = self.java_home.display(),
            kafka = self.kafka_home.display(),
            zookeeper_heap = self.zookeeper_heap,
            kafka_heap = self.kafka_heap,
        ));
        if !self.kafka_properties.is_empty() {
            text.push_str("\n[kafka.properties]\n");
        }
        for (key, value) in self.kafka_properties {
            text.push_str(&format!("\"{key}\" = \"{value}\"\n"));
        }
        text.push_str(self.more);
        text
    }
}

/// A path that can stand in the file as it is.
fn plain(path: &Path) -> Outcome<()> {
    let odd = |text: &str| text.chars().any(|c| c.is_control() || matches!(c, '"' | '\\' | '{' | '}'));
    match path.to_str() {
        Some(text) if !odd(text) => Ok(()),
        _ => Err(Failure::new(format!(
            "the path {path:?} holds a character that the demo's configuration file cannot take; choose another directory"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> [(String, String); 2] {
        [("kafkanode1".into(), "127.0.0.1".into()), ("kafkanode2".into(), "127.0.0.2".into())]
    }

    fn configuration<'a>(dir: &'a Path, nodes: &'a [(String, String)]) -> Configuration<'a> {
        Configuration {
            dir,
            nodes,
            kafka_home: Path::new("/k"),
            java_home: Path::new("/j"),
            zookeeper_heap: "256m",
            kafka_heap: "512m",
            kafka_properties: &[("num.partitions", "3")],
            more: "\n[reboot]\nsettle = \"5s\"\n",
        }
    }

    #[test]
    fn one_file_serves_all_nodes() {
        let nodes = nodes();
        let text = configuration(Path::new("/d"), &nodes).text();
        for line in [
            "name = \"kafkanode2\"\naddress = \"127.0.0.2\"\nid = 2\n",
            "data_dir = \"/d/{node}/zookeeper\"",
            "log_dirs = [\"/d/{node}/kafka\"]",
            "bind = \"address\"",
            "[kafka.properties]\n\"num.partitions\" = \"3\"\n\n[reboot]\nsettle",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn a_directory_that_would_not_work_is_refused_in_words() {
        let nodes = nodes();
        for (dir, expected) in [
            ("/a\"b", "cannot take"),
            ("/{node}", "cannot take"),
            (&*format!("/{}", "x".repeat(100)), "a control socket"),
        ] {
            let words =
                configuration(Path::new(dir), &nodes).write().err().map(|failure| failure.chain()).unwrap_or_default();
            assert!(words.contains(expected), "{dir}: {words}");
        }
    }
}
