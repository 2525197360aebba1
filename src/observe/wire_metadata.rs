//! What stands in a Metadata v1 reply: brokers, controller and replicas, counted while they pass by. Pure.
//!
//! Layout after clients/src/main/resources/common/message/MetadataResponse.json of Kafka 2.6. Absent on purpose: names of topics and
//! hosts, which are skipped.

use super::wire::{Layout, WireError, count};

/// Metadata v1: is this broker listed, who is the controller, and of how many partitions is this broker a replica.
#[derive(Debug)]
pub struct Metadata {
    me: i32,
    step: MetadataStep,
    brokers: i32,
    topics: i32,
    partitions: i32,
    replicas: i32,
    replica_here: bool,
    in_sync_here: bool,
    /// The broker is among those listed.
    pub lists_me: bool,
    /// The active controller; -1 while nobody is.
    pub controller: i32,
    /// Partitions with a replica on this broker.
    pub replicas_here: u32,
    /// Those of them whose ISR lacks this broker.
    pub behind: u32,
    /// Partitions that this broker leads.
    pub leads: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MetadataStep {
    Brokers,
    BrokerId,
    Host,
    Port,
    Rack,
    Controller,
    Topics,
    TopicError,
    TopicName,
    Internal,
    Partitions,
    PartitionError,
    PartitionIndex,
    Leader,
    Replicas,
    Replica,
    InSync,
    InSyncReplica,
    End,
}

impl Metadata {
    /// Counts for broker `me`.
    pub fn of(me: i32) -> Metadata {
        Metadata {
            me,
            step: MetadataStep::Brokers,
            brokers: 0,
            topics: 0,
            partitions: 0,
            replicas: 0,
            replica_here: false,
            in_sync_here: false,
            lists_me: false,
            controller: -1,
            replicas_here: 0,
            behind: 0,
            leads: 0,
        }
    }

    fn partition_done(&mut self) -> MetadataStep {
        if self.replica_here {
            self.replicas_here = self.replicas_here.saturating_add(1);
            if !self.in_sync_here {
                self.behind = self.behind.saturating_add(1);
            }
        }
        self.partitions -= 1;
        if self.partitions > 0 { MetadataStep::PartitionError } else { self.topic_done() }
    }

    fn topic_done(&mut self) -> MetadataStep {
        self.topics -= 1;
        if self.topics > 0 { MetadataStep::TopicError } else { MetadataStep::End }
    }
}

impl Layout for Metadata {
    fn next(&self) -> Option<(&'static str, usize)> {
        Some(match self.step {
            MetadataStep::Brokers => ("the number of brokers", 4),
            MetadataStep::BrokerId => ("a broker's id", 4),
            MetadataStep::Host => ("a broker's host", 2),
            MetadataStep::Port => ("a broker's port", 4),
            MetadataStep::Rack => ("a broker's rack", 2),
            MetadataStep::Controller => ("the controller's id", 4),
            MetadataStep::Topics => ("the number of topics", 4),
            MetadataStep::TopicError => ("a topic's error code", 2),
            MetadataStep::TopicName => ("a topic's name", 2),
            MetadataStep::Internal => ("a topic's mark", 1),
            MetadataStep::Partitions => ("the number of partitions", 4),
            MetadataStep::PartitionError => ("a partition's error code", 2),
            MetadataStep::PartitionIndex => ("a partition's index", 4),
            MetadataStep::Leader => ("a partition's leader", 4),
            MetadataStep::Replicas => ("the number of replicas", 4),
            MetadataStep::Replica => ("a replica", 4),
            MetadataStep::InSync => ("the size of an ISR", 4),
            MetadataStep::InSyncReplica => ("a member of an ISR", 4),
            MetadataStep::End => return None,
        })
    }

    fn take(&mut self, value: i32) -> Result<u32, WireError> {
        let mut skip = 0;
        self.step = match self.step {
            MetadataStep::Brokers => {
                self.brokers = count("the list of brokers", value)?;
                if self.brokers > 0 { MetadataStep::BrokerId } else { MetadataStep::Controller }
            }
            MetadataStep::BrokerId => {
                self.lists_me |= value == self.me;
                MetadataStep::Host
            }
            MetadataStep::Host => {
                skip = text("a broker's host", value)?;
                MetadataStep::Port
            }
            MetadataStep::Port => MetadataStep::Rack,
            MetadataStep::Rack => {
                // The one string that may be null, which is -1.
                skip = if value == -1 { 0 } else { text("a broker's rack", value)? };
                self.brokers -= 1;
                if self.brokers > 0 { MetadataStep::BrokerId } else { MetadataStep::Controller }
            }
            MetadataStep::Controller => {
                self.controller = value;
                MetadataStep::Topics
            }
            MetadataStep::Topics => {
                self.topics = count("the list of topics", value)?;
                if self.topics > 0 { MetadataStep::TopicError } else { MetadataStep::End }
            }
            MetadataStep::TopicError => MetadataStep::TopicName,
            MetadataStep::TopicName => {
                skip = text("a topic's name", value)?;
                MetadataStep::Internal
            }
            MetadataStep::Internal => MetadataStep::Partitions,
            MetadataStep::Partitions => {
                self.partitions = count("the list of partitions", value)?;
                if self.partitions > 0 { MetadataStep::PartitionError } else { self.topic_done() }
            }
            // A partition without a leader is told with an error code, and still has its replicas and its ISR.
            MetadataStep::PartitionError => MetadataStep::PartitionIndex,
            MetadataStep::PartitionIndex => MetadataStep::Leader,
            MetadataStep::Leader => {
                self.leads = self.leads.saturating_add(u32::from(value == self.me));
                MetadataStep::Replicas
            }
            MetadataStep::Replicas => {
                (self.replica_here, self.in_sync_here) = (false, false);
                self.replicas = count("the list of replicas", value)?;
                if self.replicas > 0 { MetadataStep::Replica } else { MetadataStep::InSync }
            }
            MetadataStep::Replica => {
                self.replica_here |= value == self.me;
                self.replicas -= 1;
                if self.replicas > 0 { MetadataStep::Replica } else { MetadataStep::InSync }
            }
            MetadataStep::InSync => {
                self.replicas = count("an ISR", value)?;
                if self.replicas > 0 { MetadataStep::InSyncReplica } else { self.partition_done() }
            }
            MetadataStep::InSyncReplica => {
                self.in_sync_here |= value == self.me;
                self.replicas -= 1;
                if self.replicas > 0 { MetadataStep::InSyncReplica } else { self.partition_done() }
            }
            MetadataStep::End => MetadataStep::End,
        };
        Ok(skip)
    }
}

fn text(what: &'static str, value: i32) -> Result<u32, WireError> {
    u32::try_from(value).map_err(|_| WireError::Negative { what, value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::wire::{Fed, Reply};
    use super::super::wire_versions::Versions;
    use super::*;

    const VERSIONS: &[u8] = include_bytes!("../../tests/probes/api-versions-2.6.0.bin");
    const LIVENESS: &[u8] = include_bytes!("../../tests/probes/metadata-liveness-2.6.0.bin");
    const ALL: &[u8] = include_bytes!("../../tests/probes/metadata-all-2.6.0.bin");
    /// The correlation id that the recorded replies carry.
    const ASKED: i32 = 7;

    fn read<L: Layout>(layout: L, bytes: &[u8], step: usize) -> Result<(Fed, L), WireError> {
        let (mut reply, mut fed) = (Reply::new(layout, ASKED, 1 << 20), Fed::More);
        for chunk in bytes.chunks(step.max(1)) {
            fed = reply.feed(chunk)?;
            if fed != Fed::More {
                break;
            }
        }
        Ok((fed, reply.into_layout()))
    }

    #[test]
    fn replies_recorded_from_kafka_2_6_0_are_read_in_chunks_of_any_size() {
        for step in [1, 2, 3, 5, 7, 4096] {
            let (fed, versions) = read(Versions::of(3), VERSIONS, step).unwrap();
            assert_eq!((fed, versions.found), (Fed::Whole { spare: 0 }, Some((0, 9))));
            let (fed, metadata) = read(Metadata::of(3), LIVENESS, step).unwrap();
            assert_eq!(fed, Fed::Whole { spare: 0 });
            assert_eq!((metadata.lists_me, metadata.controller, metadata.replicas_here), (true, 2, 0));
            let (fed, metadata) = read(Metadata::of(1), ALL, step).unwrap();
            assert_eq!(fed, Fed::Whole { spare: 0 });
            assert_eq!((metadata.lists_me, metadata.replicas_here, metadata.behind), (true, 3, 0));
            assert_eq!(metadata.leads, 0);
            let (_, metadata) = read(Metadata::of(3), ALL, step).unwrap();
            assert_eq!((metadata.replicas_here, metadata.leads), (3, 2));
        }
    }

    #[test]
    fn a_broker_outside_the_isr_is_behind_and_one_without_a_replica_is_not() {
        // Everything that comes after the last ISR's members would be in the way: the last partition is the end of the frame.
        let mut reply = ALL.to_vec();
        let isr = reply.len() - 12..;
        let member = reply[isr.clone()].chunks(4).position(|id| id == 1_i32.to_be_bytes()).unwrap();
        reply[isr][4 * member + 3] = 9;
        let (_, metadata) = read(Metadata::of(1), &reply, 4096).unwrap();
        assert_eq!((metadata.replicas_here, metadata.behind), (3, 1));
        let (_, metadata) = read(Metadata::of(8), ALL, 4096).unwrap();
        assert_eq!((metadata.lists_me, metadata.replicas_here, metadata.behind), (false, 0, 0));
    }

    #[test]
    fn lies_about_lengths_are_named() {
        let expect = |at: usize, bytes: [u8; 4], expected: WireError| {
            let mut reply = LIVENESS.to_vec();
            reply[at..at + 4].copy_from_slice(&bytes);
            assert_eq!(read(Metadata::of(1), &reply, 4096).unwrap_err(), expected);
        };
        expect(0, (-1_i32).to_be_bytes(), WireError::Length(-1));
        expect(0, 0_i32.to_be_bytes(), WireError::Length(0));
        expect(0, i32::MAX.to_be_bytes(), WireError::TooLong { length: i32::MAX as u32, cap: 1 << 20 });
        expect(0, 8_i32.to_be_bytes(), WireError::Short { what: "a broker's id" });
        expect(4, 6_i32.to_be_bytes(), WireError::Correlation { got: 6, expected: ASKED });
        expect(8, (-2_i32).to_be_bytes(), WireError::Negative { what: "the list of brokers", value: -2 });
        // One broker fewer than there are: its id and host are taken for the controller and a number of topics.
        expect(8, 2_i32.to_be_bytes(), WireError::Short { what: "a topic's name" });
    }

    #[test]
    fn half_a_reply_asks_for_more_and_never_ends() {
        for cut in 0..ALL.len() {
            let (fed, _) = read(Metadata::of(1), &ALL[..cut], 16).unwrap();
            assert_eq!(fed, Fed::More, "cut after {cut} bytes");
        }
    }

    proptest! {
        #[test]
        fn a_changed_real_reply_is_read_or_refused(
            at in 0..ALL.len(), bytes: [u8; 4], step in 1..64_usize, cut in 0..ALL.len()
        ) {
            let mut reply = ALL.to_vec();
            for (place, byte) in reply[at..].iter_mut().zip(bytes) {
                *place = byte;
            }
            let _ = read(Metadata::of(1), &reply, step);
            let _ = read(Metadata::of(1), &reply[..cut], step);
            let _ = read(Versions::of(3), &reply, step);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), step in 1..9_usize) {
            // A true head, so that the walk reaches the content.
            let mut reply = (bytes.len() as i32 + 4).to_be_bytes().to_vec();
            reply.extend(ASKED.to_be_bytes());
            reply.extend(bytes);
            let _ = read(Metadata::of(1), &reply, step);
            let _ = read(Versions::of(3), &reply, step);
        }
    }
}
