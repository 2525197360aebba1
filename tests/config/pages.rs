//! The default file, the example and the reference page say what the code does.

use std::path::Path;

use kafka_node::config::{DEFAULT_FILE, KEYS, reference};

use crate::cases::{read_text, update};

fn in_repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The default file with every key in force: a `#` without a blank behind it is taken away.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    DEFAULT_FILE.lines().map(line).collect()
}

#[test]
fn the_commented_defaults_are_the_defaults_of_the_code() {
    let nodes = std::fs::read_to_string(in_repository("config/three-nodes.toml")).expect("the example exists");
    let bare = read_text(&nodes).expect("the example is accepted");
    let default = uncommented();
    let full = read_text(&default).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(full, bare);

    // The comparison above would not miss a key that the file lacks.
    let mut table = "";
    let mut written = Vec::new();
    for line in default.lines() {
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']);
        } else if let Some((name, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            written.push((format!("{table}.{name}"), value.to_owned()));
        }
    }
    for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
        let here: Vec<&str> =
            written.iter().filter(|(path, _)| path == key.path).map(|(_, value)| value.as_str()).collect();
        assert_eq!(here, [key.default], "{} in config/kafka-node.toml", key.path);
    }
}

#[test]
fn the_default_file_as_installed_asks_for_nodes_and_for_nothing_else() {
    let errors = read_text(DEFAULT_FILE).expect_err("it names no node");
    assert_eq!(errors.count(), 1, "{errors}");
    assert!(errors.to_string().contains("no [[node]]"), "{errors}");
}

#[test]
fn the_example_dials_names_as_the_founding_cluster_does() {
    let text = std::fs::read_to_string(in_repository("config/three-nodes.toml")).expect("the example exists");
    let config = read_text(&text).expect("accepted");
    let nodes: Vec<(&str, &str, u8)> =
        config.nodes.iter().map(|node| (node.name.as_str(), node.address.as_str(), node.number.get())).collect();
    assert_eq!(
        nodes,
        [("kafkanode1", "kafkanode1", 1), ("kafkanode2", "kafkanode2", 2), ("kafkanode3", "kafkanode3", 3)]
    );
    assert_eq!(config.warnings, []);
}

#[test]
fn the_reference_page_is_fresh() {
    let path = in_repository("docs/config-reference.md");
    if update() {
        std::fs::create_dir_all(in_repository("docs")).expect("docs can be made");
        std::fs::write(&path, reference()).expect("the page can be written");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == reference(), "docs/config-reference.md is stale: UPDATE=1 cargo test --test config writes it anew");
}
