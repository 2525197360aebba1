//! Empties a pipe to its end, always and at once: a JVM whose pipe is full stops in the middle of a log call.
//!
//! Absent on purpose: what is done with the bytes. Whoever takes them must not block.
//!
//! Effects: reads a pipe; after the end of a process only for so long.

use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};

/// How long a pipe is read on after its JVM ended. What the JVM wrote is in the pipe and takes microseconds to read; more
/// time than that is only used where something it forked still holds the other end.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// Bytes read at a time: a quarter of a pipe's usual 64 KiB.
const READ_SIZE: usize = 16 * 1024;

/// How reading ended.
#[derive(Debug)]
pub enum Drained {
    /// Every writer closed it: nothing was lost.
    End,
    /// The JVM ended and something else kept the pipe open for the whole limit.
    HeldOpen,
    /// Reading failed.
    Failed(io::Error),
}

/// Who takes what a pipe holds. Neither call may block.
pub trait Taker {
    /// These bytes came.
    fn bytes(&mut self, bytes: &[u8]);

    /// How long nothing must have come before [`Taker::quiet`]; `None` where the taker does not wait for more.
    fn patience(&self) -> Option<Duration>;

    /// Nothing came for so long.
    fn quiet(&mut self);
}

/// A taker that waits for nothing.
impl<F: FnMut(&[u8])> Taker for F {
    fn bytes(&mut self, bytes: &[u8]) {
        self(bytes);
    }

    fn patience(&self) -> Option<Duration> {
        None
    }

    fn quiet(&mut self) {}
}

/// Reads `pipe` until its end, and no longer than `limit` after `ended` is done (the JVM was reaped).
pub async fn drain(
    pipe: &mut (impl AsyncRead + Unpin),
    ended: impl Future<Output = ()>,
    limit: Duration,
    taker: &mut impl Taker,
) -> Drained {
    let mut buffer = vec![0; READ_SIZE];
    let mut deadline = None;
    tokio::pin!(ended);
    loop {
        let patience = taker.patience();
        let read = tokio::select! {
            read = pipe.read(&mut buffer) => read,
            () = tokio::time::sleep(patience.unwrap_or_default()), if patience.is_some() => {
                taker.quiet();
                continue;
            }
            () = &mut ended, if deadline.is_none() => {
                deadline = Some(Instant::now() + limit);
                continue;
            }
            () = until(deadline), if deadline.is_some() => return Drained::HeldOpen,
        };
        match read {
            Ok(0) => return Drained::End,
            Ok(n) => taker.bytes(buffer.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Drained::Failed(error),
        }
        // A forked writer that never pauses leaves no moment in which the timer alone is ready.
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Drained::HeldOpen;
        }
    }
}

async fn until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        tokio::time::sleep_until(deadline.into()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts bytes and quiet moments, and waits for more after the first bytes until it was quiet once.
    #[derive(Default)]
    struct Counter {
        bytes: usize,
        quiet: usize,
    }

    impl Taker for Counter {
        fn bytes(&mut self, bytes: &[u8]) {
            self.bytes += bytes.len();
        }

        fn patience(&self) -> Option<Duration> {
            (self.bytes > 0 && self.quiet == 0).then_some(Duration::from_millis(1))
        }

        fn quiet(&mut self) {
            self.quiet += 1;
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
    }

    #[test]
    fn a_pipe_that_somebody_holds_open_is_let_go() {
        run(async {
            let (mut near, far) = tokio::io::duplex(64);
            let drained = drain(&mut near, async {}, Duration::from_millis(5), &mut Counter::default()).await;
            assert!(matches!(drained, Drained::HeldOpen), "{drained:?}");
            drop(far);
        });
    }

    /// Always has bytes, as a forked process that floods the pipe of its dead parent.
    struct Endless;

    impl AsyncRead for Endless {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            buffer.put_slice(b"line\n");
            std::task::Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_writer_that_never_pauses_does_not_outlive_the_limit() {
        run(async {
            let drained = drain(&mut Endless, async {}, Duration::from_millis(5), &mut Counter::default()).await;
            assert!(matches!(drained, Drained::HeldOpen), "{drained:?}");
        });
    }

    #[test]
    fn everything_that_was_written_before_the_end_is_taken() {
        run(async {
            let (mut near, mut far) = tokio::io::duplex(1 << 20);
            tokio::io::AsyncWriteExt::write_all(&mut far, &vec![b'x'; 100_000]).await.expect("write");
            drop(far);
            let mut taken = Counter::default();
            let drained = drain(&mut near, async {}, DRAIN_LIMIT, &mut taken).await;
            assert!(matches!(drained, Drained::End), "{drained:?}");
            assert_eq!(taken.bytes, 100_000);
        });
    }

    #[test]
    fn a_quiet_moment_is_told_once_to_a_taker_that_waits_for_it() {
        run(async {
            let (mut near, mut far) = tokio::io::duplex(64);
            tokio::io::AsyncWriteExt::write_all(&mut far, b"half a line").await.expect("write");
            let mut taken = Counter::default();
            let drained = drain(&mut near, async {}, Duration::from_millis(200), &mut taken).await;
            assert!(matches!(drained, Drained::HeldOpen), "{drained:?}");
            assert_eq!((taken.bytes, taken.quiet), (11, 1));
            drop(far);
        });
    }
}
