//! The two files of the history: appended to by one pen, read by anybody at any time.
//!
//! Synced, so that an entry outlives a power cut; where that tore a line, the line alone is lost. At [`ROTATE_AT`] bytes the
//! file becomes the older one, whose entries go. Absent on purpose: waiting for a disk that refuses (`history`).
//!
//! Effects: reads and writes the files, and gives the older one its name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::history_entry::Entry;

/// The file that is written, in `state_dir`.
const CURRENT: &str = "history";
/// What it is called when it is full.
const OLDER: &str = "history.1";
/// Largest size of one file, in bytes: some 1,000 entries.
pub const ROTATE_AT: u64 = 256 * 1024;
/// Of a file that is larger, which nobody of ours wrote, only so much at its end is read.
const READ_LIMIT: u64 = 4 * ROTATE_AT;
/// First line of each file, before the format's version. A field added to an entry does not change the version.
const HEAD: &str = "kafka-node history ";
const VERSION: u32 = 1;
/// No secret stands in it: the group may look.
const MODE: u32 = 0o640;
/// Looks at both files before they are taken as they are: each rotation between two opens costs one.
const LOOKS: u32 = 3;

/// What the files say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// Lines that are none of ours, or torn.
    pub not_understood: u32,
    /// The highest version in a head, where it is later than ours: entries may have said more.
    pub later: Option<u32>,
}

impl Told {
    /// What a reader should know about how much of it was understood; `None` when all was.
    pub fn doubts(&self) -> Option<String> {
        let count = self.not_understood;
        let lines = match count {
            0 => None,
            1 => Some("1 line was not understood (torn by a power cut or a full disk, or a stranger's)".to_owned()),
            _ => {
                Some(format!("{count} lines were not understood (torn by a power cut or a full disk, or a stranger's)"))
            }
        };
        let later =
            self.later.map(|later| format!("some of it is of version {later}, this kafka-node knows {VERSION}"));
        let words: Vec<String> = lines.into_iter().chain(later).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// A line feed ends a line: what stands after the last one may still be on its way.
    fn take_in(&mut self, bytes: &[u8]) {
        let whole = bytes.split_inclusive(|byte| *byte == b'\n');
        for (index, line) in whole.enumerate() {
            let (line, ended) = line.strip_suffix(b"\n").map_or((line, false), |line| (line, true));
            if line.is_empty() {
                continue;
            }
            if let Some(entry) = Entry::from_line(line) {
                self.entries.push(entry);
            } else if let Some(version) = version(line).filter(|_| index == 0) {
                self.later = self.later.max((version > VERSION).then_some(version));
            } else {
                self.not_understood += u32::from(ended);
            }
        }
    }
}

fn version(head: &[u8]) -> Option<u32> {
    std::str::from_utf8(head).ok()?.strip_prefix(HEAD)?.trim_end().parse().ok()
}

/// Reads the history in `state_dir`, with or without somebody who writes it. No file is no entries.
///
/// # Errors
/// A file is there and cannot be read; the error names it and fits after "failed to".
pub fn read(state_dir: &Path) -> io::Result<Told> {
    let [older, current] = [OLDER, CURRENT].map(|name| state_dir.join(name));
    let mut told = Told::default();
    for look in 1..=LOOKS {
        // In this order: a file that becomes the older one meanwhile is opened twice, in the other it would not be at all.
        let (new, old) = (open(&current)?, open(&older)?);
        let moved = matches!((&new, &old), (Some(new), Some(old)) if same(new, old));
        if moved && look < LOOKS {
            continue;
        }
        for (path, file) in [(&older, old.filter(|_| !moved)), (&current, new)] {
            if let Some(file) = file {
                told.take_in(&tail(&file).map_err(|error| named(path, &error))?);
            }
        }
        break;
    }
    Ok(told)
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(named(path, &error)),
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("read {}: {error}", path.display()))
}

fn same(one: &File, other: &File) -> bool {
    let number = |file: &File| file.metadata().map(|it| (it.dev(), it.ino())).ok();
    number(one).is_some() && number(one) == number(other)
}

/// By the length that it had at the beginning: a device without an end has none.
fn tail(mut file: &File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(READ_LIMIT)))?;
    let mut bytes = Vec::new();
    file.take(length.min(READ_LIMIT)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What adds entries. There is one at a time, by the node's lock.
#[derive(Debug)]
pub(super) struct Pen {
    state_dir: PathBuf,
    page: Option<Page>,
}

/// The open file.
#[derive(Debug)]
struct Page {
    file: File,
    size: u64,
    /// Its last line has no end: a power cut or a full disk tore it.
    torn: bool,
}

impl Pen {
    pub fn new(state_dir: &Path) -> Pen {
        Pen { state_dir: state_dir.to_owned(), page: None }
    }

    /// The file that is written.
    pub fn path(&self) -> PathBuf {
        self.state_dir.join(CURRENT)
    }

    /// Adds lines and syncs them. The answer is how many are in the file, also where the system refused the next one.
    pub fn append(&mut self, lines: &[String]) -> (usize, io::Result<()>) {
        let mut count = 0;
        for line in lines {
            if let Err(error) = self.add(line) {
                // Opened anew by the next try: somebody may have put another disk in its place.
                self.page = None;
                return (count, Err(error));
            }
            count += 1;
        }
        let synced = self.page.as_ref().map_or(Ok(()), |page| sync(&page.file));
        (count, synced)
    }

    fn add(&mut self, line: &str) -> io::Result<()> {
        let page = self.page_for(line.len() as u64 + 1)?;
        let before = match (page.size, page.torn) {
            (0, _) => format!("{HEAD}{VERSION}\n"),
            (_, true) => "\n".to_owned(),
            (_, false) => String::new(),
        };
        // One write, which the kernel does whole but for a full disk: no reader sees half a line.
        page.file.write_all(format!("{before}{line}\n").as_bytes())?;
        page.size += (before.len() + line.len() + 1) as u64;
        page.torn = false;
        Ok(())
    }

    /// The file with room for `length` more bytes.
    fn page_for(&mut self, length: u64) -> io::Result<&mut Page> {
        // One that somebody removed would take entries that nobody can read.
        let page = match self.page.take() {
            Some(page) if page.file.metadata()?.nlink() > 0 => page,
            Some(_) | None => self.open()?,
        };
        let page = if page.size > 0 && page.size + length > ROTATE_AT {
            sync(&page.file)?;
            fs::rename(self.path(), self.state_dir.join(OLDER))?;
            self.open()?
        } else {
            page
        };
        Ok(self.page.insert(page))
    }

    fn open(&self) -> io::Result<Page> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(MODE).open(self.path())?;
        let size = file.metadata()?.len();
        let mut last = [b'\n'];
        if size > 0 {
            (&file).seek(SeekFrom::Start(size - 1))?;
            (&file).read_exact(&mut last)?;
        } else {
            // A new name is on disk when its directory is.
            File::open(&self.state_dir)?.sync_all()?;
        }
        Ok(Page { file, size, torn: last != [b'\n'] })
    }
}

/// Something that is no file (a test's full disk, a pipe) has nothing to be synced.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}
