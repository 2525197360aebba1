//! Secrets that a JVM prints all the same: their values go before anybody else sees the text. Pure.
//!
//! Absent on purpose: which values are secret (`config::secret`), and names of keys: Kafka itself prints `[hidden]` for those.

use super::find::rare;

/// What stands in place of a secret, the same as everywhere (`config::HIDDEN`).
const HIDDEN: &[u8] = crate::config::HIDDEN.as_bytes();
/// Shorter values are no secrets, and stand in every other line by chance.
const SHORTEST: usize = 4;

/// The values that are hidden, and room for a text without them.
#[derive(Clone, Debug, Default)]
pub(super) struct Mask {
    /// The longest first, so that no secret's end is left over because another one is its beginning.
    secrets: Vec<Vec<u8>>,
    text: Vec<u8>,
}

impl Mask {
    /// Hides these values. Of a value of several lines each line is hidden, since texts come line by line.
    pub fn new(secrets: &[Vec<u8>]) -> Mask {
        let lines = secrets.iter().flat_map(|secret| secret.split(|byte| *byte == b'\n'));
        let lines = lines.map(<[u8]>::trim_ascii).filter(|line| line.len() >= SHORTEST);
        let mut secrets: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Mask { secrets, text: Vec::new() }
    }

    /// Whether `text` holds none.
    pub fn spares(&self, text: &[u8]) -> bool {
        !self.secrets.iter().any(|secret| rare(text, secret).is_some())
    }

    /// `text` without secrets; itself where it holds none.
    pub fn over<'a>(&'a mut self, text: &'a [u8]) -> &'a [u8] {
        if self.spares(text) {
            return text;
        }
        self.text.clear();
        let mut rest = text;
        while let Some((first, behind)) = rest.split_first() {
            if let Some(behind) = self.secrets.iter().find_map(|secret| rest.strip_prefix(secret.as_slice())) {
                self.text.extend_from_slice(HIDDEN);
                rest = behind;
            } else {
                self.text.push(*first);
                rest = behind;
            }
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secrets: &[&str], text: &str) -> String {
        let secrets: Vec<Vec<u8>> = secrets.iter().map(|secret| secret.as_bytes().to_vec()).collect();
        String::from_utf8_lossy(Mask::new(&secrets).over(text.as_bytes())).into_owned()
    }

    #[test]
    fn values_are_hidden_and_nothing_else() {
        assert_eq!(masked(&["geheim"], "password=geheim, again geheim."), "password=…, again ….");
        assert_eq!(masked(&["geheim", "geheimnis"], "geheimnis geheim"), "… …");
        assert_eq!(masked(&["abc", ""], "abc stays: it is too short"), "abc stays: it is too short");
        assert_eq!(masked(&[], "x"), "x");
        assert_eq!(masked(&["first line\nsecond line"], "a second line of it"), "a … of it");
    }
}
