//! One connection to one broker: framing with a cap, versions by ApiVersions, a limit on everything, and errors that name the
//! broker and the API. The calls themselves are in `kafka_topics`, `kafka_cluster` and `kafka_records`.
//!
//! `kafka-protocol` allocates by lengths it reads from the wire, so a hostile broker can abort this process: used in the process
//! of a command (`verify`, `can-reboot`), never in the supervisor, whose probes are `observe`'s. Absent on purpose: TLS, SASL,
//! pipelining, connection pools.
//!
//! Effects: one TCP connection, every call under a limit.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, DescribeConfigsRequest, DescribeConfigsResponse, ElectLeadersRequest, ElectLeadersResponse,
    FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse, ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse,
    RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::observe::dial::{self, NoConnection};

/// Longer replies are refused. The metadata of 10,000 partitions with three replicas has half a MiB.
const FRAME_CAP: u32 = 16 * 1024 * 1024;

/// An API by name, and the versions of it that the code here is written for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api {
    /// As Kafka's documentation spells it.
    pub name: &'static str,
    /// Lowest version understood.
    pub low: i16,
    /// Highest version understood.
    pub high: i16,
}

/// A request and what answers it. The crate's own trait for this wants the server's half of every message too.
pub(super) trait Request: Encodable + HeaderVersion {
    /// The API's key on the wire.
    const KEY: ApiKey;
    /// What answers it.
    type Response: Decodable + HeaderVersion;
}

macro_rules! requests {
    ($($request:ident $key:ident $response:ident;)*) => {$(
        impl Request for $request {
            const KEY: ApiKey = ApiKey::$key;
            type Response = $response;
        }
    )*};
}

requests! {
    ApiVersionsRequest ApiVersions ApiVersionsResponse;
    MetadataRequest Metadata MetadataResponse;
    CreateTopicsRequest CreateTopics CreateTopicsResponse;
    DeleteTopicsRequest DeleteTopics DeleteTopicsResponse;
    DescribeConfigsRequest DescribeConfigs DescribeConfigsResponse;
    ProduceRequest Produce ProduceResponse;
    FetchRequest Fetch FetchResponse;
    ListOffsetsRequest ListOffsets ListOffsetsResponse;
    ListPartitionReassignmentsRequest ListPartitionReassignments ListPartitionReassignmentsResponse;
    ElectLeadersRequest ElectLeaders ElectLeadersResponse;
}

/// Every broker speaks version 0, and answers it without knowing its client.
const API_VERSIONS: Api = Api { name: "ApiVersions", low: 0, high: 0 };

/// A call that failed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaError {
    /// `host:port` of the broker.
    pub address: String,
    /// The API that was called.
    pub api: &'static str,
    /// How it failed.
    pub kind: KafkaErrorKind,
}

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KafkaErrorKind {
    /// There is no connection.
    NoConnection(NoConnection),
    /// No whole answer within this time.
    TimedOut(Duration),
    /// The connection broke; the system's words.
    Broken(String),
    /// The answer breaks the protocol, in words.
    Garbled(String),
    /// The broker speaks these versions of the API, or none, and the client others.
    Version(Option<(i16, i16)>),
    /// The broker answers, and refuses: Kafka's name for the reason, and its own words where it has any.
    Refused {
        /// The code by its name.
        code: ResponseError,
        /// The broker's own words; may be empty.
        words: String,
    },
}

impl KafkaError {
    /// Whether the broker was reached and answered at all.
    pub fn answered(&self) -> bool {
        matches!(self.kind, KafkaErrorKind::Refused { .. } | KafkaErrorKind::Version(_))
    }

    /// Whether the broker refused for this reason.
    pub fn is(&self, reason: ResponseError) -> bool {
        matches!(&self.kind, KafkaErrorKind::Refused { code, .. } if *code == reason)
    }

    /// Whether Kafka's clients would ask again: leaders move, and news of a topic takes its time.
    pub fn is_retriable(&self) -> bool {
        matches!(&self.kind, KafkaErrorKind::Refused { code, .. } if code.is_retriable())
    }
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: ", self.api, self.address)?;
        match &self.kind {
            KafkaErrorKind::NoConnection(failure) => write!(f, "{failure}"),
            KafkaErrorKind::TimedOut(limit) => write!(f, "no answer within {:.1} s", limit.as_secs_f64()),
            KafkaErrorKind::Broken(words) => write!(f, "the connection broke: {words}"),
            KafkaErrorKind::Garbled(words) => write!(f, "not an answer of a broker: {words}"),
            KafkaErrorKind::Version(Some((low, high))) => {
                write!(f, "the broker speaks versions {low} to {high}, which this kafka-node does not")
            }
            KafkaErrorKind::Version(None) => f.write_str("the broker does not have this API"),
            KafkaErrorKind::Refused { code, words } if words.is_empty() => write!(f, "{code:?}"),
            KafkaErrorKind::Refused { code, words } => write!(f, "{code:?} ({words})"),
        }
    }
}

impl std::error::Error for KafkaError {}

/// A broker to call. Connects when it is first called, and again after a call that failed below the protocol.
#[derive(Debug)]
pub struct BrokerClient {
    address: String,
    link: Option<Link>,
    correlation: i32,
}

#[derive(Debug)]
struct Link {
    stream: TcpStream,
    /// API key -> lowest and highest version.
    versions: BTreeMap<i16, (i16, i16)>,
}

impl BrokerClient {
    /// A client of the broker at `address` (`host:port`).
    pub fn new(address: String) -> BrokerClient {
        BrokerClient { address, link: None, correlation: 0 }
    }

    /// `host:port` of the broker.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Connects and learns the broker's versions, where that has not been done.
    pub async fn connect(&mut self, limit: Duration) -> Result<(), KafkaError> {
        let result = match tokio::time::timeout(limit, self.linked()).await {
            Err(_) => Err(KafkaErrorKind::TimedOut(limit)),
            Ok(Err(kind)) => Err(kind),
            Ok(Ok(link)) => {
                self.link = Some(link);
                Ok(())
            }
        };
        result.map_err(|kind| self.error(API_VERSIONS, kind))
    }

    /// One request and its answer, in the highest version that both sides speak, within `limit` for everything.
    pub(super) async fn call<R: Request>(
        &mut self,
        api: Api,
        limit: Duration,
        request: &R,
    ) -> Result<R::Response, KafkaError> {
        match tokio::time::timeout(limit, self.exchange(api, request)).await {
            Err(_) => Err(self.error(api, KafkaErrorKind::TimedOut(limit))),
            Ok(Err(kind)) => Err(self.error(api, kind)),
            Ok(Ok(answer)) => Ok(answer),
        }
    }

    /// The error for a code inside an answer; `None` for code 0.
    pub(super) fn refusal(&self, api: Api, code: i16, words: Option<&StrBytes>) -> Option<KafkaError> {
        let code = ResponseError::try_from_code(code)?;
        let words = words.map(|words| words.as_str().to_owned()).unwrap_or_default();
        Some(self.error(api, KafkaErrorKind::Refused { code, words }))
    }

    /// The error for an answer that lacks what was asked for.
    pub(super) fn lacks(&self, api: Api, what: &str) -> KafkaError {
        self.error(api, KafkaErrorKind::Garbled(format!("it says nothing of {what}")))
    }

    pub(super) fn error(&self, api: Api, kind: KafkaErrorKind) -> KafkaError {
        KafkaError { address: self.address.clone(), api: api.name, kind }
    }

    /// The link is out of `self` while it is used: a call that fails, or is dropped at its limit, drops the link with it.
    async fn exchange<R: Request>(&mut self, api: Api, request: &R) -> Result<R::Response, KafkaErrorKind> {
        let mut link = self.linked().await?;
        let spoken = link.versions.get(&(R::KEY as i16)).copied();
        let Some(version) = spoken.and_then(|(low, high)| agree(api, low, high)) else {
            self.link = Some(link);
            return Err(KafkaErrorKind::Version(spoken));
        };
        self.correlation = self.correlation.wrapping_add(1);
        let answer = round_trip(&mut link.stream, request, version, self.correlation).await?;
        self.link = Some(link);
        Ok(answer)
    }

    async fn linked(&mut self) -> Result<Link, KafkaErrorKind> {
        if let Some(link) = self.link.take() {
            return Ok(link);
        }
        let mut stream = dial::connect(&self.address).await.map_err(KafkaErrorKind::NoConnection)?;
        self.correlation = self.correlation.wrapping_add(1);
        let answer =
            round_trip(&mut stream, &ApiVersionsRequest::default(), API_VERSIONS.high, self.correlation).await?;
        if let Some(code) = ResponseError::try_from_code(answer.error_code) {
            return Err(KafkaErrorKind::Refused { code, words: String::new() });
        }
        let versions = answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect();
        Ok(Link { stream, versions })
    }
}

/// The highest version that both sides speak.
fn agree(api: Api, low: i16, high: i16) -> Option<i16> {
    let version = api.high.min(high);
    (version >= api.low.max(low)).then_some(version)
}

async fn round_trip<R: Request>(
    stream: &mut TcpStream,
    request: &R,
    version: i16,
    correlation: i32,
) -> Result<R::Response, KafkaErrorKind> {
    let broken = |error: std::io::Error| KafkaErrorKind::Broken(error.to_string());
    let garbled = |error: &dyn fmt::Display| KafkaErrorKind::Garbled(error.to_string());
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str("kafka-node")));
    let mut content = BytesMut::new();
    header.encode(&mut content, R::header_version(version)).map_err(|error| garbled(&error))?;
    request.encode(&mut content, version).map_err(|error| garbled(&error))?;
    let mut frame = Vec::with_capacity(content.len() + 4);
    frame.extend_from_slice(&(content.len() as u32).to_be_bytes());
    frame.extend_from_slice(&content);
    stream.write_all(&frame).await.map_err(broken)?;

    let length = stream.read_u32().await.map_err(broken)?;
    if length > FRAME_CAP {
        return Err(KafkaErrorKind::Garbled(format!("{length} bytes, where {FRAME_CAP} are read at most")));
    }
    // Grows with what arrives, not with what was announced.
    let mut answer = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut answer).await.map_err(broken)?;
    if answer.len() as u64 != u64::from(length) {
        return Err(KafkaErrorKind::Broken("closed in mid-answer".into()));
    }
    let mut answer = Bytes::from(answer);
    let header =
        ResponseHeader::decode(&mut answer, R::Response::header_version(version)).map_err(|error| garbled(&error))?;
    if header.correlation_id != correlation {
        let got = header.correlation_id;
        return Err(KafkaErrorKind::Garbled(format!("an answer to request {got}, where {correlation} was asked")));
    }
    R::Response::decode(&mut answer, version).map_err(|error| garbled(&error))
}

pub(super) fn named(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

pub(super) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_settle_on_the_highest_version_they_share() {
        let api = Api { name: "Fetch", low: 4, high: 11 };
        assert_eq!(agree(api, 0, 9), Some(9));
        assert_eq!(agree(api, 0, 17), Some(11));
        assert_eq!(agree(api, 12, 17), None);
        assert_eq!(agree(api, 0, 3), None);
    }

    #[test]
    fn an_error_names_the_api_the_broker_and_the_reason() {
        let client = BrokerClient::new("kafkanode1:9092".into());
        let error =
            client.refusal(API_VERSIONS, 36, Some(&StrBytes::from_static_str("Topic 't' already exists."))).unwrap();
        assert_eq!(error.to_string(), "ApiVersions at kafkanode1:9092: TopicAlreadyExists (Topic 't' already exists.)");
        assert!(error.answered() && error.is(ResponseError::TopicAlreadyExists) && !error.is_retriable());
        assert_eq!(client.refusal(API_VERSIONS, 0, None), None);
    }
}
