//! Fencing: what a dead broker's session still holds is removed, and nothing else ever is. The sequence and why it is safe:
//! `docs/adr/0012-fencing.md`.
//!
//! Absent on purpose: the proof that the broker is dead, which the caller has, and when to try again.

use std::future::Future;
use std::time::Duration;

use zookeeper_client::{Client, Error, MultiWriter};

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
            Err(Refusal::NotAllowed) => {
                FenceOutcome::Refused(format!("an ACL of ZooKeeper forbids the removal of {registration}"))
            }
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
    // A server that lags behind would say that nothing stands there, and the broker would start into NodeExists.
    client.sync(registration).await?;
    let (data, stat) = match client.get_data(registration).await {
        // An earlier removal was done by half, by another hand: ours is one transaction.
        Err(Error::NoNode) => return remove_controller_as_read(client, session).await,
        answer => answer?,
    };
    if stat.ephemeral_owner != session.0 {
        return Ok(FenceOutcome::Foreign(SessionId(stat.ephemeral_owner)));
    }
    let mut version = stat.version;
    while version <= FRESH {
        let stamped = client.set_data(registration, &data, Some(version)).await?;
        if stamped.ephemeral_owner != session.0 {
            return Ok(FenceOutcome::Foreign(SessionId(stamped.ephemeral_owner)));
        }
        version = stamped.version;
    }
    let controller = Controller::held_by(client, session).await?;
    let mut removal = client.new_multi_writer();
    removal.add_delete(registration, Some(version))?;
    if let Some(controller) = &controller {
        controller.remove_in(&mut removal)?;
    }
    removal.commit().await?;
    Ok(FenceOutcome::Removed { controller: controller.is_some() })
}

async fn remove_controller_as_read(client: &Client, session: SessionId) -> Result<FenceOutcome, Error> {
    let Some(controller) = Controller::held_by(client, session).await? else { return Ok(FenceOutcome::Gone) };
    let mut removal = client.new_multi_writer();
    controller.remove_in(&mut removal)?;
    removal.commit().await?;
    Ok(FenceOutcome::Removed { controller: true })
}

/// `/controller` as one session held it.
struct Controller {
    version: i32,
    epoch_version: i32,
}

impl Controller {
    /// `None` where `session` does not hold it, or where there is no epoch to tell one election from the next by (no
    /// controller was ever elected).
    async fn held_by(client: &Client, session: SessionId) -> Result<Option<Controller>, Error> {
        // The epoch first: while it stays as it was before `/controller` was read, no other controller can have come.
        let Some(epoch) = client.check_stat(CONTROLLER_EPOCH).await? else { return Ok(None) };
        let controller = client.check_stat(CONTROLLER).await?;
        Ok(controller
            .filter(|controller| controller.ephemeral_owner == session.0)
            .map(|controller| Controller { version: controller.version, epoch_version: epoch.version }))
    }

    fn remove_in(&self, removal: &mut MultiWriter<'_>) -> Result<(), Error> {
        // The version of `/controller` is 0 in every life of it: only the epoch tells them apart.
        removal.add_check_version(CONTROLLER_EPOCH, self.epoch_version)?;
        removal.add_delete(CONTROLLER, Some(self.version))
    }
}
