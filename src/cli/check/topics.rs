//! Asks the running cluster for its topics, where a broker answers: this node's own first.
//!
//! In a process that someone started by hand and that ends soon, as `cluster::kafka` wants it.

use std::time::Duration;

use crate::cluster::kafka::BrokerClient;
use crate::config::Config;
use crate::model::Role;
use crate::plan::preflight::TopicSighting;

/// What one broker gets; connecting counts.
const CALL: Duration = Duration::from_millis(800);
/// What all of them get.
const ALL: Duration = Duration::from_millis(2500);

/// Topics and how many brokers live; `None` where nobody answers.
pub(super) fn topics(config: &Config) -> Option<(Vec<TopicSighting>, usize)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let answer = runtime.block_on(async { tokio::time::timeout(ALL, ask_each(config)).await.ok().flatten() });
    // A look-up of a name may hang on a thread of the runtime's.
    runtime.shutdown_background();
    answer
}

async fn ask_each(config: &Config) -> Option<(Vec<TopicSighting>, usize)> {
    let this = &config.this_node().name;
    let mut nodes: Vec<_> = config.nodes_with(Role::Kafka).collect();
    nodes.sort_by_key(|node| node.name != *this);
    for node in nodes {
        let host = &node.advertised;
        let address = if host.contains(':') {
            format!("[{host}]:{}", config.kafka.port)
        } else {
            format!("{host}:{}", config.kafka.port)
        };
        if let Ok((topics, brokers)) = BrokerClient::new(address).topics(CALL).await {
            let sighting = |topic: crate::cluster::kafka_topics::ListedTopic| TopicSighting {
                name: topic.name,
                internal: topic.internal,
                replicas: topic.replicas,
            };
            return Some((topics.into_iter().map(sighting).collect(), brokers));
        }
    }
    None
}
