//! Whom the kernel says that it killed for memory: in its own log from a moment on, or in the file that syslog makes of it.
//!
//! `/dev/kmsg` is readable to everybody where `kernel.dmesg_restrict` is 0, as it is on CentOS 7; elsewhere it takes CAP_SYSLOG,
//! or a group for the files of syslog. Where nothing may be read there is no word, and the counters stand alone. The pids are
//! those of the host: in a container they are not ours. Absent on purpose: the counters (`memory_kills`).
//!
//! Effects: reads `/dev/kmsg` without waiting, and files below `/var/log`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // effects, for the reason above

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::host::HostRoot;

/// The kernel's log, from the moment on at which it was opened.
#[derive(Debug)]
pub(super) struct KernelLog {
    source: Source,
}

/// What the log said of kills for memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// It names the pid that was asked for.
    pub named: bool,
    /// It names another.
    pub others: bool,
}

#[derive(Debug)]
enum Source {
    /// The kernel's own: one record a read, each with its place; what is overwritten meanwhile is passed over.
    Ring(File),
    /// What syslog writes, from this length of this inode on.
    Text { path: PathBuf, inode: u64, length: u64 },
    /// None of them may be read.
    Closed,
}

/// Debian's name for the kernel's lines, and everybody else's for all lines.
const FILES: [&str; 2] = ["/var/log/kern.log", "/var/log/messages"];
/// No record is longer; a shorter buffer is refused.
const RECORD: usize = 8192;
/// Records read at most: a ring of the usual 256 KB holds some 3,000. A limit of time would lose the victim's where memory was short
/// and we ourselves hardly got a CPU.
const MOST_RECORDS: u32 = 20_000;
/// The end of a file of syslog that is read: a kill takes 10 KB with its table of processes.
const TAIL: u64 = 256 * 1024;

impl KernelLog {
    /// The log that may be read, at its end.
    pub(super) fn open(root: &HostRoot) -> KernelLog {
        let source = ring(root).or_else(|| FILES.into_iter().find_map(|path| text(root.at(path))));
        KernelLog { source: source.unwrap_or(Source::Closed) }
    }

    /// What it said of `pid` and of others since it was opened, or since the last call; `None` where nothing may be read.
    pub(super) fn of(&mut self, pid: i32) -> Option<Told> {
        match &mut self.source {
            Source::Ring(file) => Some(read_ring(file, pid)),
            Source::Text { path, inode, length } => read_text(path, inode, length, pid),
            Source::Closed => None,
        }
    }
}

fn ring(root: &HostRoot) -> Option<Source> {
    let mut file = open(&root.at("/dev/kmsg"))?;
    if !file.metadata().ok()?.file_type().is_char_device() {
        return None;
    }
    file.seek(SeekFrom::End(0)).ok()?;
    Some(Source::Ring(file))
}

fn text(path: PathBuf) -> Option<Source> {
    let metadata = open(&path)?.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(Source::Text { path, inode: metadata.ino(), length: metadata.len() })
}

fn open(path: &Path) -> Option<File> {
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).ok()
}

fn read_ring(file: &mut impl Read, pid: i32) -> Told {
    let mut told = Told::default();
    let mut record = vec![0; RECORD];
    for _ in 0..MOST_RECORDS {
        match file.read(&mut record) {
            Ok(0) => break,
            Ok(length) => told.take(record.get(..length).unwrap_or_default(), from_kernel_record, pid),
            // Overwritten before it was read: the next read goes on with the oldest there is.
            Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // The end of it, as a rule.
            Err(_) => break,
        }
    }
    told
}

fn read_text(path: &Path, inode: &mut u64, length: &mut u64, pid: i32) -> Option<Told> {
    let mut file = open(path)?;
    let metadata = file.metadata().ok()?;
    // Another file, or a shorter one, was begun meanwhile: all of it is new.
    let same = metadata.ino() == *inode && metadata.len() >= *length;
    let begin = if same { *length } else { 0 };
    let begin = begin.max(metadata.len().saturating_sub(TAIL));
    file.seek(SeekFrom::Start(begin)).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    (*inode, *length) = (metadata.ino(), metadata.len());
    let mut told = Told::default();
    told.take(&bytes, from_syslog, pid);
    Some(told)
}

impl Told {
    fn take(&mut self, bytes: &[u8], message: fn(&str) -> Option<&str>, pid: i32) {
        for victim in String::from_utf8_lossy(bytes).lines().filter_map(message).filter_map(victim) {
            self.named |= victim == pid;
            self.others |= victim != pid;
        }
    }
}

/// The text of a record `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT` that the kernel itself wrote: what others write there gets a facility,
/// which makes the priority 8 and more.
fn from_kernel_record(line: &str) -> Option<&str> {
    let (head, text) = line.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    (priority < 8).then_some(text)
}

/// The text of a line of syslog that names the kernel as its sender.
fn from_syslog(line: &str) -> Option<&str> {
    line.split_once(" kernel: ").map(|(_, text)| text)
}

/// The pid in a line that tells of a kill for memory. 3.10: `Killed process 812 (java) total-vm:...` (RHEL: `(java), UID 985, `);
/// since 5.0 with `Out of memory: ` or `Memory cgroup out of memory: ` before it, and a line `oom-kill:...,task=java,pid=812,uid=985`.
/// `Kill process 812 (java) score 900 or sacrifice child` is an intention only: a child may be the victim.
fn victim(text: &str) -> Option<i32> {
    let after = match text.split_once("Killed process ") {
        Some((_, after)) => after,
        None => text.split_once("oom-kill:")?.1.rsplit_once(",pid=")?.1,
    };
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::fs;
    use std::io;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kernels_words_name_the_victim() {
        for (text, expected) in [
            (
                "Killed process 812 (java) total-vm:7981532kB, anon-rss:5874028kB, file-rss:0kB, shmem-rss:0kB",
                Some(812),
            ),
            ("Killed process 812 (java), UID 985, total-vm:7981532kB, anon-rss:5874028kB", Some(812)),
            (
                "Out of memory: Killed process 812 (java) total-vm:1kB, UID:985 pgtables:1kB oom_score_adj:-500",
                Some(812),
            ),
            ("Memory cgroup out of memory: Killed process 7 (kafka-scheduler) total-vm:1kB", Some(7)),
            (
                "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/x,pid=1,task_memcg=/x,task=java,pid=812,uid=985",
                Some(812),
            ),
            ("Out of memory: Kill process 812 (java) score 900 or sacrifice child", None),
            ("Tasks in /x are going to be killed due to memory.oom.group set", None),
            ("Killed process  (java)", None),
            ("Killed process 99999999999999 (java)", None),
            ("oom-kill:constraint", None),
            ("", None),
        ] {
            assert_eq!(victim(text), expected, "{text}");
        }
    }

    #[test]
    fn only_the_kernels_own_lines_count() {
        assert_eq!(from_kernel_record("3,1234,5678901,-;Killed process 5 (a)"), Some("Killed process 5 (a)"));
        assert_eq!(from_kernel_record("12,1234,5678901,-;Killed process 5 (a)"), None, "written by a user");
        assert_eq!(from_kernel_record(" SUBSYSTEM=memory"), None);
        let line = "Nov 22 16:00:00 kafkanode1 kernel: [ 12.5] Killed process 5 (a)";
        assert_eq!(from_syslog(line).and_then(victim), Some(5));
        assert_eq!(from_syslog("Nov 22 16:00:00 kafkanode1 someone: Killed process 5 (a)"), None);
    }

    /// Answers like `/dev/kmsg`: a record a read, and errors between.
    struct Records(VecDeque<io::Result<&'static str>>);

    impl Read for Records {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let text = self.0.pop_front().unwrap_or(Err(io::Error::from(ErrorKind::WouldBlock)))?;
            buffer[..text.len()].copy_from_slice(text.as_bytes());
            Ok(text.len())
        }
    }

    #[test]
    fn an_overwritten_record_is_passed_over_and_the_end_is_an_end() {
        let overwritten = || Err(io::Error::from_raw_os_error(Errno::EPIPE as i32));
        let mut ring = Records(VecDeque::from([
            Ok("6,1,1,-;Killed process 5 (a)\n SUBSYSTEM=x\n"),
            overwritten(),
            Ok("6,9,1,-;Killed process 6 (b)\n"),
            Err(io::Error::from(ErrorKind::WouldBlock)),
            Ok("6,9,1,-;Killed process 7 (c)\n"),
        ]));
        assert_eq!(read_ring(&mut ring, 6), Told { named: true, others: true });
        assert_eq!(read_ring(&mut ring, 7), Told { named: true, others: false }, "told since");
        assert_eq!(read_ring(&mut ring, 7), Told::default());
    }

    #[test]
    fn a_file_of_syslog_is_read_from_where_it_was_and_anew_once_it_is_rotated() {
        let directory = tempfile::tempdir().unwrap();
        let root = HostRoot { root: directory.path().to_path_buf(), environment: vec![] };
        assert_eq!(KernelLog::open(&root).of(1), None, "nothing may be read");
        let told = |named, others| Some(Told { named, others });
        let path = root.at("/var/log/kern.log");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let line = |pid: i32| format!("Nov 22 16:00:00 n kernel: Killed process {pid} (java)\n");
        fs::write(&path, line(1)).unwrap();
        let mut log = KernelLog::open(&root);
        assert_eq!(log.of(1), told(false, false), "of before");
        fs::write(&path, line(1) + &line(2)).unwrap();
        assert_eq!(log.of(2), told(true, false));
        assert_eq!(log.of(2), told(false, false), "told once");
        let next = path.with_extension("next");
        fs::write(&next, line(3) + &"x".repeat(100) + "\n" + &line(4)).unwrap();
        fs::rename(&next, &path).unwrap();
        assert_eq!(log.of(4), told(true, true));
        fs::remove_file(&path).unwrap();
        assert_eq!(log.of(4), None);
    }

    #[test]
    fn of_a_huge_file_the_end_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let root = HostRoot { root: directory.path().to_path_buf(), environment: vec![] };
        let path = root.at("/var/log/messages");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        let mut log = KernelLog::open(&root);
        let filler = "Nov 22 16:00:00 n kernel: nothing of interest\n".repeat(20_000);
        fs::write(&path, format!("n kernel: Killed process 1 (a)\n{filler}n kernel: Killed process 2 (b)\n")).unwrap();
        assert_eq!(log.of(2), Some(Told { named: true, others: false }));
    }

    proptest! {
        #[test]
        fn no_text_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), tail in "[0-9a-z,=:() ]{0,60}") {
            let mut told = Told::default();
            told.take(&bytes, from_kernel_record, 1);
            for text in [format!("3,1,1,-;Killed process {tail}"), format!("3,1,1,-;oom-kill:{tail},pid={tail}")] {
                told.take(text.as_bytes(), from_kernel_record, 1);
                told.take(text.as_bytes(), from_syslog, 1);
            }
        }
    }
}
