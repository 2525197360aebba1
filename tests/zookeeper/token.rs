//! The restart token: one holder at a time, and what ends a holding.

use std::time::{Duration, Instant};

use kafka_node::cluster::token::RestartToken;
use kafka_node::cluster::zookeeper::ZooKeeperSession;
use kafka_node::model::{NodeName, TokenOutcome};

use crate::ensemble::{LIMIT, Room, until};
use crate::proxy::{MULTI, Proxy};

const TOKEN: &str = "/kafka-node/restart";

fn node(n: u32) -> NodeName {
    NodeName::new(format!("kafkanode{n}"))
}

#[tokio::test]
async fn one_node_has_the_token_and_the_other_hears_its_name() {
    let room = Room::new("token-taken").await;
    let (one, two) = (room.session(), room.session());
    assert!(!one.token_held(LIMIT).await, "nothing was taken");
    assert_eq!(one.take_token(&node(1), "it hangs", LIMIT).await, TokenOutcome::Held);
    assert_eq!(one.take_token(&node(1), "it hangs", LIMIT).await, TokenOutcome::Held, "again");
    assert_eq!(two.take_token(&node(2), "it hangs too", LIMIT).await, TokenOutcome::Taken("kafkanode1".into()));
    assert!(one.token_held(LIMIT).await);
    assert!(!two.token_held(LIMIT).await);
    let (data, _) = room.hand.get_data(TOKEN).await.expect("the token");
    let line = String::from_utf8(data).expect("text");
    assert!(line.contains(r#""node":"kafkanode1""#) && line.contains(r#""reason":"it hangs""#), "{line}");
    // What another holds is not given back.
    assert_eq!(two.release_token(&node(2), LIMIT).await, Ok(()));
    assert!(one.token_held(LIMIT).await);
    assert_eq!(one.release_token(&node(1), LIMIT).await, Ok(()));
    assert!(!one.token_held(LIMIT).await);
    assert_eq!(one.release_token(&node(1), LIMIT).await, Ok(()), "again");
    assert_eq!(two.take_token(&node(2), "it hangs too", LIMIT).await, TokenOutcome::Held);
}

#[tokio::test]
async fn what_an_older_session_of_the_same_node_took_is_replaced_and_given_back() {
    let room = Room::new("token-older").await;
    let (older, newer) = (room.session(), room.session());
    assert_eq!(older.take_token(&node(1), "it hangs", LIMIT).await, TokenOutcome::Held);
    assert_eq!(newer.take_token(&node(1), "it hangs still", LIMIT).await, TokenOutcome::Held);
    assert!(newer.token_held(LIMIT).await);
    assert!(!older.token_held(LIMIT).await);
    assert_eq!(older.release_token(&node(1), LIMIT).await, Ok(()), "by the name, through whatever session");
    assert_eq!(room.owner(TOKEN).await, None);
}

#[tokio::test]
async fn the_token_ends_with_its_session() {
    let room = Room::new("token-ends").await;
    let (one, two) = (room.session(), room.session());
    assert_eq!(one.take_token(&node(1), "it hangs", LIMIT).await, TokenOutcome::Held);
    let begin = Instant::now();
    one.close().await;
    until("the token is gone", async || room.owner(TOKEN).await.is_none()).await;
    assert!(begin.elapsed() < Duration::from_secs(8), "it was left to the expiry of the session, 10 s");
    assert_eq!(two.take_token(&node(2), "it hangs", LIMIT).await, TokenOutcome::Held);
}

#[tokio::test]
async fn a_token_that_was_taken_meanwhile_is_not_replaced() {
    let room = Room::new("token-meanwhile").await;
    let (older, other) = (room.session(), room.session());
    let proxy = Proxy::new(room.server).await;
    let newer = ZooKeeperSession::new(format!("{}{}", proxy.address, room.chroot));
    assert_eq!(older.take_token(&node(1), "it hangs", LIMIT).await, TokenOutcome::Held);
    let mut held = proxy.hold(MULTI);
    let (reason, second) = ("it hangs", node(2));
    let meanwhile = async {
        held.arrived().await;
        older.close().await;
        until("the older token is gone", async || room.owner(TOKEN).await.is_none()).await;
        assert_eq!(other.take_token(&second, reason, LIMIT).await, TokenOutcome::Held);
        held.pass();
    };
    let first = node(1);
    let (outcome, ()) = tokio::join!(newer.take_token(&first, reason, LIMIT), meanwhile);
    assert_eq!(outcome, TokenOutcome::Taken("kafkanode2".into()));
    assert!(other.token_held(LIMIT).await);
}

#[tokio::test]
async fn two_that_take_it_at_once_never_both_have_it() {
    let room = Room::new("token-at-once").await;
    let sessions = [room.session(), room.session()];
    let nodes = [node(1), node(2)];
    for round in 0..10 {
        let (one, two) = tokio::join!(
            sessions[0].take_token(&nodes[0], "it hangs", LIMIT),
            sessions[1].take_token(&nodes[1], "it hangs", LIMIT)
        );
        let held = [&one, &two].iter().filter(|outcome| ***outcome == TokenOutcome::Held).count();
        assert_eq!(held, 1, "round {round}: {one:?}, {two:?}");
        for (session, node) in sessions.iter().zip(&nodes) {
            session.release_token(node, LIMIT).await.expect("a release");
        }
    }
}

#[tokio::test]
async fn a_look_without_an_answer_says_no_and_does_not_cost_the_token() {
    let room = Room::new("token-look").await;
    let proxy = Proxy::new(room.server).await;
    let session = ZooKeeperSession::new(format!("{}{}", proxy.address, room.chroot));
    assert_eq!(session.take_token(&node(1), "it hangs", LIMIT).await, TokenOutcome::Held);
    proxy.set_open(false);
    until("it is not sure any more", async || !session.token_held(Duration::from_millis(200)).await).await;
    proxy.set_open(true);
    until("the same session is back", async || session.token_held(LIMIT).await).await;
}
