//! Who may ask: anybody on this machine, and from elsewhere whoever has the token. A page that a browser on
//! this machine shows is not on this machine, so that Host and Origin are looked at as well; and whoever comes
//! by another name than this machine's own comes through a proxy, wherever the connection is from.

use crate::error::Refused;
use crate::gate::AUDIT;
use crate::session::Keys;
use anyhow::bail;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use scrum_config::{MetricsSettings, WebSettings};
use scrum_knowledge::now_ms;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Least characters of a token.
const MIN_TOKEN_CHARS: usize = 16;
/// How the addresses begin that forges call.
pub const HOOKS: &str = "/hooks/";
/// Where a browser gives the token.
pub const LOGIN: &str = "/login";
/// Where the fleet stands in figures.
pub const METRICS: &str = "/metrics";
/// How the addresses begin that hold nothing of the fleet.
pub const ASSETS: &str = "/assets/";

/// The rules that requests are held to; cheap to clone.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    /// SHA-256 of the token.
    token: Option<[u8; 32]>,
    /// SHA-256 of the token that opens the figures and nothing else.
    figures: Option<[u8; 32]>,
    hosts: Vec<String>,
    listens: SocketAddr,
    keys: Keys,
}

/// By what somebody may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Whoever is on this machine.
    Local,
    /// Whoever sends the token.
    Token,
    /// A browser that gave the token; what its cookie holds.
    Session(String),
    /// Anybody: the address asks for proofs of its own, or holds nothing.
    Anybody,
}

impl Who {
    /// The session, empty without one.
    pub fn session(&self) -> &str {
        if let Self::Session(session) = self { session } else { "" }
    }

    /// The word for a log.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Token => "token",
            Self::Session(_) => "session",
            Self::Anybody => "anybody",
        }
    }
}

impl Guard {
    /// The rules of the settings. `env` answers for the environment.
    ///
    /// # Errors
    /// An address that others reach and no token, or one that is too short.
    pub fn new(
        web: &WebSettings,
        metrics: &MetricsSettings,
        env: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
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
        let keys = Keys::new(token.as_deref())?;
        let token = token.map(|token| Sha256::digest(token).into());
        let figures = metrics.token(env)?.map(|token| Sha256::digest(token).into());
        Ok(Self(Arc::new(Rules { token, figures, hosts: web.hosts.clone(), listens, keys })))
    }

    /// What signs sessions and forms.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Whether this is the token.
    pub fn is_token(&self, given: &str) -> bool {
        let hash = Sha256::digest(given.trim()).into();
        self.0.token.as_ref().is_some_and(|token| is_same(token, &hash))
    }

    fn opens_figures(&self, given: &str) -> bool {
        let hash = Sha256::digest(given.trim()).into();
        self.0.figures.as_ref().is_some_and(|token| is_same(token, &hash))
    }

    /// The address to listen on.
    pub fn listens(&self) -> SocketAddr {
        self.0.listens
    }

    /// Who asks, or why the request is refused.
    fn who(
        &self,
        from: IpAddr,
        (method, path): (&Method, &str),
        headers: &HeaderMap,
        now_ms: u64,
    ) -> Result<Who, Refused> {
        let rules = &self.0;
        let host = text(headers, &HOST).unwrap_or_default();
        let name = name_of(host);
        if !rules.goes_by(name) {
            let why = "this server does not go by that name; add it to web.hosts";
            return Err(Refused::new(StatusCode::MISDIRECTED_REQUEST, why));
        }
        let origin = text(headers, &ORIGIN).filter(|_| !method.is_safe());
        let is_foreign = |origin: &str| origin.split_once("://").is_none_or(|(_, of)| of != host);
        if origin.is_some_and(is_foreign) {
            let why = "a page of another origin may not change anything here";
            return Err(Refused::new(StatusCode::FORBIDDEN, why));
        }
        // Forges have secrets of their own, which these addresses ask for; who signs in has not done so yet.
        if path.starts_with(HOOKS) || path == LOGIN || path.starts_with(ASSETS) {
            return Ok(Who::Anybody);
        }
        let given = text(headers, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if let Some(given) = given {
            let why = "send the token of this server: Authorization: Bearer TOKEN";
            let refused = || Refused::new(StatusCode::UNAUTHORIZED, why);
            let opens = self.is_token(given) || (path == METRICS && self.opens_figures(given));
            return if opens { Ok(Who::Token) } else { Err(refused()) };
        }
        let cookies = text(headers, &COOKIE).filter(|_| rules.token.is_some()).unwrap_or_default();
        if let Some(session) = rules.keys.session(cookies, now_ms) {
            return Ok(Who::Session(session.to_owned()));
        }
        if from.is_loopback() && is_local(name) {
            return Ok(Who::Local);
        }
        let why = "send the token of this server: Authorization: Bearer TOKEN; a browser signs in at /login";
        Err(Refused::new(StatusCode::UNAUTHORIZED, why))
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
    mut request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let ip = from.ip().to_canonical();
    let asked = (request.method(), request.uri().path());
    match guard.who(ip, asked, request.headers(), now_ms()) {
        Ok(who) => {
            request.extensions_mut().insert(who);
            Ok(next.run(request).await)
        }
        Err(refused) => {
            let (method, path) = asked;
            tracing::warn!(target: AUDIT, %from, %method, path, why = refused.why(), "audit: refused");
            Err(refused)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrum_config::{LoadOptions, Settings};

    const TOKEN: &str = "0123456789abcdef";
    const FIGURES: &str = "fedcba9876543210";

    fn guard(listen: &str, token: Option<&str>) -> anyhow::Result<Guard> {
        let settings = Settings::load(LoadOptions::default())?;
        let (mut web, metrics) = (settings.web, settings.metrics);
        (web.listen, web.token_env) = (listen.into(), "TOKEN".into());
        web.hosts = vec!["fleet.example".into()];
        Guard::new(&web, &metrics, |name| match name {
            "SCRUM_METRICS_TOKEN" => Some(FIGURES.to_owned()),
            _ => token.map(str::to_owned),
        })
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
            ("10.0.0.7", "fleet.example", None, None, 0, LOGIN),
            ("10.0.0.7", "fleet.example", None, None, 401, "/login/x"),
            ("10.0.0.7", "evil.example", None, None, 421, LOGIN),
            ("127.0.0.1", "localhost", None, Some("http://evil.example"), 403, LOGIN),
            ("10.0.0.7", "fleet.example", None, None, 0, "/assets/app.css"),
            ("10.0.0.7", "fleet.example", Some(FIGURES), None, 0, METRICS),
            ("10.0.0.7", "fleet.example", Some(TOKEN), None, 0, METRICS),
            ("10.0.0.7", "fleet.example", None, None, 401, METRICS),
            ("10.0.0.7", "fleet.example", Some(FIGURES), None, 401, "/fleet"),
            ("10.0.0.7", "fleet.example", Some(FIGURES), None, 401, "/metrics/x"),
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
            let asked = (&Method::POST, path);
            let got = match guard.who(from.parse().unwrap(), asked, &headers, 0) {
                Ok(_) => 0,
                Err(refused) => refused.status().as_u16(),
            };
            assert_eq!(got, status, "{from} {host} {given:?} {origin:?}");
        }
    }

    #[test]
    fn a_browser_that_gave_the_token_is_known_by_its_cookie() {
        let with = guard("10.0.0.1:3950", Some(TOKEN)).unwrap();
        let cookie = with.keys().begin(0, false);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "fleet.example".parse().unwrap());
        headers.insert(COOKIE, cookie.split(';').next().unwrap().parse().unwrap());
        let who = |guard: &Guard, now_ms| {
            guard.who("10.0.0.7".parse().unwrap(), (&Method::GET, "/"), &headers, now_ms)
        };
        assert!(matches!(who(&with, 1), Ok(Who::Session(_))));
        assert!(who(&with, u64::MAX).is_err(), "it is over");
        assert!(who(&guard("127.0.0.1:0", None).unwrap(), 1).is_err());
        assert!(with.is_token(TOKEN) && !with.is_token(""));
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
