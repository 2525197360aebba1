//! What goes wrong, and how a schedule ends: bad weather, then healing until all are ready, then quiet, then perhaps a stop.

use kafka_node::model::{ExitStatus, ReadinessLevel, Role};

use crate::clock::{MIN, SEC, Time};
use crate::driver::Driver;
use crate::ensemble::MOST;
use crate::invariants::{Broken, hold};
use crate::jvm::{Hang, Phase};
use crate::message::Message;
use crate::schedule::{Fault, Weather};
use crate::world::{What, World};

/// How far the schedule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Things go wrong.
    Weather,
    /// All is well since then, and not every node is ready yet.
    Healing { since: Time },
    /// Every node is ready since then.
    Quiet { since: Time },
    /// Every node was asked to stop, the last one then.
    Stopping,
    /// The end.
    Done,
}

/// How long a ready cluster is watched staying so.
const QUIET_FOR: Time = 15 * SEC;
/// From the end of all trouble to the last node's readiness: the brief's twenty minutes.
const READY_WITHIN: Time = 20 * MIN;
/// After this the last answer that was late in bad weather has come.
pub const LAST_LATE_ANSWER: Time = 65 * SEC;

impl<D: Driver> World<D> {
    /// Lets something go wrong, unless all is to be well by then.
    pub fn strike(&mut self, fault: Fault) -> Result<(), Broken> {
        if self.stage != Stage::Weather {
            return Ok(());
        }
        self.say(0, || format!("== {fault:?}"));
        let now = self.now;
        match fault {
            Fault::Death { node, role, how } => {
                if self.nodes[node].jvms[role as usize].is_some() {
                    self.doom(node, role, death(role, how), 2_000_000);
                }
            }
            Fault::StuckStop { node, role, stuck } => self.stick(node, role, stuck),
            Fault::Hang { node, role, hang, lasts } => self.hang(node, role, hang, lasts),
            Fault::HangAll { hang, lasts } => {
                for node in 0..self.nodes.len() {
                    self.hang(node, Role::Kafka, hang, lasts);
                }
            }
            Fault::Unregistered { node } => self.unregister_for_good(node),
            Fault::Starved { node, lasts } => {
                self.nodes[node].asleep = self.nodes[node].asleep.max(now + lasts);
                self.nodes[node].starved = self.nodes[node].asleep;
                for role in Role::ALL {
                    self.hang(node, role, Hang::Starved, lasts);
                }
            }
            Fault::SupervisorDies { node, end } => self.end_supervisor(node, end),
            Fault::Stranger { node, lasts } => {
                self.nodes[node].stranger = now + lasts;
                self.after(0, What::Stranger { node });
                self.after(lasts, What::Stranger { node });
            }
            Fault::Acl { lasts } => self.acl = now + lasts,
            Fault::NoSpawn { node, lasts, curable } => self.nodes[node].no_spawn = (now + lasts, curable),
            Fault::Preflight { node, lasts } => self.nodes[node].preflight_held = now + lasts,
            Fault::NoSession { node, lasts } => self.nodes[node].no_session = now + lasts,
            Fault::Partition { sides } => {
                self.ensemble.set_sides(sides);
                self.settle();
            }
            Fault::Whole => self.whole(),
            Fault::PowerOff { node } => self.power_off(node),
            Fault::PowerOn { node } => self.begin(node)?,
            Fault::Stop { node } => self.send(node, 0, Message::Stop),
            Fault::Oversleep { node, by } => self.nodes[node].oversleep = now + by,
        }
        Ok(())
    }

    fn whole(&mut self) {
        self.ensemble.set_sides([0; MOST]);
        self.settle();
    }

    fn power_off(&mut self, node: usize) {
        let this = &mut self.nodes[node];
        this.boot += 1;
        (this.alive, this.powered, this.half_way, this.asleep, this.starved) = (None, false, false, 0, 0);
        this.unread.clear();
        for role in Role::ALL {
            if let Some(jvm) = self.nodes[node].jvms[role as usize].take() {
                self.vanish(node, role, &jvm);
            }
        }
    }

    /// The broker loses its registration, and never comes back for it.
    fn unregister_for_good(&mut self, node: usize) {
        let Some(jvm) = &mut self.nodes[node].jvms[Role::Kafka as usize] else { return };
        let own = self.ensemble.registrations[node].is_some_and(|there| there.session == jvm.session);
        if own && jvm.phase == Phase::Serves {
            jvm.gives_up = true;
            self.unregister(node);
        }
    }

    /// From here on nothing goes wrong, and every node that is off comes back.
    pub fn heal(&mut self) {
        self.say(0, || String::from("== all is well from here on"));
        self.stage = Stage::Healing { since: self.now };
        self.weather = Weather::default();
        self.whole();
        for node in 0..self.nodes.len() {
            let now = self.now;
            let this = &mut self.nodes[node];
            this.stuck = [None, None];
            this.no_spawn = (0, true);
            this.preflight_held = 0;
            this.no_session = 0;
            this.oversleep = 0;
            this.half_way = false;
            this.stranger = this.stranger.min(now);
            for jvm in this.jvms.iter_mut().flatten() {
                if jvm.phase != Phase::Stops {
                    jvm.stuck = None;
                }
            }
            self.after(0, What::Stranger { node });
            for role in Role::ALL {
                self.end_what_nobody_mends(node, role);
            }
            if self.nodes[node].alive.is_none() {
                let soon = self.rng.below(3 * SEC);
                self.after(soon, What::PowerOn { node });
            }
            self.note_broker(node);
        }
        self.acl = 0;
        self.after(SEC, What::Look);
    }

    /// A hang for ever is the supervisor's to mend, where it can know that the run was of use once. Any other ends now.
    fn end_what_nobody_mends(&mut self, node: usize, role: Role) {
        let now = self.now;
        let stopping = self.nodes[node].alive.as_ref().is_some_and(|alive| alive.book.stops > 0);
        let this = &mut self.nodes[node];
        let Some(jvm) = &mut this.jvms[role as usize] else { return };
        let Some(hanging) = jvm.hanging.filter(|hanging| now < hanging.until) else { return };
        let known = this.record.entry(jvm.run).is_some_and(|entry| entry.served) && !stopping;
        let mended = hanging.hang.deserves_an_end() && (hanging.hang != Hang::SlowSpiral || jvm.counted);
        // (one that nobody saw serve is left alone for ever: it may recover)
        if !(known && mended && hanging.until == Time::MAX) {
            let run = jvm.run;
            jvm.hang_ends(now);
            self.after(0, What::HangOver { node, role, run });
        }
    }

    /// A supervisor has finished; in the healing its node is started again.
    pub fn finished(&mut self, node: usize) -> Result<(), Broken> {
        let Some(alive) = &self.nodes[node].alive else { return Ok(()) };
        let (clean, restarts) = (alive.book.finished == Some(true), alive.book.lane(Role::Kafka).last_run);
        // At the level `started` a broker may still start, and is not registered, when the others are asked to stop.
        let served = self.schedule.level != ReadinessLevel::Started;
        // Whose stop takes longer than a grace may lose the quorum, and that is said.
        let quorum_was_kept = !self.left_quorum;
        let small = self.nodes.len() <= 3; // in larger ensembles two may leave at once while a third is silent
        let calm =
            self.is_calm() && quorum_was_kept && small && self.stage == Stage::Stopping && restarts.is_some() && served;
        let short = self.nodes[node].plan.roles.kafka && self.schedule.grace >= 5 * MIN;
        hold!(a_calm_stop_is_clean(calm && short, clean));
        self.nodes[node].boot += 1;
        (self.nodes[node].alive, self.nodes[node].powered) = (None, false);
        if matches!(self.stage, Stage::Healing { .. }) {
            self.after(SEC, What::PowerOn { node });
        }
        Ok(())
    }

    /// Looks how far the schedule's end has come.
    pub fn look(&mut self) -> Result<(), Broken> {
        for node in 0..self.nodes.len() {
            self.check_view(node)?;
        }
        let now = self.now;
        match self.stage {
            Stage::Weather | Stage::Done => return Ok(()),
            Stage::Healing { since } => {
                if self.all_ready() {
                    self.stage = Stage::Quiet { since: now };
                } else {
                    // A stop that is under way may take its whole time first, and stuck processes end by SIGKILL only.
                    let limit = READY_WITHIN + 2 * self.schedule.grace + 3 * MIN;
                    if now - since > limit {
                        hold!(every_node_becomes_ready_once_all_is_well(since, now, limit, &self.views()));
                    }
                }
            }
            Stage::Quiet { since } => {
                if now - self.schedule.heal_at > LAST_LATE_ANSWER || self.is_calm() {
                    for node in 0..self.nodes.len() {
                        if let Some((view, _)) = self.view(node) {
                            hold!(a_quiet_cluster_stays_ready(&view));
                        }
                    }
                }
                if now - since > QUIET_FOR {
                    let keeper = self.token.map(|token| token.node);
                    let keeper = keeper.filter(|node| self.knows_that_all_serve(*node));
                    hold!(nobody_keeps_the_restart_token_once_all_serve(keeper));
                    self.stage = if self.schedule.stops_at_the_end { self.stop_all() } else { Stage::Done };
                }
            }
            Stage::Stopping => {
                if self.nodes.iter().all(|node| node.alive.is_none()) {
                    self.stage = Stage::Done;
                }
            }
        }
        self.after(SEC, What::Look);
        Ok(())
    }

    fn all_ready(&self) -> bool {
        let useful = (0..self.nodes.len()).all(|node| !self.is_useless(node));
        useful && (0..self.nodes.len()).all(|node| self.view(node).is_some_and(|(view, _)| view.ready))
    }

    fn stop_all(&mut self) -> Stage {
        let spread = if self.rng.chance(50) { SEC } else { 10 * SEC };
        for node in 0..self.nodes.len() {
            let at = self.rng.below(spread);
            self.send(node, at, Message::Stop);
        }
        Stage::Stopping
    }
}

fn death(role: Role, how: u8) -> ExitStatus {
    match (role, how) {
        (_, 0 | 1) => ExitStatus::Signal(9),
        (_, 2) => ExitStatus::Code(1),
        (_, 3) => ExitStatus::Signal(6),
        (Role::Kafka, _) => ExitStatus::Code(3),
        // A cause that a restart does not cure.
        (Role::ZooKeeper, _) => ExitStatus::Code(10),
    }
}
