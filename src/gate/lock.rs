//! The lock that a node holds while it may be down: who may take it, who keeps it, and how it stands in ZooKeeper.
//!
//! FleetLock's semantics: taking it twice is taking it once, a reboot does not give it back, and only its holder does, when it
//! is well again; or a person, for a machine that will not come back.
//! Absent on purpose: the compare-and-swap that makes it safe (`cluster`), and when it is taken and given back (`supervise`, `cli`).

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::model::{LockSeen, NodeName};

use super::document::{self, LONGEST_NAME, LONGEST_TEXT, VERSION, clean};

/// How many holders can stand in a document that is read.
const MOST_HOLDERS: usize = 64;
const WHAT: &str = "the lock";

/// Who holds the lock. The same machine and node are the same holder: several nodes can share a machine, and a cloned machine
/// its machine-id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// `/etc/machine-id`.
    pub machine: String,
    /// The node's name.
    pub node: String,
    /// The boot in which it was taken.
    pub boot: String,
    /// What for, in words.
    pub reason: String,
    /// The id of the roll it was taken for; empty for none.
    pub roll: String,
    /// When it was taken, RFC 3339 in UTC by the holder's clock: for people, nobody reckons with it.
    pub since: String,
    /// Who asked for it: a person or the supervisor.
    pub by: String,
}

/// What stands at the lock's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockDoc {
    /// How many may hold it at once.
    pub slots: usize,
    /// Who does, the earliest first.
    pub holders: Vec<Holder>,
}

/// What taking the lock comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    /// It is held already, just as asked: nothing to write.
    Already,
    /// It is held once this is written over the document that was read.
    Write(LockDoc),
    /// Others hold it, in words.
    Taken(String),
}

impl LockDoc {
    /// Held by nobody, one at a time.
    pub fn free() -> LockDoc {
        LockDoc { slots: 1, holders: Vec::new() }
    }

    /// Reads it; nothing at all is a free lock. The error says why it cannot be understood: it must then not be written over.
    pub fn parse(bytes: &[u8]) -> Result<LockDoc, String> {
        if bytes.is_empty() {
            return Ok(LockDoc::free());
        }
        let fields = document::versioned(bytes, WHAT)?;
        let slots = match fields.get("slots").map(Value::as_u64) {
            None => 1,
            Some(Some(slots @ 1..=64)) => usize::try_from(slots).unwrap_or(1),
            Some(_) => return Err(format!("{WHAT} has `slots` that are no number from 1 to 64")),
        };
        let mut holders: Vec<Holder> = Vec::new();
        for fields in document::list(&fields, "holders", MOST_HOLDERS, WHAT)? {
            let holder = Holder::read(fields)?;
            if !holders.iter().any(|other| other.is(&holder.machine, &holder.node)) {
                holders.push(holder);
            }
        }
        Ok(LockDoc { slots, holders })
    }

    /// As it stands in ZooKeeper, one line.
    pub fn render(&self) -> String {
        let holders: Vec<Value> = self.holders.iter().map(Holder::written).collect();
        json!({"v": VERSION, "slots": self.slots, "holders": holders}).to_string()
    }

    /// What it comes to when `asking` wants it. Asked again by its holder it is refreshed, and keeps its `since` where the reason is the same.
    pub fn take(&self, asking: &Holder) -> Take {
        let place = self.holders.iter().position(|holder| holder.is(&asking.machine, &asking.node));
        match place {
            // More holders than slots: the slots were lowered by hand, and the earliest keep theirs.
            Some(at) if at >= self.slots => Take::Taken(words(self.holders.iter().take(at))),
            Some(at) => self.refreshed(at, asking),
            None if self.holders.len() >= self.slots => Take::Taken(words(self.holders.iter())),
            None => {
                let mut doc = self.clone();
                doc.holders.push(asking.clone());
                Take::Write(doc)
            }
        }
    }

    fn refreshed(&self, at: usize, asking: &Holder) -> Take {
        let mut doc = self.clone();
        let Some(holder) = doc.holders.get_mut(at) else { return Take::Already };
        if holder.reason == asking.reason && holder.boot == asking.boot && holder.roll == asking.roll {
            return Take::Already;
        }
        let since = if holder.reason == asking.reason { holder.since.clone() } else { asking.since.clone() };
        *holder = Holder { since, ..asking.clone() };
        Take::Write(doc)
    }

    /// Without this holder; `None` where it does not hold it.
    pub fn release(&self, machine: &str, node: &NodeName) -> Option<LockDoc> {
        self.without(|holder| holder.is(machine, node.as_str())).map(|(doc, _)| doc)
    }

    /// Without the node of this name, whatever its machine, and who that was: for a machine that will not come back.
    pub fn release_of(&self, node: &NodeName) -> Option<(LockDoc, Holder)> {
        self.without(|holder| holder.node == node.as_str())
    }

    fn without(&self, given_back: impl Fn(&Holder) -> bool) -> Option<(LockDoc, Holder)> {
        let holder = self.holders.iter().find(|holder| given_back(holder))?.clone();
        let holders = self.holders.iter().filter(|holder| !given_back(holder)).cloned().collect();
        Some((LockDoc { slots: self.slots, holders }, holder))
    }

    /// As this node sees it. `age` is how long the document has stood, by ZooKeeper's clock.
    pub fn seen(&self, machine: &str, node: &NodeName, boot: &str, age: Duration) -> LockSeen {
        let place = self.holders.iter().position(|holder| holder.is(machine, node.as_str()));
        match place.and_then(|at| self.holders.get(at).filter(|_| at < self.slots)) {
            Some(holder) => LockSeen::Ours {
                this_boot: holder.boot == boot,
                reason: holder.reason.clone(),
                roll: holder.roll.clone(),
                age,
            },
            None if self.holders.len() < self.slots => LockSeen::Free,
            None => LockSeen::Theirs(words(self.holders.iter().filter(|holder| !holder.is(machine, node.as_str())))),
        }
    }
}

impl Holder {
    /// It is this node of this machine.
    pub fn is(&self, machine: &str, node: &str) -> bool {
        self.machine == machine && self.node == node
    }

    fn read(fields: &Map<String, Value>) -> Result<Holder, String> {
        let what = "a holder of the lock";
        Ok(Holder {
            machine: document::name(fields, "machine", what)?,
            node: document::name(fields, "node", what)?,
            boot: document::text(fields, "boot"),
            reason: document::text(fields, "reason"),
            roll: document::text(fields, "roll"),
            since: document::text(fields, "since"),
            by: document::text(fields, "by"),
        })
    }

    fn written(&self) -> Value {
        json!({
            "machine": clean(&self.machine, LONGEST_NAME),
            "node": clean(&self.node, LONGEST_NAME),
            "boot": clean(&self.boot, LONGEST_TEXT),
            "reason": clean(&self.reason, LONGEST_TEXT),
            "roll": clean(&self.roll, LONGEST_TEXT),
            "since": clean(&self.since, LONGEST_TEXT),
            "by": clean(&self.by, LONGEST_TEXT),
        })
    }
}

/// `kafkanode2 (reboot, since 2026-01-01T02:00:00Z)`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.node)?;
        match (self.reason.as_str(), self.since.as_str()) {
            ("", "") => Ok(()),
            ("", since) => write!(f, " (since {since})"),
            (reason, "") => write!(f, " ({reason})"),
            (reason, since) => write!(f, " ({reason}, since {since})"),
        }
    }
}

fn words<'a>(holders: impl Iterator<Item = &'a Holder>) -> String {
    let names: Vec<String> = holders.map(Holder::to_string).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(number: usize, reason: &str) -> Holder {
        Holder {
            machine: format!("machine{number}"),
            node: format!("kafkanode{number}"),
            boot: "boot".to_owned(),
            reason: reason.to_owned(),
            roll: String::new(),
            since: format!("2026-01-01T02:00:0{number}Z"),
            by: "root".to_owned(),
        }
    }

    fn held(holders: &[Holder]) -> LockDoc {
        LockDoc { slots: 1, holders: holders.to_vec() }
    }

    #[test]
    fn nothing_there_is_a_free_lock() {
        assert_eq!(LockDoc::parse(b""), Ok(LockDoc::free()));
        assert_eq!(LockDoc::parse(b"{\"v\":1,\"slots\":1,\"holders\":[]}"), Ok(LockDoc::free()));
        assert_eq!(LockDoc::parse(b"{\"v\":1,\"holders\":[]}"), Ok(LockDoc::free()));
    }

    #[test]
    fn what_is_not_understood_is_no_free_lock() {
        for bytes in [
            &b" "[..],
            b"{}",
            b"null",
            b"{\"v\":2,\"holders\":[]}",
            b"{\"v\":1}",
            b"{\"v\":1,\"slots\":0,\"holders\":[]}",
            b"{\"v\":1,\"slots\":-1,\"holders\":[]}",
            b"{\"v\":1,\"slots\":\"1\",\"holders\":[]}",
            b"{\"v\":1,\"slots\":1e9,\"holders\":[]}",
            b"{\"v\":1,\"holders\":{}}",
            b"{\"v\":1,\"holders\":[1]}",
            b"{\"v\":1,\"holders\":[{}]}",
            b"{\"v\":1,\"holders\":[{\"machine\":\"\",\"node\":\"a\"}]}",
            b"{\"v\":1,\"holders\":[{\"machine\":\"a\",\"node\":3}]}",
        ] {
            assert!(LockDoc::parse(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        let many = vec!["{\"machine\":\"a\",\"node\":\"b\"}"; MOST_HOLDERS + 1].join(",");
        let why = LockDoc::parse(format!("{{\"v\":1,\"holders\":[{many}]}}").as_bytes());
        assert_eq!(why, Err("the lock has 65 `holders`, and 64 at most can be".to_owned()));
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let doc = held(&[holder(1, "reboot \"now\" ä")]);
        assert_eq!(LockDoc::parse(doc.render().as_bytes()), Ok(doc.clone()));
        assert!(!doc.render().contains('\n'));
    }

    #[test]
    fn lock_has_one_holder() {
        let Take::Write(doc) = LockDoc::free().take(&holder(1, "reboot")) else { panic!("not taken") };
        assert_eq!(doc, held(&[holder(1, "reboot")]));
        let taken = doc.take(&holder(2, "reboot"));
        assert_eq!(taken, Take::Taken("kafkanode1 (reboot, since 2026-01-01T02:00:01Z)".to_owned()));
        // Another node of the same machine, and the same node's name on another machine, are others.
        for other in [
            Holder { node: "kafkanode9".to_owned(), ..holder(1, "reboot") },
            Holder { machine: "m9".to_owned(), ..holder(1, "reboot") },
        ] {
            assert!(matches!(doc.take(&other), Take::Taken(_)), "{other}");
        }
    }

    #[test]
    fn taking_it_twice_is_taking_it_once() {
        let doc = held(&[holder(1, "reboot")]);
        let later = Holder { since: "later".to_owned(), ..holder(1, "reboot") };
        assert_eq!(doc.take(&later), Take::Already);
        let other_boot = Holder { boot: "other".to_owned(), ..later.clone() };
        let kept = Holder { since: holder(1, "").since, ..other_boot.clone() };
        assert_eq!(doc.take(&other_boot), Take::Write(held(&[kept])));
        let other_reason = Holder { reason: "restart".to_owned(), ..later };
        assert_eq!(doc.take(&other_reason), Take::Write(held(&[other_reason])));
    }

    #[test]
    fn of_more_holders_than_slots_the_earliest_keep_theirs() {
        let doc = held(&[holder(1, "reboot"), holder(2, "reboot")]);
        assert_eq!(doc.take(&holder(1, "reboot")), Take::Already);
        assert!(matches!(doc.take(&holder(2, "reboot")), Take::Taken(who) if !who.contains("kafkanode2")));
        assert!(matches!(doc.take(&holder(3, "reboot")), Take::Taken(_)));
        let two = LockDoc { slots: 2, holders: vec![holder(1, "reboot")] };
        assert!(matches!(two.take(&holder(2, "reboot")), Take::Write(doc) if doc.holders.len() == 2));
    }

    #[test]
    fn it_is_given_back_by_its_holder_or_by_a_person() {
        let doc = held(&[holder(1, "reboot")]);
        let (one, two) = (NodeName::new("kafkanode1"), NodeName::new("kafkanode2"));
        assert_eq!(doc.release("machine1", &one), Some(LockDoc::free()));
        assert_eq!(doc.release("machine2", &one), None);
        assert_eq!(doc.release("machine1", &two), None);
        assert_eq!(doc.release_of(&one), Some((LockDoc::free(), holder(1, "reboot"))));
        assert_eq!(doc.release_of(&two), None);
    }

    #[test]
    fn every_node_sees_whose_it_is() {
        let (one, two) = (NodeName::new("kafkanode1"), NodeName::new("kafkanode2"));
        let age = Duration::from_secs(7);
        assert_eq!(LockDoc::free().seen("machine1", &one, "boot", age), LockSeen::Free);
        let doc = held(&[Holder { roll: "r7".to_owned(), ..holder(1, "roll") }]);
        let ours = |this_boot| LockSeen::Ours { this_boot, reason: "roll".to_owned(), roll: "r7".to_owned(), age };
        assert_eq!(doc.seen("machine1", &one, "boot", age), ours(true));
        assert_eq!(doc.seen("machine1", &one, "next", age), ours(false));
        let theirs = LockSeen::Theirs("kafkanode1 (roll, since 2026-01-01T02:00:01Z)".to_owned());
        assert_eq!(doc.seen("machine2", &two, "boot", age), theirs);
        assert_eq!(doc.seen("machine2", &one, "boot", age), theirs);
    }
}
