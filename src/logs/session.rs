//! A broker's log lines -> the ZooKeeper session that it has. Pure.
//!
//! The text is that of ClientCnxn.java, the client that Kafka brings along: "sessionid = 0x" up to ZooKeeper 3.5, "session id = 0x"
//! from 3.6 on (Kafka 2.7 to 3.9). Absent on purpose: whether that session still lives (`cluster` asks), and levels and layout.

use std::sync::LazyLock;

use crate::model::SessionId;

use super::find::Words;

static ESTABLISHED: LazyLock<Words> = LazyLock::new(|| Words::new("Session establishment complete on server "));
/// The words before the number, which hold it apart from any address before them. Without its first letters, so that
/// both spellings are one.
static NUMBER: LazyLock<Words> = LazyLock::new(|| Words::new("id = 0x"));
/// Digits of 64 bits.
const MOST_DIGITS: usize = 16;
/// The number stands behind the date, the sentence and one address; host names have 253 bytes at most.
const LINE_CAP: usize = 1024;

/// Watches the output of one run for the sessions that it is given. A run that lost one gets another: the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionWatch {
    last: Option<SessionId>,
}

impl SessionWatch {
    /// A watch for a run that has not said anything yet.
    pub fn new() -> SessionWatch {
        SessionWatch::default()
    }

    /// Takes in one line of the run's output; the session, where this line names one.
    pub fn line(&mut self, line: &[u8]) -> Option<SessionId> {
        let found = session_of(line.get(..LINE_CAP).unwrap_or(line));
        self.last = found.or(self.last);
        found
    }

    /// The session that was named last.
    pub fn last(&self) -> Option<SessionId> {
        self.last
    }
}

/// The number is a Java long, printed as the hexadecimal digits of its bits: the highest `myid`s make it negative.
fn session_of(line: &[u8]) -> Option<SessionId> {
    let digits = NUMBER.after(ESTABLISHED.after(line)?)?;
    let length = digits.iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_hexdigit()).count();
    if length > MOST_DIGITS {
        return None;
    }
    // A number at the line's very end may have been cut: the server's timeout always follows.
    let (digits, rest) = digits.split_at(length);
    if !rest.starts_with(b",") {
        return None;
    }
    let bits = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some(SessionId(bits.cast_signed()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, expected: Option<i64>) {
        assert_eq!(SessionWatch::new().line(line.as_bytes()), expected.map(SessionId), "{line}");
    }

    #[test]
    fn both_spellings_name_their_session() {
        let layout = "[2020-08-06 10:11:12,345] INFO Session establishment complete on server";
        check(
            &format!(
                "{layout} localhost/127.0.0.1:2181, sessionid = 0x100019b71110000, negotiated timeout = 18000 (o.a.z.ClientCnxn)"
            ),
            Some(0x0100_019b_7111_0000),
        );
        check(
            &format!(
                "{layout} kafkanode2/10.0.2.5:2181, session id = 0x2000012345, negotiated timeout = 18000 (o.a.z.C)"
            ),
            Some(0x20_0001_2345),
        );
        check(
            "Session establishment complete on server a/1.2.3.4:1, sessionid = 0xff00000000000001, negotiated timeout = 6000",
            Some(-0x00ff_ffff_ffff_ffff),
        );
    }

    #[test]
    fn what_is_no_such_line_names_none() {
        check(
            "[2020-08-06 10:11:12,345] INFO Session: 0x100019b71110000 closed (org.apache.zookeeper.ZooKeeper)",
            None,
        );
        check("Session establishment complete on server a/1.2.3.4:1, sessionid = 0x, negotiated timeout = 6000", None);
        check("Session establishment complete on server a/1.2.3.4:1, sessionid = 0x10000", None);
        check(
            "Session establishment complete on server a, sessionid = 0x10000000000000000, negotiated timeout = 1",
            None,
        );
        check("", None);
    }

    #[test]
    fn the_last_session_is_remembered() {
        let mut watch = SessionWatch::new();
        for id in ["0x1", "0x2"] {
            watch.line(format!("Session establishment complete on server a, sessionid = {id}, negotiated").as_bytes());
            watch.line(b"[2020-08-06 10:11:12,345] INFO anything else");
        }
        assert_eq!(watch.last(), Some(SessionId(2)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(head in proptest::collection::vec(any::<u8>(), 0..40), tail in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut line = head;
            line.extend_from_slice(b"Session establishment complete on server ");
            line.extend_from_slice(b"sessionid = 0x");
            line.extend_from_slice(&tail);
            let _ = SessionWatch::new().line(&line);
        }
    }
}
