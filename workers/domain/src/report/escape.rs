//! Text of strangers in a report: nothing in it is markup.

use crate::parse::code::closing;
use crate::text::{code_span, longest_run, one_line};
use scrum_shown::shown;

/// Foreign text on one line: code spans stay code, everything else is made inert.
pub(crate) fn escape(text: &str) -> String {
    escape_by(text, inert, code)
}

/// [`escape`] with other ways to write what stands between code spans, and the spans.
pub(crate) fn escape_by(
    text: &str,
    inert: impl Fn(&str) -> String,
    code: impl Fn(&str) -> String,
) -> String {
    let line = one_line(&shown(text));
    let mut out = String::with_capacity(line.len() + 8);
    let mut rest = line.as_str();
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].bytes().take_while(|b| *b == b'`').count();
        let body = &rest[start + ticks..];
        out.push_str(&inert(&rest[..start]));
        if let Some(len) = closing(body, ticks) {
            out.push_str(&code(&body[..len]));
            rest = &body[len + ticks..];
        } else {
            out.push_str(&inert(&rest[start..start + ticks]));
            rest = body;
        }
    }
    out.push_str(&inert(rest));
    // At the start of a line these would open a list.
    if out.starts_with(['-', '+', '=']) {
        out.insert(0, '\\');
    }
    out
}

/// Text from which no tag, link, table, heading, emphasis or code comes out.
pub(crate) fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let within_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Inside a word an underscore is no emphasis, and identifiers stay readable.
            '_' if within_word(before) && within_word(chars.peek().copied()) => out.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
        before = Some(c);
    }
    out
}

/// Foreign text as code. In a code span nothing is markup, but a bar would still end a table
/// cell, and some renderers look for tags before they look for code: then it is an element with
/// escaped content instead.
pub(crate) fn code(text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    let text = &shown(text);
    if text.contains(['<', '>', '|']) {
        return format!("<code>{}</code>", inert(&one_line(text)));
    }
    code_span(text)
}

/// Foreign text as a block of code: its fence is longer than any run of backticks inside, so that nothing in
/// it can end the block. `language` is for the renderer's colours.
pub(crate) fn block(language: &str, lines: &[String]) -> String {
    let text = shown(&lines.join("\n")).replace('\r', " ");
    let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '#' | '-');
    let language: String = language.chars().filter(|c| kept(*c)).collect();
    format!("{fence}{language}\n{text}\n{fence}\n\n")
}
