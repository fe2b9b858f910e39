//! Ladders of the user's own, and what is said of those that can't be climbed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_config::{ConfigError, Ladders, LoadOptions, Settings};
use std::path::Path;
use tempfile::TempDir;

const RUNG: &str = "[[rungs]]\nprovider = 'builtin'\nmodel = 'static-checks'\n";

fn dir(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn settings(dir: &Path) -> Settings {
    let overrides = vec![("ladders.dir".to_owned(), dir.display().to_string())];
    Settings::load(LoadOptions { overrides, ..LoadOptions::default() }).unwrap()
}

fn load(files: &[(&str, &str)]) -> Result<Ladders, ConfigError> {
    let dir = dir(files);
    Ladders::load(&settings(dir.path()))
}

fn refused(text: &str, parts: &[&str]) {
    let error = load(&[("mine.toml", text)]).expect_err("it loaded").to_string();
    assert!(error.contains("mine.toml"), "{error}");
    for part in parts {
        assert!(error.contains(part), "no '{part}' in: {error}");
    }
}

#[test]
fn a_directory_adds_and_overrides_by_name() {
    let mine = format!("name = 'mine'\n{RUNG}");
    let local = format!("name = 'local-first'\n{RUNG}");
    let files = [("a.toml", mine.as_str()), ("b.toml", &local), ("README.md", "not a ladder")];
    let ladders = load(&files).unwrap();
    assert_eq!(ladders.get("mine").unwrap().rungs.len(), 1);
    assert_eq!(ladders.get("local-first").unwrap().rungs.len(), 1);
    assert_eq!(ladders.get("cloud-first").unwrap().rungs.len(), 9);
}

#[test]
fn a_path_is_read_as_a_file() {
    let dir = dir(&[("x.toml", &format!("name = 'x'\n{RUNG}"))]);
    let ladders = Ladders::load(&Settings::load(LoadOptions::default()).unwrap()).unwrap();
    let path = dir.path().join("x.toml");
    assert_eq!(ladders.get(path.to_str().unwrap()).unwrap().name, "x");
    let error = ladders.get("./missing.toml").unwrap_err().to_string();
    assert!(error.contains("./missing.toml"), "{error}");
}

#[test]
fn unknown_names_list_the_known_ones_and_the_nearest() {
    let ladders = Ladders::load(&Settings::load(LoadOptions::default()).unwrap()).unwrap();
    let error = ladders.get("local-frist").unwrap_err().to_string();
    assert!(error.contains("did you mean local-first?"), "{error}");
    assert!(error.contains("builtin, cloud-first, hosted, local-first"), "{error}");
    let error = ladders.get("zzz").unwrap_err().to_string();
    assert!(!error.contains("did you mean"), "{error}");
}

#[test]
fn the_shard_ladder_is_the_sweeps_unless_set() {
    let mut settings = Settings::load(LoadOptions::default()).unwrap();
    let ladders = Ladders::load(&settings).unwrap();
    let local = ladders.get("local-first").unwrap();
    assert_eq!(ladders.shard_ladder(&settings, &local).unwrap(), local);
    settings.sweep.shard_ladder = "builtin".to_owned();
    assert_eq!(ladders.shard_ladder(&settings, &local).unwrap().name, "builtin");
}

#[test]
fn ladders_that_cannot_be_climbed_are_refused() {
    refused("name = 'm'\nrungs = []\n", &["no rung", "[[rungs]]"]);
    refused(&format!("name = 'auto'\n{RUNG}"), &["can't be a ladder's name"]);
    refused(&format!("name = 'a b'\n{RUNG}"), &["can't be a ladder's name"]);
    let olama = "name = 'm'\n[[rungs]]\nprovider = 'olama'\nmodel = 'x'\n";
    refused(olama, &["rung 1", "no provider 'olama'", "did you mean 'ollama'"]);
    refused(&format!("name = 'm'\n{RUNG}max_tokens = 0\n"), &["max_tokens is 0"]);
    refused(&format!("name = 'm'\n{RUNG}max_findings = 0\n"), &["max_findings 0 is out"]);
    refused(&format!("name = 'm'\n{RUNG}temperature = 9.0\n"), &["out of range"]);
    refused(&format!("name = 'm'\n{RUNG}modle = 'x'\n"), &["modle", "line 5", "model"]);
    refused(&format!("name = 'm'\n{RUNG}usd_per_million_in = -1.0\n"), &["usd_per_million_in -1"]);
    refused(&format!("name = 'm'\n{RUNG}usd_per_million_out = nan\n"), &["is not a price"]);
    refused("name = 'm'\n[[rungs]]\nprovider = 'ollama'\nmodel = ' '\n", &["names no model"]);
    let long = format!("name = 'm'\n{}", RUNG.repeat(65));
    refused(&long, &["65 rungs", "at most 64"]);
    let same = format!("name = 'm'\n{RUNG}");
    let error = load(&[("a.toml", &same), ("b.toml", &same)]).unwrap_err().to_string();
    assert!(error.contains("a.toml") && error.contains("b.toml"), "{error}");
    let error = Ladders::load(&settings(Path::new("/no/such/dir"))).unwrap_err().to_string();
    assert!(error.contains("/no/such/dir") && error.contains("ladders.dir"), "{error}");
}
