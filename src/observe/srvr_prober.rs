//! Asks a ZooKeeper server for `srvr`: one connection, four bytes, the reply read to its end. The judging is in `srvr`.
//!
//! Absent on purpose: retries and patience, which are `supervise`'s.
//!
//! Effects: one TCP connection a probe.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::model::ZooKeeperOutcome;

use super::dial::{self, NoConnection};
use super::srvr;

/// Real replies have 230 to 300 bytes; what is longer than this is not one.
const REPLY_CAP: u64 = 64 * 1024;

/// Asks the server at `address` (`host:port`) who it is, within `limit` for the whole exchange.
///
/// No newline is sent after the word: the server closes without reading it, and the reset that follows can overtake
/// the reply (18 of 180 replies came back empty that way, `facts.md`).
pub async fn probe(address: &str, limit: Duration) -> ZooKeeperOutcome {
    match tokio::time::timeout(limit, exchange(address)).await {
        Ok(outcome) => outcome,
        Err(_) => ZooKeeperOutcome::TimedOut,
    }
}

async fn exchange(address: &str) -> ZooKeeperOutcome {
    let mut stream = match dial::connect(address).await {
        Ok(stream) => stream,
        Err(NoConnection::Refused) => return ZooKeeperOutcome::Refused,
        Err(NoConnection::Silent) => return ZooKeeperOutcome::TimedOut,
        Err(failure @ (NoConnection::Unresolvable(_) | NoConnection::Local(_))) => {
            return ZooKeeperOutcome::Garbled(failure.to_string());
        }
    };
    if stream.write_all(b"srvr").await.is_err() {
        return ZooKeeperOutcome::TimedOut;
    }
    let mut reply = Vec::new();
    match stream.take(REPLY_CAP + 1).read_to_end(&mut reply).await {
        Ok(_) if reply.len() as u64 > REPLY_CAP => {
            ZooKeeperOutcome::Garbled(format!("a reply of more than {REPLY_CAP} bytes to srvr"))
        }
        Ok(_) => srvr::parse(&reply),
        // A reset after the reply: what came before it is judged, and is whole or not by its own lines.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => srvr::parse(&reply),
        Err(error) => ZooKeeperOutcome::Garbled(format!("reading the reply to srvr: {error}")),
    }
}
