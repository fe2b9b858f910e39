//! Names in a tree that somebody may have written by hand.

/// Leaves room for the directory that it stands in: a program can name 4,096 bytes.
pub(super) const LONGEST_PATH: usize = 3000;
const LONGEST_NAME: usize = 255;

/// Why a path is not written; none when it may be.
pub(crate) fn refused(path: &[u8]) -> Option<&'static str> {
    if path.len() > LONGEST_PATH || path.split(|b| *b == b'/').any(|p| p.len() > LONGEST_NAME) {
        return Some("its path is too long");
    }
    if path.contains(&0) {
        return Some("its name holds a NUL");
    }
    if path.split(|b| *b == b'/').any(|part| matches!(part, b"" | b"." | b"..")) {
        return Some("its path leads elsewhere");
    }
    // Some systems take a backslash for a slash.
    if path.split(|b| matches!(b, b'/' | b'\\')).any(is_git) {
        return Some("it would be a git directory");
    }
    None
}

/// `.git`, and what Windows and macOS take for it: any case, `git~1`, dots and spaces behind it,
/// streams, characters without width.
fn is_git(part: &[u8]) -> bool {
    let text = String::from_utf8_lossy(part);
    let seen = text.chars().filter(|c| {
        !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
    });
    let seen: String = seen.flat_map(char::to_lowercase).collect();
    let stem = seen.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    matches!(stem, ".git" | "git~1")
}

/// Whether a symbolic link at `path` can't lead out. Upwards only at the beginning of its target
/// and not above the root: the directory of a link is a real one, so that each `..` goes where it
/// seems to; after another link it might not.
pub(super) fn stays_inside(path: &[u8], target: &[u8]) -> bool {
    if target.is_empty() || target[0] == b'/' || target.contains(&0) || target.len() > LONGEST_PATH
    {
        return false;
    }
    let mut depth = path.split(|b| *b == b'/').count().saturating_sub(1);
    let mut down = false;
    for part in target.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if down || depth == 0 => return false,
            b".." => depth -= 1,
            _ => down = true,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_something_else_are_refused() {
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/./b",
            ".git",
            "a/.GIT/config",
            ".Git",
            "git~1",
            "GIT~1/hooks",
            ".git. .",
            ".git ",
            ".git::$INDEX_ALLOCATION",
            ".g\u{200c}it",
            "a\\.git\\config",
            ".git\u{feff}",
            "x\0y",
        ] {
            assert!(refused(bad.as_bytes()).is_some(), "{bad:?}");
        }
        for good in
            ["a", ".gitignore", ".github/x.yml", "git", "a.git", "git~10", "…", "a b", "...", "..a"]
        {
            assert_eq!(refused(good.as_bytes()), None, "{good:?}");
        }
        assert!(refused(b"n\xff.txt").is_none());
        assert!(refused(&[b'x'; 256]).is_some() && refused(&b"x/".repeat(1600)).is_some());
    }

    #[test]
    fn links_that_may_lead_out_are_found() {
        for (path, target) in [("l", "a"), ("a/l", "../b"), ("a/b/l", "../../c/d"), ("l", "./a/")] {
            assert!(stays_inside(path.as_bytes(), target.as_bytes()), "{path} {target}");
        }
        for (path, target) in [
            ("l", "/etc"),
            ("l", ".."),
            ("a/l", "../../x"),
            ("l", "a/../b"),
            ("l", ""),
            ("l", "a/b/../../.."),
        ] {
            assert!(!stays_inside(path.as_bytes(), target.as_bytes()), "{path} {target}");
        }
    }
}
