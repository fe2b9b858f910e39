//! `[web]`: the web server.

use crate::validate::{Checks, is_name};
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[web]`: the web server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebSettings {
    /// Address and port.
    pub listen: String,
    /// Environment variable with the token of requests from other machines.
    pub token_env: String,
    /// Names that it goes by besides this machine's own.
    pub hosts: Vec<String>,
    /// Bytes of a request's body at most.
    pub max_body_bytes: u64,
    /// Milliseconds that one request may take.
    pub request_timeout_ms: u64,
    /// Whether nothing can be changed through it.
    pub read_only: bool,
    /// Decisions and logins that it takes in a minute at most.
    pub decisions_per_minute: u32,
    /// Whether pages of files show their source, read from the repository.
    pub show_sources: bool,
    /// Further tokens, by their names.
    pub tokens: BTreeMap<String, WebToken>,
}

/// `[web.tokens.NAME]`: a token, of which only its hash is known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebToken {
    /// SHA-256 of it, in hex.
    pub sha256: String,
    /// Until when it counts, as in `2027-01-31` (to its end, UTC) or `2027-01-31T12:00:00Z`; absent: for good.
    #[serde(default)]
    pub expires: Option<String>,
}

/// The name of the token in the environment.
const OF_ENV: &str = "token";
/// Characters of a name at most.
const LONGEST: usize = 32;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

impl WebToken {
    /// The hash; of one that is no hash what no token has.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        for (n, byte) in hash.iter_mut().enumerate() {
            let digits = self.sha256.get(2 * n..2 * n + 2).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
        }
        hash
    }

    /// The end, in milliseconds since the epoch; `None` where it has none.
    pub fn until_ms(&self) -> Option<u64> {
        // What can't be read was refused; it would count as over.
        self.expires.as_deref().map(|text| end(text).unwrap_or_default())
    }
}

fn end(text: &str) -> Option<u64> {
    let ms = if let Ok(at) = text.parse::<jiff::Timestamp>() {
        at.as_millisecond()
    } else {
        let day: jiff::civil::Date = text.parse().ok()?;
        day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond() + DAY_MS
    };
    u64::try_from(ms).ok()
}

impl WebSettings {
    pub(crate) fn validate(&self, check: &mut Checks) {
        check.range("web.max_body_bytes", self.max_body_bytes, 1024, 64 << 20);
        check.range("web.request_timeout_ms", self.request_timeout_ms, 100, 600_000);
        check.range("web.decisions_per_minute", self.decisions_per_minute.into(), 1, 100_000);
        for (name, of) in &self.tokens {
            let key = |field: &str| format!("web.tokens.{name}.{field}");
            if !is_name(name, LONGEST) || name == OF_ENV {
                let what = format!("'{name}' can't be the name of a token");
                let fix =
                    "use a-z, 0-9, - and _, and not 'token', which is that of the environment";
                check.add("web.tokens", what, fix);
            }
            if of.sha256.len() != 64 || !of.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
                // Not shown: it may be the token itself.
                let what = "this is no SHA-256 in hex".to_owned();
                let fix = "write what `printf %s \"$TOKEN\" | sha256sum` prints, never the token";
                check.add(&key("sha256"), what, fix);
            }
            if let Some(text) = of.expires.as_deref().filter(|text| end(text).is_none()) {
                let what = format!("'{text}' is no time");
                check.add(
                    &key("expires"),
                    what,
                    "write a day, as in 2027-01-31, or 2027-01-31T12:00:00Z",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_with_its_day_or_at_its_time() {
        for (text, ms) in [
            ("1970-01-01", Some(86_400_000)),
            ("1970-01-02T00:00:01Z", Some(86_401_000)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("soon", None),
            ("1969-01-01", None),
        ] {
            assert_eq!(end(text), ms, "{text}");
        }
    }
}
