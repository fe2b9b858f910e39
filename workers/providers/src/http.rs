//! One provider's connection: client, address, key; and the request itself.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, Url};
use scrum_config::ProviderConfig;
use serde_json::{Map, Value};
use tokio::time::timeout_at;

use crate::body;
use crate::classify::{self, Told};
use crate::client::{Http, Way, root_cause};
use crate::clock::Clock;
use crate::error::{ChatError, FailedKind, SetupError, TerminalKind, TransientKind};
use crate::secret::Secret;
use crate::wire::{Auth, Form};

/// Bytes of an error body that are read; the rest can't say more.
const MAX_ERROR_BODY: usize = 64 * 1024;
/// Bytes of a list of models at most. OpenRouter's is under a megabyte.
const MAX_LIST_BODY: usize = 8 * 1024 * 1024;
/// No wait longer than this is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The key of a provider.
#[derive(Debug, Clone)]
pub(crate) enum Key {
    /// None is configured.
    NotNeeded,
    /// The named variable is not set.
    Missing(String),
    /// From the named variable.
    Present(String, Secret),
}

/// A call that got no answer to read.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: ChatError,
    /// The status and what was said with it, when the server refused.
    pub(crate) told: Option<(u16, Told)>,
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Self {
        Self { error, told: None }
    }
}

impl From<Failure> for ChatError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// A provider that is reached over HTTP.
pub(crate) struct Endpoint {
    pub(crate) name: String,
    /// Its wire format.
    pub(crate) form: &'static Form,
    pub(crate) cfg: ProviderConfig,
    /// Members merged into every request.
    pub(crate) extra: Map<String, Value>,
    pub(crate) base: String,
    pub(crate) key: Key,
    pub(crate) client: Http,
}

/// Checks a base address; returns it without trailing slashes, and how its server is reached.
pub(crate) fn base_url(provider: &str, base: &str) -> Result<(String, Way), SetupError> {
    let bad = |problem: &str| SetupError::BaseUrl {
        provider: provider.to_owned(),
        problem: problem.to_owned(),
    };
    let base = base.trim().trim_end_matches('/');
    if base.is_empty() {
        return Err(bad("is not set; write the root of the API, e.g. http://127.0.0.1:11434"));
    }
    let url = Url::parse(base).map_err(|e| bad(&format!("is not an address: {e}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("holds a user or password; put the key into a variable, see api_key_env"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("must end with its path, without ? or #"));
    }
    Ok((base.to_owned(), Way::to(&url)))
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    /// A provider of the settings. `client` gives one with a bound on the handshake, for a way to a server.
    pub(crate) fn new(
        name: &str,
        cfg: ProviderConfig,
        form: &'static Form,
        key: Key,
        client: impl FnOnce(Duration, Way) -> Result<Http, SetupError>,
    ) -> Result<Self, SetupError> {
        let (base, way) = base_url(name, &cfg.base_url)?;
        let extra = body::extra_body(name, cfg.extra_body.as_ref())?;
        let client = client(Duration::from_secs(cfg.connect_timeout_s.max(1)), way)?;
        Ok(Self { name: name.to_owned(), form, cfg, extra, base, key, client })
    }

    /// Sends a body and waits for the head of the answer. Any status but 2xx is an error here.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: &Map<String, Value>,
        trace: Option<&str>,
        clock: &Clock,
    ) -> Result<Response, Failure> {
        let bytes = body::written(body)
            .map_err(|e| ChatError::terminal(TerminalKind::BadRequest, e.to_string()))?;
        let request = self.client.client().post(format!("{}{path}", self.base)).body(bytes);
        let mut request = self.authorized(request)?.header(CONTENT_TYPE, "application/json");
        if let Some(trace) = trace {
            request = request.header("traceparent", trace);
        }
        let response = match timeout_at(clock.deadline(), request.send()).await {
            Err(_) => return Err(clock.error(0).into()),
            Ok(Err(error)) => return Err(self.unreachable(&error).into()),
            Ok(Ok(response)) => response,
        };
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(response, clock).await)
    }

    /// A small JSON document.
    pub(crate) async fn get(&self, path: &str, clock: &Clock) -> Result<Value, ChatError> {
        let request = self.authorized(self.client.client().get(format!("{}{path}", self.base)))?;
        let response = match timeout_at(clock.deadline(), request.send()).await {
            Err(_) => return Err(clock.error(0)),
            Ok(Err(error)) => return Err(self.unreachable(&error)),
            Ok(Ok(response)) => response,
        };
        if !response.status().is_success() {
            return Err(self.refused(response, clock).await.error);
        }
        let bytes = read_up_to(response, MAX_LIST_BODY, clock).await;
        serde_json::from_slice(&bytes).map_err(|_| {
            let message = format!("{}{path} does not answer with JSON; check base_url", self.base);
            ChatError::terminal(TerminalKind::BadRequest, message)
        })
    }

    /// The whole JSON answer to a body, of at most `max_answer_bytes`.
    pub(crate) async fn ask(
        &self,
        path: &str,
        body: &Map<String, Value>,
        trace: Option<&str>,
    ) -> Result<Value, ChatError> {
        let mut clock = Clock::start(&self.cfg);
        let mut response = self.post(path, body, trace, &clock).await?;
        clock.progress();
        let (mut bytes, most) = (Vec::new(), self.cfg.max_answer_bytes);
        loop {
            match timeout_at(clock.deadline(), response.chunk()).await {
                Err(_) => return Err(clock.error(0)),
                Ok(Err(error)) => {
                    let message = format!("the answer broke off: {}", root_cause(&error));
                    return Err(ChatError::transient(TransientKind::Unreachable, message));
                }
                Ok(Ok(None)) => break,
                Ok(Ok(Some(more))) => bytes.extend_from_slice(&more),
            }
            if bytes.len() as u64 > most {
                let message = format!("the answer is larger than {most} bytes (max_answer_bytes)");
                return Err(ChatError::failed(FailedKind::TooLarge, message, 0));
            }
        }
        serde_json::from_slice(&bytes).map_err(|_| {
            let message = format!("{}{path} does not answer with JSON", self.base);
            ChatError::failed(FailedKind::Garbage, message, 0)
        })
    }

    /// Masks this provider's key and puts the provider's name in front.
    pub(crate) fn told(&self, error: ChatError) -> ChatError {
        error.map_message(|message| {
            let text = format!("{}: {message}", self.name);
            match &self.key {
                Key::Present(_, secret) => secret.mask(&text),
                Key::NotNeeded | Key::Missing(_) => text,
            }
        })
    }

    /// What is wrong with the key, when it can't be sent.
    pub(crate) fn unusable(&self) -> Option<String> {
        match &self.key {
            Key::NotNeeded => None,
            Key::Missing(variable) => Some(format!("{variable} is not set")),
            Key::Present(variable, secret) => HeaderValue::try_from(secret.reveal().to_owned())
                .err()
                .map(|_| format!("{variable} holds characters that no API key has")),
        }
    }

    fn authorized(&self, request: RequestBuilder) -> Result<RequestBuilder, ChatError> {
        let request =
            self.form.headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
        match &self.key {
            Key::NotNeeded => Ok(request),
            Key::Missing(variable) => Err(ChatError::terminal(
                TerminalKind::MissingKey,
                format!("no API key: set the environment variable {variable} for the workers"),
            )),
            Key::Present(variable, secret) => {
                let (name, value) = match self.form.auth {
                    Auth::Bearer => ("authorization", format!("Bearer {}", secret.reveal())),
                    Auth::Header(name) => (name, secret.reveal().to_owned()),
                };
                let header = HeaderValue::try_from(value);
                let mut header = header.map_err(|_| {
                    ChatError::terminal(
                        TerminalKind::MissingKey,
                        format!("{variable} holds characters that no API key has; set it again"),
                    )
                })?;
                header.set_sensitive(true);
                Ok(request.header(name, header))
            }
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ChatError {
        self.client.failed(error);
        if error.is_builder() {
            let message = format!("the request cannot be built; check base_url ({})", self.base);
            return ChatError::terminal(TerminalKind::BadRequest, message);
        }
        let why = if error.is_connect() && error.is_timeout() {
            format!("no connection within {} s (connect_timeout_s)", self.cfg.connect_timeout_s)
        } else {
            let cause = root_cause(error);
            let advice = self.client.about_certificates(&cause);
            format!("{cause}{advice}")
        };
        let message = format!("cannot be reached at {}: {why}", self.base);
        ChatError::transient(TransientKind::Unreachable, message)
    }

    async fn refused(&self, response: Response, clock: &Clock) -> Failure {
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let body = read_up_to(response, MAX_ERROR_BODY, clock).await;
        let told = Told::parse(&String::from_utf8_lossy(&body));
        let error = classify::by_status(status, &told, retry_after.or(told.retry_after()));
        Failure { error, told: Some((status, told)) }
    }
}

/// The beginning of a body; a body that breaks off or lingers is taken as far as it came.
async fn read_up_to(mut response: Response, bound: usize, clock: &Clock) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < bound {
        match timeout_at(clock.deadline(), response.chunk()).await {
            Ok(Ok(Some(bytes))) => body.extend_from_slice(&bytes),
            _ => break,
        }
    }
    body.truncate(bound);
    body
}

/// How long to wait, from whichever header says it. A date is compared with the server's own
/// clock where it tells it, so a worker whose clock is wrong waits no longer.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let date = |text: &str| rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let now = || text(DATE.as_str()).and_then(date).unwrap_or_else(Timestamp::now);
    let until = |at: Timestamp| Duration::try_from(at.duration_since(now())).unwrap_or_default();

    let wait = if let Some(value) = text("retry-after-ms") {
        seconds(value).map(|ms| ms / 1000.0).and_then(positive)
    } else if let Some(value) = text(RETRY_AFTER.as_str()) {
        seconds(value).and_then(positive).or_else(|| date(value).map(until))
    } else {
        // Seconds to wait, or the time of the reset in seconds or milliseconds since 1970.
        text("x-ratelimit-reset").and_then(seconds).and_then(|value| {
            let at = |ms: f64| Timestamp::from_millisecond(ms as i64).ok().map(until);
            match value {
                v if v >= 1e11 => at(v),
                v if v >= 1e9 => at(v * 1000.0),
                v => positive(v),
            }
        })
    };
    wait.map(|wait| wait.min(MAX_RETRY_AFTER))
}

fn seconds(text: &str) -> Option<f64> {
    text.parse().ok().filter(|v: &f64| v.is_finite())
}

fn positive(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.clamp(0.0, MAX_RETRY_AFTER.as_secs_f64())).ok()
}

#[cfg(test)]
impl Endpoint {
    pub(crate) fn for_test(cfg: ProviderConfig) -> Self {
        let form = crate::wire::form(cfg.wire).unwrap();
        Self::new("p", cfg, form, Key::NotNeeded, Http::new).unwrap()
    }
}

#[cfg(test)]
impl Failure {
    pub(crate) fn for_test(status: u16, message: &str) -> Self {
        let told = Told::parse(message);
        Self { error: classify::by_status(status, &told, None), told: Some((status, told)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(pairs: &[(&'static str, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn reads_every_form_of_retry_after() {
        let s = |n| Some(Duration::from_secs(n));
        assert_eq!(wait(&[("retry-after", "7")]), s(7));
        assert_eq!(wait(&[("retry-after", "0.5")]), Some(Duration::from_millis(500)));
        assert_eq!(wait(&[("retry-after-ms", "250")]), Some(Duration::from_millis(250)));
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        let later = ("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT");
        assert_eq!(wait(&[date, later]), s(90));
        assert_eq!(wait(&[("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT")]), s(0), "past");
        assert_eq!(wait(&[date, ("x-ratelimit-reset", "1445412540000")]), s(60));
        assert_eq!(wait(&[date, ("x-ratelimit-reset", "1445412490")]), s(10));
        assert_eq!(wait(&[("x-ratelimit-reset", "12")]), s(12));
        assert_eq!(wait(&[("retry-after", "99999999999999")]), Some(MAX_RETRY_AFTER));
        assert_eq!(wait(&[("retry-after", "-3")]), s(0));
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn refuses_addresses_that_cannot_work() {
        for bad in ["", "ftp://x", "127.0.0.1:80", "http://u:p@x/v1", "http://x/v1?key=1", "x y"] {
            let error = base_url("p", bad).unwrap_err().to_string();
            assert!(error.starts_with("providers.p.base_url "), "{bad}: {error}");
            assert!(!error.contains("u:p"), "{error}");
        }
        for (address, base, loopback, tls) in [
            ("http://[::1]:1/v1/", "http://[::1]:1/v1", true, false),
            ("https://127.0.0.1:1", "https://127.0.0.1:1", true, true),
            ("http://localhost:1", "http://localhost:1", true, false),
            ("http://10.0.0.1:1/v1", "http://10.0.0.1:1/v1", false, false),
            ("https://api.x.ai/v1", "https://api.x.ai/v1", false, true),
        ] {
            let way = Way { loopback, tls };
            assert_eq!(base_url("p", address).unwrap(), (base.to_owned(), way));
        }
    }
}
