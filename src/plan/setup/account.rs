//! User and group of the service: made where they are missing, and an existing user is kept as it is.
//!
//! Absent on purpose: passwords, home directories (`directories`), and mending somebody else's user.

use super::{Account, Deed, HOME, State, Step, Subject, USER};

/// Groups whose members may become root.
const POWERFUL: [&str; 3] = ["wheel", "sudo", "root"];

/// The step.
pub(super) fn step(account: &Account) -> Step {
    let step = |state| Step::new(Subject::Account, "user and group kafka", "both JVMs run as it, never as root", state);
    if let Some(words) = &account.trouble {
        return step(State::Cannot(words.clone()));
    }
    if account.user.as_ref().is_some_and(|user| user.uid == 0) {
        return step(State::Cannot("user kafka has uid 0, it is root: give it a uid of its own".to_owned()));
    }
    let shell = account.nologin.display().to_string();
    let mut deeds = Vec::new();
    if account.group.is_none() {
        deeds.push(Deed::run(&["groupadd", "--system", USER]));
    }
    if account.user.is_none() {
        deeds.push(Deed::run(&[
            "useradd",
            "--system",
            "--gid",
            USER,
            "--home-dir",
            HOME,
            "--no-create-home",
            "--shell",
            &shell,
            "--comment",
            "ZooKeeper and Kafka",
            USER,
        ]));
    }
    let words = match (&account.user, account.group) {
        (None, None) => "neither exists".to_owned(),
        (None, Some(_)) => "there is a group, and no user".to_owned(),
        (Some(_), None) => "there is a user, and no group of this name".to_owned(),
        (Some(user), Some(_)) => format!("uid {}, shell {}", user.uid, shown(&user.shell)),
    };
    let state = if deeds.is_empty() { State::Already(words) } else { State::Change(words) };
    let mut step = step(state).deeds(deeds);
    if let Some(user) = &account.user {
        step.warnings = warnings(user, account.group, &shell);
    }
    step
}

fn warnings(user: &super::User, group: Option<u32>, nologin: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    let closed = ["nologin", "false"].iter().any(|name| user.shell.rsplit('/').next() == Some(name));
    if !closed {
        warnings.push(format!(
            "user kafka has the shell {}: it is kept; the service needs none: usermod --shell {nologin} kafka",
            shown(&user.shell)
        ));
    }
    for name in POWERFUL.iter().filter(|name| user.groups.iter().any(|group| group == **name)) {
        warnings.push(format!(
            "user kafka is in group {name}: it is kept; whoever gets into a broker could become root: gpasswd --delete kafka {name}"
        ));
    }
    if group.is_some_and(|gid| gid != user.gid) {
        warnings.push(format!(
            "the first group of user kafka has gid {}, not the one of group kafka: the unit runs with group kafka all the same",
            user.gid
        ));
    }
    warnings
}

fn shown(shell: &str) -> &str {
    if shell.is_empty() { "/bin/sh (none is named)" } else { shell }
}
