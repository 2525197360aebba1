//! Which properties hold secrets, what of a file's line gives one away, and how both are shown.
//!
//! It errs on the side of hiding: a comment about passwords may lose its end, a password never shows. Absent on purpose: the
//! values themselves, which a log must not hold (`secret_values`).

/// Words in a key that make its value a secret (Kafka hides the values of the same keys in its own log).
const WORDS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "jaas",
    "secret",
    "credential",
    "master.key",
    "keystore.key",
    "private.key",
    "privatekey",
    "api.key",
    "apikey",
    // ZooKeeper's -Dzookeeper.DigestAuthenticationProvider.superDigest=super:..
    "superdigest",
    "access.key",
];

/// What is printed in place of a secret.
pub const HIDDEN: &str = "…";

/// Whether the value of this key, or this JVM option, must never be printed.
pub fn is_secret(key: &str) -> bool {
    word_end(key).is_some()
}

/// `key=value` as it may be printed: of a property, a JVM option, any argument of any program.
pub fn masked(text: &str) -> String {
    match split_pair(text) {
        Some((key, value)) if is_secret(key) || gives_away(value) => format!("{key}={HIDDEN}"),
        Some(_) => text.to_owned(),
        // `-Dpassword:x`, `https://user:password@host`: there is no key to keep.
        None if gives_away(text) => HIDDEN.to_owned(),
        None => text.to_owned(),
    }
}

/// A command line as it may be printed: each argument by itself, and also the one behind `--password`.
pub fn masked_command<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    let mut shown = Vec::new();
    let mut names_next = false;
    for argument in arguments {
        let hides = std::mem::take(&mut names_next) && !argument.starts_with('-');
        shown.push(if hides { HIDDEN.to_owned() } else { masked(argument) });
        names_next = argument.starts_with('-') && !argument.contains(['=', ':']) && is_secret(argument);
    }
    shown.join(" ")
}

/// Before and behind the first `=` that no backslash escapes: a rendered key may hold `\=`.
fn split_pair(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.find(|c| {
        let separates = c == '=' && !escaped;
        escaped = c == '\\' && !escaped;
        separates
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Whether the value of a harmless key holds a secret: `a password=x`, `{"secret": "x"}`, or a URL with a password in it. A path
/// with such a word in it is none.
pub(super) fn gives_away(value: &str) -> bool {
    word_end(value).is_some_and(|end| value.get(end..).unwrap_or("").contains(['=', ':'])) || names_a_user(value)
}

/// `scheme://user:password@host`.
fn names_a_user(value: &str) -> bool {
    value.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ',', ' ']).next().unwrap_or("");
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

/// The byte after the first telling word.
fn word_end(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    WORDS.iter().filter_map(|word| lower.find(word).map(|at| at + word.len())).min()
}

/// From which byte of its line on a line is hidden, judged by words alone, so that it holds in a file that is not TOML too.
///
/// `starts` are the first bytes of all lines.
pub(super) fn hidden_from(text: &str, starts: &[usize], line: usize) -> Option<usize> {
    let mut scan = Scan { in_table: false, open: Open::Nothing };
    let mut hidden = None;
    for (number, start) in starts.iter().enumerate().take(line + 1) {
        let end = starts.get(number + 1).copied().unwrap_or(text.len());
        hidden = scan.step(text.get(*start..end).unwrap_or(""));
    }
    hidden
}

/// Where a walk over the lines stands.
struct Scan {
    /// Below a header whose name tells: `[kafka.properties.sasl.jaas]`.
    in_table: bool,
    open: Open,
}

/// What a line leaves open behind it.
enum Open {
    /// Nothing: the next line is judged by itself.
    Nothing,
    /// Perhaps a part of the secret, after a slip: hidden up to the next line that starts a key or a table.
    Perhaps,
    /// A string over several lines, and what closes it.
    Text(&'static str),
    /// So many brackets of a list or table that is a secret's value.
    Brackets(i64),
}

impl Scan {
    /// Takes the next line; says from which byte on it is hidden.
    fn step(&mut self, line: &str) -> Option<usize> {
        match &mut self.open {
            Open::Text(close) => {
                if line.contains(*close) {
                    self.open = Open::Perhaps;
                }
                return Some(0);
            }
            Open::Brackets(depth) => {
                *depth += balance(line);
                if *depth <= 0 {
                    self.open = Open::Perhaps;
                }
                return Some(0);
            }
            Open::Perhaps if !starts_afresh(line) && word_end(line).is_none() => return Some(0),
            Open::Perhaps | Open::Nothing => {}
        }
        if is_header(line) {
            self.in_table = is_secret(line);
            self.open = Open::Nothing;
            return None;
        }
        let word = match word_end(line) {
            Some(end) => end,
            None if self.in_table => 0,
            None => {
                self.open = Open::Nothing;
                return None;
            }
        };
        let rest = line.get(word..).unwrap_or("");
        let from = rest.find(['=', ':']).map_or(word, |at| word + at + 1);
        // What follows a slip in front of the word is no more to be trusted.
        let from = if matches!(self.open, Open::Perhaps) && !starts_afresh(line) { 0 } else { from };
        let rest = line.get(from..).unwrap_or("");
        self.open = left_open(rest);
        Some(from + rest.len() - rest.trim_start_matches(' ').len())
    }
}

/// What the hidden rest of a line leaves open.
fn left_open(rest: &str) -> Open {
    for close in ["\"\"\"", "'''"] {
        if rest.matches(close).count() % 2 == 1 {
            return Open::Text(close);
        }
    }
    let rest = rest.trim();
    if rest.starts_with(['[', '{']) && balance(rest) > 0 {
        return Open::Brackets(balance(rest));
    }
    Open::Perhaps
}

/// Whether the line starts something of its own: a table, or `key =`. A comment may be a secret behind a slip.
fn starts_afresh(line: &str) -> bool {
    let line = line.trim_start();
    if is_header(line) {
        return true;
    }
    let (key, rest) = match line.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
        Some(parts) => parts,
        None => line.split_at(line.find([' ', '=']).unwrap_or(line.len())),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !key.is_empty() && key.chars().all(plain) && rest.trim_start().starts_with('=')
}

fn is_header(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or("").trim();
    line.starts_with('[') && line.ends_with(']') && !line.contains(['=', '"', '\''])
}

fn balance(line: &str) -> i64 {
    line.chars().fold(0, |depth, c| match c {
        '[' | '{' => depth + 1,
        ']' | '}' => depth - 1,
        _ => depth,
    })
}

#[cfg(test)]
mod tests {
    use super::super::source::SourceFile;
    use super::{HIDDEN, masked, masked_command};

    #[test]
    fn what_is_printed_of_a_pair_holds_no_secret() {
        for pair in [
            "ssl.keystore.password=geheim",
            "listener.name.sasl.plain.sasl.jaas.config=org.X required password\\=\"geheim\";",
            "some.config=a password=geheim",
            "ssl.keystore.key=geheim",
            "delegation.token.master.key=geheim",
            "-Djavax.net.ssl.keyStorePassword=geheim",
            "-Dkafka.opts=-Djavax.net.ssl.trustStorePassword=geheim",
            "-Dzookeeper.DigestAuthenticationProvider.superDigest=super:geheim",
            "-javaagent:/agent.jar=port=1,apiKey=geheim",
            "-javaagent:/agent.jar={\"password\": \"geheim\"}",
            "-Dproxy=http://me:geheim@proxy:3128/",
            "-Dpassword:geheim",
        ] {
            let shown = masked(pair);
            assert!(!shown.contains("geheim") && shown.ends_with(HIDDEN), "{pair}: {shown}");
        }
        for pair in [
            "num.partitions=3",
            "-Djava.security.auth.login.config=/etc/kafka/jaas.conf",
            "-XX:HeapDumpPath=/var/lib/secrets/heap.hprof",
            "listeners=PLAINTEXT://0.0.0.0:9092,SASL_SSL://[::]:9093",
            "zookeeper.connect=a:2181,b:2181/kafka",
            "-cp",
        ] {
            assert_eq!(masked(pair), pair);
        }
    }

    #[test]
    fn a_strangers_command_line_shows_no_secret() {
        let shown = |line: &str| masked_command(line.split(' '));
        assert_eq!(shown("mysql --password geheim -h db"), "mysql --password … -h db");
        assert_eq!(shown("java -Da.password=geheim -jar x.jar"), "java -Da.password=… -jar x.jar");
        assert_eq!(shown("x --secret-file=/etc/x --port 9092"), "x --secret-file=… --port 9092");
        assert_eq!(shown("nc -l 9092"), "nc -l 9092");
    }

    fn shown(text: &str) -> String {
        let file = SourceFile::new("f", text);
        let lines = text.lines().enumerate().map(|(number, _)| {
            let line = file.shown_line(number);
            line.chars[..line.hidden_from.unwrap_or(line.chars.len())].iter().collect::<String>()
        });
        lines.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn a_secret_is_hidden_however_it_is_written() {
        for (text, expected) in [
            ("\"ssl.key.Password\" = \"geheim\"", "\"ssl.key.Password\" = "),
            ("ssl.keystore.password \"geheim\"", "ssl.keystore.password "),
            ("a = \"-Dx.password=geheim\"\nb = 1", "a = \"-Dx.password=|b = 1"),
            ("sasl.jaas.config = \"\"\"x\ngeheim\ngeheim\"\"\"\nb = 2", "sasl.jaas.config = |||b = 2"),
            ("x.secret = [\n \"geheim\",\n]\nb = 3", "x.secret = |||b = 3"),
            ("ssl.password =\n\"geheim\"\nb = 3", "ssl.password =||b = 3"),
            ("ssl.password = \"ge\ngeheim\"\nb = 3", "ssl.password = ||b = 3"),
            ("[p.sasl.jaas]\nconfig=\"geheim\"\n[q]\nb = 4", "[p.sasl.jaas]|config=|[q]|b = 4"),
        ] {
            let shown = shown(text);
            assert!(!shown.contains("geheim"), "{shown}");
            assert!(shown.starts_with(expected.split('|').next().unwrap()), "{shown}");
            assert!(shown.ends_with(expected.rsplit('|').next().unwrap()), "{shown}");
        }
    }
}
