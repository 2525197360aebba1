//! Signals of the supervisor itself, with their sender: what asks the node to stop.
//!
//! SIGTERM and SIGINT ask for a stop, SIGHUP for a reload. Absent on purpose: SIGPIPE, which Rust's own start-up ignores, and
//! SIGCHLD, which belongs to tokio.
//!
//! Effects: takes the signals of the process over.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use futures_core::Stream;
use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Origin;
use signal_hook_tokio::SignalsInfo;

use crate::model::StopCause;

/// Holds the signals back that the loop will listen to: what arrives before it does is neither lost nor an end without a
/// word. For the very beginning of the process, before there are threads.
pub fn hold() {
    let _ = listened().thread_block();
}

/// Lets them through: the loop listens.
pub fn release() {
    let _ = listened().thread_unblock();
}

fn listened() -> SigSet {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        set.add(signal);
    }
    set
}

/// The stream of signals.
pub struct Signals {
    stream: SignalsInfo<WithOrigin>,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM or SIGINT: the node is to stop.
    Stop(StopCause),
    /// SIGHUP: read the configuration and the program anew.
    Reload,
}

impl Signals {
    /// Takes the signals over from their default actions. Needs the runtime of tokio.
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals { stream: SignalsInfo::new([SIGTERM, SIGINT, SIGHUP])? })
    }

    /// The next signal. Never ends, and loses nothing when it is dropped and called again.
    pub async fn next(&mut self) -> Asked {
        match poll_fn(|context| Pin::new(&mut self.stream).poll_next(context)).await {
            Some(origin) => asked(&origin),
            // The stream ends only when its handle is closed, which nobody does.
            None => std::future::pending().await,
        }
    }
}

fn asked(origin: &Origin) -> Asked {
    if origin.signal == SIGHUP {
        return Asked::Reload;
    }
    Asked::Stop(StopCause::Signal {
        signal: origin.signal,
        pid: origin.process.map(|process| process.pid),
        uid: origin.process.map(|process| process.uid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_names_the_sender_of_its_signal_and_a_hangup_is_no_stop() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let seen = runtime.block_on(async {
            let mut signals = Signals::listen().expect("signals");
            signal_hook::low_level::raise(SIGHUP).expect("raise");
            let first = signals.next().await;
            let pid = std::process::id().to_string();
            let kill = std::process::Command::new("/bin/sh").args(["-c", "kill -TERM $0; echo $$", &pid]).output();
            let sender = String::from_utf8(kill.expect("a shell").stdout).expect("text").trim().to_owned();
            (first, signals.next().await, sender)
        });
        assert_eq!(seen.0, Asked::Reload);
        let Asked::Stop(cause) = seen.1 else { panic!("{:?}", seen.1) };
        assert!(cause.to_string().starts_with(&format!("SIGTERM from pid {} (uid ", seen.2)), "{cause}");
    }
}
