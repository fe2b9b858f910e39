//! Many at once: patches that are checked together, and runs that want the same branch.

use crate::bed::{Applied, apply, bench, patch, stub, sweep};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use serde_json::Value;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(120);

/// Files of one function each, and a good patch for each of them.
fn repo_and_patches(n: usize) -> (TestRepo, Vec<(String, Value)>) {
    let repo = TestRepo::new();
    let mut patches = Vec::new();
    for i in 0..n {
        let path = format!("src/f{i:02}.rs");
        repo.write(&path, format!("//! File {i}.\n\npub fn flag_{i}() -> bool {{\n    let enabled = false;\n    enabled\n}}\n").as_bytes());
        patches.push((
            path,
            patch("let enabled = false;", "let enabled = true;", "enabled should be true", 95),
        ));
    }
    repo.commit("files");
    (repo, patches)
}

fn table(patches: &[(String, Value)]) -> Vec<(&str, Value)> {
    patches.iter().map(|(p, v)| (p.as_str(), v.clone())).collect()
}

#[test]
fn twenty_good_patches_and_a_bad_one_take_few_checks_and_the_twenty_land() {
    let (repo, mut patches) = repo_and_patches(21);
    patches[13].1 = patch("let enabled = false;", "let enabled = BAD;", "enabled by BAD", 95);
    let (stub, _) = stub(&table(&patches));
    let bench = bench(None, &stub);
    sweep(&bench, &repo, &[]);
    let args = [
        "--max-files",
        "30",
        "--check",
        "! grep -rn BAD src",
        "--commit",
        "--branch",
        "scrum/batch",
    ];
    let done = apply(&bench, &args);
    let bad = &done.rows["src/f13.rs"];
    assert_eq!(bad.action.as_str(), "build_red_reverted");
    assert!(bad.output_tail.contains("src/f13.rs:4:"), "{}", bad.output_tail);
    assert_eq!(done.rows.values().filter(|r| r.action.as_str() == "committed").count(), 20);
    let checks = done.json["checks"].as_u64().unwrap();
    assert!(checks <= 8, "{checks} checks");
    assert_eq!(repo.git(&["rev-list", "--count", "main..scrum/batch"]), "20");
}

#[test]
fn a_project_that_is_red_without_any_patch_is_left_alone() {
    let (repo, patches) = repo_and_patches(2);
    let (stub, _) = stub(&table(&patches));
    let bench = bench(None, &stub);
    sweep(&bench, &repo, &[]);
    let done = apply(&bench, &["--check", "echo 'error: broken long ago'; false", "--commit"]);
    for row in done.rows.values() {
        assert_eq!(row.action.as_str(), "all_rejected");
        assert_eq!(row.reason, "without any patch, the check failed: error: broken long ago");
    }
    assert_eq!(done.json["checks"], 1);
    assert_eq!(repo.git(&["branch", "--list", "scrum/*"]), "");
}

#[test]
fn sixteen_runs_from_four_workers_make_one_line_and_lose_none() {
    let (repo, patches) = repo_and_patches(16);
    let (stub, _) = stub(&table(&patches));
    let redis = RedisServer::start();
    let bench = bench(Some(redis.url()), &stub).set("apply.allowed_checks", "true");
    let workers: Vec<_> = (0..4).map(|_| bench.worker(&["--concurrency", "8"])).collect();
    let (ladder, path) = (bench.ladder(), repo.path().to_str().unwrap().to_owned());
    let sweeps: Vec<String> = patches
        .iter()
        .map(|(file, _)| {
            let args = [
                "sweep",
                &path,
                "--ladder",
                ladder.to_str().unwrap(),
                "--target",
                file,
                "--wait",
                "--json",
            ];
            let done = bench.run(&args).expect(0);
            let status: Value = serde_json::from_str(done.stdout.trim()).unwrap();
            status["id"].as_str().unwrap().to_owned()
        })
        .collect();
    // All of them are asked for before any can be done.
    bench.run(&["pause", "patch:stub"]).expect(0);
    let apply = |sweep: &str| {
        vec!["apply", sweep, "--commit", "--branch", "scrum/line", "--check", "true", "--json"]
            .into_iter()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let with = |sweep: &String, more: &[&str]| {
        let args = apply(sweep);
        let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
        args.extend(more);
        bench.run(&args)
    };
    for sweep in &sweeps {
        with(sweep, &[]).expect(0);
    }
    bench.run(&["resume", "patch:stub"]).expect(0);
    eventually(LONG, "all commits are on the branch", || {
        let found = std::process::Command::new("git")
            .args(["rev-list", "--count", "main..scrum/line"])
            .current_dir(repo.path())
            .output()
            .unwrap();
        (String::from_utf8_lossy(&found.stdout).trim() == "16").then_some(())
    });
    for (sweep, (file, _)) in sweeps.iter().zip(&patches) {
        let done = Applied::of(&with(sweep, &["--wait"]).expect(0));
        let row = &done.rows[file];
        assert_eq!(row.action.as_str(), "committed", "{file}: {}", row.reason);
        let commit = row.commit.clone().unwrap();
        assert_eq!(repo.git(&["merge-base", "--is-ancestor", &commit, "scrum/line"]), "");
    }
    assert_eq!(
        repo.git(&["rev-list", "--count", "--min-parents=2", "scrum/line"]),
        "0",
        "one line"
    );
    let subjects = repo.git(&["log", "--format=%s", "main..scrum/line"]);
    assert_eq!(subjects.lines().collect::<std::collections::BTreeSet<_>>().len(), 16);
    for worker in workers {
        assert_eq!(worker.terminate(LONG), 0);
    }
}
