//! The note of a demo that was kept running: directory and processes with their start times, in the cache.
//! Absent on purpose: trust. Each pid is compared with its start time before it gets a signal.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::failure::{During, Failure, Outcome};
use crate::places::Places;
use crate::proc::Identity;

/// What is noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The demo's directory.
    pub dir: PathBuf,
    /// Did the demo make that directory itself?
    pub made: bool,
    /// The three supervisors.
    pub nodes: Vec<(String, Identity)>,
    /// Their JVMs.
    pub jvms: Vec<Identity>,
}

impl Kept {
    /// The note of this cache, if there is one.
    pub fn read(places: &Places) -> Outcome<Option<Self>> {
        let file = place(places);
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.during(|| format!("read {}", file.display()))?,
        };
        Self::parse(&text).map(Some).ok_or_else(|| {
            Failure::new(format!(
                "{} is no note of a demo; look for its processes by hand and remove it",
                file.display()
            ))
        })
    }

    /// Writes the note.
    pub fn write(&self, places: &Places) -> Outcome<()> {
        let file = place(places);
        fs::write(&file, self.text()).during(|| format!("write {}", file.display()))
    }

    /// Removes the note.
    pub fn forget(places: &Places) -> Outcome<()> {
        let file = place(places);
        fs::remove_file(&file).during(|| format!("remove {}", file.display()))
    }

    fn text(&self) -> String {
        let one = |identity: &Identity| json!({"pid": identity.pid, "start": identity.start});
        let nodes: Vec<Value> =
            self.nodes.iter().map(|(name, identity)| json!({"name": name, "process": one(identity)})).collect();
        let jvms: Vec<Value> = self.jvms.iter().map(one).collect();
        format!("{:#}\n", json!({"dir": self.dir.to_string_lossy(), "made": self.made, "nodes": nodes, "jvms": jvms}))
    }

    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let one = |value: &Value| {
            Some(Identity {
                pid: u32::try_from(value.get("pid")?.as_u64()?).ok()?,
                start: value.get("start")?.as_u64()?,
            })
        };
        let list = |key: &str| value.get(key).and_then(Value::as_array);
        Some(Self {
            dir: Path::new(value.get("dir")?.as_str()?).to_path_buf(),
            made: value.get("made")?.as_bool()?,
            nodes: list("nodes")?
                .iter()
                .map(|node| Some((node.get("name")?.as_str()?.to_owned(), one(node.get("process")?)?)))
                .collect::<Option<_>>()?,
            jvms: list("jvms")?.iter().map(one).collect::<Option<_>>()?,
        })
    }
}

fn place(places: &Places) -> PathBuf {
    places.cache.join("demo-kept.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let kept = Kept {
            dir: "/c/demo".into(),
            made: true,
            nodes: vec![("kafkanode1".into(), Identity { pid: 10, start: 20 })],
            jvms: vec![Identity { pid: 11, start: 21 }],
        };
        assert_eq!(Kept::parse(&kept.text()), Some(kept));
        for broken in ["", "{}", r#"{"dir": "/d", "made": true, "nodes": [{"name": "x"}], "jvms": []}"#] {
            assert_eq!(Kept::parse(broken), None, "{broken}");
        }
    }
}
