//! Values behind a telling name in other ways than `name = value`: on the line below, behind a fallback, in
//! a list, in quotes of a language's own, in a table, in a sentence.

use super::window;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// Bytes behind a name in which its value begins.
const NEAR: usize = 192;
/// Lines of a block that belong to one name.
const MOST_LINES: usize = 32;
/// Texts in quotes on one line.
const MOST_TEXTS: usize = 8;
/// Bytes between a name and its default.
const MOST_BLOCK: usize = 512;

/// How much the way a value is written says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sure {
    /// Nothing but the value can stand there.
    Yes,
    /// Another text may stand there.
    Loose,
}

/// A value and how sure it is that it is one.
pub(super) type Found = (Range<usize>, Sure);

macro_rules! forms {
    ($($name:ident = $form:literal;)+) => {
        $(static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($form).ok());)+

        const ALL: &[&LazyLock<Option<Regex>>] = &[$(&$name),+];
    };
}

/// How many of the forms this program can't use.
pub(super) fn unusable() -> usize {
    ALL.iter().filter(|form| form.is_none()).count()
}

forms! {
    // `${NAME:-value}`; `${name:value}` where the brace stands before the name.
    EXPANSION = r"^(?::[-=?]|-)([^}\s]{1,128})\}";
    INTERPOLATION = r"^:([^}:\s{]{1,128})\}";
    // `env.NAME || 'value'`, `NAME ?? "value"`, `get('NAME') ?: "value"`, `ENV['NAME'] or 'value'`.
    FALLBACK = r#"^["'\])]{0,3}\s{0,4}(?:\|\||\?\?|\?:|or\b)=?\s{0,4}[bru]?(?:"([^"\n]+)"|'([^'\n]+)'|`([^`\n]+)`)"#;
    // What opens a block of lines: nothing, or the sign of a block.
    BLOCK = r#"^["']?\s{0,8}:\s{0,8}(?:[|>][-+0-9]{0,2})?\s{0,8}(?:#[^\n]*)?$"#;
    // What opens a text of lines.
    LINES = r#"^["'\])]{0,3}\s{0,8}(?:=>|:=|=|:)\s{0,8}[bruf]?(?:<<[-~]?["']?\w+["']?|"""\\?|'''\\?|`)\s{0,8}$"#;
    // `q{value}`, `%q(value)`.
    QUOTES = r"^\s{0,8}(?:=>|:=|=|:|,)\s{0,8}(?:qq?|%[qQwWi]?)\s?(?:\{([^}\n]+)\}|\(([^)\n]+)\)|\[([^\]\n]+)\]|<([^>\n]+)>|\|([^|\n]+)\||!([^!\n]+)!|/([^/\n]+)/)";
    // What leads to the first text behind a sign: brackets alone.
    DIRECT = r#"^["'\])]{0,3}\s{0,8}(?:=>|:=|<-|=|:|←)?\s{0,8}[({\[\s]{0,4}[bru]?["'`]"#;
    // What opens a list whose members stand on the lines below.
    OPEN = r#"^["'\])]{0,3}\s{0,8}(?:=>|:=|=|:)\s{0,8}\[\s{0,8}$"#;
    SIGN = r#"^(?:["'\])]{0,3}\s{0,8}(?:=>|:=|<-|=|:|←|\{)|\s{1,4}(?i-u:for)\s\S{1,64}\s{0,4}=)"#;
    // `(setq name "value")`.
    LIST = r"\((?:setq|setf|def\w*|define|let)\s+\(?$";
    // `"name" {`, and a default in the block.
    DEFAULT = r#"^"?\s{0,8}\{[^}]*?\bdefault\s*=\s*"([^"\n]+)""#;
    // `the password is value`, `password for the database is value`.
    SENTENCE = r#"^(?i-u:(?:\s[a-z]{1,12}){0,5}\s(?:is|was|ist|lautet|est|es)(?:\snow)?):?\s["'`]?([^\s"'`]{6,128})"#;
    // `password 0 value`, as network devices have it.
    DEVICE = r"^\s[05789]\s([^\s]{4,128})\s{0,4}$";
}

/// The group that took part, from where the text begins.
fn group(form: &LazyLock<Option<Regex>>, text: &str, at: usize) -> Option<Range<usize>> {
    let found = form.as_ref()?.captures(text)?;
    let value = found.iter().skip(1).flatten().next()?;
    Some(at + value.start()..at + value.end())
}

/// All that may be the value of the name that stands at `name`; `before` is what stands before it on its line.
pub(super) fn find(text: &str, name: Range<usize>, before: &str) -> Vec<Found> {
    let at = name.end;
    let near = window(text, at, NEAR);
    let line = near.lines().next().unwrap_or_default();
    let sure = |range: Option<Range<usize>>| range.map(|range| vec![(range, Sure::Yes)]);
    let is =
        |f: &LazyLock<Option<Regex>>, text: &str| f.as_ref().is_some_and(|re| re.is_match(text));
    let within = before.ends_with("${") || before.ends_with("#{");
    let one = sure(group(&EXPANSION, line, at).filter(|_| within))
        .or_else(|| sure(group(&INTERPOLATION, line, at).filter(|_| within)))
        .or_else(|| sure(group(&FALLBACK, line, at)))
        .or_else(|| sure(group(&QUOTES, line, at)))
        .or_else(|| sure(group(&DEFAULT, window(text, at, MOST_BLOCK), at)))
        .or_else(|| sure(group(&DEVICE, line, at)));
    if let Some(found) = one {
        return found;
    }
    if is(&LINES, line) {
        return lines(text, at + line.len(), None).into_iter().take(1).collect();
    }
    let leads = before.trim_start_matches(['-', ' ', '"', '\'']).is_empty();
    if leads && is(&BLOCK, line) {
        return lines(text, at + line.len(), Some(depth(text, name.start)));
    }
    if is(&OPEN, line) {
        // What no quote opens there is code, or a list in the list.
        let mut members = lines(text, at + line.len(), Some(depth(text, name.start)));
        members.retain(|(range, _)| text[..range.start].ends_with(['"', '\'']));
        return members;
    }
    let mut found = if is(&SIGN, line) || is(&LIST, before) { texts(line, at) } else { Vec::new() };
    if is(&DIRECT, line)
        && let Some(first) = found.first_mut()
    {
        // Of a list, all are such.
        first.1 = Sure::Yes;
        let is_list = line.trim_start_matches([' ', '=', ':', '>', '"', '\'']).starts_with('[');
        found.iter_mut().filter(|_| is_list).for_each(|(_, sure)| *sure = Sure::Yes);
    }
    if found.is_empty()
        && let Some(value) = group(&SENTENCE, line, at)
    {
        let kept = text[value.clone()].trim_end_matches(['.', ',', ';', ')', '!']).len();
        found.push((value.start..value.start + kept, Sure::Loose));
    }
    found
}

/// How far in the line of `at` begins.
fn depth(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    text[start..at].bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// The texts in quotes on one line.
fn texts(line: &str, at: usize) -> Vec<Found> {
    let mut found = Vec::new();
    let mut from = 0;
    while found.len() < MOST_TEXTS
        && let Some(open) = line[from..].find(['"', '\'', '`']).map(|i| from + i)
    {
        let quote = &line[open..=open];
        let Some(end) = line[open + 1..].find(quote).map(|i| open + 1 + i) else { break };
        found.push((at + open + 1..at + end, Sure::Loose));
        from = end + 1;
    }
    found
}

/// The lines below, without quotes and the marks of a list; of a block only those that are further in.
fn lines(text: &str, end: usize, block: Option<usize>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = end;
    for line in text[end..].split_inclusive('\n').take(MOST_LINES) {
        let here = at;
        at += line.len();
        let body = line.trim();
        if body.is_empty() {
            continue;
        }
        let inner = line.len() - line.trim_start().len();
        if block.is_some_and(|depth| inner < depth || inner == depth && !body.starts_with("- ")) {
            break;
        }
        let value = body.strip_prefix("- ").unwrap_or(body).trim_start();
        let value = value.trim_start_matches(['"', '\'']);
        let start = here + line.trim_end().len() - value.len();
        let value = value.trim_end_matches(['"', '\'', ',']);
        // A name or a call of its own is no value.
        let is_code = block.is_some() && value.contains(['(', '{', '=', ':']);
        if !is_code {
            found.push((start..start + value.len(), Sure::Yes));
        }
    }
    found
}
