//! What supervisors share, seen in one look: presence and its age, the lock's age, the roll's turn, and orders to power down.

use std::time::Duration;

use kafka_node::cluster::seat::Seat;
use kafka_node::cluster::zookeeper::ZooKeeperSession;
use kafka_node::gate::RollDoc;
use kafka_node::model::{
    Council, CouncilOutcome, LockSeen, NodeName, PowerDown, Presence, RollMark, RollTurn, RollVerb, TokenOutcome,
};

use crate::ensemble::{LIMIT, Mortal, Room, until};
use crate::lock::{LOCK, seat};
use crate::proxy::{MULTI, Proxy, SET_DATA};

const PRESENCE: &str = "/kafka-node/nodes/kafkanode1";
const NODES: &str = "/kafka-node/nodes";

fn well() -> Presence {
    Presence { well: true, words: "serving; in sync".to_owned(), powers_off: false }
}

fn unwell() -> Presence {
    Presence { well: false, words: "waiting for kafkanode2".to_owned(), powers_off: false }
}

async fn sit(session: &ZooKeeperSession, seat: &Seat, presence: &Presence) -> Council {
    match session.sit(seat, presence, LIMIT).await {
        CouncilOutcome::Seen(council) => council,
        CouncilOutcome::Unread(words) => panic!("unread: {words}"),
    }
}

#[tokio::test]
async fn a_presence_is_written_when_it_changes_and_never_else() {
    let room = Room::new("presence").await;
    let proxy = Proxy::new(room.server).await;
    let session = ZooKeeperSession::new(format!("{}{}", proxy.address, room.chroot));
    let seen = sit(&session, &seat(1), &well()).await;
    assert_eq!(seen, Council { lock: LockSeen::Free, roll: RollTurn::Rest, power_down: None });
    let first = room.stat(PRESENCE).await.expect("a presence");
    assert_ne!(first.ephemeral_owner, 0);
    let (writes, answers) = ((proxy.passed(SET_DATA), proxy.passed(MULTI)), proxy.answered());
    for _ in 0..3 {
        sit(&session, &seat(1), &well()).await;
    }
    assert_eq!(room.stat(PRESENCE).await, Some(first));
    assert_eq!((proxy.passed(SET_DATA), proxy.passed(MULTI)), writes);
    // Five questions a look; a ping may be among the answers.
    assert!((15..=16).contains(&(proxy.answered() - answers)), "{} answers", proxy.answered() - answers);
    sit(&session, &seat(1), &unwell()).await;
    let changed = room.stat(PRESENCE).await.expect("a presence");
    assert_eq!((changed.czxid, changed.version), (first.czxid, 1));
    let (data, _) = room.hand.get_data(PRESENCE).await.expect("a presence");
    let line = String::from_utf8(data).expect("text");
    assert!(line.contains(r#""well":false"#) && line.contains(r#""machine":"machine1""#), "{line}");
}

#[tokio::test]
async fn a_presence_goes_with_its_session_and_one_that_was_left_is_replaced() {
    let room = Room::new("presence-left").await;
    let (left, next) = (room.session(), room.session());
    sit(&left, &seat(1), &well()).await;
    let first = room.stat(PRESENCE).await.expect("a presence");
    // Not closed: it stands until the session expires.
    drop(left);
    sit(&next, &seat(1), &well()).await;
    let second = room.stat(PRESENCE).await.expect("a presence");
    assert_ne!(second.ephemeral_owner, first.ephemeral_owner);
    assert!(second.czxid > first.czxid, "its age begins anew");
    next.close().await;
    until("the presence is gone", async || room.stat(PRESENCE).await.is_none()).await;
    assert_eq!(room.session().presences(LIMIT).await, Ok(vec![]));
}

#[tokio::test]
async fn a_look_without_an_answer_costs_neither_the_session_nor_the_age() {
    let room = Room::new("presence-look").await;
    let proxy = Proxy::new(room.server).await;
    let session = ZooKeeperSession::new(format!("{}{}", proxy.address, room.chroot));
    sit(&session, &seat(1), &well()).await;
    let before = room.stat(PRESENCE).await.expect("a presence");
    proxy.set_open(false);
    let short = Duration::from_millis(200);
    until("the crate has lost the server and looks for another", async || proxy.refused() > 1).await;
    for _ in 0..5 {
        let unread = session.sit(&seat(1), &well(), short).await;
        assert!(matches!(unread, CouncilOutcome::Unread(_)), "{unread:?}");
    }
    proxy.set_open(true);
    until("it is seen again", async || matches!(session.sit(&seat(1), &well(), LIMIT).await, CouncilOutcome::Seen(_)))
        .await;
    assert_eq!(room.stat(PRESENCE).await, Some(before));
}

#[tokio::test]
async fn a_session_that_is_over_is_made_anew() {
    let mut server = Mortal::new();
    let session = ZooKeeperSession::new(server.address.to_string());
    sit(&session, &seat(1), &well()).await;
    // It knows no session of before, and says of each that it has expired.
    server.forget_all();
    until("it is seen again", async || matches!(session.sit(&seat(1), &well(), LIMIT).await, CouncilOutcome::Seen(_)))
        .await;
    let present = session.presences(LIMIT).await.expect("an answer");
    assert!(matches!(&present[..], [Ok(one)] if one.node == seat(1).node), "{present:?}");
}

#[tokio::test]
async fn presences_are_read_with_their_ages_and_leave_nothing_behind() {
    let room = Room::new("presences").await;
    let (one, two) = (room.session(), room.session());
    sit(&one, &seat(1), &well()).await;
    sit(&two, &seat(2), &unwell()).await;
    let reader = room.session();
    let long = Duration::from_millis(120);
    let mut last = Vec::new();
    until("the first has stood for 120 ms", async || {
        let present = reader.presences(LIMIT).await.expect("an answer");
        matches!(&present[0], Ok(one) if one.seen.lasting >= long)
    })
    .await;
    for one in reader.presences(LIMIT).await.expect("an answer") {
        last.push(one.expect("a presence"));
    }
    assert_eq!(last.len(), 2);
    assert!(last[0].seen.lasting >= last[1].seen.lasting, "{last:#?}");
    assert!(last[0].seen.lasting < LIMIT, "{last:#?}");
    assert_eq!((last[0].seen.well, last[1].seen.well), (true, false));
    assert_eq!((last[1].machine.as_str(), last[1].seen.words.as_str()), ("machine2", "waiting for kafkanode2"));
    room.hand.set_data(PRESENCE, b"garbled", None).await.expect("a meddler");
    let words = reader.presences(LIMIT).await.expect("an answer").swap_remove(0).expect_err("garbled");
    assert!(words.contains("kafkanode1"), "{words}");
    sit(&one, &seat(1), &well()).await;
    assert!(reader.presences(LIMIT).await.expect("an answer").iter().all(Result::is_ok), "written again");
    let mut names = room.hand.list_children(NODES).await.expect("the nodes");
    names.sort();
    assert_eq!(names, ["kafkanode1", "kafkanode2"], "the clock leaves nothing");
}

#[tokio::test]
async fn each_sees_the_lock_and_its_holder_sees_its_age() {
    let room = Room::new("council-lock").await;
    let (one, two) = (room.session(), room.session());
    sit(&one, &seat(1), &well()).await;
    assert_eq!(one.take_lock(&seat(1), "reboot", "r7", LIMIT).await, TokenOutcome::Held);
    let theirs = sit(&two, &seat(2), &well()).await.lock;
    assert!(matches!(&theirs, LockSeen::Theirs(words) if words.starts_with("kafkanode1 (reboot")), "{theirs:?}");
    let long = Duration::from_millis(100);
    until("it has been held for 100 ms", async || match sit(&one, &seat(1), &well()).await.lock {
        LockSeen::Ours { this_boot, roll, age, .. } => {
            assert!(this_boot && roll == "r7" && age < LIMIT, "{age:?}");
            age >= long
        }
        other => panic!("{other:?}"),
    })
    .await;
    let next_boot = Seat { boot: "boot-2".to_owned(), ..seat(1) };
    let lock = sit(&one, &next_boot, &well()).await.lock;
    assert!(matches!(lock, LockSeen::Ours { this_boot: false, .. }), "{lock:?}");
    assert_eq!(room.hand.list_children(NODES).await.expect("the nodes").len(), 2, "the clock leaves nothing");
    one.release_lock(&seat(1), LIMIT).await.expect("a release");
    assert_eq!(sit(&two, &seat(2), &well()).await.lock, LockSeen::Free);
    room.hand.set_data(LOCK, b"garbled", None).await.expect("a meddler");
    let unread = two.sit(&seat(2), &well(), LIMIT).await;
    assert!(matches!(&unread, CouncilOutcome::Unread(words) if words.contains(LOCK)), "{unread:?}");
}

#[tokio::test]
async fn each_sees_its_turn_of_the_roll() {
    let room = Room::new("council-roll").await;
    let (one, two) = (room.session(), room.session());
    let order = [1, 2].map(|n| NodeName::new(format!("kafkanode{n}"))).to_vec();
    let roll = RollDoc::plan("r1", RollVerb::Reboot, "ops", "", "2026-01-01T00:00:00Z", order);
    one.begin_roll(roll, LIMIT).await.expect("a roll");
    let (id, verb) = ("r1".to_owned(), RollVerb::Reboot);
    assert_eq!(sit(&one, &seat(1), &well()).await.roll, RollTurn::Begin { id: id.clone(), verb });
    assert_eq!(sit(&two, &seat(2), &well()).await.roll, RollTurn::Rest);
    one.mark_roll(&seat(1), "r1", &RollMark::Began, LIMIT).await;
    let booted = Seat { boot: "boot-2".to_owned(), ..seat(1) };
    let finish = RollTurn::Finish { id: id.clone(), verb, this_boot: false, this_life: false, tries: 1 };
    assert_eq!(sit(&one, &booted, &well()).await.roll, finish);
    one.mark_roll(&booted, "r1", &RollMark::Done, LIMIT).await;
    assert_eq!(sit(&one, &booted, &well()).await.roll, RollTurn::Rest);
    assert_eq!(sit(&two, &seat(2), &well()).await.roll, RollTurn::Begin { id, verb });
}

#[tokio::test]
async fn every_order_to_power_down_has_a_number_of_its_own() {
    let room = Room::new("power-down").await;
    let session = room.session();
    assert_eq!(session.withdraw_power_down(LIMIT).await, Ok(false));
    assert_eq!(sit(&session, &seat(1), &well()).await.power_down, None);
    let mut numbers = Vec::new();
    for because in ["rack moves", "again"] {
        let order = session.order_power_down("ops\u{1b}", because, LIMIT).await.expect("an order");
        let PowerDown { number, words } = &order;
        assert!(words.starts_with("ordered by ops?, since 20") && words.ends_with(&format!("Z: {because}")), "{words}");
        numbers.push(*number);
        assert_eq!(sit(&session, &seat(1), &well()).await.power_down, Some(order));
    }
    assert!(numbers[0] < numbers[1], "{numbers:?}");
    assert_eq!(session.withdraw_power_down(LIMIT).await, Ok(true));
    assert_eq!(sit(&session, &seat(1), &well()).await.power_down, None);
}
