//! Values behind a telling name: `password = "…"`, `API_KEY=…`, `token: …`.
//!
//! A name alone proves nothing: most of what stands behind `token` in code is code. What a value must
//! look like hangs on how much the name says (`words`, `values`), and on whether it stands where
//! only a value can.

use super::behind::{self, Sure};
use super::table;
use super::tokens::ascii;
use super::values::{Name, changes, is_secret};
use super::words::{self, Class, Hit};
use super::{Kind, Span, window, window_before};
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// Bytes of a name to either side of its telling word, and between it and the value.
const NEAR: usize = 64;
/// Bytes of one value at most.
const MOST_VALUE: usize = 512;

/// A name that is itself a value, with its value behind: `name: DB_PASSWORD`, `value: …`.
static PAIR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    ascii(
        r#"(?i)^["']?[\s,{]{1,40}["']?(?:value|default|val|content|secret)["']?\s{0,4}[:=]\s{0,4}|^\s*</key>\s*<string>"#,
    )
});

/// Words behind which a name and its value stand with nothing but a blank between.
const DIRECTIVES: &str = "env,arg,export,set,setenv,set -x,set -gx,set -ux,set -xg,\
    set -lx,setx,passenv,fastcgi_param,uwsgi_param,proxy_set_header,#define,define,label,putenv";

pub(super) fn find(text: &str, words: Vec<Hit>, found: &mut Vec<Span>) {
    let mut done = 0;
    let mut best: Option<Hit> = None;
    // Of the words in one name the last one says what it is.
    for hit in words.into_iter().map(Some).chain([None]) {
        // Hits come in the order of their ends.
        if let (Some(now), Some(next)) = (best, hit)
            && next.start <= now.end
        {
            best = Some(Hit { class: now.class.max(next.class), ..next });
            continue;
        }
        if let Some(now) = best.filter(|now| now.start >= done)
            && let Some(named) = named(text, now)
        {
            if let Some((start, end)) = value_after(text, &named) {
                found.push(Span::new(start..end, Kind::Assigned));
                done = end;
            } else {
                elsewhere(text, &named, found);
            }
        }
        best = hit;
    }
}

/// What the way a value is written says.
struct Place {
    at: usize,
    /// It is no code, so what is not quoted is a value all the same.
    is_setting: bool,
    /// What stands there unquoted may be a name: it is a value if it looks like none.
    is_blank: bool,
    /// An argument of a call, or a sentence: of a value that looks like one.
    is_loose: bool,
    in_query: bool,
}

/// A name that tells of a secret, and where it stands.
struct Named {
    at: Range<usize>,
    class: Class,
    is_plain: bool,
}

fn named(text: &str, hit: Hit) -> Option<Named> {
    let bytes = text.as_bytes();
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.') || b >= 0x80;
    let back = bytes[..hit.start].iter().rev().take(NEAR).take_while(|b| is_name(**b)).count();
    let mut start = hit.start - back;
    let more = bytes[hit.end..].iter().take(NEAR).take_while(|b| is_name(**b)).count();
    let mut end = hit.end + more;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // `key` alone is no secret's name, and the most frequent of all words.
    if hit.class == Class::Key && (start, end) == (hit.start, hit.end) {
        return None;
    }
    let key = text.get(start..end)?.to_lowercase();
    let (lead, tail) = (text.get(start..hit.start)?, text.get(hit.end..end)?);
    if words::tells_no_secret(&key) {
        return None;
    }
    let class = words::class_of(hit.class, &lead.to_lowercase(), &tail.to_lowercase())?;
    let is_plain = ["secret", "passw", "api"].iter().any(|w| key.contains(w));
    Some(Named { at: start..end, class, is_plain })
}

fn value_after(text: &str, named: &Named) -> Option<(usize, usize)> {
    let place = separator(text, named.at.start, named.at.end)?;
    let class = match named.class {
        Class::Password if place.is_loose => Class::Weak,
        class => class,
    };
    value_at(text, &place, Name { class, is_plain: named.is_plain, is_text: true })
}

/// Values that stand behind the name in other ways.
fn elsewhere(text: &str, named: &Named, found: &mut Vec<Span>) {
    let before = line_before(text, named.at.start);
    let columns = table::find(text, named.at.clone()).into_iter().map(|cell| (cell, Sure::Yes));
    for (range, sure) in behind::find(text, named.at.clone(), before).into_iter().chain(columns) {
        let class = match named.class {
            Class::Password if sure == Sure::Loose => Class::Weak,
            class => class,
        };
        let name = Name { class, is_plain: named.is_plain, is_text: sure == Sure::Yes };
        let is_pattern =
            |value: &str| value.contains("[a-z") || sure == Sure::Loose && value.contains('\\');
        if text.get(range.clone()).is_some_and(|v| !is_pattern(v) && is_secret(v, name)) {
            found.push(Span::new(range, Kind::Assigned));
        }
    }
}

/// What stands before `at` on its line, as far as it matters.
fn line_before(text: &str, at: usize) -> &str {
    let before = window_before(text, at, 4 * NEAR);
    before[before.rfind('\n').unwrap_or(0)..].trim_start()
}

/// Where the value of a name starts, and what that place says.
fn separator(text: &str, name: usize, end: usize) -> Option<Place> {
    let tail = window(text, end, 2 * NEAR);
    if let Some(pair) = PAIR.as_ref().and_then(|re| re.find(tail)) {
        return Some(Place::new(end + pair.end(), true));
    }
    let before = line_before(text, name);
    let line = &tail[..tail.find('\n').unwrap_or(tail.len())];
    let mut rest = line.trim_start_matches(['"', '\'', '`', '\\', ']', ')', '?']);
    if rest.starts_with("!:") {
        rest = &rest[1..];
    }
    let own = &text[name..end];
    let in_query = matches!(text.as_bytes().get(name.wrapping_sub(1)), Some(b'?' | b'&'));
    if rest.starts_with([' ', '\t'])
        && let Some(value) = by_blank(own, before, rest)
    {
        let at = end + line.len() - value.len();
        let directive = own.starts_with('-') || is_directive(before) || before.contains("login ");
        return Some(Place { is_blank: !directive, ..Place::new(at, true) });
    }
    rest = rest.strip_prefix("[]").unwrap_or(rest);
    let blanks = rest.len() - rest.trim_start().len();
    rest = rest.trim_start();
    rest = typed(rest);
    let sign = ["=>", ":=", "<-", "===", "!==", "==", "!=", "?=", "=", ":", ">", "(", ","];
    let sign = sign.iter().find(|s| rest.starts_with(**s))?;
    rest = &rest[sign.len()..];
    if rest.starts_with(['=', ':']) {
        return None;
    }
    let mut spaced =
        blanks > 0 || matches!(*sign, "=>" | "<-" | "==" | "===" | "!=" | "!==" | "(" | ",");
    spaced |= *sign == "=" && rest.starts_with(' ');
    // The type between a name and its value: `token: &str = "…"`.
    if *sign == ":"
        && let Some((kind, value)) = rest.split_once('=')
        && kind.len() < 40
        && !kind.is_empty()
        && kind.chars().all(|c| c.is_alphanumeric() || " &_<>'[]|?.*".contains(c))
        && value.starts_with([' ', '"', '\''])
    {
        rest = value;
        spaced = true;
    }
    rest = rest.trim_start();
    let mut at = end + line.len() - rest.len();
    if matches!(rest, "" | "(" | "\\")
        && let Some(next) = next_line(text, end + line.len())
    {
        at = next;
        rest = window(text, at, NEAR);
    }
    let inner = unwrapped(rest);
    at += rest.len() - inner.len();
    let is_quoted = inner.starts_with(['"', '\'', '`']);
    if matches!(*sign, "(" | ",") && !is_quoted {
        return None;
    }
    let is_setting = settles(text, name, own, before, sign, spaced, rest);
    let is_loose = matches!(*sign, "(" | ",");
    Some(Place { is_loose, in_query, ..Place::new(at, is_setting) })
}

impl Place {
    const fn new(at: usize, is_setting: bool) -> Self {
        Self { at, is_setting, is_blank: false, is_loose: false, in_query: false }
    }
}

/// Whether what stands behind a sign without quotes is a value rather than code.
fn settles(
    text: &str,
    name: usize,
    own: &str,
    before: &str,
    sign: &str,
    spaced: bool,
    rest: &str,
) -> bool {
    let before = before.strip_prefix("export ").unwrap_or(before).trim_start();
    let leads =
        matches!(before, "" | "- " | "-e ") || is_directive(before) || before.ends_with(';');
    let shouts =
        !own.bytes().any(|b| b.is_ascii_lowercase()) && own.bytes().any(|b| b.is_ascii_uppercase());
    let prior = text[..name].bytes().next_back();
    // `host=db user=app password=…`, `"Password=…;`, `'PRIVATE-TOKEN: …'`.
    let in_string = matches!(prior, Some(b'"' | b'\''));
    let among = before.ends_with(' ')
        && before
            .split_whitespace()
            .next_back()
            .is_some_and(|w| w.contains('=') && !w.ends_with([',', '(']));
    if own.starts_with(['-', '_']) && !spaced || (sign == ">" && rest.contains('<')) {
        return true;
    }
    if matches!(sign, "=" | ":=" | "?=") && shouts {
        return leads || (!spaced && matches!(prior, Some(b' ' | b'\t' | b'"' | b'\'') | None));
    }
    if spaced {
        return false;
    }
    leads || (sign == "=" && (in_string || among)) || (sign == ":" && in_string)
}

/// The value behind a name and a blank: of a flag, of a directive, or alone on the line.
fn by_blank<'a>(own: &str, before: &str, rest: &'a str) -> Option<&'a str> {
    let value = rest.trim_start();
    if value.is_empty()
        || value.starts_with(['=', ':', '-', '<', '>', '(', ',', '?', '!', '{', '+', '|', '&'])
    {
        return None;
    }
    let flag = own.starts_with('-') || before.contains("login ") || is_directive(before);
    let alone = before.is_empty() && !value.trim_end().contains([' ', '\t']);
    (flag || alone).then_some(value)
}

fn is_directive(before: &str) -> bool {
    let lower = before.trim_end().to_ascii_lowercase();
    before.ends_with([' ', '\t']) && DIRECTIVES.split(',').any(|d| lower == d)
}

/// Without a type that is written behind the name: ` As String = "…"`.
fn typed(rest: &str) -> &str {
    let Some(kind) = rest.strip_prefix("As ") else { return rest };
    kind.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).trim_start()
}

/// Where the string on the line below starts.
fn next_line(text: &str, end: usize) -> Option<usize> {
    let below = text.get(end..)?.strip_prefix('\n').unwrap_or_default();
    let blanks = below.bytes().take(NEAR).take_while(|b| matches!(b, b' ' | b'\t')).count();
    below[blanks..].starts_with(['"', '\'']).then_some(end + 1 + blanks)
}

/// Without wrappers and prefixes of strings: `Some("`, `String::from("`, `b"`, `("`.
fn unwrapped(rest: &str) -> &str {
    match rest.find(['"', '\'', '`']) {
        // Letters alone are a prefix when they are few: else they are a value in front of its quote.
        Some(quote)
            if (quote <= 2 && rest[..quote].ends_with(['b', 'r', 'f', 'u', 'L', 'N'])
                || rest[..quote].ends_with(['(', '#', '@', '\\']))
                && rest[..quote]
                    .chars()
                    .all(|c| c.is_alphanumeric() || "_:.(#@\\!&".contains(c)) =>
        {
            &rest[quote..]
        }
        _ => rest,
    }
}

fn value_at(text: &str, place: &Place, name: Name) -> Option<(usize, usize)> {
    let mut at = place.at;
    let triple = ["\"\"\"", "'''"].iter().any(|q| text[at..].starts_with(q));
    at += if triple { 2 } else { 0 };
    let rest = window(text, at, MOST_VALUE);
    let rest = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
    let (start, value, is_text) = if let Some(quote @ ('"' | '\'' | '`')) = rest.chars().next() {
        let inner = &rest[1..];
        (at + 1, &inner[..closing(inner, quote, text[..at].ends_with('\\'))?], true)
    } else {
        (at, bare(rest, place)?, place.is_setting && !place.is_blank)
    };
    let whole = start + value.len() < at + MOST_VALUE;
    let name = Name { is_text, ..name };
    (whole && is_secret(value, name)).then(|| (start, start + value.len()))
}

/// Where a quoted value ends. In a string within a string the quote that opened it is escaped, and
/// so is the one that closes it; else an escaped one is part of the value.
fn closing(text: &str, quote: char, opened_escaped: bool) -> Option<usize> {
    if opened_escaped {
        return text.find(quote).map(|end| text[..end].trim_end_matches('\\').len());
    }
    let mut escaped = false;
    text.char_indices().find_map(|(i, c)| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(i)
    })
}

/// A value without quotes, when it is one rather than code.
fn bare<'a>(rest: &'a str, place: &Place) -> Option<&'a str> {
    let ends = |b: &u8| {
        b.is_ascii_whitespace()
            || matches!(b, b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>' | b')' | b']' | b'}')
            || (place.in_query && matches!(b, b'&' | b'#'))
    };
    let end = rest.bytes().position(|b| ends(&b)).unwrap_or(rest.len());
    if end == MOST_VALUE {
        return None;
    }
    let value = rest[..end].strip_suffix('\\').unwrap_or(&rest[..end]);
    let value =
        value.split_once('&').map_or(value, |(v, more)| if more.contains('=') { v } else { value });
    let goes_on = rest[end..].trim_start();
    let alone = goes_on.is_empty() || goes_on.starts_with(['#', ';', '"', '\'', '\\', '<']);
    let is_setting = place.is_setting && (alone || rest[end..].starts_with([' ', '\t']));
    bare_is_value(value, is_setting || place.in_query, alone).then_some(value)
}

/// Whether text without quotes is a value rather than code.
fn bare_is_value(value: &str, is_setting: bool, alone: bool) -> bool {
    if value.contains(['(', '[', '{', '|']) || value.starts_with('$') || value.contains("::") {
        return false;
    }
    if is_setting {
        return true;
    }
    if value.contains('$') || value.starts_with(['@', '&', '*', '!', '-', '%', ':', '.']) {
        return false;
    }
    let is_path = value.contains('.')
        && value.split('.').all(|p| p.starts_with(|c: char| c.is_alphabetic() || c == '_'));
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let is_no_name =
        value.bytes().any(|b| matches!(b, b'!' | b'#' | b'@' | b'^' | b'%' | b'+' | b'='));
    let random = value.len() >= 10 && digits >= 2 && changes(value) * 3 >= value.len();
    let long = value.len() >= 16 && digits >= 3 && changes(value) * 4 >= value.len();
    !is_path && (long || (alone && (random || (is_no_name && digits > 0))))
}
