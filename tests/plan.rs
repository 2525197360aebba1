//! The plan: whole plans as text, the founding document's files, and the findings before a start.

#[path = "plan/builder.rs"]
mod builder;
#[path = "plan/findings.rs"]
mod findings;
#[path = "plan/founding.rs"]
mod founding;
#[path = "plan/machine.rs"]
mod machine;
#[path = "plan/proof.rs"]
mod proof;
#[path = "plan/secrets.rs"]
mod secrets;
#[path = "plan/snapshots.rs"]
mod snapshots;
