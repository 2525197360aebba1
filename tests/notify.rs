//! The log thread and the notify thread, seen from outside: a child with an environment and a stderr of its own, and this
//! test as its systemd, its reader, or a reader that does not read. Absent on purpose: a real systemd and journald; the
//! container tests have those.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Generous: the machine is shared.
const PATIENCE: Duration = Duration::from_secs(60);
/// No word of the child may take longer: far below what blocks, far above what a busy machine needs.
const AT_ONCE: u64 = 5_000;

#[test]
fn systemd_hears_ready_status_and_stopping() {
    let systemd = Systemd::new();
    let mut child = NotifyChild::start(systemd.environment());
    child.say("status waits for a quorum");
    systemd.until(|message| message == "STATUS=waits for a quorum");
    child.say("ready");
    systemd.until(|message| message == "READY=1");
    child.say("stopping");
    systemd.until(|message| message == "STOPPING=1");
    assert!(child.say("finish 60000").contains("all true trouble None"));
}

#[test]
fn an_abstract_socket_is_notified_too() {
    let systemd = Systemd::abstract_one();
    let mut child = NotifyChild::start(systemd.environment());
    child.say("ready");
    systemd.until(|message| message == "READY=1");
}

#[test]
fn pings_come_while_the_loop_turns_and_stop_when_it_stands() {
    let systemd = Systemd::new();
    let mut environment = systemd.environment();
    let limit = Duration::from_millis(400);
    environment.push(("WATCHDOG_USEC".into(), limit.as_micros().to_string()));
    let mut child = NotifyChild::start(environment);
    child.say("beat");
    let mut pings = Vec::new();
    while pings.len() < 6 {
        systemd.until(|message| message == "WATCHDOG=1");
        pings.push(Instant::now());
    }
    for pair in pings.windows(2) {
        // On a machine that is not overloaded they are half of the limit apart; never more often.
        assert!(pair[1] - pair[0] > limit / 4, "{:?}", pair[1] - pair[0]);
    }
    child.say("stand");
    // One beat may still be unseen. After that: silence, as long as the loop stands.
    let quiet = systemd.quiet_for(limit * 3);
    assert!(quiet, "pings went on from a loop that stands");
    child.say("beat");
    systemd.until(|message| message == "WATCHDOG=1");
}

#[test]
fn a_watchdog_that_was_asked_of_another_process_is_not_fed() {
    let systemd = Systemd::new();
    let mut environment = systemd.environment();
    environment.push(("WATCHDOG_USEC".into(), "100000".into()));
    environment.push(("WATCHDOG_PID".into(), "1".into()));
    let mut child = NotifyChild::start(environment);
    child.say("beat");
    child.say("ready");
    systemd.until(|message| message == "READY=1");
    assert!(systemd.quiet_for(Duration::from_millis(500)));
}

#[test]
fn a_systemd_that_does_not_read_blocks_no_one_and_gets_the_newest_status() {
    let systemd = Systemd::new();
    let mut child = NotifyChild::start(systemd.environment());
    // Far more than a socket's queue holds, one by one so that the thread tries to send many.
    for _ in 0..200 {
        child.say("statuses 100");
    }
    child.say("ready");
    // It cannot be sent, and the end of the node is not held up by it.
    let finished = child.say("finish 100");
    assert!(finished.contains("all false") || systemd.received() > 0, "{finished}");
    drop(child);

    let mut child = NotifyChild::start(systemd.environment());
    for _ in 0..200 {
        child.say("statuses 100");
    }
    child.say("status the last");
    let mut count = 0;
    systemd.until(|message| {
        count += 1;
        message == "STATUS=the last"
    });
    assert!(count < 20_000, "statuses were not coalesced: {count}");
}

#[test]
fn a_socket_that_is_gone_is_said_and_tried_again() {
    let systemd = Systemd::new();
    let hidden = systemd.path.with_extension("hidden");
    std::fs::rename(&systemd.path, &hidden).expect("hide the socket");
    let mut child = NotifyChild::start(systemd.environment());
    child.say("ready");
    let finished = child.say("finish 100");
    assert!(finished.contains("all false trouble Some"), "{finished}");
    let mut child = NotifyChild::start(systemd.environment());
    child.say("ready");
    std::fs::rename(&hidden, &systemd.path).expect("show the socket");
    systemd.until(|message| message == "READY=1");
}

#[test]
fn without_a_systemd_nothing_is_sent_and_nothing_is_missed() {
    let mut child = NotifyChild::start(Vec::new());
    for word in ["ready", "status x", "stopping"] {
        child.say(word);
    }
    assert!(child.say("finish 0").contains("all true trouble None"));
}

#[test]
fn a_stderr_that_nobody_reads_blocks_no_one_and_every_line_is_in_an_entry() {
    const LINES: u64 = 200_000;
    let mut child = NotifyChild::start(Vec::new());
    // The pipe holds 64 KiB and the queue 8192 records: the rest is folded.
    child.say(&format!("log {LINES}"));
    child.say("error the disk is full");
    let stderr = child.stderr.take().expect("stderr");
    let reader = std::thread::spawn(move || read_lines(stderr));
    let flushed = child.say("flush 60000");
    assert!(flushed.contains("Some(All) dropped 0"), "{flushed}");
    drop(child);
    let lines = reader.join().expect("the reader");
    let kept = lines.iter().filter(|line| line.starts_with("kafka: line ")).count() as u64;
    let folds: Vec<&String> = lines.iter().filter(|line| line.contains(" other INFO records")).collect();
    let others = |line: &&String| line.split_once(" [and ")?.1.split(' ').next()?.parse::<u64>().ok();
    let folded: u64 = folds.iter().filter_map(others).sum();
    assert_eq!(kept + folded, LINES, "every line was written or counted: {folds:?}");
    assert!(folded > LINES / 2, "{folded}: the queue is not bounded");
    assert!(lines.iter().any(|line| line == "kafka: the disk is full"), "an error was lost in a flood");
}

#[test]
fn the_end_of_the_node_is_not_held_up_by_a_stderr_that_nobody_reads() {
    let mut child = NotifyChild::start(Vec::new());
    child.say("log 20000");
    let flushed = child.say("flush 100");
    assert!(flushed.contains("Some(Left("), "{flushed}");
}

#[test]
fn a_stderr_that_was_closed_ends_nothing() {
    let mut child = NotifyChild::start(Vec::new());
    drop(child.stderr.take());
    child.say("log 1000");
    assert!(child.say("flush 60000").contains("Some(All)"));
    child.say("log 10");
}

#[test]
fn a_journal_that_is_not_there_is_said_once_and_stderr_takes_its_place() {
    let mut child = NotifyChild::start(vec![("NOTIFY_CHILD_JOURNAL".into(), "1".into())]);
    child.say("log 3");
    child.say("flush 60000");
    let stderr = child.stderr.take().expect("stderr");
    drop(child);
    let lines = read_lines(stderr);
    // Where the machine that runs this test has a journal, it took them.
    if !std::path::Path::new("/run/systemd/journal/socket").exists() {
        assert!(lines[0].starts_with("kafka-node: WARN the journal takes no records"), "{lines:?}");
        assert_eq!(lines[1..], ["kafka: line 0", "kafka: line 1", "kafka: line 2"]);
    } else {
        assert_eq!(lines, [""; 0]);
    }
}

// What the tests are made with.

/// The other end of NOTIFY_SOCKET.
struct Systemd {
    socket: UnixDatagram,
    name: String,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Systemd {
    fn new() -> Systemd {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Systemd { socket, name: path.display().to_string(), path, _dir: dir }
    }

    fn abstract_one() -> Systemd {
        use std::os::linux::net::SocketAddrExt;
        let dir = tempfile::tempdir().expect("a directory");
        let name = dir.path().join("notify").display().to_string();
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Systemd { socket, name: format!("@{name}"), path: PathBuf::new(), _dir: dir }
    }

    fn environment(&self) -> Vec<(String, String)> {
        vec![("NOTIFY_SOCKET".into(), self.name.clone())]
    }

    fn message(&self) -> std::io::Result<String> {
        let mut buffer = [0; 4096];
        let n = self.socket.recv(&mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer[..n]).into_owned())
    }

    /// Reads until a line satisfies `wanted`.
    fn until(&self, mut wanted: impl FnMut(&str) -> bool) {
        let mut last = String::new();
        loop {
            match self.message() {
                Ok(message) if message.lines().any(&mut wanted) => return,
                Ok(message) => last = message,
                Err(error) => panic!("systemd heard nothing more ({error}); last: {last:?}"),
            }
        }
    }

    /// Whether, after at most one late message, nothing came for `time`.
    fn quiet_for(&self, time: Duration) -> bool {
        self.socket.set_read_timeout(Some(time)).expect("a timeout");
        let heard = (0..3).take_while(|_| self.message().is_ok()).count();
        self.socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        heard < 2
    }

    /// Messages that wait in the socket.
    fn received(&self) -> usize {
        self.socket.set_nonblocking(true).expect("a mode");
        let count = std::iter::from_fn(|| self.message().ok()).count();
        self.socket.set_nonblocking(false).expect("a mode");
        count
    }
}

/// `tests/support/notify_child.rs`.
struct NotifyChild {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl NotifyChild {
    fn start(environment: Vec<(String, String)>) -> NotifyChild {
        let test = std::env::current_exe().expect("the test's own path");
        let program = test.ancestors().nth(2).expect("target/debug").join("examples/notify-child");
        let mut child = Command::new(&program)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let stdout = BufReader::new(child.stdout.take().expect("stdout"));
        NotifyChild { stdin: child.stdin.take(), stdout, stderr: child.stderr.take(), child }
    }

    /// Says a word and returns its answer. It must come at once, unless the word itself is one that waits.
    fn say(&mut self, word: &str) -> String {
        let stdin = self.stdin.as_mut().expect("stdin");
        writeln!(stdin, "{word}").expect("a word");
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).expect("an answer");
        let took: u64 = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(u64::MAX);
        let waits = word.starts_with("flush") || word.starts_with("finish");
        assert!(waits || took < AT_ONCE, "{word:?} took {took} ms: {answer:?}");
        answer.trim_end().to_owned()
    }
}

impl Drop for NotifyChild {
    fn drop(&mut self) {
        // The end of stdin ends it; a thread of it that blocks does not keep it.
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

fn read_lines(mut from: impl Read) -> Vec<String> {
    let mut text = String::new();
    from.read_to_string(&mut text).expect("text");
    text.lines().map(str::to_owned).collect()
}
