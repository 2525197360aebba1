//! The secrets that this configuration holds, as values: what a log must not show, whoever prints it.
//!
//! A key gives a secret away where kafka-node itself prints it (`secret`); a JVM's own words, a stack trace or an error about a
//! password that does not fit, can only be searched for the values. Absent on purpose: the replacing (`logs`), and secrets that
//! stand in files the configuration names: key stores, and JAAS files of `java.security.auth.login.config`.

use super::secret::is_secret;
use super::valid::Config;

/// Shorter values stand in every other word of a log: what they hide is more than they protect. In bytes.
const SHORTEST: usize = 4;
/// How a key begins whose word `password` is no secret's, but for those that end in `secret`: Kafka's numbers and algorithms.
const ENCODER: &str = "password.encoder.";
/// What a secret is not, and a log says all the time.
const COMMON: [&str; 5] = ["true", "false", "null", "none", "required"];
/// How the options of JAAS's PlainLoginModule begin that hold the passwords of a listener's users: `user_alice="..."`.
const USER: &str = "user_";

impl Config {
    /// Values that no log may show, each once, longest first, so that one which holds another goes before it: those of secret
    /// properties and JVM options of both services, and the passwords within them (`password="..."` of a `sasl.jaas.config`).
    /// A value as it stands in the file, and without its backslashes.
    pub fn secret_values(&self) -> Vec<String> {
        let mut found = Found::default();
        for property in self.kafka.properties.iter().chain(&self.zookeeper.properties) {
            found.pair(&property.key, &property.value);
        }
        for option in self.kafka.jvm_options.iter().chain(&self.zookeeper.jvm_options) {
            match option.text.split_once('=') {
                Some((key, value)) => found.pair(key, value),
                None => found.within(&option.text),
            }
        }
        found.values.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        found.values.dedup();
        found.values
    }
}

#[derive(Debug, Default)]
struct Found {
    values: Vec<String>,
}

impl Found {
    fn pair(&mut self, key: &str, value: &str) {
        let harmless = key.starts_with(ENCODER) && !key.ends_with("secret");
        if is_secret(key) && !harmless {
            self.add(value);
        }
        self.within(value);
    }

    /// `name=value` pairs inside a text, the values bare or in quotes.
    fn within(&mut self, text: &str) {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('=') {
            let name =
                before.trim_end().rsplit(|c: char| c.is_whitespace() || ",;{\"'=".contains(c)).next().unwrap_or("");
            let (value, behind) = one_value(after);
            if is_secret(name) || name.starts_with(USER) {
                self.add(value);
            }
            rest = behind;
        }
    }

    fn add(&mut self, value: &str) {
        let value = value.trim();
        // `${file:/etc/kafka/secrets:key}` is where a secret stands, and not the secret.
        let refers = value.starts_with("${");
        if value.len() < SHORTEST || refers || COMMON.contains(&value.to_ascii_lowercase().as_str()) {
            return;
        }
        self.values.push(value.to_owned());
        let plain = without_backslashes(value);
        if plain != value && plain.len() >= SHORTEST {
            self.values.push(plain);
        }
    }
}

/// The value at the beginning of `text`, without its quotes, and what stands behind it.
fn one_value(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        let end = text.find(|c: char| c.is_whitespace() || matches!(c, ';' | ',' | '=')).unwrap_or(text.len());
        return text.split_at(end);
    };
    let inner = text.get(1..).unwrap_or("");
    let mut escaped = false;
    let end = inner.find(|c| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    let end = end.unwrap_or(inner.len());
    (inner.get(..end).unwrap_or(""), inner.get(end + 1..).unwrap_or(""))
}

fn without_backslashes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(pairs: &[(&str, &str)]) -> Vec<String> {
        let mut found = Found::default();
        pairs.iter().for_each(|(key, value)| found.pair(key, value));
        found.values
    }

    #[test]
    fn a_jaas_text_gives_its_passwords_and_itself() {
        let text = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" \
                    password=\"ge\\\"heim;1\" user_alice = 'wonder land' user_bob=bare123; other.Module required \
                    clientSecret=\"oauth=secret\" useKeyTab=true keyTab=\"/etc/kafka.keytab\";";
        let values = found(&[("listener.name.x.sasl.jaas.config", text)]);
        for secret in ["ge\\\"heim;1", "ge\"heim;1", "wonder land", "bare123", "oauth=secret", text] {
            assert!(values.iter().any(|value| value == secret), "{secret}: {values:?}");
        }
        for harmless in ["admin", "true", "/etc/kafka.keytab"] {
            assert!(!values.iter().any(|value| value == harmless), "{harmless}: {values:?}");
        }
    }

    #[test]
    fn values_of_secret_keys_are_found_and_no_others() {
        let values = found(&[
            ("ssl.keystore.password", "changeit"),
            ("ssl.key.password", "${file:/etc/kafka/secrets:key}"),
            ("password.encoder.secret", "old-and-long"),
            ("password.encoder.iterations", "4096"),
            ("password.encoder.keyfactory.algorithm", "PBKDF2WithHmacSHA512"),
            ("ssl.truststore.password", "abc"),
            ("sasl.enabled.mechanisms", "PLAIN"),
            ("-Dkafka.opts", "-Djavax.net.ssl.keyStorePassword=inside1"),
            ("x.secret", "true"),
        ]);
        assert_eq!(values, ["changeit", "old-and-long", "inside1"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(key in "\\PC{0,20}", value in "[a-z_=\"'\\\\ ;,ü]{0,80}") {
            found(&[(&key, &value), ("sasl.jaas.config", &value)]);
        }
    }
}
