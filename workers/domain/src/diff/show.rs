//! A diff as reviewers see it: with the number that each line has now, and in words what git says in modes.

use super::patch::{Change, FilePatch, Hunk, Line, Sign};
use crate::decode::decode;
use crate::text::one_line;
use std::fmt::Write as _;

/// What stands at the end of a line that ends with a carriage return, where others of its hunk do not.
const RETURN: char = '\u{240d}';

/// Bytes that a hunk has in git's format, but for the spelling of its ranges.
pub(super) fn raw_bytes(hunk: &Hunk) -> usize {
    const RANGES: usize = 24;
    let line = |line: &Line| line.text.len() + 2;
    RANGES + hunk.section.len() + hunk.lines.iter().map(line).sum::<usize>()
}

/// The file with its lines in UTF-8, whatever they are written in.
pub(super) fn decoded(file: &FilePatch) -> FilePatch {
    let mut file = file.clone();
    let mut lines: Vec<&mut Line> = file.hunks.iter_mut().flat_map(|h| &mut h.lines).collect();
    if lines.iter().all(|line| std::str::from_utf8(&line.text).is_ok()) {
        return file;
    }
    let texts: Vec<&[u8]> = lines.iter().map(|line| line.text.as_slice()).collect();
    let bytes = texts.join(&b'\n');
    let read = decode(&bytes).map(|read| read.text.into_owned()).unwrap_or_default();
    let read: Vec<&str> = read.split('\n').collect();
    let whole = read.len() == lines.len();
    for (at, line) in lines.iter_mut().enumerate() {
        line.text = match read.get(at).filter(|_| whole) {
            Some(text) => text.as_bytes().to_vec(),
            None => String::from_utf8_lossy(&line.text).into_owned().into_bytes(),
        };
    }
    file
}

/// The line that begins a file.
pub(super) fn heading(file: &FilePatch) -> String {
    let mut out = format!("=== {}", one_line(&file.path()));
    let mut facts = Vec::new();
    let from = || one_line(&file.old_path());
    match file.change {
        Change::Modified => {}
        Change::Added => facts.push("new file".to_owned()),
        Change::Deleted => facts.push("deleted".to_owned()),
        Change::Renamed => facts.push(format!("renamed from {}", from())),
        Change::Copied => facts.push(format!("copied from {}", from())),
    }
    match (file.old_mode, file.new_mode) {
        (Some(old), Some(new)) if old != new => facts.push(format!("mode {old:o} -> {new:o}")),
        (None, Some(new)) if new & 0o111 != 0 => facts.push(format!("mode {new:o}")),
        _ => {}
    }
    if file.is_symlink() {
        facts.push(format!("symbolic link{}", ends(file)));
    } else if file.is_submodule() {
        facts.push(format!("submodule{}", ends(file)));
    } else if file.hunks.is_empty() && matches!(file.change, Change::Renamed | Change::Copied) {
        facts.push("content unchanged".to_owned());
    } else if file.hunks.is_empty() && matches!(file.change, Change::Added | Change::Deleted) {
        facts.push("empty".to_owned());
    }
    if !facts.is_empty() {
        let _ = write!(out, " ({})", facts.join(", "));
    }
    out.push('\n');
    out
}

/// What a link or a submodule named before, and names now.
fn ends(file: &FilePatch) -> String {
    let all = |sign: Sign| {
        let lines = file.hunks.iter().flat_map(|h| &h.lines).filter(|line| line.sign == sign);
        let texts: Vec<_> = lines.map(|line| String::from_utf8_lossy(&line.text)).collect();
        let text = one_line(&texts.concat());
        text.strip_prefix("Subproject commit ").map(str::to_owned).unwrap_or(text)
    };
    match (all(Sign::Removed).as_str(), all(Sign::Added).as_str()) {
        ("", "") => String::new(),
        ("", new) => format!(" to {new}"),
        (old, "") => format!(" to {old}, removed"),
        (old, new) => format!(" from {old} to {new}"),
    }
}

/// Whether its hunks are told in its heading.
pub(super) fn in_one_line(file: &FilePatch) -> bool {
    file.is_symlink() || file.is_submodule()
}

/// A hunk: its ranges, then each line with the number that it has now.
pub(super) fn hunk(hunk: &Hunk) -> String {
    let mut out = format!(
        "@@ -{},{} +{},{} @@",
        hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines
    );
    let section = one_line(&String::from_utf8_lossy(&hunk.section));
    if !section.is_empty() {
        let _ = write!(out, " {section}");
    }
    out.push('\n');
    let returns = hunk.lines.iter().filter(|line| line.text.ends_with(b"\r")).count();
    let mixed = returns > 0 && returns < hunk.lines.len();
    for (_, new, line) in hunk.numbered() {
        out.push_str(&row(new, line, mixed));
    }
    out
}

/// One line of a hunk.
fn row(new: Option<u32>, line: &Line, mixed: bool) -> String {
    let text = String::from_utf8_lossy(&line.text);
    let bare = text.strip_suffix('\r');
    let mut out = new.map(|n| n.to_string()).unwrap_or_default();
    out.push(' ');
    out.push(line.sign.as_char());
    out.push_str(bare.unwrap_or(&text));
    if mixed && bare.is_some() {
        out.push(RETURN);
    }
    out.push('\n');
    if line.no_newline {
        out.push_str("\\ No newline at end of file\n");
    }
    out
}

/// Bytes that a line is shown with, at most.
pub(super) fn row_bytes(line: &Line) -> usize {
    const AROUND: usize = 16;
    line.text.len() + AROUND + if line.no_newline { 30 } else { 0 }
}
