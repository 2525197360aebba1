//! ZooKeeper's `srvr`: the bytes of its reply -> what the server is. Pure; the asking is in `srvr_prober`.
//!
//! Absent on purpose: every other four-letter word, since 3.5.8 allows `srvr` alone unless it is told otherwise.

use crate::model::{QuorumRole, ZooKeeperOutcome};

pub use super::srvr_prober::{probe, survey};

/// What a server without a quorum writes (AbstractFourLetterCommand of ZooKeeper 3.5; later ones alike).
const NOT_SERVING: &[u8] = b"This ZooKeeper instance is not currently serving requests";
/// The end of what a server writes that does not allow `srvr` (NIOServerCnxn and NettyServerCnxn of 3.5).
const NOT_ALLOWED: &[u8] = b"is not executed because it is not in the whitelist.";
/// What stands before the role.
const MODE: &[u8] = b"Mode: ";
/// What stands before the last transaction the server knows, in hexadecimal (`SrvrCommand` of 3.5; in the line before the role).
const ZXID: &[u8] = b"Zxid: 0x";

/// Judges a whole reply to `srvr`, read to the end of the stream.
///
/// An empty reply, and one cut off before its `Mode:` line is over, are [`ZooKeeperOutcome::TimedOut`], "no whole answer": a
/// server over its `maxClientCnxns` and one that shuts down close the connection unanswered, and neither says a word
/// about the quorum.
pub fn parse(reply: &[u8]) -> ZooKeeperOutcome {
    if reply.is_empty() {
        return ZooKeeperOutcome::TimedOut;
    }
    for line in reply.split_inclusive(|byte| *byte == b'\n') {
        let (line, whole) = match line.strip_suffix(b"\n") {
            Some(line) => (line.strip_suffix(b"\r").unwrap_or(line), true),
            None => (line, false),
        };
        if line.starts_with(NOT_SERVING) {
            return ZooKeeperOutcome::NotServing;
        }
        if line.ends_with(NOT_ALLOWED) {
            return ZooKeeperOutcome::Garbled(words(line));
        }
        if let (Some(mode), true) = (line.strip_prefix(MODE), whole) {
            return role(mode);
        }
    }
    if reply.starts_with(b"Zookeeper version:") {
        return ZooKeeperOutcome::TimedOut;
    }
    ZooKeeperOutcome::Garbled(format!("not a ZooKeeper's reply to srvr: \"{}\"", words(reply)))
}

/// As [`parse`], and the last transaction that the server knows: 32 bits of epoch, 32 of counter. `None` where the reply has none.
pub fn parse_with_zxid(reply: &[u8]) -> (ZooKeeperOutcome, Option<u64>) {
    let zxid = reply.split_inclusive(|byte| *byte == b'\n').find_map(|line| {
        let digits = line.strip_suffix(b"\n")?.strip_prefix(ZXID)?;
        u64::from_str_radix(std::str::from_utf8(digits).ok()?.trim_end(), 16).ok()
    });
    (parse(reply), zxid)
}

/// The words are those of `getState` of ZooKeeper's server classes. A server that fell back to reading only has no quorum.
fn role(mode: &[u8]) -> ZooKeeperOutcome {
    match mode {
        b"leader" => ZooKeeperOutcome::Serving(QuorumRole::Leader),
        b"follower" => ZooKeeperOutcome::Serving(QuorumRole::Follower),
        b"observer" => ZooKeeperOutcome::Serving(QuorumRole::Observer),
        b"standalone" => ZooKeeperOutcome::Serving(QuorumRole::Standalone),
        b"read-only" => ZooKeeperOutcome::NotServing,
        other => ZooKeeperOutcome::Garbled(format!("unknown mode \"{}\"", words(other))),
    }
}

/// The beginning of what came, fit for one line of a log.
fn words(bytes: &[u8]) -> String {
    /// Characters of a stranger's reply that a log line can bear.
    const MOST: usize = 120;
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let head = first.get(..MOST).unwrap_or(first);
    head.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FOLLOWER: &[u8] = include_bytes!("../../tests/probes/srvr-follower-3.5.8.txt");
    const LEADER: &[u8] = include_bytes!("../../tests/probes/srvr-leader-3.5.8.txt");
    const NO_QUORUM: &[u8] = include_bytes!("../../tests/probes/srvr-no-quorum-3.5.8.txt");

    #[test]
    fn replies_recorded_from_zookeeper_3_5_8_are_understood() {
        assert_eq!(parse(FOLLOWER), ZooKeeperOutcome::Serving(QuorumRole::Follower));
        assert_eq!(parse(LEADER), ZooKeeperOutcome::Serving(QuorumRole::Leader));
        assert_eq!(parse(NO_QUORUM), ZooKeeperOutcome::NotServing);
    }

    #[test]
    fn the_last_transaction_is_read_where_it_stands_whole() {
        assert_eq!(parse_with_zxid(LEADER), (ZooKeeperOutcome::Serving(QuorumRole::Leader), Some(0x1_0000_0062)));
        assert_eq!(parse_with_zxid(NO_QUORUM), (ZooKeeperOutcome::NotServing, None));
        let of = |line: &str| parse_with_zxid(format!("{line}Mode: follower\n").as_bytes()).1;
        assert_eq!(of("Zxid: 0xffffffffffffffff\r\n"), Some(u64::MAX));
        for none in ["Zxid: 0x\n", "Zxid: 12\n", "Zxid: 0x10000000000000000\n", "Zxid: 0x-1\n", "", "Zxid: 0x1"] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }

    #[test]
    fn every_mode_has_its_meaning() {
        let of = |mode: &str| parse(format!("Zookeeper version: 3.9\nMode: {mode}\nNode count: 5\n").as_bytes());
        assert_eq!(of("observer"), ZooKeeperOutcome::Serving(QuorumRole::Observer));
        assert_eq!(of("standalone"), ZooKeeperOutcome::Serving(QuorumRole::Standalone));
        assert_eq!(of("read-only"), ZooKeeperOutcome::NotServing);
        assert_eq!(of("leaderless"), ZooKeeperOutcome::Garbled("unknown mode \"leaderless\"".into()));
    }

    #[test]
    fn a_refusal_keeps_the_servers_own_words() {
        let refusal = "srvr is not executed because it is not in the whitelist.";
        assert_eq!(parse(format!("{refusal}\n").as_bytes()), ZooKeeperOutcome::Garbled(refusal.into()));
    }

    #[test]
    fn no_answer_and_half_an_answer_are_no_whole_answer() {
        assert_eq!(parse(b""), ZooKeeperOutcome::TimedOut);
        let mode = LEADER.windows(MODE.len()).position(|w| w == MODE).unwrap();
        for cut in b"Zookeeper version:".len()..mode + MODE.len() + b"leader".len() {
            assert_eq!(parse(&LEADER[..cut]), ZooKeeperOutcome::TimedOut, "cut after {cut} bytes");
        }
    }

    #[test]
    fn a_stranger_is_named_by_the_beginning_of_its_words() {
        let ZooKeeperOutcome::Garbled(words) = parse(b"HTTP/1.1 400 Bad Request\r\n\r\n") else {
            panic!("not garbled")
        };
        assert_eq!(words, "not a ZooKeeper's reply to srvr: \"HTTP/1.1 400 Bad Request\\r\"");
        let ZooKeeperOutcome::Garbled(words) = parse(&[0xff; 4096]) else { panic!("not garbled") };
        assert!(words.len() < 600, "{} bytes of words", words.len());
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_outcome(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            assert_eq!(parse_with_zxid(&bytes).0, parse(&bytes));
        }

        #[test]
        fn a_changed_real_reply_has_an_outcome(at in 0..LEADER.len(), byte: u8, cut in 0..LEADER.len()) {
            let mut reply = LEADER.to_vec();
            reply[at] = byte;
            parse(&reply);
            parse(&reply[..cut]);
            parse(&reply[cut..]);
        }
    }
}
