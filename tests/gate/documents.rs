//! The lock under any sequence of takers, and documents of any bytes.

use std::time::Duration;

use kafka_node::gate::{Holder, LockDoc, RollDoc, RollState, Step, StepState, Take, outcome_from_json};
use kafka_node::model::{LockSeen, NodeName, RollVerb};
use proptest::prelude::*;

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(words).prop_map(str::to_owned)
}

fn holder() -> impl Strategy<Value = Holder> {
    // Several nodes of one machine, and clones of a machine.
    let names = (one_of(&["m1", "m2", "m3"]), one_of(&["n1", "n2", "n3"]), one_of(&["b1", "b2"]));
    let reasons = (one_of(&["reboot", "roll"]), one_of(&["", "r1"]), 0..999_u32);
    (names, reasons).prop_map(|((machine, node, boot), (reason, roll, since))| Holder {
        machine,
        node,
        boot,
        reason,
        roll,
        since: since.to_string(),
        by: "root".to_owned(),
    })
}

fn any_lock() -> impl Strategy<Value = LockDoc> {
    (1..4_usize, prop::collection::vec(holder(), 0..5)).prop_map(|(slots, many)| {
        let mut holders: Vec<Holder> = Vec::new();
        for holder in many {
            if !holders.iter().any(|other| other.is(&holder.machine, &holder.node)) {
                holders.push(holder);
            }
        }
        LockDoc { slots, holders }
    })
}

pub fn any_roll() -> impl Strategy<Value = RollDoc> {
    let text = || "[ -~äß€]{0,20}";
    let step = prop_oneof![
        Just(StepState::Waiting),
        (text(), text(), text(), 1..9u32).prop_map(|(boot, life, at, tries)| StepState::Began {
            boot,
            life,
            at,
            tries
        }),
        text().prop_map(|at| StepState::Done { at }),
        (text(), text()).prop_map(|(words, at)| StepState::Failed { words, at }),
    ];
    let state = prop_oneof![
        Just(RollState::Running),
        text().prop_map(RollState::Paused),
        text().prop_map(RollState::Aborted),
        (text(), text()).prop_map(|(node, words)| RollState::Stopped { node, words }),
        Just(RollState::Done),
    ];
    let verb = prop_oneof![Just(RollVerb::Restart), Just(RollVerb::Reboot), Just(RollVerb::Reload)];
    (("[a-z0-9-]{1,40}", verb, text(), text(), text()), state, prop::collection::vec(step, 0..6)).prop_map(
        |((id, verb, by, because, since), state, steps)| {
            let numbered = steps.into_iter().enumerate();
            let steps = numbered.map(|(at, state)| Step { node: format!("n{at}"), state }).collect();
            RollDoc { id, verb, by, because, since, state, steps }
        },
    )
}

/// A document with some bytes changed, inserted or cut off.
fn garbled(text: String) -> impl Strategy<Value = Vec<u8>> {
    let length = text.len();
    let change = (0..length.max(1), any::<u8>(), 0..3_u8);
    prop::collection::vec(change, 1..6).prop_map(move |changes| {
        let mut bytes = text.clone().into_bytes();
        for (at, byte, how) in changes {
            match (how, at < bytes.len()) {
                (0, true) => bytes[at] = byte,
                (1, true) => bytes.insert(at, byte),
                (2, true) => bytes.truncate(at.max(length / 2)),
                _ => {}
            }
        }
        bytes
    })
}

fn harmless(bytes: &[u8]) {
    if let Ok(doc) = LockDoc::parse(bytes) {
        assert_eq!(LockDoc::parse(doc.render().as_bytes()), Ok(doc));
    }
    if let Ok(doc) = RollDoc::parse(bytes) {
        let node = NodeName::new("n1");
        let _ = (doc.turn(&node, "b", "l"), doc.words("2026-01-01T00:00:00Z"));
        assert_eq!(RollDoc::parse(doc.render().as_bytes()), Ok(doc));
    }
    let _ = outcome_from_json(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn documents_are_read_as_they_were_written(lock in any_lock(), roll in any_roll()) {
        prop_assert_eq!(LockDoc::parse(lock.render().as_bytes()), Ok(lock));
        prop_assert_eq!(RollDoc::parse(roll.render().as_bytes()), Ok(roll));
    }

    #[test]
    fn any_bytes_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        harmless(&bytes);
    }

    #[test]
    fn garbled_documents_are_harmless(
        (lock, roll) in (any_lock(), any_roll()).prop_flat_map(|(lock, roll)| (garbled(lock.render()), garbled(roll.render())))
    ) {
        harmless(&lock);
        harmless(&roll);
    }

    /// What is written can be read again, whatever was given.
    #[test]
    fn what_is_written_can_be_read(reason in "[\\x00-\\x7f€]{0,700}", by in "\\PC{0,20}", words in any::<String>()) {
        let named = |text: &str| text.to_owned();
        let asking = Holder {
            machine: named("m"), node: named("n"), boot: words.clone(), reason, roll: named(""), since: named(""), by,
        };
        let Take::Write(lock) = LockDoc::free().take(&asking) else { panic!("not taken") };
        prop_assert!(LockDoc::parse(lock.render().as_bytes()).is_ok());
        let roll = RollDoc::plan("r", RollVerb::Reload, &words, &asking.reason, "", vec![NodeName::new("n")]);
        prop_assert!(RollDoc::parse(roll.render().as_bytes()).is_ok());
    }

    /// One slot and any sequence of takers and givers, each through ZooKeeper's bytes: never two, and never another while one has it.
    #[test]
    fn lock_has_one_holder(steps in prop::collection::vec((holder(), 0..3_u8), 1..60)) {
        let mut bytes = Vec::new();
        let mut has_it: Option<(String, String)> = None;
        for (asking, what) in steps {
            let doc = LockDoc::parse(&bytes).expect("what was written");
            let me = (asking.machine.clone(), asking.node.clone());
            let node = NodeName::new(asking.node.clone());
            let others = has_it.clone().filter(|holder| *holder != me);
            match (what, doc.take(&asking)) {
                (0, _) => {
                    let given = doc.release(&asking.machine, &node);
                    prop_assert_eq!(given.is_some(), has_it.as_ref() == Some(&me));
                    if let Some(given) = given {
                        bytes = given.render().into_bytes();
                        has_it = None;
                    }
                }
                (_, Take::Taken(_)) => prop_assert!(others.is_some(), "refused though nobody else has it"),
                (_, Take::Already) => prop_assert_eq!(has_it.as_ref(), Some(&me)),
                (_, Take::Write(doc)) => {
                    prop_assert_eq!(others, None, "taken while another has it");
                    bytes = doc.render().into_bytes();
                    has_it = Some(me);
                }
            }
            let doc = LockDoc::parse(&bytes).expect("what was written");
            prop_assert!(doc.holders.len() <= 1);
            let seen = doc.seen(&asking.machine, &node, &asking.boot, Duration::ZERO);
            let me = (asking.machine, asking.node);
            match seen {
                LockSeen::Free => prop_assert_eq!(&has_it, &None),
                LockSeen::Ours { .. } => prop_assert_eq!(&has_it, &Some(me)),
                LockSeen::Theirs(_) => prop_assert!(has_it.as_ref().is_some_and(|holder| *holder != me)),
            }
        }
    }
}
