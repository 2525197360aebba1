//! `docs/config-reference.md` as text, made from the table of keys.

use super::keys::{KEYS, PROPERTY_TABLES, tables};

/// The whole page; a test holds the file in `docs/` to it.
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    for table in tables() {
        let header = if table == "node" { "[[node]]".to_owned() } else { format!("[{table}]") };
        page.push_str(&format!("\n## `{header}`\n\n| key | takes | default | meaning |\n| --- | --- | --- | --- |\n"));
        for key in KEYS.iter().filter(|key| key.table() == table) {
            let default = if key.default.is_empty() { "-".to_owned() } else { format!("`{}`", key.default) };
            let later = if key.later { " (checked, and not acted on yet)" } else { "" };
            page.push_str(&format!(
                "| `{}` | {} | {default} | {}{later} |\n",
                key.name(),
                key.type_name(),
                key.meaning
            ));
        }
        if let Some((service, meaning)) = PROPERTY_TABLES.iter().find(|(service, _)| *service == table) {
            page.push_str(&format!(
                "| `[{service}.properties]` | texts, numbers, true or false | none | {meaning} |\n"
            ));
        }
    }
    page.push_str(TAIL);
    page
}

const HEAD: &str = "\
# Configuration reference

Written by a test from `src/config/keys.rs`: do not edit (`UPDATE=1 cargo test --test config` writes it anew).

One file, the same on every node: `/etc/kafka-node/kafka-node.toml`, then `conf.d/*.toml` beside it in the order of their names. The last file that
says something wins, key by key; a list is one value. Properties merge one by one. A file that has any `[[node]]` replaces the whole list of nodes.

A node finds itself in the list by its host name, full and then short; `--node NAME` or `KAFKA_NODE_NAME` says it instead. Unknown keys, values of
the wrong type and contradictions are errors, shown all at once; `kafka-node` then exits 78.

- A *duration* is a number and `ms`, `s`, `m` or `h`: `\"500ms\"`, `\"2s\"`, `\"5m\"`, `\"1h\"`.
- A *size* is a number and `k`, `m`, `g` or `t`, as the JVM writes it: `\"512m\"`, `\"2g\"`.
- `{node}` in a path stands for the name of the node, so that one file can serve several nodes of one machine.
";

const TAIL: &str = "
## Properties that kafka-node writes itself

Everything below `[zookeeper.properties]` and `[kafka.properties]` is passed through and wins over kafka-node's own defaults, but for what these
keys decide. A property that contradicts them is an error; one that says the same is left out, with a warning.

| property | comes from |
| --- | --- |
| ZooKeeper: `dataDir` | `[zookeeper] data_dir` |
| ZooKeeper: `clientPort`, `clientPortAddress` | `[zookeeper] client_port`, `[[node]] address` |
| ZooKeeper: `server.N`, `dynamicConfigFile` | the `[[node]]`s with the role `zookeeper`, `peer_port`, `election_port` |
| ZooKeeper: `4lw.commands.whitelist` | may be set, and must hold `srvr` |
| Kafka: `broker.id`, `broker.id.generation.enable`, `reserved.broker.max.id` | `[[node]] id` |
| Kafka: `zookeeper.connect` | the `[[node]]`s with the role `zookeeper`, `client_port` |
| Kafka: `log.dir`, `log.dirs` | `[kafka] log_dirs` |
| Kafka: `port`, `advertised.port` | `[kafka] port` |
| Kafka: `host.name`, `advertised.host.name` | `bind`, `advertised` |
| Kafka: `listeners`, `advertised.listeners` | may be set, and must hold a `PLAINTEXT` listener at `[kafka] port` |
| Kafka: `listener.security.protocol.map` | may be set, and must leave `PLAINTEXT` as it is |
| Kafka: `process.roles`, `node.id` | not supported: Kafka without ZooKeeper |

`-Xmx`, `-Xms` and their like in `jvm_options` are refused beside a `heap` that is a size.
";
