//! What the node says and what its JVMs print, on their way to the log thread.
//!
//! Saying something never blocks. Absent on purpose: the journal's own protocol, and the thread that speaks it (`notify`).

use crate::logs::Line;
use crate::model::{Notice, Role, RunId, Severity};
use crate::notify::log::{Origin, Record, Sink};

/// The way to the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    sink: Sink,
}

impl Journal {
    /// The way through `sink`.
    pub fn new(sink: Sink) -> Journal {
        Journal { sink }
    }
}
impl Journal {
    pub fn say(&self, _s: Severity, _r: Option<Role>, t: String) {
        eprintln!("{t}");
    }
    pub fn notice(&self, n: &Notice) {
        eprintln!("{n}");
    }
    pub fn jvm(&self, r: Role, _: RunId, l: &Line<'_>) {
        eprintln!("{r}| {}", l.text());
    }
    pub fn hear_panics(&self) {}
}
