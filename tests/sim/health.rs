//! What is true of JVMs that are of no use, known to the world alone: whether an end for health is deserved, and whether
//! one that is deserved comes in time.

use kafka_node::model::{Blame, Role, RunId};
use kafka_node::supervise::policy;

use crate::clock::{SEC, Time, short};
use crate::driver::Driver;
use crate::ensemble::bit;
use crate::invariants::{Broken, hold};
use crate::jvm::{Hang, Jvm, Phase};
use crate::requests::Restarting;
use crate::stages::{LAST_LATE_ANSWER, Stage};
use crate::world::World;

/// `[watchdog] hang_after` and `slow_after` of every node.
pub const HANG_AFTER: Time = 10 * SEC;
pub const SLOW_AFTER: Time = 60 * SEC;

/// What is true of a JVM at the moment of a signal that ends it for health.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    pub served: bool,
    /// The hang that deserves an end, how long it lasted, and how long ago it ended (0 while it lasts).
    pub hang: Option<(Hang, Time, Time)>,
    /// How long a broker has been without its registration.
    pub unregistered: Option<Time>,
}

impl Use {
    fn of(jvm: Option<&Jvm>, now: Time) -> Use {
        let hanging = jvm.and_then(|jvm| jvm.hanging).filter(|hanging| hanging.hang.deserves_an_end());
        Use {
            served: jvm.is_some_and(|jvm| jvm.served || jvm.phase == Phase::Joined),
            hang: hanging.map(|h| (h.hang, h.until.min(now) - h.since, now.saturating_sub(h.until))),
            unregistered: jvm.and_then(|jvm| jvm.unregistered).map(|since| now - since),
        }
    }
}

impl<D: Driver> World<D> {
    /// The first signal of an end for health.
    pub fn check_health_end(&self, node: usize, role: Role, run: RunId, blame: Blame) -> Result<(), Broken> {
        let Some(alive) = &self.nodes[node].alive else { return Ok(()) };
        let (book, now) = (&alive.book, self.now);
        let jvm = self.nodes[node].jvms[role as usize].as_ref().filter(|jvm| jvm.run == run);
        if jvm.is_none_or(|jvm| matches!(jvm.phase, Phase::Doomed(_))) {
            return Ok(()); // it is dead already, or has had its signal from an earlier supervisor, and the kernel takes its time
        }
        let truth = Use::of(jvm, now);
        hold!(nothing_is_ended_for_health_in_a_stop(book));
        // In bad weather a silence may be told, and the answers since then not: nobody could know better.
        let weather = self.schedule.weather;
        let told = weather.lost + weather.late > 0 && book.life_of(role, run).is_some_and(|life| life.unanswered);
        hold!(recovering_broker_is_never_killed(role, truth));
        hold!(a_broker_is_never_ended_for_health_without_a_quorum(role, self.quorum_lost_for(node)));
        if !told {
            hold!(zookeeper_is_never_restarted_for_a_quorum_lost_elsewhere(role, truth));
            hold!(a_working_jvm_is_never_ended_for_health(truth, blame, self.doubt()));
        }
        let nobody_grants = role == Role::ZooKeeper && !book.peers_serve;
        let holds = self.token.is_some_and(|token| token.node == node && token.life == self.nodes[node].boot);
        hold!(never_two_health_restarts_at_once(node, nobody_grants, holds, self.token, self.restarting));
        Ok(())
    }

    /// Notes that a restart for health is under way.
    pub fn note_health_end(&mut self, node: usize, role: Role) {
        let holds = self.token.is_some_and(|token| token.node == node);
        if holds {
            self.restarting = Some(Restarting { node, role, life: self.nodes[node].boot, since: self.now });
        }
    }

    /// How long the node's brokers have had no quorum.
    fn quorum_lost_for(&self, node: usize) -> Time {
        if self.ensemble.connected(node) { 0 } else { self.nodes[node].quorum_lost.map_or(0, |at| self.now - at) }
    }

    /// By how much what a supervisor knows may lag behind the truth.
    fn doubt(&self) -> Time {
        let weather = self.schedule.weather;
        let rounds = 3 * self.schedule.probe_interval / 2 + SEC;
        match (weather.lost + weather.late + weather.twice > 0, weather.slow > 0) {
            (true, _) => Time::MAX,
            (false, true) => rounds + 6 * SEC,
            (false, false) => rounds,
        }
    }

    /// Once a second: is anything that is owed overdue?
    pub fn inspect(&mut self) -> Result<(), Broken> {
        self.note_token();
        for node in 0..self.nodes.len() {
            self.note_peace(node);
            self.check_bound(node)?;
        }
        Ok(())
    }

    /// Notes since when nothing disturbs what is known of this node.
    pub fn note_peace(&mut self, node: usize) {
        let now = self.now;
        let this = &self.nodes[node];
        let serves = |n: usize| self.ensemble.serving() & bit(n) != 0;
        let weathered = self.weather.is_clear()
            && (self.schedule.weather.is_clear() || now >= self.schedule.heal_at + LAST_LATE_ANSWER);
        let calm = weathered
            && this.powered
            && now >= this.asleep
            && now >= self.acl
            && now >= this.stranger
            && self.session_is_up(node)
            && (!this.plan.roles.zookeeper || serves(node));
        let attended = calm
            && this.alive.as_ref().is_some_and(|alive| alive.book.stops == 0)
            && self.token.is_none_or(|token| token.node == node);
        let this = &mut self.nodes[node];
        this.calm = if calm { this.calm.or(Some(now)) } else { None };
        this.attended = if attended { this.attended.or(Some(now)) } else { None };
        if self.ensemble.connected(node) {
            self.nodes[node].quorum_lost = None;
        } else {
            self.nodes[node].quorum_lost.get_or_insert(now);
        }
    }

    /// A broker of no use is ended in bounded time, where nothing stands against it.
    fn check_bound(&self, node: usize) -> Result<(), Broken> {
        let this = &self.nodes[node];
        let (Some(alive), Some(jvm), Some(attended)) = (&this.alive, &this.jvms[Role::Kafka as usize], this.attended)
        else {
            return Ok(());
        };
        let known = this.record.entry(jvm.run).is_some_and(|entry| entry.served) && jvm.phase == Phase::Serves;
        let Some(life) = alive.book.life_of(Role::Kafka, jvm.run).filter(|_| known) else { return Ok(()) };
        if life.terminated.is_some() || life.killed.is_some() || self.stage == Stage::Stopping {
            return Ok(());
        }
        let judging = 3 * self.schedule.probe_interval / 2 + 5 * SEC + short(policy::DUMP_TIME) + 4 * SEC;
        let collecting = 2 * short(policy::COLLECTING_LIMIT) + 2 * short(policy::HEALTH_INTERVAL);
        let hanging = jvm.hanging.filter(|hanging| self.now < hanging.until);
        let bound = match hanging.map(|hanging| hanging.hang) {
            Some(Hang::Frozen | Hang::Deadlocked) => Some(HANG_AFTER + judging),
            Some(Hang::Busy | Hang::Spiral) => Some(SLOW_AFTER + judging),
            Some(Hang::SlowSpiral) if jvm.counted => Some(collecting + judging),
            Some(Hang::SlowSpiral | Hang::ForcedGc | Hang::Traced | Hang::Starved) | None => None,
        };
        let since = |at: Time| at.max(attended).max(alive.since).max(life.served_at.unwrap_or(self.now));
        if let (Some(hanging), Some(bound)) = (hanging, bound) {
            hold!(a_hung_broker_is_ended_in_bounded_time(hanging.hang, self.now - since(hanging.since), bound));
        } else if let (None, Some(lost)) = (hanging, jvm.unregistered) {
            let bound = SLOW_AFTER + judging + HANG_AFTER;
            let lost = lost.max(jvm.hanging.map_or(0, |hanging| hanging.until)); // it could not register before
            hold!(an_unregistered_broker_is_ended_in_bounded_time(self.now - since(lost), bound));
        }
        Ok(())
    }

    /// Where all is well a second is enough to remove what a dead broker left.
    pub fn fence_due(&mut self, node: usize, life: u32, session: i64, since: Time) -> Result<(), Broken> {
        self.note_peace(node);
        let this = &self.nodes[node];
        let well = self.ensemble.led_since() + SEC <= since
            && this.calm.is_some_and(|calm| calm + SEC <= since)
            && self.nodes[node].boot == life;
        let stands = this.alive.is_some() && self.ensemble.registrations[node].is_some_and(|r| r.session == session);
        hold!(a_dead_brokers_registration_goes_within_a_second_in_good_weather(well, stands, session));
        Ok(())
    }

    /// Whether any JVM of the node is of no use, in a way that a supervisor is to notice.
    pub fn is_useless(&self, node: usize) -> bool {
        self.nodes[node].jvms.iter().flatten().any(|jvm| {
            let hang = jvm.hang(self.now).is_some_and(|hang| hang != Hang::SlowSpiral || jvm.counted);
            hang || jvm.unregistered.is_some()
        })
    }
}
