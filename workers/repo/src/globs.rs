//! Which paths: target globs and the ignore file.

use crate::RepoError;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::path::Path;

/// The targets of a request.
#[derive(Debug, Clone)]
pub struct TargetGlobs(Option<GlobSet>);

impl TargetGlobs {
    /// Compiles globs; none means every path. `*` stays within a directory, `**` does not; a
    /// plain directory means everything below it.
    ///
    /// # Errors
    /// [`RepoError::Glob`] for the first that is none.
    pub fn new(globs: &[String]) -> Result<Self, RepoError> {
        if globs.is_empty() {
            return Ok(Self(None));
        }
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let fail = |e: globset::Error| RepoError::Glob {
                glob: glob.clone(),
                message: e.kind().to_string(),
            };
            let plain = glob.trim_start_matches("./").trim_end_matches('/');
            for pattern in [plain.to_owned(), format!("{plain}/**")] {
                let compiled = GlobBuilder::new(&pattern).literal_separator(true).build();
                set.add(compiled.map_err(fail)?);
            }
        }
        let set = set.build().map_err(|e| RepoError::Glob {
            glob: globs.join(" "),
            message: e.kind().to_string(),
        })?;
        Ok(Self(Some(set)))
    }

    /// True when the path is a target.
    pub fn matches(&self, path: &str) -> bool {
        self.0.as_ref().is_none_or(|set| set.is_match(path))
    }
}

/// `.scrumignore` at the root of a commit, in gitignore's syntax.
#[derive(Debug, Clone)]
pub struct IgnoreFile(Gitignore);

impl IgnoreFile {
    /// Reads it. A line that is no pattern is passed over, as git does.
    pub fn from_text(text: &str) -> Self {
        let mut builder = GitignoreBuilder::new("");
        for line in text.lines() {
            let _ = builder.add_line(None, line);
        }
        Self(builder.build().unwrap_or_else(|_| Gitignore::empty()))
    }

    /// True when the path is to be left out.
    pub fn is_ignored(&self, path: &str) -> bool {
        self.0.matched_path_or_any_parents(Path::new(path), false).is_ignore()
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
        let set = globs(&["src/*.rs", "docs/", "./Makefile"]);
        assert!(set.matches("src/a.rs") && !set.matches("src/deep/a.rs"));
        assert!(set.matches("docs/deep/x.md") && set.matches("Makefile"));
        assert!(globs(&["src/**/*.rs"]).matches("src/a.rs"));
        assert!(globs(&["**/*.rs"]).matches("src/deep/a.rs"));
    }

    #[test]
    fn a_bad_glob_is_named() {
        let error = TargetGlobs::new(&["src/[".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("src/["), "{error}");
    }

    #[test]
    fn the_ignore_file_speaks_gitignore() {
        let ignore = IgnoreFile::from_text("# generated\ngen/\n*.snap\n!keep.snap\n[\n");
        assert!(ignore.is_ignored("gen/deep/a.rs") && ignore.is_ignored("x/y.snap"));
        assert!(!ignore.is_ignored("keep.snap") && !ignore.is_ignored("src/a.rs"));
    }
}
