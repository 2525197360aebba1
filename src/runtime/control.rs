//! The control socket: one line of JSON in, one line out, on `control.sock` in `runtime_dir`.
//!
//! A request is `{"version":1,"verb":"status"}` (`version` may be left out), or `{"verb":"stop","now":false}`. The answer holds
//! `version` and either `status`, `"stopping":true` or `error`. Who may ask is judged by the kernel's word on the peer, not by
//! the file's mode alone. Absent on purpose: every other verb that changes anything; signals do those.
//!
//! Effects: the socket and its connections.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::status::StatusReport;

/// The name of the socket in `runtime_dir`.
pub const SOCKET_NAME: &str = "control.sock";
/// The version of requests and answers.
pub const VERSION: u32 = 1;
/// The longest request.
const REQUEST_LIMIT: u64 = 4096;
/// The time a request, and an answer, may take.
const TALK_LIMIT: Duration = Duration::from_secs(2);
/// Connections at a time; one more is turned away in words.
const CONNECTION_LIMIT: usize = 16;

/// A question to the loop, with where the answer goes.
#[derive(Debug)]
pub enum Ask {
    /// What `kafka-node status` shows.
    Status(oneshot::Sender<StatusReport>),
    /// The node is to stop, and to stay down.
    Stop {
        /// Gate and waits are skipped, as by a second SIGTERM.
        now: bool,
        /// Who asked, by the kernel's word.
        uid: u32,
        /// Answered once the stop has begun, or goes on with `now`.
        answer: oneshot::Sender<()>,
    },
}

/// One line from a client. Unknown keys are ignored, so that a newer client may say more.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// The version the client speaks.
    #[serde(default = "version")]
    pub version: u32,
    /// What it wants: `status` or `stop`.
    pub verb: String,
    /// With `stop`: gate and waits are skipped.
    #[serde(default, skip_serializing_if = "is_false")]
    pub now: bool,
}

/// One line to a client.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The version of this answer.
    pub version: u32,
    /// The report asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusReport>,
    /// The stop that was asked for is under way.
    #[serde(default, skip_serializing_if = "is_false")]
    pub stopping: bool,
    /// Why there is none, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The bound socket.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

/// Why the socket cannot be had.
#[derive(Debug)]
pub enum ControlRefusal {
    /// A living supervisor answers on it.
    Taken {
        /// Its pid, where the kernel told.
        pid: Option<i32>,
        /// The socket.
        path: PathBuf,
    },
    /// It cannot be made.
    Failed {
        /// The socket.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
}

impl Control {
    /// Binds the socket in `runtime_dir`, in place of one that a dead supervisor left. Needs the runtime of tokio.
    pub async fn bind(runtime_dir: &Path) -> Result<Control, ControlRefusal> {
        let path = runtime_dir.join(SOCKET_NAME);
        if let Ok(Ok(living)) = timeout(TALK_LIMIT, UnixStream::connect(&path)).await {
            let pid = living.peer_cred().ok().and_then(|peer| peer.pid());
            return Err(ControlRefusal::Taken { pid, path });
        }
        let bound = remove_stale(&path).and_then(|()| UnixListener::bind(&path)).and_then(|listener| {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o660))?;
            Ok(listener)
        });
        match bound {
            Ok(listener) => Ok(Control { listener, path }),
            Err(error) => Err(ControlRefusal::Failed { path, error }),
        }
    }

    /// Serves until it is dropped. Every question goes to `asks`.
    pub async fn serve(self, asks: mpsc::Sender<Ask>) {
        let places = Arc::new(Semaphore::new(CONNECTION_LIMIT));
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of descriptors, most likely: trying at once would turn the loop at full speed.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    let asks = asks.clone();
                    tokio::spawn(async move {
                        talk(stream, &asks).await;
                        drop(place);
                    });
                }
                Err(_) => {
                    let line = answer_line(&refusal("too many connections at once, try again"));
                    let _ = stream.try_write(line.as_bytes());
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// One connection: one request, one answer. A client that goes away is nobody's loss, so failures to write are ignored.
async fn talk(mut stream: UnixStream, asks: &mpsc::Sender<Ask>) {
    let answer = match may_ask(&stream) {
        Err(words) => refusal(&words),
        Ok(uid) => match timeout(TALK_LIMIT, read_request(&mut stream)).await {
            Ok(Ok(line)) => answer(&line, uid, asks).await,
            Ok(Err(words)) => refusal(&words),
            Err(_) => refusal(&format!("no whole request within {} s", TALK_LIMIT.as_secs())),
        },
    };
    let _ = timeout(TALK_LIMIT, async {
        stream.write_all(answer_line(&answer).as_bytes()).await?;
        stream.shutdown().await
    })
    .await;
}

/// Root, the supervisor's own user, or its own group. Returns who it is.
fn may_ask(stream: &UnixStream) -> Result<u32, String> {
    let peer = stream.peer_cred().map_err(|error| format!("cannot tell who asks: {error}"))?;
    let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    if peer.uid() == 0 || peer.uid() == uid || peer.gid() == gid {
        Ok(peer.uid())
    } else {
        Err(format!(
            "uid {} (gid {}) may not ask: only root, uid {uid} and gid {gid} may; use sudo, or sudo -u",
            peer.uid(),
            peer.gid()
        ))
    }
}

async fn read_request(stream: &mut UnixStream) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(REQUEST_LIMIT));
    reader.read_until(b'\n', &mut line).await.map_err(|error| format!("cannot read the request: {error}"))?;
    if line.len() as u64 == REQUEST_LIMIT && !line.ends_with(b"\n") {
        return Err(format!("the request is longer than {REQUEST_LIMIT} bytes"));
    }
    Ok(line)
}

/// Whoever may signal the supervisor may stop it so; to read the report the group is enough.
fn may_stop(asking: u32) -> Result<(), String> {
    let uid = nix::unistd::geteuid().as_raw();
    if asking == 0 || asking == uid {
        Ok(())
    } else {
        Err(format!("uid {asking} may not stop this node: only root and uid {uid} may; use sudo"))
    }
}

async fn answer(line: &[u8], uid: u32, asks: &mpsc::Sender<Ask>) -> Answer {
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(error) => {
            return refusal(&format!("not a request (expected one line like {{\"verb\":\"status\"}}): {error}"));
        }
    };
    if request.version > VERSION {
        return refusal(&format!("version {} is newer than this supervisor's {VERSION}", request.version));
    }
    match request.verb.as_str() {
        "status" => match ask(asks, Ask::Status).await {
            Ok(status) => Answer { status: Some(status), ..blank() },
            Err(words) => refusal(&words),
        },
        "stop" => {
            if let Err(words) = may_stop(uid) {
                return refusal(&words);
            }
            match ask(asks, |answer| Ask::Stop { now: request.now, uid, answer }).await {
                Ok(()) => Answer { stopping: true, ..blank() },
                Err(words) => refusal(&words),
            }
        }
        verb => refusal(&format!("unknown verb \"{}\" (known: status, stop)", verb.escape_debug())),
    }
}

/// Puts a question to the loop and waits for its answer; else why there is none.
async fn ask<T>(asks: &mpsc::Sender<Ask>, question: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, String> {
    let (sender, receiver) = oneshot::channel();
    let asked = timeout(TALK_LIMIT, async {
        asks.send(question(sender)).await.ok()?;
        receiver.await.ok()
    });
    match asked.await {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err("the supervisor is ending".to_owned()),
        Err(_) => Err(format!("the loop of the supervisor did not answer within {} s", TALK_LIMIT.as_secs())),
    }
}

fn blank() -> Answer {
    Answer { version: VERSION, status: None, stopping: false, error: None }
}

fn refusal(words: &str) -> Answer {
    Answer { error: Some(words.to_owned()), ..blank() }
}

fn answer_line(answer: &Answer) -> String {
    // Reports hold nothing that JSON cannot say; were it so, the client is told in words.
    let text = serde_json::to_string(answer)
        .unwrap_or_else(|error| format!("{{\"version\":{VERSION},\"error\":\"cannot write the answer: {error}\"}}"));
    text + "\n"
}

fn version() -> u32 {
    VERSION
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl fmt::Display for ControlRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ControlRefusal::Taken { pid: Some(pid), path } => {
                write!(f, "another kafka-node (pid {pid}) already runs this node: it answers on {}", path.display())
            }
            ControlRefusal::Taken { pid: None, path } => {
                write!(f, "another kafka-node already runs this node: it answers on {}", path.display())
            }
            ControlRefusal::Failed { path, error } => {
                write!(f, "cannot make the control socket {}: {error}", path.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client gets for `request`, from a control socket whose loop answers nothing but a stop with `now`.
    fn check(request: &[u8]) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let dir = tempfile::tempdir().expect("a directory");
            let control = Control::bind(dir.path()).await.expect("bound");
            let (asks, mut asked) = mpsc::channel(1);
            tokio::spawn(control.serve(asks));
            tokio::spawn(async move {
                while let Some(asked) = asked.recv().await {
                    match asked {
                        Ask::Status(sender) => drop(sender),
                        // Told apart by who hears an answer.
                        Ask::Stop { now: true, answer, .. } => drop(answer.send(())),
                        Ask::Stop { now: false, answer, .. } => drop(answer),
                    }
                }
            });
            let mut client = UnixStream::connect(dir.path().join(SOCKET_NAME)).await.expect("connected");
            client.write_all(request).await.expect("written");
            client.shutdown().await.expect("shut");
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.expect("answered");
            answer
        })
    }

    #[test]
    fn bad_requests_are_answered_in_words() {
        for (request, expected) in [
            (&b"{\"verb\":\"dance\"}\n"[..], "unknown verb \\\"dance\\\" (known: status, stop)"),
            (b"{\"verb\":\"status\",\"version\":2}\n", "version 2 is newer than this supervisor's 1"),
            (b"{\"verb\":\"status\"}\n", "the supervisor is ending"),
            (b"{\"verb\":\"stop\"}\n", "the supervisor is ending"),
        ] {
            assert_eq!(check(request), format!("{{\"version\":1,\"error\":\"{expected}\"}}\n"));
        }
        assert_eq!(check(b"{\"verb\":\"stop\",\"now\":true}\n"), "{\"version\":1,\"stopping\":true}\n");
        assert!(check(b"\xff\xfe\n").contains("not a request"));
        assert!(check(b"").contains("not a request"));
        assert!(check(&[b'x'; 4096]).contains("the request is longer than 4096 bytes"));
    }

    #[test]
    fn a_stop_is_for_root_and_the_own_user_alone() {
        let own = nix::unistd::geteuid().as_raw();
        assert_eq!((may_stop(0), may_stop(own)), (Ok(()), Ok(())));
        let words = may_stop(own + 1).expect_err("another user");
        assert!(words.contains(&format!("uid {} may not stop this node", own + 1)), "{words}");
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_is_refused_with_its_pid() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let dir = tempfile::tempdir().expect("a directory");
            drop(std::os::unix::net::UnixListener::bind(dir.path().join(SOCKET_NAME)).expect("bound"));
            let control = Control::bind(dir.path()).await.expect("the stale one is replaced");
            let mode = fs::metadata(dir.path().join(SOCKET_NAME)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o660);
            let refusal = Control::bind(dir.path()).await.expect_err("a living one").to_string();
            assert!(refusal.contains(&format!("(pid {}) already runs this node", std::process::id())), "{refusal}");
            drop(control);
            assert!(!dir.path().join(SOCKET_NAME).exists());
        });
    }

    #[test]
    fn the_seventeenth_connection_is_turned_away_in_words() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let dir = tempfile::tempdir().expect("a directory");
            let control = Control::bind(dir.path()).await.expect("bound");
            let (asks, _asked) = mpsc::channel(1);
            tokio::spawn(control.serve(asks));
            let mut silent = Vec::new();
            for _ in 0..CONNECTION_LIMIT {
                silent.push(UnixStream::connect(dir.path().join(SOCKET_NAME)).await.expect("connected"));
            }
            let mut late = UnixStream::connect(dir.path().join(SOCKET_NAME)).await.expect("connected");
            let mut answer = String::new();
            late.read_to_string(&mut answer).await.expect("answered");
            assert!(answer.contains("too many connections"), "{answer}");
        });
    }
}
