//! Records into a pipe: as fast as it takes them, or at a fixed rate, one write each, as log4j does.
//! Absent on purpose: who reads them.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::records::Block;
use crate::failure::{During, Outcome};
use crate::interrupt;

/// A full pipe is looked at again after this long; so is the clock, when nothing is due.
const AGAIN: Duration = Duration::from_micros(500);

/// How a flood went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flood {
    /// How often the pipe was full: a JVM's thread would have waited there.
    pub blocked: u64,
    /// How long that was in all.
    pub waited: Duration,
    /// The longest time for which this writer itself got no CPU and fell behind; it wrote that much at once then.
    pub late: Duration,
    /// From the first record to the last.
    pub took: Duration,
}

/// Writes so many records, each block in few writes, waiting where the pipe is full. Closes the pipe.
pub fn as_fast(mut pipe: File, block: &mut Block, count: u64) -> Outcome<()> {
    let mut written = 0;
    while written < count {
        interrupt::check()?;
        let some = usize::try_from(count - written).unwrap_or(usize::MAX).min(block.len());
        block.number(written);
        pipe.write_all(block.head(some)).during(|| "write records".into())?;
        written += some as u64;
    }
    Ok(())
}

/// Writes so many records at a rate a second, and never waits without counting it. Closes the pipe.
pub fn at_rate(mut pipe: File, block: &mut Block, count: u64, rate: u64) -> Outcome<Flood> {
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).during(|| "make a pipe non-blocking".into())?;
    let mut flood = Flood::default();
    let begun = Instant::now();
    let mut written = 0;
    while written < count {
        // A writer that had to wait goes on at its rate from there.
        let elapsed = begun.elapsed().saturating_sub(flood.waited);
        let due = (elapsed.as_secs_f64() * rate as f64) as u64;
        if due <= written {
            interrupt::check()?;
            std::thread::sleep(AGAIN);
            continue;
        }
        flood.late = flood.late.max(Duration::from_secs_f64((due - written) as f64 / rate as f64));
        for number in written..due.min(count) {
            let index = usize::try_from(number % block.len() as u64).unwrap_or(0);
            if index == 0 {
                block.number(number);
            }
            put(&mut pipe, block.record(index), &mut flood)?;
        }
        written = due.min(count);
    }
    flood.took = begun.elapsed();
    Ok(flood)
}

fn put(pipe: &mut File, mut bytes: &[u8], flood: &mut Flood) -> Outcome<()> {
    let mut since = None;
    while !bytes.is_empty() {
        match pipe.write(bytes) {
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if since.is_none() {
                    since = Some(Instant::now());
                    flood.blocked += 1;
                }
                interrupt::check()?;
                std::thread::sleep(AGAIN);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).during(|| "write a record".into()),
        }
    }
    flood.waited += since.map_or(Duration::ZERO, |since| since.elapsed());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use super::super::records::{Form, number_in};
    use super::*;

    fn heard(count: u64, feed: impl FnOnce(File, &mut Block) + Send) -> Vec<usize> {
        let (mut near, far) = std::io::pipe().expect("a pipe");
        std::thread::scope(|scope| {
            scope.spawn(move || feed(File::from(OwnedFd::from(far)), &mut Block::new(Form::Stock, 64, false)));
            let mut text = String::new();
            near.read_to_string(&mut text).expect("text");
            let numbers: Vec<usize> = text.lines().filter_map(|line| number_in(line.as_bytes())).collect();
            assert_eq!(numbers.len() as u64, count);
            numbers
        })
    }

    #[test]
    fn every_record_is_written_once_and_in_order_either_way() {
        let expected: Vec<usize> = (0..1_000).collect();
        assert_eq!(heard(1_000, |pipe, block| as_fast(pipe, block, 1_000).expect("written")), expected);
        let flooded = heard(1_000, |pipe, block| {
            let flood = at_rate(pipe, block, 1_000, 100_000).expect("written");
            assert!(flood.took >= Duration::from_millis(9), "{flood:?}");
        });
        assert_eq!(flooded, expected);
    }

    #[test]
    fn a_pipe_that_is_full_is_counted() {
        let (mut near, far) = std::io::pipe().expect("a pipe");
        let reader = std::thread::spawn(move || {
            // 4 MB a second at the most, and the writer has 3 MB to write at once.
            let mut piece = [0; 4096];
            let mut heard = 0;
            while let Ok(n @ 1..) = near.read(&mut piece) {
                heard += n;
                std::thread::sleep(Duration::from_millis(1));
            }
            heard
        });
        let mut block = Block::new(Form::Stock, 64, false);
        let flood = at_rate(File::from(OwnedFd::from(far)), &mut block, 20_000, 100_000_000).expect("written");
        assert!(flood.blocked > 0 && flood.waited > Duration::ZERO, "{flood:?}");
        assert!(reader.join().expect("a reader") > 2_000_000);
    }
}
