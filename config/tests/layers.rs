//! Which layer wins, and what a user is told about a wrong one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_config::{ConfigError, LoadOptions, Settings};
use std::path::PathBuf;
use tempfile::TempDir;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn env(list: &[(&str, &str)]) -> LoadOptions {
    LoadOptions { env: pairs(list), ..LoadOptions::default() }
}

fn file(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn load_file(text: &str) -> Result<Settings, ConfigError> {
    let (_dir, path) = file(text);
    Settings::load(LoadOptions { config_path: Some(path), ..LoadOptions::default() })
}

/// The message for wrong settings holds all of these.
fn told(result: Result<Settings, ConfigError>, parts: &[&str]) -> String {
    let text = result.expect_err("it loaded").to_string();
    for part in parts {
        assert!(text.contains(part), "no '{part}' in: {text}");
    }
    text
}

#[test]
fn later_layers_win() {
    let (_dir, path) =
        file("[redis]\nurl = 'redis://file'\nnamespace = 'file'\nconnect_timeout_ms = 700\n");
    let mut options = LoadOptions { config_path: Some(path), ..LoadOptions::default() };
    let load = |options: &LoadOptions| Settings::load(options.clone()).unwrap().redis;
    assert_eq!(load(&options).url, "redis://file");
    options.env = pairs(&[("SCRUM__REDIS__URL", "redis://env"), ("HOME", "/root")]);
    assert_eq!(load(&options).url, "redis://env");
    options.env.push(("SCRUM_REDIS_URL".into(), "redis://short".into()));
    assert_eq!(load(&options).url, "redis://short");
    options.overrides = pairs(&[("redis.url", "redis://flag")]);
    let redis = load(&options);
    assert_eq!(redis.url, "redis://flag");
    // What a layer does not say stays as it was below.
    assert_eq!((redis.namespace.as_str(), redis.connect_timeout_ms), ("file", 700));
    assert_eq!(redis.response_timeout_ms, 10_000);
}

#[test]
fn the_flag_wins_over_the_variable_that_names_the_file() {
    let (_a, first) = file("[log]\nfilter = 'debug'\n");
    let (_b, second) = file("[log]\nfilter = 'trace'\n");
    let options = LoadOptions {
        config_path: None,
        env: pairs(&[("SCRUM_CONFIG", first.to_str().unwrap())]),
        overrides: Vec::new(),
    };
    assert_eq!(Settings::load(options.clone()).unwrap().log.filter, "debug");
    let options = LoadOptions { config_path: Some(second), ..options };
    assert_eq!(Settings::load(options).unwrap().log.filter, "trace");
    assert_eq!(Settings::load(env(&[("SCRUM_CONFIG", "")])).unwrap().log.filter, "info");
    told(
        Settings::load(env(&[("SCRUM_CONFIG", "/no/such.toml")])),
        &["/no/such.toml", "SCRUM_CONFIG"],
    );
}

#[test]
fn texts_of_the_environment_become_what_the_key_takes() {
    let settings = Settings::load(env(&[
        ("SCRUM__QUEUE__BACKOFF_JITTER", "1"),
        ("SCRUM__REDIS__NAMESPACE", "n007"),
        ("SCRUM__LOG__FILTER", "true"),
        ("SCRUM__SWEEP__POLICY", "forensic"),
        ("SCRUM__PROVIDERS__OLLAMA__BASE_URL", "http://gpu:11434"),
        ("SCRUM__PROVIDERS__OPENROUTER__EXTRA_BODY__PROVIDER__DATA_COLLECTION", "allow"),
        ("SCRUM_REDIS_URL", ""),
        ("SCRUM_REPOS", "not ours"),
    ]))
    .unwrap();
    assert!((settings.queue.backoff_jitter - 1.0).abs() < f64::EPSILON);
    assert_eq!(settings.redis.namespace, "n007");
    assert_eq!(settings.log.filter, "true");
    assert_eq!(settings.sweep.policy, scrum_config::Policy::Forensic);
    assert_eq!(settings.providers["ollama"].base_url, "http://gpu:11434");
    assert!(settings.providers["ollama"].local, "the rest of the table is kept");
    let extra = settings.providers["openrouter"].extra_body.as_ref().unwrap();
    assert_eq!(extra["provider"]["data_collection"].as_str(), Some("allow"));
    assert_eq!(extra["provider"]["require_parameters"].as_bool(), Some(true));
}

#[test]
fn a_file_may_add_a_provider_and_its_request_members_keep_their_case() {
    let settings = load_file(
        "[providers.mine]\nwire = 'openai'\nbase_url = 'http://h:1/v1'\n\
         extra_body = { chatTemplate = { 'a.b' = [1, 2.5, true] } }\n",
    )
    .unwrap();
    let mine = &settings.providers["mine"];
    assert_eq!(mine.concurrency, scrum_config::Concurrency::Auto);
    let extra = mine.extra_body.as_ref().unwrap();
    assert_eq!(extra["chatTemplate"]["a.b"].as_array().unwrap().len(), 3);
    assert!(settings.providers.contains_key("ollama"));
}

#[test]
fn unknown_names_are_errors_with_the_nearest_known_one() {
    let text = told(
        load_file("[queue]\nleese_ms = 1\n[reddis]\nurl = ''\n"),
        &[
            "mine.toml: queue.leese_ms: there is no such setting; did you mean queue.lease_ms?",
            "mine.toml: reddis: there is no such section; did you mean redis?",
        ],
    );
    assert!(text.starts_with("2 settings are wrong:"), "{text}");
    told(load_file("lease_ms = 8000\n"), &["lease_ms", "did you mean queue.lease_ms?"]);
    told(load_file("[redis]\nconcurrency = 8\n"), &["did you mean worker.concurrency?"]);
    told(load_file("[log]\nzzzzzzzz = 8\n"), &["known here: filter, format"]);
    told(
        load_file("[providers.ollama]\nbase_ulr = ''\n"),
        &["did you mean providers.ollama.base_url?"],
    );
    told(
        Settings::load(env(&[("SCRUM__QUEUE__LEASEMS", "1")])),
        &["environment variable SCRUM__QUEUE__LEASEMS", "did you mean queue.lease_ms?"],
    );
    told(Settings::load(env(&[("SCRUM__QEUE__LEASE_MS", "1")])), &["did you mean queue?"]);
    for odd in ["SCRUM__", "SCRUM__QUEUE", "SCRUM____", "SCRUM__REDIS__URL__X", "SCRUM__PROVIDERS"]
    {
        told(Settings::load(env(&[(odd, "1")])), &[odd]);
    }
    let options = LoadOptions { overrides: pairs(&[("redis.ur", "x")]), ..LoadOptions::default() };
    told(Settings::load(options), &["command line: redis.ur", "did you mean redis.url?"]);
    told(
        load_file("[providers.olama]\nbase_url = 'http://h'\n"),
        &[
            "mine.toml: providers.olama: a new provider needs a wire",
            "did you mean providers.ollama?",
        ],
    );
}

#[test]
fn values_of_another_kind_are_refused_and_not_shown() {
    let text = told(
        load_file("[queue]\nlease_ms = 'hunter2'\nbackoff_jitter = true\n"),
        &[
            "queue.lease_ms: it takes a whole number, and this is a text in quotes",
            "write for instance lease_ms = 5000",
            "write for instance backoff_jitter = 0.5",
        ],
    );
    assert!(!text.contains("hunter2"));
    told(load_file("[queue]\nlease_ms = 5000.5\n"), &["queue.lease_ms", "a number"]);
    told(load_file("queue = 5\n"), &["this is a section"]);
    told(load_file("[providers]\nollama = 5\n"), &["providers.ollama: this is a section"]);
    told(
        Settings::load(env(&[("SCRUM__WORKER__CONCURRENCY", "many")])),
        &["SCRUM__WORKER__CONCURRENCY", "a whole number"],
    );
    told(load_file("[queue\nlease_ms = 5\n"), &["mine.toml", "line 1", "mend that line"]);
    told(load_file("[sweep]\npolicy = 'lenient'\n"), &["sweep.policy", "structured", "mine.toml"]);
    told(
        load_file("[sweep]\nmarkdown_policy = 'forensic'\n"),
        &["sweep.markdown_policy", "structured", "substantial"],
    );
    told(load_file("[log]\nformat = 'xml'\n"), &["log.format", "json", "mine.toml"]);
    told(load_file("[queue]\nlease_ms = -5\n"), &["queue.lease_ms"]);
    told(load_file("[queue]\ncrash_limit = 99999999999\n"), &["queue.crash_limit"]);
}
