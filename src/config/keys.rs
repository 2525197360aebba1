//! The one table of every key a file may hold: what it takes, its default, and what it means.
//!
//! The reader, the defaults, the "did you mean" of an error, the reference page and the test of the default file all come from here.
//! Absent on purpose: rules between keys (`judge`, `nodes`, `owned`).

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Table and name: `kafka.port`, or `node.id` for a key of `[[node]]`.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Its default as TOML; empty where there is none or it depends on another key.
    pub default: &'static str,
    /// What it means, in one or two sentences without a full stop at the end.
    pub meaning: &'static str,
    /// Read and checked, and not yet acted on by this version.
    pub later: bool,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text for people.
    Label,
    /// The name of a node.
    Name,
    /// An id, 1 to 255.
    Id,
    /// A list of roles.
    Roles,
    /// A host name or an IP address.
    Host,
    /// Where a broker listens: "address", or a host.
    Bind,
    /// What a broker advertises: "name", "address", or a host.
    Advertised,
    /// "auto" or an absolute path.
    AutoPath,
    /// An absolute path.
    Path,
    /// A list of absolute paths.
    Paths,
    /// A TCP port.
    Port,
    /// "auto" or a size.
    Heap,
    /// A list of JVM options.
    Options,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A duration between these two, in milliseconds.
    Span(u64, u64),
    /// A whole number between these two.
    Number(i64, i64),
    /// "any", or days and times.
    Window,
    /// An HTTP address, or nothing.
    Listen,
    /// `true` or `false`.
    Flag,
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

const fn key(path: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key { path, kind, default, meaning, later: false }
}

const fn later(path: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key { path, kind, default, meaning, later: true }
}

/// Said of both services.
const LOG4J: &str = "a log4j file in place of ours, which is then not written; what it sends to stdout reaches the journal, with its level \
                     where the layout has a date and the level";

/// Every key, in the order of the default file.
pub const KEYS: &[Key] = &[
    key("cluster.name", Kind::Label, "\"kafka\"", "a label for people; it reaches no wire"),
    key("node.name", Kind::Name, "", "required: the host name of the node, full or short; the node finds itself by it"),
    key("node.address", Kind::Host, "", "what the others dial, a host name or an IP address; default: the name itself"),
    key(
        "node.id",
        Kind::Id,
        "",
        "required: ZooKeeper's myid and Kafka's broker.id, 1 to 255, never changed afterwards",
    ),
    key("node.roles", Kind::Roles, "[\"zookeeper\", \"kafka\"]", "which of the two services the node runs"),
    key("node.bind", Kind::Bind, "", "where this node's broker listens; default: [kafka] bind"),
    key(
        "node.advertised",
        Kind::Advertised,
        "",
        "what this node's broker tells clients to dial; default: [kafka] advertised",
    ),
    key(
        "java.home",
        Kind::AutoPath,
        "\"auto\"",
        "the Java to run; \"auto\" looks at JAVA_HOME, then /usr/lib/jvm, then PATH, and takes the newest supported one",
    ),
    key("zookeeper.data_dir", Kind::Path, "\"/data/zookeeper\"", "holds myid, snapshots and transaction logs"),
    key("zookeeper.client_port", Kind::Port, "2181", "where brokers and clients reach ZooKeeper"),
    key("zookeeper.peer_port", Kind::Port, "2888", "where followers reach the leader"),
    key("zookeeper.election_port", Kind::Port, "3888", "where the members elect the leader"),
    key("zookeeper.heap", Kind::Heap, "\"auto\"", "heap of its JVM; \"auto\" measures it from the memory of the node"),
    key(
        "zookeeper.jvm_options",
        Kind::Options,
        "[]",
        "more options for its JVM, one argument each; appended last, so they win",
    ),
    key("zookeeper.log4j", Kind::AutoPath, "\"auto\"", LOG4J),
    key("kafka.home", Kind::Path, "\"/opt/kafka\"", "where Kafka is unpacked: both JVMs run from its libs directory"),
    key("kafka.log_dirs", Kind::Paths, "[\"/data/kafka\"]", "where the broker keeps its partitions"),
    key("kafka.port", Kind::Port, "9092", "where clients and other brokers reach the broker"),
    key(
        "kafka.bind",
        Kind::Bind,
        "\"0.0.0.0\"",
        "where brokers listen: \"address\" for the address of each node, or an address",
    ),
    key(
        "kafka.advertised",
        Kind::Advertised,
        "\"name\"",
        "what brokers tell clients to dial: \"name\" or \"address\" of each node, or a host",
    ),
    key("kafka.heap", Kind::Heap, "\"auto\"", "heap of its JVM; \"auto\" measures it from the memory of the node"),
    key(
        "kafka.jvm_options",
        Kind::Options,
        "[]",
        "more options for its JVM, one argument each; appended last, so they win",
    ),
    key("kafka.log4j", Kind::AutoPath, "\"auto\"", LOG4J),
    key(
        "readiness.level",
        Kind::Word(&["started", "serving", "in-sync"]),
        "\"serving\"",
        "how far the broker must be before systemd is told that the node is ready",
    ),
    key(
        "watchdog.probe_interval",
        Kind::Span(100, MINUTE),
        "\"2s\"",
        "time between two probes of a service that is ready",
    ),
    key("watchdog.hang_after", Kind::Span(1_000, HOUR), "\"10s\"", "no answer and no progress for this long is a hang"),
    key(
        "watchdog.slow_after",
        Kind::Span(1_000, HOUR),
        "\"60s\"",
        "no answer for this long is a hang even while the JVM makes progress, as in garbage collection",
    ),
    key(
        "stop.grace",
        Kind::Span(1_000, HOUR),
        "\"5m\"",
        "time from SIGTERM to SIGKILL, at most doubled while a stop makes progress",
    ),
    key(
        "stop.gate",
        Kind::Word(&["shutdown", "always", "never"]),
        "\"shutdown\"",
        "when a stop waits until the cluster can spare the node: at a reboot or power-off of the system, at every stop, or never",
    ),
    key("stop.gate_limit", Kind::Span(0, HOUR), "\"15m\"", "a stop waits for the gate at most this long"),
    key("reboot.window", Kind::Window, "\"any\"", "when the node may reboot, e.g. \"Sat,Sun 02:00-05:00\""),
    key("reboot.headroom", Kind::Number(0, 100), "0", "in-sync replicas to keep above min.insync.replicas"),
    key(
        "reboot.settle",
        Kind::Span(0, 24 * HOUR),
        "\"60s\"",
        "the cluster must have been healthy this long before and after a reboot",
    ),
    key(
        "reboot.strict",
        Kind::Flag,
        "false",
        "deny a stop where a topic or the ensemble has no replica or member to spare by its making; else it is allowed, and said",
    ),
    key(
        "log.journal",
        Kind::Word(&["auto", "journal", "stderr"]),
        "\"auto\"",
        "where log lines go; \"auto\" is the journal under systemd, else plain text on stderr",
    ),
    key(
        "log.fold_after",
        Kind::Number(1, 1_000_000),
        "200",
        "identical messages a second before they are folded into a count",
    ),
    key(
        "log.files",
        Kind::Flag,
        "false",
        "each service also writes the stock log file in [paths] log_dir, 10 of 100 MB at most; everything is in the journal all the same",
    ),
    later(
        "http.listen",
        Kind::Listen,
        "\"\"",
        "serves /livez, /readyz and /metrics here, e.g. \"127.0.0.1:9645\" or \"unix:/run/kafka-node/http.sock\"; empty for nowhere",
    ),
    key(
        "paths.runtime_dir",
        Kind::Path,
        "\"/run/kafka-node\"",
        "rendered files and the control socket; lost at reboot",
    ),
    key("paths.state_dir", Kind::Path, "\"/var/lib/kafka-node\"", "what must outlive the supervisor"),
    key("paths.cache_dir", Kind::Path, "\"/var/cache/kafka-node\"", "what can be made again"),
    key("paths.log_dir", Kind::Path, "\"/var/log/kafka-node\"", "where [log] files = true writes"),
    key(
        "paths.allow_temporary",
        Kind::Flag,
        "false",
        "data directories below /tmp and /var/tmp are refused, since systemd-tmpfiles empties those, unless this is true",
    ),
];

/// Tables of properties that are passed through: any key, a text, number or truth value each.
pub const PROPERTY_TABLES: [(&str, &str); 2] = [
    ("zookeeper", "any property of ZooKeeper, passed through"),
    ("kafka", "any property of the broker, passed through"),
];

impl Key {
    /// The table it stands in: `kafka` of `kafka.port`.
    pub fn table(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(table, _)| table)
    }

    /// Its name in the table: `port` of `kafka.port`.
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// As sentences name it: `[kafka] port`.
    pub fn spoken(&self) -> String {
        spoken(self.path)
    }

    /// Its type, for the reference page.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Label | Kind::Window | Kind::Listen => "text",
            Kind::Name => "host name",
            Kind::Id => "integer, 1 to 255",
            Kind::Roles => "list of \"zookeeper\", \"kafka\"",
            Kind::Host => "host name or IP address",
            Kind::Bind => "\"address\", or IP address or host name",
            Kind::Advertised => "\"name\", \"address\", or host name or IP address",
            Kind::AutoPath => "\"auto\" or absolute path",
            Kind::Path => "absolute path",
            Kind::Paths => "list of absolute paths",
            Kind::Port => "port, 1 to 65535",
            Kind::Heap => "\"auto\" or size",
            Kind::Options => "list of JVM options",
            Kind::Word(["started", ..]) => "\"started\", \"serving\" or \"in-sync\"",
            Kind::Word(["shutdown", ..]) => "\"shutdown\", \"always\" or \"never\"",
            Kind::Word(_) => "\"auto\", \"journal\" or \"stderr\"",
            Kind::Span(..) => "duration",
            Kind::Number(..) => "integer",
            Kind::Flag => "true or false",
        }
    }
}

/// `kafka.port` as sentences name it: `[kafka] port`.
pub(super) fn spoken(path: &str) -> String {
    match path.split_once('.') {
        Some(("node", name)) => format!("[[node]] {name}"),
        Some((table, name)) => format!("[{table}] {name}"),
        None => path.to_owned(),
    }
}

/// The key with this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The names of the keys of a table, in the table's order.
pub(super) fn names(table: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(move |key| key.table() == table).map(Key::name)
}

/// The names of all tables, `node` included, in the order of the default file.
pub fn tables() -> Vec<&'static str> {
    let mut tables: Vec<&str> = Vec::new();
    for key in KEYS {
        if !tables.contains(&key.table()) {
            tables.push(key.table());
        }
    }
    tables
}
