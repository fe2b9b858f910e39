//! From settings to what the queue client wants to know.

use crate::Settings;
use crate::error::{ConfigError, Problem};
use queue_schema::client::{
    FORGET_BATCH, PROMOTE_BATCH, QueueOptions, Retention, TAKE_BACK_BATCH, TlsFiles,
};
use queue_schema::sign::Signer;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl Settings {
    /// Options for the server at `url`, which is not `redis.url` when a private server serves.
    pub fn queue_options(&self, url: &str) -> QueueOptions {
        let q = &self.queue;
        QueueOptions {
            url: url.to_owned(),
            tls: TlsFiles {
                ca: file(&self.redis.ca_file),
                cert: file(&self.redis.cert_file),
                key: file(&self.redis.key_file),
            },
            sentinel_auth: self.redis.sentinel_auth,
            namespace: self.redis.namespace.clone(),
            partitions: self.redis.partitions,
            connect_timeout: Duration::from_millis(self.redis.connect_timeout_ms),
            response_timeout: Duration::from_millis(self.redis.response_timeout_ms),
            lease: Duration::from_millis(q.lease_ms),
            crash_limit: q.crash_limit,
            take_back_batch: TAKE_BACK_BATCH,
            promote_batch: PROMOTE_BATCH,
            max_attempts: q.max_attempts,
            max_memory_percent: q.max_memory_percent,
            max_payload_bytes: usize::try_from(q.max_payload_bytes).unwrap_or(usize::MAX),
            events: if self.observe.enabled { self.observe.ring } else { 0 },
            signer: Signer::default(),
        }
    }

    /// Options for the fleet's server, for a program that is part of a fleet.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] when none is named, or the fleet's key is too short.
    pub fn fleet_options(
        &self,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<QueueOptions, ConfigError> {
        if self.redis.is_private() {
            let fix = "set SCRUM_REDIS_URL or pass --redis (for a fleet of one, use `scrum run`)";
            return Err(ConfigError::Settings(vec![Problem {
                origin: "the settings".to_owned(),
                key: "redis.url".to_owned(),
                what: "no Redis is given".to_owned(),
                fix: fix.to_owned(),
            }]));
        }
        Ok(QueueOptions { signer: self.signer(env)?, ..self.queue_options(&self.redis.url) })
    }

    /// What signs and checks jobs with the fleet's key, or does nothing without one. `env` answers for the
    /// environment; pass `|name| std::env::var(name).ok()`.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] for a key that is too short.
    pub fn signer(&self, env: impl Fn(&str) -> Option<String>) -> Result<Signer, ConfigError> {
        let name = &self.queue.signing_key_env;
        // Empty is unset: that is what compose files make of a variable that isn't there.
        let key = Some(name).filter(|n| !n.is_empty()).and_then(|n| env(n));
        let Some(key) = key.map(|k| k.trim().to_owned()).filter(|k| !k.is_empty()) else {
            return Ok(Signer::default());
        };
        Signer::new(&key, &self.redis.namespace).map_err(|why| {
            let fix = "give all programs of the fleet the same longer one, or unset it";
            ConfigError::Settings(vec![Problem {
                origin: format!("environment variable {name}"),
                key: "queue.signing_key_env".to_owned(),
                what: why.to_string(),
                fix: fix.to_owned(),
            }])
        })
    }

    /// What is kept, and for how long.
    pub fn retention(&self) -> Retention {
        let r = &self.retention;
        let days = |n: u32| (n > 0).then(|| Duration::from_secs(u64::from(n) * 86_400));
        Retention {
            sweeps: days(r.sweep_days),
            letters: days(r.dead_letter_days),
            batch: FORGET_BATCH,
        }
    }
}

/// An empty setting names no file.
fn file(path: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}
