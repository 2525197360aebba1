//! A roll from its plan to its end, and every mark that may not be made.

use super::*;

const AT: &str = "2026-01-01T02:00:00Z";

fn node(number: usize) -> NodeName {
    NodeName::new(format!("kafkanode{number}"))
}

fn plan(nodes: usize) -> RollDoc {
    RollDoc::plan("r1", RollVerb::Restart, "root", "new heap", AT, (1..=nodes).map(node).collect())
}

fn mark(doc: &RollDoc, number: usize, mark: RollMark) -> RollDoc {
    doc.mark(&node(number), "r1", &mark, "boot", "life", AT).expect("may be made")
}

fn refused(doc: &RollDoc, number: usize, mark: RollMark) -> String {
    doc.mark(&node(number), "r1", &mark, "boot", "life", AT).expect_err("may not be made")
}

fn turns(doc: &RollDoc) -> Vec<&'static str> {
    let turn = |number| match doc.turn(&node(number), "boot", "life") {
        RollTurn::Rest => "rest",
        RollTurn::Begin { .. } => "begin",
        RollTurn::Finish { .. } => "finish",
    };
    (1..=doc.steps.len()).map(turn).collect()
}

fn failed() -> RollMark {
    RollMark::Failed("no quorum".to_owned())
}

#[test]
fn nodes_take_their_turns_one_after_the_other() {
    let doc = plan(3);
    assert_eq!(turns(&doc), ["begin", "rest", "rest"]);
    let doc = mark(&doc, 1, RollMark::Began);
    assert_eq!(turns(&doc), ["finish", "rest", "rest"]);
    let doc = mark(&doc, 1, RollMark::Done);
    assert_eq!(turns(&doc), ["rest", "begin", "rest"]);
    let doc = mark(&mark(&doc, 2, RollMark::Began), 2, RollMark::Done);
    assert!(!doc.is_over());
    let doc = mark(&mark(&doc, 3, RollMark::Began), 3, RollMark::Done);
    assert_eq!((turns(&doc), doc.state.clone()), (vec!["rest"; 3], RollState::Done));
    assert!(doc.is_over());
}

#[test]
fn a_step_is_finished_in_another_boot_or_life() {
    let doc = mark(&plan(3), 1, RollMark::Began);
    let finish = |this_boot, this_life| RollTurn::Finish {
        id: "r1".to_owned(),
        verb: RollVerb::Restart,
        this_boot,
        this_life,
        tries: 1,
    };
    assert_eq!(doc.turn(&node(1), "boot", "life"), finish(true, true));
    assert_eq!(doc.turn(&node(1), "boot", "next"), finish(true, false));
    assert_eq!(doc.turn(&node(1), "next", "life"), finish(false, false));
}

#[test]
fn a_mark_that_stands_there_is_no_error() {
    let began = mark(&plan(3), 1, RollMark::Began);
    assert_eq!(mark(&began, 1, RollMark::Began), began);
    let done = mark(&began, 1, RollMark::Done);
    assert_eq!(mark(&done, 1, RollMark::Done), done);
    let stopped = mark(&began, 1, failed());
    assert_eq!(mark(&stopped, 1, failed()), stopped);
}

#[test]
fn what_an_earlier_life_began_and_did_not_do_is_begun_again_while_the_roll_runs() {
    let began = mark(&plan(3), 1, RollMark::Began);
    let again = began.mark(&node(1), "r1", &RollMark::Began, "boot", "next", AT).expect("its turn");
    assert!(matches!(again.turn(&node(1), "boot", "next"), RollTurn::Finish { this_life: true, tries: 2, .. }));
    let paused = began.pause("root").expect("it runs");
    let refused = paused.mark(&node(1), "r1", &RollMark::Began, "boot", "next", AT);
    assert_eq!(refused, Err("the roll is paused, by root".to_owned()));
}

#[test]
fn marks_out_of_turn_are_refused() {
    let doc = plan(3);
    assert_eq!(refused(&doc, 2, RollMark::Began), "its turn has not come");
    assert_eq!(refused(&doc, 2, failed()), "its turn has not come");
    assert_eq!(refused(&doc, 1, RollMark::Done), "kafkanode1 has not begun");
    assert_eq!(refused(&doc, 9, RollMark::Done), "kafkanode9 has no part in this roll");
    let other = doc.mark(&node(1), "r2", &RollMark::Began, "boot", "life", AT);
    assert_eq!(other, Err("another roll is under way by now (restart, by root)".to_owned()));
    let done = mark(&mark(&doc, 1, RollMark::Began), 1, RollMark::Done);
    assert_eq!(refused(&done, 1, RollMark::Began), "kafkanode1 is done");
    assert_eq!(refused(&done, 1, failed()), "kafkanode1 is done");
}

#[test]
fn it_stops_at_the_first_node_that_fails() {
    let stopped = mark(&mark(&plan(3), 1, RollMark::Began), 1, failed());
    let words = "no quorum".to_owned();
    assert_eq!(stopped.state, RollState::Stopped { node: "kafkanode1".to_owned(), words });
    assert_eq!(turns(&stopped), ["rest"; 3]);
    assert_eq!(refused(&stopped, 2, RollMark::Began), "the roll stopped at kafkanode1: no quorum");
    assert_eq!(refused(&stopped, 1, RollMark::Done), "kafkanode1 has failed");
    assert_eq!(refused(&stopped, 1, RollMark::Began), "kafkanode1 has failed");
    assert_eq!(stopped.pause("ada"), Err("it has stopped already, at kafkanode1".to_owned()));
    let resumed = stopped.resume().expect("resumed");
    assert_eq!(turns(&resumed), ["begin", "rest", "rest"]);
    // A node that cannot even begin stops it too.
    assert!(matches!(mark(&resumed, 1, failed()).state, RollState::Stopped { .. }));
}

#[test]
fn while_it_is_paused_nobody_begins_and_who_has_begun_finishes() {
    let began = mark(&plan(2), 1, RollMark::Began);
    let paused = began.pause("ada").expect("paused");
    assert_eq!(turns(&paused), ["finish", "rest"]);
    assert_eq!(refused(&paused, 2, RollMark::Began), "the roll is paused, by ada");
    let paused = mark(&paused, 1, RollMark::Done);
    assert_eq!((turns(&paused), paused.is_over()), (vec!["rest", "rest"], false));
    assert_eq!(paused.pause("bob"), Err("it is paused already, by ada".to_owned()));
    let resumed = paused.resume().expect("resumed");
    assert_eq!(turns(&resumed), ["rest", "begin"]);
    assert_eq!(resumed.resume(), Err("it runs already".to_owned()));
}

#[test]
fn aborted_is_aborted() {
    let began = mark(&plan(2), 1, RollMark::Began);
    let aborted = began.abort("ada").expect("aborted");
    assert_eq!((turns(&aborted), aborted.is_over()), (vec!["finish", "rest"], true));
    let done = mark(&aborted, 1, RollMark::Done);
    assert_eq!(done.state, RollState::Aborted("ada".to_owned()));
    assert_eq!(mark(&aborted, 1, failed()).state, RollState::Aborted("ada".to_owned()));
    assert_eq!(refused(&done, 2, RollMark::Began), "the roll was aborted, by ada");
    assert_eq!(done.resume(), Err("it was aborted by ada; plan another".to_owned()));
    assert_eq!(done.abort("bob"), Err("it was aborted by ada already".to_owned()));
    assert_eq!(done.pause("bob"), Err("it was aborted by ada".to_owned()));
}

#[test]
fn a_roll_of_nobody_is_done_and_a_node_has_one_step() {
    assert_eq!(plan(0).state, RollState::Done);
    let twice = RollDoc::plan("r1", RollVerb::Reload, "root", "", AT, vec![node(2), node(1), node(2)]);
    let names: Vec<&str> = twice.steps.iter().map(|step| step.node.as_str()).collect();
    assert_eq!(names, ["kafkanode2", "kafkanode1"]);
}

#[test]
fn it_is_read_as_it_was_written() {
    let began = mark(&mark(&mark(&plan(4), 1, RollMark::Began), 1, RollMark::Done), 2, RollMark::Began);
    let stopped = mark(&began, 2, failed());
    let paused = began.pause("ada \"lovelace\"").expect("paused");
    for doc in [plan(3), plan(0), began.clone(), began.abort("ada").expect("aborted"), stopped, paused] {
        assert_eq!(RollDoc::parse(doc.render().as_bytes()), Ok(doc.clone()));
    }
}

#[test]
fn what_is_not_understood_is_an_error() {
    let good = plan(2).render();
    let twice = "{\"is\":\"waiting\",\"node\":\"kafkanode1\"}";
    for (from, to) in [
        ("\"v\":1", "\"v\":2"),
        ("\"restart\"", "\"explode\""),
        ("\"running\"", "\"walking\""),
        ("\"waiting\"", "\"dancing\""),
        ("\"id\":\"r1\"", "\"id\":\"\""),
        ("\"node\":\"kafkanode1\"", "\"node\":7"),
        ("\"steps\":[", &format!("\"steps\":[{twice},")),
        ("\"steps\":[", "\"steps\":[7,"),
        ("\"steps\"", "\"hops\""),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(RollDoc::parse(good.replace(from, to).as_bytes()).is_err(), "{to}");
    }
    assert!(RollDoc::parse(b"").is_err());
    let many: Vec<NodeName> = (0..256).map(node).collect();
    let many = RollDoc::plan("r1", RollVerb::Reload, "root", "", AT, many);
    let why = RollDoc::parse(many.render().as_bytes());
    assert_eq!(why, Err("the roll has 256 `steps`, and 255 at most can be".to_owned()));
}

#[test]
fn roll_status_reads_as_a_table_of_nodes() {
    let began = mark(&mark(&mark(&plan(3), 1, RollMark::Began), 1, RollMark::Done), 2, RollMark::Began);
    let now = "2026-01-01T02:01:05Z";
    assert_eq!(
        began.words(now),
        [
            "roll restart of 3 nodes, by root, since 2026-01-01T02:00:00Z (1m 5s ago): new heap",
            "running; 1 of 3 nodes done",
            "kafkanode1: done at 2026-01-01T02:00:00Z (1m 5s ago)",
            "kafkanode2: under way since 2026-01-01T02:00:00Z (1m 5s ago)",
            "kafkanode3: waits for kafkanode2",
        ]
    );
    let stopped = mark(&began, 2, failed());
    assert_eq!(
        stopped.words(now)[1..],
        [
            "stopped at kafkanode2: no quorum; 1 of 3 nodes done",
            "kafkanode1: done at 2026-01-01T02:00:00Z (1m 5s ago)",
            "kafkanode2: failed at 2026-01-01T02:00:00Z (1m 5s ago): no quorum",
            "kafkanode3: waits for the roll to be resumed",
        ]
    );
    assert_eq!(
        plan(1).words(now)[1..],
        ["running; 0 of 1 node done", "kafkanode1: its turn has come, and it has not begun"]
    );
    assert_eq!(
        plan(1).abort("ada").expect("aborted").words(now)[1..],
        ["aborted by ada; 0 of 1 node done", "kafkanode1: left out"]
    );
}
