//! The unit as an operator uses it: install, look, stop, start, reload.

use std::time::Instant;

use crate::failure::{Failure, Outcome};
use crate::progress::seconds;
use crate::testbed::stage::Stage;
use crate::testbed::{self, install, power};

/// What `systemd-analyze security` may say of the unit; it says 9.2 of one without any hardening.
const MOST_EXPOSED: f64 = 3.5;

/// A fresh bed, and the three steps on every node.
pub fn install(stage: &Stage<'_>) -> Outcome<String> {
    testbed::renew(stage.progress, stage.bed)?;
    install::share(stage.places, stage.progress, stage.bed, stage.way)?;
    let begun = Instant::now();
    power::at_once(stage.bed, |node| install::steps(node, stage.way))?;
    let steps = begun.elapsed();
    let begun = Instant::now();
    power::at_once(stage.bed, |node| {
        install::enable(node)?;
        // systemctl came back, so the node serves.
        stage.ask(node, "kafka-node status").map(|_| ())
    })?;
    let serve = begun.elapsed();
    let verify = stage.verified(&stage.node(1))?;
    Ok(format!("steps {}, enable --now {}, verify {}", seconds(steps), seconds(serve), seconds(verify)))
}

/// What `systemctl status` shows, and that everything works from every node.
pub fn status(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    for node in stage.bed.nodes() {
        let unit = stage.unit(&node)?;
        if unit.file != "enabled" || unit.active != "active" || unit.status.is_empty() {
            return Err(Failure::new(format!("{}: {unit:?}", node.host())));
        }
        let shown = stage.ask(&node, "systemctl status --no-pager kafka-node")?;
        for word in ["Status: \"", "Main PID:", "(kafka-node)", "enabled"] {
            if !shown.contains(word) {
                return Err(Failure::new(format!(
                    "systemctl status on {} does not say {word:?}:\n{shown}",
                    node.host()
                )));
            }
        }
        // What `jps` and `jstat` of anybody read: the sandbox of the unit must not hide it.
        for (pid, _) in stage.both_jvms(&node)? {
            stage.ask(&node, &format!("test -s /tmp/hsperfdata_kafka/{pid}"))?;
        }
        stage.verified(&node)?;
    }
    let exposure = exposure(stage)?;
    let words = stage.unit(&stage.node(1))?.status;
    if exposure > MOST_EXPOSED {
        return Err(Failure::new(format!("systemd-analyze security says {exposure}, at most {MOST_EXPOSED}")));
    }
    Ok(format!("STATUS of kafkanode1: {words}; exposure {exposure}"))
}

/// The number at the end of `systemd-analyze security`.
fn exposure(stage: &Stage<'_>) -> Outcome<f64> {
    let text = stage.ask(&stage.node(1), "systemd-analyze security --no-pager kafka-node")?;
    let level = text.lines().rfind(|line| line.contains("exposure level")).and_then(|line| line.split_once("service:"));
    let number = level.and_then(|(_, rest)| rest.split_whitespace().next()).and_then(|word| word.parse().ok());
    number.ok_or_else(|| Failure::new(format!("systemd-analyze security says no number: {text}")))
}

/// Stop and start of one node.
pub fn start(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    let node = stage.node(1);
    let begun = Instant::now();
    stage.command(&node, &["systemctl", "stop", "kafka-node"])?;
    let stop = begun.elapsed();
    stage.stopped_cleanly(&node)?;
    let begun = Instant::now();
    stage.command(&node, &["systemctl", "start", "kafka-node"])?;
    let start = begun.elapsed();
    stage.ask(&node, "kafka-node status")?;
    stage.verified(&node)?;
    Ok(format!("stop {}, start to serving {}", seconds(stop), seconds(start)))
}

/// A reload, and one that has to be refused.
pub fn reload(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    let node = stage.node(1);
    let (unit, jvms) = (stage.unit(&node)?, stage.both_jvms(&node)?);
    let same = |what: &str| {
        stage.ready(&node)?;
        stage.same_jvms(&node, &jvms)?;
        let now = stage.unit(&node)?;
        if (now.main_pid, now.restarts) == (unit.main_pid, unit.restarts) && now.active == "active" {
            return Ok(());
        }
        Err(Failure::new(format!("after {what}: {unit:?} became {now:?}")))
    };
    let file = "/etc/kafka-node/kafka-node.toml";
    stage.command(&node, &["systemctl", "reload", "kafka-node"])?;
    same("a reload")?;
    let marker = "nonsense = 1";
    stage.ask(&node, &format!("cp -p {file} /root/good.toml && echo '{marker}' >>{file}"))?;
    let reloaded = stage.command(&node, &["systemctl", "reload", "kafka-node"]);
    let refused = stage.wait("the journal to say that the configuration is refused", || {
        let said =
            stage.ask(&node, "journalctl --no-pager -o cat -u kafka-node -n 60").map_err(|failure| failure.chain())?;
        if said.contains("nonsense") { Ok(()) } else { Err(said) }
    });
    stage.ask(&node, &format!("mv /root/good.toml {file}"))?;
    // What systemctl says of a refused reload is the manager's matter: 219 knows no answer to a reload by signal.
    drop(reloaded);
    refused?;
    same("a refused reload")?;
    stage.command(&node, &["systemctl", "reload", "kafka-node"])?;
    same("the last reload")?;
    Ok(String::new())
}
