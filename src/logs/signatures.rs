//! The known troubles: what a row of the table is, and all rows. Pure.
//!
//! The rows stand by whom they belong to: `signatures_jvm` (Java itself), `signatures_host` (what the machine refuses to any
//! program), `signatures_zookeeper`, `signatures_kafka` and `signatures_kafka_config`. Each has its sample in `tests/signatures/`.
//! To add one: a row, a sample, and where it is real, how it was made in the sample's first line.
//!
//! Weights: 95 for a cause that is surely the root, 90 for a precise cause, 85 for what the machine refused, 80 for memory,
//! 60 and 50 for what tends to follow from another, 30 and less for words that say only that it ended.
//!
//! Absent on purpose: when a trouble that was named still counts (`evidence`).

use crate::model::{Cure, Role, Signature};

use super::{signatures_host, signatures_jvm, signatures_kafka, signatures_kafka_config, signatures_zookeeper};

/// One known trouble, and how it is found.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) signature: Signature,
    /// Any of these, each a list of words that one line holds in this order.
    pub(super) patterns: &'static [&'static [&'static str]],
    /// Of several troubles the heaviest counts.
    pub(super) weight: u8,
    pub(super) voice: Voice,
    pub(super) reach: Reach,
}

/// How loudly it must be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// In an ERROR or FATAL record, in the stack trace under it, or by the JVM itself.
    Loud,
    /// At any level: the words alone are enough.
    Any,
}

/// How long it counts after it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// No run outlives it.
    Fatal,
    /// Near the end only.
    Near,
    /// Near the end of a run that has not started yet.
    Start,
}

/// A row as most are: an ERROR, near the end. The other ways are the methods below.
pub(super) const fn row(
    code: &'static str,
    weight: u8,
    cure: Cure,
    patterns: &'static [&'static [&'static str]],
    cause: &'static str,
    remedy: &'static str,
) -> Row {
    let signature = Signature { code, role: None, cause, remedy, cure };
    Row { signature, patterns, weight, voice: Voice::Loud, reach: Reach::Near }
}

impl Row {
    pub(super) const fn of(mut self, role: Role) -> Row {
        self.signature.role = Some(role);
        self
    }

    pub(super) const fn at_any_level(mut self) -> Row {
        self.voice = Voice::Any;
        self
    }

    pub(super) const fn fatal(mut self) -> Row {
        self.reach = Reach::Fatal;
        self
    }

    pub(super) const fn at_start(mut self) -> Row {
        self.reach = Reach::Start;
        self
    }
}

/// Every row.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    [
        signatures_jvm::ROWS,
        signatures_host::ROWS,
        signatures_zookeeper::ROWS,
        signatures_kafka::ROWS,
        signatures_kafka_config::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// Every trouble that is known, in the table's order.
pub fn signatures() -> impl Iterator<Item = &'static Signature> {
    rows().map(|row| &row.signature)
}
