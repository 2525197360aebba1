//! A value of TOML judged by what its key takes: the value, or what is wrong with it.
//!
//! Absent on purpose: rules between two keys.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::complaint::Complaint;
use super::keys::{Key, Kind};
use super::nearest::nearest;
use super::notation;
use super::phrase::{expected, found, quoted};
use super::source::Place;

/// The smallest heap in bytes that is taken: below it neither service gets through its start.
const SMALLEST_HEAP: u64 = 32 << 20;
/// The largest heap in bytes that is taken: more is a slip of the keyboard.
const LARGEST_HEAP: u64 = 1 << 40;

/// What stands at a key, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Words, names, hosts and paths.
    Text(String),
    /// A list of words, paths or options, each with its place.
    List(Vec<(String, Place)>),
    /// Ports, ids and counts.
    Number(i64),
    /// A duration.
    Span(Duration),
    /// A heap in bytes; `None` for "auto".
    Bytes(Option<u64>),
    /// A truth value.
    Flag(bool),
    /// Something was wrong with it and has been said.
    Broken,
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub value: Value,
    /// The key.
    pub key_at: Place,
    /// The value.
    pub at: Place,
}

/// Judges the value at `key`; what is wrong goes to `complaints`.
pub(super) fn read(key: &Key, value: &Spanned<DeValue<'_>>, file: usize, complaints: &mut Vec<Complaint>) -> Value {
    let at = Place::new(file, value.span());
    let mut reader = Reader { key, at, complaints };
    reader.read(value.get_ref(), file)
}

/// The number of an integer of TOML, whatever its base; `None` beyond 64 bits.
pub(super) fn integer(value: &toml::de::DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(value.as_str(), value.radix()).ok()
}

struct Reader<'a> {
    key: &'a Key,
    at: Place,
    complaints: &'a mut Vec<Complaint>,
}

impl Reader<'_> {
    fn read(&mut self, value: &DeValue<'_>, file: usize) -> Value {
        match (self.key.kind, value) {
            (Kind::Paths | Kind::Options | Kind::Roles, DeValue::Array(items)) => {
                let mut list = Vec::new();
                for item in items.iter() {
                    let at = Place::new(file, item.span());
                    match item.get_ref() {
                        DeValue::String(text) => match self.element(text) {
                            Ok(()) => list.push((text.to_string(), at)),
                            Err((what, help)) => self.wrong_at(at, &what, help),
                        },
                        other => {
                            let what =
                                format!("{} takes a list of texts, and this is {}", self.key.spoken(), found(other));
                            self.wrong_at(at, &what, None);
                        }
                    }
                }
                if items.is_empty() && self.key.kind != Kind::Options {
                    return self.wrong(format!("{} is an empty list", self.key.spoken()), None);
                }
                // Options are judged further one by one; of the others all must be sound.
                let sound = list.len() == items.len() || self.key.kind == Kind::Options;
                if sound { Value::List(list) } else { Value::Broken }
            }
            (Kind::Id | Kind::Port | Kind::Number(..), DeValue::Integer(number)) => {
                let (least, most) = match self.key.kind {
                    Kind::Id => (1, 255),
                    Kind::Number(least, most) => (least, most),
                    _ => (1, 65_535),
                };
                match integer(number) {
                    Some(number) if (least..=most).contains(&number) => Value::Number(number),
                    _ => {
                        let shown: String = number.to_string().chars().take(30).collect();
                        self.wrong(format!("{} cannot be {shown}", self.key.spoken()), None)
                    }
                }
            }
            (Kind::Flag, DeValue::Boolean(flag)) => Value::Flag(*flag),
            (
                Kind::Paths | Kind::Options | Kind::Roles | Kind::Id | Kind::Port | Kind::Number(..) | Kind::Flag,
                other,
            ) => self.wrong_type(other),
            (_, DeValue::String(text)) => self.text(text),
            (_, other) => self.wrong_type(other),
        }
    }

    /// A value that is written as a text.
    fn text(&mut self, text: &str) -> Value {
        let name = self.key.spoken();
        let wrong = |why: &str| format!("{name} {} {why}", quoted(text));
        match self.key.kind {
            Kind::Label if text.trim().is_empty() => self.wrong(format!("{name} is empty"), None),
            Kind::Label if text.chars().any(char::is_control) || text.chars().count() > 200 => {
                self.wrong(format!("{name} is not one short line"), None)
            }
            Kind::Name => match notation::host_name(text) {
                Ok(()) => Value::Text(text.to_owned()),
                Err(why) => self.wrong(wrong(why), None),
            },
            Kind::Bind | Kind::Advertised if text == "address" => Value::Text(text.to_owned()),
            Kind::Bind if text == "name" => self.wrong(
                format!("{name} cannot be \"name\": a broker listens on an address"),
                Some("did you mean \"address\"?".to_owned()),
            ),
            Kind::Host | Kind::Bind | Kind::Advertised => match notation::host(text) {
                Ok(host) if self.key.kind != Kind::Bind && (host == "0.0.0.0" || host == "[::]") => {
                    self.wrong(wrong("is every address of a machine, and nobody can dial it"), None)
                }
                Ok(host) => Value::Text(host),
                Err(why) => self.wrong(wrong(why), None),
            },
            Kind::AutoPath if text == "auto" => Value::Text(text.to_owned()),
            Kind::AutoPath | Kind::Path => match notation::path(text) {
                Ok(()) => Value::Text(text.to_owned()),
                Err(why) => self.wrong(wrong(why), None),
            },
            Kind::Heap if text == "auto" => Value::Bytes(None),
            Kind::Heap => match notation::size(text) {
                Some(bytes) if (SMALLEST_HEAP..=LARGEST_HEAP).contains(&bytes) => Value::Bytes(Some(bytes)),
                Some(_) => self.wrong(wrong("is not between \"32m\" and \"1t\""), None),
                None => {
                    let meant = notation::meant_size(text).or_else(|| bare_size(text));
                    self.wrong(wrong("is not a size"), did_you_mean(meant))
                }
            },
            Kind::Word(words) if words.contains(&text) => Value::Text(text.to_owned()),
            Kind::Word(words) => {
                let near = nearest(text, words.iter().copied()).map(str::to_owned);
                self.wrong(format!("{name} cannot be {}", quoted(text)), did_you_mean(near))
            }
            Kind::Span(least, most) => match notation::duration(text) {
                Some(span) if (least..=most).contains(&u64::try_from(span.as_millis()).unwrap_or(u64::MAX)) => {
                    Value::Span(span)
                }
                Some(_) => self.wrong(wrong("is out of bounds"), None),
                None => self.wrong(wrong("is not a duration"), did_you_mean(notation::meant_duration(text))),
            },
            Kind::Window => match notation::window_times(text) {
                Ok(_) => Value::Text(text.to_owned()),
                Err(why) => self.wrong(wrong(why), None),
            },
            Kind::Listen => match notation::listen(text) {
                Ok(_) => Value::Text(text.to_owned()),
                Err(why) => self.wrong(wrong(why), None),
            },
            _ => Value::Text(text.to_owned()),
        }
    }

    /// One text of a list: fine, or what is wrong and what may help.
    fn element(&self, text: &str) -> Result<(), (String, Option<String>)> {
        match self.key.kind {
            Kind::Paths if text.contains(',') => {
                let parts: Vec<String> = text.split(',').map(|part| format!("\"{}\"", part.trim())).collect();
                let help = format!("did you mean [{}]?", parts.join(", "));
                Err((format!("{} {} holds a comma", self.key.spoken(), quoted(text)), Some(help)))
            }
            Kind::Paths => {
                notation::path(text).map_err(|why| (format!("{} {} {why}", self.key.spoken(), quoted(text)), None))
            }
            Kind::Roles if !ROLES.contains(&text) => {
                let near = nearest(text, ROLES).map(str::to_owned);
                Err((format!("{} is not a role", quoted(text)), did_you_mean(near)))
            }
            _ => Ok(()),
        }
    }

    fn wrong_type(&mut self, value: &DeValue<'_>) -> Value {
        let help = match (self.key.kind, value) {
            (Kind::Span(..), DeValue::Integer(n)) => Some(format!("{}s", integer(n).unwrap_or(0))),
            (Kind::Heap, DeValue::Integer(n)) => bare_size(n.as_str()),
            (Kind::Id | Kind::Port | Kind::Number(..), DeValue::String(text)) => {
                return self.wrong(
                    format!("{} takes a whole number, and this is a text", self.key.spoken()),
                    text.trim().parse::<u32>().ok().map(|n| format!("did you mean {n}, without quotes?")),
                );
            }
            (Kind::Flag, DeValue::String(text)) if matches!(&**text, "true" | "false") => {
                return self.wrong(
                    format!("{} takes true or false, and this is a text", self.key.spoken()),
                    Some(format!("did you mean {text}, without quotes?")),
                );
            }
            (Kind::Paths | Kind::Roles, DeValue::String(text)) => {
                let parts: Vec<String> = text.split(',').map(|part| quoted(part.trim())).collect();
                let help = format!("did you mean [{}]?", parts.join(", "));
                return self.wrong(format!("{} takes a list, and this is a text", self.key.spoken()), Some(help));
            }
            _ => None,
        };
        let takes = match self.key.kind {
            Kind::Paths | Kind::Options | Kind::Roles => "a list",
            Kind::Id | Kind::Port | Kind::Number(..) => "a whole number",
            Kind::Flag => "true or false",
            _ => "a text",
        };
        self.wrong(format!("{} takes {takes}, and this is {}", self.key.spoken(), found(value)), did_you_mean(help))
    }

    fn wrong(&mut self, what: String, help: Option<String>) -> Value {
        self.wrong_at(self.at, &what, help);
        Value::Broken
    }

    fn wrong_at(&mut self, at: Place, what: &str, help: Option<String>) {
        self.complaints.push(Complaint::new(at, what).expected(expected(self.key.kind)).help_if(help));
    }
}

/// The words of `[[node]] roles`.
pub(super) const ROLES: [&str; 2] = ["zookeeper", "kafka"];

fn did_you_mean(meant: Option<String>) -> Option<String> {
    meant.map(|meant| format!("did you mean \"{meant}\"?"))
}

/// A heap without a unit: bytes to a JVM, megabytes to most people.
fn bare_size(text: &str) -> Option<String> {
    let number: u64 = text.trim().parse().ok()?;
    match number {
        1..=31 => Some(format!("{number}g")),
        32..=1_048_576 => Some(format!("{number}m")),
        _ => None,
    }
}
