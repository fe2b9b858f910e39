//! API keys: held apart, and kept out of everything that is printed.

use std::fmt;

/// Parts of a key shorter than this are not looked for: they would match ordinary words.
const TELLING: usize = 6;

/// A key. It has no `Display`, and its `Debug` says nothing.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a value of the environment; none when it is blank.
    pub fn new(value: &str) -> Option<Self> {
        let value = value.trim();
        (!value.is_empty()).then(|| Self(value.to_owned()))
    }

    /// The key itself, for the header and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Masks the key in a text. Providers echo keys in their error messages, whole or with the
    /// middle starred out, so a word that begins or ends as the key does is masked too.
    pub fn mask(&self, text: &str) -> String {
        let text = text.replace(&self.0, "[key]");
        let count = self.0.chars().count();
        if count < 2 * TELLING {
            return text;
        }
        let head: String = self.0.chars().take(TELLING).collect();
        let tail: String = self.0.chars().skip(count - TELLING).collect();
        if !text.contains(&head) && !text.contains(&tail) {
            return text;
        }
        text.split_inclusive(|c: char| c.is_whitespace() || "\"'`,;()[]{}<>".contains(c))
            .map(|word| {
                if word.contains(&head) || word.contains(&tail) {
                    let end = word.chars().next_back().filter(|c| !c.is_alphanumeric());
                    format!("[key]{}", end.map(String::from).unwrap_or_default())
                } else {
                    word.to_owned()
                }
            })
            .collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_the_whole_key_and_its_ends() {
        let key = Secret::new(" sk-or-v1-0123456789abcdef\n").unwrap();
        let text = "Incorrect API key provided: sk-or-v1-0123456789abcdef.";
        assert_eq!(key.mask(text), "Incorrect API key provided: [key].");
        let starred = "Incorrect key sk-or-************cdef, or \"********abcdef\" see docs";
        let masked = key.mask(starred);
        assert!(!masked.contains("sk-or") && !masked.contains("abcdef"), "{masked}");
        assert!(masked.contains("see docs"));
    }

    #[test]
    fn blank_is_no_key_and_debug_is_silent() {
        assert!(Secret::new("  \n").is_none());
        let key = Secret::new("topsecretvalue").unwrap();
        assert!(!format!("{key:?}").contains("topsecret"));
    }
}
