//! `kafka-node check`: every finding with a good and a bad fact, what cannot be known, whole outputs for two machines, and the page that
//! explains each code.

#[path = "check/before_a_start.rs"]
mod before_a_start;
#[allow(dead_code)] // shared with the tests of the plan, which need more of it
#[path = "plan/builder.rs"]
mod builder;
#[path = "check/page.rs"]
mod page;
#[path = "check/survey.rs"]
mod survey;
#[path = "check/unit.rs"]
mod unit;
#[path = "check/whole.rs"]
mod whole;
