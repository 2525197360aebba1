//! Notes on what was found, each with its kind, its words and its reason. No note shows a secret.
//!
//! Absent on purpose: printing them (`cli`).

use crate::config::masked;

/// What is said of something that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It stands in the configuration.
    Taken,
    /// It does not: it is what kafka-node does anyway, or decides itself.
    Left,
    /// It holds for this node, and other nodes differ.
    ByNode,
    /// Somebody must look at it.
    Danger,
    /// It cannot be taken over, and so nothing is.
    Refused,
}

impl Kind {
    /// Every kind, in the order of the report.
    pub const ALL: [Kind; 5] = [Kind::Taken, Kind::Left, Kind::ByNode, Kind::Danger, Kind::Refused];

    /// As `--json` names it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Taken => "taken",
            Kind::Left => "left-out",
            Kind::ByNode => "by-node",
            Kind::Danger => "dangerous",
            Kind::Refused => "refused",
        }
    }

    /// Above its notes.
    pub fn heading(self) -> &'static str {
        match self {
            Kind::Taken => "taken over",
            Kind::Left => "left out: a default, or decided by kafka-node",
            Kind::ByNode => "of this node alone",
            Kind::Danger => "dangerous, or another than it was: look at it",
            Kind::Refused => "cannot be taken over",
        }
    }
}

/// One note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is said.
    pub kind: Kind,
    /// The property it is about; empty where it is about none.
    pub key: String,
    /// What was found.
    pub what: String,
    /// What became of it, or why it matters and what to do.
    pub why: String,
}

/// Notes as they are made.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    pub fn taken(&mut self, key: &str, value: &str, why: impl Into<String>) {
        self.add(Kind::Taken, key, &shown(key, value), why.into());
    }

    pub fn left(&mut self, key: &str, value: &str, why: impl Into<String>) {
        self.add(Kind::Left, key, &shown(key, value), why.into());
    }

    pub fn by_node(&mut self, key: &str, value: &str, why: impl Into<String>) {
        self.add(Kind::ByNode, key, &shown(key, value), why.into());
    }

    /// `what` is shown as it is.
    pub fn danger(&mut self, key: &str, what: &str, why: impl Into<String>) {
        self.add(Kind::Danger, key, what, why.into());
    }

    /// `what` is shown as it is.
    pub fn refuse(&mut self, key: &str, what: &str, why: impl Into<String>) {
        self.add(Kind::Refused, key, what, why.into());
    }

    pub fn refused(&self) -> bool {
        self.0.iter().any(|note| note.kind == Kind::Refused)
    }

    /// Whether a change of `key` has been said.
    pub fn explains(&self, key: &str) -> bool {
        self.0.iter().any(|note| note.key == key && note.kind != Kind::Taken && note.kind != Kind::ByNode)
    }

    pub fn sorted(mut self) -> Vec<Note> {
        self.0.sort_by_key(|note| note.kind);
        self.0
    }

    fn add(&mut self, kind: Kind, key: &str, what: &str, why: String) {
        let note = Note { kind, key: key.to_owned(), what: what.to_owned(), why };
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }
}

/// `key=value` as it may be printed: no secret, no control character.
pub(super) fn shown(key: &str, value: &str) -> String {
    let text = if key.is_empty() { masked(value) } else { masked(&format!("{key}={value}")) };
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
