//! HTTP clients: the connections that are kept, and the certificates that are trusted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, Url, redirect};

use crate::error::SetupError;

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// It is on this machine.
    pub(crate) loopback: bool,
    /// Over TLS.
    pub(crate) tls: bool,
}

impl Way {
    /// To the server at an address.
    pub fn to(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let loopback = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        Self { loopback, tls: url.scheme() == "https" }
    }
}

/// Clients that keep connections for the next call, and one that does not.
#[derive(Debug, Clone)]
pub struct Http {
    kept: Client,
    /// Made when a server needs it.
    fresh: Arc<OnceLock<Client>>,
    /// Until a server closes a kept connection under a request.
    keeps: Arc<AtomicBool>,
    connect: Duration,
    way: Way,
    /// Why no certificates of authorities could be read.
    untrusting: Option<String>,
}

impl Http {
    /// With the given bound on the handshake.
    pub fn new(connect: Duration, way: Way) -> Result<Self, SetupError> {
        let (kept, untrusting) = client(connect, way, KEPT)?;
        let (fresh, keeps) = (Arc::default(), Arc::new(true.into()));
        Ok(Self { kept, fresh, keeps, connect, way, untrusting })
    }

    /// One for another server, which may keep connections though others don't.
    #[must_use]
    pub fn for_another(&self) -> Self {
        Self { keeps: Arc::new(true.into()), ..self.clone() }
    }

    /// The client for the next request.
    pub fn client(&self) -> &Client {
        if self.keeps.load(Ordering::Relaxed) {
            return &self.kept;
        }
        self.fresh.get_or_init(|| {
            let made = client(self.connect, self.way, 0);
            made.map_or_else(|_| self.kept.clone(), |(client, _)| client)
        })
    }

    /// What to do when a certificate is not accepted; nothing for other causes.
    pub fn about_certificates(&self, cause: &str) -> String {
        if !cause.contains("certificate") {
            return String::new();
        }
        if let Some(why) = &self.untrusting {
            let set = |name: &str| Some(format!("{name} is {}", std::env::var(name).ok()?));
            let set: Vec<_> =
                ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(set).collect();
            let set =
                if set.is_empty() { "no SSL_CERT_FILE is set".to_owned() } else { set.join(", ") };
            return format!("; no certificate of an authority could be read ({set}): {why}");
        }
        if cause.contains("UnknownIssuer") || cause.contains("unknown issuer") {
            return "; if an authority of your own signed it, set SSL_CERT_FILE to a PEM file that holds \
                    that authority's certificate, where the workers run"
                .to_owned();
        }
        String::new()
    }

    /// A request failed before any answer came. A request that was not sent is sent on another connection by
    /// the client itself; one that was may have been processed, and is not. A server that does this once
    /// promises to keep connections that it closes (llama.cpp, right after a stream), so that none is kept
    /// any more: beside a call of seconds a handshake costs little.
    pub fn failed(&self, error: &reqwest::Error) {
        if !error.is_connect() && !error.is_timeout() && !error.is_builder() {
            self.keeps.store(false, Ordering::Relaxed);
        }
    }
}

/// Idle connections that are kept for a server.
const KEPT: usize = 1024;
/// For so long: less than the 5 s of uvicorn and Node, the shortest that a known server keeps one.
const KEPT_FOR: Duration = Duration::from_secs(4);

/// A client with the given bound on the handshake, and why it trusts no certificate, if it does not. Proxies come from the usual environment
/// variables, but never stand between this process and its own machine.
fn client(
    connect: Duration,
    way: Way,
    kept: usize,
) -> Result<(Client, Option<String>), SetupError> {
    // Installed once for the process; that another part was first is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        let builder = Client::builder()
            .user_agent(concat!("scrum-fleet/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(connect)
            .pool_max_idle_per_host(kept)
            .pool_idle_timeout(KEPT_FOR)
            // A redirect would carry the code under review to an address nobody configured.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        if way.loopback { builder.no_proxy() } else { builder }
    };
    let trusting_nobody = || {
        let client = builder().tls_certs_only([]).build();
        client.map_err(|e| SetupError::Client(e.to_string()))
    };
    // Reading the system's certificates takes longer than all else at the start of a worker. A server of this
    // machine that is spoken to in plain HTTP shows none, and neither does a proxy.
    if way.loopback && !way.tls {
        return Ok((trusting_nobody()?, None));
    }
    let error = match builder().build() {
        Ok(client) => return Ok((client, None)),
        Err(error) => root_cause(&error),
    };
    // A machine without CA certificates can still reach a model over plain HTTP.
    Ok((trusting_nobody()?, Some(error)))
}

/// The innermost cause: reqwest's own text repeats the address and says little else.
pub fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
