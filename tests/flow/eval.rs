//! `scrum eval`: faults in files of a real repository, its own tests as judge, and reviewers of which it is known what
//! they find.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::ids::content_id;
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply};
use scrum_tests::oracle;
use scrum_tests::process::{Bench, Done, Process};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

const MODULES: usize = 6;
const MUTANTS: usize = 30;
const TESTS: &str = "/usr/bin/python3 -m unittest -q";
const LONG: Duration = Duration::from_secs(120);

/// A module whose lines stand nowhere else; nothing tests the second function.
fn module(k: usize) -> String {
    let factor = k + 2;
    format!(
        "def scale_{k}(low_{k}, high_{k}, step_{k}):\n    if low_{k} < 0:\n        raise ValueError('low_{k}')\n    total_{k} = 0\n    for index_{k} in range(step_{k}):\n        total_{k} = total_{k} + high_{k} * {factor}\n    if total_{k} > 100 and low_{k} < high_{k}:\n        total_{k} = total_{k} - low_{k}\n    return total_{k} + low_{k}\n\n\ndef unused_{k}(left_{k}, right_{k}):\n    spare_{k} = left_{k} * right_{k} + 3{k}\n    if left_{k} < right_{k}:\n        spare_{k} = spare_{k} - 1\n    return spare_{k}\n"
    )
}

/// The tests of all modules, by another formula.
fn tests() -> String {
    let mut text = String::from("import unittest\n\n\nclass All(unittest.TestCase):\n");
    for k in 0..MODULES {
        let factor = k + 2;
        let _ = write!(
            text,
            "    def test_{k}(self):\n        from app.m{k} import scale_{k}\n        for low in range(0, 4):\n            for high in range(0, 60):\n                for step in range(0, 5):\n                    want = high * {factor} * step\n                    want = want if want > 100 and low < high else want + low\n                    self.assertEqual(scale_{k}(low, high, step), want)\n        with self.assertRaises(ValueError):\n            scale_{k}(-1, 2, 2)\n"
        );
    }
    text
}

fn repo() -> TestRepo {
    let repo = TestRepo::new();
    repo.write("app/__init__.py", b"");
    for k in 0..MODULES {
        repo.write(&format!("app/m{k}.py"), module(k).as_bytes());
    }
    repo.write("test_app.py", tests().as_bytes());
    repo.commit("an application with tests");
    repo
}

/// The path of the file that a prompt is about, and its lines.
fn shown(prompt: &str) -> (String, Vec<String>) {
    let mut lines = prompt.lines();
    let path = lines.find_map(|line| line.strip_prefix("path: ")).unwrap_or_default().to_owned();
    let rest = lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty());
    (path, rest.collect())
}

/// The line with the fault of a module, or the one behind what is gone; `None` for one as it was written.
fn fault(path: &str, lines: &[String]) -> Option<String> {
    let k: usize = path.strip_suffix(".py")?.rsplit_once("/m")?.1.parse().ok()?;
    let text = module(k);
    let own: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let (at, _) = own.iter().zip(lines).enumerate().find(|(_, (a, b))| *a != b)?;
    lines.get(at).cloned()
}

/// A number from 0 to 9 that depends on a model and a file.
fn chance(model: &str, path: &str) -> u32 {
    u32::from_str_radix(&content_id(&[model.as_bytes(), path.as_bytes()])[..6], 16).unwrap() % 10
}

fn review(path: &str, finding: Option<(&str, &str)>) -> Reply {
    let mut text = format!(
        "## Score\nAlignment score: 7/10\n\nReview of `{path}` as a whole: its functions were read line by line, with the cases \
         of each condition and the ends of each loop in mind, and held against their names.\n\n## Suggested changes\n"
    );
    match finding {
        Some((claim, quote)) => {
            let _ = write!(
                text,
                "1. **{claim}** (Confidence: 90%)\n   - Where: `{path}`\n   - Quote: `{quote}`\n   - Change: write what was meant\n"
            );
        }
        None => text.push_str("None.\n"),
    }
    text.push_str("\n## Contradictions\nNone. The file was checked against every passage given.\n");
    Reply::ok(text)
}

/// A reviewer that is always sure, finds so many of ten faults, and is wrong about so many of ten clean files.
fn reviewer(call: &Recorded) -> Reply {
    let (path, lines) = shown(&call.prompt);
    let chance = chance(&call.model, &path);
    let (finds, errs) = if call.model == "good" { (7, 3) } else { (2, 5) };
    if call.model == "poor" && chance == 9 {
        return Reply::ok("I'm sorry, but I can't help with that.");
    }
    match fault(&path, &lines) {
        Some(line) if chance < finds => {
            review(&path, Some(("This is not what the function is for", &line)))
        }
        None if chance < errs => {
            let line = lines.iter().find(|line| line.starts_with("for ")).unwrap();
            review(&path, Some(("The loop runs once too often at its end", line)))
        }
        _ => review(&path, None),
    }
}

fn args<'a>(bench: &'a Bench, repo: &'a TestRepo, out: &'a str) -> Vec<String> {
    let ladder = bench.ladder().to_str().unwrap().to_owned();
    let all = [
        "eval",
        repo.path().to_str().unwrap(),
        "--test",
        TESTS,
        "--mutants",
        &MUTANTS.to_string(),
        "--ladder",
        &ladder,
        "--rung",
        "stub/poor",
        "--out",
        out,
    ];
    all.iter().map(|word| (*word).to_owned()).collect()
}

fn run(bench: &Bench, args: &[String]) -> Done {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Done::from(bench.scrum(&args).output().unwrap())
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Whether an interval holds a number.
#[track_caller]
fn holds(figure: &Value, number: f64) {
    let end = |name: &str| figure[name].as_f64().unwrap_or_else(|| panic!("{name} of {figure}"));
    assert!(end("low") <= number && number <= end("high"), "{number} is not in {figure}");
    assert!(end("low") <= end("value") && end("value") <= end("high"), "{figure}");
}

#[test]
fn known_reviewers_over_mutants_that_tests_kill_come_to_their_own_rates() {
    let (repo, stub) = (repo(), ModelStub::with(reviewer));
    let bench =
        Bench::with_stub(None, &stub.openai_url(), &["good"]).set("calibration.min_labels", "20");
    let out = bench.out();
    let frozen = bench.dir.path().join("cases");
    let mut args = args(&bench, &repo, out.to_str().unwrap());
    args.extend(["--freeze".to_owned(), frozen.to_str().unwrap().to_owned()]);
    let done = run(&bench, &args).expect(1);
    assert!(done.stdout.contains("RECALL") && done.stdout.contains("McNemar"), "{}", done.stdout);
    let record = read(&out.join("eval.json"));

    // The tests drop what nobody would notice.
    let mutants = &record["mutants"];
    assert_eq!(mutants["kept"], MUTANTS, "{mutants}");
    let sum: u64 = ["kept", "survived", "broken", "timed_out"]
        .iter()
        .map(|n| mutants[*n].as_u64().unwrap())
        .sum();
    assert_eq!(mutants["tried"].as_u64(), Some(sum));
    assert!(mutants["survived"].as_u64() > Some(0), "what nothing tests survives: {mutants}");
    let cases = record["cases"].as_array().unwrap();
    let seeded: Vec<&Value> = cases.iter().filter(|c| c["category"] != "clean").collect();
    assert_eq!(seeded.len(), MUTANTS);
    for case in &seeded {
        assert!(case["lines"][0][0].as_u64() < Some(11), "in the function that is tested: {case}");
    }
    let categories: BTreeSet<&str> = seeded.iter().filter_map(|c| c["category"].as_str()).collect();
    assert!(categories.len() >= 5, "{categories:?}");

    // The figures are those of the reviewers.
    let [good, poor] = &record["runs"].as_array().unwrap()[..] else {
        panic!("two runs: {record}")
    };
    assert_eq!((&poor["label"], &poor["rungs"]), (&json!("stub/poor"), &json!(["stub/poor"])));
    for (run, model, finds, errs) in [(good, "good", 7, 3), (poor, "poor", 2, 5)] {
        let place = |case: &Value| case["place"].as_str().unwrap().to_owned();
        let would = |case: &&Value, below: u32| chance(model, &place(case)) < below;
        let hits = seeded.iter().filter(|case| would(case, finds)).count();
        assert_eq!(run["figures"]["found"], hits, "{model}: {}", run["figures"]);
        holds(&run["figures"]["recall"], f64::from(finds) / 10.0);
        let clean: Vec<&Value> = cases.iter().filter(|c| c["category"] == "clean").collect();
        let wrong = clean.iter().filter(|case| would(case, errs)).count();
        assert_eq!(
            (&run["figures"]["wrong"], &run["figures"]["undecided"]),
            (&json!(wrong), &json!(0))
        );
        // Always sure, and not always right.
        let labels = run["labels"].as_array().unwrap();
        assert_eq!(labels.len(), hits + wrong);
        for label in labels {
            assert_eq!(
                (&label["model"], &label["confidence"], &label["source"]),
                (&json!(format!("stub/{model}")), &json!(0.9), &json!("eval"))
            );
        }
        assert_eq!(labels.iter().filter(|label| label["right"] == true).count(), hits);
    }
    // Who refuses has found nothing.
    let refused =
        cases.iter().filter(|c| chance("poor", c["place"].as_str().unwrap()) == 9).count();
    assert!(refused > 0 && poor["figures"]["not_reviewed"] == refused, "{}", poor["figures"]);
    assert_eq!(poor["figures"]["seeded"], MUTANTS, "they stay in the denominator");
    let report = std::fs::read_to_string(out.join("eval.md")).unwrap();
    assert!(
        report.contains("killed by the tests and kept") && report.contains("## Comparisons"),
        "{report}"
    );

    // The same again: the same cases, and nothing is asked.
    let calls = stub.requests().len();
    let before = std::fs::read(out.join("eval.json")).unwrap();
    let again = run(&bench, &args).expect(1);
    assert!(
        !again.stderr.contains("running the tests"),
        "what they said is known: {}",
        again.stderr
    );
    assert_eq!(std::fs::read(out.join("eval.json")).unwrap(), before);
    // What confidences prove to be worth is learnt of it, and does not make it another eval.
    let file = out.join("eval.json");
    let learnt = bench.run(&["calibrate", "--eval", file.to_str().unwrap(), "--json"]).expect(0);
    assert!(learnt.stdout.contains("stub/good"), "{}", learnt.stdout);
    run(&bench, &args).expect(1);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    // The frozen set has the same cases.
    let other = bench.dir.path().join("frozen");
    let of_frozen = [
        "eval",
        "--cases",
        frozen.to_str().unwrap(),
        "--rung",
        "stub/poor",
        "--out",
        other.to_str().unwrap(),
    ];
    bench.run(&of_frozen).expect(1);
    let thawed = read(&other.join("eval.json"));
    assert_eq!(thawed["cases"], record["cases"]);
    assert_eq!(thawed["runs"][0]["figures"], poor["figures"]);
    assert_eq!(stub.requests().len(), calls, "nothing is asked twice");

    // Two runs, held against each other.
    let named = |label: &str| format!("{}#{label}", out.display());
    let (first, second) = (named(bench.ladder().to_str().unwrap()), named("stub/poor"));
    let compared = bench.run(&["eval", "compare", &first, &second, "--json"]).expect(0);
    let compared: Value = serde_json::from_str(&compared.stdout).unwrap();
    assert_eq!(
        (compared["seeded"].as_u64(), compared["not_shared"].as_u64()),
        (Some(MUTANTS as u64), Some(0))
    );
    assert!(compared["p"].as_f64() < Some(0.05), "7 of 10 against 2 of 10: {compared}");
    assert!(compared["differences"]["recall"]["low"].as_f64() > Some(0.0), "{compared}");
    let told = bench.run(&["eval", "compare", &second, other.to_str().unwrap()]).expect(0);
    assert!(told.stdout.contains("no difference is shown"), "{}", told.stdout);
    let unnamed = bench.run(&["eval", "compare", out.to_str().unwrap(), &second]).expect(2);
    assert!(unnamed.stderr.contains("name one of them"), "{}", unnamed.stderr);
}

/// A set of `n` cases with one fault each, by hand.
fn frozen(dir: &Path, n: usize) {
    for k in 0..n {
        let own = dir.join(format!("case-{k}"));
        std::fs::create_dir_all(&own).unwrap();
        let wrong = module(k).replace("> 100", ">= 100");
        std::fs::write(own.join("code.py"), wrong).unwrap();
        std::fs::write(own.join("fixed.py"), module(k)).unwrap();
        let told = json!({"file": "code.py", "fixed": "fixed.py", "category": "bound", "path": format!("app/m{k}.py")});
        std::fs::write(own.join("case.json"), told.to_string()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_eval_goes_on_and_asks_for_nothing_that_was_reviewed_again() {
    let (server, gate) = (RedisServer::alone(), Gate::new());
    let held = gate.clone();
    // Reviews of some files come at once; the others wait.
    let stub = ModelStub::with(move |call| {
        let reply = reviewer(call);
        if chance("gate", &shown(&call.prompt).0) < 5 { reply } else { reply.held_by(&held) }
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["good"]).short_leases();
    let cases = bench.dir.path().join("cases");
    frozen(&cases, 6);
    let (ladder, out) = (bench.ladder(), bench.out());
    let args = [
        "eval",
        "--cases",
        cases.to_str().unwrap(),
        "--ladder",
        ladder.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--seed",
        "3",
    ];
    let first = Process(bench.scrum(&args).spawn().unwrap());
    stub.wait_requests(12).await;
    let held = stub.requests().iter().filter(|c| chance("gate", &shown(&c.prompt).0) >= 5).count();
    assert!((1..12).contains(&held), "{held} of 12 wait");
    let queue = oracle::queue(&server.url()).await;
    let at_once = 12 - held as u64;
    let reviewed = async || {
        let id = queue.latest_sweeps(1).await.unwrap().pop()?;
        queue.sweep_status(&id).await.unwrap().filter(|status| status.resolved == at_once)
    };
    let waited = async {
        while reviewed().await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, waited).await.expect("what was answered is kept");
    first.kill9();
    gate.open();
    let done = bench.run(&args).expect(0);
    assert!(done.stdout.contains("RECALL"), "{}", done.stdout);
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for call in stub.requests() {
        *asked.entry(shown(&call.prompt).0).or_default() += 1;
    }
    assert_eq!(asked.len(), 12);
    for (path, times) in asked {
        let most = if chance("gate", &path) < 5 { 1 } else { 2 };
        assert!(times <= most, "{path} was asked {times} times");
    }
    let record = read(&out.join("eval.json"));
    assert_eq!(record["runs"][0]["figures"]["seeded"], 6);
    assert_eq!(record["runs"][0]["figures"]["not_reviewed"], 0);
}

/// A vote for each statement of the prompt, with the code that it is about.
fn upholds(call: &Recorded) -> Reply {
    let code = |part: &str| -> Option<String> {
        let (_, code) = part.split_once("about this code:\n")?;
        code.lines().next().map(str::to_owned)
    };
    let quotes = call.prompt.split(" statement ").skip(1).filter_map(code);
    let votes = (1..).zip(quotes).map(|(n, quote)| {
        format!("FINDING: {n}\nQUOTE: {quote}\nWHY: the line says so\nVERDICT: upheld\n\n")
    });
    Reply::ok(votes.collect::<Vec<_>>().concat())
}

#[test]
fn what_is_planted_counts_once_and_stands_in_no_ledger() {
    let stub =
        ModelStub::with(
            |call| {
                if call.model.starts_with('v') { upholds(call) } else { reviewer(call) }
            },
        );
    let mut bench = Bench::with_stub(None, &stub.openai_url(), &["good"]);
    for (key, value) in [
        ("audit.voters.a", "stub/v1"),
        ("audit.voters.b", "stub/v2"),
        ("audit.voters.c", "stub/v3"),
        ("audit.tie_breaker", ""),
    ] {
        bench = bench.set(key, value);
    }
    let cases = bench.dir.path().join("cases");
    frozen(&cases, 6);
    let (ladder, out) = (bench.ladder(), bench.out());
    let [cases, ladder, out] = [&cases, &ladder, &out].map(|path| path.to_str().unwrap());
    let args = ["eval", "--cases", cases, "--ladder", ladder, "--out", out, "--audit"];
    bench.run(&args).expect(0);
    let file = bench.out().join("eval.json");
    let labels = read(&file)["runs"][0]["labels"].as_array().unwrap().len();
    assert!(labels > 0 && stub.requests().iter().any(|call| call.model == "v3"));
    let learnt = bench.run(&["calibrate", "--eval", file.to_str().unwrap(), "--json"]).expect(1);
    let learnt: Value = serde_json::from_str(&learnt.stdout).unwrap();
    let rows = learnt.as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["labels"]), (1, &json!(labels)), "{learnt}");
    assert_eq!(rows[0]["sources"], json!({"eval": labels}), "{learnt}");
    let told = bench.run(&["calibrate"]).expect(1).stdout;
    assert!(told.contains("no finding is judged yet"), "{told}");
}

#[track_caller]
fn refused(bench: &Bench, args: &[&str], words: &[&str]) {
    let done = bench.run(args).expect(2);
    for word in words {
        assert!(done.stderr.contains(word), "{word:?} is not in: {}", done.stderr);
    }
}

#[test]
fn what_can_t_be_judged_is_said_and_nothing_is_reviewed() {
    let repo = repo();
    let path = repo.path().to_str().unwrap().to_owned();
    let bench = Bench::new(None, "");
    let eval = |more: &[&str], words: &[&str]| {
        refused(
            &bench,
            &[&["eval", path.as_str(), "--ladder", "builtin", "--mutants", "3"], more].concat(),
            words,
        );
    };
    eval(
        &["--test", "echo broken; exit 3"],
        &["does not pass on the unchanged commit", "exit code 3", "broken"],
    );
    eval(&["--test", "true"], &["killed none of"]);
    // A test that leaves something behind judges the unchanged commit otherwise the second time.
    eval(
        &["--test", "n=$(ls /cache/home | wc -l); touch /cache/home/$n; test $n -lt 1"],
        &["unchanged commit before", "fails now"],
    );
    eval(&["--target", "*.md"], &["no fault can be put into"]);
    eval(&["--rung", "nobody/x"], &["--rung nobody/x", "builtin"]);
    eval(&["--rung", "builtin/static-checks", "--rung", "builtin/static-checks"], &["once"]);
    eval(&["--test", TESTS, "--unsafe-no-sandbox"], &["apply.sandbox"]);
    refused(&bench, &["eval"], &["required"]);
    refused(&bench, &["eval", "compare", "/no/such.json", "b"], &["/no/such.json", "eval.json"]);
    let cases = bench.dir.path().join("cases");
    let shown = cases.to_str().unwrap();
    refused(&bench, &["eval", "--cases", shown], &["directory for each case"]);
    frozen(&cases, 1);
    std::fs::write(cases.join("case-0/case.json"), r#"{"file": "../code.py", "category": "x"}"#)
        .unwrap();
    refused(
        &bench,
        &["eval", "--cases", shown, "--ladder", "builtin"],
        &["case-0", "no path inside"],
    );
    // Who made the set does not choose which files of this machine are sent.
    std::fs::write(
        cases.join("case-0/case.json"),
        r#"{"file": "link.py", "category": "x", "lines": [[1, 1]]}"#,
    )
    .unwrap();
    std::os::unix::fs::symlink("/etc/hostname", cases.join("case-0/link.py")).unwrap();
    refused(
        &bench,
        &["eval", "--cases", shown, "--ladder", "builtin"],
        &["link.py", "symbolic link"],
    );
    let other = bench.dir.path().join("full");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("mine.txt"), "x").unwrap();
    eval(&["--freeze", other.to_str().unwrap()], &["--freeze", "pass another"]);
}
