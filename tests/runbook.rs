//! `docs/runbook.md` against the code: whoever looks up at night what a node waits for finds its line, and no line of the past.
//!
//! Absent on purpose: whether the advice is good.

use kafka_node::cli::Exit;
use kafka_node::model::{Denial, WaitReason};

const RUNBOOK: &str = include_str!("../docs/runbook.md");
const LOGS: &str = include_str!("../docs/reading-the-logs.md");

/// First cells of the table below `heading`, in the page's order; the head and the line below it left out.
fn first_cells(page: &str, heading: &str) -> Vec<String> {
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
    assert_eq!(first_cells(RUNBOOK, "What a node waits for"), WaitReason::CODES);
}

#[test]
fn every_denial_of_the_gate_has_its_line_and_no_other_has() {
    assert_eq!(first_cells(RUNBOOK, "What stands against a reboot"), Denial::CODES);
}

#[test]
fn every_command_of_a_reboot_is_understood() {
    let pages = [include_str!("../docs/reboot-and-roll.md"), RUNBOOK, include_str!("../docs/updates.md")];
    let quoted = pages.iter().flat_map(|page| page.split('`').skip(1).step_by(2));
    let mut tried = 0;
    for code in quoted.filter_map(|code| code.trim_start_matches("sudo ").strip_prefix("kafka-node ")) {
        let mut words = code.split_whitespace();
        let verb = words.next().unwrap_or_default();
        if !["reboot", "can-reboot", "lock", "roll", "stop", "plan"].contains(&verb) || code.contains("...") {
            continue;
        }
        // Understood, and asked for help at once: nothing is done.
        let mut line = vec!["kafka-node".to_owned(), verb.to_owned()];
        let known = kafka_node::cli::command();
        let mut at = known.find_subcommand(verb).expect(code);
        for word in words.take_while(|word| !word.contains('"')) {
            match word.trim_matches(['[', ']']).strip_prefix("--") {
                Some(option) => {
                    let there = at.get_arguments().any(|argument| argument.get_long() == Some(option));
                    assert!(there, "{code}: {} knows no --{option}", line.join(" "));
                }
                None if at.has_subcommands() && word != "|" => {
                    at = at.find_subcommand(word).unwrap_or_else(|| panic!("{code}: no verb {word}"));
                    line.push(word.to_owned());
                }
                None => {}
            }
        }
        tried += 1;
    }
    assert!(tried >= 20, "only {tried} commands stand on the pages");
}

#[test]
fn every_exit_code_has_its_line_and_no_other_has() {
    let all = [Exit::Yes, Exit::No, Exit::Usage, Exit::Ordered, Exit::Unavailable, Exit::TryLater, Exit::BadConfig];
    assert_eq!(first_cells(RUNBOOK, "Exit codes"), all.map(|exit| exit.code().to_string()));
}

#[test]
fn every_field_that_the_journal_gets_has_its_line() {
    let told = first_cells(LOGS, "What each field means");
    let field = |word: &&str| word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let sender = include_str!("../src/notify/journal.rs");
    // Strings are every second part between quotes.
    let sent: Vec<&str> = sender.split('"').skip(1).step_by(2).filter(field).collect();
    assert!(sent.contains(&"SYSLOG_IDENTIFIER"), "{sent:?}");
    for field in sent {
        assert!(told.iter().any(|cell| cell == field), "{field} has no line on the page");
    }
}

#[test]
fn every_command_of_the_page_is_understood() {
    let quoted = LOGS.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("kafka-node logs"));
    let mut tried = 0;
    for options in quoted {
        let mut line = vec!["kafka-node".to_owned(), "logs".to_owned(), "--help".to_owned()];
        // The one blank inside quotes.
        let options = options.replace("\"timed out\"", "timed").replace(" ID", " 1f").replace("...", "");
        line.extend(options.split_whitespace().map(str::to_owned));
        let dir = tempfile::tempdir().expect("a directory");
        line.retain(|word| word != "--help");
        line.extend(["-D".to_owned(), dir.path().display().to_string()]);
        let exit =
            if options.contains("-D") { Exit::Unavailable } else { kafka_node::cli::main(line.iter().map(Into::into)) };
        assert_eq!(exit, Exit::Unavailable, "{line:?}: no journal is there, and the rest is understood");
        tried += 1;
    }
    assert!(tried >= 8, "only {tried} commands stand on the page");
}
