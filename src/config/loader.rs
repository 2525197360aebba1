//! The one file of this room that touches the disk: it finds and reads the configuration, and judges nothing.
//!
//! Effects: reads the configuration's files; `std::fs` appears here and nowhere else in `config`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "reading the configuration is this file's task"
)]

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::source::LARGEST_FILE;
use super::{Config, ConfigErrors, Input, read_inputs};

/// Where the configuration is, and who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file; drop-ins are `conf.d/*.toml` beside it.
    pub path: PathBuf,
    /// `--node` or `KAFKA_NODE_NAME`: which node this machine is.
    pub node: Option<String>,
    /// This machine's host name: full, then short.
    pub host_names: Vec<String>,
}

/// Reads the file and its drop-ins and judges them. The errors are the whole text that an operator sees.
pub fn load(source: &Source) -> Result<Config, ConfigErrors> {
    let mut inputs = vec![read_file(&source.path)];
    match drop_ins(&source.path) {
        Ok(paths) => inputs.extend(paths.iter().map(|path| read_file(path))),
        Err(refused) => inputs.push(refused),
    }
    read_inputs(inputs, source.node.as_deref(), &source.host_names)
}

/// `conf.d/*.toml` beside the file, by name. Hidden files are left alone: editors keep their copies in them.
fn drop_ins(main: &Path) -> Result<Vec<PathBuf>, Input> {
    let directory = main.parent().unwrap_or(Path::new("")).join("conf.d");
    let refuse = |error: &io::Error| refused(&directory, format!("cannot be listed: {}", words(error)), LIST_HELP);
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(refuse(&error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| refuse(&error))?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b".toml") && !bytes.starts_with(b".") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names.into_iter().map(|name| directory.join(name)).collect())
}

const LIST_HELP: &str = "conf.d is a directory that the user of kafka-node may read; without drop-ins it may be absent";
const READ_HELP: &str = "it is a file that the user of kafka-node may read (chmod 644)";

fn read_file(path: &Path) -> Input {
    match bytes_of(path) {
        Ok(bytes) => Input { name: path.display().to_string(), bytes: Ok(bytes) },
        Err(refused) => refused,
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Input> {
    let cannot = |error: io::Error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "--config PATH or KAFKA_NODE_CONFIG says where the configuration is",
            _ => READ_HELP,
        };
        refused(path, format!("cannot be read: {}", words(&error)), help)
    };
    // Looked at before it is opened: opening a named pipe would wait for a writer.
    let kind = fs::metadata(path).map_err(cannot)?.file_type();
    if kind.is_dir() {
        return Err(refused(
            path,
            "is a directory, not a file".to_owned(),
            "name the file in it, such as kafka-node.toml",
        ));
    }
    if !kind.is_file() {
        return Err(refused(path, "is not a regular file".to_owned(), READ_HELP));
    }
    let mut bytes = Vec::new();
    let limit = LARGEST_FILE as u64 + 1;
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(cannot)?;
    Ok(bytes)
}

fn refused(path: &Path, why: String, help: &str) -> Input {
    Input { name: path.display().to_string(), bytes: Err((why, help.to_owned())) }
}

/// The words for an error of the system, without its number.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}
