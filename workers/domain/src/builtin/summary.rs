//! Notes on one piece of a large file, for the reviewer of the whole.

use super::checks;
use super::functions::types;
use super::lex::is_prose;
use super::scan::Scan;
use crate::text::{clip_marked, code_span, counted};
use std::fmt::Write as _;

/// Names that are listed of each kind.
const NAMES: usize = 20;
/// Findings that are told.
const HITS: usize = 4;

/// Facts on a piece of a file, under 150 words: functions, types, and what the checks found.
pub fn summarise(path: &str, shard_text: &str) -> String {
    let scan = Scan::new(path, shard_text);
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut out = format!(
        "Part of {} with {}.",
        code_span(&clip_marked(name, 60)),
        counted(scan.lines.len(), "line", "lines")
    );
    if is_prose(scan.language) {
        let titles: Vec<String> = scan
            .lines
            .iter()
            .filter(|l| l.raw.starts_with('#'))
            .map(|l| clip_marked(l.raw.trim_start_matches('#').trim(), 40))
            .take(NAMES / 2)
            .collect();
        if !titles.is_empty() {
            let _ = write!(out, " Headings: {}.", titles.join("; "));
        }
    } else {
        list(&mut out, "Functions", scan.functions.iter().map(|f| f.name.clone()).collect());
        list(&mut out, "Types", types(&scan.lines));
    }
    for hit in checks::run(&scan).into_iter().take(HITS) {
        // The line number would be one of the piece, so that only the quote is told.
        let quote = code_span(&clip_marked(&hit.quote, 60));
        let _ = write!(out, " {}: {quote}.", hit.title);
    }
    out
}

fn list(out: &mut String, title: &str, mut names: Vec<String>) {
    names.dedup();
    if names.is_empty() {
        return;
    }
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    let names: Vec<String> = names.iter().map(|n| code_span(&clip_marked(n, 40))).collect();
    let _ = write!(out, " {title}: {}", names.join(", "));
    if more > 0 {
        let _ = write!(out, " and {more} more");
    }
    out.push('.');
}
