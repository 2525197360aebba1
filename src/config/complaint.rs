//! One error for the person who typed the file, and all of them together.
//!
//! Absent on purpose: how the lines of a file are drawn (`snippet`).

use std::fmt;

use super::snippet;
use super::source::{Place, SourceFile};

/// So many errors are written out; the rest is counted.
const MOST: usize = 50;

/// What is wrong, where, what was expected, and what was probably meant.
pub(super) struct Complaint {
    /// `None` where the fault is not in any line, e.g. a file that cannot be read.
    pub at: Option<Place>,
    pub what: String,
    /// Said beside the carets; empty for none.
    pub label: String,
    /// Other places that belong to it, each with what stands there.
    pub others: Vec<(Place, String)>,
    /// Lines below the source: `expected`, `note` or `help`, and the text.
    pub notes: Vec<(&'static str, String)>,
}

impl Complaint {
    pub fn new(at: Place, what: impl Into<String>) -> Complaint {
        Complaint { at: Some(at), ..Complaint::without_place(what) }
    }

    pub fn without_place(what: impl Into<String>) -> Complaint {
        Complaint { at: None, what: what.into(), label: String::new(), others: Vec::new(), notes: Vec::new() }
    }

    pub fn label(mut self, text: impl Into<String>) -> Complaint {
        self.label = text.into();
        self
    }

    pub fn other(mut self, at: Place, text: impl Into<String>) -> Complaint {
        self.others.push((at, text.into()));
        self
    }

    pub fn expected(mut self, text: impl Into<String>) -> Complaint {
        self.notes.push(("expected", text.into()));
        self
    }

    pub fn note(mut self, text: impl Into<String>) -> Complaint {
        self.notes.push(("note", text.into()));
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Complaint {
        self.notes.push(("help", text.into()));
        self
    }

    pub fn help_if(self, text: Option<String>) -> Complaint {
        match text {
            Some(text) => self.help(text),
            None => self,
        }
    }
}

/// Everything that is wrong with the configuration, as the text an operator reads. It shows no secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    text: String,
    count: usize,
}

impl ConfigErrors {
    /// Puts the errors into the order of files and lines and writes them out.
    pub(super) fn new(files: &[SourceFile], mut complaints: Vec<Complaint>) -> ConfigErrors {
        // Faults without a place come first: a file that could not be read explains what follows.
        complaints.sort_by(|a, b| (a.at, &a.what).cmp(&(b.at, &b.what)));
        complaints.dedup_by(|a, b| a.at.is_some() && a.at == b.at && a.what == b.what);
        let count = complaints.len();
        let mut text = String::new();
        for complaint in complaints.iter().take(MOST) {
            snippet::write(&mut text, files, complaint);
            text.push('\n');
        }
        if count > MOST {
            text.push_str(&format!("and {} more\n\n", count - MOST));
        }
        text.push_str(&match count {
            1 => "the configuration has 1 error\n".to_owned(),
            n => format!("the configuration has {n} errors\n"),
        });
        ConfigErrors { text, count }
    }

    /// How many errors there are.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConfigErrors {}
