//! What `kafka-node setup` would do: facts about the machine -> an ordered list of steps, each with what, why, how it stands, and its deeds.
//!
//! Pure: `host::setup` looks, does and verifies. A step is verified by judging fresh facts again: it must not want a change any more.
//! Absent on purpose: enabling the unit (the operator's own `systemctl enable --now`), rendered files and `myid` (each start writes
//! them), and undoing anything.

mod account;
mod archive;
mod deed;
mod directories;
mod facts;
mod firewall;
mod kafka;
mod sysctl;
mod unit;
mod words;

use std::path::PathBuf;

use crate::config::Config;

pub use archive::{Contents, Member, contents};
pub use deed::Deed;
pub use directories::{Wanted, wanted};
pub use facts::{
    Account, Archive, Directory, DirectoryState, Firewall, Foreign, KafkaFacts, Place, Rules, SetupFacts, SysctlFacts,
    User, Versioned, Zone,
};
pub use firewall::{lacks as firewall_lacks, ports_of_service};
pub use kafka::versioned_path;
pub use sysctl::{OURS as SYSCTL_FILE, place_of as sysctl_place, settings as sysctl_settings};
pub use words::{plan_words, step_words};

/// User and group of the service, as the unit has them.
pub const USER: &str = "kafka";
/// The user's home: where systemd and `tmpfiles.d` expect the state.
pub const HOME: &str = "/var/lib/kafka-node";

/// What the operator asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `--kafka`: the release to unpack, an absolute path.
    pub archive: Option<PathBuf>,
    /// `--sha512`: 128 hexadecimal digits in lower case, see [`checksum`].
    pub sha512: Option<String>,
    /// `--chown`: give existing content of data directories to the user too.
    pub chown: bool,
    /// `--zone`: a zone of firewalld other than its default.
    pub zone: Option<String>,
}

/// Which facts a step is judged by, and what is looked at again after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// User and group.
    Account,
    /// The service's directories.
    Directories,
    /// The release in `[kafka] home`.
    Kafka,
    /// firewalld.
    Firewall,
    /// Kernel settings.
    Sysctl,
    /// The unit's limits.
    Unit,
}

/// How a step stands before anything is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing to do; the words say what is there.
    Already(String),
    /// To be changed; the words say what is so at present.
    Change(String),
    /// Cannot be done; the words say why, and what to do. Nothing at all is done while one step is like this.
    Cannot(String),
    /// Left alone; the words say why, and what to do where something is to be done.
    Left(String),
}

/// One step of the set-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The facts it hangs on.
    pub subject: Subject,
    /// What shall be so, e.g. "directory /data/kafka"; no two steps of a list have the same.
    pub what: String,
    /// Why, in half a sentence.
    pub why: String,
    /// How it stands.
    pub state: State,
    /// What is done, in order. Empty unless the state is [`State::Change`].
    pub deeds: Vec<Deed>,
    /// What the operator should know besides.
    pub warnings: Vec<String>,
}

impl Step {
    fn new(subject: Subject, what: impl Into<String>, why: impl Into<String>, state: State) -> Step {
        Step { subject, what: what.into(), why: why.into(), state, deeds: Vec::new(), warnings: Vec::new() }
    }

    fn deeds(mut self, deeds: Vec<Deed>) -> Step {
        self.deeds = deeds;
        self
    }

    /// Something is to be done.
    pub fn changes(&self) -> bool {
        matches!(self.state, State::Change(_))
    }

    /// Why it cannot be done, where it cannot.
    pub fn obstacle(&self) -> Option<&str> {
        match &self.state {
            State::Cannot(words) => Some(words),
            State::Already(_) | State::Change(_) | State::Left(_) => None,
        }
    }
}

/// Every step, in the order in which they are done: nothing needs what comes after it.
pub fn steps(config: &Config, facts: &SetupFacts, request: &Request) -> Vec<Step> {
    let mut steps = vec![account::step(&facts.account)];
    steps.extend(directories::steps(config, facts, request));
    steps.extend(kafka::steps(config, &facts.kafka, request));
    steps.push(firewall::step(config, &facts.firewall));
    steps.push(sysctl::step(&facts.sysctl));
    steps.push(unit::step(facts.unit.as_deref()));
    steps
}

/// A SHA-512 as somebody copied it from a download page: any case, in groups, with the file's name before a colon or after the digits.
///
/// # Errors
/// What was expected.
pub fn checksum(text: &str) -> Result<String, String> {
    let digits = text.rsplit_once(':').map_or(text, |(_, digits)| digits);
    let hex = |word: &&str| word.chars().all(|c| c.is_ascii_hexdigit());
    let joined: String = digits.split_whitespace().take_while(hex).collect::<String>().to_ascii_lowercase();
    if joined.len() == 128 {
        return Ok(joined);
    }
    Err(format!(
        "expected a SHA-512, 128 hexadecimal digits as on the download page (spaces and case do not matter), not {} of them",
        joined.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_taken_as_the_download_page_writes_it() {
        let plain = "0d1a".repeat(32);
        let grouped = format!("kafka_2.13-2.6.0.tgz: {}", "0D1A 0D1A\n  ".repeat(16));
        for text in [plain.clone(), grouped, format!("{plain}  kafka_2.13-2.6.0.tgz\n")] {
            assert_eq!(checksum(&text), Ok(plain.clone()), "{text}");
        }
        for text in ["", "0d1a", "g".repeat(128).as_str(), "0".repeat(129).as_str()] {
            assert!(checksum(text).is_err(), "{text}");
        }
    }
}
