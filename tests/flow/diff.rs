//! `scrum diff`: a change, reviewed by several models at once over a real repository.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "diff/claims.rs"]
mod claims;
#[path = "diff/kept.rs"]
mod kept;

use queue_schema::rows::DiffReview;
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply, answers};
use scrum_tests::process::{Bench, Done};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use scrum_tests::web::Web;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// A branch that changes a file in each of three directories.
fn branch() -> TestRepo {
    let repo = TestRepo::new();
    for part in ["api", "core", "ui"] {
        repo.write(&format!("{part}/lib.rs"), source(part, 10).as_bytes());
    }
    repo.commit("main");
    repo.git(&["checkout", "-q", "-b", "feature"]);
    change(&repo, &["api", "core", "ui"], 100);
    repo
}

fn source(part: &str, most: u32) -> String {
    let comment =
        format!("// It was made for {most}, which makes the change longer than a part may be.\n");
    let comment = comment.repeat(6);
    format!("{comment}pub fn take_{part}(values: &[u32]) -> u32 {{\n    values[{most}]\n}}\n")
}

fn change(repo: &TestRepo, parts: &[&str], most: u32) {
    for part in parts {
        repo.write(&format!("{part}/lib.rs"), source(part, most).as_bytes());
    }
    repo.commit("change");
}

/// What a reviewer says of the first file that the prompt shows; nothing for a `ship`.
fn says(call: &Recorded, severity: &str) -> String {
    let part =
        ["api", "core", "ui"].into_iter().find(|p| call.prompt.contains(&format!("take_{p}")));
    let part = part.unwrap_or("api");
    if severity == "ship" {
        return format!(
            "I read the change of {part}/lib.rs line by line, with the function take_{part} around it, and the \
             index that it now takes is the one that its callers pass.\n\nNo findings.\n\nVERDICT: ship\n"
        );
    }
    format!(
        "SEVERITY: {severity}\nWHERE: {part}/lib.rs:8\nQUOTE: `values[100]`\nWHAT: the index 100 is not checked \
         against the length of the slice\nWHY: a slice of fewer than 101 values panics at this line\n\n\
         VERDICT: hold, the index may panic\n"
    )
}

/// Each model answers as its name says: `block`, `warn`, `info`, `ship`; `away` is never there, `empty` says nothing.
fn stub() -> ModelStub {
    ModelStub::with(|call: &Recorded| match call.model.split('-').next().unwrap() {
        "away" => Reply::status(401, "no such key"),
        "empty" => Reply::ok(answers::thin()),
        "ship" => Reply::ok(says(call, "ship")),
        severity => Reply::ok(says(call, &severity.to_uppercase())),
    })
}

fn bench(stub: &ModelStub) -> Bench {
    Bench::with_stub(None, &stub.openai_url(), &["a"])
}

/// `scrum diff main..HEAD`, by reviewers of these models.
fn diff(bench: &Bench, repo: &TestRepo, models: &[&str], more: &[&str]) -> Done {
    let named: Vec<String> =
        models.iter().enumerate().map(|(n, m)| format!("--reviewer=r{n}=stub/{m}")).collect();
    let mut args = vec!["diff", repo.path().to_str().unwrap(), "main..HEAD"];
    args.extend(named.iter().map(String::as_str));
    args.extend(more);
    bench.run(&args)
}

#[test]
fn reviewers_are_asked_at_once_and_end_with_a_tally() {
    let (repo, gate) = (branch(), Gate::new());
    let held = gate.clone();
    let stub = ModelStub::with(move |call: &Recorded| {
        let word = if call.model == "c" { "ship" } else { "BLOCK" };
        Reply::ok(says(call, word)).held_by(&held)
    });
    let bench = bench(&stub);
    let out = bench.out();
    let reviewers = ["a", "b", "c", "d"].map(|m| format!("--reviewer={m}=stub/{m}"));
    let mut args = vec!["diff", repo.path().to_str().unwrap(), "main...HEAD"];
    args.extend(reviewers.iter().map(String::as_str));
    args.extend(["--out", out.to_str().unwrap()]);
    let child = bench.scrum(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // All of them are asked before one has answered: a further reviewer takes no further time.
    eventually(LONG, "all are asked", || (stub.stats().requests == 4).then_some(()));
    gate.open();
    let done = Done::from(child.wait_with_output().unwrap()).expect(1);
    assert_eq!(stub.stats().requests, 4, "the change is one part");
    assert!(done.stdout.contains("lib.rs:8"), "{}", done.stdout);
    for name in ["scrum_diff.md", "scrum_diff.json", "scrum_diff.sarif"] {
        assert!(out.join(name).is_file(), "{name}");
    }
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let sarif: Value = serde_json::from_str(&read("scrum_diff.sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let quality: Value = serde_json::from_str(&read("scrum_diff.codequality.json")).unwrap();
    let entry = &quality[0];
    assert_eq!(entry["location"], json!({"path": "api/lib.rs", "lines": {"begin": 8}}), "{entry}");
    assert_eq!(
        (&entry["severity"], &entry["check_name"]),
        (&"blocker".into(), &"scrum-convergent".into())
    );
    assert_eq!(entry["fingerprint"].as_str().map(str::len), Some(16));
    assert!(read("scrum_diff.md").contains("index 100 is not checked"));
    let rows = read("diff_reviews.jsonl");
    let rows: Vec<DiffReview> = rows.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut names: Vec<&str> = rows.iter().map(|row| row.reviewer.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c", "d"]);
    let prompts: Vec<String> = stub.requests().into_iter().map(|call| call.prompt).collect();
    assert!(prompts.iter().all(|p| p.contains("values[100]")), "each sees the change");
    assert!(!prompts.iter().any(|p| p.contains("t@example.com")), "nobody sees its author");
}

#[test]
fn the_exit_code_says_what_the_tally_comes_to() {
    let (repo, stub) = (branch(), stub());
    let bench = bench(&stub);
    for (models, more, code) in [
        (&["ship", "ship-2"][..], &[][..], 0),
        (&["block", "block-2"], &[], 1),
        (&["block", "ship"], &[], 0),
        (&["block", "ship"], &["--fail-on", "block"], 1),
        (&["warn", "ship"], &["--fail-on", "block"], 0),
        (&["warn", "ship"], &["--fail-on", "warn"], 1),
        (&["block", "block-2"], &["--fail-on", "never"], 0),
        // Unreviewed is never green.
        (&["ship", "away"], &["--fail-on", "never"], 2),
        (&["empty", "away"], &[], 2),
        (&["ship", "ship-2", "away"], &[], 0),
        (&["block"], &["--fail-on", "block"], 1),
        (&["ship"], &[], 0),
    ] {
        let done = diff(&bench, &repo, models, more);
        assert_eq!(done.code, code, "{models:?} {more:?}: {}{}", done.stdout, done.stderr);
    }
}

#[test]
fn a_change_that_nobody_has_reviewed_has_no_verdict() {
    let (repo, gate, redis) = (branch(), Gate::new(), RedisServer::start());
    let held = gate.clone();
    let stub = ModelStub::with(move |_: &Recorded| Reply::ok(answers::thin()).held_by(&held));
    let bench = Bench::with_stub(Some(redis.url()), &stub.openai_url(), &["a"]);
    let (_worker, web) = (bench.worker(&[]), Web::start(&bench));
    let path = repo.path().to_str().unwrap();
    let args = ["diff", path, "main..HEAD", "--reviewer=a=stub/a", "--json"];
    let child = bench.scrum(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually(LONG, "one is asked", || (stub.stats().in_flight == 1).then_some(()));
    let changes = web.ask("GET", "/diffs.json", "").json;
    let at = format!("/diffs/{}", changes["changes"][0]["sweep"]["id"].as_str().unwrap());
    let shown = |want: &str| {
        let page = web.page(&at).body;
        assert!(page.contains(&format!("{want}: 0 findings")), "{page}");
        assert!(
            !page.contains(">ship<") && !page.contains("Nobody found anything wrong"),
            "{page}"
        );
        assert_eq!(web.ask("GET", &format!("{at}.json"), "").json["verdict"], json!(null));
    };
    shown("under review");
    gate.open();
    let done = Done::from(child.wait_with_output().unwrap()).expect(2);
    let said: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(said["verdict"], json!(null), "{said}");
    assert!(said["summary"].as_str().unwrap().starts_with("not reviewed: "), "{said}");
    shown("not reviewed");
}

#[test]
fn a_second_head_asks_only_what_changed() {
    let (repo, stub) = (branch(), stub());
    let bench =
        bench(&stub).set("diff.split_over_bytes", "1000").set("diff.warn_over_bytes", "1000");
    let first = diff(&bench, &repo, &["block", "warn"], &["--json"]).expect(1);
    let calls = stub.stats().requests;
    assert_eq!(calls, 6, "three parts for two reviewers: {}", first.stderr);
    diff(&bench, &repo, &["block", "warn"], &[]).expect(1);
    assert_eq!(stub.stats().requests, calls, "the same head asks nothing");
    change(&repo, &["core"], 101);
    diff(&bench, &repo, &["block", "warn"], &[]).expect(1);
    assert_eq!(stub.stats().requests, calls + 2, "one part changed");
    diff(&bench, &repo, &["block", "warn", "ship"], &[]).expect(1);
    assert_eq!(stub.stats().requests, calls + 5, "a further reviewer is the only one to be asked");
}

/// What earlier sweeps found in its files is told to reviewers as hints, and listed in the report; what people
/// dismissed as dismissed, and nothing of other files.
#[test]
fn reviewers_are_told_what_is_known_of_the_files_of_a_change() {
    let (repo, stub) = (TestRepo::new(), stub());
    let bench = bench(&stub);
    let trap = |name: &str| {
        format!("def {name}(item, bucket=[]):\n    bucket.append(item)\n    return bucket\n")
    };
    repo.write("app/kept.py", trap("gather_kept").as_bytes());
    repo.write("app/waved.py", trap("gather_waved").as_bytes());
    repo.write("app/other.py", trap("gather_other").as_bytes());
    repo.commit("main");
    bench.run(&["run", repo.path().to_str().unwrap(), "--ladder", "builtin"]).expect(0);
    let repo_path = repo.path().to_str().unwrap();
    let listed =
        bench.run(&["findings", repo_path, "list", "--path", "app/waved.py", "--json"]).expect(0);
    let waved: Value = serde_json::from_str(listed.stdout.lines().next().unwrap()).unwrap();
    let id = waved[0]["id"].as_str().unwrap_or_else(|| panic!("an id in {waved}"));
    bench.run(&["findings", repo_path, "dismiss", id, "--why", "a cache, on purpose"]).expect(0);
    repo.git(&["checkout", "-q", "-b", "feature"]);
    for name in ["kept", "waved"] {
        repo.write(
            &format!("app/{name}.py"),
            format!("{}\nLIMIT = 3\n", trap(&format!("gather_{name}"))).as_bytes(),
        );
    }
    repo.commit("change");
    let out = bench.out();
    diff(&bench, &repo, &["ship"], &["--out", out.to_str().unwrap()]).expect(0);
    let prompt = stub.requests().pop().unwrap().prompt;
    let (_, hints) =
        prompt.split_once("What was said of these files before; it may be wrong").unwrap();
    let (hints, _) = hints.split_once("LIMIT").unwrap();
    assert!(hints.contains("- app/kept.py:1: ") && hints.contains("(open, "), "{hints}");
    assert!(hints.contains("(dismissed by a person: a cache, on purpose)"), "{hints}");
    assert!(!hints.contains("app/other.py"), "{hints}");
    let page = std::fs::read_to_string(out.join("scrum_diff.md")).unwrap();
    let (_, known) = page.split_once("## Known of these files before").unwrap();
    assert!(known.contains("`app/kept.py:1`") && known.contains("a cache, on purpose"), "{known}");
}
