//! What a type shows of itself: fields, variants, the parameters of its constructor.

use super::{Family, MOST_REPR};
use crate::text::clip_marked;

/// Characters of one member.
const MOST_MEMBER: usize = 80;
/// Lines, bytes, and characters of one line, that are looked at: what is shown stands at the beginning.
const MOST_LINES: usize = 500;
const MOST_BYTES: usize = 20_000;
const MOST_OF_LINE: usize = 2_000;

/// The code on one line: runs of blanks are one, and what stood in a string is `…`.
pub(super) fn squeezed(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c.is_whitespace() {
            if !(out.is_empty() || out.ends_with([' ', '(', '['])) {
                out.push(' ');
            }
            continue;
        }
        if matches!(c, ')' | ']' | ',' | ';') {
            out.truncate(out.trim_end().len());
            if matches!(c, ')' | ']') && out.ends_with(',') {
                out.pop();
            }
        }
        out.push(c);
        // Only blanks stand between the marks of a string.
        let after = rest.trim_start();
        if matches!(c, '"' | '`' | '\'') && after.len() < rest.len() && after.starts_with(c) {
            out.push('…');
            out.push(c);
            rest = &after[1..];
        }
    }
    out.trim_end().to_owned()
}

/// The members of a type whose lines these are, the first one being that of its name.
pub(super) fn of(family: Family, head: &str, code: &[(String, bool)]) -> String {
    let mut bytes = 0;
    let fits = |line: &&(String, bool)| {
        bytes += line.0.len();
        bytes <= MOST_BYTES
    };
    let code = &code[..code.iter().take(MOST_LINES).take_while(fits).count()];
    let members = match family {
        Family::Python => by_indentation(code),
        _ => in_braces(family, head, code),
    };
    let mut out = String::new();
    for member in members {
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.push_str(&clip_marked(&member, MOST_MEMBER));
        if out.len() > MOST_REPR {
            break;
        }
    }
    out
}

/// Attributes of a class, and how it is made.
fn by_indentation(code: &[(String, bool)]) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = code.first().map_or(0, |(line, _)| indent(line));
    // Behind the header, which may have several lines.
    let body = code
        .iter()
        .position(|(line, _)| line.trim_end().ends_with(':'))
        .map_or(code.len(), |at| at + 1);
    let mut level = None;
    let mut found = Vec::new();
    let mut size = 0;
    for (row, (line, inside)) in code.iter().enumerate().skip(body) {
        let trimmed = line.trim();
        if trimmed.is_empty() || *inside || indent(line) <= own {
            continue;
        }
        if *level.get_or_insert(indent(line)) != indent(line)
            || trimmed.starts_with(['"', '\'', '@', ')', ']', '}'])
        {
            continue;
        }
        let member = if trimmed.starts_with("def __init__") {
            let text = super::heads::joined(code, row);
            let made = squeezed(&text);
            let made = made.trim_start_matches("def ").trim_end_matches(':');
            // It comes first: whoever uses the class calls it.
            found.insert(0, made.to_owned());
            continue;
        } else if trimmed.starts_with(char::is_alphabetic)
            && trimmed
                .find([' ', ':', '=', '('])
                .is_some_and(|at| trimmed[at..].trim_start().starts_with([':', '=']))
            && !trimmed.ends_with(':')
        {
            let member = squeezed(trimmed);
            member.trim_end_matches(['(', '[', '{', '\\']).trim_end_matches([' ', '=']).to_owned()
        } else {
            continue;
        };
        size += member.len();
        found.push(member);
        if size > MOST_REPR {
            break;
        }
    }
    found
}

/// What stands directly in the braces of a type; methods are left out, but for those of a trait and for constructors.
fn in_braces(family: Family, head: &str, code: &[(String, bool)]) -> Vec<String> {
    let word = head.split(' ').next().unwrap_or_default();
    let only_fields = matches!(word, "class" | "object" | "actor" | "record" | "struct")
        && family != Family::Rust;
    // Elsewhere a member goes on until a mark ends it.
    let by_lines = matches!(family, Family::Script | Family::Go)
        || matches!(family, Family::Other("Swift"))
        || family == Family::Jvm;
    let (mut found, mut size) = (Vec::new(), 0);
    let mut member = String::new();
    let (mut depth, mut parens, mut has_body) = (0_usize, 0_usize, false);
    let mut end = |member: &mut String, has_body: &mut bool| {
        let text = squeezed(member);
        let text = shown(&text);
        let made = text.starts_with("constructor") || text.starts_with("init(");
        let method = *has_body
            || text.contains('(')
                && !text.contains('=')
                && family != Family::Rust
                && !text.contains(": (");
        if !(text.is_empty() || only_fields && method && !made) {
            size += text.len();
            found.push(text);
        }
        member.clear();
        *has_body = false;
        size > MOST_REPR
    };
    for (line, _) in code {
        // Attributes say nothing of what it is.
        let lead = line.trim_start();
        if depth == 1
            && parens == 0
            && (lead.starts_with("#[") || lead.starts_with('@'))
            && !lead.contains('(')
        {
            continue;
        }
        for c in line.chars().take(MOST_OF_LINE) {
            match c {
                '{' => {
                    depth += 1;
                    has_body |= depth == 2;
                    if depth == 2 && !only_fields && parens == 0 {
                        member.push_str("{…}");
                    }
                }
                '}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 || (depth == 1 && (only_fields || family == Family::Rust)) {
                        let over = end(&mut member, &mut has_body) || depth == 0;
                        if over {
                            return found;
                        }
                    }
                }
                _ if depth != 1 => {}
                '(' | '[' | ')' | ']' => {
                    parens =
                        if matches!(c, '(' | '[') { parens + 1 } else { parens.saturating_sub(1) };
                    member.push(c);
                }
                ';' | ','
                    if parens == 0
                        && !(c == ',' && member.contains('<') && !member.contains('>')) =>
                {
                    if end(&mut member, &mut has_body) {
                        return found;
                    }
                }
                _ if member.len() > MOST_REPR => {}
                _ => member.push(c),
            }
        }
        member.push(' ');
        if depth == 1 && parens == 0 && by_lines && end(&mut member, &mut has_body) {
            return found;
        }
    }
    found
}

/// A member without words that its users need not know.
fn shown(member: &str) -> String {
    let mut text = member;
    for word in ["#[", "@"] {
        if text.starts_with(word)
            && let Some((_, rest)) = text.split_once("] ")
        {
            text = rest;
        }
    }
    loop {
        let rest = ["pub ", "public ", "pub(crate) ", "pub(super) ", "export ", "final "]
            .iter()
            .find_map(|m| text.strip_prefix(m));
        match rest {
            Some(rest) => text = rest,
            None => return text.trim().to_owned(),
        }
    }
}
