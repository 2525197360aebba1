//! The notify thread: READY, STATUS, STOPPING and WATCHDOG to systemd, pinged only while the loop turns over.
//!
//! Sending can block for as long as systemd does not read, so the loop only leaves a note. Systemd 219 understands these
//! four, and ignores EXTEND_TIMEOUT_USEC and the like without a word (`facts.md`). Absent on purpose: the fd store, and
//! any change of our own environment: the JVMs get a clean one anyway.
//!
//! Effects: a thread and systemd's socket, since a send can block.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use super::log::cut;

/// Longest status text in bytes: a datagram of 219 holds 4096, and READY and the keys stand in it too.
const STATUS_CAP: usize = 3900;
/// A note that could not be sent is sent again after this long: PID 1 may be re-executing itself.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Leaves notes for systemd; cheap to clone. Without NOTIFY_SOCKET it does nothing.
#[derive(Clone, Debug)]
pub struct Notifier {
    shared: Option<Arc<Shared>>,
}

/// The thread that sends. Dropping it ends nothing; [`NotifyThread::finish`] does.
#[derive(Debug)]
pub struct NotifyThread {
    shared: Option<Arc<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    notes: Mutex<Notes>,
    /// A note was left, or all of them were sent.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Notes {
    ready: bool,
    stopping: bool,
    /// Only the newest: systemd keeps one.
    status: Option<String>,
    /// Being sent at this moment.
    sending: bool,
    /// Why the last send failed; `None` once one succeeded.
    trouble: Option<String>,
    finished: bool,
}

/// Starts the notify thread where systemd asked for notifications. `heartbeat` counts the turns of the loop, which must
/// turn at least every quarter of WatchdogSec even when nothing happens.
///
/// # Errors
/// The system has no thread for it.
pub fn start(heartbeat: Arc<AtomicU64>) -> io::Result<(Notifier, NotifyThread)> {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return Ok((Notifier { shared: None }, NotifyThread { shared: None }));
    }
    // Checks WATCHDOG_PID: a watchdog that was asked of somebody else is not ours to feed.
    let watchdog = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero());
    let shared = Arc::new(Shared::default());
    let sender =
        Sender { shared: Arc::clone(&shared), watchdog: watchdog.map(|limit| Watchdog::new(limit, heartbeat)) };
    std::thread::Builder::new().name("notify".to_owned()).spawn(move || sender.run())?;
    Ok((Notifier { shared: Some(Arc::clone(&shared)) }, NotifyThread { shared: Some(shared) }))
}

impl Notifier {
    /// READY=1: the start is over for systemd.
    pub fn ready(&self) {
        self.leave(|notes| notes.ready = true);
    }

    /// STATUS=: one line for `systemctl status`. Of several between two sends only the newest goes.
    pub fn status(&self, text: &str) {
        self.leave(|notes| notes.status = Some(one_line(text)));
    }

    /// STOPPING=1. Only once a stop was asked for: unasked it arms TimeoutStopSec.
    pub fn stopping(&self) {
        self.leave(|notes| notes.stopping = true);
    }

    /// Why the last note did not reach systemd, in words; `None` when all is well.
    pub fn trouble(&self) -> Option<String> {
        self.shared.as_ref().and_then(|shared| shared.lock().trouble.clone())
    }

    fn leave(&self, note: impl FnOnce(&mut Notes)) {
        if let Some(shared) = &self.shared {
            note(&mut shared.lock());
            shared.changed.notify_all();
        }
    }
}

impl NotifyThread {
    /// Sends what is left, at most for `limit`, and ends the thread. The answer is whether everything was sent.
    pub fn finish(self, limit: Duration) -> bool {
        let Some(shared) = self.shared else { return true };
        let begun = Instant::now();
        let mut notes = shared.lock();
        while notes.is_pending() {
            let left = limit.saturating_sub(begun.elapsed());
            if left.is_zero() {
                break;
            }
            (notes, _) = shared.changed.wait_timeout(notes, left).unwrap_or_else(PoisonError::into_inner);
        }
        notes.finished = true;
        shared.changed.notify_all();
        !notes.is_pending()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    fn is_pending(&self) -> bool {
        self.sending || self.has_notes()
    }

    fn has_notes(&self) -> bool {
        self.ready || self.stopping || self.status.is_some()
    }
}

/// The thread's own half.
struct Sender {
    shared: Arc<Shared>,
    watchdog: Option<Watchdog>,
}

impl Sender {
    fn run(mut self) {
        let mut notes_from = Instant::now();
        loop {
            let now = Instant::now();
            let mut notes = self.shared.lock();
            if notes.finished {
                return;
            }
            let ping = self.watchdog.as_mut().is_some_and(|watchdog| watchdog.is_due(now));
            let send = notes.has_notes() && now >= notes_from;
            if !ping && !send {
                let next_note = if notes.has_notes() { Some(notes_from) } else { None };
                let next_ping = self.watchdog.as_ref().map(|watchdog| watchdog.look_at);
                let next = [next_note, next_ping].into_iter().flatten().min();
                let wait = next.map_or(Duration::from_secs(3600), |next| next.saturating_duration_since(now));
                drop(self.shared.changed.wait_timeout(notes, wait));
                continue;
            }
            let (ready, stopping, status) = if send {
                (std::mem::take(&mut notes.ready), std::mem::take(&mut notes.stopping), notes.status.take())
            } else {
                (false, false, None)
            };
            notes.sending = send;
            drop(notes);
            let sent = notify(&states(ready, stopping, status.as_deref(), ping));
            let mut notes = self.shared.lock();
            notes.sending = false;
            notes.trouble = sent.as_ref().err().map(|error| format!("systemd could not be notified: {error}"));
            if sent.is_err() && send {
                notes.ready |= ready;
                notes.stopping |= stopping;
                // A newer one stands in for this.
                notes.status = notes.status.take().or(status);
                notes_from = Instant::now() + RETRY_AFTER;
            }
            drop(notes);
            self.shared.changed.notify_all();
        }
    }
}

fn states(ready: bool, stopping: bool, status: Option<&str>, ping: bool) -> Vec<NotifyState<'_>> {
    let mut states = Vec::new();
    states.extend(ready.then_some(NotifyState::Ready));
    states.extend(stopping.then_some(NotifyState::Stopping));
    states.extend(status.map(NotifyState::Status));
    states.extend(ping.then_some(NotifyState::Watchdog));
    states
}

/// sd-notify takes the socket's name for a path; managers of containers and old systemd give abstract ones (`@name`).
fn notify(states: &[NotifyState<'_>]) -> io::Result<()> {
    let socket = std::env::var_os("NOTIFY_SOCKET").unwrap_or_default();
    match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => {
            let text: String = states.iter().map(|state| format!("{state}\n")).collect();
            let address = SocketAddr::from_abstract_name(OsStr::from_bytes(name).as_bytes())?;
            UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address).map(|_| ())
        }
        None => sd_notify::notify(states),
    }
}

/// When to ping, and whether the loop has earned it.
struct Watchdog {
    half: Duration,
    heartbeat: Arc<AtomicU64>,
    seen: Option<u64>,
    look_at: Instant,
}

impl Watchdog {
    fn new(limit: Duration, heartbeat: Arc<AtomicU64>) -> Watchdog {
        Watchdog { half: limit / 2, heartbeat, seen: None, look_at: Instant::now() }
    }

    /// Asked at any time; true at most once per half of the limit, and only when the loop has turned since the last time.
    fn is_due(&mut self, now: Instant) -> bool {
        if now < self.look_at {
            return false;
        }
        let beat = self.heartbeat.load(Ordering::Relaxed);
        if self.seen == Some(beat) {
            // Looked at again soon: a loop that was late at this very moment must not be shot at the next half.
            self.look_at = now + self.half / 10;
            return false;
        }
        self.seen = Some(beat);
        self.look_at = now + self.half;
        true
    }
}

/// A line feed in a status would begin a field of its own.
fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match cut(&line, STATUS_CAP) {
        (_, "") => line,
        (head, _) => format!("{head}..."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_earned_by_a_heartbeat_that_moved() {
        let heartbeat = Arc::new(AtomicU64::new(0));
        let mut watchdog = Watchdog::new(Duration::from_secs(30), Arc::clone(&heartbeat));
        let start = watchdog.look_at;
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        assert!(watchdog.is_due(start), "the first says that the thread is there");
        heartbeat.store(1, Ordering::Relaxed);
        assert!(!watchdog.is_due(after(14)), "not before half of the limit");
        assert!(watchdog.is_due(after(15)));
        assert!(!watchdog.is_due(after(30)), "a loop that stands still gets no ping");
        heartbeat.store(2, Ordering::Relaxed);
        assert!(watchdog.is_due(after(32)), "and one that was late gets it soon after");
        for seconds in 47..200 {
            assert!(!watchdog.is_due(after(seconds)), "{seconds}");
        }
    }

    #[test]
    fn a_status_is_one_line_of_a_datagram() {
        assert_eq!(one_line("waits\nREADY=1"), "waits READY=1");
        let long = one_line(&"ä".repeat(5000));
        assert!(long.len() < 4096 && long.ends_with("..."), "{}", long.len());
    }
}
