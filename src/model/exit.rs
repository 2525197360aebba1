//! How a process ended, as the kernel told it.
//!
//! Absent on purpose: what that means (`cause`), and how it is learnt (`process`).

use std::fmt;

/// What `waitpid` said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code. A JVM ended by SIGTERM exits with 143.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
    /// It was no child of ours (an adopted run), and its end was seen in `/proc` alone: nobody was told how it ended.
    Unseen,
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitStatus::Code(code) => write!(f, "exit code {code}"),
            ExitStatus::Signal(signal) => match signal_name(*signal) {
                Some(name) => f.write_str(name),
                None => write!(f, "signal {signal}"),
            },
            ExitStatus::Unseen => f.write_str("an end that nobody was told of"),
        }
    }
}

fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return None,
    })
}
