//! Secrets that are known by how they are written, whatever stands around them.

use super::assign::{is_stand_in, shannon};
use super::{Kind, Span};
use regex::{Regex, RegexBuilder};
use std::sync::LazyLock;

/// Kind and form. A group takes the place of the whole where only a part is secret.
const FORMS: &[(Kind, &str)] = &[
    (Kind::ModelKey, r"sk-ant-[A-Za-z0-9_\-]{16,}"),
    (Kind::ModelKey, r"sk-[A-Za-z0-9_\-]{20,}"),
    (Kind::ModelKey, r"(?:gsk|xai|pplx|nvapi|fw|r8|csk)[_\-][A-Za-z0-9_\-]{30,}"),
    (Kind::ModelKey, r"hf_[A-Za-z0-9]{30,}"),
    (Kind::ModelKey, r"(?:api_org)_[A-Za-z0-9]{30,}"),
    (Kind::AwsKey, r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    (Kind::ForgeToken, r"gh[pousr]_[A-Za-z0-9]{20,}"),
    (Kind::ForgeToken, r"github_pat_[A-Za-z0-9_]{22,}"),
    (Kind::ForgeToken, r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct)-[A-Za-z0-9_\-.]{20,}"),
    (Kind::ChatToken, r"xox[abceoprs](?:\.xox[bp])?-[A-Za-z0-9\-]{10,}"),
    (Kind::ChatToken, r"xapp-[A-Za-z0-9\-]{20,}"),
    (Kind::ChatToken, r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/]{20,})"),
    (Kind::ChatToken, r"discord(?:app)?\.com/api/webhooks/([0-9]{15,}/[A-Za-z0-9_\-]{30,})"),
    (Kind::ChatToken, r"[0-9]{8,10}:AA[A-Za-z0-9_\-]{33}"),
    (Kind::GoogleKey, r"AIza[A-Za-z0-9_\-]{35}"),
    (Kind::GoogleKey, r"GOCSPX-[A-Za-z0-9_\-]{20,}"),
    (Kind::GoogleKey, r"ya29\.[A-Za-z0-9_\-.]{20,}"),
    (Kind::PaymentKey, r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    (Kind::PaymentKey, r"whsec_[A-Za-z0-9+/]{24,}={0,2}"),
    (Kind::PaymentKey, r"sq0(?:csp|atp)-[A-Za-z0-9_\-]{22,}"),
    (Kind::RegistryToken, r"npm_[A-Za-z0-9]{30,}"),
    (Kind::RegistryToken, r"pypi-[A-Za-z0-9_\-]{30,}"),
    (Kind::RegistryToken, r"(?:dckr_pat_|dckr_oat_)[A-Za-z0-9_\-]{20,}"),
    (Kind::RegistryToken, r"rubygems_[a-f0-9]{40,}"),
    (Kind::RegistryToken, r"cio[A-Za-z0-9]{32}"),
    (Kind::ServiceKey, r"SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}"),
    (Kind::ServiceKey, r"do[opr]_v1_[a-f0-9]{40,}"),
    (Kind::ServiceKey, r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    (
        Kind::ServiceKey,
        r"(?:tskey|lin_api|ntn|figd|dapi|hvs|hvb|PMAK|glsa|glc|key)[_\-.][A-Za-z0-9_\-.]{30,}",
    ),
    (Kind::ServiceKey, r"ATATT3[A-Za-z0-9_\-=]{30,}"),
    (Kind::PrivateKey, r"AGE-SECRET-KEY-1[A-Z0-9]{40,}"),
    (Kind::AzureKey, r"(?i)(?:Account|SharedAccess)Key=([A-Za-z0-9+/]{30,}={0,2})"),
    (Kind::AzureKey, r"[?&]sig=([A-Za-z0-9%+/=]{30,})"),
    (Kind::Jwt, r"eyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*){2,4}"),
    (Kind::Authorization, r"(?i)\b(?:bearer|basic|token)[ \t]+([A-Za-z0-9+/._~\-]{20,}={0,2})"),
];

static TABLE: LazyLock<Vec<(Kind, Regex)>> =
    LazyLock::new(|| FORMS.iter().filter_map(|(kind, form)| Some((*kind, ascii(form)?))).collect());

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

pub(super) fn find(text: &str, found: &mut Vec<Span>) {
    for (kind, form) in TABLE.iter() {
        for hit in form.captures_iter(text) {
            let Some(secret) = hit.get(1).or_else(|| hit.get(0)) else { continue };
            let whole_start = hit.get(0).map_or(secret.start(), |m| m.start());
            let at_border = hit.get(1).is_some() || starts_word(text, whole_start);
            if at_border && is_secret(*kind, secret.as_str()) {
                found.push(Span::new(secret.range(), *kind));
                if *kind == Kind::AwsKey {
                    aws_secret(text, secret.start(), secret.end(), found);
                }
            }
        }
    }
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
    let secret = password.len() >= 3 && !host.is_empty() && is_secret(Kind::UrlPassword, password);
    let from = start + user.len() + 1;
    secret.then(|| Span::new(from..from + password.len(), Kind::UrlPassword))
}

/// At most `most` bytes from `at` on, no character cut.
pub(super) fn window(text: &str, at: usize, most: usize) -> &str {
    let mut end = at.saturating_add(most).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[at..end]
}

/// True where a word starts. The letter of an escape such as `\n` belongs to no word.
fn starts_word(text: &str, at: usize) -> bool {
    let mut before = text[..at].bytes().rev();
    match before.next() {
        Some(b) if b.is_ascii_alphanumeric() => {
            matches!(b, b'n' | b't' | b'r') && before.next() == Some(b'\\')
        }
        _ => true,
    }
}

fn is_secret(kind: Kind, value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    if is_stand_in(value) || value.contains(super::MASK_START) {
        return false;
    }
    match kind {
        Kind::UrlPassword => true,
        // Words joined by dashes look like keys of some kinds: a name of a style, of a package.
        Kind::ModelKey | Kind::ServiceKey | Kind::Authorization | Kind::RegistryToken => {
            has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && shannon(value) >= 3.0
        }
        Kind::AwsKey => has(u8::is_ascii_digit) || shannon(value) >= 3.0,
        _ => shannon(value) >= 2.5,
    }
}

fn aws_secret(text: &str, start: usize, end: usize, found: &mut Vec<Span>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        assert_eq!(TABLE.len(), FORMS.len());
        assert!(AWS_SECRET.is_some());
    }
}
