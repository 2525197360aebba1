//! What nodes keep for each other in persistent znodes below `/kafka-node`: read, and written on the version that was read.
//!
//! A document is made empty and then written like any other time, so that version 0 of it never says anything: a writer whose
//! version is from an earlier life of the znode, which somebody removed, is refused.
//!
//! Effects: reads and writes znodes through a session; and the clock of ZooKeeper's leader, which is the only one that ages are
//! reckoned by. Absent on purpose: what the documents say (`gate`), and the local clock.

use std::future::Future;
use std::time::Duration;

use zookeeper_client::{Acls, Client, CreateMode, CreateOptions, Error, MultiWriteResult, Stat};

/// What is of all nodes of a cluster and of no version of Kafka.
pub(super) const HOME: &str = "/kafka-node";
/// Where supervisors are present.
pub(super) const NODES: &str = "/kafka-node/nodes";
/// Made and removed in one transaction.
const CLOCK: &str = "/kafka-node/nodes/.clock";
/// Anybody may do anything, as with what Kafka itself makes without `zookeeper.set.acl`.
pub(super) const OPEN: Acls<'static> = Acls::anyone_all();
pub(super) const PERSISTENT: CreateOptions<'static> = CreateMode::Persistent.with_acls(OPEN);
pub(super) const EPHEMERAL: CreateOptions<'static> = CreateMode::Ephemeral.with_acls(OPEN);
/// How often everything is read anew because somebody else was faster.
pub(super) const TRIES: usize = 5;

/// A document as it stood when it was read.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// Empty where there is none.
    pub data: Vec<u8>,
    /// `None` where there is no znode.
    pub stat: Option<Stat>,
}

/// What stands at `path`. The request is sent at the call.
pub(super) fn read(client: &Client, path: &str) -> impl Future<Output = Result<Standing, Error>> + Send + use<> {
    let read = client.get_data(path);
    async move {
        match read.await {
            Ok((data, stat)) => Ok(Standing { data, stat: Some(stat) }),
            Err(Error::NoNode) => Ok(Standing { data: Vec::new(), stat: None }),
            Err(error) => Err(error),
        }
    }
}

/// Writes `text` where it stands as it was read. [`Error::BadVersion`] and [`Error::NoNode`] mean: read it anew.
pub(super) async fn write(client: &Client, path: &str, standing: &Standing, text: &str) -> Result<Stat, Error> {
    let Some(stat) = standing.stat else {
        make(client, HOME).await?;
        make(client, path).await?;
        // Made; the version to write it on is read at the next try.
        return Err(Error::NoNode);
    };
    client.set_data(path, text.as_bytes(), Some(stat.version)).await
}

/// Makes an empty persistent znode where there is none.
pub(super) async fn make(client: &Client, path: &str) -> Result<(), Error> {
    match client.create(path, b"", &PERSISTENT).await {
        Ok(_) | Err(Error::NodeExists) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether an error says that somebody else was faster.
pub(super) fn was_faster(error: &Error) -> bool {
    matches!(error, Error::NoNode | Error::NodeExists | Error::BadVersion)
}

/// What time it is by the clock of ZooKeeper's leader, in milliseconds since 1970. [`NODES`] must stand.
///
/// One transaction that leaves nothing behind. The time is that of the write in it: what a creation says of itself in a transaction is
/// not told by 3.5 (ZOOKEEPER-4026).
pub(super) async fn now(client: &Client) -> Result<i64, Error> {
    let mut clock = client.new_multi_writer();
    clock.add_create(CLOCK, b"", &EPHEMERAL)?;
    clock.add_set_data(CLOCK, b"", None)?;
    clock.add_delete(CLOCK, None)?;
    let results = clock.commit().await?;
    let written = results.into_iter().find_map(|result| match result {
        MultiWriteResult::SetData { stat } => Some(stat.mtime),
        _ => None,
    });
    written.ok_or_else(|| Error::UnexpectedError("no time came back from ZooKeeper".into()))
}

/// How long ago `mtime` was at `now`; zero where another leader's clock is behind.
pub(super) fn age(now: i64, mtime: i64) -> Duration {
    Duration::from_millis(u64::try_from(now.saturating_sub(mtime)).unwrap_or(0))
}

/// That somebody else was faster each time.
pub(super) fn worn_out(path: &str) -> String {
    format!("{path} changed at each of {TRIES} tries")
}
