//! What `verify` found: one line a check, or one JSON object.

use std::fmt;

use serde_json::json;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Could not be checked in this cluster, and why.
    Note,
    /// Not as it should be.
    Failed,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// A stable word for scripts.
    pub code: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was checked; after a failure followed by the reason.
    pub text: String,
}

/// All checks, in the order they were done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The checks.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether no check failed, and at least one was done.
    pub fn ok(&self) -> bool {
        !self.checks.is_empty() && self.failed() == 0
    }

    /// The last line for people.
    pub fn summary(&self) -> String {
        let passed = self.checks.iter().filter(|check| check.outcome == Outcome::Ok).count();
        match self.failed() {
            0 => format!("all {passed} checks passed"),
            failed => format!("{failed} of {} checks failed", passed + failed),
        }
    }

    /// One JSON object; fields are added, never renamed.
    pub fn json(&self, exit: u8) -> String {
        let checks = self.checks.iter().map(|check| {
            let outcome = match check.outcome {
                Outcome::Ok => "ok",
                Outcome::Note => "note",
                Outcome::Failed => "failed",
            };
            json!({"check": check.code, "outcome": outcome, "text": check.text})
        });
        json!({"ok": self.ok(), "exit": exit, "checks": checks.collect::<Vec<_>>()}).to_string()
    }

    fn failed(&self) -> usize {
        self.checks.iter().filter(|check| check.outcome == Outcome::Failed).count()
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.outcome {
            Outcome::Ok => write!(f, "ok   {}", self.text),
            Outcome::Note => write!(f, "note {}", self.text),
            Outcome::Failed => write!(f, "FAIL {}", self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_json_say_the_same() {
        let check = |outcome, text: &str| Check { code: "answers", outcome, text: text.into() };
        let report = Report { checks: vec![check(Outcome::Ok, "a answers"), check(Outcome::Failed, "b answers: no")] };
        assert_eq!(
            report.checks.iter().map(Check::to_string).collect::<Vec<_>>(),
            ["ok   a answers", "FAIL b answers: no"]
        );
        assert_eq!(report.summary(), "1 of 2 checks failed");
        let json = r#"{"checks":[{"check":"answers","outcome":"ok","text":"a answers"},{"check":"answers","outcome":"failed","text":"b answers: no"}],"exit":1,"ok":false}"#;
        assert_eq!(report.json(1), json);
    }

    #[test]
    fn a_report_without_checks_is_not_ok() {
        assert!(!Report::default().ok());
    }
}
