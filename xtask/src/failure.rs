//! What went wrong in a task, as a chain of causes: each step outwards says what was being done.
//! Absent on purpose: kinds of failure. Whoever runs a task reads the words; no code decides by them.

use std::error::Error;
use std::fmt;

/// The result of every step of a task.
pub type Outcome<T> = Result<T, Failure>;

/// A failure in words, with the cause below it. Its own text never repeats that of its cause.
#[derive(Debug)]
pub struct Failure {
    words: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that has no deeper cause than these words.
    pub fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), cause: None }
    }

    /// The whole chain, outermost first, for the one place that prints it.
    pub fn chain(&self) -> String {
        let mut text = self.words.clone();
        let mut next = self.source();
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

/// Says what was being done when something failed: a verb phrase that fits after "failed to".
pub trait During<T> {
    /// Wraps the error, if there is one, into a [`Failure`] with these words.
    fn during(self, what: impl FnOnce() -> String) -> Outcome<T>;
}

impl<T, E: Error + Send + Sync + 'static> During<T> for Result<T, E> {
    fn during(self, what: impl FnOnce() -> String) -> Outcome<T> {
        self.map_err(|cause| Failure { words: what(), cause: Some(Box::new(cause)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_reads_from_the_outside_in() {
        let inner: Outcome<()> = Err(Failure::new("no such jar"));
        let outer = inner.during(|| "check the jars".into()).during(|| "fetch Kafka".into());
        assert_eq!(
            outer.err().map(|failure| failure.chain()).as_deref(),
            Some("fetch Kafka: check the jars: no such jar")
        );
    }
}
