//! What must hold after every event, each a function whose name is the sentence.

use kafka_node::config::Gate;
use kafka_node::gate::RollState;

use crate::book::Fact;
use crate::clock::{MIN, SEC, Time};
use crate::driver::Driver;
use crate::world::{Phase, World};

/// What broke, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub invariant: &'static str,
    pub seen: String,
}

type Holds = Result<(), String>;

/// An accident that is this fresh is nobody's knowledge yet: sessions lapse, and a broker is registered until then.
const UNSEEN: Time = 25 * SEC;
/// A verdict that is older says nothing about now.
const STALE: Time = 30 * SEC;
/// What a supervisor knows of its own services is at most this old.
const OWN_NEWS: Time = 30 * SEC;
/// Questions may be lost several times in a row.
const WORDLESS: Time = 90 * SEC;

pub fn check<D: Driver>(world: &World<D>) -> Result<(), Broken> {
    macro_rules! all {
        ($($name:ident),* $(,)?) => {
            $($name(world).map_err(|seen| Broken { invariant: stringify!($name), seen })?;)*
        };
    }
    all!(lock_has_one_holder, an_order_is_obeyed, a_stop_ends_at_its_limit, every_wait_ends_or_has_a_reason);
    if world.book.facts.is_empty() {
        return Ok(());
    }
    all!(
        nobody_goes_without_asking,
        nobody_goes_on_an_answer_from_before_the_lock,
        nobody_goes_without_the_lock,
        gate_never_allows_two_nodes_down,
        gate_never_allows_under_min_isr,
        nobody_goes_on_an_old_verdict,
        never_asked_for_the_lock_while_blocked,
        lock_survives_reboot,
        released_only_when_healthy,
        done_means_done,
        roll_touches_each_node_once,
        power_down_is_obeyed_once,
        the_loop_is_never_busy,
        the_limit_is_not_cut_short,
    );
    Ok(())
}

fn facts<D: Driver>(world: &World<D>) -> impl Iterator<Item = &Fact> {
    world.book.facts.iter()
}

/// Nodes whose gate just opened. Where an order to power down stands, a stop may go on by it alone; a turn in a roll may not, unless
/// the order was given just now and the node has not read of it.
fn opened<D: Driver>(world: &World<D>) -> impl Iterator<Item = usize> + '_ {
    facts(world).filter_map(|fact| {
        let Fact::Opens { node, roll } = fact else { return None };
        let life = &world.book.nodes[*node].life;
        let ordered = life.verdict.as_ref().is_some_and(|verdict| verdict.power_down);
        let unread = world.znodes.order.is_some() && life.first_order.flatten() != world.znodes.order;
        (!ordered || (*roll && !unread)).then_some(*node)
    })
}

fn wiped_since<D: Driver>(world: &World<D>, since: Option<Time>) -> bool {
    match (world.znodes.wiped, since) {
        (Some(wiped), Some(since)) => wiped >= since,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// By the document, and by what the nodes were told.
fn lock_has_one_holder<D: Driver>(world: &World<D>) -> Holds {
    let believers: Vec<usize> = (0..world.nodes.len())
        .filter(|n| world.nodes[*n].supervisor.is_some())
        .filter(|n| {
            let held = world.book.nodes[*n].life.held;
            held.is_some() && !wiped_since(world, held)
        })
        .collect();
    let holders = world.holders.len();
    if holders > 1 || believers.len() > 1 {
        return Err(format!("{holders} holders, and these were told that they are: {believers:?}"));
    }
    Ok(())
}

fn nobody_goes_without_asking<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        let Fact::Begins { node, gated: false } = fact else { continue };
        let life = &world.book.nodes[*node].life;
        let (_, asks) = life.stop.unwrap_or_default();
        if asks && !life.excused && !(life.stays && world.schedule.gate == Gate::Shutdown) {
            return Err(format!("node{} stops, and no gate opened", node + 1));
        }
    }
    Ok(())
}

fn nobody_goes_on_an_answer_from_before_the_lock<D: Driver>(world: &World<D>) -> Holds {
    for node in opened(world) {
        let life = &world.book.nodes[node].life;
        let asked = life.verdict.as_ref().map(|verdict| verdict.asked);
        if asked.is_none() || asked < life.held {
            return Err(format!("node{} asked at {asked:?}, and had the lock at {:?}", node + 1, life.held));
        }
    }
    Ok(())
}

fn nobody_goes_without_the_lock<D: Driver>(world: &World<D>) -> Holds {
    for node in opened(world) {
        let held = world.book.nodes[node].life.held;
        let ours = world.holders == [node];
        let lost = held.is_none() || !ours;
        if lost && !wiped_since(world, held) {
            return Err(format!("node{} goes, and these hold the lock: {:?}", node + 1, world.holders));
        }
    }
    Ok(())
}

fn gate_never_allows_two_nodes_down<D: Driver>(world: &World<D>) -> Holds {
    for node in opened(world) {
        let Some(verdict) = &world.book.nodes[node].life.verdict else { continue };
        for other in (0..world.nodes.len()).filter(|other| *other != node) {
            let book = &world.book.nodes[other];
            if book.leaving == Some(true) && !wiped_since(world, book.taken) {
                return Err(format!("node{} goes while node{} is leaving", node + 1, other + 1));
            }
            let unseen = book.fell.is_some_and(|fell| fell + UNSEEN >= verdict.made);
            if (verdict.ailing.contains(&other) || book.whole.is_none()) && !unseen {
                return Err(format!("node{} goes while node{} is down since {:?}", node + 1, other + 1, book.fell));
            }
        }
    }
    Ok(())
}

fn gate_never_allows_under_min_isr<D: Driver>(world: &World<D>) -> Holds {
    for node in opened(world) {
        let Some(verdict) = &world.book.nodes[node].life.verdict else { continue };
        let others_fell =
            world.book.nodes.iter().any(|book| book.fell.is_some_and(|fell| fell + UNSEEN >= verdict.made));
        let now = world.cluster.thin_without(node);
        if !verdict.thin.is_empty() || (!now.is_empty() && !others_fell) {
            return Err(format!("node{} goes and leaves {:?} (now {now:?}) too thin", node + 1, verdict.thin));
        }
    }
    Ok(())
}

fn nobody_goes_on_an_old_verdict<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        let Fact::Begins { node, gated: true } = fact else { continue };
        let made = world.book.nodes[*node].life.verdict.as_ref().map_or(0, |verdict| verdict.made);
        if made + STALE < world.now {
            return Err(format!("node{} goes on a verdict of {} s ago", node + 1, (world.now - made) / SEC));
        }
    }
    Ok(())
}

fn never_asked_for_the_lock_while_blocked<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        let Fact::AsksForLock { node } = fact else { continue };
        let life = &world.book.nodes[*node].life;
        if !life.may_lock || life.unlocking {
            return Err(format!(
                "node{} asks for the lock: {:?}, unlocking {}",
                node + 1,
                life.verdict,
                life.unlocking
            ));
        }
    }
    Ok(())
}

/// A machine that went off with the lock has it when it is back, unless a person gave it away.
fn lock_survives_reboot<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        let Fact::Forgets { node, since } = fact else { continue };
        if !wiped_since(world, Some(*since)) {
            return Err(format!("node{} went off with the lock, and these have it: {:?}", node + 1, world.holders));
        }
    }
    Ok(())
}

/// A node that went down since it took the lock gives it back when it has been well for `settle`; one that did not go may do so at
/// once. What it knows of itself may be a little old.
fn released_only_when_healthy<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        let Fact::Releases { node } = fact else { continue };
        let (book, settle) = (&world.book.nodes[*node], world.schedule.settle);
        let well = book.whole.is_some_and(|since| since + settle <= world.now + SEC);
        let was = book.spell.is_some_and(|(from, to)| to + OWN_NEWS >= world.now && from + settle <= to + OWN_NEWS);
        if book.down_since_taken && !well && !was {
            return Err(format!("node{} is well since {:?}, before that {:?}", node + 1, book.whole, book.spell));
        }
    }
    Ok(())
}

/// A step that is done has changed what the roll is to change.
fn done_means_done<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        let Fact::Done { node, id } = fact else { continue };
        let Some(roll) = world.book.rolls.get(id) else { continue };
        let (then, now) = (roll.begun[*node], world.mark_of(*node));
        use kafka_node::model::RollVerb;
        let same = match world.verbs[id] {
            RollVerb::Restart => then.run == now.run,
            RollVerb::Reboot => then.boot == now.boot,
            RollVerb::Reload => then.life == now.life,
        };
        if same {
            return Err(format!("node{} is done with {id}, and is what it was: {then:?}", node + 1));
        }
        if world.book.nodes[*node].whole.is_none() {
            let fell = world.book.nodes[*node].fell.unwrap_or_default();
            if fell + OWN_NEWS < world.now {
                return Err(format!("node{} is done with {id} and is not well", node + 1));
            }
        }
    }
    Ok(())
}

/// A node goes again for the same roll only where a person resumed it, or fate struck in between.
fn roll_touches_each_node_once<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        let Fact::Touches { node, id } = fact else { continue };
        let Some(roll) = world.book.rolls.get(id) else { continue };
        if roll.goes[*node] > roll.may[*node] {
            return Err(format!("node{} goes for {id} for the {}. time", node + 1, roll.goes[*node]));
        }
    }
    Ok(())
}

fn power_down_is_obeyed_once<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        let Fact::Obeys { node, number } = fact else { continue };
        if world.book.nodes[*node].obeyed.get(number).is_some_and(|times| *times > 1) {
            return Err(format!("node{} obeys order {number} again", node + 1));
        }
    }
    Ok(())
}

/// A supervisor that has sat with the others before an order, and can read it, stops for it; one that reads it does not start anew.
fn an_order_is_obeyed<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        if let Fact::Heedless { node } = fact {
            return Err(format!("node{} read of an order, and starts anew", node + 1));
        }
    }
    let Some((number, since)) = world.book.order.filter(|(_, since)| since + MIN < world.now) else { return Ok(()) };
    for (node, state) in world.nodes.iter().enumerate() {
        let life = &world.book.nodes[node].life;
        let sat = life.sits.is_some_and(|sits| sits < since) && state.born < since;
        let heard = state.cut + MIN < world.now && state.supervisor.as_ref().is_some_and(|s| !s.is_stopping());
        if sat && heard && world.cluster.joined[node] {
            return Err(format!("node{} heeds no order {number}, which stands since {} s", node + 1, since / SEC));
        }
    }
    Ok(())
}

fn a_stop_ends_at_its_limit<D: Driver>(world: &World<D>) -> Holds {
    for (node, state) in world.nodes.iter().enumerate() {
        let life = &world.book.nodes[node].life;
        let (Some((since, _)), Some(_), false) = (life.stop, &state.supervisor, life.begun) else { continue };
        // A broker that has not served yet is let come up first.
        let serves = state.jvms[1].as_ref().is_some_and(|jvm| jvm.phase == Phase::Serves && jvm.parent == state.life);
        if serves && since + world.schedule.gate_limit + 2 * SEC < world.now {
            return Err(format!("node{} waits since {} s", node + 1, since / SEC));
        }
    }
    Ok(())
}

fn the_limit_is_not_cut_short<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        let Fact::Expires { node } = fact else { continue };
        let (since, _) = world.book.nodes[*node].life.stop.unwrap_or_default();
        if since + world.schedule.gate_limit > world.now {
            return Err(format!("node{} gives up at {} s, and was asked at {since}", node + 1, world.now));
        }
    }
    Ok(())
}

fn every_wait_ends_or_has_a_reason<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        match fact {
            Fact::Mute { node } => return Err(format!("node{} stops, and says nothing", node + 1)),
            Fact::DeniedWithoutWords { node } => return Err(format!("node{} was denied and says nothing", node + 1)),
            _ => {}
        }
    }
    for (node, book) in world.book.nodes.iter().enumerate() {
        if book.life.dumb.is_some_and(|since| since + WORDLESS < world.now) && world.nodes[node].supervisor.is_some() {
            return Err(format!("node{} waits at the gate without a word since {:?}", node + 1, book.life.dumb));
        }
    }
    Ok(())
}

fn the_loop_is_never_busy<D: Driver>(world: &World<D>) -> Holds {
    for fact in facts(world) {
        if let Fact::Busy { node, by } = fact {
            return Err(format!("node{} is to be woken {by} ns ago", node + 1));
        }
    }
    Ok(())
}

/// What must be so in the end, or what is not yet: all serve, the lock is free, and whatever was begun is over.
pub fn everything_ends_well<D: Driver>(world: &World<D>) -> Result<(), String> {
    for (node, state) in world.nodes.iter().enumerate() {
        match &state.supervisor {
            None => return Err(format!("node{} has no supervisor", node + 1)),
            Some(supervisor) if supervisor.is_stopping() => return Err(format!("node{} stops", node + 1)),
            Some(_) => {}
        }
        if !world.cluster.whole(node) {
            return Err(format!("node{} does not serve", node + 1));
        }
    }
    if !world.holders.is_empty() {
        return Err(format!("the lock is held: {:?}", world.holders));
    }
    if let Some(order) = world.znodes.order {
        return Err(format!("order {order} stands"));
    }
    match world.znodes.roll_doc().map(|roll| roll.state) {
        None | Some(RollState::Done | RollState::Aborted(_)) => Ok(()),
        Some(RollState::Stopped { words, .. }) if !words.is_empty() => Ok(()),
        Some(state) => Err(format!("the roll is not over: {state:?}")),
    }
}
