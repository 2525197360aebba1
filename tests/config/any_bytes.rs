//! Bytes of any kind are judged without a panic, in bounded time and text, and give no secret away.

use kafka_node::config::read_bytes;
use proptest::prelude::*;

const VALID: &str = include_str!("accepts/everything.toml");
const SECRETS: &str = "[[node]]\nname = \"b\"\nid = 1\n[kafka]\njvm_options = [\"-Xss1m\", \"-Dx.password=QZQZQZ\"]\n[kafka.properties]\n\
                       \"ssl.key.password\" = \"QZQZQZ\"\n\"sasl.jaas.config\" = \"\"\"\nQZQZQZ\nQZQZQZ\n\"\"\"\nx.secret = 'QZQZQZ'\n";

fn judge(bytes: Vec<u8>) -> String {
    let length = bytes.len();
    match read_bytes(&[("f.toml".to_owned(), bytes)], None, &["b".to_owned()]) {
        Ok(_) => String::new(),
        Err(errors) => {
            let text = errors.to_string();
            assert!(text.len() < 200_000, "{length} bytes of file give {} of errors", text.len());
            assert!(text.ends_with("error\n") || text.ends_with("errors\n"), "{text}");
            text
        }
    }
}

/// What is done to a file: bytes put in, taken out, doubled or changed somewhere.
#[derive(Clone, Debug)]
enum Change {
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Double(usize, usize),
    Put(usize, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let sharp = prop::sample::select(vec![
        "\"",
        "'",
        "\"\"\"",
        "[",
        "]",
        "[[",
        "{",
        "}",
        "=",
        ".",
        ",",
        "#",
        "\n",
        "\r",
        "\\u",
        "\u{feff}",
        "ü",
        "\0",
        "-",
        "9999999999999999999",
        "nan",
        "_",
    ]);
    prop_oneof![
        (any::<usize>(), sharp).prop_map(|(at, text)| Change::Insert(at, text.as_bytes().to_vec())),
        (any::<usize>(), prop::collection::vec(any::<u8>(), 0..5)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<usize>(), 0..40_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<usize>(), 0..80_usize).prop_map(|(at, count)| Change::Double(at, count)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Put(at, byte)),
    ]
}

fn apply(text: &str, changes: &[Change]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for change in changes {
        let length = bytes.len();
        match change {
            Change::Insert(at, more) => {
                let at = at % (length + 1);
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Remove(at, count) => {
                let at = at % (length + 1);
                bytes.drain(at..(at + count).min(length));
            }
            Change::Double(at, count) => {
                let at = at % (length + 1);
                let part = bytes[at..(at + count).min(length)].to_vec();
                bytes.splice(at..at, part);
            }
            Change::Put(at, byte) if length > 0 => bytes[at % length] = *byte,
            Change::Put(..) => {}
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_valid_file_with_slips_in_it_never_panics(changes in prop::collection::vec(change(), 1..8)) {
        judge(apply(VALID, &changes));
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        judge(bytes);
    }
}

#[test]
fn no_slip_gives_a_secret_away() {
    let parts = [
        "", " ", "\n", "\n\n", "#", "\n#", "=", "\n=", "\"", "\"\"", "\"\"\"", "'", "\"\n", "\n\"", "[", "]", "\n[",
        "]\n", "[\n", "{", "}", "}\n", ",", ",\n", ".", "a", "a\n", "3\n", "\\", "\r", "\0", "ü", "\n ", "=\"\"\n",
    ];
    let places = SECRETS.char_indices().map(|(at, _)| at).filter(|at| !inside_a_secret_word(*at));
    let mut judged = 0;
    for at in places {
        for end in [at, at + 1].into_iter().filter(|end| *end <= SECRETS.len() && !inside_a_secret_word(*end)) {
            for part in parts {
                let mut text = SECRETS.to_owned();
                text.replace_range(at..end, part);
                let shown = judge(text.clone().into_bytes());
                assert!(!shown.contains("QZ"), "{part:?} in place of {at}..{end} of\n{text}\ngives\n{shown}");
                judged += 1;
            }
        }
    }
    assert!(judged > 5_000, "only {judged} slips");
}

/// A slip inside the word that tells, or inside the secret, makes another key, or another secret, of it.
fn inside_a_secret_word(at: usize) -> bool {
    ["password", "jaas", "secret", "QZQZQZ"]
        .iter()
        .any(|word| SECRETS.match_indices(word).any(|(start, _)| (start..start + word.len()).contains(&at)))
}

#[test]
fn deep_and_large_files_are_judged_too() {
    for text in [
        "[".repeat(100_000),
        "a = ".to_owned() + &"[".repeat(100_000),
        "a = ".to_owned() + &"{a=".repeat(50_000),
        "a.".repeat(200_000) + "a = 1",
        format!("[kafka.properties]\n{}a = 1", "a.".repeat(200_000)),
        format!("[kafka.properties.{}a]\na = 1", "a.".repeat(200_000)),
        "[[node]]\n".repeat(20_000),
        "x = 1\n".repeat(50_000),
        (0..30_000).map(|n| format!("x{n} = 1\n")).collect(),
        (0..60_000).map(|n| format!("password{n} = 1\n")).collect(),
        format!("a = \"{}\"", "x".repeat(900_000)),
        "=".repeat(200_000),
        "\n".repeat(1_000_000),
    ] {
        judge(text.into_bytes());
    }
}
