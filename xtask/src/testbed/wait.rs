//! Waiting for a fact, with a limit and the last thing seen. Absent on purpose: sleeping "long enough".

use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::interrupt;

/// Pause between two looks: each look enters a node, which costs some milliseconds.
const PAUSE: Duration = Duration::from_millis(200);

/// Looks until there is an answer, or the limit is over: then the failure shows what was seen last.
pub fn await_fact<T>(limit: Instant, what: &str, mut look: impl FnMut() -> Result<T, String>) -> Outcome<T> {
    let begun = Instant::now();
    loop {
        let seen = match look() {
            Ok(found) => return Ok(found),
            Err(seen) => seen,
        };
        interrupt::check()?;
        if Instant::now() >= limit {
            let waited = begun.elapsed().as_secs_f64();
            return Err(Failure::new(format!("waited {waited:.1} s for {what}; last seen: {seen}")));
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thing_seen_is_said() {
        let mut looks = 0;
        let failed = await_fact::<()>(Instant::now(), "a sign", || {
            looks += 1;
            Err(format!("nothing, {looks} times"))
        });
        let words = failed.err().map(|failure| failure.chain()).unwrap_or_default();
        assert!(words.contains("for a sign; last seen: nothing, 1 times"), "{words}");
        assert_eq!(await_fact(Instant::now(), "a sign", || Ok(7)).ok(), Some(7));
    }
}
