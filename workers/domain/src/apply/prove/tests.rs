mod ask;

use super::*;
use crate::apply::verdict::Ran;
use queue_schema::apply::{Framework, TestPlan};
use std::collections::BTreeMap;

/// The plan for a claim about a file of a project of these files.
fn planned(files: &[(&str, &str)], path: &str, test: Option<&str>) -> Result<TestPlan, String> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let project = Project {
        has: &|path| files.contains_key(path),
        has_dir: &|dir| files.keys().any(|path| path.starts_with(&format!("{dir}/"))),
        text: &|path| files.get(path).map(|text| (*text).to_owned()),
        test,
    };
    plan(path, (3, "a claim"), OwnPlan::default(), &project)
}

/// Framework, path and command, with `NAME` for the name of the test, and how the code is reached.
fn short(plan: &TestPlan) -> (Framework, String, String, &str) {
    let at = plan.path.find("finding_").unwrap();
    let name: String =
        plan.path[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let named = |text: &str| text.replace(&name, "NAME");
    assert_eq!(plan.finding, 3);
    (plan.framework, named(&plan.path), named(&plan.command), &plan.reach)
}

#[test]
fn a_test_stands_where_the_project_keeps_tests_and_is_run_by_what_runs_them() {
    use Framework as F;
    let package = "[package]\nname = \"my-app\" # the app\n";
    let py = "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=";
    let pytest = "python3 -m pytest -q --tb=short --color=no -p no:cacheprovider";
    let unittest = "python3 -m unittest discover -v -s";
    for (files, path, test, framework, at, command, reach) in [
        (
            &[("Cargo.toml", package), ("src/lib.rs", "")][..],
            "src/a.b/c.rs",
            None,
            F::Cargo,
            "tests/NAME.rs",
            "cargo test --color never --manifest-path Cargo.toml --test NAME".to_owned(),
            "my_app",
        ),
        (
            &[
                ("Cargo.toml", "[workspace]"),
                ("in x/Cargo.toml", package),
                ("in x/src/main.rs", ""),
            ],
            "in x/src/main.rs",
            None,
            F::Cargo,
            "in x/tests/NAME.rs",
            "cargo test --color never --manifest-path 'in x/Cargo.toml' --test NAME".to_owned(),
            "",
        ),
        (
            &[("pyproject.toml", ""), ("src/shop/a.py", "")],
            "src/shop/a.py",
            None,
            F::Unittest,
            "tests/test_NAME.py",
            format!("{py}src:. {unittest} tests -p test_NAME.py"),
            "",
        ),
        (
            &[("svc/setup.py", ""), ("svc/conftest.py", ""), ("svc/test/x.py", "")],
            "svc/a.py",
            None,
            F::Pytest,
            "svc/test/test_NAME.py",
            format!("cd svc && {py}. {pytest} test/test_NAME.py"),
            "",
        ),
        (
            &[("a.py", "")],
            "a.py",
            Some("pytest -x"),
            F::Pytest,
            "tests/test_NAME.py",
            format!("{py}. {pytest} tests/test_NAME.py"),
            "",
        ),
        (
            &[("package.json", r#"{"scripts": {"test": "node --test"}}"#), ("tests/a.js", "")],
            "src/a.js",
            None,
            F::Node,
            "tests/NAME.test.js",
            "node --test --test-reporter=tap tests/NAME.test.js".to_owned(),
            "CommonJS modules",
        ),
        (
            &[
                ("package.json", "{}"),
                ("web/package.json", r#"{"devDependencies": {"vitest": "2"}}"#),
            ],
            "web/src/a.ts",
            None,
            F::Vitest,
            "web/test/NAME.test.ts",
            "cd web && npx --no-install vitest run --reporter=json test/NAME.test.ts".to_owned(),
            "ES modules",
        ),
        (
            &[("package.json", r#"{"scripts": {"test": "jest"}, "type": "module"}"#)],
            "a.js",
            None,
            F::Jest,
            "test/NAME.test.js",
            "npx --no-install jest --ci --json --runTestsByPath test/NAME.test.js".to_owned(),
            "ES modules",
        ),
    ] {
        let plan = planned(files, path, test).unwrap();
        assert_eq!(short(&plan), (framework, at.to_owned(), command, reach), "{path}");
    }
    for (files, path, reach) in [
        // What is no name is told to nobody.
        (&[("Cargo.toml", "[package]\nname = \"a b\"\n"), ("src/lib.rs", "")][..], "src/a.rs", ""),
        (&[("package.json", r#"{"devDependencies": {"vitest": "2"}}"#)], "a.js", "ES modules"),
    ] {
        assert_eq!(planned(files, path, None).unwrap().reach, reach, "{path}");
    }
    for (files, path, why) in [
        (&[("main.go", "")][..], "main.go", "no test framework is known"),
        (&[("Cargo.toml", "[workspace]")], "a.rs", "no Cargo package"),
        (&[("a.js", "")], "a.js", "no package.json"),
        (&[("package.json", "{}")], "a.ts", "neither vitest nor jest"),
    ] {
        assert!(planned(files, path, None).unwrap_err().contains(why), "{path}");
    }
}

#[test]
fn settings_say_the_command_and_the_place_of_any_language() {
    let nothing = Project { has: &|_| false, has_dir: &|_| false, text: &|_| None, test: None };
    let own = OwnPlan { command: "go test ./x -run {test}", test: "x y/{name}_test.go" };
    let one = plan("x/Main.go", (0, "one"), own, &nothing).unwrap();
    assert!(one.path.starts_with("x y/finding_main_") && one.path.ends_with("_test.go"), "{one:?}");
    assert_eq!(one.command, format!("go test ./x -run '{}'", one.path));
    let other = plan("x/Main.go", (0, "other"), own, &nothing).unwrap();
    assert_ne!(one.path, other.path, "each claim has a file of its own");
    // One without the other says too little.
    for own in [OwnPlan { test: "", ..own }, OwnPlan { command: "", ..own }] {
        assert!(plan("x/Main.go", (0, "one"), own, &nothing).is_err(), "{own:?}");
    }
}

const CARGO_HEAD: &str = "   Compiling app v0.1.0 (/src)\n\nrunning 1 test\ntest t ... FAILED\n\nfailures:\n\n---- t stdout ----\n\n";
const CARGO_TAIL: &str = "\nnote: run with `RUST_BACKTRACE=1`\n\n\nfailures:\n    t\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\nerror: test failed, to rerun pass `--test x`\n";
const PYTEST_SUM: &str =
    "=========================== short test summary info ============================\n";

fn cargo(said: &str) -> String {
    format!("{CARGO_HEAD}{said}{CARGO_TAIL}")
}

fn pytest(said: &str, sum: &str) -> String {
    format!(
        "F  [100%]\n===== FAILURES =====\n____ test_a ____\ntests/x.py:2: in test_a\n    x()\n{said}\n{PYTEST_SUM}FAILED tests/x.py::test_a\n{sum}\n"
    )
}

fn tap(blocks: &str, passed: u32, failed: u32) -> String {
    format!(
        "TAP version 13\n{blocks}1..1\n# tests 1\n# suites 0\n# pass {passed}\n# fail {failed}\n# skipped 0\n"
    )
}

fn not_ok(name: &str, more: &str) -> String {
    format!(
        "# Subtest: {name}\nnot ok 1 - {name}\n  ---\n  failureType: 'testCodeFailure'\n{more}\n  ...\n"
    )
}

fn report(status: &str, messages: &[&str]) -> String {
    let tests = serde_json::json!([{"status": status, "failureMessages": messages}]);
    serde_json::json!({"testResults": [{"status": status, "assertionResults": tests}]}).to_string()
}

#[test]
fn a_failed_assertion_is_told_from_all_other_ends_of_a_test() {
    use Framework as F;
    let (failed, passed) = (Told::Failed, Told::Passed);
    let at = "thread 't' (12) panicked at tests/x.rs:5:5:\n";
    let broken = || Told::Broken(String::new());
    let unloaded = || Told::Unloaded(String::new());
    let ran = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n";
    let none = "test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured\n";
    let py = |sum: &str| format!("{}\nRan 2 tests in 0.001s\n\n{sum}\n", "-".repeat(70));
    let imported = "ERROR: test_x (unittest.loader._FailedTest)\nImportError: Failed to import test module: test_x\n";
    for (framework, ok, output, wanted) in [
        (F::Cargo, true, ran.to_owned(), passed.clone()),
        (F::Cargo, true, none.to_owned(), Told::Nothing),
        (
            F::Cargo,
            false,
            cargo(&format!("{at}assertion `left == right` failed\n  left: 1\n")),
            failed.clone(),
        ),
        (
            F::Cargo,
            false,
            cargo("thread 't' panicked at 'assertion failed: a()', tests/x.rs:3:5"),
            failed.clone(),
        ),
        // A panic that the test caught, then an assertion.
        (
            F::Cargo,
            false,
            cargo(&format!(
                "thread 't' panicked at src/lib.rs:1:1:\nindex out of bounds\n{at}assertion failed: r.is_ok()\n"
            )),
            failed.clone(),
        ),
        (
            F::Cargo,
            false,
            cargo(&format!("{at}called `Option::unwrap()` on a `None` value\n")),
            broken(),
        ),
        // An assertion of the code that is tested.
        (
            F::Cargo,
            false,
            cargo("thread 't' panicked at src/lib.rs:5:5:\nassertion failed: n > 0\n"),
            broken(),
        ),
        (
            F::Cargo,
            false,
            "error[E0425]: cannot find function\nerror: could not compile `app`\n".to_owned(),
            unloaded(),
        ),
        (F::Cargo, false, ran.to_owned(), broken()),
        // Older compilers write the message first.
        (
            F::Cargo,
            false,
            cargo("thread 't' panicked at 'assertion failed: n', src/lib.rs:3:5"),
            broken(),
        ),
        (
            F::Cargo,
            false,
            cargo("thread 't' panicked at 'index out of bounds', tests/x.rs:3:5"),
            broken(),
        ),
        (F::Unittest, true, py("OK"), passed.clone()),
        (F::Unittest, true, py("OK (skipped=2)"), Told::Nothing),
        (F::Unittest, true, format!("{}see the test log\n", py("OK")), passed.clone()),
        (F::Unittest, true, py("FAILED (failures=1)"), broken()),
        (F::Unittest, false, py("FAILED (unexpected successes=1)"), broken()),
        (F::Unittest, false, format!("SyntaxError: x\n{}", py("FAILED (errors=1)")), unloaded()),
        (
            F::Unittest,
            false,
            format!("SyntaxError: x\n{}", py("FAILED (failures=1)")),
            failed.clone(),
        ),
        (F::Unittest, false, py("FAILED (failures=1)"), failed.clone()),
        (F::Unittest, false, py("FAILED (failures=1, errors=1)"), broken()),
        (F::Unittest, false, py("FAILED (failures=1, expected failures=1)"), failed.clone()),
        (F::Unittest, false, format!("{imported}{}", py("FAILED (errors=1)")), unloaded()),
        (F::Unittest, false, "python3: No module named unittest\n".to_owned(), unloaded()),
        (F::Pytest, true, ".  [100%]\n1 passed in 0.01s\n".to_owned(), passed.clone()),
        (F::Pytest, false, "no tests ran in 0.00s\n".to_owned(), unloaded()),
        (F::Pytest, false, pytest("E   assert 1 == 2", "1 failed in 0.01s"), failed.clone()),
        (
            F::Pytest,
            false,
            pytest("E   AssertionError: boo\nE   assert 1 == 2", "1 failed, 1 passed in 0.01s"),
            failed.clone(),
        ),
        (
            F::Pytest,
            false,
            pytest("E   Failed: DID NOT RAISE ValueError", "1 failed in 0.01s"),
            failed.clone(),
        ),
        (F::Pytest, false, pytest("E   TypeError: y", "1 failed in 0.01s"), broken()),
        (
            F::Pytest,
            false,
            pytest("E   ModuleNotFoundError: No module named 'x'", "1 error in 0.13s"),
            unloaded(),
        ),
        (F::Pytest, false, pytest("E   ImportError: y", "2 errors in 0.13s"), unloaded()),
        (F::Node, true, tap("ok 1 - /src/test/x.rs\n", 0, 0), Told::Nothing),
        (F::Node, true, tap("# Subtest: a\nok 1 - a\n", 1, 0), passed.clone()),
        (
            F::Node,
            true,
            tap("# Subtest: /src/test/x.rs\nok 1 - /src/test/x.rs\n", 1, 0),
            Told::Nothing,
        ),
        (
            F::Node,
            false,
            tap(&not_ok("a", "  code: 'ERR_ASSERTION'\n  name: 'AssertionError'"), 0, 1),
            failed.clone(),
        ),
        (
            F::Node,
            false,
            tap(&not_ok("a", "  code: 'ERR_TEST_FAILURE'\n  name: 'TypeError'"), 0, 1),
            broken(),
        ),
        (F::Node, false, tap(&not_ok("/src/test/x.rs", "  exitCode: 1"), 0, 1), unloaded()),
        (F::Vitest, true, report("passed", &[]), passed.clone()),
        (
            F::Vitest,
            false,
            report("failed", &["AssertionError: expected 1 to be 2"]),
            failed.clone(),
        ),
        (
            F::Jest,
            false,
            report("failed", &["Error: expect(received).toBe(expected)"]),
            failed.clone(),
        ),
        (F::Jest, false, report("failed", &["TypeError: q"]), broken()),
        (
            F::Jest,
            false,
            r#"{"testResults":[{"status":"failed","assertionResults":[]}]}"#.to_owned(),
            unloaded(),
        ),
        (F::Jest, false, "npm error could not determine executable\n".to_owned(), unloaded()),
        (F::Other, true, "all fine\n".to_owned(), passed),
        (F::Other, true, none.to_owned(), Told::Nothing),
        (
            F::Other,
            false,
            "--- FAIL: TestX (0.00s)\n    x_test.go:5: got 1\nFAIL\n".to_owned(),
            failed.clone(),
        ),
        (
            F::Other,
            false,
            "./x_test.go:3: undefined: X\nFAIL x [build failed]\n".to_owned(),
            unloaded(),
        ),
        (F::Other, false, "panic: boom\n".to_owned(), broken()),
        (F::Other, false, py("FAILED (failures=1)"), failed),
    ] {
        let seen =
            told(framework, "tests/x.rs", &Ran { ok, timed_out: false, output: output.clone() });
        let kind = std::mem::discriminant;
        assert_eq!(
            kind(&seen),
            kind(&wanted),
            "{framework:?}: {seen:?} is not {wanted:?}\n{output}"
        );
    }
    let late =
        Ran { ok: false, timed_out: true, output: cargo(&format!("{at}assertion failed: a\n")) };
    let late = told(F::Cargo, "tests/x.rs", &late);
    assert!(late.why(9).contains("not done in 9 s (apply.prove_timeout_s)"), "{late:?}");
}

#[test]
fn gates_say_what_a_run_lacks() {
    assert_eq!(fails(&Told::Failed, false, 1), Ok(()));
    assert_eq!(fails(&Told::Passed, false, 1).unwrap_err(), "the test passes without the patch");
    assert!(fails(&Told::Passed, true, 1).unwrap_err().contains("taken back"));
    assert!(fails(&Told::Nothing, false, 1).unwrap_err().contains("no test in it was run"));
    assert_eq!(passes(&Told::Passed, 1, 5, 1), Ok(()));
    assert_eq!(passes(&Told::Failed, 1, 5, 1).unwrap_err().0, ProofGate::After);
    let (gate, why) = passes(&Told::Failed, 3, 5, 1).unwrap_err();
    assert!(gate == ProofGate::Repeat && why.contains("run 3 of 5"), "{why}");
}

#[test]
fn a_run_is_to_blame_for_what_it_changes_but_for_what_tools_leave() {
    let list = |paths: &[&str]| paths.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
    let known = |path: &str| path == "src/a.py" || path == "build/gen.py";
    for (changed, blamed) in [
        (&["src/__pycache__/a.pyc", "Cargo.lock", "app/target/x"][..], None),
        (&["Cargo.lock", "src/a.py"], Some("src/a.py")),
        (&["build/gen.py"], Some("build/gen.py")),
        (&["notes.txt"], Some("notes.txt")),
    ] {
        assert_eq!(to_blame(&list(changed), known), blamed);
    }
}
