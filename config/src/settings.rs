//! The settings, typed. Defaults and the meaning of each stand in `config/default.toml`.

use crate::apply::ApplySettings;
use crate::audit::AuditSettings;
use crate::calibration::{CalibrationSettings, EstimateSettings};
use crate::confirm::ConfirmSettings;
use crate::diff::DiffSettings;
use crate::embedding::EmbeddingConfig;
use crate::error::ConfigError;
use crate::facts::FactsSettings;
use crate::forge::ForgeSettings;
use crate::gateway::GatewaySettings;
use crate::hooks::HookSettings;
use crate::observe::ObserveSettings;
use crate::provider::ProviderConfig;
use crate::schedules::ScheduleSettings;
use crate::telemetry::{MetricsSettings, TracesSettings};
use crate::web::WebSettings;
use queue_schema::budget::{Amount, Caps};
use queue_schema::limits::{
    AcceptLimits, DocumentLimits, HintLimits, HistoryLimits, MemoryLimits, TierLimits,
};
use queue_schema::sweep::{Limits, MarkdownPolicy, Policy, SPLIT_VERSION, SplitMode};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// All settings of a program of the fleet.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the jobs are.
    pub redis: RedisSettings,
    /// What is kept on this machine.
    pub state: StateSettings,
    /// What the queue promises.
    pub queue: QueueSettings,
    /// One worker process.
    pub worker: WorkerSettings,
    /// What is kept, and for how long.
    pub retention: RetentionSettings,
    /// How a sweep is done.
    pub sweep: SweepSettings,
    /// What is taken out of accepted reviews.
    pub facts: FactsSettings,
    /// How findings are confirmed by a second call.
    pub confirm: ConfirmSettings,
    /// How a change is reviewed.
    pub diff: DiffSettings,
    /// Who votes on findings.
    pub audit: AuditSettings,
    /// What a sweep may spend.
    pub budget: BudgetSettings,
    /// What makes an answer a review.
    pub accept: AcceptLimits,
    /// From which confidence on a review has a tier.
    pub tiers: TierLimits,
    /// What a sweep is expected to take.
    pub estimate: EstimateSettings,
    /// How many judged findings a calibration needs.
    pub calibration: CalibrationSettings,
    /// How documents are cut up, looked up and shown.
    pub documents: DocumentLimits,
    /// What is kept of answers, and what the next model is told.
    pub history: HistorySettings,
    /// How much of the linters' findings a reviewer is shown.
    pub hints: HintLimits,
    /// What is remembered of repositories.
    pub memory: MemoryLimits,
    /// What is told of what happens, and what is made of it.
    pub observe: ObserveSettings,
    /// Sweeps by the clock.
    pub schedules: ScheduleSettings,
    /// The web server.
    pub web: WebSettings,
    /// Figures for Prometheus.
    pub metrics: MetricsSettings,
    /// Spans for an OpenTelemetry collector.
    pub traces: TracesSettings,
    /// Model calls of other programs.
    pub gateway: GatewaySettings,
    /// Where reviews of changes are published.
    pub forge: ForgeSettings,
    /// Which forges' calls start reviews.
    pub hooks: HookSettings,
    /// Ladders of the user's own.
    pub ladders: LadderSettings,
    /// How reviews become commits.
    pub apply: ApplySettings,
    /// How passages of the documents are found.
    pub embedding: EmbeddingConfig,
    /// Providers by name.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// What the programs say about themselves.
    pub log: LogSettings,
}

/// `[redis]`: where the jobs are.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSettings {
    /// URL of the server; empty = a private one, started as a child.
    pub url: String,
    /// First part of every key.
    pub namespace: String,
    /// Into how many parts the keys are divided.
    pub partitions: u16,
    /// Certificate of the authority that signed the server's, PEM; empty = the system's.
    pub ca_file: PathBuf,
    /// Our own certificate, PEM, for a server that asks for one; empty = none.
    pub cert_file: PathBuf,
    /// Private key of `cert_file`, PEM.
    pub key_file: PathBuf,
    /// Whether Sentinels want the same user and password as the server.
    pub sentinel_auth: bool,
    /// Milliseconds to wait for the answer to one command.
    pub response_timeout_ms: u64,
    /// Milliseconds to wait for a new connection.
    pub connect_timeout_ms: u64,
}

impl RedisSettings {
    /// True when no URL is configured and a private server is to be started.
    pub fn is_private(&self) -> bool {
        self.url.is_empty()
    }

    /// The URL with its password masked, for messages and logs.
    pub fn url_masked(&self) -> String {
        queue_schema::url::masked(&self.url)
    }
}

// By hand, because a URL may hold a password and settings end up in logs.
impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("url", &self.url_masked())
            .field("namespace", &self.namespace)
            .field("partitions", &self.partitions)
            .field("ca_file", &self.ca_file)
            .field("cert_file", &self.cert_file)
            .field("key_file", &self.key_file)
            .field("sentinel_auth", &self.sentinel_auth)
            .field("response_timeout_ms", &self.response_timeout_ms)
            .field("connect_timeout_ms", &self.connect_timeout_ms)
            .finish()
    }
}

/// `[state]`: what is kept on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateSettings {
    /// Directory; empty = the user's state directory. See [`Settings::state_dir`].
    pub dir: String,
}

/// `[queue]`: what the queue promises.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueSettings {
    /// Milliseconds a worker may be silent before its job is given to another.
    pub lease_ms: u64,
    /// Milliseconds between two renewals; less than half of `lease_ms`.
    pub renew_ms: u64,
    /// Times a job may take its worker down before it is dead as poison.
    pub crash_limit: u32,
    /// Runs of a job after errors of the infrastructure before it is dead.
    pub max_attempts: u32,
    /// Jobs claimed by one call at most.
    pub claim_batch: u32,
    /// Commits sent in one call at most.
    pub commit_batch: u32,
    /// Seconds that a provider's Retry-After may put a job off at most.
    pub retry_after_max_s: u64,
    /// Milliseconds between two looks for expired leases; the longest blocking wait.
    pub sweep_interval_ms: u64,
    /// Milliseconds before the first retry.
    pub backoff_base_ms: u64,
    /// Milliseconds between two retries at most.
    pub backoff_max_ms: u64,
    /// Milliseconds before the first retry after "too many requests" without a Retry-After.
    pub rate_limit_backoff_ms: u64,
    /// Milliseconds before the first retry where nobody listens, or nobody is ready to answer.
    pub unavailable_backoff_ms: u64,
    /// Share of a wait that is random, 0 to 1.
    pub backoff_jitter: f64,
    /// Days an answer is kept under its content key.
    pub answer_cache_days: u32,
    /// Bytes of one payload at most.
    pub max_payload_bytes: u64,
    /// Share of the server's `maxmemory` over which nothing new is enqueued, in percent.
    pub max_memory_percent: u8,
    /// Environment variable that holds the key by which jobs are signed; empty = none is.
    pub signing_key_env: String,
    /// Seconds between two rounds of upkeep of a worker.
    pub upkeep_interval_s: u64,
}

/// `[retention]`: what is kept, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionSettings {
    /// Days that a sweep is kept after its end; 0 = for ever.
    pub sweep_days: u32,
    /// Days that a dead letter of an ended sweep is kept; 0 = until somebody decides.
    pub dead_letter_days: u32,
}

/// `[worker]`: one worker process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSettings {
    /// Jobs at a time.
    pub concurrency: u32,
    /// Whether jobs are prepared ahead of their calls.
    pub prepare_ahead: bool,
    /// Seconds that SIGTERM leaves running jobs to finish.
    pub grace_s: u64,
    /// Seconds for one read of a local repository.
    pub git_read_s: u64,
    /// Whether it skips the rungs of providers that it can't call, instead of leaving them to others.
    pub skip_unserved: bool,
    /// Files in which a name is looked up that a finding calls unused.
    pub lookup_files: u32,
    /// Files of a commit from which definitions are taken.
    pub definition_files: u32,
    /// MB of definitions that are kept of one repository.
    pub definitions_mb: u32,
}

/// `[sweep]`: how a sweep is done; [`Settings::limits`] is what is frozen into it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepSettings {
    /// Files over this many bytes are split into shards.
    pub split_over_bytes: u64,
    /// Aimed-at bytes of a shard.
    pub shard_bytes: u64,
    /// What the boundaries of shards follow.
    pub split: SplitMode,
    /// Shards one after the other, each with the notes on those before it.
    pub chained_shards: bool,
    /// Files over this many bytes are skipped with a reason.
    pub max_file_bytes: u64,
    /// Targets of one sweep in the queues at a time.
    pub admission_window: u32,
    /// Targets of one sweep at most.
    pub max_targets: u32,
    /// Targets written by one plan job.
    pub plan_page: u32,
    /// Times a rung is tried again after transient errors.
    pub transient_retries: u32,
    /// Times a rung is asked again when its answer is empty.
    pub empty_retries: u32,
    /// Findings of a review at most.
    pub max_findings: u32,
    /// Tokens to generate for a review at most.
    pub max_tokens: u32,
    /// Tokens to generate for the summary of a shard at most.
    pub shard_max_tokens: u32,
    /// Characters of the notes on a split file that its reviewer is shown.
    pub notes_chars: u32,
    /// Sampling temperature, 0 to 2.
    pub temperature: f64,
    /// Document chunks shown per origin.
    pub top_chunks: u32,
    /// Which answers are accepted.
    pub policy: Policy,
    /// What the policy auto asks of an answer in Markdown.
    pub markdown_policy: MarkdownPolicy,
    /// Name or path of the ladder of the reviews.
    pub ladder: String,
    /// Name or path of the ladder of the shard summaries; empty = the sweep's.
    pub shard_ladder: String,
}

impl Settings {
    /// The bounds that are frozen into a sweep.
    pub fn limits(&self) -> Limits {
        let sweep = &self.sweep;
        // No `..`: a new limit without a setting must not compile.
        Limits {
            split_over_bytes: sweep.split_over_bytes,
            shard_bytes: sweep.shard_bytes,
            max_file_bytes: sweep.max_file_bytes,
            admission_window: sweep.admission_window,
            max_targets: sweep.max_targets,
            plan_page: sweep.plan_page,
            transient_retries: sweep.transient_retries,
            empty_retries: sweep.empty_retries,
            max_findings: sweep.max_findings,
            max_tokens: sweep.max_tokens,
            shard_max_tokens: sweep.shard_max_tokens,
            temperature: sweep.temperature,
            top_chunks: sweep.top_chunks,
            split: sweep.split,
            split_version: SPLIT_VERSION,
            chained: sweep.chained_shards,
            markdown_policy: sweep.markdown_policy,
            notes_chars: sweep.notes_chars,
            accept: self.accept,
            tiers: self.tiers,
            documents: self.documents,
            history: self.history.limits(),
            hints: self.hints,
            memory: Some(self.memory).filter(|memory| memory.enabled),
        }
    }
}

/// `[history]`: what is kept of answers, and what the next model is told. All in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "they are the names of the settings")]
pub struct HistorySettings {
    /// The start of an answer that attempts, rows and dead letters keep.
    pub preview_chars: u32,
    /// As much of an earlier attempt's reason as the next model is shown.
    pub reason_chars: u32,
    /// As much of an accepted answer as its row keeps.
    pub answer_chars: u32,
}

impl HistorySettings {
    fn limits(self) -> HistoryLimits {
        let Self { preview_chars, reason_chars, answer_chars } = self;
        HistoryLimits { preview_chars, reason_chars, answer_chars }
    }
}

/// `[budget]`: what a sweep may spend; 0 is no cap.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetSettings {
    /// Dollars.
    pub usd: f64,
    /// Tokens.
    pub tokens: u64,
    /// Model calls.
    pub calls: u64,
    /// Percent of a cap from which on a sweep makes do with less.
    pub degrade_percent: u8,
    /// Percent of a cap from which on no further target is begun.
    pub stop_percent: u8,
    /// Milliseconds until a call that may fit later asks again.
    pub wait_ms: u64,
}

impl BudgetSettings {
    /// The caps that a new sweep gets.
    pub fn caps(&self) -> Caps {
        Caps {
            most: Amount {
                calls: self.calls,
                tokens: self.tokens,
                micro_usd: (self.usd.max(0.0) * 1e6).round() as u64,
            },
            degrade_percent: self.degrade_percent,
            stop_percent: self.stop_percent,
        }
    }
}

/// `[ladders]`: ladders of the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderSettings {
    /// Directory of `*.toml` files; empty = none.
    pub dir: String,
}

/// `[log]`: what the programs say about themselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// A level, or directives of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// How lines are written.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For a person.
    Text,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// The directory for what is kept on this machine: `state.dir` (a leading `~/` is the home
    /// directory), else `$XDG_STATE_HOME/scrum-fleet`, else `~/.local/state/scrum-fleet`.
    ///
    /// `env` answers for the environment; pass `|name| std::env::var(name).ok()`. The path is
    /// not made; a relative `state.dir` stays relative to the current directory.
    ///
    /// # Errors
    /// [`ConfigError::NoStateDir`] when none of the three is set.
    pub fn state_dir(&self, env: impl Fn(&str) -> Option<String>) -> Result<PathBuf, ConfigError> {
        let set = |name: &str| env(name).filter(|v| !v.is_empty());
        let home = || set("HOME").map(PathBuf::from).ok_or(ConfigError::NoStateDir);
        if !self.state.dir.is_empty() {
            return match self.state.dir.strip_prefix("~/") {
                Some(below) => Ok(home()?.join(below)),
                None => Ok(PathBuf::from(&self.state.dir)),
            };
        }
        // The XDG specification says that a relative path there is to be ignored.
        match set("XDG_STATE_HOME").filter(|dir| Path::new(dir).is_absolute()) {
            Some(dir) => Ok(Path::new(&dir).join("scrum-fleet")),
            None => Ok(home()?.join(".local/state/scrum-fleet")),
        }
    }
}
