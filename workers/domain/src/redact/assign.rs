//! Values behind a telling name: `password = "…"`, `API_KEY=…`, `token: …`.
//!
//! A name alone proves nothing: most of what stands behind `token` in code is code. A value is
//! masked when it looks random, or, behind a password's name, when it is no plain word.

use super::tokens::{ascii, window};
use super::{Kind, Span};
use regex::Regex;
use std::sync::LazyLock;

/// Bytes of a name to either side of its telling word, and between it and the value.
const NEAR: usize = 64;
/// Bytes of one value at most.
const MOST_VALUE: usize = 512;

static NAMES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    ascii(
        r"(?i)(?:passw(?:or)?d|passphrase|passwd|pwd|secret|token|credential|api[_\-]?key|apikey|(?:access|private|signing|encryption|auth|account|master|service|client|shared|storage|webhook|license)[_\-]?key)",
    )
});

/// What a name ends in when its value is no secret.
const TELLS_NO_SECRET: &[&str] = &[
    "_id",
    "-id",
    "keyid",
    "_len",
    "length",
    "count",
    "name",
    "type",
    "kind",
    "path",
    "file",
    "url",
    "uri",
    "endpoint",
    "regex",
    "pattern",
    "field",
    "header",
    "label",
    "prefix",
    "suffix",
    "limit",
    "size",
    "ttl",
    "expiry",
    "policy",
    "mode",
    "format",
    "version",
    "alg",
    "algorithm",
    "hint",
    "class",
    "ref",
    "placeholder",
    "_at",
    "selector",
    "tokens",
    "budget",
];
const NEVER: &[&str] =
    &["hash", "digest", "checksum", "fingerprint", "public", "tokeniz", "tokenis", "max_token"];

/// The name in front of a value.
struct Name {
    is_password: bool,
    /// A name after which even a UUID is a secret.
    is_plain: bool,
    /// `KEY=value` of an environment file, `key: value` of YAML, a part of a connection string:
    /// no code, so what is not quoted is a value all the same.
    is_setting: bool,
    in_query: bool,
}

pub(super) fn find(text: &str, found: &mut Vec<Span>) {
    let mut done = 0;
    for hit in NAMES.iter().flat_map(|re| re.find_iter(text)) {
        if hit.start() < done {
            continue;
        }
        if let Some((start, end)) = value_after(text, hit.start(), hit.end()) {
            found.push(Span::new(start..end, Kind::Assigned));
            done = end;
        }
    }
}

fn value_after(text: &str, word: usize, word_end: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let back = bytes[..word].iter().rev().take(NEAR).take_while(|b| is_name(**b)).count();
    let start = word - back;
    let more = bytes[word_end..].iter().take(NEAR).take_while(|b| is_name(**b)).count();
    let end = word_end + more;
    let key = text.get(start..end)?.to_ascii_lowercase();
    if NEVER.iter().any(|w| key.contains(w)) || TELLS_NO_SECRET.iter().any(|w| key.ends_with(w)) {
        return None;
    }
    let before = line_before(text, start);
    let (value, setting) = separator(text, start, end, before)?;
    let before = before.strip_prefix("export ").unwrap_or(before).trim_start();
    let leads = matches!(before, "" | "- " | "-e " | "ENV " | "set ") || before.ends_with(';');
    let name = Name {
        is_password: ["passw", "pwd", "passphrase"].iter().any(|w| key.contains(w)),
        is_plain: ["secret", "passw", "api"].iter().any(|w| key.contains(w)),
        is_setting: setting.unwrap_or(leads),
        in_query: matches!(bytes.get(start.wrapping_sub(1)), Some(b'?' | b'&')),
    };
    value_at(text, value, &name)
}

/// What stands before `at` on its line, as far as it matters.
fn line_before(text: &str, at: usize) -> &str {
    let mut start = at.saturating_sub(4 * NEAR);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let before = &text[start..at];
    before[before.rfind('\n').map_or(0, |i| i + 1)..].trim_start()
}

/// Where the value starts, and whether the way it is written tells that it is a value (true) or
/// code (false).
fn separator(text: &str, name: usize, end: usize, before: &str) -> Option<(usize, Option<bool>)> {
    let tail = window(text, end, NEAR);
    let tail = &tail[..tail.find('\n').unwrap_or(tail.len())];
    let mut rest = tail.trim_start_matches(['"', '\'', '`', '\\', ']', ')']);
    // `--token value` and `.netrc`'s `password value` have no sign.
    let flag = text[name..].starts_with("--");
    if rest.starts_with([' ', '\t']) && (flag || before.contains("login ")) {
        let value = rest.trim_start();
        if !value.starts_with(['=', ':', '-']) {
            return Some((end + tail.len() - value.len(), Some(true)));
        }
    }
    let element = rest.starts_with('>') && before.ends_with('<');
    let blanks = rest.len() - rest.trim_start().len();
    rest = rest.trim_start();
    let mut spaced = blanks > 0;
    let sign = ["=>", ":=", "===", "!==", "==", "!=", "=", ":", ">", "(", ","];
    let sign = sign.iter().find(|s| rest.starts_with(**s))?;
    rest = &rest[sign.len()..];
    if rest.starts_with(['=', ':']) {
        return None;
    }
    spaced |= matches!(*sign, "=>" | ":=" | "==" | "===" | "!=" | "!==" | "(" | ",");
    spaced |= *sign == "=" && rest.starts_with(' ');
    // The type between a name and its value: `token: &str = "…"`.
    if *sign == ":"
        && let Some((kind, value)) = rest.split_once('=')
        && kind.len() < 40
        && kind.chars().all(|c| c.is_alphanumeric() || " &_<>'[]|?.".contains(c))
    {
        rest = value;
        spaced = true;
    }
    rest = rest.trim_start();
    // Wrappers and prefixes of strings: `Some("`, `String::from("`, `b"`.
    if let Some(quote) = rest.find(['"', '\'', '`'])
        && rest[..quote].ends_with(['(', 'b', 'r', 'f', 'u', '#', '@', 'L', '\\'])
        && rest[..quote].chars().all(|c| c.is_alphanumeric() || "_:.(#@\\!&".contains(c))
    {
        rest = &rest[quote..];
    }
    if matches!(*sign, "(" | ",") && !rest.starts_with(['"', '\'', '`']) {
        return None;
    }
    let setting = if element { Some(true) } else { spaced.then_some(false) };
    Some((end + tail.len() - rest.len(), setting))
}

fn value_at(text: &str, at: usize, name: &Name) -> Option<(usize, usize)> {
    let rest = window(text, at, MOST_VALUE);
    let rest = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
    let (start, value) = if let Some(quote @ ('"' | '\'' | '`')) = rest.chars().next() {
        let inner = &rest[1..];
        (at + 1, &inner[..closing(inner, quote, text[..at].ends_with('\\'))?])
    } else {
        (at, bare(rest, name)?)
    };
    let whole = start + value.len() < at + MOST_VALUE;
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
fn bare<'a>(rest: &'a str, name: &Name) -> Option<&'a str> {
    let ends = |b: &u8| {
        b.is_ascii_whitespace()
            || matches!(b, b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>' | b')' | b']' | b'}')
            || (name.in_query && matches!(b, b'&' | b'#'))
    };
    let end = rest.bytes().position(|b| ends(&b)).unwrap_or(rest.len());
    if end == MOST_VALUE {
        return None;
    }
    let value = rest[..end].strip_suffix('\\').unwrap_or(&rest[..end]);
    let goes_on = rest[end..].trim_start();
    let alone = goes_on.is_empty() || goes_on.starts_with(['#', ';', '"', '\'', '\\', '<']);
    bare_is_value(value, (name.is_setting && alone) || name.in_query).then_some(value)
}

/// Whether text without quotes is a value rather than code.
fn bare_is_value(value: &str, is_setting: bool) -> bool {
    if value.contains(['(', '[', '{', '$', '|']) || value.contains("::") || value.contains("->") {
        return false;
    }
    if is_setting {
        return true;
    }
    let is_path = value.contains('.')
        && value.split('.').all(|p| p.starts_with(|c: char| c.is_alphabetic() || c == '_'));
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    !is_path && value.len() >= 16 && digits >= 3 && changes(value) * 4 >= value.len()
}

fn is_secret(value: &str, name: &Name) -> bool {
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    let (digit, letter) = (has(u8::is_ascii_digit), has(u8::is_ascii_alphabetic));
    if value.len() < 8
        || value.contains(char::is_whitespace)
        || value.contains(super::MASK_START)
        || is_stand_in(value)
        || is_place(value)
        || (is_uuid(value) && !name.is_plain)
    {
        return false;
    }
    if name.is_password {
        let other = has(|b| b.is_ascii_punctuation() && !matches!(b, b'_' | b'-' | b'.'));
        let mixed = has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_uppercase)
            && changes(value) * 3 >= value.len();
        return (letter && (digit || other) || mixed) && !is_wordy(value) && shannon(value) >= 2.25;
    }
    value.len() >= 12
        && letter
        && (digit || (value.len() >= 24 && has(u8::is_ascii_uppercase)))
        && !is_wordy(value)
        && changes(value) * 6 >= value.len()
        && shannon(value) >= 2.75
}

/// Words and short numbers with signs between: a name, a slug, a media type, a version.
fn is_wordy(value: &str) -> bool {
    let parts = value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|p| !p.is_empty());
    let mut several = false;
    for (n, part) in parts.enumerate() {
        several |= n > 0;
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let word = digits == 0 && part.len() <= 16 && changes(part) <= 2;
        let number = digits == part.len() && digits <= 4;
        let version = digits > 0 && digits <= 2 && part.len() <= 6 && changes(part) <= 2;
        if !(word || number || version) {
            return false;
        }
    }
    several
}

/// Paths, addresses without a password, mail addresses.
fn is_place(value: &str) -> bool {
    let path = value.starts_with(['/', '.', '~', '@']) && value.matches('/').count() > 1;
    let mail = value.split_once('@').is_some_and(|(user, host)| {
        is_wordy(host) && user.chars().all(|c| c.is_alphanumeric() || ".-_+".contains(c))
    });
    path || value.contains("://") || mail
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// True for what people write where a secret would stand.
pub(super) fn is_stand_in(value: &str) -> bool {
    const WITHIN: &[&str] = &[
        "example",
        "changeme",
        "change_me",
        "change-me",
        "placeholder",
        "your_",
        "your-",
        "yourpass",
        "xxxx",
        "****",
        "....",
        "redacted",
        "dummy",
        "insert",
        "replace",
    ];
    const ALONE: &[&str] = &[
        "password",
        "passwd",
        "passwort",
        "pass",
        "pwd",
        "pw",
        "secret",
        "token",
        "test",
        "testing",
        "user",
        "username",
        "root",
        "admin",
        "guest",
        "postgres",
        "mysql",
        "redis",
        "rabbitmq",
        "mongo",
        "foo",
        "bar",
        "baz",
        "foobar",
        "hunter",
        "mypassword",
        "mysecret",
        "none",
        "null",
        "true",
        "false",
        "undefined",
        "apikey",
        "key",
        "letmein",
        "default",
        "sample",
        "fake",
        "testpassword",
        "testsecret",
        "testtoken",
        "secretpassword",
        "supersecret",
        "s3cr3t",
    ];
    let lower = value.to_ascii_lowercase();
    let framed =
        [("<", ">"), ("${", "}"), ("{{", "}}"), ("{", "}"), ("%", "%"), ("$(", ")"), ("[", "]")];
    let word = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c == '!');
    let distinct: std::collections::BTreeSet<u8> = value.bytes().collect();
    framed.iter().any(|(a, b)| value.starts_with(a) && value.ends_with(b))
        || (value.starts_with('$') && value[1..].chars().all(|c| c.is_alphanumeric() || c == '_'))
        || value.starts_with("%(")
        || matches!(value, "%s" | "%v" | "{}" | "?")
        || WITHIN.iter().any(|w| lower.contains(w))
        || ALONE.contains(&word)
        || ALONE.contains(&lower.as_str())
        || distinct.len() < 4
}

/// How often the class of character changes: few times in words, often in what is random.
fn changes(value: &str) -> usize {
    let class = |b: u8| match b {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    value.as_bytes().windows(2).filter(|w| class(w[0]) != class(w[1])).count()
}

/// Entropy in bits a byte, from the counts of the text's own bytes.
pub(super) fn shannon(value: &str) -> f64 {
    let mut counts = [0u32; 256];
    for b in value.bytes() {
        counts[usize::from(b)] += 1;
    }
    let total = value.len() as f64;
    let share = |n: u32| f64::from(n) / total;
    -counts.iter().filter(|n| **n > 0).map(|n| share(*n) * share(*n).log2()).sum::<f64>()
}
