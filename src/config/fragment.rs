//! What one file says: its keys with their places, each judged by itself. Everything wrong in the file is found in one walk.
//!
//! The tree of TOML is walked by hand: derived deserialisers stop at the first error, and lose the places.
//! Absent on purpose: defaults and other files (`merged`), rules between keys (`judge`).

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::complaint::Complaint;
use super::keys::{self, PROPERTY_TABLES};
use super::nearest::nearest;
use super::phrase;
use super::properties::{self, PropertyTexts};
use super::secret::is_secret;
use super::source::{Place, SourceFile};
use super::syntax;
use super::value::{self, Written};

/// One file, read.
#[derive(Default)]
pub(super) struct Fragment {
    /// By path: `kafka.port`.
    pub keys: BTreeMap<&'static str, Written>,
    /// The `[[node]]`s; `None` where the file has none.
    pub nodes: Option<Vec<NodeFragment>>,
    /// By service, then by property.
    pub properties: BTreeMap<&'static str, PropertyTexts>,
}

/// One `[[node]]`.
pub(super) struct NodeFragment {
    /// Its header.
    pub at: Place,
    /// By path: `node.name`.
    pub keys: BTreeMap<&'static str, Written>,
}

/// Reads one file. `None`, with complaints, where it is not TOML: what such a file says cannot be told.
pub(super) fn read(file: &mut SourceFile, index: usize, complaints: &mut Vec<Complaint>) -> Option<Fragment> {
    let text = file.text.clone();
    let (tree, errors) = DeTable::parse_recoverable(&text);
    hide_secrets(file, tree.get_ref(), "");
    if !syntax::judge(file, index, &errors, complaints) {
        return None;
    }
    let mut walk = Walk { index, complaints, fragment: Fragment::default() };
    for (name, value) in tree.get_ref() {
        walk.table(name, value);
    }
    Some(walk.fragment)
}

/// Marks the values of all keys that name secrets, however deep they stand and whatever the spelling of the key.
fn hide_secrets(file: &mut SourceFile, table: &DeTable<'_>, prefix: &str) {
    for (name, value) in table {
        let path = format!("{prefix}{}", name.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => hide_secrets(file, inner, &format!("{path}.")),
            _ if is_secret(&path) => file.hide(value.span()),
            DeValue::Array(items) => {
                for item in items.iter() {
                    match item.get_ref() {
                        DeValue::Table(inner) => hide_secrets(file, inner, &format!("{path}.")),
                        DeValue::String(text) if is_secret(text) => file.hide(item.span()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// From so many complaints on, the rest is only counted: a file of another kind has thousands.
const MANY: usize = 1_000;

struct Walk<'a> {
    index: usize,
    complaints: &'a mut Vec<Complaint>,
    fragment: Fragment,
}

type Name<'i> = Spanned<std::borrow::Cow<'i, str>>;

impl Walk<'_> {
    fn place(&self, span: std::ops::Range<usize>) -> Place {
        Place::new(self.index, span)
    }

    /// One name at the top of the file.
    fn table(&mut self, name: &Name<'_>, value: &Spanned<DeValue<'_>>) {
        let at = self.place(name.span());
        let known = keys::tables();
        let Some(table) = known.iter().copied().find(|table| *table == name.get_ref()) else {
            return self.unknown_table(name, value, &known);
        };
        match (table, value.get_ref()) {
            ("node", DeValue::Array(items)) => {
                let nodes = items.iter().filter_map(|item| match item.get_ref() {
                    DeValue::Table(entries) => Some(self.node(self.place(item.span()), entries)),
                    _ => {
                        let at = self.place(item.span());
                        let what = format!("a node is a table, and this is {}", phrase::found(item.get_ref()));
                        self.complaints.push(Complaint::new(at, what).expected(NODE_EXAMPLE));
                        None
                    }
                });
                let nodes = nodes.collect();
                self.fragment.nodes = Some(nodes);
            }
            ("node", DeValue::Table(entries)) => {
                let complaint = Complaint::new(at, "nodes are a list: each stands under [[node]], in double brackets");
                self.complaints.push(complaint.expected(NODE_EXAMPLE).help("write [[node]] in place of [node]"));
                let node = self.node(self.place(value.span()), entries);
                self.fragment.nodes = Some(vec![node]);
            }
            (_, DeValue::Table(entries)) => self.entries(table, entries),
            ("node", other) => {
                let what = format!("nodes are a list, and this is {}", phrase::found(other));
                self.complaints.push(Complaint::new(at, what).expected(NODE_EXAMPLE));
            }
            (table, other) => {
                let what = format!("[{table}] is a table, and this is {}", phrase::found(other));
                let names: Vec<&str> = keys::names(table).collect();
                let complaint = Complaint::new(at, what);
                self.complaints.push(complaint.expected(format!("[{table}], and below it {}", names.join(", "))));
            }
        }
    }

    /// The keys of a table other than `[[node]]`.
    fn entries(&mut self, table: &'static str, entries: &DeTable<'_>) {
        for (name, value) in entries {
            if name.get_ref() == "properties" && PROPERTY_TABLES.iter().any(|(service, _)| *service == table) {
                let texts = properties::read(table, name, value, self.index, self.complaints);
                self.fragment.properties.insert(table, texts);
            } else if let Some((path, written)) = self.entry(table, name, value) {
                self.fragment.keys.insert(path, written);
            }
        }
    }

    fn node(&mut self, at: Place, entries: &DeTable<'_>) -> NodeFragment {
        let mut node = NodeFragment { at, keys: BTreeMap::new() };
        for (name, value) in entries {
            if let Some((path, written)) = self.entry("node", name, value) {
                node.keys.insert(path, written);
            }
        }
        node
    }

    fn entry(
        &mut self,
        table: &'static str,
        name: &Name<'_>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<(&'static str, Written)> {
        let key_at = self.place(name.span());
        let Some(key) = keys::find(&format!("{table}.{}", name.get_ref())) else {
            self.unknown_key(table, name, value);
            return None;
        };
        let at = self.place(value.span());
        Some((key.path, Written { value: value::read(key, value, self.index, self.complaints), key_at, at }))
    }

    fn unknown_table(&mut self, name: &Name<'_>, value: &Spanned<DeValue<'_>>, known: &[&'static str]) {
        let at = self.place(name.span());
        let word = name.get_ref();
        if self.complaints.len() > MANY {
            return self.complaints.push(Complaint::new(at, "unknown"));
        }
        let brackets = |table: &str| if table == "node" { "[[node]]".to_owned() } else { format!("[{table}]") };
        let tables: Vec<String> = known.iter().map(|table| brackets(table)).collect();
        let is_table = matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_));
        let complaint = if is_table {
            Complaint::new(at, format!("there is no table {}", phrase::quoted(word)))
        } else {
            Complaint::new(at, format!("the key {} stands in no table", phrase::quoted(word)))
        };
        let meant = nearest(word, known.iter().copied());
        let homes: Vec<String> =
            keys::KEYS.iter().filter(|key| key.name() == word).map(|key| brackets(key.table())).collect();
        let help = match (is_table, meant) {
            (true, Some(table)) => Some(format!("did you mean {}?", brackets(table))),
            (false, _) if !homes.is_empty() => Some(format!("it belongs below {}", homes.join(" or "))),
            _ => None,
        };
        self.complaints.push(complaint.expected(tables.join(", ")).help_if(help));
    }

    fn unknown_key(&mut self, table: &'static str, name: &Name<'_>, value: &Spanned<DeValue<'_>>) {
        let word = name.get_ref();
        if self.complaints.len() > MANY {
            return self.complaints.push(Complaint::new(self.place(name.span()), "unknown"));
        }
        let spoken = if table == "node" { "[[node]]".to_owned() } else { format!("[{table}]") };
        let has_properties = PROPERTY_TABLES.iter().any(|(service, _)| *service == table);
        let mut expected: Vec<&str> = keys::names(table).collect();
        if has_properties {
            expected.push("or a table of properties");
        }
        let candidates = keys::names(table).chain(has_properties.then_some("properties"));
        let elsewhere = keys::KEYS.iter().find(|key| key.name() == word && key.table() != "node");
        let help = if let Some(near) = nearest(word, candidates) {
            Some(format!("did you mean \"{near}\"?"))
        } else if let Some(key) = elsewhere {
            Some(format!("it belongs below [{}]", key.table()))
        } else if has_properties {
            Some(format!(
                "if {} is a property of {} itself, it belongs below [{table}.properties]",
                phrase::quoted(&dotted(word, value.get_ref())),
                if table == "kafka" { "the broker" } else { "ZooKeeper" }
            ))
        } else {
            None
        };
        let word = phrase::quoted(&dotted(word, value.get_ref()));
        let complaint = Complaint::new(self.place(name.span()), format!("{spoken} has no key {word}"));
        self.complaints.push(complaint.expected(expected.join(", ")).help_if(help));
    }
}

/// The whole of a dotted key, which TOML takes apart: `num.partitions` of `num.partitions = 3`.
fn dotted(word: &str, value: &DeValue<'_>) -> String {
    let mut path = word.to_owned();
    let mut value = value;
    while let DeValue::Table(inner) = value
        && let (1, Some((name, below))) = (inner.len(), inner.iter().next())
        && path.len() < 100
    {
        path = format!("{path}.{}", name.get_ref());
        value = below.get_ref();
    }
    path
}

const NODE_EXAMPLE: &str = "[[node]], and below it name = \"kafkanode1\" and id = 1";
