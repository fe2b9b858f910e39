//! `[metrics]` and `[traces]`: what programs that watch the fleet are told.

use crate::error::ConfigError;
use crate::validate::Checks;
use serde::Deserialize;
use std::net::SocketAddr;

/// Least characters of a token.
const MIN_TOKEN_CHARS: usize = 16;

/// `[metrics]`: figures for Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// Address and port on which a worker serves its own figures; empty = it does not.
    pub worker_listen: String,
    /// Environment variable with the token that opens `/metrics`.
    pub token_env: String,
    /// Milliseconds that gathering the figures may take.
    pub timeout_ms: u64,
}

impl MetricsSettings {
    /// The address on which a worker serves its own figures; `None` where it does not.
    pub fn listens(&self) -> Option<SocketAddr> {
        self.worker_listen.parse().ok()
    }

    /// The token, if one is set. `env` answers for the environment.
    ///
    /// # Errors
    /// [`ConfigError::Token`] for one that is too short.
    pub fn token(
        &self,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, ConfigError> {
        let token = env(&self.token_env).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
        match token {
            Some(token) if token.chars().count() < MIN_TOKEN_CHARS => {
                Err(ConfigError::Token { variable: self.token_env.clone(), least: MIN_TOKEN_CHARS })
            }
            token => Ok(token),
        }
    }

    /// Tells of values that can't be used.
    pub(crate) fn validate(&self, check: &mut Checks) {
        check.names_a_variable("metrics.token_env", &self.token_env);
        check.range("metrics.timeout_ms", self.timeout_ms, 100, 60_000);
        if !self.worker_listen.is_empty() && self.listens().is_none() {
            let what = format!("{:?} is no address with a port", self.worker_listen);
            check.add("metrics.worker_listen", what, "write for instance 127.0.0.1:3951");
        }
    }
}

/// `[traces]`: spans for an OpenTelemetry collector.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesSettings {
    /// Root of a collector's OTLP over HTTP, without `/v1/traces`; empty = none.
    pub endpoint: String,
    /// Milliseconds that one batch may take, and the last one when a program ends.
    pub timeout_ms: u64,
    /// Spans that wait for being sent at most; further ones are dropped.
    pub queue: u64,
}

impl TracesSettings {
    /// Tells of values that can't be used.
    pub(crate) fn validate(&self, check: &mut Checks) {
        check.range("traces.timeout_ms", self.timeout_ms, 100, 60_000);
        check.range("traces.queue", self.queue, 512, 1_000_000);
        let e = &self.endpoint;
        let rest = e.strip_prefix("http://").or_else(|| e.strip_prefix("https://"));
        let plain = |rest: &str| !rest.is_empty() && !rest.contains(['@', '?', '#', ' ']);
        if !e.is_empty() && (!rest.is_some_and(plain) || e.contains("/v1/traces")) {
            // A password that stands in it is not repeated.
            let what = "this is not the root of a collector".to_owned();
            let fix = "write for instance http://127.0.0.1:4318; headers go into OTEL_EXPORTER_OTLP_HEADERS";
            check.add("traces.endpoint", what, fix);
        }
    }
}
