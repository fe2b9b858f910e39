//! What an answer of a forge means for what comes next.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use scrum_domain::text::{clip_marked, one_line};
use std::time::Duration;

/// Without a word of the forge, GitHub asks for a minute at least.
const UNTOLD: Duration = Duration::from_secs(60);
/// Characters that are kept of what a forge says.
const MESSAGE: usize = 300;

/// A request that did not do what it should. Its `Display` is for people and never holds a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// What was sent is not taken: a line outside of the change, say. Sent again it is refused again.
    #[error("refused: {0}")]
    Refused(String),
    /// Too many requests.
    #[error("asks for patience: {message}")]
    RateLimited {
        /// How long.
        after: Duration,
        /// What it said.
        message: String,
    },
    /// Passing trouble. What was sent may have been done: look before it is sent again.
    #[error("is in trouble: {0}")]
    Transient(String),
    /// The token is not taken, or does not allow this.
    #[error("forbids it: {message}; the token needs {needs}")]
    Forbidden {
        /// The permission that is missing.
        needs: String,
        /// What it said.
        message: String,
    },
    /// There is no such thing, or the token may not see it.
    #[error("does not know it: {0}")]
    Gone(String),
    /// The settings are wrong.
    #[error("{0}")]
    Setup(String),
}

impl ForgeError {
    /// The error of a status that is not a success. `needs` is the permission that the request asks for.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, body: &str, needs: &str) -> Self {
        let message = said(status, body);
        let lower = message.to_lowercase();
        let limited = headers.contains_key(RETRY_AFTER)
            || header(headers, "x-ratelimit-remaining").is_some_and(|left| left == "0")
            || lower.contains("rate limit");
        match status.as_u16() {
            429 => Self::RateLimited { after: patience(headers), message },
            403 if limited => Self::RateLimited { after: patience(headers), message },
            401 | 403 => Self::Forbidden { needs: needs.to_owned(), message },
            404 | 410 => Self::Gone(message),
            408 | 500.. => Self::Transient(message),
            300..=399 => {
                Self::Setup(format!("sends elsewhere ({message}): has the repository moved?"))
            }
            _ => Self::Refused(message),
        }
    }
}

/// How long to wait: until the reset only where the limit is used up, for the header comes with every answer.
fn patience(headers: &HeaderMap) -> Duration {
    let used_up = header(headers, "x-ratelimit-remaining").is_some_and(|left| left == "0");
    let told = headers.contains_key(RETRY_AFTER) || used_up;
    let wait = told.then(|| scrum_providers::retry_after(headers)).flatten();
    wait.unwrap_or(UNTOLD).max(Duration::from_secs(1))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The status, and what a JSON body calls its message, with the errors beside it; or the text.
fn said(status: StatusCode, body: &str) -> String {
    let text = match serde_json::from_str::<serde_json::Value>(body) {
        Ok(value) => {
            let text =
                |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
            let parts = ["message", "error", "errors"].map(|name| value.get(name).map(text));
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
        Err(_) => body.to_owned(),
    };
    let text = clip_marked(&one_line(&scrum_shown::plain(&text)), MESSAGE);
    format!("{}{}{text}", status.as_u16(), if text.is_empty() { "" } else { " " })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, headers: &[(&'static str, &str)], body: &str) -> ForgeError {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        ForgeError::of(StatusCode::from_u16(status).unwrap(), &map, body, "pull requests: write")
    }

    #[test]
    fn answers_mean_what_forges_mean_by_them() {
        let wait = |error: ForgeError| match error {
            ForgeError::RateLimited { after, .. } => Some(after.as_secs()),
            _ => None,
        };
        assert_eq!(wait(of(429, &[], "Retry later")), Some(60));
        assert_eq!(wait(of(403, &[("retry-after", "7")], "{}")), Some(7));
        assert_eq!(wait(of(429, &[("retry-after", "0")], "Retry later")), Some(1));
        let secondary = r#"{"message": "You have exceeded a secondary rate limit"}"#;
        let reset = [("x-ratelimit-remaining", "12"), ("x-ratelimit-reset", "9999999999")];
        assert_eq!(wait(of(403, &reset, secondary)), Some(60));
        let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "30")];
        assert_eq!(wait(of(403, &spent, "{}")), Some(30));
        assert!(matches!(of(403, &[], "{}"), ForgeError::Forbidden { .. }));
        assert!(matches!(of(422, &[], "{}"), ForgeError::Refused(_)));
        assert!(matches!(of(502, &[], "<html>"), ForgeError::Transient(_)));
        assert!(matches!(of(404, &[], "{}"), ForgeError::Gone(_)));
        assert!(matches!(of(301, &[], ""), ForgeError::Setup(_)));
        let strings =
            r#"{"message": "Unprocessable Entity", "errors": ["Line could not be resolved"]}"#;
        let text = of(422, &[], strings).to_string();
        assert!(text.contains("422 Unprocessable Entity") && text.contains("Line could"), "{text}");
    }
}
