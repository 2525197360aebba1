//! Is a JVM that runs of any use? Judged from several witnesses: its answers, its process state, CPU and storage traffic, its
//! own counters of pauses, and how late the supervisor itself was.
//!
//! # States and events
//! ```text
//! Well --(silent for hang_after)--> Slow, Starved, Traced or Hung --(an answer)--> Well
//! Well --(pauses above the limit, heap full)--> Hung
//! Hung --(quorum, token, thread dump)--> the lane ends it
//! ```
//! # Invariants
//! - A run that has never served is never judged: starting and recovering are left alone.
//! - Whatever the supervisor itself slept through is not silence of the JVM.
//! - An answer that was lost on its way is no silence: at least one question was seen to go unanswered.
//! - Nothing is called idle on fewer than two looks within the silence, the last of them fresh.
//! - A JVM that a debugger holds is left alone.

use std::time::Duration;

use crate::model::{Blame, JvmCounters, Moment, ProcessState, Progress, WaitReason};

use super::policy::{
    COLLECTING_LIMIT, COLLECTING_WEIGHT, HEAP_FULL_PERCENT, IDLE_PROOF, LATE_TOLERANCE, LOOK_FRESH, Policy,
};
use super::watch::ProgressWatch;

/// What is known of the usefulness of one living run.
#[derive(Debug)]
pub(super) struct Health {
    /// When it last answered; its start counts.
    answered: Moment,
    /// How late the supervisor had been in all by then.
    late_then: Duration,
    /// A question since then was seen to go unanswered; one whose answer was lost says nothing.
    unanswered: bool,
    /// Looks since the last answer, how many and the last one.
    looks: u32,
    looked: Option<Moment>,
    watch: ProgressWatch,
    state: ProcessState,
    jvm: Option<(Moment, JvmCounters)>,
    /// Pauses not made good by work.
    deficit: Duration,
    /// It is hung since then, and what was done about it.
    pub(super) hang: Option<Hang>,
}

/// A hang that was announced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hang {
    pub(super) blame: Blame,
    /// When a thread dump was asked for.
    pub(super) dumped: Option<Moment>,
}

/// What the witnesses say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answers, or its silence is too short to count.
    Well,
    /// Silent, and it works, or has not been looked at enough.
    Slow { since: Duration },
    /// Silent, and the host had so little to give that the supervisor itself was late.
    Starved { since: Duration, late: Duration },
    /// Silent, and a debugger holds it.
    Traced { since: Duration },
    /// Of no use any more.
    Hung(Blame),
}

impl Health {
    /// A run that just began, or was just adopted.
    pub(super) fn begin(now: Moment, late: Duration) -> Health {
        Health {
            answered: now,
            late_then: late,
            unanswered: false,
            looks: 0,
            looked: None,
            watch: ProgressWatch::begin(now),
            state: ProcessState::Able,
            jvm: None,
            deficit: Duration::ZERO,
            hang: None,
        }
    }

    /// It answered.
    pub(super) fn answer(&mut self, now: Moment, late: Duration) {
        (self.answered, self.late_then, self.looks, self.unanswered) = (now, late, 0, false);
    }

    /// It was asked, and did not answer.
    pub(super) fn no_answer(&mut self) {
        self.unanswered = true;
    }

    /// A look at its process and counters.
    pub(super) fn look(&mut self, now: Moment, seen: Progress) {
        let held = matches!(self.state, ProcessState::Stopped | ProcessState::Traced);
        if self.looks == 0 || (held && seen.state != self.state) {
            // It could do nothing while it was held.
            self.watch = ProgressWatch::begin(now);
        }
        self.looks = self.looks.saturating_add(1);
        self.looked = Some(now);
        self.watch.look(now, seen);
        self.state = seen.state;
        let Some(jvm) = seen.jvm else { return };
        if let Some((at, before)) = self.jvm {
            let paused = jvm.stopped.saturating_sub(before.stopped);
            let ran = now.since(at).saturating_sub(paused);
            // Pauses before or after which the heap has room are not in vain: they are somebody's forced collections.
            let in_vain = if is_full(before) && is_full(jvm) { paused } else { Duration::ZERO };
            self.deficit = (self.deficit + in_vain).saturating_sub(ran / COLLECTING_WEIGHT);
        }
        self.jvm = Some((now, jvm));
    }

    /// It was asked since it last answered, and did not answer.
    pub(super) fn is_unanswered(&self) -> bool {
        self.unanswered
    }

    /// For how long it has not answered, less what the supervisor itself slept through.
    pub(super) fn silent(&self, now: Moment, late: Duration) -> Duration {
        now.since(self.answered).saturating_sub(self.lateness(late))
    }

    /// The same where it was seen not to answer, else nothing.
    pub(super) fn unanswered_for(&self, now: Moment, late: Duration) -> Duration {
        if self.unanswered { self.silent(now, late) } else { Duration::ZERO }
    }

    fn lateness(&self, late: Duration) -> Duration {
        late.saturating_sub(self.late_then)
    }

    /// What the witnesses say together of a run that has served.
    pub(super) fn judge(&self, now: Moment, late: Duration, policy: &Policy) -> Verdict {
        let since = self.silent(now, late);
        let fresh = self.looked.is_some_and(|at| now.since(at) <= LOOK_FRESH);
        if self.deficit >= COLLECTING_LIMIT && self.heap_is_full() {
            return Verdict::Hung(Blame::Collecting { deficit: self.deficit });
        }
        if since < policy.hang_after {
            return Verdict::Well;
        }
        if !fresh || self.looks < 2 || !self.unanswered {
            return Verdict::Slow { since };
        }
        let idle = now.since(self.watch.last) >= IDLE_PROOF;
        match self.state {
            ProcessState::Traced => Verdict::Traced { since },
            ProcessState::Stopped => Verdict::Hung(Blame::Frozen { silent: since }),
            ProcessState::Able if idle => Verdict::Hung(Blame::Deadlocked { silent: since }),
            ProcessState::Able | ProcessState::Uninterruptible if since >= policy.slow_after => {
                Verdict::Hung(Blame::Unresponsive { silent: since })
            }
            ProcessState::Able | ProcessState::Uninterruptible => match self.lateness(late) {
                late if late >= LATE_TOLERANCE => Verdict::Starved { since, late },
                // any: not late enough to say so
                _ => Verdict::Slow { since },
            },
            ProcessState::Ended => Verdict::Slow { since }, // the news of its end is on its way
        }
    }

    fn heap_is_full(&self) -> bool {
        self.jvm.is_some_and(|(_, jvm)| is_full(jvm))
    }
}

fn is_full(jvm: JvmCounters) -> bool {
    jvm.heap_max > 0 && u128::from(jvm.heap_used) * 100 >= u128::from(jvm.heap_max) * u128::from(HEAP_FULL_PERCENT)
}

impl Verdict {
    /// What to say of it while nothing is done yet; `None` where all is well.
    pub(super) fn reason(self) -> Option<WaitReason> {
        match self {
            Verdict::Well => None,
            Verdict::Slow { since } => Some(WaitReason::Slow { since }),
            Verdict::Starved { since, late } => Some(WaitReason::Starved { since, late }),
            Verdict::Traced { since } => Some(WaitReason::Traced { since }),
            Verdict::Hung(blame) => Some(WaitReason::Hung { blame }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Role, Roles, RunId};

    fn policy() -> Policy {
        let text = "[[node]]\nname = \"n1\"\naddress = \"10.0.0.1\"\nid = 1\n".to_owned();
        let config = crate::config::read(&[("test".to_owned(), text)], Some("n1"), &[]).expect("a configuration");
        assert!(config.this_node().roles == Roles::BOTH && config.nodes_with(Role::Kafka).count() == 1);
        Policy::from_config(&config, RunId(1))
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_origin(Duration::from_secs(seconds))
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A run that answered at 100 s last, looked at each second from 107 s on, with `cpu` a second.
    fn silent(cpu: Duration, state: ProcessState, until: u64) -> Health {
        let mut health = Health::begin(at(0), Duration::ZERO);
        health.answer(at(100), Duration::ZERO);
        health.no_answer();
        for second in 107..=until {
            let spent = cpu * u32::try_from(second).unwrap_or_default();
            health.look(at(second), Progress { cpu: spent, state, ..Progress::default() });
        }
        health
    }

    #[test]
    fn a_stopped_one_is_frozen_an_idle_one_deadlocked_and_a_busy_one_slow_for_a_minute() {
        let (policy, none) = (policy(), Duration::ZERO);
        let judge = |cpu, state, now| silent(cpu, state, now).judge(at(now), none, &policy);
        let busy = Duration::from_millis(500);
        assert_eq!(judge(none, ProcessState::Stopped, 109), Verdict::Well, "not before hang_after");
        assert_eq!(judge(none, ProcessState::Stopped, 110), Verdict::Hung(Blame::Frozen { silent: secs(10) }));
        assert_eq!(judge(none, ProcessState::Able, 110), Verdict::Hung(Blame::Deadlocked { silent: secs(10) }));
        assert_eq!(judge(none, ProcessState::Traced, 500), Verdict::Traced { since: secs(400) });
        assert_eq!(judge(busy, ProcessState::Able, 159), Verdict::Slow { since: secs(59) });
        assert_eq!(judge(busy, ProcessState::Able, 160), Verdict::Hung(Blame::Unresponsive { silent: secs(60) }));
    }

    #[test]
    fn what_the_supervisor_slept_through_is_no_silence_and_one_look_proves_nothing() {
        let policy = policy();
        let health = silent(Duration::ZERO, ProcessState::Stopped, 130);
        assert_eq!(health.judge(at(130), secs(25), &policy), Verdict::Well, "5 s of silence besides 25 s of lateness");
        let mut health = Health::begin(at(0), Duration::ZERO);
        health.no_answer();
        health.look(at(130), Progress { state: ProcessState::Stopped, ..Progress::default() });
        assert_eq!(health.judge(at(130), Duration::ZERO, &policy), Verdict::Slow { since: secs(130) });
    }

    #[test]
    fn answers_that_were_lost_are_no_silence() {
        let mut health = silent(Duration::ZERO, ProcessState::Able, 0);
        health.answer(at(100), Duration::ZERO);
        for second in 107..=130 {
            health.look(at(second), Progress::default());
        }
        assert_eq!(health.judge(at(130), Duration::ZERO, &policy()), Verdict::Slow { since: secs(30) });
        health.no_answer();
        let hung = Verdict::Hung(Blame::Deadlocked { silent: secs(30) });
        assert_eq!(health.judge(at(130), Duration::ZERO, &policy()), hung);
    }

    #[test]
    fn pauses_count_only_where_the_heap_stays_full() {
        let policy = policy();
        let spiral = |used| {
            let mut health = Health::begin(at(0), Duration::ZERO);
            for second in 0..=60 {
                let stopped = Duration::from_millis(900 * second);
                let jvm = JvmCounters { stopped, heap_used: used, heap_max: 1000, ..JvmCounters::default() };
                health.look(at(second), Progress { jvm: Some(jvm), ..Progress::default() });
            }
            health.answer(at(60), Duration::ZERO);
            health.judge(at(60), Duration::ZERO, &policy)
        };
        assert!(matches!(spiral(900), Verdict::Hung(Blame::Collecting { .. })), "{:?}", spiral(900));
        assert_eq!(spiral(300), Verdict::Well, "forced collections of a heap that empties");
    }
}
