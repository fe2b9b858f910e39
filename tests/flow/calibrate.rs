//! What confidences are worth: a model that is surer than it is right is found out, by an eval and by what becomes of its
//! findings, and reviews say so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

use queue_schema::rows::{CalibrationRow, ReviewRow};
use queue_schema::sweep::ModelMap;
use scrum_tests::model_stub::{ModelStub, Recorded, Reply};
use scrum_tests::process::Bench;
use scrum_tests::repo::TestRepo;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Functions of a file, each with a line that the stub finds wrong.
const EACH: usize = 5;

fn faulty(name: &str) -> String {
    format!("values[..=limit_of_{name}(values)].iter().sum()")
}

/// A file in which the first `fixed` functions are right.
fn source(file: usize, fixed: usize) -> String {
    let mut text = format!("//! File {file}.\n\n");
    for k in 0..EACH {
        let line = faulty(&format!("{file}_{k}"));
        let line = if k < fixed { line.replace("..=", "..") } else { line };
        let _ =
            write!(text, "pub fn take_{file}_{k}(values: &[u64]) -> u64 {{\n    {line}\n}}\n\n");
    }
    text
}

/// Says of each faulty line that it is wrong, 95 % sure in files with an even number and 80 % in the others.
fn review(call: &Recorded) -> Reply {
    let path = call.prompt.lines().find_map(|l| l.strip_prefix("path: src/f")).unwrap();
    let file: usize = path.trim().trim_end_matches(".rs").parse().unwrap();
    let sure = if file.is_multiple_of(2) { 95 } else { 80 };
    let mut text = String::from("## Findings\n");
    for k in 0..EACH {
        let line = faulty(&format!("{file}_{k}"));
        if call.prompt.contains(&line) {
            let _ = write!(
                text,
                "{}. Quote: `{line}`\n   Claim: `take_{file}_{k}` reads one value behind its limit\n   Fails for: a \
                 limit of the length, which panics and should not\n   Change: `values[..limit]`\n   Severity: major\n   \
                 Evidence: the range includes its end\n   Confidence: {sure}%\n",
                k + 1
            );
        }
    }
    Reply::ok(text + "\n## Verdict\nneeds_patch\n")
}

struct World {
    repo: TestRepo,
    bench: Bench,
    _stub: ModelStub,
}

impl World {
    fn new(files: usize) -> Self {
        let stub = ModelStub::with(review);
        let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
        let this = Self { repo: TestRepo::new(), bench, _stub: stub };
        this.commit(files, 0);
        this
    }

    fn commit(&self, files: usize, fixed: usize) {
        for file in 0..files {
            self.repo.write(&format!("src/f{file}.rs"), source(file, fixed).as_bytes());
        }
        self.repo.commit("files");
    }

    /// Reviews, and reads the rows in the order of files.
    fn rows(&self, more: &[&str]) -> Vec<ReviewRow> {
        self.bench.review(&self.repo, more).expect(0);
        let text = std::fs::read_to_string(self.bench.out().join("scrum_reviews.jsonl")).unwrap();
        let mut rows: Vec<ReviewRow> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        rows.sort_by(|a, b| a.file.cmp(&b.file));
        rows
    }

    fn calibrate(&self, code: i32, more: &[&str]) -> Vec<CalibrationRow> {
        let done = self.bench.run(&[&["calibrate", "--json"], more].concat()).expect(code);
        let rows: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
        rows.into_iter().map(|row| serde_json::from_value(row).unwrap()).collect()
    }

    fn kept(&self) -> Vec<ModelMap> {
        let rows = self.calibrate(0, &["--show"]);
        let lines: Vec<String> =
            rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
        schemas::check_rows("calibrations", &lines.join("\n"));
        rows.iter().filter_map(CalibrationRow::frozen).collect()
    }

    /// An eval file in which so many findings of each confidence, in percent, are judged, and so many of them right.
    fn eval(&self, name: &str, said: &[(u8, usize, usize)]) -> PathBuf {
        let labels = said.iter().flat_map(|(sure, all, right)| {
            (0..*all).map(move |i| {
                json!({"model": "stub/m", "confidence": f64::from(*sure) / 100.0, "right": i < *right,
                    "case": format!("c{i}"), "source": "eval"})
            })
        });
        let labels: Vec<Value> = labels.collect();
        let file = self.bench.dir.path().join(name);
        let json = json!({"schema_version": 1, "runs": [{"label": "test", "labels": labels}]});
        std::fs::write(&file, json.to_string()).unwrap();
        file
    }
}

fn tiers(rows: &[ReviewRow]) -> Vec<&str> {
    rows.iter().map(|row| row.gradient_tier.as_str()).collect()
}

#[test]
fn an_eval_brings_confidences_to_the_truth_and_tiers_follow_where_they_are_told_to() {
    let w = World::new(2);
    let before = w.rows(&[]);
    assert_eq!(tiers(&before), ["dry_run", "dry_run"], "95 % and 80 % sure, nothing confirmed");
    assert!(before.iter().flat_map(|r| &r.findings).all(|f| f.confidence_calibrated.is_none()));

    // Too few change nothing, and that is said.
    let few = w.eval("few.json", &[(95, 49, 10)]);
    let few = few.to_str().unwrap();
    let done = w.bench.run(&["calibrate", "--eval", few]).expect(1);
    assert!(done.stdout.contains("too few for a map: 49 of at least 50"), "{}", done.stdout);
    assert!(done.stdout.contains("nothing changes"), "{}", done.stdout);
    let none = w.bench.run(&["calibrate", "--show"]).expect(0).stdout;
    assert!(none.contains("no map is kept"), "{none}");
    let again = w.rows(&["--again"]);
    assert!(again.iter().flat_map(|r| &r.findings).all(|f| f.confidence_calibrated.is_none()));

    let eval = w.eval("eval.json", &[(95, 250, 150), (80, 150, 45)]);
    let eval = eval.to_str().unwrap();
    let seen = w.calibrate(0, &["--eval", eval, "--dry-run"]);
    assert_eq!((seen[0].labels, seen[0].right), (400, 195));
    assert_eq!(w.bench.run(&["calibrate", "--show", "--json"]).expect(0).stdout.trim(), "[]");
    let row = w.calibrate(0, &["--eval", eval]).pop().unwrap();
    assert!(row.ece > 35.0 && row.ece_calibrated.unwrap() < 5.0, "{row:?}");
    let maps = w.kept();
    for (said, truth) in [(95, 60_u8), (80, 30)] {
        let worth = maps[0].worth(said);
        assert!(worth.abs_diff(truth) <= 5, "{said} is worth {worth}, and {truth} are right");
    }
    // One map does not make way for too few findings.
    let done = w.bench.run(&["calibrate", "--eval", few]).expect(1);
    assert!(done.stdout.contains("the map that is kept stays"), "{}", done.stdout);
    assert_eq!(w.kept(), maps);

    // The sweep that is there keeps what it has; a new one shows what confidences are worth, and decides nothing by it.
    assert_eq!(w.rows(&["--again"]).len(), 2);
    let shown = w.rows(&["--again"]);
    assert_eq!(tiers(&shown), ["dry_run", "dry_run"]);
    for (row, (said, worth)) in shown.iter().zip([(95, maps[0].worth(95)), (80, maps[0].worth(80))])
    {
        for finding in &row.findings {
            assert_eq!(
                (finding.confidence, finding.confidence_calibrated),
                (Some(said), Some(worth))
            );
        }
        assert_eq!(row.confidence_min, Some(said), "what the model said is never lost");
    }
    readers(&w, &maps[0]);

    let w = World { bench: w.bench.set("tiers.calibrated", "true"), ..w };
    let counted = w.rows(&[]);
    assert_eq!(tiers(&counted), ["simulation", "block"]);
    assert_eq!(counted[0].confidence_avg, Some(95.0));
    // Another map makes another sweep, for its tiers are others; the same one finds the same sweep.
    assert_eq!(w.rows(&[])[0].sweep_id, counted[0].sweep_id);
    let other = w.eval("other.json", &[(95, 250, 240), (80, 150, 110)]);
    w.calibrate(0, &["--eval", other.to_str().unwrap()]);
    let other = w.rows(&[]);
    assert_ne!(other[0].sweep_id, counted[0].sweep_id);
    assert_eq!(tiers(&other), ["dry_run", "dry_run"]);
    w.bench.run(&["calibrate", "--forget", "stub/m"]).expect(0);
    let raw = w.rows(&["--again"]);
    assert_eq!(raw[0].findings[0].confidence_calibrated, None, "without a map what it says counts");
}

/// Report, SARIF and the terminal show it beside what the model said.
fn readers(w: &World, map: &ModelMap) {
    let read = |name: &str| std::fs::read_to_string(w.bench.out().join(name)).unwrap();
    assert_eq!(schemas::check_report(&w.bench.out()), 2);
    let said = format!("95% sure ({}% calibrated)", map.worth(95));
    assert!(read("scrum_report.md").contains(&said), "{}", read("scrum_report.md"));
    let sarif: Value = serde_json::from_str(&read("scrum.sarif")).unwrap();
    schemas::check_sarif(&sarif);
    let properties = &sarif["runs"][0]["results"][0]["properties"];
    let said = u8::try_from(properties["confidence"].as_u64().unwrap()).unwrap();
    assert_eq!(properties["confidence_calibrated"], map.worth(said), "{properties}");
    let brief = w.bench.review(&w.repo, &["--again"]).expect(0).stdout;
    assert!(brief.contains(&format!("(95%, calibrated {}%)", map.worth(95))), "{brief}");
    let kept = w.bench.run(&["kb", "export", "calibrations"]).expect(0).stdout;
    assert_eq!(schemas::check_rows("calibrations", &kept), 1);
}

#[test]
fn what_becomes_of_findings_says_what_confidences_are_worth() {
    const FILES: usize = 14;
    let w = World::new(FILES);
    w.rows(&[]);
    let repo = w.repo.path().to_str().unwrap();
    let list = |state: &str| -> Vec<Value> {
        let args = ["findings", repo, "list", "--limit", "0", "--state", state, "--json"];
        serde_json::from_str(&w.bench.run(&args).expect(0).stdout).unwrap()
    };
    // Of five in a file one is fixed, and three are dismissed.
    let all = list("open");
    assert_eq!(all.len(), FILES * EACH);
    let ids: Vec<&str> = all
        .iter()
        .filter(|row| {
            let text = row["observed"]["text"].as_str().unwrap();
            ["_1`", "_2`", "_3`"].iter().any(|end| text.contains(end))
        })
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    let dismiss = [&["findings", repo, "dismiss", "--why", "callers check it"], &ids[..]].concat();
    w.bench.run(&dismiss).expect(0);
    w.commit(FILES, 1);
    w.rows(&[]);
    assert_eq!((list("fixed").len(), list("dismissed").len()), (FILES, 3 * FILES));
    let row = w.calibrate(0, &[]).pop().unwrap();
    let n = u32::try_from(FILES).unwrap();
    assert_eq!((row.labels, row.right), (4 * n, n));
    assert_eq!((row.sources["fixed"], row.sources["dismissed"]), (n, 3 * n));
    let map = row.frozen().unwrap();
    for said in [95, 80] {
        assert!(map.worth(said).abs_diff(25) <= 5, "{said} is worth {}: {map:?}", map.worth(said));
    }
    for (args, words) in [
        (&["calibrate", "--eval", "none.json"][..], &["none.json", "check the path"][..]),
        (&["calibrate", "--forget", "stub/x"], &["no map is kept of 'stub/x'", "--show"]),
        (&["calibrate", "--no-ledger"], &["--eval"]),
    ] {
        let done = w.bench.run(args).expect(2);
        assert!(words.iter().all(|word| done.stderr.contains(word)), "{}", done.stderr);
    }
}
