//! The roll: the persistent znode `/kafka-node/roll`, read and written on the version that was read. What it says is `gate`'s.
//!
//! What cannot be understood is never written over; `kafka-node roll abort` of the version that wrote it ends it.
//!
//! Effects: reads and writes a znode through a session. Absent on purpose: whose turn it is (`gate`), and taking it (`supervise`).

use std::time::Duration;

use zookeeper_client::{Client, Error};

use crate::gate::RollDoc;
use crate::model::{MarkOutcome, RollMark};

use super::document::{TRIES, read, was_faster, worn_out, write};
use super::seat::{Seat, wall_clock};
use super::zookeeper::{Refusal, ZooKeeperSession};

pub(super) const ROLL: &str = "/kafka-node/roll";

/// What is to become of the document: the new one, or why there is none.
type Turn<'a> = &'a (dyn Fn(Option<&RollDoc>) -> Result<RollDoc, String> + Send + Sync);

/// Why there is no answer.
enum NoChange {
    /// The document forbids it.
    Refused(String),
    /// Whether it was written is not known, or it could not be read.
    Unread(String),
}

impl ZooKeeperSession {
    /// Writes this node's mark on the roll `id`, within `limit`. A mark that stands there already is made.
    pub async fn mark_roll(&self, seat: &Seat, id: &str, mark: &RollMark, limit: Duration) -> MarkOutcome {
        let at = wall_clock();
        let marked = |doc: Option<&RollDoc>| match doc {
            Some(doc) => doc.mark(&seat.node, id, mark, &seat.boot, &seat.life, &at),
            None => Err("there is no roll any more".to_owned()),
        };
        match self.with_roll(limit, &marked).await {
            Ok(_) => MarkOutcome::Marked,
            Err(NoChange::Refused(words)) => MarkOutcome::Refused(words),
            Err(NoChange::Unread(words)) => MarkOutcome::Unread(words),
        }
    }

    /// The last roll, over or not, answered within `limit`; `None` where there never was one. The error is in words.
    pub async fn read_roll(&self, limit: Duration) -> Result<Option<RollDoc>, String> {
        let answer = self.ask(limit, |client| async move {
            client.sync(ROLL).await?;
            Ok(parse(&read(&client, ROLL).await?.data))
        });
        answer.await.unwrap_or_else(|refusal| Err(refusal.words()))
    }

    /// Begins a roll, within `limit`, unless one is under way. The error is in words; where it is about ZooKeeper, the roll may have
    /// begun: [`ZooKeeperSession::read_roll`] tells by its id.
    pub async fn begin_roll(&self, roll: RollDoc, limit: Duration) -> Result<(), String> {
        let begun = |doc: Option<&RollDoc>| match doc {
            Some(doc) if !doc.is_over() && doc.id != roll.id => {
                Err(format!("a roll is under way: {}, by {}, since {}", doc.verb, doc.by, doc.since))
            }
            Some(_) | None => Ok(roll.clone()),
        };
        self.with_roll(limit, &begun).await.map(drop).map_err(NoChange::words)
    }

    /// Writes what `change` makes of the roll, within `limit`, and returns it. It may be asked several times, each time about what stands
    /// there by then.
    pub async fn change_roll(
        &self,
        limit: Duration,
        change: impl Fn(&RollDoc) -> Result<RollDoc, String> + Send + Sync,
    ) -> Result<RollDoc, String> {
        let changed = |doc: Option<&RollDoc>| change(doc.ok_or_else(|| "there is no roll".to_owned())?);
        self.with_roll(limit, &changed).await.map_err(NoChange::words)
    }

    async fn with_roll(&self, limit: Duration, turn: Turn<'_>) -> Result<RollDoc, NoChange> {
        let answer = self.ask(limit, |client| async move {
            for _ in 0..TRIES {
                match once(&client, turn).await {
                    Err(error) if was_faster(&error) => {}
                    answer => return answer,
                }
            }
            Ok(Err(NoChange::Unread(worn_out(ROLL))))
        });
        answer.await.unwrap_or_else(|refusal: Refusal| Err(NoChange::Unread(refusal.words())))
    }
}

impl NoChange {
    fn words(self) -> String {
        match self {
            NoChange::Refused(words) | NoChange::Unread(words) => words,
        }
    }
}

/// The roll that stands there; `None` where nothing does.
pub(super) fn parse(data: &[u8]) -> Result<Option<RollDoc>, String> {
    match data.is_empty() {
        true => Ok(None),
        false => RollDoc::parse(data).map(Some).map_err(|words| format!("{ROLL}: {words}")),
    }
}

async fn once(client: &Client, turn: Turn<'_>) -> Result<Result<RollDoc, NoChange>, Error> {
    // A server that lags behind would show an older roll.
    let synced = client.sync(ROLL);
    let standing = read(client, ROLL);
    synced.await?;
    let standing = standing.await?;
    let doc = match parse(&standing.data) {
        Ok(doc) => doc,
        Err(words) => return Ok(Err(NoChange::Unread(words))),
    };
    let changed = match turn(doc.as_ref()) {
        Ok(changed) => changed,
        Err(words) => return Ok(Err(NoChange::Refused(words))),
    };
    if doc.as_ref() != Some(&changed) {
        write(client, ROLL, &standing, &changed.render()).await?;
    }
    Ok(Ok(changed))
}
