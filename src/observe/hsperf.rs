//! A JVM's performance counters -> what its garbage collections and heap are at. Pure.
//!
//! The bytes are those of `/tmp/hsperfdata_USER/PID`, which `jps` and `jstat` read: a prologue of 32 bytes, then entries of a
//! name and a value, in the byte order that the prologue names (version 2.0, unchanged from Java 5 to 25). The JVM writes into them while
//! they are read. What was found in files of Kafka 2.6.0 on Java 11 and 17 with G1, and by watching forced collections:
//! - `sun.os.hrt.ticks` is the JVM's own clock as its sampler saw it, every 50 ms, in a collection too; it stands only while the
//!   process does. Every time is in its ticks, `sun.os.hrt.frequency` a second (10^9 on Linux).
//! - `sun.rt.safepointTime` is a sum that grows when a safepoint ends. To Java 11 it holds the time to reach the safepoint as well; in
//!   Java 17 that is in `sun.rt.safepointSyncTime` alone.
//! - `sun.gc.collector.N`: 0 young, 1 full, 2 the pauses (remark, cleanup) of the concurrent cycle; all of them stop the world, and so do
//!   those of the other collectors. `invocations` grows when a collection begins and `time` when it ends: an endless full
//!   collection would look like nothing at all. But `lastEntryTime` is past `lastExitTime` while one is under way, so that its
//!   age can be added, and the counters here grow through a collection.
//! - `sun.gc.generation.N.maxCapacity` of G1 is the whole heap for young and old alike; elsewhere each has its own.
//!
//! Absent on purpose: finding and reading the file (`hsperf_file`), and what the counters mean (`supervise`).

use std::fmt;
use std::time::Duration;

use crate::model::JvmCounters;

/// Why bytes do not give counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPerfData {
    /// They do not open as performance data do: too short, another magic number, or a byte order that there is not.
    Foreign,
    /// Another major version than 2.
    Version(u8),
    /// The JVM is still making its counters (`accessible` is not set): look again later.
    NotYet,
    /// This entry reaches out of its bounds: a half-written file, or one of somebody else. Nothing of it is believed, since a sum
    /// that lacks a part would jump when the part comes back.
    Garbled(u32),
    /// No frequency of the clock: no time could be told.
    NoClock,
}

impl fmt::Display for NotPerfData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotPerfData::Foreign => f.write_str("no performance data of a JVM"),
            NotPerfData::Version(major) => write!(f, "performance data of version {major}, where 2 is known"),
            NotPerfData::NotYet => f.write_str("the JVM has not made its counters yet"),
            NotPerfData::Garbled(entry) => write!(f, "entry {entry} of the performance data is garbled"),
            NotPerfData::NoClock => f.write_str("the performance data have no clock"),
        }
    }
}

impl std::error::Error for NotPerfData {}

const MAGIC: [u8; 4] = [0xca, 0xfe, 0xc0, 0xc0];
const MAJOR: u8 = 2;
/// Bytes of an entry before its name: lengths and offsets, type, flags, unit, variability.
const ENTRY_HEAD: usize = 20;
/// No JVM has as many collectors or generations (3 and 2): what lies beyond is not ours.
const MOST: usize = 4;

/// Reads the counters. Counters that the file lacks are zero: collectors differ in what they have, and a JVM whose 32 KB ran
/// full (`overflow` in the prologue) keeps the rest to itself, which it does for life.
///
/// # Errors
/// As [`NotPerfData`] says. Only [`NotPerfData::NotYet`] and [`NotPerfData::Garbled`] may pass.
pub fn parse(bytes: &[u8]) -> Result<JvmCounters, NotPerfData> {
    let prologue = Prologue::read(bytes)?;
    let mut seen = Seen::default();
    // A reader that kept offsets would have to compare mod_time_stamp; everything is read anew here.
    let within = bytes.get(..prologue.used).unwrap_or(bytes);
    let mut rest = within.get(prologue.first..).unwrap_or_default();
    // Each entry takes bytes of its own, so a count beyond all reason ends with the bytes.
    for number in 0..prologue.entries {
        let entry = Entry::read(rest, prologue.order).ok_or(NotPerfData::Garbled(number))?;
        seen.take(&entry);
        rest = rest.get(entry.length..).unwrap_or_default();
    }
    seen.counters()
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Big,
    Little,
}

impl Order {
    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(match self {
            Order::Big => u32::from_be_bytes(four),
            Order::Little => u32::from_le_bytes(four),
        })
    }

    /// A place or length in the file.
    fn place(self, bytes: &[u8], at: usize) -> Option<usize> {
        usize::try_from(self.u32(bytes, at)?).ok()
    }

    /// A Java long. Nothing counted here is ever below zero.
    fn long(self, bytes: &[u8], at: usize) -> Option<u64> {
        let eight: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        let value = match self {
            Order::Big => i64::from_be_bytes(eight),
            Order::Little => i64::from_le_bytes(eight),
        };
        Some(u64::try_from(value).unwrap_or(0))
    }
}

struct Prologue {
    order: Order,
    /// Bytes in use, the prologue included.
    used: usize,
    first: usize,
    entries: u32,
}

impl Prologue {
    fn read(bytes: &[u8]) -> Result<Prologue, NotPerfData> {
        let &[m0, m1, m2, m3, order, major, _minor, accessible, ..] = bytes else { return Err(NotPerfData::Foreign) };
        let order = match order {
            0 => Order::Big,
            1 => Order::Little,
            _ => return Err(NotPerfData::Foreign),
        };
        if [m0, m1, m2, m3] != MAGIC {
            return Err(NotPerfData::Foreign);
        }
        if major != MAJOR {
            return Err(NotPerfData::Version(major));
        }
        if accessible == 0 {
            return Err(NotPerfData::NotYet);
        }
        let read = || {
            let (used, first) = (order.place(bytes, 8)?, order.place(bytes, 24)?);
            Some(Prologue { order, used, first, entries: order.u32(bytes, 28)? })
        };
        read().ok_or(NotPerfData::Foreign)
    }
}

struct Entry<'a> {
    length: usize,
    name: &'a [u8],
    value: Value<'a>,
}

enum Value<'a> {
    /// A long.
    Number(u64),
    /// Text, without the zeros behind it.
    Text(&'a [u8]),
    /// A type that nothing here is of.
    Other,
}

impl<'a> Entry<'a> {
    /// The entry at the beginning of `bytes`; `None` where it points out of its own bounds.
    fn read(bytes: &'a [u8], order: Order) -> Option<Entry<'a>> {
        let length = order.place(bytes, 0)?;
        let entry = bytes.get(..length).filter(|entry| entry.len() >= ENTRY_HEAD)?;
        let (name_at, elements) = (order.place(entry, 4)?, order.place(entry, 8)?);
        let (kind, data_at) = (*entry.get(12)?, order.place(entry, 16)?);
        let name = until_zero(entry.get(name_at..).filter(|_| name_at >= ENTRY_HEAD)?)?;
        let value = match (kind, elements) {
            (b'J', 0) => Value::Number(order.long(entry, data_at)?),
            (b'B', 1..) => {
                let text = entry.get(data_at..data_at.checked_add(elements)?)?;
                Value::Text(until_zero(text).unwrap_or(text))
            }
            _ => Value::Other,
        };
        Some(Entry { length, name, value })
    }
}

fn until_zero(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..bytes.iter().position(|byte| *byte == 0)?)
}

/// What the entries said so far; times in ticks.
#[derive(Default)]
struct Seen {
    frequency: u64,
    clock: u64,
    safepoints: u64,
    collectors: [Collector; MOST],
    /// Each generation's greatest size.
    generations: [u64; MOST],
    used: u64,
    garbage_first: bool,
}

#[derive(Clone, Copy, Default)]
struct Collector {
    time: u64,
    invocations: u64,
    entered: u64,
    left: u64,
}

impl Seen {
    fn take(&mut self, entry: &Entry<'_>) {
        match entry.value {
            Value::Number(value) => self.number(entry.name, value),
            Value::Text(text) if entry.name == b"sun.gc.policy.name" => self.garbage_first = text == b"GarbageFirst",
            Value::Text(_) | Value::Other => {}
        }
    }

    fn number(&mut self, name: &[u8], value: u64) {
        if let Some((index, counter)) = numbered(name, b"sun.gc.collector.") {
            let Some(collector) = self.collectors.get_mut(index) else { return };
            match counter {
                b"time" => collector.time = value,
                b"invocations" => collector.invocations = value,
                b"lastEntryTime" => collector.entered = value,
                b"lastExitTime" => collector.left = value,
                _ => {}
            }
        } else if let Some((index, counter)) = numbered(name, b"sun.gc.generation.") {
            let Some(generation) = self.generations.get_mut(index) else { return };
            if counter == b"maxCapacity" {
                *generation = value;
            } else if numbered(counter, b"space.").is_some_and(|(_, of_space)| of_space == b"used") {
                self.used = self.used.saturating_add(value);
            }
        } else {
            match name {
                b"sun.os.hrt.frequency" => self.frequency = value,
                b"sun.os.hrt.ticks" => self.clock = value,
                b"sun.rt.safepointTime" => self.safepoints = value,
                _ => {}
            }
        }
    }

    fn counters(&self) -> Result<JvmCounters, NotPerfData> {
        if self.frequency == 0 {
            return Err(NotPerfData::NoClock);
        }
        let sum = |of: fn(&Collector) -> u64| self.collectors.iter().map(of).fold(0, u64::saturating_add);
        let under_way = self.collectors.iter().map(|collector| collector.under_way(self.clock)).max().unwrap_or(0);
        let heap_max = if self.garbage_first {
            self.generations.iter().copied().filter(|size| *size > 0).min().unwrap_or(0)
        } else {
            self.generations.iter().copied().fold(0, u64::saturating_add)
        };
        Ok(JvmCounters {
            stopped: self.duration(self.safepoints.saturating_add(under_way)),
            collecting: self.duration(sum(|collector| collector.time).saturating_add(under_way)),
            collections: sum(|collector| collector.invocations),
            heap_used: self.used,
            heap_max,
        })
    }

    fn duration(&self, ticks: u64) -> Duration {
        let nanoseconds = u128::from(ticks) * 1_000_000_000 / u128::from(self.frequency.max(1));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

impl Collector {
    /// Age of the collection that has begun and not ended, by the JVM's own clock; 0 without one.
    fn under_way(&self, clock: u64) -> u64 {
        if self.entered > self.left { clock.saturating_sub(self.entered) } else { 0 }
    }
}

/// `prefix`, a number, a dot, and the rest.
fn numbered<'a>(name: &'a [u8], prefix: &[u8]) -> Option<(usize, &'a [u8])> {
    let rest = name.strip_prefix(prefix)?;
    let dot = rest.iter().position(|byte| *byte == b'.')?;
    let number = std::str::from_utf8(rest.get(..dot)?).ok()?.parse().ok()?;
    Some((number, rest.get(dot + 1..)?))
}
