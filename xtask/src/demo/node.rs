//! One node of a demo or a benchmark: a `kafka-node run`, asked for its status, stopped by SIGTERM.
//! It runs in a session of its own, so that neither Ctrl-C nor the end of the terminal reaches it.
//! Absent on purpose: the order of things; `demo` has that.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::Signal;

use super::status::Seen;
use crate::child;
use crate::failure::{During, Outcome};
use crate::proc::Identity;

/// A node that was started.
#[derive(Debug)]
pub struct Node {
    /// Its name in the configuration.
    pub name: String,
    /// Where its stdout and stderr go.
    pub log: PathBuf,
    /// How it was last seen.
    pub seen: Option<Seen>,
    /// How it ended, once it has.
    pub ended: Option<ExitStatus>,
    child: Child,
    binary: PathBuf,
    config: PathBuf,
}

impl Node {
    /// Starts `kafka-node --config FILE --node NAME run`.
    pub fn start(binary: &Path, config: &Path, name: &str, log: PathBuf) -> Outcome<Self> {
        // A node that is started again goes on in the same log.
        let out = File::options().create(true).append(true).open(&log).during(|| format!("open {}", log.display()))?;
        let err = out.try_clone().during(|| format!("share {}", log.display()))?;
        // setsid(1) becomes the program it starts, so the child's pid is the node's.
        let mut command = Command::new("setsid");
        command.arg(binary).arg("--config").arg(config).args(["--node", name, "run"]);
        // A demo in a unit's shell must not report that unit ready, nor inherit its watchdog.
        for variable in
            ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "KAFKA_NODE_NAME"]
        {
            command.env_remove(variable);
        }
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().during(|| format!("start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            log,
            seen: None,
            ended: None,
            child,
            binary: binary.to_owned(),
            config: config.to_owned(),
        })
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Looks whether it has ended, and if not asks for its status; a line when something changed.
    pub fn look(&mut self) -> Outcome<Option<String>> {
        if self.has_ended()? {
            return Ok(None);
        }
        let Some(seen) = Seen::read(&self.status()?) else { return Ok(None) };
        let line = seen.changed_from(self.seen.as_ref());
        self.seen = Some(seen);
        Ok(line)
    }

    /// What it answers to `status --json`; empty where nobody answers.
    pub fn status(&self) -> Outcome<String> {
        self.ask(5, &["status", "--json"]).map(|(_, out, _)| out)
    }

    /// Another process of its program with its configuration: how it ended within so many seconds, and what it said.
    pub fn ask(&self, seconds: u32, words: &[&str]) -> Outcome<(ExitStatus, String, String)> {
        // timeout(1) of coreutils: a command that hangs must not hang the demo.
        let mut command = Command::new("timeout");
        command.arg(seconds.to_string()).arg(&self.binary).arg("--config").arg(&self.config);
        child::captured(command.args(["--node", &self.name]).args(words))
    }

    /// Has the process ended?
    pub fn has_ended(&mut self) -> Outcome<bool> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().during(|| format!("wait for {}", self.name))?;
        }
        Ok(self.ended.is_some())
    }

    /// Has it reached its readiness level?
    pub fn ready(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.ready)
    }

    /// Sends SIGTERM: a clean stop; a second one hurries it.
    pub fn terminate(&self) {
        if self.ended.is_none() {
            child::signal(self.pid(), Signal::SIGTERM);
        }
    }

    /// The node and its JVMs, as far as they were seen, with their start times.
    pub fn identities(&self) -> Vec<Identity> {
        let jvms = self.seen.iter().flat_map(|seen| seen.pids.iter().copied());
        std::iter::once(self.pid()).chain(jvms).filter_map(Identity::of).collect()
    }

    /// What it last said and the end of its log, for a failure.
    pub fn last_words(&self) -> String {
        let status = match (&self.ended, &self.seen) {
            (Some(status), _) => format!("ended with {status}"),
            (None, Some(seen)) => seen.line(),
            (None, None) => "has not answered `status` yet".to_owned(),
        };
        format!("  {}: {status}\n{}", self.name, child::last_lines(&self.log, 0, 15))
    }
}
