//! `docs/states.md`: what each event does in each state of Kafka's lane, written by the supervisor itself and kept fresh.
//!
//! A script of events brings a fresh supervisor into each state; then one more event is applied and what comes of it is noted.
//! `UPDATE=1 cargo test --test states` rewrites the page; read its diff as you would read code.

use std::fmt::Write as _;
use std::time::Duration;

use kafka_node::config::Gate;
use kafka_node::model::{
    BrokerId, BrokerOutcome, Evidence, ExitStatus, FenceOutcome, InSyncOutcome, Moment, NodeName, PreflightOutcome,
    Progress, QuorumRole, ReadinessLevel, RegistrationOutcome, Rng, Role, Roles, RunId, ServiceState, SessionId,
    SpawnFailure, StopCause, WaitReason, ZooKeeperOutcome,
};
use kafka_node::supervise::{Action, Event, Past, Policy, Probe, Supervisor};

/// A supervisor driven by hand, with the runs and questions it has ordered.
struct Driver {
    supervisor: Supervisor,
    now: Moment,
    zookeeper: RunId,
    kafka: RunId,
    ask: u64,
    fence: u64,
    done: Vec<Action>,
}

impl Driver {
    fn new() -> Driver {
        let policy = Policy {
            roles: Roles::BOTH,
            broker: BrokerId(1),
            peers: vec![NodeName::new("kafkanode2"), NodeName::new("kafkanode3")],
            peer_brokers: vec![Some(BrokerId(2)), Some(BrokerId(3))],
            rank: 0,
            level: ReadinessLevel::Serving,
            probe_interval: Duration::from_secs(2),
            hang_after: Duration::from_secs(10),
            slow_after: Duration::from_secs(60),
            grace: Duration::from_secs(300),
            gate: Gate::Never,
            gate_limit: Duration::ZERO,
            settle: Duration::from_secs(60),
            first_run: RunId(1),
        };
        let supervisor = Supervisor::new(policy, &Past::default(), Moment::ZERO, Rng::new(7));
        let mut driver = Driver {
            supervisor,
            now: Moment::ZERO,
            zookeeper: RunId(0),
            kafka: RunId(0),
            ask: 0,
            fence: 0,
            done: Vec::new(),
        };
        driver.collect();
        driver
    }

    fn collect(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            match &action {
                Action::Spawn { role: Role::ZooKeeper, run } => self.zookeeper = *run,
                Action::Spawn { role: Role::Kafka, run } => self.kafka = *run,
                Action::Probe(Probe::Registration { ask }) => self.ask = *ask,
                Action::Probe(Probe::Fence { ask, .. }) => self.fence = *ask,
                _ => {}
            }
            self.done.push(action);
        }
    }

    fn tell(&mut self, event: Event) {
        self.supervisor.handle_event(self.now, event);
        self.collect();
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.supervisor.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.supervisor.handle_timeout(self.now);
            self.collect();
        }
        self.now = end;
    }

    fn state(&self) -> ServiceState {
        let view = self.supervisor.view(self.now);
        view.services.iter().find(|s| s.role == Role::Kafka).expect("the node has a broker").state
    }

    fn quorum(&mut self) {
        self.tell(Event::Preflight { role: Role::ZooKeeper, outcome: PreflightOutcome::Clear });
        self.tell(Event::Preflight { role: Role::Kafka, outcome: PreflightOutcome::Clear });
        self.tell(Event::Spawned { role: Role::ZooKeeper, run: self.zookeeper, pid: 10 });
        let outcome = ZooKeeperOutcome::Serving(QuorumRole::Follower);
        self.tell(Event::ZooKeeper { run: self.zookeeper, outcome });
    }

    fn absent(&mut self) {
        self.tell(Event::Registration { ask: self.ask, outcome: RegistrationOutcome::Absent });
    }

    fn held(&mut self) {
        let outcome = RegistrationOutcome::Held { session: SessionId(0xa), endpoint: "kafkanode1:9092".into() };
        self.tell(Event::Registration { ask: self.ask, outcome });
    }

    fn answers(&mut self) {
        let outcome = BrokerOutcome::Answers { lists_itself: true, controller: Some(BrokerId(1)) };
        self.tell(Event::Broker { run: self.kafka, outcome });
    }

    fn spawned(&mut self) {
        self.tell(Event::Spawned { role: Role::Kafka, run: self.kafka, pid: 20 });
    }

    fn stop(&mut self) {
        self.tell(Event::Stop { cause: StopCause::Command { uid: 0 } });
    }

    fn exited(&mut self, code: i32) {
        self.tell(Event::Exited {
            role: Role::Kafka,
            run: self.kafka,
            status: ExitStatus::Code(code),
            evidence: Evidence::default(),
        });
    }
}

/// Brings a fresh supervisor into a state; the name says which, and how where there are several ways.
type Script = (&'static str, ServiceState, fn(&mut Driver));

const STATES: [Script; 12] = [
    ("waiting (no quorum)", ServiceState::Waiting, |_| {}),
    ("waiting (registration asked)", ServiceState::Waiting, |d| d.quorum()),
    ("starting (ordered)", ServiceState::Starting, |d| {
        d.quorum();
        d.absent();
    }),
    ("starting (process runs)", ServiceState::Starting, start),
    ("starting (stop deferred)", ServiceState::Starting, |d| {
        start(d);
        d.stop();
    }),
    ("up (answers, unregistered)", ServiceState::Up, |d| {
        start(d);
        d.answers();
    }),
    ("ready", ServiceState::Ready, serve),
    ("terminating", ServiceState::Terminating, |d| {
        serve(d);
        d.stop();
    }),
    ("killing", ServiceState::Killing, |d| {
        serve(d);
        d.stop();
        d.pass(Duration::from_secs(301));
    }),
    ("backoff", ServiceState::Backoff, |d| {
        serve(d);
        d.exited(1); // its pause is zero, and ends with the next look at the clock
        d.tell(Event::Fence { ask: d.fence, outcome: FenceOutcome::Gone });
        d.quorum();
        d.pass(Duration::from_millis(1));
        d.absent();
        d.spawned();
        d.exited(1);
    }),
    ("failed", ServiceState::Failed, |d| {
        d.quorum();
        d.absent();
        let failure = SpawnFailure::Missing("/usr/lib/jvm/jre-11/bin/java".into());
        d.tell(Event::SpawnFailed { role: Role::Kafka, run: d.kafka, failure });
    }),
    ("down", ServiceState::Down, |d| {
        serve(d);
        d.stop();
        d.exited(143);
    }),
];

fn start(d: &mut Driver) {
    d.quorum();
    d.absent();
    d.spawned();
}

fn serve(d: &mut Driver) {
    start(d);
    d.answers();
    d.held();
}

/// One event, and how it is told.
type Told = (&'static str, fn(&mut Driver));

const EVENTS: [Told; 19] = [
    ("preflight clear", |d| d.tell(Event::Preflight { role: Role::Kafka, outcome: PreflightOutcome::Clear })),
    ("preflight held", |d| {
        let held = vec![WaitReason::PortHeld { port: 9092, holder: "pid 7 (nc)".into() }];
        d.tell(Event::Preflight { role: Role::Kafka, outcome: PreflightOutcome::Held(held) });
    }),
    ("registration absent", Driver::absent),
    ("registration held", Driver::held),
    ("registration unreadable", |d| {
        let outcome = RegistrationOutcome::Unreadable("no session".into());
        d.tell(Event::Registration { ask: d.ask, outcome });
    }),
    ("spawned", Driver::spawned),
    ("spawn failed", |d| {
        let failure = SpawnFailure::Resources("fork: EAGAIN".into());
        d.tell(Event::SpawnFailed { role: Role::Kafka, run: d.kafka, failure });
    }),
    ("exited 143", |d| d.exited(143)),
    ("exited 1", |d| d.exited(1)),
    ("old run exited", |d| {
        let run = RunId(u64::MAX);
        d.tell(Event::Exited { role: Role::Kafka, run, status: ExitStatus::Code(1), evidence: Evidence::default() });
    }),
    ("broker answers", Driver::answers),
    ("broker refuses", |d| d.tell(Event::Broker { run: d.kafka, outcome: BrokerOutcome::Refused })),
    ("in sync", |d| {
        let outcome = InSyncOutcome::Seen { replicas: 3, behind: 0, leads: 1 };
        d.tell(Event::InSync { run: d.kafka, outcome });
    }),
    ("progress", |d| {
        let progress = Progress { recovery_steps: 1, recovering: true, ..Progress::default() };
        d.tell(Event::Progress { role: Role::Kafka, run: d.kafka, progress });
    }),
    ("its session named", |d| d.tell(Event::Session { run: d.kafka, session: SessionId(0x2a) })),
    ("fence: removed", |d| {
        d.tell(Event::Fence { ask: d.fence, outcome: FenceOutcome::Removed { controller: true } });
    }),
    ("quorum lost", |d| d.tell(Event::ZooKeeper { run: d.zookeeper, outcome: ZooKeeperOutcome::NotServing })),
    ("stop", Driver::stop),
    ("10 min pass", |d| d.pass(Duration::from_secs(600))),
];

/// What came of an event: the state where it changed, and what was ordered or said. Probes are left out: they recur.
fn outcome(driver: &Driver, before: ServiceState) -> String {
    let mut text = String::new();
    if driver.state() != before {
        let _ = write!(text, "**{}**", driver.state());
    }
    for action in &driver.done {
        let said = match action {
            Action::Probe(Probe::Fence { session, .. }) => format!("fence session {session}"),
            Action::Probe(_) | Action::Settle { .. } => continue,
            Action::Mark { mark, .. } => format!("record {mark:?}"),
            Action::Dump { role, .. } => format!("SIGQUIT {role}"),
            Action::ReleaseToken => "give the token back".to_owned(),
            Action::Announce(notice) => format!("\"{notice}\""),
            Action::Spawn { role, .. } => format!("spawn {role}"),
            Action::Terminate { role, .. } => format!("SIGTERM {role}"),
            Action::Kill { role, .. } => format!("SIGKILL {role}"),
            Action::Ready => "READY=1".to_owned(),
            Action::Stopping => "STOPPING=1".to_owned(),
            Action::Anew => "start this program anew".to_owned(),
            Action::Reboot => "reboot".to_owned(),
            Action::OrderPowerDown => "order a power-down".to_owned(),
            Action::WithdrawPowerDown => "withdraw the order to power down".to_owned(),
            Action::Finish { clean } => format!("finish (clean: {clean})"),
        };
        let _ = write!(text, "{}{said}", if text.is_empty() { "" } else { "; " });
    }
    if text.is_empty() { "nothing".to_owned() } else { text }
}

fn page() -> String {
    let mut page = String::from(
        "# Kafka's lane: every state x event\n\n\
         Written by `tests/states.rs` from the supervisor itself (`UPDATE=1 cargo test --test states`). A bold word is the new \
         state of the lane; what follows was ordered or said. \"nothing\" includes taking a fact in and asking the next question.\n",
    );
    for (state, expected, script) in STATES {
        let _ = write!(page, "\n## {state}\n\n| event | what comes of it |\n| --- | --- |\n");
        for (event, apply) in EVENTS {
            let mut driver = Driver::new();
            script(&mut driver);
            assert_eq!(driver.state(), expected, "the script for `{state}` does not lead there");
            driver.done.clear();
            apply(&mut driver);
            let _ = writeln!(page, "| {event} | {} |", outcome(&driver, expected));
        }
    }
    page
}

#[test]
fn the_page_of_states_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/states.md");
    let now = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &now).expect("docs/states.md");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == now, "docs/states.md is stale: UPDATE=1 cargo test --test states, then read its diff");
}
