//! Every file in `rejects/` is refused with exactly the text beside it.

use std::collections::BTreeSet;
use std::fs;

use crate::cases::{directory, read, update};

#[test]
fn every_refusal_reads_as_written_down() {
    let directory = directory("rejects");
    let mut wrong = Vec::new();
    let mut numbers = BTreeSet::new();
    let mut names: Vec<String> = fs::read_dir(&directory)
        .expect("there are cases")
        .map(|entry| entry.expect("the directory can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    for name in names.iter().filter(|name| name.ends_with(".toml")) {
        assert!(numbers.insert(name[..2].to_owned()), "two cases have the number of {name}");
        let bytes = fs::read(directory.join(name)).expect("a case can be read");
        let text = match read(&bytes) {
            Ok(_) => "accepted\n".to_owned(),
            Err(errors) => errors.to_string(),
        };
        assert!(!text.contains("geheim"), "{name} shows a secret:\n{text}");
        let expected_path = directory.join(name.replace(".toml", ".stderr"));
        if update() {
            fs::write(&expected_path, &text).expect("the expectation can be written");
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if text != expected {
            wrong.push(format!("--- {name}: expected\n{expected}--- seen\n{text}"));
        }
        if text == "accepted\n" {
            wrong.push(format!("{name} is accepted"));
        }
    }
    assert!(numbers.len() >= 35, "only {} cases", numbers.len());
    assert!(wrong.is_empty(), "UPDATE=1 writes them anew\n{}", wrong.join("\n"));
}

#[test]
fn all_errors_of_all_files_come_at_once() {
    let text = "[[node]]\nname = \"kafkanode1\"\nid = 1\n[kafka]\nprot = 1\nheap = \"lots\"\n#: file conf.d/a.toml\n[kafka\n\
                #: file conf.d/b.toml\n[zookeeper]\nclient_port = 0\n";
    let errors = read(text.as_bytes()).expect_err("four errors");
    assert_eq!(errors.count(), 4, "{errors}");
    let errors = errors.to_string();
    let at = |needle: &str| errors.find(needle).unwrap_or_else(|| panic!("no {needle} in\n{errors}"));
    assert!(at("prot") < at("lots") && at("lots") < at("a.toml:1") && at("a.toml:1") < at("b.toml:2"), "{errors}");
}
