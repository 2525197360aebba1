//! What stands in an ApiVersions v0 reply: looked through for one API while it passes by. Pure.
//!
//! Layout after clients/src/main/resources/common/message/ApiVersionsResponse.json of Kafka 2.6. Absent on purpose: a table of all APIs.

use super::wire::{Layout, WireError, count};

/// ApiVersions v0: which versions of one API the broker speaks.
#[derive(Debug)]
pub struct Versions {
    key: i32,
    step: VersionsStep,
    left: i32,
    here: bool,
    low: i32,
    /// Lowest and highest version of the API asked about, where the broker has it.
    pub found: Option<(i32, i32)>,
}

#[derive(Clone, Copy, Debug)]
enum VersionsStep {
    Error,
    Count,
    Key,
    Low,
    High,
    End,
}

impl Versions {
    /// Looks for the API `key`.
    pub fn of(key: i16) -> Versions {
        Versions { key: i32::from(key), step: VersionsStep::Error, left: 0, here: false, low: 0, found: None }
    }
}

impl Layout for Versions {
    fn next(&self) -> Option<(&'static str, usize)> {
        Some(match self.step {
            VersionsStep::Error => ("the error code", 2),
            VersionsStep::Count => ("the number of APIs", 4),
            VersionsStep::Key => ("an API's key", 2),
            VersionsStep::Low => ("an API's lowest version", 2),
            VersionsStep::High => ("an API's highest version", 2),
            VersionsStep::End => return None,
        })
    }

    fn take(&mut self, value: i32) -> Result<u32, WireError> {
        self.step = match self.step {
            VersionsStep::Error => {
                refuse("ApiVersions", value)?;
                VersionsStep::Count
            }
            VersionsStep::Count => {
                self.left = count("the list of APIs", value)?;
                if self.left > 0 { VersionsStep::Key } else { VersionsStep::End }
            }
            VersionsStep::Key => {
                self.here = value == self.key;
                VersionsStep::Low
            }
            VersionsStep::Low => {
                self.low = value;
                VersionsStep::High
            }
            VersionsStep::High => {
                if self.here {
                    self.found = Some((self.low, value));
                }
                self.left -= 1;
                if self.left > 0 { VersionsStep::Key } else { VersionsStep::End }
            }
            VersionsStep::End => VersionsStep::End,
        };
        Ok(0)
    }
}

fn refuse(what: &'static str, code: i32) -> Result<(), WireError> {
    match i16::try_from(code) {
        Ok(0) => Ok(()),
        Ok(code) => Err(WireError::Code { what, code }),
        Err(_) => Err(WireError::Code { what, code: i16::MIN }),
    }
}
