//! The world: a queue of what will happen, the nodes with their supervisors, and the loop that lets time pass.
//!
//! Absent here, in files of their own: what JVMs do (`processes.rs`), what probes see (`probes.rs`), what is asked of ZooKeeper
//! (`requests.rs`), how supervisors follow each other (`succession.rs`), what is true of health (`health.rs`), what goes wrong and
//! how a schedule ends (`stages.rs`).

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use kafka_node::config::Gate;
use kafka_node::model::{Moment, NodeName, Notice, Rng, Role, RunId};
use kafka_node::supervise::{Action, Mark, NodeView, Policy, Probe};

use crate::book::{Book, world_time};
use crate::clock::{MIN, SEC, Time, long};
use crate::driver::Driver;
use crate::ensemble::{Ensemble, Mask, bit};
use crate::health::{HANG_AFTER, SLOW_AFTER};
use crate::invariants::{self, Broken, Serves, Truth, hold};
use crate::jvm::{Jvm, Phase, Stuck};
use crate::message::Message;
use crate::record::Record;
use crate::requests::{Removal, Restarting, TokenZnode};
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
    /// The hang of a process may be over.
    HangOver { node: usize, role: Role, run: RunId },
    /// A question to a process that answers nobody times out.
    Unanswered { node: usize, role: Role, run: RunId, asked: (u32, Time) },
    /// A line of a broker's output names its session.
    Prints { node: usize, run: RunId, session: i64 },
    /// A stranger with this node's id comes for its place, or leaves it.
    Stranger { node: usize },
    /// A removal's first step.
    FenceLook(Removal),
    /// A removal's second step, of the znode with this stamp.
    FenceRemove(Removal, u64),
    /// What a dead broker left is to be gone by now, where all was well.
    FenceDue { node: usize, life: u32, session: i64, since: Time },
    /// The restart token is asked for.
    TokenTake { node: usize, life: u32, ask: u64, asked: Time },
    /// The restart token is given back.
    TokenRelease { node: usize, life: u32 },
    /// The next supervisor begins, if this is still its turn.
    Begin { node: usize, boot: u32 },
    /// systemd kills a supervisor that stood still for too long.
    WatchdogKills { node: usize, boot: u32 },
    /// Overdue things are looked for.
    Inspect,
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
    pub wake: Option<Time>,
    pub handled: u64,
    /// When it began.
    pub since: Time,
}

/// One machine.
pub struct Node<D> {
    pub plan: NodePlan,
    pub alive: Option<Alive<D>>,
    /// The machine is on.
    pub powered: bool,
    /// The number of the present or next life of its supervisor.
    pub boot: u32,
    /// What is on its disk about runs.
    pub record: Record,
    /// Lines that name sessions and were read by no supervisor yet.
    pub unread: Vec<(RunId, i64)>,
    /// Its supervisor hears and does nothing until then.
    pub asleep: Time,
    /// The machine as a whole stands still until then.
    pub starved: Time,
    /// Its supervisor dies in the middle of the next thing it does.
    pub half_way: bool,
    /// A stranger wants its place until then.
    pub stranger: Time,
    /// Its supervisor's session does things in order: this is the last one's moment.
    pub turn: Time,
    /// Since when nothing disturbs it; and its supervisor neither.
    pub calm: Option<Time>,
    pub attended: Option<Time>,
    /// Since when its clients reach nobody who leads.
    pub quorum_lost: Option<Time>,
    pids: i32,
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
    /// The cluster's restart token.
    pub token: Option<TokenZnode>,
    /// A restart for health under way.
    pub restarting: Option<Restarting>,
    /// ZooKeeper refuses removals until then.
    pub acl: Time,
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
            token: None,
            restarting: None,
            acl: 0,
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
        world.at(SEC, What::Inspect);
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
            self.note_token();
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
            What::HangOver { node, role, run } => self.hang_over(node, role, run),
            What::Unanswered { node, role, run, asked } => self.unanswered(node, role, run, asked),
            What::Prints { node, run, session } => self.prints(node, run, session),
            What::Stranger { node } => self.stranger(node),
            What::FenceLook(removal) => self.fence_look(removal),
            What::FenceRemove(removal, stamp) => self.fence_remove(removal, stamp)?,
            What::FenceDue { node, life, session, since } => self.fence_due(node, life, session, since)?,
            What::TokenTake { node, life, ask, asked } => self.take_token(node, life, ask, asked),
            What::TokenRelease { node, life } => self.release_token(node, life),
            What::Begin { node, .. } if self.now < self.nodes[node].starved => {
                self.at(self.nodes[node].starved, what); // nothing begins on a machine that stands still
            }
            What::Begin { node, boot } if self.nodes[node].boot == boot => self.begin(node)?,
            What::WatchdogKills { node, boot } if self.nodes[node].boot == boot => self.supervisor_is_gone(node),
            What::Begin { .. } | What::WatchdogKills { .. } => {} // overtaken
            What::Inspect => {
                self.inspect()?;
                self.after(SEC, What::Inspect);
            }
            What::PowerOn { node } => self.begin(node)?,
            What::Fault(fault) => self.strike(fault)?,
            What::Heal => self.heal(),
            What::Look => self.look()?,
        }
        Ok(())
    }

    pub fn policy(&self, node: usize) -> Policy {
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
            hang_after: long(HANG_AFTER),
            slow_after: long(SLOW_AFTER),
            grace: long(self.schedule.grace),
            gate: Gate::Never,
            gate_limit: std::time::Duration::ZERO,
            settle: std::time::Duration::from_secs(60),
            first_run: RunId(u64::from(self.nodes[node].boot) << 32),
        }
    }

    /// The node's own clock.
    pub fn local(&self, node: usize) -> Moment {
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
        if self.now < self.nodes[node].asleep {
            self.at(self.nodes[node].asleep, What::Tell { node, boot, message });
            return Ok(());
        }
        self.say(node, || format!("<- {message:?}"));
        if let Message::Exited { role: Role::Kafka, run, .. } = message {
            self.expect_fence(node, run);
        }
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
    pub fn drain(&mut self, node: usize, kafka_failed: bool) -> Result<(), Broken> {
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
        let cut = self.cut(node, &batch);
        for action in batch.drain(..).take(cut.unwrap_or(usize::MAX)) {
            self.say(node, || format!("-> {}", shown(&action)));
            self.check(node, &action, kafka_failed)?;
            self.perform(node, action);
        }
        self.batch = batch;
        if cut.is_some() {
            self.supervisor_is_gone(node);
            return Ok(());
        }
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
                let lives = self.nodes[node].jvms[role as usize].as_ref().map(|jvm| jvm.run);
                hold!(never_two_live_runs_of_a_service(book, role, run, lives));
                hold!(runs_count_up(book, role, run));
                hold!(nothing_starts_in_a_stop_but_the_zookeeper_that_kafka_needs(book, role));
                hold!(nothing_starts_before_its_preflight_is_clear(book, role, now));
                hold!(no_start_before_its_pause_is_over(book, role, now));
                if role == Role::Kafka {
                    let woke = self.nodes[node].asleep.min(now);
                    hold!(kafka_never_starts_before_quorum_ready(book, woke, now));
                    hold!(kafka_never_starts_against_a_registration_seen_held(book, now));
                    hold!(kafka_never_starts_before_its_registration_was_read(book, now));
                }
            }
            Action::Terminate { role, run } => {
                self.check_signal(node, book, role, run, kafka_failed)?;
                hold!(term_is_sent_once(book, role, run));
                hold!(term_never_during_start_or_recovery_unless_second_request_or_no_progress(book, role, now));
            }
            Action::Kill { role, run } => {
                self.check_signal(node, book, role, run, kafka_failed)?;
                hold!(kill_never_before_grace(book, role, now));
                hold!(kill_never_while_stop_progresses_before_the_limit(book, role, now));
            }
            Action::Probe(ref probe) => match *probe {
                Probe::ZooKeeper { run } => hold!(probes_ask_the_present_run(book, Role::ZooKeeper, run)),
                Probe::Broker { run } | Probe::InSync { run } => {
                    hold!(probes_ask_the_present_run(book, Role::Kafka, run));
                }
                Probe::Progress { role, run } => hold!(probes_ask_the_present_run(book, role, run)),
                Probe::Preflight { .. } | Probe::Ensemble { .. } | Probe::Registration { .. } | Probe::Brokers => {}
                Probe::Fence { session, .. } => {
                    hold!(fence_never_touches_another_session(node, session.0, self.ensemble.owner(session.0)));
                    hold!(fence_only_on_proof(session.0, self.session_lives(session.0)));
                }
                Probe::Token { .. } | Probe::Council { .. } => {}
                Probe::Gate { .. } | Probe::Lock { .. } | Probe::Unlock { .. } => {}
                Probe::Mark { .. } | Probe::System { .. } | Probe::Successor { .. } | Probe::Elect { .. } => {}
            },
            Action::Mark { run, mark: Mark::Session(session), .. } => {
                hold!(a_run_is_marked_with_its_own_sessions_only(run, session.0, self.ensemble.owner(session.0)));
            }
            Action::Settle { role, run } => {
                let lives = self.nodes[node].jvms[role as usize].as_ref().is_some_and(|jvm| jvm.run == run);
                hold!(a_living_run_is_never_struck_from_the_record(role, run, lives));
            }
            Action::Dump { role, run } => hold!(signals_go_to_the_present_run(book, role, run)),
            Action::Finish { clean } => {
                hold!(finish_only_when_all_down(book));
                hold!(finish_clean_only_if_no_kill_and_clean_codes(book, clean));
            }
            Action::Announce(_) | Action::Ready | Action::Stopping | Action::ReleaseToken => {}
            Action::Mark { mark: Mark::Served, .. } => {}
            Action::Anew | Action::Reboot | Action::WithdrawPowerDown | Action::OrderPowerDown => {
                unreachable!("nobody holds the lock here, and nothing is rolled: {action:?}")
            }
        }
        Ok(())
    }

    fn check_signal(&self, node: usize, book: &Book, role: Role, run: RunId, kafka_failed: bool) -> Result<(), Broken> {
        hold!(supervisor_death_never_stops_a_jvm(book, role, run));
        hold!(kafka_failure_never_stops_zookeeper(book, role, kafka_failed));
        hold!(zookeeper_is_never_signalled_unless_the_node_stops_or_for_health(book, role));
        hold!(zookeeper_never_stops_before_kafka(book, role));
        hold!(kafka_is_never_signalled_unless_the_node_stops_or_for_health(book, role));
        hold!(signals_go_to_the_present_run(book, role, run));
        let first = book.life_of(role, run).filter(|life| life.terminated.is_none() && life.killed.is_none());
        if let Some(blame) = first.and_then(|life| life.health) {
            self.check_health_end(node, role, run, blame)?;
        }
        Ok(())
    }

    fn perform(&mut self, node: usize, action: Action) {
        let now = self.now;
        let Some(alive) = &mut self.nodes[node].alive else { return };
        match action {
            Action::Spawn { role, run } => {
                alive.book.orders(now, role, run);
                self.counts.spawns += 1;
                self.nodes[node].record.intends(role, run);
                self.spawn(node, role, run);
            }
            Action::Terminate { role, run } => {
                let health = alive.book.terminates(now, role);
                if health {
                    self.note_health_end(node, role);
                }
                self.sigterm(node, role, run);
            }
            Action::Kill { role, run } => {
                let health = alive.book.kills(now, role);
                if health {
                    self.note_health_end(node, role);
                }
                self.sigkill(node, role, run);
            }
            Action::Probe(probe) => {
                let before = alive.book.asks(now, &probe);
                if let Err(seen) = invariants::probes_never_overlap(before, now) {
                    alive.book.overlapped.get_or_insert(format!("{probe:?}: {seen}"));
                }
                self.probe(node, probe);
            }
            Action::Announce(notice) => alive.book.passes(&notice),
            Action::Ready => alive.book.ready_said += 1,
            Action::Stopping => alive.book.stopping_said += 1,
            Action::Finish { clean } => alive.book.finished = Some(clean),
            Action::Mark { run, mark, .. } => {
                if let Mark::Served = mark {
                    alive.book.serves(now, run);
                }
                self.nodes[node].record.marks(run, mark);
            }
            Action::Settle { run, .. } => self.nodes[node].record.settles(run),
            Action::ReleaseToken => self.ask_release(node),
            Action::Dump { .. } => {}
            Action::Anew | Action::Reboot => {}
            Action::WithdrawPowerDown | Action::OrderPowerDown => {}
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
        for service in &view.services {
            let jvm = self.nodes[node].jvms[service.role as usize].as_ref().filter(|jvm| service.run == Some(jvm.run));
            hold!(adopted_runs_keep_their_pid(service, book, jvm.map(|jvm| jvm.pid)));
        }
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
        let strange = self.ensemble.registrations[node].is_some_and(|there| there.elsewhere);
        let serves = |role: Role| match self.nodes[node].lost[role as usize] {
            // Nobody tells a stranger's registration under this node's id from its own, and its broker answers.
            _ if role == Role::Kafka && (strange || self.stops_unseen(node)) => Serves::Yes,
            _ if self.served[role as usize] & bit(node) != 0 => Serves::Yes,
            // What it slept through it could not know.
            Some(at) => Serves::Until(at.max(self.nodes[node].asleep).max(self.nodes[node].stranger).min(self.now)),
            None => Serves::Never,
        };
        Truth { zookeeper: serves(Role::ZooKeeper), kafka: serves(Role::Kafka) }
    }

    /// A broker takes its time to stop, since a supervisor that is dead told it to: it answers until its end.
    fn stops_unseen(&self, node: usize) -> bool {
        let jvm = self.nodes[node].jvms[Role::Kafka as usize].as_ref();
        jvm.is_some_and(|jvm| jvm.phase == Phase::Stops && jvm.parent != self.nodes[node].boot)
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

    /// Pids come round again soon: one of a dead run may be another process's before the next supervisor looks.
    pub fn next_pid(&mut self, node: usize) -> i32 {
        let this = &mut self.nodes[node];
        loop {
            this.pids = this.pids % 4 + 1;
            if this.jvms.iter().flatten().all(|jvm| jvm.pid != this.pids) {
                return this.pids;
            }
        }
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
            powered: false,
            boot: 1,
            record: Record::default(),
            unread: Vec::new(),
            asleep: 0,
            starved: 0,
            half_way: false,
            stranger: 0,
            turn: 0,
            calm: None,
            attended: None,
            quorum_lost: None,
            pids: 0,
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
        Some(wanted.max(self.oversleep).max(self.asleep))
    }
}

/// An action as the trace shows it: a notice by its sentence.
fn shown(action: &Action) -> String {
    match action {
        Action::Announce(notice) => format!("\"{notice}\""),
        other => format!("{other:?}"),
    }
}
