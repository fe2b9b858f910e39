//! The code behind a label such as `Quote:`, in every form that reviewers give it.

use super::code::{between_marks, closing, code_spans, is_code_fence};
use super::items::{label, list_marker};
use super::labels::{Role, role};
use super::nothing;

/// Lines of a quote that stands in backquotes or below its label; more than three are not asked for.
const MOST_LINES: usize = 20;

/// What stands behind the label in line `at`: between marks or backquotes, which may close on a later line, in
/// the block of code right below, or bare. `blocks` are the item's blocks of code by their opening line.
pub(super) fn behind_label(
    lines: &[String],
    at: usize,
    rest: &str,
    blocks: &[(usize, String)],
) -> Option<String> {
    let rest = rest.trim();
    if let Some(inside) = between_marks(rest).filter(|inside| !nothing::is_blank(inside)) {
        return Some(inside.to_owned());
    }
    let below = lines.get(at + 1..).unwrap_or_default();
    let blank = below.iter().take_while(|line| line.trim().is_empty()).count().min(1);
    let block = blocks
        .binary_search_by_key(&(at + 1 + blank), |(opens, _)| *opens)
        .ok()
        .map(|found| blocks[found].1.clone());
    let ticks = rest.matches('`').count();
    if let Some(open) = rest.find('`') {
        // The label stood in the backquotes too: `Quote: a = b`
        if ticks == 1 && rest.ends_with('`') {
            return Some(rest.trim_end_matches('`').to_owned());
        }
        if is_code(&rest[..open]) {
            return Some(rest.to_owned());
        }
        // Words that name something in backquotes, and the code below them.
        if let Some(block) = block.filter(|_| !rest[..open].trim().is_empty()) {
            return Some(block);
        }
        return spanned(&rest[open..], below).filter(|span| !nothing::is_blank(span));
    }
    if block.is_some() {
        return block;
    }
    if !rest.is_empty() {
        return (!nothing::is_blank(rest)).then(|| rest.to_owned());
    }
    bare(&below[blank..])
}

/// The value when it is one code span and nothing else.
pub(super) fn whole_span(value: &str) -> Option<String> {
    let value = value.trim().trim_end_matches('.');
    let spans = code_spans(value);
    let alone = value.starts_with('`') && value.ends_with('`') && spans.len() == 1;
    spans.into_iter().next().filter(|_| alone)
}

/// Code before a backquote: the quote is not what the backquotes hold.
fn is_code(before: &str) -> bool {
    before.contains(['=', ';', '(', '{', '['])
}

/// The code span that opens here, with those that fill the lines below it.
fn spanned(text: &str, below: &[String]) -> Option<String> {
    let ticks = text.bytes().take_while(|b| *b == b'`').count();
    let mut text = text.to_owned();
    let mut below = below.iter().take(MOST_LINES).take_while(|line| label(line).is_none());
    while closing(&text[ticks..], ticks).is_none() {
        let Some(line) = below.next().filter(|line| !line.trim().is_empty()) else {
            // It never closes.
            let first = text.lines().next().unwrap_or_default();
            return Some(first.trim_matches('`').to_owned());
        };
        text.push('\n');
        text.push_str(line);
    }
    let mut quote = code_spans(&text).into_iter().next()?;
    for span in below.map_while(|line| whole_span(line)) {
        quote.push('\n');
        quote.push_str(&span);
    }
    Some(quote)
}

/// How many of the lines below are code of the quote in this line: they are in a code span that opens behind its
/// label, or below that, and closes at the end of the last of them.
pub(super) fn lines_below(line: &str, below: &[&str]) -> usize {
    let Some((_, rest)) = label(line).filter(|(name, _)| role(name) == Some(Role::Quote)) else {
        return 0;
    };
    let (opened, below, first) = match below.split_first() {
        Some((first, below)) if rest.trim().is_empty() => (first.trim(), below, 1),
        _ => (rest.trim(), below, 0),
    };
    let Some((_, inside)) = opened.split_once('`').filter(|_| !is_code_fence(opened)) else {
        return 0;
    };
    let ticks = 1 + inside.bytes().take_while(|b| *b == b'`').count();
    let inside = &inside[ticks - 1..];
    if inside.is_empty() || closing(inside, ticks).is_some() {
        return 0;
    }
    let is_code =
        |line: &&&str| !line.trim().is_empty() && !is_code_fence(line) && label(line).is_none();
    let code = below.iter().take(MOST_LINES).take_while(is_code).map(|line| line.trim_end());
    let closes = code.enumerate().find_map(|(at, line)| Some((at, line, closing(line, ticks)?)));
    let at_end = closes.filter(|(_, line, end)| end + ticks == line.len());
    at_end.map_or(0, |(at, ..)| first + at + 1)
}

/// The lines below a label, up to a blank one or the next label.
fn bare(below: &[String]) -> Option<String> {
    let lines: Vec<&str> = below
        .iter()
        .take(MOST_LINES)
        .take_while(|line| !line.trim().is_empty() && label(line).is_none())
        .map(String::as_str)
        .collect();
    let first = lines.first()?.trim();
    // In a list of its own.
    let first = list_marker(first).map_or(first, |(_, _, rest)| rest);
    if first.starts_with('`') {
        return spanned(first, below.get(1..).unwrap_or_default());
    }
    let code = lines.join("\n");
    (!nothing::is_blank(&code)).then_some(code)
}
