//! In which order nodes take their turns.

use kafka_node::gate::order;
use kafka_node::model::NodeName;

use super::written::{name, read};

#[track_caller]
fn check(lines: &[&str], expected: &str) {
    let written = read(lines);
    let count = lines.iter().find_map(|line| line.strip_prefix("nodes ")?.parse().ok()).expect("how many nodes");
    let nodes: Vec<NodeName> = (1..=count).map(name).collect();
    let ordered: Vec<String> = order(&written.view, &nodes).iter().map(NodeName::to_string).collect();
    assert_eq!(ordered.join(" "), expected);
}

#[test]
fn the_controller_goes_last_and_the_leader_before_it() {
    check(&["nodes 3"], "n2 n3 n1");
    check(&["nodes 5", "controller 2"], "n1 n3 n4 n5 n2");
    check(&["nodes 5", "controller 3", "member 1 leader", "member 5 follower"], "n2 n4 n5 n1 n3");
    check(&["nodes 3", "controller 3"], "n1 n2 n3");
}

#[test]
fn what_ails_goes_first() {
    check(&["nodes 3", "broker 3 missing"], "n3 n2 n1");
    check(&["nodes 3", "node 3 absent"], "n3 n2 n1");
    check(&["nodes 3", "node 2 unwell starting", "controller 2"], "n2 n1 n3");
    check(&["nodes 3", "member 1 not-serving"], "n1 n2 n3");
    check(&["nodes 3", "member 1 silent", "broker 2 missing"], "n1 n2 n3");
    check(&["nodes 3", "topic t min=1 0:123/123 1:312/12"], "n3 n2 n1");
    check(&["nodes 3", "topic t min=1 0:123/23"], "n1 n2 n3");
}

#[test]
fn roles_that_are_not_there_do_not_matter() {
    check(&["nodes 3", "broker 1 none", "broker 2 none", "controller 3", "member 3 none"], "n1 n2 n3");
    check(&["nodes 1"], "n1");
    check(&["nodes 3", "controller 9"], "n1 n2 n3");
    assert_eq!(order(&read(&["nodes 3"]).view, &[]), Vec::<NodeName>::new());
}
