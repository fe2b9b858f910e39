//! One good patch, and one wrong patch for each gate.

use crate::bed::{apply, bench, patch, stub, sweep, user_state};
use scrum_tests::repo::TestRepo;
use serde_json::json;
use std::fmt::Write as _;

/// A workspace of two crates with a file for each gate, and a history of its own.
fn workspace() -> TestRepo {
    let repo = TestRepo::new();
    repo.write("Cargo.toml", b"[workspace]\nmembers = ['app', 'core']\nresolver = '2'\n");
    repo.write(".gitignore", b"target\n");
    let manifest = |name: &str, deps: &str| {
        format!(
            "[package]\nname = '{name}'\nversion = '0.1.0'\nedition = '2021'\n[dependencies]\n{deps}"
        )
    };
    repo.write("core/Cargo.toml", manifest("core-lib", "").as_bytes());
    repo.write("app/Cargo.toml", manifest("app", "core-lib = { path = '../core' }\n").as_bytes());
    repo.write("app/src/main.rs", b"fn main() {\n    println!(\"{}\", core_lib::total());\n}\n");
    let parts = [
        "bad_build",
        "good",
        "malformed",
        "mismatch",
        "nothing",
        "red_test",
        "stale",
        "sure",
        "twice",
        "two",
        "wide",
        "warns",
    ];
    let mut lib = String::from("//! Parts.\n\n");
    for part in parts {
        let _ = writeln!(lib, "mod {part};");
        let text = format!(
            "//! The part {part}.\n\n/// The value of {part}.\n#[allow(dead_code)]\npub(crate) fn value_{part}() -> u32 {{\n    let chosen = 7;\n    chosen\n}}\n\n/// Another of {part}.\npub(crate) fn other_{part}() -> u32 {{\n    11\n}}\n\n#[cfg(test)]\nmod tests {{\n    #[test]\n    fn the_value_is_seven() {{\n        assert_eq!(super::value_{part}(), 7);\n    }}\n}}\n"
        );
        repo.write(&format!("core/src/{part}.rs"), text.as_bytes());
    }
    let sum = parts
        .iter()
        .map(|p| format!("{p}::value_{p}() + {p}::other_{p}()"))
        .collect::<Vec<_>>()
        .join("\n        + ");
    let _ = write!(lib, "\n/// All of them.\npub fn total() -> u32 {{\n    {sum}\n}}\n");
    repo.write("core/src/lib.rs", lib.as_bytes());
    repo.commit("a workspace");
    repo
}

fn file(part: &str) -> String {
    format!("core/src/{part}.rs")
}

#[test]
fn a_good_patch_lands_and_each_gate_stops_its_own() {
    let repo = workspace();
    let marker = |part: &str| format!("#[allow(dead_code)]\npub(crate) fn value_{part}()");
    let without = |part: &str| format!("pub(crate) fn value_{part}()");
    let drop_marker = |part: &str, confidence: u8| {
        patch(
            &marker(part),
            &without(part),
            &format!("value_{part} is called by total now"),
            confidence,
        )
    };
    let chosen = |new: &str, why: &str| patch("let chosen = 7;", new, why, 97);
    let wide = "let chosen = 7;\n    // 1\n    // 2\n    // 3\n    // 4\n    // 5\n    // 6";
    let mut two = drop_marker("two", 99);
    two["patches"].as_array_mut().unwrap().push(
        json!({"old_string": "nowhere", "new_string": "x", "rationale": "x", "confidence": 99}),
    );
    let (stub, _) = stub(&[
        ("core/src/good.rs", drop_marker("good", 96)),
        ("core/src/sure.rs", drop_marker("sure", 89)),
        ("core/src/twice.rs", patch("-> u32 {", "-> u32  {", "u32 is what it returns", 99)),
        ("core/src/wide.rs", chosen(wide, "chosen is explained")),
        ("core/src/mismatch.rs", chosen("let chosen = 7; // ok", "the constant deserves a remark")),
        ("core/src/bad_build.rs", chosen("let chosen: String = 7;", "chosen gets its type")),
        (
            "core/src/warns.rs",
            chosen("let chosen = 7;\n    let unused = chosen;", "unused keeps the chosen value"),
        ),
        ("core/src/red_test.rs", chosen("let chosen = 8;", "chosen should be 8")),
        ("core/src/stale.rs", drop_marker("stale", 99)),
        ("core/src/malformed.rs", json!("I would rename everything.")),
        ("core/src/two.rs", two),
    ]);
    let bench = bench(None, &stub);
    sweep(&bench, &repo, &["--target", "core/src/*.rs"]);
    // Changed since its review, and committed; then the user goes on working.
    repo.write(&file("stale"), b"//! Rewritten.\npub(crate) fn value_stale() -> u32 { 7 }\npub(crate) fn other_stale() -> u32 { 11 }\n");
    repo.commit("rewrite stale");
    repo.write("stashed.txt", b"stashed");
    repo.git(&["stash", "-q", "-u"]);
    repo.write("core/src/good.rs", b"// in the middle of something\n");
    repo.write("staged.txt", b"staged");
    repo.git(&["add", "staged.txt"]);
    repo.write("untracked.txt", b"untracked");
    let before = user_state(&repo);
    let args = [
        "--max-files",
        "20",
        "--branch",
        "scrum/fixes",
        "--test",
        "cargo test --workspace --quiet",
    ];

    // A dry run says the same and leaves no trace at all.
    let branches = repo.git(&["branch", "-a"]);
    let dry = apply(&bench, &args);
    let good = &dry.rows["core/src/good.rs"];
    let why = format!("{}\n{}", good.reason, good.output_tail);
    assert_eq!(good.action.as_str(), "dry_run_would_commit", "{why}");
    assert_eq!(repo.git(&["branch", "-a"]), branches);
    assert!(!repo.path().join(".git/scrum").exists());
    assert_eq!(user_state(&repo), before);

    let mut commit = args.to_vec();
    commit.push("--commit");
    let done = apply(&bench, &commit);
    assert_eq!(
        done.decisions(),
        [
            ("core/src/bad_build.rs", "build_red_reverted", Some("check")),
            ("core/src/good.rs", "committed", None),
            ("core/src/lib.rs", "no_patches", None),
            ("core/src/malformed.rs", "all_rejected", None),
            ("core/src/mismatch.rs", "rationale_mismatch_reverted", Some("rationale")),
            ("core/src/nothing.rs", "no_patches", None),
            ("core/src/red_test.rs", "tests_red_reverted", Some("tests")),
            ("core/src/stale.rs", "stale", Some("fresh")),
            ("core/src/sure.rs", "all_rejected", Some("confidence")),
            ("core/src/twice.rs", "all_rejected", Some("unique")),
            ("core/src/two.rs", "committed", None),
            ("core/src/warns.rs", "warnings_increased_reverted", Some("warnings")),
            ("core/src/wide.rs", "all_rejected", Some("size")),
        ]
    );
    let row = |part: &str| &done.rows[&file(part)];
    assert!(row("malformed").reason.starts_with("malformed: "), "{}", row("malformed").reason);
    assert!(
        row("bad_build").output_tail.contains("mismatched types"),
        "{}",
        row("bad_build").output_tail
    );
    assert!(row("bad_build").reason.contains("error"), "{}", row("bad_build").reason);
    assert_eq!((row("warns").warnings_before, row("warns").warnings_after), (Some(0), Some(1)));
    assert_eq!((row("two").patches_applied, row("two").patches_rejected), (1, 1));
    assert_eq!(row("two").patches[1].gate.as_deref(), Some("unique"));
    assert_eq!(user_state(&repo), before, "nothing of the user's was touched");

    // One commit a file on top of what the branch was made from, and nothing else in it.
    let log = repo.git(&["log", "--format=%s", "main..scrum/fixes"]);
    let mut subjects: Vec<_> = log.lines().collect();
    subjects.sort_unstable();
    assert_eq!(
        subjects,
        [
            "auto-apply: 1 high-confidence fix in core/src/good.rs",
            "auto-apply: 1 high-confidence fix in core/src/two.rs"
        ]
    );
    let good = row("good").commit.clone().unwrap();
    assert_eq!(
        repo.git(&["diff", "--stat", "--format=", &format!("{good}^"), &good]).lines().count(),
        2
    );
    let message = repo.git(&["log", "-1", "--format=%B", &good]);
    let sweep_id = done.json["sweep"].as_str().unwrap();
    for line in [
        "- value_good is called by total now (96 %)".to_owned(),
        format!("Scrum-Sweep: {sweep_id}"),
        format!("Scrum-Review: {}", row("good").review_id),
        "Scrum-Model: stub/patcher".to_owned(),
    ] {
        assert!(message.lines().any(|l| l == line), "{line} in {message}");
    }
    assert_eq!(
        repo.git(&["log", "-1", "--format=%an <%ae>", &good]),
        "Scrum Fleet <scrum-fleet@localhost>"
    );
    let trees = bench.state().join("apply/trees");
    assert_eq!(std::fs::read_dir(trees).unwrap().count(), 0, "the worktrees are gone");

    // All decisions are in the report, and fit the schema that ships.
    let out = bench.out();
    bench.run(&["report", "latest", "--out", out.to_str().unwrap()]).expect(0);
    assert_eq!(crate::schemas::check_report(&out), 13);
    let told = std::fs::read_to_string(out.join("auto_apply.jsonl")).unwrap();
    assert_eq!(told.lines().count(), 26, "the dry run's and the other's");
    let report = std::fs::read_to_string(out.join("scrum_report.md")).unwrap();
    assert!(report.contains("- `core/src/good.rs`: committed, "), "{report}");

    // The same again finds the run that was there: no call, no check, no commit.
    let calls = stub.requests().len();
    let again = apply(&bench, &commit);
    assert_eq!(again.json["run"], done.json["run"]);
    assert_eq!(again.rows, done.rows);
    assert_eq!(stub.requests().len(), calls);
    assert_eq!(repo.git(&["rev-list", "--count", "main..scrum/fixes"]), "2");
}
