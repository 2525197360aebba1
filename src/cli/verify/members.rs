//! The members of the cluster: this node's JVMs, the registrations in ZooKeeper, and every broker's own word.
//!
//! Absent on purpose: ZooKeeper servers one by one. A session with any of them and a true list of brokers is what clients need.
//!
//! Effects: asks ZooKeeper and the brokers, by the clock.

use tokio::time::Instant;

use crate::cluster::zookeeper::{Registrations, ZooKeeperSession};
use crate::model::Role;

use super::{CALL, PATIENCE, PAUSE, Verifier, bracketed, ids, jvms};

impl Verifier<'_> {
    pub(super) fn jvms(&mut self) {
        for role in Role::ALL {
            if !self.config.this_node().roles.has(role) {
                continue;
            }
            let class = jvms::main_class(role);
            let text = format!("{role} runs here");
            match jvms::find(self.proc_root, class, &self.config.paths.runtime_dir).as_slice() {
                [pid] => self.ok(jvms::code(role), &format!("{text}: {class}, pid {pid}")),
                [] => {
                    let directory = self.config.paths.runtime_dir.display();
                    self.fail(
                        jvms::code(role),
                        &text,
                        &format!("no process {class} with a file of {directory} is visible"),
                    );
                }
                pids => {
                    self.fail(jvms::code(role), &text, &format!("more than one process runs with its files: {pids:?}"))
                }
            }
        }
    }

    /// `/brokers/ids` holds the configured brokers and no others. One that is just registering is waited for.
    pub(super) async fn registrations(&mut self) {
        self.stage = "reading the broker ids from ZooKeeper";
        let port = self.config.zookeeper.client_port;
        let servers =
            self.config.nodes_with(Role::ZooKeeper).map(|node| format!("{}:{port}", bracketed(&node.address)));
        let session = ZooKeeperSession::new(servers.collect::<Vec<_>>().join(","));
        let mut expected: Vec<_> = self.brokers.iter().map(|broker| broker.id).collect();
        expected.sort_unstable();
        let text = format!("broker ids in ZooKeeper are {}", ids(&expected));
        let patience = self.deadline.min(Instant::now() + PATIENCE);
        loop {
            let seen = session.brokers(CALL.min(patience.saturating_duration_since(Instant::now()))).await;
            self.answered |= seen.is_ok();
            match seen {
                Ok(seen) if seen == expected => {
                    self.ok("registered", &text);
                    break;
                }
                seen if Instant::now() + PAUSE >= patience => {
                    let reason =
                        seen.map(|seen| if seen.is_empty() { "none is registered".into() } else { ids(&seen) });
                    self.fail("registered", &text, &reason.unwrap_or_else(|words| words));
                    break;
                }
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
        session.close().await;
    }

    pub(super) async fn brokers_answer(&mut self) {
        self.stage = "asking each broker";
        for at in 0..self.brokers.len() {
            let limit = self.call_limit();
            let Some(broker) = self.brokers.get_mut(at) else { continue };
            let text = format!("{} answers at {}", broker.name, broker.client.address());
            let result = match broker.client.connect(limit).await {
                Ok(()) => broker.client.metadata(None, limit).await,
                Err(error) => Err(error),
            };
            let (id, reached) = (broker.id, result.as_ref().map_or_else(|error| error.answered(), |_| true));
            self.answered |= reached;
            match result {
                Ok(seen) if seen.brokers.contains_key(&id) => {
                    broker.answers = true;
                    self.ok("answers", &text);
                }
                Ok(seen) => {
                    let living: Vec<_> = seen.brokers.keys().copied().collect();
                    self.fail("answers", &text, &format!("the brokers it knows are {}, without itself", ids(&living)));
                }
                Err(error) => self.fail("answers", &text, &error.to_string()),
            }
        }
    }
}
