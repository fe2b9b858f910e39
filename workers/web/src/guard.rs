//! Who may ask: anybody on this machine, and from elsewhere whoever has the token. A page that a browser on
//! this machine shows is not on this machine, so that Host and Origin are looked at as well; and whoever comes
//! by another name than this machine's own comes through a proxy, wherever the connection is from.

use crate::error::Refused;
use crate::gate::AUDIT;
use crate::session::Keys;
use crate::tokens::{Token, Tokens, is_same};
use anyhow::bail;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use scrum_config::{MetricsSettings, WebSettings};
use scrum_knowledge::now_ms;
use sha2::{Digest as _, Sha256};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

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
    tokens: Tokens,
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
    /// Whoever sends a token; its name.
    Token(String),
    /// A browser that gave a token; its name, and what the cookie holds.
    Session(String, String),
    /// Anybody: the address asks for proofs of its own, or holds nothing.
    Anybody,
}

impl Who {
    /// The session, empty without one.
    pub fn session(&self) -> &str {
        if let Self::Session(_, session) = self { session } else { "" }
    }

    /// The word for a log.
    pub fn word(&self) -> String {
        match self {
            Self::Local => "local".to_owned(),
            Self::Token(name) => format!("token {name}"),
            Self::Session(name, _) => format!("session {name}"),
            Self::Anybody => "anybody".to_owned(),
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
        let tokens = Tokens::new(web, &env)?;
        if tokens.is_empty() && !listens.ip().is_loopback() {
            let name = &web.token_env;
            bail!(
                "web.listen {listens} can be reached from other machines, and there is no token; set {name}, or listen on 127.0.0.1"
            );
        }
        let keys = Keys::new(tokens.of_env())?;
        let figures = metrics.token(env)?.map(|token| Sha256::digest(token).into());
        Ok(Self(Arc::new(Rules { tokens, figures, hosts: web.hosts.clone(), listens, keys })))
    }

    /// What signs sessions and forms.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// The token that was given.
    ///
    /// # Errors
    /// None of ours, or one that is over.
    pub fn token(&self, given: &str, now_ms: u64) -> Result<&Token, Refused> {
        let refused = |why: String| Err(Refused::new(StatusCode::UNAUTHORIZED, why));
        match self.0.tokens.given(given) {
            Some(token) if token.is_over(now_ms) => {
                refused(format!("the token '{}' has expired; it takes a new one", token.name))
            }
            Some(token) => Ok(token),
            None => refused(
                "this is no token of this server; send Authorization: Bearer TOKEN".to_owned(),
            ),
        }
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
            if path == METRICS && self.opens_figures(given) {
                return Ok(Who::Token("metrics".to_owned()));
            }
            return self.token(given, now_ms).map(|token| Who::Token(token.name.clone()));
        }
        let cookies = text(headers, &COOKIE).unwrap_or_default();
        if let Some((token, session)) = rules.keys.session(cookies, &rules.tokens, now_ms) {
            return Ok(Who::Session(token.name.clone(), session.to_owned()));
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
    use scrum_config::{LoadOptions, Settings, WebToken};

    /// It counts for two days.
    const OF_CI: &str = "another-token-of-some-length";
    const TOKEN: &str = "0123456789abcdef";
    const FIGURES: &str = "fedcba9876543210";

    fn guard(listen: &str, token: Option<&str>) -> anyhow::Result<Guard> {
        let settings = Settings::load(LoadOptions::default())?;
        let (mut web, metrics) = (settings.web, settings.metrics);
        (web.listen, web.token_env) = (listen.into(), "TOKEN".into());
        web.hosts = vec!["fleet.example".into()];
        let named = |text: &str, expires: &str| WebToken {
            sha256: queue_schema::ids::sha256_hex(text.as_bytes()),
            expires: Some(expires.into()),
        };
        if listen.starts_with("10.") {
            web.tokens.insert("ci".into(), named(OF_CI, "1970-01-02"));
        }
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
        let cookie = with.keys().begin(with.token(TOKEN, 0).unwrap(), 0, false);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "fleet.example".parse().unwrap());
        headers.insert(COOKIE, cookie.split(';').next().unwrap().parse().unwrap());
        let who = |guard: &Guard, now_ms| {
            guard.who("10.0.0.7".parse().unwrap(), (&Method::GET, "/"), &headers, now_ms)
        };
        assert!(matches!(who(&with, 1), Ok(Who::Session(..))));
        assert!(who(&with, u64::MAX).is_err(), "it is over");
        assert!(who(&guard("127.0.0.1:0", None).unwrap(), 1).is_err());
        assert!(with.token(TOKEN, 0).is_ok() && with.token("", 0).is_err());
        // A session ends with its token, by time or because the settings have it no more.
        let cookie = with.keys().begin(with.token(OF_CI, 0).unwrap(), 0, false);
        headers.insert(COOKIE, cookie.split(';').next().unwrap().parse().unwrap());
        let who = |guard: &Guard, now_ms| {
            guard.who("10.0.0.7".parse().unwrap(), (&Method::GET, "/"), &headers, now_ms)
        };
        assert_eq!(who(&with, 1).unwrap().word(), "session ci");
        assert!(who(&with, 2 * 86_400_000).is_err());
        let said = with.token(OF_CI, 2 * 86_400_000).unwrap_err();
        assert!(said.why().contains("'ci' has expired"), "{said:?}");
        assert!(
            who(&guard("127.0.0.1:0", Some(TOKEN)).unwrap(), 1).is_err(),
            "it is there no more"
        );
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
