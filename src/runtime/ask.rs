//! The other end of the control socket: how the command line asks a running supervisor.
//!
//! Blocking and bounded. Absent on purpose: starting a supervisor that is not there.

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
    let path = runtime_dir.join(SOCKET_NAME);
    let mut stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => AskFailure::NotAllowed { path: path.clone() },
        _ => AskFailure::Nobody { path: path.clone(), error },
    })?;
    let line =
        talk(&mut stream).map_err(|error| AskFailure::Silent { path: path.clone(), words: error.to_string() })?;
    let answer: Answer = serde_json::from_slice(&line).map_err(|error| AskFailure::Silent {
        path: path.clone(),
        words: format!("not an answer of kafka-node: {error}"),
    })?;
    match (answer.status, answer.error) {
        (Some(status), _) => Ok(status),
        (None, Some(words)) => Err(AskFailure::Refused { words }),
        (None, None) => Err(AskFailure::Silent { path, words: "an answer without a status".to_owned() }),
    }
}

fn talk(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(STEP_LIMIT))?;
    stream.set_write_timeout(Some(STEP_LIMIT))?;
    let request = serde_json::to_string(&Request { version: VERSION, verb: "status".to_owned() })?;
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
            AskFailure::Refused { words } => write!(f, "the supervisor refused to answer: {words}"),
        }
    }
}
