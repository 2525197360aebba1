//! A systemd-journald of our own: in a mount namespace with `/run` and `/var/log` of its own, without limits on rates, its
//! journal in memory. One process (unshare executes the shell, the shell journald), ended by its pid; the mounts go with it.
//! Absent on purpose: systemd, the machine's own journald, and the limits that a real one has by default.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::records;
use crate::child::{self, POLL};
use crate::failure::{During, Failure, Outcome};
use crate::interrupt;
use crate::proc;

/// Where distributions put it.
const PROGRAMS: [&str; 2] = ["/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"];
/// Time for it to make its sockets.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the shell does on the way to journald; `$0` is its program. Both ways of writing "no limit" are those of 219 and of later ones.
const ROOM: &str = r#"
mount -t tmpfs -o size=3g,mode=755 tmpfs /run
mount -t tmpfs -o size=64m,mode=755 tmpfs /var/log
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log/journal
printf '%s\n' '[Journal]' Storage=volatile RateLimitInterval=0 RateLimitIntervalSec=0 RateLimitBurst=0 RuntimeMaxUse=2G \
    RuntimeKeepFree=1M ReadKMsg=no Audit= ForwardToSyslog=no ForwardToKMsg=no ForwardToConsole=no ForwardToWall=no \
    > /run/systemd/journald.conf.d/zz-bench.conf
exec "$0"
"#;

/// It, running.
#[derive(Debug)]
pub struct Journald {
    child: Child,
}

impl Journald {
    /// Starts one with an empty journal, and waits until its sockets are there.
    pub fn start() -> Outcome<Self> {
        let program = PROGRAMS.into_iter().find(|path| Path::new(path).is_file());
        let program = program.ok_or_else(|| Failure::new("find systemd-journald: it is not installed"))?;
        let child = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "--", "/bin/sh", "-ec", ROOM, program])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .during(|| "run unshare".into())?;
        let mut journald = Self { child };
        let begun = Instant::now();
        while !(journald.is_itself() && journald.socket().exists() && journald.stream().exists()) {
            interrupt::check()?;
            let ended = journald.child.try_wait().during(|| "wait for journald".into())?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let how = ended.map_or_else(|| format!("no socket in {} s", PATIENCE.as_secs()), |end| end.to_string());
                return Err(Failure::new(format!(
                    "start a journald in a mount namespace ({how}); it wants root{}",
                    journald.last_words()
                )));
            }
            std::thread::sleep(POLL);
        }
        Ok(journald)
    }

    /// CPU that it has used.
    pub fn cpu(&self) -> Duration {
        proc::cpu_time(self.child.id())
    }

    /// The socket of its native protocol, as seen from outside.
    pub fn socket(&self) -> PathBuf {
        self.inside("socket")
    }

    /// The socket of streams of lines, as seen from outside.
    pub fn stream(&self) -> PathBuf {
        self.inside("stdout")
    }

    /// A command that runs in its namespace: there its sockets are where everybody looks for them.
    pub fn beside(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.child.id())).arg("--").arg(program);
        command
    }

    /// Which of the records numbered up to `count` are in the journal, and how many came twice.
    pub fn arrived(&self, count: u64) -> Outcome<Arrived> {
        let mut command = self.beside(Path::new("journalctl"));
        command.args(["--quiet", "--no-pager", "--output=cat"]);
        let mut reading = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .during(|| "run journalctl".into())?;
        let mut seen = vec![false; usize::try_from(count).unwrap_or(0)];
        let mut arrived = Arrived::default();
        if let Some(out) = reading.stdout.take() {
            for line in BufReader::new(out).split(b'\n') {
                let line = line.during(|| "read what journalctl prints".into())?;
                match records::number_in(&line).and_then(|number| seen.get_mut(number)) {
                    Some(seen) if *seen => arrived.twice += 1,
                    Some(seen) => {
                        *seen = true;
                        arrived.once += 1;
                    }
                    None => {}
                }
            }
        }
        let status = child::wait(&mut reading)?;
        if status.success() { Ok(arrived) } else { Err(Failure::new(format!("read the journal: {status}"))) }
    }

    /// The shell and the mounts are behind it.
    fn is_itself(&self) -> bool {
        proc::stat(self.child.id()).is_some_and(|stat| stat.comm.starts_with("systemd-journal"))
    }

    fn inside(&self, socket: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/run/systemd/journal/{socket}", self.child.id()))
    }

    /// Only of a dead one: a living one keeps the pipe open.
    fn last_words(&mut self) -> String {
        child::end(&mut self.child);
        let mut words = String::new();
        if let Some(mut err) = self.child.stderr.take() {
            let _ = std::io::Read::read_to_string(&mut err, &mut words);
        }
        if words.trim().is_empty() { String::new() } else { format!(": {}", words.trim()) }
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            child::end(&mut self.child);
        }
    }
}

/// What was found in a journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Records that are there.
    pub once: u64,
    /// Copies beside these.
    pub twice: u64,
}
