//! What the supervisors share: the lock, the roll, the order to power down and the presences, as they stand in ZooKeeper.
//!
//! The documents are the real ones of `gate`, as bytes with a version. Absent on purpose: how answers travel (`questions.rs`).

use kafka_node::gate::{Holder, LockDoc, RollDoc};
use kafka_node::model::Presence;

use crate::clock::Time;

/// A persistent znode.
#[derive(Clone, Debug, Default)]
pub struct Znode {
    pub text: String,
    /// Never the same twice, whatever was deleted in between.
    pub version: u64,
    /// By ZooKeeper's clock.
    pub changed: i64,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Lock,
    Roll,
}

/// A supervisor's ephemeral.
#[derive(Clone, Debug)]
pub struct Standing {
    pub life: u32,
    pub said: Presence,
    /// By ZooKeeper's clock.
    pub changed: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Znodes {
    pub lock: Znode,
    pub roll: Znode,
    pub order: Option<i64>,
    pub presences: Vec<Option<Standing>>,
    pub zxid: u64,
    /// When a person or an accident last took the lock from its holder.
    pub wiped: Option<Time>,
}

impl Znodes {
    pub fn new(nodes: usize) -> Znodes {
        Znodes { presences: vec![None; nodes], ..Znodes::default() }
    }

    pub fn at(&mut self, place: Place) -> &mut Znode {
        match place {
            Place::Lock => &mut self.lock,
            Place::Roll => &mut self.roll,
        }
    }

    /// Writes over `version`; `false` where somebody was faster.
    pub fn write(&mut self, place: Place, version: u64, text: String, clock: i64) -> bool {
        self.zxid += 1;
        let next = self.zxid;
        let znode = self.at(place);
        let same = znode.version == version;
        if same {
            *znode = Znode { text, version: next, changed: clock };
        }
        same
    }

    pub fn lock_doc(&self) -> LockDoc {
        LockDoc::parse(self.lock.text.as_bytes()).expect("the lock is written by us")
    }

    pub fn holders(&self) -> Vec<Holder> {
        self.lock_doc().holders
    }

    pub fn roll_doc(&self) -> Option<RollDoc> {
        let text = &self.roll.text;
        (!text.is_empty()).then(|| RollDoc::parse(text.as_bytes()).expect("the roll is written by us"))
    }
}
