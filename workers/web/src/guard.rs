//! Who may ask: anybody on this machine, and from elsewhere whoever has the token. A page that a browser on
//! this machine shows is not on this machine, so that Host and Origin are looked at as well; and whoever comes
//! by another name than this machine's own comes through a proxy, wherever the connection is from.

use crate::error::Refused;
use anyhow::bail;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use scrum_config::WebSettings;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Least characters of a token.
const MIN_TOKEN_CHARS: usize = 16;
/// How the addresses begin that forges call.
pub const HOOKS: &str = "/hooks/";

/// The rules that requests are held to; cheap to clone.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    /// SHA-256 of the token.
    token: Option<[u8; 32]>,
    hosts: Vec<String>,
    listens: SocketAddr,
}

impl Guard {
    /// The rules of the settings. `env` answers for the environment.
    ///
    /// # Errors
    /// An address that others reach and no token, or one that is too short.
    pub fn new(web: &WebSettings, env: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let Ok(listens) = web.listen.parse::<SocketAddr>() else {
            bail!(
                "web.listen '{}' is no address with a port; write for instance 127.0.0.1:3950 or [::1]:3950",
                web.listen
            );
        };
        let name = &web.token_env;
        let token =
            env(name).map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        if let Some(token) = &token
            && token.chars().count() < MIN_TOKEN_CHARS
        {
            bail!(
                "the token in {name} has fewer than {MIN_TOKEN_CHARS} characters; take for instance that of `openssl rand -hex 32`"
            );
        }
        if token.is_none() && !listens.ip().is_loopback() {
            bail!(
                "web.listen {listens} can be reached from other machines, and there is no token; set {name}, or listen on 127.0.0.1"
            );
        }
        let token = token.map(|token| Sha256::digest(token).into());
        Ok(Self(Arc::new(Rules { token, hosts: web.hosts.clone(), listens })))
    }

    /// The address to listen on.
    pub fn listens(&self) -> SocketAddr {
        self.0.listens
    }

    /// Why a request is refused; `None` when it is not.
    fn refuses(
        &self,
        from: IpAddr,
        (method, path): (&Method, &str),
        headers: &HeaderMap,
    ) -> Option<Refused> {
        let rules = &self.0;
        let host = text(headers, &HOST).unwrap_or_default();
        let name = name_of(host);
        if !rules.goes_by(name) {
            let why = "this server does not go by that name; add it to web.hosts";
            return Some(Refused::new(StatusCode::MISDIRECTED_REQUEST, why));
        }
        let origin = text(headers, &ORIGIN).filter(|_| !method.is_safe());
        let is_foreign = |origin: &str| origin.split_once("://").is_none_or(|(_, of)| of != host);
        if origin.is_some_and(is_foreign) {
            let why = "a page of another origin may not change anything here";
            return Some(Refused::new(StatusCode::FORBIDDEN, why));
        }
        // Forges have secrets of their own, which these addresses ask for.
        if path.starts_with(HOOKS) {
            return None;
        }
        let given = text(headers, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let fits = match (&rules.token, given) {
            (Some(token), Some(given)) => is_same(token, &Sha256::digest(given.trim()).into()),
            (_, None) => from.is_loopback() && is_local(name),
            (None, Some(_)) => false,
        };
        let why = "send the token of this server: Authorization: Bearer TOKEN";
        (!fits).then(|| Refused::new(StatusCode::UNAUTHORIZED, why))
    }
}

impl Rules {
    /// Whether the server has this name. An address can't be made to mean another machine, as a name can.
    fn goes_by(&self, name: &str) -> bool {
        is_local(name)
            || address(name).is_some()
            || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// A `Host` without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn address(name: &str) -> Option<IpAddr> {
    name.trim_matches(['[', ']']).parse().ok()
}

/// Whether it can only mean this machine.
fn is_local(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || address(name).is_some_and(|ip| ip.is_loopback())
}

/// Whether two hashes are the same, in a time that tells nothing of where they differ.
pub fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Lets a request through, or answers it.
///
/// # Errors
/// What a refused request is answered.
pub async fn check(
    State(guard): State<Guard>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let ip = from.ip().to_canonical();
    if let Some(refused) =
        guard.refuses(ip, (request.method(), request.uri().path()), request.headers())
    {
        tracing::warn!(%from, method = %request.method(), path = request.uri().path(), "refused");
        return Err(refused);
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn guard(listen: &str, token: Option<&str>) -> anyhow::Result<Guard> {
        let web = WebSettings {
            listen: listen.into(),
            token_env: "TOKEN".into(),
            hosts: vec!["fleet.example".into()],
            max_body_bytes: 1,
            request_timeout_ms: 1,
        };
        Guard::new(&web, |_| token.map(str::to_owned))
    }

    #[test]
    fn who_may_ask_and_who_may_not() {
        for (from, host, given, origin, status, path) in [
            ("127.0.0.1", "localhost:3950", None, None, 0, "/health"),
            ("127.0.0.1", "127.0.0.1:3950", None, Some("http://127.0.0.1:3950"), 0, "/health"),
            ("::1", "[::1]:3950", None, None, 0, "/health"),
            ("10.0.0.7", "fleet.example", Some(TOKEN), None, 0, "/health"),
            ("10.0.0.7", "10.0.0.1:3950", Some(TOKEN), None, 0, "/health"),
            ("10.0.0.7", "fleet.example", None, None, 401, "/health"),
            ("127.0.0.1", "fleet.example", None, None, 401, "/health"),
            ("127.0.0.1", "10.0.0.1", None, None, 401, "/health"),
            ("10.0.0.7", "localhost", None, None, 401, "/health"),
            ("10.0.0.7", "fleet.example", Some("another"), None, 401, "/health"),
            ("127.0.0.1", "localhost", Some("another"), None, 401, "/health"),
            ("127.0.0.1", "evil.example", None, None, 421, "/health"),
            ("127.0.0.1", "", None, None, 421, "/health"),
            ("10.0.0.7", "localhost.evil.example", Some(TOKEN), None, 421, "/health"),
            ("127.0.0.1", "localhost:3950", None, Some("http://evil.example"), 403, "/health"),
            ("127.0.0.1", "localhost:3950", None, Some("null"), 403, "/health"),
            ("10.0.0.7", "fleet.example", None, None, 0, "/hooks/github"),
            ("10.0.0.7", "evil.example", None, None, 421, "/hooks/github"),
            ("10.0.0.7", "fleet.example", None, Some("http://evil.example"), 403, "/hooks/github"),
            ("10.0.0.7", "fleet.example", None, None, 401, "/hooks"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            if let Some(given) = given {
                headers.insert(AUTHORIZATION, format!("Bearer {given}").parse().unwrap());
            }
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            let guard = guard("10.0.0.1:3950", Some(TOKEN)).unwrap();
            let refused = guard.refuses(from.parse().unwrap(), (&Method::POST, path), &headers);
            let got = refused.map_or(0, |refused| {
                axum::response::IntoResponse::into_response(refused).status().as_u16()
            });
            assert_eq!(got, status, "{from} {host} {given:?} {origin:?}");
        }
    }

    #[test]
    fn others_reach_it_with_a_token_only() {
        assert!(guard("127.0.0.1:0", None).is_ok());
        for (listen, token, why) in [
            ("0.0.0.0:3950", None, "there is no token; set TOKEN"),
            ("[::]:3950", Some(" "), "there is no token"),
            ("0.0.0.0:3950", Some("short"), "fewer than 16 characters"),
            ("nowhere", Some(TOKEN), "no address with a port"),
        ] {
            let said = guard(listen, token).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }
}
