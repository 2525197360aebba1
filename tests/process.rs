//! Real processes: groups, reaping, signals, pipes, files and the sweep, against fake JVMs that lie. No simulation can
//! vouch for a kernel. Absent on purpose: decisions (`tests/sim`), and the runtime that ties these calls together.

use std::fs;
use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_node::logs::Lines;
use kafka_node::model::{ExitStatus, Role, RunId, SpawnFailure};
use kafka_node::plan::{Reasoned, RenderedFile, ServiceSpec};
use kafka_node::process::{
    DRAIN_LIMIT, Drained, Record, RecordError, Records, RunBook, RunMark, Running, SweptHow, alive, boot_id, drain,
    spawn, start_time, sweep,
};
use tokio::net::unix::pipe;

/// Generous: the machine is shared. No test waits for it unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_jvm_that_ignores_sigterm_is_ended_with_everything_it_forked() {
    let home = Home::new(Role::Kafka, "ignore-term\nfork\nrefuse");
    run(async {
        let mut running = Guard(spawn(&home.spec(), home.run_mark()).expect("a process"));
        let grandchild: i32 = home.mark("forked").await.parse().expect("a pid");
        running.0.terminate();
        home.mark("term").await;
        assert!(is_there(running.0.pid), "SIGTERM ended what ignores it");
        assert_eq!(group_of(grandchild), Some(running.0.pid));
        running.0.kill_group();
        assert_eq!(end_of(&mut running).await, ExitStatus::Signal(9));
        until("the grandchild is gone", || (!is_there(grandchild)).then_some(())).await;
    });
}

#[test]
fn a_jvm_ends_with_143_on_sigterm_and_is_not_signalled_once_reaped() {
    let home = Home::new(Role::ZooKeeper, "term-after 50\nrefuse");
    run(async {
        let mut running = Guard(spawn(&home.spec(), home.run_mark()).expect("a process"));
        home.mark("started").await;
        running.0.terminate();
        assert_eq!(end_of(&mut running).await, ExitStatus::Code(143));
        assert!(!Path::new(&format!("/proc/{}", running.0.pid)).exists(), "it was not reaped");
        // The pid is anybody's: these must not reach anyone, and the answer must stay the same.
        running.0.terminate();
        running.0.kill_group();
        assert_eq!(end_of(&mut running).await, ExitStatus::Code(143));
    });
}

#[test]
fn a_jvm_that_dies_at_once_is_reaped_with_its_code_and_its_last_words() {
    let home = Home::new(Role::ZooKeeper, "say-stderr no space left\nexit 3 0\nrefuse");
    run(async {
        let mut running = Guard(spawn(&home.spec(), home.run_mark()).expect("a process"));
        let lines = Gathered::of(running.0.stderr.take());
        assert_eq!(end_of(&mut running).await, ExitStatus::Code(3));
        assert_eq!(lines.done().await, ["no space left"]);
    });
}

#[test]
fn the_start_time_is_the_childs_own() {
    let home = Home::new(Role::ZooKeeper, "refuse");
    run(async {
        let running = Guard(spawn(&home.spec(), home.run_mark()).expect("a process"));
        assert!(running.0.start_time > 0);
        assert_eq!(start_time(running.0.pid).ok(), Some(running.0.start_time));
    });
}

#[test]
fn a_grandchild_that_leaves_the_group_and_keeps_the_pipes_does_not_stall_draining() {
    let home = Home::new(Role::Kafka, "fork-away\nsay last words\nexit 1 0\nrefuse");
    run(async {
        let mut running = Guard(spawn(&home.spec(), home.run_mark()).expect("a process"));
        let grandchild: i32 = home.mark("forked").await.parse().expect("a pid");
        let mut stdout = running.0.stdout.take().expect("stdout");
        assert_eq!(end_of(&mut running).await, ExitStatus::Code(1));
        let mut taken = Vec::new();
        let limit = Duration::from_millis(100);
        let drained = drain(&mut stdout, async {}, limit, &mut |bytes: &[u8]| taken.extend_from_slice(bytes)).await;
        assert!(matches!(drained, Drained::HeldOpen), "{drained:?}");
        assert_eq!(String::from_utf8_lossy(&taken), "last words\n");
        assert!(is_there(grandchild), "it was to survive for this test");
        kill(grandchild);
    });
}

#[test]
fn a_dead_jvms_fork_in_its_group_ends_with_it_so_that_the_pipes_do() {
    let home = Home::new(Role::Kafka, "fork\nexit 1 50\nrefuse");
    run(async {
        let mut running = Guard(spawn(&home.spec(), home.run_mark()).expect("a process"));
        let lines = Gathered::of(running.0.stdout.take());
        let grandchild: i32 = home.mark("forked").await.parse().expect("a pid");
        assert_eq!(end_of(&mut running).await, ExitStatus::Code(1));
        lines.done().await;
        until("the grandchild is gone", || (!is_there(grandchild)).then_some(())).await;
    });
}

#[test]
fn a_flood_blocks_while_nobody_drains_and_is_whole_once_somebody_does() {
    const LINES: u64 = 200_000;
    let home = Home::new(Role::Kafka, &format!("flood {LINES}\nexit 0 0\nrefuse"));
    run(async {
        let mut running = Guard(spawn(&home.spec(), home.run_mark()).expect("a process"));
        home.mark("started").await;
        // Nobody reads: it fills its pipe and waits in it, and takes no CPU meanwhile.
        until("it waits in the full pipe", || (wait_channel(running.0.pid)?.contains("pipe")).then_some(())).await;
        assert!(!home.has_mark("flooded"));
        let begun = Instant::now();
        let count = Arc::new(Mutex::new((0_u64, 0_u64)));
        let counting = Arc::clone(&count);
        let mut stdout = running.0.stdout.take().expect("stdout");
        let draining = tokio::spawn(async move {
            let mut lines = Lines::default();
            drain(&mut stdout, std::future::pending(), DRAIN_LIMIT, &mut |bytes: &[u8]| {
                lines.push(bytes, |line| {
                    let mut count = counting.lock().expect("a lock");
                    // Every line is the next one: none lost, none twice, none cut.
                    count.1 += u64::from(line.text().contains(&format!("partition topic-{} ", count.0)));
                    count.0 += 1;
                });
            })
            .await
        });
        assert_eq!(end_of(&mut running).await, ExitStatus::Code(0));
        let drained = draining.await.expect("the drain");
        assert!(matches!(drained, Drained::End), "{drained:?}");
        assert_eq!(*count.lock().expect("a lock"), (LINES, LINES));
        println!("{LINES} lines drained in {:?}", begun.elapsed());
    });
}

#[test]
fn a_reader_that_hangs_for_500_kb_of_output_holds_up_no_writer() {
    // 90 bytes a line and its number: what a broker in trouble writes in half a minute, or 2,000 partitions in a recovery.
    const LINES: u64 = 5_400;
    const LEAST: usize = 500_000;
    let home = Home::new(Role::Kafka, &format!("flood {LINES}\nexit 0 0\nrefuse"));
    run(async {
        let mut running = Guard(spawn(&home.spec(), home.run_mark()).expect("a process"));
        assert!(running.0.pipe_size > LEAST, "the kernel granted {} bytes", running.0.pipe_size);
        // Nobody reads, and it writes all of it and ends.
        home.mark("flooded").await;
        assert_eq!(end_of(&mut running).await, ExitStatus::Code(0));
        let lines = Gathered::of(running.0.stdout.take()).done().await;
        let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        assert!(bytes > LEAST, "only {bytes} bytes");
        for (n, line) in lines.iter().enumerate() {
            assert!(line.contains(&format!("partition topic-{n} ")), "{n}: {line}");
        }
        assert_eq!(lines.len() as u64, LINES);
    });
}

#[test]
fn the_environment_is_exactly_what_the_spec_says() {
    let home = Home::new(Role::Kafka, "");
    let mut spec = home.program("/usr/bin/env", &[]);
    spec.environment = vec![("LANG".into(), "C".into()), ("KAFKA_X".into(), "a b=c".into())];
    let mark = ["KAFKA_NODE_RUN=kafka/".to_owned(), format!("KAFKA_NODE_STATE={}", home.path().display())];
    let seen = |spec: &ServiceSpec| {
        let mut lines = home.output_of(spec);
        let own: Vec<String> = lines.extract_if(.., |line| mark.iter().any(|mark| line.starts_with(mark))).collect();
        assert_eq!(own.len(), 2, "{own:?}, {lines:?}");
        lines
    };
    assert_eq!(seen(&spec), ["KAFKA_X=a b=c", "LANG=C"]);
    spec.environment.clear();
    assert_eq!(seen(&spec), [""; 0]);
}

#[test]
fn arguments_reach_the_program_unchanged_by_any_shell() {
    let home = Home::new(Role::Kafka, "");
    assert_eq!(
        home.output_of(&home.program("/usr/bin/printf", &["%s|", "/opt/kafka/libs/*", "$HOME", "a b"])),
        ["/opt/kafka/libs/*|$HOME|a b|"]
    );
}

#[test]
fn the_working_directory_is_made_and_entered() {
    let home = Home::new(Role::Kafka, "");
    let mut spec = home.program("/bin/pwd", &["-P"]);
    spec.directory = home.path().join("state/kafka");
    let real = home.path().canonicalize().expect("a path").join("state/kafka");
    assert_eq!(home.output_of(&spec), [real.display().to_string()]);
    assert_eq!(fs::metadata(&spec.directory).expect("the directory").mode() & 0o7777, 0o750);
}

#[test]
fn the_child_has_three_descriptors_a_clean_mask_and_leads_its_group() {
    let home = Home::new(Role::Kafka, "");
    // Things a careless parent would hand down: open files, and blocked signals.
    let _file = fs::File::open("/dev/null").expect("a file");
    let _listener = std::net::TcpListener::bind("127.0.33.1:0").expect("a listener");
    let mut blocked = nix::sys::signal::SigSet::empty();
    blocked.add(nix::sys::signal::Signal::SIGTERM);
    blocked.add(nix::sys::signal::Signal::SIGUSR1);
    blocked.thread_block().expect("a mask");
    // `ls` opens the directory itself as 3.
    let descriptors = home.output_of(&home.program("/bin/ls", &["/proc/self/fd"]));
    let status = home.output_of(&home.program("/bin/cat", &["/proc/self/status"]));
    let stat = home.output_of(&home.program("/bin/cat", &["/proc/self/stat"])).concat();
    blocked.thread_unblock().expect("a mask");
    let ours: Vec<&String> = descriptors.iter().filter(|fd| !handed_down().contains(fd)).collect();
    assert_eq!(ours, ["0", "1", "2", "3"], "with {:?} from whoever started the test", handed_down());
    let mask = |lines: &[String], what: &str| {
        let line = lines.iter().find(|line| line.starts_with(what)).expect(what);
        let mask = u64::from_str_radix(line.rsplit('\t').next().expect(what), 16).expect(what);
        // Signals 32 and 33 are glibc's own, and it changes them between fork and exec.
        mask & !(0b11 << 31)
    };
    assert_eq!(mask(&status, "SigBlk"), 0, "blocked signals");
    // This test ignores SIGPIPE, as every Rust program does. What whoever started it ignored passes through.
    const SIGPIPE: u64 = 1 << 12;
    let own: Vec<String> =
        fs::read_to_string("/proc/self/status").expect("own status").lines().map(str::to_owned).collect();
    assert_eq!(mask(&own, "SigIgn") & SIGPIPE, SIGPIPE);
    assert_eq!(mask(&status, "SigIgn"), mask(&own, "SigIgn") & !SIGPIPE, "ignored signals");
    let fields: Vec<&str> = stat.split(' ').collect();
    assert_eq!(fields[0], fields[4], "pid and process group");
    let stdin = home.output_of(&home.program("/bin/readlink", &["/proc/self/fd/0"]));
    assert_eq!(stdin, ["/dev/null"]);
}

#[test]
fn a_missing_program_and_one_that_may_not_run_are_told_apart() {
    let home = Home::new(Role::Kafka, "");
    let missing = home.path().join("jre/bin/java");
    let words = missing.display().to_string();
    assert_eq!(home.refusal(&home.program(&words, &[])), SpawnFailure::Missing(words));
    let plain = home.path().join("plain");
    fs::write(&plain, "no program").expect("a file");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).expect("a mode");
    let words = plain.display().to_string();
    assert_eq!(home.refusal(&home.program(&words, &[])), SpawnFailure::NotAllowed(words));
    fs::write(&plain, "#!/no/such/interpreter\n").expect("a file");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o755)).expect("a mode");
    let words = home.refusal(&home.program(&plain.display().to_string(), &[])).to_string();
    assert!(words.contains("interpreter is not there"), "{words}");
}

#[test]
fn a_runtime_directory_that_cannot_be_written_is_named_and_nothing_runs() {
    let home = Home::new(Role::Kafka, "");
    let file = home.path().join("a-file");
    fs::write(&file, "").expect("a file");
    // A file where a directory should be; a file system that takes no files; one that is full.
    for path in [file.join("server.properties"), "/sys/kafka-node/server.properties".into(), "/dev/full/x".into()] {
        let mut spec = home.spec();
        spec.files = vec![RenderedFile { path: path.clone(), text: "x".into() }];
        let failure = home.refusal(&spec);
        let SpawnFailure::Files(words) = &failure else { panic!("{failure:?}") };
        let parent = path.parent().expect("a parent").display().to_string();
        assert!(words.contains(&parent) && words.contains("os error"), "{words}");
        assert!(!home.has_mark("started"));
    }
}

#[test]
fn rendered_files_are_whole_their_owners_alone_and_written_before_the_process_runs() {
    let home = Home::new(Role::Kafka, "");
    let path = home.path().join("rendered/kafka/server.properties");
    let mut spec = home.program("/bin/cat", &[&path.display().to_string()]);
    spec.files = vec![RenderedFile { path: path.clone(), text: "broker.id=1\n".into() }];
    assert_eq!(home.output_of(&spec), ["broker.id=1"]);
    let mode = || fs::metadata(&path).expect("the file").mode() & 0o7777;
    assert_eq!(mode(), 0o600, "it may hold passwords");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
    assert_eq!(home.output_of(&spec), ["broker.id=1"]);
    assert_eq!(mode(), 0o600, "what says the same already is closed too");
    spec.files[0].text = "broker.id=1\nport=9092\n".into();
    assert_eq!(home.output_of(&spec), ["broker.id=1", "port=9092"]);
    assert_eq!(mode(), 0o600, "and what is written anew");
    assert_eq!(fs::read_dir(path.parent().expect("a parent")).expect("entries").count(), 1, "a temporary file stayed");
}

#[test]
fn a_foreign_my_id_stops_the_start_and_is_not_touched() {
    let home = Home::new(Role::ZooKeeper, "");
    let path = home.path().join("myid");
    fs::write(&path, "3\n").expect("myid");
    let mut spec = home.spec();
    spec.my_id_file = Some(RenderedFile { path: path.clone(), text: "1\n".into() });
    let words = home.refusal(&spec).to_string();
    assert!(words.contains("myid says \"3\" and the configuration says 1"), "{words}");
    assert_eq!(fs::read_to_string(&path).expect("myid"), "3\n");
    assert!(!home.has_mark("started"));
}

#[test]
fn the_fake_answers_srvr_as_its_script_says() {
    let home = Home::new(Role::ZooKeeper, "serve leader 300");
    home.properties("clientPort=23301\nclientPortAddress=127.0.33.2\n");
    run(async {
        let _running = Guard(spawn(&home.spec(), home.run_mark()).expect("a process"));
        let address = home.mark("listening").await;
        assert_eq!(address, "127.0.33.2:23301");
        let mut seen = Vec::new();
        until("it serves", || {
            let answer = srvr(&address);
            let done = answer.contains("Mode: leader");
            if seen.last() != Some(&answer) {
                seen.push(answer);
            }
            done.then_some(())
        })
        .await;
        assert!(seen[0].contains("not currently serving"), "{seen:?}");
    });
}

#[test]
fn a_record_of_runs_survives_the_supervisor_and_garbage_is_refused_and_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    assert_eq!(Records::read(dir.path()).expect("no file"), Records::default());
    let (book, garbled) = RunBook::open(dir.path()).expect("a book");
    assert!(garbled.is_none());
    let me = i32::try_from(std::process::id()).expect("a pid");
    let mine = start_time(me).expect("a start time");
    book.started(Role::ZooKeeper, RunId(7), me, mine).expect("written");
    book.started(Role::Kafka, RunId(8), me, mine + 1).expect("written");
    let records = Records::read(dir.path()).expect("records");
    assert_eq!(
        records.runs.iter().map(|record| alive(dir.path(), record)).collect::<Vec<_>>(),
        [true, false],
        "the second has my pid by chance"
    );
    assert_eq!(records.living_supervisor(), None, "it is this very process");
    book.settled(Role::Kafka, RunId(8)).expect("written");
    assert_eq!(Records::read(dir.path()).expect("records").runs.len(), 1);

    let file = dir.path().join("runs");
    for garbage in
        [&b""[..], b"\xff\xfe\0", b"kafka-node runs 2\n", b"{\"runs\": []}", b"kafka-node runs 1\nrun pid=x\n"]
    {
        fs::write(&file, garbage).expect("garbage");
        let error = Records::read(dir.path()).expect_err("garbage");
        assert!(matches!(error, RecordError::Garbled(..)), "{error:?}");
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }
    let (book, garbled) = RunBook::open(dir.path()).expect("a book");
    assert!(garbled.is_some());
    book.started(Role::ZooKeeper, RunId(9), me, mine).expect("written");
    assert_eq!(Records::read(dir.path()).expect("records").runs.len(), 1);
    let kept = fs::read_to_string(dir.path().join("runs.unreadable")).expect("kept aside");
    assert_eq!(kept, "kafka-node runs 1\nrun pid=x\n");
}

#[test]
fn a_sweep_ends_kafka_before_zookeeper_and_lets_strangers_be() {
    let zookeeper = Home::new(Role::ZooKeeper, "refuse");
    let kafka = Home::new(Role::Kafka, "term-after 300\nrefuse");
    let stranger = Home::new(Role::Kafka, "refuse");
    let state = tempfile::tempdir().expect("a directory");
    run(async {
        let mut running: Vec<Guard> = [&zookeeper, &kafka, &stranger]
            .into_iter()
            .map(|home| Guard(spawn(&home.spec(), home.run_mark()).expect("a process")))
            .collect();
        for home in [&zookeeper, &kafka, &stranger] {
            home.mark("started").await;
        }
        let book = RunBook::open(state.path()).expect("a book").0;
        let of = |guard: &Guard| (guard.0.pid, guard.0.start_time);
        let ((zk_pid, zk_start), (kafka_pid, kafka_start), (pid, start)) =
            (of(&running[0]), of(&running[1]), of(&running[2]));
        book.started(Role::ZooKeeper, RunId(1), zk_pid, zk_start).expect("written");
        book.started(Role::Kafka, RunId(2), kafka_pid, kafka_start).expect("written");
        // The pid of an earlier broker, in the hands of somebody else.
        book.started(Role::Kafka, RunId(3), pid, start - 1).expect("written");

        let report = sweep(state.path(), PATIENCE).await;
        assert!(report.is_clean(), "{report}");
        let ends: Vec<(i32, bool)> = report
            .swept
            .iter()
            .map(|swept| (swept.record.pid.expect("a pid"), matches!(swept.how, SweptHow::Terminated(_))))
            .collect();
        assert_eq!(ends, [(kafka_pid, true), (pid, false), (zk_pid, true)], "{report}");
        assert!(kafka.marked_at("term") < zookeeper.marked_at("term"), "zookeeper was told first");
        let apart = zookeeper.marked_at("term").duration_since(kafka.marked_at("term")).expect("in order");
        assert!(apart >= Duration::from_millis(290), "kafka's end was not awaited: {apart:?}");
        assert!(is_there(pid) && !stranger.has_mark("term"), "a stranger was signalled");
        assert_eq!(Records::read(state.path()).expect("records").runs, []);
        assert_eq!(end_of(&mut running[1]).await, ExitStatus::Code(143));
    });
}

#[test]
fn a_sweep_kills_what_outlives_its_grace_and_its_group() {
    let home = Home::new(Role::Kafka, "ignore-term\nfork\nrefuse");
    let state = tempfile::tempdir().expect("a directory");
    run(async {
        let running = Guard(spawn(&home.spec(), home.run_mark()).expect("a process"));
        let grandchild: i32 = home.mark("forked").await.parse().expect("a pid");
        let book = RunBook::open(state.path()).expect("a book").0;
        book.started(Role::Kafka, RunId(1), running.0.pid, running.0.start_time).expect("written");
        let report = sweep(state.path(), Duration::from_millis(200)).await;
        assert!(matches!(report.swept[0].how, SweptHow::Killed(_)), "{report}");
        assert!(home.has_mark("term"), "killed without having been asked");
        until("the grandchild is gone", || (!is_there(grandchild)).then_some(())).await;
    });
}

#[test]
fn a_sweep_touches_nothing_while_the_supervisor_lives_or_when_the_record_is_garbage() {
    let home = Home::new(Role::Kafka, "refuse");
    let supervisor = Home::new(Role::ZooKeeper, "refuse");
    let state = tempfile::tempdir().expect("a directory");
    run(async {
        let running = Guard(spawn(&home.spec(), home.run_mark()).expect("a process"));
        let other = Guard(spawn(&supervisor.spec(), supervisor.run_mark()).expect("a process"));
        home.mark("started").await;
        let boot = boot_id().expect("a boot");
        let of = |running: &Running| format!("pid={} start={} boot={boot}", running.pid, running.start_time);
        let text = format!("kafka-node runs 1\nsupervisor {}\nrun role=kafka run=1 {}\n", of(&other.0), of(&running.0));
        fs::write(state.path().join("runs"), &text).expect("a record");
        let report = sweep(state.path(), Duration::ZERO).await;
        assert_eq!((report.supervisor, report.swept.len()), (Some(other.0.pid), 0), "{report}");
        fs::write(state.path().join("runs"), text.replace("role=kafka", "role=kafkaesque")).expect("a record");
        let report = sweep(state.path(), Duration::ZERO).await;
        assert!(report.unreadable.is_some() && !report.is_clean(), "{report}");
        assert!(is_there(running.0.pid) && !home.has_mark("term"));
    });
}

#[test]
fn a_run_of_an_earlier_boot_is_nobody() {
    let me = i32::try_from(std::process::id()).expect("a pid");
    let start = start_time(me).expect("a start time");
    let record = Record::intended(Role::Kafka, RunId(1), boot_id().expect("boot"));
    let mut record = Record { pid: Some(me), start_time: start, ..record };
    let nowhere = Path::new("/nowhere");
    assert!(alive(nowhere, &record));
    record.boot = "0e1f6a52-7b0c-4b7c-9d5d-1f2e3d4c5b6a".into();
    assert!(!alive(nowhere, &record));
}

// What the tests are made with.

/// A fake Java home, a runtime directory and a script, all in one temporary directory.
struct Home {
    dir: tempfile::TempDir,
    role: Role,
}

impl Home {
    fn new(role: Role, script: &str) -> Home {
        let home = Home { dir: tempfile::tempdir().expect("a directory"), role };
        fs::create_dir(home.path().join("bin")).expect("bin");
        symlink(fake_jvm(), home.path().join("bin/java")).expect("a link");
        fs::write(home.path().join("release"), "JAVA_VERSION=\"11.0.99\"\n").expect("a release file");
        fs::write(home.path().join(format!("script-{role}")), script).expect("a script");
        home.properties("");
        home
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn properties(&self, text: &str) {
        fs::write(self.path().join("x.properties"), text).expect("properties");
    }

    fn spec(&self) -> ServiceSpec {
        let class = match self.role {
            Role::ZooKeeper => "org.apache.zookeeper.server.quorum.QuorumPeerMain",
            Role::Kafka => "kafka.Kafka",
        };
        let properties = self.path().join("x.properties").display().to_string();
        let mut spec =
            self.program(&self.path().join("bin/java").display().to_string(), &["-Xmx64m", class, &properties]);
        spec.main_class = class;
        spec
    }

    fn program(&self, program: &str, args: &[&str]) -> ServiceSpec {
        ServiceSpec {
            role: self.role,
            program: PathBuf::from(program),
            args: args.iter().map(|arg| Reasoned { text: (*arg).to_owned(), why: String::new() }).collect(),
            environment: Vec::new(),
            directory: self.path().to_owned(),
            files: Vec::new(),
            my_id_file: None,
            probe_address: String::new(),
            main_class: "kafka.Kafka",
            proof_args: Vec::new(),
        }
    }

    /// Every process made here is another run.
    fn run_mark(&self) -> RunMark {
        static RUNS: AtomicU64 = AtomicU64::new(1);
        let run = RunId(RUNS.fetch_add(1, Ordering::Relaxed));
        RunMark { state_dir: self.path().to_owned(), role: self.role, run }
    }

    fn output_of(&self, spec: &ServiceSpec) -> Vec<String> {
        run(async {
            let mut running = Guard(spawn(spec, self.run_mark()).expect("a process"));
            let lines = Gathered::of(running.0.stdout.take());
            end_of(&mut running).await;
            lines.done().await
        })
    }

    fn refusal(&self, spec: &ServiceSpec) -> SpawnFailure {
        run(async {
            spawn(spec, self.run_mark()).map(Guard).map(|guard| guard.0.pid).expect_err("it was to be refused")
        })
    }

    fn mark_path(&self, what: &str) -> PathBuf {
        self.path().join(format!("mark-{}-{what}", self.role))
    }

    fn has_mark(&self, what: &str) -> bool {
        self.mark_path(what).exists()
    }

    fn marked_at(&self, what: &str) -> std::time::SystemTime {
        fs::metadata(self.mark_path(what)).and_then(|meta| meta.modified()).expect(what)
    }

    async fn mark(&self, what: &str) -> String {
        until(&format!("the mark {what:?}"), || fs::read_to_string(self.mark_path(what)).ok()).await
    }
}

/// `cargo test` builds examples beside the tests.
fn fake_jvm() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let path = test.ancestors().nth(2).expect("target/debug").join("examples/fake-jvm");
    assert!(path.exists(), "{} is not built: cargo build --examples", path.display());
    path
}

/// Ends what a failing test leaves.
struct Guard(Running);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.kill_group();
    }
}

/// Lines of a pipe, read beside the test.
struct Gathered(tokio::task::JoinHandle<Vec<String>>);

impl Gathered {
    fn of(pipe: Option<pipe::Receiver>) -> Gathered {
        let mut pipe = pipe.expect("a pipe");
        Gathered(tokio::spawn(async move {
            let (mut lines, mut all) = (Lines::default(), Vec::new());
            let mut each = |line: kafka_node::logs::Line<'_>| all.push(line.text().into_owned());
            drain(&mut pipe, std::future::pending(), DRAIN_LIMIT, &mut |bytes: &[u8]| lines.push(bytes, &mut each))
                .await;
            lines.flush(&mut each);
            all
        }))
    }

    async fn done(self) -> Vec<String> {
        tokio::time::timeout(PATIENCE, self.0).await.expect("the pipe never ended").expect("the drain")
    }
}

async fn end_of(running: &mut Guard) -> ExitStatus {
    tokio::time::timeout(PATIENCE, running.0.wait()).await.expect("it never ended")
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Polls a condition with a generous limit.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn stat_of(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

/// It runs: a zombie whose parent has not looked yet does not.
fn is_there(pid: i32) -> bool {
    stat_of(pid).is_some_and(|fields| fields[0] != "Z" && fields[0] != "X")
}

fn group_of(pid: i32) -> Option<i32> {
    stat_of(pid)?[2].parse().ok()
}

/// Where in the kernel it sleeps.
fn wait_channel(pid: i32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/wchan")).ok()
}

/// Descriptors above 2 that this test itself was started with and that pass through every exec. Systemd hands down none.
fn handed_down() -> Vec<String> {
    const CLOSED_AT_EXEC: u32 = 0o2_000_000;
    let passes = |fd: &String| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?.trim().to_owned();
        u32::from_str_radix(&flags, 8).ok().map(|flags| flags & CLOSED_AT_EXEC == 0)
    };
    let open = fs::read_dir("/proc/self/fd").expect("descriptors").flatten();
    open.map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|fd| !["0", "1", "2"].contains(&fd.as_str()) && passes(fd) == Some(true))
        .collect()
}

fn kill(pid: i32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).expect("a signal");
}

fn srvr(address: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect(address) {
        let _ = stream.write_all(b"srvr").and_then(|()| stream.read_to_string(&mut answer));
    }
    answer
}
