//! What the exit codes of both JVMs mean by themselves, where nothing that was printed says more.
//!
//! Absent on purpose: signals, and every cause that is known otherwise (`cause`).

use super::Role;

/// 128 + SIGTERM: what a JVM exits with after its shutdown hooks ran.
pub(super) const JVM_TERMINATED: i32 = 143;

/// What is known of an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CodeWords {
    /// Empty where nothing is known.
    pub(super) meaning: &'static str,
    pub(super) remedy: &'static str,
    pub(super) restart_may_help: bool,
}

impl CodeWords {
    /// ZooKeeper's are those of 3.5.8 (server/ExitCode.java).
    pub(super) fn of(role: Role, code: i32) -> CodeWords {
        const READ: &str = "read the last lines it wrote in the journal; it is started again by itself";
        let (meaning, remedy, restart_may_help) = match (role, code) {
            (_, JVM_TERMINATED) => {
                ("a SIGTERM from outside", "find who sent the signal; it is started again by itself", true)
            }
            (Role::Kafka, 1) => ("the broker gave up starting, or halted on a fatal error", READ, true),
            (Role::Kafka, _) => ("", READ, true),
            (Role::ZooKeeper, 1) => ("unexpected error", READ, true),
            (Role::ZooKeeper, 2) => (
                "invalid configuration",
                "read the rendered zookeeper.properties (kafka-node plan) against the lines above, mend [zookeeper.properties]",
                false,
            ),
            (Role::ZooKeeper, 3) => (
                "cannot use the data directory",
                "make [zookeeper] data_dir exist and belong to the user that runs kafka-node",
                false,
            ),
            (Role::ZooKeeper, 4) => ("cannot start the admin server", READ, true),
            (Role::ZooKeeper, 10) => (
                "cannot read or write a snapshot",
                "check the disk of [zookeeper] data_dir: a snapshot could not be read or written",
                false,
            ),
            (Role::ZooKeeper, 12) => ("unmatched transaction commit", READ, true),
            (Role::ZooKeeper, 13) => ("error in a quorum packet", READ, true),
            (Role::ZooKeeper, 14) => (
                "cannot bind the election port",
                "find who holds the election port, or whether the node's own address is up",
                true,
            ),
            (Role::ZooKeeper, _) => ("", READ, true),
        };
        CodeWords { meaning, remedy, restart_may_help }
    }
}
