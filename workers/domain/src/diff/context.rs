//! What is shown beside a bundle: the functions that its hunks are in, and the definitions that its new lines use.

use super::bundle::Bundle;
use super::patch::{FilePatch, Sign};
use crate::builtin::symbols::Symbols;
use crate::definitions::{
    self, Definition, DefinitionLimits, Index, Kind, MOST_BYTES, extract, has_definitions,
};
use crate::text::{is_ident, one_line};
use queue_schema::rows::{DiffSide, TypeHint};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// Definitions of other files that are shown for one file, and characters of each.
const USED: DefinitionLimits = DefinitionLimits { count: 12, chars: 200 };
/// Characters of a name that is looked for; shorter ones are everywhere.
const LEAST_NAME: usize = 3;

/// What is shown beside a bundle in at most so many bytes, from its files as they are after the change, by their
/// paths; empty where nothing is known. The heads of functions come first: they say what is changed.
pub fn context(bundle: &Bundle, sources: &BTreeMap<String, String>, most: usize) -> String {
    let mut files: Vec<(&FilePatch, String, &str, Vec<Definition>)> = Vec::new();
    for file in &bundle.files {
        let path = file.path();
        let source = sources.get(&path).filter(|s| has_definitions(&path) && s.len() <= MOST_BYTES);
        if let Some(source) = source {
            let found = extract(&path, source);
            files.push((file, path, source, found));
        }
    }
    let index =
        Index::new(files.iter().map(|(_, path, _, all)| (path.clone(), Arc::new(all.clone()))));
    let mut parts = Vec::new();
    for (file, path, source, all) in &files {
        let heads = heads(file, path, source, all);
        if !heads.is_empty() {
            parts.push(format!("Changed in {}:\n{heads}", one_line(path)));
        }
    }
    for (file, path, source, all) in &files {
        let used = used(file, path, source, all, &index);
        if !used.is_empty() {
            parts.push(format!("Used in {}:\n{used}", one_line(path)));
        }
    }
    let mut out = String::new();
    for line in parts.iter().flat_map(|part| part.split_inclusive('\n')) {
        if out.len() + line.len() > most {
            break;
        }
        out.push_str(line);
    }
    out
}

fn is_shown(file: &FilePatch, line: u32) -> bool {
    file.hunks.iter().any(|hunk| hunk.range(DiffSide::New).contains(&line))
}

/// For each hunk the function around its first change, where the diff does not show its head.
fn heads(file: &FilePatch, path: &str, source: &str, all: &[Definition]) -> String {
    let symbols = Symbols::new(path, &source.replace("\r\n", "\n"));
    let (mut out, mut seen) = (String::new(), BTreeSet::new());
    for hunk in &file.hunks {
        let changed = hunk.numbered().find(|(_, _, line)| line.sign != Sign::Context);
        let range = hunk.range(DiffSide::New);
        let line = changed.and_then(|(_, new, _)| new).unwrap_or(range.start);
        let row = (line as usize).saturating_sub(1);
        let around = symbols.around(row).flat_map(|names| names.iter().rev());
        let head = around.filter_map(|name| {
            let of =
                |d: &&Definition| d.symbol == *name && d.line <= line && d.kind == Kind::Function;
            all.iter().filter(of).max_by_key(|d| d.line)
        });
        let Some(head) = head.into_iter().next() else { continue };
        if !is_shown(file, head.line) && seen.insert(head.line) {
            let _ = writeln!(out, "  line {}: {}", head.line, one_line(&head.repr));
        }
    }
    out
}

/// The definitions that the new lines of a file use and that the diff does not show.
fn used(file: &FilePatch, path: &str, source: &str, all: &[Definition], index: &Index) -> String {
    let added: Vec<String> = file
        .hunks
        .iter()
        .flat_map(|hunk| &hunk.lines)
        .filter(|line| line.sign == Sign::Added)
        .map(|line| String::from_utf8_lossy(&line.text).into_owned())
        .collect();
    let words: BTreeSet<&str> = added
        .iter()
        .flat_map(|line| line.split(|c: char| !is_ident(c)))
        .filter(|word| word.len() >= LEAST_NAME)
        .collect();
    let own = all.iter().filter(|d| words.contains(d.symbol.as_str()) && !is_shown(file, d.line));
    let mut hints: Vec<TypeHint> = own
        .take(USED.count)
        .map(|d| TypeHint {
            source: path.to_owned(),
            symbol: d.symbol.clone(),
            type_repr: crate::text::clip_marked(&d.repr, USED.chars),
        })
        .collect();
    // Its imports say what the new lines mean; of the others nothing is asked.
    let told: Vec<&str> = source
        .lines()
        .zip(1_u32..)
        .map(|(line, n)| if is_import(line) || is_shown(file, n) { line } else { "" })
        .collect();
    let others = definitions::select(index, path, &told.join("\n"), false, USED);
    let is_used =
        |hint: &TypeHint| words.contains(hint.symbol.rsplit('.').next().unwrap_or_default());
    hints.extend(others.into_iter().filter(is_used));
    definitions::list(&hints)
}

fn is_import(line: &str) -> bool {
    const BEGIN: [&str; 7] =
        ["use ", "pub use ", "import ", "from ", "#include", "require", "package "];
    let line = line.trim_start();
    BEGIN.iter().any(|word| line.starts_with(word)) || line.contains("require(")
}
