//! The world: a queue of what will happen, the nodes with their supervisors, and the loop that lets time pass.
//!
//! Absent here, in files of their own: what JVMs do (`processes.rs`), what probes see (`probes.rs`), what goes wrong and
//! how a schedule ends (`stages.rs`).

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use kafka_node::model::{Moment, NodeName, Notice, Rng, Role, RunId};
use kafka_node::supervise::{Action, NodeView, Past, Policy, Probe};

use crate::book::{Book, world_time};
use crate::clock::{MIN, SEC, Time, long};
use crate::driver::Driver;
use crate::ensemble::{Ensemble, Mask, bit};
use crate::invariants::{self, Broken, Serves, Truth, hold};
use crate::jvm::{Jvm, Stuck};
use crate::message::Message;
use crate::schedule::{Fault, Kind, NodePlan, Schedule, Weather};
use crate::stages::Stage;

/// Every this many events of a supervisor its whole view is checked, and after every one that it announced something at.
const VIEW_EVERY: u64 = 48;
/// How many lines of a trace are kept for the report.
pub const TRACE_KEPT: usize = 70;

/// What a run amounted to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Calls of handle_event and handle_timeout.
    pub events: u64,
    /// Processes ordered.
    pub spawns: u64,
    /// Virtual time.
    pub lasted: Time,
}

/// How much to say while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Nothing: the ordinary run.
    Off,
    /// The last lines are kept.
    Kept,
    /// Every line is printed.
    Printed,
}

/// Something that will happen.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// A message reaches the supervisor of this boot of the node.
    Tell { node: usize, boot: u32, message: Message },
    /// A process comes to the end of its phase.
    Step { node: usize, role: Role, run: RunId, token: u32 },
    /// An election ends.
    Elected { epoch: u32 },
    /// A member has synced.
    Synced { node: usize },
    /// A session may lapse.
    Lapse { node: usize, session: i64 },
    /// A broker that lost its session comes back for another.
    Reregister { node: usize, run: RunId },
    /// Power comes.
    PowerOn { node: usize },
    /// Something goes wrong.
    Fault(Fault),
    /// Nothing goes wrong from here on.
    Heal,
    /// The end of the schedule is looked for.
    Look,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Time,
    number: u64,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Entry) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// A supervisor and the books kept about it.
pub struct Alive<D> {
    pub supervisor: D,
    pub policy: Policy,
    pub book: Book,
    /// When it wants to be woken, in world time.
    wake: Option<Time>,
    handled: u64,
}

/// One machine.
pub struct Node<D> {
    pub plan: NodePlan,
    pub alive: Option<Alive<D>>,
    pub boot: u32,
    pub jvms: [Option<Jvm>; 2],
    /// The broker's logs were not closed cleanly.
    pub dirty: bool,
    pub stuck: [Option<Stuck>; 2],
    pub no_spawn: (Time, bool),
    pub preflight_held: Time,
    pub no_session: Time,
    pub oversleep: Time,
    /// When each service last stopped serving, in truth.
    pub lost: [Option<Time>; 2],
}

/// Everything.
pub struct World<D> {
    pub now: Time,
    pub rng: Rng,
    pub schedule: Schedule,
    pub weather: Weather,
    pub nodes: Vec<Node<D>>,
    pub ensemble: Ensemble,
    pub stage: Stage,
    /// Some server left although others needed its quorum, and said so.
    pub left_quorum: bool,
    /// Brokers that serve and hold their registration.
    pub brokers: Mask,
    pub counts: Counts,
    pub trace: VecDeque<String>,
    tracing: Trace,
    queue: BinaryHeap<Reverse<Entry>>,
    number: u64,
    served: [Mask; 2],
    batch: Vec<Action>,
    pids: i32,
}

impl<D: Driver> World<D> {
    pub fn new(seed: u64, tracing: Trace) -> World<D> {
        let mut rng = Rng::new(seed);
        let schedule = Schedule::new(&mut rng);
        World::of(schedule, rng, tracing)
    }

    /// A world for a schedule made by hand.
    pub fn of(schedule: Schedule, rng: Rng, tracing: Trace) -> World<D> {
        let nodes: Vec<Node<D>> = schedule.nodes.iter().map(|plan| Node::new(*plan)).collect();
        let mut world = World {
            now: 0,
            rng,
            weather: schedule.weather,
            ensemble: Ensemble::new(nodes.len(), schedule.members()),
            nodes,
            stage: Stage::Weather,
            left_quorum: false,
            brokers: 0,
            counts: Counts::default(),
            trace: VecDeque::new(),
            tracing,
            queue: BinaryHeap::with_capacity(256),
            number: 0,
            served: [0; 2],
            batch: Vec::new(),
            pids: 1000,
            schedule,
        };
        for node in 0..world.nodes.len() {
            world.at(world.nodes[node].plan.first_on, What::PowerOn { node });
        }
        for i in 0..world.schedule.faults.len() {
            let (at, fault) = world.schedule.faults[i];
            world.at(at, What::Fault(fault));
        }
        world.at(world.schedule.heal_at, What::Heal);
        world
    }

    /// Queues something.
    pub fn at(&mut self, at: Time, what: What) {
        self.number += 1;
        self.queue.push(Reverse(Entry { at: at.max(self.now), number: self.number, what }));
    }

    /// Queues something after a while.
    pub fn after(&mut self, delay: Time, what: What) {
        self.at(self.now + delay, what);
    }

    /// Lets time pass to the schedule's end.
    pub fn run(&mut self) -> Result<Counts, Broken> {
        while self.stage != Stage::Done {
            let queued = self.queue.peek().map(|Reverse(entry)| entry.at);
            let woken = (0..self.nodes.len()).filter_map(|n| self.nodes[n].wake().map(|at| (at, n))).min();
            match (queued, woken) {
                (Some(at), Some((wake, node))) if wake < at => self.wake(wake, node)?,
                (None, Some((wake, node))) => self.wake(wake, node)?,
                (Some(_), _) => {
                    if let Some(Reverse(entry)) = self.queue.pop() {
                        self.now = entry.at;
                        self.happens(entry.what)?;
                    }
                }
                (None, None) => break,
            }
            self.note_truth();
            hold!(the_story_comes_to_an_end(self.counts.events, self.number));
        }
        self.counts.lasted = self.now;
        Ok(self.counts)
    }

    fn happens(&mut self, what: What) -> Result<(), Broken> {
        match what {
            What::Tell { node, boot, message } => self.tell(node, boot, message)?,
            What::Step { node, role, run, token } => self.step(node, role, run, token)?,
            What::Elected { epoch } => {
                let follows = self.ensemble.elected(epoch, self.now);
                self.follow(follows);
            }
            What::Synced { node } => self.ensemble.synced(node),
            What::Lapse { node, session } => self.lapse(node, session),
            What::Reregister { node, run } => self.reregister(node, run),
            What::PowerOn { node } => self.power_on(node)?,
            What::Fault(fault) => self.strike(fault)?,
            What::Heal => self.heal(),
            What::Look => self.look()?,
        }
        Ok(())
    }

    /// Begins a life of the node's supervisor.
    pub fn power_on(&mut self, node: usize) -> Result<(), Broken> {
        if self.nodes[node].alive.is_some() || self.stage == Stage::Stopping {
            return Ok(());
        }
        let policy = self.policy(node);
        let now = self.local(node);
        let rng = Rng::new(self.rng.next_u64());
        let supervisor = D::new(policy.clone(), &Past::default(), now, rng);
        let book = Book::new(&policy, self.now);
        self.nodes[node].alive = Some(Alive { supervisor, policy, book, wake: None, handled: 0 });
        self.say(node, || String::from("power on"));
        self.drain(node, false)
    }

    fn policy(&self, node: usize) -> Policy {
        let name = |n: usize| NodeName::new(format!("node{}", n + 1));
        let members = (0..self.nodes.len()).filter(|n| self.nodes[*n].plan.roles.zookeeper);
        let number = kafka_node::model::NodeNumber::new(node as i64 + 1);
        Policy {
            roles: self.nodes[node].plan.roles,
            broker: number.map_or(kafka_node::model::BrokerId(0), |number| number.broker_id()),
            peers: members.filter(|n| *n != node).map(name).collect(),
            peer_brokers: (0..self.nodes.len())
                .filter(|n| *n != node && self.nodes[*n].plan.roles.zookeeper)
                .map(|n| self.nodes[n].plan.roles.kafka.then_some(kafka_node::model::BrokerId(n as i32 + 1)))
                .collect(),
            rank: (0..node).filter(|n| self.nodes[*n].plan.roles.zookeeper).count(),
            level: self.schedule.level,
            probe_interval: long(self.schedule.probe_interval),
            hang_after: Duration::from_secs(10),
            slow_after: Duration::from_secs(60),
            grace: long(self.schedule.grace),
            first_run: RunId(u64::from(self.nodes[node].boot) << 32),
        }
    }

    /// The node's own clock.
    fn local(&self, node: usize) -> Moment {
        Moment::from_origin(long(self.now + self.nodes[node].plan.offset))
    }

    fn wake(&mut self, at: Time, node: usize) -> Result<(), Broken> {
        self.now = self.now.max(at);
        let local = self.local(node);
        let Some(alive) = &mut self.nodes[node].alive else { return Ok(()) };
        alive.supervisor.handle_timeout(local);
        self.counts.events += 1;
        alive.handled += 1;
        if self.now - alive.book.window >= SEC {
            alive.book.window = self.now;
            alive.book.timeouts = 0;
        }
        alive.book.timeouts += 1;
        hold!(the_loop_is_never_busy(&alive.book));
        self.drain(node, false)?;
        let finished = self.nodes[node].alive.as_ref().is_none_or(|alive| alive.book.finished.is_some());
        let wants = self.nodes[node].alive.as_ref().and_then(|alive| alive.wake);
        hold!(timers_belong_to_states(wants, self.now, finished));
        Ok(())
    }

    /// A message reaches the supervisor, if it is still the one that was meant.
    fn tell(&mut self, node: usize, boot: u32, message: Message) -> Result<(), Broken> {
        if self.nodes[node].boot != boot {
            return Ok(());
        }
        self.say(node, || format!("<- {message:?}"));
        // What time alone brings is done before an old message, so that what follows is the message's own doing.
        if self.nodes[node].alive.as_ref().is_some_and(|alive| alive.book.is_old(&message)) {
            self.wake(self.now, node)?;
        }
        let (local, now) = (self.local(node), self.now);
        let Some(alive) = &mut self.nodes[node].alive else { return Ok(()) };
        let old = alive.book.is_old(&message);
        let before = old.then(|| alive.supervisor.view(local));
        alive.book.hears(now, &message);
        alive.supervisor.handle_event(local, message.event(&alive.policy.peers));
        self.counts.events += 1;
        alive.handled += 1;
        let kafka_failed = matches!(
            message,
            Message::Exited { role: Role::Kafka, .. } | Message::SpawnFailed { role: Role::Kafka, .. }
        );
        if let Some(before) = before {
            let after = alive.supervisor.view(local);
            while let Some(action) = alive.supervisor.poll_action() {
                self.batch.push(action);
            }
            hold!(old_runs_are_ignored(&before, &after, self.batch.len()));
        }
        self.drain(node, kafka_failed)
    }

    /// Checks and does what the supervisor wants done, and learns when it wants to be woken.
    fn drain(&mut self, node: usize, kafka_failed: bool) -> Result<(), Broken> {
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        let (now, offset) = (self.now, self.nodes[node].plan.offset);
        let mut announced = false;
        if let Some(alive) = &mut self.nodes[node].alive {
            while let Some(action) = alive.supervisor.poll_action() {
                batch.push(action);
            }
            // Notices first: they say why, in whatever order they stand.
            for action in &batch {
                if let Action::Announce(notice) = action {
                    announced = true;
                    self.left_quorum |= matches!(notice, Notice::LeavesQuorum { .. });
                    if let Some(pause) = alive.book.reads(now, notice) {
                        hold!(backoff_follows_its_table(notice.role().unwrap_or(Role::Kafka), pause));
                    }
                }
            }
        }
        for action in batch.drain(..) {
            self.say(node, || format!("-> {}", shown(&action)));
            self.check(node, &action, kafka_failed)?;
            self.perform(node, action);
        }
        self.batch = batch;
        let Some(alive) = &mut self.nodes[node].alive else { return Ok(()) };
        hold!(stopping_is_said_once_at_the_first_request(&alive.book));
        alive.wake = alive.supervisor.poll_timeout().map(|at| world_time(at, offset));
        if announced || alive.handled % VIEW_EVERY == 0 {
            self.check_view(node)?;
        }
        if self.nodes[node].alive.as_ref().is_some_and(|alive| alive.book.finished.is_some()) {
            self.finished(node)?;
        }
        Ok(())
    }

    fn check(&self, node: usize, action: &Action, kafka_failed: bool) -> Result<(), Broken> {
        let Some(alive) = &self.nodes[node].alive else { return Ok(()) };
        let (book, now) = (&alive.book, self.now);
        hold!(nothing_is_done_after_the_finish(book));
        match *action {
            Action::Spawn { role, run } => {
                hold!(never_two_live_runs_of_a_service(book, role, run));
                hold!(runs_count_up(book, role, run));
                hold!(nothing_starts_in_a_stop_but_the_zookeeper_that_kafka_needs(book, role));
                hold!(nothing_starts_before_its_preflight_is_clear(book, role, now));
                hold!(no_start_before_its_pause_is_over(book, role, now));
                if role == Role::Kafka {
                    hold!(kafka_never_starts_before_quorum_ready(book, now));
                    hold!(kafka_never_starts_against_a_registration_seen_held(book, now));
                    hold!(kafka_never_starts_before_its_registration_was_read(book, now));
                }
            }
            Action::Terminate { role, run } => {
                self.check_signal(book, role, run, kafka_failed)?;
                hold!(term_is_sent_once(book, role, run));
                hold!(term_never_during_start_or_recovery_unless_second_request_or_no_progress(book, role, now));
            }
            Action::Kill { role, run } => {
                self.check_signal(book, role, run, kafka_failed)?;
                hold!(kill_never_before_grace(book, role, now));
                hold!(kill_never_while_stop_progresses_before_the_limit(book, role, now));
            }
            Action::Probe(probe) => match probe {
                Probe::ZooKeeper { run } => hold!(probes_ask_the_present_run(book, Role::ZooKeeper, run)),
                Probe::Broker { run } | Probe::InSync { run } => {
                    hold!(probes_ask_the_present_run(book, Role::Kafka, run));
                }
                Probe::Progress { role, run } => hold!(probes_ask_the_present_run(book, role, run)),
                Probe::Preflight { .. } | Probe::Ensemble { .. } | Probe::Registration { .. } | Probe::Brokers => {}
                Probe::Fence { .. } | Probe::Token { .. } => {}
            },
            Action::Finish { clean } => {
                hold!(finish_only_when_all_down(book));
                hold!(finish_clean_only_if_no_kill_and_clean_codes(book, clean));
            }
            Action::Announce(_) | Action::Ready | Action::Stopping => {}
            Action::Dump { .. } | Action::Mark { .. } | Action::Settle { .. } | Action::ReleaseToken => {}
        }
        Ok(())
    }

    fn check_signal(&self, book: &Book, role: Role, run: RunId, kafka_failed: bool) -> Result<(), Broken> {
        hold!(kafka_failure_never_stops_zookeeper(book, role, kafka_failed));
        hold!(zookeeper_is_never_signalled_unless_the_node_stops(book, role));
        hold!(zookeeper_never_stops_before_kafka(book, role));
        hold!(kafka_is_never_signalled_unless_the_node_stops(book, role));
        hold!(signals_go_to_the_present_run(book, role, run));
        Ok(())
    }

    fn perform(&mut self, node: usize, action: Action) {
        let now = self.now;
        let Some(alive) = &mut self.nodes[node].alive else { return };
        match action {
            Action::Spawn { role, run } => {
                alive.book.orders(now, role, run);
                self.counts.spawns += 1;
                self.spawn(node, role, run);
            }
            Action::Terminate { role, run } => {
                alive.book.terminates(now, role);
                self.sigterm(node, role, run);
            }
            Action::Kill { role, run } => {
                alive.book.kills(now, role);
                self.sigkill(node, role, run);
            }
            Action::Probe(probe) => {
                let before = alive.book.asks(now, probe);
                if let Err(seen) = invariants::probes_never_overlap(before, now) {
                    alive.book.overlapped.get_or_insert(format!("{probe:?}: {seen}"));
                }
                self.probe(node, probe);
            }
            Action::Announce(notice) => alive.book.passes(&notice),
            Action::Ready => alive.book.ready_said += 1,
            Action::Stopping => alive.book.stopping_said += 1,
            Action::Finish { clean } => alive.book.finished = Some(clean),
            Action::Dump { .. } | Action::Mark { .. } | Action::Settle { .. } | Action::ReleaseToken => {}
        }
    }

    /// Checks everything that the whole view says.
    pub fn check_view(&self, node: usize) -> Result<(), Broken> {
        let Some((view, alive)) = self.view(node) else { return Ok(()) };
        let book = &alive.book;
        if let Some(seen) = &book.overlapped {
            return Err(Broken { invariant: "probes_never_overlap", seen: seen.clone() });
        }
        hold!(questions_are_spaced(book));
        hold!(ready_only_when_level_reached(&view, book, self.truth(node), self.now, self.staleness()));
        hold!(every_wait_has_a_reason(&view, book));
        hold!(the_states_words_agree(&view, book));
        hold!(ready_is_said_once(book, &view));
        let kernel = if self.stage == Stage::Weather { 3 * MIN } else { 2 * MIN };
        hold!(a_stop_ends_in_bounded_time(book, self.now, kernel));
        Ok(())
    }

    pub fn view(&self, node: usize) -> Option<(NodeView, &Alive<D>)> {
        let alive = self.nodes[node].alive.as_ref()?;
        Some((alive.supervisor.view(self.local(node)), alive))
    }

    /// How old the news may be that readiness rests on: silence is believed after `hang_after`, an answer that is lost
    /// after twice the limit, and the registration is read less often than the listener is asked.
    fn staleness(&self) -> Time {
        let late = if self.schedule.weather.late + self.schedule.weather.twice > 0 { 60 * SEC } else { 0 };
        45 * SEC + late + self.schedule.probe_interval
    }

    fn truth(&self, node: usize) -> Truth {
        let serves = |role: Role| match self.nodes[node].lost[role as usize] {
            _ if self.served[role as usize] & bit(node) != 0 => Serves::Yes,
            Some(at) => Serves::Until(at),
            None => Serves::Never,
        };
        Truth { zookeeper: serves(Role::ZooKeeper), kafka: serves(Role::Kafka) }
    }

    /// Notes when a service stopped serving in truth.
    fn note_truth(&mut self) {
        let serve = [self.ensemble.serving(), self.brokers];
        if serve == self.served {
            return;
        }
        for (role, (before, after)) in self.served.iter().zip(serve).enumerate() {
            let lost = before & !after;
            for node in (0..self.nodes.len()).filter(|n| lost & bit(*n) != 0) {
                self.nodes[node].lost[role] = Some(self.now);
            }
        }
        self.served = serve;
    }

    pub fn next_pid(&mut self) -> i32 {
        self.pids += 1;
        self.pids
    }

    /// Sends a message that always arrives.
    pub fn send(&mut self, node: usize, delay: Time, message: Message) {
        let boot = self.nodes[node].boot;
        self.after(delay, What::Tell { node, boot, message });
    }

    /// Writes a line of the trace, where one is wanted.
    pub fn say(&mut self, node: usize, line: impl FnOnce() -> String) {
        if self.tracing == Trace::Off {
            return;
        }
        let line = format!("{:>10.3} s node{} {}", self.now as f64 / SEC as f64, node + 1, line());
        if self.tracing == Trace::Printed {
            println!("{line}");
        }
        if self.trace.len() == TRACE_KEPT {
            self.trace.pop_front();
        }
        self.trace.push_back(line);
    }

    /// A node that never heard of anything: for the report of what every node waits for.
    pub fn views(&self) -> String {
        (0..self.nodes.len())
            .map(|n| match self.view(n) {
                Some((view, _)) => format!("  node{}: {} ({:?})\n", n + 1, view.status, view.state),
                None => format!("  node{}: off\n", n + 1),
            })
            .collect()
    }

    /// Whether nothing at all goes wrong in this schedule.
    pub fn is_calm(&self) -> bool {
        matches!(self.schedule.kind, Kind::Calm | Kind::Alone)
    }
}

impl<D> Node<D> {
    fn new(plan: NodePlan) -> Node<D> {
        Node {
            plan,
            alive: None,
            boot: 1,
            jvms: [None, None],
            dirty: plan.dirty,
            stuck: [None, None],
            no_spawn: (0, true),
            preflight_held: 0,
            no_session: 0,
            oversleep: 0,
            lost: [None; 2],
        }
    }

    /// When the supervisor is woken: when it wants to be, or later where its loop oversleeps.
    fn wake(&self) -> Option<Time> {
        let wanted = self.alive.as_ref()?.wake?;
        Some(wanted.max(self.oversleep))
    }
}

/// An action as the trace shows it: a notice by its sentence.
fn shown(action: &Action) -> String {
    match action {
        Action::Announce(notice) => format!("\"{notice}\""),
        other => format!("{other:?}"),
    }
}
