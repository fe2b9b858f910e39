//! Deterministic identities: derived from what a thing is about, so that making it twice makes
//! it once.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// SHA-256 over length-prefixed parts, hex. The prefix keeps `("ab","c")` and `("a","bc")` apart.
pub fn content_id(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hex(&hasher.finalize())
}

/// Plain SHA-256 of some bytes, hex: the key of a document.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// Identity of a review: (sweep, target).
pub fn review_id(sweep: &str, target: u32) -> String {
    format!("{sweep}-{target}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(content_id(&[b"ab", b"c"]), content_id(&[b"a", b"bc"]));
        assert_eq!(content_id(&[b"x"]).len(), 64);
    }

    #[test]
    fn sha256_of_nothing_is_the_known_value() {
        assert!(sha256_hex(b"").starts_with("e3b0c44298fc1c14"));
    }
}
