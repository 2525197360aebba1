//! The other end of the control socket: how the command line asks a running supervisor, and tells it to stop.
//!
//! Blocking and bounded. Absent on purpose: starting a supervisor that is not there.
//!
//! Effects: the socket of a running supervisor, blocking and bounded.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::control::{Answer, Request, SOCKET_NAME, VERSION};
use super::status::StatusReport;

/// The longest answer: 50 events and both services stay far below.
const ANSWER_LIMIT: u64 = 1 << 20;
/// The time each step may take: above the supervisor's own limit, so that its words are heard.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// Why there is no report.
#[derive(Debug)]
pub enum AskFailure {
    /// Nobody listens: no supervisor runs with this `runtime_dir`.
    Nobody {
        /// Where it was looked.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// The socket may not be used.
    NotAllowed {
        /// The socket.
        path: PathBuf,
    },
    /// It was asked, and no whole answer came.
    Silent {
        /// The socket.
        path: PathBuf,
        /// What came instead, in words.
        words: String,
    },
    /// It answered with a refusal.
    Refused {
        /// Its words.
        words: String,
    },
}

/// Asks the supervisor whose `runtime_dir` this is for its report.
pub fn status(runtime_dir: &Path) -> Result<StatusReport, AskFailure> {
    match ask(runtime_dir, "status", false)? {
        (path, Answer { status: None, .. }) => {
            Err(AskFailure::Silent { path, words: "an answer without a status".to_owned() })
        }
        (_, Answer { status: Some(status), .. }) => Ok(status),
    }
}

/// Asks it to stop its node and to stay down; with `now` without gate and waits. It has begun when this returns, not ended.
pub fn stop(runtime_dir: &Path, now: bool) -> Result<(), AskFailure> {
    match ask(runtime_dir, "stop", now)? {
        (path, Answer { stopping: false, .. }) => {
            Err(AskFailure::Silent { path, words: "an answer that says nothing of a stop".to_owned() })
        }
        _ => Ok(()),
    }
}

/// One question, and an answer that is no refusal; with the socket's path.
fn ask(runtime_dir: &Path, verb: &str, now: bool) -> Result<(PathBuf, Answer), AskFailure> {
    let path = runtime_dir.join(SOCKET_NAME);
    let mut stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => AskFailure::NotAllowed { path: path.clone() },
        _ => AskFailure::Nobody { path: path.clone(), error },
    })?;
    let request = Request { version: VERSION, verb: verb.to_owned(), now };
    let line = talk(&mut stream, &request)
        .map_err(|error| AskFailure::Silent { path: path.clone(), words: error.to_string() })?;
    let mut answer: Answer = serde_json::from_slice(&line).map_err(|error| AskFailure::Silent {
        path: path.clone(),
        words: format!("not an answer of kafka-node: {error}"),
    })?;
    match answer.error.take() {
        Some(words) if answer.status.is_none() => Err(AskFailure::Refused { words }),
        _ => Ok((path, answer)),
    }
}

fn talk(stream: &mut UnixStream, request: &Request) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(STEP_LIMIT))?;
    stream.set_write_timeout(Some(STEP_LIMIT))?;
    let request = serde_json::to_string(request)?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut line = Vec::new();
    BufReader::new(stream.take(ANSWER_LIMIT)).read_until(b'\n', &mut line).map_err(in_words)?;
    if line.is_empty() {
        return Err(io::Error::other("it hung up without an answer"));
    }
    Ok(line)
}

/// A read that ran out of time says "Resource temporarily unavailable": no words for an operator.
fn in_words(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::other(format!("no answer within {} s: its loop hangs or is stopped", STEP_LIMIT.as_secs()))
        }
        _ => error,
    }
}

impl fmt::Display for AskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskFailure::Nobody { path, error } => {
                write!(f, "no supervisor answers on {}: {error}", path.display())
            }
            AskFailure::NotAllowed { path } => {
                write!(f, "{} may not be opened by this user: use sudo, or sudo -u", path.display())
            }
            AskFailure::Silent { path, words } => {
                write!(f, "the supervisor on {} gave no answer: {words}", path.display())
            }
            AskFailure::Refused { words } => write!(f, "the supervisor refused: {words}"),
        }
    }
}
