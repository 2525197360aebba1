//! Gives leadership back to the preferred replicas: what a node does for the cluster after it was down.
//!
//! Absent on purpose: when (`supervise`), and waiting for replicas to be in sync: those that are not are left out by the controller.
//!
//! Effects: an election of leaders. It must run in a short-lived process of a command, as everything of `kafka`.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Config;

use super::kafka::BrokerClient;
use super::kafka_topics::Reason;
use super::view_kafka::{a_broker, its_controller, left};

/// Elects the preferred leader of every partition, within `limit` for everything. Returns how many have another leader for it.
///
/// Partitions whose preferred replica is not in sync stay as they are and are no error while others moved; the error, in words, is
/// that there was no election, or one that moved nothing of what it should have.
pub async fn preferred(config: &Config, limit: Duration) -> Result<usize, String> {
    let deadline = Instant::now() + limit;
    let mut client = a_broker(config, deadline).await?;
    let mut controller = its_controller(&mut client, deadline).await?;
    for last in [false, true] {
        let mut client = BrokerClient::new(controller.ok_or("no controller is known")?);
        match client.elect_preferred(left(deadline)).await {
            Ok(elected) => match elected.refused {
                Some((count, error)) if elected.moved == 0 => {
                    return Err(format!("{count} of the preferred leaders could not be elected: {error}"));
                }
                Some(_) | None => return Ok(elected.moved),
            },
            // A controller of yesterday names the one of today, once.
            Err(error) if error.is(Reason::NotController) && !last => {
                controller = its_controller(&mut client, deadline).await?;
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("the controller moves".to_owned())
}
