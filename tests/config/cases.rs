//! How a case is written: one file of TOML, with directives in comments that start with `#:`.
//!
//! `#: node NAME` is `--node`, `#: host FULL SHORT` the host names (kafkanode1 without it), and `#: file NAME` starts a drop-in.

use std::path::{Path, PathBuf};

use kafka_node::config::{Config, ConfigErrors, read_bytes};

/// The directory of the cases of one kind.
pub fn directory(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(kind)
}

/// Whether files are to be written anew.
pub fn update() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| value == "1")
}

/// Reads the case in `bytes`.
pub fn read(bytes: &[u8]) -> Result<Config, ConfigErrors> {
    let main = "kafka-node.toml".to_owned();
    let mut node = None;
    let mut hosts = vec!["kafkanode1".to_owned()];
    let Ok(text) = std::str::from_utf8(bytes) else {
        return read_bytes(&[(main, bytes.to_vec())], None, &hosts);
    };
    let mut files = vec![(main, String::new())];
    for line in text.split_inclusive('\n') {
        let words: Vec<&str> = line.strip_prefix("#:").unwrap_or("").split_whitespace().collect();
        match words.as_slice() {
            ["node", name] => node = Some((*name).to_owned()),
            ["host", names @ ..] => hosts = names.iter().map(|name| (*name).to_owned()).collect(),
            ["file", name] => {
                files.push(((*name).to_owned(), String::new()));
                continue;
            }
            _ => {}
        }
        files.last_mut().expect("there is the main file").1.push_str(line);
    }
    let files: Vec<(String, Vec<u8>)> = files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    read_bytes(&files, node.as_deref(), &hosts)
}

/// The case with this name among the accepted ones, read.
pub fn accepted(name: &str) -> Config {
    let path = directory("accepts").join(name);
    let bytes = std::fs::read(&path).expect("the case exists");
    read(&bytes).unwrap_or_else(|errors| panic!("{name} is refused:\n{errors}"))
}

/// A text read as the only file, on kafkanode1.
pub fn read_text(text: &str) -> Result<Config, ConfigErrors> {
    read(text.as_bytes())
}
