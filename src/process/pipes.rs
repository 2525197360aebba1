//! The output of a run as two named pipes in `state_dir/pipes`: the JVM holds both ends of each, so they outlive us.
//!
//! Nothing that the JVM writes meets EPIPE, and what is in a pipe waits for whoever opens it next by its name. Once full it
//! waits with the JVM: that is the price (docs/adr/0013). Absent on purpose: reading (`drain`), and when a run is over.
//!
//! Effects: makes, opens and removes files in `state_dir/pipes`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::net::unix::pipe;

use crate::model::{Role, RunId, SpawnFailure};

use super::files::{self, Durability, write_whole};
use super::mark::RunMark;

/// The folder in `state_dir`.
const FOLDER: &str = "pipes";
/// Sizes asked for, the best first: 1 MiB is the most that an unprivileged user gets by default (fs.pipe-max-size).
/// A pipe that gets none of them has the 64 KiB it was made with.
const SIZES: [i32; 4] = [1 << 20, 1 << 19, 1 << 18, 1 << 17];
/// The most of an unfinished line that is handed on, in bytes.
pub const REST_CAP: usize = 64 * 1024;

/// One of the two outputs of a JVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Its stdout.
    Out,
    /// Its stderr.
    Err,
}

impl Stream {
    /// Both.
    pub const ALL: [Stream; 2] = [Stream::Out, Stream::Err];

    fn suffix(self) -> &'static str {
        match self {
            Stream::Out => "out",
            Stream::Err => "err",
        }
    }
}

impl RunMark {
    /// Where the named pipe of one output of this run is.
    pub fn pipe(&self, stream: Stream) -> PathBuf {
        self.state_dir.join(FOLDER).join(format!("{}-{}.{}", self.role, self.run, stream.suffix()))
    }
}

/// Both ends of a new pipe.
pub(super) struct Made {
    /// Ours.
    pub near: pipe::Receiver,
    /// The JVM's: open for reading and writing.
    pub far: OwnedFd,
    /// Bytes it holds.
    pub size: usize,
}

/// Makes the pipe of `stream` and opens both ends.
pub(super) fn make(mark: &RunMark, stream: Stream) -> Result<Made, SpawnFailure> {
    let path = mark.pipe(stream);
    if let Some(folder) = path.parent() {
        files::make_directory(folder)?;
    }
    let make = || -> io::Result<Made> {
        // A run has its number to itself: what is there under it is no pipe that anybody still writes to.
        remove(&path)?;
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
        let near = pipe::OpenOptions::new().open_receiver(&path)?;
        let far = OpenOptions::new().read(true).write(true).open(&path)?;
        let size = enlarge(&near);
        Ok(Made { near, far: far.into(), size })
    };
    make().map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM) => SpawnFailure::Resources(error.to_string()),
        _ => SpawnFailure::Files(format!("{}: {error}", path.display())),
    })
}

/// Opens the reading end of a pipe that an earlier supervisor of this run made. `None` where there is none: the JVM `pid` is
/// of a kafka-node that made no named pipes, or somebody removed them; then the pipe is reached through the JVM itself.
pub(super) fn open(mark: &RunMark, stream: Stream, pid: i32) -> Option<pipe::Receiver> {
    let descriptor = match stream {
        Stream::Out => 1,
        Stream::Err => 2,
    };
    let path = mark.pipe(stream);
    let of_the_jvm = PathBuf::from(format!("/proc/{pid}/fd/{descriptor}"));
    // Either must be a pipe: tokio refuses what is none.
    let path = if path.exists() { path } else { of_the_jvm };
    let near = pipe::OpenOptions::new().open_receiver(&path).ok()?;
    // An older kafka-node may have left it as small as it was made.
    enlarge(&near);
    // A reader who comes when the last writer has gone is told of no end unless a writer comes and goes: this one.
    let _ = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path);
    Some(near)
}

/// Bytes a pipe holds while nobody reads it; 0 where the kernel does not say.
pub(super) fn size(pipe: &impl AsFd) -> usize {
    fcntl(pipe, FcntlArg::F_GETPIPE_SZ).ok().and_then(|size| usize::try_from(size).ok()).unwrap_or_default()
}

/// Makes `pipe` as large as the kernel lets us, never smaller; what is in it stays. The answer is what it holds then: a refusal
/// (fs.pipe-max-size, fs.pipe-user-pages-soft) is no trouble but a figure, [`Running::pipe_size`](super::Running::pipe_size).
fn enlarge(pipe: &impl AsFd) -> usize {
    let present = size(pipe);
    // EPERM above the user's limit: the next smaller one may do, and a small pipe is better than no JVM.
    let greater = SIZES.iter().filter(|size| usize::try_from(**size).is_ok_and(|size| size > present));
    let _ = greater.copied().find(|size| fcntl(pipe, FcntlArg::F_SETPIPE_SZ(*size)).is_ok());
    size(pipe)
}

/// Removes the pipes of a run that is over, and what was kept beside them. Whoever still reads one reads on.
///
/// # Errors
/// The first that could not be removed; the others are tried all the same.
pub fn remove_pipes(mark: &RunMark) -> io::Result<()> {
    let paths = Stream::ALL.map(|stream| mark.pipe(stream));
    let removed = paths.iter().flat_map(|path| [remove(path), remove(&rest_of(path))]);
    removed.fold(Ok(()), Result::and)
}

/// Removes the pipes of every run but those to `keep`: for a start, where earlier runs left theirs. The answer is how many.
///
/// # Errors
/// The folder cannot be read, or a file in it not removed.
pub fn remove_stale_pipes(state_dir: &Path, keep: &[(Role, RunId)]) -> io::Result<usize> {
    let entries = match fs::read_dir(state_dir.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let run = entry.file_name().to_str().and_then(run_of);
        if run.is_some_and(|run| !keep.contains(&run)) {
            remove(&entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Keeps `rest`, bytes that were read from the pipe of `stream` and end no line yet, for the next reader. At most
/// [`REST_CAP`] of them, from the first on.
///
/// # Errors
/// The file beside the pipe could not be written.
pub fn save_rest(mark: &RunMark, stream: Stream, rest: &[u8]) -> io::Result<()> {
    let path = rest_of(&mark.pipe(stream));
    match rest.get(..rest.len().min(REST_CAP)) {
        None | Some([]) => remove(&path),
        Some(rest) => write_whole(&path, rest, 0o600, Durability::Process),
    }
}

/// Takes what [`save_rest`] kept: the next call finds nothing.
///
/// # Errors
/// It is there and could not be read.
pub fn take_rest(mark: &RunMark, stream: Stream) -> io::Result<Vec<u8>> {
    let path = rest_of(&mark.pipe(stream));
    let mut rest = Vec::new();
    match File::open(&path).and_then(|file| file.take(REST_CAP as u64).read_to_end(&mut rest)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(rest),
        Err(error) => return Err(error),
    }
    // A line twice is the smaller harm than a line lost.
    let _ = remove(&path);
    Ok(rest)
}

fn rest_of(pipe: &Path) -> PathBuf {
    let mut name = pipe.as_os_str().to_owned();
    name.push(".rest");
    name.into()
}

/// The run in `<role>-<run>.out`, `.err`, `.out.rest`, `.err.rest`. Any other name is not ours.
fn run_of(name: &str) -> Option<(Role, RunId)> {
    let stem = name.strip_suffix(".rest").unwrap_or(name);
    let stem = Stream::ALL.iter().find_map(|stream| stem.strip_suffix(stream.suffix()))?.strip_suffix('.')?;
    let (role, run) = stem.rsplit_once('-')?;
    let role = Role::ALL.into_iter().find(|known| known.as_str() == role)?;
    Some((role, RunId(u64::from_str_radix(run, 16).ok()?)))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(dir: &Path, run: u64) -> RunMark {
        RunMark { state_dir: dir.to_owned(), role: Role::Kafka, run: RunId(run) }
    }

    #[test]
    fn only_names_of_ours_are_taken_for_pipes() {
        for stream in Stream::ALL {
            let path = mark(Path::new("/s"), 0x1a2c).pipe(stream);
            for path in [rest_of(&path), path] {
                let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
                assert_eq!(run_of(name), Some((Role::Kafka, RunId(0x1a2c))), "{name}");
            }
        }
        for other in ["kafka-1a2c", "kafka-xyz.out", "mafka-1.out", ".out", "kafka-1.outer", "kafka-1out", "notes"] {
            assert_eq!(run_of(other), None, "{other}");
        }
    }

    /// What the kernel must grant: an unprivileged user gets no more than fs.pipe-max-size.
    fn granted() -> usize {
        let most = fs::read_to_string("/proc/sys/fs/pipe-max-size").expect("a limit").trim().parse().expect("a number");
        (1 << 20).min(most)
    }

    fn resize(pipe: &impl AsFd, size: i32) -> bool {
        fcntl(pipe, FcntlArg::F_SETPIPE_SZ(size)).is_ok()
    }

    #[test]
    fn a_new_pipe_holds_a_mebibyte() {
        let dir = tempfile::tempdir().expect("a directory");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _inside = runtime.enter();
        let made = make(&mark(dir.path(), 1), Stream::Out).expect("a pipe");
        assert_eq!((made.size, size(&made.near), size(&made.far)), (granted(), granted(), granted()));
    }

    #[test]
    fn a_small_pipe_grows_when_it_is_opened_anew_keeps_what_is_in_it_and_a_large_one_never_shrinks() {
        let dir = tempfile::tempdir().expect("a directory");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _inside = runtime.enter();
        let mark = mark(dir.path(), 1);
        let made = make(&mark, Stream::Out).expect("a pipe");
        // As an older kafka-node left it, with a JVM's words in it.
        assert!(resize(&made.near, 64 * 1024));
        assert_eq!(size(&made.far), 64 * 1024);
        let mut jvm = File::from(made.far);
        std::io::Write::write_all(&mut jvm, b"last words").expect("room");
        let near = open(&mark, Stream::Out, 0).expect("the pipe");
        assert_eq!(size(&near), granted());
        let mut words = [0; 64];
        runtime.block_on(near.readable()).expect("words");
        assert_eq!(near.try_read(&mut words).map(|n| words[..n].to_vec()).expect("words"), b"last words");
        // Only a privileged process gets this; for others there is no larger one to be left alone.
        if resize(&near, 4 << 20) {
            let again = open(&mark, Stream::Out, 0).expect("the pipe");
            assert_eq!(size(&again), 4 << 20);
        }
    }

    #[test]
    fn an_unfinished_line_is_taken_once_and_is_bounded() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join(FOLDER)).expect("a folder");
        let mark = mark(dir.path(), 1);
        let take = || take_rest(&mark, Stream::Out).expect("a rest");
        assert_eq!(take(), b"");
        save_rest(&mark, Stream::Out, b"half a li").expect("saved");
        assert_eq!(take_rest(&mark, Stream::Err).expect("the other"), b"");
        assert_eq!((take(), take()), (b"half a li".to_vec(), Vec::new()));
        save_rest(&mark, Stream::Out, &vec![b'x'; 2 * REST_CAP]).expect("saved");
        assert_eq!(take().len(), REST_CAP);
        save_rest(&mark, Stream::Out, b"half").expect("saved");
        save_rest(&mark, Stream::Out, b"").expect("nothing to save");
        assert_eq!(take(), b"");
    }

    #[test]
    fn pipes_of_runs_that_nobody_keeps_are_removed_and_other_files_are_not() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(remove_stale_pipes(dir.path(), &[]).expect("no folder yet"), 0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _inside = runtime.enter();
        for run in [1, 2, 3] {
            for stream in Stream::ALL {
                make(&mark(dir.path(), run), stream).map(drop).expect("a pipe");
            }
        }
        save_rest(&mark(dir.path(), 1), Stream::Err, b"half").expect("saved");
        let notes = dir.path().join(FOLDER).join("notes");
        fs::write(&notes, "an operator's").expect("a file");
        remove_pipes(&mark(dir.path(), 3)).expect("removed");
        remove_pipes(&mark(dir.path(), 3)).expect("nothing to remove");
        assert_eq!(remove_stale_pipes(dir.path(), &[(Role::Kafka, RunId(2))]).expect("removed"), 3);
        let mut left: Vec<_> = fs::read_dir(dir.path().join(FOLDER)).expect("a folder").flatten().collect();
        left.sort_by_key(|entry| entry.file_name());
        let left: Vec<_> = left.iter().map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["kafka-2.err", "kafka-2.out", "notes"]);
    }
}
