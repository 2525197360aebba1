//! A node of the tests in `run.rs`: its directories, its supervisor, and the ends of both.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Generous: the machine is shared. No test waits for it unless something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One node below a directory of its own, on an address of its own.
pub struct Node {
    dir: TempDir,
    number: u8,
    environment: Vec<(String, String)>,
    supervisor: Option<Child>,
    /// Every JVM that was seen: ended with this value, whatever became of its supervisor.
    jvms: std::cell::RefCell<Vec<i32>>,
}

impl Node {
    /// The node on 127.0.34.`number`, whose JVM is the fake one with `script`.
    pub fn new(number: u8, script: &str) -> Node {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        for below in ["data", "run", "kafka/libs", "java/bin"] {
            fs::create_dir_all(root.join(below)).expect("made");
        }
        for jar in ["kafka_2.13-2.6.0.jar", "zookeeper-3.5.8.jar"] {
            File::create(root.join("kafka/libs").join(jar)).expect("made");
        }
        symlink(fake_jvm(), root.join("java/bin/java")).expect("linked");
        fs::write(root.join("run/script-zookeeper"), script).expect("written");
        let at = root.display();
        let text = format!(
            "[[node]]\nname = \"n{number}\"\naddress = \"127.0.34.{number}\"\nid = {number}\nroles = [\"zookeeper\"]\n\
             [java]\nhome = \"{at}/java\"\n[zookeeper]\ndata_dir = \"{at}/data\"\nheap = \"64m\"\n\
             [kafka]\nhome = \"{at}/kafka\"\n[stop]\ngrace = \"1s\"\n[watchdog]\nprobe_interval = \"1s\"\n\
             [paths]\nruntime_dir = \"{at}/run\"\nstate_dir = \"{at}/state\"\ncache_dir = \"{at}/cache\"\n\
             allow_temporary = true\n"
        );
        fs::write(root.join("kafka-node.toml"), text).expect("written");
        Node { dir, number, environment: Vec::new(), supervisor: None, jvms: std::cell::RefCell::default() }
    }

    pub fn address(&self) -> String {
        format!("127.0.34.{}", self.number)
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// One more variable for later supervisors.
    pub fn environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts a supervisor, whose log goes to a file.
    pub fn run(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("log")).expect("a log");
        self.run_with_stderr(log.into());
    }

    pub fn run_with_stderr(&mut self, stderr: Stdio) {
        let child = self.command(&["run"]).stdout(Stdio::null()).stderr(stderr).spawn().expect("a supervisor");
        self.supervisor = Some(child);
    }

    pub fn pid(&self) -> i32 {
        let child = self.supervisor.as_ref().expect("a supervisor");
        i32::try_from(child.id()).expect("a pid")
    }

    pub fn terminate(&self) {
        kill(self.pid(), "TERM");
    }

    /// Waits for the supervisor's own end and says its code.
    pub fn end(&mut self) -> i32 {
        self.ended().code().expect("it exits by itself")
    }

    /// Waits for the end that a signal brought.
    pub fn end_by_signal(&mut self) {
        assert_eq!(self.ended().code(), None);
    }

    fn ended(&mut self) -> std::process::ExitStatus {
        let mut child = self.supervisor.take().expect("a supervisor");
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("a child of ours") {
                return status;
            }
            if began.elapsed() > PATIENCE {
                self.supervisor = Some(child);
                panic!("the supervisor does not end; its status: {}\nits log:\n{}", self.status(), self.log());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// stdout, stderr and exit code of another verb on this node.
    pub fn cli(&self, args: &[&str]) -> (String, String, i32) {
        let output = self.command(args).output().expect("the binary runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code().expect("it exits"))
    }

    /// The report as JSON; null while there is none.
    pub fn status(&self) -> Value {
        serde_json::from_str(&self.cli(&["status", "--json"]).0).unwrap_or_default()
    }

    /// Waits for a report that `is` so.
    pub fn status_with(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        until(
            what,
            || {
                let status = self.status();
                if let Some(pid) = status["services"]["zookeeper"]["pid"].as_i64() {
                    self.jvms.borrow_mut().push(i32::try_from(pid).expect("a pid"));
                }
                let found = is(&status).then(|| status.clone());
                last = status;
                found
            },
            || format!("{}\nits log:\n{}", self.status(), self.log()),
        )
    }

    /// The pid of the JVM in `status`.
    pub fn jvm(&self, status: &Value) -> i32 {
        let pid = status["services"]["zookeeper"]["pid"].as_i64().expect("a JVM");
        i32::try_from(pid).expect("a pid")
    }

    /// What supervisors wrote to stderr so far.
    pub fn log(&self) -> String {
        let mut text = String::new();
        let _ = File::open(self.path("log")).and_then(|mut file| file.read_to_string(&mut text));
        text
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-node"));
        command
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("KAFKA_NODE_CONFIG", self.path("kafka-node.toml"))
            .env("KAFKA_NODE_NAME", format!("n{}", self.number))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.supervisor.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        for pid in self.jvms.borrow().iter().copied() {
            // By what it runs as well as by number: a pid of the past may be somebody else's.
            if runs_below(pid, self.dir.path()) {
                kill(pid, "KILL");
            }
        }
    }
}

/// Polls `look` until it finds something; panics with `last` when it does not in time.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>, last: impl Fn() -> String) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}; last seen:\n{}", last());
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal by name.
pub fn kill(pid: i32, signal: &str) {
    let status = Command::new("/bin/kill").args([format!("-{signal}"), pid.to_string()]).stderr(Stdio::null()).status();
    status.expect("kill runs");
}

/// The process exists, and does not only wait to be reaped.
pub fn is_there(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn runs_below(pid: i32, dir: &Path) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&arguments).contains(&dir.display().to_string())
}

/// `cargo test` builds examples beside the tests.
fn fake_jvm() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/run");
    let path = profile.join("examples/fake-jvm");
    assert!(path.exists(), "{} is not built: cargo build --example fake-jvm", path.display());
    path
}
