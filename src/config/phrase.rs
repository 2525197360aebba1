//! Parts of sentences: what was found, what is expected, a text in quotes.
//!
//! Absent on purpose: whole sentences, which stand where the fault is found.

use std::time::Duration;

use toml::de::DeValue;

use super::keys::Kind;
use super::notation::write_duration;

/// `the integer 512`, `the list`: what was found, for a sentence.
pub(super) fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Integer(number) => format!("the integer {}", number.to_string().chars().take(30).collect::<String>()),
        DeValue::Boolean(flag) => format!("{flag}"),
        DeValue::String(_) => "a text".to_owned(),
        DeValue::Float(_) => "a number with a fraction".to_owned(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// A text in quotes, at most 60 characters of it, on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    format!("\"{short}\"")
}

/// What a key takes, by example.
pub(super) fn expected(kind: Kind) -> String {
    match kind {
        Kind::Label => "a text such as \"kafka\"".to_owned(),
        Kind::Name => "a host name such as \"kafkanode1\"".to_owned(),
        Kind::Id => "a whole number between 1 and 255".to_owned(),
        Kind::Roles => "[\"zookeeper\", \"kafka\"], or one of the two".to_owned(),
        Kind::Host => "a host name or an IP address, such as \"kafkanode1\" or \"10.0.2.4\"".to_owned(),
        Kind::Bind => "\"0.0.0.0\", \"address\" (that of the node), or an address such as \"10.0.2.4\"".to_owned(),
        Kind::Advertised => {
            "\"name\" or \"address\" (those of the node), or a host such as \"kafka.example.org\"".to_owned()
        }
        Kind::AutoPath => "\"auto\", or a directory such as \"/usr/lib/jvm/jre-11\"".to_owned(),
        Kind::Path => {
            "an absolute path such as \"/data/zookeeper\"; {node} in it stands for the node's name".to_owned()
        }
        Kind::Paths => "a list of absolute paths such as [\"/data/kafka\"]".to_owned(),
        Kind::Port => "a port between 1 and 65535, such as 9092".to_owned(),
        Kind::Heap => "\"auto\", or a size such as \"512m\" or \"2g\"".to_owned(),
        Kind::Options => "a list of JVM options, one argument each, such as [\"-XX:+AlwaysPreTouch\"]".to_owned(),
        Kind::Word(words) => one_of(words),
        Kind::Span(least, most) => format!(
            "a duration between \"{}\" and \"{}\", written as \"500ms\", \"2s\", \"5m\" or \"1h\"",
            write_duration(Duration::from_millis(least)),
            write_duration(Duration::from_millis(most))
        ),
        Kind::Number(least, most) => format!("a whole number between {least} and {most}"),
        Kind::Window => "\"any\", \"02:00-05:00\" or \"Sat,Sun 02:00-05:00\"".to_owned(),
        Kind::Listen => "\"\", \"127.0.0.1:9645\" or \"unix:/run/kafka-node/http.sock\"".to_owned(),
        Kind::Flag => "true or false".to_owned(),
    }
}

/// `"a", "b" or "c"`.
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
