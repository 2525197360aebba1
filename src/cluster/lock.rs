//! The lock that a node holds while it may be down: the persistent znode `/kafka-node/lock`, read and written on the version that
//! was read. What it says is `gate`'s.
//!
//! It outlives sessions, boots and the deaths of its holder, and no time is up for it: it is given back by its holder, or by a person.
//! What cannot be understood is never written over.
//!
//! Effects: reads and writes a znode through a session. Absent on purpose: when it is taken and given back (`supervise`, `cli`).

use std::time::Duration;

use zookeeper_client::{Client, Error};

use crate::gate::{Holder, LockDoc, Take};
use crate::model::{NodeName, TokenOutcome};

use super::document::{TRIES, read, was_faster, worn_out, write};
use super::seat::{Seat, wall_clock};
use super::zookeeper::{Refusal, ZooKeeperSession};

pub(super) const LOCK: &str = "/kafka-node/lock";
/// Who is written to have asked where nobody says: the node itself.
const BY: &str = "kafka-node";

/// What is to become of the document.
enum Turn<T> {
    /// It stays, and this is the answer.
    Keep(T),
    /// This is written, and then this is the answer.
    Write(LockDoc, T),
}

impl ZooKeeperSession {
    /// Takes the lock for this node, within `limit`, for `reason` in words and the step of `roll` (empty for none). Held already by the
    /// same node of the same machine, it is refreshed.
    ///
    /// After [`TokenOutcome::Unreadable`] it may have been taken, and then it stays so: it is to be asked for again, or given back.
    pub async fn take_lock(&self, seat: &Seat, reason: &str, roll: &str, limit: Duration) -> TokenOutcome {
        let holder = Holder {
            machine: seat.machine.clone(),
            node: seat.node.as_str().to_owned(),
            boot: seat.boot.clone(),
            reason: reason.to_owned(),
            roll: roll.to_owned(),
            since: wall_clock(),
            by: BY.to_owned(),
        };
        let taken = self.with_lock(limit, |doc| match doc.take(&holder) {
            Take::Already => Turn::Keep(TokenOutcome::Held),
            Take::Taken(words) => Turn::Keep(TokenOutcome::Taken(words)),
            Take::Write(doc) => Turn::Write(doc, TokenOutcome::Held),
        });
        taken.await.unwrap_or_else(TokenOutcome::Unreadable)
    }

    /// Gives the lock back, within `limit`, where this node of this machine holds it; where it does not, there is nothing to do. The
    /// error is in words: it may then have been given back or not.
    pub async fn release_lock(&self, seat: &Seat, limit: Duration) -> Result<(), String> {
        let released = self.with_lock(limit, |doc| match doc.release(&seat.machine, &seat.node) {
            Some(doc) => Turn::Write(doc, ()),
            None => Turn::Keep(()),
        });
        released.await
    }

    /// What stands there, answered within `limit`; the error is in words.
    pub async fn read_lock(&self, limit: Duration) -> Result<LockDoc, String> {
        self.with_lock(limit, |doc| Turn::Keep(doc.clone())).await
    }

    /// Takes the lock away from `node`, whatever its machine, within `limit`: for a machine that will not come back. Returns who held
    /// it. Who does that (`by`) has to say why (`because`): both go to the log.
    pub async fn force_release(
        &self,
        node: &NodeName,
        by: &str,
        because: &str,
        limit: Duration,
    ) -> Result<Holder, String> {
        if because.trim().is_empty() {
            return Err("a lock is taken away for a reason, and none was said".to_owned());
        }
        let released = self.with_lock(limit, |doc| match doc.release_of(node) {
            Some((doc, holder)) => Turn::Write(doc, Ok(holder)),
            None => Turn::Keep(Err(format!("{node} does not hold the lock"))),
        });
        let holder = released.await??;
        tracing::warn!(holder = %holder, by, because, "the lock was taken away from its holder");
        Ok(holder)
    }

    async fn with_lock<T>(&self, limit: Duration, turn: impl Fn(&LockDoc) -> Turn<T>) -> Result<T, String> {
        let turn = &turn;
        let answer = self.ask(limit, |client| async move {
            for _ in 0..TRIES {
                match once(&client, turn).await {
                    Err(error) if was_faster(&error) => {}
                    answer => return answer,
                }
            }
            Ok(Err(worn_out(LOCK)))
        });
        answer.await.unwrap_or_else(|refusal: Refusal| Err(refusal.words()))
    }
}

async fn once<T>(client: &Client, turn: &impl Fn(&LockDoc) -> Turn<T>) -> Result<Result<T, String>, Error> {
    // A server that lags behind would show a holder of the past, or none.
    let synced = client.sync(LOCK);
    let standing = read(client, LOCK);
    synced.await?;
    let standing = standing.await?;
    let doc = match LockDoc::parse(&standing.data) {
        Ok(doc) => doc,
        Err(words) => return Ok(Err(format!("{LOCK}: {words}"))),
    };
    match turn(&doc) {
        Turn::Keep(answer) => Ok(Ok(answer)),
        Turn::Write(doc, answer) => {
            write(client, LOCK, &standing, &doc.render()).await?;
            Ok(Ok(answer))
        }
    }
}
