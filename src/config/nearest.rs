//! The nearest known word to one that is unknown: what "did you mean" says.

/// The candidate nearest to `word`, if one is near enough to be meant: a third of its letters may differ. The first of equals.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(LONGEST).collect();
    let limit = (word.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.to_lowercase().chars().take(LONGEST).collect();
        let distance = distance(&word, &letters);
        if distance <= limit && distance < letters.len() && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// As [`nearest`], but silent where several are equally near: of three numbered nodes none is meant more than the others.
pub(super) fn nearest_alone<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let first = nearest(word, candidates.iter().copied())?;
    let last = nearest(word, candidates.iter().rev().copied())?;
    (first == last).then_some(first)
}

/// Longer words are compared by their beginnings; no key of ours is as long.
const LONGEST: usize = 80;

/// Insertions, deletions, changes and swaps of neighbours that make `a` from `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let keys = ["data_dir", "client_port", "port", "log_dirs", "bind"];
        for (word, expected) in [
            ("prot", Some("port")),
            ("dataDir", Some("data_dir")),
            ("log-dirs", Some("log_dirs")),
            ("clientport", Some("client_port")),
            ("xyzzy", None),
            ("", None),
            ("b", None),
        ] {
            assert_eq!(nearest(word, keys), expected, "{word}");
        }
    }
}
