//! Requests to one forge: bounded in time, bytes and pages; never to another host.

use crate::error::ForgeError;
use queue_schema::forge::ForgeKind;
use reqwest::header::{HeaderMap, HeaderValue, LINK};
use reqwest::{Method, Response, Url};
use scrum_config::ForgeSettings;
use scrum_providers::{Http, Secret, Way, root_cause};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Entries of a page that are asked for; some forges give fewer.
const PER_PAGE: &str = "100";
/// Bytes of an error's body that are read.
const MAX_ERROR_BODY: u64 = 64 * 1024;

/// A forge, with the token that opens it.
#[derive(Debug)]
pub struct Client {
    kind: ForgeKind,
    pub(crate) login: String,
    base: Url,
    http: Http,
    token: Secret,
    timeout: Duration,
    max_bytes: u64,
    max_pages: u32,
}

/// What a request is about, for the errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs(pub(crate) &'static str);

impl Client {
    /// A client by the settings. `token` is the value of the variable that the settings name.
    ///
    /// # Errors
    /// When no address or no token is set, or one can't be used.
    pub fn new(
        kind: ForgeKind,
        settings: &ForgeSettings,
        token: Option<&str>,
    ) -> Result<Self, ForgeError> {
        let (url, variable) = settings.of(kind);
        let name = kind.name();
        if url.is_empty() {
            let what = format!("no address is known: set forge.{name}_url to the root of its API");
            return Err(ForgeError::Setup(what));
        }
        let base = Url::parse(url.trim_end_matches('/'))
            .map_err(|e| ForgeError::Setup(format!("forge.{name}_url is no address: {e}")))?;
        let token = token
            .and_then(Secret::new)
            .filter(|token| HeaderValue::try_from(token.reveal()).is_ok())
            .ok_or_else(|| {
                ForgeError::Setup(format!("no token: set the environment variable {variable}"))
            })?;
        let connect = Duration::from_secs(settings.connect_timeout_s);
        let http =
            Http::new(connect, Way::to(&base)).map_err(|e| ForgeError::Setup(e.to_string()))?;
        Ok(Self {
            kind,
            login: settings.login.clone(),
            base,
            http,
            token,
            timeout: Duration::from_secs(settings.timeout_s),
            max_bytes: settings.max_answer_bytes,
            max_pages: settings.max_pages,
        })
    }

    /// Which kind of forge it is for.
    pub fn kind(&self) -> ForgeKind {
        self.kind
    }

    /// A document.
    pub(crate) async fn get(&self, path: &str, needs: Needs) -> Result<Value, ForgeError> {
        Ok(self.send(Method::GET, self.at(path)?, None, needs).await?.0)
    }

    /// A change.
    pub(crate) async fn change(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        needs: Needs,
    ) -> Result<Value, ForgeError> {
        Ok(self.send(method, self.at(path)?, body, needs).await?.0)
    }

    /// A question in GraphQL.
    pub(crate) async fn graphql(&self, body: &Value, needs: Needs) -> Result<Value, ForgeError> {
        // `HOST/api/v3` has it at `HOST/api/graphql`.
        let mut url = self.base.clone();
        let path = url.path().trim_end_matches('/').trim_end_matches("/v3").to_owned();
        url.set_path(&format!("{path}/graphql"));
        let answer = self.send(Method::POST, url, Some(body), needs).await?.0;
        if let Some(errors) = answer["errors"].as_array().filter(|errors| !errors.is_empty()) {
            let of_kind = |kind: &str| errors.iter().any(|e| e["type"] == kind);
            let text =
                errors.iter().filter_map(|e| e["message"].as_str()).collect::<Vec<_>>().join("; ");
            let message = scrum_shown::plain(scrum_domain::text::clip(&text, 300));
            return Err(if of_kind("RATE_LIMITED") {
                ForgeError::RateLimited { after: Duration::from_secs(60), message }
            } else if of_kind("FORBIDDEN") {
                ForgeError::Forbidden { needs: needs.0.to_owned(), message }
            } else {
                ForgeError::Refused(message)
            });
        }
        Ok(answer["data"].clone())
    }

    /// All entries of a list.
    pub(crate) async fn list(&self, path: &str, needs: Needs) -> Result<Vec<Value>, ForgeError> {
        let mut url = self.at(path)?;
        let size = if self.kind == ForgeKind::Gitea { "limit" } else { "per_page" };
        url.query_pairs_mut().append_pair(size, PER_PAGE);
        let (mut all, mut bytes) = (Vec::new(), 0);
        for page in 0..=self.max_pages {
            if page == self.max_pages || bytes > self.max_bytes {
                let what = format!(
                    "{path} is longer than forge.max_pages or forge.max_answer_bytes allow"
                );
                return Err(ForgeError::Setup(what));
            }
            let (value, headers, length) = self.send(Method::GET, url.clone(), None, needs).await?;
            bytes += length;
            let Value::Array(entries) = value else {
                return Err(ForgeError::Transient(format!("{path} is no list")));
            };
            let empty = entries.is_empty();
            // A list that has no pages comes whole each time.
            let again = all.ends_with(&entries);
            all.extend(entries);
            match self.next(&url, &headers) {
                Some(next) if !empty || self.kind == ForgeKind::Gitlab => url = next,
                // Gitea links the pages of some lists only, and says how many entries there are.
                None if !again && (all.len() as u64) < total(&headers) => {
                    url = at_page(&url, page.saturating_add(2));
                }
                _ => break,
            }
        }
        Ok(all)
    }

    /// The address of the next page. Only its query is taken, so that no other host is ever asked.
    fn next(&self, url: &Url, headers: &HeaderMap) -> Option<Url> {
        if let Some(page) = text(headers, "x-next-page") {
            return Some(at_page(url, page.trim().parse().ok()?));
        }
        let mut next = url.clone();
        let links = text(headers, LINK.as_str())?;
        let target = links.split(',').find_map(|link| {
            let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
            rest.contains("rel=\"next\"").then_some(target)
        })?;
        let target = self.base.join(target).ok()?;
        next.set_query(target.query());
        (next != *url).then_some(next)
    }

    fn at(&self, path: &str) -> Result<Url, ForgeError> {
        let text = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        Url::parse(&text).map_err(|e| ForgeError::Setup(format!("{path} is no address: {e}")))
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
        needs: Needs,
    ) -> Result<(Value, HeaderMap, u64), ForgeError> {
        let by = Instant::now() + self.timeout;
        let sent = self.request(method, url, body)?.send();
        let response = match timeout_at(by, sent).await {
            Err(_) => {
                return Err(ForgeError::Transient(
                    "no answer in time (forge.timeout_s)".to_owned(),
                ));
            }
            Ok(Err(error)) => {
                self.http.failed(&error);
                let cause = root_cause(&error);
                let advice = self.http.about_certificates(&cause);
                return Err(ForgeError::Transient(self.token.mask(&format!("{cause}{advice}"))));
            }
            Ok(Ok(response)) => response,
        };
        let (status, headers) = (response.status(), response.headers().clone());
        if !status.is_success() {
            let body = read(response, MAX_ERROR_BODY, by).await.unwrap_or_else(|(_, part)| part);
            let text = self.token.mask(&String::from_utf8_lossy(&body));
            return Err(ForgeError::of(status, &headers, &text, needs.0));
        }
        let bytes = read(response, self.max_bytes, by).await.map_err(|(error, _)| error)?;
        let length = bytes.len() as u64;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok((Value::Null, headers, length));
        }
        let value = serde_json::from_slice(&bytes).map_err(|_| {
            ForgeError::Transient(
                "the answer is not JSON: is the address the root of an API?".to_owned(),
            )
        })?;
        Ok((value, headers, length))
    }

    fn request(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<reqwest::RequestBuilder, ForgeError> {
        let (name, value) = match self.kind {
            ForgeKind::Github => ("authorization", format!("Bearer {}", self.token.reveal())),
            ForgeKind::Gitlab => ("private-token", self.token.reveal().to_owned()),
            ForgeKind::Gitea => ("authorization", format!("token {}", self.token.reveal())),
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            ForgeError::Setup("the token holds characters that no token has".to_owned())
        })?;
        value.set_sensitive(true);
        let accept = match self.kind {
            ForgeKind::Github => "application/vnd.github+json",
            ForgeKind::Gitlab | ForgeKind::Gitea => "application/json",
        };
        let request =
            self.http.client().request(method, url).header(name, value).header("accept", accept);
        Ok(match body {
            Some(body) => request.json(body),
            None => request,
        })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Entries of a list with all its pages; 0 where the forge does not say it.
fn total(headers: &HeaderMap) -> u64 {
    text(headers, "x-total-count").and_then(|total| total.trim().parse().ok()).unwrap_or(0)
}

/// The address of another page of the same list.
fn at_page(url: &Url, page: u32) -> Url {
    let others = url.query_pairs().filter(|(name, _)| name != "page");
    let kept: Vec<(String, String)> = others.map(|(n, v)| (n.into(), v.into())).collect();
    let mut other = url.clone();
    other.query_pairs_mut().clear().extend_pairs(kept).append_pair("page", &page.to_string());
    other
}

/// The body; or the error with what had come.
async fn read(
    mut response: Response,
    most: u64,
    by: Instant,
) -> Result<Vec<u8>, (ForgeError, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let error = match timeout_at(by, response.chunk()).await {
            Ok(Ok(None)) => return Ok(bytes),
            Ok(Ok(Some(more))) => {
                bytes.extend_from_slice(&more);
                if bytes.len() as u64 <= most {
                    continue;
                }
                ForgeError::Setup(format!(
                    "the answer is larger than {most} bytes (forge.max_answer_bytes)"
                ))
            }
            Ok(Err(error)) => {
                ForgeError::Transient(format!("the answer broke off: {}", root_cause(&error)))
            }
            Err(_) => {
                ForgeError::Transient("the answer did not end in time (forge.timeout_s)".to_owned())
            }
        };
        return Err((error, bytes));
    }
}
