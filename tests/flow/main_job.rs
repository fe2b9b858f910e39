//! The main job, end to end: `scrum run` with a private Redis and the built-in reviewer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

use queue_schema::rows::ReviewRow;
use scrum_tests::model_stub::{ModelStub, Reply, answers};
use scrum_tests::process::{Bench, children};
use scrum_tests::repo::{TestRepo, large_file};
use serde_json::Value;
use std::path::Path;

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_newcomers_first_command_leaves_a_report() {
    let repo = TestRepo::with_files(5);
    repo.write("big.rs", large_file(9000).as_bytes());
    let commit = repo.commit("big");
    let bench = Bench::new(None, "");
    let out = bench.out();
    let args = [
        "run",
        repo.path().to_str().unwrap(),
        "--ladder",
        "builtin",
        "--out",
        out.to_str().unwrap(),
    ];
    let done = bench.run(&args).expect(0);
    assert!(done.stdout.contains("6 of 6 files reviewed, 0 unresolved"), "{}", done.stdout);
    assert!(done.stdout.contains("scrum_report.md"), "{}", done.stdout);

    let report = std::fs::read_to_string(out.join("scrum_report.md")).unwrap();
    assert!(report.contains("`src/f0.rs:5`"), "the unwrap is found where it is:\n{report}");
    let summary = read_json(&out.join("summary.json"));
    assert_eq!((&summary["target_count"], &summary["resolved"]), (&6.into(), &6.into()));
    assert_eq!(read_json(&out.join("scrum.sarif"))["version"], "2.1.0");
    assert!(out.join("review_src_f0.rs.json").is_file());
    let lines = std::fs::read_to_string(out.join("scrum_reviews.jsonl")).unwrap();
    let rows: Vec<ReviewRow> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((rows.len(), schemas::check_report(&out)), (6, 6));
    let big = rows.iter().find(|r| r.file == "big.rs").unwrap();
    assert!(!big.tree_split_fired && big.shards_total == 0, "the checks read any file whole");
    for row in &rows {
        assert_eq!((row.schema_version, row.scrum_master_reviewed), (4, true));
        assert_eq!(
            (row.commit.as_str(), row.accepted_model.as_str()),
            (commit.as_str(), "builtin/static-checks")
        );
    }
    // The private server and the workers are gone with the command.
    assert!(children(std::process::id(), "redis-server").is_empty());

    // The same command finds what was done and does nothing again.
    let again = bench.run(&args).expect(0);
    assert!(again.stderr.contains("exists already, and is over"), "{}", again.stderr);
    let lines_again = std::fs::read_to_string(out.join("scrum_reviews.jsonl")).unwrap();
    assert_eq!(lines, lines_again, "the same rows, not new ones");
    let forced: Vec<&str> = args.iter().copied().chain(["--again"]).collect();
    bench.run(&forced).expect(0);
    let anew = std::fs::read_to_string(out.join("scrum_reviews.jsonl")).unwrap();
    assert_ne!(lines, anew);
    let listed = bench.run(&["status", "--json"]).expect(0);
    let status: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(status["sweeps"].as_array().unwrap().len(), 2);
}

#[test]
fn odd_files_are_reviewed_or_listed_with_a_reason() {
    let repo = TestRepo::with_files(1);
    repo.write("data.rs", b"\x7fELF\0\0\x01");
    repo.write("empty.rs", b"");
    repo.write("noise.rs", b"fn main() {}\n\xff\xfe\x01\x02\x03\x04");
    repo.write("huge.rs", large_file(2 * 1024 * 1024).as_bytes());
    repo.write("Cargo.lock", b"version = 4\n");
    repo.write("secret.txt", b"kept out\n");
    repo.write(".scrumignore", b"secret.txt\n");
    std::os::unix::fs::symlink("/etc/passwd", repo.path().join("link.rs")).unwrap();
    repo.commit("odd");
    let bench = Bench::new(None, "");
    let out = bench.out();
    bench
        .run(&[
            "run",
            repo.path().to_str().unwrap(),
            "--ladder",
            "builtin",
            "--out",
            out.to_str().unwrap(),
        ])
        .expect(0);
    schemas::check_report(&out);
    let summary = read_json(&out.join("summary.json"));
    let skipped: Vec<(String, String)> = summary["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["file"].as_str().unwrap().to_owned(), s["reason"].as_str().unwrap().to_owned()))
        .collect();
    for (file, word) in [
        ("data.rs", "binary"),
        ("empty.rs", "empty"),
        ("noise.rs", "encoding"),
        ("huge.rs", "bytes"),
        ("link.rs", "link"),
        ("Cargo.lock", "lock"),
        ("secret.txt", "ignore"),
    ] {
        let reason = skipped.iter().find(|(f, _)| f == file).map(|(_, r)| r);
        let reason = reason.unwrap_or_else(|| panic!("{file} is not in {skipped:?}"));
        assert!(reason.to_lowercase().contains(&word.to_lowercase()), "{file}: {reason}");
    }
    let page = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let (report, files) = (page("scrum_report.md"), page("scrum_files.md"));
    assert!(report.contains("7 skipped") && files.contains("`huge.rs`"), "{report}\n{files}");
    assert!(!report.contains("root:") && !files.contains("root:"), "the link was not followed");
    // Everything is accounted for: 2 reviewed (.scrumignore and src/f0.rs), 7 skipped.
    let status = bench.run(&["status", "latest", "--json"]).expect(0);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    let sweep = &status["sweeps"][0];
    assert_eq!(
        (&sweep["total"], &sweep["resolved"], &sweep["skipped"]),
        (&9.into(), &2.into(), &7.into())
    );
}

#[test]
fn names_as_long_as_file_systems_take_have_their_reports() {
    let repo = TestRepo::new();
    let paths: Vec<String> = (236..=246).map(|n| format!("d/{}.rs", "x".repeat(n - 5))).collect();
    for path in &paths {
        repo.write(path, format!("pub const N: usize = {};\n", path.len()).as_bytes());
    }
    repo.commit("long names");
    let bench = Bench::new(None, "");
    let (path, out) = (repo.path().to_str().unwrap(), bench.out());
    let args = ["run", path, "--ladder", "builtin", "--out", out.to_str().unwrap()];
    let done = bench.run(&args).expect(0);
    assert!(done.stdout.contains("11 of 11 files reviewed"), "{}", done.stdout);
    assert_eq!(schemas::check_report(&out), paths.len());
    let names: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    let reported: Vec<String> = names
        .iter()
        .filter(|n| n.starts_with("review_") && n.ends_with(".json"))
        .map(|n| read_json(&out.join(n))["file"].as_str().unwrap().to_owned())
        .collect();
    assert!(paths.iter().all(|p| reported.contains(p)) && reported.len() == 11, "{names:?}");
    assert!(
        !names.iter().any(|n| n.starts_with(".scrum-new")),
        "nothing half-written is left: {names:?}"
    );
}

#[test]
fn a_line_of_the_ignore_file_that_is_no_pattern_is_told() {
    let repo = TestRepo::with_files(1);
    repo.write(".scrumignore", b"[z-a]/\nsecret.txt\n");
    repo.write("secret.txt", b"kept out\n");
    repo.commit("ignored");
    let bench = Bench::new(None, "");
    let run = ["run", repo.path().to_str().unwrap(), "--ladder", "builtin"];
    let told = ".scrumignore: line 1: '[z-a]/' is passed over";
    let done = bench.run(&run).expect(0);
    assert!(done.stdout.contains(told) && done.stdout.contains("1 skipped"), "{}", done.stdout);
    let status = bench.run(&["status"]).expect(0);
    assert!(status.stdout.contains(told), "{}", status.stdout);
}

#[test]
fn an_ignore_file_that_cannot_be_used_ends_the_sweep_before_anything_is_sent() {
    let stub = ModelStub::with(|_| Reply::ok(answers::markdown_review("any")));
    let link = |repo: &TestRepo| {
        std::os::unix::fs::symlink(".dockerignore", repo.path().join(".scrumignore")).unwrap();
        repo.commit("link");
    };
    let submodule = |repo: &TestRepo| {
        let entry = format!("160000,{},.scrumignore", "1".repeat(40));
        repo.git(&["update-index", "--add", "--cacheinfo", &entry]);
        repo.git(&["commit", "-q", "-m", "submodule"]);
    };
    let wide = |repo: &TestRepo| {
        repo.write(".scrumignore", b"s\0e\0c\0");
        repo.commit("wide");
    };
    let made: [&dyn Fn(&TestRepo); 3] = [&link, &submodule, &wide];
    for (make, why) in made.iter().zip(["symbolic link", "submodule", "UTF-8"]) {
        let repo = TestRepo::with_files(1);
        make(&repo);
        let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
        let ladder = bench.ladder();
        let run = ["run", repo.path().to_str().unwrap(), "--ladder", ladder.to_str().unwrap()];
        let done = bench.run(&run).expect(2);
        assert!(done.stderr.contains(why) && done.stderr.contains("commit it"), "{}", done.stderr);
    }
    assert_eq!(stub.requests().len(), 0);
}

#[test]
fn targets_documents_and_labels_reach_the_report() {
    let repo = TestRepo::with_files(3);
    repo.write("docs/x.md", b"# X\n\nSome words about the product.\n");
    repo.commit("docs");
    let bench = Bench::new(None, "");
    let out = bench.out();
    let prd = bench.dir.path().join("prd.md");
    std::fs::write(&prd, "# PRD\n\nThe function `read_0` must return an error for text that is no number, and never panic.\n").unwrap();
    bench
        .run(&[
            "run",
            repo.path().to_str().unwrap(),
            "--ladder",
            "builtin",
            "--target",
            "src/f0.rs",
            "--target",
            "docs/",
            "--prd",
            prd.to_str().unwrap(),
            "--label",
            "team=core",
            "--out",
            out.to_str().unwrap(),
        ])
        .expect(0);
    let lines = std::fs::read_to_string(out.join("scrum_reviews.jsonl")).unwrap();
    let rows: Vec<ReviewRow> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut files: Vec<_> = rows.iter().map(|r| r.file.as_str()).collect();
    files.sort_unstable();
    assert_eq!(schemas::check_report(&out), 2);
    assert_eq!(files, ["docs/x.md", "src/f0.rs"]);
    let chunk = &rows.iter().find(|r| r.file == "src/f0.rs").unwrap().top_chunks[0];
    assert_eq!((chunk.origin.as_str(), chunk.ranking.as_str()), ("prd", "lexical"));
    let report = std::fs::read_to_string(out.join("scrum_report.md")).unwrap();
    assert!(report.contains("team=core"), "{report}");
}

#[test]
fn a_sweep_of_nothing_says_so() {
    let repo = TestRepo::with_files(1);
    let bench = Bench::new(None, "");
    let done = bench
        .run(&[
            "run",
            repo.path().to_str().unwrap(),
            "--ladder",
            "builtin",
            "--target",
            "nothing/**",
        ])
        .expect(1);
    assert!(done.stderr.contains("no file of the commit matches"), "{}", done.stderr);
    let path = repo.path().to_str().unwrap();
    let args = ["run", path, "--ladder", "builtin", "--target", "nothing/**", "--json"];
    let done = bench.run(&args).expect(1);
    assert!(done.stderr.contains("no file of the commit matches"), "{}", done.stderr);
}

#[test]
fn a_target_that_matches_nothing_beside_others_is_told() {
    let repo = TestRepo::with_files(2);
    let bench = Bench::new(None, "");
    let path = repo.path().to_str().unwrap();
    let mut args =
        vec!["run", path, "--ladder", "builtin", "--target", "src/**", "--target", "dosc/"];
    let done = bench.run(&args).expect(0);
    assert!(done.stderr.contains("--target 'dosc/' matches no file"), "{}", done.stderr);
    assert!(!done.stderr.contains("--target 'src/**'"), "{}", done.stderr);
    args.push("--json");
    let told: Value = serde_json::from_str(&bench.run(&args).expect(0).stdout).unwrap();
    assert_eq!(told["unused_targets"], serde_json::json!(["dosc/"]));
    assert_eq!(told["resolved"], 2);
}

#[test]
fn a_directory_of_a_repository_means_all_of_it_and_that_is_told() {
    let repo = TestRepo::with_files(1);
    repo.write("packages/foo/a.rs", b"pub const A: u8 = 1;\n");
    repo.commit("a package");
    let bench = Bench::new(None, "");
    let (root, foo) = (repo.path(), repo.path().join("packages/foo"));
    let run = |path: &Path, more: &[&str]| {
        let args = [&["run", path.to_str().unwrap(), "--ladder", "builtin"], more].concat();
        bench.run(&args).expect(0)
    };
    let done = run(&foo, &[]);
    assert!(done.stdout.contains("2 of 2 files reviewed"), "{}", done.stdout);
    assert!(done.stderr.contains("for that alone: --target packages/foo"), "{}", done.stderr);
    let done = run(&foo, &["--target", "packages/foo"]);
    assert!(done.stdout.contains("1 of 1 files reviewed"), "{}", done.stdout);
    assert!(!done.stderr.contains("for that alone"), "{}", done.stderr);
    let done = run(root, &[]);
    assert!(!done.stderr.contains("for that alone"), "{}", done.stderr);
}

#[test]
fn a_report_replaces_the_one_that_was_in_its_directory() {
    let repo = TestRepo::with_files(3);
    let bench = Bench::new(None, "");
    let (path, out) = (repo.path().to_str().unwrap(), bench.out());
    let run = |more: &[&str]| {
        let args = ["run", path, "--ladder", "builtin", "--out", out.to_str().unwrap()];
        bench.run(&[&args, more].concat()).expect(0)
    };
    let list = || -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(&out)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    run(&[]);
    let files = [
        "review_src_f0.rs.json",
        "review_src_f0.rs.md",
        "review_src_f1.rs.json",
        "review_src_f1.rs.md",
        "review_src_f2.rs.json",
        "review_src_f2.rs.md",
    ];
    let always = [
        ".scrum-report",
        "audit_facts.jsonl",
        "auto_apply.jsonl",
        "model_trust.jsonl",
        "observer_diagnoses.jsonl",
        "scrum.sarif",
        "scrum_files.md",
        "scrum_loop_metrics.jsonl",
        "scrum_report.md",
        "scrum_reviews.jsonl",
        "summary.json",
    ];
    let all = |files: &[&'static str]| {
        let mut all = [&always[..], files].concat();
        all.sort_unstable();
        all
    };
    assert_eq!(list(), all(&files));
    assert_eq!(schemas::check_report(&out), 3);
    let models = std::fs::read_to_string(out.join("model_trust.jsonl")).unwrap();
    assert_eq!(schemas::check_rows("model_trust", &models), 1, "{models}");
    // What an earlier `scrum apply` left, and what people put there.
    std::fs::write(out.join("auto_apply.jsonl"), "{}\n").unwrap();
    std::fs::write(out.join("review_notes.json"), "{\"file\":\"src/f1.rs\"}").unwrap();
    std::fs::copy(out.join(files[1]), out.join("review_notes.md")).unwrap();
    std::fs::create_dir(out.join("review_dir.json")).unwrap();
    std::os::unix::fs::symlink(out.join(files[2]), out.join("review_src_f9.rs.json")).unwrap();

    let done = run(&["--target", "src/f0.rs"]);
    assert!(done.stderr.contains("removed 4 files of an earlier report"), "{}", done.stderr);
    let theirs =
        ["review_dir.json", "review_notes.json", "review_notes.md", "review_src_f9.rs.json"];
    assert_eq!(list(), all(&[&files[..2], &theirs].concat()));
    std::fs::remove_file(out.join("review_src_f9.rs.json")).unwrap();
    assert_eq!(schemas::check_report(&out), 1);
    assert_eq!(std::fs::read_to_string(out.join("auto_apply.jsonl")).unwrap(), "");
}

#[test]
fn what_is_the_same_sweep_keeps_its_labels_and_rank_and_says_so() {
    let repo = TestRepo::with_files(2);
    let bench = Bench::new(None, "");
    let path = repo.path().to_str().unwrap();
    let ladder = bench.ladder();
    let write = |note: &str| {
        let text = format!(
            "name='t'\ndescription='{note}'\n[[rungs]]\nprovider='builtin'\nmodel='static-checks'\nnote='{note}'\n"
        );
        std::fs::write(&ladder, text).unwrap();
    };
    write("one");
    let ladder = ladder.to_str().unwrap();
    let first = ["run", path, "--ladder", ladder, "--target", "src/", "--target", "src/f0.rs"];
    let done = bench.run(&[&first[..], &["--label", "team=core"]].concat()).expect(0);
    let id = done.stdout.split([' ', ':']).nth(1).unwrap().to_owned();
    write("other words");
    let second = ["run", path, "--ladder", ladder, "--target", "src/f0.rs", "--target", "src/"];
    let more = ["--label", "team=edge", "--priority", "high"];
    let mut again = bench.scrum(&[&second[..], &more].concat());
    again.env("SCRUM__SWEEP__ADMISSION_WINDOW", "7").env("SCRUM__SWEEP__PLAN_PAGE", "9");
    let out = again.output().unwrap();
    let told = String::from_utf8_lossy(&out.stderr);
    assert!(told.contains(&format!("sweep {id} exists already")), "{told}");
    assert!(told.contains("keeps its labels; ignored: team=edge"), "{told}");
    assert!(told.contains("keeps its rank, normal; ignored: --priority high"), "{told}");
    let done = bench.run(&first).expect(0);
    assert!(!done.stderr.contains("left out"), "{}", done.stderr);
}

#[test]
fn more_targets_than_a_page_and_the_window_are_all_done() {
    let repo = TestRepo::with_files(60);
    let bench = Bench::new(None, "[sweep]\nplan_page = 7\nadmission_window = 5\n");
    let done = bench
        .run(&["run", repo.path().to_str().unwrap(), "--ladder", "builtin", "--workers", "2"])
        .expect(0);
    assert!(done.stdout.contains("60 of 60 files reviewed"), "{}", done.stdout);
}

/// The programs are built with fewer features of the regex crate than the tests of the checks.
#[test]
fn checks_that_ignore_case_fire_in_the_programs_too() {
    let repo = TestRepo::new();
    for (name, line) in [
        (
            "a.py",
            "def f(db, name):\n    db.execute(\"select * from t where name = '%s'\" % name)\n",
        ),
        ("c.py", "# Todo: remove this after 2021-03-01\nkeep = 1\n"),
    ] {
        repo.write(name, line.as_bytes());
    }
    repo.commit("two faults");
    let bench = Bench::new(None, "");
    let done = bench.run(&["run", repo.path().to_str().unwrap(), "--ladder", "builtin"]).expect(0);
    for name in ["a.py:2", "c.py:1"] {
        assert!(done.stdout.contains(name), "{name}: {}", done.stdout);
    }
}

/// The schema that ships has teeth: a row that is off in one place is refused.
#[test]
fn what_is_no_row_does_not_fit_the_schema() {
    let repo = TestRepo::with_files(1);
    let bench = Bench::new(None, "");
    let (path, out) = (repo.path().to_str().unwrap(), bench.out());
    bench.run(&["run", path, "--ladder", "builtin", "--out", out.to_str().unwrap()]).expect(0);
    let line = std::fs::read_to_string(out.join("scrum_reviews.jsonl")).unwrap();
    let row: Value = serde_json::from_str(&line).unwrap();
    let fits = |row: &Value| {
        let line = row.to_string();
        std::panic::catch_unwind(|| schemas::check_rows("scrum_reviews", &line)).is_ok()
    };
    assert!(fits(&row));
    for (place, wrong) in [
        ("/reviewed_at", "yesterday".into()),
        ("/accepted_model", "nameless".into()),
        ("/confidence_min", 101.into()),
        ("/alignment_score", 11.into()),
        ("/gradient_tier", "perhaps".into()),
        ("/output_format", "html".into()),
        ("/verdict", "maybe".into()),
        ("/schema_version", 3.into()),
        ("/scrum_master_reviewed", false.into()),
        ("/commit", "HEAD".into()),
        ("/blob", Value::Null),
        ("/tokens_in", (-1).into()),
        ("/attempts", Value::Array(Vec::new())),
        ("/attempts/0/outcome", "fine".into()),
        ("/findings/0/kind", "nonsense".into()),
        ("/findings/0/confidence", 101.into()),
        ("/findings/0/line", 0.into()),
    ] {
        let mut row = row.clone();
        *row.pointer_mut(place).unwrap_or_else(|| panic!("there is no {place}")) = wrong;
        assert!(!fits(&row), "{place}");
    }
    for name in ["file", "verdict", "top_chunks"] {
        let mut row = row.clone();
        row.as_object_mut().unwrap().remove(name);
        assert!(!fits(&row), "without {name}");
    }
    let mut more = row.clone();
    more["findings"][0]["more"] = 1.into();
    assert!(!fits(&more), "a member too many");
}

/// What is lost. Items that differ in their numbers alone would be taken for a loop.
const LOST: [&str; 19] = [
    "answer", "total", "price", "name", "address", "date", "order", "user", "token", "page",
    "image", "sound", "file", "folder", "key", "value", "error", "reason", "place",
];

#[test]
fn each_finding_is_anchored_where_it_points() {
    // Twenty functions of five lines with the same fourth line.
    let handler = |n: u32| {
        format!("def handler_{n}(m):\n    if m:\n        go({n})\n        return None\n\n")
    };
    let repo = TestRepo::new();
    repo.write("handlers.py", (0..20).map(handler).collect::<String>().as_bytes());
    repo.commit("handlers");
    let place = |n: u32| match n % 4 {
        0 => format!("`handler_{n}`"),
        1 => format!("the function handler_{n} (line {})", 5 * n + 3),
        2 => format!("line {}", 5 * n + 4),
        _ => format!("between handler_{n} and handler_{}", n + 1),
    };
    let item = |n: u32| {
        let (m, lost) = (n + 1, LOST[n as usize]);
        format!(
            "{m}. **The {lost} is lost** (Confidence: 95%)\n   - Where: {}\n   - Quote: `return None`\n   - Change: raise\n",
            place(n)
        )
    };
    let answer = format!(
        "## Score\nAlignment score: 7/10\n\n## Suggested changes\n{}20. **Some result is lost** (Confidence: 95%)\n   - Quote: `return None`\n",
        (0..19).map(item).collect::<String>()
    );
    let stub = ModelStub::with(move |call| {
        Reply::ok(answers::facts_or(&call.system).unwrap_or_else(|| answer.clone()))
    });
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
    bench.review(&repo, &[]).expect(0);
    let sarif = read_json(&bench.out().join("scrum.sarif"));
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let line = |result: &Value| {
        let place = &result["locations"][0]["physicalLocation"];
        place["region"]["startLine"].as_u64()
    };
    let lines: Vec<_> = results.iter().filter_map(line).collect();
    let right: Vec<u64> = (0..19).map(|n| 5 * n + 4).collect();
    assert_eq!(lines, right, "each at its own line");
    let undecided = results.iter().find(|result| line(result).is_none()).unwrap();
    assert_eq!(undecided["relatedLocations"].as_array().unwrap().len(), 20);
    assert_eq!(undecided["properties"]["ambiguous"], true);
    let page = std::fs::read_to_string(bench.out().join("scrum_report.md")).unwrap();
    assert!(page.contains("the quote stands on lines 4, 9, 14"), "{page}");
}
