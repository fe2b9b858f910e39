//! The names that a file uses, and how.

use super::imports::Imports;
use crate::text::is_ident;
use std::collections::BTreeMap;

/// Different names of a file that are looked at, in the order of its lines.
const MOST_USES: usize = 5_000;
/// Names before a name, as `a::b::` has two.
const MOST_CHAIN: usize = 6;
const MOST_NAME: usize = 80;

/// How a name stands in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    /// The names before it, joined by `/`; empty for none. It begins with `/` where more stands before them.
    pub(super) chain: String,
    pub(super) name: String,
    /// It belongs to a value whose type is not told: `f().name`.
    pub(super) of_value: bool,
    /// It is called.
    pub(super) call: bool,
}

/// The names of a file that stand outside of imports, with how often each does.
pub(super) fn uses(code: &[(String, bool)], imports: &Imports) -> BTreeMap<Use, usize> {
    let mut found = BTreeMap::new();
    for (row, (line, _)) in code.iter().enumerate() {
        if !imports.rows.get(row).copied().unwrap_or(false) {
            line_uses(line, &mut found);
        }
        if found.len() > MOST_USES {
            break;
        }
    }
    found
}

fn line_uses(line: &str, found: &mut BTreeMap<Use, usize>) {
    // The chain that the last name continued, and where that ended.
    let (mut chain, mut last_end): (Vec<&str>, Option<usize>) = (Vec::new(), None);
    let starts = |c: char| is_ident(c) || c == '$' || c == '@';
    let mut at = 0;
    while let Some(skip) = line[at..].find(starts) {
        let start = at + skip;
        let end = line[start..].find(|c| !starts(c)).map_or(line.len(), |len| start + len);
        at = end;
        let name = line[start..end].trim_start_matches('@');
        let between = last_end.map(|end| line[end..start].trim_matches(['?', '!', ' ']));
        let before = line[..start].trim_end();
        let joins = matches!(between, Some("." | "::" | "->"));
        let of_value = !joins
            && (before.ends_with(['.']) && !before.ends_with("..")
                || before.ends_with("->")
                || before.ends_with("::"));
        if !joins {
            chain.clear();
        }
        last_end = Some(end);
        if name.is_empty()
            || name.starts_with(|c: char| c.is_ascii_digit())
            || name.len() > MOST_NAME
        {
            chain.clear();
            last_end = None;
            continue;
        }
        if found.len() > MOST_USES {
            return;
        }
        let after = line[end..].trim_start();
        let generic = || after.starts_with("::<") || after.starts_with("!(");
        let call = after.starts_with('(') || generic();
        let what = Use { chain: chain.join("/"), name: name.to_owned(), of_value, call };
        *found.entry(what).or_default() += 1;
        if of_value || chain.len() == MOST_CHAIN {
            // What follows is of no known type either.
            chain = vec!["", name];
        } else {
            chain.push(name);
        }
    }
}
