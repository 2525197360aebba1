//! What the producer said: one acknowledgement after the other, and the gaps between them. A consumer's records too.
//! Absent on purpose: files and clocks. Times are the producer's own, in milliseconds since 1970, taken as each
//! acknowledgement arrived.

use serde_json::Value;

/// One acknowledged write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// In which partition.
    pub partition: usize,
    /// The record's value: the producer counts from 0.
    pub value: u64,
}

/// All that was said so far, in its order.
#[derive(Debug, Default)]
pub struct Acks {
    /// The acknowledged writes.
    pub list: Vec<Ack>,
    /// The writes that the producer gave up: when, and why.
    pub failed: Vec<(u64, String)>,
    /// Lines that are none of its events.
    pub odd: Vec<String>,
}

/// The longest times without an acknowledgement, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gaps {
    /// Of the partition that waited longest. This is the figure: its clients saw it.
    pub partition: u64,
    /// Which partition that was.
    pub which: usize,
    /// With none in any partition.
    pub any: u64,
    /// The longest one had not ended when the window did.
    pub open: bool,
}

impl Acks {
    /// Takes one line of the producer's output.
    pub fn take(&mut self, line: &str) {
        let Ok(value) = serde_json::from_str::<Value>(line) else { return self.odd.push(line.to_owned()) };
        let number = |key: &str| value.get(key).and_then(Value::as_u64);
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let Some(at) = number("timestamp") else { return self.odd.push(line.to_owned()) };
        match text("name") {
            Some("producer_send_success" | "record_data") => {
                let partition = number("partition").and_then(|partition| usize::try_from(partition).ok());
                let value = text("value").and_then(|value| value.parse().ok());
                match (partition, value) {
                    (Some(partition), Some(value)) => self.list.push(Ack { at, partition, value }),
                    _ => self.odd.push(line.to_owned()),
                }
            }
            Some("producer_send_error") => {
                let why = text("message").or_else(|| text("exception")).unwrap_or("?");
                self.failed.push((at, why.to_owned()));
            }
            // Its start, its end, its sums.
            _ => {}
        }
    }

    /// How many writes were acknowledged in a window.
    pub fn count(&self, from: u64, to: u64) -> usize {
        self.list.iter().filter(|ack| (from..=to).contains(&ack.at)).count()
    }

    /// How many writes were given up in a window.
    pub fn failed(&self, from: u64, to: u64) -> usize {
        self.failed.iter().filter(|(at, _)| (from..=to).contains(at)).count()
    }

    /// The longest gaps of a window over so many partitions. A gap that began before the window counts with its whole length,
    /// one that outlasts it up to the window's end.
    pub fn gaps(&self, from: u64, to: u64, partitions: usize) -> Gaps {
        let mut last: Vec<Option<u64>> = vec![None; partitions];
        let mut latest = None;
        let mut gaps = Gaps::default();
        let longer = |gaps: &mut Gaps, which: usize, gap: u64, open: bool| {
            if gap > gaps.partition {
                *gaps = Gaps { partition: gap, which, open, ..*gaps };
            }
        };
        for ack in self.list.iter().take_while(|ack| ack.at <= to) {
            let Some(slot) = last.get_mut(ack.partition) else { continue };
            if ack.at > from {
                longer(&mut gaps, ack.partition, ack.at.saturating_sub(slot.unwrap_or(from)), false);
                gaps.any = gaps.any.max(ack.at.saturating_sub(latest.unwrap_or(from)));
            }
            *slot = Some(ack.at);
            latest = Some(ack.at);
        }
        for (which, slot) in last.iter().enumerate() {
            longer(&mut gaps, which, to.saturating_sub(slot.unwrap_or(from)), true);
        }
        gaps.any = gaps.any.max(to.saturating_sub(latest.unwrap_or(from)));
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acks(list: &[(u64, usize)]) -> Acks {
        let list = list.iter().zip(0..).map(|(&(at, partition), value)| Ack { at, partition, value }).collect();
        Acks { list, ..Acks::default() }
    }

    #[test]
    fn its_events_are_told_apart() {
        let mut acks = Acks::default();
        for line in [
            r#"{"timestamp":1,"name":"startup_complete"}"#,
            r#"{"timestamp":5,"name":"producer_send_success","key":"3","value":"17","partition":2,"offset":9,"topic":"t"}"#,
            r#"{"timestamp":7,"name":"producer_send_error","key":"3","value":"18","topic":"t","message":"late","exception":"E"}"#,
            "log4j: something",
            r#"{"timestamp":8,"name":"producer_send_success","value":"x","partition":2}"#,
        ] {
            acks.take(line);
        }
        assert_eq!(acks.list, [Ack { at: 5, partition: 2, value: 17 }]);
        assert_eq!(acks.failed, [(7, "late".to_owned())]);
        assert_eq!(acks.odd.len(), 2);
        assert_eq!((acks.count(0, 9), acks.count(6, 9), acks.failed(0, 9)), (1, 0, 1));
    }

    #[test]
    fn a_partition_may_wait_while_another_is_written_to() {
        // Partition 1 waits from 10 to 510 while partition 0 goes on.
        let mut list = vec![(10, 1)];
        list.extend((1..60).map(|n| (n * 10, 0)));
        list.push((510, 1));
        list.push((590, 1));
        list.sort_unstable();
        assert_eq!(
            acks(&list).gaps(100, 600, 2),
            Gaps { partition: 500, which: 1, any: 10, open: false },
            "the gap began before the window"
        );
        assert_eq!(acks(&list).gaps(100, 300, 2), Gaps { partition: 290, which: 1, any: 10, open: true });
    }

    #[test]
    fn what_ended_before_the_window_is_not_its_gap() {
        let list = [(0, 0), (1000, 0), (1010, 0), (1020, 0)];
        assert_eq!(acks(&list).gaps(1000, 1020, 1), Gaps { partition: 10, which: 0, any: 10, open: false });
        assert_eq!(acks(&list).gaps(999, 1020, 1).partition, 1000);
    }

    #[test]
    fn silence_is_one_long_gap() {
        assert_eq!(acks(&[]).gaps(10, 60, 2), Gaps { partition: 50, which: 0, any: 50, open: true });
    }
}
