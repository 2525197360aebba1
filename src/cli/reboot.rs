//! `kafka-node reboot`: window, need, gate, lock, window and gate again, then systemd is asked. The rest is the unit's: its stop drains
//! the node, and once the machine is back and well its supervisor gives the lock back.
//!
//! Whatever happens before systemd was asked, the lock is given back if it was taken here. Where this process dies in between, the
//! supervisor of this node gives it back, as after a reboot. Absent on purpose: the judgement (`gate`).
//!
//! Effects: asks programs of the system, ZooKeeper and brokers; reboots the machine.

mod explanation;

use std::cell::Cell;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use crate::cluster::seat::Seat;
use crate::cluster::zookeeper::ZooKeeperSession;
use crate::config::Config;
use crate::gate::Window;
use crate::host::inspect::as_root;
use crate::host::programs::{Programs, Within};
use crate::host::reboot::{local_time, reboot as reboot_machine};
use crate::host::reboot_needed::{RebootNeeds, look};
use crate::logs::Priority;
use crate::model::{LockSeen, Role, Span, TokenOutcome};
use crate::observe::host::HostRoot;
use crate::runtime::ask;

use super::council::{ASK, Asked, LOOK, ask_gate, converse, interrupted, session};
use super::report::Report;
use super::{Exit, PlaceArgs, complain, gate_words, load};

use explanation::Explanation;

/// The most for one program of the system; `needs-restarting` reads the database of all packages.
const PROGRAM: Duration = Duration::from_secs(60);
/// Between two looks, where the order of a roll waits for the gate.
const PAUSE: Duration = Duration::from_secs(5);
/// What the lock is taken for, in its words.
const REASON: &str = "reboot";
/// The unit that gives the lock back after the boot.
const UNIT: &str = "kafka-node.service";

/// Arguments of `kafka-node reboot`.
#[derive(Clone, Debug, Args)]
pub(super) struct RebootArgs {
    /// Only if something needs it: an update (needs-restarting -r, /run/reboot-required, a newer kernel), or the turn of a roll
    #[arg(long)]
    if_needed: bool,
    /// Explain each step with what is found now and what would happen, and do nothing; any user may ask
    #[arg(long)]
    dry_run: bool,
    /// In this window in place of [reboot] window: "any", "02:00-05:00", "Sat,Sun 22:00-04:00"; the machine's own time
    #[arg(long, value_name = "WINDOW", value_parser = Window::parse)]
    at: Option<Window>,
}

/// Whether the time is right.
#[derive(Clone, Debug)]
pub(super) struct WindowSeen {
    /// As it is written.
    text: String,
    /// Closed for so long; `Ok(None)` is open. The error says why the time could not be told.
    closed: Result<Option<Duration>, String>,
}

/// What does not change during one `reboot`.
struct Reboot<'a> {
    config: &'a Config,
    args: &'a RebootArgs,
    window: Window,
    needs: RebootNeeds,
    seat: Seat,
    session: &'a ZooKeeperSession,
    /// The lock was taken here, or may have been, and systemd has not been asked yet.
    taken: Cell<bool>,
    report: Report,
}

/// Runs the verb.
pub(super) fn reboot(place: &PlaceArgs, args: &RebootArgs) -> Exit {
    let config = match load(place) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if !args.dry_run && !as_root() {
        complain("a reboot needs root: sudo kafka-node reboot; --dry-run explains it to any user");
        return Exit::No;
    }
    let window = match args.at.clone().map_or_else(|| Window::parse(&config.reboot.window), Ok) {
        Ok(window) => window,
        Err(words) => {
            complain(&words);
            return Exit::BadConfig;
        }
    };
    converse(async {
        let session = session(&config);
        let exit = match args.dry_run {
            true => explain(&config, args, &window, &session).await,
            false => really(&config, args, window, &session).await,
        };
        session.close().await;
        exit
    })
}

/// Everything as it is now, whatever the first step says.
async fn explain(config: &Config, args: &RebootArgs, window: &Window, session: &ZooKeeperSession) -> Exit {
    let seat = Seat::here(config, String::new());
    let machine = seat.as_ref().ok().map(|seat| seat.machine.as_str());
    let asked = ask_gate(config, session, machine, false, LOOK).await;
    let needs = needs(config);
    let explanation = Explanation {
        config,
        window: seen(window),
        needs: &needs,
        if_needed: args.if_needed,
        asked: &asked,
        seat: seat.as_ref().map_err(String::clone),
        enabled: enabled(),
    };
    Report::open().answer(Priority::Info, &explanation.text());
    explanation.exit()
}

async fn really(config: &Config, args: &RebootArgs, window: Window, session: &ZooKeeperSession) -> Exit {
    let seat = match Seat::here(config, String::new()) {
        Ok(seat) => seat,
        Err(words) => {
            complain(&format!("no reboot: {words}"));
            return Exit::No;
        }
    };
    let needs = needs(config);
    let report = Report::open();
    let it = Reboot { config, args, window, needs, seat, session, taken: Cell::new(false), report };
    let exit = tokio::select! {
        exit = it.steps() => exit,
        signal = interrupted() => {
            complain(&format!("no reboot: interrupted by {signal}"));
            Exit::TryLater
        }
    };
    if it.taken.get() {
        it.give_back().await;
    }
    exit
}

impl Reboot<'_> {
    async fn steps(&self) -> Exit {
        if let Err(exit) = self.in_window() {
            return exit;
        }
        if let Err(exit) = self.needed() {
            return exit;
        }
        if let Err(words) = enabled() {
            complain(&format!("no reboot: {words}"));
            return Exit::No;
        }
        let began = Instant::now();
        let mut said = String::new();
        loop {
            match self.once(&mut said).await {
                // A roll has given this node its turn: it is waited for, as long as a stop would wait.
                Err(Exit::TryLater) if self.ordered() && began.elapsed() < self.config.stop.gate_limit => {
                    sleep(PAUSE).await;
                }
                Err(exit) => return exit,
                Ok(()) => break,
            }
        }
        self.go()
    }

    fn ordered(&self) -> bool {
        self.needs.ordered.is_some()
    }

    fn say(&self, text: &str) {
        self.report.answer(Priority::Info, text);
    }

    /// The order of a roll needs none: whoever started it chose the time.
    fn in_window(&self) -> Result<(), Exit> {
        if self.ordered() {
            return Ok(());
        }
        let window = seen(&self.window);
        match window.closed {
            Ok(None) => Ok(()),
            _ => {
                self.say(&format!("no reboot now: the window is {}", window.words()));
                Err(Exit::TryLater)
            }
        }
    }

    fn needed(&self) -> Result<(), Exit> {
        for words in self.needs.unknown.iter().chain(&self.needs.restarts) {
            self.report.remark(Priority::Warning, &format!("note: {words}"));
        }
        match (self.needs.any(), self.args.if_needed) {
            (false, true) => {
                self.say("no reboot: nothing needs one");
                Err(Exit::Yes)
            }
            (false, false) => {
                self.say("needed: nothing needs it; it was asked for");
                Ok(())
            }
            (true, _) => {
                self.say(&format!("needed: {}", need_words(&self.needs)));
                Ok(())
            }
        }
    }

    /// Gate, lock, then window and gate again. With an error the lock is not held for us.
    async fn once(&self, said: &mut String) -> Result<(), Exit> {
        let asked = self.gate(said).await?;
        let held = asked.lock.as_ref().is_ok_and(|lock| {
            let seen = lock.seen(&self.seat.machine, &self.seat.node, &self.seat.boot, Duration::ZERO);
            matches!(seen, LockSeen::Ours { this_boot: true, .. })
        });
        if held {
            // A roll's, say: taken anew it would forget whose it is.
            self.say("lock: this node holds it already");
        } else {
            self.taken.set(true);
            let reason = self.needs.ordered.as_deref().unwrap_or(REASON);
            match self.session.take_lock(&self.seat, reason, "", ASK).await {
                TokenOutcome::Held => self.say("lock: taken"),
                TokenOutcome::Taken(holder) => {
                    self.taken.set(false);
                    self.refuse(said, &format!("no reboot now: the lock is held by {holder}"));
                    return Err(Exit::TryLater);
                }
                TokenOutcome::Unreadable(words) => {
                    self.refuse(said, &format!("no reboot now: the lock could not be taken: {words}"));
                    self.give_back().await;
                    return Err(Exit::TryLater);
                }
            }
        }
        let again = match self.in_window() {
            Ok(()) => self.gate(said).await.map(drop),
            Err(exit) => Err(exit),
        };
        if again.is_err() && self.taken.get() {
            self.give_back().await;
        }
        again
    }

    async fn gate(&self, said: &mut String) -> Result<Asked, Exit> {
        let asked = ask_gate(self.config, self.session, Some(&self.seat.machine), false, LOOK).await;
        let lines = gate_words::lines(&asked.verdict);
        if asked.verdict.allows() {
            self.say(&[vec!["gate: the cluster can spare this node".to_owned()], lines].concat().join("\n  "));
            return Ok(asked);
        }
        let head = format!("no reboot now: the cluster cannot spare {}", self.seat.node);
        self.refuse(said, &[vec![head], lines].concat().join("\n  "));
        Err(Exit::TryLater)
    }

    /// Says why not, once for each reason.
    fn refuse(&self, said: &mut String, text: &str) {
        if said != text {
            self.report.answer(Priority::Warning, text);
            text.clone_into(said);
        }
    }

    /// The point of no return: from here on the lock is the machine's.
    fn go(&self) -> Exit {
        self.taken.set(false);
        self.say("reboot: systemd is asked; the stop of kafka-node.service drains this node first, and the lock is given back once it is well again");
        match reboot_machine(&self.config.paths.state_dir, &mut Within(PROGRAM)) {
            Ok(()) => Exit::Yes,
            Err(words) => {
                self.taken.set(true);
                complain(&format!("no reboot: {words}"));
                Exit::No
            }
        }
    }

    async fn give_back(&self) {
        match self.session.release_lock(&self.seat, ASK).await {
            Ok(()) => {
                self.taken.set(false);
                self.say("lock: given back");
            }
            Err(words) => complain(&format!(
                "the lock could not be given back: {words}\n  help: the kafka-node of this node gives it back once it is well; kafka-node lock show"
            )),
        }
    }
}

impl WindowSeen {
    /// `open ("any")`, `closed ("Sat 02:00-05:00"): it opens in 3h 20m`.
    fn words(&self) -> String {
        match &self.closed {
            Ok(None) => format!("open: \"{}\"", self.text),
            Ok(Some(left)) => format!("closed: \"{}\" opens in {}", self.text, Span(*left)),
            Err(words) => format!("not known to be open: \"{}\", and the time could not be told: {words}", self.text),
        }
    }
}

/// The window at this moment of the machine's own time.
fn seen(window: &Window) -> WindowSeen {
    let text = window.to_string();
    if text == "any" {
        return WindowSeen { text, closed: Ok(None) };
    }
    let closed = local_time(&mut Within(PROGRAM)).map(|(day, minute)| {
        let open = window.is_open(day, minute);
        (!open).then(|| Duration::from_secs(u64::from(window.opens_in(day, minute)) * 60))
    });
    WindowSeen { text, closed }
}

fn needs(config: &Config) -> RebootNeeds {
    let mut jvms = Vec::new();
    if let Ok(report) = ask::status(&config.paths.runtime_dir) {
        let zookeeper = report.services.zookeeper.and_then(|it| it.pid);
        let kafka = report.services.kafka.and_then(|it| it.pid);
        jvms.extend(zookeeper.map(|pid| (Role::ZooKeeper, pid)));
        jvms.extend(kafka.map(|pid| (Role::Kafka, pid)));
    }
    look(&HostRoot::machine(), &config.paths.state_dir, &jvms, &mut Within(PROGRAM))
}

fn need_words(needs: &RebootNeeds) -> String {
    let ordered = needs.ordered.iter().map(|words| format!("ordered: {words}"));
    ordered.chain(needs.reasons.iter().cloned()).collect::<Vec<_>>().join("; ")
}

/// The unit comes back with the machine. One that does not would leave the lock held, and no other node could go down.
fn enabled() -> Result<(), String> {
    let mut programs = Within(PROGRAM);
    if !programs.has("systemctl") {
        return Err("there is no systemctl on this machine to reboot it with".to_owned());
    }
    let words = ["systemctl", "is-enabled", UNIT].map(str::to_owned);
    match programs.run(&words) {
        Ok(answer) if ["disabled", "masked"].contains(&answer.out.trim()) => Err(format!(
            "{UNIT} is {}: it would not come back with the machine, and the lock would stay held; systemctl enable {UNIT}",
            answer.out.trim()
        )),
        // Any other answer, or none, is of a machine that starts it in a way of its own.
        _ => Ok(()),
    }
}
