//! A short hash of a configuration, by which nodes see that theirs differ.
//!
//! The same file on every node gives the same hash: where it lies, where in it a thing stands, and the node's own name in its
//! paths do not count. Secrets do not count either, since whoever may read ZooKeeper could try them against the hash.

use std::path::{Path, PathBuf};

use crate::config::{Config, JavaHome};

/// FNV-1a's first value and its factor, for 64 bits (Fowler, Noll, Vo). Nothing is kept safe by it: it only has to differ.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
/// In place of a node's name; no path and no name holds it.
const NODE: &str = "\0";

/// Sixteen hexadecimal digits.
pub fn fingerprint(config: &Config) -> String {
    let mut config = config.clone();
    let mut names: Vec<String> = config.nodes.iter().map(|node| node.name.as_str().to_owned()).collect();
    // `kafkanode10` before `kafkanode1`.
    names.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    config.this = 0;
    config.warnings.clear();
    let services = [
        (&mut config.zookeeper.properties, &mut config.zookeeper.jvm_options),
        (&mut config.kafka.properties, &mut config.kafka.jvm_options),
    ];
    for (properties, options) in services {
        properties.iter_mut().for_each(|property| property.place.clear());
        options.iter_mut().for_each(|option| option.place.clear());
    }
    // From listeners passed through, a node fills in its own entry alone; the property itself counts.
    let passed = |key: &str| config.kafka.properties.iter().any(|property| property.key == key);
    let (listeners, advertised) = (passed("listeners"), passed("advertised.listeners"));
    for node in &mut config.nodes {
        if listeners {
            node.bind.clear();
        }
        if advertised {
            node.advertised.clear();
        }
    }
    let paths = [
        &mut config.zookeeper.data_dir,
        &mut config.kafka.home,
        &mut config.paths.runtime_dir,
        &mut config.paths.state_dir,
        &mut config.paths.cache_dir,
        &mut config.paths.log_dir,
    ];
    let own = [&mut config.zookeeper.log4j, &mut config.kafka.log4j].into_iter().flatten();
    let all = paths.into_iter().chain(&mut config.kafka.log_dirs).chain(own);
    all.for_each(|path| *path = put_back_in(path, &names));
    if let JavaHome::Path(path) = &mut config.java {
        *path = put_back_in(path, &names);
    }
    config.http.listen = put_back(&config.http.listen, &names);
    let text = format!("{config:?}");
    let hash = text.bytes().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    format!("{hash:016x}")
}

fn put_back_in(path: &Path, names: &[String]) -> PathBuf {
    // A path of the configuration is text.
    path.to_str().map_or_else(|| path.to_owned(), |text| PathBuf::from(put_back(text, names)))
}

/// The same mark for whichever node's name stands there. Every node does this with every name: so it does not matter whether a name was
/// `{node}` in the file, or is a part of another word, such as the `kafka` of `/opt/kafka` in a cluster with a node of that name.
fn put_back(text: &str, names: &[String]) -> String {
    names.iter().fold(text.to_owned(), |text, name| text.replace(name, NODE))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str =
        "[[node]]\nname = \"a1\"\nid = 1\n[[node]]\nname = \"a10\"\nid = 2\n[[node]]\nname = \"kafka\"\nid = 3\n";

    fn of(text: &str, node: &str) -> String {
        let file = ("test.toml".to_owned(), format!("{NODES}{text}"));
        fingerprint(&crate::config::read(&[file], Some(node), &[]).expect("a configuration"))
    }

    #[test]
    fn every_node_has_the_same_of_the_same_file() {
        for text in [
            "",
            "[zookeeper]\ndata_dir = \"/data/{node}/zookeeper\"\n[kafka]\nlog_dirs = [\"/data/x-{node}\"]\n[paths]\nstate_dir = \"/s/{node}\"\n",
            "[kafka]\nbind = \"address\"\nadvertised = \"address\"\n",
            "[kafka.properties]\nlisteners = \"PLAINTEXT://0.0.0.0:9092\"\n\"advertised.listeners\" = \"PLAINTEXT://x:9092\"\n",
        ] {
            let first = of(text, "a1");
            assert_eq!(first.len(), 16);
            assert_eq!(of(text, "a10"), first, "{text}");
        }
    }

    #[test]
    fn what_differs_shows_and_where_it_stands_does_not() {
        let one = of("[kafka.properties]\n\"num.partitions\" = 3\n", "a1");
        assert_ne!(one, of("", "a1"));
        assert_ne!(one, of("[kafka.properties]\n\"num.partitions\" = 4\n", "a1"));
        assert_eq!(one, of("\n# a comment\n[kafka.properties]\n\"num.partitions\" = 3\n", "a1"));
    }

    #[test]
    fn a_node_may_be_called_like_a_directory() {
        let text = "[zookeeper]\ndata_dir = \"/data/zk{node}\"\n[kafka]\nhome = \"/opt/kafka\"\n";
        assert_eq!(of(text, "kafka"), of(text, "a1"));
        assert_eq!(of(text, "a10"), of(text, "a1"));
    }
}
