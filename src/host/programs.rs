//! Programs of the system, run directly: found in the system's own directories, with an environment of ours, a limit and no shell.
//!
//! A trait, so that tests put their own programs in place of those that change the machine.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Where programs are looked for, in this order, whatever PATH says: `sudo` may leave the sbin directories out.
const DIRECTORIES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// `firewall-cmd --reload` takes seconds, a release is unpacked in five; a slow disk may take minutes.
const LIMIT: Duration = Duration::from_secs(600);
/// Bytes of output that are taken; the listing of a release has 20,000.
const MOST_OUTPUT: u64 = 4 << 20;

/// What a program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its stdout.
    pub out: String,
    /// Its stderr.
    pub err: String,
}

/// Whoever runs programs for us.
pub trait Programs {
    /// Whether there is such a program.
    fn has(&self, name: &str) -> bool;

    /// Runs it to its end; the first word is its name.
    ///
    /// # Errors
    /// It is not there, cannot be started, says too much or does not end; in words.
    fn run(&mut self, words: &[String]) -> Result<Answer, String>;
}

/// The system's own programs.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

/// The same, for whoever cannot wait long: a program that has not ended within this time is ended.
#[derive(Clone, Copy, Debug)]
pub struct Within(pub Duration);

impl Answer {
    /// It exited with 0.
    pub fn is_ok(&self) -> bool {
        self.code == Some(0)
    }

    /// How it ended, with its own last words.
    pub fn words(&self) -> String {
        let said = if self.err.trim().is_empty() { self.out.trim() } else { self.err.trim() };
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        let end = self.code.map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit code {code}"));
        if last.is_empty() { end } else { format!("{end}: {}", last.join("; ")) }
    }
}

/// Runs it, and takes anything but exit code 0 for a failure. Returns its stdout.
pub(super) fn run_well(programs: &mut dyn Programs, words: &[String]) -> Result<String, String> {
    let answer = programs.run(words)?;
    if answer.is_ok() { Ok(answer.out) } else { Err(format!("{}: {}", words.join(" "), answer.words())) }
}

/// Words of a command.
pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl System {
    fn find(name: &str) -> Option<PathBuf> {
        DIRECTORIES.iter().map(|directory| PathBuf::from(directory).join(name)).find(|path| path.is_file())
    }
}

impl Programs for System {
    fn has(&self, name: &str) -> bool {
        System::find(name).is_some()
    }

    fn run(&mut self, words: &[String]) -> Result<Answer, String> {
        run(words, None, LIMIT)
    }
}

impl Programs for Within {
    fn has(&self, name: &str) -> bool {
        System.has(name)
    }

    fn run(&mut self, words: &[String]) -> Result<Answer, String> {
        run(words, None, self.0)
    }
}

impl Within {
    /// The same with `text`, of some lines, on the program's stdin.
    ///
    /// # Errors
    /// As [`Programs::run`].
    pub fn feed(self, words: &[String], text: &str) -> Result<Answer, String> {
        run(words, Some(text), self.0)
    }
}

fn run(words: &[String], input: Option<&str>, limit: Duration) -> Result<Answer, String> {
    let (name, arguments) = words.split_first().ok_or("no program is named")?;
    let program = System::find(name).ok_or_else(|| format!("there is no {name} in {}", DIRECTORIES.join(", ")))?;
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", DIRECTORIES.join(":"))
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .current_dir("/")
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| format!("{name} cannot be started: {error}"))?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        // A few lines fit a pipe, so this waits for nobody; a program that does not read says by its end what it thinks.
        let _ = stdin.write_all(text.as_bytes());
    }
    await_end(child, name, limit)
}

/// Waits for the end of a program and of its output, both by pipes, for as long as `limit`; it is ended then.
///
/// # Errors
/// It says too much or does not end; in words, with `name`.
pub fn await_end(mut child: Child, name: &str, limit: Duration) -> Result<Answer, String> {
    let (sender, receiver) = mpsc::channel();
    let read = |index: usize, stream: Option<Box<dyn Read + Send>>| {
        let sender = sender.clone();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read before an error is shown all the same.
            let _ = stream.map(|stream| stream.take(MOST_OUTPUT + 1).read_to_end(&mut bytes));
            let _ = sender.send((index, bytes));
        });
    };
    read(0, child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>));
    read(1, child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let trouble = match receiver.recv_timeout(limit) {
            Ok((_, bytes)) if bytes.len() as u64 > MOST_OUTPUT => "says more than is taken",
            Ok((0, bytes)) => {
                out = bytes;
                continue;
            }
            Ok((_, bytes)) => {
                err = bytes;
                continue;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => "does not end",
        };
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("{name} {trouble}; it was ended"));
    }
    let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Answer { code: status.code(), out: text(out), err: text(err) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_run_with_an_environment_of_ours_and_its_end_is_told() {
        let answer = System.run(&words(&["env"])).expect("env is there");
        let mut lines: Vec<&str> = answer.out.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC"]);
        let answer = System.run(&words(&["ls", "/there is no such file"])).expect("ls is there");
        assert!(!answer.is_ok() && answer.words().contains("No such file"), "{}", answer.words());
        assert!(System.run(&words(&["no-such-program"])).is_err());
        assert!(!System.has("no-such-program") && System.has("tar"));
    }

    #[test]
    fn a_program_gets_its_words_and_their_end() {
        let within = Within(Duration::from_secs(60));
        let answer = within.feed(&words(&["cat"]), "two\nlines\n").expect("cat is there");
        assert_eq!((answer.out.as_str(), answer.is_ok()), ("two\nlines\n", true));
        assert!(within.feed(&words(&["true"]), "unheard").expect("true is there").is_ok());
    }

    #[test]
    fn a_program_that_says_too_much_is_ended() {
        let error = System.run(&words(&["yes"])).expect_err("it never ends");
        assert!(error.contains("more than is taken"), "{error}");
    }
}
