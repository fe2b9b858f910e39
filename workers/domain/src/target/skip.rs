//! Why files are not reviewed.

use crate::text::counted;
use std::collections::BTreeMap;
use std::fmt;

/// Why a file of the tree is not reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// Holds NUL bytes.
    Binary,
    /// In no encoding that is known.
    NoEncoding {
        /// Byte offset of the first sequence that is not UTF-8.
        offset: usize,
    },
    /// It stands for a file that is kept elsewhere.
    Pointer(&'static str),
    /// Long dense lines, whatever its name is.
    Dense {
        /// Of a hundred bytes so many are in them.
        percent: usize,
    },
    /// No bytes, or white space only.
    Empty,
    /// Over the size cap.
    TooLarge {
        /// Size of the file.
        bytes: u64,
        /// The cap.
        max: u64,
    },
    /// A symbolic link: its content is a path.
    Symlink,
    /// A commit of another repository.
    Submodule,
    /// Written by a program, by its own account or by its name.
    Generated,
    /// Another project's code, kept in this tree.
    Vendored,
    /// Resolved dependency versions.
    LockFile,
    /// Minified script or style, or a source map.
    Minified,
    /// Matched by the ignore file.
    Ignored,
    /// Media, archives and the like, by file name.
    NotText,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary => f.write_str("binary (has NUL bytes)"),
            Self::NoEncoding { offset } => {
                write!(f, "no text in a known encoding (not UTF-8 from byte {offset} on)")
            }
            Self::Pointer(what) => f.write_str(what),
            Self::Dense { percent } => {
                write!(f, "minified ({percent} % of it is in long dense lines)")
            }
            Self::Empty => f.write_str("empty"),
            Self::TooLarge { bytes, max } => write!(f, "too large ({bytes} bytes, cap {max})"),
            Self::Symlink => f.write_str("symbolic link"),
            Self::Submodule => f.write_str("submodule"),
            Self::Generated => f.write_str("generated"),
            Self::Vendored => f.write_str("vendored"),
            Self::LockFile => f.write_str("lock file"),
            Self::Minified => f.write_str("minified"),
            Self::Ignored => f.write_str("matched by the ignore file"),
            Self::NotText => f.write_str("not a text file (by its name)"),
        }
    }
}

/// Files that are skipped, counted by the kind of reason.
#[derive(Debug, Clone, Default)]
pub struct Skipped(BTreeMap<String, u64>);

/// Kinds of reasons that are shown.
const KINDS_SHOWN: usize = 8;

impl Skipped {
    /// Counts one, by the reason as it stands in its target: what is in brackets there is about the one file.
    pub fn add(&mut self, reason: &str) {
        let kind = reason.split(" (").next().unwrap_or(reason);
        *self.0.entry(kind.to_owned()).or_default() += 1;
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The kinds, the most frequent first.
    pub fn kinds(&self) -> Vec<(&str, u64)> {
        let mut kinds: Vec<_> = self.0.iter().map(|(kind, n)| (kind.as_str(), *n)).collect();
        kinds.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        kinds
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.kinds();
        let n = usize::try_from(self.total()).unwrap_or(usize::MAX);
        write!(f, "{} skipped", counted(n, "file", "files"))?;
        let mut shown: Vec<_> =
            kinds.iter().take(KINDS_SHOWN).map(|(kind, n)| format!("{n} {kind}")).collect();
        if kinds.len() > KINDS_SHOWN {
            shown.push("..".to_owned());
        }
        if shown.is_empty() { Ok(()) } else { write!(f, ": {}", shown.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_files_are_counted_by_kind() {
        let mut skipped = Skipped::default();
        for reason in ["empty", "too large (9 bytes, cap 5)", "too large (8 bytes, cap 5)"] {
            skipped.add(reason);
        }
        assert_eq!(skipped.to_string(), "3 files skipped: 2 too large, 1 empty");
        assert_eq!(Skipped::default().to_string(), "0 files skipped");
        for (kinds, more) in [(8, false), (9, true)] {
            let mut skipped = Skipped::default();
            (0..kinds).for_each(|n| skipped.add(&format!("kind {n}")));
            assert_eq!(skipped.to_string().ends_with(", .."), more, "{skipped}");
        }
    }

    #[test]
    fn reasons_read_well() {
        assert_eq!(
            SkipReason::TooLarge { bytes: 9, max: 5 }.to_string(),
            "too large (9 bytes, cap 5)"
        );
        assert_eq!(
            SkipReason::NoEncoding { offset: 3 }.to_string(),
            "no text in a known encoding (not UTF-8 from byte 3 on)"
        );
    }
}
