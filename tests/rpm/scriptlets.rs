//! The scriptlets as rpm would run them, with every command on their PATH a stub that notes its call: which commands an install, an
//! upgrade and a removal give, on machines of each kind. Absent on purpose: what those commands do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{golden, query};

/// Every command that a scriptlet may call. One that is not here is not found, as on a machine without it.
const COMMANDS: [&str; 14] = [
    "firewall-cmd",
    "getent",
    "groupadd",
    "journalctl",
    "readlink",
    "sleep",
    "systemctl",
    "systemd-sysctl",
    "systemd-sysusers",
    "systemd-tmpfiles",
    "timeout",
    "useradd",
    "userdel",
    "rm",
];

/// A machine and what is done to it.
struct Case {
    name: &'static str,
    /// Scriptlets with their argument, in rpm's order.
    runs: &'static [(&'static str, &'static str)],
    /// What the stubs answer: arms of a shell's `case`, over the whole command line. Without an arm: nothing, and success.
    answers: &'static [&'static str],
}

const NO_USER: &str = "'getent '*) exit 2;;";
const NO_FIREWALL: &str = "firewall-cmd*) exit 252;;";
const DOWN: &str = "'systemctl show '*) echo MainPID=0;; 'systemctl is-active '*) echo inactive; exit 3;;";
const RUNS: &str = "'systemctl show '*) echo MainPID=4711;; 'systemctl is-active '*) echo active;;";
const TAKEN: &str = "'readlink '*) echo /usr/bin/kafka-node;;";
const OLD: &str = "'readlink '*) echo '/usr/bin/kafka-node (deleted)';;";
const GONE: &str = "'readlink '*) exit 1;;";

const INSTALL: &[(&str, &str)] = &[("pre", "1"), ("post", "1"), ("posttrans", "0")];
/// The new package's %pre and %post, the old one's %preun and %postun, the new one's %posttrans.
const UPGRADE: &[(&str, &str)] = &[("pre", "2"), ("post", "2"), ("preun", "1"), ("postun", "1"), ("posttrans", "0")];
const REMOVAL: &[(&str, &str)] = &[("preun", "0"), ("postun", "0")];

const CASES: &[Case] = &[
    Case {
        name: "install on a new CentOS 7, firewalld runs",
        runs: INSTALL,
        answers: &[NO_USER, "systemd-sysusers*) exit 127;;", DOWN],
    },
    Case { name: "install where the user is there, no firewalld", runs: INSTALL, answers: &[NO_FIREWALL, DOWN] },
    Case {
        name: "install where no user can be made",
        runs: &[("pre", "1")],
        answers: &[NO_USER, "useradd*) exit 1;;"],
    },
    Case { name: "upgrade of a running node", runs: UPGRADE, answers: &[RUNS, TAKEN] },
    Case { name: "upgrade of a node that is down", runs: UPGRADE, answers: &[DOWN] },
    Case { name: "upgrade, and the supervisor refuses the reload", runs: UPGRADE, answers: &[RUNS, OLD] },
    Case { name: "upgrade, and the reload hangs", runs: UPGRADE, answers: &["timeout*) exit 124;;", RUNS, OLD] },
    Case { name: "upgrade, and the watchdog ends a hung supervisor", runs: UPGRADE, answers: &[RUNS, GONE] },
    Case {
        name: "upgrade of a node that waits for its quorum",
        runs: UPGRADE,
        answers: &["'systemctl is-active '*) echo activating; exit 3;;", RUNS, TAKEN],
    },
    Case {
        name: "upgrade of a node that is being stopped",
        runs: UPGRADE,
        answers: &["'systemctl is-active '*) echo deactivating; exit 3;;", RUNS, OLD],
    },
    Case { name: "removal of a running node, no firewalld", runs: REMOVAL, answers: &[NO_FIREWALL, DOWN] },
    Case {
        name: "removal, and a zone of firewalld has both services",
        runs: REMOVAL,
        answers: &[DOWN, "*--get-zones) echo public work;;", "*--zone=work*--query*) exit 1;;"],
    },
    Case {
        name: "removal, and the unit cannot be stopped",
        runs: &[("preun", "0")],
        answers: &["'systemctl stop '*) exit 1;;", RUNS],
    },
];

#[test]
fn every_scriptlet_is_sound_for_every_shell() {
    for shell in ["/bin/sh", "/bin/bash"].iter().filter(|shell| Path::new(shell).exists()) {
        for tag in ["PREIN", "POSTIN", "PREUN", "POSTUN", "POSTTRANS"] {
            let dir = tempfile::tempdir().expect("a directory");
            let script = dir.path().join(tag);
            fs::write(&script, query(&["--queryformat", &format!("%{{{tag}}}")])).expect("a script");
            let checked = Command::new(shell).arg("-n").arg(&script).output().expect("a shell");
            assert!(checked.status.success(), "{shell} {tag}: {}", String::from_utf8_lossy(&checked.stderr));
            assert_eq!(query(&["--queryformat", &format!("%{{{tag}PROG}}")]), "/bin/sh");
        }
    }
}

#[test]
fn the_commands_of_install_upgrade_and_removal_are_the_golden_ones() {
    let all: Vec<String> = CASES.iter().map(play).collect();
    golden("commands", &all.join("\n"));
}

#[test]
fn an_upgrade_reloads_and_never_stops_restarts_or_kills() {
    for case in CASES.iter().filter(|case| case.runs == UPGRADE) {
        let told = play(case);
        for line in told.lines().filter(|line| line.contains("systemctl")) {
            let verb = line.trim().trim_start_matches("timeout 60 ").split_whitespace().nth(1).unwrap_or_default();
            let harmless = ["daemon-reload", "show", "is-active", "reload"].contains(&verb)
                || line.trim() == "systemctl kill --kill-who=main --signal=HUP kafka-node.service";
            assert!(harmless || line.contains("|"), "{}: {line}", case.name);
        }
        assert!(told.lines().filter(|line| line.starts_with('%')).all(|line| line.ends_with("-> 0")), "{told}");
    }
    let reloads = |name: &str| {
        let case = CASES.iter().find(|case| case.name == name).expect(name);
        play(case).contains("\n    systemctl reload kafka-node.service\n")
    };
    assert!(reloads("upgrade of a running node"));
    assert!(reloads("upgrade, and the supervisor refuses the reload"));
    assert!(!reloads("upgrade of a node that is down"));
}

#[test]
fn nobodys_data_is_removed() {
    for tag in ["PREIN", "POSTIN", "PREUN", "POSTUN", "POSTTRANS"] {
        let text = query(&["--queryformat", &format!("%{{{tag}}}")]);
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            for word in line.split(|c: char| !(c.is_alphanumeric() || "-/".contains(c))) {
                assert!(
                    !["rm", "rmdir", "userdel", "groupdel", "find", "mv", "chown"].contains(&word),
                    "{tag}: {line}"
                );
                assert!(!word.starts_with("/data") && !word.starts_with("/etc/kafka-node"), "{tag}: {line}");
            }
        }
    }
}

#[test]
fn a_machine_without_any_of_the_commands_is_no_failure() {
    let dir = tempfile::tempdir().expect("a directory");
    for (scriptlet, argument) in [("post", "1"), ("post", "2"), ("posttrans", "0"), ("preun", "0"), ("postun", "0")] {
        let (status, words) = run(dir.path(), scriptlet, argument);
        assert_eq!(status, Some(0), "{scriptlet} {argument}: {words}");
    }
}

/// All of a case: each scriptlet with its status, the commands it gave, and after `|` what it said.
fn play(case: &Case) -> String {
    let mut told = format!("== {} ==\n", case.name);
    for (scriptlet, argument) in case.runs {
        let dir = tempfile::tempdir().expect("a directory");
        let calls = dir.path().join("calls");
        fs::write(&calls, "").expect("a file");
        for command in COMMANDS {
            let arms = case.answers.join("\n");
            // `timeout` runs what it is given, unless an arm ends it before.
            let stub = format!(
                "#!/bin/sh\nline=\"${{0##*/}} $*\"\nprintf '%s\\n' \"$line\" >>{}\ncase $line in\n{arms}\nesac\n[ \"${{0##*/}}\" != timeout ] || {{ shift; exec \"$@\"; }}\n",
                calls.display()
            );
            let path = dir.path().join(command);
            fs::write(&path, stub).expect("a stub");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        let (status, words) = run(dir.path(), scriptlet, argument);
        let status = status.map_or_else(|| "killed".to_owned(), |code| code.to_string());
        told.push_str(&format!("%{scriptlet} {argument} -> {status}\n"));
        let mut repeated: Vec<(String, u32)> = Vec::new();
        for call in fs::read_to_string(&calls).expect("calls").lines() {
            match repeated.iter_mut().rev().take(2).find(|(before, _)| before == call) {
                Some((_, count)) => *count += 1,
                None => repeated.push((call.to_owned(), 1)),
            }
        }
        for (call, count) in repeated {
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            told.push_str(&format!("    {}{times}\n", call.trim_end()));
        }
        words.lines().for_each(|line| told.push_str(&format!("    | {line}\n")));
    }
    told
}

/// Runs a scriptlet of the package with these commands alone, and says how it ended and what it printed.
fn run(commands: &Path, scriptlet: &str, argument: &str) -> (Option<i32>, String) {
    let tag = match scriptlet {
        "pre" => "PREIN",
        "post" => "POSTIN",
        "preun" => "PREUN",
        "postun" => "POSTUN",
        _ => "POSTTRANS",
    };
    // The one command that is on nobody's PATH.
    let text =
        query(&["--queryformat", &format!("%{{{tag}}}")]).replace("/usr/lib/systemd/systemd-sysctl", "systemd-sysctl");
    let script = commands.join("scriptlet");
    fs::write(&script, text).expect("a script");
    let cat = commands.join("cat");
    if !cat.exists() {
        std::os::unix::fs::symlink("/bin/cat", cat).expect("a link");
    }
    let output =
        Command::new("/bin/sh").arg(&script).arg(argument).env_clear().env("PATH", commands).output().expect("a shell");
    let words = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // What a missing command is called is the shell's own business.
    let words = words.lines().filter(|line| !line.contains("not found")).map(|line| format!("{line}\n")).collect();
    (output.status.code(), words)
}
