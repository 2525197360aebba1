//! Doing a fault: signals to processes of the benchmark's own nodes, by pid after a look at the start time.
//! Absent on purpose: what follows from it (`trial`).

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::child::{self, POLL};
use crate::failure::{During, Failure, Outcome};
use crate::interrupt;
use crate::proc::Identity;

/// The largest request that a broker takes: `socket.request.max.bytes`. Its network thread makes a buffer of that size as soon
/// as it has read the four bytes that claim it.
const LARGEST: i32 = 104_857_600;
/// Connections that claim one: more than a heap of 512 MB bears.
const CLAIMS: usize = 12;

/// SIGKILL.
pub fn kill(process: Identity) -> Outcome<()> {
    if process.alive() && child::signal(process.pid, Signal::SIGKILL) {
        return Ok(());
    }
    Err(Failure::new(format!("there is no process {} to kill", process.pid)))
}

/// Processes that were stopped. Whatever happens, they go on in the end.
#[derive(Debug, Default)]
pub struct Frozen {
    processes: Vec<Identity>,
}

impl Frozen {
    /// SIGSTOP. A process that is stopped already stays so.
    pub fn freeze(&mut self, process: Identity) {
        if !self.processes.contains(&process) && process.alive() {
            child::signal(process.pid, Signal::SIGSTOP);
            self.processes.push(process);
        }
    }

    /// SIGCONT to those that still live; their number.
    pub fn thaw(&mut self) -> usize {
        let living: Vec<Identity> = self.processes.drain(..).filter(|process| process.alive()).collect();
        for process in &living {
            child::signal(process.pid, Signal::SIGCONT);
        }
        living.len()
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.thaw();
    }
}

/// Claims more memory of a broker than it has. The connections stay open while the answer is held.
pub fn claim_memory(address: Ipv4Addr) -> Outcome<Vec<TcpStream>> {
    let claim = || {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from((address, 9092)), Duration::from_secs(2))?;
        stream.write_all(&LARGEST.to_be_bytes())?;
        Ok(stream)
    };
    // The later ones may find the broker gone, which is what they are for.
    let claims: Vec<std::io::Result<TcpStream>> = (0..CLAIMS).map(|_| claim()).collect();
    let mut open = Vec::new();
    let mut last = None;
    for claim in claims {
        match claim {
            Ok(stream) => open.push(stream),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) if open.is_empty() => Err::<(), _>(error).during(|| format!("connect to {address}")).map(|()| open),
        _ => Ok(open),
    }
}

/// Lets time pass: that is part of the fault.
pub fn rest(time: Duration) -> Outcome<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        interrupt::check()?;
        std::thread::sleep(POLL.min(end.saturating_duration_since(Instant::now())));
    }
    Ok(())
}
