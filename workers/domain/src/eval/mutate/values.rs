//! Other numbers, units that are not converted, and places that are one off.

use super::tokens::{Kind, Token, is_spaced};
use super::{At, Category, Mutation};
use crate::builtin::scan::family;

/// Factors between units.
const FACTORS: [u64; 9] = [24, 60, 100, 1000, 1024, 3600, 86_400, 1_000_000, 1_048_576];
/// Largest number that is changed.
const MOST: u64 = 1_000_000_000;
/// Names of places in a sequence.
const PLACES: [&str; 20] = [
    "i", "j", "k", "n", "m", "idx", "index", "pos", "at", "start", "end", "lo", "hi", "low",
    "high", "mid", "left", "right", "first", "last",
];

pub(super) fn all(at: &At<'_, '_>, out: &mut Vec<Mutation>) {
    let labels = at.begins(&["case", "default"]) || at.tokens.iter().any(|t| t.is("=>"));
    for (n, token) in at.tokens.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| at.tokens.get(n));
        let behind = at.tokens.get(n + 1);
        one_off(at, [before, Some(token), behind], out);
        place(at, &at.tokens[n..], out);
        if token.kind == Kind::Number && !labels {
            number(at, before, token, out);
        } else if token.kind == Kind::Word && !labels {
            truth(at, before, token, behind, out);
        }
    }
}

fn value_of(token: &Token<'_>) -> Option<u64> {
    let digits = token.text.replace('_', "");
    digits.parse().ok().filter(|n| (2..=MOST).contains(n) && !digits.starts_with('0'))
}

fn number(at: &At<'_, '_>, before: Option<&Token<'_>>, token: &Token<'_>, out: &mut Vec<Mutation>) {
    let Some(value) = value_of(token) else { return };
    let Some(before) = before else { return };
    let factor = ["*", "/", "*=", "/="].contains(&before.text);
    if factor
        && FACTORS.contains(&value)
        && is_spaced(at.code, before)
        && !before.text.ends_with('=')
    {
        // The conversion is gone, with the blank before its sign.
        out.push(at.put(Category::Unit, before.start - 1, token.end(), ""));
    }
    if before.is("[") || before.is(".") || before.is("..") {
        return;
    }
    let other = if value < 10 { value * 10 } else { value / 2 };
    out.push(at.put(Category::Constant, token.start, token.end(), &other.to_string()));
}

/// `true` for `false`, where it is given, returned or stored.
fn truth(
    at: &At<'_, '_>,
    before: Option<&Token<'_>>,
    token: &Token<'_>,
    behind: Option<&Token<'_>>,
    out: &mut Vec<Mutation>,
) {
    let pairs = [("true", "false"), ("false", "true"), ("True", "False"), ("False", "True")];
    let Some((_, to)) = pairs.iter().find(|(from, _)| token.is(from)) else { return };
    let given = before.is_some_and(|t| ["=", "return", "(", ",", ":"].contains(&t.text));
    let ends = behind.is_none_or(|t| [";", ",", ")", "}"].contains(&t.text));
    if given && ends && !at.begins(&["while", "for", "if"]) {
        out.push(at.put(Category::Constant, token.start, token.end(), to));
    }
}

/// `+ 1` and `- 1` that are gone, and an inclusive range that is none.
fn one_off(
    at: &At<'_, '_>,
    [before, token, behind]: [Option<&Token<'_>>; 3],
    out: &mut Vec<Mutation>,
) {
    let (Some(before), Some(token), Some(behind)) = (before, token, behind) else { return };
    let signed = (token.is("+") || token.is("-")) && is_spaced(at.code, token);
    if signed && behind.is("1") && super::tokens::ends_value(before) {
        out.push(at.put(Category::OffByOne, token.start - 1, behind.end(), ""));
    }
    if token.is("..=") {
        out.push(at.put(Category::OffByOne, token.start, token.end(), ".."));
    }
    // The index of a sequence, by the name of what it is.
    let index = before.is("[") && behind.is("]") && PLACES.contains(&token.text);
    let reads = at.tokens.iter().position(|t| t.is("[")).is_some_and(|n| n > 0);
    if index && reads && at.code[..before.start].ends_with(crate::text::is_ident) {
        out.push(at.put(Category::OffByOne, token.end(), token.end(), " + 1"));
    }
}

/// Where a loop begins, and where `range` does.
fn place(at: &At<'_, '_>, from: &[Token<'_>], out: &mut Vec<Mutation>) {
    let [first, second, third, ..] = from else { return };
    let cat = Category::OffByOne;
    if at.is(family::PYTHON) && first.is("range") && second.is("(") {
        let commas = from.iter().skip(2).take_while(|t| !t.is(")")).filter(|t| t.is(",")).count();
        if commas == 0 && !third.is(")") {
            out.push(at.put(cat, third.start, third.start, "1, "));
        }
    }
    let loops = at.begins(&["for"]);
    if loops
        && at.is(family::RUST)
        && first.is("in")
        && second.is("0")
        && third.text.starts_with("..")
    {
        out.push(at.put(cat, second.start, second.end(), "1"));
    }
    let assigns = first.is("=") || first.is(":=");
    if loops && assigns && second.is("0") && third.is(";") {
        out.push(at.put(cat, second.start, second.end(), "1"));
    }
}
