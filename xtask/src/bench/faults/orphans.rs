//! What PID 1 does on a node: JVMs whose supervisor died are reaped as soon as they end, so that the next supervisor
//! sees them gone and not as dead processes that nobody waited for.
//! Absent on purpose: everything that is somebody's child. Only pids that were named here are waited for.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// How late an end may be noticed.
const POLL: Duration = Duration::from_millis(10);

/// The reaper, and whom it waits for. Its end is the end of its thread.
#[derive(Debug)]
pub struct Orphans {
    known: Arc<Mutex<BTreeSet<u32>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Orphans {
    /// Begins.
    pub fn reap() -> Self {
        let known = Arc::new(Mutex::new(BTreeSet::new()));
        let over = Arc::new(AtomicBool::new(false));
        let (pids, end) = (Arc::clone(&known), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                for pid in known_pids(&pids) {
                    // Not our child, as long as its supervisor lives: the kernel says so, and nothing happens.
                    let _ = waitpid(Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX)), Some(WaitPidFlag::WNOHANG));
                }
                std::thread::sleep(POLL);
            }
        });
        Self { known, over, thread: Some(thread) }
    }

    /// Names a JVM. Never a child that this task started itself: its status would be lost to whoever waits for it.
    pub fn know(&self, pid: u32) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
    }
}

impl Drop for Orphans {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It only loops; a panic in it changes nothing here.
            let _ = thread.join();
        }
    }
}

fn known_pids(known: &Mutex<BTreeSet<u32>>) -> Vec<u32> {
    known.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
}
