//! A scripted fake JVM: stands as `<fake home>/bin/java` and behaves as badly as its script says.
//!
//! It decides its role by the main class in its arguments (QuorumPeerMain or kafka.Kafka) and reads `script-zookeeper` or
//! `script-kafka` beside the rendered properties, else in `<fake home>`. No script: it listens, serves and ends on SIGTERM
//! as a JVM does (exit code 143). Marks are files `mark-<role>-<what>` beside the properties, for tests to wait on:
//! `started` (its pid), `listening`, `term` (SIGTERM came), `forked` (the grandchild's pid), `flooded` (all lines written).
//! Absent on purpose: the broker's protocol and ZooKeeper's sessions; `tests/sim` models those.
//!
//! A script is one behaviour a line; times are milliseconds:
//! - `serve leader|follower|standalone AFTER`: listens, answers `srvr` with "not currently serving" until then, with the mode after.
//! - `serve-then-not MODE MS`: serves at once, and says from then on that it does not.
//! - `garbage`: answers everything with bytes that are no protocol.
//! - `hang`: accepts and never answers. `refuse`: never listens.
//! - `ignore-term`: SIGTERM does nothing. `term-after MS`: ends with 143 that long after SIGTERM.
//! - `exit CODE AFTER`: ends by itself.
//! - `fork`: leaves a grandchild in its group that holds its pipes. `fork-away`: one that left the group.
//! - `flood LINES`: writes that many numbered lines to stdout before anything else.
//! - `say TEXT`, `say-stderr TEXT`: one line.

use std::fs;
use std::io::{BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// What a JVM exits with once SIGTERM ended it.
const TERMINATED: i32 = 143;
/// The argument that makes this program a grandchild which does nothing but live.
const GRANDCHILD: &str = "--fake-jvm-grandchild";
/// A fake that was forgotten by a dying test ends by itself.
const LIFE: Duration = Duration::from_secs(180);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == GRANDCHILD) {
        std::thread::sleep(LIFE);
        return ExitCode::SUCCESS;
    }
    if args.iter().any(|arg| arg == "-version") {
        return version(&args);
    }
    match Fake::from_args(&args) {
        Some(fake) => fake.live(),
        None => {
            eprintln!("Error: Could not find or load main class");
            ExitCode::FAILURE
        }
    }
}

/// `java [-XX:+PrintFlagsFinal] -version`: what the plan's proof and the search for a Java read.
fn version(args: &[String]) -> ExitCode {
    if let Some(bad) = args.iter().find(|arg| arg.contains("FakeRefuses")) {
        println!("Unrecognized VM option '{bad}'\nError: Could not create the Java Virtual Machine.");
        return ExitCode::FAILURE;
    }
    if args.iter().any(|arg| arg == "-XX:+PrintFlagsFinal") {
        let heap = args.iter().rev().find_map(|arg| arg.strip_prefix("-Xmx")).and_then(bytes).unwrap_or(256 << 20);
        println!("[Global flags]");
        println!(
            "   size_t MaxHeapSize                              = {heap}                               {{product}} {{command line}}"
        );
        println!(
            "     bool UseG1GC                                  = true                                    {{product}} {{command line}}"
        );
    }
    eprintln!("openjdk version \"11.0.99\" 2026-01-20\nOpenJDK Runtime Environment (build 11.0.99+1)");
    eprintln!("OpenJDK 64-Bit Server VM (build 11.0.99+1, mixed mode, sharing)");
    ExitCode::SUCCESS
}

fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = match text.to_ascii_lowercase().chars().last()? {
        'k' => (text.get(..text.len() - 1)?, 10),
        'm' => (text.get(..text.len() - 1)?, 20),
        'g' => (text.get(..text.len() - 1)?, 30),
        _ => (text, 0),
    };
    Some(number.parse::<u64>().ok()? << unit)
}

struct Fake {
    role: &'static str,
    /// Where the properties, the script and the marks are.
    place: PathBuf,
    properties: String,
    script: Script,
}

#[derive(Clone)]
enum Answer {
    /// "Not serving" until `after`, then `mode` until `until`.
    Serve {
        mode: String,
        after: Duration,
        until: Option<Duration>,
    },
    Garbage,
    Nothing,
}

struct Script {
    answer: Option<Answer>,
    term: Term,
    exit: Option<(i32, Duration)>,
    fork: bool,
    fork_away: bool,
    flood: u64,
    say: Vec<String>,
    say_stderr: Vec<String>,
}

#[derive(Clone, Copy)]
enum Term {
    Ignored,
    After(Duration),
}

impl Fake {
    fn from_args(args: &[String]) -> Option<Fake> {
        let (at, role) = args.iter().enumerate().find_map(|(at, arg)| match arg.as_str() {
            "org.apache.zookeeper.server.quorum.QuorumPeerMain" => Some((at, "zookeeper")),
            "kafka.Kafka" => Some((at, "kafka")),
            _ => None,
        })?;
        let path = PathBuf::from(args.get(at + 1)?);
        let properties = fs::read_to_string(&path).unwrap_or_default();
        let place = path.parent()?.to_owned();
        // By the name it was called: the test's `bin/java` is a link.
        let home = Path::new(args.first()?).parent().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
        let name = format!("script-{role}");
        let text = fs::read_to_string(place.join(&name)).or_else(|_| fs::read_to_string(home.join(&name)));
        Some(Fake { role, place, properties, script: Script::parse(&text.unwrap_or_default()) })
    }

    fn live(self) -> ExitCode {
        let begun = Instant::now();
        let Ok(mut signals) = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM]) else {
            return ExitCode::FAILURE;
        };
        self.mark("started", &std::process::id().to_string());
        for line in &self.script.say {
            println!("{line}");
        }
        for line in &self.script.say_stderr {
            eprintln!("{line}");
        }
        self.fork();
        if self.script.flood > 0 {
            self.flood();
        }
        if let (Some(answer), Some(address)) = (self.script.answer.clone(), self.address())
            && let Ok(listener) = TcpListener::bind(&address)
        {
            self.mark("listening", &address);
            std::thread::spawn(move || answer_all(&listener, &answer, begun));
        }
        let mut end = self.script.exit.map(|(code, after)| (code, begun + after));
        loop {
            if signals.pending().count() > 0 {
                self.mark("term", "");
                if let Term::After(after) = self.script.term {
                    end = Some((TERMINATED, Instant::now() + after));
                }
            }
            if let Some((code, at)) = end
                && Instant::now() >= at
            {
                std::process::exit(code);
            }
            if begun.elapsed() > LIFE {
                return ExitCode::FAILURE;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn fork(&self) {
        if !self.script.fork && !self.script.fork_away {
            return;
        }
        let Ok(program) = std::env::current_exe() else { return };
        let mut command = Command::new(program);
        command.arg(GRANDCHILD).stdin(Stdio::null());
        if self.script.fork_away {
            command.process_group(0);
        }
        if let Ok(child) = command.spawn() {
            self.mark("forked", &child.id().to_string());
        }
    }

    fn flood(&self) {
        let mut out = BufWriter::new(std::io::stdout().lock());
        for n in 0..self.script.flood {
            let line = writeln!(
                out,
                "[2020-08-06 10:11:12,345] INFO Loading producer state of partition topic-{n} (kafka.log.Log)"
            );
            if line.is_err() {
                return;
            }
        }
        let _ = out.flush();
        self.mark("flooded", "");
    }

    /// Where it listens: the client port of ZooKeeper, or the first listener of Kafka.
    fn address(&self) -> Option<String> {
        let value = |key: &str| {
            self.properties.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                (name.trim() == key).then(|| value.trim().to_owned())
            })
        };
        if self.role == "kafka" {
            let listener = value("listeners")?;
            return Some(listener.split(',').next()?.split_once("://")?.1.to_owned());
        }
        Some(format!(
            "{}:{}",
            value("clientPortAddress").unwrap_or_else(|| "127.0.0.1".to_owned()),
            value("clientPort")?
        ))
    }

    /// Whole or not at all: a test that sees the file may read it.
    fn mark(&self, what: &str, text: &str) {
        let path = self.place.join(format!("mark-{}-{what}", self.role));
        let half = path.with_extension("half");
        let _ = fs::write(&half, text).and_then(|()| fs::rename(&half, &path));
    }
}

impl Script {
    fn parse(text: &str) -> Script {
        let serve = |mode: &str, after, until| Some(Answer::Serve { mode: mode.to_owned(), after, until });
        let mut script = Script {
            answer: serve("standalone", Duration::ZERO, None),
            term: Term::After(Duration::ZERO),
            exit: None,
            fork: false,
            fork_away: false,
            flood: 0,
            say: Vec::new(),
            say_stderr: Vec::new(),
        };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
            let word = |n: usize| rest.split_whitespace().nth(n).unwrap_or_default();
            let millis = |n: usize| Duration::from_millis(word(n).parse().unwrap_or_default());
            match verb {
                "serve" => script.answer = serve(word(0), millis(1), None),
                "serve-then-not" => script.answer = serve(word(0), Duration::ZERO, Some(millis(1))),
                "garbage" => script.answer = Some(Answer::Garbage),
                "hang" => script.answer = Some(Answer::Nothing),
                "refuse" => script.answer = None,
                "ignore-term" => script.term = Term::Ignored,
                "term-after" => script.term = Term::After(millis(0)),
                "exit" => script.exit = Some((word(0).parse().unwrap_or(1), millis(1))),
                "fork" => script.fork = true,
                "fork-away" => script.fork_away = true,
                "flood" => script.flood = word(0).parse().unwrap_or_default(),
                "say" => script.say.push(rest.to_owned()),
                "say-stderr" => script.say_stderr.push(rest.to_owned()),
                // A misspelled script must not pass for a healthy JVM.
                _ => {
                    eprintln!("fake JVM: no behaviour is called {verb:?}");
                    std::process::exit(99);
                }
            }
        }
        script
    }
}

fn answer_all(listener: &TcpListener, answer: &Answer, begun: Instant) {
    // Connections that are to hang must stay open.
    let mut kept = Vec::new();
    for stream in listener.incoming().flatten() {
        match answer {
            Answer::Nothing => kept.push(stream),
            Answer::Garbage => reply(stream, "\u{1}\u{2}SSH-2.0-OpenSSH_9.2\r\n\0\0\0"),
            Answer::Serve { mode, after, until } => {
                let age = begun.elapsed();
                let serves = age >= *after && until.is_none_or(|until| age < until);
                let text = if serves {
                    format!(
                        "Zookeeper version: 3.5.8-f439ca583e70862c3068a1f2a7d4d068eec33315, built on 05/04/2020 15:53 GMT\n\
                         Latency min/avg/max: 0/0/0\nReceived: 1\nSent: 0\nConnections: 1\nOutstanding: 0\n\
                         Zxid: 0x100000000\nMode: {mode}\nNode count: 5\n"
                    )
                } else {
                    "This ZooKeeper instance is not currently serving requests\n".to_owned()
                };
                reply(stream, &text);
            }
        }
    }
}

fn reply(mut stream: TcpStream, text: &str) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let mut word = [0; 4];
    if stream.read_exact(&mut word).is_ok() {
        let _ = stream.write_all(text.as_bytes());
    }
}
