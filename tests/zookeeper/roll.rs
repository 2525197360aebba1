//! The roll: its marks are made on the version that was read, so two nodes never both begin.

use kafka_node::cluster::seat::Seat;
use kafka_node::cluster::zookeeper::ZooKeeperSession;
use kafka_node::gate::{RollDoc, RollState, StepState};
use kafka_node::model::{MarkOutcome, NodeName, RollMark, RollVerb};

use crate::ensemble::{LIMIT, Room};
use crate::lock::seat;
use crate::proxy::{Proxy, SET_DATA};

const ROLL: &str = "/kafka-node/roll";

fn plan(id: &str) -> RollDoc {
    let order = [1, 2, 3].map(|n| NodeName::new(format!("kafkanode{n}"))).to_vec();
    RollDoc::plan(id, RollVerb::Restart, "ops", "new heap", "2026-01-01T00:00:00Z", order)
}

async fn mark(session: &ZooKeeperSession, n: u32, mark: RollMark) -> MarkOutcome {
    session.mark_roll(&seat(n), "r1", &mark, LIMIT).await
}

async fn roll(session: &ZooKeeperSession) -> RollDoc {
    session.read_roll(LIMIT).await.expect("an answer").expect("a roll")
}

fn under_way(roll: &RollDoc) -> usize {
    roll.steps.iter().filter(|step| matches!(step.state, StepState::Began { .. })).count()
}

#[tokio::test]
async fn nodes_that_mark_at_once_never_both_begin_and_each_is_touched_once() {
    let room = Room::new("roll-at-once").await;
    let sessions = [room.session(), room.session(), room.session()];
    assert_eq!(sessions[0].read_roll(LIMIT).await, Ok(None));
    assert!(matches!(mark(&sessions[0], 1, RollMark::Began).await, MarkOutcome::Refused(_)), "there is no roll");
    sessions[0].begin_roll(plan("r1"), LIMIT).await.expect("a roll");
    let mut order = Vec::new();
    for _ in 0..3 {
        let outcomes: [MarkOutcome; 3] = tokio::join!(
            mark(&sessions[0], 1, RollMark::Began),
            mark(&sessions[1], 2, RollMark::Began),
            mark(&sessions[2], 3, RollMark::Began)
        )
        .into();
        let began: Vec<usize> = (0..3).filter(|n| outcomes[*n] == MarkOutcome::Marked).collect();
        let [one] = began[..] else { panic!("{outcomes:?}") };
        assert_eq!(under_way(&roll(&sessions[0]).await), 1);
        assert_eq!(mark(&sessions[one], one as u32 + 1, RollMark::Began).await, MarkOutcome::Marked, "again");
        assert_eq!(mark(&sessions[one], one as u32 + 1, RollMark::Done).await, MarkOutcome::Marked);
        order.push(one);
    }
    assert_eq!(order, [0, 1, 2]);
    assert_eq!(roll(&sessions[0]).await.state, RollState::Done);
}

#[tokio::test]
async fn a_mark_on_a_roll_that_was_paused_meanwhile_is_not_made() {
    let room = Room::new("roll-paused").await;
    let proxy = Proxy::new(room.server).await;
    let slow = ZooKeeperSession::new(format!("{}{}", proxy.address, room.chroot));
    let quick = room.session();
    quick.begin_roll(plan("r1"), LIMIT).await.expect("a roll");
    let mut held = proxy.hold(SET_DATA);
    let meanwhile = async {
        held.arrived().await;
        quick.change_roll(LIMIT, |roll| roll.pause("ops")).await.expect("paused");
        held.pass();
    };
    let (outcome, ()) = tokio::join!(mark(&slow, 1, RollMark::Began), meanwhile);
    assert!(matches!(&outcome, MarkOutcome::Refused(words) if words.contains("paused")), "{outcome:?}");
    assert_eq!(under_way(&roll(&quick).await), 0);
    quick.change_roll(LIMIT, |roll| roll.resume()).await.expect("resumed");
    assert_eq!(mark(&slow, 1, RollMark::Began).await, MarkOutcome::Marked);
}

#[tokio::test]
async fn one_roll_at_a_time_and_one_that_failed_stops() {
    let room = Room::new("roll-one").await;
    let session = room.session();
    assert_eq!(session.change_roll(LIMIT, |roll| roll.pause("ops")).await, Err("there is no roll".to_owned()));
    session.begin_roll(plan("r1"), LIMIT).await.expect("a roll");
    assert_eq!(session.begin_roll(plan("r1"), LIMIT).await, Ok(()), "the answer to the first was lost");
    let refused = session.begin_roll(plan("r2"), LIMIT).await;
    assert!(refused.is_err_and(|words| words.contains("under way") && words.contains("ops")));
    assert_eq!(mark(&session, 1, RollMark::Began).await, MarkOutcome::Marked);
    assert_eq!(mark(&session, 1, RollMark::Failed("no quorum".into())).await, MarkOutcome::Marked);
    let stopped = RollState::Stopped { node: "kafkanode1".into(), words: "no quorum".into() };
    assert_eq!(roll(&session).await.state, stopped);
    assert!(matches!(mark(&session, 2, RollMark::Began).await, MarkOutcome::Refused(_)));
    session.change_roll(LIMIT, |roll| roll.abort("ops")).await.expect("aborted");
    session.begin_roll(plan("r2"), LIMIT).await.expect("another");
    let outcome = mark(&session, 1, RollMark::Began).await;
    assert!(matches!(&outcome, MarkOutcome::Refused(words) if words.contains("another roll")), "{outcome:?}");
    room.hand.set_data(ROLL, b"garbled", None).await.expect("a meddler");
    assert!(session.begin_roll(plan("r3"), LIMIT).await.is_err());
    assert!(matches!(mark(&session, 1, RollMark::Began).await, MarkOutcome::Unread(_)));
    assert_eq!(room.hand.get_data(ROLL).await.expect("the roll").0, b"garbled");
}

#[tokio::test]
async fn a_step_that_another_life_began_and_did_not_do_is_begun_again_and_counted() {
    let room = Room::new("roll-lives").await;
    let session = room.session();
    session.begin_roll(plan("r1"), LIMIT).await.expect("a roll");
    assert_eq!(mark(&session, 1, RollMark::Began).await, MarkOutcome::Marked);
    let next = Seat { life: "life-2".to_owned(), ..seat(1) };
    assert_eq!(session.mark_roll(&next, "r1", &RollMark::Began, LIMIT).await, MarkOutcome::Marked);
    let step = roll(&session).await.steps.remove(0);
    assert!(matches!(&step.state, StepState::Began { life, tries: 2, .. } if life == "life-2"), "{step:?}");
    assert_eq!(session.mark_roll(&next, "r1", &RollMark::Done, LIMIT).await, MarkOutcome::Marked);
}
