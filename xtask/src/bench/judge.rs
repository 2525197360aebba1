//! Serving, judged from outside and the same way for everybody: ZooKeeper's `srvr` shows a mode, and the broker
//! answers a Metadata request naming itself. Absent on purpose: kafka-node's own probers; a benchmark that used them
//! would measure one side with its own ruler.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest answer that is read.
const LONGEST: u64 = 64 * 1024;
/// `Metadata`, version 1: the first whose answer lists brokers while no topic is asked for.
const METADATA: [u8; 4] = [0, 3, 0, 1];

/// Does ZooKeeper serve there?
pub fn zookeeper_serves(address: Ipv4Addr, port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = connect(address, port)?;
        // No newline: ZooKeeper 3.5 closes a connection that has unread bytes, and with it the answer may be lost.
        stream.write_all(b"srvr")?;
        let mut text = String::new();
        stream.take(LONGEST).read_to_string(&mut text)?;
        Ok(text)
    };
    ask().is_ok_and(|text| text.lines().any(|line| line.starts_with("Mode: ")))
}

/// Does the broker of this id serve there?
pub fn broker_serves(address: Ipv4Addr, port: u16, id: i32) -> bool {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = connect(address, port)?;
        let mut request = vec![0, 0, 0, 19];
        request.extend(METADATA);
        request.extend(7_i32.to_be_bytes()); // correlation id
        request.extend([0, 5]); // length of the client id
        request.extend(b"bench");
        request.extend(0_i32.to_be_bytes()); // no topics
        stream.write_all(&request)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut answer = Vec::new();
        stream.take(u64::from(u32::from_be_bytes(length)).min(LONGEST)).read_to_end(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| broker_ids(&answer).is_some_and(|ids| ids.contains(&id)))
}

fn connect(address: Ipv4Addr, port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((address, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The ids of the brokers in a Metadata answer of version 1, after its length.
fn broker_ids(mut answer: &[u8]) -> Option<Vec<i32>> {
    let rest = &mut answer;
    if number(rest)? != 7 {
        return None;
    }
    let count = number(rest)?;
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(number(rest)?);
        skip_string(rest)?; // host
        number(rest)?; // port
        skip_string(rest)?; // rack
    }
    Some(ids)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    take(rest, 4)?.try_into().ok().map(i32::from_be_bytes)
}

/// A string with a length of two bytes; -1 stands for none.
fn skip_string(rest: &mut &[u8]) -> Option<()> {
    let length = i16::from_be_bytes(take(rest, 2)?.try_into().ok()?);
    take(rest, usize::try_from(length).unwrap_or(0)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 7, 0, 0, 0, 2];
        for id in [1, 2] {
            bytes.extend([0, 0, 0, id, 0, 1, b'h', 0, 0, 0x23, 0x84, 0xff, 0xff]);
        }
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn brokers_are_read_from_an_answer() {
        assert_eq!(broker_ids(&answer()), Some(vec![1, 2]));
    }

    #[test]
    fn an_answer_cut_anywhere_is_none() {
        let whole = answer();
        for end in 0..whole.len() - 8 {
            assert_eq!(broker_ids(&whole[..end]), None, "{end}");
        }
        assert_eq!(broker_ids(&[0, 0, 0, 9, 0, 0, 0, 0]), None);
    }

    #[test]
    fn nobody_there_is_not_serving() {
        let here = Ipv4Addr::new(127, 0, 20, 8);
        assert!(!zookeeper_serves(here, 2181) && !broker_serves(here, 9092, 1));
    }
}
