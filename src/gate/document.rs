//! What the documents of this room share: how their JSON is read when anybody may have written it, and what they bound.
//!
//! Absent on purpose: what a document means (`lock`, `roll`, `verdict`), and where it stands (`cluster`).

use serde_json::{Map, Value};

/// The largest document that is read, in bytes; ZooKeeper itself refuses more than 1 MiB.
pub(super) const LARGEST: usize = 512 * 1024;
/// The version that this kafka-node writes and reads.
pub(super) const VERSION: u64 = 1;
/// How long a name or id may be, in bytes: a host name has 253 at most.
pub(super) const LONGEST_NAME: usize = 300;
/// How long a reason may be, in bytes; what is longer is cut.
pub(super) const LONGEST_TEXT: usize = 500;

/// One JSON object; `what` says in the error which document it is, e.g. "the lock".
pub(super) fn object(bytes: &[u8], what: &str) -> Result<Map<String, Value>, String> {
    if bytes.len() > LARGEST {
        return Err(format!("{what} is larger than {} KiB", LARGEST / 1024));
    }
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(format!("{what} is not a JSON object")),
        Err(error) => Err(format!("{what} is not JSON: {error}")),
    }
}

/// As [`object`], of a document of ours: its `v` has to be [`VERSION`].
pub(super) fn versioned(bytes: &[u8], what: &str) -> Result<Map<String, Value>, String> {
    let fields = object(bytes, what)?;
    match fields.get("v").and_then(Value::as_u64) {
        Some(VERSION) => Ok(fields),
        Some(other) => Err(format!("{what} is of version {other}, and this kafka-node knows version {VERSION}")),
        None => Err(format!("{what} does not say its version")),
    }
}

/// A name or id: there, not empty, and short enough to be one.
pub(super) fn name(fields: &Map<String, Value>, key: &str, what: &str) -> Result<String, String> {
    match fields.get(key).and_then(Value::as_str) {
        Some("") | None => Err(format!("{what} has no `{key}`")),
        Some(text) if text.len() > LONGEST_NAME => Err(format!("{what} has a `{key}` of {} bytes", text.len())),
        Some(text) => Ok(clean(text, LONGEST_NAME)),
    }
}

/// A text for people; empty where there is none.
pub(super) fn text(fields: &Map<String, Value>, key: &str) -> String {
    clean(fields.get(key).and_then(Value::as_str).unwrap_or_default(), LONGEST_TEXT)
}

/// The list of objects at `key`, of at most `most`.
pub(super) fn list<'a>(
    fields: &'a Map<String, Value>,
    key: &str,
    most: usize,
    what: &str,
) -> Result<Vec<&'a Map<String, Value>>, String> {
    match fields.get(key).and_then(Value::as_array) {
        None => Err(format!("{what} has no list of `{key}`")),
        Some(list) if list.len() > most => Err(format!("{what} has {} `{key}`, and {most} at most can be", list.len())),
        Some(list) => {
            let objects: Option<Vec<_>> = list.iter().map(Value::as_object).collect();
            objects.ok_or_else(|| format!("{what} has `{key}` that are no objects"))
        }
    }
}

/// A text that can stand on a terminal and in a log: without control characters, and no longer than `most` bytes.
pub(super) fn clean(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let visible = text.get(..end).unwrap_or_default();
    visible.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters_and_lose_their_control_characters() {
        assert_eq!(clean("a\u{1b}[31mb\nc", 100), "a?[31mb?c");
        assert_eq!(clean("ää", 3), "ä");
        assert_eq!(clean("ää", 4), "ää");
    }

    #[test]
    fn a_document_of_another_version_is_not_read() {
        assert!(versioned(b"{\"v\":1}", "the lock").is_ok());
        for (bytes, why) in [
            (&b"{\"v\":2}"[..], "the lock is of version 2, and this kafka-node knows version 1"),
            (b"{\"v\":\"1\"}", "the lock does not say its version"),
            (b"{}", "the lock does not say its version"),
            (b"[1]", "the lock is not a JSON object"),
        ] {
            assert_eq!(versioned(bytes, "the lock"), Err(why.to_owned()));
        }
        assert!(versioned(b"{\"v\":1", "the lock").is_err_and(|why| why.starts_with("the lock is not JSON: ")));
        assert!(versioned(&vec![b' '; LARGEST + 1], "the lock").is_err_and(|why| why.contains("larger than")));
        let deep = "[".repeat(100_000);
        assert!(versioned(deep.as_bytes(), "the lock").is_err());
    }
}
