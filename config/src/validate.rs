//! Ranges and relations of values.

use crate::base_url;
use crate::error::{ConfigError, Problem};
use crate::facts::wrong_with;
use crate::provider::{Concurrency, ProviderConfig, Wire};
use crate::settings::Settings;

const DAY_MS: u64 = 24 * 3600 * 1000;
const REDIS_SCHEMES: [&str; 15] = [
    "redis",
    "rediss",
    "valkey",
    "valkeys",
    "unix",
    "redis+unix",
    "valkey+unix",
    "redis+cluster",
    "rediss+cluster",
    "valkey+cluster",
    "valkeys+cluster",
    "redis+sentinel",
    "rediss+sentinel",
    "valkey+sentinel",
    "valkeys+sentinel",
];

impl Settings {
    /// Checks ranges and relations; [`Settings::load`] has done so already.
    ///
    /// # Errors
    /// [`ConfigError::Settings`] with every problem found.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut check = Checks::default();
        self.redis_and_log(&mut check);
        self.queue_and_worker(&mut check);
        self.sweep(&mut check);
        self.facts(&mut check);
        self.confirm(&mut check);
        self.steps(&mut check);
        self.diff.validate(&mut check);
        self.hooks.validate(&self.diff.reviewers, &mut check);
        self.schedules.validate(&mut check);
        self.audit.validate(&self.providers, &mut check);
        self.embedding(&mut check);
        self.apply.validate(&mut check);
        self.budget(&mut check);
        for (name, provider) in &self.providers {
            check_provider(name, provider, &mut check);
        }
        if check.0.is_empty() { Ok(()) } else { Err(ConfigError::Settings(check.0)) }
    }

    fn redis_and_log(&self, check: &mut Checks) {
        let redis = &self.redis;
        let scheme = redis.url.split_once("://").map(|(scheme, _)| scheme);
        if !redis.url.is_empty() && !scheme.is_some_and(|s| REDIS_SCHEMES.contains(&s)) {
            // The URL itself stays out of the message: it may hold a password.
            let fix = "write redis://HOST:6379, rediss://USER:PASSWORD@HOST:6380 or unix:///PATH, \
                       or leave it empty for a private server";
            check.add("redis.url", "this is not the URL of a Redis server".to_owned(), fix);
        }
        // It stands inside the {} of a hash tag and between colons.
        if !is_name(&redis.namespace, 32) {
            let what = format!("'{}' can't be part of a key", redis.namespace);
            check.add("redis.namespace", what, "use 1 to 32 of a-z, 0-9, _ and -, a letter first");
        }
        check.range("redis.partitions", redis.partitions.into(), 1, 1024);
        if redis.cert_file.as_os_str().is_empty() != redis.key_file.as_os_str().is_empty() {
            let what = "a certificate and its key go together".to_owned();
            check.add(
                "redis.cert_file",
                what,
                "set both redis.cert_file and redis.key_file, or neither",
            );
        }
        check.range("redis.response_timeout_ms", redis.response_timeout_ms, 100, 600_000);
        check.range("redis.connect_timeout_ms", redis.connect_timeout_ms, 100, 600_000);
        if self.log.filter.trim().is_empty() {
            let what = "an empty filter would hide errors too".to_owned();
            check.add("log.filter", what, "use error, warn, info, debug or trace");
        }
    }

    fn queue_and_worker(&self, check: &mut Checks) {
        let q = &self.queue;
        if !q.signing_key_env.is_empty() {
            check.names_a_variable("queue.signing_key_env", &q.signing_key_env);
        }
        check.range("queue.lease_ms", q.lease_ms, 100, DAY_MS);
        check.range("queue.renew_ms", q.renew_ms, 10, DAY_MS);
        if q.renew_ms.saturating_mul(2) >= q.lease_ms {
            let what = format!(
                "{} ms between renewals is not less than half of queue.lease_ms ({} ms): one late \
                 renewal would lose the job",
                q.renew_ms, q.lease_ms
            );
            check.add("queue.renew_ms", what, "lower it, or raise queue.lease_ms");
        }
        check.range("queue.crash_limit", q.crash_limit.into(), 1, 100);
        check.range("queue.max_attempts", q.max_attempts.into(), 1, 1000);
        // Lua's unpack, and the time one script may hold the server, set the upper bounds.
        check.range("queue.claim_batch", q.claim_batch.into(), 1, 1000);
        check.range("queue.commit_batch", q.commit_batch.into(), 1, 1000);
        check.range("queue.retry_after_max_s", q.retry_after_max_s, 1, 24 * 3600);
        check.range("queue.sweep_interval_ms", q.sweep_interval_ms, 50, 60_000);
        check.range("queue.backoff_base_ms", q.backoff_base_ms, 1, DAY_MS);
        check.range("queue.backoff_max_ms", q.backoff_max_ms, 1, DAY_MS);
        if q.backoff_max_ms < q.backoff_base_ms {
            let what = format!(
                "{} ms is less than the first wait, queue.backoff_base_ms ({} ms)",
                q.backoff_max_ms, q.backoff_base_ms
            );
            check.add("queue.backoff_max_ms", what, "raise it, or lower queue.backoff_base_ms");
        }
        check.range("queue.rate_limit_backoff_ms", q.rate_limit_backoff_ms, 1, DAY_MS);
        check.range("queue.unavailable_backoff_ms", q.unavailable_backoff_ms, 1, DAY_MS);
        check.fraction("queue.backoff_jitter", q.backoff_jitter, 1.0);
        check.range("queue.answer_cache_days", q.answer_cache_days.into(), 1, 3650);
        check.range("queue.max_payload_bytes", q.max_payload_bytes, 4096, 16 * 1024 * 1024);
        check.range("queue.max_memory_percent", q.max_memory_percent.into(), 1, 100);
        check.range("queue.upkeep_interval_s", q.upkeep_interval_s, 1, 24 * 3600);
        let r = &self.retention;
        check.range("retention.sweep_days", r.sweep_days.into(), 0, 36_500);
        check.range("retention.dead_letter_days", r.dead_letter_days.into(), 0, 36_500);
        check.range("worker.concurrency", self.worker.concurrency.into(), 1, 1024);
        check.range("worker.grace_s", self.worker.grace_s, 0, 3600);
        check.range("worker.git_read_s", self.worker.git_read_s, 1, 3600);
        check.range("worker.lookup_files", self.worker.lookup_files.into(), 0, 1_000_000);
        check.range("worker.definition_files", self.worker.definition_files.into(), 0, 1_000_000);
        check.range("worker.definitions_mb", self.worker.definitions_mb.into(), 1, 1024);
    }

    fn sweep(&self, check: &mut Checks) {
        let s = &self.sweep;
        check.range("sweep.split_over_bytes", s.split_over_bytes, 256, 1 << 30);
        check.range("sweep.shard_bytes", s.shard_bytes, 256, 1 << 20);
        if s.shard_bytes > s.split_over_bytes {
            let what = format!(
                "shards of {} bytes are larger than the files that are split, over \
                 sweep.split_over_bytes ({})",
                s.shard_bytes, s.split_over_bytes
            );
            check.add("sweep.shard_bytes", what, "lower it, or raise sweep.split_over_bytes");
        }
        check.range("sweep.max_file_bytes", s.max_file_bytes, 1, 1 << 30);
        check.range("sweep.admission_window", s.admission_window.into(), 1, 100_000);
        // More than that are never read, see `BOUNDS` in the repo crate.
        check.range("sweep.max_targets", s.max_targets.into(), 1, 1_000_000);
        check.range("sweep.plan_page", s.plan_page.into(), 1, 10_000);
        check.range("sweep.transient_retries", s.transient_retries.into(), 0, 100);
        let attempts = self.queue.max_attempts;
        if s.transient_retries >= attempts {
            let what = format!(
                "{} retries of a rung are not less than queue.max_attempts ({attempts}): the job \
                 would die before its rung is given up",
                s.transient_retries
            );
            check.add("sweep.transient_retries", what, "lower it, or raise queue.max_attempts");
        }
        check.range("sweep.empty_retries", s.empty_retries.into(), 0, 10);
        check.range("sweep.max_findings", s.max_findings.into(), 1, 20);
        check.range("sweep.max_tokens", s.max_tokens.into(), 1, 1_000_000);
        check.range("sweep.shard_max_tokens", s.shard_max_tokens.into(), 1, 1_000_000);
        check.range("sweep.notes_chars", s.notes_chars.into(), 1000, 10_000_000);
        check.fraction("sweep.temperature", s.temperature, 2.0);
        check.range("sweep.top_chunks", s.top_chunks.into(), 0, 100);
        if s.ladder.is_empty() {
            let fix =
                "write local-first, cloud-first, hosted, builtin, or a name or path of your own";
            check.add("sweep.ladder", "a sweep needs a ladder".to_owned(), fix);
        }
    }
}

impl Settings {
    fn facts(&self, check: &mut Checks) {
        let f = &self.facts;
        for (key, name) in [("facts.extractor", &f.extractor), ("facts.verifier", &f.verifier)] {
            if let Some((what, fix)) = wrong_with(name, &self.providers) {
                check.add(key, what, &fix);
            }
        }
        check.range("facts.min_chars", f.min_chars.into(), 1, 1_000_000);
        check.range("facts.max_tokens", f.max_tokens.into(), 1, 1_000_000);
        check.range("facts.review_chars", f.review_chars.into(), 120, 1_000_000);
        check.range("facts.source_chars", f.source_chars.into(), 120, 10_000_000);
        check.range("facts.preview_chars", f.preview_chars.into(), 1, 100_000);
        check.range("facts.max_entities", f.max_entities.into(), 1, 1000);
        check.range("facts.max_facts", f.max_facts.into(), 1, 1000);
        check.range("facts.max_relationships", f.max_relationships.into(), 1, 1000);
        // Servers that turn a schema into a grammar refuse bounds of some thousands.
        check.range("facts.max_text_chars", f.max_text_chars.into(), 20, 2000);
    }

    fn confirm(&self, check: &mut Checks) {
        let c = &self.confirm;
        if let Some((what, fix)) = wrong_with(&c.model, &self.providers) {
            check.add("confirm.model", what, &fix);
        }
        check.range("confirm.min_confidence", c.min_confidence.into(), 0, 100);
        check.range("confirm.max_findings", c.max_findings.into(), 1, 50);
        check.range("confirm.context_lines", c.context_lines.into(), 0, 10_000);
        check.range("confirm.max_share", c.max_share.into(), 1, 1000);
    }

    fn budget(&self, check: &mut Checks) {
        let b = &self.budget;
        // Up to here, millionths and sums of them are whole numbers to Redis as well.
        check.fraction("budget.usd", b.usd, 1e9);
        if b.usd > 0.0 && b.caps().most.micro_usd == 0 {
            let what = format!("{} is less than a millionth of a dollar", b.usd);
            check.add("budget.usd", what, "write 0 for no cap, or more");
        }
        check.range("budget.tokens", b.tokens, 0, 1 << 50);
        check.range("budget.calls", b.calls, 0, 1 << 50);
        check.range("budget.degrade_percent", b.degrade_percent.into(), 1, 100);
        check.range("budget.stop_percent", b.stop_percent.into(), 1, 100);
        if b.stop_percent < b.degrade_percent {
            let what = format!(
                "{} is less than budget.degrade_percent ({}): a sweep would stop before it makes do \
                 with less",
                b.stop_percent, b.degrade_percent
            );
            check.add("budget.stop_percent", what, "raise it, or lower budget.degrade_percent");
        }
        check.range("budget.wait_ms", b.wait_ms, 10, 3_600_000);
    }

    /// Bounds of single steps of a review.
    fn steps(&self, check: &mut Checks) {
        let a = &self.accept;
        check.range("accept.structured_chars", a.structured_chars.into(), 1, 100_000);
        check.range("accept.substantial_chars", a.substantial_chars.into(), 1, 100_000);
        check.range("accept.confidence_from", a.confidence_from.into(), 1, 1000);
        let t = &self.tiers;
        check.range("tiers.auto", t.auto.into(), 0, 100);
        check.range("tiers.dry_run", t.dry_run.into(), 0, 100);
        check.range("tiers.simulation", t.simulation.into(), 0, 100);
        let pairs = [
            ("tiers.dry_run", t.dry_run, "tiers.auto", t.auto),
            ("tiers.simulation", t.simulation, "tiers.dry_run", t.dry_run),
        ];
        for (key, value, above, most) in pairs {
            if value > most {
                let what = format!("{value} is more than {above} ({most}), the tier above it");
                check.add(key, what, &format!("lower it, or raise {above}"));
            }
        }
        self.calibration.validate(check);
        self.estimate.validate(check);
        let d = &self.documents;
        check.range("documents.chunk_chars", d.chunk_chars.into(), 100, 100_000);
        check.range("documents.overlap_chars", d.overlap_chars.into(), 0, 100_000);
        check.range("documents.least_chars", d.least_chars.into(), 0, 100_000);
        check.range("documents.query_chars", d.query_chars.into(), 1, 100_000);
        check.range("documents.shown_chars", d.shown_chars.into(), 1, 100_000);
        // Each passage must bring something new, or cutting up a document would take for ever.
        if d.overlap_chars > d.chunk_chars / 2 {
            let what = format!(
                "{} characters of overlap are more than half of documents.chunk_chars ({})",
                d.overlap_chars, d.chunk_chars
            );
            check.add("documents.overlap_chars", what, "lower it, or raise documents.chunk_chars");
        }
        let h = &self.history;
        // Previews are kept for every attempt, in Redis.
        check.range("history.preview_chars", h.preview_chars.into(), 0, 100_000);
        check.range("history.reason_chars", h.reason_chars.into(), 0, 500);
        check.range("history.answer_chars", h.answer_chars.into(), 0, 1_000_000);
        check.range("hints.max_count", self.hints.max_count.into(), 0, 1000);
        check.range("hints.max_bytes", self.hints.max_bytes.into(), 0, 1_000_000);
        self.web.validate(check);
        self.gateway.validate(check);
        self.observe.validate(check, &self.providers);
        self.metrics.validate(check);
        self.traces.validate(check);
        self.forge(check);
        let memory = &self.memory;
        check.range("memory.fingerprints", memory.fingerprints.into(), 0, 100);
        check.range("memory.example_chars", memory.example_chars.into(), 20, 2000);
        check.range("memory.dismissals", memory.dismissals.into(), 0, 100);
        check.range("memory.definitions", memory.definitions.into(), 0, 500);
        check.range("memory.definition_chars", memory.definition_chars.into(), 20, 2000);
        check.range("memory.forget_sweeps", memory.forget_sweeps.into(), 1, 1_000_000);
        check.range("memory.min_replays", memory.min_replays.into(), 1, 1_000_000);
        check.fraction("memory.min_success", memory.min_success, 1.0);
        check.fraction("memory.min_similarity", memory.min_similarity, 1.0);
        check.range("memory.traces", memory.traces.into(), 1, 1000);
    }

    fn forge(&self, check: &mut Checks) {
        let forge = &self.forge;
        for kind in queue_schema::forge::ForgeKind::ALL {
            let ((url, variable), name) = (forge.of(kind), kind.name());
            check.names_a_variable(&format!("forge.{name}_token_env"), variable);
            let root = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let plain = |rest: &str| !rest.is_empty() && !rest.contains(['@', '?', '#', ' ']);
            if !(root.is_some_and(plain) || url.is_empty()) {
                // A password that stands in it is not repeated.
                let what = "this is not the root of an API".to_owned();
                check.add(
                    &format!("forge.{name}_url"),
                    what,
                    "write http:// or https://, a host and a path",
                );
            }
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
        if forge.context.is_empty()
            || forge.context.len() > 100
            || !forge.context.chars().all(plain)
        {
            let what = format!("{:?} is no name of a status", forge.context);
            check.add("forge.context", what, "use letters, digits, `.`, `_`, `-` and `/`");
        }
        check.range("forge.max_comments", forge.max_comments.into(), 0, 100);
        check.range("forge.connect_timeout_s", forge.connect_timeout_s, 1, 600);
        check.range("forge.timeout_s", forge.timeout_s, 1, 600);
        check.range("forge.max_answer_bytes", forge.max_answer_bytes, 1024, 1 << 30);
        check.range("forge.max_pages", forge.max_pages.into(), 1, 10_000);
    }

    fn embedding(&self, check: &mut Checks) {
        let e = &self.embedding;
        if e.is_on() {
            let api = base_url::Api::Embed(e.wire);
            base_url::check("embedding.base_url", &e.base_url, api, check);
            if e.model.trim().is_empty() {
                let what = "an endpoint without a model".to_owned();
                check.add("embedding.model", what, "name the model, e.g. nomic-embed-text");
            }
        }
        if !e.api_key_env.is_empty() {
            check.names_a_variable("embedding.api_key_env", &e.api_key_env);
        }
        check.range("embedding.timeout_s", e.timeout_s, 1, 24 * 3600);
        check.range("embedding.connect_timeout_s", e.connect_timeout_s, 1, 3600);
        // OpenAI takes 2,048 inputs a call.
        check.range("embedding.batch", e.batch.into(), 1, 2048);
        check.range("embedding.concurrency", e.concurrency.into(), 1, 1000);
        check.range("embedding.max_input_chars", e.max_input_chars.into(), 100, 1_000_000);
        check.range("embedding.max_answer_bytes", e.max_answer_bytes, 1024, 1 << 30);
        check.range("embedding.pause_s", e.pause_s, 0, 24 * 3600);
        let spare = self.queue.max_attempts.saturating_sub(self.sweep.transient_retries);
        if e.is_on() && e.retries >= spare {
            let what = format!(
                "{} retries and sweep.transient_retries ({}) are not less than queue.max_attempts \
                 ({}): the job would die of them",
                e.retries, self.sweep.transient_retries, self.queue.max_attempts
            );
            check.add("embedding.retries", what, "lower it, or raise queue.max_attempts");
        }
    }
}

fn check_provider(name: &str, provider: &ProviderConfig, check: &mut Checks) {
    let key = |field: &str| format!("providers.{name}.{field}");
    if !is_name(name, 64) || name.contains("__") {
        let fix = "use a-z, 0-9, _ and -, a letter first, no two underscores in a row";
        check.add(&format!("providers.{name}"), "this can't be a provider's name".to_owned(), fix);
    }
    if provider.wire != Wire::Builtin {
        base_url::check(
            &key("base_url"),
            &provider.base_url,
            base_url::Api::Chat(provider.wire),
            check,
        );
    }
    if let Some(variables) = &provider.api_key_env {
        for variable in variables.split(',') {
            check.names_a_variable(&key("api_key_env"), variable.trim());
        }
    }
    if let Some(version) = &provider.api_version
        && !(version.starts_with("20")
            && version.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    {
        let fix = "write a date, such as 2024-10-21, or 2025-04-01-preview";
        check.add(&key("api_version"), "this is no version of Azure's".to_owned(), fix);
    }
    if let Concurrency::Most(n) = provider.concurrency {
        check.range(&key("concurrency"), n.into(), 1, 10_000);
    }
    check.range(&key("concurrency_most"), provider.concurrency_most.into(), 1, 10_000);
    if let Some(rate) = provider.rate_per_minute {
        check.range(&key("rate_per_minute"), rate.into(), 1, 1_000_000);
    }
    if let Some(num_ctx) = provider.num_ctx {
        check.range(&key("num_ctx"), num_ctx.into(), 512, 10_000_000);
    }
    check.range(&key("connect_timeout_s"), provider.connect_timeout_s, 1, 3600);
    check.range(&key("first_byte_timeout_s"), provider.first_byte_timeout_s, 1, 24 * 3600);
    check.range(&key("idle_timeout_s"), provider.idle_timeout_s, 1, 24 * 3600);
    check.range(&key("total_timeout_s"), provider.total_timeout_s, 1, 24 * 3600);
    check.range(&key("max_answer_bytes"), provider.max_answer_bytes, 1024, 1 << 30);
    check.range(&key("max_repeats"), provider.max_repeats.into(), 0, 10_000);
}

/// Lower-case letters, digits, `_` and `-`, a letter first.
pub(crate) fn is_name(name: &str, longest: usize) -> bool {
    name.len() <= longest
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
}

/// A portable name of an environment variable. Keys of providers hold hyphens or lower-case
/// letters, so a key written in the place of a name is found out.
pub(crate) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[derive(Default)]
pub(crate) struct Checks(Vec<Problem>);

impl Checks {
    /// Where a key is looked for.
    pub(crate) fn names_a_variable(&mut self, key: &str, name: &str) {
        if !is_variable(name) {
            // Not shown: most likely it is the key itself.
            let what = "this is not the name of an environment variable".to_owned();
            let fix = "put the key into a variable, e.g. MY_API_KEY, and write that name here";
            self.add(key, what, fix);
        }
    }

    pub(crate) fn add(&mut self, key: &str, what: String, fix: &str) {
        let origin = "settings".to_owned();
        self.0.push(Problem { origin, key: key.to_owned(), what, fix: fix.to_owned() });
    }

    pub(crate) fn range(&mut self, key: &str, value: u64, min: u64, max: u64) {
        if !(min..=max).contains(&value) {
            self.add(key, format!("{value} is out of range"), &format!("use {min} to {max}"));
        }
    }

    pub(crate) fn fraction(&mut self, key: &str, value: f64, max: f64) {
        // NaN is in no range, so it is refused as well.
        if !(0.0..=max).contains(&value) {
            self.add(key, format!("{value} is out of range"), &format!("use 0 to {max}"));
        }
    }
}
