//! All files as one: the last one that says something wins, key by key, and what none says has its default.
//!
//! The two tables of properties merge property by property. `[[node]]`s are one list: a file that has any replaces it whole.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeValue;

use super::fragment::{Fragment, NodeFragment};
use super::keys;
use super::properties::PropertyTexts;
use super::source::Place;
use super::value::{self, Value, Written};

/// The fragments, merged. Asking it for a key answers with the default where no file has it.
#[derive(Default)]
pub(super) struct Merged {
    keys: BTreeMap<&'static str, Written>,
    pub nodes: Vec<NodeFragment>,
    properties: BTreeMap<&'static str, PropertyTexts>,
}

impl Merged {
    /// Lays one more file over the ones before.
    pub fn lay(&mut self, fragment: Fragment) {
        self.keys.extend(fragment.keys);
        if let Some(nodes) = fragment.nodes.filter(|nodes| !nodes.is_empty()) {
            self.nodes = nodes;
        }
        for (service, texts) in fragment.properties {
            self.properties.entry(service).or_default().extend(texts);
        }
    }

    /// A key as it was written; `None` where it has its default.
    pub fn written(&self, path: &str) -> Option<&Written> {
        self.keys.get(path)
    }

    /// Whether what was written at a key, if anything, is sound: rules between keys hold their tongue about others.
    pub fn is_sound(&self, path: &str) -> bool {
        self.written(path).is_none_or(|written| written.value != Value::Broken)
    }

    /// The properties of a service, in key order.
    pub fn properties(&self, service: &str) -> impl Iterator<Item = (&String, &Written)> {
        self.properties.get(service).into_iter().flatten()
    }

    /// One property of a service.
    pub fn property(&self, service: &str, key: &str) -> Option<(&str, &Written)> {
        match self.properties.get(service)?.get(key)? {
            written @ Written { value: Value::Text(text), .. } => Some((text, written)),
            _ => None,
        }
    }

    /// The value at a key, or its default.
    pub fn value(&self, path: &str) -> Value {
        match self.written(path) {
            Some(Written { value, .. }) if *value != Value::Broken => value.clone(),
            _ => default(path),
        }
    }

    pub fn text(&self, path: &str) -> String {
        match self.value(path) {
            Value::Text(text) => text,
            other => mismatch(path, &other, String::new()),
        }
    }

    pub fn list(&self, path: &str) -> Vec<(String, Place)> {
        match self.value(path) {
            Value::List(list) => list,
            other => mismatch(path, &other, Vec::new()),
        }
    }

    pub fn number(&self, path: &str) -> i64 {
        match self.value(path) {
            Value::Number(number) => number,
            other => mismatch(path, &other, 0),
        }
    }

    /// A port; the reader has held it between 1 and 65535.
    pub fn port(&self, path: &str) -> u16 {
        u16::try_from(self.number(path)).unwrap_or(0)
    }

    pub fn duration(&self, path: &str) -> Duration {
        match self.value(path) {
            Value::Span(span) => span,
            other => mismatch(path, &other, Duration::ZERO),
        }
    }

    pub fn bytes(&self, path: &str) -> Option<u64> {
        match self.value(path) {
            Value::Bytes(bytes) => bytes,
            other => mismatch(path, &other, None),
        }
    }

    pub fn flag(&self, path: &str) -> bool {
        match self.value(path) {
            Value::Flag(flag) => flag,
            other => mismatch(path, &other, false),
        }
    }
}

/// The default of a key, read by the same code as a file.
fn default(path: &str) -> Value {
    let read = keys::find(path).and_then(|key| {
        let value = DeValue::parse(key.default).ok()?;
        Some(value::read(key, &value, 0, &mut Vec::new()))
    });
    debug_assert!(read.is_some(), "no key {path} with a default");
    read.unwrap_or(Value::Broken)
}

/// The table of keys and the code that asks disagree: a slip in this room, which its tests find.
fn mismatch<T>(path: &str, value: &Value, instead: T) -> T {
    debug_assert!(false, "{path} is asked for as another type than {value:?}");
    instead
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_what_its_key_takes() {
        for key in keys::KEYS.iter().filter(|key| !key.default.is_empty()) {
            assert_ne!(default(key.path), Value::Broken, "{}", key.path);
        }
    }
}
