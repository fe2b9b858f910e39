//! Contents of files that were read lately. Each job of a file reads it: a review, its shards, its rungs, its
//! facts. Reading means to open the object, inflate it and hash it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of contents that a worker keeps: the files that are under review at a time, many times over.
pub(crate) const BLOBS_BYTES: usize = 64 << 20;

/// Contents that a worker keeps at most: what it knows of a small file takes more than the file.
const MOST_KEPT: usize = 4096;

/// A repository, by path or URL, and an object of it. Content that one sweep may read is not given to a sweep
/// of another repository that only names the object.
type Key = (String, String);

/// Contents up to a number of bytes. Those that were not asked for the longest make room.
#[derive(Debug)]
pub(crate) struct Blobs {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    found: HashMap<Key, (u64, Arc<Vec<u8>>)>,
    /// When each was last asked for, as a count of questions.
    by_use: BTreeMap<u64, Key>,
    questions: u64,
    bytes: usize,
}

impl Blobs {
    /// Keeps at most so many bytes of contents.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    /// What is kept of an object.
    pub(crate) fn get(&self, repo: &str, oid: &str) -> Option<Arc<Vec<u8>>> {
        let key = (repo.to_owned(), oid.to_owned());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.questions += 1;
        let now = kept.questions;
        let (last, bytes) = kept.found.get_mut(&key)?;
        let (before, bytes) = (std::mem::replace(last, now), bytes.clone());
        kept.by_use.remove(&before);
        kept.by_use.insert(now, key);
        Some(bytes)
    }

    /// Keeps the content of an object, unless it alone is too large.
    pub(crate) fn put(&self, repo: &str, oid: &str, bytes: Vec<u8>) -> Arc<Vec<u8>> {
        let bytes = Arc::new(bytes);
        if bytes.len() > self.most {
            return bytes;
        }
        let key = (repo.to_owned(), oid.to_owned());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.questions += 1;
        let now = kept.questions;
        kept.bytes += bytes.len();
        // Two jobs may have read it at once.
        if let Some((before, old)) = kept.found.insert(key.clone(), (now, bytes.clone())) {
            kept.by_use.remove(&before);
            kept.bytes -= old.len();
        }
        kept.by_use.insert(now, key);
        while (kept.bytes > self.most || kept.found.len() > MOST_KEPT)
            && let Some((_, oldest)) = kept.by_use.pop_first()
            && let Some((_, old)) = kept.found.remove(&oldest)
        {
            kept.bytes -= old.len();
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(blobs: &Blobs) -> usize {
        let kept = blobs.kept.lock().unwrap();
        let held = kept.found.values().map(|(_, bytes)| bytes.len()).sum();
        assert_eq!((kept.bytes, kept.by_use.len()), (held, kept.found.len()));
        held
    }

    #[test]
    fn the_bound_holds_whatever_is_put_and_asked_for() {
        const MOST: usize = 1000;
        let blobs = Blobs::new(MOST);
        let mut dice = 1_u64;
        for _ in 0..20_000 {
            // Knuth's MMIX generator: the same numbers in every run.
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (oid, bytes) = ((dice >> 33) % 40, (dice >> 40) as usize % 1200);
            let oid = oid.to_string();
            if dice >> 63 == 0 {
                assert_eq!(blobs.put("r", &oid, vec![0; bytes]).len(), bytes);
                assert_eq!(blobs.get("r", &oid).is_some_and(|b| b.len() == bytes), bytes <= MOST);
            } else {
                blobs.get("r", &oid);
            }
            assert!(held(&blobs) <= MOST);
        }
        assert!(held(&blobs) > 0);
    }

    #[test]
    fn small_contents_are_bounded_by_their_number() {
        let blobs = Blobs::new(BLOBS_BYTES);
        for oid in 0..MOST_KEPT + 10 {
            blobs.put("r", &oid.to_string(), vec![0]);
        }
        assert_eq!(held(&blobs), MOST_KEPT);
        assert_eq!([9, 10].map(|oid| blobs.get("r", &oid.to_string()).is_some()), [false, true]);
    }

    #[test]
    fn what_was_not_asked_for_the_longest_makes_room() {
        let blobs = Blobs::new(30);
        for oid in ["a", "b", "c"] {
            blobs.put("r", oid, vec![0; 10]);
        }
        blobs.get("r", "a");
        blobs.put("r", "d", vec![0; 10]);
        let kept = ["a", "b", "c", "d"].map(|oid| blobs.get("r", oid).is_some());
        assert_eq!(kept, [true, false, true, true]);
        assert!(blobs.get("other", "a").is_none(), "another repository reads for itself");
    }
}
