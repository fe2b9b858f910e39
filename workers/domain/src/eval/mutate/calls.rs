//! Two arguments of a call in the wrong order.

use super::tokens::{Kind, Token, tokens};
use super::variables::same_type;
use super::{At, Category, Mutation};
use crate::builtin::scan::{arguments, family};
use std::ops::Range;

/// What is no call, and calls for which the order of arguments says little.
const NOT: [&str; 38] = [
    "if",
    "while",
    "for",
    "switch",
    "match",
    "return",
    "catch",
    "elif",
    "and",
    "or",
    "not",
    "in",
    "with",
    "fn",
    "def",
    "func",
    "function",
    "class",
    "struct",
    "new",
    "sizeof",
    "max",
    "min",
    "add",
    "Max",
    "Min",
    "equals",
    "swap",
    "cmp",
    "zip",
    "gcd",
    "lcm",
    "hypot",
    "union",
    "append",
    "isinstance",
    "issubclass",
    "super",
];

pub(super) fn all(at: &At<'_, '_>, out: &mut Vec<Mutation>) {
    for pair in at.tokens.windows(2) {
        let [name, open] = pair else { continue };
        let is_call = name.kind == Kind::Word && open.is("(") && name.end() == open.start;
        if !is_call || NOT.contains(&name.text) || at.begins(&["def", "fn", "func", "function"]) {
            continue;
        }
        let Some(args) = arguments(at.code, open.start) else { continue };
        for pair in args.windows(2) {
            let [a, b] = pair else { continue };
            let (a, b) = (trimmed(at.code, a), trimmed(at.code, b));
            if let Some(mutation) = swapped(at, a, b) {
                out.push(mutation);
                break;
            }
        }
    }
}

fn swapped(at: &At<'_, '_>, a: Range<usize>, b: Range<usize>) -> Option<Mutation> {
    let (one, other) = (at.raw.get(a.clone())?, at.raw.get(b.clone())?);
    let (code_a, code_b) = (at.code.get(a.clone())?, at.code.get(b.clone())?);
    let untyped = at.is(family::PYTHON | family::SCRIPT);
    let fits =
        if untyped { is_plain(code_a) && is_plain(code_b) } else { same_type(at, code_a, code_b) };
    if one == other || !fits {
        return None;
    }
    let between = &at.raw[a.end..b.start];
    Some(at.put(Category::SwappedArguments, a.start, b.end, &format!("{other}{between}{one}")))
}

/// A name, or a member of one: no call, no text, no number.
fn is_plain(code: &str) -> bool {
    let tokens = tokens(code);
    let plain = |t: &Token<'_>| t.kind == Kind::Word || t.is(".");
    let constant = ["None", "null", "undefined", "true", "false", "True", "False", "self", "this"];
    let starts = tokens.first().is_some_and(|t| t.kind == Kind::Word);
    starts && tokens.iter().all(plain) && !constant.contains(&code)
}

fn trimmed(code: &str, range: &Range<usize>) -> Range<usize> {
    let text = &code[range.clone()];
    let start = range.start + (text.len() - text.trim_start().len());
    start..start + text.trim().len()
}
