//! Serving, judged from outside and the same way for everybody: ZooKeeper's `srvr` shows a mode, and the broker
//! answers a Metadata request naming itself. Absent on purpose: kafka-node's own probers; a benchmark that used them
//! would measure one side with its own ruler.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long an election may take.
const ELECTION: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const LONGEST: u64 = 64 * 1024;
/// `Metadata`, version 1: the first whose answer lists brokers while no topic is asked for.
const METADATA: [u8; 4] = [0, 3, 0, 1];
/// `ElectLeaders`, version 1: the first that says which election.
const ELECT_LEADERS: [u8; 4] = [0, 43, 0, 1];
/// The number that an answer repeats.
const CORRELATION: i32 = 7;

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
    metadata(address, port, None).is_some_and(|metadata| metadata.brokers.contains(&id))
}

/// What a broker says of the cluster, and of one topic if asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// The brokers' ids.
    pub brokers: Vec<i32>,
    /// The controller's id; -1 for none.
    pub controller: i32,
    /// The partitions of the topic.
    pub partitions: Vec<Partition>,
}

/// A partition as a broker knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number.
    pub id: i32,
    /// Its leader; -1 for none.
    pub leader: i32,
    /// The brokers that have it.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub isr: Vec<i32>,
}

/// Asks the broker there.
pub fn metadata(address: Ipv4Addr, port: u16, topic: Option<&str>) -> Option<Metadata> {
    let mut body = i32::from(topic.is_some()).to_be_bytes().to_vec(); // how many topics
    body.extend(topic.map(string).unwrap_or_default());
    parse(&ask(address, port, METADATA, &body, PATIENCE).ok()?)
}

/// Has the controller give these partitions, each of a topic, back to their first replicas; `None` where it does not answer, or
/// refuses the whole of it.
pub fn elect_preferred(controller: Ipv4Addr, port: u16, partitions: &[(&str, i32)]) -> Option<()> {
    let mut body = vec![0]; // preferred
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    body.extend(i32::try_from(topics.len()).ok()?.to_be_bytes());
    for (topic, partitions) in topics {
        body.extend(string(topic));
        body.extend(i32::try_from(partitions.len()).ok()?.to_be_bytes());
        body.extend(partitions.into_iter().flat_map(i32::to_be_bytes));
    }
    body.extend(i32::try_from(ELECTION.as_millis()).ok()?.to_be_bytes());
    let answer = ask(controller, port, ELECT_LEADERS, &body, PATIENCE + ELECTION).ok()?;
    let rest = &mut answer.as_slice();
    (number(rest)? == CORRELATION).then_some(())?;
    number(rest)?; // throttled for
    (take(rest, 2)? == [0, 0]).then_some(())
}

/// One request and its answer, after its length.
fn ask(address: Ipv4Addr, port: u16, head: [u8; 4], body: &[u8], patience: Duration) -> std::io::Result<Vec<u8>> {
    let mut stream = connect(address, port)?;
    stream.set_read_timeout(Some(patience))?;
    let mut request = head.to_vec();
    request.extend(CORRELATION.to_be_bytes());
    request.extend(string("bench"));
    request.extend(body);
    stream.write_all(&u32::try_from(request.len()).unwrap_or(0).to_be_bytes())?;
    stream.write_all(&request)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = Vec::new();
    stream.take(u64::from(u32::from_be_bytes(length)).min(LONGEST)).read_to_end(&mut answer)?;
    Ok(answer)
}

/// A string with a length of two bytes before it.
fn string(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(0);
    length.to_be_bytes().into_iter().chain(text.bytes().take(usize::from(length))).collect()
}

fn connect(address: Ipv4Addr, port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((address, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A Metadata answer of version 1, after its length.
fn parse(mut answer: &[u8]) -> Option<Metadata> {
    let rest = &mut answer;
    if number(rest)? != CORRELATION {
        return None;
    }
    let mut metadata = Metadata::default();
    for _ in 0..number(rest)? {
        metadata.brokers.push(number(rest)?);
        skip_string(rest)?; // host
        number(rest)?; // port
        skip_string(rest)?; // rack
    }
    metadata.controller = number(rest)?;
    for _ in 0..number(rest)? {
        take(rest, 2)?; // error
        skip_string(rest)?; // name
        take(rest, 1)?; // internal?
        for _ in 0..number(rest)? {
            take(rest, 2)?; // error
            let (id, leader) = (number(rest)?, number(rest)?);
            metadata.partitions.push(Partition { id, leader, replicas: numbers(rest)?, isr: numbers(rest)? });
        }
    }
    Some(metadata)
}

fn numbers(rest: &mut &[u8]) -> Option<Vec<i32>> {
    (0..number(rest)?).map(|_| number(rest)).collect()
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
        bytes.extend([0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, b't', 0, 0, 0, 0, 1]);
        bytes.extend([0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1]);
        bytes
    }

    #[test]
    fn an_answer_is_read() {
        let partition = Partition { id: 4, leader: 1, replicas: vec![1, 2], isr: vec![1] };
        let expected = Metadata { brokers: vec![1, 2], controller: 2, partitions: vec![partition] };
        assert_eq!(parse(&answer()), Some(expected));
    }

    #[test]
    fn an_answer_cut_anywhere_is_none() {
        let whole = answer();
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), None, "{end}");
        }
        assert_eq!(parse(&[0, 0, 0, 9, 0, 0, 0, 0]), None);
    }

    #[test]
    fn a_string_has_its_length_before_it() {
        assert_eq!(string("ab"), [0, 2, b'a', b'b']);
    }

    #[test]
    fn nobody_there_is_not_serving() {
        let here = Ipv4Addr::new(127, 0, 20, 8);
        assert!(!zookeeper_serves(here, 2181) && !broker_serves(here, 9092, 1));
    }
}
