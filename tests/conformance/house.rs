//! The house's own rules: who may depend on what, how large a file may be, what stays out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "house/faults.rs"]
mod faults;
#[path = "house/keys.rs"]
mod keys;
#[path = "house/kinds.rs"]
mod kinds;
#[path = "house/paths.rs"]
mod paths;
#[path = "house/scripts.rs"]
mod scripts;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Normal dependencies of every package of the workspace, by name, transitively, with the
/// features that the workspace really builds with.
fn dependencies(package: &str) -> BTreeSet<String> {
    let out = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "-e", "normal", "--prefix", "none", "-p", package])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .filter_map(|l| l.split_whitespace().next().map(str::to_owned))
        .collect()
}

fn none_of(package: &str, forbidden: &[&str]) {
    let found = dependencies(package);
    for name in forbidden {
        assert!(!found.contains(*name), "{package} must not depend on {name}");
    }
}

#[test]
fn the_domain_is_pure() {
    none_of("scrum-domain", &["tokio", "redis", "reqwest", "git2", "apalis-core", "rand"]);
    // Neither does its code reach for a clock, the disk, the network or the environment.
    // Tests may hold such words, as the text that a check looks at.
    for file in rust_files("workers/domain/src").iter().filter(|f| !f.ends_with("tests.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for word in
            ["std::fs", "std::net", "std::env", "std::process", "SystemTime", "Instant::now"]
        {
            assert!(!text.contains(word), "{} uses {word}", file.display());
        }
    }
}

#[test]
fn the_producer_links_no_worker_code() {
    none_of("scrum-producer", &["scrum-fleet", "scrum-providers", "scrum-forges", "apalis"]);
}

#[test]
fn the_read_model_knows_neither_a_command_line_nor_a_server() {
    none_of("scrum-knowledge", &["clap", "axum", "hyper", "git2", "scrum-producer", "scrum-fleet"]);
}

#[test]
fn only_repo_links_git_only_clients_link_http_only_the_queue_links_redis() {
    let direct = direct_dependencies();
    for (package, dependencies) in &direct {
        let owns = |name: &str| dependencies.contains(name);
        assert!(!owns("git2") || package == "scrum-repo", "{package} links git2");
        let may_connect =
            ["scrum-providers", "scrum-forges", "scrum-traces"].contains(&package.as_str());
        assert!(!owns("reqwest") || may_connect, "{package} links reqwest");
        let may_redis =
            ["queue-schema", "scrum-tests", "scrum-benches"].contains(&package.as_str());
        assert!(!owns("redis") || may_redis, "{package} links redis");
        assert!(!owns("backoff") || package == "queue-schema", "{package} links backoff");
    }
    // And only one file knows the crate that is to be replaced one day.
    let users: Vec<_> = rust_files("queue-schema/src")
        .into_iter()
        .filter(|f| std::fs::read_to_string(f).unwrap().contains("ExponentialBackoff"))
        .collect();
    assert_eq!(users.len(), 1, "{users:?}");
}

fn direct_dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|p| {
            let names = p["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|d| d["kind"].is_null())
                .map(|d| d["name"].as_str().unwrap().to_owned())
                .collect();
            (p["name"].as_str().unwrap().to_owned(), names)
        })
        .collect()
}

/// Outside `queue-schema`, nobody spells a key of the queue in a Redis command.
#[test]
fn only_the_client_talks_to_redis() {
    for folder in ["producer/src", "workers", "config/src"] {
        for file in rust_files(folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(!text.contains("redis::cmd"), "{} runs a Redis command", file.display());
        }
    }
}

#[test]
fn files_stay_of_a_size_that_a_person_reads() {
    const MOST_LINES: usize = 450;
    let mut large = Vec::new();
    for file in tracked() {
        let is_code = file.extension().is_some_and(|e| e == "rs" || e == "lua");
        if !is_code || file.starts_with(root().join("tests")) {
            continue;
        }
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        if lines > MOST_LINES {
            large.push((file, lines));
        }
    }
    assert!(large.is_empty(), "split these: {large:?}");
}

#[test]
fn every_script_says_what_it_takes_and_gives() {
    for file in tracked().into_iter().filter(|f| f.extension().is_some_and(|e| e == "lua")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        assert!(text.starts_with(&format!("-- {name}: ")), "{name} lacks its header");
        if !file.parent().is_some_and(|folder| folder.ends_with("include")) {
            assert!(
                text.contains("-- ARGV[1]") && text.contains("-- Returns"),
                "{name}: ARGV, Returns"
            );
        }
    }
}

#[test]
fn no_path_of_a_machine_and_no_secret_is_committed() {
    // Written in two pieces, so that this file does not hold what it looks for.
    let words =
        [concat!("/wo", "rk/"), concat!("BEGIN RSA ", "PRIVATE"), concat!("static.", "crates")];
    for file in tracked() {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for word in words {
            assert!(!text.contains(word), "{} holds {word:?}", file.display());
        }
    }
}

fn tracked() -> Vec<PathBuf> {
    let out = Command::new("git").arg("ls-files").current_dir(root()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    let files: Vec<_> = text.lines().map(|l| root().join(l)).filter(|f| f.is_file()).collect();
    assert!(!files.is_empty());
    files
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let folder = root().join(folder);
    tracked()
        .into_iter()
        .filter(|f| f.starts_with(&folder) && f.extension().is_some_and(|e| e == "rs"))
        .collect()
}

/// The state of a review, a sweep and a run of the applier changes through the typed records alone, and what reads it
/// there names its fields by their constants.
#[test]
fn records_are_changed_and_named_in_one_place() {
    use queue_schema::records::{Counter, memory, review, run, sweep};
    const CHANGES: [&str; 10] = [
        "Put", "Add", "Append", "Index", "Unindex", "Delete", "Tally", "Barrier", "Arrive",
        "Settle",
    ];
    let own =
        |file: &Path, name: &str| file.starts_with(root().join("queue-schema/src").join(name));
    let mut wrong = Vec::new();
    for file in ["producer/src", "workers", "queue-schema/src"].iter().flat_map(|f| rust_files(f)) {
        if own(&file, "records") || own(&file, "effects.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        // A pattern ends in `..`; what makes one does not.
        let made = |change: &&str| {
            let begins = format!("Effect::{change} {{");
            let parts = text.split(begins.as_str()).skip(1);
            parts.filter_map(|rest| rest.split('}').next()).any(|inner| !inner.contains(".."))
        };
        let made = CHANGES.iter().find(|change| made(change));
        wrong.extend(made.map(|change| format!("{} makes a {change}", file.display())));
    }
    let counters = Counter::ALL.map(Counter::as_str);
    let fields = [
        &review::fields::NAMES[..],
        &sweep::fields::NAMES,
        &run::fields::NAMES,
        &memory::fields::NAMES,
        &counters,
    ];
    for file in rust_files("queue-schema/src/client") {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for field in fields.iter().copied().flatten() {
            let spelled = text.contains(&format!("arg(\"{field}\")"))
                || text.contains(&format!("get(\"{field}\")"))
                || text.contains(&format!("&[\"{field}\""));
            if spelled {
                wrong.push(format!("{} spells the field {field}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
