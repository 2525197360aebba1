//! A command to a running JVM by its own attach protocol, as `jcmd PID GC.class_histogram` gives it, without the JDK that has
//! jcmd: a file `.attach_pidN` and SIGQUIT make the JVM listen at a socket, which takes words that end with a zero byte.
//! Absent on purpose: other commands than the one a soak needs. `GC.run` is not it: with ExplicitGCInvokesConcurrent, as both
//! services run, it stops nobody, where a histogram of the living objects has a full collection first that stops the world.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::child::{self, POLL};
use crate::failure::{During, Failure, Outcome};

/// How long a JVM may take to listen, and to do what it is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes a JVM stop and collect its whole heap.
pub fn full_gc(pid: u32) -> Outcome<()> {
    let socket = PathBuf::from(format!("/tmp/.java_pid{pid}"));
    if !socket.exists() {
        listen(pid, &socket)?;
    }
    let asking = || format!("ask the JVM with pid {pid} for a collection");
    let mut stream = UnixStream::connect(&socket).during(asking)?;
    stream.set_read_timeout(Some(PATIENCE)).during(asking)?;
    // The protocol's version, the command, and always three arguments.
    stream.write_all(b"1\0jcmd\0GC.class_histogram\0\0\0").during(asking)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).during(asking)?;
    match answer.split_once('\n') {
        Some(("0", _)) => Ok(()),
        _ => Err(Failure::new(format!("the JVM with pid {pid} refused: {answer:?}"))),
    }
}

/// The file tells this SIGQUIT from one that asks for a thread dump.
fn listen(pid: u32, socket: &Path) -> Outcome<()> {
    let file = PathBuf::from(format!("/proc/{pid}/cwd/.attach_pid{pid}"));
    File::create(&file).during(|| format!("create {}", file.display()))?;
    child::signal(pid, Signal::SIGQUIT);
    let begun = Instant::now();
    while !socket.exists() && begun.elapsed() < PATIENCE {
        std::thread::sleep(POLL);
    }
    // The JVM may have removed it with its directory.
    let _ = fs::remove_file(&file);
    if socket.exists() { Ok(()) } else { Err(Failure::new(format!("the JVM with pid {pid} does not listen"))) }
}
