//! The flow from what is said to what is written, against journald's rule as a model of its own and against plain counting.
//!
//! Times are arguments, so minutes of floods take milliseconds. Absent on purpose: the lock and the thread (`notify::queue`),
//! and speed, which benchmarks print.

#[path = "flow/model.rs"]
mod model;

use std::time::Duration;

use kafka_node::logs::{
    DROP_WAIT, ENTRIES, Entry, FOLD_PAUSE, FOLD_WINDOW, FOLDS, Flow, FlowConfig, Limit, Origin, Priority, TEXT_BYTES,
};
use kafka_node::model::Moment;
use proptest::prelude::*;

use model::{Journald, RUN, Stream, at, record};

const OF_219: Limit = Limit { burst: 1_000, interval: Duration::from_secs(30) };
const OF_252: Limit = Limit { burst: 10_000, interval: Duration::from_secs(30) };
const LEVELS: [Priority; 5] = [Priority::Critical, Priority::Error, Priority::Warning, Priority::Info, Priority::Debug];

fn flow(fold_after: u32, limit: Option<Limit>) -> Flow {
    Flow::new(FlowConfig { fold_after, limit })
}

fn taken(flow: &mut Flow, now: Moment) -> Vec<Entry> {
    let mut all = Vec::new();
    loop {
        let before = all.len();
        flow.take(now, &mut all, 256);
        flow.written(now, all.len() - before);
        if all.len() == before {
            return all;
        }
    }
}

fn texts(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.text.as_str()).collect()
}

#[track_caller]
fn assert_exact(flow: &Flow) {
    let counts = flow.counts();
    assert_eq!(counts.said, counts.entries + counts.folded + counts.dropped, "{counts:?}");
    assert_eq!(counts.own_said, counts.own_entries + counts.own_dropped, "{counts:?}");
    assert_eq!((counts.unreported, flow.left(), flow.bytes()), (0, 0, 0), "{counts:?}");
}

#[test]
fn a_single_record_is_passed_on_at_once_as_it_was_said() {
    for limit in [None, Some(OF_219), Some(Limit { burst: 1, interval: Duration::from_secs(1) })] {
        let mut flow = flow(1, limit);
        assert_eq!((flow.due(), flow.bytes(), flow.waiting()), (None, 0, 0));
        let said = record(Priority::Error, "kafka.log.Log", "disk error\n\tat x");
        flow.said(at(5), Origin::Kafka, RUN, &said);
        assert_eq!(taken(&mut flow, at(5)), [Entry::new(Origin::Kafka, RUN, &said)]);
        assert_eq!((flow.due(), flow.bytes(), flow.waiting()), (None, 0, 0));
    }
}

#[test]
fn a_message_said_too_often_becomes_one_entry_with_its_count_and_times() {
    let mut flow = flow(3, Some(OF_219));
    for n in 0..10u32 {
        let time = format!("2020-08-06 10:11:12,{n:03}");
        let said = kafka_node::logs::Said { time: time.as_bytes(), ..record(Priority::Warning, "a.B", "again") };
        flow.said(at(u64::from(n)), Origin::Kafka, RUN, &said);
        flow.said(at(u64::from(n)), Origin::Kafka, RUN, &record(Priority::Warning, "a.B", &format!("other {n}")));
    }
    let first = taken(&mut flow, at(9));
    assert_eq!(first.iter().filter(|entry| entry.text == "again").count(), 3);
    assert_eq!(first.len(), 13, "the others are passed on: {first:#?}");
    let due = flow.due().expect("a fold");
    assert!(taken(&mut flow, at(1_000)).is_empty());
    assert!(due <= at(9) + FOLD_PAUSE);
    let fold = taken(&mut flow, at(9) + FOLD_PAUSE);
    assert_eq!(
        texts(&fold),
        ["again [said 7 times in 0.0 s, from 2020-08-06 10:11:12,003 to 2020-08-06 10:11:12,009]"]
    );
    let folded = fold[0].folded.clone().expect("what it stands for");
    assert_eq!((folded.count, folded.over), (7, Duration::from_millis(6)));
    assert_eq!((&*folded.first, &*folded.last), ("2020-08-06 10:11:12,003", "2020-08-06 10:11:12,009"));
    assert_eq!((fold[0].priority, &*fold[0].logger, &*fold[0].time), (Priority::Warning, "a.B", &*folded.first));
    assert_eq!(flow.due(), None);
    flow.close(at(2_000));
    assert_exact(&flow);
}

#[test]
fn a_message_that_goes_on_is_one_entry_each_window_and_ends_when_it_gets_rare() {
    let mut flow = flow(200, None);
    let said = record(Priority::Error, "a.B", "again");
    let mut entries = Vec::new();
    // 1000 a second for 35 s, then 10 a second.
    for millis in 0..35_000 {
        flow.said(at(millis), Origin::Kafka, RUN, &said);
        entries.extend(taken(&mut flow, at(millis)));
    }
    let window = u64::try_from(FOLD_WINDOW.as_millis()).expect("a number");
    let counts: Vec<u64> = entries.iter().filter_map(|entry| Some(entry.folded.as_ref()?.count)).collect();
    assert_eq!(entries.len(), 200 + 3, "only the first 200 are passed on");
    assert!(counts.iter().all(|count| count.abs_diff(window) <= 1), "{counts:?}");
    entries.clear();
    for tenths in 350..700 {
        flow.said(at(tenths * 100), Origin::Kafka, RUN, &said);
        entries.extend(taken(&mut flow, at(tenths * 100)));
    }
    // The window that saw the flood's end was full enough for one more.
    assert_eq!(entries.iter().filter(|entry| entry.folded.is_some()).count(), 2, "{entries:#?}");
    assert!(entries.len() > 150, "rare again, and still folded: {}", entries.len());
    flow.close(at(70_000));
    taken(&mut flow, at(70_000));
    assert_exact(&flow);
}

#[test]
fn records_of_other_levels_loggers_services_and_runs_are_other_records() {
    let mut flow = flow(1, None);
    for _ in 0..2 {
        for (level, logger) in [(Priority::Info, "a"), (Priority::Info, "b"), (Priority::Error, "a")] {
            flow.said(at(0), Origin::Kafka, RUN, &record(level, logger, "x"));
            flow.said(at(0), Origin::ZooKeeper, RUN, &record(level, logger, "x"));
            flow.said(at(0), Origin::ZooKeeper, RUN.next(), &record(level, logger, "x"));
        }
    }
    flow.close(at(0));
    let all = taken(&mut flow, at(0));
    assert!(all.iter().all(|entry| entry.text == "x" && entry.folded.is_none()), "{all:#?}");
    assert_eq!(all.len(), 18);
    assert_exact(&flow);
}

#[test]
fn bytes_that_are_no_text_are_folded_like_any_others() {
    let mut flow = flow(1, None);
    for last in [0xfe, 0xff] {
        for _ in 0..5 {
            let message = [b'a', 0x1b, last];
            flow.said(
                at(0),
                Origin::Kafka,
                RUN,
                &kafka_node::logs::Said { message: &message, ..record(Priority::Info, "a", "") },
            );
        }
    }
    flow.close(at(0));
    let all = taken(&mut flow, at(0));
    let mut folds: Vec<&str> = texts(&all).into_iter().filter(|text| text.contains("4 times")).collect();
    folds.sort_unstable();
    assert_eq!(folds, ["a\\x1b\\xfe [said 4 times in 0.0 s]", "a\\x1b\\xff [said 4 times in 0.0 s]"]);
}

#[test]
fn errors_and_warnings_stay_whole_in_a_flood_of_info() {
    for (limit, severe) in [(OF_219, 98), (OF_252, 98), (OF_219, 900), (OF_252, 9_000)] {
        let mut stream = Stream::new(flow(200, Some(limit)), Some(limit));
        // 20,000 a second for 60 s, of so many loggers that not all of them can be folded.
        let each = 1_200_000 / severe;
        let severe = 1_200_000u64.div_ceil(each);
        for n in 0..1_200_000u64 {
            let now = Moment::from_origin(Duration::from_micros(n * 50));
            stream.say(now, &record(Priority::Info, &format!("logger {}", n % 2_000), "flood"));
            if n % each == 0 {
                stream.say(now, &record(Priority::Error, "e", &format!("error {n}")));
                stream.say(now, &record(Priority::Warning, "w", &format!("warning {n}")));
            }
            if n % 100 == 0 {
                stream.write(now);
            }
        }
        stream.end();
        let kept = |logger| {
            stream.written.iter().filter(|entry| entry.logger == logger && entry.folded.is_none()).count() as u64
        };
        assert_eq!((kept("e"), kept("w")), (severe, severe), "{limit:?}");
        assert_eq!(stream.refused, 0, "{limit:?}: journald threw some away");
        assert_exact(&stream.flow);
    }
}

#[test]
fn a_flood_of_one_logger_leaves_the_others_whole() {
    let mut stream = Stream::new(flow(200, Some(OF_219)), Some(OF_219));
    for n in 0..600_000u64 {
        let now = Moment::from_origin(Duration::from_micros(n * 100));
        stream.say(now, &record(Priority::Info, "noisy", &format!("flood {n}")));
        if n % 5_000 == 4_999 {
            stream.say(now, &record(Priority::Info, "quiet", &format!("quiet {n}")));
        }
        stream.write(now);
    }
    stream.end();
    let quiet = stream.written.iter().filter(|entry| entry.logger == "quiet" && entry.folded.is_none()).count();
    assert_eq!(quiet, 120);
    assert_eq!(stream.refused, 0);
    assert_exact(&stream.flow);
}

#[test]
fn what_a_journal_that_hung_finds_before_it_is_not_more_than_it_takes() {
    let mut stream = Stream::new(flow(200, Some(OF_219)), Some(OF_219));
    stream.say(at(0), &record(Priority::Info, "a", "before"));
    stream.write(at(0));
    for second in 1..600u64 {
        for n in 0..50 {
            stream.say(at(second * 1_000), &record(Priority::Info, &format!("logger {n}"), &format!("{second}")));
        }
    }
    for millis in 600_000..660_000 {
        stream.write(at(millis));
    }
    assert_eq!(stream.refused, 0);
    stream.end();
    assert_exact(&stream.flow);
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let long = "x".repeat(150_000);
    let garbage: String = "\u{1}".repeat(100_000);
    for limit in [None, Some(OF_219)] {
        let mut flow = flow(5, limit);
        let mut most = 0;
        for n in 0..60_000u64 {
            let level = LEVELS[n as usize % 5];
            let message = match n % 50 {
                0 => format!("{n} {long}"),
                1 => format!("{n} {garbage}"),
                _ => format!("{n} short"),
            };
            flow.said(at(n), Origin::Kafka, RUN, &record(level, &format!("logger {}", n % 3_000), &message));
            if n % 7 == 0 {
                flow.entry(at(n), Entry::own(Priority::Info, format!("own {n}")));
            }
            most = most.max(flow.bytes());
            assert!(flow.bytes() <= TEXT_BYTES && flow.waiting() <= ENTRIES, "{} {}", flow.bytes(), flow.waiting());
        }
        assert!(most > TEXT_BYTES / 2 || limit.is_some(), "{most}: the bound was never near");
        assert!(flow.counts().lost() > 0);
        flow.close(at(60_000));
        assert!(flow.waiting() <= ENTRIES + FOLDS + 3);
        taken(&mut flow, at(60_000));
        assert_exact(&flow);
    }
}

#[test]
fn what_is_dropped_is_said_at_its_place_and_in_time_where_tokens_are_few() {
    let mut flow = flow(1, None);
    for n in 0..FOLDS + 200 + ENTRIES {
        flow.said(at(0), Origin::ZooKeeper, RUN, &record(Priority::Error, &format!("logger {n}"), "x"));
    }
    let lost = flow.counts().lost();
    assert!(lost > 0, "{:?}", flow.counts());
    flow.take(at(0), &mut Vec::new(), 200);
    flow.written(at(0), 200);
    flow.said(at(0), Origin::ZooKeeper, RUN, &record(Priority::Error, "late", "late"));
    assert!(flow.due().is_some());
    let all = taken(&mut flow, at(0));
    let words =
        format!("records dropped here: {lost} of zookeeper ({lost} ERROR), since more was said than the log takes");
    let texts = texts(&all);
    let place = texts.iter().position(|text| *text == words).expect("what says so");
    assert!(place > 5_000, "{place}: it stands before what was said earlier");
    assert!(!texts[..place].contains(&"late"), "it stands behind what was said later");
    flow.close(at(0));
    taken(&mut flow, at(0));
    assert_exact(&flow);
    // A limit that has no token for it: within the wait it is said nevertheless.
    let tight = Limit { burst: 4, interval: Duration::from_secs(4) };
    let mut stream = Stream::new(self::flow(1, Some(tight)), Some(tight));
    for n in 0..1_000 {
        stream.say(at(0), &record(Priority::Warning, &format!("logger {n}"), "x"));
    }
    for millis in 0..40_000 {
        stream.write(at(millis));
    }
    assert!(stream.flow.counts().dropped > 0, "{:?}", stream.flow.counts());
    assert!(DROP_WAIT < Duration::from_secs(40));
}

#[test]
fn what_kafka_node_itself_says_stands_behind_a_batch_at_most_and_in_its_own_order() {
    let mut flow = flow(200, Some(OF_219));
    for n in 0..2_000 {
        flow.said(at(0), Origin::Kafka, RUN, &record(LEVELS[n % 5], "a", &n.to_string()));
    }
    for n in 0..50 {
        flow.entry(at(0), Entry::own(Priority::Info, format!("own {n}")));
    }
    let all = taken(&mut flow, at(0));
    let own: Vec<usize> = (0..all.len()).filter(|at| all[*at].origin == Origin::KafkaNode).collect();
    assert_eq!(own, (256..306).collect::<Vec<_>>());
    assert!(own.iter().enumerate().all(|(n, at)| all[*at].text == format!("own {n}")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// The bound: any window of journald holds at most the burst, beside what kafka-node itself says and what `close` has to
    /// say at once (the folds that are open and a word for each origin).
    #[test]
    fn no_window_of_journald_holds_more_than_its_burst_and_every_record_is_accounted_for(
        steps in proptest::collection::vec(model::step(), 1..400),
        fold_after in 1u32..20,
        burst in prop_oneof![Just(0u64), 1u64..60, 60u64..2_000],
        millis in 1u64..40_000,
    ) {
        let limit = Some(Limit { burst, interval: Duration::from_millis(millis) }).filter(|limit| limit.burst > 0);
        let mut stream = Stream::new(flow(fold_after, limit), limit);
        for step in steps {
            stream.step(&step);
            prop_assert!(stream.flow.bytes() <= TEXT_BYTES);
            prop_assert!(stream.refused == 0, "journald threw {} away: {:?}", stream.refused, limit);
        }
        stream.end();
        let counts = stream.flow.counts();
        prop_assert_eq!(counts.said, counts.entries + counts.folded + counts.dropped, "{:?}", counts);
        prop_assert_eq!(counts.own_said, counts.own_entries + counts.own_dropped, "{:?}", counts);
        prop_assert_eq!((counts.said, counts.own_said), (stream.said, stream.own), "independently counted");
        let folded: u64 = stream.written.iter().filter_map(|entry| Some(entry.folded.as_ref()?.count)).sum();
        prop_assert_eq!(folded, counts.folded);
        let whole = stream.written.iter().filter(|entry| entry.folded.is_none() && entry.run.is_some()).count();
        prop_assert_eq!(whole as u64, counts.entries);
        prop_assert!(stream.at_close <= FOLDS + 3);
        prop_assert_eq!(stream.flow.due(), None);
    }
}

#[test]
fn the_model_of_journald_throws_away_what_a_window_cannot_hold() {
    let mut journald = Journald::new(Some(Limit { burst: 2, interval: Duration::from_secs(1) }));
    let taken: Vec<bool> =
        [0, 1, 2, 1_000, 1_001, 1_002, 1_003].map(|millis| journald.takes(at(millis), Priority::Info)).to_vec();
    assert_eq!(taken, [true, true, false, false, true, true, false]);
    assert!(journald.takes(at(1_003), Priority::Error));
}
