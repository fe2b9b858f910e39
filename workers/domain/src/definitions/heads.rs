//! What stands before a block or on the line of a declaration.

use super::{Family, MOST_NAME, MOST_REPR};
use crate::split::Block;
use crate::text::{clip, is_ident};

/// Words before a definition that its users need not know.
const MODIFIERS: &[&str] = &[
    "pub",
    "export",
    "default",
    "public",
    "private",
    "protected",
    "internal",
    "declare",
    "abstract",
    "final",
    "open",
    "override",
    "inline",
    "extern",
    "typedef",
    "sealed",
    "data",
    "partial",
    "virtual",
];
pub(super) const TYPES: &[&str] = &[
    "struct",
    "enum",
    "trait",
    "class",
    "interface",
    "type",
    "union",
    "record",
    "protocol",
    "object",
    "typealias",
    "contract",
    "actor",
    "service",
    "message",
];
/// Lines of a signature at most.
const MOST_LINES: usize = 30;

/// The signature alone of a function, up to the mark that begins its body.
pub(super) fn before_body(head: &str, body: char) -> &str {
    let mut depth = 0_i32;
    let end = head.find(|c| {
        let outside = depth == 0;
        depth += i32::from(matches!(c, '(' | '[' | '{')) - i32::from(matches!(c, ')' | ']' | '}'));
        outside && c == body
    });
    end.map_or(head, |end| &head[..end])
}

/// The text of a declaration: its line and those after it until its brackets are closed.
pub(super) fn joined(code: &[(String, bool)], row: usize) -> String {
    let (mut text, mut depth) = (String::new(), 0_i32);
    for (at, (line, _)) in code.iter().enumerate().skip(row).take(MOST_LINES) {
        for c in line.chars() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            text.push(c);
            if text.len() > 2 * MOST_REPR {
                return text;
            }
        }
        text.push(' ');
        let end = text.trim_end();
        let next = code.get(at + 1).map_or("", |(line, _)| line.trim_start());
        let goes_on = end.ends_with(['=', '|', '&', ',', '\\', '(', '<'])
            || next.starts_with(['|', '&', '?', '>']);
        if depth <= 0 && !goes_on {
            break;
        }
    }
    text
}

/// Where statements need no mark at their ends, what stands on the lines before a block is not always its own.
pub(super) fn begin_on_its_line(code: &[(String, bool)], block: &mut Block) {
    let indent = |row: usize| code[row].0.len() - code[row].0.trim_start().len();
    let begins = |row: &usize| {
        let word = code[*row].0.trim_start();
        indent(*row) <= indent(block.row)
            && word.starts_with(|c: char| is_ident(c) || matches!(c, '#' | '$'))
    };
    let Some(row) = (block.row + 1..=block.opens).rev().take(MOST_LINES).find(begins) else {
        return;
    };
    let line = code[row].0.trim().split('{').next().unwrap_or_default();
    let start = block.header.rfind(clip(line.trim_end(), 40));
    if let Some(start) = start {
        block.header = block.header[start..].to_owned();
        block.row = row;
    }
}

/// Whether an angle bracket is open at the end.
pub(super) fn is_unbalanced(header: &str) -> bool {
    let mut before = ' ';
    let mut depth = 0_i32;
    for c in header.chars() {
        depth += i32::from(c == '<' && before != '<' && before != ' ')
            - i32::from(c == '>' && !matches!(before, '=' | '-'));
        before = c;
    }
    depth > 0
}

/// Whether what stands there defines a type, and not a function that gives one.
pub(super) fn is_type(family: Family, head: &str) -> bool {
    let (word, rest) = first_word(head);
    let named = rest.starts_with([' ', '\t']) && !type_name(rest).is_empty();
    let typed = family == Family::C && rest.contains('(') && !rest.contains(':');
    // `type = 1` and `type: str` are values.
    let value = rest.trim_start().starts_with(['=', ':', '.', '(']);
    TYPES.contains(&word) && named && !typed && !value
}

/// The name behind the word of a type; `enum class X` has two words.
pub(super) fn type_name(rest: &str) -> &str {
    let (name, more) = first_word(rest.trim_start());
    match name {
        "class" | "struct" | "interface" | "object" => type_name(more),
        "extends" | "implements" | "for" | "in" | "is" => "",
        _ => name,
    }
}

/// The type that an `impl` or an extension is for; empty where that may be any.
pub(super) fn implemented(word: &str, rest: &str) -> String {
    let (mut rest, mut any) = (rest.trim_start(), "");
    if word == "impl" && rest.starts_with('<') {
        let mut depth = 0;
        let end = rest.char_indices().find(|(at, c)| {
            match c {
                '<' => depth += 1,
                '>' if !rest[..*at].ends_with('-') => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        (any, rest) = end.map_or(("", ""), |(at, _)| rest.split_at(at + 1));
    }
    let of = rest.rsplit_once(" for ").map_or(rest, |(_, of)| of);
    let path = of
        .split(['<', '{', ' '])
        .map(|part| part.trim_start_matches('&'))
        .find(|part| !(matches!(*part, "" | "mut" | "dyn") || part.starts_with('\'')))
        .unwrap_or_default();
    let name = first_word(path.rsplit(':').next().unwrap_or_default()).0;
    let is_any = any.split(|c| !is_ident(c)).any(|word| word == name);
    clip(if is_any { "" } else { name }, MOST_NAME).to_owned()
}

/// What is left without visibility and the like, and whether `async` stood among it.
pub(super) fn without_modifiers(code: &str) -> (&str, bool) {
    let (mut code, mut is_async) = (code.trim_start(), false);
    loop {
        let (word, rest) = first_word(code);
        let next = rest.trim_start();
        let goes_on = next.starts_with(|c: char| is_ident(c) || matches!(c, '(' | '"' | '*'));
        if word == "async" && goes_on && rest.starts_with(' ') {
            is_async = true;
        } else if !(MODIFIERS.contains(&word) && goes_on) {
            return (code, is_async);
        }
        code = next;
        // `pub(crate)`, `extern "C"`.
        if let Some((_, tail)) = code.strip_prefix('(').and_then(|c| c.split_once(')')) {
            code = tail.trim_start();
        } else if let Some((_, tail)) = code.strip_prefix('"').and_then(|c| c.split_once('"')) {
            code = tail.trim_start();
        }
    }
}

pub(super) fn first_word(code: &str) -> (&str, &str) {
    let end = code.find(|c: char| !is_ident(c) && c != '$').unwrap_or(code.len());
    code.split_at(end)
}
