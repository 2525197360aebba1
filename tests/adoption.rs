//! Runs that outlive their supervisor, with real processes: pipes that stay, lives and ends seen by a stranger, an exec of
//! the supervisor itself. Absent on purpose: what is done about any of it (`tests/sim`), and the making of a process
//! (`tests/process.rs`).

use std::fs;
use std::future::Future;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kafka_node::model::{ExitStatus, Role, RunId};
use kafka_node::process::{
    DRAIN_LIMIT, Drained, Fate, Origin, Record, Records, RunBook, RunMark, Running, Stream, adopt, drain, fate,
    remove_stale_pipes, start_time, sweep, take_rest,
};
use tokio::io::AsyncReadExt;

/// Generous: the machine is shared. No test waits for it unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says 1,000 lines, waits for the file `go`, says 2,000 more, says so by the file `said` and ends at the file `end`.
const TALKER: &str = "i=0; say() { while [ $i -lt $1 ]; do echo line $i; i=$((i+1)); done; }; \
    till() { while [ ! -e $1 ]; do sleep 0.01; done; }; say 1000; till go; say 3000; touch said; till end; exit 7";

#[test]
fn what_is_written_while_no_supervisor_lives_is_read_by_the_next_in_order_and_once() {
    let node = Node::new();
    run(async {
        let mut orphan = node.orphan("made", TALKER);
        let taken = orphan.ask("take 1003").trim_matches('"').replace("\\n", "\n");
        // What a reader took and could pass on to nobody.
        orphan.ask("rest unfinished li");
        orphan.die();
        node.touch("go");
        until("it says everything", || node.has("said")).await;
        assert!(is_there(orphan.pid), "it met EPIPE");

        let mut adopted = Guard(adopt(node.path(), &node.record()).expect("adopted"));
        assert_eq!((adopted.0.pid, adopted.0.origin), (orphan.pid, Origin::Stranger));
        assert!(adopted.0.pipe_size >= 64 * 1024, "{}", adopted.0.pipe_size);
        assert_eq!(take_rest(adopted.0.mark(), Stream::Out).expect("a rest"), b"unfinished li");
        node.touch("end");
        let text = taken + &rest_of(&mut adopted).await;
        let expected: String = (0..3000).map(|n| format!("line {n}\n")).collect();
        assert!(text == expected, "{} of {} bytes: {}", text.len(), expected.len(), beginning(&text));
        assert_eq!(end_of(&mut adopted).await, ExitStatus::Unseen);
    });
}

#[test]
fn a_full_pipe_holds_its_writer_and_loses_nothing() {
    let node = Node::new();
    run(async {
        let lines = 40_000;
        let script = format!(
            "i=0; while [ $i -lt {lines} ]; do echo a line of a log as long as usual, number $i; i=$((i+1)); done"
        );
        let mut orphan = node.orphan("made", &script);
        orphan.die();
        until("it waits in the full pipe", || wait_channel(orphan.pid).contains("pipe")).await;
        let mut adopted = Guard(adopt(node.path(), &node.record()).expect("adopted"));
        let text = rest_of(&mut adopted).await;
        let expected: String = (0..lines).map(|n| format!("a line of a log as long as usual, number {n}\n")).collect();
        assert!(expected.len() > adopted.0.pipe_size, "it was to be more than the pipe holds");
        assert!(text == expected, "{} of {} bytes: {}", text.len(), expected.len(), beginning(&text));
    });
}

#[test]
fn signals_reach_a_stranger_and_its_end_is_seen_at_once() {
    let node = Node::new();
    run(async {
        let script = "trap 'echo dump' QUIT; trap 'echo term; exit 7' TERM; echo up; while :; do sleep 0.02; done";
        let mut orphan = node.orphan("made", script);
        orphan.ask("take 3");
        orphan.die();
        let mut adopted = Guard(adopt(node.path(), &node.record()).expect("adopted"));
        adopted.0.dump();
        assert_eq!(said(&mut adopted.0, 5).await, "dump\n");
        assert!(is_there(orphan.pid), "the dump ended it");
        adopted.0.terminate();
        let look = adopted.0.look();
        let mut stdout = adopted.0.stdout.take().expect("stdout");
        let reading = tokio::spawn(async move {
            let mut text = Vec::new();
            drain(&mut stdout, std::future::pending(), DRAIN_LIMIT, &mut |bytes: &[u8]| text.extend_from_slice(bytes))
                .await;
            look.now();
            (text, Instant::now())
        });
        assert_eq!(end_of(&mut adopted).await, ExitStatus::Unseen);
        let seen = Instant::now();
        let (text, closed) = reading.await.expect("the drain");
        assert_eq!(String::from_utf8_lossy(&text), "term\n");
        println!("its end was seen {:?} after that of its pipe", seen.saturating_duration_since(closed));
        // Whoever has the pid by now hears nothing, and the answer stays the same.
        adopted.0.terminate();
        adopted.0.dump();
        adopted.0.kill_group();
        assert_eq!(end_of(&mut adopted).await, ExitStatus::Unseen);
    });
}

#[test]
fn a_stranger_is_killed_with_its_group_and_what_it_leaves_there_goes_with_it() {
    let node = Node::new();
    run(async {
        let mut orphan = node.orphan("made", "trap '' TERM; sleep 600 & echo $! >child; wait; wait");
        let child = node.pid_in("child").await;
        orphan.die();
        let mut adopted = Guard(adopt(node.path(), &node.record()).expect("adopted"));
        adopted.0.kill_group();
        assert_eq!(end_of(&mut adopted).await, ExitStatus::Unseen);
        until("its child is gone", || !is_there(child)).await;
    });
    let node = Node::new();
    run(async {
        let mut orphan = node.orphan("made", "sleep 600 & echo $! >child; while [ ! -e go ]; do sleep 0.01; done");
        let child = node.pid_in("child").await;
        orphan.die();
        let mut adopted = Guard(adopt(node.path(), &node.record()).expect("adopted"));
        node.touch("go");
        assert_eq!(end_of(&mut adopted).await, ExitStatus::Unseen);
        until("what it left is gone", || !is_there(child)).await;
        rest_of(&mut adopted).await;
    });
}

#[test]
fn a_pid_in_other_hands_is_nobody_to_adopt_to_sweep_or_to_signal() {
    let node = Node::new();
    run(async {
        let orphan = node.orphan("made", "trap 'touch term' TERM; while :; do sleep 0.02; done");
        let living = node.record();
        let mut foreign = living.clone();
        foreign.start_time += 1;
        assert_eq!(fate(node.path(), &foreign).expect("a fate"), Fate::Gone);
        assert_eq!(adopt(node.path(), &foreign).expect_err("it is over").kind(), ErrorKind::NotFound);
        let start_time = living.start_time;
        assert_eq!(fate(node.path(), &living).expect("a fate"), Fate::Lives { pid: orphan.pid, start_time });
        let mut earlier = living.clone();
        earlier.boot = "0e1f6a52-7b0c-4b7c-9d5d-1f2e3d4c5b6a".into();
        assert_eq!(fate(node.path(), &earlier).expect("a fate"), Fate::Gone);
        let ended = Record { ended: true, ..living };
        assert_eq!(fate(node.path(), &ended).expect("a fate"), Fate::Gone);
        assert!(is_there(orphan.pid) && !node.has("term"));
    });
}

#[test]
fn a_jvm_whose_maker_died_before_it_was_recorded_is_found_by_its_mark() {
    let node = Node::new();
    run(async {
        // What it forks carries the mark too, and must not be taken for it: in its group, and (setsid) out of it.
        let script = "sleep 600 & setsid sleep 600 & echo $! >child; while [ ! -e go ]; do sleep 0.01; done; kill %2";
        let mut orphan = node.orphan("unrecorded", script);
        let away = PidGuard(node.pid_in("child").await);
        orphan.die();
        let record = node.record();
        assert_eq!(record.pid, None);
        let start_time = start_time(orphan.pid).expect("it lives");
        assert_eq!(fate(node.path(), &record).expect("a fate"), Fate::Lives { pid: orphan.pid, start_time });
        assert_eq!(fate(Path::new("/elsewhere"), &record).expect("a fate"), Fate::Intended, "another node's");
        let other = Record { run: RunId(0x1a2d), ..record.clone() };
        assert_eq!(fate(node.path(), &other).expect("a fate"), Fate::Intended, "another run");

        let mut adopted = Guard(adopt(node.path(), &record).expect("adopted"));
        let book = RunBook::open(node.path()).expect("a book").0;
        book.started(record.role, record.run, adopted.0.pid, adopted.0.start_time).expect("written");
        assert_eq!((node.record().pid, node.record().born), (Some(orphan.pid), record.born));
        drop(away);
        node.touch("go");
        assert_eq!(end_of(&mut adopted).await, ExitStatus::Unseen);
        assert_eq!(fate(node.path(), &record).expect("a fate"), Fate::Intended, "it is over");
    });
}

#[test]
fn a_sweep_ends_a_jvm_that_was_never_recorded_and_keeps_what_is_to_be_fenced() {
    let node = Node::new();
    run(async {
        let mut orphan = node.orphan("unrecorded", "exec sleep 600");
        orphan.die();
        let file = node.path().join("runs");
        let text = fs::read_to_string(&file).expect("the record");
        // A session noted of it, an ended run that waits to be fenced, and one whose process is not there.
        let ended = "run role=kafka run=1 pid=77 start=1 boot=x session=0x7 ended=1";
        let bare = text.lines().last().expect("a line").replace("run=1a2c", "run=1a2d");
        fs::write(&file, format!("{} session=0x8\n{ended}\n{bare}\n", text.trim_end())).expect("written");
        let report = sweep(node.path(), PATIENCE).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.swept.len(), 2, "{report}");
        assert!(!is_there(orphan.pid));
        let kept: Vec<(u64, bool)> =
            Records::read(node.path()).expect("records").runs.iter().map(|r| (r.run.0, r.ended)).collect();
        assert_eq!(kept, [(0x1a2c, true), (1, true)]);
    });
}

#[test]
fn a_jvm_whose_pipes_have_no_name_is_read_through_proc() {
    let node = Node::new();
    run(async {
        let mut orphan = node.orphan("made", TALKER);
        // Its pipes lose their names, as if it were of a kafka-node that gave them none.
        assert_eq!(remove_stale_pipes(node.path(), &[]).expect("removed"), 2);
        orphan.die();
        node.touch("go");
        until("it says everything", || node.has("said")).await;
        let mut adopted = Guard(adopt(node.path(), &node.record()).expect("adopted"));
        node.touch("end");
        let text = rest_of(&mut adopted).await;
        assert!(text.starts_with("line 0\n") && text.ends_with("line 2999\n"), "{}", beginning(&text));
    });
}

#[test]
fn an_exec_keeps_the_child_its_output_and_its_status() {
    let node = Node::new();
    run(async {
        let mut orphan = node.orphan("made", TALKER);
        orphan.ask("take 7");
        let own = start_time(orphan.own_pid()).expect("it lives");
        assert_eq!(orphan.ask("exec"), "again");
        assert_eq!(orphan.ask("adopt"), "Inherited");
        assert_eq!(start_time(orphan.own_pid()).ok(), Some(own), "exec makes no new process");
        assert_eq!(orphan.ask("ends"), "1", "what came over the exec was to be closed");
        node.touch("go");
        node.touch("end");
        let drained = orphan.ask("drain");
        assert!(drained.starts_with("End \"line 1\\nline 2\\n"), "{}", beginning(&drained));
        assert!(drained.ends_with("line 2999\\n\""), "{} bytes", drained.len());
        assert_eq!(orphan.ask("wait"), "Code(7)");
    });
}

#[test]
fn a_child_that_ends_during_the_exec_is_reaped_with_its_status_and_last_words() {
    let node = Node::new();
    run(async {
        let mut orphan = node.orphan("made", TALKER);
        assert_eq!(orphan.ask("exec"), "again");
        node.touch("go");
        node.touch("end");
        until("it has ended and is not reaped", || state_of(orphan.pid) == Some('Z')).await;
        assert_eq!(orphan.ask("adopt"), "Inherited");
        let drained = orphan.ask("drain");
        assert!(
            drained.starts_with("End \"line 0\\n") && drained.ends_with("line 2999\\n\""),
            "{}",
            beginning(&drained)
        );
        assert_eq!(orphan.ask("wait"), "Code(7)");
        assert_eq!(state_of(orphan.pid), None, "it was not reaped");
    });
}

#[test]
fn the_pipes_of_a_living_run_are_not_stale() {
    let node = Node::new();
    let orphan = node.orphan("made", TALKER);
    let mark = RunMark { state_dir: node.path().to_owned(), role: Role::Kafka, run: RunId(0x1a2c) };
    assert_eq!(remove_stale_pipes(node.path(), &[(Role::Kafka, RunId(0x1a2c))]).expect("nothing"), 0);
    assert!(Stream::ALL.iter().all(|stream| mark.pipe(*stream).exists()));
    drop(orphan);
}

// What the tests are made with.

/// The state directory of a node whose Kafka is a shell.
struct Node(tempfile::TempDir);

impl Node {
    fn new() -> Node {
        Node(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn orphan(&self, how: &str, script: &str) -> Orphan {
        let mut command = Command::new(orphan());
        command.arg(how).arg(self.path()).args(["1a2c", script]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("an orphan to be");
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().expect("stdout")));
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut orphan = Orphan { child, stdin, answers, pid: 0 };
        orphan.pid = orphan.answer().parse().expect("a pid");
        orphan
    }

    /// The one recorded run.
    fn record(&self) -> Record {
        let runs = Records::read(self.path()).expect("records").runs;
        let [record] = runs.as_slice() else { panic!("{runs:?}") };
        record.clone()
    }

    fn touch(&self, name: &str) {
        fs::write(self.path().join(name), "").expect("a file");
    }

    fn has(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }

    async fn pid_in(&self, name: &str) -> i32 {
        let read = || fs::read_to_string(self.path().join(name)).is_ok_and(|text| text.ends_with('\n'));
        until("a pid is written", read).await;
        fs::read_to_string(self.path().join(name)).expect("a file").trim().parse().expect("a pid")
    }
}

/// A supervisor in small, and the pid of the shell it made.
struct Orphan {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: mpsc::Receiver<String>,
    pid: i32,
}

impl Orphan {
    fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().expect("stdin"), "{line}").expect("told");
    }

    fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.answer()
    }

    fn answer(&self) -> String {
        self.answers.recv_timeout(PATIENCE).expect("an answer of the orphan")
    }

    fn own_pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// As by SIGKILL: nothing is handed over.
    fn die(&mut self) {
        self.tell("die");
        let status = self.child.wait().expect("its end");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
    }
}

/// Ends the shell that a failing test leaves. Its pid is taken for its own as long as the test lasts.
impl Drop for Orphan {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop(PidGuard(self.pid));
    }
}

struct PidGuard(i32);

impl Drop for PidGuard {
    fn drop(&mut self) {
        if is_there(self.0) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.0), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

struct Guard(Running);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.kill_group();
    }
}

/// `cargo test` builds examples beside the tests.
fn orphan() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let path = test.ancestors().nth(2).expect("target/debug").join("examples/orphan");
    assert!(path.exists(), "{} is not built: cargo build --examples", path.display());
    path
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Everything on its stdout, to the end.
async fn rest_of(adopted: &mut Guard) -> String {
    let mut stdout = adopted.0.stdout.take().expect("stdout");
    let mut text = Vec::new();
    let mut take = |bytes: &[u8]| text.extend_from_slice(bytes);
    let reading = drain(&mut stdout, std::future::pending(), DRAIN_LIMIT, &mut take);
    let drained = tokio::time::timeout(PATIENCE, reading).await.expect("its pipe never ended");
    assert!(matches!(drained, Drained::End), "{drained:?}");
    String::from_utf8(text).expect("text")
}

async fn said(running: &mut Running, bytes: usize) -> String {
    let mut text = vec![0; bytes];
    let stdout = running.stdout.as_mut().expect("stdout");
    tokio::time::timeout(PATIENCE, stdout.read_exact(&mut text)).await.expect("it said nothing").expect("bytes");
    String::from_utf8(text).expect("text")
}

async fn end_of(running: &mut Guard) -> ExitStatus {
    tokio::time::timeout(PATIENCE, running.0.wait()).await.expect("it never ended")
}

/// Polls a condition with a generous limit.
async fn until(what: &str, mut look: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !look() {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(200).collect()
}

fn state_of(pid: i32) -> Option<char> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()?.rsplit_once(") ")?.1.chars().next()
}

fn is_there(pid: i32) -> bool {
    state_of(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Where in the kernel it sleeps.
fn wait_channel(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default()
}
