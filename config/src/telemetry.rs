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
