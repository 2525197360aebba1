//! Fencing: what it removes, what it leaves alone, and what may happen between its steps.

use std::time::Duration;

use kafka_node::cluster::fence::Fencing;
use kafka_node::cluster::zookeeper::{Registrations, ZooKeeperSession};
use kafka_node::model::{BrokerId, FenceOutcome, RegistrationOutcome, SessionId};
use zookeeper_client::{Acls, CreateMode};

use crate::ensemble::{CONTROLLER, DATA, LIMIT, REGISTRATION, Room, until};
use crate::proxy::{MULTI, Proxy, SET_DATA};

const BROKER: BrokerId = BrokerId(1);

/// The session under test, its requests passing through a proxy.
async fn through_a_proxy(room: &Room) -> (Proxy, ZooKeeperSession) {
    let proxy = Proxy::new(room.server).await;
    let session = ZooKeeperSession::new(format!("{}{}", proxy.address, room.chroot));
    (proxy, session)
}

#[tokio::test]
async fn both_znodes_of_a_dead_session_are_removed() {
    let room = Room::new("both").await;
    let broker = room.broker().await;
    broker.register().await;
    broker.lead().await;
    let outcome = room.session().fence(BROKER, broker.session(), LIMIT).await;
    assert_eq!(outcome, FenceOutcome::Removed { controller: true });
    assert_eq!((room.owner(REGISTRATION).await, room.owner(CONTROLLER).await), (None, None));
    // Asked again, there is nothing more to do.
    assert_eq!(room.session().fence(BROKER, broker.session(), LIMIT).await, FenceOutcome::Gone);
}

#[tokio::test]
async fn a_controller_of_another_session_stays() {
    let room = Room::new("controller-of-another").await;
    let (broker, other) = (room.broker().await, room.broker().await);
    broker.register().await;
    other.lead().await;
    let outcome = room.session().fence(BROKER, broker.session(), LIMIT).await;
    assert_eq!(outcome, FenceOutcome::Removed { controller: false });
    assert_eq!((room.owner(REGISTRATION).await, room.owner(CONTROLLER).await), (None, Some(other.session())));
}

#[tokio::test]
async fn a_registration_of_another_session_is_not_touched() {
    let room = Room::new("foreign").await;
    let broker = room.broker().await;
    broker.register().await;
    let before = room.stat(REGISTRATION).await;
    for not_it in [SessionId(broker.session().0 + 1), SessionId(1)] {
        let outcome = room.session().fence(BROKER, not_it, LIMIT).await;
        assert_eq!(outcome, FenceOutcome::Foreign(broker.session()));
    }
    assert_eq!(room.stat(REGISTRATION).await, before);
}

#[tokio::test]
async fn what_no_session_owns_is_not_touched() {
    let room = Room::new("persistent").await;
    room.hand.create(REGISTRATION, DATA, &CreateMode::Persistent.with_acls(Acls::anyone_all())).await.expect("a znode");
    let before = room.stat(REGISTRATION).await;
    for session in [SessionId(0), SessionId(7)] {
        let outcome = room.session().fence(BROKER, session, LIMIT).await;
        assert_eq!(outcome, FenceOutcome::Foreign(SessionId(0)));
    }
    assert_eq!(room.stat(REGISTRATION).await, before);
}

#[tokio::test]
async fn a_controller_that_is_left_alone_of_its_session_is_removed() {
    let room = Room::new("controller-alone").await;
    let (broker, other) = (room.broker().await, room.broker().await);
    broker.lead().await;
    assert_eq!(room.session().fence(BROKER, other.session(), LIMIT).await, FenceOutcome::Gone);
    assert_eq!(room.owner(CONTROLLER).await, Some(broker.session()));
    let outcome = room.session().fence(BROKER, broker.session(), LIMIT).await;
    assert_eq!(outcome, FenceOutcome::Removed { controller: true });
    assert_eq!(room.owner(CONTROLLER).await, None);
}

#[tokio::test]
async fn an_acl_that_forbids_it_is_told_apart() {
    let room = Room::new("refused").await;
    let broker = room.broker().await;
    let read_only = CreateMode::Ephemeral.with_acls(Acls::anyone_read());
    broker.0.create(REGISTRATION, DATA, &read_only).await.expect("a registration");
    let session = room.session();
    let outcome = session.fence(BROKER, broker.session(), LIMIT).await;
    assert!(matches!(&outcome, FenceOutcome::Refused(words) if words.contains(REGISTRATION)), "{outcome:?}");
    // The session is none the worse for it.
    let seen = session.registration(BROKER, LIMIT).await;
    assert!(matches!(seen, RegistrationOutcome::Held { session, .. } if session == broker.session()), "{seen:?}");
}

#[tokio::test]
async fn a_version_that_moved_is_read_again() {
    let room = Room::new("moved").await;
    let broker = room.broker().await;
    broker.register().await;
    let (proxy, session) = through_a_proxy(&room).await;
    for op in [SET_DATA, MULTI] {
        let mut held = proxy.hold(op);
        let meddle = async {
            held.arrived().await;
            room.hand.set_data(REGISTRATION, DATA, None).await.expect("somebody's write");
            held.pass();
        };
        let (outcome, ()) = tokio::join!(session.fence(BROKER, broker.session(), LIMIT), meddle);
        assert_eq!(outcome, FenceOutcome::Removed { controller: false });
        assert_eq!(room.owner(REGISTRATION).await, None);
        broker.register().await;
    }
}

#[tokio::test]
async fn an_expiry_between_two_steps_is_no_failure() {
    for (name, op) in [("expiry-before-stamp", SET_DATA), ("expiry-before-removal", MULTI)] {
        let room = Room::new(name).await;
        let broker = room.broker().await;
        broker.register().await;
        broker.lead().await;
        let (proxy, session) = through_a_proxy(&room).await;
        let dead = broker.session();
        let mut held = proxy.hold(op);
        let expire = async {
            held.arrived().await;
            broker.end(&room, REGISTRATION).await;
            held.pass();
        };
        let (outcome, ()) = tokio::join!(session.fence(BROKER, dead, LIMIT), expire);
        assert_eq!(outcome, FenceOutcome::Gone, "{name}");
    }
}

#[tokio::test]
async fn a_registration_made_between_stamp_and_removal_stays() {
    let room = Room::new("registered-anew").await;
    let (broker, next) = (room.broker().await, room.broker().await);
    broker.register().await;
    let (proxy, session) = through_a_proxy(&room).await;
    let dead = broker.session();
    let mut held = proxy.hold(MULTI);
    let register = async {
        held.arrived().await;
        broker.end(&room, REGISTRATION).await;
        next.register().await;
        held.pass();
    };
    let (outcome, ()) = tokio::join!(session.fence(BROKER, dead, LIMIT), register);
    assert_eq!(outcome, FenceOutcome::Foreign(next.session()));
    assert_eq!(room.owner(REGISTRATION).await, Some(next.session()));
}

#[tokio::test]
async fn a_removal_that_arrives_late_misses_a_new_registration() {
    let room = Room::new("late").await;
    let (broker, next) = (room.broker().await, room.broker().await);
    broker.register().await;
    let (proxy, session) = through_a_proxy(&room).await;
    let dead = broker.session();
    let mut held = proxy.hold(MULTI);
    // Warm, so that the short limit is for the fence alone.
    session.brokers(LIMIT).await.expect("an answer");
    let outcome = session.fence(BROKER, dead, Duration::from_millis(800)).await;
    assert!(matches!(&outcome, FenceOutcome::Failed(words) if words.contains("in time")), "{outcome:?}");
    held.arrived().await;
    broker.end(&room, REGISTRATION).await;
    next.register().await;
    let before = room.stat(REGISTRATION).await;
    let answered = proxy.answered();
    held.pass();
    until("the late removal is answered", async || proxy.answered() > answered).await;
    assert_eq!(proxy.passed(MULTI), 1);
    assert_eq!(room.stat(REGISTRATION).await, before);
}

#[tokio::test]
async fn a_controller_elected_meanwhile_stays_though_its_version_is_the_same() {
    let room = Room::new("elected-anew").await;
    let (broker, next) = (room.broker().await, room.broker().await);
    broker.register().await;
    broker.lead().await;
    let (proxy, session) = through_a_proxy(&room).await;
    let mut held = proxy.hold(MULTI);
    let elect = async {
        held.arrived().await;
        room.hand.delete(CONTROLLER, None).await.expect("somebody's removal");
        next.lead().await;
        held.pass();
    };
    let (outcome, ()) = tokio::join!(session.fence(BROKER, broker.session(), LIMIT), elect);
    assert_eq!(outcome, FenceOutcome::Removed { controller: false });
    assert_eq!(room.owner(CONTROLLER).await, Some(next.session()));
}

#[tokio::test]
async fn what_was_queued_without_a_server_is_never_sent_once_given_up() {
    let room = Room::new("queued").await;
    let broker = room.broker().await;
    broker.register().await;
    let (proxy, session) = through_a_proxy(&room).await;
    session.brokers(LIMIT).await.expect("an answer");
    proxy.set_open(false);
    until("the crate has lost the server and looks for another", async || proxy.refused() > 1).await;
    let outcome = session.fence(BROKER, broker.session(), Duration::from_millis(300)).await;
    assert!(matches!(&outcome, FenceOutcome::Failed(words) if words.contains("in time")), "{outcome:?}");
    let connections = proxy.accepted();
    proxy.set_open(true);
    // The crate's own task would be back within milliseconds, and send what it has.
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(proxy.accepted(), connections, "a session that was given up is back");
    }
    assert_eq!((proxy.passed(SET_DATA), proxy.passed(MULTI)), (0, 0));
    // And the next call is served by a new session.
    let outcome = session.fence(BROKER, broker.session(), LIMIT).await;
    assert_eq!(outcome, FenceOutcome::Removed { controller: false });
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_the_session_along() {
    let room = Room::new("dropped").await;
    let broker = room.broker().await;
    broker.register().await;
    let (proxy, session) = through_a_proxy(&room).await;
    let mut held = proxy.hold(SET_DATA);
    tokio::select! {
        outcome = session.fence(BROKER, broker.session(), LIMIT) => panic!("ended: {outcome:?}"),
        () = held.arrived() => {}
    }
    until("the connection is ended", async || proxy.ended() == 1).await;
    drop(held);
    let stat = room.stat(REGISTRATION).await.expect("the registration stands");
    assert_eq!((stat.version, proxy.passed(MULTI)), (1, 0));
    let outcome = session.fence(BROKER, broker.session(), LIMIT).await;
    assert_eq!(outcome, FenceOutcome::Removed { controller: false });
}
