//! A journald of the test's own: a mount namespace with a fresh /run, the real daemon in it, and processes that log to it.
//!
//! Everything is a child of the test and ends with the end of its stdin, so that not even a test that is killed leaves one behind.
//! Absent on purpose: what is asserted.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Generous: the machine is shared.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// What the namespace is made of; its arguments are journald's settings, the unit's name and whether /dev/shm can be written.
///
/// The unit, because journald limits what a unit says and nobody else. A file of the journal must hold the largest entry, and all of
/// them the whole test. A machine without a machine-id gets one in a layer above its /etc.
const SETUP: &str = r#"
set -eu
mount -t tmpfs -o size=160m tmpfs /run
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log/journal /run/layer
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=128M\nRuntimeMaxFileSize=64M\nReadKMsg=no\nAudit=\nForwardToSyslog=no\nForwardToWall=no\n%s\n' "$1" > /run/systemd/journald.conf.d/zz-test.conf
if ! [ -s /etc/machine-id ]; then
    mkdir /run/layer/upper /run/layer/work
    mount -t overlay -o lowerdir=/etc,upperdir=/run/layer/upper,workdir=/run/layer/work overlay /etc
    echo 0123456789abcdef0123456789abcdef > /etc/machine-id
fi
mount -t tmpfs tmpfs /sys/fs/cgroup
mkdir /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
mkdir -p "/sys/fs/cgroup/systemd/system.slice/$2"
if [ "$3" = no-shm ]; then mount -t tmpfs -o ro,size=1m tmpfs /dev/shm; fi
echo ready
exec cat
"#;

/// journald and journalctl: those of the machine, else of a tree that `cargo xtask test` unpacked.
pub struct Systemd {
    pub journald: PathBuf,
    pub journalctl: PathBuf,
    libraries: Option<String>,
}

impl Systemd {
    pub fn found() -> Systemd {
        let tree = std::env::var_os("KAFKA_NODE_TEST_SYSTEMD").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let find = |names: &[&str]| {
            let there = names.iter().map(|name| tree.join(name)).find(|path| path.exists());
            there.unwrap_or_else(|| {
                panic!(
                    "no {} below {}: install the package systemd, or run `cargo xtask test`",
                    names[0],
                    tree.display()
                )
            })
        };
        let journald = find(&["usr/lib/systemd/systemd-journald", "lib/systemd/systemd-journald"]);
        let journalctl = find(&["usr/bin/journalctl", "bin/journalctl"]);
        let libraries = (tree != Path::new("/")).then(|| {
            let below = [
                "usr/lib/x86_64-linux-gnu/systemd",
                "usr/lib/x86_64-linux-gnu",
                "lib/x86_64-linux-gnu",
                "usr/lib/systemd",
            ];
            below.map(|dir| tree.join(dir).display().to_string()).join(":")
        });
        Systemd { journald, journalctl, libraries }
    }

    /// `program`, with the libraries of an unpacked tree.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_remove("NOTIFY_SOCKET").env("LC_ALL", "C");
        command.envs(self.libraries.iter().map(|path| ("LD_LIBRARY_PATH", path)));
        command
    }
}

/// Whether the sender's kernel has memfd_create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memfd {
    Present,
    Missing,
}

/// How journald comes by its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socket {
    /// As on a machine with systemd: it stays while journald is away.
    Held,
    /// journald makes it and it dies with it.
    Own,
}

/// What kind of world.
pub struct Conditions {
    pub socket: Socket,
    /// Lines of journald's configuration.
    pub settings: &'static str,
    /// /dev/shm can be written.
    pub shared_memory: bool,
}

impl Default for Conditions {
    fn default() -> Conditions {
        Conditions { socket: Socket::Held, settings: "RateLimitIntervalSec=0", shared_memory: true }
    }
}

/// The namespace, with or without a journald in it.
pub struct Bed {
    pub systemd: Systemd,
    keeper: Spoken,
    holder: Spoken,
    journald: Option<Pid>,
    unit: String,
    dir: tempfile::TempDir,
}

impl Bed {
    pub fn new(conditions: &Conditions) -> Bed {
        assert!(nix::unistd::Uid::effective().is_root(), "a journald of our own takes root: run these tests as root");
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let unit = format!("kafka-node-test-{}-{number}.service", std::process::id());
        let systemd = Systemd::found();
        let shm = if conditions.shared_memory { "shm" } else { "no-shm" };
        let mut command = systemd.command("unshare");
        command.args(["--mount", "--net", "--propagation", "private", "sh", "-c", SETUP, "sh", conditions.settings]);
        let mut keeper = Spoken::start(command.args([&unit, shm]));
        assert_eq!(keeper.hear(), "ready", "the namespace could not be made");
        let mode = if conditions.socket == Socket::Held { "hold" } else { "bare" };
        let holder = Spoken::start(inside(&systemd, &keeper).arg(child()).arg(mode));
        Bed { systemd, keeper, holder, journald: None, unit, dir: tempfile::tempdir().expect("a directory") }
    }

    pub fn start_journald(&mut self) {
        let answer = self.holder.ask(&format!("start {}", self.systemd.journald.display()));
        self.journald = Some(Pid::from_raw(answer.parse().unwrap_or_else(|_| panic!("no pid: {answer:?}"))));
        let socket = self.path("run/systemd/journal/socket");
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < PATIENCE, "journald made no socket; it said: {}", self.holder.complaints());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.journald.expect("a journald"), signal).expect("a signal");
    }

    pub fn kill_journald(&mut self) {
        self.signal(Signal::SIGKILL);
        self.holder.ask("reap");
        self.journald = None;
    }

    /// A process in the unit that logs as production does.
    pub fn sender(&self, memfd: Memfd) -> Spoken {
        let procs = format!("/sys/fs/cgroup/systemd/system.slice/{}/cgroup.procs", self.unit);
        let mut command = inside(&self.systemd, &self.keeper);
        command.args(["sh", "-c", "echo $$ > \"$0\"; exec \"$@\"", &procs]);
        if memfd == Memfd::Missing {
            command.arg(self.no_memfd());
        }
        Spoken::start(command.arg(child()).arg("send"))
    }

    fn no_memfd(&self) -> PathBuf {
        let program = self.dir.path().join("no_memfd");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journald/no_memfd.c");
        let made = Command::new("cc")
            .args(["-o".as_ref(), program.as_os_str(), source.as_ref()])
            .output()
            .expect("cc, which links Rust");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        program
    }

    /// A path inside, seen from here.
    fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/{inside}", self.keeper.child.id()))
    }

    /// What the journal holds of our senders, oldest first.
    pub fn entries(&self) -> Vec<Value> {
        let mut command = self.systemd.command(&self.systemd.journalctl);
        command.arg("-D").arg(self.path("run/log/journal"));
        let out = command
            .args(["-o", "json", "--all", "--no-pager", "-q", "_TRANSPORT=journal"])
            .output()
            .expect("journalctl");
        let text = String::from_utf8_lossy(&out.stdout);
        let all = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")));
        all.filter(|entry| entry["_COMM"] == "journal-child").collect()
    }

    /// Reads until what is there is enough; the answer is what is there.
    pub fn until(&self, what: &str, mut enough: impl FnMut(&[Value]) -> bool) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let entries = self.entries();
            if enough(&entries) {
                return entries;
            }
            let last = entries.last().map(|entry| entry.to_string().chars().take(600).collect::<String>());
            assert!(begun.elapsed() < PATIENCE, "{what}: {} entries, the last {last:?}", entries.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if let Some(pid) = self.journald {
            // It may be stopped, and nobody else kills it.
            let _ = kill(pid, Signal::SIGKILL);
            self.holder.ask("reap");
        }
        // A group of the kernel's outlives the namespace; it can go once its processes have.
        let group = self.path("sys/fs/cgroup/systemd/system.slice").join(&self.unit);
        let begun = Instant::now();
        while std::fs::remove_dir(&group).is_err() && group.exists() && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = std::fs::remove_dir(self.path("sys/fs/cgroup/systemd/system.slice"));
    }
}

/// MESSAGE of an entry.
pub fn message(entry: &Value) -> &str {
    entry["MESSAGE"].as_str().unwrap_or_else(|| panic!("no text: {entry}"))
}

/// A command in the namespace of `keeper`.
fn inside(systemd: &Systemd, keeper: &Spoken) -> Command {
    let mut command = systemd.command("nsenter");
    let pid = keeper.child.id().to_string();
    command.args(["--target", &pid, "--mount", "--net", "--"]);
    command
}

fn child() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    test.ancestors().nth(2).expect("target/debug").join("examples/journal-child")
}

/// A child that answers each line with a line, and that ends with its stdin.
pub struct Spoken {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Spoken {
    fn start(command: &mut Command) -> Spoken {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("stdout"));
        Spoken { stdin: child.stdin.take(), stdout, stderr: child.stderr.take(), child }
    }

    pub fn say(&mut self, word: &str) {
        writeln!(self.stdin.as_mut().expect("stdin"), "{word}").expect("a word");
    }

    pub fn hear(&mut self) -> String {
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).expect("an answer");
        assert!(answer.ends_with('\n'), "it ended without an answer, and said: {}", self.complaints());
        answer.trim_end().to_owned()
    }

    pub fn ask(&mut self, word: &str) -> String {
        self.say(word);
        self.hear()
    }

    /// What it wrote on stderr, once it has ended.
    pub fn complaints(&mut self) -> String {
        self.end();
        let mut text = String::new();
        if let Some(mut stderr) = self.stderr.take() {
            stderr.read_to_string(&mut text).expect("text");
        }
        text
    }

    fn end(&mut self) {
        drop(self.stdin.take());
        let begun = Instant::now();
        while self.child.try_wait().is_ok_and(|status| status.is_none()) {
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        self.end();
    }
}
