//! `kafka-node setup` on a machine: looks, does one step at a time, and looks again whether it is so.
//!
//! A step is judged anew from fresh facts right before it is done and right after: what is so already is left alone, and what its deeds
//! did not bring about is a failure. Absent on purpose: the judging itself (`plan::setup`), and asking the operator (`cli`).

mod act;
mod look;
mod look_firewall;
mod look_release;
mod unpack;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::config::Config;
use crate::observe::host::HostRoot;
use crate::plan::setup::{Request, SetupFacts, State, Step, Subject, steps};

use super::programs::Programs;

pub(super) use look_firewall::look as look_at_firewall;

/// The file that a set-up holds locked.
const LOCK: &str = "/run/kafka-node-setup.lock";

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Its deeds were done, and it is so.
    Changed,
    /// It was so, or is left alone.
    Nothing,
}

/// A set-up of one machine.
pub struct Setup<'a> {
    config: &'a Config,
    request: &'a Request,
    root: &'a HostRoot,
    programs: &'a mut dyn Programs,
    facts: SetupFacts,
}

impl<'a> Setup<'a> {
    /// Looks at everything. Changes nothing.
    pub fn look(
        config: &'a Config,
        request: &'a Request,
        root: &'a HostRoot,
        programs: &'a mut dyn Programs,
    ) -> Setup<'a> {
        let account = look::account(root, programs);
        let facts = SetupFacts {
            directories: look::directories(config, root, &account),
            account,
            kafka: look_release::look(config, request, root, programs),
            firewall: look_firewall::look(request, root, programs),
            sysctl: look::sysctl(root),
            unit: look::unit(root),
        };
        Setup { config, request, root, programs, facts }
    }

    /// Every step as it stands.
    pub fn steps(&self) -> Vec<Step> {
        steps(self.config, &self.facts, self.request)
    }

    /// Does the step `what` (of [`Step::what`]). `said` is told each deed before it is done.
    ///
    /// # Errors
    /// Why it is not done, or not so afterwards; in words. What its earlier deeds changed stays: the next set-up goes on from there.
    pub fn perform(&mut self, what: &str, subject: Subject, said: &mut dyn FnMut(&str)) -> Result<Done, String> {
        self.look_again(subject);
        let Some(step) = self.step(what) else { return Ok(Done::Nothing) };
        match &step.state {
            State::Already(_) | State::Left(_) => return Ok(Done::Nothing),
            State::Cannot(words) => return Err(words.clone()),
            State::Change(_) => {}
        }
        for deed in &step.deeds {
            said(&deed.to_string());
            act::act(self.root, self.programs, &self.facts.account, deed)?;
        }
        self.look_again(subject);
        match self.step(what).map(|step| step.state) {
            None | Some(State::Already(_) | State::Left(_)) => Ok(Done::Changed),
            Some(State::Change(words) | State::Cannot(words)) => Err(format!("it was done, and still: {words}")),
        }
    }

    fn step(&self, what: &str) -> Option<Step> {
        self.steps().into_iter().find(|step| step.what == what)
    }

    /// The archive is read through once: it is compared by its checksum before it is unpacked.
    fn look_again(&mut self, subject: Subject) {
        match subject {
            Subject::Account => self.facts.account = look::account(self.root, self.programs),
            Subject::Directories => {
                self.facts.directories = look::directories(self.config, self.root, &self.facts.account);
            }
            Subject::Kafka => {
                let archive = self.facts.kafka.archive.take();
                self.facts.kafka = look_release::look_with(self.config, self.root, archive);
            }
            Subject::Firewall => self.facts.firewall = look_firewall::look(self.request, self.root, self.programs),
            Subject::Sysctl => self.facts.sysctl = look::sysctl(self.root),
            Subject::Unit => {}
        }
    }
}

/// One set-up at a time. The kernel gives the lock back when its holder dies.
#[derive(Debug)]
pub struct SetupLock {
    _file: Flock<File>,
}

impl SetupLock {
    /// Takes the lock.
    ///
    /// # Errors
    /// `None` when another set-up has it; else why it cannot be taken.
    pub fn take(root: &HostRoot) -> Result<SetupLock, Option<String>> {
        let path = root.at(LOCK);
        let failed = |error: String| Some(format!("cannot lock {}: {error}", path.display()));
        // A link planted here would be nothing to follow.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW)
            .open(&path)
            .map_err(|error| failed(error.to_string()))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(SetupLock { _file: file }),
            Err((_, Errno::EWOULDBLOCK)) => Err(None),
            Err((_, errno)) => Err(failed(errno.desc().to_owned())),
        }
    }
}

/// Whether this process may change the machine.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
