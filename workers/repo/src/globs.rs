//! Which paths: target globs and the ignore file.

use crate::{Entry, EntryKind, RepoError};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::path::Path;

/// The targets of a request.
#[derive(Debug, Clone)]
pub struct TargetGlobs {
    /// As given, for messages; empty = every path.
    given: Vec<String>,
    /// The same as plain paths: a name such as `app/[id]/page.tsx` is a glob that misses itself.
    plain: Vec<String>,
    /// Two globs for each: itself, and everything below it.
    set: GlobSet,
}

impl TargetGlobs {
    /// Compiles globs; none means every path. `*` stays within a directory, `**` does not; a
    /// plain directory means everything below it. Paths start at the repository's root.
    ///
    /// # Errors
    /// [`RepoError::Glob`] for the first that is none.
    pub fn new(globs: &[String]) -> Result<Self, RepoError> {
        let mut set = GlobSetBuilder::new();
        let mut all_plain = Vec::new();
        for glob in globs {
            let fail = |message: String| RepoError::Glob { glob: glob.clone(), message };
            if glob.starts_with('/') {
                let message = "paths start at the repository's root, without a '/'".to_owned();
                return Err(fail(message));
            }
            let mut plain = glob.as_str();
            while let Some(rest) = plain.strip_prefix("./") {
                plain = rest;
            }
            let plain = match plain.trim_end_matches('/') {
                "" if glob.is_empty() => return Err(fail("it is empty".to_owned())),
                // The root, as in `--target .`: everything.
                "" | "." => "**",
                plain => plain,
            };
            for pattern in [plain.to_owned(), format!("{plain}/**")] {
                let compiled = GlobBuilder::new(&pattern).literal_separator(true).build();
                set.add(compiled.map_err(|e| fail(e.kind().to_string()))?);
            }
            all_plain.push(plain.to_owned());
        }
        let set = set.build().map_err(|e| RepoError::Glob {
            glob: globs.join(" "),
            message: e.kind().to_string(),
        })?;
        Ok(Self { given: globs.to_vec(), plain: all_plain, set })
    }

    /// True when the path is a target.
    pub fn matches(&self, path: &str) -> bool {
        self.given.is_empty()
            || self.set.is_match(path)
            || self.plain.iter().any(|plain| is_or_is_below(path, plain))
    }

    /// The globs, as given, that match none of the paths: most likely slips of the pen, which
    /// would go unnoticed beside others that match.
    pub fn unused<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> Vec<&str> {
        let mut used = vec![false; self.given.len()];
        let mut hits = Vec::new();
        for path in paths {
            self.set.matches_into(path, &mut hits);
            for hit in &hits {
                // Each glob stands in the set twice.
                used[hit / 2] = true;
            }
            for (used, plain) in used.iter_mut().zip(&self.plain) {
                *used = *used || is_or_is_below(path, plain);
            }
        }
        let unused = self.given.iter().zip(used).filter(|(_, used)| !used);
        unused.map(|(glob, _)| glob.as_str()).collect()
    }
}

fn is_or_is_below(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Characters of a line of an ignore file that a message shows.
const LINE_CHARS: usize = 80;
/// Patterns of an ignore file, bytes of one, and wildcards in all of them. Each wildcard is compiled, so
/// that a small file of nothing else would take hundreds of megabytes, and a second for each path. The
/// largest ignore files of real repositories have some hundred lines with two wildcards each.
const MOST_PATTERNS: usize = 10_000;
const PATTERN_BYTES: usize = 1024;
const MOST_WILDCARDS: usize = 4000;

/// `.scrumignore` at the root of a commit, in gitignore's syntax.
#[derive(Debug, Clone)]
pub struct IgnoreFile {
    rules: Gitignore,
    problems: Vec<String>,
}

impl IgnoreFile {
    /// Its name.
    pub const NAME: &'static str = ".scrumignore";
    /// A larger one is not read. The largest of real repositories have some kilobytes.
    pub const MAX_BYTES: u64 = 256 << 10;

    /// Whether an entry of that name can be one.
    ///
    /// # Errors
    /// [`RepoError::IgnoreFile`] for what is no file, or a too large one.
    pub fn check(entry: &Entry) -> Result<(), RepoError> {
        let why = match entry.kind {
            EntryKind::Symlink => "is a symbolic link, which is not followed".to_owned(),
            EntryKind::Submodule => "is a submodule".to_owned(),
            EntryKind::File | EntryKind::Executable if entry.bytes > Self::MAX_BYTES => {
                format!("has {} bytes, more than {}", entry.bytes, Self::MAX_BYTES)
            }
            EntryKind::File | EntryKind::Executable => return Ok(()),
        };
        Err(RepoError::IgnoreFile { why })
    }

    /// Reads it. A line that is no pattern is passed over, as git does; see
    /// [`IgnoreFile::problems`].
    ///
    /// # Errors
    /// [`RepoError::IgnoreFile`] when it is no text, or its patterns are too many to be matched.
    pub fn read(bytes: &[u8]) -> Result<Self, RepoError> {
        let fail = |why: String| RepoError::IgnoreFile { why };
        if bytes.contains(&0) {
            // Some editors and shells write UTF-16, of which no pattern would match.
            return Err(fail("is not UTF-8 text: it holds null bytes".to_owned()));
        }
        let text = String::from_utf8_lossy(bytes);
        let mut builder = GitignoreBuilder::new("");
        let mut problems = Vec::new();
        let (mut patterns, mut wildcards) = (0, 0);
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            patterns += 1;
            wildcards += line.bytes().filter(|b| b"*?[{,".contains(b)).count();
            for (what, has, most) in [
                ("patterns", patterns, MOST_PATTERNS),
                ("wildcards (* ? [ { ,) in its patterns", wildcards, MOST_WILDCARDS),
                ("bytes in one pattern", line.len(), PATTERN_BYTES),
            ] {
                if has > most {
                    let number = number + 1;
                    return Err(fail(format!("has more than {most} {what} (line {number})")));
                }
            }
            if let Err(e) = builder.add_line(None, line) {
                let shown: String = line.chars().take(LINE_CHARS).collect();
                let why: String = e.to_string().chars().take(2 * LINE_CHARS).collect();
                problems.push(format!("line {}: '{shown}' is passed over: {why}", number + 1));
            }
        }
        let rules = builder.build().map_err(|e| fail(format!("can't be matched: {e}")))?;
        Ok(Self { rules, problems })
    }

    /// What is wrong with it, line by line, for a person.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// True when the path, or a directory it is in, is to be left out.
    pub fn is_ignored(&self, path: &str) -> bool {
        // A tree written by hand may hold a name with a leading slash, and the matcher panics on
        // one.
        let path = Path::new(path.trim_start_matches('/'));
        self.rules.matched_path_or_any_parents(path, false).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(list: &[&str]) -> TargetGlobs {
        TargetGlobs::new(&list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn globs_mean_what_a_shell_user_expects() {
        assert!(globs(&[]).matches("any/thing"));
        let set = globs(&["src/*.rs", "docs/", "././Makefile"]);
        assert!(set.matches("src/a.rs") && !set.matches("src/deep/a.rs"));
        assert!(set.matches("docs/deep/x.md") && set.matches("Makefile"));
        assert!(!set.matches("docsx/y") && !set.matches("sub/Makefile"));
        assert!(globs(&["src/**/*.rs"]).matches("src/a.rs"));
        assert!(globs(&["**/*.rs"]).matches("src/deep/a.rs"));
        assert!(globs(&["."]).matches("src/deep/a.rs") && globs(&["./"]).matches("a"));
        assert!(globs(&["src/.hid*"]).matches("src/.hidden"));
    }

    #[test]
    fn names_that_look_like_globs_match_themselves() {
        let set = globs(&["app/[id]"]);
        assert!(set.matches("app/[id]/page.tsx") && set.matches("app/i/page.tsx"));
        assert!(!set.matches("app/x/page.tsx"));
    }

    #[test]
    fn a_bad_glob_is_named() {
        for bad in ["src/[", "{a", "/abs/path", ""] {
            let error = TargetGlobs::new(&[bad.to_owned()]).unwrap_err().to_string();
            assert!(error.contains(&format!("'{bad}'")), "{error}");
        }
    }

    #[test]
    fn globs_that_match_nothing_are_found() {
        let set = globs(&["src/**/*.rs", "scr", "[x]"]);
        assert_eq!(set.unused(["src/a.rs", "README.md"]), ["scr", "[x]"]);
        assert_eq!(set.unused(["src/a.rs", "scr/b", "[x]/y"]), Vec::<&str>::new());
        assert!(globs(&[]).unused(["a"]).is_empty());
    }

    #[test]
    fn the_ignore_file_speaks_gitignore() {
        let ignore =
            IgnoreFile::read("\u{feff}# made\ngen/\n*.snap\n!keep.snap\n/top\n[z-a]\n".as_bytes());
        let ignore = ignore.unwrap();
        assert!(ignore.is_ignored("gen/deep/a.rs") && ignore.is_ignored("x/y.snap"));
        assert!(!ignore.is_ignored("keep.snap") && !ignore.is_ignored("src/a.rs"));
        assert!(ignore.is_ignored("top") && !ignore.is_ignored("sub/top"));
        assert!(ignore.is_ignored("/gen/a") && !ignore.is_ignored("/") && !ignore.is_ignored(""));
        assert_eq!(ignore.problems().len(), 1);
        assert!(ignore.problems()[0].starts_with("line 6: '[z-a]'"), "{:?}", ignore.problems());
    }

    #[test]
    fn an_ignore_file_that_would_ignore_nothing_is_refused() {
        let wide: Vec<u8> = "secrets/\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let lines = |line: &str, n: usize| [line, "\n"].concat().repeat(n).into_bytes();
        for (bytes, why) in [
            (wide, "UTF-8"),
            (lines("a", 10_001), "more than 10000 patterns (line 10001)"),
            (lines("*a?", 2001), "more than 4000 wildcards"),
            (lines("{a,b}[c]", 1334), "more than 4000 wildcards"),
            (lines(&"a".repeat(1025), 1), "more than 1024 bytes in one pattern (line 1)"),
        ] {
            let bytes = bytes.as_slice();
            let error = IgnoreFile::read(bytes).err().unwrap().to_string();
            assert!(error.contains(why) && error.contains(".scrumignore"), "{error}");
        }
        // As much as is allowed of each.
        for (line, n) in [("a", 10_000), ("*a?", 2000), (&"a".repeat(1024)[..], 200), ("# *", 9000)]
        {
            IgnoreFile::read(&lines(line, n)).unwrap();
        }
        let entry = |kind, bytes| {
            let (path, blob) = (IgnoreFile::NAME.to_owned(), String::new());
            IgnoreFile::check(&Entry { path, path_escaped: false, blob, bytes, kind })
        };
        assert!(entry(EntryKind::File, IgnoreFile::MAX_BYTES).is_ok());
        assert!(entry(EntryKind::Executable, 1).is_ok());
        let large = entry(EntryKind::File, IgnoreFile::MAX_BYTES + 1);
        for wrong in [entry(EntryKind::Symlink, 1), entry(EntryKind::Submodule, 0), large] {
            assert!(wrong.unwrap_err().to_string().contains("commit"));
        }
    }

    #[test]
    fn what_is_said_of_a_line_is_short() {
        let ignore = IgnoreFile::read(format!("[z-a]{}", "x".repeat(1000)).as_bytes()).unwrap();
        assert!(ignore.problems()[0].len() < 300, "{}", ignore.problems()[0].len());
    }
}
