//! Plain requests to two servers, as `scrum parity` compares them: any method, any status, the whole answer.

use crate::client::{Http, root_cause};
use crate::error::SetupError;
use crate::http::base_url;
use futures_util::{StreamExt as _, stream};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use scrum_domain::parity::{Answers, Heard, Pair, Request};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Cases under way at a time, each with a request to either side.
const AT_A_TIME: usize = 4;
/// Bytes of a body that are compared; a longer one is an error.
const MAX_BODY: usize = 8 * 1024 * 1024;
/// Bound on the handshake.
const CONNECT: Duration = Duration::from_secs(10);

struct Side {
    base: String,
    http: Http,
    timeout: Duration,
}

/// Asks both servers, and gives their answers in the order of the requests. Nothing is sent twice, redirects are
/// not followed.
///
/// # Errors
/// An address that can't be used, or no HTTP client.
pub async fn exchange(pair: &Pair) -> Result<Vec<Answers>, SetupError> {
    let side = |name: &str, address: &str| {
        let (base, way) = base_url(name, address)?;
        let http = Http::new(CONNECT, way)?;
        Ok(Side { base, http, timeout: Duration::from_secs(pair.timeout_s) })
    };
    let (a, b) = (side("A", &pair.a)?, side("B", &pair.b)?);
    let asked = pair.requests.iter().map(|request| {
        let (a, b) = (&a, &b);
        async move {
            let (a, b) = tokio::join!(
                a.ask(request, &request.headers_a),
                b.ask(request, &request.headers_b)
            );
            Answers { a, b }
        }
    });
    Ok(stream::iter(asked).buffered(AT_A_TIME).collect().await)
}

impl Side {
    async fn ask(
        &self,
        request: &Request,
        headers: &BTreeMap<String, String>,
    ) -> Result<Heard, String> {
        let method = Method::from_bytes(request.method.as_bytes());
        let method = method.map_err(|_| format!("'{}' is no method", request.method))?;
        let started = Instant::now();
        let mut builder = self
            .http
            .client()
            .request(method, format!("{}{}", self.base, request.path))
            .headers(header_map(headers, request.body.is_some())?);
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let answered =
            async { read(builder.send().await.map_err(|e| self.unreachable(&e))?).await };
        let answered = tokio::time::timeout(self.timeout, answered).await;
        let (status, content_type, body) = answered
            .map_err(|_| format!("no answer within {} s (--timeout)", self.timeout.as_secs()))??;
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Heard { status, content_type, body, ms })
    }

    fn unreachable(&self, error: &reqwest::Error) -> String {
        let cause = root_cause(error);
        format!("{}: {cause}{}", self.base, self.http.about_certificates(&cause))
    }
}

fn header_map(headers: &BTreeMap<String, String>, has_body: bool) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    if has_body {
        map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in headers {
        let bad = |what: &str| format!("the header '{name}' has {what} that HTTP does not allow");
        let key: HeaderName = name.parse().map_err(|_| bad("a name"))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad("a value"))?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

async fn read(mut response: Response) -> Result<(u16, String, String), String> {
    let status = response.status().as_u16();
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(more) =
        response.chunk().await.map_err(|e| format!("the answer broke off: {}", root_cause(&e)))?
    {
        bytes.extend_from_slice(&more);
        if bytes.len() > MAX_BODY {
            return Err(format!("the answer is larger than {MAX_BODY} bytes"));
        }
    }
    Ok((status, content_type, String::from_utf8_lossy(&bytes).into_owned()))
}
