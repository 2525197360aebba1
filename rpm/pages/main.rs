//! Manual pages and completions for the package: `pages DIR` writes `man/` and `completions/` from the program's own command line
//! and from its table of keys, so that neither is in the program, and neither can say anything else than it does.
//!
//! Absent on purpose: where they are installed; `rpm/kafka-node.spec` knows.
//!
//! Effects: writes files below the directory it is given.

mod key_page;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// The name of the program, its pages and its unit.
const NAME: &str = "kafka-node";

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("pages: expected a directory to write into");
        return ExitCode::from(2);
    };
    match write(&dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pages: failed to write below {}: {error}", dir.display());
            ExitCode::FAILURE
        }
    }
}

fn write(dir: &Path) -> io::Result<()> {
    let (man, completions) = (dir.join("man"), dir.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    let mut command = kafka_node::cli::command();
    // The verb "help" would have a page that says nothing, and one that is hidden is the supervisor's.
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    let verbs: Vec<String> = verbs.map(|verb| verb.get_name().to_owned()).collect();
    completed(&mut command.clone(), &completions)?;
    command = command.disable_help_subcommand(true);
    command.build();
    fs::write(man.join(format!("{NAME}.1")), whole(&command)?)?;
    for verb in verbs {
        let Some(found) = command.find_subcommand(&verb) else { continue };
        let name = format!("{NAME}-{verb}");
        fs::write(man.join(format!("{name}.1")), rendered(&headed(Man::new(found.clone()), &name), &[])?)?;
    }
    fs::write(man.join(format!("{NAME}.toml.5")), key_page::page(&kafka_node::config::reference()))
}

fn completed(command: &mut Command, dir: &Path) -> io::Result<()> {
    for (shell, name) in
        [(Shell::Bash, "kafka-node.bash"), (Shell::Zsh, "_kafka-node"), (Shell::Fish, "kafka-node.fish")]
    {
        let mut text = Vec::new();
        clap_complete::generate(shell, command, NAME, &mut text);
        fs::write(dir.join(name), text)?;
    }
    Ok(())
}

/// The page of the program itself: its verbs, its files and where else to read.
fn whole(command: &Command) -> io::Result<Vec<u8>> {
    let files = [
        ("/etc/kafka-node/kafka-node.toml", "the configuration, the same on every node; see kafka-node.toml(5)"),
        ("/etc/kafka-node/conf.d/*.toml", "laid over it, in the order of their names"),
        ("/etc/sysconfig/kafka-node", "the environment of the unit on this machine alone"),
        ("/var/lib/kafka-node", "records of running JVMs, the history, GC logs, heap dumps"),
        ("/run/kafka-node", "the control socket of the supervisor"),
        ("/usr/share/doc/kafka-node/runbook.md", "the operator's page: what each wait means, and what to do about it"),
    ];
    let mut text = Roff::new();
    text.control("SH", ["FILES"]);
    for (path, meaning) in files {
        text.control("TP", []).text([bold(path)]).text([roman(meaning)]);
    }
    text.control("SH", ["SEE ALSO"]);
    text.text([
        roman("kafka-node.toml(5), systemctl(1), journalctl(1). "),
        bold("systemctl cat kafka-node"),
        roman(" shows the unit, with the reason of every line in it."),
    ]);
    rendered(&headed(Man::new(command.clone()), NAME), &[text])
}

/// Where other pages name a day, the version: the same program makes the same pages.
fn headed(man: Man, title: &str) -> Man {
    man.title(title.to_uppercase()).section("1").date(env!("CARGO_PKG_VERSION")).source(NAME).manual(NAME)
}

fn rendered(man: &Man, more: &[Roff]) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render(&mut page)?;
    for part in more {
        part.to_writer(&mut page)?;
    }
    Ok(page)
}
