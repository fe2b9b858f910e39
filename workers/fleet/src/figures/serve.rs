//! The address at which a worker serves its figures, where `metrics.worker_listen` names one.

use super::of_process;
use anyhow::{Context as _, bail};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use scrum_config::MetricsSettings;
use scrum_knowledge::figures::CONTENT_TYPE as TEXT;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// Who may read the figures.
#[derive(Debug)]
struct Rules {
    token: Option<String>,
}

impl Rules {
    /// With a token, whoever sends it; without one, whoever is on this machine and asks for it by its address: a page
    /// in a browser that goes by another name is refused.
    fn allow(&self, headers: &HeaderMap) -> bool {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        match &self.token {
            Some(token) => text(&AUTHORIZATION)
                .and_then(|value| value.strip_prefix("Bearer "))
                .is_some_and(|given| is_same(given.trim(), token)),
            None => text(&HOST).is_some_and(is_local),
        }
    }
}

/// Compares in a time that says nothing of where two texts differ.
fn is_same(a: &str, b: &str) -> bool {
    let differs = a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b));
    a.len() == b.len() && differs == 0
}

fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let ip = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

/// Serves the figures until the handle is dropped; `None` where the settings name no address.
///
/// # Errors
/// An address that others reach without a token, one that can't be listened on, a token that is too short.
pub async fn start(
    settings: &MetricsSettings,
    env: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Option<AbortOnDropHandle<()>>> {
    let Some(address) = settings.listens() else { return Ok(None) };
    let token = settings.token(env)?;
    let name = &settings.token_env;
    if token.is_none() && !address.ip().is_loopback() {
        bail!(
            "metrics.worker_listen {address} can be reached from other machines, and there is no token; set {name}, or listen on 127.0.0.1"
        );
    }
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("metrics.worker_listen {address} can't be listened on; with several workers on a machine give each a port of its own, or port 0")
    })?;
    let at: SocketAddr = listener.local_addr()?;
    tracing::info!("figures at http://{at}/metrics");
    let routes =
        Router::new().route("/metrics", get(figures)).with_state(Arc::new(Rules { token }));
    Ok(Some(AbortOnDropHandle::new(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::warn!(%error, "the figures of this worker are served no more");
        }
    }))))
}

async fn figures(State(rules): State<Arc<Rules>>, request: Request) -> Response {
    if !rules.allow(request.headers()) {
        let why = "send the token that metrics.token_env names: Authorization: Bearer TOKEN\n";
        return (StatusCode::UNAUTHORIZED, why).into_response();
    }
    ([(CONTENT_TYPE, TEXT)], of_process().text()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_for_this_machine_or_for_the_token() {
        let with = |name: HeaderName, value: &str| {
            HeaderMap::from_iter([(name, value.parse().expect("a header"))])
        };
        let open = Rules { token: None };
        for (host, allowed) in [
            ("127.0.0.1:9", true),
            ("[::1]:9", true),
            ("localhost", true),
            ("evil.example", false),
            ("10.0.0.1:9", false),
        ] {
            assert_eq!(open.allow(&with(HOST, host)), allowed, "{host}");
        }
        let closed = Rules { token: Some("0123456789abcdef".into()) };
        for (given, allowed) in [
            ("Bearer 0123456789abcdef", true),
            ("Bearer 0123456789abcdeg", false),
            ("Bearer 0123456789abcde", false),
            ("Bearer ", false),
            ("0123456789abcdef", false),
        ] {
            assert_eq!(closed.allow(&with(AUTHORIZATION, given)), allowed, "{given}");
        }
        assert!(!closed.allow(&with(HOST, "localhost")));
    }
}
