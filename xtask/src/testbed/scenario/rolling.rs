//! Reboots that are asked for: all nodes by a roll under load, two at the same moment, and one that the cluster cannot spare.

use std::time::Instant;

use super::clients::Clients;
use super::outage::clean_end;
use crate::bench::faults::trial::now;
use crate::bench::roll::deed::{Said, Seen};
use crate::failure::{Failure, Outcome};
use crate::progress::seconds;
use crate::testbed::bed::Node;
use crate::testbed::inside;
use crate::testbed::power;
use crate::testbed::stage::Stage;

/// `kafka-node roll reboot`, ordered on one node: each node reboots once, one after the other, and no client loses anything.
pub fn roll_reboot(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    let before = boots(stage)?;
    let clients = Clients::begin(stage)?;
    let since = now();
    let mut said = Said::new();
    let done = rolled(stage, &mut said);
    let cost = clients.end(said, done)?;
    for (node, before) in stage.bed.nodes().zip(before) {
        let after = count(stage, &node)?;
        if after != before + 1 {
            let words = format!("{} was to boot once: {before} boots before, {after} after", node.host());
            return Err(Failure::new(words));
        }
        clean_end(stage, &node)?;
    }
    let fewest = fewest_live(stage, since)?;
    lock_is_free(stage)?;
    Ok(format!(
        "{:.0} s, {} failed, {} lost; longest gap between writes {:.2} s (of a partition {:.2} s), between records {:.2} s ({:.2} s); \
         never fewer than {fewest} brokers",
        cost.took, cost.failed, cost.lost, cost.writes.0, cost.writes.1, cost.records.0, cost.records.1
    ))
}

/// Orders the roll and waits until nothing more happens by itself.
fn rolled(stage: &Stage<'_>, said: &mut Said) -> Outcome<()> {
    let order = ["kafka-node", "roll", "reboot", "--because", "testbed", "--detach"];
    stage.command(&stage.node(1), &order)?;
    said.push((now(), "the roll is ordered".to_owned()));
    let mut last = String::new();
    let over = stage.wait("the roll to be done", || {
        let limit = stage.left().min(std::time::Duration::from_secs(10));
        let ask = |node: Node<'_>| inside::run(&node, limit, &["kafka-node", "roll", "status", "--json"]).ok();
        // Whichever node is up knows it.
        let seen = stage.bed.nodes().find_map(|node| Seen::read(&ask(node)?.out));
        let Some(seen) = seen else { return Err(format!("no node tells; last {last}")) };
        if seen.words != last {
            stage.progress.say(format!("roll: {}", seen.words));
            said.push((now(), seen.words.clone()));
            last.clone_from(&seen.words);
        }
        if seen.is_over() { Ok(seen) } else { Err(seen.words) }
    })?;
    if over.state == "done" { Ok(()) } else { Err(Failure::new(format!("the roll is not done: {}", over.words))) }
}

/// Plain `systemctl reboot` on two nodes at the same moment: they go one after the other.
pub fn reboots_at_once(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    stage.in_sync()?;
    let (since, begun) = (now(), Instant::now());
    let two = [stage.node(2), stage.node(3)];
    let both = |deed: &(dyn Fn(&Node<'_>) -> Outcome<()> + Sync)| {
        power::at_once(stage.bed, |node| if node.number == 1 { Ok(()) } else { deed(node) })
    };
    both(&|node| {
        let boot = power::begin_reboot(node)?;
        power::rebooted(node, boot, stage.until)
    })?;
    stage.in_sync()?;
    let time = begun.elapsed();
    let fewest = fewest_live(stage, since)?;
    two.iter().try_for_each(|node| clean_end(stage, node))?;
    lock_is_free(stage)?;
    Ok(format!("both back and in sync after {}, never fewer than {fewest} brokers", seconds(time)))
}

/// A broker is down: the reboot of another node waits, and says for whom; it goes once the broker is back.
pub fn reboot_denied(stage: &Stage<'_>) -> Outcome<String> {
    stage.cluster()?;
    stage.in_sync()?;
    let (node, third) = (stage.node(2), stage.node(3));
    stage.command(&third, &["systemctl", "stop", "kafka-node"])?;
    let jvms = stage.both_jvms(&node)?;
    let denied = stage.refused(&stage.node(1), &["kafka-node", "can-reboot"])?;
    let dry = inside::run(&node, stage.left(), &["kafka-node", "reboot", "--dry-run"])?.words();
    for said in [&denied, &dry] {
        if !said.contains(&third.host()) {
            return Err(Failure::new(format!("{} is not named: {said}", third.host())));
        }
    }
    let boot = power::begin_reboot(&node)?;
    let status = stage.wait(&format!("{} to say whom its reboot waits for", node.host()), || {
        let unit = stage.unit(&node).map_err(|failure| failure.chain())?;
        if unit.active == "deactivating" && unit.status.contains(&third.host()) {
            Ok(unit.status)
        } else {
            Err(format!("{unit:?}"))
        }
    })?;
    // It waits with both JVMs as they were.
    stage.same_jvms(&node, &jvms)?;
    let begun = Instant::now();
    stage.command(&third, &["systemctl", "start", "kafka-node"])?;
    power::rebooted(&node, boot, stage.until)?;
    let went = begun.elapsed();
    stage.in_sync()?;
    clean_end(stage, &node)?;
    lock_is_free(stage)?;
    Ok(format!("STATUS: {status}; rebooted {} after the third broker's start", seconds(went)))
}

/// Waits until nobody holds the lock, as a node shows it.
pub fn lock_is_free(stage: &Stage<'_>) -> Outcome<()> {
    stage.wait("the lock to be free", || {
        let said = lock(stage, &stage.node(1)).map_err(|failure| failure.chain())?;
        let held = stage.bed.nodes().any(|node| said.contains(&format!("{} (", node.host())));
        if held { Err(said) } else { Ok(()) }
    })
}

/// What a node says of the lock; of a holder it says `NAME (reason, since ..)`.
pub fn lock(stage: &Stage<'_>, node: &Node<'_>) -> Outcome<String> {
    stage.ask(node, "kafka-node lock show")
}

/// How often each node has booted.
fn boots(stage: &Stage<'_>) -> Outcome<Vec<u32>> {
    stage.bed.nodes().map(|node| count(stage, &node)).collect()
}

fn count(stage: &Stage<'_>, node: &Node<'_>) -> Outcome<u32> {
    let text = stage.ask(node, "journalctl --list-boots --quiet | wc -l")?;
    text.parse().map_err(|_| Failure::new(format!("{} does not count its boots: {text}", node.host())))
}

/// The fewest brokers that were registered at any moment since then, by what the controllers wrote down; a failure below two.
fn fewest_live(stage: &Stage<'_>, since: u64) -> Outcome<usize> {
    let line = format!(
        "journalctl --no-pager -o cat -u kafka-node --since @{} | grep -oE 'all live brokers: [0-9,]*|active brokers in the cluster: \
         [A-Za-z]*\\([0-9, ]*' || true",
        since / 1000
    );
    let mut looks = Vec::new();
    for node in stage.bed.nodes() {
        looks.extend(stage.ask(&node, &line)?.lines().map(str::to_owned));
    }
    let fewest = looks.iter().map(|look| look.chars().filter(char::is_ascii_digit).count()).min();
    match fewest {
        Some(fewest) if fewest >= 2 => Ok(fewest),
        Some(_) => Err(Failure::new(format!("two brokers were down at the same moment: {}", looks.join("; ")))),
        None => Err(Failure::new("no controller has written down which brokers live")),
    }
}
