//! The plan as data: what will run, with which files, and why each number is what it is.
//!
//! Absent on purpose: making it (the files beside this one) and doing it (`runtime`, `process`).

use std::fmt;
use std::path::PathBuf;

use crate::config::{Config, ConfigWarning, masked};
use crate::model::Role;

use super::HostFacts;

/// Everything decided before the first process: it can be printed, and tested as text.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The configuration it was made from.
    pub config: Config,
    /// The facts it was made from.
    pub facts: HostFacts,
    /// How memory is shared out.
    pub memory: MemoryBudget,
    /// The services of this node, in start order; never empty.
    pub services: Vec<ServiceSpec>,
    /// What is unwise and still works, the configuration's own warnings included.
    pub warnings: Vec<ConfigWarning>,
}

/// How the node's memory is shared out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryBudget {
    /// What there is to share, in bytes: the smaller of machine and cgroup.
    pub total: u64,
    /// ZooKeeper's heap in bytes; 0 without the role.
    pub zookeeper_heap: u64,
    /// Kafka's heap in bytes; 0 without the role.
    pub kafka_heap: u64,
    /// Left to the page cache and the rest, in bytes (what the JVMs use outside their heaps subtracted).
    pub page_cache: u64,
    /// One sentence for each number, in the order of the fields.
    pub reasons: Vec<String>,
}

/// One JVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    /// Which service it is.
    pub role: Role,
    /// `bin/java`, absolute.
    pub program: PathBuf,
    /// Every argument after the program.
    pub args: Vec<Reasoned>,
    /// The whole environment of the process.
    pub environment: Vec<(String, String)>,
    /// Its working directory, below `state_dir`: where GC log, `hs_err` files and heap dumps land. It is made before the start,
    /// since a JVM does not run when it cannot open its GC log.
    pub directory: PathBuf,
    /// Files written before each start, in `runtime_dir`. They may hold secrets that the operator passed through: owner only.
    pub files: Vec<RenderedFile>,
    /// `myid`: written once if absent, never overwritten. ZooKeeper only.
    pub my_id_file: Option<RenderedFile>,
    /// `host:port` where this node's own probes reach it: ZooKeeper's client port, or the broker's listener.
    pub probe_address: String,
    /// Main class, as `jps` and `/proc/PID/cmdline` show it.
    pub main_class: &'static str,
    /// The options alone that `java -XX:+PrintFlagsFinal -version` must accept before the first start.
    pub proof_args: Vec<String>,
}

/// A value and the reason it is what it is. Its `Debug` does not show a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Reasoned {
    /// The value itself.
    pub text: String,
    /// One sentence without a full stop.
    pub why: String,
}

/// A file as text, to be written. Its `Debug` does not show the text, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Where it goes.
    pub path: PathBuf,
    /// Its whole text.
    pub text: String,
}

impl fmt::Debug for Reasoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", masked(&self.text), self.why)
    }
}

impl fmt::Debug for RenderedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.path.display(), self.text.len())
    }
}

impl ServiceSpec {
    /// Bytes of the command line as `/proc/PID/cmdline` holds it: program and arguments, each with its NUL.
    pub fn argv_length(&self) -> usize {
        let program = self.program.as_os_str().len() + 1;
        program + self.args.iter().map(|arg| arg.text.len() + 1).sum::<usize>()
    }

    /// Where its properties file goes: the last argument, by which a process of ours is known from a stranger's.
    pub fn properties_path(&self) -> Option<&str> {
        self.args.last().map(|arg| arg.text.as_str())
    }
}

impl Plan {
    /// The service with `role`, where this node has it.
    pub fn service(&self, role: Role) -> Option<&ServiceSpec> {
        self.services.iter().find(|service| service.role == role)
    }
}
