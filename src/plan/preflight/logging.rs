//! Findings about where a service's log lines come from and go to.
//!
//! Warnings all: a broker that serves and says nothing is better than none. Absent on purpose: what a log4j file says.

use crate::model::Role;

use super::{Finding, LoggingPath, LoggingSighting};

/// What it means that a path cannot be used.
pub(super) fn judge(role: Role, seen: &LoggingSighting) -> Finding {
    let (path, words) = (seen.path.display(), &seen.words);
    match seen.what {
        LoggingPath::Log4j => {
            let text =
                format!("[{role}] log4j {path} cannot be read ({words}): {role} would log nothing but errors of log4j");
            Finding::warn("log4j-unreadable", role, text, "mend the path, or leave log4j at \"auto\"".into())
        }
        LoggingPath::LogDir => {
            let text = format!("[paths] log_dir {path} cannot be written ({words}): the log goes to the journal only");
            let remedy = format!("make it and give it to the user that runs kafka-node (install -d -o kafka {path})");
            Finding::warn("log-dir-unwritable", role, text, remedy)
        }
    }
}
