//! What a sweep will take is told before it begins, by what earlier ones took: over twenty sweeps of different kinds the
//! truth lies within the stated ranges about as often as they say. And which ladder costs least.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_tests::model_stub::{ModelStub, Recorded, Reply, Usage, answers};
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Mutex;

/// Sweeps before the first one whose range counts, and those whose ranges do.
const BEFORE: usize = 5;
const COUNTED: usize = 20;

/// A number between 0 and 1 that depends on these words alone: not on time, place or order.
fn chance(words: &[&str]) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in words.iter().flat_map(|word| word.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// About normal.
fn bell(words: &[&str]) -> f64 {
    let part = |i: usize| chance(&[words, &[i.to_string().as_str()]].concat());
    (0..12).map(part).sum::<f64>() - 6.0
}

/// The path in a prompt, which begins with the number of its sweep: `k7_3.rs`.
fn path(call: &Recorded) -> String {
    let path = call.prompt.lines().find_map(|line| line.trim().strip_prefix("path: src/"));
    path.map_or_else(|| "k0_0.rs".to_owned(), |path| path.trim().to_owned())
}

fn task(call: &Recorded) -> &'static str {
    match answers::facts_or(&call.system) {
        Some(_) => "facts",
        None if call.prompt.contains("CLAIM 1") => "confirm",
        None if call.body["max_tokens"] == 400 => "shard",
        None => "review",
    }
}

/// Models whose repositories differ: how often an answer is accepted and how long it is depends on the sweep and on the file.
fn market() -> ModelStub {
    let busy: Mutex<HashSet<String>> = Mutex::default();
    ModelStub::with(move |call: &Recorded| {
        let (path, task, model) = (path(call), task(call), call.model.clone());
        let sweep = path.split('_').next().unwrap_or_default().to_owned();
        let words = [path.as_str(), task, model.as_str()];
        // One call in twelve is turned away once.
        let first = busy.lock().unwrap().insert(format!("{words:?}{}", call.system.len()));
        if first && chance(&["busy", words[0], words[1], words[2]]) < 1.0 / 12.0 {
            return Reply::rate_limited(0);
        }
        let usual = if model == "weak" { 0.7 } else { 0.93 };
        let likely = usual + 0.05 * bell(&["sweep", &sweep, &model]);
        let text = match task {
            "facts" => answers::facts_or(&call.system).unwrap(),
            "confirm" => "CLAIM: 1\nVERDICT: can't tell".to_owned(),
            "shard" => answers::shard_summary(),
            _ if chance(&words) > likely => answers::thin(),
            _ => {
                let quotes = answers::code_quotes_from(&call.prompt, 3);
                let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
                let review = answers::markdown_review_quoting(&path, &quotes);
                // Of half of the files it is not so sure.
                let sure = chance(&["sure", &path]) < 0.5;
                if sure { review } else { review.replace("92%", "62%") }
            }
        };
        let length = 300.0
            * (0.15 * bell(&["long", &sweep]) + 0.4 * bell(&["long", &path, task, &model])).exp();
        let usage = Usage { counted: true, ..Usage::tokens(0, length as u64) };
        Reply::Ok(text, usage)
    })
}

/// Files of a kind: few or many, short or long, some of which are read in shards.
fn repository(n: usize) -> TestRepo {
    let repo = TestRepo::new();
    let sweep = n.to_string();
    let files = 6 + (chance(&["files", &sweep]) * 12.0) as usize;
    for i in 0..files {
        let key = i.to_string();
        let lines = 3 + (chance(&["lines", &sweep, &key]).powi(2) * 60.0) as usize;
        let lines = if n % 4 == 3 && i == 0 { 160 } else { lines };
        let mut text = format!("//! Part {i} of {n}.\n\n");
        for k in 0..lines {
            let _ = write!(
                text,
                "/// Reads number {k}.\npub fn read_{n}_{i}_{k}(text: &str) -> i64 {{\n    text.trim().parse().unwrap()\n}}\n\n"
            );
        }
        repo.write(&format!("src/k{n}_{i}.rs"), text.as_bytes());
    }
    repo.commit("files");
    repo
}

fn flags(n: usize) -> &'static [&'static str] {
    match n % 3 {
        0 => &[],
        1 => &["--no-facts"],
        _ => &["--no-confirm"],
    }
}

fn bench(server: &RedisServer, stub: &ModelStub) -> Bench {
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &[])
        .set("facts.enabled", "true")
        .set("confirm.enabled", "true")
        .set("confirm.max_share", "100")
        .set("queue.answer_cache_days", "1");
    let rung = |model: &str, read: f64, written: f64| {
        format!(
            "[[rungs]]\nprovider = 'stub'\nmodel = '{model}'\nusd_per_million_in = {read:?}\nusd_per_million_out = {written:?}\n"
        )
    };
    let ladder = format!("name = 'test'\n{}{}", rung("weak", 0.2, 0.8), rung("strong", 2.0, 8.0));
    std::fs::write(bench.ladder(), ladder).unwrap();
    bench
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn ranges_hold_the_truth_about_as_often_as_they_say() {
    let (server, stub) = (RedisServer::alone(), market());
    let bench = bench(&server, &stub);
    let _worker = bench.worker(&[]);
    let mut within = [0; 3];
    let mut told = String::new();
    for n in 0..BEFORE + COUNTED {
        let repo = repository(n);
        let asked = bench.on("estimate", &repo, &[flags(n), &["--json"]].concat()).output();
        let before = json(&String::from_utf8(asked.unwrap().stdout).unwrap());
        let out = bench.out();
        let more = [flags(n), &["--wait", "--json", "--out", out.to_str().unwrap()]].concat();
        let done = bench.sweep(&repo, &more);
        assert!(done.code <= 1, "{}", done.stderr);
        let summary = json(&std::fs::read_to_string(out.join("summary.json")).unwrap());
        // The first one may have asked its first model too few times.
        let basis = if n == 0 { "files" } else { "ledger" };
        assert!(n == 1 || summary["expected"]["basis"] == basis, "{n}: {}", summary["expected"]);
        let numbers = summary["expected"]["numbers"].as_array().unwrap();
        let of = |what: &str| numbers.iter().find(|number| number["what"] == what).unwrap();
        // What a person was told is what the sweep keeps.
        for what in ["calls", "tokens", "usd"] {
            assert_eq!(of(what)["expected"], before["expected"][what], "{n} {what}");
        }
        assert!(
            (of("usd")["took"].as_f64().unwrap() - summary["cost_usd"].as_f64().unwrap()).abs()
                < 1e-9
        );
        if n == 0 {
            // Without any ledger, what is possible: it must hold the truth.
            assert!(
                ["calls", "tokens", "usd"].iter().all(|w| of(w)["within"] == true),
                "{numbers:?}"
            );
        }
        if n >= BEFORE {
            for (what, hits) in ["usd", "tokens", "calls"].iter().zip(&mut within) {
                *hits += usize::from(of(what)["within"] == true);
            }
            let _ = writeln!(told, "{n}: {}", of("usd"));
        }
    }
    assert!((14..=18).contains(&within[0]), "{within:?} of {COUNTED}\n{told}");
    // Tokens and calls are looser bounds of the same draws.
    assert!(within[1] >= 13 && within[2] >= 13, "{within:?} of {COUNTED}\n{told}");
    eprintln!("within their ranges of {COUNTED}: dollars, tokens, calls {within:?}");
    let report = std::fs::read_to_string(bench.out().join("scrum_report.md")).unwrap();
    assert!(report.contains("## What it was expected to take"), "{report}");
    assert!(report.contains("| Dollars | $0."), "{report}");
    suggestions(&bench);
}

/// The ledgers of these sweeps say which order is cheaper, and an eval may say otherwise.
fn suggestions(bench: &Bench) {
    let done = bench.run(&["ladder", "suggest"]).expect(0);
    assert!(
        done.stdout.contains("# stub/weak: ") && done.stdout.contains("attempts accepted, $0.0")
    );
    let file = bench.dir.path().join("suggested.toml");
    std::fs::write(&file, &done.stdout).unwrap();
    let found = json(&bench.run(&["ladder", "suggest", "--json"]).expect(0).stdout);
    assert_eq!(found["suggestion"]["order"], json!(["stub/weak", "stub/strong"]), "{found}");
    assert!(done.stdout.contains("usd_per_million_out = 8.0"), "{}", done.stdout);
    // It is a ladder, which a sweep can climb.
    let repo = repository(3);
    let args =
        ["run", repo.path().to_str().unwrap(), "--dry-run", "--ladder", file.to_str().unwrap()];
    let dry = bench.run(&args).expect(0).stdout;
    assert!(dry.contains("on ladder suggested"), "{dry}");
    // Where the dear one finds what the cheap one does not, it comes first.
    let case = |model: &str, i: usize| json!({"case": format!("c{i}"), "status": "reviewed", "model": model});
    let cases: Vec<Value> = (0..30)
        .map(|i| case("stub/weak", i))
        .chain((0..30).map(|i| case("stub/strong", i)))
        .collect();
    let label = |model: &str, i: usize, right: bool| json!({"model": model, "confidence": 0.9, "right": right, "case": format!("c{i}"), "source": "eval"});
    let labels: Vec<Value> = (0..30)
        .flat_map(|i| [label("stub/weak", i, i == 0), label("stub/strong", i, true)])
        .collect();
    let eval = bench.dir.path().join("eval.json");
    let write = |labels: &[Value]| {
        let judged = json!({"schema_version": 1, "runs": [{"cases": cases, "labels": labels}]});
        std::fs::write(&eval, judged.to_string()).unwrap();
    };
    write(&labels);
    let by = ["ladder", "suggest", "--eval", eval.to_str().unwrap(), "--by", "seconds", "--json"];
    let found = json(&bench.run(&by).expect(0).stdout);
    assert_eq!(found["suggestion"]["order"][0], "stub/strong", "{found}");
    assert_eq!((found["aim"].as_str(), found["by"].as_str()), (Some("true"), Some("seconds")));
    // Evidence that is too thin suggests nothing, and says so.
    let other = Bench::new(None, "");
    let thin = other.run(&["ladder", "suggest"]).expect(1);
    assert!(
        thin.stdout.contains("too little is known to suggest a ladder: 0 models"),
        "{}",
        thin.stdout
    );
    assert!(!thin.stdout.contains("[[rungs]]"));
    let few = bench.dir.path().join("few.json");
    std::fs::write(&few, r#"{"schema_version": 1, "runs": [{"cases": [], "labels": []}]}"#)
        .unwrap();
    let thin = bench.run(&["ladder", "suggest", "--eval", few.to_str().unwrap()]).expect(1);
    assert!(
        thin.stdout.contains("stub/weak (0 reviewed cases of evals, of at least 20)"),
        "{}",
        thin.stdout
    );
    for (args, word) in [
        (&["ladder", "suggest", "--name", "auto"][..], "--name auto"),
        (&["ladder", "suggest", "--eval", "none.json"], "none.json"),
        (&["estimate", "/no/such/dir"], "path of a git repository"),
    ] {
        let done = bench.run(args).expect(2);
        assert!(done.stderr.contains(word), "{word}: {}", done.stderr);
    }
}
