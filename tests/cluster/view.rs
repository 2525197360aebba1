//! The view that the gate judges, of a real cluster that is healthy, that moves replicas, and that lacks a node; and the election
//! that gives leadership back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use kafka_node::cluster::elect;
use kafka_node::cluster::kafka::BrokerClient;
use kafka_node::cluster::kafka_topics::NewTopic;
use kafka_node::cluster::view::gather;
use kafka_node::config::{self, Config, Source};
use kafka_node::gate::{ClusterView, MemberState, PartitionSeen, TopicSeen};
use kafka_node::model::{BrokerId, NodeName, QuorumRole};
use kafka_protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ApiKey, RequestHeader, ResponseHeader,
    TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use nix::sys::signal::Signal;

use crate::bed::{Bed, pid_of, signal};
use crate::{JAVA_11, START, assert_nothing_left, ready, stop_all_cleanly};

const LIMIT: Duration = Duration::from_secs(10);

/// The cluster as node 1 looks at it.
struct Looker {
    config: Config,
    runtime: tokio::runtime::Runtime,
}

impl Looker {
    fn new(bed: &Bed) -> Looker {
        let source = Source { path: bed.config(), node: Some("kafkanode1".to_owned()), host_names: Vec::new() };
        let config = config::load(&source).unwrap_or_else(|errors| panic!("{errors}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Looker { config, runtime }
    }

    fn look(&self) -> ClusterView {
        self.runtime.block_on(gather(&self.config, LIMIT))
    }

    /// Looks until `fact`.
    fn until(&self, what: &str, fact: impl Fn(&ClusterView) -> bool) -> ClusterView {
        let begin = Instant::now();
        loop {
            let view = self.look();
            if fact(&view) {
                return view;
            }
            assert!(begin.elapsed() < START, "not {what}: {view:#?}");
        }
    }

    fn client(&self, broker: BrokerId) -> BrokerClient {
        BrokerClient::new(self.address(broker))
    }

    fn address(&self, broker: BrokerId) -> String {
        format!("127.0.71.{broker}:{}", self.config.kafka.port)
    }

    fn elect(&self) -> Result<usize, String> {
        self.runtime.block_on(elect::preferred(&self.config, LIMIT))
    }
}

fn topic<'a>(view: &'a ClusterView, name: &str) -> &'a TopicSeen {
    view.topics.iter().find(|topic| topic.name == name).unwrap_or_else(|| panic!("no {name}: {view:#?}"))
}

fn partitions(view: &ClusterView) -> impl Iterator<Item = &PartitionSeen> {
    view.topics.iter().flat_map(|topic| &topic.partitions)
}

fn whole(view: &ClusterView) -> bool {
    let well = |partition: &PartitionSeen| {
        partition.leader.is_some() && partition.in_sync.len() == partition.replicas.len() && !partition.reassigning
    };
    view.unread.is_empty() && view.topics.len() >= 3 && partitions(view).all(well)
}

/// How many partitions another than the preferred replica leads.
fn displaced(view: &ClusterView) -> usize {
    partitions(view).filter(|partition| partition.leader != partition.replicas.first().copied()).count()
}

fn states(view: &ClusterView) -> Vec<MemberState> {
    view.members.iter().map(|member| member.state).collect()
}

fn serves(state: &MemberState) -> bool {
    matches!(state, MemberState::Serving { zxid: Some(zxid), .. } if *zxid > 0)
}

#[test]
fn the_view_shows_what_is_wounded_and_an_election_gives_leadership_back() {
    let mut bed = Bed::new("127.0.71", 3, JAVA_11, "[kafka.properties]\n\"auto.leader.rebalance.enable\" = false\n");
    [1, 2, 3].iter().for_each(|n| bed.start(*n));
    [1, 2, 3].iter().for_each(|n| drop(bed.until(*n, "ready", START, ready)));
    let looker = Looker::new(&bed);
    let controller = looker.until("a controller", |view| view.controller.is_some()).controller.expect("seen");
    make_topics(&looker, controller);
    healthy(&looker);
    moving(&bed, &looker, controller);
    bed.terminate(3);
    bed.ended(3, START);
    lacking_node_3(&looker);
    bed.start(3);
    bed.until(3, "ready again", START, ready);
    let back = looker.until("whole again", whole);
    let due = displaced(&back);
    assert!(due > 0, "{back:#?}");
    assert_eq!(looker.elect(), Ok(due));
    looker.until("led by the preferred", |view| whole(view) && displaced(view) == 0);
    assert_eq!(looker.elect(), Ok(0), "there is nothing to do");
    stop_all_cleanly(&mut bed, &[1, 2, 3]);
    assert_nothing_left(&bed);
    unread(&looker.config, &looker.look());
}

fn make_topics(looker: &Looker, controller: BrokerId) {
    let mut client = looker.client(controller);
    let topics: [(_, i16, &[_]); 3] =
        [("spread", 3, &[]), ("alone", 1, &[]), ("strict", 3, &[("min.insync.replicas", "3")])];
    for (name, replicas, configs) in topics {
        let topic = NewTopic { name, partitions: 6, replicas, configs };
        looker.runtime.block_on(client.create_topic(&topic, LIMIT)).expect("a topic");
    }
}

fn healthy(looker: &Looker) {
    let view = looker.until("whole", whole);
    assert!(view.brokers.iter().all(|broker| broker.registered) && view.brokers.len() == 3, "{view:#?}");
    assert_eq!(["spread", "alone", "strict"].map(|name| topic(&view, name).min_insync), [1, 1, 3]);
    assert_eq!(["spread", "alone"].map(|name| topic(&view, name).partitions[0].replicas.len()), [3, 1]);
    assert!(view.members.len() == 3 && states(&view).iter().all(serves), "{view:#?}");
    let leads = |state: &MemberState| matches!(state, MemberState::Serving { role: QuorumRole::Leader, .. });
    assert_eq!(states(&view).into_iter().filter(leads).count(), 1, "{view:#?}");
    let nodes: Vec<&NodeName> = view.nodes.iter().map(|node| &node.node).collect();
    assert_eq!(nodes, [&NodeName::new("kafkanode2"), &NodeName::new("kafkanode3")]);
    assert_eq!(view.power_down, None);
}

/// A replica moves to a broker that is frozen meanwhile, so that the moving lasts as long as the look.
fn moving(bed: &Bed, looker: &Looker, controller: BrokerId) {
    let victim = if controller == BrokerId(3) { BrokerId(2) } else { BrokerId(3) };
    let before = looker.look();
    let moved = topic(&before, "alone").partitions.iter().find(|p| !p.replicas.contains(&victim)).expect("one").index;
    let status = bed.status(usize::try_from(victim.0).expect("a node"));
    let pid = u32::try_from(pid_of(&status, "kafka").expect("a broker")).expect("a pid");
    signal(pid, Signal::SIGSTOP);
    let answer = std::panic::catch_unwind(|| {
        reassign(&looker.address(controller), "alone", moved, victim);
        looker.look()
    });
    signal(pid, Signal::SIGCONT);
    let view = answer.unwrap_or_else(|_| panic!("not reassigned\n{}", bed.story(1)));
    assert!(view.unread.is_empty(), "{view:#?}");
    let reassigning: Vec<i32> =
        topic(&view, "alone").partitions.iter().filter(|p| p.reassigning).map(|p| p.index).collect();
    assert_eq!(reassigning, [moved], "{view:#?}");
    assert_eq!(partitions(&view).filter(|partition| partition.reassigning).count(), 1, "{view:#?}");
    looker.until("moved", |view| {
        let partition = topic(view, "alone").partitions.iter().find(|partition| partition.index == moved);
        whole(view) && partition.is_some_and(|partition| partition.replicas == [victim])
    });
}

fn lacking_node_3(looker: &Looker) {
    let gone = BrokerId(3);
    // While the others elect a leader of the ensemble, what stands in ZooKeeper is unread.
    let view = looker.until("seen without node 3", |view| {
        let alone = topic(view, "alone").partitions.iter().filter(|p| p.replicas == [gone]).all(|p| p.leader.is_none());
        view.unread.is_empty()
            && alone
            && partitions(view).all(|partition| partition.replicas.len() == 1 || !partition.in_sync.contains(&gone))
    });
    assert_eq!(view.brokers.iter().map(|broker| broker.registered).collect::<Vec<_>>(), [true, true, false]);
    let states = states(&view);
    assert!(serves(&states[0]) && serves(&states[1]) && states[2] == MemberState::Silent, "{view:#?}");
    let spread = &topic(&view, "spread").partitions;
    assert!(spread.iter().all(|p| p.replicas.len() == 3 && p.in_sync.len() == 2 && p.leader.is_some()), "{spread:#?}");
}

/// Nothing answers any more: each part says so, and the nodes are still named.
fn unread(config: &Config, view: &ClusterView) {
    assert_eq!(view.unread.len(), 2, "{view:#?}");
    assert!(view.unread[0].starts_with("no broker answers: ApiVersions at "), "{view:#?}");
    assert!(view.unread[1].contains("in ZooKeeper"), "{view:#?}");
    assert_eq!(view.brokers.len(), config.broker_count());
    assert_eq!(states(view), [MemberState::Silent; 3]);
}

/// Only tests move replicas: kafka-node never does.
fn reassign(controller: &str, topic: &str, partition: i32, to: BrokerId) {
    const VERSION: i16 = 0;
    let replicas = vec![kafka_protocol::messages::BrokerId(to.0)];
    let partition = ReassignablePartition::default().with_partition_index(partition).with_replicas(Some(replicas));
    let topic = ReassignableTopic::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partitions(vec![partition]);
    let request = AlterPartitionReassignmentsRequest::default().with_timeout_ms(10_000).with_topics(vec![topic]);
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::AlterPartitionReassignments as i16)
        .with_request_api_version(VERSION)
        .with_client_id(Some(StrBytes::from_static_str("test")));
    let mut content = BytesMut::new();
    header.encode(&mut content, 2).expect("a header");
    request.encode(&mut content, VERSION).expect("a request");
    let mut stream = TcpStream::connect(controller).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream.write_all(&u32::try_from(content.len()).expect("short").to_be_bytes()).expect("sent");
    stream.write_all(&content).expect("sent");
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("an answer");
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("an answer");
    let mut answer = answer.as_slice().copy_to_bytes(answer.len());
    ResponseHeader::decode(&mut answer, 1).expect("a header");
    let answer = AlterPartitionReassignmentsResponse::decode(&mut answer, VERSION).expect("an answer");
    assert_eq!(answer.error_code, 0, "{answer:?}");
    assert!(answer.responses.iter().flat_map(|topic| &topic.partitions).all(|p| p.error_code == 0), "{answer:?}");
}
