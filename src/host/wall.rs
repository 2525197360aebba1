//! A word to everybody who is logged in: why the machine does not go down yet.
//!
//! Absent on purpose: the console, where systemd itself says what it waits for.

use std::time::Duration;

use super::programs::{Programs, Within, words};

/// The most that `wall` may take: a terminal that is held (^S) keeps it.
const LIMIT: Duration = Duration::from_secs(5);

/// Writes `text` on every terminal where somebody is logged in and lets others write. On its stdin, since `wall` of util-linux
/// 2.23 takes a word for the name of a file. Waits for it: 5 s at most.
///
/// # Errors
/// There is no such program, or it fails; in words. Nobody may have read it even where it succeeds.
pub fn wall(text: &str) -> Result<(), String> {
    let within = Within(LIMIT);
    if !within.has("wall") {
        return Err("there is no wall on this machine".to_owned());
    }
    let answer = within.feed(&words(&["wall"]), &format!("{}\n", text.trim_end()))?;
    if answer.is_ok() { Ok(()) } else { Err(format!("wall: {}", answer.words())) }
}
