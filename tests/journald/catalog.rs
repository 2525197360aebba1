//! `config/kafka-node.catalog`: written from `model::explained`, held fresh, and compiled by the real journalctl.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use kafka_node::model::explained;

use crate::bed::Systemd;

/// Longest line of the file.
const WIDTH: usize = 79;
/// What may stand between two `@`: fields that each entry with such an event has.
const FIELDS: [&str; 2] = ["KAFKA_NODE_RUN", "KAFKA_BROKER_ID"];

/// The catalog as text. Comments begin with `#`; a blank line stands before each id, or journalctl takes it for prose.
fn catalog() -> String {
    let mut text = String::from(
        "# What journalctl -x says of the events of kafka-node. Installed in /usr/lib/systemd/catalog/, then: journalctl --update-catalog\n\
         # Written by tests/journald/catalog.rs (UPDATE=1 cargo test --test journald) from src/model/event_table.rs.\n",
    );
    for event in explained() {
        let _ = write!(text, "\n-- {}\nSubject: {}\nDefined-By: kafka-node\n", event.id, event.subject);
        let _ = write!(text, "\n{}\n{}", filled(event.meaning), to_do(event.remedy));
    }
    text
}

fn to_do(remedy: &str) -> String {
    filled(&format!("What to do: {remedy}"))
}

/// `prose` in lines of at most [`WIDTH`].
fn filled(prose: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for word in prose.split_whitespace() {
        let gap = usize::from(width > 0);
        if width + gap + word.chars().count() > WIDTH {
            text.push('\n');
            width = 0;
        } else if width > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += word.chars().count();
    }
    text.push('\n');
    text
}

#[test]
fn the_catalog_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/kafka-node.catalog");
    let now = catalog();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &now).expect("the catalog");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == now,
        "config/kafka-node.catalog is stale: UPDATE=1 cargo test --test journald, then read its diff"
    );
}

#[test]
fn every_id_stands_in_the_catalog_once() {
    let ids: BTreeSet<_> = explained().map(|event| event.id).collect();
    let names: BTreeSet<_> = explained().map(|event| event.name).collect();
    assert_eq!((ids.len(), names.len()), (explained().count(), explained().count()));
    let source = include_str!("../../src/model/event.rs");
    assert_eq!(
        source.matches("    pub const ").count(),
        explained().count(),
        "an id of src/model/event.rs is not in the table"
    );
}

#[test]
fn only_fields_that_are_there_stand_in_the_prose() {
    for event in explained() {
        for text in [event.subject, event.meaning, event.remedy] {
            let fields: Vec<&str> = text.split('@').skip(1).step_by(2).collect();
            assert!(text.matches('@').count() % 2 == 0 && fields.iter().all(|field| FIELDS.contains(field)), "{text}");
            assert!(!filled(text).lines().any(|line| line.starts_with(['#', ';'])), "a comment to journalctl: {text}");
        }
    }
}

#[test]
fn journalctl_compiles_the_catalog_and_lists_every_id() {
    let systemd = Systemd::found();
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("usr/lib/systemd/catalog");
    std::fs::create_dir_all(&dir).expect("a directory");
    std::fs::create_dir_all(root.path().join("var/lib/systemd/catalog")).expect("a directory");
    std::fs::write(dir.join("kafka-node.catalog"), catalog()).expect("the catalog");
    let run = |argument: &str| {
        let mut command = systemd.command(&systemd.journalctl);
        let out = command
            .arg("--root")
            .arg(root.path() as &Path)
            .args([argument, "--no-pager"])
            .output()
            .expect("journalctl");
        let complaints = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success() && complaints.is_empty(), "{argument}: {} {complaints}", out.status);
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    run("--update-catalog");
    let listed = run("--list-catalog");
    for event in explained() {
        let line = format!("{} kafka-node: {}", event.id, event.subject);
        assert!(listed.lines().any(|listed| listed == line), "not listed: {line}\n{listed}");
    }
    assert_eq!(listed.lines().count(), explained().count());
    // And the prose, whole.
    let dumped = run("--dump-catalog");
    for event in explained() {
        assert!(dumped.contains(&filled(event.meaning)) && dumped.contains(&to_do(event.remedy)), "{}", event.name);
    }
}
