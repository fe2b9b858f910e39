//! Files are read whole where they fit the context of a rung, through shards where they don't, and in how many
//! calls that is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

use queue_schema::rows::{Outcome, ReviewRow};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::{Bench, long_form};
use scrum_tests::repo::{TestRepo, large_file};
use std::collections::BTreeMap;
use std::fmt::Write as _;

fn is_shard(call: &Recorded) -> bool {
    call.body["max_tokens"] == 400
}

/// A review of the file itself.
fn is_whole(call: &Recorded) -> bool {
    call.prompt.contains("\nReview the file above") && !call.prompt.contains(" notes on the file\n")
}

/// Rungs by the model's name, with their contexts.
fn bench(stub: &ModelStub, rungs: &[(&str, Option<u32>)]) -> Bench {
    let bench = Bench::with_stub(None, &stub.openai_url(), &[]);
    let mut ladder = String::from("name = 'test'\n");
    for (model, context) in rungs {
        let _ = write!(ladder, "[[rungs]]\nprovider = 'stub'\nmodel = '{model}'\n");
        let _ = context.map(|tokens| writeln!(ladder, "context_tokens = {tokens}"));
    }
    std::fs::write(bench.ladder(), ladder).unwrap();
    bench
}

fn rows(bench: &Bench) -> BTreeMap<String, ReviewRow> {
    schemas::check_report(&bench.out());
    let text = std::fs::read_to_string(bench.out().join("scrum_reviews.jsonl")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<ReviewRow>(line).unwrap());
    rows.map(|row| (row.file.clone(), row)).collect()
}

fn big(bytes: usize) -> TestRepo {
    let repo = TestRepo::new();
    repo.write("big.rs", large_file(bytes).as_bytes());
    repo.commit("big");
    repo
}

/// Kilobytes of the files of a small project: most are small, some are not.
const MIXED: [usize; 20] = [1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 11, 13, 16, 21, 30, 45];

/// Twenty files; `SCRUM_TEST_LONG=1` makes them 200.
#[test]
fn a_call_a_file_where_they_fit_and_no_more_tokens_than_through_shards() {
    let repo = TestRepo::new();
    let rounds = if long_form() { 10 } else { 1 };
    let files = rounds * MIXED.len();
    for (i, kb) in MIXED.iter().cycle().take(files).enumerate() {
        repo.write(&format!("f{i}.rs"), large_file(kb * 1000).as_bytes());
    }
    repo.commit("mixed");
    let taken = |context| {
        let stub = ModelStub::with(|call| {
            Reply::ok(if is_shard(call) {
                answers::shard_summary()
            } else {
                answers::markdown_review("f")
            })
        });
        let bench = bench(&stub, &[("m", context)]);
        bench.review(&repo, &["--no-facts"]).expect(0);
        assert_eq!(rows(&bench).len(), files);
        let calls = stub.requests();
        (calls.len(), calls.iter().map(|call| call.prompt.len()).sum::<usize>() / 4)
    };
    let ((shards, before), (whole, now)) = (taken(None), taken(Some(32_768)));
    println!("calls a file: {shards} and {whole} of {files}; prompt tokens: {before} and {now}");
    assert_eq!(whole, files, "one call a file");
    assert!(shards > 3 * files && now < before, "{shards} calls, {before} and {now} tokens");
}

/// A file of 12 kB on its way up a ladder. A model whose name begins with `bad` is rejected, one that is `deaf` has
/// no notes to give.
struct Climb {
    rungs: &'static [(&'static str, Option<u32>)],
    /// Letters of the calls, in order, each once in a row: `W`hole, `s`hard, from `N`otes.
    calls: &'static str,
    attempts: &'static [Outcome],
    split: bool,
}

#[test]
fn a_review_that_climbs_is_given_the_file_or_notes_as_each_rung_can_take() {
    use Outcome::{Accepted, Thin};
    for climb in [
        Climb { rungs: &[("a", None)], calls: "sN", attempts: &[Accepted], split: true },
        Climb { rungs: &[("a", Some(4096))], calls: "sN", attempts: &[Accepted], split: true },
        Climb { rungs: &[("a", Some(32_768))], calls: "W", attempts: &[Accepted], split: false },
        Climb {
            rungs: &[("bad", Some(32_768)), ("a", Some(4096))],
            calls: "WsN",
            attempts: &[Thin, Accepted],
            split: true,
        },
        Climb {
            rungs: &[("bad", None), ("a", Some(32_768))],
            calls: "sNW",
            attempts: &[Thin, Accepted],
            split: false,
        },
        // Notes are made once, whoever needs them.
        Climb {
            rungs: &[("bad", None), ("bad2", Some(32_768)), ("a", None)],
            calls: "sNWN",
            attempts: &[Thin, Thin, Accepted],
            split: true,
        },
        // Nobody can read a piece, but one can read the file.
        Climb {
            rungs: &[("deaf", None), ("deaf2", Some(4096)), ("deaf3", Some(32_768))],
            calls: "sW",
            attempts: &[Accepted],
            split: false,
        },
    ] {
        let stub = ModelStub::with(|call| {
            Reply::ok(match (is_shard(call), &call.model) {
                (true, model) if model.starts_with("deaf") => "no".to_owned(),
                (true, _) => answers::shard_summary(),
                (false, model) if model.starts_with("bad") => answers::thin(),
                (false, _) => answers::markdown_review("big.rs"),
            })
        });
        let bench = bench(&stub, climb.rungs);
        bench.review(&big(12_000), &["--no-facts"]).expect(0);
        let calls = stub.requests();
        let mut letters: Vec<char> = calls
            .iter()
            .map(|c| {
                if is_shard(c) {
                    's'
                } else if is_whole(c) {
                    'W'
                } else {
                    'N'
                }
            })
            .collect();
        letters.dedup();
        let rungs = climb.rungs;
        assert_eq!(String::from_iter(letters), climb.calls, "{rungs:?}");
        let row = rows(&bench).remove("big.rs").unwrap();
        let outcomes: Vec<Outcome> = row.attempts.iter().map(|a| a.outcome).collect();
        assert_eq!(outcomes, climb.attempts, "{rungs:?}");
        assert_eq!(
            (row.tree_split_fired, row.shards_total > 0),
            (climb.split, climb.split),
            "{rungs:?}"
        );
        let last = row.attempts.iter().map(|a| a.tokens_in).sum::<u64>();
        let paid = calls.iter().any(is_shard);
        assert_eq!(row.tokens_in > last, paid, "what the notes took is counted: {rungs:?}");
    }
}

#[test]
fn notes_are_cut_to_the_context_that_a_rung_says() {
    let words = (0..300).map(|i| format!("word{i}")).collect::<Vec<_>>().join(" ");
    let stub = ModelStub::with(move |call| {
        Reply::ok(if is_shard(call) { words.clone() } else { answers::markdown_review("big.rs") })
    });
    for (context, cut) in [(None, false), (Some(4096), true)] {
        let bench = bench(&stub, &[("m", context)]);
        let before = stub.requests().len();
        bench.review(&big(30_000), &["--no-facts"]).expect(0);
        let review = stub.requests().split_off(before).pop().unwrap();
        assert_eq!(review.prompt.len() / 3 < 4096 - 1500, cut, "{} bytes", review.prompt.len());
        assert_eq!(rows(&bench)["big.rs"].shards_shortened > 0, cut);
    }
}

#[test]
fn the_built_in_checks_and_ollama_say_what_they_take() {
    let bench = Bench::new(None, "");
    let repo = big(200_000);
    let out = bench.out();
    let args = [
        "run",
        repo.path().to_str().unwrap(),
        "--ladder",
        "builtin",
        "--out",
        out.to_str().unwrap(),
    ];
    bench.run(&args).expect(0);
    let row = &rows(&bench)["big.rs"];
    assert_eq!(
        (row.tree_split_fired, row.attempts_made),
        (false, 1),
        "read whole, whatever its size"
    );

    let stub = ModelStub::with(|_| Reply::ok(answers::markdown_review("big.rs")));
    let settings = format!(
        "[providers.o]\nwire = 'ollama'\nbase_url = '{}'\nlocal = true\nnum_ctx = 16384\n",
        stub.ollama_url()
    );
    for (context, asked) in [("", 16_384), ("context_tokens = 9000\n", 9000)] {
        let bench = Bench::new(None, &settings);
        let ladder = format!("name = 'o'\n[[rungs]]\nprovider = 'o'\nmodel = 'm'\n{context}");
        std::fs::write(bench.ladder(), ladder).unwrap();
        let before = stub.requests().len();
        bench.review(&big(12_000), &["--no-facts"]).expect(0);
        let calls = stub.requests().split_off(before);
        assert_eq!((calls.len(), calls[0].body["options"]["num_ctx"].as_u64()), (1, Some(asked)));
    }
}

/// What the reviewer of `src/user.py` was shown of other definitions: by its row, and whether each stood in the prompt.
fn defined(stub: &ModelStub, row: &ReviewRow) -> (Vec<String>, Vec<String>) {
    let calls = stub.requests();
    let review = calls.iter().rfind(|call| !is_shard(call)).unwrap();
    let named = |all: &mut dyn Iterator<Item = &queue_schema::rows::TypeHint>| {
        all.map(|hint| hint.symbol.clone()).collect::<Vec<_>>()
    };
    let unshown = |hint: &&queue_schema::rows::TypeHint| !review.prompt.contains(&hint.type_repr);
    (named(&mut row.type_hints_used.iter()), named(&mut row.type_hints_used.iter().filter(unshown)))
}

#[test]
fn a_row_names_the_definitions_that_its_reviewer_was_shown_and_no_others() {
    let mut user =
        String::from("from store import Store\n\ndef helper_of(x: int) -> int:\n    return x\n\n");
    for i in 0..120 {
        let _ = write!(
            user,
            "def use_{i}(s: Store):\n    found = s.sweep_all(helper_of({i}))\n    return found\n\n"
        );
    }
    let repo = TestRepo::new();
    repo.write(
        "src/store.py",
        b"class Store:\n    def sweep_all(self, limit: int) -> list: return []\n",
    );
    repo.write("src/user.py", user.as_bytes());
    repo.commit("files");
    let theirs = &["Store", "Store.sweep_all"][..];
    let with_own = &["helper_of", "Store", "Store.sweep_all"][..];
    // Bytes of a shard and of a file that is read whole at most, the rung's context, whether notes were read, what was
    // shown.
    for (bytes, context, notes, shown) in [
        ("3500", Some(32_768), false, theirs),
        ("3500", None, true, with_own),
        ("3500", Some(4_600), true, with_own),
        ("3500", Some(2_048), true, &[]),
        // One piece, which goes as it is although its context has no room.
        ("9000", Some(4_600), false, &[]),
        ("9000", None, false, theirs),
    ] {
        let stub = ModelStub::with(|call| {
            Reply::ok(if is_shard(call) {
                answers::shard_summary()
            } else {
                answers::markdown_review("src/user.py")
            })
        });
        let bench = bench(&stub, &[("m", context)])
            .set("sweep.split_over_bytes", bytes)
            .set("sweep.max_tokens", "1100")
            .set("sweep.shard_bytes", bytes);
        bench.review(&repo, &["--no-facts", "--target", "src/user.py"]).expect(0);
        let row = &rows(&bench)["src/user.py"];
        let (mut named, unshown) = defined(&stub, row);
        named.retain(|symbol| !symbol.starts_with("use_"));
        assert_eq!(unshown, [] as [&str; 0], "{bytes} {context:?}");
        assert_eq!(row.tree_split_fired, notes, "{bytes} {context:?}");
        assert_eq!(named, shown, "{bytes} {context:?}");
    }
}
