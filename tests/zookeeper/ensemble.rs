//! One standalone ZooKeeper for all tests of the binary, a chroot for each, and sessions that play brokers; and one that can be
//! killed for whoever wants it.
//!
//! The server is a child of a shell that reads from a pipe which only this process holds: however this process ends, the
//! pipe closes, and the shell ends the server by its pid and removes its directory.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use kafka_node::cluster::zookeeper::ZooKeeperSession;
use kafka_node::model::SessionId;
use zookeeper_client::{Acls, Client, CreateMode, Stat};

/// For whatever is waited for, and for calls that are meant to succeed.
pub const LIMIT: Duration = Duration::from_secs(20);
pub const IDS: &str = "/brokers/ids";
pub const REGISTRATION: &str = "/brokers/ids/1";
pub const CONTROLLER: &str = "/controller";
pub const CONTROLLER_EPOCH: &str = "/controller_epoch";
/// What the fake broker registers with.
pub const DATA: &[u8] = br#"{"endpoints":["PLAINTEXT://127.0.50.1:9092"],"version":4}"#;

struct Server {
    address: SocketAddr,
    _shell: Child,
}

fn provided(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: these tests run a real JVM; run `cargo xtask test`, which fetches it and sets it"
        )
    })
}

/// `java`, its arguments and the directory come as arguments; what is done when all is over comes first.
const SHELL: &str = r#"dir=$1; shift; "$@" </dev/null & pid=$!; read -r _; kill -9 $pid; wait $pid; rm -rf "$dir""#;
/// As above, and the directory stays.
const KEEPING: &str = r#"shift; "$@" </dev/null & pid=$!; read -r _; kill -9 $pid; wait $pid"#;

/// The server's address; starts it at the first call.
fn server() -> SocketAddr {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            let dir =
                tempfile::Builder::new().prefix("kafka-node-test-").tempdir().expect("a temporary directory").keep();
            start(SHELL, &dir, free_address())
        })
        .address
}

fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.50.1:0").expect("a free port");
    free.local_addr().expect("its number")
}

/// A server of one test alone, which can be killed and started again.
pub struct Mortal {
    pub address: SocketAddr,
    dir: tempfile::TempDir,
    running: Option<Server>,
}

impl Mortal {
    pub fn new() -> Mortal {
        let dir = tempfile::Builder::new().prefix("kafka-node-test-").tempdir().expect("a temporary directory");
        let address = free_address();
        let running = Some(start(KEEPING, dir.path(), address));
        Mortal { address, dir, running }
    }

    /// Kills it and starts it again on what it has on disk.
    pub fn restart(&mut self) {
        self.kill();
        self.running = Some(start(KEEPING, self.dir.path(), self.address));
    }

    /// As [`Mortal::restart`], with nothing on disk.
    pub fn forget_all(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.dir.path().join("version-2")).expect("its data");
        self.running = Some(start(KEEPING, self.dir.path(), self.address));
    }

    fn kill(&mut self) {
        if let Some(Server { _shell: mut shell, .. }) = self.running.take() {
            drop(shell.stdin.take());
            shell.wait().expect("the shell ends");
        }
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.kill();
    }
}

fn start(script: &str, dir: &Path, address: SocketAddr) -> Server {
    let libs = format!("{}/libs/*", provided("KAFKA_NODE_TEST_KAFKA_HOME"));
    let java = format!("{}/bin/java", provided("KAFKA_NODE_TEST_JAVA_11"));
    let file = dir.join("zoo.cfg");
    let text = format!(
        "dataDir={}\nclientPort={}\nclientPortAddress={}\nadmin.enableServer=false\nmaxClientCnxns=0\n",
        dir.display(),
        address.port(),
        address.ip()
    );
    std::fs::write(&file, text).expect("zoo.cfg");
    let log = std::fs::File::create(dir.join("log")).expect("the log");
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(dir).arg(java);
    shell.args(["-Xmx64m", "-Dzookeeper.forceSync=no", "-XX:TieredStopAtLevel=1", "-cp", &libs]);
    shell.arg("org.apache.zookeeper.server.ZooKeeperServerMain").arg(&file);
    shell.stdout(log.try_clone().expect("the log again")).stderr(log).stdin(Stdio::piped());
    // A group of its own, so that an interrupt from the terminal leaves the shell to its work.
    let mut shell = shell.process_group(0).spawn().expect("a shell");
    let begin = Instant::now();
    while !serves(address) {
        let said = || std::fs::read_to_string(dir.join("log")).unwrap_or_default();
        assert!(begin.elapsed() < LIMIT, "ZooKeeper does not serve at {address}:\n{}", said());
        assert!(matches!(shell.try_wait(), Ok(None)), "ZooKeeper has ended:\n{}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
    Server { address, _shell: shell }
}

fn serves(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        // A stranger that took the port meanwhile may never say a word.
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"srvr")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains("Mode: standalone"))
}

/// A chroot on the server, laid out as Kafka does it, and a session that looks and meddles.
pub struct Room {
    /// Without the chroot.
    pub server: SocketAddr,
    pub chroot: String,
    pub hand: Client,
}

impl Room {
    /// `name` must be of this test alone.
    pub async fn new(name: &str) -> Room {
        let (server, chroot) = (server(), format!("/{name}"));
        let outside = Client::connect(&server.to_string()).await.expect("a session");
        outside.create(&chroot, b"", &CreateMode::Persistent.with_acls(Acls::anyone_all())).await.expect("the chroot");
        let hand = outside.chroot(&chroot).expect("the chroot");
        hand.mkdir(IDS, &CreateMode::Persistent.with_acls(Acls::anyone_all())).await.expect("/brokers/ids");
        let epoch = CreateMode::Persistent.with_acls(Acls::anyone_all());
        hand.create(CONTROLLER_EPOCH, b"1", &epoch).await.expect("/controller_epoch");
        Room { server, chroot, hand }
    }

    /// What a [`ZooKeeperSession`] is told.
    pub fn connect_string(&self) -> String {
        format!("{}{}", self.server, self.chroot)
    }

    /// The session under test, without a proxy.
    pub fn session(&self) -> ZooKeeperSession {
        ZooKeeperSession::new(self.connect_string())
    }

    pub async fn broker(&self) -> Broker {
        Broker(Client::connect(&self.connect_string()).await.expect("a broker's session"))
    }

    pub async fn stat(&self, path: &str) -> Option<Stat> {
        self.hand.check_stat(path).await.expect("a look")
    }

    /// Who owns the ephemeral at `path`.
    pub async fn owner(&self, path: &str) -> Option<SessionId> {
        self.stat(path).await.map(|stat| SessionId(stat.ephemeral_owner))
    }
}

/// A session that plays a broker.
pub struct Broker(pub Client);

impl Broker {
    pub fn session(&self) -> SessionId {
        SessionId(self.0.session_id().0)
    }

    /// As `KafkaZkClient.CheckedEphemeral` of 2.6.0 does it: created empty and written in one transaction.
    pub async fn register(&self) {
        let mut registering = self.0.new_multi_writer();
        let options = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
        registering.add_create(REGISTRATION, b"", &options).expect("a path");
        registering.add_set_data(REGISTRATION, DATA, Some(0)).expect("a path");
        registering.commit().await.expect("a registration");
    }

    /// As `KafkaZkClient.registerControllerAndIncrementControllerEpoch` of 2.6.0 does it.
    pub async fn lead(&self) {
        let mut election = self.0.new_multi_writer();
        election.add_create(CONTROLLER, b"1", &CreateMode::Ephemeral.with_acls(Acls::anyone_all())).expect("a path");
        election.add_set_data(CONTROLLER_EPOCH, b"2", None).expect("a path");
        election.commit().await.expect("an election");
    }

    /// Ends the session, as its expiry does, and waits until `path` shows it.
    pub async fn end(self, room: &Room, path: &str) {
        let me = self.session();
        drop(self);
        until("the session's ephemeral is gone", async || room.owner(path).await != Some(me)).await;
    }
}

/// Waits until `fact`.
pub async fn until<F: Future<Output = bool>>(what: &str, fact: impl Fn() -> F) {
    let begin = Instant::now();
    while !fact().await {
        assert!(begin.elapsed() < LIMIT, "not in {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
