//! From what was asked to journalctl's arguments: a pure function, since what an operator relies on is the match.
//!
//! SYSLOG_IDENTIFIER is the match and not the unit: on systemd 219 a record sent just before the sender's end can lose its
//! `_SYSTEMD_UNIT`. With `kafka-node` come systemd's own words about the unit, which are systemd's records. Options are those
//! that 219 knows, in the long form that it knows. Absent on purpose: times, whose many forms journalctl itself judges.

use crate::logs::Origin;
use crate::model::RunId;

/// What the service is called by systemd.
const UNIT: &str = "kafka-node.service";
/// Between terms of which one is enough.
const OR: &str = "+";

/// Everything that was asked, judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Whose records; none named means all three.
    pub origins: Vec<Origin>,
    pub follow: bool,
    pub priority: Option<Priorities>,
    pub since: Option<String>,
    pub until: Option<String>,
    pub lines: Option<u64>,
    pub boot: Option<Boot>,
    pub grep: Option<String>,
    pub explain: bool,
    pub output: Option<String>,
    pub run: Option<RunId>,
    /// Whatever is in the journal, whoever said it.
    pub all_units: bool,
    /// Journal files elsewhere than in the machine's own place.
    pub directory: Option<String>,
}

/// From the loudest to the quietest, in the numbers of syslog(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Priorities {
    loudest: u8,
    quietest: u8,
}

/// Which boot of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Boot {
    /// The present one.
    This,
    /// As journalctl takes it: an id of 32 hexadecimal digits, an offset such as -1, or both.
    Named(String),
}

/// The arguments, without the program.
pub(super) fn argv(asked: &Asked) -> Vec<String> {
    let mut argv: Vec<String> = Vec::new();
    let mut flag = |set: bool, text: &str| argv.extend(set.then(|| text.to_owned()));
    flag(asked.follow, "--follow");
    flag(asked.explain, "--catalog");
    flag(asked.boot == Some(Boot::This), "--boot");
    let mut valued = |name: &str, value: Option<String>| argv.extend(value.map(|value| format!("--{name}={value}")));
    if let Some(Boot::Named(boot)) = &asked.boot {
        valued("boot", Some(boot.clone()));
    }
    valued("directory", asked.directory.clone());
    valued("lines", asked.lines.map(|lines| lines.to_string()));
    valued("priority", asked.priority.map(Priorities::text));
    valued("since", asked.since.clone());
    valued("until", asked.until.clone());
    valued("output", asked.output.clone());
    valued("grep", asked.grep.clone());
    argv.extend(matches(asked));
    argv
}

/// The terms that say whose records.
fn matches(asked: &Asked) -> Vec<String> {
    let run = asked.run.map(|run| format!("KAFKA_NODE_RUN={run}"));
    if asked.all_units {
        return run.into_iter().collect();
    }
    let chosen = |origin: &Origin| asked.origins.is_empty() || asked.origins.contains(origin);
    let origins: Vec<Origin> = Origin::ALL.into_iter().filter(chosen).collect();
    // Systemd's words are about no run.
    if asked.run.is_some() || !origins.contains(&Origin::KafkaNode) {
        return origins.iter().flat_map(|origin| ["-t".to_owned(), origin.as_str().to_owned()]).chain(run).collect();
    }
    let mut ways: Vec<Vec<String>> =
        origins.iter().map(|origin| vec![format!("SYSLOG_IDENTIFIER={}", origin.as_str())]).collect();
    // What journalctl -u adds to the unit's own records: of systemd alone, since anybody may send a field named UNIT.
    ways.push(vec!["_PID=1".to_owned(), format!("UNIT={UNIT}")]);
    if origins.len() == Origin::ALL.len() {
        // Whatever else the unit's processes print, under whatever name. With fewer services it would bring in the others.
        ways.push(vec![format!("_SYSTEMD_UNIT={UNIT}")]);
    }
    ways.join(&OR.to_owned())
}

impl Priorities {
    fn text(self) -> String {
        match self.loudest {
            0 => self.quietest.to_string(),
            loudest => format!("{loudest}..{}", self.quietest),
        }
    }
}

/// `warning`, `4`, `WARN`: that and everything louder; `err..warning`: from one to the other.
pub(super) fn priorities(text: &str) -> Result<Priorities, String> {
    let (loudest, quietest) = match text.split_once("..") {
        None => (0, number(text)?),
        Some((one, other)) => {
            let (one, other) = (number(one)?, number(other)?);
            (one.min(other), one.max(other))
        }
    };
    Ok(Priorities { loudest, quietest })
}

/// The names of log4j and of syslog(3), and the latter's numbers.
fn number(text: &str) -> Result<u8, String> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "0" | "emerg" | "emergency" | "panic" => 0,
        "1" | "alert" => 1,
        "2" | "crit" | "critical" | "fatal" => 2,
        "3" | "err" | "error" => 3,
        "4" | "warning" | "warn" => 4,
        "5" | "notice" => 5,
        "6" | "info" => 6,
        "7" | "debug" | "trace" => 7,
        _ => return Err(
            "expected fatal, error, warning, info or debug, a number from 0 to 7, or a range such as error..warning"
                .to_owned(),
        ),
    })
}

/// An id, an offset, or both, as in `0123..cdef-1`.
pub(super) fn boot(text: &str) -> Result<Boot, String> {
    const ID_DIGITS: usize = 32;
    let id = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    let (id, offset) = if id == ID_DIGITS { text.split_at(id) } else { ("", text) };
    let digits = offset.strip_prefix(['-', '+']).unwrap_or(offset);
    let counts = !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let signed = digits.len() < offset.len();
    match (id.is_empty(), offset.is_empty()) {
        (false, true) => Ok(Boot::Named(text.to_owned())),
        (false, false) if counts && signed => Ok(Boot::Named(text.to_owned())),
        (true, false) if counts => Ok(Boot::Named(text.to_owned())),
        _ => Err("expected an offset such as -1 (the boot before this one) or the 32 digits of a boot's id".to_owned()),
    }
}

/// The id that records of the JVMs carry in KAFKA_NODE_RUN.
pub(super) fn run(text: &str) -> Result<RunId, String> {
    let digits = text.strip_prefix("KAFKA_NODE_RUN=").unwrap_or(text);
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u64::from_str_radix(digits, 16).ok().filter(|_| hexadecimal);
    id.map(RunId).ok_or_else(|| "expected the hexadecimal id that kafka-node history shows, such as a1f".to_owned())
}

/// journalctl's version and whether it can search, by the words of its `--version`.
pub(super) fn can_grep(version: &str) -> Result<(), String> {
    const SINCE: u32 = 237;
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    let number: u32 = number.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse().unwrap_or(0);
    let instead = "\n  help: leave --grep out and search what is printed: kafka-node logs .. -o cat | grep PATTERN; or narrow it by \
                   --priority, --since or a field: journalctl LOGGER=kafka.server.KafkaServer";
    if number < SINCE {
        let which = if number == 0 { "of this machine".to_owned() } else { format!("of systemd {number}") };
        return Err(format!("the journalctl {which} cannot search: --grep came with systemd {SINCE}{instead}"));
    }
    if version.contains("-PCRE2") {
        return Err(format!("the journalctl of this machine was built without PCRE2 and cannot search{instead}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: Asked, expected: &str) {
        assert_eq!(argv(&asked).join(" "), expected);
    }

    fn of(origins: &[Origin]) -> Asked {
        Asked { origins: origins.to_vec(), ..Asked::default() }
    }

    #[test]
    fn services_are_matched_by_identifier() {
        use Origin::{Kafka, KafkaNode, ZooKeeper};
        check(of(&[Kafka]), "-t kafka");
        check(of(&[ZooKeeper, Kafka]), "-t kafka -t zookeeper");
        check(of(&[KafkaNode]), "SYSLOG_IDENTIFIER=kafka-node + _PID=1 UNIT=kafka-node.service");
        check(
            of(&[KafkaNode, Kafka, Kafka]),
            "SYSLOG_IDENTIFIER=kafka + SYSLOG_IDENTIFIER=kafka-node + _PID=1 UNIT=kafka-node.service",
        );
        let all = "SYSLOG_IDENTIFIER=kafka + SYSLOG_IDENTIFIER=zookeeper + SYSLOG_IDENTIFIER=kafka-node + \
                   _PID=1 UNIT=kafka-node.service + _SYSTEMD_UNIT=kafka-node.service";
        check(of(&[]), all);
        check(of(&[KafkaNode, ZooKeeper, Kafka]), all);
        check(Asked { all_units: true, follow: true, ..Asked::default() }, "--follow");
    }

    #[test]
    fn a_run_is_matched_beside_the_identifiers() {
        let run = Some(RunId(0xa1f));
        check(Asked { run, ..of(&[Origin::Kafka]) }, "-t kafka KAFKA_NODE_RUN=a1f");
        check(Asked { run, ..of(&[]) }, "-t kafka -t zookeeper -t kafka-node KAFKA_NODE_RUN=a1f");
        check(Asked { run, all_units: true, ..of(&[]) }, "KAFKA_NODE_RUN=a1f");
    }

    #[test]
    fn every_option_is_passed_on_in_a_form_that_219_knows() {
        let asked = Asked {
            follow: true,
            priority: priorities("WARN").ok(),
            since: Some("-1h".into()),
            until: Some("2026-01-01 10:00".into()),
            lines: Some(20),
            boot: boot("-1").ok(),
            explain: true,
            output: Some("short-iso".into()),
            grep: Some("-v timed out".into()),
            directory: Some("/tmp/copy".into()),
            ..of(&[Origin::Kafka])
        };
        let expected = [
            "--follow",
            "--catalog",
            "--boot=-1",
            "--directory=/tmp/copy",
            "--lines=20",
            "--priority=4",
            "--since=-1h",
            "--until=2026-01-01 10:00",
            "--output=short-iso",
            "--grep=-v timed out",
            "-t",
            "kafka",
        ];
        assert_eq!(argv(&asked), expected);
        check(Asked { boot: Some(Boot::This), ..of(&[Origin::ZooKeeper]) }, "--boot -t zookeeper");
    }

    #[test]
    fn priorities_have_the_names_of_both_worlds() {
        let text = |asked: &str| priorities(asked).map(Priorities::text);
        for (asked, expected) in [
            ("fatal", "2"),
            ("ERROR", "3"),
            ("err", "3"),
            ("warning", "4"),
            ("WARN", "4"),
            ("notice", "5"),
            ("info", "6"),
            ("trace", "7"),
            ("0", "0"),
            ("7", "7"),
            ("err..warning", "3..4"),
            ("6..4", "4..6"),
            ("emerg..info", "6"),
        ] {
            assert_eq!(text(asked), Ok(expected.to_owned()), "{asked}");
        }
        for wrong in ["", "8", "-1", "loud", "warning..", "..", "3..4..5", "４"] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn boots_and_runs_are_judged_before_they_are_passed_on() {
        let id = "0123456789abcdef0123456789ABCDEF";
        for good in ["0", "-1", "+2", "1", id, &format!("{id}-1")] {
            assert_eq!(boot(good), Ok(Boot::Named(good.to_owned())));
        }
        for wrong in ["", "-", "yesterday", "--all", "0123", &id[..31], &format!("{id}x"), &format!("{id}1")] {
            assert!(wrong == "0123" || boot(wrong).is_err(), "{wrong}");
        }
        assert_eq!(run("a1F"), Ok(RunId(0xa1f)));
        assert_eq!(run("KAFKA_NODE_RUN=00ff"), Ok(RunId(255)));
        for wrong in ["", "run", "+1", "-1", "11112222333344445"] {
            assert!(run(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_journalctl_that_cannot_search_is_known_by_its_version() {
        let old = can_grep("systemd 219\n+PAM +AUDIT -IDN\n").expect_err("219 cannot");
        assert!(old.contains("systemd 219 cannot search") && old.contains("| grep PATTERN"), "{old}");
        assert!(can_grep("systemd 236 (236)\n+PAM").is_err());
        assert!(can_grep("systemd 252 (252.39-1~deb12u2)\n+PAM -PCRE2").is_err());
        assert!(can_grep("what").is_err());
        assert_eq!(can_grep("systemd 237\n+PAM +PCRE2"), Ok(()));
        assert_eq!(can_grep("systemd 252 (252.39-1~deb12u2)\n+PAM +PCRE2"), Ok(()));
    }
}
