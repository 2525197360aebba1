//! Fencing: what a dead broker's session still holds is removed, and nothing else ever is. The sequence and why it is safe:
//! `docs/adr/0012-fencing.md`.
//!
//! Effects: reads and removes znodes through the session, under its limit.
//!
//! Absent on purpose: the proof that the broker is dead, which the caller has, and when to try again.

use std::future::Future;
use std::time::Duration;

use zookeeper_client::{Client, Error, Stat};

use crate::model::{BrokerId, FenceOutcome, SessionId};

use super::zookeeper::{IDS, Refusal, ZooKeeperSession};

/// Removes what a dead broker left registered.
pub trait Fencing {
    /// Removes `/brokers/ids/N` and `/controller` as far as they are ephemerals of `session`, within `limit`.
    ///
    /// `session` must be that of a run of `broker` that is proven dead. [`FenceOutcome::Removed`] is also the answer where
    /// only `/controller` was left of it. After [`FenceOutcome::Failed`] it may be called again: it reads everything anew.
    /// Whoever drops the future leaves nothing queued.
    fn fence(&self, broker: BrokerId, session: SessionId, limit: Duration)
    -> impl Future<Output = FenceOutcome> + Send;
}

const CONTROLLER: &str = "/controller";
/// Written at each election of a controller, in the transaction that creates `/controller`.
const CONTROLLER_EPOCH: &str = "/controller_epoch";
/// The version that a registration has at first is 1 at most: a broker creates it empty and writes it in the same transaction
/// (`KafkaZkClient.CheckedEphemeral`; read in 2.6.0). A removal that expects a higher one misses any that is new.
const FRESH: i32 = 1;
/// How often everything is read anew because something moved meanwhile. One mover at a time is expected; the limit in time
/// holds anyway.
const TRIES: usize = 5;

impl Fencing for ZooKeeperSession {
    async fn fence(&self, broker: BrokerId, session: SessionId, limit: Duration) -> FenceOutcome {
        if session.0 == 0 {
            // What ZooKeeper calls the owner of a znode that no session owns.
            return FenceOutcome::Foreign(session);
        }
        let registration = format!("{IDS}/{broker}");
        let registration = registration.as_str();
        let answer = self.ask(limit, |client| async move { remove(&client, registration, session).await }).await;
        match answer {
            Ok(outcome) => outcome,
            Err(Refusal::NotAllowed) => FenceOutcome::Refused(format!(
                "an ACL in ZooKeeper forbids to remove {registration}, or {CONTROLLER} with it"
            )),
            Err(refusal) => FenceOutcome::Failed(refusal.words()),
        }
    }
}

async fn remove(client: &Client, registration: &str, session: SessionId) -> Result<FenceOutcome, Error> {
    for _ in 0..TRIES {
        match remove_as_read(client, registration, session).await {
            // Something is not as it was read a moment ago, and nothing was removed.
            Err(Error::NoNode | Error::BadVersion) => {}
            answer => return answer,
        }
    }
    Ok(FenceOutcome::Failed(format!("{registration} or {CONTROLLER} changed at each of {TRIES} tries")))
}

async fn remove_as_read(client: &Client, registration: &str, session: SessionId) -> Result<FenceOutcome, Error> {
    let Seen { registered, controller } = Seen::read(client, registration).await?;
    // The one that this session holds, and so the one that goes.
    let controller = controller.filter(|controller| controller.session == session);
    let mut removal = client.new_multi_writer();
    match registered {
        Some((_, stat)) if stat.ephemeral_owner != session.0 => {
            return Ok(FenceOutcome::Foreign(SessionId(stat.ephemeral_owner)));
        }
        Some((data, stat)) => {
            let mut version = stat.version;
            while version <= FRESH {
                let stamped = client.set_data(registration, &data, Some(version)).await?;
                if stamped.ephemeral_owner != session.0 {
                    return Ok(FenceOutcome::Foreign(SessionId(stamped.ephemeral_owner)));
                }
                version = stamped.version;
            }
            removal.add_delete(registration, Some(version))?;
        }
        // Somebody else's hand removed the one without the other: we remove them together.
        None if controller.is_none() => return Ok(FenceOutcome::Gone),
        None => {}
    }
    if let Some(controller) = &controller {
        // The version of `/controller` is 0 in every life of it: only the epoch tells them apart.
        removal.add_check_version(CONTROLLER_EPOCH, controller.epoch_version)?;
        removal.add_delete(CONTROLLER, Some(controller.version))?;
    }
    removal.commit().await?;
    Ok(FenceOutcome::Removed { controller: controller.is_some() })
}

/// What stood there when it was read.
struct Seen {
    registered: Option<(Vec<u8>, Stat)>,
    /// `None` also where there is no epoch to tell one election from the next by: no controller was ever elected.
    controller: Option<Controller>,
}

struct Controller {
    session: SessionId,
    version: i32,
    epoch_version: i32,
}

impl Seen {
    /// Reads all of it in one go: the crate sends at the call, and the server answers in order.
    async fn read(client: &Client, registration: &str) -> Result<Seen, Error> {
        // A server that lags behind would say that nothing stands there, and the broker would start into NodeExists.
        let synced = client.sync(registration);
        let registered = client.get_data(registration);
        // The epoch before the controller: while it stays as it was before, no other controller can have come.
        let epoch = client.check_stat(CONTROLLER_EPOCH);
        let controller = client.check_stat(CONTROLLER);
        synced.await?;
        let registered = match registered.await {
            Err(Error::NoNode) => None,
            answer => Some(answer?),
        };
        let controller = match (epoch.await?, controller.await?) {
            (Some(epoch), Some(controller)) => Some(Controller {
                session: SessionId(controller.ephemeral_owner),
                version: controller.version,
                epoch_version: epoch.version,
            }),
            _ => None,
        };
        Ok(Seen { registered, controller })
    }
}
