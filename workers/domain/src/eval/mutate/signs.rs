//! Other operators, bounds and conditions.

use super::tokens::{Kind, Token, begins_value, ends_value, is_spaced};
use super::{At, Category, Mutation};
use crate::builtin::scan::family;

const ARITHMETIC: [(&str, &str); 7] =
    [("+", "-"), ("-", "+"), ("*", "/"), ("/", "*"), ("%", "/"), ("+=", "-="), ("-=", "+=")];
const LOGICAL: [(&str, &str); 4] = [("&&", "||"), ("||", "&&"), ("and", "or"), ("or", "and")];
const BOUNDS: [(&str, &str); 4] = [("<", "<="), ("<=", "<"), (">", ">="), (">=", ">")];
const EQUAL: [(&str, &str); 4] = [("==", "!="), ("!=", "=="), ("===", "!=="), ("!==", "===")];
/// Words of types, in lines of which `+` joins bounds.
const TYPES: [&str; 5] = ["impl", "dyn", "where", "extends", "fn"];

pub(super) fn all(at: &At<'_, '_>, out: &mut Vec<Mutation>) {
    let has_text = at.tokens.iter().any(|t| t.kind == Kind::Text);
    let types = at.tokens.iter().any(|t| TYPES.contains(&t.text));
    for [before, sign, behind] in at.between() {
        let is_binary = ends_value(before) && begins_value(behind);
        if !is_binary || !is_spaced(at.code, sign) || types {
            continue;
        }
        // A declaration of a pointer: `char * p`.
        let declares = sign.is("*") && at.tokens.first() == Some(before);
        let joins = has_text && (sign.is("+") || sign.is("+="));
        let mut put = |category, pairs: &[(&str, &str)]| {
            if let Some((_, to)) = pairs.iter().find(|(from, _)| sign.is(from)) {
                out.push(at.put(category, sign.start, sign.end(), to));
            }
        };
        if !declares && !joins {
            put(Category::Operator, &ARITHMETIC);
        }
        put(Category::Operator, &LOGICAL);
        put(Category::Bound, &BOUNDS);
        put(Category::InvertedCondition, &EQUAL);
    }
    condition(at, out);
}

/// A condition that is one value, or one that is negated.
fn condition(at: &At<'_, '_>, out: &mut Vec<Mutation>) {
    if !at.begins(&["if", "elif", "while"]) || at.tokens.iter().any(|t| t.is("let")) {
        return;
    }
    let head = at.tokens.iter().position(|t| ["if", "elif", "while"].contains(&t.text));
    let Some(head) = head else { return };
    let rest = &at.tokens[head + 1..];
    let python = at.is(family::PYTHON);
    let bracketed =
        !python && rest.first().is_some_and(|t| t.is("(")) && !at.is(family::GO | family::RUST);
    let body = if bracketed { &rest[1..] } else { rest };
    let Some(first) = body.first() else { return };
    let not = if python { "not" } else { "!" };
    let cat = Category::InvertedCondition;
    if first.is(not) {
        let end = body.get(1).map_or(first.end(), |t| t.start);
        if !is_compound(&body[1..]) {
            out.push(at.put(cat, first.start, end, ""));
        }
        return;
    }
    if python {
        word_condition(at, body, out);
    }
    if first.kind == Kind::Word && !is_compound(body) && body.len() > 1 {
        let put = if python { "not " } else { "!" };
        out.push(at.put(cat, first.start, first.start, put));
    }
}

/// `is None`, `in` and their contraries.
fn word_condition(at: &At<'_, '_>, body: &[Token<'_>], out: &mut Vec<Mutation>) {
    let cat = Category::InvertedCondition;
    if is_joined(body) {
        return;
    }
    for pair in body.windows(2) {
        let [word, next] = pair else { continue };
        if word.is("is") {
            let (start, end, text) = if next.is("not") {
                (word.end(), next.end(), "")
            } else {
                (word.end(), word.end(), " not")
            };
            out.push(at.put(cat, start, end, text));
        } else if word.is("not") && next.is("in") {
            out.push(at.put(cat, word.start, next.start, ""));
        } else if next.is("in") && !word.is("not") {
            out.push(at.put(cat, next.start, next.start, "not "));
        }
    }
}

/// Whether conditions are joined.
fn is_joined(body: &[Token<'_>]) -> bool {
    body.iter().any(|t| ["&&", "||", "and", "or"].contains(&t.text))
}

/// Whether a condition is more than one value: a negation before it would negate its first part only.
fn is_compound(body: &[Token<'_>]) -> bool {
    let mut depth = 0_i32;
    for token in body {
        match token.kind {
            Kind::Open if token.is("{") && depth <= 0 => break,
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            Kind::Sign if depth > 0 || [".", "::", "?.", "->"].contains(&token.text) => {}
            Kind::Sign if token.is(":") || token.is(";") => break,
            Kind::Sign => return true,
            Kind::Word if depth <= 0 && ["is", "in", "not", "and", "or"].contains(&token.text) => {
                return true;
            }
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    false
}
