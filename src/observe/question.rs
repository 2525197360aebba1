//! A question that may hang (a name server, a disk, a program), asked on a thread of its own and waited for within a limit.
//!
//! Effects: threads; one that hangs is left behind.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

/// Threads that hung questions may hold; beyond it a question counts as unanswered at once.
const HUNG: usize = 64;

/// A question on a thread of its own.
#[derive(Debug)]
pub struct Question<T> {
    answer: Option<mpsc::Receiver<T>>,
}

/// Threads that are at work on a question.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Asks on a thread of its own, which is left behind if it never comes back.
pub fn ask<T: Send + 'static>(question: impl FnOnce() -> T + Send + 'static) -> Question<T> {
    /// Counts down when the thread ends, however it ends.
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            ASKED.fetch_sub(1, Ordering::Relaxed);
        }
    }
    if ASKED.fetch_add(1, Ordering::Relaxed) >= HUNG {
        drop(Counted);
        return Question { answer: None };
    }
    let counted = Counted;
    let (sender, answer) = mpsc::channel();
    let spawned = thread::Builder::new().name("preflight".into()).spawn(move || {
        let _counted = counted;
        let _ = sender.send(question());
    });
    Question { answer: spawned.ok().map(|_| answer) }
}

impl<T> Question<T> {
    /// The answer, if it comes before `deadline`.
    pub fn answer(&self, deadline: Instant) -> Option<T> {
        self.answer.as_ref()?.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }
}
