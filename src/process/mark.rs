//! The mark that every JVM of ours carries in its environment: which run of which node it is, whatever the record says.
//!
//! A supervisor that dies between making a process and writing down its pid leaves a JVM that only this mark names. What
//! the JVM forks inherits the mark, so a run's own process is the one that leads its group. Absent on purpose: the record.
//!
//! Effects: reads `/proc`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::unistd::geteuid;

use crate::model::{Role, RunId};

use super::stat::{self, Identity};

/// Environment variable: `<role>/<run id in hex>`.
const RUN: &str = "KAFKA_NODE_RUN";
/// Environment variable: the `state_dir`, which tells two nodes of one machine apart.
const STATE: &str = "KAFKA_NODE_STATE";
/// The most of an environment that is read. The whole of arguments and environment is 2 MB at most by default, and ours is
/// the plan's few lines and this mark.
const ENVIRONMENT_CAP: u64 = 256 * 1024;

/// One run of one node of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMark {
    /// `[paths] state_dir`, spelled as in the configuration.
    pub state_dir: PathBuf,
    /// Which service it is.
    pub role: Role,
    /// Which life of it.
    pub run: RunId,
}

impl RunMark {
    /// The variables that the process gets beside those of its plan.
    pub(super) fn environment(&self) -> [(&'static str, OsString); 2] {
        [(RUN, format!("{}/{}", self.role, self.run).into()), (STATE, self.state_dir.clone().into_os_string())]
    }

    fn is_in(&self, environment: &[u8]) -> bool {
        self.environment().iter().all(|(name, value)| {
            environment.split(|byte| *byte == 0).any(|entry| {
                entry.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")) == Some(value.as_bytes())
            })
        })
    }

    /// The process of this run: the oldest that carries the mark and leads its group. `None`: there is none (or it is in the
    /// instant between fork and exec, in which it still shows its parent's environment).
    ///
    /// # Errors
    /// `/proc` cannot be listed, or a process of this user that leads a group cannot be looked at: it may be the one.
    pub(super) fn find(&self) -> io::Result<Option<Identity>> {
        let mut oldest: Option<Identity> = None;
        for (pid, stat) in own_processes()? {
            let leads = stat.group == pid && stat.lives();
            if leads && oldest.is_none_or(|found| stat.start_time < found.start_time) && self.is_carried_by(pid)? {
                oldest = Some(Identity { pid, start_time: stat.start_time });
            }
        }
        Ok(oldest)
    }

    /// What the run forked into its group `group` and left there, its leader gone. The number alone may be another's by now,
    /// so the mark is asked for too.
    pub(super) fn leftovers(&self, group: i32) -> Vec<i32> {
        let Ok(processes) = own_processes() else { return Vec::new() };
        let members = processes.into_iter().filter(|(_, stat)| stat.group == group && stat.lives());
        members.map(|(pid, _)| pid).filter(|pid| self.is_carried_by(*pid).unwrap_or(false)).collect()
    }

    fn is_carried_by(&self, pid: i32) -> io::Result<bool> {
        let mut environment = Vec::new();
        let read = File::open(format!("/proc/{pid}/environ"))
            .and_then(|file| file.take(ENVIRONMENT_CAP).read_to_end(&mut environment));
        match read {
            Ok(_) => Ok(self.is_in(&environment)),
            // Over in the meantime, or one of this user's that closed itself to looks (an agent of keys): no JVM of ours.
            Err(error) if stat::is_gone(&error) || error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Environment variable of a JVM: the configuration and node that its supervisor was started for. It is no part of the mark;
/// whoever makes the plan adds it.
pub const PLACE: &str = "KAFKA_NODE_PLACE";

/// The `state_dir` of the node that was started for `place`, by its marked processes: where else would one look when the
/// configuration cannot be read. Processes that cannot be looked at are passed over.
pub fn marked_state_dirs(place: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for (pid, _) in own_processes().unwrap_or_default() {
        let mut environment = Vec::new();
        let read = File::open(format!("/proc/{pid}/environ"))
            .and_then(|file| file.take(ENVIRONMENT_CAP).read_to_end(&mut environment));
        let value = |name: &str| {
            let mut entries = environment.split(|byte| *byte == 0);
            entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        };
        if let (Ok(_), Some(state), Some(of)) = (read, value(STATE), value(PLACE)) {
            let state = PathBuf::from(OsStr::from_bytes(state));
            if of == place.as_bytes() && !found.contains(&state) {
                found.push(state);
            }
        }
    }
    found
}

/// The processes of this user, ourselves left out.
fn own_processes() -> io::Result<Vec<(i32, stat::Stat)>> {
    let (user, own) = (geteuid().as_raw(), std::process::id());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()).filter(|pid| *pid != own);
        let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) else { continue };
        match entry.metadata().and_then(|meta| if meta.uid() == user { stat::stat(pid).map(Some) } else { Ok(None) }) {
            Ok(stat) => found.extend(stat.map(|stat| (pid, stat))),
            Err(error) if stat::is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_known_by_role_run_and_node_and_never_by_a_beginning() {
        let mark = RunMark { state_dir: "/var/lib/kafka-node".into(), role: Role::Kafka, run: RunId(0x1a) };
        let carried = |text: &str| mark.is_in(text.replace(' ', "\0").as_bytes());
        assert!(carried("A=b KAFKA_NODE_STATE=/var/lib/kafka-node KAFKA_NODE_RUN=kafka/1a "));
        assert!(carried("KAFKA_NODE_RUN=kafka/1a KAFKA_NODE_STATE=/var/lib/kafka-node"));
        for other in [
            "KAFKA_NODE_RUN=kafka/1ab KAFKA_NODE_STATE=/var/lib/kafka-node",
            "KAFKA_NODE_RUN=zookeeper/1a KAFKA_NODE_STATE=/var/lib/kafka-node",
            "KAFKA_NODE_RUN=kafka/1a KAFKA_NODE_STATE=/var/lib/kafka-node2",
            "XKAFKA_NODE_RUN=kafka/1a KAFKA_NODE_STATE=/var/lib/kafka-node",
            "KAFKA_NODE_RUN=kafka/1a",
            "",
        ] {
            assert!(!carried(other), "{other}");
        }
    }
}
