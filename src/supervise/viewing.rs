//! How the supervisor shows itself: states, what is waited for, and the one status line, all made from the same facts.

use crate::model::{
    BrokerReadiness, InSyncOutcome, Moment, NodeName, NodeState, ReadinessLevel, Role, WaitReason, ZooKeeperOutcome,
};

use super::kafka::Kafka;
use super::lane::{Lane, State};
use super::supervisor::Supervisor;
use super::view::{NodeView, ServiceView, Waiting};
use super::zookeeper::ZooKeeper;

impl Supervisor {
    /// The node as it is at `now`, for people and for status.
    pub fn view(&self, now: Moment) -> NodeView {
        let waiting_for = self.waiting_for(now);
        let zookeeper = self.zookeeper.as_ref().map(|lane| {
            let role = lane.live().and_then(|live| live.facts.role);
            ServiceView { quorum_role: role, ..service(lane, Role::ZooKeeper) }
        });
        let kafka = self
            .kafka
            .as_ref()
            .map(|lane| ServiceView { readiness: Some(lane.readiness()), ..service(lane, Role::Kafka) });
        let services: Vec<ServiceView> = zookeeper.into_iter().chain(kafka).collect();
        NodeView {
            state: self.state,
            ready: self.state == NodeState::Ready,
            status: self.status_line(&services, &waiting_for),
            since: self.state_since,
            services,
            waiting_for,
        }
    }

    fn status_line(&self, services: &[ServiceView], waiting_for: &[Waiting]) -> String {
        let mut parts: Vec<String> = Vec::new();
        match (self.state, self.finished) {
            (NodeState::Ready, _) => {
                for service in services {
                    match (service.readiness, service.quorum_role) {
                        (Some(BrokerReadiness::InSync), _) => parts.insert(0, "serving; in sync".to_owned()),
                        (Some(readiness), _) => parts.insert(0, readiness.to_string()),
                        (None, Some(role)) => parts.push(format!("zookeeper {role}")),
                        (None, None) => {}
                    }
                }
            }
            (_, Some(true)) => return "stopped cleanly".to_owned(),
            (_, Some(false)) => return "stopped, not cleanly".to_owned(),
            (NodeState::Waiting | NodeState::Starting | NodeState::Degraded | NodeState::Stopping, None) => {}
        }
        for waiting in waiting_for {
            let text = match &waiting.reason {
                // The sentence itself names no service: it stands beside one everywhere else.
                WaitReason::Backoff { .. } => format!("{} {}", waiting.role, waiting.reason),
                reason => reason.to_string(),
            };
            if !parts.contains(&text) {
                parts.push(text);
            }
        }
        let said = parts.join("; ");
        match self.state {
            NodeState::Ready => said,
            NodeState::Waiting | NodeState::Starting | NodeState::Degraded | NodeState::Stopping if said.is_empty() => {
                self.state.to_string()
            }
            NodeState::Waiting | NodeState::Starting | NodeState::Degraded | NodeState::Stopping => {
                format!("{}: {said}", self.state)
            }
        }
    }

    fn waiting_for(&self, now: Moment) -> Vec<Waiting> {
        let mut list = Vec::new();
        if let Some(lane) = &self.zookeeper {
            list.extend(
                self.zookeeper_waits(lane, now).into_iter().map(|reason| Waiting { role: Role::ZooKeeper, reason }),
            );
        }
        if let Some(lane) = &self.kafka {
            list.extend(self.kafka_waits(lane, now).into_iter().map(|reason| Waiting { role: Role::Kafka, reason }));
        }
        // The node's own waits: shown with the service that the cluster would miss first.
        let role = if self.kafka.is_some() { Role::Kafka } else { Role::ZooKeeper };
        if let Some(departure) = &self.departure {
            list.push(Waiting { role, reason: departure.reason(now) });
        } else if let Some(well_for) = self.lock_held(now) {
            list.push(Waiting { role, reason: WaitReason::LockHeld { well_for, settle: self.policy.settle } });
        }
        list
    }

    fn zookeeper_waits(&self, lane: &Lane<ZooKeeper>, now: Moment) -> Vec<WaitReason> {
        let own = match &lane.state {
            State::Down => return Vec::new(),
            State::Waiting(_) if lane.held_by().is_empty() => vec![WaitReason::Preflight],
            State::Waiting(_) => lane.held_by().to_vec(),
            State::Starting(_) => vec![WaitReason::ZooKeeperStarting],
            State::Up(_) => match (self.hang_reason(now, Role::ZooKeeper), lane.silent_for(now, &self.policy)) {
                (Some(reason), _) => vec![reason],
                (None, Some(since)) => vec![WaitReason::ZooKeeperSilent { since }],
                (None, None) => vec![self.missing_quorum()],
            },
            State::Ready(_) => self.hang_reason(now, Role::ZooKeeper).into_iter().collect(),
            State::Terminating(ending) => {
                return vec![WaitReason::ZooKeeperStopping { since: now.since(ending.signalled) }];
            }
            State::Killing(ending) => return vec![WaitReason::KernelToEnd { since: now.since(ending.signalled) }],
            State::Backoff(pause) | State::Failed(pause) => {
                vec![WaitReason::Backoff { left: pause.until.since(now), cause: pause.cause.clone() }]
            }
        };
        match &self.stop {
            Some(stop) if own.is_empty() => vec![match &stop.linger {
                Some(linger) => linger.reason(&self.policy),
                None => WaitReason::KafkaFirst,
            }],
            Some(_) | None => own,
        }
    }

    fn kafka_waits(&self, lane: &Lane<Kafka>, now: Moment) -> Vec<WaitReason> {
        match &lane.state {
            State::Down if self.stop.is_some() => self.fencing.reason().into_iter().collect(),
            State::Down => Vec::new(),
            State::Waiting(_) => {
                let mut held = lane.held_by(now, &self.policy);
                if let Some(fencing) =
                    self.fencing.reason().filter(|_| !held.iter().any(|r| matches!(r, WaitReason::Preflight)))
                {
                    held.retain(|reason| !matches!(reason, WaitReason::StaleRegistration { .. }));
                    held.insert(0, fencing);
                }
                match (self.quorum(now), held.is_empty()) {
                    // This node's own server says itself what it waits for.
                    (false, _) if self.zookeeper.is_some() => {
                        held.into_iter().chain([WaitReason::ZooKeeperFirst]).collect()
                    }
                    (false, _) => held.into_iter().chain([self.missing_quorum()]).collect(),
                    (true, false) => held,
                    (true, true) => vec![WaitReason::RegistrationUnread { words: String::new() }],
                }
            }
            State::Starting(live) | State::Up(live) => {
                if self.stop_is_deferred() {
                    return vec![WaitReason::StopDeferred { recovering: live.facts.watch.recovering() }];
                }
                match self.hang_reason(now, Role::Kafka) {
                    Some(reason) => vec![reason],
                    None => vec![live.facts.missing(now)],
                }
            }
            State::Ready(_) if self.hang_reason(now, Role::Kafka).is_some() => {
                self.hang_reason(now, Role::Kafka).into_iter().collect()
            }
            State::Ready(live) => match (live.facts.lag(), &live.facts.sync, self.policy.level) {
                (Some((behind, replicas)), _, _) => vec![WaitReason::BehindInSync { behind, replicas }],
                (None, None, ReadinessLevel::InSync) => vec![WaitReason::InSyncUnread { words: String::new() }],
                (None, Some(InSyncOutcome::Unreadable(words)), ReadinessLevel::InSync) => {
                    vec![WaitReason::InSyncUnread { words: words.clone() }]
                }
                (None, _, ReadinessLevel::Started | ReadinessLevel::Serving | ReadinessLevel::InSync) => Vec::new(),
            },
            State::Terminating(ending) => {
                let since = now.since(ending.signalled);
                let shutdown = WaitReason::ControlledShutdown { since, drain: ending.drain };
                if self.quorum(now) { vec![shutdown] } else { vec![shutdown, self.missing_quorum()] }
            }
            State::Killing(ending) => vec![WaitReason::KernelToEnd { since: now.since(ending.signalled) }],
            State::Backoff(pause) | State::Failed(pause) => {
                vec![WaitReason::Backoff { left: pause.until.since(now), cause: pause.cause.clone() }]
            }
        }
    }

    /// The missing quorum, with the names of the members that are missing where they were looked at.
    pub(super) fn missing_quorum(&self) -> WaitReason {
        let (mut silent, mut not_serving): (Vec<NodeName>, Vec<NodeName>) = (Vec::new(), Vec::new());
        for peer in self.others.iter().flat_map(|(_, view)| &view.peers) {
            match &peer.zookeeper {
                ZooKeeperOutcome::Serving(_) => {}
                ZooKeeperOutcome::NotServing => not_serving.push(peer.name.clone()),
                ZooKeeperOutcome::Refused | ZooKeeperOutcome::TimedOut | ZooKeeperOutcome::Garbled(_) => {
                    silent.push(peer.name.clone());
                }
            }
        }
        WaitReason::Quorum { silent, not_serving }
    }
}

/// What both kinds of service show alike.
fn service<K: super::lane::Kind>(lane: &Lane<K>, role: Role) -> ServiceView {
    let (pid, run) = lane.process();
    ServiceView {
        role,
        state: lane.word(),
        since: lane.since,
        pid,
        run,
        restarts: lane.restarts,
        quorum_role: None,
        readiness: None,
        last_exit: lane.last_exit.clone(),
    }
}
