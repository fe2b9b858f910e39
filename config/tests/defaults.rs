//! `config/default.toml` is the one place of the defaults: complete, documented, valid.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::limits::{AcceptLimits, DocumentLimits, HintLimits, HistoryLimits, TierLimits};
use scrum_config::{
    DEFAULT_TOML, Ladders, LoadOptions, LogFormat, MarkdownPolicy, Policy, ProviderConfig,
    Settings, Wire,
};
use std::collections::BTreeSet;
use toml::{Table, Value};

fn defaults() -> Settings {
    Settings::load(LoadOptions::default()).unwrap()
}

/// (section, key, line above) of every setting line of the file.
fn setting_lines() -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut above = String::new();
    let mut found = Vec::new();
    for line in DEFAULT_TOML.lines() {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            found.push((section.clone(), key.to_owned(), above.clone()));
        }
        line.clone_into(&mut above);
    }
    found
}

#[test]
fn every_setting_has_a_comment_above_it() {
    let lines = setting_lines();
    assert!(lines.len() > 50, "the reader of this test found only {} settings", lines.len());
    for (section, key, above) in lines.iter().filter(|(s, _, _)| !s.starts_with("providers.")) {
        assert!(above.starts_with("# "), "[{section}] {key} has no comment above it");
    }
    // Providers are documented once for all of them, and each table by a line above its name.
    let all: Vec<&str> = DEFAULT_TOML.lines().collect();
    for pair in all.windows(2).filter(|pair| pair[1].starts_with('[')) {
        assert!(pair[0].starts_with("# "), "{} has no comment above it", pair[1]);
    }
}

#[test]
fn the_text_has_every_field_and_no_other_place_has_defaults() {
    // No field of these structs has a serde default: taking any line away must fail to load.
    let table: Table = DEFAULT_TOML.parse().unwrap();
    // But for what is frozen into sweeps by the same type: the record of an older one does not have it.
    let newer_than_records = |section: &str, key: &str| (section, key) == ("tiers", "calibrated");
    for (section, key, _) in setting_lines().iter().filter(|(s, _, _)| !s.contains('.')) {
        if newer_than_records(section, key) {
            continue;
        }
        let mut without = table.clone();
        without[section].as_table_mut().unwrap().remove(key).unwrap();
        let loaded = Value::Table(without).try_into::<Settings>();
        let error = loaded.expect_err(&format!("[{section}] {key} has a default elsewhere"));
        assert!(error.to_string().contains(key.as_str()), "{error}");
    }
    assert!(Value::Table(table).try_into::<Settings>().is_ok());
}

#[test]
fn the_documented_defaults_of_providers_are_the_real_ones() {
    let marked = |mark: &str| -> String {
        DEFAULT_TOML.lines().filter_map(|l| l.strip_prefix(mark)).fold(String::new(), |mut t, l| {
            t.push_str(l);
            t.push('\n');
            t
        })
    };
    let with_default: Table = marked("#= ").parse().unwrap();
    let without: Table = marked("#? ").parse().unwrap();
    let documented: ProviderConfig = Value::Table(with_default.clone()).try_into().unwrap();
    assert_eq!(documented, ProviderConfig::new(Wire::Openai, ""));
    assert_eq!(without["num_ctx"].as_integer(), Some(documented.context_tokens().into()));

    // Every member is documented: unknown-field errors list them all.
    let error = "nonsense = 1".parse::<Table>().unwrap().try_into::<ProviderConfig>().unwrap_err();
    let members: BTreeSet<&str> = error.message().split('`').skip(1).step_by(2).skip(1).collect();
    let shown: BTreeSet<&str> =
        with_default.keys().chain(without.keys()).map(String::as_str).collect();
    assert_eq!(members, shown, "members of a provider and those that default.toml documents");
}

#[test]
fn defaults_are_those_of_the_specification() {
    let settings = defaults();
    assert_eq!(settings.redis.url, "");
    assert!(settings.redis.is_private());
    assert_eq!(settings.redis.namespace, "scrum");
    let q = &settings.queue;
    assert_eq!((q.lease_ms, q.renew_ms, q.crash_limit, q.max_attempts), (5000, 1000, 3, 8));
    assert_eq!((q.answer_cache_days, q.max_payload_bytes), (30, 65_536));
    let limits = settings.limits();
    assert_eq!((limits.split_over_bytes, limits.shard_bytes), (6000, 3500));
    assert_eq!((limits.max_file_bytes, limits.admission_window), (1 << 20, 256));
    assert_eq!((limits.plan_page, limits.transient_retries), (2000, 3));
    assert_eq!((limits.max_findings, limits.empty_retries), (5, 1));
    assert_eq!((limits.max_tokens, limits.shard_max_tokens, limits.top_chunks), (1500, 400, 5));
    assert!((limits.temperature - 0.2).abs() < f64::EPSILON);
    let docs = &settings.documents;
    assert_eq!((docs.chunk_chars, docs.overlap_chars, docs.least_chars), (800, 120, 60));
    assert_eq!((docs.query_chars, docs.shown_chars), (800, 600));
    assert_eq!((settings.history.preview_chars, settings.history.reason_chars), (2000, 180));
    assert_eq!(settings.history.answer_chars, 100_000);
    let tiers = &settings.tiers;
    assert_eq!((tiers.auto, tiers.dry_run, tiers.simulation), (90, 70, 50));
    let accept = &settings.accept;
    assert_eq!((accept.structured_chars, accept.substantial_chars), (200, 3800));
    assert_eq!(accept.confidence_from, 5);
    assert_eq!(settings.embedding.timeout_s, 120);
    let given = ProviderConfig::new(Wire::Openai, "");
    assert_eq!((given.total_timeout_s, given.first_byte_timeout_s), (180, 180));
    assert_eq!(given.idle_timeout_s, 90);
    assert!(settings.providers.values().all(|p| p.total_timeout_s == 180));
    // Sweeps of before these could be set were held to the same.
    assert_eq!(settings.accept, AcceptLimits::default());
    assert_eq!(settings.tiers, TierLimits::default());
    assert_eq!(settings.documents, DocumentLimits::default());
    assert_eq!(settings.limits().history, HistoryLimits::default());
    assert_eq!(settings.hints, HintLimits::default());
    assert_eq!(settings.sweep.policy, Policy::Auto);
    assert_eq!(settings.sweep.markdown_policy, MarkdownPolicy::default());
    assert_eq!(settings.log.format, LogFormat::Text);
    let locals: Vec<&str> =
        settings.providers.iter().filter(|(_, p)| p.local).map(|(n, _)| n.as_str()).collect();
    assert_eq!(locals, ["builtin", "local_openai", "ollama"]);
    let extra = settings.providers["openrouter"].extra_body.as_ref().unwrap();
    assert_eq!(extra["provider"]["require_parameters"].as_bool(), Some(true));
    assert_eq!(extra["provider"]["data_collection"].as_str(), Some("deny"));
    settings.validate().unwrap();
}

#[test]
fn shipped_ladders_are_those_of_the_specification() {
    let ladders = Ladders::load(&defaults()).unwrap();
    assert_eq!(
        ladders.names().collect::<Vec<_>>(),
        ["builtin", "cloud-first", "hosted", "local-first"]
    );
    let rungs = |name: &str| -> Vec<String> {
        ladders.get(name).unwrap().rungs.iter().map(scrum_config::Rung::name).collect()
    };
    assert_eq!(
        rungs("local-first"),
        [
            "ollama/qwen3.5:latest",
            "ollama/qwen3:latest",
            "ollama/gpt-oss:20b",
            "ollama_cloud/gpt-oss:120b",
            "ollama_cloud/devstral-2:123b",
            "ollama_cloud/mistral-large-3:675b",
        ]
    );
    assert_eq!(
        rungs("cloud-first"),
        [
            "ollama_cloud/kimi-k2:1t",
            "ollama_cloud/qwen3-coder:480b",
            "ollama_cloud/deepseek-v3.1:671b",
            "ollama_cloud/mistral-large-3:675b",
            "ollama_cloud/gpt-oss:120b",
            "ollama_cloud/qwen3.5:397b",
            "openrouter/openai/gpt-oss-120b:free",
            "openrouter/google/gemma-3-27b-it:free",
            "ollama/qwen3.5:latest",
        ]
    );
    assert_eq!(rungs("builtin"), ["builtin/static-checks"]);
    assert!(ladders.iter().all(|l| l.rungs.iter().all(|r| !r.note.is_empty())));
}

#[test]
fn every_default_may_be_set() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/default.toml");
    let options = LoadOptions { config_path: Some(path.into()), ..LoadOptions::default() };
    let loaded = Settings::load(options).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        format!("{loaded:?}"),
        format!("{:?}", Settings::load(LoadOptions::default()).unwrap())
    );
}
