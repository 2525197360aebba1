//! The two processes that tests/journald.rs runs in a mount namespace of its own: `send`, which logs by the same code as
//! production, and `hold`, which starts journald as systemd does.
//!
//! Both are driven by words on stdin, each answered by one line on stdout; the end of stdin ends them. `send`: `full` (an entry
//! with every field), `text PRIORITY BYTES TAG`, `stream N PACE_US TAG` (N numbered entries of INFO; the answer is the longest time
//! that one of them kept its caller), `flush MS`. `hold`: `start JOURNALD` (answers its pid), `reap` (waits for its end).

use std::io::{BufRead, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kafka_node::config::JournalChoice;
use kafka_node::logs::{Entry, Folded, Origin, Priority, Said};
use kafka_node::model::{BrokerId, EventId, RunId};
use kafka_node::notify::log::{self, LogThread, Sink, Source};
use nix::sys::socket::{setsockopt, sockopt};

/// Where systemd puts journald's native socket.
const SOCKET: &str = "/run/systemd/journal/socket";

/// A word to its answer.
type Answers = dyn FnMut(&str) -> std::io::Result<String>;

fn main() -> std::io::Result<()> {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let mut answers: Box<Answers> = match mode.as_str() {
        "send" => {
            let mut sender = Sender::start()?;
            Box::new(move |word| sender.answer(word))
        }
        "hold" | "bare" => {
            let mut holder = Holder::new(mode == "hold")?;
            Box::new(move |word| holder.answer(word))
        }
        _ => return Err(std::io::Error::other("journal-child send|hold|bare")),
    };
    for line in std::io::stdin().lock().lines() {
        let answer = answers(&line?)?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{answer}")?;
    }
    Ok(())
}

/// A log thread, and what it is fed with.
struct Sender {
    sink: Sink,
    thread: Option<LogThread>,
}

impl Sender {
    fn start() -> std::io::Result<Sender> {
        let (sink, thread) = log::start(JournalChoice::Journal, Source { broker: Some(BrokerId(2)), fold_after: 200 })?;
        Ok(Sender { sink, thread: Some(thread) })
    }

    fn answer(&mut self, line: &str) -> std::io::Result<String> {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |index: usize| words.get(index).and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
        let word = |index: usize| words.get(index).copied().unwrap_or_default();
        match word(0) {
            "full" => self.sink.send(full()),
            "text" => {
                let priority = match word(1) {
                    "critical" => Priority::Critical,
                    "error" => Priority::Error,
                    "warning" => Priority::Warning,
                    "debug" => Priority::Debug,
                    _ => Priority::Info,
                };
                self.sink.send(kafka(priority, text(word(3), number(2))));
            }
            "stream" => {
                let mut longest = Duration::ZERO;
                for n in 0..number(1) {
                    let entry = kafka(Priority::Info, format!("{} {n}", word(3)));
                    let begun = Instant::now();
                    self.sink.send(entry);
                    longest = longest.max(begun.elapsed());
                    if number(2) > 0 {
                        std::thread::sleep(Duration::from_micros(number(2)));
                    }
                }
                return Ok(longest.as_micros().to_string());
            }
            // As a JVM says it: folded where journald would throw it away.
            "flood" => (0..number(1)).for_each(|n| self.said(Priority::Info, &format!("{} {n}", word(2)))),
            "cry" => self.said(Priority::Error, word(1)),
            "flush" => {
                let flushed = self.thread.take().map(|thread| thread.flush(Duration::from_millis(number(1))));
                return Ok(format!("{flushed:?} dropped {}", self.sink.dropped()));
            }
            _ => return Ok("what?".to_owned()),
        }
        Ok("ok".to_owned())
    }
}

impl Sender {
    fn said(&self, priority: Priority, message: &str) {
        let said = Said {
            priority,
            time: b"2020-08-06 10:11:12,345",
            logger: b"kafka.log.Log",
            thread: b"main",
            message: message.as_bytes(),
            exception: b"",
            continued: false,
        };
        self.sink.said(Origin::Kafka, RunId(7), &said);
    }
}

fn kafka(priority: Priority, text: String) -> Entry {
    Entry { origin: Origin::Kafka, run: Some(RunId(7)), ..Entry::own(priority, text) }
}

/// `bytes` bytes that begin with `tag` and have lines of 100, each with its number, so that a lost or doubled part shows.
fn text(tag: &str, bytes: u64) -> String {
    let mut text = format!("{tag}\n");
    let mut line = 0;
    while (text.len() as u64) < bytes {
        line += 1;
        text.push_str(&format!("{line:0>99}\n"));
    }
    text.truncate(usize::try_from(bytes).unwrap_or_default());
    text
}

fn full() -> Entry {
    Entry {
        origin: Origin::Kafka,
        priority: Priority::Error,
        text: "Error while flushing log ü\njava.io.IOException: No space left on device\n\tat a.B.c(B.java:1)\n\
               Caused by: java.lang.IllegalStateException: x=1\n\t... 3 more"
            .to_owned(),
        logger: "kafka.log.LogManager".to_owned(),
        thread: "kafka-scheduler-1".to_owned(),
        exception: "java.lang.IllegalStateException".to_owned(),
        time: "2020-08-06 10:11:12,345".to_owned(),
        run: Some(RunId(0xab)),
        event: Some(EventId::ENDED_AGAIN),
        folded: Some(Folded { count: 4211, over: Duration::from_secs(9), first: String::new(), last: String::new() }),
    }
}

/// journald's parent. With a socket: as systemd, which keeps it while journald is away; without, journald makes its own.
struct Holder {
    socket: Option<UnixDatagram>,
    journald: Option<Child>,
}

impl Holder {
    fn new(held: bool) -> std::io::Result<Holder> {
        let socket = if held { Some(UnixDatagram::bind(SOCKET)?) } else { None };
        if let Some(socket) = &socket {
            // As the unit of the socket says: what is sent before journald is up carries who sent it too.
            setsockopt(socket, sockopt::PassCred, &true)?;
        }
        Ok(Holder { socket, journald: None })
    }

    fn answer(&mut self, line: &str) -> std::io::Result<String> {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("start", program) => {
                let mut command = Command::new(program);
                if let Some(socket) = &self.socket {
                    // The socket as descriptor 3, and the pid that it is for.
                    const PASS: &str = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\"";
                    command = Command::new("sh");
                    command.args(["-c", PASS, program]).stdin(Stdio::from(OwnedFd::from(socket.try_clone()?)));
                } else {
                    command.stdin(Stdio::null());
                }
                // It says things on stderr only where it cannot go on.
                let child = command.stdout(Stdio::null()).spawn()?;
                let pid = child.id();
                self.journald = Some(child);
                Ok(pid.to_string())
            }
            ("reap", _) => {
                let status = self.journald.take().map(|mut child| child.wait());
                Ok(format!("{status:?}"))
            }
            _ => Ok("what?".to_owned()),
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if let Some(mut journald) = self.journald.take() {
            let _ = journald.kill();
            let _ = journald.wait();
        }
    }
}
