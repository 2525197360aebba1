//! The lock: one holder, whatever races; it outlives sessions and servers, and nobody gives it back but its holder or a person.

use std::time::Duration;

use kafka_node::cluster::seat::Seat;
use kafka_node::cluster::zookeeper::ZooKeeperSession;
use kafka_node::model::{NodeName, TokenOutcome};
use zookeeper_client::{Acls, Client, CreateMode};

use crate::ensemble::{LIMIT, Mortal, Room, until};
use crate::proxy::{Proxy, SET_DATA};

pub const LOCK: &str = "/kafka-node/lock";

/// Node `n` on a machine of its own.
pub fn seat(n: u32) -> Seat {
    Seat {
        node: NodeName::new(format!("kafkanode{n}")),
        machine: format!("machine{n}"),
        boot: "boot-1".to_owned(),
        life: "life-1".to_owned(),
        version: "0.1.0".to_owned(),
        config: "00ff".to_owned(),
    }
}

async fn take(session: &ZooKeeperSession, seat: &Seat) -> TokenOutcome {
    session.take_lock(seat, "reboot", "", LIMIT).await
}

fn is_taken_by(outcome: &TokenOutcome, node: &str) -> bool {
    matches!(outcome, TokenOutcome::Taken(words) if words.starts_with(node) && words.contains("reboot"))
}

async fn holders(session: &ZooKeeperSession) -> Vec<String> {
    session.read_lock(LIMIT).await.expect("the lock").holders.into_iter().map(|holder| holder.node).collect()
}

#[tokio::test]
async fn lock_has_one_holder_whoever_races_for_it() {
    let room = Room::new("lock-race").await;
    let seats = [seat(1), seat(2), seat(3)];
    let sessions = [room.session(), room.session(), room.session()];
    let mut winners = Vec::new();
    for round in 0..25 {
        let outcomes: [TokenOutcome; 3] =
            tokio::join!(take(&sessions[0], &seats[0]), take(&sessions[1], &seats[1]), take(&sessions[2], &seats[2]))
                .into();
        let held: Vec<usize> = (0..3).filter(|n| outcomes[*n] == TokenOutcome::Held).collect();
        let [winner] = held[..] else { panic!("round {round}: {outcomes:?}") };
        let name = seats[winner].node.as_str();
        assert_eq!(holders(&sessions[0]).await, [name], "round {round}");
        let others = (0..3).filter(|n| *n != winner);
        assert!(others.clone().all(|n| is_taken_by(&outcomes[n], name)), "round {round}: {outcomes:?}");
        // Nobody else's release takes it away.
        for other in others {
            sessions[other].release_lock(&seats[other], LIMIT).await.expect("nothing to do");
        }
        assert_eq!(holders(&sessions[0]).await, [name], "round {round}");
        sessions[winner].release_lock(&seats[winner], LIMIT).await.expect("a release");
        assert!(holders(&sessions[0]).await.is_empty(), "round {round}");
        winners.push(winner);
    }
    assert_eq!(winners.len(), 25);
}

#[tokio::test]
async fn a_taking_on_a_version_of_the_past_takes_nothing() {
    let room = Room::new("lock-past").await;
    let proxy = Proxy::new(room.server).await;
    let slow = ZooKeeperSession::new(format!("{}{}", proxy.address, room.chroot));
    let quick = room.session();
    // Made, so that the next writing is the taking itself.
    assert_eq!(take(&quick, &seat(2)).await, TokenOutcome::Held);
    quick.release_lock(&seat(2), LIMIT).await.expect("a release");
    let mut held = proxy.hold(SET_DATA);
    let (one, two) = (seat(1), seat(2));
    let meanwhile = async {
        held.arrived().await;
        assert_eq!(take(&quick, &two).await, TokenOutcome::Held);
        held.pass();
    };
    let (outcome, ()) = tokio::join!(take(&slow, &one), meanwhile);
    assert!(is_taken_by(&outcome, "kafkanode2"), "{outcome:?}");
    assert_eq!(holders(&quick).await, ["kafkanode2"]);
}

#[tokio::test]
async fn lock_survives_its_holders_session_and_boot_and_the_servers() {
    let mut server = Mortal::new();
    let session = || ZooKeeperSession::new(server.address.to_string());
    let first = session();
    assert_eq!(take(&first, &seat(1)).await, TokenOutcome::Held);
    let before = first.read_lock(LIMIT).await.expect("the lock");
    first.close().await;
    let other = session();
    assert!(is_taken_by(&take(&other, &seat(2)).await, "kafkanode1"));
    drop((other, session));
    server.restart();
    let session = ZooKeeperSession::new(server.address.to_string());
    assert!(is_taken_by(&take(&session, &seat(2)).await, "kafkanode1"));
    assert_eq!(session.read_lock(LIMIT).await.expect("the lock"), before);
    // The same node in its next boot: it is its own, since the same time.
    let next_boot = Seat { boot: "boot-2".to_owned(), life: "life-9".to_owned(), ..seat(1) };
    assert_eq!(take(&session, &next_boot).await, TokenOutcome::Held);
    let after = session.read_lock(LIMIT).await.expect("the lock");
    assert_eq!((after.holders[0].boot.as_str(), &after.holders[0].since), ("boot-2", &before.holders[0].since));
    session.release_lock(&next_boot, LIMIT).await.expect("a release");
    assert_eq!(take(&session, &seat(2)).await, TokenOutcome::Held);
}

#[tokio::test]
async fn only_its_machine_and_node_give_it_back_or_a_person_who_says_why() {
    let room = Room::new("lock-back").await;
    let session = room.session();
    assert_eq!(session.release_lock(&seat(1), LIMIT).await, Ok(()), "there is none yet");
    assert_eq!(take(&session, &seat(1)).await, TokenOutcome::Held);
    let version = room.stat(LOCK).await.expect("the lock").version;
    assert_eq!(take(&session, &seat(1)).await, TokenOutcome::Held, "again");
    assert_eq!(room.stat(LOCK).await.expect("the lock").version, version, "and nothing is written for it");
    let same_name = Seat { machine: "machine9".to_owned(), ..seat(1) };
    let same_machine = Seat { node: NodeName::new("kafkanode9"), ..seat(1) };
    for stranger in [&same_name, &same_machine] {
        assert!(is_taken_by(&take(&session, stranger).await, "kafkanode1"), "{stranger:?}");
        assert_eq!(session.release_lock(stranger, LIMIT).await, Ok(()));
        assert_eq!(holders(&session).await, ["kafkanode1"], "{stranger:?}");
    }
    let (one, two) = (NodeName::new("kafkanode1"), NodeName::new("kafkanode2"));
    let refused = session.force_release(&two, "ops", "it burnt down", LIMIT).await;
    assert_eq!(refused, Err("kafkanode2 does not hold the lock".to_owned()));
    assert!(session.force_release(&one, "ops", " ", LIMIT).await.is_err_and(|words| words.contains("reason")));
    assert_eq!(holders(&session).await, ["kafkanode1"]);
    let holder = session.force_release(&one, "ops", "it burnt down", LIMIT).await.expect("a release");
    assert_eq!((holder.node.as_str(), holder.machine.as_str()), ("kafkanode1", "machine1"));
    assert!(holders(&session).await.is_empty());
}

#[tokio::test]
async fn what_is_not_understood_is_never_written_over() {
    let room = Room::new("lock-garbled").await;
    let session = room.session();
    assert_eq!(take(&session, &seat(1)).await, TokenOutcome::Held);
    for garbled in ["garbled", "{}", r#"{"v":2,"holders":[]}"#] {
        let stat = room.hand.set_data(LOCK, garbled.as_bytes(), None).await.expect("a meddler");
        let outcome = take(&session, &seat(1)).await;
        assert!(matches!(&outcome, TokenOutcome::Unreadable(words) if words.contains(LOCK)), "{outcome:?}");
        assert!(session.release_lock(&seat(1), LIMIT).await.is_err());
        assert!(session.read_lock(LIMIT).await.is_err());
        let one = NodeName::new("kafkanode1");
        assert!(session.force_release(&one, "ops", "it burnt down", LIMIT).await.is_err());
        assert_eq!(room.stat(LOCK).await.expect("the lock").version, stat.version, "{garbled}");
    }
    room.hand.set_data(LOCK, b"", None).await.expect("a person");
    assert_eq!(take(&session, &seat(2)).await, TokenOutcome::Held, "empty is free");
}

#[tokio::test]
async fn without_an_ensemble_or_leave_the_lock_is_not_taken() {
    let room = Room::new("lock-none").await;
    let proxy = Proxy::new(room.server).await;
    let session = ZooKeeperSession::new(format!("{}{}", proxy.address, room.chroot));
    proxy.set_open(false);
    let short = Duration::from_millis(300);
    let outcome = session.take_lock(&seat(1), "reboot", "", short).await;
    assert!(matches!(outcome, TokenOutcome::Unreadable(_)), "{outcome:?}");
    proxy.set_open(true);
    until("it is taken", async || take(&session, &seat(1)).await == TokenOutcome::Held).await;
    let client = Client::connect(&room.connect_string()).await.expect("a session");
    client.delete(LOCK, None).await.expect("a meddler");
    let read_only = CreateMode::Persistent.with_acls(Acls::anyone_read());
    client.create(LOCK, b"", &read_only).await.expect("a meddler");
    let outcome = take(&session, &seat(1)).await;
    assert!(matches!(outcome, TokenOutcome::Unreadable(_)), "{outcome:?}");
}
