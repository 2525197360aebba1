//! Asks this node's broker whether it lives and whether it is in sync: ApiVersions once a connection, Metadata each time.
//!
//! A connection that let a probe go unanswered is dropped, so the next probe dials anew and tells whether the listener still
//! *accepts*. Absent on purpose: a second connection while the kept one answers; whoever is answered needs no other witness.
//!
//! Effects: one TCP connection to this node's broker, kept from probe to probe.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::model::{BrokerId, BrokerOutcome, InSyncOutcome};

use super::dial::{self, NoConnection};
use super::wire::{self, Fed, Layout, Reply, Topics};
use super::wire_metadata::Metadata;
use super::wire_versions::Versions;

/// Brokers and controller of the largest cluster there is fit in this many bytes many times over.
const LIVENESS_CAP: u32 = 1024 * 1024;
/// All topics: about 40 bytes a partition, so some 800,000 partitions. It passes through [`CHUNK`] and is never held.
const IN_SYNC_CAP: u32 = 32 * 1024 * 1024;
/// Bytes read at a time.
const CHUNK: usize = 8 * 1024;

/// Keeps one connection to one broker.
#[derive(Debug)]
pub struct BrokerProber {
    address: String,
    broker: BrokerId,
    link: Option<TcpStream>,
    /// The present probe got a new connection.
    accepted: bool,
    correlation: i32,
}

/// Why there is no answer.
enum Failure {
    NoConnection(NoConnection),
    /// The peer closed or broke the connection before its answer was whole.
    Broken(&'static str),
    /// The answer breaks the protocol, in words.
    Garbled(String),
}

impl BrokerProber {
    /// A prober of the broker that listens at `address` (`host:port`) and should be `broker`. Connects when it is first used.
    pub fn new(address: String, broker: BrokerId) -> BrokerProber {
        BrokerProber { address, broker, link: None, accepted: false, correlation: 0 }
    }

    /// Whether the broker answers, within `limit` for everything.
    ///
    /// A connection that let a probe fail or time out is never used again, so a half-open one costs one probe.
    pub async fn probe(&mut self, limit: Duration) -> BrokerOutcome {
        self.accepted = false;
        match tokio::time::timeout(limit, self.metadata(Topics::None, LIVENESS_CAP)).await {
            Err(_) => BrokerOutcome::Silent { accepts: self.accepted },
            Ok(Ok(seen)) => BrokerOutcome::Answers {
                lists_itself: seen.lists_me,
                controller: (seen.controller >= 0).then_some(BrokerId(seen.controller)),
            },
            Ok(Err(Failure::NoConnection(NoConnection::Refused))) => BrokerOutcome::Refused,
            Ok(Err(Failure::NoConnection(NoConnection::Silent))) => BrokerOutcome::Silent { accepts: false },
            Ok(Err(failure)) => BrokerOutcome::Garbled(failure.words()),
        }
    }

    /// Whether the broker is in the ISR of all its partitions by its own metadata, within `limit` for everything.
    pub async fn in_sync(&mut self, limit: Duration) -> InSyncOutcome {
        match tokio::time::timeout(limit, self.metadata(Topics::All, IN_SYNC_CAP)).await {
            Err(_) => InSyncOutcome::Unreadable(format!("no whole answer within {} s", limit.as_secs_f64())),
            // The controller tells a broker of itself and of all partitions in one request: before that, there is nothing to count.
            Ok(Ok(seen)) if !seen.lists_me => {
                InSyncOutcome::Unreadable("the broker has not been told the cluster's metadata yet".into())
            }
            Ok(Ok(seen)) => {
                InSyncOutcome::Seen { replicas: seen.replicas_here, behind: seen.behind, leads: seen.leads }
            }
            Ok(Err(failure)) => InSyncOutcome::Unreadable(failure.words()),
        }
    }

    /// One Metadata exchange. The link is taken out for its length: whoever drops this future at its deadline drops the link with it.
    async fn metadata(&mut self, topics: Topics, cap: u32) -> Result<Metadata, Failure> {
        if let Some(link) = self.link.take() {
            match self.ask(link, topics, cap).await {
                // Closed since the last probe (a restart, or the broker's connections.max.idle.ms): that says nothing about now.
                Err(Failure::Broken(_)) => {}
                other => return other,
            }
        }
        let link = self.open().await?;
        self.ask(link, topics, cap).await
    }

    async fn ask(&mut self, mut link: TcpStream, topics: Topics, cap: u32) -> Result<Metadata, Failure> {
        let correlation = self.next_correlation();
        let request = wire::metadata_request(correlation, topics);
        let reply = Reply::new(Metadata::of(self.broker.0), correlation, cap);
        let seen = exchange(&mut link, &request, reply).await?;
        self.link = Some(link);
        Ok(seen)
    }

    async fn open(&mut self) -> Result<TcpStream, Failure> {
        let mut link = dial::connect(&self.address).await.map_err(Failure::NoConnection)?;
        self.accepted = true;
        let correlation = self.next_correlation();
        let (key, version) = wire::METADATA;
        let reply = Reply::new(Versions::of(key), correlation, LIVENESS_CAP);
        let versions = exchange(&mut link, &wire::api_versions_request(correlation), reply).await?;
        match versions.found {
            Some((low, high)) if (low..=high).contains(&i32::from(version)) => Ok(link),
            Some((low, high)) => {
                Err(Failure::Garbled(format!("it speaks Metadata v{low} to v{high}, and not v{version}")))
            }
            None => Err(Failure::Garbled("it does not speak Metadata, so it is no broker".into())),
        }
    }

    fn next_correlation(&mut self) -> i32 {
        self.correlation = self.correlation.wrapping_add(1);
        self.correlation
    }
}

impl Failure {
    fn words(&self) -> String {
        match self {
            Failure::NoConnection(failure) => failure.to_string(),
            Failure::Broken(words) => (*words).into(),
            Failure::Garbled(words) => words.clone(),
        }
    }
}

async fn exchange<L: Layout>(link: &mut TcpStream, request: &[u8], mut reply: Reply<L>) -> Result<L, Failure> {
    link.write_all(request).await.map_err(|_| Failure::Broken("the broker closed the connection"))?;
    let mut chunk = vec![0; CHUNK];
    let mut begun = false;
    loop {
        let read = match link.read(&mut chunk).await {
            Ok(0) | Err(_) if begun => return Err(Failure::Broken("the broker closed the connection in mid-answer")),
            Ok(0) | Err(_) => return Err(Failure::Broken("the broker closed the connection without an answer")),
            Ok(read) => read,
        };
        begun = true;
        match reply.feed(chunk.get(..read).unwrap_or_default()) {
            Ok(Fed::More) => {}
            Ok(Fed::Whole { spare: 0 }) => return Ok(reply.into_layout()),
            Ok(Fed::Whole { spare }) => return Err(Failure::Garbled(format!("{spare} bytes that nobody asked for"))),
            Err(error) => return Err(Failure::Garbled(error.to_string())),
        }
    }
}
