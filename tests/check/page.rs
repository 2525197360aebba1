//! `docs/check.md` against the code: each code has its line, in the list's order, and no line is of the past.

use std::collections::BTreeSet;

use kafka_node::plan::preflight::CODES;

use crate::{before_a_start, survey, unit};

const PAGE: &str = include_str!("../../docs/check.md");

#[test]
fn every_code_has_its_line_with_meaning_and_remedy_and_no_other_has() {
    let rows: Vec<Vec<&str>> = PAGE
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let codes: Vec<&str> = rows.iter().map(|cells| cells[0].trim_matches('`')).collect();
    assert_eq!(codes, CODES);
    for cells in rows {
        assert!(cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()), "not four cells: {cells:?}");
        let weights = ["refuse", "wait", "warn", "advise", "note"];
        assert!(cells[1].split(", ").all(|weight| weights.contains(&weight)), "no such weight: {cells:?}");
    }
}

#[test]
fn every_code_is_kebab_case_and_comes_once() {
    let all: BTreeSet<&str> = CODES.into_iter().collect();
    assert_eq!(all.len(), CODES.len());
    for code in all {
        let fits =
            code.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '4'));
        assert!(fits, "{code}");
    }
}

/// Codes that only the verb itself gives, and those of `versions`, which have tests of their own.
const ELSEWHERE: [&str; 10] = [
    "configuration",
    "memory-unknown",
    "java",
    "kafka-home",
    "jvm-refuses",
    "jvm-options",
    "jvm-not-asked",
    "running-already",
    "kafka-untried",
    "zookeeper-line",
];

#[test]
fn every_code_is_given_by_a_case_and_every_case_gives_one_of_the_list() {
    let mut given: BTreeSet<&str> = survey::CASES.iter().map(|case| case.0).collect();
    given.extend(before_a_start::CASES.iter().map(|case| case.0));
    given.extend(before_a_start::of_the_plan());
    given.extend(unit::BROKEN.iter().map(|case| case.1));
    given.extend(ELSEWHERE);
    let all: BTreeSet<&str> = CODES.into_iter().collect();
    assert_eq!(given, all);
}
