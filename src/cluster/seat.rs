//! Who writes to what the supervisors share: this node, on this machine, in this boot.
//!
//! Effects: reads the machine's id and the boot's, marks the boot in `runtime_dir`, and the wall clock, for times that people read.
//!
//! Absent on purpose: what is written.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use crate::config::Config;
use crate::gate::fingerprint;
use crate::model::{NodeName, date_and_time};

/// By systemd, once for each installation; the second place is older, and often a link to the first.
const MACHINE: &[&str] = &["/etc/machine-id", "/var/lib/dbus/machine-id"];
/// By the kernel, for each boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// By the kernel, another one at each reading.
const RANDOM: &str = "/proc/sys/kernel/random/uuid";
/// Our own mark of a boot, in `runtime_dir`.
const MARK: &str = "boot-id";

/// One node, as it signs what it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Its name.
    pub node: NodeName,
    /// Its machine's id. Nodes can share a machine: the two together are a holder of the lock.
    pub machine: String,
    /// The boot that lasts.
    pub boot: String,
    /// The supervisor's process and program start, whatever its caller tells two of them apart by.
    pub life: String,
    /// The version of this kafka-node.
    pub version: String,
    /// The fingerprint of its configuration.
    pub config: String,
}

impl Seat {
    /// This node on this machine. The error says in words why machine or boot are not known.
    pub fn here(config: &Config, life: String) -> Result<Seat, String> {
        Ok(Seat {
            node: config.this_node().name.clone(),
            machine: machine(MACHINE)?,
            boot: boot(&config.paths.runtime_dir)?,
            life,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config: fingerprint(config),
        })
    }
}

/// The boot: the kernel's id of it, and a mark of our own in `runtime_dir`, which a boot empties.
///
/// In a container the kernel's id is its host's wherever `/proc` was mounted anew, as `ProtectProc=` of our unit does: a reboot
/// would look like none, and be done again (seen on systemd-nspawn). Where no mark can be made, as for a command of somebody who
/// may not, the kernel's id stands alone.
fn boot(runtime_dir: &Path) -> Result<String, String> {
    let kernel = id(BOOT)?;
    let place = runtime_dir.join(MARK);
    let read = || fs::read_to_string(&place).ok().map(|mark| mark.trim().to_owned()).filter(|mark| is_id(mark));
    let mark = read().or_else(|| {
        let fresh = id(RANDOM).ok()?;
        let mut file = fs::File::create_new(&place).ok()?;
        file.write_all(fresh.as_bytes()).ok()?;
        read() // what stands there, whoever was first
    });
    Ok(mark.map_or_else(|| kernel.clone(), |mark| format!("{kernel}/{mark}")))
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn machine(places: &[&str]) -> Result<String, String> {
    let mut refused = Vec::new();
    for place in places {
        match id(place) {
            Ok(id) => return Ok(id),
            Err(words) => refused.push(words),
        }
    }
    Err(format!("this machine has no id (systemd-machine-id-setup makes one): {}", refused.join("; ")))
}

fn id(path: &str) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let id = text.trim();
    // "uninitialized" stands there in an image that has not booted yet, and would be every machine's.
    match is_id(id) {
        true => Ok(id.to_owned()),
        false => Err(format!("{path} holds no id")),
    }
}

/// The time by this machine's clock, RFC 3339 in UTC: for people, nobody reckons with it.
pub(super) fn wall_clock() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}Z", date_and_time(since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_with_an_id_counts_and_none_is_said_in_words() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        let none = dir.path().join("none").display().to_string();
        let (empty, unmade) = (file("empty", "\n"), file("unmade", "uninitialized\n"));
        let good = file("good", "0123456789abcdef0123456789abcdef\n");
        let found = machine(&[&none, &empty, &unmade, &good]);
        assert_eq!(found.as_deref(), Ok("0123456789abcdef0123456789abcdef"));
        let words = machine(&[&none, &unmade]).expect_err("no id");
        assert!(words.contains("no id") && words.contains(&none) && words.contains("unmade holds no id"), "{words}");
    }

    #[test]
    fn the_boot_of_this_machine_is_known() {
        assert_eq!(id(BOOT).map(|id| id.len()), Ok(36));
        assert!(wall_clock().ends_with('Z') && wall_clock().len() == 20);
    }

    #[test]
    fn a_boot_is_the_same_until_its_mark_is_gone() {
        let run = tempfile::tempdir().expect("a directory");
        let first = boot(run.path()).expect("a boot");
        assert_eq!(boot(run.path()), Ok(first.clone()));
        fs::remove_file(run.path().join(MARK)).expect("the mark");
        let next = boot(run.path()).expect("a boot");
        assert!(next != first && next.starts_with(&id(BOOT).expect("the kernel's")), "{first} {next}");
        fs::write(run.path().join(MARK), "not an id\n").expect("garbled");
        assert_eq!(boot(run.path()), id(BOOT));
        assert_eq!(boot(Path::new("/nowhere")), id(BOOT));
    }
}
