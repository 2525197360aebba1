//! A roll under any sequence of marks, by any node in any life, and of commands by operators.

use std::collections::BTreeMap;

use kafka_node::gate::{RollDoc, RollState, StepState};
use kafka_node::model::{NodeName, RollMark, RollTurn, RollVerb};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// A node looks for its turn and takes it.
    Takes(usize),
    /// A node marks, whether or not it may; in this boot and life.
    Marks(usize, RollMark, u8),
    /// The same, about a roll of another id.
    Strays(usize, RollMark),
    Pauses,
    Resumes,
    Aborts,
}

fn node(number: usize) -> NodeName {
    NodeName::new(format!("n{number}"))
}

fn mark() -> impl Strategy<Value = RollMark> {
    let failed = Just(RollMark::Failed("no quorum".to_owned()));
    prop_oneof![4 => Just(RollMark::Began), 6 => Just(RollMark::Done), 1 => failed]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0..5_usize).prop_map(Step::Takes),
        10 => (0..6_usize, mark(), 0..3_u8).prop_map(|(node, mark, life)| Step::Marks(node, mark, life)),
        1 => (0..5_usize, mark()).prop_map(|(node, mark)| Step::Strays(node, mark)),
        1 => Just(Step::Pauses),
        2 => Just(Step::Resumes),
        1 => Just(Step::Aborts),
    ]
}

fn under_way(doc: &RollDoc) -> usize {
    doc.steps.iter().filter(|step| matches!(step.state, StepState::Began { .. })).count()
}

fn has_begun(doc: &RollDoc, number: usize) -> bool {
    let step = doc.steps.iter().find(|step| step.node == node(number).as_str());
    step.is_some_and(|step| matches!(step.state, StepState::Began { .. }))
}

/// Whether all before this node are done.
fn cleared(doc: &RollDoc, number: usize) -> bool {
    let before = doc.steps.iter().take_while(|step| step.node != node(number).as_str());
    before.into_iter().all(|step| matches!(step.state, StepState::Done { .. }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn roll_touches_each_node_once(nodes in 0..5_usize, steps in prop::collection::vec(step(), 1..80)) {
        let mut doc = RollDoc::plan("r1", RollVerb::Reboot, "root", "", "", (0..nodes).map(node).collect());
        let mut begun: BTreeMap<usize, usize> = BTreeMap::new();
        // A node that failed may be sent once more for each time the roll is resumed.
        let mut resumed_after_failure = 0;
        for step in steps {
            let before = doc.clone();
            let next = match &step {
                Step::Takes(number) => match doc.turn(&node(*number), "b", "l") {
                    RollTurn::Begin { id, verb } => {
                        prop_assert_eq!((id.as_str(), verb), ("r1", RollVerb::Reboot));
                        let began = doc.mark(&node(*number), &id, &RollMark::Began, "b", "l", "");
                        prop_assert!(began.is_ok(), "its turn, and it may not begin: {began:?}");
                        began
                    }
                    RollTurn::Finish { .. } => {
                        prop_assert!(has_begun(&doc, *number));
                        doc.mark(&node(*number), "r1", &RollMark::Done, "b", "l", "")
                    }
                    RollTurn::Rest => Err("rests".to_owned()),
                },
                Step::Marks(number, mark, life) => doc.mark(&node(*number), "r1", mark, "b", &life.to_string(), ""),
                Step::Strays(number, mark) => {
                    let strayed = doc.mark(&node(*number), "r0", mark, "b", "l", "");
                    prop_assert!(strayed.is_err());
                    strayed
                }
                Step::Pauses => doc.pause("ada"),
                Step::Resumes => doc.resume(),
                Step::Aborts => doc.abort("ada"),
            };
            if let Ok(next) = next {
                doc = RollDoc::parse(next.render().as_bytes()).expect("what was written");
                prop_assert_eq!(&doc, &next);
            }
            if matches!((&step, &before.state), (Step::Resumes, RollState::Stopped { .. })) {
                resumed_after_failure += 1;
            }
            for number in 0..nodes {
                if has_begun(&doc, number) && !has_begun(&before, number) {
                    prop_assert_eq!(&before.state, &RollState::Running);
                    prop_assert!(cleared(&before, number), "out of turn");
                    *begun.entry(number).or_default() += 1;
                }
            }
            prop_assert!(under_way(&doc) <= 1, "two nodes at once: {doc:?}");
            prop_assert!(!before.is_over() || doc.is_over(), "a roll that was over goes on");
        }
        for (number, times) in begun {
            prop_assert!(times <= 1 + resumed_after_failure, "n{number} was touched {times} times");
        }
    }

    /// With nobody failing, every roll comes to its end, and each node was touched exactly once.
    #[test]
    fn a_roll_of_well_nodes_ends(nodes in 0..8_usize, seen in prop::collection::vec(0..8_usize, 0..40)) {
        let mut doc = RollDoc::plan("r1", RollVerb::Restart, "root", "", "", (0..nodes).map(node).collect());
        let mut begun = vec![0; nodes];
        // Nodes look in any order, and then each in turn until nothing is left to do.
        let rest = (0..2 * nodes * nodes).map(|at| at % nodes);
        for number in seen.into_iter().filter(|number| *number < nodes).chain(rest) {
            let mark = match doc.turn(&node(number), "b", "l") {
                RollTurn::Begin { .. } => {
                    begun[number] += 1;
                    RollMark::Began
                }
                RollTurn::Finish { .. } => RollMark::Done,
                RollTurn::Rest => continue,
            };
            doc = doc.mark(&node(number), "r1", &mark, "b", "l", "").expect("its own turn");
        }
        prop_assert_eq!(doc.state, RollState::Done);
        prop_assert_eq!(begun, vec![1; nodes]);
    }
}
