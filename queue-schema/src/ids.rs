//! Deterministic identities: derived from what a thing is about, so that making it twice makes
//! it once.

use crate::events::is_name;
use crate::url::repository;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

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

/// The first byte of the SHA-256 of some bytes.
pub fn sha256_first(bytes: &[u8]) -> u8 {
    Sha256::digest(bytes)[0]
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n & 0xf)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]).collect()
}

/// Digits of a repository's identity.
const REPO_DIGITS: usize = 8;
/// Digits of what tells the sweeps of a repository apart; ids of before had no others.
const REQUEST_DIGITS: usize = 16;
/// Digits of what is remembered of a repository: enough that two never share them.
const MEMORY_DIGITS: usize = 32;
/// Digits of a finding's identity within its repository.
const FINDING_DIGITS: usize = 16;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not the id of a {what}: {form}")]
pub struct NoId {
    text: String,
    what: &'static str,
    form: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $form:literal, $fits:expr;)+) => {$(
        $(#[$doc])*
        ///
        /// `From` takes what the fleet made itself; what a person gave is parsed.
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<$name> for Vec<u8> {
            fn from(id: $name) -> Self {
                id.0.into_bytes()
            }
        }

        impl FromStr for $name {
            type Err = NoId;
            fn from_str(text: &str) -> Result<Self, NoId> {
                let fits: fn(&str) -> bool = $fits;
                let no = || NoId { text: text.to_owned(), what: $what, form: $form };
                fits(text).then(|| Self(text.to_owned())).ok_or_else(no)
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl PartialEq<String> for $name {
            fn eq(&self, other: &String) -> bool {
                self.0 == *other
            }
        }

        impl PartialEq<$name> for String {
            fn eq(&self, other: &$name) -> bool {
                *self == other.0
            }
        }

        impl PartialEq<$name> for &str {
            fn eq(&self, other: &$name) -> bool {
                *self == other.0
            }
        }
    )+};
}

ids! {
    /// A repository, whatever its commit: all its sweeps live in one partition.
    RepoId, "repository", "8 hex digits", |text| is_hex(text, REPO_DIGITS);
    /// A sweep: its repository, then what is asked for. Sweeps of before name no repository.
    SweepId, "sweep", "24 hex digits, or 16", |text| {
        is_hex(text, REPO_DIGITS + REQUEST_DIGITS) || is_hex(text, REQUEST_DIGITS)
    };
    /// A review: a target of a sweep.
    ReviewId, "review", "the id of a sweep, '-', the ordinal of a file", |text| {
        split_review(text).is_some()
    };
    /// A job: a sweep, or a review, then its kind and what sets it apart from others of that kind.
    JobId, "job", "the id of a sweep or review, '.', the kind", |text| text.contains('.');
    /// What the fleet remembers of a repository; begins with the repository's own digits.
    MemoryId, "repository's memory", "32 hex digits", |text| is_hex(text, MEMORY_DIGITS);
    /// A class of reviews that went alike, see `scrum_domain::pathway`.
    PathwayId, "pathway", "64 hex digits", |text| is_hex(text, 64);
    /// A finding, whatever sweep reports it.
    FindingId, "finding", "16 hex digits", |text| is_hex(text, FINDING_DIGITS);
    /// A run of the applier over a sweep.
    RunId, "run", "12 hex digits", |text| is_hex(text, 12);
    /// A schedule, by the name that a person gave it.
    ScheduleName, "schedule", "1 to 40 lower-case letters, digits and '-', '_' or '.'", is_name;
    /// A worker.
    WorkerId, "worker", "text without spaces", |text| {
        !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    };
}

impl RepoId {
    /// Of the repository that a path or a URL names.
    pub fn of(repo: &str) -> Self {
        Self(sha256_hex(repository(repo).as_bytes())[..REPO_DIGITS].to_owned())
    }
}

impl MemoryId {
    /// Of a repository by its canonical identity, see [`crate::sweep::SweepSpec::identity`].
    pub fn of(identity: &str) -> Self {
        Self(sha256_hex(repository(identity).as_bytes())[..MEMORY_DIGITS].to_owned())
    }

    /// The repository: its sweeps lie in the same partition.
    pub fn repo(&self) -> RepoId {
        RepoId(self.get(..REPO_DIGITS).unwrap_or_default().to_owned())
    }
}

impl FindingId {
    /// Of the parts that make a finding what it is.
    pub fn of(parts: &[&[u8]]) -> Self {
        Self(content_id(parts)[..FINDING_DIGITS].to_owned())
    }
}

impl SweepId {
    /// The sweep of a repository whose request has this hash, in hex.
    pub fn new(repo: &RepoId, request: &str) -> Self {
        Self(format!("{repo}{request:.REQUEST_DIGITS$}"))
    }

    /// What tells it apart from the other sweeps of its repository.
    pub fn request(&self) -> &str {
        &self[repo_of(self).map_or(0, str::len)..]
    }

    /// Its repository; `None` for a sweep of before.
    pub fn repo(&self) -> Option<RepoId> {
        repo_of(self).map(RepoId::from)
    }
}

impl ReviewId {
    /// The review of a target of a sweep.
    pub fn new(sweep: &SweepId, target: u32) -> Self {
        Self(format!("{sweep}-{target}"))
    }

    /// Its sweep; empty when it has none.
    pub fn sweep(&self) -> SweepId {
        split_review(self).map_or_else(SweepId::default, |(sweep, _)| sweep.into())
    }

    /// The ordinal of its target; `None` when it names none.
    pub fn target(&self) -> Option<u32> {
        split_review(self).map(|(_, target)| target)
    }
}

impl JobId {
    /// The review that it serves; `None` for a job of a sweep as a whole.
    pub fn review(&self) -> Option<ReviewId> {
        review_in(self)
    }
}

/// The digits of the repository in the id of a sweep; `None` for a sweep of before.
pub fn repo_of(sweep: &str) -> Option<&str> {
    is_hex(sweep, REPO_DIGITS + REQUEST_DIGITS).then(|| &sweep[..REPO_DIGITS])
}

/// The review in the name of what belongs to one: the review itself, its jobs and its barriers.
pub fn review_in(name: &str) -> Option<ReviewId> {
    name.split('.').next().and_then(|id| id.parse().ok())
}

/// The sweep and the run in the name of what belongs to a run of the applier, see
/// [`crate::keys::apply_barrier`].
pub fn split_run(name: &str) -> Option<(SweepId, RunId)> {
    let (sweep, run) = name.split_once('.')?;
    Some((sweep.into(), run.into()))
}

fn split_review(text: &str) -> Option<(&str, u32)> {
    let (sweep, target) = text.rsplit_once('-')?;
    Some((sweep, target.parse().ok()?))
}

/// A name of any length as the end of a key: 16 hex digits of its hash.
pub fn name_key(name: &str) -> String {
    sha256_hex(name.as_bytes())[..16].to_owned()
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
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

    #[test]
    fn a_sweep_names_its_repository_and_one_of_before_does_not() {
        let app = RepoId::of("/r/app");
        let sweep = SweepId::new(&app, &content_id(&[b"request"]));
        assert_eq!((sweep.len(), sweep.repo()), (24, Some(app)));
        assert_eq!(sweep.request(), &content_id(&[b"request"])[..16]);
        assert_eq!(SweepId::from("0123456789abcdef").request(), "0123456789abcdef");
        assert_eq!(SweepId::from("0123456789abcdef").repo(), None);
        for wrong in ["", "latest", "0123456789ABCDEF", "0123456789abcdef0"] {
            assert!(SweepId::from_str(wrong).is_err(), "{wrong}");
        }
        assert!(SweepId::from_str(&sweep).is_ok_and(|same| same == sweep));
        assert!(SweepId::from_str("0123456789abcdef").is_ok());
    }

    #[test]
    fn a_repository_is_known_by_whatever_names_it() {
        let of = |repo: &str| RepoId::of(repo);
        assert_eq!(of("https://me:key@host/r/app.git"), of("https://host/r/app/"));
        assert_eq!(of("git@host:r/app.git"), of("git@host:r/app"));
        assert_eq!(of("/r/app"), of("/r/app/"));
        assert_ne!(of("/r/app"), of("/r/app.git"));
        assert_ne!(of("https://host/r/app"), of("https://host/r/web"));
        assert_eq!(of("/r/app").as_str(), &sha256_hex(b"/r/app")[..8]);
    }

    #[test]
    fn a_memory_lies_with_the_sweeps_of_its_repository() {
        let memory = MemoryId::of("https://me:key@host/r/app.git");
        assert_eq!(memory, MemoryId::of("https://host/r/app"));
        assert_eq!(memory.repo(), RepoId::of("https://host/r/app"));
        assert_eq!(memory.parse(), Ok(memory.clone()));
        assert_eq!(MemoryId::from("").repo(), "");
    }

    #[test]
    fn a_review_is_taken_apart_as_it_was_made() {
        for sweep in ["0123456789abcdef", "0123456789abcdef01234567", "an-old-one"] {
            let review = ReviewId::new(&sweep.into(), 7);
            assert_eq!((review.sweep().as_str(), review.target()), (sweep, Some(7)));
            assert_eq!(review.parse(), Ok(review.clone()));
        }
        let none = ReviewId::from("damaged");
        assert_eq!((none.sweep().as_str(), none.target()), ("", None));
        assert!(ReviewId::from_str("damaged").unwrap_err().to_string().contains("not the id of a"));
    }

    #[test]
    fn a_job_names_its_review() {
        let of = |job: &str| JobId::from(job).review();
        assert_eq!(of("0123456789abcdef-7.rung.2"), Some(ReviewId::from("0123456789abcdef-7")));
        assert_eq!((of("0123456789abcdef.plan.0"), of("lonely")), (None, None));
    }

    #[test]
    fn ids_stand_in_json_as_their_text() {
        let json = serde_json::to_string(&ReviewId::new(&"s".into(), 1)).unwrap();
        assert_eq!(json, "\"s-1\"");
        assert_eq!(serde_json::from_str::<SweepId>("\"s\"").unwrap(), "s");
    }
}
