//! The first thing a new supervisor does: end the JVMs that an earlier one left, in order, and say so all the while.
//!
//! They are not adopted yet, and a second JVM beside one that still serves would be worse than a clean stop. Absent on
//! purpose: how it is done (`process::sweep`).
//!
//! Effects: waits for a sweep, and does it.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::model::{NodeState, Role, ServiceState, Severity, StopCause, WaitReason};
use crate::plan::Plan;
use crate::process::{Record, Records, Report, Swept, alive, sweep};
use crate::supervise::{NodeView, ServiceView, Waiting};

use super::claim::Refusal;
use super::front::{Front, Outside};
use super::signal::Asked;

/// Time between two tries to end what does not end.
const AGAIN: Duration = Duration::from_secs(5);

/// Sweeps until nothing of an earlier supervisor runs. The answer is who asked the node to stop meanwhile, if anybody did.
pub async fn clear_the_way(plan: &Plan, front: &mut Front) -> Result<Option<StopCause>, Refusal> {
    let (state_dir, grace) = (&plan.config.paths.state_dir, plan.config.stop.grace);
    let mut stop = None;
    let mut announced = false;
    loop {
        let living: Vec<Record> = match Records::read(state_dir) {
            Ok(records) => records.runs.into_iter().filter(|record| alive(state_dir, record)).collect(),
            // Said when the record is opened.
            Err(_) => return Ok(stop),
        };
        if !announced {
            for Record { role, pid, .. } in &living {
                let pid = pid.unwrap_or_default();
                let text = format!(
                    "{role} of an earlier kafka-node still runs (pid {pid}): it is stopped before the start, since it cannot be adopted yet"
                );
                front.tell(Severity::Warning, Some(*role), &text);
            }
            announced = true;
        }
        let view = view(plan, front, &living);
        let report = meanwhile(front, &view, &mut stop, sweep(state_dir, grace)).await;
        if let Some(pid) = report.supervisor {
            return Err(Refusal::Supervised { pid });
        }
        tell(front, &report);
        if stop.is_some() || report.swept.iter().all(Swept::is_over) {
            return Ok(stop);
        }
        meanwhile(front, &view, &mut stop, tokio::time::sleep(AGAIN)).await;
    }
}

fn tell(front: &mut Front, report: &Report) {
    let severity = if report.is_clean() { Severity::Info } else { Severity::Error };
    for line in report.to_string().lines() {
        front.tell(severity, None, line);
    }
}

/// Does `work` while people are answered, signals are heard and the heartbeat goes on.
async fn meanwhile<T>(
    front: &mut Front,
    view: &NodeView,
    stop: &mut Option<StopCause>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    loop {
        front.show(view);
        let outside = tokio::select! {
            done = &mut work => return done,
            outside = front.next() => outside,
        };
        match outside {
            Outside::Signal(Asked::Stop(cause)) => *stop = Some(cause),
            Outside::Signal(Asked::Reload) => front.refuse_reload(),
            Outside::Ask(ask) => front.answer(ask, view),
            Outside::Tick => {}
        }
    }
}

/// The node as it is before there is a supervisor.
fn view(plan: &Plan, front: &Front, living: &[Record]) -> NodeView {
    let since = front.clock().now();
    let waiting_for: Vec<Waiting> = living
        .iter()
        .map(|record| Waiting {
            role: record.role,
            reason: WaitReason::EarlierRun { pid: record.pid.unwrap_or_default() },
        })
        .collect();
    let status = waiting_for.first().map_or_else(|| "starting".to_owned(), |waiting| waiting.reason.to_string());
    let service = |role| ServiceView {
        role,
        state: ServiceState::Waiting,
        since,
        pid: None,
        run: None,
        restarts: 0,
        quorum_role: None,
        readiness: (role == Role::Kafka).then_some(crate::model::BrokerReadiness::Down),
        last_exit: None,
    };
    NodeView {
        state: NodeState::Waiting,
        ready: false,
        status,
        since,
        services: plan.services.iter().map(|spec| service(spec.role)).collect(),
        waiting_for,
    }
}
