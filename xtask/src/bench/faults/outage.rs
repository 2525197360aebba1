//! The faults that last: a supervisor that is killed, hangs, and is started again, and a quorum that is lost for a minute.
//! Absent on purpose: faults of one broker; a signal is all of those (`trial`).

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::cluster::{ADDRESSES, Cluster};
use super::inject::{self, Frozen, rest};
use super::look::Look;
use super::trial::{LIMIT, Trial, address};
use crate::bench::judge;
use crate::child;
use crate::failure::{Failure, Outcome};
use crate::proc::Identity;

/// How long a supervisor hangs until systemd's watchdog kills it.
pub const WATCHDOG: Duration = Duration::from_secs(30);
/// What systemd waits before it starts a unit again (RestartSec).
const RESTART: Duration = Duration::from_secs(1);
/// How long a reload is watched.
const RELOAD: Duration = Duration::from_secs(8);
/// How long the quorum is lost, from when the third ZooKeeper first says so.
const LOST: Duration = Duration::from_secs(60);
/// How often a ZooKeeper that was started in place of a frozen one is looked for.
const FREEZE_AGAIN: Duration = Duration::from_millis(100);

/// The supervisor dies, at once or after a hang, and systemd starts it again.
pub fn kill_supervisor(cluster: &mut Cluster, n: usize, hang: Duration, look: &Look, trial: &mut Trial) -> Outcome<()> {
    let supervisor = look.supervisor.and_then(Identity::of);
    let supervisor = supervisor.ok_or_else(|| Failure::new("the supervisor is gone"))?;
    let mut frozen = Frozen::default();
    if !hang.is_zero() {
        frozen.freeze(supervisor);
        rest(hang)?;
    }
    inject::kill(supervisor)?;
    let begun = Instant::now();
    while !cluster.node(n)?.has_ended()? {
        if begun.elapsed() > LIMIT {
            return Err(Failure::new("the killed supervisor does not end"));
        }
        std::thread::sleep(child::POLL);
    }
    rest(RESTART)?;
    let begun = cluster.start_again(n)?;
    trial.adopted = adopted(cluster, n, begun, look, trial)?;
    Ok(())
}

/// `systemctl reload`: SIGHUP. The time from it to the last look at which the node was not ready; nothing when it always was.
pub fn reload(cluster: &mut Cluster, n: usize, begun: Instant, before: &Look, trial: &mut Trial) -> Outcome<()> {
    let pid = cluster.node(n)?.pid();
    // The kernel gives each program that is executed new addresses, so this tells a new program in an old process.
    let program = || std::fs::read(format!("/proc/{pid}/auxv")).unwrap_or_default();
    let old = program();
    child::signal(pid, Signal::SIGHUP);
    let mut ready = Duration::ZERO;
    while begun.elapsed() < RELOAD {
        if cluster.node(n)?.has_ended()? {
            return Err(Failure::new(format!("the supervisor ended\n{}", cluster.last_words())));
        }
        if !cluster.look(n)?.is_some_and(|look| look.ready && same_jvms(&look, before)) {
            ready = begun.elapsed();
        }
        rest(child::POLL)?;
    }
    if ready < RELOAD - RESTART {
        trial.adopted = Some(ready);
    } else {
        trial.notes.push(format!("not ready with its JVMs {} s after the reload", RELOAD.as_secs()));
    }
    if program() == old {
        trial.notes.push("no program was executed anew".to_owned());
    }
    Ok(())
}

fn same_jvms(look: &Look, before: &Look) -> bool {
    (look.kafka.pid, look.zookeeper.pid) == (before.kafka.pid, before.zookeeper.pid)
}

/// The time until a supervisor is ready; `None`, with a note, where the JVMs are not those of before.
fn adopted(
    cluster: &mut Cluster,
    n: usize,
    begun: Instant,
    before: &Look,
    trial: &mut Trial,
) -> Outcome<Option<Duration>> {
    while begun.elapsed() < LIMIT {
        if cluster.node(n)?.has_ended()? {
            return Err(Failure::new(format!("the supervisor ended\n{}", cluster.last_words())));
        }
        if let Some(look) = cluster.look(n)?
            && look.ready
            && look.supervisor == Some(cluster.node(n)?.pid())
        {
            let time = begun.elapsed();
            if same_jvms(&look, before) {
                return Ok(Some(time));
            }
            trial.notes.push(format!("not adopted: new JVMs, ready after {:.1} s", time.as_secs_f64()));
            return Ok(None);
        }
        rest(child::POLL)?;
    }
    trial.notes.push(format!("not ready within {} s", LIMIT.as_secs()));
    Ok(None)
}

/// Two of three ZooKeepers are frozen for a minute, and whatever is started in their place. Their supervisors, and the
/// third node, see a quorum that is lost for reasons which no restart cures.
pub fn lose_quorum(cluster: &mut Cluster, node: usize, trial: &mut Trial) -> Outcome<()> {
    let mut frozen = Frozen::default();
    let victims = [node, (node + 1) % ADDRESSES.len()];
    let third = address((node + 2) % ADDRESSES.len());
    let begun = Instant::now();
    let mut lost: Option<Instant> = None;
    let (mut asked, mut served) = (0_u32, 0_u32);
    while lost.is_none_or(|lost| lost.elapsed() < LOST) && begun.elapsed() < LOST * 2 {
        for victim in victims {
            let pid = cluster.look(victim)?.and_then(|look| look.zookeeper.pid);
            if let Some(zookeeper) = pid.and_then(Identity::of) {
                frozen.freeze(zookeeper);
            }
        }
        let serves = judge::zookeeper_serves(third, 2181);
        if serves && lost.is_none() {
            // It takes the two for living until syncLimit is over.
            rest(FREEZE_AGAIN)?;
            continue;
        }
        lost.get_or_insert_with(Instant::now);
        asked += 1;
        served += u32::from(serves);
        rest(FREEZE_AGAIN)?;
    }
    let share = 100.0 * f64::from(asked - served) / f64::from(asked.max(1));
    let lasted = lost.map_or(0.0, |lost| lost.elapsed().as_secs_f64());
    trial.notes.push(format!("no quorum for {lasted:.1} s, at {share:.0} % of {asked} looks"));
    frozen.thaw();
    let begun = Instant::now();
    if cluster.await_healthy(true, LIMIT).is_ok() {
        trial.back.in_sync = Some(begun.elapsed());
    }
    Ok(())
}
