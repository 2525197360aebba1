//! What a configuration file may say -> merged with its drop-ins -> validated [`Config`]; errors for the person who typed it.

mod valid;

pub use valid::{
    Config, ConfigWarning, Gate, Heap, HttpConfig, JavaHome, JournalChoice, JvmOption, KafkaConfig, LogConfig, Node,
    Paths, Property, RebootConfig, StopConfig, WatchdogConfig, ZooKeeperConfig,
};
