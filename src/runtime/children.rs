//! The living JVMs: made, drained, signalled and reaped, each by a task of its own.
//!
//! Absent on purpose: when to do any of it (`supervise`), and how a process is made and signalled (`process`).
//!
//! Effects: tasks, pipes and signals, and threads for what waits for a disk.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::logs::{Levels, Line, Lines};
use crate::model::{ExitStatus, Progress, Role, RunId, Severity, SpawnFailure};
use crate::observe::recovery::RecoveryWatch;
use crate::plan::{Plan, ServiceSpec};
use crate::process::{DRAIN_LIMIT, Drained, Look, RunBook, RunMark, Running, drain, remove_pipes};
use crate::supervise::Event;

use super::journal::Journal;

/// How long the end of a run is held back so that its last lines come first. A pipe stays open longer only where
/// something that the JVM started still holds it; that is read on for a while without being waited for.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(1);

/// The node's processes, at most one a role.
#[derive(Debug)]
pub struct Children {
    plan: Arc<Plan>,
    journal: Journal,
    book: Arc<RunBook>,
    events: mpsc::Sender<Event>,
    living: BTreeMap<Role, Child>,
}

/// What the loop keeps of a run.
#[derive(Debug)]
struct Child {
    run: RunId,
    orders: mpsc::UnboundedSender<Order>,
    recovery: Arc<Mutex<RecoveryWatch>>,
    /// Set while the process lives.
    pid: watch::Receiver<Option<i32>>,
    task: JoinHandle<()>,
}

/// What the loop can tell a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Terminate,
    Kill,
}

impl Children {
    /// No processes yet; what becomes of later ones goes to `events`.
    pub fn new(plan: Arc<Plan>, journal: Journal, book: Arc<RunBook>, events: mpsc::Sender<Event>) -> Children {
        Children { plan, journal, book, events, living: BTreeMap::new() }
    }

    /// Makes the process of `run`.
    pub fn spawn(&mut self, role: Role, run: RunId) {
        let Some(spec) = self.plan.service(role).cloned() else { return };
        let (orders, receiver) = mpsc::unbounded_channel();
        let recovery = Arc::new(Mutex::new(RecoveryWatch::new()));
        let (living, pid) = watch::channel(None);
        let life = Life {
            role,
            run,
            living,
            events: self.events.clone(),
            journal: self.journal.clone(),
            book: Arc::clone(&self.book),
            recovery: Arc::clone(&recovery),
        };
        let task = tokio::spawn(life.live(spec, receiver));
        self.living.insert(role, Child { run, orders, recovery, pid, task });
    }

    /// SIGTERM to the process of `run`, as soon as there is one.
    pub fn terminate(&self, role: Role, run: RunId) {
        self.order(role, run, Order::Terminate);
    }

    /// SIGKILL to the process group of `run`, as soon as there is one.
    pub fn kill(&self, role: Role, run: RunId) {
        self.order(role, run, Order::Kill);
    }

    /// The process of `run`, where there is one, and what its output tells of its progress: the kernel's counters are added
    /// by the probe.
    pub fn progress(&self, role: Role, run: RunId) -> (Option<i32>, Progress) {
        let Some(child) = self.living.get(&role).filter(|child| child.run == run) else {
            return (None, Progress::default());
        };
        let watch = child.recovery.lock().unwrap_or_else(PoisonError::into_inner);
        let told = Progress { recovery_steps: watch.steps(), recovering: watch.recovering(), ..Progress::default() };
        (*child.pid.borrow(), told)
    }

    /// Stops everything in order without the supervisor: only for the case that the supervisor itself has failed.
    ///
    /// Kafka first; whoever outlives `grace` is killed. Returns once everything is reaped.
    pub async fn stop_in_order(&mut self, grace: Duration) {
        for role in Role::ALL.into_iter().rev() {
            let Some(mut child) = self.living.remove(&role) else { continue };
            let _ = child.orders.send(Order::Terminate);
            if timeout(grace, &mut child.task).await.is_err() {
                let _ = child.orders.send(Order::Kill);
                let _ = child.task.await;
            }
        }
    }

    fn order(&self, role: Role, run: RunId, order: Order) {
        if let Some(child) = self.living.get(&role).filter(|child| child.run == run) {
            // The task is gone only when the run is over, and then nobody is left to signal.
            let _ = child.orders.send(order);
        }
    }
}

/// One run, seen by its own task.
struct Life {
    role: Role,
    run: RunId,
    living: watch::Sender<Option<i32>>,
    events: mpsc::Sender<Event>,
    journal: Journal,
    book: Arc<RunBook>,
    recovery: Arc<Mutex<RecoveryWatch>>,
}

impl Life {
    async fn live(self, spec: ServiceSpec, orders: mpsc::UnboundedReceiver<Order>) {
        let (role, run) = (self.role, self.run);
        let event = match self.make(spec).await {
            Ok(running) => {
                let _ = self.living.send(Some(running.pid));
                self.tell(Event::Spawned { role, run, pid: running.pid }).await;
                let status = self.attend(running, orders).await;
                let _ = self.living.send(None);
                self.strike_out();
                Event::Exited { role, run, status }
            }
            Err(failure) => Event::SpawnFailed { role, run, failure },
        };
        self.tell(event).await;
    }

    /// Makes the process and enters it in the book, apart from the loop: both wait for disks.
    async fn make(&self, spec: ServiceSpec) -> Result<Running, SpawnFailure> {
        let (role, run) = (self.role, self.run);
        let (book, journal) = (Arc::clone(&self.book), self.journal.clone());
        let made = spawn_blocking(move || {
            let mark = RunMark { state_dir: book.state_dir().to_owned(), role, run };
            // Before the process: were it made and we dead, nothing else would tell the next supervisor to look for it.
            if let Err(error) = book.intend(role, run, &[]) {
                journal.say(Severity::Warning, format!("the start of {role} could not be recorded: {error}"));
            }
            let running = crate::process::spawn(&spec, mark).inspect_err(|_| {
                // The next write says the same; a failure of this one is told by that.
                let _ = book.settled(role, run);
            })?;
            if let Err(error) = book.started(role, run, running.pid, running.start_time) {
                journal.say(Severity::Warning, format!("{role} runs and could not be recorded: {error}"));
            }
            Ok(running)
        });
        made.await.unwrap_or_else(|error| Err(SpawnFailure::Other(error.to_string())))
    }

    /// Drains and signals it until it is reaped and its last lines are through.
    async fn attend(&self, mut running: Running, mut orders: mpsc::UnboundedReceiver<Order>) -> ExitStatus {
        let (over, ended) = watch::channel(false);
        let look = running.look();
        let stdout =
            running.stdout.take().map(|pipe| self.read(pipe, Levels::of_stdout(), ended.clone(), look.clone()));
        let stderr = running.stderr.take().map(|pipe| self.read(pipe, Levels::of_stderr(), ended, look));
        let status = loop {
            tokio::select! {
                status = running.wait() => break status,
                Some(order) = orders.recv() => match order {
                    Order::Terminate => running.terminate(),
                    Order::Kill => running.kill_group(),
                },
            }
        };
        let _ = over.send(true);
        let _ = timeout(LAST_LINES_LIMIT, async {
            for reader in [stdout, stderr].into_iter().flatten() {
                let _ = reader.await;
            }
        })
        .await;
        status
    }

    fn read(
        &self,
        pipe: impl AsyncRead + Unpin + Send + 'static,
        levels: Levels,
        ended: watch::Receiver<bool>,
        look: Look,
    ) -> JoinHandle<()> {
        let (journal, recovery) = (self.journal.clone(), Arc::clone(&self.recovery));
        let reader = Reader { role: self.role, run: self.run, levels, journal, recovery };
        tokio::spawn(reader.read(pipe, ended, look))
    }

    /// Not waited for: a slow disk must not hold back the news, and with it the next start.
    fn strike_out(&self) {
        let (role, run) = (self.role, self.run);
        let (book, journal) = (Arc::clone(&self.book), self.journal.clone());
        spawn_blocking(move || {
            if let Err(error) = book.settled(role, run) {
                let text = format!("{role} ended and could not be struck out of the record: {error}");
                journal.say(Severity::Warning, text);
            }
            // Whoever still reads them reads on; what could not be removed goes at the next start.
            let mark = RunMark { state_dir: book.state_dir().to_owned(), role, run };
            let _ = remove_pipes(&mark);
        });
    }

    /// The loop drops its end only when the node is at its end.
    async fn tell(&self, event: Event) {
        let _ = self.events.send(event).await;
    }
}

/// One pipe of a run.
struct Reader {
    role: Role,
    run: RunId,
    levels: Levels,
    journal: Journal,
    recovery: Arc<Mutex<RecoveryWatch>>,
}

impl Reader {
    /// Reads to the end, whatever comes: a pipe that nobody reads stops the JVM behind it.
    async fn read(mut self, mut pipe: impl AsyncRead + Unpin, mut ended: watch::Receiver<bool>, look: Look) {
        let mut lines = Lines::default();
        let over = async move {
            // An error means that the sender is gone, which it is only after the end.
            let _ = ended.wait_for(|over| *over).await;
        };
        let drained = drain(&mut pipe, over, DRAIN_LIMIT, |bytes| {
            // A fault of ours in taking a line must not close the pipe of a JVM that serves.
            if catch_unwind(AssertUnwindSafe(|| lines.push(bytes, |line| self.take(&line)))).is_err() {
                lines = Lines::default();
            }
        })
        .await;
        look.now();
        lines.flush(|line| self.take(&line));
        if let Drained::Failed(error) = drained {
            let text = format!("the output of {} (run {}) cannot be read any more: {error}", self.role, self.run);
            self.journal.say(Severity::Warning, text);
        }
    }

    fn take(&mut self, line: &Line<'_>) {
        let priority = self.levels.of(line);
        self.journal.jvm(self.role, self.run, priority, line.text().into_owned());
        self.recovery.lock().unwrap_or_else(PoisonError::into_inner).line(line.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::config::JournalChoice;
    use crate::notify::log;
    use crate::plan::{HostFacts, Java, KafkaInstall, Reasoned};

    /// Children that are shells running `script`, and what becomes of them.
    fn shells(dir: &std::path::Path, zookeeper: &str, kafka: &str) -> (Children, mpsc::Receiver<Event>) {
        let text = "[[node]]\nname = \"n1\"\naddress = \"127.0.34.1\"\nid = 1\n".to_owned();
        let config = crate::config::read(&[("test".to_owned(), text)], Some("n1"), &[]).expect("a configuration");
        let java = Java { home: "/".into(), version: "11".into(), major: 11, found: "test".into() };
        let facts = HostFacts {
            memory: 8 << 30,
            cgroup_memory: None,
            cores: 2,
            java,
            kafka: KafkaInstall::default(),
            user: "kafka".into(),
            environment: Vec::new(),
        };
        let mut plan = crate::plan::make(config, facts);
        for service in &mut plan.services {
            let script = if service.role == Role::Kafka { kafka } else { zookeeper };
            service.program = "/bin/sh".into();
            let arg = |text: &str| Reasoned { text: text.to_owned(), why: String::new() };
            service.args = vec![arg("-c"), arg(script)];
            service.directory = "/".into();
            service.files = Vec::new();
            service.my_id_file = None;
        }
        let (sink, _) = log::start(JournalChoice::Stderr, log::Source { broker: None }).expect("a log thread");
        let (book, _) = RunBook::open(dir).expect("a book");
        let (events, receiver) = mpsc::channel(16);
        (Children::new(Arc::new(plan), Journal::new(sink), Arc::new(book), events), receiver)
    }

    fn on_a_loop<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test)
    }

    async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
        timeout(Duration::from_secs(60), events.recv()).await.expect("an event in time").expect("an event")
    }

    const RUN: RunId = RunId(7);

    #[test]
    fn the_last_lines_of_a_run_are_counted_before_its_end_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        on_a_loop(async {
            let line =
                "[2020-08-06 10:11:12,345] INFO [Log partition=t-1, dir=/d] Loading producer state till offset 7";
            // As much as a pipe holds, all at once, and the last line not ended: all the JVM still managed to say.
            let lines = 60_000 / (line.len() + 1);
            let words = dir.path().join("words");
            std::fs::write(&words, vec![line; lines].join("\n")).expect("written");
            let script = format!("cat {}; exit 3", words.display());
            let (mut children, mut events) = shells(dir.path(), "exit 0", &script);
            // Which of the two ends is seen first is a matter of luck: twenty times it is not.
            for run in (0..20).map(RunId) {
                children.spawn(Role::Kafka, run);
                assert!(matches!(next(&mut events).await, Event::Spawned { role: Role::Kafka, .. }));
                let end = Event::Exited { role: Role::Kafka, run, status: ExitStatus::Code(3) };
                assert_eq!(next(&mut events).await, end);
                let (pid, progress) = children.progress(Role::Kafka, run);
                assert_eq!((pid, progress.recovery_steps), (None, lines as u64));
                assert_eq!(children.progress(Role::Kafka, RunId(99)), (None, Progress::default()));
            }
        });
    }

    #[test]
    fn a_start_is_on_the_record_before_there_is_a_process() {
        let dir = tempfile::tempdir().expect("a directory");
        on_a_loop(async {
            let path = dir.path().display();
            let (mut children, mut events) = shells(dir.path(), &format!("cp {path}/runs {path}/seen"), "exit 0");
            children.spawn(Role::ZooKeeper, RUN);
            assert!(matches!(next(&mut events).await, Event::Spawned { .. }));
            assert!(matches!(next(&mut events).await, Event::Exited { .. }));
            let seen = std::fs::read_to_string(dir.path().join("seen")).expect("what the child saw");
            // Only the intention says when it was born.
            assert!(seen.contains("run role=zookeeper run=7 ") && seen.contains(" born="), "{seen}");
        });
    }

    #[test]
    fn an_order_that_comes_before_the_process_reaches_it() {
        let dir = tempfile::tempdir().expect("a directory");
        on_a_loop(async {
            let (mut children, mut events) = shells(dir.path(), "exec sleep 600", "exit 0");
            children.spawn(Role::ZooKeeper, RUN);
            children.terminate(Role::ZooKeeper, RunId(6)); // of a run that is over: for nobody
            children.terminate(Role::ZooKeeper, RUN);
            assert!(matches!(next(&mut events).await, Event::Spawned { .. }));
            let end = Event::Exited { role: Role::ZooKeeper, run: RUN, status: ExitStatus::Signal(15) };
            assert_eq!(next(&mut events).await, end);
        });
    }

    #[test]
    fn without_the_supervisor_kafka_is_stopped_first_and_what_outlives_its_grace_is_killed() {
        let dir = tempfile::tempdir().expect("a directory");
        on_a_loop(async {
            let ready = dir.path().join("ready");
            let stubborn = format!("trap '' TERM; touch {}; while :; do sleep 0.1; done", ready.display());
            let (mut children, mut events) = shells(dir.path(), "exec sleep 600", &stubborn);
            children.spawn(Role::ZooKeeper, RUN);
            children.spawn(Role::Kafka, RunId(8));
            for _ in 0..2 {
                assert!(matches!(next(&mut events).await, Event::Spawned { .. }));
            }
            let began = Instant::now();
            while !ready.exists() && began.elapsed() < Duration::from_secs(60) {
                tokio::task::yield_now().await;
            }
            children.stop_in_order(Duration::from_millis(200)).await;
            let mut ends = Vec::new();
            while let Ok(event) = events.try_recv() {
                ends.push(event);
            }
            let exited = |role, run, signal| Event::Exited { role, run, status: ExitStatus::Signal(signal) };
            assert_eq!(ends, [exited(Role::Kafka, RunId(8), 9), exited(Role::ZooKeeper, RUN, 15)]);
        });
    }

    #[test]
    fn a_program_that_is_not_there_is_a_failure_and_no_end() {
        let dir = tempfile::tempdir().expect("a directory");
        on_a_loop(async {
            let (mut children, mut events) = shells(dir.path(), "exit 0", "exit 0");
            let mut plan = (*children.plan).clone();
            plan.services.iter_mut().for_each(|service| service.program = "/nowhere/bin/java".into());
            children.plan = Arc::new(plan);
            children.spawn(Role::Kafka, RUN);
            let failure = SpawnFailure::Missing("/nowhere/bin/java".to_owned());
            assert_eq!(next(&mut events).await, Event::SpawnFailed { role: Role::Kafka, run: RUN, failure });
        });
    }
}
