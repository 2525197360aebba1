//! The living JVMs, as the loop sees them: made, adopted, told things, handed over.
//!
//! Absent on purpose: when to do any of it (`supervise`), and the life of a run (`life`).
//!
//! Effects: a task a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::model::{Progress, Role, RunId};
use crate::plan::{Plan, ServiceSpec};
use crate::process::{Record, RunBook};
use crate::supervise::{Event, Mark};

use super::journal::Journal;
use super::life::{Life, Order};
use super::pen::{Note, Pen};
use super::reader::Watches;

/// The node's processes, at most one a role.
#[derive(Debug)]
pub struct Children {
    plan: Arc<Plan>,
    journal: Journal,
    book: Arc<RunBook>,
    pen: Pen,
    events: mpsc::Sender<Event>,
    living: BTreeMap<Role, Child>,
    secrets: Arc<[Vec<u8>]>,
}

/// What the loop keeps of a run.
#[derive(Debug)]
struct Child {
    run: RunId,
    orders: mpsc::UnboundedSender<Order>,
    watches: Watches,
    /// Set while the process lives.
    pid: watch::Receiver<Option<i32>>,
    task: JoinHandle<()>,
}

impl Children {
    /// No processes yet; what becomes of later ones goes to `events`. Needs the runtime of tokio.
    pub fn new(plan: Arc<Plan>, journal: Journal, book: Arc<RunBook>, events: mpsc::Sender<Event>) -> Children {
        let pen = Pen::new(Arc::clone(&book), journal.clone());
        let secrets = plan.config.secret_values().into_iter().map(String::into_bytes).collect();
        Children { plan, journal, book, pen, events, living: BTreeMap::new(), secrets }
    }

    /// Makes the process of `run`.
    pub fn spawn(&mut self, role: Role, run: RunId) {
        self.begin(role, run, Watches::new(role), |life, orders| tokio::spawn(life.make(orders)));
    }

    /// Takes over the process of `record`, which an earlier supervisor made.
    pub fn adopt(&mut self, record: Record) {
        let (role, run) = (record.role, record.run);
        self.begin(role, run, Watches::adopted(role), |life, orders| tokio::spawn(life.adopt(record, orders)));
    }

    fn begin(
        &mut self,
        role: Role,
        run: RunId,
        watches: Watches,
        start: impl FnOnce(Life, mpsc::UnboundedReceiver<Order>) -> JoinHandle<()>,
    ) {
        let Some(spec) = self.plan.service(role).cloned() else { return };
        let (orders, receiver) = mpsc::unbounded_channel();
        let (living, pid) = watch::channel(None);
        let task = start(self.life(role, run, spec, living, watches.clone()), receiver);
        self.living.insert(role, Child { run, orders, watches, pid, task });
    }

    fn life(
        &self,
        role: Role,
        run: RunId,
        spec: ServiceSpec,
        living: watch::Sender<Option<i32>>,
        watches: Watches,
    ) -> Life {
        Life {
            role,
            run,
            spec,
            living,
            events: self.events.clone(),
            journal: self.journal.clone(),
            book: Arc::clone(&self.book),
            pen: self.pen.clone(),
            watches,
            secrets: Arc::clone(&self.secrets),
        }
    }

    /// SIGTERM to the process of `run`, as soon as there is one.
    pub fn terminate(&self, role: Role, run: RunId) {
        self.order(role, run, Order::Terminate);
    }

    /// SIGKILL to the process group of `run`, as soon as there is one.
    pub fn kill(&self, role: Role, run: RunId) {
        self.order(role, run, Order::Kill);
    }

    /// SIGQUIT to the JVM of `run`: a thread dump among its lines.
    pub fn dump(&self, role: Role, run: RunId) {
        self.order(role, run, Order::Dump);
    }

    /// Writes this about `run` into the record.
    pub fn mark(&self, role: Role, run: RunId, mark: Mark) {
        let note = match mark {
            Mark::Session(session) => Note::Session(session),
            Mark::Served => Note::Served,
        };
        self.pen.note(role, run, note);
    }

    /// Nothing of this run is owed any more.
    pub fn settle(&self, role: Role, run: RunId) {
        self.pen.note(role, run, Note::Settled);
    }

    /// The process of `run`, where there is one, and what its output tells of its progress: the kernel's counters are added
    /// by the probe.
    pub fn progress(&self, role: Role, run: RunId) -> (Option<i32>, Progress) {
        let Some(child) = self.living.get(&role).filter(|child| child.run == run) else {
            return (None, Progress::default());
        };
        (*child.pid.borrow(), child.watches.progress())
    }

    /// Lets go of every process between two bytes of its output, and brings the record up to date: the program that takes
    /// this process over adopts them. A process that is being made at this moment is waited for.
    pub async fn hand_over(&mut self) {
        for (_, child) in std::mem::take(&mut self.living) {
            let _ = child.orders.send(Order::HandOver);
            let _ = child.task.await;
        }
        self.pen.flush().await;
    }

    /// Waits until the record says everything that is known.
    pub async fn flush(&self) {
        self.pen.flush().await;
    }

    fn order(&self, role: Role, run: RunId, order: Order) {
        if let Some(child) = self.living.get(&role).filter(|child| child.run == run) {
            // The task is gone only when the run is over, and then nobody is left to signal.
            let _ = child.orders.send(order);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::config::JournalChoice;
    use crate::model::{ExitStatus, SpawnFailure};
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
        let (sink, _) =
            log::start(JournalChoice::Stderr, log::Source { broker: None, fold_after: 200 }).expect("a log thread");
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
                let end = next(&mut events).await;
                let Event::Exited { run: ended, status, evidence, .. } = &end else { panic!("{end:?}") };
                assert_eq!((*ended, *status), (run, ExitStatus::Code(3)));
                assert_eq!(evidence.last_lines.last().map(String::as_str), Some(line));
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
            let end = next(&mut events).await;
            assert!(matches!(end, Event::Exited { run: RUN, status: ExitStatus::Signal(15), .. }), "{end:?}");
        });
    }

    #[test]
    fn a_hand_over_keeps_the_pipes_open_so_that_last_words_outlive_their_speaker() {
        let dir = tempfile::tempdir().expect("a directory");
        on_a_loop(async {
            let (mut children, mut events) = shells(dir.path(), "exec sleep 600", "exit 0");
            children.spawn(Role::ZooKeeper, RUN);
            assert!(matches!(next(&mut events).await, Event::Spawned { .. }));
            let record = children.book.runs().pop().expect("a record");
            children.hand_over().await;
            let pipe = record.mark(dir.path()).pipe(crate::process::Stream::Out).canonicalize().expect("a pipe");
            let open = || {
                let entries = std::fs::read_dir("/proc/self/fd").expect("descriptors").flatten();
                entries.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|link| link == pipe)).count()
            };
            let kept = open();
            // Whoever takes over closes what came that way.
            let mut running = crate::process::adopt(dir.path(), &record).expect("adopted");
            let adopted = open();
            running.kill_group();
            assert_eq!(running.wait().await, ExitStatus::Signal(9));
            assert_eq!((kept, adopted), (1, 1), "reading ends before and after the adoption");
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
