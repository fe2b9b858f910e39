//! Checks the files of a git directory before libgit2 opens them.
//!
//! libgit2 opens files of every kind: a named pipe blocks the thread for ever, a device never ends. So the
//! kinds of files are checked first. This does not protect from changes in between, so workers also read with a
//! deadline.

use crate::RepoError;
use git2::Oid;
use scrum_disk::{self as disk, FileType};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Entries of one git directory that are looked at.
const MOST_ENTRIES: usize = 2_000_000;
/// Levels of folders below `refs` and `logs`.
const DEEPEST: usize = 64;
/// Bytes of a configuration, and of a file that names another place.
const TEXT_BYTES: u64 = 16 << 20;
/// Bytes of any other file that is read as a whole: `packed-refs`, a loose object.
const FILE_BYTES: u64 = 1 << 30;
/// Configurations that one includes, and those that these include.
const MOST_INCLUDES: usize = 100;
/// Object directories that one borrows from, and those that these borrow from.
const MOST_ALTERNATES: usize = 64;

/// A git directory whose files are of the kinds that can be read.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Its own, and the one that it shares with other working trees.
    dirs: [PathBuf; 2],
    /// Where objects are: its own directory, and those that it borrows from.
    objects: Vec<PathBuf>,
}

impl Guard {
    /// Checks all files that opening a git directory reads.
    ///
    /// # Errors
    /// [`RepoError::GitDirectory`] for what is no regular file, or too much.
    pub(crate) fn check(git_dir: &Path) -> Result<Self, RepoError> {
        let git_dir = git_dir.to_owned();
        let common = match text(&git_dir.join("commondir"))? {
            Some(place) => git_dir.join(place.trim()),
            None => git_dir.clone(),
        };
        let mut left = MOST_ENTRIES;
        let mut configs = Vec::new();
        for dir in [&git_dir, &common] {
            walk(dir, 1, &mut left)?;
            configs.extend(["config", "config.worktree"].map(|name| dir.join(name)));
        }
        included(configs)?;
        let objects = object_dirs(&common.join("objects"))?;
        for dir in &objects {
            walk(&dir.join("info"), 2, &mut left)?;
            walk(&dir.join("pack"), 1, &mut left)?;
        }
        Ok(Self { dirs: [git_dir, common], objects })
    }

    /// Checks what finding a revision may read in addition: references, their logs, loose objects.
    ///
    /// # Errors
    /// As [`Guard::check`].
    pub(crate) fn check_revisions(&self) -> Result<(), RepoError> {
        let mut left = MOST_ENTRIES;
        for dir in &self.dirs {
            walk(&dir.join("refs"), DEEPEST, &mut left)?;
            walk(&dir.join("logs"), DEEPEST, &mut left)?;
        }
        self.objects.iter().try_for_each(|dir| walk(dir, 2, &mut left))
    }

    /// Checks the files that may hold this object.
    ///
    /// # Errors
    /// As [`Guard::check`].
    pub(crate) fn check_object(&self, id: Oid) -> Result<(), RepoError> {
        let name = id.to_string();
        let (folder, file) = name.split_at(2);
        self.objects.iter().try_for_each(|dir| look(&dir.join(folder).join(file)))
    }
}

fn refused(path: &Path, why: impl Into<String>) -> RepoError {
    RepoError::GitDirectory { path: path.to_owned(), why: why.into() }
}

/// Checks one file, links followed; a missing one is fine.
pub(crate) fn look(path: &Path) -> Result<(), RepoError> {
    let Ok(found) = disk::stat_behind(path) else { return Ok(()) };
    if let Some(kind) = blocking(found.file_type()) {
        return Err(refused(path, format!("is {kind}, which git would wait for without end")));
    }
    // The index is large where there are many files, and is not read.
    if found.is_file() && found.len() > FILE_BYTES && path.file_name().is_none_or(|n| n != "index")
    {
        let (has, most) = (found.len(), FILE_BYTES);
        return Err(refused(path, format!("has {has} bytes, and at most {most} are read")));
    }
    Ok(())
}

/// Its kind, if opening or reading it may block. A socket can't be opened at all.
fn blocking(kind: FileType) -> Option<&'static str> {
    let is = [
        (kind.is_fifo(), "a named pipe"),
        (kind.is_char_device(), "a device"),
        (kind.is_block_device(), "a device"),
    ];
    is.into_iter().find_map(|(is, name)| is.then_some(name))
}

/// Checks the files in a folder and in those below it down to `depth`. Packs are mapped and not read, so they
/// have no limit of size.
fn walk(dir: &Path, depth: usize, left: &mut usize) -> Result<(), RepoError> {
    let mut open = vec![(dir.to_owned(), depth)];
    while let Some((dir, depth)) = open.pop() {
        // One that is not there, or that this user may not read, git can't read either.
        let Ok(entries) = disk::entries(&dir) else { continue };
        let sized = !dir.ends_with("pack");
        for entry in entries.flatten() {
            let path = entry.path();
            *left = left.checked_sub(1).ok_or_else(|| {
                let why = format!("holds more than {MOST_ENTRIES} files; run `git gc` in it");
                refused(&dir, why)
            })?;
            let Ok(kind) = entry.file_type() else { continue };
            let is_dir = kind.is_dir() || (kind.is_symlink() && disk::is_dir(&path));
            if is_dir && depth > 1 {
                open.push((path, depth - 1));
            } else if !is_dir && (sized || !kind.is_file()) {
                look(&path)?;
            }
        }
    }
    Ok(())
}

/// The text of a small regular file; `None` where there is none. Never waits.
fn text(path: &Path) -> Result<Option<String>, RepoError> {
    match disk::read_file(path, TEXT_BYTES) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(e) if disk::too_large(&e).is_some() => {
            Err(refused(path, format!("has more than {TEXT_BYTES} bytes")))
        }
        // It is not there, no file, or not for this user, and then git can't read it either.
        Err(_) => look(path).map(|()| None),
    }
}

/// An object directory and those that it borrows from.
fn object_dirs(own: &Path) -> Result<Vec<PathBuf>, RepoError> {
    let mut dirs = vec![own.to_owned()];
    let mut at = 0;
    while at < dirs.len() {
        let list = dirs[at].join("info/alternates");
        let lines = text(&list)?.unwrap_or_default();
        for line in lines.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let dir = dirs[at].join(line);
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
            if dirs.len() > MOST_ALTERNATES {
                let why = format!("leads to more than {MOST_ALTERNATES} object directories");
                return Err(refused(&list, why));
            }
        }
        at += 1;
    }
    Ok(dirs)
}

/// Checks configurations and the files that they include, whatever the condition of an `includeIf`.
fn included(mut configs: Vec<PathBuf>) -> Result<(), RepoError> {
    let mut at = 0;
    while at < configs.len() {
        let config = configs[at].clone();
        look(&config)?;
        for path in includes(&text(&config)?.unwrap_or_default()) {
            let place = match path.strip_prefix("~/") {
                Some(below) => std::env::home_dir().unwrap_or_default().join(below),
                None => config.parent().unwrap_or(&config).join(&path),
            };
            if !configs.contains(&place) {
                configs.push(place);
            }
            if configs.len() > MOST_INCLUDES {
                let why = format!("includes more than {MOST_INCLUDES} others");
                return Err(refused(&config, why));
            }
        }
        at += 1;
    }
    Ok(())
}

/// The values of `include.path` and `includeIf.*.path` in a configuration.
fn includes(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_include = false;
    let mut rest = text.trim_start_matches('\u{feff}');
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return found };
        if first == '[' {
            let (name, after) = header(rest);
            is_include = name.trim_start().to_ascii_lowercase().starts_with("include");
            rest = after;
        } else if first == '#' || first == ';' {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else {
            let line = rest.split(['\n', '=']).next().unwrap_or_default();
            let is_path = line.trim().eq_ignore_ascii_case("path");
            rest = &rest[line.len()..];
            let Some(after) = rest.strip_prefix('=') else { continue };
            let (value, after) = value(after);
            if is_include && is_path && !value.is_empty() {
                found.push(value);
            }
            rest = after;
        }
    }
}

/// What stands between the brackets of a section, and what follows them.
fn header(text: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return (&text[1..at], &text[at + 1..]),
            // git rejects such a line; the lines after it must be read all the same.
            '\n' => return (&text[1..at], &text[at..]),
            _ => {}
        }
    }
    (&text[1..], "")
}

/// A value behind its `=`, as git reads it, and what follows its line.
fn value(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut kept = 0; // blanks up to here were quoted and count
    let (mut quoted, mut comment) = (false, false);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' => {
                out.truncate(kept.max(out.trim_end().len()));
                return (out.trim_start().to_owned(), &text[at + 1..]);
            }
            _ if comment => {}
            '#' | ';' if !quoted => comment = true,
            '"' => quoted = !quoted,
            '\\' => match chars.next() {
                Some((_, '\n')) | None => {}
                Some((at, '\r')) if text[at..].starts_with("\r\n") => drop(chars.next()),
                Some((_, 'n')) => out.push('\n'),
                Some((_, 't')) => out.push('\t'),
                Some((_, 'b')) => out.push('\u{8}'),
                Some((_, other)) => out.push(other),
            },
            other => out.push(other),
        }
        if quoted {
            kept = out.len();
        }
    }
    out.truncate(kept.max(out.trim_end().len()));
    (out.trim_start().to_owned(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_of_a_git_configuration_are_found_in_every_notation() {
        let text = "\u{feff}[core]\n\tbare = false\n\tpath = no\n[include]\n\tpath = a\n\
            [INCLUDE] PATH=b ; c\n[includeIf \"gitdir:x]\\\"y\"]\npath = \"c d\" # e\n\
            [include \"odd\"]\n path = ../e\\\\f\\\n g\r\n[remote \"include\"]\n\tpath = no\n\
            # [include]\n[include]\n\tflag\n\tpath=\"~/h \"";
        assert_eq!(includes(text), ["a", "b", "c d", "../e\\f g", "~/h "]);
        for odd in
            ["", "[", "[include", "[include]path", "=", "[include]\npath", "\\", "[include]path=\\"]
        {
            assert!(includes(odd).is_empty(), "{odd}");
        }
    }
}
