//! Virtual time of the world: nanoseconds since its beginning. Every node's own clock stands at another offset.

/// Nanoseconds of virtual time.
pub type Time = u64;

/// A millisecond.
pub const MS: Time = 1_000_000;
/// A second.
pub const SEC: Time = 1000 * MS;
/// A minute.
pub const MIN: Time = 60 * SEC;

/// A length of virtual time as a `Duration`.
pub fn long(time: Time) -> std::time::Duration {
    std::time::Duration::from_nanos(time)
}

/// A `Duration` as a length of virtual time.
pub fn short(duration: std::time::Duration) -> Time {
    duration.as_nanos() as Time
}
