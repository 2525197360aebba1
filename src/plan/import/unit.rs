//! What a unit file and its drop-ins say of a service: command, variables, user, limits. Read as systemd reads them.
//!
//! Absent on purpose: finding and reading the files (`host::import`), and what the variables mean (`jvm`).

use std::collections::BTreeMap;

use crate::model::Role;

/// A unit that starts a service by the stock scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Its files, the unit first.
    pub paths: Vec<String>,
    /// `Environment=`, over which the files of `EnvironmentFile=` are laid.
    pub environment: BTreeMap<String, String>,
    /// `EnvironmentFile=` in order; those with `true` may be missing.
    pub environment_files: Vec<(String, bool)>,
    /// `User=`.
    pub user: Option<String>,
    /// `LimitNOFILE=`, as written.
    pub open_files: Option<String>,
    /// `ExecStart=`, as written.
    pub exec_start: String,
    /// `--override key=value` of the broker's command line.
    pub overrides: Vec<(String, String)>,
}

/// What the command line runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The service.
    pub role: Role,
    /// Where Kafka is: the directory above `bin`.
    pub home: String,
    /// The properties file it names.
    pub properties: Option<String>,
}

const SCRIPTS: [(Role, &str); 2] =
    [(Role::ZooKeeper, "zookeeper-server-start.sh"), (Role::Kafka, "kafka-server-start.sh")];

impl Unit {
    /// Lays one more file over what is known: the unit itself, then its drop-ins.
    pub fn lay(&mut self, path: &str, text: &str) {
        self.paths.push(path.to_owned());
        let mut section = String::new();
        for line in joined(text) {
            let line = line.trim();
            if line.starts_with('[') {
                section = line.to_owned();
                continue;
            }
            let Some((key, value)) = line.split_once('=').filter(|_| section == "[Service]") else { continue };
            self.said(key.trim(), value.trim());
        }
    }

    fn said(&mut self, key: &str, value: &str) {
        match key {
            // An empty value takes back what stood before.
            "Environment" if value.is_empty() => self.environment.clear(),
            "Environment" => {
                let pairs = words(value);
                self.environment.extend(pairs.iter().filter_map(|pair| pair.split_once('=')).map(owned));
            }
            "EnvironmentFile" if value.is_empty() => self.environment_files.clear(),
            "EnvironmentFile" => {
                let may_miss = value.starts_with('-');
                self.environment_files.push((value.trim_start_matches('-').to_owned(), may_miss));
            }
            "ExecStart" => self.exec_start = value.trim_start_matches(['-', '@', '+', '!', ':']).to_owned(),
            "User" => self.user = (!value.is_empty()).then(|| value.to_owned()),
            "LimitNOFILE" => self.open_files = (!value.is_empty()).then(|| value.to_owned()),
            _ => {}
        }
    }

    /// Lays one `EnvironmentFile` over the variables.
    pub fn lay_environment(&mut self, text: &str) {
        for line in joined(text) {
            let line = line.trim();
            if line.starts_with(['#', ';']) {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.trim();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
            let inner = quote.and_then(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
            let key = key.trim().trim_start_matches("export ").trim();
            self.environment.insert(key.to_owned(), inner.unwrap_or(value).to_owned());
        }
    }

    /// What the command line runs, where it is one of the stock scripts; the overrides in it are kept.
    pub fn start(&mut self) -> Option<Start> {
        let mut line = self.exec_start.clone();
        for (key, value) in &self.environment {
            line = line.replace(&format!("${{{key}}}"), value).replace(&format!("${key}/"), &format!("{value}/"));
        }
        // `/bin/sh -c '... > log 2>&1'`: what is between the quotes counts too.
        let words: Vec<&str> = line.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let script_of = |word: &str| {
            let name = word.rsplit('/').next()?;
            SCRIPTS.iter().find(|(_, script)| *script == name).map(|(role, _)| *role)
        };
        let (at, role) = words.iter().enumerate().find_map(|(at, word)| Some((at, script_of(word)?)))?;
        let script = words.get(at)?;
        let home = script.rsplitn(3, '/').nth(2).filter(|home| !home.is_empty()).unwrap_or("/opt/kafka");
        let mut properties = None;
        let mut rest = words.iter().skip(at + 1).take_while(|word| !word.contains(['>', '|', ';', '&']));
        while let Some(word) = rest.next() {
            match *word {
                "--override" => self.overrides.extend(rest.next().and_then(|pair| pair.split_once('=')).map(owned)),
                word if word.starts_with('-') => {}
                word => properties = properties.or(Some(word.to_owned())),
            }
        }
        Some(Start { role, home: home.to_owned(), properties })
    }
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// Lines without comments, those that end in a backslash joined with the next.
fn joined(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let (part, continues) = match line.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        match lines.last_mut().filter(|_| open) {
            Some(last) => {
                last.push(' ');
                last.push_str(part);
            }
            None => lines.push(part.to_owned()),
        }
        open = continues;
    }
    lines
}

/// Words between blanks; quotes hold blanks in and are dropped.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_with_its_drop_ins_is_read_as_systemd_reads_it() {
        let mut unit = Unit::default();
        unit.lay(
            "kafka.service",
            "[Unit]\nUser=no\n[Service]\nUser=kafka\nEnvironment=\"KAFKA_HEAP_OPTS=-Xmx1G -Xms1G\" LOG_DIR=/var/log/kafka\n\
             Environment=K=/srv/kafka\nEnvironmentFile=-/etc/default/kafka\n# ExecStart=/no\nExecStart=/bin/sh -c '${K}/bin/kafka-server-start.sh \\\n  \
             /srv/s.properties --override broker.id=7 > /srv/kafka.log 2>&1'\n",
        );
        unit.lay("10.conf", "[Service]\nLimitNOFILE=100000\nUser=\n");
        unit.lay_environment("# x\nKAFKA_HEAP_OPTS=\"-Xmx2G\"\n");
        let start = unit.start();
        assert_eq!(
            start,
            Some(Start { role: Role::Kafka, home: "/srv/kafka".into(), properties: Some("/srv/s.properties".into()) })
        );
        assert_eq!(unit.overrides, [("broker.id".to_owned(), "7".to_owned())]);
        assert_eq!(unit.environment.get("KAFKA_HEAP_OPTS").map(String::as_str), Some("-Xmx2G"));
        assert_eq!((unit.user, unit.open_files.as_deref()), (None, Some("100000")));
        assert_eq!(unit.environment_files, [("/etc/default/kafka".to_owned(), true)]);
    }

    #[test]
    fn a_unit_of_something_else_starts_nothing_of_ours() {
        let mut unit = Unit { exec_start: "/usr/bin/kafka-node run".into(), ..Unit::default() };
        assert_eq!(unit.start(), None);
    }
}
