//! Which kind of event of kafka-node's own an entry of the journal tells of: its MESSAGE_ID, and what the journal's catalog says.
//!
//! Absent on purpose: the event itself (`notice`), and the journal (`notify`).

use std::fmt;

/// An id of 128 bits, the same for every event of a kind and for ever: `journalctl MESSAGE_ID=..` finds them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u128);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
