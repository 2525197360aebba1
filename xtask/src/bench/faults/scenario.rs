//! The faults, by name, and what each one is. Absent on purpose: doing them (`inject`).

use std::fmt;

use clap::ValueEnum;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// kill -9 of a broker that leads nothing
    KillFollower,
    /// kill -9 of a broker that leads partitions and is not the controller
    KillLeader,
    /// kill -9 of the controller
    KillController,
    /// SIGSTOP of a broker that leads partitions
    Freeze,
    /// OutOfMemoryError in a broker: connections that each claim a request of 100 MB
    OutOfMemory,
    /// kill -9 of a supervisor; started again after 1 s
    KillSupervisor,
    /// SIGSTOP of a supervisor; after 30 s killed and started again, as by systemd's watchdog
    HangSupervisor,
    /// SIGHUP to a supervisor (systemctl reload)
    Reload,
    /// kill -9 of one ZooKeeper
    KillZookeeper,
    /// Two ZooKeepers frozen, and whatever is started in their place, for a minute
    QuorumLost,
    /// Full load and forced full collections; no fault, and nothing may be restarted
    Soak,
}

/// Whose process a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// The broker: its JVM must be replaced.
    Broker,
    /// The supervisor: no JVM may be.
    Supervisor,
    /// ZooKeeper: its JVM must be replaced.
    ZooKeeper,
    /// Two ZooKeepers: no broker may be replaced.
    Quorum,
    /// Nobody.
    Nobody,
}

impl Scenario {
    /// All that end by themselves within minutes, in the order they run.
    pub const SHORT: [Self; 10] = [
        Self::KillFollower,
        Self::KillLeader,
        Self::KillController,
        Self::Freeze,
        Self::OutOfMemory,
        Self::KillSupervisor,
        Self::HangSupervisor,
        Self::Reload,
        Self::KillZookeeper,
        Self::QuorumLost,
    ];

    /// Whom it hits.
    pub fn victim(self) -> Victim {
        match self {
            Self::KillFollower | Self::KillLeader | Self::KillController | Self::Freeze | Self::OutOfMemory => {
                Victim::Broker
            }
            Self::KillSupervisor | Self::HangSupervisor | Self::Reload => Victim::Supervisor,
            Self::KillZookeeper => Victim::ZooKeeper,
            Self::QuorumLost => Victim::Quorum,
            Self::Soak => Victim::Nobody,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().as_ref().map_or("?", |value| value.get_name()))
    }
}
