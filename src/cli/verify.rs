//! `kafka-node verify`: the founding document's tests as one command, without a JVM.
//!
//! It tests the cluster as it is, at one moment, from one node: the JVMs, the registrations, a topic of its own, records through
//! every broker. Its topic is removed whatever happens, and no other topic is ever written to. Absent on purpose: mending anything.
//!
//! Effects: a runtime of its own, signals and the clock; it is a command that someone typed.

pub(super) mod jvms;
mod members;
mod records;
mod report;
mod topic;

use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use crate::cluster::kafka::BrokerClient;
use crate::config::Config;
use crate::logs::Priority;
use crate::model::{BrokerId, Role};

use super::report::Report as Words;
use super::say;

pub use report::{Check, Outcome, Report};

/// Arguments of `kafka-node verify`.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyArgs {
    /// Print one JSON object instead of a line for each check
    #[arg(long)]
    pub json: bool,
    /// The most time for all checks; removing the topic gets up to 15 s more
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = limit)]
    pub timeout: Duration,
}

/// Every check passed.
pub const EXIT_OK: u8 = 0;
/// A check failed.
pub const EXIT_FAILED: u8 = 1;
/// Nothing answers: no broker, and no ZooKeeper.
pub const EXIT_UNAVAILABLE: u8 = 69;

/// The most time for one call to one server.
const CALL: Duration = Duration::from_secs(10);
/// How long something that is on its way is waited for: a registration, a removed topic.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a new topic's replicas may take to be in sync.
const IN_SYNC: Duration = Duration::from_secs(20);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// What removing the topic gets when the time for the checks is up.
const CLEANUP: Duration = Duration::from_secs(15);

/// Runs every check against the cluster of `config`, seen from its own node. `said` is told each check as it is done.
///
/// Blocks until all is over; makes its own runtime, so it must not be called on one. `proc_root` is `/proc`.
pub fn verify(config: &Config, args: &VerifyArgs, proc_root: &Path, said: &mut dyn FnMut(&Check)) -> (Report, u8) {
    let mut verifier = Verifier::new(config, proc_root, said, args.timeout);
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(verifier.everything()),
        Err(error) => verifier.fail("runtime", "the checks can run", &error.to_string()),
    }
    let code = match (verifier.report.ok(), verifier.answered) {
        (true, _) => EXIT_OK,
        (false, true) => EXIT_FAILED,
        (false, false) => EXIT_UNAVAILABLE,
    };
    (verifier.report, code)
}

/// Runs every check and prints: a line for each as it is done, or one JSON object at the end. Returns the exit code.
pub fn run(config: &Config, args: &VerifyArgs) -> u8 {
    let way = Words::open();
    let lines = !args.json;
    let (report, code) = verify(config, args, Path::new("/proc"), &mut |check| {
        if lines {
            // The topic is removed whether anybody reads on or not.
            way.answer(loudness(check.outcome != Outcome::Failed), &check.to_string());
        }
    });
    match args.json {
        true => drop(say(&report.json(code))),
        false => way.answer(loudness(report.ok()), &report.summary()),
    }
    code
}

fn loudness(good: bool) -> Priority {
    if good { Priority::Info } else { Priority::Error }
}

struct Verifier<'a> {
    config: &'a Config,
    proc_root: &'a Path,
    said: &'a mut dyn FnMut(&Check),
    report: Report,
    brokers: Vec<Broker>,
    deadline: Instant,
    limit: Duration,
    /// Some server answered something.
    answered: bool,
    /// Our own topic, from the moment it may exist until it is removed.
    topic: Option<String>,
    /// What is being done, for the line that says what an interruption interrupted.
    stage: &'static str,
}

/// One configured broker.
struct Broker {
    id: BrokerId,
    name: String,
    client: BrokerClient,
    answers: bool,
}

impl<'a> Verifier<'a> {
    fn new(config: &'a Config, proc_root: &'a Path, said: &'a mut dyn FnMut(&Check), limit: Duration) -> Verifier<'a> {
        let broker = |node: &crate::config::Node| Broker {
            id: node.number.broker_id(),
            name: node.name.to_string(),
            client: BrokerClient::new(format!("{}:{}", bracketed(&node.advertised), config.kafka.port)),
            answers: false,
        };
        Verifier {
            config,
            proc_root,
            said,
            report: Report::default(),
            brokers: config.nodes_with(Role::Kafka).map(broker).collect(),
            deadline: Instant::now() + limit,
            limit,
            answered: false,
            topic: None,
            stage: "looking for the JVMs",
        }
    }

    /// The checks under their limit and under signals, then the removal of the topic, come what may.
    async fn everything(&mut self) {
        let (deadline, limit) = (self.deadline, self.limit);
        let over = tokio::select! {
            () = self.checks() => None,
            () = sleep_until(deadline) => Some(format!("the limit of {} s is over", limit.as_secs_f64())),
            name = interrupted() => Some(format!("interrupted by {name}")),
        };
        if let Some(why) = over {
            let stage = self.stage;
            self.fail("time", stage, &why);
        }
        // Up to its own limit: a second Ctrl-C ends even this, and says what is left behind.
        self.deadline = Instant::now() + CLEANUP;
        tokio::select! {
            () = self.remove_topic() => {}
            name = interrupted() => {
                if let Some(name_left) = self.topic.take() {
                    self.fail("removed", &format!("topic {name_left} removed"), &format!("interrupted by {name}; remove it by hand"));
                }
            }
        }
    }

    async fn checks(&mut self) {
        self.jvms();
        self.registrations().await;
        self.brokers_answer().await;
        if !self.brokers.iter().any(|broker| broker.answers) {
            return;
        }
        let Some(topic) = self.create_topic().await else { return };
        if let Some(partitions) = self.describe_topic(&topic).await {
            self.records(&topic, &partitions).await;
        }
    }

    fn ok(&mut self, code: &'static str, text: &str) {
        self.add(Check { code, outcome: Outcome::Ok, text: text.to_owned() });
    }

    fn note(&mut self, code: &'static str, text: &str) {
        self.add(Check { code, outcome: Outcome::Note, text: text.to_owned() });
    }

    fn fail(&mut self, code: &'static str, text: &str, reason: &str) {
        self.add(Check { code, outcome: Outcome::Failed, text: format!("{text}: {reason}") });
    }

    fn add(&mut self, check: Check) {
        (self.said)(&check);
        self.report.checks.push(check);
    }

    fn call_limit(&self) -> Duration {
        CALL.min(self.deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether another look would come after `patience`, or after the deadline of all.
    fn over(&self, patience: Instant) -> bool {
        Instant::now() + PAUSE >= self.deadline.min(patience)
    }

    /// Where broker `id` stands among the configured ones.
    fn index(&self, id: BrokerId) -> Option<usize> {
        self.brokers.iter().position(|broker| broker.id == id)
    }
}

/// Waits for SIGINT, SIGTERM or SIGHUP and names it.
async fn interrupted() -> &'static str {
    let streams = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = streams else {
        // Without handlers the signals end the process, as they do by default.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    }
}

/// A host as it stands before a port.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn ids(ids: &[BrokerId]) -> String {
    ids.iter().map(BrokerId::to_string).collect::<Vec<_>>().join(", ")
}

/// `60s`, `2m`, `500ms`.
fn limit(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        _ => return Err("write a number and ms, s or m, e.g. 60s".into()),
    };
    let number: u32 = digits.parse().map_err(|_| "write a number and ms, s or m, e.g. 60s".to_owned())?;
    match unit.checked_mul(number) {
        Some(limit) if !limit.is_zero() => Ok(limit),
        _ => Err("must be more than nothing".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_and_a_unit() {
        assert_eq!(limit("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(limit("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(limit("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "s", "60", "0s", "-1s", "1h", "9999999999s", "１s"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
