//! Passwords in URLs, and what the value of a form must be like to count.

use super::rules::Check;
use super::values::{Name, is_secret, is_stand_in, shannon};
use super::words::Class;
use super::{Kind, Span, window};
use regex::{Regex, RegexBuilder};
use std::sync::LazyLock;

/// The secret half of an AWS pair has no prefix, but stands near the other.
static AWS_SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| ascii(r"[A-Za-z0-9+/]{40,}"));
/// How far from an access key id its secret is looked for, in bytes.
const AWS_NEAR: usize = 300;

/// Bytes of a URL's user, password and host at most.
const AUTHORITY: usize = 512;

/// A pattern over ASCII: the tables of Unicode would only make it slower.
pub(super) fn ascii(form: &str) -> Option<Regex> {
    RegexBuilder::new(form).unicode(false).build().ok()
}

/// Passwords in URLs.
pub(super) fn find(text: &str, found: &mut Vec<Span>) {
    for (at, _) in text.match_indices("://") {
        found.extend(url_password(text, at));
    }
}

/// The password of `scheme://user:password@host`, given where the `://` stands.
fn url_password(text: &str, at: usize) -> Option<Span> {
    if !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let start = at + "://".len();
    let ends = |c: char| c.is_whitespace() || "/\"'`<>".contains(c);
    let authority = window(text, start, AUTHORITY);
    let authority = &authority[..authority.find(ends).unwrap_or(authority.len())];
    let (login, host) = authority.rsplit_once('@')?;
    let (user, password) = login.split_once(':')?;
    let known = is_stand_in(password) || password.contains(super::MASK_START);
    let from = start + user.len() + 1;
    let secret = !host.is_empty() && !known;
    secret.then(|| Span::new(from..from + password.len(), Kind::UrlPassword))
}

/// Whether what has the form of a kind is one.
pub(super) fn accepts(kind: Kind, check: Check, value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    if check == Check::Password {
        let name = Name { class: Class::Password, is_plain: true, is_text: true };
        return !value.starts_with('$') && is_secret(value, name);
    }
    match kind {
        // Words joined by dashes look like keys of some kinds: a name of a style, of a package.
        Kind::ModelKey | Kind::ServiceKey | Kind::Authorization | Kind::RegistryToken => {
            has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && shannon(value) >= 3.0
        }
        Kind::AwsKey => has(u8::is_ascii_digit) || shannon(value) >= 3.0,
        _ => shannon(value) >= 2.5,
    }
}

pub(super) fn aws_secret(text: &str, start: usize, end: usize, found: &mut Vec<Span>) {
    let mut from = start.saturating_sub(AWS_NEAR);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    for hit in
        AWS_SECRET.iter().flat_map(|re| re.find_iter(window(text, from, end + AWS_NEAR - from)))
    {
        let value = hit.as_str();
        let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
        let mixed =
            has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        if value.len() == 40 && mixed && !is_stand_in(value) {
            found.push(Span::new(from + hit.start()..from + hit.end(), Kind::AwsKey));
        }
    }
}

/// How many of the forms this program can't use.
pub(super) fn unusable() -> usize {
    usize::from(AWS_SECRET.is_none())
}
