//! What a supervisor makes known of its node: an ephemeral of its session at `/kafka-node/nodes/NAME`, one line of JSON.
//!
//! It is written when it changes and never more often, so that the age of the znode is how long it has been so. One that an earlier
//! session of the same node left is replaced, which begins its age anew: whether all was well in between nobody knows.
//!
//! Effects: reads and writes znodes through a session. Absent on purpose: when a node is well (`supervise`).

use std::time::Duration;

use serde_json::{Value, json};
use zookeeper_client::{Client, Error};

use crate::gate::PresenceSeen;
use crate::model::{NodeName, Presence};

use super::document::{EPHEMERAL, HOME, NODES, Standing, age, make, now, read};
use super::seat::Seat;
use super::zookeeper::{Refusal, ZooKeeperSession};

/// The version that is written and read.
const VERSION: u64 = 1;
/// How long a text of others may be, in characters; what is longer is cut.
const LONGEST: usize = 500;

/// A supervisor that is present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Its node, by the name of the znode.
    pub node: NodeName,
    /// Its machine's id.
    pub machine: String,
    /// The boot of that machine.
    pub boot: String,
    /// Its process and program start.
    pub life: String,
    /// What it says, and since when.
    pub seen: PresenceSeen,
}

impl ZooKeeperSession {
    /// Every supervisor that is present, by name, answered within `limit`. One whose line cannot be understood is an error, in words, in
    /// its place.
    pub async fn presences(&self, limit: Duration) -> Result<Vec<Result<Present, String>>, String> {
        let present = self.ask(limit, |client| async move { all(&client).await }).await.map_err(Refusal::words)?;
        Ok(present.into_iter().map(|(_, one)| one).collect())
    }
}

/// Every znode that names a node, and what it says.
pub(super) async fn all(client: &Client) -> Result<Vec<(NodeName, Result<Present, String>)>, Error> {
    let mut names = match client.list_children(NODES).await {
        Ok(names) => names,
        // No supervisor ever was here.
        Err(Error::NoNode) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // The clock, and whatever else is no node's name.
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    // All are asked for at once, and the time of day after them: nothing read can be younger.
    let nodes: Vec<NodeName> = names.into_iter().map(NodeName::new).collect();
    let lines: Vec<_> = nodes.iter().map(|node| read(client, &place(node))).collect();
    let now = now(client);
    let mut present = Vec::new();
    let mut read = Vec::new();
    for (node, line) in nodes.into_iter().zip(lines) {
        read.push((node, line.await?));
    }
    let now = now.await?;
    for (node, Standing { data, stat }) in read {
        // Gone since the list was read.
        let Some(stat) = stat else { continue };
        present.push((node.clone(), parse(node, &data, age(now, stat.mtime))));
    }
    Ok(present)
}

pub(super) fn place(node: &NodeName) -> String {
    format!("{NODES}/{node}")
}

/// The line that is written.
pub(super) fn line(seat: &Seat, presence: &Presence) -> String {
    json!({
        "v": VERSION,
        "machine": seat.machine,
        "boot": seat.boot,
        "life": seat.life,
        "version": seat.version,
        "config": seat.config,
        "well": presence.well,
        "words": presence.words,
        "powers_off": presence.powers_off,
    })
    .to_string()
}

/// Whether the line stands there, as an ephemeral of this very session.
pub(super) fn is_ours(client: &Client, standing: &Standing, line: &str) -> bool {
    let owner = standing.stat.map(|stat| stat.ephemeral_owner);
    owner == Some(client.session_id().0) && standing.data == line.as_bytes()
}

/// Writes the line in place of what was read.
pub(super) async fn write(client: &Client, path: &str, standing: &Standing, line: &str) -> Result<(), Error> {
    let Some(stat) = standing.stat else {
        return match client.create(path, line.as_bytes(), &EPHEMERAL).await {
            Err(Error::NoNode) => {
                make(client, HOME).await?;
                make(client, NODES).await?;
                // It is made at the next try.
                Err(Error::NoNode)
            }
            answer => answer.map(|_| ()),
        };
    };
    if stat.ephemeral_owner == client.session_id().0 {
        return client.set_data(path, line.as_bytes(), Some(stat.version)).await.map(|_| ());
    }
    let mut replacing = client.new_multi_writer();
    replacing.add_delete(path, Some(stat.version))?;
    replacing.add_create(path, line.as_bytes(), &EPHEMERAL)?;
    replacing.commit().await?;
    Ok(())
}

fn parse(node: NodeName, data: &[u8], lasting: Duration) -> Result<Present, String> {
    let value = serde_json::from_slice::<Value>(data).unwrap_or_default();
    let text = |key: &str| text(&value, key);
    let not_understood = || format!("what the kafka-node of {node} says is not understood");
    if value.get("v").and_then(Value::as_u64) != Some(VERSION) {
        return Err(not_understood());
    }
    let well = value.get("well").and_then(Value::as_bool).ok_or_else(not_understood)?;
    // Left out by one that does not.
    let powers_off = value.get("powers_off").and_then(Value::as_bool).unwrap_or(false);
    let (version, config) = (text("version"), text("config"));
    let seen = PresenceSeen { well, words: text("words"), lasting, powers_off, version, config };
    Ok(Present { machine: text("machine"), boot: text("boot"), life: text("life"), seen, node })
}

/// A text that anybody may have written, fit for a terminal; empty where there is none.
pub(super) fn text(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str).unwrap_or_default();
    text.chars().take(LONGEST).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat() -> Seat {
        let text = |text: &str| text.to_owned();
        Seat {
            node: NodeName::new("kafkanode1"),
            machine: text("m1"),
            boot: text("b1"),
            life: text("7"),
            version: text("0.1.0"),
            config: text("00ff"),
        }
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let line = line(
            &seat(),
            &Presence { well: false, words: "waits for \"kafkanode2\"\nand more".into(), powers_off: true },
        );
        assert!(!line.contains('\n'), "{line}");
        let present = parse(NodeName::new("kafkanode1"), line.as_bytes(), Duration::from_secs(3)).expect("a presence");
        assert_eq!((present.machine.as_str(), present.boot.as_str(), present.life.as_str()), ("m1", "b1", "7"));
        let seen = present.seen;
        assert_eq!((seen.well, seen.words.as_str()), (false, "waits for \"kafkanode2\"?and more"));
        assert!(seen.powers_off);
        assert_eq!((seen.version.as_str(), seen.config.as_str()), ("0.1.0", "00ff"));
    }

    #[test]
    fn what_is_not_understood_is_never_well() {
        for line in ["", "{", "[]", "null", r#"{"well":true}"#, r#"{"v":2,"well":true}"#, r#"{"v":1,"well":"true"}"#] {
            let words = parse(NodeName::new("kafkanode1"), line.as_bytes(), Duration::ZERO).expect_err(line);
            assert_eq!(words, "what the kafka-node of kafkanode1 says is not understood");
        }
    }
}
