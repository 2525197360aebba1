//! `[zookeeper.properties]` and `[kafka.properties]`: any key, with a text, number or truth value that is passed through as text.
//!
//! Absent on purpose: which of them kafka-node writes itself (`owned`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeValue;

use super::complaint::Complaint;
use super::phrase;
use super::secret::is_secret;
use super::source::Place;
use super::value::{self, Value, Written};

/// By property, as the service knows it; values are [`Value::Text`] or broken.
pub(super) type PropertyTexts = BTreeMap<String, Written>;

/// Reads the table of one service.
pub(super) fn read(
    service: &'static str,
    name: &Spanned<Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    index: usize,
    complaints: &mut Vec<Complaint>,
) -> PropertyTexts {
    let mut walk = Walk { service, index, complaints, texts: PropertyTexts::new() };
    match value.get_ref() {
        DeValue::Table(_) => walk.step("", name, value),
        other => {
            let what = format!("[{service}.properties] is a table, and this is {}", phrase::found(other));
            let complaint = Complaint::new(Place::new(index, name.span()), what);
            walk.complaints.push(complaint.expected(format!("[{service}.properties], and properties below it")));
        }
    }
    walk.texts
}

struct Walk<'a> {
    service: &'static str,
    index: usize,
    complaints: &'a mut Vec<Complaint>,
    texts: PropertyTexts,
}

impl Walk<'_> {
    /// One property, or a table of them: `num.partitions = 3` without quotes is a table `num` to TOML, and means the same.
    fn step(&mut self, path: &str, name: &Spanned<Cow<'_, str>>, value: &Spanned<DeValue<'_>>) {
        if let DeValue::Table(entries) = value.get_ref() {
            for (inner, value) in entries {
                let dot = if path.is_empty() { "" } else { "." };
                self.step(&format!("{path}{dot}{}", inner.get_ref()), inner, value);
            }
            return;
        }
        let key_at = Place::new(self.index, name.span());
        let at = Place::new(self.index, value.span());
        if let Err(why) = judge_key(path) {
            let complaint = Complaint::new(key_at, format!("a property's name {why}"));
            self.complaints.push(complaint.expected("a name such as \"num.partitions\""));
            return;
        }
        if let Some(other) = self.texts.get(path) {
            let (first, second) = (other.key_at.min(key_at), other.key_at.max(key_at));
            let complaint = Complaint::new(second, format!("the property {} stands here twice", phrase::quoted(path)));
            self.complaints.push(complaint.other(first, "first here").expected("each property once"));
            return;
        }
        let text = match value.get_ref() {
            DeValue::String(text) if text.contains('\0') => Err("holds a NUL character".to_owned()),
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Boolean(flag) => Ok(flag.to_string()),
            DeValue::Integer(number) => match value::integer(number) {
                Some(number) => Ok(number.to_string()),
                None => Err("is a whole number beyond 64 bits".to_owned()),
            },
            DeValue::Float(number) if number.as_str().contains(['n', 'N']) => Err("is no number".to_owned()),
            DeValue::Float(number) => Ok(number.as_str().trim_start_matches('+').to_owned()),
            other => Err(format!("takes a text, a number, true or false, and this is {}", phrase::found(other))),
        };
        let value = match text {
            Ok(text) => Value::Text(text),
            Err(why) => {
                let what = format!("[{}.properties] {} {why}", self.service, phrase::quoted(path));
                let complaint = Complaint::new(at, what).expected("a value such as \"a,b\", 3 or true");
                self.complaints.push(complaint.help_if(joined(path, value.get_ref())));
                Value::Broken
            }
        };
        self.texts.insert(path.to_owned(), Written { value, key_at, at });
    }
}

/// A list as the one text that properties write it as.
fn joined(path: &str, value: &DeValue<'_>) -> Option<String> {
    let DeValue::Array(items) = value else { return None };
    if is_secret(path) {
        return None;
    }
    let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
    Some(format!("did you mean {}?", phrase::quoted(&texts?.join(","))))
}

/// What a name must not be, so that the line in the rendered file means what it says.
fn judge_key(key: &str) -> Result<(), &'static str> {
    if key.is_empty() {
        return Err("is not empty");
    }
    if key.chars().count() > 200 {
        return Err("has at most 200 characters");
    }
    if !key.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '=' | ':' | '#' | '!' | '\\')) {
        return Err("has no blanks, and none of = : # ! \\ and no letters beyond ASCII");
    }
    Ok(())
}
