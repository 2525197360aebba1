//! `kafka-node setup`: the steps for machines in many states, and their deeds on a machine below another root, with programs of ours in
//! place of those that would change this one; last, the real verb as root in a mount namespace of its own.

#[path = "setup/machine.rs"]
mod machine;
#[path = "setup/real.rs"]
mod real;
#[path = "setup/release.rs"]
mod release;
#[path = "setup/states.rs"]
mod states;
#[path = "setup/steps.rs"]
mod steps;
