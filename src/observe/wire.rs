//! The little of Kafka's protocol that a liveness probe needs: two requests, and a reader of replies that never builds a tree.
//!
//! Pure, and bounded by construction: a reply is consumed as it arrives, in chunks of any size, and nothing is ever allocated by a
//! length that came over the wire. What a reply holds is walked by a [`Layout`], in `wire_versions` and `wire_metadata`. Absent on purpose: everything
//! richer, which is `cluster::kafka`'s and does trust the lengths it reads.

use std::fmt;

/// API keys and versions, chosen so that every broker from 2.6 to 3.9 speaks them: ApiVersions v0 and Metadata v1 are both
/// older than flexible encodings, and Metadata v1 is the first that can ask for no topic at all.
pub const API_VERSIONS: (i16, i16) = (18, 0);
/// See [`API_VERSIONS`].
pub const METADATA: (i16, i16) = (3, 1);

/// How we name ourselves to the broker, for its request log.
const CLIENT: &[u8] = b"kafka-node";

/// Which topics Metadata is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topics {
    /// None: brokers and controller only.
    None,
    /// Every topic of the cluster.
    All,
}

/// A whole ApiVersions request, its length in front.
pub fn api_versions_request(correlation: i32) -> Vec<u8> {
    request(API_VERSIONS, correlation, &[])
}

/// A whole Metadata request, its length in front.
pub fn metadata_request(correlation: i32, topics: Topics) -> Vec<u8> {
    let count: i32 = match topics {
        Topics::None => 0,
        Topics::All => -1,
    };
    request(METADATA, correlation, &count.to_be_bytes())
}

fn request((key, version): (i16, i16), correlation: i32, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 4];
    frame.extend_from_slice(&key.to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&correlation.to_be_bytes());
    frame.extend_from_slice(&(CLIENT.len() as i16).to_be_bytes());
    frame.extend_from_slice(CLIENT);
    frame.extend_from_slice(body);
    let length = (frame.len() - 4) as i32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// How a reply breaks the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The frame's length is negative, or too small for the smallest reply.
    Length(i32),
    /// The frame is longer than we are willing to read.
    TooLong {
        /// Its length in bytes.
        length: u32,
        /// What is read at most, in bytes.
        cap: u32,
    },
    /// The reply is to another request.
    Correlation {
        /// The id that the reply carries.
        got: i32,
        /// The id of our request.
        expected: i32,
    },
    /// A length inside the frame is negative where it may not be.
    Negative {
        /// What it is the length of.
        what: &'static str,
        /// The length.
        value: i32,
    },
    /// The frame ends before its content does.
    Short {
        /// The field it ends in.
        what: &'static str,
    },
    /// This many bytes are left over after the content.
    Trailing(u32),
    /// The broker answers with an error code.
    Code {
        /// The API that was asked.
        what: &'static str,
        /// Kafka's code.
        code: i16,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Length(length) => write!(f, "a frame of {length} bytes"),
            WireError::TooLong { length, cap } => write!(f, "a reply of {length} bytes, where {cap} are read at most"),
            WireError::Correlation { got, expected } => {
                write!(f, "a reply to request {got}, where {expected} was asked")
            }
            WireError::Negative { what, value } => write!(f, "{value} as the length of {what}"),
            WireError::Short { what } => write!(f, "a frame that ends in {what}"),
            WireError::Trailing(bytes) => write!(f, "a frame with {bytes} bytes after its content"),
            WireError::Code { what, code } => write!(f, "error code {code} to {what}"),
        }
    }
}

/// The content of one kind of reply: a walk from field to field, each 1, 2 or 4 bytes wide.
pub trait Layout {
    /// The field that comes next: its name and its width in bytes; `None` once the content is over.
    fn next(&self) -> Option<(&'static str, usize)>;

    /// Takes in that field (sign-extended); says how many bytes after it are to be skipped.
    fn take(&mut self, value: i32) -> Result<u32, WireError>;
}

/// Reads one reply: length, correlation id, then the fields of `L`.
#[derive(Debug)]
pub struct Reply<L> {
    layout: L,
    cap: u32,
    correlation: i32,
    head: Head,
    /// Bytes of the frame that have not been consumed; meaningless before its length is read.
    left: u32,
    /// Bytes of the frame to skip before the next field.
    skip: u32,
    field: [u8; 4],
    filled: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Length,
    Correlation,
    Content,
}

/// Whether a reply needs more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// All bytes were consumed and the reply goes on.
    More,
    /// The reply is whole; `spare` bytes at the end of the chunk do not belong to it.
    Whole {
        /// Bytes left unconsumed. A peer that answers one request at a time leaves none.
        spare: usize,
    },
}

impl<L: Layout> Reply<L> {
    /// A reader for the reply to request `correlation`, of at most `cap` bytes after its length.
    pub fn new(layout: L, correlation: i32, cap: u32) -> Reply<L> {
        Reply { layout, cap, correlation, head: Head::Length, left: 0, skip: 0, field: [0; 4], filled: 0 }
    }

    /// Consumes a chunk of what the peer sent.
    pub fn feed(&mut self, mut chunk: &[u8]) -> Result<Fed, WireError> {
        loop {
            if self.skip > 0 {
                let skipped = chunk.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
                chunk = chunk.get(skipped..).unwrap_or_default();
                self.skip -= skipped as u32;
                self.left -= skipped as u32;
                if self.skip > 0 {
                    return Ok(Fed::More);
                }
            }
            let (what, width) = match self.head {
                Head::Length => ("its length", 4),
                Head::Correlation => ("its correlation id", 4),
                Head::Content => match self.layout.next() {
                    Some(field) => field,
                    None if self.left > 0 => return Err(WireError::Trailing(self.left)),
                    None => return Ok(Fed::Whole { spare: chunk.len() }),
                },
            };
            if self.head != Head::Length && (self.left as usize) < width - self.filled {
                return Err(WireError::Short { what });
            }
            while self.filled < width {
                let Some((byte, rest)) = chunk.split_first() else { return Ok(Fed::More) };
                self.field[self.filled] = *byte;
                self.filled += 1;
                chunk = rest;
                if self.head != Head::Length {
                    self.left -= 1;
                }
            }
            self.filled = 0;
            self.field_done(what, width)?;
        }
    }

    /// What was read, once a feed said [`Fed::Whole`].
    pub fn into_layout(self) -> L {
        self.layout
    }

    fn field_done(&mut self, what: &'static str, width: usize) -> Result<(), WireError> {
        let [a, b, c, d] = self.field;
        let value = match width {
            1 => i32::from(a as i8),
            2 => i32::from(i16::from_be_bytes([a, b])),
            _ => i32::from_be_bytes([a, b, c, d]),
        };
        match self.head {
            Head::Length => {
                self.left = u32::try_from(value).map_err(|_| WireError::Length(value))?;
                if self.left < 4 {
                    return Err(WireError::Length(value));
                }
                if self.left > self.cap {
                    return Err(WireError::TooLong { length: self.left, cap: self.cap });
                }
                self.head = Head::Correlation;
            }
            Head::Correlation if value != self.correlation => {
                return Err(WireError::Correlation { got: value, expected: self.correlation });
            }
            Head::Correlation => self.head = Head::Content,
            Head::Content => {
                self.skip = self.layout.take(value)?;
                if self.skip > self.left {
                    return Err(WireError::Short { what });
                }
            }
        }
        Ok(())
    }
}

/// A count is believed as it stands: the frame ends the walk long before a lie could cost anything.
pub(super) fn count(what: &'static str, value: i32) -> Result<i32, WireError> {
    if value < 0 { Err(WireError::Negative { what, value }) } else { Ok(value) }
}
