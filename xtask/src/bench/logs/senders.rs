//! Who sends to journald: plain lines into its stream, as a service without any of this does; a bare native sender of one
//! field, and of the same fields as kafka-node's; and kafka-node's own way. All the same messages, none folded.
//! Absent on purpose: more than one sender at a time.

use std::io::{ErrorKind, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::feed;
use super::journald::{Arrived, Journald};
use super::listener::{Listener, Report};
use super::records::{Block, Form};
use crate::failure::{During, Outcome};
use crate::interrupt;

/// Records made once and numbered anew.
const BLOCK: usize = 10_000;
/// What a stream says of itself first: identifier, unit, priority, no prefixes, nothing passed on.
const HELLO: &[u8] = b"bench\n\n6\n0\n0\n0\n0\n";
/// journald has read everything when it has used no CPU for this long.
const IDLE: Duration = Duration::from_millis(100);
/// The longest that is waited for that.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// kafka-node, from a JVM's pipe on.
    Ours,
    /// A program's stdout, connected to the journal.
    Stdout,
    /// One native field.
    Bare,
    /// The native fields that ours has.
    SameFields,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// What is in the journal.
    pub arrived: Arrived,
    /// From the first record to the moment where journald had read the last.
    pub took: Duration,
    /// journald's CPU for it.
    pub journald: Duration,
    /// What our own way tells of itself.
    pub report: Option<Report>,
}

impl Sender {
    /// All of them.
    pub const ALL: [Sender; 4] = [Sender::Ours, Sender::Stdout, Sender::Bare, Sender::SameFields];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Sender::Ours => "kafka-node, pipe to journal",
            Sender::Stdout => "plain stdout stream",
            Sender::Bare => "bare native, 1 field",
            Sender::SameFields => "bare native, ours' fields",
        }
    }

    /// Sends so many records into a journald of their own.
    pub fn send(self, program: &Path, count: u64) -> Outcome<Taken> {
        let journald = Journald::start()?;
        settled(&journald)?;
        let before = journald.cpu();
        let begun = Instant::now();
        let report = match self {
            Sender::Ours => Some(ours(&journald, program, count)?),
            Sender::Stdout => stdout(&journald, count).map(|()| None)?,
            Sender::Bare => native(&journald, Form::Native, count).map(|()| None)?,
            Sender::SameFields => native(&journald, Form::Fields, count).map(|()| None)?,
        };
        let idle = settled(&journald)?;
        // The time of an exec, and of the look for idleness, is not the journal's.
        let took = report.map_or_else(|| begun.elapsed().saturating_sub(idle), |report| report.wall);
        let journald_cpu = journald.cpu().saturating_sub(before);
        Ok(Taken { arrived: journald.arrived(count)?, took, journald: journald_cpu, report })
    }
}

impl Taken {
    /// Records a second that arrived.
    pub fn rate(&self) -> f64 {
        self.arrived.once as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// journald's CPU for each of them, in microseconds.
    pub fn journald_each(&self) -> f64 {
        self.journald.as_secs_f64() * 1e6 / (self.arrived.once.max(1) as f64)
    }
}

fn ours(journald: &Journald, program: &Path, count: u64) -> Outcome<Report> {
    let mut command = journald.beside(program);
    command.args(["--journal", "--paced"]);
    let mut block = Block::new(Form::Framed, BLOCK, false);
    let (listener, pipe) = Listener::start(command, Stdio::inherit())?;
    feed::as_fast(pipe, &mut block, count)?;
    listener.finish()
}

fn stdout(journald: &Journald, count: u64) -> Outcome<()> {
    let mut block = Block::new(Form::Stock, BLOCK, false);
    let mut stream = UnixStream::connect(journald.stream()).during(|| "connect to journald's stream".into())?;
    stream.write_all(HELLO).during(|| "greet journald".into())?;
    each(&mut block, count, |record| stream.write_all(record).during(|| "write a line to journald".into()))
}

fn native(journald: &Journald, form: Form, count: u64) -> Outcome<()> {
    let mut block = Block::new(form, BLOCK, false);
    let socket = UnixDatagram::unbound().during(|| "make a socket".into())?;
    socket.connect(journald.socket()).during(|| "connect to journald".into())?;
    each(&mut block, count, |record| {
        loop {
            match socket.send(record) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).during(|| "send a record to journald".into()),
            }
        }
    })
}

/// One write each, as a service's line-buffered stdout and any native sender have it.
fn each(block: &mut Block, count: u64, mut send: impl FnMut(&[u8]) -> Outcome<()>) -> Outcome<()> {
    for number in 0..count {
        let index = usize::try_from(number % block.len() as u64).unwrap_or(0);
        if index == 0 {
            interrupt::check()?;
            block.number(number);
        }
        send(block.record(index))?;
    }
    Ok(())
}

/// Waits until journald uses no CPU any more; the answer is how long it had been idle by then.
fn settled(journald: &Journald) -> Outcome<Duration> {
    let begun = Instant::now();
    let (mut spent, mut since) = (journald.cpu(), Instant::now());
    while since.elapsed() < IDLE && begun.elapsed() < PATIENCE {
        interrupt::check()?;
        std::thread::sleep(IDLE / 20);
        let now = journald.cpu();
        if now != spent {
            (spent, since) = (now, Instant::now());
        }
    }
    Ok(since.elapsed())
}
