//! journald's limit as it is, written down independently of the buckets that keep below it, and a stream into it.
//!
//! A pool for each class of priority; a window begins with the first message after the end of the last one and lasts the
//! interval; what comes beyond the burst is thrown away (journald-rate-limit.c of 219 and of 252 alike). Absent on purpose:
//! the factor for free disk space, which only raises the burst.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_node::logs::{Entry, Flow, Limit, Origin, Priority, Said};
use kafka_node::model::{Moment, RunId};
use proptest::prelude::*;

pub const RUN: RunId = RunId(7);

pub fn at(millis: u64) -> Moment {
    Moment::from_origin(Duration::from_millis(millis))
}

pub fn record<'a>(priority: Priority, logger: &'a str, message: &'a str) -> Said<'a> {
    Said {
        priority,
        time: b"",
        logger: logger.as_bytes(),
        thread: b"main",
        message: message.as_bytes(),
        exception: b"",
        continued: false,
    }
}

pub struct Journald {
    limit: Option<Limit>,
    /// By number of priority: when the window began, and how many messages it took.
    pools: BTreeMap<u8, (Moment, u64)>,
}

impl Journald {
    pub fn new(limit: Option<Limit>) -> Journald {
        Journald { limit, pools: BTreeMap::new() }
    }

    pub fn takes(&mut self, now: Moment, priority: Priority) -> bool {
        let Some(limit) = self.limit else { return true };
        let pool = self.pools.entry(priority.number()).or_insert((now, 0));
        if now.since(pool.0) > limit.interval {
            *pool = (now, 0);
        }
        pool.1 += 1;
        pool.1 <= limit.burst
    }
}

/// A flow, and the journald behind it.
pub struct Stream {
    pub flow: Flow,
    pub now: Moment,
    pub said: u64,
    pub own: u64,
    /// What arrived in journald, what it refused included.
    pub written: Vec<Entry>,
    /// Refused, of what is not kafka-node's own.
    pub refused: usize,
    /// Entries that only `close` made.
    pub at_close: usize,
    journald: Journald,
    in_hand: Vec<Entry>,
    /// Of those, what arrived already.
    arrived: usize,
}

/// What may happen to it.
#[derive(Clone, Debug)]
pub enum Step {
    /// So many records at once, of a level and a logger, each with one of so many texts.
    Say {
        level: usize,
        logger: u8,
        texts: u64,
        count: u64,
    },
    Own {
        level: usize,
    },
    /// Milliseconds pass.
    Pass(u64),
    /// The writer takes a batch. It arrives at once or not until the next step of the kind, and only then is it known to be
    /// written.
    Take {
        at_once: bool,
    },
    Write,
}

pub fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..5, 0u8..6, 1u64..30, 1u64..600)
            .prop_map(|(level, logger, texts, count)| Step::Say { level, logger, texts, count }),
        1 => (0usize..5).prop_map(|level| Step::Own { level }),
        3 => (0u64..3_000).prop_map(Step::Pass),
        1 => (0u64..60_000).prop_map(Step::Pass),
        2 => any::<bool>().prop_map(|at_once| Step::Take { at_once }),
        4 => Just(Step::Write),
    ]
}

impl Stream {
    pub fn new(flow: Flow, limit: Option<Limit>) -> Stream {
        Stream {
            flow,
            now: Moment::ZERO,
            said: 0,
            own: 0,
            written: Vec::new(),
            refused: 0,
            at_close: 0,
            journald: Journald::new(limit),
            in_hand: Vec::new(),
            arrived: 0,
        }
    }

    pub fn say(&mut self, now: Moment, said: &Said<'_>) {
        self.now = now;
        self.said += 1;
        self.flow.said(now, Origin::Kafka, RUN, said);
    }

    /// The writer takes and writes as long as there is something.
    pub fn write(&mut self, now: Moment) {
        self.now = now;
        self.finish();
        loop {
            self.flow.take(now, &mut self.in_hand, 256);
            if self.in_hand.is_empty() {
                return;
            }
            self.finish();
        }
    }

    pub fn step(&mut self, step: &Step) {
        const LEVELS: [Priority; 5] =
            [Priority::Critical, Priority::Error, Priority::Warning, Priority::Info, Priority::Debug];
        match *step {
            Step::Say { level, logger, texts, count } => {
                for n in 0..count {
                    let (logger, text) = (format!("logger {logger}"), format!("text {}", n % texts));
                    self.say(self.now, &record(LEVELS[level], &logger, &text));
                }
            }
            Step::Own { level } => {
                self.own += 1;
                self.flow.entry(self.now, Entry::own(LEVELS[level], "own"));
            }
            Step::Pass(millis) => self.now = self.now + Duration::from_millis(millis),
            Step::Take { at_once } => {
                self.finish();
                self.flow.take(self.now, &mut self.in_hand, 256);
                if at_once {
                    self.arrive();
                }
            }
            Step::Write => self.write(self.now),
        }
    }

    /// The end of the node.
    pub fn end(&mut self) {
        self.write(self.now);
        let before = self.flow.waiting();
        self.flow.close(self.now);
        self.at_close = self.flow.waiting() - before;
        let refused = self.refused;
        self.write(self.now);
        self.refused = refused;
    }

    /// What is in hand reaches journald at this moment.
    fn arrive(&mut self) {
        for entry in self.in_hand.iter().skip(self.arrived) {
            let own = entry.origin == Origin::KafkaNode && entry.text == "own";
            // kafka-node's own are beside the bound: they neither count here nor are they counted.
            if !own && !self.journald.takes(self.now, entry.priority) {
                self.refused += 1;
            }
        }
        self.arrived = self.in_hand.len();
    }

    fn finish(&mut self) {
        self.arrive();
        self.arrived = 0;
        self.flow.written(self.now, self.in_hand.len());
        self.written.append(&mut self.in_hand);
    }
}
