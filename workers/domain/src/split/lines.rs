//! Where a file would be cut by the looks of its lines: a blank line before a top-level item, a
//! heading.

use super::syntax::first_word;
use super::{Cut, Cuts};
use crate::target::language;

/// Every line start but the first, with how good a cut it is, in order.
pub(super) fn candidates(path: &str, text: &str) -> Cuts {
    let prose = matches!(language(path), "Markdown" | "reStructuredText");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut cuts = Vec::with_capacity(lines.len());
    let (mut at, mut fence) = (0, None);
    for (i, line) in lines.iter().enumerate() {
        if let Some(before) = i.checked_sub(1).map(|before| lines[before]) {
            let blank_before = before.trim().is_empty();
            let item = if prose {
                fence.is_none() && is_heading(line, lines.get(i + 1).filter(|_| blank_before))
            } else {
                starts_item(&lines[i..]) && !leads(before)
            };
            let cut = match (item, blank_before) {
                (true, true) => Cut::ItemAfterBlank,
                (true, false) => Cut::Item,
                (false, true) if !prose && starts_inner(&lines[i..]) => Cut::Inner,
                // A blank line inside a block of code parts less than one between paragraphs.
                (false, true) if fence.is_none() => Cut::Blank,
                (false, _) => Cut::Line,
            };
            cuts.push((at, cut));
        }
        if prose {
            fence = after_fence(fence, line);
        }
        at += line.len();
    }
    cuts
}

/// A Markdown heading: `#` to `######`, or a line that the next one underlines.
fn is_heading(line: &str, below: Option<&&str>) -> bool {
    let hashes = line.bytes().take_while(|b| *b == b'#').count();
    if (1..=6).contains(&hashes) {
        return line[hashes..].starts_with([' ', '\t', '\r', '\n']);
    }
    let underlined = below.is_some_and(|below| {
        let rule = below.trim_end();
        rule.len() >= 3 && ["=", "-", "~", "^"].iter().any(|c| rule.replace(c, "").is_empty())
    });
    underlined && !line.trim().is_empty() && !line.starts_with([' ', '\t', '-', '='])
}

/// The open fence of a code block (its character and length) after a line.
fn after_fence(open: Option<(u8, usize)>, line: &str) -> Option<(u8, usize)> {
    let body = line.trim_start_matches(' ');
    let mark = *body.as_bytes().first()?;
    let run = body.bytes().take_while(|b| *b == mark).count();
    let is_fence = matches!(mark, b'`' | b'~') && run >= 3 && line.len() - body.len() <= 3;
    match open {
        None if is_fence => Some((mark, run)),
        Some((m, n)) if is_fence && m == mark && run >= n && body[run..].trim().is_empty() => None,
        other => other,
    }
}

/// Comments, attributes and decorators at column 0 belong to the item below them.
fn leads(line: &str) -> bool {
    const LEADS: &[&str] = &["//", "/*", " *", "#[", "# ", "@", "--", "\"\"\""];
    LEADS.iter().any(|lead| line.starts_with(lead))
}

/// True when a top-level item, or the comment block that leads to one, starts at the first line.
fn starts_item(lines: &[&str]) -> bool {
    // A comment block longer than this is a text of its own.
    const LOOK_AHEAD: usize = 40;
    lines.iter().take(LOOK_AHEAD).find(|line| !leads(line)).is_some_and(|line| is_item(line))
}

/// True when a method, or the comment block that leads to one, starts at the first line. Only
/// words that never open a statement count here.
fn starts_inner(lines: &[&str]) -> bool {
    const WORDS: &[&str] = &[
        "fn",
        "pub",
        "def",
        "async",
        "func",
        "function",
        "class",
        "public",
        "private",
        "protected",
        "internal",
        "static",
        "fun",
        "unsafe",
        "impl",
        "override",
        "abstract",
    ];
    let bodies = lines.iter().take(20).map_while(|line| one_step_in(line));
    let mut bodies = bodies.skip_while(|body| leads(body));
    bodies.next().is_some_and(|body| WORDS.contains(&first_word(body)))
}

/// The text of a line that is one step of indentation in.
fn one_step_in(line: &str) -> Option<&str> {
    let body = line.trim_start_matches([' ', '\t']);
    let (indent, tabs) = (line.len() - body.len(), line.starts_with('\t'));
    ((1..=4).contains(&indent) && (!tabs || indent == 1)).then_some(body)
}

fn is_item(line: &str) -> bool {
    #[rustfmt::skip]
    const WORDS: &[&str] = &[
        "fn", "pub", "impl", "struct", "enum", "trait", "mod", "unsafe", "macro_rules", "const",
        "static", "class", "def", "async", "func", "function", "export", "interface", "type",
        "namespace", "public", "private", "protected", "internal", "abstract", "final", "object",
        "data", "sealed", "fun", "var", "let", "val", "module", "defmodule", "extension",
        "protocol", "message", "service", "resource", "template", "local", "create", "CREATE",
        "void", "int", "package", "union", "extern", "typedef", "sub", "proc",
    ];
    // `[section]` opens a table in TOML and INI files.
    WORDS.contains(&first_word(line)) || line.starts_with('[')
}
