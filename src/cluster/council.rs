//! One look at what the supervisors share, every few seconds: this node's presence, the lock, the roll, the order to power down.
//!
//! Cheap: one round trip of five questions and no write, as long as nothing changes. Where the lock is this node's, one small
//! transaction more asks the time by ZooKeeper's clock, for the lock's age; it leaves nothing behind.
//!
//! A look that is not answered in time does not cost the session, and so not the presence and its age: an election of a new leader takes a
//! second or two, and the session outlives it. It is made anew only where it is over.
//!
//! Effects: reads and writes znodes through a session of its own. Absent on purpose: deciding on what is seen (`supervise`).

use std::time::Duration;

use tokio::time::Instant;
use zookeeper_client::{Client, Error};

use crate::gate::LockDoc;
use crate::model::{Council, CouncilOutcome, LockSeen, Presence};

use super::document::{Standing, TRIES, age, now, read, was_faster, worn_out};
use super::lock::LOCK;
use super::power_down::{self, POWER_DOWN};
use super::presence;
use super::roll::{self, ROLL};
use super::seat::Seat;
use super::zookeeper::{Glance, Refusal, ZooKeeperSession};

/// What one round trip came to.
enum Look {
    /// The presence stands as it should, and this is the rest.
    Whole(Result<Council, String>),
    /// This stands in the presence's place.
    NotPresent(Standing),
}

impl ZooKeeperSession {
    /// Makes `presence` known, where it does not stand so already, and reads what the others made known, within `limit`.
    ///
    /// The presence lives as long as this session. After [`CouncilOutcome::Unread`] it may stand as it did before.
    pub async fn sit(&self, seat: &Seat, presence: &Presence, limit: Duration) -> CouncilOutcome {
        let deadline = Instant::now() + limit;
        let (path, line) = (presence::place(&seat.node), presence::line(seat, presence));
        let (path, line) = (path.as_str(), line.as_str());
        match self.glance(limit, |client| async move { look(&client, seat, path, line).await }).await {
            Glance::Answer(Look::Whole(council)) => return outcome(council),
            Glance::Waiting(words) => return CouncilOutcome::Unread(words),
            Glance::Failed(refusal) => return CouncilOutcome::Unread(refusal.words()),
            Glance::Answer(Look::NotPresent(_)) | Glance::NoSession => {}
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let answer = self.ask(left, |client| async move {
            for _ in 0..TRIES {
                let standing = match look(&client, seat, path, line).await? {
                    Look::Whole(council) => return Ok(council),
                    Look::NotPresent(standing) => standing,
                };
                match presence::write(&client, path, &standing, line).await {
                    Err(error) if !was_faster(&error) => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
            Ok(Err(worn_out(path)))
        });
        outcome(answer.await.unwrap_or_else(|refusal: Refusal| Err(refusal.words())))
    }
}

fn outcome(council: Result<Council, String>) -> CouncilOutcome {
    match council {
        Ok(council) => CouncilOutcome::Seen(council),
        Err(words) => CouncilOutcome::Unread(words),
    }
}

async fn look(client: &Client, seat: &Seat, path: &str, line: &str) -> Result<Look, Error> {
    // Sent in one go: a server that lags behind catches up before it reads.
    let synced = client.sync(LOCK);
    let (present, lock) = (read(client, path), read(client, LOCK));
    let (roll, power_down) = (read(client, ROLL), read(client, POWER_DOWN));
    synced.await?;
    let (present, lock, roll, power_down) = (present.await?, lock.await?, roll.await?, power_down.await?);
    if !presence::is_ours(client, &present, line) {
        return Ok(Look::NotPresent(present));
    }
    let mut council = match read_all(seat, &lock, &roll, &power_down) {
        Ok(council) => council,
        Err(words) => return Ok(Look::Whole(Err(words))),
    };
    if let (LockSeen::Ours { age: held, .. }, Some(stat)) = (&mut council.lock, lock.stat) {
        *held = age(now(client).await?, stat.mtime);
    }
    Ok(Look::Whole(Ok(council)))
}

fn read_all(seat: &Seat, lock: &Standing, roll: &Standing, power_down: &Standing) -> Result<Council, String> {
    let lock = LockDoc::parse(&lock.data).map_err(|words| format!("{LOCK}: {words}"))?;
    let roll = roll::parse(&roll.data)?;
    Ok(Council {
        lock: lock.seen(&seat.machine, &seat.node, &seat.boot, Duration::ZERO),
        roll: roll.map_or(crate::model::RollTurn::Rest, |roll| roll.turn(&seat.node, &seat.boot, &seat.life)),
        power_down: power_down::parse(power_down)?,
    })
}
