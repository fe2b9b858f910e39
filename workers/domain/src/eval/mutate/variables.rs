//! Another variable of the same type: a parameter of the function, by how its head declares them.

use super::tokens::{Kind, Token, tokens};
use super::{At, Category, Mutation};
use crate::builtin::scan::{arguments, family};

/// Lines that a function's head may have.
const MOST_HEAD: usize = 12;
/// Lines of a body that are looked through for variables with a type.
const MOST_BODY: usize = 200;
/// Types of Rust that are copied: any other value may be gone once it is used.
const COPIED: [&str; 16] = [
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32",
    "f64", "bool", "char",
];

/// A name, and its type as it is written; empty where none is.
type Variable = (String, String);

pub(super) fn all(at: &At<'_, '_>, out: &mut Vec<Mutation>) {
    let known = variables(at);
    if known.len() < 2 {
        return;
    }
    for (n, token) in at.tokens.iter().enumerate() {
        let Some(own) = known.iter().position(|(name, _)| token.is(name)) else { continue };
        let before = n.checked_sub(1).and_then(|n| at.tokens.get(n));
        if !is_read(before, at.tokens.get(n + 1)) {
            continue;
        }
        // The next one of the same type, round and round.
        let others = known[own + 1..].iter().chain(&known[..own]);
        if let Some((name, _)) = others.into_iter().find(|(_, kind)| *kind == known[own].1) {
            out.push(at.put(Category::WrongVariable, token.start, token.end(), name));
        }
    }
}

/// Whether a name is read there: not stored to, called, named as a member or a key.
fn is_read(before: Option<&Token<'_>>, behind: Option<&Token<'_>>) -> bool {
    const BEFORE: [&str; 11] =
        [".", "::", "->", "?.", "&", "{", "let", "mut", "var", "const", "for"];
    const BEHIND: [&str; 10] = ["=", ":=", ":", "(", "+=", "-=", "*=", "/=", "++", "--"];
    let (Some(before), Some(behind)) = (before, behind) else {
        // The first word of a line is stored to, the last one is read.
        return before.is_some_and(|t| !BEFORE.contains(&t.text));
    };
    let listed = before.is(",") && (behind.is(",") || behind.is("}"));
    !listed
        && !BEFORE.contains(&before.text)
        && !BEHIND.contains(&behind.text)
        && before.kind != Kind::Word
        || before.is("return") && !BEHIND.contains(&behind.text)
        || before.is("in") && (behind.is(":") || behind.is("{"))
}

/// Whether two names are variables of one type.
pub(super) fn same_type(at: &At<'_, '_>, a: &str, b: &str) -> bool {
    let known = variables(at);
    let kind = |name: &str| known.iter().find(|(known, _)| known == name).map(|(_, kind)| kind);
    matches!((kind(a), kind(b)), (Some(a), Some(b)) if a == b)
}

/// Parameters of the function, and in C and Java what its body declares before this line.
fn variables(at: &At<'_, '_>) -> Vec<Variable> {
    let (first, _) = at.function;
    let mut head = String::new();
    for i in first..at.scan.lines.len().min(first + MOST_HEAD) {
        head.push_str(at.scan.code(i));
        head.push(' ');
        if head.trim_end().ends_with(['{', ':']) || (i > first && i >= at.i) {
            break;
        }
    }
    let mut out = parameters(at, &head);
    if at.is(family::C | family::CPP | family::JAVA) {
        for i in (first + 1..at.i).rev().take(MOST_BODY) {
            out.extend(declared(at.scan.code(i)));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    out.retain(|(name, _)| seen.insert(name.clone()));
    if at.is(family::RUST) {
        out.retain(|(_, kind)| {
            COPIED.contains(&kind.as_str()) || (kind.starts_with('&') && !kind.starts_with("&mut"))
        });
    }
    out
}

fn parameters(at: &At<'_, '_>, head: &str) -> Vec<Variable> {
    // Of Go the receiver comes first, in brackets of its own.
    let from = match head.trim_start().strip_prefix("func (") {
        Some(rest) if at.is(family::GO) => head.len() - rest.len() + rest.find(')').unwrap_or(0),
        _ => 0,
    };
    let Some(open) = head[from..].find('(').map(|n| from + n) else { return Vec::new() };
    let Some(ranges) = arguments(head, open) else { return Vec::new() };
    let mut out: Vec<Variable> = Vec::new();
    for range in ranges {
        let text = head[range].trim();
        let text = text.split('=').next().unwrap_or(text).trim();
        let variable = if at.is(family::PYTHON | family::SCRIPT | family::RUST) {
            let (name, kind) = text.split_once(':').unwrap_or((text, ""));
            (
                name.trim().trim_start_matches("mut ").trim_end_matches('?').to_owned(),
                kind.trim().to_owned(),
            )
        } else if at.is(family::GO) {
            let (name, kind) = text.split_once(' ').unwrap_or((text, ""));
            (name.to_owned(), kind.trim().to_owned())
        } else {
            match declaration(text) {
                Some(found) => found,
                None => continue,
            }
        };
        let is_name = !variable.0.is_empty() && variable.0.chars().all(crate::text::is_ident);
        if is_name && !["self", "this", "cls", "_"].contains(&variable.0.as_str()) {
            out.push(variable);
        }
    }
    if at.is(family::GO) {
        // `a, b int`: a name without a type has that of the next one.
        for n in (0..out.len().saturating_sub(1)).rev() {
            if out[n].1.is_empty() {
                let kind = out[n + 1].1.clone();
                out[n].1 = kind;
            }
        }
        out.retain(|(_, kind)| !kind.is_empty());
    }
    out
}

/// `TYPE NAME`, as C and Java declare.
fn declaration(text: &str) -> Option<Variable> {
    let words = tokens(text);
    let name = words.last().filter(|t| t.kind == Kind::Word)?;
    let kind = text[..name.start].trim();
    (!kind.is_empty()).then(|| (name.text.to_owned(), kind.to_owned()))
}

/// `TYPE NAME =`, `TYPE NAME;` of a line.
fn declared(code: &str) -> Option<Variable> {
    const NO_TYPE: [&str; 10] = [
        "return", "else", "case", "goto", "new", "throw", "delete", "typedef", "package", "import",
    ];
    let words = tokens(code);
    let [kind, name, behind, ..] = words.as_slice() else { return None };
    let both = kind.kind == Kind::Word && name.kind == Kind::Word && !NO_TYPE.contains(&kind.text);
    (both && (behind.is("=") || behind.is(";")))
        .then(|| (name.text.to_owned(), kind.text.to_owned()))
}
