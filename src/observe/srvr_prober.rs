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
    survey(address, limit).await.0
}

/// As [`probe`], and the last transaction that the server knows, where its reply says so.
pub async fn survey(address: &str, limit: Duration) -> (ZooKeeperOutcome, Option<u64>) {
    match tokio::time::timeout(limit, exchange(address)).await {
        Ok(Ok(reply)) => srvr::parse_with_zxid(&reply),
        Ok(Err(outcome)) => (outcome, None),
        Err(_) => (ZooKeeperOutcome::TimedOut, None),
    }
}

/// The whole reply, or why there is none.
async fn exchange(address: &str) -> Result<Vec<u8>, ZooKeeperOutcome> {
    let mut stream = match dial::connect(address).await {
        Ok(stream) => stream,
        Err(NoConnection::Refused) => return Err(ZooKeeperOutcome::Refused),
        Err(NoConnection::Silent) => return Err(ZooKeeperOutcome::TimedOut),
        Err(failure @ (NoConnection::Unresolvable(_) | NoConnection::Local(_))) => {
            return Err(ZooKeeperOutcome::Garbled(failure.to_string()));
        }
    };
    if stream.write_all(b"srvr").await.is_err() {
        return Err(ZooKeeperOutcome::TimedOut);
    }
    let mut reply = Vec::new();
    match stream.take(REPLY_CAP + 1).read_to_end(&mut reply).await {
        Ok(_) if reply.len() as u64 > REPLY_CAP => {
            Err(ZooKeeperOutcome::Garbled(format!("a reply of more than {REPLY_CAP} bytes to srvr")))
        }
        Ok(_) => Ok(reply),
        // A reset after the reply: what came before it is judged, and is whole or not by its own lines.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(reply),
        Err(error) => Err(ZooKeeperOutcome::Garbled(format!("reading the reply to srvr: {error}"))),
    }
}
