//! Tests that prove findings: which pass the gates, and which gate stops each of the others.

use crate::bed::{self, apply, bench, patch, path_in, sweep, user_state};
use queue_schema::rows::{AutoApplyRow, Proof, ReviewRow};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply};
use scrum_tests::process::Bench;
use scrum_tests::repo::TestRepo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::Command;

/// A call for a test.
fn is_test(call: &Recorded) -> bool {
    call.prompt.contains("# Claim to be tested")
}

/// A file of a project: its path, what the model answers for patches, and the test that it writes.
type Case<'a> = (&'a str, Value, String);

/// A stub with the answers of these cases.
fn stub(cases: &[Case<'_>]) -> ModelStub {
    let known: BTreeMap<String, (String, String)> = cases
        .iter()
        .map(|(path, p, test)| ((*path).into(), (p.to_string(), test.clone())))
        .collect();
    ModelStub::with(move |call| {
        let (patches, test) = known.get(&path_in(&call.prompt)).cloned().unwrap_or_default();
        Reply::ok(match (is_test(call), bed::is_patch(call)) {
            (true, _) => test,
            (_, true) => patches,
            _ => bed::sure_review(&call.prompt),
        })
    })
}

/// A bench in which nothing but the word of a reviewer stands behind findings, and only a test can change that.
fn proving(stub: &ModelStub) -> Bench {
    bench(None, stub).set("apply.unconfirmed", "false")
}

fn block(language: &str, text: &str) -> String {
    format!("Here is the test.\n\n```{language}\n{text}```\n")
}

/// The rows of a run, each with what became of it: the action, whether the finding is proven, the gate, and how
/// often the test ran.
fn ends(rows: &BTreeMap<String, AutoApplyRow>) -> Vec<(&str, &str, bool, Option<&str>, u32)> {
    let end = |row: &'_ AutoApplyRow| {
        let Proof { proven, gate, runs, .. } = row.proof.clone().unwrap();
        (proven, gate.map(|g| &*Box::leak(g.into_boxed_str())), runs)
    };
    rows.values()
        .map(|row| {
            let (proven, gate, runs) = end(row);
            let name = row.file.rsplit('/').next().unwrap();
            (name, row.action.as_str(), proven, gate, runs)
        })
        .collect()
}

/// A Python module of one function, which is to double and does not.
const PRICE: &[u8] =
    b"\"\"\"A price.\"\"\"\n\n\ndef price(amount):\n    \"\"\"Twice the amount.\"\"\"\n    return amount * 3\n";

fn doubled() -> Value {
    patch("return amount * 3", "return amount * 2", "amount is doubled", 96)
}

/// A test of the module `name` with this body.
fn unittest(name: &str, body: &str) -> String {
    let body = body.replace('\n', "\n        ");
    let text = format!(
        "import os, time, unittest\nfrom shop.{name} import price\n\n\nclass Claim(unittest.TestCase):\n    def test_it(self):\n        {body}\n\n\nif __name__ == \"__main__\":\n    unittest.main()\n"
    );
    block("python", &text)
}

/// Counts its runs in the home of the sandbox, which is kept; asserts by that number, which begins at 0.
fn counting(name: &str, right: &str) -> String {
    let body = format!(
        "log = os.path.expanduser(\"~/{name}\")\nn = len(open(log).read()) if os.path.exists(log) else 0\nopen(log, \"a\").write(\".\")\nself.assertTrue({right})"
    );
    unittest(name, &body)
}

fn shop(names: &[&str]) -> TestRepo {
    let repo = TestRepo::new();
    repo.write("pyproject.toml", b"[project]\nname = 'shop'\nversion = '0'\n");
    for name in names {
        repo.write(&format!("shop/{name}.py"), PRICE);
    }
    repo.commit("a shop");
    repo
}

#[test]
fn of_python_tests_only_one_that_shows_the_fault_lets_its_fix_in() {
    let right = "self.assertEqual(price(2), 4)";
    let cases: Vec<Case<'_>> = vec![
        ("shop/always.py", doubled(), unittest("always", "self.assertEqual(price(0), 0)")),
        ("shop/error.py", doubled(), unittest("error", "price(2).no_such_thing()")),
        ("shop/flaky.py", doubled(), counting("flaky", "n in (1, 2)")),
        ("shop/good.py", doubled(), unittest("good", right)),
        ("shop/none.py", doubled(), "NONE".to_owned()),
        ("shop/nopatch.py", json!({"patches": []}), unittest("nopatch", right)),
        ("shop/sticky.py", doubled(), counting("sticky", "n > 0")),
        ("shop/syntax.py", doubled(), block("python", "import unittest\nclass (:\n")),
        (
            "shop/touch.py",
            doubled(),
            unittest("touch", "open(\"shop/good.py\", \"w\").close()\nself.fail()"),
        ),
        (
            "shop/useless.py",
            patch("A price.", "The price.", "price is one", 96),
            unittest("useless", right),
        ),
        (
            "shop/writes.py",
            doubled(),
            unittest("writes", "open(\"notes.txt\", \"w\").close()\nself.fail()"),
        ),
    ];
    let names: Vec<&str> = cases.iter().map(|(path, ..)| &path[5..path.len() - 3]).collect();
    let repo = shop(&names);
    let stub = stub(&cases);
    let bench = proving(&stub);
    sweep(&bench, &repo, &["--target", "shop/*.py"]);
    let none = apply(&bench, &[]);
    assert_eq!(
        none.json["decisions"],
        json!([]),
        "without --prove nothing stands behind a finding"
    );

    let (before, calls) = (user_state(&repo), stub.requests().len());
    let done =
        apply(&bench, &["--prove", "--max-files", "20", "--commit", "--branch", "scrum/proven"]);
    let told = |name: &str| done.rows[&format!("shop/{name}.py")].proof.clone().unwrap();
    let all: Vec<_> = done.rows.values().map(|r| (&r.file, &r.reason, &r.proof)).collect();
    assert_eq!(
        ends(&done.rows),
        [
            ("always.py", "all_rejected", false, Some("before"), 1),
            ("error.py", "all_rejected", false, Some("before"), 1),
            ("flaky.py", "all_rejected", true, Some("repeat"), 4),
            ("good.py", "committed", true, None, 7),
            ("none.py", "all_rejected", false, Some("answer"), 0),
            ("nopatch.py", "no_patches", true, None, 1),
            ("sticky.py", "all_rejected", true, Some("revert"), 7),
            ("syntax.py", "all_rejected", false, Some("before"), 1),
            ("touch.py", "all_rejected", false, Some("touches"), 1),
            ("useless.py", "all_rejected", true, Some("after"), 2),
            ("writes.py", "all_rejected", false, Some("touches"), 1),
        ],
        "{all:#?}"
    );
    for (name, why) in [
        ("always", "the test passes without the patch"),
        ("error", "fails otherwise than by an assertion: AttributeError"),
        ("flaky", "not on run 3 of 5"),
        ("none", "there is no test: malformed: the model wrote none"),
        ("sticky", "the test passes once the patch is taken back"),
        ("syntax", "does not compile or load"),
        ("touch", "the test changes shop/good.py"),
        ("useless", "the test does not pass with the patch"),
        ("writes", "the test changes notes.txt"),
    ] {
        assert!(told(name).reason.contains(why), "{name}: {:?}", told(name));
    }
    let stopped = &done.rows["shop/sticky.py"];
    assert_eq!(stopped.patches[0].gate.as_deref(), Some("proof"), "{stopped:?}");
    assert!(
        told("nopatch").text.contains("price(2), 4")
            && told("nopatch").output_tail.contains("AssertionError")
    );
    // One call for each test, and one for patches where there is a test.
    assert_eq!(stub.requests().len() - calls, 2 * cases.len() - 1);

    // One commit with the fix and its test; nothing of the user's is touched.
    assert_eq!(user_state(&repo), before);
    let good = told("good");
    assert!(good.test.starts_with("tests/test_finding_good_"), "{good:?}");
    assert_eq!(repo.git(&["rev-list", "--count", "main..scrum/proven"]), "1");
    let changed = repo.git(&["diff-tree", "-r", "--name-status", "main", "scrum/proven"]);
    assert_eq!(changed, format!("M\tshop/good.py\nA\t{}", good.test));
    assert_eq!(repo.git(&["show", &format!("scrum/proven:{}", good.test)]), good.text.trim());
    let message = repo.git(&["log", "-1", "--format=%B", "scrum/proven"]);
    assert!(
        message.contains(&format!("{} fails without this change and passes with it.", good.test)),
        "{message}"
    );
    // The test does what the row says, by the command that the row names.
    repo.git(&["checkout", "-q", "scrum/proven"]);
    let by_hand = || {
        Command::new("sh").args(["-c", &good.command]).current_dir(repo.path()).output().unwrap()
    };
    assert!(by_hand().status.success());
    repo.write("shop/good.py", PRICE);
    let failed = by_hand();
    assert!(String::from_utf8_lossy(&failed.stderr).contains("FAILED (failures=1)"), "{failed:?}");
    repo.git(&["checkout", "-q", "-f", "main"]);

    shown_and_kept(&bench, &repo, &told("nopatch"));
}

/// What is proven is shown wherever the finding is, and the next sweep knows it.
fn shown_and_kept(bench: &Bench, repo: &TestRepo, proof: &Proof) {
    let out = bench.out();
    bench.run(&["report", "latest", "--out", out.to_str().unwrap()]).expect(0);
    crate::schemas::check_report(&out);
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let report = read("scrum_report.md");
    assert!(
        report.contains(&format!(
            "`shop/nopatch.py`: no patches, finding proven by `{}`",
            proof.test
        )),
        "{report}"
    );
    let proven = |rows: &str| -> Vec<String> {
        let rows: Vec<ReviewRow> = rows.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let proven = |row: &ReviewRow| row.findings.iter().any(|f| f.proven.is_some());
        rows.iter().filter(|row| proven(row)).map(|row| row.file.clone()).collect()
    };
    let all =
        ["shop/flaky.py", "shop/good.py", "shop/nopatch.py", "shop/sticky.py", "shop/useless.py"];
    let mut found = proven(&read("scrum_reviews.jsonl"));
    found.sort();
    assert_eq!(found, all);
    let repo_path = repo.path().to_str().unwrap();
    let id = proof.finding_id.clone().unwrap();
    let listed = bench.run(&["findings", repo_path, "list", "--confirmed"]).expect(0).stdout;
    assert!(listed.lines().any(|l| l.starts_with(&id) && l.contains("proven: ")), "{listed}");
    assert_eq!(listed.lines().count(), all.len() + 1, "{listed}");
    let shown = bench.run(&["findings", repo_path, "show", &id]).expect(0).stdout;
    assert!(shown.contains(&format!("proven   by the test {} on ", proof.test)), "{shown}");

    repo.write("notes.md", b"Notes.\n");
    repo.write("shop/useless.py", &[PRICE, b"\n\ndef other():\n    return 1\n"].concat());
    repo.commit("go on");
    sweep(bench, repo, &["--target", "shop/*.py"]);
    let out = bench.dir.path().join("later");
    bench.run(&["report", "latest", "--out", out.to_str().unwrap()]).expect(0);
    let mut found = proven(&std::fs::read_to_string(out.join("scrum_reviews.jsonl")).unwrap());
    found.sort();
    assert_eq!(found, all, "the next sweep's findings are the same");
}

#[test]
fn a_test_that_takes_too_long_shows_nothing() {
    let repo = shop(&["late"]);
    let stub = stub(&[("shop/late.py", doubled(), unittest("late", "time.sleep(3600)"))]);
    let bench = proving(&stub).set("apply.prove_timeout_s", "2");
    sweep(&bench, &repo, &["--target", "shop/*.py"]);
    let done = apply(&bench, &["--prove"]);
    assert_eq!(ends(&done.rows), [("late.py", "all_rejected", false, Some("before"), 1)]);
    let reason = &done.rows["shop/late.py"].reason;
    assert!(reason.contains("was not done in 2 s (apply.prove_timeout_s)"), "{reason}");
}

#[test]
fn a_hostile_test_reaches_nothing_outside_its_sandbox() {
    let place = tempfile::tempdir().unwrap();
    let (secret, outside) = (place.path().join("secret"), place.path().join("outside"));
    std::fs::write(&secret, "canary-value").unwrap();
    std::fs::write(&outside, "as it was").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let home = std::env::var("HOME").unwrap();
    let body = format!(
        "import socket\ndone = []\ndef attempt(what, act):\n    try:\n        act()\n        done.append(what)\n    except OSError:\n        pass\nattempt(\"network\", lambda: socket.create_connection((\"127.0.0.1\", {port}), 5))\nattempt(\"read\", lambda: open(\"{}\").read())\nattempt(\"write\", lambda: open(\"{}\", \"a\").write(\"x\"))\nattempt(\"home\", lambda: os.listdir(\"{home}/.ssh\"))\nattempt(\"git\", lambda: os.listdir(\".git\"))\nif any(\"canary\" in v for v in os.environ.values()):\n    done.append(\"environment\")\nself.assertEqual((price(2), done), (4, []))",
        secret.display(),
        outside.display()
    );
    let repo = shop(&["evil"]);
    let stub = stub(&[("shop/evil.py", doubled(), unittest("evil", &body))]);
    let bench = proving(&stub);
    sweep(&bench, &repo, &["--target", "shop/*.py"]);
    let mut command = bench.scrum(&["apply", "latest", "--json", "--prove"]);
    command.env("SECRET_CANARY", "canary-value");
    let done = scrum_tests::process::Done::from(command.output().unwrap()).expect(0);
    let done = bed::Applied::of(&done);
    let row = &done.rows["shop/evil.py"];
    let proof = row.proof.clone().unwrap();
    // It passed with the patch, so that none of its attempts came to anything.
    assert_eq!(
        (row.action.as_str(), row.sandbox.as_str()),
        ("dry_run_would_commit", "bubblewrap"),
        "{proof:?}"
    );
    assert!(proof.output_tail.contains("(6, []) != (4, [])"), "{}", proof.output_tail);
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "as it was");
    assert!(listener.accept().is_err(), "nobody called");
}

#[test]
fn rust_tests_are_run_by_cargo_and_fail_by_their_own_assertions() {
    let repo = TestRepo::new();
    repo.write("Cargo.toml", b"[workspace]\nmembers = ['shop-lib', 'app']\nresolver = '2'\n");
    repo.write(".gitignore", b"target\n");
    let manifest =
        |name: &str| format!("[package]\nname = '{name}'\nversion = '0.1.0'\nedition = '2021'\n");
    repo.write("shop-lib/Cargo.toml", manifest("shop-lib").as_bytes());
    repo.write("app/Cargo.toml", manifest("app").as_bytes());
    repo.write(
        "app/src/main.rs",
        b"//! The app.\n\nmod half;\n\nfn main() {\n    println!(\"{}\", half::half(4));\n}\n",
    );
    repo.write(
        "app/src/half.rs",
        b"//! Halves.\n\n/// Half of it.\npub fn half(whole: u32) -> u32 {\n    whole / 3\n}\n",
    );
    let names = ["good", "odd", "panics"];
    let lib = names.map(|name| format!("pub mod {name};\n")).concat();
    repo.write("shop-lib/src/lib.rs", format!("//! A shop.\n\n{lib}").as_bytes());
    for name in names {
        let text = format!(
            "//! The part {name}.\n\n/// Twice the amount.\npub fn price(amount: u32) -> u32 {{\n    assert!(amount > 0);\n    amount * 3\n}}\n"
        );
        repo.write(&format!("shop-lib/src/{name}.rs"), text.as_bytes());
    }
    repo.commit("a shop");
    let fix = || patch("amount * 3", "amount * 2", "amount is doubled", 96);
    let test = |uses: &str, asserts: &str| {
        block("rust", &format!("{uses}\n\n#[test]\nfn claim() {{\n    {asserts}\n}}\n"))
    };
    let stub = stub(&[
        (
            "app/src/half.rs",
            patch("whole / 3", "whole / 2", "half of the whole", 96),
            test("#[path = \"../src/half.rs\"]\nmod half;", "assert_eq!(half::half(4), 2);"),
        ),
        (
            "shop-lib/src/good.rs",
            fix(),
            test("use shop_lib::good::price;", "assert_eq!(price(2), 4);"),
        ),
        ("shop-lib/src/odd.rs", fix(), test("use shop_lib::odd::cost;", "assert_eq!(cost(2), 4);")),
        // The assertion that fails is one of the code.
        ("shop-lib/src/panics.rs", fix(), test("use shop_lib::panics::price;", "price(0);")),
    ]);
    let bench = proving(&stub).set("apply.prove_repeats", "2");
    sweep(&bench, &repo, &["--target", "shop-lib/src/[gop]*.rs", "--target", "app/src/half.rs"]);
    let args = [
        "--prove",
        "--commit",
        "--branch",
        "scrum/proven",
        "--test",
        "cargo test --workspace --quiet",
    ];
    let done = apply(&bench, &args);
    let all: Vec<_> = done.rows.values().map(|r| (&r.file, &r.reason, &r.proof)).collect();
    assert_eq!(
        ends(&done.rows),
        [
            ("half.rs", "committed", true, None, 4),
            ("good.rs", "committed", true, None, 4),
            ("odd.rs", "all_rejected", false, Some("before"), 1),
            ("panics.rs", "all_rejected", false, Some("before"), 1),
        ],
        "{all:#?}"
    );
    let told = |name: &str| done.rows[name].reason.clone();
    assert!(
        told("shop-lib/src/odd.rs").contains("does not compile or load: error"),
        "{}",
        told("shop-lib/src/odd.rs")
    );
    assert!(told("shop-lib/src/panics.rs").contains("otherwise than by an assertion"));
    let changed = repo.git(&["diff-tree", "-r", "--name-only", "main", "scrum/proven"]);
    let paths: Vec<&str> = changed.lines().collect();
    assert!(paths.len() == 4 && paths[1].starts_with("app/tests/finding_half_"), "{paths:?}");
    assert!(paths[3].starts_with("shop-lib/tests/finding_good_"), "{paths:?}");
}

#[test]
fn node_tests_are_run_by_the_runner_of_node() {
    if !std::process::Command::new("node")
        .arg("--version")
        .output()
        .is_ok_and(|o| o.status.success())
    {
        eprintln!("skipped: there is no node here");
        return;
    }
    let repo = TestRepo::new();
    repo.write(
        "package.json",
        br#"{"name": "cart", "scripts": {"check": "node --check src/good.js"}}"#,
    );
    for name in ["good", "load", "throws"] {
        repo.write(&format!("src/{name}.js"), b"// A cart.\n// Twice the amount.\nexports.price = (amount) => {\n  return amount * 3;\n};\n");
    }
    repo.commit("a cart");
    let fix = || patch("return amount * 3;", "return amount * 2;", "amount is doubled", 96);
    let test = |name: &str, asserts: &str| {
        block(
            "js",
            &format!(
                "const test = require('node:test');\nconst assert = require('node:assert');\nconst {{ price }} = require('../src/{name}.js');\n\ntest('it doubles', () => {{\n  {asserts}\n}});\n"
            ),
        )
    };
    let stub = stub(&[
        ("src/good.js", fix(), test("good", "assert.strictEqual(price(2), 4);")),
        ("src/load.js", fix(), test("no-such-file", "assert.strictEqual(price(2), 4);")),
        ("src/throws.js", fix(), test("throws", "price(2).noSuchThing();")),
    ]);
    let bench = proving(&stub).set("apply.prove_repeats", "2");
    sweep(&bench, &repo, &["--target", "src/*.js"]);
    let done = apply(&bench, &["--prove", "--commit"]);
    let all: Vec<_> = done.rows.values().map(|r| (&r.file, &r.reason, &r.proof)).collect();
    assert_eq!(
        ends(&done.rows),
        [
            ("good.js", "committed", true, None, 4),
            ("load.js", "all_rejected", false, Some("before"), 1),
            ("throws.js", "all_rejected", false, Some("before"), 1),
        ],
        "{all:#?}"
    );
    assert!(done.rows["src/load.js"].reason.contains("does not compile or load"));
    assert!(done.rows["src/throws.js"].reason.contains("otherwise than by an assertion"));
}

#[test]
fn a_place_that_is_taken_or_denied_has_no_test() {
    let repo = shop(&["a"]);
    let stub = stub(&[("shop/a.py", doubled(), unittest("a", "self.assertEqual(price(2), 4)"))]);
    let bench = proving(&stub).set("apply.prove_command", "python3 {test}");
    // Both or neither.
    let done = bench.run(&["apply", "latest", "--prove"]).expect(2);
    assert!(
        done.stderr.contains("apply.prove_test") && done.stderr.contains("set both"),
        "{}",
        done.stderr
    );
    let bench = bench.set("apply.prove_test", "docs/{name}.py");
    sweep(&bench, &repo, &["--target", "shop/*.py"]);
    let done = apply(&bench, &["--prove"]);
    assert_eq!(ends(&done.rows), [("a.py", "all_rejected", false, Some("place"), 0)]);
    let reason = &done.rows["shop/a.py"].reason;
    assert!(reason.contains("is denied by 'docs/'"), "{reason}");
    // A language of which nothing is known.
    let repo = TestRepo::new();
    repo.write("main.go", b"// Package main.\npackage main\n\nfunc main() {\n\tprintln(1)\n}\n");
    repo.commit("go");
    let bench = proving(&stub);
    sweep(&bench, &repo, &[]);
    let done = bench.run(&["apply", "latest", "--prove", "--check", "true"]).expect(2);
    for part in
        ["not main.go: no test framework is known", "set apply.prove_command and apply.prove_test"]
    {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
}
