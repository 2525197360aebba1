//! Limits: shown, not set. The unit gives them to the service, whatever `/etc/security/limits.d` says.
//!
//! Absent on purpose: drop-ins that change them (`check` looks at those), and enabling the unit.

use super::{State, Step, Subject};

/// The step that never does anything.
pub(super) fn step(unit: Option<&str>) -> Step {
    let limits: Vec<&str> = unit.into_iter().flat_map(str::lines).filter(|line| line.starts_with("Limit")).collect();
    let state = match (unit, limits.is_empty()) {
        (None, _) => State::Left(
            "kafka-node.service is not installed (the package brings it); a run by hand has those of its shell"
                .to_owned(),
        ),
        (Some(_), true) => State::Left("kafka-node.service sets none".to_owned()),
        (Some(_), false) => State::Already(format!("the unit sets {}", limits.join(", "))),
    };
    Step::new(
        Subject::Unit,
        "limits of the service",
        "a descriptor for each log segment and connection, a thread for each task",
        state,
    )
}
