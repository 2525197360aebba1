//! More supervisors broken on purpose: in fencing, in ending what is of no use, in the restart token, in adoption.

use std::collections::VecDeque;
use std::time::Duration;

use kafka_node::model::{
    Blame, BrokerOutcome, Moment, Notice, RegistrationOutcome, Role, RunId, ServiceState, SessionId, SignalReason,
    TokenOutcome, ZooKeeperOutcome,
};
use kafka_node::supervise::{Action, Event, Fate, Mark, NodeView, Past, Probe};

use crate::mutants::{Flaw, Sight};

const BLAME: Blame = Blame::Unresponsive { silent: Duration::from_secs(60) };

/// Ends a run for health, with all the words.
fn ends(role: Role, run: RunId, out: &mut VecDeque<Action>) {
    out.push_back(Action::Announce(Notice::Terminates { role, run, reason: SignalReason::Health(BLAME) }));
    out.push_back(Action::Terminate { role, run });
}

/// Never removes what a dead broker left.
#[derive(Default)]
pub struct NeverFences;

impl Flaw for NeverFences {
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        if !matches!(action, Action::Probe(Probe::Fence { .. })) {
            out.push_back(action);
        }
    }
}

/// Fences a broker that does not answer.
#[derive(Default)]
pub struct FencesTheLiving {
    session: Option<SessionId>,
}

impl Flaw for FencesTheLiving {
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        if let Action::Mark { mark: Mark::Session(session), .. } = action {
            self.session = Some(session);
        }
        out.push_back(action);
    }

    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let (Event::Broker { run, outcome: BrokerOutcome::Silent { .. } }, Some(session)) = (event, self.session)
            && sight.run(Role::Kafka) == Some(*run)
        {
            out.push_back(Action::Probe(Probe::Fence { ask: u64::MAX, session }));
        }
    }
}

/// Removes whatever stands in the way of a start.
#[derive(Default)]
pub struct FencesWhoeverIsThere;

impl Flaw for FencesWhoeverIsThere {
    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let Event::Registration { outcome: RegistrationOutcome::Held { session, .. }, ask } = event
            && sight.run(Role::Kafka).is_none()
            && *ask == sight.ask
        {
            out.push_back(Action::Probe(Probe::Fence { ask: u64::MAX, session: *session }));
        }
    }
}

/// Takes the session that holds the registration for its own broker's.
#[derive(Default)]
pub struct ClaimsEverySession {
    held: Option<SessionId>,
}

impl Flaw for ClaimsEverySession {
    fn action(&mut self, _sight: &Sight, mut action: Action, out: &mut VecDeque<Action>) {
        if let (Action::Mark { mark: Mark::Session(session), .. }, Some(held)) = (&mut action, self.held) {
            *session = held;
        }
        out.push_back(action);
    }

    fn after(&mut self, _sight: &Sight, event: &Event, _out: &mut VecDeque<Action>) {
        if let Event::Registration { outcome: RegistrationOutcome::Held { session, .. }, .. } = event {
            self.held = Some(*session);
        }
    }
}

/// Strikes a run from the record as soon as it lives.
#[derive(Default)]
pub struct StrikesTheLiving;

impl Flaw for StrikesTheLiving {
    fn after(&mut self, _sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let Event::Spawned { role, run, .. } = *event {
            out.push_back(Action::Settle { role, run });
        }
    }
}

/// Takes every answer about the token for a yes.
#[derive(Default)]
pub struct NeedsNoToken;

impl Flaw for NeedsNoToken {
    fn event(&mut self, _sight: &Sight, event: Event) -> Event {
        match event {
            Event::Token { ask, .. } => Event::Token { ask, outcome: TokenOutcome::Held },
            other => other,
        }
    }
}

/// Gives the token back with the signal, long before the service serves again.
#[derive(Default)]
pub struct GivesTheTokenBackAtOnce;

impl Flaw for GivesTheTokenBackAtOnce {
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        let ends = matches!(
            action,
            Action::Announce(
                Notice::Terminates { reason: SignalReason::Health(_), .. }
                    | Notice::Kills { reason: SignalReason::Health(_), .. }
            )
        );
        out.push_back(action);
        if ends {
            out.push_back(Action::ReleaseToken);
        }
    }
}

/// Never gives the token back.
#[derive(Default)]
pub struct KeepsTheToken;

impl Flaw for KeepsTheToken {
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        if action != Action::ReleaseToken {
            out.push_back(action);
        }
    }
}

/// Never asks for the token for a JVM that does not answer.
#[derive(Default)]
pub struct LeavesTheHung;

impl Flaw for LeavesTheHung {
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        match action {
            Action::Probe(Probe::Token { blame, .. }) if !matches!(blame, Blame::Unregistered { .. }) => {}
            other => out.push_back(other),
        }
    }
}

/// Leaves a broker that lost its registration as it is.
#[derive(Default)]
pub struct LeavesTheUnregistered;

impl Flaw for LeavesTheUnregistered {
    fn action(&mut self, _sight: &Sight, action: Action, out: &mut VecDeque<Action>) {
        if !matches!(action, Action::Probe(Probe::Token { blame: Blame::Unregistered { .. }, .. })) {
            out.push_back(action);
        }
    }
}

/// Restarts, with all the words, a ZooKeeper that lost its quorum.
#[derive(Default)]
pub struct BlamesZooKeeperForItsQuorum;

impl Flaw for BlamesZooKeeperForItsQuorum {
    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let Event::ZooKeeper { run, outcome: ZooKeeperOutcome::NotServing } = event
            && sight.zookeeper_served
            && sight.run(Role::ZooKeeper) == Some(*run)
            && !sight.stops
        {
            ends(Role::ZooKeeper, *run, out);
        }
    }
}

/// Ends a broker that recovers, for it does not serve.
#[derive(Default)]
pub struct BlamesARecoveringBroker;

impl Flaw for BlamesARecoveringBroker {
    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let Event::Progress { role: Role::Kafka, run, progress } = event
            && progress.recovering
            && sight.run(Role::Kafka) == Some(*run)
            && !sight.stops
        {
            ends(Role::Kafka, *run, out);
        }
    }
}

/// Ends a broker that has answered often enough.
#[derive(Default)]
pub struct EndsAWorkingBroker {
    answers: u32,
}

impl Flaw for EndsAWorkingBroker {
    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let Event::Broker { run, outcome: BrokerOutcome::Answers { .. } } = event
            && sight.run(Role::Kafka) == Some(*run)
            && !sight.stops
        {
            self.answers += 1;
            if self.answers == 8 {
                ends(Role::Kafka, *run, out);
            }
        }
    }
}

/// Ends a broker while there is no quorum for long.
#[derive(Default)]
pub struct EndsWithoutAQuorum {
    now: Moment,
    /// Since when this node's own server says that it does not serve.
    lost: Option<Moment>,
    /// Looks in a row that found no other member that serves.
    none: u32,
}

impl Flaw for EndsWithoutAQuorum {
    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        match event {
            Event::ZooKeeper { outcome: ZooKeeperOutcome::Serving(_), .. } => (self.lost, self.none) = (None, 0),
            Event::ZooKeeper { outcome: ZooKeeperOutcome::NotServing, .. } => {
                self.lost.get_or_insert(self.now);
            }
            Event::Ensemble { view } => {
                let serves = |outcome: &ZooKeeperOutcome| matches!(outcome, ZooKeeperOutcome::Serving(_));
                let any = view.peers.iter().any(|peer| serves(&peer.zookeeper));
                self.none = if any { 0 } else { self.none + 1 };
                let long = self.lost.is_some_and(|lost| self.now.since(lost) > Duration::from_secs(25));
                if let (Some(run), true, false) = (sight.run(Role::Kafka), sight.answered, sight.stops)
                    && long
                    && self.none > 3
                {
                    ends(Role::Kafka, run, out);
                }
            }
            _ => {}
        }
    }

    fn timeout(&mut self, _sight: &Sight, now: Moment, _out: &mut VecDeque<Action>) {
        self.now = now;
    }
}

/// Ends ZooKeeper for health when the node is to stop.
#[derive(Default)]
pub struct BlamesInAStop;

impl Flaw for BlamesInAStop {
    fn after(&mut self, sight: &Sight, event: &Event, out: &mut VecDeque<Action>) {
        if let (Event::Stop { .. }, Some(run)) = (event, sight.run(Role::ZooKeeper)) {
            ends(Role::ZooKeeper, run, out);
        }
    }
}

/// Ends what an earlier supervisor left.
#[derive(Default)]
pub struct SweepsTheLiving {
    left: Vec<(Role, RunId)>,
}

impl Flaw for SweepsTheLiving {
    fn past(&mut self, past: &Past) -> Past {
        let lives = past.runs.iter().filter(|run| run.fate != Fate::Dead);
        self.left = lives.map(|run| (run.role, run.run)).collect();
        past.clone()
    }

    fn timeout(&mut self, _sight: &Sight, _now: Moment, out: &mut VecDeque<Action>) {
        out.extend(self.left.drain(..).map(|(role, run)| Action::Kill { role, run }));
    }
}

/// Knows nothing of what an earlier supervisor left.
#[derive(Default)]
pub struct ForgetsThePast {
    left: Vec<(Role, RunId, i32)>,
}

impl Flaw for ForgetsThePast {
    fn past(&mut self, past: &Past) -> Past {
        let lives = past.runs.iter().filter_map(|run| match run.fate {
            Fate::Lives { pid, .. } => Some((run.role, run.run, pid)),
            Fate::Dead => None,
        });
        self.left = lives.collect();
        Past::default()
    }

    fn view(&self, mut view: NodeView) -> NodeView {
        // So that its own books agree until it starts a second one.
        for (role, run, pid) in &self.left {
            for service in view.services.iter_mut().filter(|service| service.role == *role) {
                (service.run, service.pid, service.state) = (Some(*run), Some(*pid), ServiceState::Starting);
            }
        }
        view
    }
}

/// Shows a pid of its own making for what it adopted.
#[derive(Default)]
pub struct MistakesThePid {
    adopted: bool,
}

impl Flaw for MistakesThePid {
    fn past(&mut self, past: &Past) -> Past {
        self.adopted = past.runs.iter().any(|run| run.fate != Fate::Dead);
        past.clone()
    }

    fn view(&self, mut view: NodeView) -> NodeView {
        for service in view.services.iter_mut().filter(|_| self.adopted) {
            service.pid = service.pid.map(|pid| pid + 1);
        }
        view
    }
}
