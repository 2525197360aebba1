//! The ZooKeeper session: made when it is first needed, and made again after every loss. The one file that knows the
//! `zookeeper-client` crate; everybody else knows the trait [`Registrations`].
//!
//! Effects: one session, and reading under a limit.
//!
//! What the crate (0.11.2) does, and what is done about it here:
//! - A client whose session expired is dead for good: it is dropped, and the next call makes a new one.
//! - Requests made while disconnected queue without bound: a call that times out takes its session with it, so that at most
//!   one request is ever queued.
//! - `connect` would go round the servers for the whole session timeout: it is made to try each once (`fail_eagerly`), in a
//!   task of its own, so that a call's limit does not throw away half a connection to a slow server.
//! - Its sockets and timers live on a thread of `async-io`, and names are resolved on short-lived threads of `blocking`: the
//!   loop never blocks, at the price of one thread that sleeps.
//!
//! Absent on purpose: watches (the supervisor asks), and writing (fencing and locks are later issues).

use std::future::Future;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use zookeeper_client::{Client, Error};

use crate::model::{BrokerId, RegistrationOutcome, SessionId};

use super::registration;

/// What is asked of the registrations that brokers hold in ZooKeeper.
pub trait Registrations {
    /// What stands at `/brokers/ids/N`, answered within `limit`.
    fn registration(&self, broker: BrokerId, limit: Duration) -> impl Future<Output = RegistrationOutcome>;

    /// The ids of all registered brokers, in order, answered within `limit`; the error is in words.
    fn brokers(&self, limit: Duration) -> impl Future<Output = Result<Vec<BrokerId>, String>>;
}

/// What is asked of the servers; they grant it if it is between 2 and 20 of their ticks (4 to 40 s by default). The crate
/// pings at 3/20 of it and looks at the clock at 1/20: with 10 s, twice a second.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// Where brokers register.
const IDS: &str = "/brokers/ids";

/// One session with one ensemble. Must be used on a tokio runtime.
#[derive(Debug)]
pub struct ZooKeeperSession {
    /// `host:port,host:port`.
    servers: String,
    session: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    None,
    Connecting(Attempt),
    Connected(Client),
}

/// A task that connects; it ends with whoever waits for it.
#[derive(Debug)]
struct Attempt(JoinHandle<Result<Client, Error>>);

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why there is no answer.
enum Refusal {
    /// The znode is not there, or its parent is not.
    NoNode,
    /// The session is over, in words; a new one may do.
    Ended(String),
    /// Anything else, in words.
    Words(String),
}

impl Refusal {
    fn words(self) -> String {
        match self {
            Refusal::NoNode => "no such znode".into(),
            Refusal::Ended(words) => format!("the ZooKeeper session is over: {words}"),
            Refusal::Words(words) => words,
        }
    }
}

impl Registrations for ZooKeeperSession {
    async fn registration(&self, broker: BrokerId, limit: Duration) -> RegistrationOutcome {
        let path = format!("{IDS}/{broker}");
        match self.ask(limit, |client| client.get_data(&path)).await {
            Ok((data, stat)) => RegistrationOutcome::Held {
                session: SessionId(stat.ephemeral_owner),
                endpoint: registration::endpoint(&data),
            },
            Err(Refusal::NoNode) => RegistrationOutcome::Absent,
            Err(refusal) => RegistrationOutcome::Unreadable(refusal.words()),
        }
    }

    async fn brokers(&self, limit: Duration) -> Result<Vec<BrokerId>, String> {
        match self.ask(limit, |client| client.get_children(IDS)).await {
            Ok((names, _)) => {
                let mut ids: Vec<_> = names.iter().filter_map(|name| name.parse().ok()).map(BrokerId).collect();
                ids.sort_unstable();
                Ok(ids)
            }
            // No broker ever registered here.
            Err(Refusal::NoNode) => Ok(Vec::new()),
            Err(refusal) => Err(refusal.words()),
        }
    }
}

impl ZooKeeperSession {
    /// A session with the ensemble of `servers` (`host:port,host:port`). Connects when it is first asked something.
    pub fn new(servers: String) -> ZooKeeperSession {
        ZooKeeperSession { servers, session: Mutex::default() }
    }

    /// Ends the session. The server is told by a task of its own, which the runtime has to turn over for.
    pub async fn close(self) {
        drop(self.session.into_inner());
    }

    /// Asks through the session, making one where there is none, all before `deadline`.
    async fn ask<T, F>(&self, limit: Duration, request: impl Fn(&Client) -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let deadline = Instant::now() + limit;
        let Ok(mut state) = timeout_at(deadline, self.session.lock()).await else {
            return Err(Refusal::Words("another question to ZooKeeper is under way".into()));
        };
        let kept = matches!(*state, State::Connected(_));
        match self.ask_once(&mut state, deadline, &request).await {
            // The session ended since the last question: that one answer is worth a second try on a new session.
            Err(Refusal::Ended(_)) if kept => self.ask_once(&mut state, deadline, &request).await,
            answer => answer,
        }
    }

    async fn ask_once<T, F>(
        &self,
        state: &mut State,
        deadline: Instant,
        request: &impl Fn(&Client) -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Error>>,
    {
        // Whatever goes wrong from here on, also the caller dropping this future, leaves no client behind.
        let client = match std::mem::take(state) {
            State::Connected(client) => client,
            State::Connecting(task) => self.connected(state, task, deadline).await?,
            State::None => {
                let connector = Client::connector().with_session_timeout(SESSION_TIMEOUT).with_fail_eagerly();
                let servers = self.servers.clone();
                let task = tokio::spawn(async move { connector.connect(&servers).await });
                self.connected(state, Attempt(task), deadline).await?
            }
        };
        let answer = timeout_at(deadline, request(&client)).await;
        match answer {
            Err(_) => Err(Refusal::Words("ZooKeeper did not answer in time".into())),
            Ok(Err(error)) if ends_session(&error) => Err(Refusal::Ended(error.to_string())),
            Ok(answer) => {
                *state = State::Connected(client);
                answer.map_err(|error| match error {
                    Error::NoNode => Refusal::NoNode,
                    error => Refusal::Words(error.to_string()),
                })
            }
        }
    }

    /// Waits for the task that connects; leaves it in `state` where the deadline comes first.
    async fn connected(&self, state: &mut State, mut attempt: Attempt, deadline: Instant) -> Result<Client, Refusal> {
        let outcome = match timeout_at(deadline, &mut attempt.0).await {
            Err(_) => {
                *state = State::Connecting(attempt);
                return Err(Refusal::Words(format!("no ZooKeeper of {} has accepted a session yet", self.servers)));
            }
            Ok(outcome) => outcome,
        };
        match outcome {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(Error::NoHosts)) => {
                Err(Refusal::Words(format!("no ZooKeeper of {} accepts a session", self.servers)))
            }
            Ok(Err(error)) => Err(Refusal::Words(format!("no session with {}: {error}", self.servers))),
            Err(_) => Err(Refusal::Words("the task that connects to ZooKeeper ended".into())),
        }
    }
}

/// Whether an error is about the session and not about the one request.
fn ends_session(error: &Error) -> bool {
    !matches!(
        error,
        Error::NoNode | Error::NoAuth | Error::BadArguments(_) | Error::Throttled | Error::MarshallingError
    )
}
