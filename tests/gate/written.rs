//! How a view is written by hand: it starts as a healthy cluster of `nodes N`, and each line changes one thing.
//!
//! Node 3 is `n3`, with broker 3. A partition is `INDEX:REPLICAS/IN-SYNC`, a digit a broker, `-` for none; the first in sync leads, `!` after
//! it means that nobody does, `~` that it is being reassigned. A zxid is `EPOCH:COUNTER`.

use std::time::Duration;

use kafka_node::gate::{
    BrokerSeen, ClusterView, GatePolicy, MemberSeen, MemberState, NodeSeen, PartitionSeen, PresenceSeen, TopicSeen,
};
use kafka_node::model::{BrokerId, NodeName, QuorumRole};

/// One view, and whom it is judged for.
#[derive(Debug)]
pub struct Written {
    pub view: ClusterView,
    pub policy: GatePolicy,
}

pub fn name(number: usize) -> NodeName {
    NodeName::new(format!("n{number}"))
}

/// A healthy cluster without topics, seen from node 1; the last member leads.
pub fn healthy(nodes: usize) -> Written {
    let id = |number| BrokerId(i32::try_from(number).expect("small"));
    let member = |number| {
        let role = match (nodes, number == nodes) {
            (1, _) => QuorumRole::Standalone,
            (_, true) => QuorumRole::Leader,
            (_, false) => QuorumRole::Follower,
        };
        MemberSeen { node: name(number), state: MemberState::Serving { role, zxid: Some(5 << 32 | 100) } }
    };
    let presence = PresenceSeen {
        well: true,
        words: "serving; in sync".to_owned(),
        lasting: Duration::from_secs(600),
        powers_off: false,
        version: "0.1.0".to_owned(),
        config: "aa".to_owned(),
    };
    let view = ClusterView {
        brokers: (1..=nodes).map(|n| BrokerSeen { node: name(n), broker: id(n), registered: true }).collect(),
        controller: Some(BrokerId(1)),
        topics: vec![],
        members: (1..=nodes).map(member).collect(),
        nodes: (1..=nodes).map(|n| NodeSeen { node: name(n), presence: Some(presence.clone()), gone: false }).collect(),
        power_down: None,
        unread: vec![],
    };
    let policy = GatePolicy {
        node: name(1),
        broker: Some(BrokerId(1)),
        headroom: 0,
        settle: Duration::from_secs(60),
        strict: false,
        config: "aa".to_owned(),
        powers_off: false,
    };
    Written { view, policy }
}

/// Reads the lines of a view; panics at a line that is none.
pub fn read(lines: &[&str]) -> Written {
    let mut written = healthy(0);
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        written.apply(&words).unwrap_or_else(|| panic!("this is no line of a view: {line}"));
    }
    let this = written.policy.node.clone();
    written.view.nodes.retain(|other| other.node != this);
    written
}

impl Written {
    fn apply(&mut self, words: &[&str]) -> Option<()> {
        let Written { view, policy } = self;
        match words {
            ["nodes", count] => *self = healthy(count.parse().ok()?),
            ["this", number] => {
                policy.node = name(number.parse().ok()?);
                policy.broker = Some(BrokerId(number.parse().ok()?));
            }
            ["headroom", headroom] => policy.headroom = headroom.parse().ok()?,
            ["settle", seconds] => policy.settle = self::seconds(seconds)?,
            ["powers-off"] => policy.powers_off = true,
            ["strict"] => policy.strict = true,
            ["controller", number] => view.controller = Some(BrokerId(number.parse().ok()?)),
            ["broker", number, "missing"] => {
                let node = name(number.parse().ok()?);
                view.brokers.iter_mut().find(|broker| broker.node == node)?.registered = false;
            }
            ["broker", number, "none"] => {
                let node = name(number.parse().ok()?);
                view.brokers.retain(|broker| broker.node != node);
                policy.broker = policy.broker.filter(|_| policy.node != node);
            }
            ["member", number, "none"] => {
                let node = name(number.parse().ok()?);
                view.members.retain(|member| member.node != node);
            }
            ["member", number, state @ ..] => {
                let node = name(number.parse().ok()?);
                view.members.iter_mut().find(|member| member.node == node)?.state = member(state)?;
            }
            ["node", number, state @ ..] => {
                let node = name(number.parse().ok()?);
                let seen = view.nodes.iter_mut().find(|other| other.node == node)?;
                match (state, &mut seen.presence) {
                    (["absent"], presence) => *presence = None,
                    (["gone"], presence) => (*presence, seen.gone) = (None, true),
                    (["powers-off"], Some(presence)) => presence.powers_off = true,
                    (["well", lasting], Some(presence)) => presence.lasting = seconds(lasting)?,
                    (["config", config], Some(presence)) => presence.config = (*config).to_owned(),
                    (["unwell", words @ ..], Some(presence)) => {
                        presence.well = false;
                        presence.words = words.join(" ");
                    }
                    _ => return None,
                }
            }
            ["topic", topic, min, partitions @ ..] => {
                let partitions: Option<Vec<PartitionSeen>> = partitions.iter().map(|text| partition(text)).collect();
                view.topics.push(topic_of(topic, min, partitions?)?);
            }
            ["many", topic, min, count, pattern] => {
                let one = partition(&format!("0:{pattern}"))?;
                let many = (0..count.parse().ok()?).map(|index| PartitionSeen { index, ..one.clone() });
                view.topics.push(topic_of(topic, min, many.collect())?);
            }
            ["power-down", words @ ..] => view.power_down = Some(words.join(" ")),
            ["unread", words @ ..] => view.unread.push(words.join(" ")),
            _ => return None,
        }
        Some(())
    }
}

fn seconds(text: &str) -> Option<Duration> {
    Some(Duration::from_secs(text.strip_suffix('s')?.parse().ok()?))
}

fn member(words: &[&str]) -> Option<MemberState> {
    let role = |word| match word {
        "leader" => Some(QuorumRole::Leader),
        "follower" => Some(QuorumRole::Follower),
        "observer" => Some(QuorumRole::Observer),
        "standalone" => Some(QuorumRole::Standalone),
        _ => None,
    };
    match words {
        ["silent"] => Some(MemberState::Silent),
        ["not-serving"] => Some(MemberState::NotServing),
        [word] => Some(MemberState::Serving { role: role(word)?, zxid: Some(5 << 32 | 100) }),
        [word, "-"] => Some(MemberState::Serving { role: role(word)?, zxid: None }),
        [word, zxid] => {
            let (epoch, counter) = zxid.split_once(':')?;
            let zxid = epoch.parse::<u64>().ok()? << 32 | counter.parse::<u64>().ok()?;
            Some(MemberState::Serving { role: role(word)?, zxid: Some(zxid) })
        }
        _ => None,
    }
}

fn topic_of(topic: &str, min: &str, partitions: Vec<PartitionSeen>) -> Option<TopicSeen> {
    let min_insync = min.strip_prefix("min=")?.parse().ok()?;
    Some(TopicSeen { name: topic.to_owned(), min_insync, partitions })
}

fn partition(text: &str) -> Option<PartitionSeen> {
    let (text, leaderless) = text.strip_suffix('!').map_or((text, false), |text| (text, true));
    let (text, reassigning) = text.strip_suffix('~').map_or((text, false), |text| (text, true));
    let (index, brokers) = text.split_once(':')?;
    let (replicas, in_sync) = brokers.split_once('/')?;
    let ids = |text: &str| -> Option<Vec<BrokerId>> {
        let digits = text.chars().filter(|c| *c != '-');
        digits.map(|c| c.to_digit(10).and_then(|digit| i32::try_from(digit).ok()).map(BrokerId)).collect()
    };
    let in_sync = ids(in_sync)?;
    let leader = in_sync.first().copied().filter(|_| !leaderless);
    Some(PartitionSeen { index: index.parse().ok()?, leader, replicas: ids(replicas)?, in_sync, reassigning })
}
