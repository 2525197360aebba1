//! The ZooKeeper session: made when it is first needed, made again after every loss, and ended with all it has not sent yet.
//! With its neighbours that write znodes it is what knows the `zookeeper-client` crate; everybody else knows the traits
//! [`Registrations`], [`super::fence::Fencing`] and [`super::token::RestartToken`], and the calls of `council`, `lock`, `roll`,
//! `power_down` and `presence`.
//!
//! Effects: one session, and asking under a limit.
//!
//! What the crate (0.11.2) does, and what is done about it here:
//! - A client whose session expired is dead for good: it is dropped, and the next call makes a new one.
//! - Requests made while disconnected queue, and dropping the client does not unsend them: the crate's task goes on to
//!   reconnect for 7/5 of the session timeout after the last word of a server, sends what is queued, and only then closes the
//!   session. A fence must never be carried out that late. So the crate's one task is caught when it is spawned ([`Tasks`]) and
//!   aborted together with the client: whatever times out or is given up takes its session and its queue with it. What is in
//!   a socket by then may still arrive.
//! - An aborted session is not closed: its ephemerals stay until it expires. Only [`ZooKeeperSession::close`] closes.
//! - `connect` would go round the servers for the whole session timeout: it is made to try each once (`fail_eagerly`), in a
//!   task of its own, so that a call's limit does not throw away half a connection to a slow server.
//! - Its sockets and timers live on a thread of `async-io`, and names are resolved on short-lived threads of `blocking`: the
//!   loop never blocks, at the price of one thread that sleeps.
//!
//! Absent on purpose: watches (the supervisor asks); what is written, which is the neighbours'.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, timeout_at};
use zookeeper_client::{Client, Error, SessionState};

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
pub(super) const IDS: &str = "/brokers/ids";

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
    Connected(Line),
}

/// A client, and the task of the crate that serves it: when this is dropped, nothing more of it is sent.
#[derive(Debug)]
struct Line {
    client: Client,
    tasks: Tasks,
}

/// Catches the tasks that the crate spawns while it connects, which it gives no handle of.
#[derive(Debug, Default)]
struct Tasks(StdMutex<Vec<AbortHandle>>);

/// A task that connects; it ends with whoever waits for it.
#[derive(Debug)]
struct Attempt(JoinHandle<Result<Line, Error>>);

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl spawns_core::Spawn for Tasks {
    fn spawn(&self, task: spawns_core::Task) {
        let task = tokio::spawn(Box::into_pin(task.future));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(task.abort_handle());
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        let tasks = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Line {
    async fn connect(servers: String) -> Result<Line, Error> {
        let tasks = Tasks::default();
        let connector = Client::connector().with_session_timeout(SESSION_TIMEOUT).with_fail_eagerly();
        let mut connect = pin!(connector.connect(&servers));
        let client = poll_fn(|context| {
            let _caught = spawns_core::enter(&tasks);
            connect.as_mut().poll(context)
        })
        .await?;
        if tasks.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            // Another version of the crate that spawns in another way: better no session than one that cannot be ended.
            return Err(Error::UnexpectedError("the task of the session was not caught".into()));
        }
        Ok(Line { client, tasks })
    }

    /// Lets the task live until it has sent what is queued and closed the session.
    fn close(mut self) {
        self.tasks.0.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Why there is no answer.
pub(super) enum Refusal {
    /// The znode is not there, or its parent is not.
    NoNode,
    /// An access control list is in the way.
    NotAllowed,
    /// The session is over, in words; a new one may do.
    Ended(String),
    /// Anything else, in words.
    Words(String),
}

/// What a look through the session that there is came to.
pub(super) enum Glance<T> {
    /// The answer.
    Answer(T),
    /// There is no session, or the one there was is over.
    NoSession,
    /// The session may live, and there is no answer now; in words.
    Waiting(String),
    /// The server refused.
    Failed(Refusal),
}

impl Refusal {
    /// Of an error that is about the one request.
    fn of(error: Error) -> Refusal {
        match error {
            Error::NoNode => Refusal::NoNode,
            Error::NoAuth => Refusal::NotAllowed,
            error => Refusal::Words(error.to_string()),
        }
    }

    pub(super) fn words(self) -> String {
        match self {
            Refusal::NoNode => "no such znode".into(),
            Refusal::NotAllowed => Error::NoAuth.to_string(),
            Refusal::Ended(words) => format!("the ZooKeeper session is over: {words}"),
            Refusal::Words(words) => words,
        }
    }
}

impl Registrations for ZooKeeperSession {
    async fn registration(&self, broker: BrokerId, limit: Duration) -> RegistrationOutcome {
        let path = format!("{IDS}/{broker}");
        let path = path.as_str();
        match self.ask(limit, |client| async move { client.get_data(path).await }).await {
            Ok((data, stat)) => RegistrationOutcome::Held {
                session: SessionId(stat.ephemeral_owner),
                endpoint: registration::endpoint(&data),
            },
            Err(Refusal::NoNode) => RegistrationOutcome::Absent,
            Err(refusal) => RegistrationOutcome::Unreadable(refusal.words()),
        }
    }

    async fn brokers(&self, limit: Duration) -> Result<Vec<BrokerId>, String> {
        match self.ask(limit, |client| async move { client.get_children(IDS).await }).await {
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

    /// Ends the session, and its ephemerals with it. The server is told by a task of its own, which the runtime has to turn
    /// over for.
    pub async fn close(self) {
        if let State::Connected(line) = self.session.into_inner() {
            line.close();
        }
    }

    /// Takes `steps` through the session, making one where there is none, all within `limit`. They are taken alone: nobody
    /// else's are under way on this session. They may be taken twice, the second time on a new session.
    pub(super) async fn ask<T, F>(&self, limit: Duration, steps: impl Fn(Client) -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let deadline = Instant::now() + limit;
        let Ok(mut state) = timeout_at(deadline, self.session.lock()).await else {
            return Err(Refusal::Words("another question to ZooKeeper is under way".into()));
        };
        let kept = matches!(*state, State::Connected(_));
        match self.ask_once(&mut state, deadline, &steps).await {
            // The session ended since the last question: that one answer is worth a second try on a new session.
            Err(Refusal::Ended(_)) if kept => self.ask_once(&mut state, deadline, &steps).await,
            answer => answer,
        }
    }

    /// Reads through the session that there is, and does not give it up where no answer comes in time: `None` then, and
    /// where there is no session, or none with a server at present. For reading only: a question stays queued.
    pub(super) async fn peek<T, F>(&self, limit: Duration, question: impl FnOnce(Client) -> F) -> Option<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        match self.glance(limit, question).await {
            Glance::Answer(answer) => Some(answer),
            Glance::NoSession | Glance::Waiting(_) | Glance::Failed(_) => None,
        }
    }

    /// As [`ZooKeeperSession::peek`], and says why there is no answer. What is asked may be done late, or not at all.
    pub(super) async fn glance<T, F>(&self, limit: Duration, question: impl FnOnce(Client) -> F) -> Glance<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let deadline = Instant::now() + limit;
        let Ok(state) = timeout_at(deadline, self.session.lock()).await else {
            return Glance::Waiting("another question to ZooKeeper is under way".into());
        };
        let State::Connected(line) = &*state else { return Glance::NoSession };
        match line.client.state() {
            SessionState::SyncConnected => {}
            state if state.is_terminated() => return Glance::NoSession,
            // While the crate reconnects nothing is asked, so that questions do not pile up.
            _ => return Glance::Waiting("no ZooKeeper server serves the session at present".into()),
        }
        match timeout_at(deadline, question(line.client.clone())).await {
            Err(_) => Glance::Waiting("ZooKeeper did not answer in time".into()),
            Ok(Ok(answer)) => Glance::Answer(answer),
            // Lost with its server, and perhaps had again from another.
            Ok(Err(Error::ConnectionLoss)) => Glance::Waiting(Error::ConnectionLoss.to_string()),
            Ok(Err(error)) if ends_session(&error) => Glance::NoSession,
            Ok(Err(error)) => Glance::Failed(Refusal::of(error)),
        }
    }

    async fn ask_once<T, F>(
        &self,
        state: &mut State,
        deadline: Instant,
        steps: &impl Fn(Client) -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Error>>,
    {
        // Whatever goes wrong from here on, also the caller dropping this future, leaves no client behind.
        let line = match std::mem::take(state) {
            State::Connected(line) => line,
            State::Connecting(task) => self.connected(state, task, deadline).await?,
            State::None => {
                let task = tokio::spawn(Line::connect(self.servers.clone()));
                self.connected(state, Attempt(task), deadline).await?
            }
        };
        let answer = timeout_at(deadline, steps(line.client.clone())).await;
        match answer {
            Err(_) => Err(Refusal::Words("ZooKeeper did not answer in time".into())),
            Ok(Err(error)) if ends_session(&error) => Err(Refusal::Ended(error.to_string())),
            Ok(answer) => {
                *state = State::Connected(line);
                answer.map_err(Refusal::of)
            }
        }
    }

    /// Waits for the task that connects; leaves it in `state` where the deadline comes first.
    async fn connected(&self, state: &mut State, mut attempt: Attempt, deadline: Instant) -> Result<Line, Refusal> {
        let outcome = match timeout_at(deadline, &mut attempt.0).await {
            Err(_) => {
                *state = State::Connecting(attempt);
                return Err(Refusal::Words(format!("no ZooKeeper of {} has accepted a session yet", self.servers)));
            }
            Ok(outcome) => outcome,
        };
        match outcome {
            Ok(Ok(line)) => Ok(line),
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
        Error::NoNode
            | Error::NodeExists
            | Error::NotEmpty
            | Error::BadVersion
            | Error::NoAuth
            | Error::InvalidAcl
            | Error::NoChildrenForEphemerals
            | Error::QuotaExceeded
            | Error::BadArguments(_)
            | Error::Throttled
            | Error::MarshallingError
    )
}
