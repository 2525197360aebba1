//! `docs/runbook.md` against the code: whoever looks up at night what a node waits for finds its line, and no line of the past.
//!
//! Absent on purpose: whether the advice is good.

use kafka_node::cli::Exit;
use kafka_node::model::WaitReason;

/// First cells of the table below `heading`, in the page's order; the head and the line below it left out.
fn first_cells(heading: &str) -> Vec<String> {
    let page = include_str!("../docs/runbook.md");
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).expect("the section is there");
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(2);
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.len() == 3 && !cells[1].is_empty(), "not three cells: {row}");
        cells[0].trim_matches('`').to_owned()
    })
    .collect()
}

#[test]
fn every_reason_to_wait_has_its_line_and_no_other_has() {
    assert_eq!(first_cells("What a node waits for"), WaitReason::CODES);
}

#[test]
fn every_exit_code_has_its_line_and_no_other_has() {
    let all = [Exit::Yes, Exit::No, Exit::Usage, Exit::Unavailable, Exit::TryLater, Exit::BadConfig];
    assert_eq!(first_cells("Exit codes"), all.map(|exit| exit.code().to_string()));
}
