//! Entries that may not fit journald's usual datagram, brought to it whole, on a kernel without memfd too.
//!
//! One datagram wherever it fits: a socket of ours with a larger send buffer takes twice what libsystemd's takes. Beyond that a
//! memfd (libsystemd's), else an unlinked file in /dev/shm, which journald takes from any user (219 to today), else several
//! entries that say which part each is. Absent on purpose: the encoding and sending of what is small (libsystemd).
//!
//! Effects: a socket, and a file in /dev/shm that is unlinked before it is written. Sends block while journald's queue is full.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, IoSlice, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg, setsockopt, sockopt};

use crate::logs::Priority;

use super::journal::{Field, small};
use super::log::cut;

/// Bytes of an entry that always fit libsystemd's datagram: its socket has the kernel's default send buffer of 212,992, of which
/// a datagram may have all but 32 (`unix_dgram_sendmsg`), and nobody sets a default below this.
pub(super) const SMALL: usize = 48 * 1024;
/// What is asked for as send buffer: the stock `net.core.wmem_max`, which the kernel doubles, so a datagram may have 425,952
/// bytes. More is not asked for: the kernel needs one piece of memory for most of it.
const SEND_BUFFER: usize = 212_992;
/// Bytes of text in each part of an entry that had to be divided.
const PART: usize = 48 * 1024;
/// journald's native socket; libsystemd has the same.
const SOCKET: &str = "/run/systemd/journal/socket";
/// A directory that is memory and that journald takes files of any user from.
const SHARED_MEMORY: &str = "/dev/shm";
/// Room for a field beside its name and value: the length before it, two line feeds.
const FRAME: usize = 10;

/// The ways of what is too large.
#[derive(Debug, Default)]
pub(super) struct Oversized {
    /// Files made so far, for a name that is not taken.
    files: AtomicU64,
}

/// Why one way did not do.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// It is too large for this way, or the way does not exist here: the next one is tried.
    Way(String),
    /// Nobody takes anything, by whatever way.
    Journal(String),
}

impl Oversized {
    /// Brings an entry to journald by the first way that takes it.
    ///
    /// # Errors
    /// No journald listens, or not one way took it. Some parts of it may have been taken then.
    pub fn send(&self, priority: Priority, text: &str, fields: &[Field<'_>]) -> Result<(), String> {
        let encoded = encode(priority, text, fields);
        match datagram(&encoded) {
            Ok(()) => return Ok(()),
            Err(Refused::Journal(words)) => return Err(words),
            Err(Refused::Way(_)) => {}
        }
        // ENOSYS where there is no memfd, and one release of EL7 has it and lets nobody seal it.
        if small(priority, text, fields).is_ok() {
            return Ok(());
        }
        match self.file(&encoded) {
            Ok(()) => Ok(()),
            Err(Refused::Journal(words)) => Err(words),
            Err(Refused::Way(_)) => parts(priority, text, fields),
        }
    }

    /// By a file without a name, as journald takes one in place of a sealed memfd.
    fn file(&self, encoded: &[u8]) -> Result<(), Refused> {
        let file = self.unnamed(encoded).map_err(|error| Refused::Way(error.to_string()))?;
        let socket = UnixDatagram::unbound().map_err(|error| Refused::Way(error.to_string()))?;
        let journal = UnixAddr::new(SOCKET).map_err(of_errno)?;
        let fds = [file.as_raw_fd()];
        // No byte of text beside it: that is how journald knows that the file is the entry.
        let none: [IoSlice<'_>; 0] = [];
        sendmsg(socket.as_raw_fd(), &none, &[ControlMessage::ScmRights(&fds)], MsgFlags::empty(), Some(&journal))
            .map_err(of_errno)?;
        Ok(())
    }

    /// Unlinked at once: it lives as long as journald reads it. O_TMPFILE would be simpler and is not in Linux 3.10.
    fn unnamed(&self, encoded: &[u8]) -> std::io::Result<File> {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let path = format!("{SHARED_MEMORY}/kafka-node.{}.{number}", std::process::id());
        let open = || OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let mut file = open().or_else(|error| {
            if error.kind() != ErrorKind::AlreadyExists {
                return Err(error);
            }
            // Left by a process that had this pid and was killed between two calls. Anybody else's stays: /dev/shm is sticky.
            std::fs::remove_file(&path)?;
            open()
        })?;
        std::fs::remove_file(&path)?;
        file.write_all(encoded)?;
        Ok(file)
    }
}

/// Bytes of an entry on the wire, at most.
pub(super) fn size(text: &str, fields: &[Field<'_>]) -> usize {
    let fields: usize = fields.iter().map(|(name, value)| name.len() + value.len() + FRAME).sum();
    "PRIORITY=6\nMESSAGE".len() + text.len() + FRAME + fields
}

/// By one datagram, from a socket with a larger buffer, made for this one entry: they are rare.
fn datagram(encoded: &[u8]) -> Result<(), Refused> {
    let socket = UnixDatagram::unbound().map_err(|error| Refused::Way(error.to_string()))?;
    // Where that is refused the datagram says so itself.
    let _ = setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER);
    match socket.send_to(encoded, SOCKET) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(error.raw_os_error().map_or_else(|| Refused::Way(error.to_string()), |n| of_errno(Errno::from_raw(n))))
        }
    }
}

/// Several entries with the same fields; texts put together again give the whole one, byte by byte.
fn parts(priority: Priority, text: &str, fields: &[Field<'_>]) -> Result<(), String> {
    let parts = divided(text);
    for (index, part) in parts.iter().enumerate() {
        let mut fields = fields.to_vec();
        fields.push(("KAFKA_NODE_PART", format!("{}/{}", index + 1, parts.len()).into()));
        small(priority, part, &fields)?;
    }
    Ok(())
}

/// `text` in parts of at most [`PART`] bytes, cut after a line where there is one.
fn divided(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while rest.len() > PART {
        let (head, _) = cut(rest, PART);
        let at = head.rfind('\n').map_or(head.len(), |at| at + 1);
        let (part, left) = rest.split_at_checked(at).unwrap_or((rest, ""));
        parts.push(part);
        rest = left;
    }
    parts.push(rest);
    parts
}

/// journald's native protocol: `NAME=value`, or where the value has line feeds the name, its length and the value.
fn encode(priority: Priority, text: &str, fields: &[Field<'_>]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(size(text, fields));
    let number = priority.number().to_string();
    let head = [("PRIORITY", number.as_str()), ("MESSAGE", text)];
    for (name, value) in head.into_iter().chain(fields.iter().map(|(name, value)| (*name, value.as_ref()))) {
        encoded.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            encoded.push(b'\n');
            encoded.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            encoded.push(b'=');
        }
        encoded.extend_from_slice(value.as_bytes());
        encoded.push(b'\n');
    }
    encoded
}

/// Too large, or the kernel has not so much memory in one piece: another way may do. No socket, or nobody behind it: none does.
fn of_errno(errno: Errno) -> Refused {
    let words = format!("{SOCKET}: {errno}");
    match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ECONNREFUSED | Errno::EACCES | Errno::EPERM => Refused::Journal(words),
        _ => Refused::Way(words),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn a_value_of_several_lines_goes_with_its_length() {
        let fields: [Field<'_>; 2] = [("THREAD", Cow::Borrowed("main")), ("X", Cow::Borrowed("1\n2"))];
        let encoded = encode(Priority::Error, "a\nb", &fields);
        assert_eq!(
            encoded.escape_ascii().to_string(),
            "PRIORITY=3\\nMESSAGE\\n\\x03\\x00\\x00\\x00\\x00\\x00\\x00\\x00a\\nb\\nTHREAD=main\\n\
             X\\n\\x03\\x00\\x00\\x00\\x00\\x00\\x00\\x001\\n2\\n"
        );
        assert!(encoded.len() <= size("a\nb", &fields));
        assert!(encode(Priority::Error, "", &[]).len() <= size("", &[]));
    }

    #[test]
    fn parts_are_cut_after_a_line_and_give_the_whole_again() {
        let line = "ä".repeat(700) + "\n";
        for text in [line.repeat(200), "ä".repeat(PART), format!("x{}", "ä".repeat(PART)), "x".repeat(PART + 1)] {
            let parts = divided(&text);
            assert!(parts.iter().all(|part| part.len() <= PART && !part.is_empty()), "{}", parts.len());
            assert_eq!(parts.concat(), text);
            if text.contains('\n') {
                assert!(parts.iter().all(|part| part.ends_with('\n')));
            }
        }
        assert_eq!(divided("short"), ["short"]);
    }

    #[test]
    fn only_an_absent_journal_ends_the_search_for_a_way() {
        assert!(matches!(of_errno(Errno::ECONNREFUSED), Refused::Journal(_)));
        assert!(matches!(of_errno(Errno::ENOENT), Refused::Journal(_)));
        for errno in [Errno::EMSGSIZE, Errno::ENOBUFS, Errno::ENOMEM, Errno::ETOOMANYREFS] {
            assert!(matches!(of_errno(errno), Refused::Way(_)), "{errno}");
        }
    }

    /// Where EMSGSIZE begins: what the constants above rest on.
    #[test]
    fn a_datagram_has_room_for_twice_the_stock_buffer() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("socket");
        let _receiver = UnixDatagram::bind(&path).expect("a socket");
        let sender = UnixDatagram::unbound().expect("a socket");
        let fits = |bytes: usize| sender.send_to(&vec![0; bytes], &path).is_ok();
        assert!(fits(SMALL + PART), "a default send buffer is too small for what is called small");
        setsockopt(&sender, sockopt::SndBuf, &SEND_BUFFER).expect("a send buffer");
        assert!(fits(2 * SEND_BUFFER - 32) && !fits(2 * SEND_BUFFER - 31));
    }
}
