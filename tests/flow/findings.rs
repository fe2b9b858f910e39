//! The ledger of findings over a history of twelve commits, through the real programs: what becomes of each
//! finding when its code moves, changes, goes and comes back, and what a person's word on it is worth.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

use scrum_tests::model_stub::{ModelStub, Recorded, Reply};
use scrum_tests::process::{Bench, Done};
use scrum_tests::repo::TestRepo;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What the stub finds wrong: a part of a line, and the claim behind the function's name.
const FAULTS: [(&str, &str); 3] = [
    ("except Exception:", "hides every error, so that a crash in it is lost"),
    ("except BaseException:", "hides every error, so that a crash in it is lost, exits too"),
    ("return len(items) - 1", "returns one item too few, which loses the last one"),
];

/// A review of the file that the prompt shows: a finding for each fault of each function.
fn review(call: &Recorded) -> Reply {
    let mut lines = call.prompt.lines();
    let fence = lines.find_map(|line| {
        let (fence, label) = line.strip_prefix("<<<")?.split_once(' ')?;
        (label == "file").then(|| format!("{fence}>>>"))
    });
    let fence = fence.unwrap();
    let (mut out, mut function, mut n) = (String::new(), "", 0);
    for line in lines.take_while(|line| *line != fence) {
        let line = line.trim();
        if let Some(name) = line.strip_prefix("def ") {
            function = name.split('(').next().unwrap();
        }
        for (quote, claim) in FAULTS.iter().filter(|(quote, _)| line.contains(quote)) {
            n += 1;
            // The same claim twice would be doubted.
            let claim = if function == "load_all" {
                "loses what went wrong with one of them"
            } else {
                claim
            };
            let about = if function.starts_with("any_") { "open" } else { function };
            let _ = write!(
                out,
                "{n}. **`{about}` {claim}** (Confidence: 80%)\n   - Where: `{function}`\n   - Quote: `{quote}`\n   - Fails for: a file that is not there, which is not told; it should be\n   - Change: name what is expected and let the rest through\n"
            );
        }
    }
    let found = if n == 0 {
        "None. Reading, errors and sizes of all functions were checked against their names; nothing is wrong.\n"
    } else {
        &out
    };
    Reply::ok(format!(
        "## Suggested changes\n{found}\n## What was checked\nErrors, sizes and the names of every function of the file, one after the other, with their callers.\n"
    ))
}

/// Code that says little of where it is from is followed by its function.
#[test]
fn findings_about_the_same_words_are_followed_into_the_files_that_theirs_is_split_into() {
    let mut w = World::new();
    let of = |name: &str| LOAD.replace("load", &format!("any_{name}"));
    let file = |names: &[&str]| names.iter().map(|name| of(name) + "\n\n").collect::<String>();
    let found = |w: &World| {
        let rows = w.listed();
        let row = |row: &Value| {
            let [symbol, id] =
                [&row["observed"]["symbol"], &row["id"]].map(|v| v.as_str().unwrap());
            let [file, state] = ["file", "state"].map(|of| row[of].as_str().unwrap().to_owned());
            (symbol.strip_prefix("any_").unwrap().to_owned(), (id.to_owned(), file, state))
        };
        rows.iter().map(row).collect::<BTreeMap<_, _>>()
    };
    let sweep = |w: &mut World, message: &str, files: &[(&str, &[&str])]| {
        for (path, names) in files {
            w.repo.write(path, file(names).as_bytes());
        }
        w.repo.commit(message);
        (w.bench.review(&w.repo, &["--fail-on", "new"]).code, found(w))
    };
    let names = ["one", "two", "three", "four"];
    let (code, before) = sweep(&mut w, "made", &[("a.py", &names), ("z.py", &["zero"])]);
    assert_eq!((code, before.len()), (1, 5), "{before:?}");
    let split = [("a.py", &names[..1]), ("b.py", &["three", "two"][..]), ("c.py", &["four"][..])];
    let (code, after) = sweep(&mut w, "split in three", &split);
    assert_eq!((code, after.len()), (0, 5), "{after:?}");
    for (name, (id, file, state)) in &after {
        let at = split.iter().find(|(_, names)| names.contains(&name.as_str()));
        let at = at.map_or("z.py", |(path, _)| path);
        assert_eq!((id, file.as_str(), state.as_str()), (&before[name].0, at, "open"), "{name}");
    }
    // A copy is new, and so is what only looks like one that went.
    let (code, copied) = sweep(&mut w, "copied", &[("d.py", &["two"])]);
    assert_eq!((code, copied.len()), (1, 5), "{copied:?}");
    assert_eq!(w.listed().len(), 6);
    let (code, _) = sweep(&mut w, "another", &[("b.py", &["two"]), ("e.py", &["five"])]);
    assert_eq!(code, 1);
    let states: Vec<_> = found(&w).into_values().map(|(_, file, state)| (file, state)).collect();
    assert!(states.contains(&("b.py".to_owned(), "fixed".to_owned())), "{states:?}");
}

/// What `scrum findings` says of each function: state, file, seen, looked for.
type Standing = BTreeMap<String, (String, String, u64, u64)>;

struct World {
    repo: TestRepo,
    bench: Bench,
    _stub: ModelStub,
    ids: BTreeMap<String, String>,
}

impl World {
    fn new() -> Self {
        let stub = ModelStub::with(review);
        let bench = Bench::with_stub(None, &stub.openai_url(), &["m"]);
        Self { repo: TestRepo::new(), bench, _stub: stub, ids: BTreeMap::new() }
    }

    fn findings(&self, args: &[&str]) -> Done {
        let repo = self.repo.path().to_str().unwrap();
        self.bench.run(&[&["findings", repo], args].concat())
    }

    fn listed(&self) -> Vec<Value> {
        let all = ["list", "--limit", "0", "--state", "open,reopened,dismissed,fixed", "--json"];
        serde_json::from_str(&self.findings(&all).expect(0).stdout).unwrap()
    }

    fn standing(&mut self) -> Standing {
        let mut all = Standing::new();
        for row in self.listed() {
            let text = row["observed"]["text"].as_str().unwrap();
            let name = text.split('`').nth(1).unwrap().to_owned();
            let id = row["id"].as_str().unwrap().to_owned();
            // A finding is one for ever.
            assert_eq!(self.ids.entry(name.clone()).or_insert_with(|| id.clone()), &id, "{name}");
            let word = |of: &str| row[of].as_str().unwrap().to_owned();
            let n = |of: &str| row[of].as_u64().unwrap();
            let was = all.insert(name, (word("state"), word("file"), n("seen"), n("looked")));
            assert_eq!(was, None, "{text} is listed twice");
        }
        all
    }

    /// Commits, sweeps, and says how the findings stand.
    fn sweep(&mut self, message: &str, code: i32, files: &[(&str, &str)]) -> Standing {
        for (name, text) in files {
            self.repo.write(name, text.as_bytes());
        }
        self.repo.commit(message);
        let done = self.bench.review(&self.repo, &["--fail-on", "new"]);
        assert_eq!(done.code, code, "{message}\n{}\n{}", done.stdout, done.stderr);
        schemas::check_report(&self.bench.out());
        self.standing()
    }

    fn sarif(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.bench.out().join("scrum.sarif")).unwrap();
        let log: Value = serde_json::from_str(&text).unwrap();
        log["runs"][0]["results"].as_array().unwrap().clone()
    }

    fn overview(&self) -> String {
        std::fs::read_to_string(self.bench.out().join("scrum_report.md")).unwrap()
    }

    fn dismiss(&self, function: &str) {
        let why = format!("{function} may do that");
        let args = ["dismiss", &self.ids[function], "--why", &why, "--by", "ada"];
        self.findings(&args).expect(0);
    }
}

#[track_caller]
fn stands(all: &Standing, want: &[(&str, &str, &str, u64, u64)]) {
    let got =
        all.iter().map(|(n, (s, f, seen, of))| (n.as_str(), s.as_str(), f.as_str(), *seen, *of));
    assert_eq!(got.collect::<Vec<_>>(), want);
}

const LOAD: &str = "def load(path):\n    try:\n        return open(path).read()\n    except Exception:\n        return None\n";
const SIZE: &str = "def size(items):\n    return len(items) - 1\n";

#[test]
fn each_finding_is_followed_through_twelve_commits() {
    let mut w = World::new();
    let all = w.sweep("made", 1, &[("a.py", &format!("{LOAD}\n\n{SIZE}"))]);
    stands(&all, &[("load", "open", "a.py", 1, 1), ("size", "open", "a.py", 1, 1)]);
    assert!(!w.overview().contains("Since the sweep before"), "there was none");

    let top = "import os\nimport sys\n\nROOT = os.sep\n\n\n";
    let all = w.sweep("moved", 0, &[("a.py", &format!("{top}{LOAD}\n\n{SIZE}"))]);
    stands(&all, &[("load", "open", "a.py", 2, 2), ("size", "open", "a.py", 2, 2)]);
    assert!(w.overview().contains("0 new, 2 still open, 0 gone"), "{}", w.overview());

    let narrow = LOAD.replace("    ", "  ");
    let all = w.sweep("reindented", 0, &[("a.py", &format!("{top}{narrow}\n\n{SIZE}"))]);
    stands(&all, &[("load", "open", "a.py", 3, 3), ("size", "open", "a.py", 3, 3)]);

    w.repo.git(&["mv", "a.py", "b.py"]);
    let text = format!("{top}{narrow}\n\n{SIZE}").replace("os.sep", "sys.prefix");
    let all = w.sweep("renamed", 0, &[("b.py", &text)]);
    stands(&all, &[("load", "open", "b.py", 4, 4), ("size", "open", "b.py", 4, 4)]);

    let text = text
        .replace("return None", "return ''")
        .replace("def size(items):", "def size(items, most=9):");
    let all = w.sweep("neighbours edited", 0, &[("b.py", &text)]);
    stands(&all, &[("load", "open", "b.py", 5, 5), ("size", "open", "b.py", 5, 5)]);

    let copy = LOAD.replace("load", "load_all");
    let doubled = format!("{text}\n\n{copy}");
    let all = w.sweep("duplicated", 1, &[("b.py", &doubled)]);
    stands(
        &all,
        &[
            ("load", "open", "b.py", 6, 6),
            ("load_all", "open", "b.py", 1, 1),
            ("size", "open", "b.py", 6, 6),
        ],
    );
    assert!(w.overview().contains("1 new, 2 still open, 0 gone"), "{}", w.overview());

    let all = w.sweep("split in two", 0, &[("b.py", &text), ("c.py", &copy)]);
    stands(
        &all,
        &[
            ("load", "open", "b.py", 7, 7),
            ("load_all", "open", "c.py", 2, 2),
            ("size", "open", "b.py", 7, 7),
        ],
    );

    let fixed = text.replace("len(items) - 1", "len(items)");
    let all = w.sweep("fixed", 0, &[("b.py", &fixed)]);
    stands(
        &all,
        &[
            ("load", "open", "b.py", 8, 8),
            ("load_all", "open", "c.py", 3, 3),
            ("size", "fixed", "b.py", 7, 8),
        ],
    );
    assert!(w.overview().contains("0 new, 2 still open, 1 gone"), "{}", w.overview());

    let all = w.sweep("reintroduced", 1, &[("b.py", &text)]);
    stands(
        &all,
        &[
            ("load", "open", "b.py", 9, 9),
            ("load_all", "open", "c.py", 4, 4),
            ("size", "reopened", "b.py", 8, 9),
        ],
    );

    w.dismiss("load");
    w.dismiss("load_all");
    let changed = text.replace("except Exception:", "except BaseException:");
    let spaced = copy.replace("    ", "  ").replace("path", "path ");
    let all = w.sweep("one changed, one reformatted", 1, &[("b.py", &changed), ("c.py", &spaced)]);
    stands(
        &all,
        &[
            ("load", "reopened", "b.py", 10, 10),
            ("load_all", "dismissed", "c.py", 5, 5),
            ("size", "reopened", "b.py", 9, 10),
        ],
    );
    // The dismissed one is kept out of what people read, and out of what code hosts count.
    let found = w.sarif();
    let of = |claim: &str| {
        let is =
            |r: &&Value| r["message"]["text"].as_str().unwrap().replace('`', "").starts_with(claim);
        found.iter().find(is).unwrap_or_else(|| panic!("{claim} in {found:?}"))
    };
    for (claim, baseline) in
        [("size", "unchanged"), ("load_all", "unchanged"), ("load hides", "new")]
    {
        let result = of(claim);
        assert_eq!(result["baselineState"], baseline, "{claim}");
        let id = &result["partialFingerprints"]["scrumFleet/v2"];
        assert_eq!(id, &w.ids[claim.split(' ').next().unwrap()], "{claim}");
    }
    let suppressed = &of("load_all")["suppressions"][0];
    assert_eq!(
        (&suppressed["kind"], &suppressed["justification"]),
        (&"external".into(), &"load_all may do that".into())
    );
    assert!(!w.overview().contains("load\\_all"), "{}", w.overview());
    assert!(w.overview().contains("1 dismissed is left out"), "{}", w.overview());

    let all = w.sweep(
        "reformatted again",
        0,
        &[("b.py", &changed.replace("  ", "    ")), ("c.py", &copy)],
    );
    stands(
        &all,
        &[
            ("load", "reopened", "b.py", 11, 11),
            ("load_all", "dismissed", "c.py", 6, 6),
            ("size", "reopened", "b.py", 10, 11),
        ],
    );

    w.repo.git(&["rm", "-q", "c.py"]);
    let all = w.sweep("deleted", 0, &[]);
    stands(
        &all,
        &[
            ("load", "reopened", "b.py", 12, 12),
            ("load_all", "fixed", "c.py", 6, 6),
            ("size", "reopened", "b.py", 11, 12),
        ],
    );
}

#[test]
fn people_list_show_decide_and_move_findings() {
    let mut w = World::new();
    w.sweep("made", 1, &[("src/a.py", LOAD), ("src/b.py", SIZE), ("c.py", "X = 1\n")]);
    let (load, size) = (w.ids["load"].clone(), w.ids["size"].clone());
    // Without a change there is nothing new, and another sweep of the same code says so.
    let again = w.bench.review(&w.repo, &["--again", "--fail-on", "new"]).expect(0);
    assert!(again.stdout.contains("0 new, 2 still open, 0 gone"), "{}", again.stdout);
    for (filter, want) in [
        (&["--path", "src/a*"][..], &[load.as_str()][..]),
        (&["--severity", "minor"], &[&load, &size]),
        (&["--severity", "critical"], &[]),
        (&["--flag", "OffByOne"], &[]),
        (&["--tier", "auto"], &[]),
        (&["--since", "1h"], &[&load, &size]),
        (&["--confirmed"], &[]),
        (&["--audited", "upheld"], &[]),
        (&["--state", "fixed,dismissed"], &[]),
        (&["--limit", "1"], &[&load]),
    ] {
        let done = w.findings(&[&["list"], filter].concat()).expect(0);
        let ids: Vec<&str> = done.stdout.lines().filter_map(|l| l.split(' ').next()).collect();
        let ids: Vec<&str> = ids.into_iter().filter(|id| id.len() == 16).collect();
        assert_eq!(ids, want, "{filter:?}: {}", done.stdout);
    }
    let shown = w.findings(&["show", &load[..6]]).expect(0).stdout;
    for part in [
        "state    open",
        "place    src/a.py:4",
        "hides every error",
        "| except Exception:",
        "2 of 2 reviews",
    ] {
        assert!(shown.contains(part), "{part} is not in: {shown}");
    }
    for (args, words) in [
        (
            &["show", "ffffffffffffffff"][..],
            &["no finding 'ffffffffffffffff'", "scrum findings list"][..],
        ),
        (&["show", ""], &["fits 2 findings"]),
        (&["dismiss", &load, "--why", " "], &["--why is empty"]),
        (&["reopen", &load], &["is not dismissed; it is open"]),
        (&["import", "nothing.jsonl"], &["nothing.jsonl"]),
        (&["list", "--state", "opne"], &["do you mean open?"]),
        (&["list", "--flag", "offbyone"], &["unknown flag"]),
    ] {
        let done = w.findings(args).expect(2);
        for word in words {
            assert!(done.stderr.contains(word), "{word}: {}", done.stderr);
        }
    }
    w.dismiss("load");
    assert_eq!(w.standing()["load"].0, "dismissed");
    let shown = w.findings(&["show", &load]).expect(0).stdout;
    assert!(shown.contains("dismissed by ada") && shown.contains("load may do that"), "{shown}");
    let out = w.bench.dir.path().join("ledger.jsonl");
    w.findings(&["export", "--out", out.to_str().unwrap()]).expect(0);
    let text = std::fs::read_to_string(&out).unwrap();
    assert_eq!(schemas::check_rows("findings", &text), 2);
    // A decision that was made later elsewhere is taken over; what is known already comes once.
    w.findings(&["reopen", &load, "--why", "after all"]).expect(0);
    assert_eq!(w.standing()["load"].0, "open");
    let later = text.replace("\"at_ms\":1", "\"at_ms\":9");
    std::fs::write(&out, later).unwrap();
    let done = w.findings(&["import", out.to_str().unwrap()]).expect(0);
    assert!(done.stdout.contains("0 new of 2 findings, 1 decisions"), "{}", done.stdout);
    assert_eq!(w.standing()["load"].0, "dismissed");
    // Another fleet takes everything.
    let other = Bench::new(None, "");
    let repo = w.repo.path().to_str().unwrap();
    let done = other.run(&["findings", repo, "list"]).expect(2);
    assert!(done.stderr.contains("nothing is remembered"), "{}", done.stderr);
    other.run(&["findings", repo, "import", out.to_str().unwrap()]).expect(0);
    let listed = other.run(&["findings", repo, "list", "--state", "dismissed"]).expect(0);
    assert!(listed.stdout.starts_with("ID") && listed.stdout.contains(&load), "{}", listed.stdout);
}
