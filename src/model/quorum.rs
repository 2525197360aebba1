//! A ZooKeeper server's part in its quorum, as `srvr` tells it.

use std::fmt;

/// The `Mode:` line of a `srvr` reply. A server that has one serves clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuorumRole {
    /// Leads the quorum.
    Leader,
    /// Follows the leader and votes.
    Follower,
    /// Follows without a vote.
    Observer,
    /// The only server of its ensemble.
    Standalone,
}

impl QuorumRole {
    /// The word that ZooKeeper itself uses.
    pub fn as_str(self) -> &'static str {
        match self {
            QuorumRole::Leader => "leader",
            QuorumRole::Follower => "follower",
            QuorumRole::Observer => "observer",
            QuorumRole::Standalone => "standalone",
        }
    }
}

impl fmt::Display for QuorumRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
