//! What a configuration file may say -> merged with its drop-ins -> validated [`Config`]; errors for the person who typed it.
//!
//! The way of a file: `source` (text and places) -> `fragment` (one file, each value judged by itself) -> `merged` (all files and the
//! defaults) -> `judge` (rules between keys: `nodes`, `rules`,
//! `owned`, `jvm`) -> `valid`. What a key takes and its default stand once, in `keys`.
//! Pure, but for `loader`. Absent on purpose: anything measured on the machine (`plan`, `observe`), and the exit code (`cli`).

mod claim;
mod complaint;
mod fragment;
mod judge;
mod jvm;
mod keys;
mod loader;
mod merged;
mod nearest;
mod nodes;
mod notation;
mod owned;
mod phrase;
mod properties;
mod reference;
mod rules;
mod secret;
mod secret_values;
mod snippet;
mod source;
mod syntax;
mod valid;
mod value;

pub use complaint::ConfigErrors;
pub use keys::{KEYS, Key, Kind};
pub use loader::{Source, load};
pub use notation::{WindowTimes, window_times};
pub use reference::reference;
pub use rules::UNIT_STOP_TIMEOUT;
pub use secret::{HIDDEN, is_secret, masked, masked_command};
pub use valid::{
    Config, ConfigWarning, Gate, Heap, HttpConfig, JavaHome, JournalChoice, JvmOption, KafkaConfig, LogConfig, Node,
    Paths, Property, RebootConfig, StopConfig, WatchdogConfig, ZooKeeperConfig,
};

use complaint::Complaint;
use merged::Merged;
use nodes::Asked;
use source::{LARGEST_FILE, Place, SourceFile};

/// The commented default file, as it is installed: every key with its default, commented out.
pub const DEFAULT_FILE: &str = include_str!("../../config/kafka-node.toml");

/// A file's name and bytes, or why there are none and what to do about it.
struct Input {
    name: String,
    bytes: Result<Vec<u8>, (String, String)>,
}

/// Judges files, given as names and texts: the first is the main one, each later one lies over those before it.
///
/// `node` is what `--node` or `KAFKA_NODE_NAME` says; without it the node is found by `host_names`, full, then short.
pub fn read(files: &[(String, String)], node: Option<&str>, host_names: &[String]) -> Result<Config, ConfigErrors> {
    let input = |(name, text): &(String, String)| Input { name: name.clone(), bytes: Ok(text.clone().into_bytes()) };
    read_inputs(files.iter().map(input).collect(), node, host_names)
}

/// As [`read`], of bytes that may be anything.
pub fn read_bytes(
    files: &[(String, Vec<u8>)],
    node: Option<&str>,
    host_names: &[String],
) -> Result<Config, ConfigErrors> {
    let input = |(name, bytes): &(String, Vec<u8>)| Input { name: name.clone(), bytes: Ok(bytes.clone()) };
    read_inputs(files.iter().map(input).collect(), node, host_names)
}

fn read_inputs(inputs: Vec<Input>, node: Option<&str>, host_names: &[String]) -> Result<Config, ConfigErrors> {
    let mut files: Vec<SourceFile> = Vec::new();
    let mut complaints = Vec::new();
    let mut merged = Merged::default();
    // What a file that cannot be understood would have said is not known, so nothing is judged across files then.
    let mut whole = true;
    for (index, input) in inputs.into_iter().enumerate() {
        let (file, refused) = decode(input, index);
        files.push(file);
        let fragment = match refused {
            Some(refused) => {
                complaints.push(refused);
                None
            }
            None => files.last_mut().and_then(|file| fragment::read(file, index, &mut complaints)),
        };
        match fragment {
            Some(fragment) => merged.lay(fragment),
            None => whole = false,
        }
    }
    if whole {
        let asked = Asked { node, host_names };
        if let Some(config) = judge::judge(&files, &merged, &asked, &mut complaints)
            && complaints.is_empty()
        {
            return Ok(config);
        }
    }
    Err(ConfigErrors::new(&files, complaints))
}

/// Bytes as text, or why they are none.
fn decode(input: Input, index: usize) -> (SourceFile, Option<Complaint>) {
    let Input { name, bytes } = input;
    let without_text = |what: String| (SourceFile::new(&name, ""), Some(Complaint::without_place(what)));
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err((why, help)) => {
            let (file, complaint) = without_text(format!("{name} {why}"));
            return (file, complaint.map(|complaint| complaint.help(help)));
        }
    };
    if bytes.len() > LARGEST_FILE {
        let (file, complaint) = without_text(format!("{name} is larger than 1 MiB"));
        return (file, complaint.map(|complaint| complaint.expected("a configuration file of a few kilobytes")));
    }
    match String::from_utf8(bytes) {
        Ok(text) => (SourceFile::new(&name, &text), None),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
            let file = SourceFile::new(&name, &String::from_utf8_lossy(&bytes));
            // A byte order mark before the place is not part of the text that is shown.
            let at = if bytes.starts_with("\u{feff}".as_bytes()) { at.saturating_sub(3) } else { at };
            let complaint = Complaint::new(Place::new(index, at..at + '\u{fffd}'.len_utf8()), "this is not UTF-8");
            let help = if wide { "it looks like UTF-16" } else { "it looks like Latin-1 or another old encoding" };
            (file, Some(complaint.expected("a text file in UTF-8").help(format!("{help}; save it as UTF-8"))))
        }
    }
}
