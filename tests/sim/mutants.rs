//! Supervisors broken on purpose: each breaks one promise, and the invariant that holds it must notice.
//!
//! A mutant stands between the real supervisor and the world. It changes what goes in or what comes out, as a bug would.

use std::collections::VecDeque;
use std::time::Duration;

use kafka_node::model::{
    BrokerOutcome, Moment, Notice, QuorumRole, RegistrationOutcome, Rng, Role, RunId, ZooKeeperOutcome,
};
use kafka_node::supervise::{Action, Event, Fate, NodeView, Past, Policy, Probe, Supervisor};

use crate::driver::Driver;

/// What a mutant sees of its supervisor's present: enough to break a promise at the right moment.
#[derive(Debug, Default)]
pub struct Sight {
    runs: [Option<RunId>; 2],
    terminated: [Option<(RunId, Moment)>; 2],
    pub answered: bool,
    pub zookeeper_served: bool,
    /// A stop was asked for.
    pub stops: bool,
    pub ask: u64,
    asks: u64,
}

/// One way to be broken.
pub trait Flaw: Default {
    /// What the supervisor is told of the past in place of what is true.
    fn past(&mut self, past: &Past) -> Past {
        past.clone()
    }

    /// What reaches the supervisor in place of the event.
    fn event(&mut self, _sight: &Sight, event: Event) -> Event {
        event
    }

    /// What reaches the world in place of the action.
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        out.push_back(action);
    }

    /// What else is done after an event.
    fn after(&mut self, _sight: &Sight, _event: &Event, _out: &mut VecDeque<Action>) {}

    /// What else is done at a timeout.
    fn timeout(&mut self, _sight: &Sight, _now: Moment, _out: &mut VecDeque<Action>) {}

    /// When else it wants to be woken.
    fn wake(&self, _sight: &Sight, real: Option<Moment>) -> Option<Moment> {
        real
    }

    /// What it shows in place of the view.
    fn view(&self, view: NodeView) -> NodeView {
        view
    }

    /// It does not hear this at all.
    fn deaf(&mut self, _event: &Event) -> bool {
        false
    }
}

/// A supervisor with a flaw.
pub struct Mutant<F> {
    real: Supervisor,
    flaw: F,
    sight: Sight,
    out: VecDeque<Action>,
}

impl<F: Flaw> Driver for Mutant<F> {
    fn new(policy: Policy, past: &Past, now: Moment, rng: Rng) -> Self {
        let (mut flaw, mut sight) = (F::default(), Sight::default());
        for run in past.runs.iter().filter(|run| run.fate != Fate::Dead) {
            sight.runs[run.role as usize] = Some(run.run);
        }
        let real = Supervisor::new(policy, &flaw.past(past), now, rng);
        Mutant { real, flaw, sight, out: VecDeque::new() }
    }

    fn handle_event(&mut self, now: Moment, event: Event) {
        if self.flaw.deaf(&event) {
            return;
        }
        let heard = self.flaw.event(&self.sight, event.clone());
        self.real.handle_event(now, heard);
        self.pull(now);
        self.sight.hears(&event);
        self.flaw.after(&self.sight, &event, &mut self.out);
    }

    fn handle_timeout(&mut self, now: Moment) {
        self.real.handle_timeout(now);
        self.pull(now);
        self.flaw.timeout(&self.sight, now, &mut self.out);
    }

    fn poll_action(&mut self) -> Option<Action> {
        if self.out.is_empty() {
            self.pull(Moment::ZERO);
        }
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Moment> {
        self.flaw.wake(&self.sight, self.real.poll_timeout())
    }

    fn view(&self, now: Moment) -> NodeView {
        self.flaw.view(self.real.view(now))
    }
}

impl<F: Flaw> Mutant<F> {
    fn pull(&mut self, now: Moment) {
        while let Some(action) = self.real.poll_action() {
            self.sight.sees(now, &action);
            self.flaw.action(&self.sight, action, &mut self.out);
        }
    }
}

impl Sight {
    fn sees(&mut self, now: Moment, action: &Action) {
        match *action {
            Action::Spawn { role, run } => {
                self.runs[role as usize] = Some(run);
                match role {
                    Role::Kafka => self.answered = false,
                    Role::ZooKeeper => self.zookeeper_served = false,
                }
            }
            Action::Terminate { role, run } => self.terminated[role as usize] = Some((run, now)),
            Action::Probe(Probe::Registration { ask }) => {
                self.ask = ask;
                self.asks += 1;
            }
            _ => {}
        }
    }

    fn hears(&mut self, event: &Event) {
        match event {
            Event::Exited { role, .. } | Event::SpawnFailed { role, .. } => {
                self.runs[*role as usize] = None;
                self.terminated[*role as usize] = None;
            }
            Event::Stop { .. } => self.stops = true,
            Event::Broker { outcome: BrokerOutcome::Answers { .. }, .. } => self.answered = true,
            Event::ZooKeeper { outcome: ZooKeeperOutcome::Serving(_), .. } => self.zookeeper_served = true,
            _ => {}
        }
    }

    pub fn run(&self, role: Role) -> Option<RunId> {
        self.runs[role as usize]
    }
}

/// Sends SIGKILL two seconds after SIGTERM.
#[derive(Default)]
pub struct KillsEarly;

impl KillsEarly {
    fn due(sight: &Sight, role: Role) -> Option<(RunId, Moment)> {
        sight.terminated[role as usize].map(|(run, at)| (run, at + Duration::from_secs(2)))
    }
}

impl Flaw for KillsEarly {
    fn timeout(&mut self, sight: &Sight, now: Moment, out: &mut VecDeque<Action>) {
        for role in Role::ALL {
            if let Some((run, at)) = KillsEarly::due(sight, role)
                && at <= now
            {
                out.push_back(Action::Kill { role, run });
            }
        }
    }

    fn wake(&self, sight: &Sight, real: Option<Moment>) -> Option<Moment> {
        Role::ALL.into_iter().filter_map(|role| KillsEarly::due(sight, role)).map(|(_, at)| at).chain(real).min()
    }
}

/// Sends SIGTERM at once when a stop is asked for, whatever the broker does.
#[derive(Default)]
pub struct DropsTheDeferral;

impl Flaw for DropsTheDeferral {
    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let (Event::Stop { .. }, Some(run), false) = (event, sight.run(Role::Kafka), sight.answered) {
            out.push_back(Action::Terminate { role: Role::Kafka, run });
        }
    }
}

/// Takes any answer of ZooKeeper for a quorum.
#[derive(Default)]
pub struct SpawnsBeforeQuorum;

impl Flaw for SpawnsBeforeQuorum {
    fn event(&mut self, _sight: &Sight, event: Event) -> Event {
        match event {
            Event::ZooKeeper { run, .. } => {
                Event::ZooKeeper { run, outcome: ZooKeeperOutcome::Serving(QuorumRole::Follower) }
            }
            other => other,
        }
    }
}

/// Takes news of old runs for news of the present one.
#[derive(Default)]
pub struct IgnoresRunIds;

impl Flaw for IgnoresRunIds {
    fn event(&mut self, sight: &Sight, event: Event) -> Event {
        let present = |role: Role, run: RunId| sight.run(role).unwrap_or(run);
        match event {
            Event::ZooKeeper { run, outcome } => Event::ZooKeeper { run: present(Role::ZooKeeper, run), outcome },
            Event::Broker { run, outcome } => Event::Broker { run: present(Role::Kafka, run), outcome },
            Event::InSync { run, outcome } => Event::InSync { run: present(Role::Kafka, run), outcome },
            other => other,
        }
    }
}

/// Takes an answer to an earlier question about the registration for the present one's.
#[derive(Default)]
pub struct IgnoresAskNumbers;

impl Flaw for IgnoresAskNumbers {
    fn event(&mut self, sight: &Sight, event: Event) -> Event {
        match event {
            Event::Registration { outcome, .. } => Event::Registration { ask: sight.ask, outcome },
            other => other,
        }
    }
}

/// Starts the broker although its registration is held.
#[derive(Default)]
pub struct IgnoresTheRegistration;

impl Flaw for IgnoresTheRegistration {
    fn event(&mut self, sight: &Sight, event: Event) -> Event {
        match event {
            Event::Registration { ask, .. } if sight.run(Role::Kafka).is_none() => {
                Event::Registration { ask, outcome: RegistrationOutcome::Absent }
            }
            other => other,
        }
    }
}

/// Stops both services at once.
#[derive(Default)]
pub struct StopsZooKeeperFirst;

impl Flaw for StopsZooKeeperFirst {
    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let (Event::Stop { .. }, Some(run)) = (event, sight.run(Role::ZooKeeper)) {
            out.push_back(Action::Terminate { role: Role::ZooKeeper, run });
        }
    }
}

/// Restarts a ZooKeeper that lost its quorum.
#[derive(Default)]
pub struct RestartsOnQuorumLoss;

impl Flaw for RestartsOnQuorumLoss {
    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let Event::ZooKeeper { run, outcome: ZooKeeperOutcome::NotServing } = event
            && sight.zookeeper_served
            && sight.run(Role::ZooKeeper) == Some(*run)
        {
            out.push_back(Action::Terminate { role: Role::ZooKeeper, run: *run });
        }
    }
}

/// Stops ZooKeeper when the broker has failed.
#[derive(Default)]
pub struct StopsZooKeeperWithKafka;

impl Flaw for StopsZooKeeperWithKafka {
    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let (Event::Exited { role: Role::Kafka, .. }, Some(run)) = (event, sight.run(Role::ZooKeeper))
            && sight.terminated[Role::ZooKeeper as usize].is_none()
        {
            out.push_back(Action::Terminate { role: Role::ZooKeeper, run });
        }
    }
}

/// Restarts a broker that does not answer.
#[derive(Default)]
pub struct RestartsASilentBroker;

impl Flaw for RestartsASilentBroker {
    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let Event::Broker { run, outcome: BrokerOutcome::Silent { .. } } = event
            && sight.run(Role::Kafka) == Some(*run)
        {
            out.push_back(Action::Terminate { role: Role::Kafka, run: *run });
        }
    }
}

/// Starts a second process beside the first.
#[derive(Default)]
pub struct SpawnsTwice;

impl Flaw for SpawnsTwice {
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        if let Action::Spawn { role, run } = action {
            out.push_back(Action::Spawn { role, run });
            out.push_back(Action::Spawn { role, run: run.next() });
        } else {
            out.push_back(action);
        }
    }
}

/// Asks everything twice.
#[derive(Default)]
pub struct AsksTwice;

impl Flaw for AsksTwice {
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        if let Action::Probe(Probe::Broker { .. }) = action {
            out.push_back(action.clone());
        }
        out.push_back(action);
    }
}

/// Halves every pause.
#[derive(Default)]
pub struct HalvesPauses;

impl Flaw for HalvesPauses {
    fn action(&mut self, _sight: &Sight, mut action: Action, out: &mut VecDeque<Action>) {
        if let Action::Announce(Notice::Ended { again_in: Some(pause), .. }) = &mut action {
            *pause /= 2;
        }
        out.push_back(action);
    }
}

/// Leaves a timer armed that lies in the past.
#[derive(Default)]
pub struct LeavesTimersArmed {
    armed: Option<Moment>,
}

impl Flaw for LeavesTimersArmed {
    fn timeout(&mut self, sight: &Sight, now: Moment, _out: &mut VecDeque<Action>) {
        if sight.answered {
            self.armed.get_or_insert(now);
        }
    }

    fn wake(&self, _sight: &Sight, real: Option<Moment>) -> Option<Moment> {
        self.armed.into_iter().chain(real).min()
    }
}

/// Wakes itself every millisecond.
#[derive(Default)]
pub struct NeverRests {
    last: Moment,
}

impl Flaw for NeverRests {
    fn timeout(&mut self, _sight: &Sight, now: Moment, _out: &mut VecDeque<Action>) {
        self.last = now;
    }

    fn wake(&self, _sight: &Sight, real: Option<Moment>) -> Option<Moment> {
        real.map(|at| at.min(self.last + Duration::from_millis(1))).filter(|at| *at > self.last).or(real)
    }
}

/// Calls itself ready from the beginning.
#[derive(Default)]
pub struct BoastsReadiness;

impl Flaw for BoastsReadiness {
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        if let Action::Spawn { role: Role::ZooKeeper, .. } = action {
            out.push_back(Action::Ready);
        }
        if action != Action::Ready {
            out.push_back(action);
        }
    }

    fn view(&self, mut view: NodeView) -> NodeView {
        if view.state != kafka_node::model::NodeState::Stopping {
            view.ready = true;
            view.state = kafka_node::model::NodeState::Ready;
        }
        view
    }
}

/// Waits without a word.
#[derive(Default)]
pub struct WaitsInSilence;

impl Flaw for WaitsInSilence {
    fn view(&self, mut view: NodeView) -> NodeView {
        view.waiting_for.clear();
        view
    }
}

/// Ends while its services still run.
#[derive(Default)]
pub struct FinishesEarly;

impl Flaw for FinishesEarly {
    fn after(&mut self, _sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let Event::Stop { .. } = event {
            out.push_back(Action::Finish { clean: true });
        }
    }
}

/// Calls every stop clean.
#[derive(Default)]
pub struct CallsEveryStopClean;

impl Flaw for CallsEveryStopClean {
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        out.push_back(match action {
            Action::Finish { .. } => Action::Finish { clean: true },
            other => other,
        });
    }
}

/// Never starts a broker, and waits for it for ever.
#[derive(Default)]
pub struct NeverStartsKafka;

impl Flaw for NeverStartsKafka {
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        if !matches!(action, Action::Spawn { role: Role::Kafka, .. }) {
            out.push_back(action);
        }
    }

    fn view(&self, mut view: NodeView) -> NodeView {
        // So that its own books agree, and only the node's readiness is missing.
        for service in view.services.iter_mut().filter(|service| service.role == Role::Kafka) {
            service.run = None;
            service.state = kafka_node::model::ServiceState::Waiting;
        }
        view
    }
}
