//! The order to power the cluster down: the persistent znode `/kafka-node/power-down`, one line of JSON. Each order is a znode of
//! its own, whose creation is its number.
//!
//! It stands until it is withdrawn, over the boots of all: nodes obey each number once, so it keeps nobody from starting again.
//!
//! Effects: makes and removes a znode through a session. Absent on purpose: obeying it (`supervise`).

use std::time::Duration;

use serde_json::{Value, json};
use zookeeper_client::{Client, Error};

use crate::model::PowerDown;

use super::document::{HOME, PERSISTENT, Standing, TRIES, make, read, was_faster, worn_out};
use super::presence::text;
use super::seat::wall_clock;
use super::zookeeper::{Refusal, ZooKeeperSession};

pub(super) const POWER_DOWN: &str = "/kafka-node/power-down";
const VERSION: u64 = 1;

impl ZooKeeperSession {
    /// Orders every node to stop, within `limit`, in place of an older order. The error is in words; the order may then stand or not.
    pub async fn order_power_down(&self, by: &str, because: &str, limit: Duration) -> Result<PowerDown, String> {
        let line = json!({"v": VERSION, "by": by, "because": because, "since": wall_clock()}).to_string();
        let line = line.as_str();
        let answer = self.ask(limit, |client| async move {
            for _ in 0..TRIES {
                match replace(&client, line).await {
                    Err(error) if was_faster(&error) => {}
                    answer => return answer,
                }
            }
            Ok(Err(worn_out(POWER_DOWN)))
        });
        answer.await.unwrap_or_else(|refusal: Refusal| Err(refusal.words()))
    }

    /// Withdraws the order that stands, within `limit`; whether one stood. The error is in words.
    pub async fn withdraw_power_down(&self, limit: Duration) -> Result<bool, String> {
        match self.ask(limit, |client| async move { client.delete(POWER_DOWN, None).await }).await {
            Ok(()) => Ok(true),
            Err(Refusal::NoNode) => Ok(false),
            Err(refusal) => Err(refusal.words()),
        }
    }
}

async fn replace(client: &Client, line: &str) -> Result<Result<PowerDown, String>, Error> {
    client.sync(POWER_DOWN).await?;
    let older = read(client, POWER_DOWN).await?;
    make(client, HOME).await?;
    let mut ordering = client.new_multi_writer();
    if let Some(stat) = older.stat {
        ordering.add_delete(POWER_DOWN, Some(stat.version))?;
    }
    ordering.add_create(POWER_DOWN, line.as_bytes(), &PERSISTENT)?;
    ordering.commit().await?;
    // What a creation says of itself in a transaction is not told by 3.5 (ZOOKEEPER-4026).
    let standing = read(client, POWER_DOWN).await?;
    Ok(parse(&standing).and_then(|order| order.ok_or_else(|| "the order was withdrawn at once".to_owned())))
}

/// The order that stands; the error says why what stands there is none.
pub(super) fn parse(standing: &Standing) -> Result<Option<PowerDown>, String> {
    let Some(stat) = standing.stat else { return Ok(None) };
    let value = serde_json::from_slice::<Value>(&standing.data).unwrap_or_default();
    if value.get("v").and_then(Value::as_u64) != Some(VERSION) {
        return Err(format!("{POWER_DOWN} is not understood"));
    }
    let text = |key: &str| text(&value, key);
    let mut words = match text("by").as_str() {
        "" => "ordered".to_owned(),
        by => format!("ordered by {by}"),
    };
    for (before, said) in [(", since ", text("since")), (": ", text("because"))] {
        if !said.is_empty() {
            words += before;
            words += &said;
        }
    }
    Ok(Some(PowerDown { number: stat.czxid, words }))
}
