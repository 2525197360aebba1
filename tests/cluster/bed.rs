//! Real nodes for tests: one configuration file, a directory of its own, and a supervisor process per node on loopback.
//!
//! Every wait is for a fact with a generous limit, and a failure shows the last status and the end of the log. Whatever
//! happens, dropping the bed ends what it started, by pid.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

/// One cluster at a time: three nodes are what two cores carry.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(100);

/// A cluster of up to three nodes.
pub struct Bed {
    dir: tempfile::TempDir,
    running: Vec<Option<Child>>,
    _turn: MutexGuard<'static, ()>,
}

/// What a test needs and `cargo xtask test` provides.
fn provided(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: these tests run real JVMs; run `cargo xtask test`, which fetches them and sets it"
        )
    })
}

impl Bed {
    /// A bed of `nodes` nodes at `net`.1, .2, .3 (a loopback /24 of the test's own) on the Java that `java` names.
    pub fn new(net: &str, nodes: usize, java: &str, more: &str) -> Bed {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let dir = tempfile::Builder::new().prefix("kafka-node-test-").tempdir().expect("a temporary directory");
        let root = dir.path().display();
        let mut text = String::from("[cluster]\nname = \"test\"\n");
        for n in 1..=nodes {
            let _ = write!(text, "[[node]]\nname = \"kafkanode{n}\"\naddress = \"{net}.{n}\"\nid = {n}\n");
            for sub in ["zookeeper", "kafka-a", "kafka-b", "run", "state", "cache"] {
                fs::create_dir_all(dir.path().join(format!("kafkanode{n}/{sub}"))).expect("a directory of the bed");
            }
        }
        let _ = write!(
            text,
            "[java]\nhome = \"{}\"\n[zookeeper]\ndata_dir = \"{root}/{{node}}/zookeeper\"\nheap = \"128m\"\n\
             [kafka]\nhome = \"{}\"\nlog_dirs = [\"{root}/{{node}}/kafka-a\", \"{root}/{{node}}/kafka-b\"]\nheap = \"256m\"\n\
             bind = \"address\"\nadvertised = \"address\"\n\
             [paths]\nruntime_dir = \"{root}/{{node}}/run\"\nstate_dir = \"{root}/{{node}}/state\"\n\
             cache_dir = \"{root}/{{node}}/cache\"\nallow_temporary = true\n{more}",
            provided(java),
            provided("KAFKA_NODE_TEST_KAFKA_HOME"),
        );
        fs::write(dir.path().join("kafka-node.toml"), text).expect("the configuration");
        Bed { dir, running: (0..nodes).map(|_| None).collect(), _turn: turn }
    }

    /// `kafka-node` with the bed's configuration, seen from node `n`.
    pub fn command(&self, n: usize) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-node"));
        command.arg("--config").arg(self.dir.path().join("kafka-node.toml"));
        command.arg("--node").arg(format!("kafkanode{n}")).env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
        command
    }

    /// Starts the supervisor of node `n`.
    pub fn start(&mut self, n: usize) {
        let log = fs::File::options().create(true).append(true).open(self.log(n)).expect("the log file");
        let errors = log.try_clone().expect("the log file again");
        let child = self.command(n).arg("run").stdout(log).stderr(errors).spawn().expect("kafka-node run");
        self.running[n - 1] = Some(child);
    }

    /// SIGTERM to the supervisor of node `n`.
    pub fn terminate(&self, n: usize) {
        let pid = self.running[n - 1].as_ref().expect("the node was started").id();
        signal(pid, nix::sys::signal::Signal::SIGTERM);
    }

    /// Waits until all of `nodes` but one have ended and that one waits for `code`.
    pub fn until_one_waits(&mut self, nodes: &[usize], code: &str, limit: Duration) {
        let begin = Instant::now();
        loop {
            let mut left: Vec<usize> = Vec::new();
            for n in nodes {
                let child = self.running[n - 1].as_mut().expect("the node was started");
                if child.try_wait().expect("the supervisor is our child").is_none() {
                    left.push(*n);
                }
            }
            if let [last] = left.as_slice()
                && waits_for(&self.status(*last), code)
            {
                return;
            }
            if begin.elapsed() >= limit {
                let stories: String = nodes.iter().map(|n| self.story(*n)).collect();
                panic!("of {nodes:?}, {left:?} still run; not one that waits for {code}\n{stories}");
            }
            pause();
        }
    }

    /// Waits until the supervisor of node `n` has ended.
    pub fn ended(&mut self, n: usize, limit: Duration) -> ExitStatus {
        let begin = Instant::now();
        loop {
            let child = self.running[n - 1].as_mut().expect("the node was started");
            if let Some(status) = child.try_wait().expect("the supervisor is our child") {
                self.running[n - 1] = None;
                return status;
            }
            assert!(begin.elapsed() < limit, "kafkanode{n} has not ended in {limit:?}\n{}", self.story(n));
            pause();
        }
    }

    /// `status --json` of node `n`; `Null` where no supervisor answers.
    pub fn status(&self, n: usize) -> Value {
        let output = self.command(n).args(["status", "--json"]).output().expect("kafka-node status");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Waits until the status of node `n` fulfils `fact`, which `what` names.
    pub fn until(&self, n: usize, what: &str, limit: Duration, fact: impl Fn(&Value) -> bool) -> Value {
        let begin = Instant::now();
        loop {
            let status = self.status(n);
            if fact(&status) {
                return status;
            }
            assert!(begin.elapsed() < limit, "kafkanode{n}: not {what} in {limit:?}\n{}", self.story(n));
            pause();
        }
    }

    /// Asserts that `fact` holds at every look for `span`.
    pub fn throughout(&self, n: usize, what: &str, span: Duration, fact: impl Fn(&Value) -> bool) {
        let begin = Instant::now();
        while begin.elapsed() < span {
            let status = self.status(n);
            assert!(fact(&status), "kafkanode{n}: not {what} any more\n{}", self.story(n));
            pause();
        }
    }

    /// Whether every log directory of node `n` holds the mark of a clean stop.
    pub fn stopped_cleanly(&self, n: usize) -> bool {
        ["kafka-a", "kafka-b"].iter().all(|sub| self.node_dir(n).join(sub).join(".kafka_cleanshutdown").exists())
    }

    /// Command lines of processes that belong to this bed, supervisors left out.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let root = self.dir.path().display().to_string();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter_map(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            (line.contains(&root) && line.contains("java")).then_some((pid, line))
        })
        .collect()
    }

    /// The configuration file of all nodes.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("kafka-node.toml")
    }

    /// Where node `n` keeps its things.
    pub fn node_dir(&self, n: usize) -> PathBuf {
        self.dir.path().join(format!("kafkanode{n}"))
    }

    /// What the supervisor of node `n` wrote, with its JVMs' lines.
    pub fn log_text(&self, n: usize) -> String {
        String::from_utf8_lossy(&fs::read(self.log(n)).unwrap_or_default()).into_owned()
    }

    fn log(&self, n: usize) -> PathBuf {
        self.dir.path().join(format!("kafkanode{n}.log"))
    }

    /// The last status and the end of the log, for a failure.
    pub fn story(&self, n: usize) -> String {
        let log = self.log_text(n);
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(60)..].join("\n");
        format!("last status: {:#}\nend of its log:\n{end}", self.status(n))
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for child in self.running.iter().flatten() {
            signal(child.id(), nix::sys::signal::Signal::SIGTERM);
        }
        let begin = Instant::now();
        for child in self.running.iter_mut().flatten() {
            while begin.elapsed() < Duration::from_secs(40) && matches!(child.try_wait(), Ok(None)) {
                pause();
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        for (pid, _) in self.processes() {
            signal(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// Sends `signal` to `pid`; that it has ended already is no fault.
pub fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a pid"));
    let _ = nix::sys::signal::kill(pid, signal);
}

/// The pid of a service in a status.
pub fn pid_of(status: &Value, service: &str) -> Option<u64> {
    status["services"][service]["pid"].as_u64()
}

/// Whether the status waits for something with this code.
pub fn waits_for(status: &Value, code: &str) -> bool {
    status["waiting_for"].as_array().is_some_and(|list| list.iter().any(|w| w["code"] == code))
}

/// Lets `LOOK` pass between two looks, without taking the processor from what is looked at.
fn pause() {
    let (_keep, nobody) = std::sync::mpsc::channel::<()>();
    let _ = nobody.recv_timeout(LOOK);
}
