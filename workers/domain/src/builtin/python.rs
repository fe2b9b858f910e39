//! What only Python allows.

use super::catalogue::{Found, Place, found};
use super::scan::{Scan, word_at};
use std::collections::HashMap;

/// Calls that change a list, a dictionary or a set.
const CHANGES: [&str; 9] = [
    ".append(",
    ".extend(",
    ".insert(",
    ".update(",
    ".add(",
    ".pop(",
    ".setdefault(",
    ".remove(",
    ".clear(",
];

/// A default that all calls share, in a function that changes it.
pub(super) fn mutable_default(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let name = place.group(1);
    let f = scan.function(i)?;
    // Who hides it keeps a value between calls on purpose.
    if name.starts_with('_') {
        return None;
    }
    for j in i + 1..=f.last.min(i + super::scan::MOST_BLOCK) {
        let code = scan.code(j).trim();
        let Some(at) = word_at(code, name) else { continue };
        let rest = code[at + name.len()..].trim_start();
        let own = !code[..at].ends_with('.');
        if own && at == 0 && rest.starts_with('=') && !rest.starts_with("==") {
            return None;
        }
        // `x += y`, `x[k] = y`, `x[k] += y`.
        let item = super::scan::closing(rest, 0).filter(|_| rest.starts_with('['));
        let set = at == 0 && is_set(item.map_or(rest, |end| rest[end + 1..].trim_start()));
        if own && (set || CHANGES.iter().any(|c| rest.starts_with(c))) {
            return found(i, name);
        }
    }
    None
}

/// Whether a statement goes on with an assignment.
fn is_set(rest: &str) -> bool {
    let plain = rest.trim_start_matches(['+', '-', '*', '/', '%', '|', '&', '^', '@']);
    plain.starts_with('=') && !rest.starts_with("==")
}

/// A name of the language that is taken for a variable and then called as what it was.
pub(super) fn shadowed(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let name = place.group(1);
    let value = place.group(2).trim();
    let f = scan.function(i)?;
    let first = value.chars().next()?;
    // `input = raw_input`, `open = codecs.open`: another function under the old name.
    let callable = value.chars().all(|c| crate::text::is_ident(c) || c == '.')
        && !first.is_ascii_digit()
        || value.starts_with("lambda")
        || value.contains("getattr")
        || value.split('(').next().is_some_and(|called| called.contains(name))
        || value.contains("partial");
    if callable && !matches!(value, "None" | "True" | "False") {
        return None;
    }
    let call = format!("{name}(");
    let at = (i + 1..=f.last.min(i + super::scan::MOST_BLOCK)).find(|j| {
        let code = scan.code(*j);
        word_at(code, &call).is_some_and(|at| !code[..at].ends_with(['.', '@']))
    })?;
    // Only where both certainly belong to the same function, and no branch lies between.
    let same =
        scan.function(at).is_some_and(|g| g.first == f.first) && scan.indent(i) <= scan.indent(at);
    let looked = ["callable(", "hasattr(", "global "];
    let again = (f.first..at).any(|j| looked.iter().any(|w| scan.code(j).contains(w)));
    if same && !again { found(at, name) } else { None }
}

/// The same key twice in one literal of a dictionary.
pub(super) fn same_key(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let indent = scan.indent(i);
    let key = place.group(1);
    // The lines before it of the same literal, one key a line.
    let mut j = i;
    for _ in 0..super::scan::MOST_BLOCK / 4 {
        let Some(before) = scan.before(j) else { break };
        j = before;
        if scan.indent(j) < indent {
            break;
        }
        if scan.indent(j) == indent {
            let raw = scan.raw(j).trim_start();
            if !raw.starts_with(['"', '\'']) && !raw.starts_with([']', '}', ')']) {
                break;
            }
            if raw.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':')) {
                // Of the same dictionary: between them no bracket closes that was not opened there.
                let mut bytes = (j..i).flat_map(|n| scan.code(n).bytes());
                let depth = bytes.try_fold(0, |depth, b| {
                    let step = i32::from(b"([{".contains(&b)) - i32::from(b")]}".contains(&b));
                    Some(depth + step).filter(|depth| *depth >= 0)
                });
                // The same entry twice is only one too many.
                let same = raw.trim_end_matches(',') == scan.raw(i).trim().trim_end_matches(',');
                return if depth == Some(0) && !same { found(i, key) } else { None };
            }
        }
    }
    None
}

/// A class with `equals` or `__eq__` alone.
pub(super) fn equals_alone(scan: &Scan<'_>) -> Vec<Found> {
    let mut equals: HashMap<usize, usize> = HashMap::new();
    let mut hashes: Vec<usize> = Vec::new();
    // Where tabs and blanks are mixed, indentation does not tell the class.
    let tabs = scan.lines.iter().any(|l| l.raw.starts_with('\t'));
    let mixed = tabs && scan.lines.iter().any(|l| l.raw.starts_with("    "));
    for (i, line) in scan.lines.iter().enumerate() {
        let code = line.code.trim();
        let indent = scan.indent(i);
        let head = ["boolean equals(Object ", "boolean equals(final Object "];
        if head.iter().any(|h| code.contains(h)) && !code.ends_with(';') && !code.contains(',') {
            equals.entry(indent).or_insert(i);
        } else if code.contains("int hashCode()") {
            hashes.push(indent);
        }
    }
    // What another class lays down may be there.
    let inherits = |indent: usize, line: usize| {
        let mut heads = (0..line).rev().filter(|j| scan.has_code(*j) && scan.indent(*j) < indent);
        heads.next().is_some_and(|j| {
            (j.saturating_sub(2)..=j).any(|k| super::scan::has_word(scan.code(k), "extends"))
        })
    };
    let alone = equals.into_iter().filter(|(indent, line)| {
        let paired = hashes.contains(indent) || (mixed && !hashes.is_empty());
        let record = scan.source.contains(" record ");
        !(paired || record || inherits(*indent, *line))
    });
    let mut out: Vec<Found> = alone.filter_map(|(_, line)| found(line, "")).collect();
    out.sort_by_key(|f| f.line);
    out
}
