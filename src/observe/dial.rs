//! Makes a TCP connection and says in one of four words why there is none.
//!
//! Absent on purpose: time limits. A limit spans a whole exchange and so belongs to the caller.
//!
//! Effects: opens a TCP connection.

use std::fmt;
use std::io::{self, ErrorKind};

use tokio::net::TcpStream;

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoConnection {
    /// The machine answers: nothing listens on this port.
    Refused,
    /// Nobody answers at this address, or there is no way to it.
    Silent,
    /// The name has no address (yet); the resolver's words.
    Unresolvable(String),
    /// This side could not even try: out of descriptors, not allowed; the system's words.
    Local(String),
}

impl fmt::Display for NoConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoConnection::Refused => f.write_str("connection refused"),
            NoConnection::Silent => f.write_str("no answer"),
            NoConnection::Unresolvable(words) => write!(f, "the name does not resolve: {words}"),
            NoConnection::Local(words) => write!(f, "no connection: {words}"),
        }
    }
}

/// Connects to `address` (`host:port`), trying each address that the name has.
///
/// A numeric address needs no resolver; a name costs a thread of the runtime's blocking pool for the look-up.
pub async fn connect(address: &str) -> Result<TcpStream, NoConnection> {
    let resolved =
        tokio::net::lookup_host(address).await.map_err(|error| NoConnection::Unresolvable(error.to_string()))?;
    let mut last = NoConnection::Unresolvable(format!("{address} has no address"));
    for address in resolved {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A request is one small write whose answer is waited for: Nagle's delay would only add to it.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = judge(&error),
        }
    }
    Err(last)
}

fn judge(error: &io::Error) -> NoConnection {
    match error.kind() {
        ErrorKind::ConnectionRefused => NoConnection::Refused,
        ErrorKind::TimedOut
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted => NoConnection::Silent,
        _ => NoConnection::Local(error.to_string()),
    }
}
