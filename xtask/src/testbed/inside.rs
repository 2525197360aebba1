//! Commands inside a node: as root, in all its namespaces and in its cgroups, each with a time limit.
//! Absent on purpose: transient services. What needs the sandbox of a unit is a unit.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use super::bed::Node;
use super::power;
use crate::child;
use crate::failure::{During, Failure, Outcome};

/// What a command said and how it ended.
#[derive(Debug, Clone)]
pub struct Answer {
    /// `timeout` ends with 124 when the limit was over.
    pub status: ExitStatus,
    /// stdout.
    pub out: String,
    /// stderr.
    pub err: String,
}

impl Answer {
    /// Both streams in one line, shortened: for messages.
    pub fn words(&self) -> String {
        let text = format!("{} {}", self.out, self.err).split_whitespace().collect::<Vec<_>>().join(" ");
        text.chars().take(600).collect()
    }
}

/// Runs a command; its status is the caller's to judge.
pub fn run(node: &Node<'_>, limit: Duration, words: &[&str]) -> Outcome<Answer> {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=2", &format!("{}", limit.as_secs_f64().max(0.1))]).arg("sh");
    let (status, out, err) = child::captured(prepare(&mut command, node)?.args(words))?;
    Ok(Answer { status, out, err })
}

/// Runs a command that has to succeed; what it printed.
pub fn must(node: &Node<'_>, limit: Duration, words: &[&str]) -> Outcome<String> {
    let answer = run(node, limit, words)?;
    if answer.status.success() {
        return Ok(answer.out);
    }
    let ended = if answer.status.code() == Some(124) {
        format!("was not done in {} s", limit.as_secs())
    } else {
        format!("ended with {}", answer.status)
    };
    Err(Failure::new(format!("`{}` on {} {ended}: {}{}", words.join(" "), node.host(), answer.out, answer.err)))
}

/// A shell's line that has to succeed; what it printed.
pub fn shell(node: &Node<'_>, limit: Duration, line: &str) -> Outcome<String> {
    must(node, limit, &["sh", "-c", line])
}

/// Becomes the command, with this task's own streams. It only returns when it failed.
pub fn become_it(node: &Node<'_>, words: &[String]) -> Outcome<()> {
    let mut command = Command::new("sh");
    let error = prepare(&mut command, node)?.args(words).exec();
    Err(error).during(|| "enter the node".into())
}

/// A command that runs on while the task does other things; the caller ends it.
pub fn begin(node: &Node<'_>, words: &[&str]) -> Outcome<std::process::Child> {
    let mut command = Command::new("sh");
    let command = prepare(&mut command, node)?.args(words);
    child::spawn(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()))
}

fn prepare<'c>(command: &'c mut Command, node: &Node<'_>) -> Outcome<&'c mut Command> {
    let leader = power::leader(node).ok_or_else(|| Failure::new(format!("{} is off", node.host())))?;
    Ok(command.arg(node.bed.scripts.join("enter.sh")).arg(node.dir().join("cgroups")).arg(leader.to_string()))
}
