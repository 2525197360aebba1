//! The restart token: whoever restarts a service of its node for its health holds it, and one node at a time can.
//!
//! It is the ephemeral `/kafka-node/restart`, with one line of JSON that says who holds it and why. Every taking writes
//! `/kafka-node` in the same transaction, on the version read: so a token is only ever created or replaced by one that has seen
//! all that came before, which the version of an ephemeral (0 in each life) could not hold.
//!
//! The token lives as long as the session it was taken through, and a request that gets no answer in time costs the session
//! (`zookeeper`): so it wants a [`ZooKeeperSession`] of its own, through which nothing else is asked. When that session is
//! lost the token is lost, at the latest when ZooKeeper expires the session: [`RestartToken::token_held`] says so.
//!
//! Effects: the wall clock, for the line's `since`.
//!
//! Absent on purpose: when a token is needed, and for how long (`supervise`).

use std::future::Future;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use zookeeper_client::{Client, Error, Stat};

use crate::model::{NodeName, TokenOutcome};

use super::document::{EPHEMERAL, HOME, PERSISTENT, TRIES};
use super::zookeeper::ZooKeeperSession;

/// The cluster's leave to restart a service that still runs.
pub trait RestartToken {
    /// Takes the token for `holder`, within `limit`; it is held already where this very session has it.
    ///
    /// A token of the same node's that another session holds is replaced: it is an earlier supervisor's, or was lost with its
    /// session, since one supervisor at a time runs a node. After [`TokenOutcome::Unreadable`] it may have been taken, and
    /// then lasts until the session expires, or until it is taken again or released.
    fn take_token(&self, holder: &NodeName, reason: &str, limit: Duration)
    -> impl Future<Output = TokenOutcome> + Send;

    /// Whether the token was still held through this session when ZooKeeper's leader was asked, within `limit`.
    ///
    /// No answer in time is `false`: whoever needs the token must then not act on it. It does not cost the session: the
    /// next answer may be `true` again. `true` holds for some seconds, no longer: ask just before the deed.
    fn token_held(&self, limit: Duration) -> impl Future<Output = bool> + Send;

    /// Gives the token back, within `limit`, if `holder` has it, through whatever session; the error is in words. Where it is
    /// not given back it ends with its session.
    fn release_token(&self, holder: &NodeName, limit: Duration) -> impl Future<Output = Result<(), String>> + Send;
}

const TOKEN: &str = "/kafka-node/restart";
/// In place of the name in a token that nobody of ours wrote.
const NAMELESS: &str = "somebody who left no name";

impl RestartToken for ZooKeeperSession {
    async fn take_token(&self, holder: &NodeName, reason: &str, limit: Duration) -> TokenOutcome {
        let line = written(holder, reason);
        let line = line.as_str();
        let answer = self.ask(limit, |client| async move {
            for _ in 0..TRIES {
                match take(&client, holder, line).await {
                    // Somebody else was here since it was read.
                    Err(Error::NoNode | Error::NodeExists | Error::BadVersion) => {}
                    answer => return answer,
                }
            }
            Ok(TokenOutcome::Unreadable(format!("{TOKEN} changed at each of {TRIES} tries")))
        });
        answer.await.unwrap_or_else(|refusal| TokenOutcome::Unreadable(refusal.words()))
    }

    async fn token_held(&self, limit: Duration) -> bool {
        let seen = self.peek(limit, |client| async move {
            // A server that lags behind would show a token that has expired.
            client.sync(TOKEN).await?;
            let token = client.check_stat(TOKEN).await?;
            Ok(token.is_some_and(|token| token.ephemeral_owner == client.session_id().0))
        });
        seen.await.unwrap_or(false)
    }

    async fn release_token(&self, holder: &NodeName, limit: Duration) -> Result<(), String> {
        let answer = self.ask(limit, |client| async move {
            for _ in 0..TRIES {
                match release(&client, holder).await {
                    Err(Error::NoNode | Error::BadVersion) => {}
                    answer => return answer.map(Ok),
                }
            }
            Ok(Err(format!("{TOKEN} changed at each of {TRIES} tries")))
        });
        answer.await.unwrap_or_else(|refusal| Err(refusal.words()))
    }
}

async fn take(client: &Client, holder: &NodeName, line: &str) -> Result<TokenOutcome, Error> {
    client.sync(HOME).await?;
    let Some(home) = client.check_stat(HOME).await? else {
        client.create(HOME, b"", &PERSISTENT).await?;
        // Made; the version to write it on is read at the next try.
        return Err(Error::NoNode);
    };
    let older = match standing(client).await? {
        Some((token, _)) if token.ephemeral_owner == client.session_id().0 => return Ok(TokenOutcome::Held),
        Some((_, name)) if name != holder.as_str() => return Ok(TokenOutcome::Taken(name)),
        older => older,
    };
    let mut taking = client.new_multi_writer();
    taking.add_set_data(HOME, b"", Some(home.version))?;
    if let Some((token, _)) = older {
        taking.add_delete(TOKEN, Some(token.version))?;
    }
    taking.add_create(TOKEN, line.as_bytes(), &EPHEMERAL)?;
    taking.commit().await?;
    Ok(TokenOutcome::Held)
}

async fn release(client: &Client, holder: &NodeName) -> Result<(), Error> {
    client.sync(HOME).await?;
    let Some(home) = client.check_stat(HOME).await? else { return Ok(()) };
    let Some((token, name)) = standing(client).await? else { return Ok(()) };
    if name != holder.as_str() {
        return Ok(());
    }
    let mut giving = client.new_multi_writer();
    giving.add_set_data(HOME, b"", Some(home.version))?;
    giving.add_delete(TOKEN, Some(token.version))?;
    giving.commit().await?;
    Ok(())
}

/// The token that stands, and the name of the node that holds it.
async fn standing(client: &Client) -> Result<Option<(Stat, String)>, Error> {
    match client.get_data(TOKEN).await {
        Ok((data, stat)) => Ok(Some((stat, name(&data)))),
        Err(Error::NoNode) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `since` is in seconds since 1970, UTC, by the holder's clock: for people, nobody reckons with it.
fn written(holder: &NodeName, reason: &str) -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    json!({"node": holder.as_str(), "reason": reason, "since": since}).to_string()
}

fn name(data: &[u8]) -> String {
    let value = serde_json::from_slice::<Value>(data).unwrap_or_default();
    match value.get("node").and_then(Value::as_str) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => NAMELESS.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_its_holder_and_nothing_else_does() {
        let line = written(&NodeName::new("kafkanode\"1"), "it hangs\nfor 12 s");
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(name(line.as_bytes()), "kafkanode\"1");
        for without in ["", "{", "null", "[]", r#"{"node":7}"#, r#"{"node":""}"#, r#""kafkanode1""#] {
            assert_eq!(name(without.as_bytes()), NAMELESS, "{without}");
        }
    }
}
