//! Ranges, relations, secrets in the wrong place, the state directory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_config::{ConfigError, LoadOptions, Settings};
use std::path::Path;

fn with(list: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let overrides = list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    Settings::load(LoadOptions { overrides, ..LoadOptions::default() })
}

fn refused(key: &str, value: &str, part: &str) -> String {
    let text = with(&[(key, value)]).expect_err(&format!("{key} = {value} loaded")).to_string();
    assert!(text.contains(key) && text.contains(part), "{text}");
    text
}

#[test]
fn reviewers_have_names_and_what_is_not_split_is_not_refused() {
    refused("diff.reviewers.Opus", "a/b", "can't be the name of a reviewer");
    refused("diff.reviewers.opus", " ", "a blank is no model");
    refused("diff.refuse_over_bytes", "59999", "diff.split_over_bytes");
    refused("diff.fail_on", "sometimes", "convergent-block, block, warn, never");
    let settings = with(&[("diff.reviewers.mine", "a/b/c"), ("diff.reviewers.opus", "")]).unwrap();
    let named = |name: &str| settings.diff.reviewers[name].as_str();
    assert_eq!((named("mine"), named("opus")), ("a/b/c", ""));
    assert!(named("qwen").contains('/'), "the others stay");
}

#[test]
fn tokens_of_the_web_server_are_hashes_with_names_and_ends() {
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scrum.toml");
    let token = |name: &str, sha256: &str, expires: &str| {
        let text = format!("[web.tokens.{name}]\nsha256 = '{sha256}'\nexpires = '{expires}'\n");
        std::fs::write(&file, text).unwrap();
        let options = LoadOptions { config_path: Some(file.clone()), ..LoadOptions::default() };
        Settings::load(options).map_err(|e| e.to_string())
    };
    let settings = token("ci", hash, "1970-01-02").unwrap();
    let known = &settings.web.tokens["ci"];
    assert_eq!((known.hash()[0], known.until_ms()), (0x9f, Some(2 * 86_400_000)));
    for (name, sha256, expires, why) in [
        ("ci", "my-token", "2030-01-01", "sha256sum"),
        ("ci", hash, "soon", "2027-01-31"),
        ("token", hash, "2030-01-01", "can't be the name of a token"),
        ("C-I", hash, "2030-01-01", "can't be the name of a token"),
    ] {
        let said = token(name, sha256, expires).unwrap_err();
        assert!(said.contains(why) && !said.contains("my-token"), "{said}");
    }
    refused("gateway.models", "gpt", "PROVIDER/MODEL");
}

#[test]
fn a_budget_is_an_amount_and_stops_after_it_has_degraded() {
    for (key, value, part) in [
        ("budget.usd", "-1.0", "use 0 to"),
        ("budget.usd", "nan", "use 0 to"),
        ("budget.usd", "0.0000001", "millionth"),
        ("budget.degrade_percent", "0", "use 1 to 100"),
        ("budget.stop_percent", "101", "use 1 to 100"),
        ("budget.stop_percent", "60", "budget.degrade_percent"),
        ("budget.wait_ms", "0", "use 10 to"),
    ] {
        refused(key, value, part);
    }
}

#[test]
fn out_of_range_values_are_refused_with_the_range_and_the_place() {
    for (key, value) in [
        ("observe.ring", "99"),
        ("observe.max_sources", "1001"),
        ("schedules.interval_s", "0"),
        ("schedules.keep_runs", "1"),
        ("schedules.clock_offset_s", "999999999"),
        ("queue.lease_ms", "1"),
        ("queue.sweep_interval_ms", "0"),
        ("queue.crash_limit", "0"),
        ("queue.max_attempts", "0"),
        ("queue.claim_batch", "5000"),
        ("queue.rate_limit_backoff_ms", "0"),
        ("queue.unavailable_backoff_ms", "0"),
        ("queue.backoff_jitter", "1.5"),
        ("queue.backoff_jitter", "nan"),
        ("queue.max_payload_bytes", "10"),
        ("queue.answer_cache_days", "0"),
        ("queue.max_memory_percent", "0"),
        ("queue.max_memory_percent", "101"),
        ("queue.upkeep_interval_s", "0"),
        ("retention.sweep_days", "40000"),
        ("retention.dead_letter_days", "40000"),
        ("worker.concurrency", "0"),
        ("worker.grace_s", "999999"),
        ("worker.git_read_s", "0"),
        ("worker.lookup_files", "1000001"),
        ("worker.definition_files", "1000001"),
        ("worker.definitions_mb", "0"),
        ("sweep.max_targets", "0"),
        ("sweep.max_findings", "0"),
        ("sweep.empty_retries", "11"),
        ("sweep.max_targets", "1000001"),
        ("sweep.admission_window", "0"),
        ("sweep.temperature", "-0.1"),
        ("sweep.max_file_bytes", "0"),
        ("sweep.notes_chars", "999"),
        ("facts.min_chars", "0"),
        ("diff.split_over_bytes", "999"),
        ("diff.warn_over_bytes", "0"),
        ("diff.refuse_over_bytes", "999"),
        ("diff.context_bytes", "9999999"),
        ("diff.max_hints", "201"),
        ("diff.max_tokens", "0"),
        ("diff.max_findings", "101"),
        ("diff.retries", "11"),
        ("facts.max_tokens", "0"),
        ("facts.review_chars", "10"),
        ("facts.source_chars", "10"),
        ("facts.preview_chars", "0"),
        ("facts.max_entities", "0"),
        ("facts.max_facts", "5000"),
        ("facts.max_relationships", "0"),
        ("facts.max_text_chars", "5000"),
        ("facts.extractor", "gpt"),
        ("facts.verifier", "builtin/static-checks"),
        ("accept.structured_chars", "0"),
        ("accept.substantial_chars", "100001"),
        ("accept.confidence_from", "0"),
        ("tiers.auto", "101"),
        ("calibration.min_labels", "19"),
        ("calibration.isotonic_from", "19"),
        ("estimate.sample_files", "1000001"),
        ("documents.chunk_chars", "99"),
        ("documents.query_chars", "0"),
        ("documents.shown_chars", "0"),
        ("history.preview_chars", "100001"),
        ("history.answer_chars", "1000001"),
        ("history.reason_chars", "501"),
        ("hints.max_count", "1001"),
        ("hints.max_bytes", "1000001"),
        ("web.max_body_bytes", "1"),
        ("web.request_timeout_ms", "1"),
        ("web.decisions_per_minute", "0"),
        ("metrics.timeout_ms", "99"),
        ("traces.timeout_ms", "99"),
        ("traces.queue", "511"),
        ("gateway.calls", "0"),
        ("gateway.wait_ms", "3600001"),
        ("gateway.max_body_bytes", "1"),
        ("gateway.max_tokens", "0"),
        ("gateway.usd_per_day", "-1"),
        ("gateway.tokens_per_day", "1125899906842625"),
        ("gateway.calls_per_day", "1125899906842625"),
        ("memory.fingerprints", "101"),
        ("memory.example_chars", "19"),
        ("memory.dismissals", "101"),
        ("memory.definitions", "501"),
        ("memory.definition_chars", "2001"),
        ("memory.forget_sweeps", "0"),
        ("memory.min_replays", "0"),
        ("memory.min_success", "1.5"),
        ("memory.min_similarity", "-0.1"),
        ("memory.traces", "1001"),
        ("providers.ollama.concurrency", "0"),
        ("providers.ollama.total_timeout_s", "0"),
        ("providers.ollama.num_ctx", "1"),
    ] {
        let text = refused(key, value, "use ");
        assert!(text.contains("command line"), "{text}");
    }
}

#[test]
fn relations_between_settings_hold() {
    refused("queue.renew_ms", "2500", "less than half of queue.lease_ms");
    with(&[("queue.renew_ms", "2499")]).unwrap();
    refused("queue.backoff_base_ms", "70000", "queue.backoff_max_ms");
    refused("sweep.transient_retries", "8", "queue.max_attempts");
    with(&[("sweep.transient_retries", "7")]).unwrap();
    refused("sweep.shard_bytes", "7000", "sweep.split_over_bytes");
    refused("sweep.ladder", "", "local-first");
    refused("tiers.dry_run", "91", "tiers.auto");
    refused("tiers.simulation", "71", "tiers.dry_run");
    refused("documents.overlap_chars", "401", "documents.chunk_chars");
    with(&[("documents.overlap_chars", "400")]).unwrap();
    refused("log.filter", " ", "debug");
    refused("redis.namespace", "a:b", "part of a key");
    refused("redis.namespace", "{x}", "part of a key");
}

#[test]
fn the_embedding_endpoint_is_checked() {
    for (key, value) in [
        ("embedding.timeout_s", "0"),
        ("embedding.connect_timeout_s", "0"),
        ("embedding.batch", "4096"),
        ("embedding.concurrency", "0"),
        ("embedding.max_input_chars", "1"),
        ("embedding.max_answer_bytes", "1"),
        ("embedding.pause_s", "999999"),
    ] {
        refused(key, value, "use ");
    }
    refused("embedding.base_url", "127.0.0.1:11434", "http://");
    refused("embedding.base_url", "http://h/", "slash");
    let text = refused("embedding.api_key_env", "sk-0123456789abcdef", "environment variable");
    assert!(!text.contains("0123456789"), "{text}");
    refused("embedding.wire", "olama", "did you mean \"ollama\"");
    refused("sweep.split", "syntaks", "did you mean \"syntax\"");
    let on = ("embedding.base_url", "http://h");
    let error = with(&[on, ("embedding.model", "")]).unwrap_err().to_string();
    assert!(error.contains("embedding.model"), "{error}");
    let error = with(&[on, ("embedding.retries", "5")]).unwrap_err().to_string();
    assert!(error.contains("queue.max_attempts"), "{error}");
    assert_eq!(with(&[on, ("embedding.retries", "4")]).unwrap().embedding.retries, 4);
    // Without an endpoint there is no model, and nothing to be at odds with.
    let off = with(&[("embedding.retries", "5")]).unwrap();
    assert_eq!(off.embedding.model_in_use(), "");
    assert_eq!(with(&[on]).unwrap().embedding.model_in_use(), "nomic-embed-text");
}

#[test]
fn all_problems_are_told_at_once() {
    let error = with(&[("queue.crash_limit", "0"), ("worker.concurrency", "0")]).unwrap_err();
    let ConfigError::Settings(problems) = error else { panic!("another error") };
    assert_eq!(problems.len(), 2);
}

#[test]
fn secrets_in_the_wrong_place_are_found_and_not_repeated() {
    for key in ["sk-or-v1-0123456789abcdef", "0123456789abcdef", "gsk_abcDEF", ""] {
        let text = refused("providers.openai.api_key_env", key, "environment variable");
        assert!(key.is_empty() || !text.contains(key), "{text}");
    }
    let text = refused("queue.signing_key_env", "0123456789abcdef", "environment variable");
    assert!(!text.contains("0123456789"), "{text}");
    let text = refused("redis.url", "http://user:hunter2@host", "URL of a Redis server");
    assert!(!text.contains("hunter2"));
    let url = "https://user:hunter2@host/v1";
    let text = refused("providers.openai.base_url", url, "api_key_env");
    assert!(!text.contains("hunter2"));
    let url = "https://host/v1?key=hunter2";
    let text = refused("providers.openai.base_url", url, "api_key_env");
    assert!(!text.contains("hunter2"));
    let url = "rediss://me:hunt@er2@host:6380/1";
    let settings = with(&[("redis.url", url)]).unwrap();
    assert!(!format!("{settings:?}").contains("er2"), "{settings:?}");
    assert_eq!(settings.redis.url_masked(), "rediss://me:***@host:6380/1");
    let settings = with(&[("redis.url", "unix:///r.sock?db=1&pass=hunter2")]).unwrap();
    assert_eq!(settings.redis.url_masked(), "unix:///r.sock?***");
    let settings = with(&[("redis.url", "redis://h:1")]).unwrap();
    assert_eq!(settings.redis.url_masked(), "redis://h:1");
}

#[test]
fn urls_of_providers_are_checked() {
    refused("providers.ollama.base_url", "127.0.0.1:11434", "http://");
    refused("providers.ollama.base_url", "http://", "http://");
    refused("providers.ollama.base_url", "http://h/", "slash");
    refused("providers.openai.base_url", "", "http://");
    refused("providers.openai.base_url", "http://::1:8080/v1", "[::1]:8080");
    refused("providers.openai.base_url", "http://h/v1/chat/completions", "write http://h/v1");
    refused("embedding.base_url", "http://h/api/embed", "write http://h;");
    refused("providers.openai.api_version", "v2", "2024-10-21");
    with(&[("providers.builtin.base_url", "")]).unwrap();
    let wire = ("providers.Mine.wire", "builtin");
    assert!(with(&[wire]).unwrap_err().to_string().contains("provider's name"));
}

#[test]
fn the_state_directory_follows_setting_then_xdg_then_home() {
    let dir = |set: &str, env: &[(&str, &str)]| {
        let settings = with(&[("state.dir", set)]).unwrap();
        let find = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        settings.state_dir(find)
    };
    let both = [("XDG_STATE_HOME", "/xdg"), ("HOME", "/home/me")];
    assert_eq!(dir("/srv/x", &both).unwrap(), Path::new("/srv/x"));
    assert_eq!(dir("~/x", &both).unwrap(), Path::new("/home/me/x"));
    assert_eq!(dir("", &both).unwrap(), Path::new("/xdg/scrum-fleet"));
    let home = Path::new("/home/me/.local/state/scrum-fleet");
    assert_eq!(dir("", &both[1..]).unwrap(), home);
    assert_eq!(dir("", &[("XDG_STATE_HOME", "relative"), both[1]]).unwrap(), home);
    let error = dir("", &[("HOME", "")]).unwrap_err();
    assert!(error.to_string().contains("SCRUM_STATE_DIR"), "{error}");
    let env = vec![("SCRUM_STATE_DIR".to_owned(), "/short".to_owned())];
    let settings = Settings::load(LoadOptions { env, ..LoadOptions::default() }).unwrap();
    assert_eq!(settings.state_dir(|_| None).unwrap(), Path::new("/short"));
}

#[test]
fn the_tests_of_findings_have_bounds_and_a_command_with_its_place() {
    refused("apply.prove_repeats", "0", "use 1 to 100");
    refused("apply.prove_max_lines", "4", "use 5 to");
    refused("apply.prove_timeout_s", "0", "use 1 to");
    let own = |command: &str, test: &str| {
        let told = with(&[("apply.prove_command", command), ("apply.prove_test", test)]);
        told.map(drop).map_err(|e| e.to_string())
    };
    assert_eq!(own("make test FILE={test}", "t/{name}.t"), Ok(()));
    for (command, test, part) in [
        ("x {test}", "", "set both, or neither"),
        ("", "t/{name}.t", "set both, or neither"),
        ("make test", "t/{name}.t", "write {test} there"),
        ("x {test}", "t/a.t", "not the path of a test"),
        ("x {test}", "../{name}.t", "not the path of a test"),
        ("x {test}", "/t/{name}.t", "not the path of a test"),
    ] {
        let told = own(command, test).expect_err(test);
        assert!(told.contains(part), "{told}");
    }
}
