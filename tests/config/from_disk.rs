//! Finding and reading the files: what is on the disk, and what is not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use kafka_node::config::{Config, ConfigErrors, Source, load};

const NODE: &str = "[[node]]\nname = \"kafkanode1\"\nid = 1\n";

fn load_from(path: &Path) -> Result<Config, ConfigErrors> {
    load(&Source { path: path.to_owned(), node: None, host_names: vec!["kafkanode1".to_owned()] })
}

fn refusal(path: &Path) -> String {
    load_from(path).expect_err("refused").to_string()
}

#[test]
fn drop_ins_beside_the_file_are_read_in_the_order_of_their_names() {
    let directory = tempfile::tempdir().expect("a directory");
    let main = directory.path().join("kafka-node.toml");
    fs::write(&main, format!("{NODE}[kafka]\nport = 9001\n")).expect("written");
    assert_eq!(load_from(&main).expect("no conf.d is fine").kafka.port, 9001);
    fs::create_dir(directory.path().join("conf.d")).expect("made");
    for (name, port) in
        [("20-b.toml", 9003), ("10-a.toml", 9002), (".99-hidden.toml", 1), ("30.toml.rpmsave", 2), ("40.toml~", 3)]
    {
        fs::write(directory.path().join("conf.d").join(name), format!("[kafka]\nport = {port}\n")).expect("written");
    }
    assert_eq!(load_from(&main).expect("accepted").kafka.port, 9003);
    fs::write(directory.path().join("conf.d/20-b.toml"), "[kafka]\nprot = 1\n").expect("written");
    let place = format!("{}:2:1", directory.path().join("conf.d/20-b.toml").display());
    assert!(refusal(&main).contains(&place));
}

#[test]
fn what_is_no_readable_file_is_said_to_be_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("directory.toml")).expect("made");
    fs::write(at("large.toml"), " ".repeat(1024 * 1024 + 1)).expect("written");
    fs::write(at("empty.toml"), "").expect("written");
    symlink(at("nowhere"), at("dangling.toml")).expect("linked");
    symlink("/dev/null", at("device.toml")).expect("linked");
    for (name, expected) in [
        ("missing.toml", "cannot be read: there is no such file"),
        ("dangling.toml", "cannot be read: there is no such file"),
        ("directory.toml", "is a directory"),
        ("device.toml", "is not a regular file"),
        ("large.toml", "is larger than 1 MiB"),
        ("empty.toml", "no [[node]]"),
    ] {
        let text = refusal(&at(name));
        assert!(text.contains(expected), "{name}:\n{text}");
        assert!(name == "empty.toml" || text.contains(&at(name).display().to_string()), "{name}:\n{text}");
        assert!(text.ends_with("the configuration has 1 error\n"), "{name}:\n{text}");
    }
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let main = directory.path().join("kafka-node.toml");
    fs::write(&main, NODE).expect("written");
    fs::set_permissions(&main, fs::Permissions::from_mode(0o000)).expect("set");
    // Root reads any file: for it there is nothing to refuse.
    if fs::File::open(&main).is_err() {
        let text = refusal(&main);
        assert!(text.contains("permission denied"), "{text}");
    } else {
        load_from(&main).expect("root may read it");
    }
}

#[test]
fn a_missing_file_does_not_hide_the_errors_of_its_drop_ins() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("conf.d")).expect("made");
    fs::write(directory.path().join("conf.d/a.toml"), "[kafka]\nprot = 1\n").expect("written");
    fs::create_dir(directory.path().join("conf.d/b.toml")).expect("made");
    let text = refusal(&directory.path().join("kafka-node.toml"));
    for expected in ["there is no such file", "a.toml:2:1", "b.toml is a directory", "3 errors"] {
        assert!(text.contains(expected), "no {expected} in\n{text}");
    }
}

#[test]
fn a_conf_d_that_is_no_directory_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("kafka-node.toml"), NODE).expect("written");
    fs::write(directory.path().join("conf.d"), "").expect("written");
    let text = refusal(&directory.path().join("kafka-node.toml"));
    assert!(text.contains("conf.d cannot be listed"), "{text}");
}
