//! The lines of a change that a forge takes comments on: those that its diff shows.

use queue_schema::rows::DiffSide as Side;
use std::collections::{BTreeMap, BTreeSet};

/// The lines of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileLines {
    /// Its path before the change.
    pub old_path: String,
    /// Lines after the change that are shown; with their number before it where they stayed.
    new: BTreeMap<u32, Option<u32>>,
    /// Lines that were removed.
    removed: BTreeSet<u32>,
}

impl FileLines {
    /// Reads the hunks of one file in git's format. What stands before the first hunk is passed over.
    pub fn read(old_path: &str, hunks: &str) -> Self {
        let mut lines = Self { old_path: old_path.to_owned(), ..Self::default() };
        // Numbers of the next lines, and how many lines of each side the hunk still holds.
        let (mut old, mut new, mut old_left, mut new_left) = (0u32, 0u32, 0u32, 0u32);
        for line in hunks.lines() {
            if old_left == 0 && new_left == 0 {
                if let Some(((o, o_len), (n, n_len))) = hunk(line) {
                    (old, new, old_left, new_left) = (o, n, o_len, n_len);
                }
                continue;
            }
            match line.as_bytes().first() {
                Some(b'+') => {
                    lines.new.insert(new, None);
                    (new, new_left) = (new.saturating_add(1), new_left.saturating_sub(1));
                }
                Some(b'-') => {
                    lines.removed.insert(old);
                    (old, old_left) = (old.saturating_add(1), old_left.saturating_sub(1));
                }
                Some(b'\\') => {}
                _ => {
                    lines.new.insert(new, Some(old));
                    (new, new_left) = (new.saturating_add(1), new_left.saturating_sub(1));
                    (old, old_left) = (old.saturating_add(1), old_left.saturating_sub(1));
                }
            }
        }
        lines
    }

    /// Whether the change shows this line.
    pub fn holds(&self, side: Side, line: u32) -> bool {
        match side {
            Side::Old => self.removed.contains(&line),
            Side::New => self.new.contains_key(&line),
        }
    }

    /// The number before the change of a line that stayed.
    pub fn before(&self, line: u32) -> Option<u32> {
        self.new.get(&line).copied().flatten()
    }
}

/// The lines of all files, by their path after the change (before it, for one that was deleted).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiffLines {
    /// File by file.
    pub files: BTreeMap<String, FileLines>,
}

/// Beginnings and lengths of a head such as `@@ -5 +5,2 @@ fn f()`: a length that is left out is one.
fn hunk(line: &str) -> Option<((u32, u32), (u32, u32))> {
    let (ranges, _) = line.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let range = |text: &str| match text.split_once(',') {
        Some((start, length)) => Some((start.parse().ok()?, length.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    };
    Some((range(old)?, range(new)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_hunks_have_their_sides() {
        let hunks = "@@ -3,4 +3,4 @@ fn f()\n a\n-b\n+B\n c\n d\n\\ No newline at end of file\n@@ -20 +20 @@\n-x\n\\ No newline at end of file\n+@@ -1 +1 @@\n@@ -30,0 +31,2 @@\n+y\n+z";
        let lines = FileLines::read("old.rs", hunks);
        let new: Vec<u32> = lines.new.keys().copied().collect();
        assert_eq!(new, [3, 4, 5, 6, 20, 31, 32]);
        assert_eq!(lines.removed.iter().copied().collect::<Vec<_>>(), [4, 20]);
        let before = [3, 4, 6, 20].map(|line| lines.before(line));
        assert_eq!(before, [Some(3), None, Some(6), None]);
        assert!(lines.holds(Side::Old, 20) && !lines.holds(Side::Old, 3));
    }

    #[test]
    fn what_is_no_hunk_holds_no_line() {
        for text in
            ["", "+a\n-b", "@@ nonsense @@\n+a", "@@ -x,y +1,2 @@\n+a", "@@ -1 +99999999999 @@\n+a"]
        {
            assert_eq!(FileLines::read("a", text), FileLines::read("a", ""), "{text}");
        }
    }
}
