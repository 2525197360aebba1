//! The model ensemble: who is a member, who reaches whom, who leads, and which session holds `/brokers/ids/N` and
//! `/controller`.
//!
//! A quorum is a majority of the members whose processes have joined and stand on one side of the network. It exists an
//! election after that majority does; members that come later serve once they have synced. Sessions lapse 18 s after
//! their owner was last connected, but only while somebody leads; a new leader gives every session its 18 s again.
//! Absent on purpose: data, watches, observers.

use kafka_node::model::RunId;

use crate::clock::{SEC, Time};

/// The most nodes a world has.
pub const MOST: usize = 5;
/// Kafka 2.6's `zookeeper.session.timeout.ms`.
pub const SESSION_TIMEOUT: Time = 18 * SEC;

const FIRST_SESSION: i64 = 0x1001;

/// One bit a node.
pub type Mask = u8;

/// The bit of `node`.
pub fn bit(node: usize) -> Mask {
    1 << node
}

/// Whose a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A broker run of this node.
    Run { node: usize, run: RunId },
    /// A broker with this node's id on another machine.
    Stranger { node: usize },
}

/// What stands at `/brokers/ids/N`.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    /// The ephemeral's owner.
    pub session: i64,
    /// Which znode it is: no two have the same.
    pub stamp: u64,
    /// The owner still sends heartbeats.
    pub owner_lives: bool,
    /// The owner is on a machine that always reaches whoever leads.
    pub elsewhere: bool,
    /// When the session lapses; unset while the owner is connected or nobody leads.
    pub lapses: Option<Time>,
}

/// What the world must do after the ensemble changed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Consequences {
    /// An election began: it ends in this epoch.
    pub election: Option<u32>,
    /// These members begin to sync with the leader.
    pub sync: Mask,
    /// These registrations got a lapse.
    pub lapses: Mask,
}

/// The ensemble and the network between the nodes.
#[derive(Debug)]
pub struct Ensemble {
    nodes: usize,
    members: Mask,
    joined: Mask,
    sides: [u8; MOST],
    leader: Option<usize>,
    serving: Mask,
    syncing: Mask,
    electing: bool,
    epoch: u32,
    led_since: Time,
    owners: Vec<Owner>,
    stamps: u64,
    /// The session that holds `/controller`.
    pub controller: Option<i64>,
    /// `/brokers/ids/N` by node.
    pub registrations: [Option<Registration>; MOST],
}

impl Ensemble {
    pub fn new(nodes: usize, members: Mask) -> Ensemble {
        Ensemble {
            nodes,
            members,
            joined: 0,
            sides: [0; MOST],
            leader: None,
            serving: 0,
            syncing: 0,
            electing: false,
            epoch: 0,
            led_since: 0,
            owners: Vec::new(),
            stamps: 0,
            controller: None,
            registrations: [None; MOST],
        }
    }

    /// Members that answer `srvr` with a role.
    pub fn serving(&self) -> Mask {
        self.serving
    }

    pub fn leads(&self, node: usize) -> bool {
        self.leader == Some(node)
    }

    pub fn standalone(&self) -> bool {
        self.members.count_ones() == 1
    }

    /// A client on `node` reaches a member that serves. `zookeeper.connect` names them all.
    pub fn connected(&self, node: usize) -> bool {
        self.leader.is_some_and(|leader| self.sides[leader] == self.sides[node])
    }

    pub fn reaches(&self, one: usize, other: usize) -> bool {
        self.sides[one] == self.sides[other]
    }

    pub fn set_sides(&mut self, sides: [u8; MOST]) {
        self.sides = sides;
    }

    pub fn join(&mut self, node: usize) {
        self.joined |= bit(node);
    }

    pub fn leave(&mut self, node: usize) {
        self.joined &= !bit(node);
        self.syncing &= !bit(node);
    }

    pub fn new_session(&mut self, owner: Owner) -> i64 {
        self.owners.push(owner);
        FIRST_SESSION + self.owners.len() as i64 - 1
    }

    /// Whose `session` is or was.
    pub fn owner(&self, session: i64) -> Option<Owner> {
        self.owners.get(usize::try_from(session - FIRST_SESSION).ok()?).copied()
    }

    /// `/brokers/ids/N` is made by `session`; a broker takes `/controller` too where nobody has it.
    pub fn register(&mut self, node: usize, session: i64) {
        let elsewhere = matches!(self.owner(session), Some(Owner::Stranger { .. }));
        self.stamps += 1;
        let registration = Registration { session, stamp: self.stamps, owner_lives: true, elsewhere, lapses: None };
        self.registrations[node] = Some(registration);
        self.controller.get_or_insert(session);
    }

    /// `/brokers/ids/N` goes, and with it what else its session held: another broker takes `/controller`.
    pub fn unregister(&mut self, node: usize) {
        let Some(gone) = self.registrations[node].take() else { return };
        if self.controller == Some(gone.session) {
            self.controller = self.registrations.iter().flatten().find(|r| r.owner_lives).map(|r| r.session);
        }
    }

    /// When the last election ended.
    pub fn led_since(&self) -> Time {
        self.led_since
    }

    /// Whether anybody leads.
    pub fn is_led(&self) -> bool {
        self.leader.is_some()
    }

    fn joined_on_side_of(&self, node: usize) -> Mask {
        (0..self.nodes)
            .filter(|n| self.joined & bit(*n) != 0 && self.sides[*n] == self.sides[node])
            .fold(0, |mask, n| mask | bit(n))
    }

    fn is_majority(&self, mask: Mask) -> bool {
        mask.count_ones() * 2 > self.members.count_ones()
    }

    /// The one side that has a majority of joined members.
    fn majority(&self) -> Option<Mask> {
        (0..self.nodes).map(|n| self.joined_on_side_of(n)).find(|mask| self.is_majority(*mask))
    }

    /// Works out what follows from members that came or went and from sides that changed.
    pub fn settle(&mut self, now: Time) -> Consequences {
        let mut follows = Consequences::default();
        if let Some(leader) = self.leader {
            let reach = self.joined_on_side_of(leader);
            if reach & bit(leader) != 0 && self.is_majority(reach) {
                self.serving &= reach;
                follows.sync = reach & !self.serving & !self.syncing;
                self.syncing = (self.syncing & reach) | follows.sync;
            } else {
                self.leader = None;
                self.serving = 0;
                self.syncing = 0;
            }
        }
        if self.leader.is_none() {
            let possible = self.majority().is_some();
            if possible && !self.electing {
                self.epoch += 1;
                follows.election = Some(self.epoch);
            }
            self.electing = possible;
        }
        follows.lapses = self.refresh_sessions(now);
        follows
    }

    /// The election of `epoch` ends, unless it was overtaken.
    pub fn elected(&mut self, epoch: u32, now: Time) -> Consequences {
        if !self.electing || epoch != self.epoch {
            return Consequences::default();
        }
        self.electing = false;
        let Some(reach) = self.majority() else { return Consequences::default() };
        let leader = (0..self.nodes).rev().find(|n| reach & bit(*n) != 0);
        self.leader = leader;
        self.led_since = now;
        self.serving = leader.map_or(0, bit);
        self.syncing = 0;
        // A new leader gives every session its whole timeout again.
        for registration in self.registrations.iter_mut().flatten() {
            registration.lapses = None;
        }
        self.settle(now)
    }

    /// `node` has synced with the leader.
    pub fn synced(&mut self, node: usize) {
        if self.syncing & bit(node) != 0 {
            self.syncing &= !bit(node);
            self.serving |= bit(node);
        }
    }

    fn refresh_sessions(&mut self, now: Time) -> Mask {
        let mut armed = 0;
        for node in 0..self.nodes {
            let connected = self.connected(node);
            let led = self.leader.is_some();
            let Some(registration) = &mut self.registrations[node] else { continue };
            if !led || (registration.owner_lives && (connected || registration.elsewhere)) {
                registration.lapses = None;
            } else if registration.lapses.is_none() {
                registration.lapses = Some(now + SESSION_TIMEOUT);
                armed |= bit(node);
            }
        }
        armed
    }
}
